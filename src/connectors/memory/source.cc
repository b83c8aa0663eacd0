// SPDX-License-Identifier: Apache-2.0
//
// Catalogue, snapshots and comparison. A snapshot is a copy of all tables, taken with its fence under one lock.
#include <algorithm>
#include <charconv>

#include "connectors/memory/memory.h"
#include "model/cell_text.h"

namespace memory {
namespace {

using base::Result;

class MemoryCatalog final : public connect::Catalog {
 public:
  explicit MemoryCatalog(std::shared_ptr<Database> database) : database_(std::move(database)) {}

  Result<std::string> server_version() override { return std::string("memory 1"); }
  Result<std::vector<connect::TableListing>> list_tables() override {
    std::vector<connect::TableListing> listings;
    for (const auto& [name, table] : database_->tables()) {
      listings.push_back({name, "table", static_cast<std::int64_t>(table.size()), table.size() * 100});
    }
    return listings;
  }
  Result<model::TableSchemaPtr> describe(const model::TableName& name) override {
    const std::optional<Table> table = database_->table(name);
    if (!table) return base::failed(connect::errors::table_missing, "table {}", name.text());
    return model::TableSchemaPtr(table->schema());
  }
  Result<model::Position> current_position() override {
    return model::Position{database_->end_of_log(), model::sequence_end, {}};
  }
  Result<std::vector<connect::Finding>> check(const connect::CapturePlan&, bool, bool) override {
    return std::vector<connect::Finding>();
  }

 private:
  std::shared_ptr<Database> database_;
};

void add_cell(model::ColumnVector& column, const Value& value) {
  if (!value) return column.add_null();
  if (model::is_fixed(column.type)) return column.add_fixed(model::load_fixed(*value));
  if (model::is_real(column.type)) return column.add_real(model::load_real(*value));
  column.add_bytes(*value);
}

// Where each of these columns stands in a Row.
std::vector<std::size_t> places_in_row(const model::TableSchema& table, const std::vector<std::uint32_t>& columns) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  std::vector<std::size_t> places;
  for (const std::uint32_t column : columns) {
    places.push_back(std::size_t(std::find(stored.begin(), stored.end(), column) - stored.begin()));
  }
  return places;
}

class MemoryChunkReader final : public connect::ChunkReader {
 public:
  MemoryChunkReader(std::shared_ptr<Database> database, std::vector<Row> rows, std::vector<std::size_t> places)
      : database_(std::move(database)), rows_(std::move(rows)), places_(std::move(places)) {}

  Result<bool> next_rows(model::RowBatch& out, std::stop_token stop) override {
    constexpr std::size_t batch_rows = 1000;
    TRY(database_->check_fault("chunk.next"));
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while reading a chunk");
    out.clear();
    while (next_ < rows_.size() && out.rows < batch_rows) {
      for (std::size_t i = 0; i < places_.size(); ++i) add_cell(out.columns[i], rows_[next_][places_[i]]);
      out.rows += 1;
      next_ += 1;
    }
    return out.rows > 0;
  }
  Result<bool> next_raw(std::string&, std::stop_token) override {
    return base::failed(connect::errors::not_supported, "raw chunks of a database in memory");
  }
  std::uint64_t rows() const override { return next_; }

 private:
  std::shared_ptr<Database> database_;
  const std::vector<Row> rows_;
  const std::vector<std::size_t> places_;
  std::size_t next_ = 0;
};

class MemorySnapshot final : public connect::Snapshot {
 public:
  MemorySnapshot(std::shared_ptr<Database> database, Database::View view)
      : database_(std::move(database)), view_(std::move(view)) {}

  model::Fence fence() const override { return view_.fence; }

  // A chunk is a range of the rows in key order: "first:count".
  Result<std::vector<connect::Chunk>> chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) override {
    const auto found = view_.tables.find(table.name);
    if (found == view_.tables.end()) {
      return base::failed(connect::errors::table_missing, "table {}", table.name.text());
    }
    const std::size_t rows = found->second.size();
    const std::size_t step = std::max<std::size_t>(1, chunk_bytes / 100);
    std::vector<connect::Chunk> chunks;
    for (std::size_t first = 0; first == 0 || first < rows; first += step) {
      const std::size_t count = std::min(step, rows - first);
      chunks.push_back({table.name, static_cast<std::uint32_t>(chunks.size()), fmt::format("{}:{}", first, count),
                        static_cast<std::int64_t>(count), count * 100});
    }
    return chunks;
  }

  Result<std::unique_ptr<connect::ChunkReader>> read(const model::TableSchema& table,
                                                     const std::vector<std::uint32_t>& columns,
                                                     const connect::Chunk& chunk, const std::string& filter,
                                                     connect::ReadForm form, const std::stop_token&) override {
    TRY(database_->check_fault("snapshot.read"));
    if (form != connect::ReadForm::rows || !filter.empty()) {
      return base::failed(connect::errors::not_supported, "table {}: raw or filtered chunks", table.name.text());
    }
    const auto found = view_.tables.find(table.name);
    std::size_t first = 0;
    std::size_t count = 0;
    const char* end = chunk.predicate.data() + chunk.predicate.size();
    const auto [colon, code] = std::from_chars(chunk.predicate.data(), end, first);
    if (found == view_.tables.end() || code != std::errc() || colon == end ||
        std::from_chars(colon + 1, end, count).ec != std::errc()) {
      return base::failed(connect::errors::table_changed, "table {}: no chunk {}", table.name.text(), chunk.number);
    }
    std::vector<Row> rows = found->second.rows();
    rows.erase(rows.begin(), rows.begin() + std::ptrdiff_t(std::min(first, rows.size())));
    rows.resize(std::min(count, rows.size()));
    return std::unique_ptr<connect::ChunkReader>(
        std::make_unique<MemoryChunkReader>(database_, std::move(rows), places_in_row(table, columns)));
  }

 private:
  std::shared_ptr<Database> database_;
  const Database::View view_;
};

class MemoryOrderedReader final : public connect::OrderedReader {
 public:
  using Texts = std::vector<std::optional<std::string>>;
  explicit MemoryOrderedReader(std::vector<Texts> rows) : rows_(std::move(rows)) {}

  Result<bool> next(Texts& cells, std::stop_token stop) override {
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while comparing");
    if (next_ == rows_.size()) return false;
    cells = std::move(rows_[next_++]);
    return true;
  }

 private:
  std::vector<Texts> rows_;
  std::size_t next_ = 0;
};

class MemoryComparable final : public connect::Comparable {
 public:
  explicit MemoryComparable(std::shared_ptr<Database> database) : database_(std::move(database)) {}

  Result<std::unique_ptr<connect::OrderedReader>> read_ordered(const model::TableSchema& table,
                                                               const std::vector<std::uint32_t>& columns,
                                                               const std::vector<std::uint32_t>& order,
                                                               const std::string& filter,
                                                               const Expressions& expressions) override {
    if (!filter.empty() || !expressions.empty()) {
      return base::failed(connect::errors::not_supported, "SQL on {}", table.name.text());
    }
    const std::optional<Table> held = database_->table(table.name);
    if (!held) return base::failed(connect::errors::table_missing, "table {}", table.name.text());
    using Texts = MemoryOrderedReader::Texts;
    std::vector<std::pair<Texts, Texts>> keyed;
    for (const Row& row : held->rows()) {
      keyed.emplace_back(texts_of(*held->schema(), row, order), texts_of(*held->schema(), row, columns));
    }
    std::stable_sort(keyed.begin(), keyed.end(),
                     [](const auto& a, const auto& b) { return comes_before(a.first, b.first); });
    std::vector<Texts> rows;
    for (auto& [key, cells] : keyed) rows.push_back(std::move(cells));
    return std::unique_ptr<connect::OrderedReader>(std::make_unique<MemoryOrderedReader>(std::move(rows)));
  }

 private:
  static MemoryOrderedReader::Texts texts_of(const model::TableSchema& schema, const Row& row,
                                             const std::vector<std::uint32_t>& columns) {
    MemoryOrderedReader::Texts texts;
    const std::vector<std::size_t> places = places_in_row(schema, columns);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Value& value = row[places[i]];
      texts.push_back(value ? Value(model::cell_text(schema.columns[columns[i]].type.type, *value)) : std::nullopt);
    }
    return texts;
  }
  static bool comes_before(const MemoryOrderedReader::Texts& a, const MemoryOrderedReader::Texts& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i]) continue;
      if (!a[i] || !b[i]) return a[i].has_value();
      return *a[i] < *b[i];
    }
    return false;
  }
  std::shared_ptr<Database> database_;
};

class MemorySource final : public connect::Source {
 public:
  explicit MemorySource(std::shared_ptr<Database> database)
      : database_(database),
        catalog_(database),
        capture_(make_capture(database)),
        comparable_(make_comparable(std::move(database))) {}

  std::string_view family() const override { return "memory"; }
  connect::Catalog& catalog() override { return catalog_; }
  Result<std::unique_ptr<connect::Snapshot>> snapshot(bool capturing) override {
    TRY(database_->check_fault("snapshot"));
    Database::View view = database_->view();
    if (!capturing) view.fence = {};
    return make_snapshot(database_, std::move(view));
  }
  connect::Capture* capture() override { return capture_.get(); }
  connect::Comparable* comparable() override { return comparable_.get(); }
  std::string position_text(const model::Position& position) const override { return std::to_string(position.log); }
  Result<model::Position> parse_position(std::string_view text) const override {
    model::Position position{0, model::sequence_end, {}};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), position.log);
    if (code != std::errc() || end != text.data() + text.size()) {
      return base::failed(connect::errors::bad_position, "\"{}\" is not a number", text);
    }
    return position;
  }
  std::string quote_identifier(std::string_view name) const override { return fmt::format("<{}>", name); }
  std::string quote_literal(std::string_view text) const override { return fmt::format("'{}'", text); }
  model::Comparison comparison(const model::TableSchema&, const model::Column& column) const override {
    return model::plain_comparison(column.type.type);
  }

 private:
  std::shared_ptr<Database> database_;
  MemoryCatalog catalog_;
  std::unique_ptr<connect::Capture> capture_;
  std::unique_ptr<connect::Comparable> comparable_;
};

}  // namespace

std::unique_ptr<connect::Comparable> make_comparable(std::shared_ptr<Database> database) {
  return std::make_unique<MemoryComparable>(std::move(database));
}

std::unique_ptr<connect::Snapshot> make_snapshot(std::shared_ptr<Database> database, Database::View view) {
  return std::make_unique<MemorySnapshot>(std::move(database), std::move(view));
}

Result<std::unique_ptr<connect::Source>> open_source(std::shared_ptr<Database> database, const connect::Context&) {
  TRY(database->check_fault("source.open"));
  return std::unique_ptr<connect::Source>(std::make_unique<MemorySource>(std::move(database)));
}

}  // namespace memory
