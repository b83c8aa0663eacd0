// SPDX-License-Identifier: Apache-2.0
#include "sim/source_connector.h"

#include <algorithm>
#include <charconv>

#include "connectors/postgres/errors.h"
#include "sim/source_stream.h"

namespace sim {
namespace {

using base::Result;

constexpr std::uint64_t row_bytes = 100;  // by which chunks are cut

class SimCatalog final : public connect::Catalog {
 public:
  explicit SimCatalog(const SourceSide& side) : side_(side) {}

  Result<std::string> server_version() override { return std::string("simulated 1"); }
  Result<std::vector<connect::TableListing>> list_tables() override {
    TRY(call_source(side_, "catalog.list"));
    std::vector<connect::TableListing> listings;
    for (const auto& [name, table] : side_.server.tables()) {
      const std::size_t rows = table.rows.size();
      listings.push_back(
          {name, "table", static_cast<std::int64_t>(rows), rows * row_bytes, table.rows.schema()->source_id});
    }
    return listings;
  }
  Result<model::TableSchemaPtr> describe(const model::TableName& name) override {
    TRY(call_source(side_, "catalog.describe"));
    const SourceServer::Visible table = side_.server.visible(name);
    if (table.schema == nullptr) return base::failed(connect::errors::table_missing, "table {}", name.text());
    return model::TableSchemaPtr(table.schema);
  }
  Result<model::Position> current_position() override {
    TRY(call_source(side_, "catalog.position"));
    return model::Position{side_.server.end_of_log(), model::sequence_end, {}};
  }
  Result<std::vector<connect::Finding>> check(const connect::CapturePlan&, bool, bool) override {
    TRY(call_source(side_, "catalog.check"));
    return std::vector<connect::Finding>();
  }

 private:
  const SourceSide side_;
};

void add_cell(model::ColumnVector& column, const Value& value) {
  if (!value) return column.add_null();
  if (model::is_fixed(column.type)) return column.add_fixed(model::load_fixed(*value));
  column.add_bytes(*value);
}

class SimChunkReader final : public connect::ChunkReader {
 public:
  SimChunkReader(const SourceSide& side, model::TableName table, std::vector<Row> rows,
                 std::vector<std::uint32_t> cells)
      : side_(side), table_(std::move(table)), rows_(std::move(rows)), cells_(std::move(cells)) {
    side_.server.count_reader(table_, 1);
  }
  ~SimChunkReader() override { side_.server.count_reader(table_, -1); }

  Result<bool> next_rows(model::RowBatch& out, std::stop_token stop) override {
    TRY(call_source(side_, "chunk.next"));
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while reading a chunk");
    if (side_.chance.in_million(side_.weather.yield_share)) {
      return base::failed(connect::errors::chunk_yielded, "table {}", table_.text());
    }
    out.clear();
    const std::size_t batch_rows = 1 + side_.chance.below(20);
    while (next_ < rows_.size() && out.rows < batch_rows) {
      for (std::size_t i = 0; i < cells_.size(); ++i) {
        add_cell(out.columns[i], cells_[i] == model::no_table ? Value() : rows_[next_][cells_[i]]);
      }
      out.rows += 1;
      next_ += 1;
    }
    return out.rows > 0;
  }
  Result<bool> next_raw(std::string&, std::stop_token) override {
    return base::failed(connect::errors::not_supported, "raw chunks");
  }
  std::uint64_t rows() const override { return next_; }

 private:
  const SourceSide side_;
  const model::TableName table_;
  const std::vector<Row> rows_;
  const std::vector<std::uint32_t> cells_;  // no_table: NULL
  std::size_t next_ = 0;
};

// A server reads an old snapshot by its catalogue of now: names are those of now, and what was added since is NULL.
Result<std::uint32_t> cell_of_name(const std::string& name, const model::TableSchema& now, const RowSet& view) {
  const std::optional<std::uint32_t> column = now.find_column(name);
  if (!column) {
    return base::failed(postgres::errors::column_missing, "table {}: column {}", now.name.text(), name);
  }
  const std::vector<model::Column>& columns = view.schema()->columns;
  const auto same = std::find_if(columns.begin(), columns.end(), [&](const model::Column& before) {
    return before.ordinal == now.columns[*column].ordinal;
  });
  return same == columns.end() ? model::no_table : static_cast<std::uint32_t>(same - columns.begin());
}

class SimSnapshot final : public connect::Snapshot {
 public:
  SimSnapshot(const SourceSide& side, SourceView view) : side_(side), view_(std::move(view)) {
    for (const auto& [name, table] : side_.server.tables()) rewrites_[name] = table.rewrites;
  }

  model::Fence fence() const override { return view_.fence; }

  Result<std::vector<connect::Chunk>> chunks(const model::TableSchema& table, std::uint64_t chunk_bytes) override {
    TRY(call_source(side_, "snapshot.chunks"));
    const auto found = view_.tables.find(table.name);
    if (found == view_.tables.end() || found->second.schema()->source_id != table.source_id) {
      return base::failed(connect::errors::table_missing, "{}", table.name.text());
    }
    const std::size_t rows = found->second.size();
    const std::size_t step = std::max<std::size_t>(1, chunk_bytes / row_bytes);
    std::vector<connect::Chunk> chunks;
    for (std::size_t first = 0; first == 0 || first < rows; first += step) {
      const std::size_t count = std::min(step, rows - first);
      chunks.push_back({table.name, static_cast<std::uint32_t>(chunks.size()), fmt::format("{}:{}", first, count),
                        static_cast<std::int64_t>(count), count * row_bytes});
    }
    return chunks;
  }

  Result<std::unique_ptr<connect::ChunkReader>> read(const model::TableSchema& table,
                                                     const std::vector<std::uint32_t>& columns,
                                                     const connect::Chunk& chunk, const std::string& filter,
                                                     connect::ReadForm form, const std::stop_token&) override {
    TRY(call_source(side_, "snapshot.read"));
    if (form != connect::ReadForm::rows) {
      return base::failed(connect::errors::not_supported, "table {}: raw chunks", table.name.text());
    }
    const auto now = side_.server.tables().find(table.name);
    const auto found = view_.tables.find(table.name);
    if (now == side_.server.tables().end() || found == view_.tables.end() ||
        now->second.rows.schema()->source_id != table.source_id) {
      return base::failed(connect::errors::table_missing, "table {}", table.name.text());
    }
    if (now->second.exclusive != 0) {
      return base::failed(connect::errors::chunk_yielded, "table {} is locked", table.name.text());
    }
    const Shape shape = shape_of(table);
    if (now->second.rewrites != rewrites_.at(table.name) || shape_of(*now->second.rows.schema()) != shape ||
        shape_of(*found->second.schema()) != shape) {
      return base::failed(connect::errors::table_changed, "table {}", table.name.text());
    }
    std::vector<std::uint32_t> cells;
    for (const std::uint32_t column : columns) {
      cells.push_back(TRY(cell_of_name(table.columns[column].name, *now->second.rows.schema(), found->second)));
    }
    std::size_t first = 0;
    std::size_t count = 0;
    const char* end = chunk.predicate.data() + chunk.predicate.size();
    const char* colon = std::from_chars(chunk.predicate.data(), end, first).ptr;
    std::from_chars(colon + 1, end, count);
    std::vector<Row> rows = found->second.rows();
    rows.erase(rows.begin(), rows.begin() + std::ptrdiff_t(std::min(first, rows.size())));
    rows.resize(std::min(count, rows.size()));
    if (!filter.empty()) std::erase_if(rows, [&](const Row& row) { return !found->second.passes(row); });
    return std::unique_ptr<connect::ChunkReader>(
        std::make_unique<SimChunkReader>(side_, table.name, std::move(rows), std::move(cells)));
  }

 private:
  const SourceSide side_;
  const SourceView view_;
  std::map<model::TableName, std::uint64_t> rewrites_;
};

class SimCapture final : public connect::Capture {
 public:
  explicit SimCapture(const SourceSide& side) : side_(side) {}

  Result<connect::CaptureStatus> status() override {
    TRY(call_source(side_, "capture.status"));
    const SourceServer::Slot& slot = side_.server.slot;
    connect::CaptureStatus status;
    status.exists = slot.exists;
    status.confirmed = {slot.confirmed, model::sequence_end, {}};
    status.retained_bytes = slot.exists ? side_.server.end_of_log() - slot.confirmed : 0;
    status.health = slot.exists ? "reserved" : "";
    return status;
  }
  Result<std::pair<model::Position, std::unique_ptr<connect::Snapshot>>> begin(
      const connect::CapturePlan& plan, std::function<void(const std::string&)> waiting,
      std::stop_token stop) override {
    TRY(call_source(side_, "capture.begin"));
    TRY(wait_for_writers(plan, waiting, stop));
    return side_.process.durable(
        "source.begin", [&]() -> Result<std::pair<model::Position, std::unique_ptr<connect::Snapshot>>> {
          SourceView view = side_.server.view(true);
          const model::Position start{view.fence.high, model::sequence_end, {}};
          TRY(publish(plan, 0));
          side_.server.slot = {true, start.log, start.log};
          side_.trace.note("source: the slot begins at {}", start.log);
          side_.watch.slot_begun(start);
          side_.watch.snapshot_taken({});
          view.fence = {};
          return std::make_pair(
              start, std::unique_ptr<connect::Snapshot>(std::make_unique<SimSnapshot>(side_, std::move(view))));
        });
  }
  Result<model::Position> adopt(const connect::CapturePlan& plan, const model::Position& start) override {
    TRY(call_source(side_, "capture.adopt"));
    const SourceServer::Slot& slot = side_.server.slot;
    if (slot.exists && start.log < slot.confirmed) return gone(start);
    TRY(publish(plan, 0));
    side_.server.slot = {true, start.log, start.log};
    return model::Position(start);
  }
  // A table's changes are sent from its publication on, so whoever wrote it before must end before it is read.
  Result<void> update(const connect::CapturePlan& plan, std::function<void(const std::string&)> waiting,
                      std::stop_token stop) override {
    TRY(call_source(side_, "capture.update"));
    TRY(side_.process.durable("source.publish", [&] { return publish(plan, side_.server.end_of_log()); }));
    return wait_for_writers(plan, waiting, stop);
  }
  Result<std::unique_ptr<connect::Stream>> open_stream(const connect::CapturePlan& plan,
                                                       const model::Position& position, model::CellForm) override {
    TRY(call_source(side_, "stream.open"));
    const SourceServer::Slot& slot = side_.server.slot;
    if (!slot.exists || position.log < slot.confirmed) return gone(position);
    side_.trace.note("stream: opened behind {}", position.log);
    side_.server.streams += 1;
    return make_stream(side_, plan, position.log);
  }
  Result<void> heartbeat() override {
    TRY(call_source(side_, "capture.heartbeat"));
    side_.server.heartbeat();
    return {};
  }
  Result<void> drop() override {
    TRY(call_source(side_, "capture.drop"));
    return side_.process.durable("source.drop", [&]() -> Result<void> {
      side_.server.slot = {};
      return {};
    });
  }

 private:
  // All of them or, when one is gone, none.
  Result<void> publish(const connect::CapturePlan& plan, std::uint64_t from) {
    for (const model::TableSchemaPtr& table : plan.tables) {
      if (side_.server.tables().contains(table->name)) continue;
      return base::failed(connect::errors::table_missing, "table {}", table->name.text());
    }
    for (const model::TableSchemaPtr& table : plan.tables) side_.server.publish(table->name, from);
    return {};
  }
  Result<void> wait_for_writers(const connect::CapturePlan& plan,
                                const std::function<void(const std::string&)>& waiting, const std::stop_token& stop) {
    std::set<std::uint64_t> writers;
    for (const model::TableSchemaPtr& table : plan.tables) writers.merge(side_.server.writers(table->name));
    for (const std::uint64_t xid : writers) {
      while (side_.server.is_open(xid)) {
        if (waiting) waiting(fmt::format("transaction {}", xid));
        if (!side_.scheduler.pause(std::chrono::milliseconds(100), stop)) {
          return base::failed(base::errors::canceled, "stopped while waiting for transaction {}", xid);
        }
        TRY(call_source(side_, "capture.wait"));
      }
    }
    return {};
  }
  base::Error gone(const model::Position& asked) const {
    return base::failed(connect::errors::position_gone, "asked for {}, the source forgot everything up to {}",
                        asked.log, side_.server.slot.confirmed);
  }
  const SourceSide side_;
};

class SimSource final : public connect::Source {
 public:
  explicit SimSource(const SourceSide& side) : side_(side), catalog_(side), capture_(side) {}

  std::string_view family() const override { return "simulated"; }
  connect::Catalog& catalog() override { return catalog_; }
  Result<std::unique_ptr<connect::Snapshot>> snapshot(bool capturing) override {
    TRY(call_source(side_, "snapshot"));
    SourceView view = side_.server.view(false);
    if (!capturing) view.fence = {};
    side_.trace.note("source: a snapshot at {}", view.fence.high);
    side_.watch.snapshot_taken(view.fence);
    return std::unique_ptr<connect::Snapshot>(std::make_unique<SimSnapshot>(side_, std::move(view)));
  }
  connect::Capture* capture() override { return &capture_; }
  connect::Comparable* comparable() override { return nullptr; }
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
  const SourceSide side_;
  SimCatalog catalog_;
  SimCapture capture_;
};

}  // namespace

Result<std::unique_ptr<connect::Source>> open_source(const SourceSide& side) {
  TRY(call_source(side, "source.open"));
  return std::unique_ptr<connect::Source>(std::make_unique<SimSource>(side));
}

}  // namespace sim
