// SPDX-License-Identifier: Apache-2.0
//
// Why the fence is exact. The snapshot says of every transaction whether it sees it: below xmin yes, from xmax on no,
// between them unless it is in the list. `high` is read after the snapshot was taken, so every transaction that the
// snapshot sees has its commit record at or below it. Of the stream's transactions up to `high`, those the snapshot
// sees are skipped and the others applied; beyond `high` none was seen and all are applied.
#include "connectors/postgres/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/postgres/cells.h"
#include "connectors/postgres/chunk_reader.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/slot.h"

namespace postgres {
namespace {

using base::Result;

constexpr int tid_range_version = 140000;
constexpr std::uint64_t block_bytes = 8192;
constexpr std::uint64_t open_end = ~std::uint64_t{0};

// "16400 16408 0 8192": relation, its file (0: none), first block, first block behind (absent: to the end).
struct Range {
  std::uint64_t relation = 0, file = 0, first = 0, end = open_end;

  std::string text() const {
    std::string range = fmt::format("{} {} {}", relation, file, first);
    if (end != open_end) range += fmt::format(" {}", end);
    return range;
  }
  static Result<Range> parse(const std::string& text) {
    Range range;
    std::uint64_t* const parts[] = {&range.relation, &range.file, &range.first, &range.end};
    const char* at = text.data();
    const char* const stop = at + text.size();
    std::size_t count = 0;
    while (at < stop && count < 4) {
      const auto [next, code] = std::from_chars(at, stop, *parts[count]);
      if (code != std::errc()) break;
      ++count;
      at = next < stop ? next + 1 : next;
    }
    if (count < 3 || at != stop) return base::failed(base::errors::bug, "chunk predicate \"{}\"", text);
    return range;
  }
};

struct Leaf {
  std::uint64_t relation = 0, file = 0, bytes = 0, bytes_with_large = 0;
  char kind = 'r';
};

class Snapshot final : public connect::Snapshot {
 public:
  Snapshot(Connection keeper, std::string name, model::Fence fence, const ConnectionSettings& settings,
           const connect::Options& options, base::Clock& clock)
      : keeper_(std::move(keeper)),
        name_(std::move(name)),
        fence_(std::move(fence)),
        choices_(type_choices(options)),
        lock_yield_seconds_(options.integer(option::lock_yield_seconds)),
        pool_(settings, clock, lock_yield_seconds_) {}

  model::Fence fence() const override { return fence_; }

  Result<std::vector<connect::Chunk>> chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) override;
  Result<std::unique_ptr<connect::ChunkReader>> read(const model::TableSchema& table,
                                                     const std::vector<std::uint32_t>& columns,
                                                     const connect::Chunk& chunk, const std::string& filter,
                                                     connect::ReadForm form, const std::stop_token& stop) override;

 private:
  Result<std::vector<Leaf>> leaves(Connection& connection, const model::TableSchema& table);
  Result<std::string> enter(Connection& connection, const model::TableSchema& table, const Range& range,
                            const std::stop_token& stop);

  Connection keeper_;  // never used; it keeps the snapshot alive
  const std::string name_;
  const model::Fence fence_;
  const TypeChoices choices_;
  const std::int64_t lock_yield_seconds_;
  ReaderPool pool_;
};

Result<std::vector<Leaf>> Snapshot::leaves(Connection& connection, const model::TableSchema& table) {
  const Rows rows = TRY(connection.query(
      "SELECT l.oid, CASE l.relkind WHEN 'r' THEN coalesce(pg_catalog.pg_relation_filenode(l.oid), 0) ELSE 0 END,"
      " CASE WHEN l.relkind IN ('r', 'm') THEN coalesce(pg_catalog.pg_relation_size(l.oid), 0) ELSE 0 END,"
      " CASE WHEN l.relkind IN ('r', 'm') THEN coalesce(pg_catalog.pg_table_size(l.oid), 0) ELSE 0 END,"
      " l.relkind FROM pg_catalog.pg_class l WHERE l.relkind <> 'p' AND l.oid = ANY (ARRAY(SELECT $1::pg_catalog.oid"
      " UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) WHERE isleaf))"
      " ORDER BY l.oid",
      {std::to_string(table.source_id)}));
  std::vector<Leaf> found;
  for (const Row& row : rows) {
    found.push_back({static_cast<std::uint64_t>(number_at(row, 0)), static_cast<std::uint64_t>(number_at(row, 1)),
                     static_cast<std::uint64_t>(number_at(row, 2)), static_cast<std::uint64_t>(number_at(row, 3)),
                     char_at(row, 4)});
  }
  const bool exists = !found.empty() || !table.partitioning.empty();
  if (!exists) return base::failed(connect::errors::table_missing, "table {}", table.name.text());
  return found;
}

Result<std::vector<connect::Chunk>> Snapshot::chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) {
  Connection connection = TRY(pool_.take());
  const std::vector<Leaf> parts = TRY(leaves(connection, table));
  const bool splits = connection.server_version() >= tid_range_version;
  pool_.give_back(std::move(connection));
  const std::uint64_t size = std::max<std::uint64_t>(block_bytes, chunk_bytes);
  std::vector<connect::Chunk> chunks;
  for (const Leaf& leaf : parts) {
    const std::uint64_t all_blocks = leaf.bytes / block_bytes;
    // Values kept outside of the rows count too, but a chunk has one block of rows at least.
    const std::uint64_t all_bytes = std::max(leaf.bytes, leaf.bytes_with_large);
    const std::uint64_t wanted = (all_bytes + size / 2) / size;
    const bool divides = splits && leaf.kind == 'r' && all_blocks > 0;
    const std::uint64_t count = divides ? std::clamp<std::uint64_t>(wanted, 1, all_blocks) : 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      Range range{leaf.relation, leaf.file, all_blocks * i / count, open_end};
      if (i + 1 < count) range.end = all_blocks * (i + 1) / count;
      connect::Chunk chunk;
      chunk.table = table.name;
      chunk.number = static_cast<std::uint32_t>(chunks.size());
      chunk.predicate = range.text();
      chunk.bytes_estimate = all_bytes / count;
      chunks.push_back(std::move(chunk));
    }
  }
  return chunks;
}

// Imports the snapshot, locks the relation and compares its file. Returns the relation's quoted name.
Result<std::string> Snapshot::enter(Connection& connection, const model::TableSchema& table, const Range& range,
                                    const std::stop_token& stop) {
  Result<std::uint64_t> begun =
      connection.execute(fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {};"
                                     " SET LOCAL lock_timeout = {}",
                                     quote_literal(name_), lock_yield_seconds_ * 1000),
                         stop);
  if (!begun.ok()) {
    // The keeper's session is gone, and the snapshot with it: everything under it must be read anew.
    const std::string& state = connection.last_sqlstate();
    if (state != "22023" && state != "55000" && state != "42704") return begun.take_error();
    return base::failed(errors::connection_lost, "the load's snapshot is gone: {}", begun.error().message);
  }
  const Rows rows =
      TRY(connection.query("SELECT n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c"
                           " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                           " WHERE c.oid = $1::pg_catalog.oid",
                           {std::to_string(range.relation)}, stop));
  if (rows.empty()) return base::failed(connect::errors::table_missing, "table {}", table.name.text());
  const std::string name = quote_name(text_at(rows[0], 0), text_at(rows[0], 1));
  // Nothing else can be locked, and nothing else is rewritten under us; of the whole table any file will do.
  if (char_at(rows[0], 2) != 'r' || range.file == 0) return name;
  Result<std::uint64_t> locked = connection.execute(fmt::format("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", name), stop);
  if (!locked.ok() && connection.last_sqlstate() == "55P03") {
    return base::failed(connect::errors::chunk_yielded, "table {}: somebody else holds it locked", table.name.text());
  }
  if (!locked.ok() && connection.last_sqlstate() == "42P01") {
    return base::failed(connect::errors::table_missing, "table {}", table.name.text());
  }
  TRY(std::move(locked));
  const std::optional<std::string> file = TRY(connection.query_value(
      "SELECT pg_catalog.pg_relation_filenode($1::pg_catalog.oid)", {std::to_string(range.relation)}, stop));
  if (file.value_or("") != std::to_string(range.file)) {
    return base::failed(connect::errors::table_changed, "table {}", table.name.text());
  }
  return name;
}

Result<std::unique_ptr<connect::ChunkReader>> Snapshot::read(const model::TableSchema& table,
                                                             const std::vector<std::uint32_t>& columns,
                                                             const connect::Chunk& chunk, const std::string& filter,
                                                             connect::ReadForm form, const std::stop_token& stop) {
  Range range;
  range.relation = table.source_id;
  if (!chunk.predicate.empty()) range = TRY(Range::parse(chunk.predicate));
  Connection connection = TRY(pool_.take());
  const std::string name = TRY(enter(connection, table, range, stop));
  std::string list;
  for (const std::uint32_t column : columns) {
    list += (list.empty() ? "" : ", ") + quote_identifier(table.columns[column].name);
  }
  std::string condition;
  const auto also = [&condition](const std::string& term) {
    condition += (condition.empty() ? " WHERE " : " AND ") + term;
  };
  if (range.first != 0) also(fmt::format("ctid >= '({},0)'::pg_catalog.tid", range.first));
  if (range.end != open_end) also(fmt::format("ctid < '({},0)'::pg_catalog.tid", range.end));
  if (!filter.empty()) also("(" + filter + ")");
  const bool whole = condition.empty() && range.file != 0 && !columns.empty();
  std::string copy = whole ? fmt::format("COPY {} ({}) TO STDOUT", name, list)
                           : fmt::format("COPY (SELECT {} FROM {}{}{}) TO STDOUT", list, range.file != 0 ? "ONLY " : "",
                                         name, condition);
  if (form == connect::ReadForm::raw_binary) copy += " (FORMAT binary)";
  TRY(connection.copy_out(copy, stop));
  std::unique_ptr<CopyTextRows> rows;
  if (form == connect::ReadForm::rows) rows = std::make_unique<CopyTextRows>(table, columns, choices_);
  return std::unique_ptr<connect::ChunkReader>(std::make_unique<ChunkReader>(
      pool_, std::move(connection), fmt::format("table {}, chunk {}", table.name.text(), chunk.number),
      std::move(rows)));
}

// "750:770:751,760" as pg_current_snapshot() writes it.
Result<model::Fence> parse_fence(const std::string& text) {
  model::Fence fence;
  std::vector<std::uint64_t> numbers;
  const char* at = text.data();
  const char* const stop = at + text.size();
  while (at < stop) {
    std::uint64_t number = 0;
    const auto [next, code] = std::from_chars(at, stop, number);
    if (code != std::errc()) break;
    numbers.push_back(number);
    at = next < stop ? next + 1 : next;
  }
  if (numbers.size() < 2) return base::failed(errors::protocol_broken, "snapshot \"{}\" has an unknown form", text);
  fence.xmin = numbers[0];
  fence.xmax = numbers[1];
  fence.in_progress.assign(numbers.begin() + 2, numbers.end());
  return fence;
}

}  // namespace

Result<std::unique_ptr<connect::Snapshot>> take_snapshot(const ConnectionSettings& settings,
                                                         const connect::Options& options,
                                                         const connect::Context& context, bool capturing) {
  Connection keeper = TRY(Connection::open(settings));
  TRY(keeper.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  const Rows rows =
      TRY(keeper.query("SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot()::pg_catalog.text"));
  model::Fence fence;
  if (capturing) {
    fence = TRY(parse_fence(text_at(rows.at(0), 1)));
    const std::optional<std::string> high =
        TRY(keeper.query_value("SELECT pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"));
    const std::optional<std::uint64_t> lsn = lsn_of(high.value_or(""));
    if (!lsn) return base::failed(errors::protocol_broken, "{} gave no log position", keeper.name());
    fence.high = *lsn;
  }
  return std::unique_ptr<connect::Snapshot>(std::make_unique<Snapshot>(
      std::move(keeper), text_at(rows.at(0), 0), std::move(fence), settings, options, *context.clock));
}

Result<std::unique_ptr<connect::Snapshot>> adopt_snapshot(const ConnectionSettings& settings,
                                                          const connect::Options& options,
                                                          const connect::Context& context, Connection keeper,
                                                          const std::string& snapshot) {
  return std::unique_ptr<connect::Snapshot>(
      std::make_unique<Snapshot>(std::move(keeper), snapshot, model::Fence{}, settings, options, *context.clock));
}

}  // namespace postgres
