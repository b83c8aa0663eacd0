// SPDX-License-Identifier: Apache-2.0
//
// Capture and stream. The log is read from its beginning: what a transaction streamed before the position asked for is
// sent again when its commit comes after it, as a server does.
#include <algorithm>
#include <set>

#include "connectors/memory/errors.h"
#include "connectors/memory/memory.h"

namespace memory {
namespace {

using base::Result;
using model::Op;

std::uint32_t add_image(model::ChangeBatch& batch, const model::TableSchema& schema, const Row& row, bool key_only) {
  const auto first = static_cast<std::uint32_t>(batch.cells.size());
  const std::vector<std::uint32_t> stored = model::stored_columns(schema);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto& key = schema.old_key;
    const bool is_absent = key_only && std::find(key.begin(), key.end(), stored[i]) == key.end();
    model::Cell cell{batch.bytes.size(), 0, model::CellState::null};
    if (is_absent) {
      cell.state = model::CellState::absent;
    } else if (row[i]) {
      cell.state = model::CellState::value;
      cell.size = static_cast<std::uint32_t>(row[i]->size());
      batch.bytes.append(*row[i]);
    }
    batch.cells.push_back(cell);
  }
  return first;
}

void add_change(model::ChangeBatch& batch, const LogEntry& entry, const LoggedChange& logged) {
  model::Change change;
  change.op = logged.op;
  change.streamed = entry.kind == LogEntry::Kind::piece;
  change.table = batch.table_index(logged.schema, model::CellForm::canonical);
  change.xid = entry.xid;
  change.sub_xid = logged.sub_xid;
  const model::TableSchema& schema = *logged.schema;
  const bool has_key = !schema.old_key.empty() && schema.old_image == model::OldImage::key;
  const bool key_stays = logged.before && logged.after &&
                         Table(logged.schema).key_of(*logged.before) == Table(logged.schema).key_of(*logged.after);
  if (logged.before && !(has_key && key_stays)) {
    change.old_first = add_image(batch, schema, *logged.before, has_key);
    change.old_count = static_cast<std::uint32_t>(logged.before->size());
  }
  if (logged.after) {
    change.new_first = add_image(batch, schema, *logged.after, false);
    change.new_count = static_cast<std::uint32_t>(logged.after->size());
  }
  batch.changes.push_back(std::move(change));
}

void add_edge(model::ChangeBatch& batch, const LogEntry& entry, Op op) {
  model::Change change;
  change.op = op;
  change.xid = entry.xid;
  change.sub_xid = entry.sub_xid;
  change.commit_time = entry.commit_time;
  change.position.log = entry.log;
  change.position.sequence = op == Op::begin ? 0 : model::sequence_end;
  batch.changes.push_back(std::move(change));
}

class MemoryStream final : public connect::Stream {
 public:
  MemoryStream(std::shared_ptr<Database> database, const connect::CapturePlan& plan, std::uint64_t after)
      : database_(std::move(database)), after_(after) {
    for (const model::TableSchemaPtr& table : plan.tables) tables_.insert(table->name);
    // Transactions that ended before: their pieces are not sent.
    for (const LogEntry& entry : database_->entries(0, ~std::size_t{0}, {}, base::Nanos{0})) {
      const bool is_end = entry.kind == LogEntry::Kind::streamed_commit ||
                          (entry.kind == LogEntry::Kind::abort && entry.xid == entry.sub_xid);
      if (is_end && entry.log <= after_) ended_.insert(entry.xid);
    }
  }

  Result<model::ChangeBatch> next(std::stop_token stop) override {
    constexpr std::size_t batch_entries = 50;
    if (is_broken_) return base::failed(errors::injected, "the stream is broken");
    Result<void> fault = database_->check_fault("stream.next");
    if (!fault.ok()) {
      is_broken_ = true;
      return fault.take_error();
    }
    model::ChangeBatch batch;
    for (const LogEntry& entry : database_->entries(next_, batch_entries, stop, std::chrono::milliseconds(100))) {
      next_ += 1;
      const bool is_known = entry.kind == LogEntry::Kind::piece || entry.kind == LogEntry::Kind::abort
                                ? ended_.contains(entry.xid)
                                : entry.log <= after_;
      if (!is_known) add_entry(batch, entry);
      if (entry.log > after_) batch.through = entry.log;
      batch.source_time = entry.commit_time;
    }
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while streaming");
    return batch;
  }

  Result<void> confirm(const model::Position& position) override {
    TRY(database_->check_fault("stream.confirm"));
    Database::Capture capture = database_->capture();
    capture.confirmed = std::max(capture.confirmed, position.log);
    database_->set_capture(capture);
    return {};
  }
  Result<void> keep_alive() override { return {}; }
  Result<void> nudge() override { return {}; }

 private:
  void add_entry(model::ChangeBatch& batch, const LogEntry& entry) const {
    if (entry.kind == LogEntry::Kind::abort) return add_edge(batch, entry, Op::stream_abort);
    if (entry.kind == LogEntry::Kind::streamed_commit) return add_edge(batch, entry, Op::stream_commit);
    if (entry.kind == LogEntry::Kind::heartbeat) return;
    const auto is_captured = [this](const LoggedChange& change) { return tables_.contains(change.schema->name); };
    if (std::none_of(entry.changes.begin(), entry.changes.end(), is_captured)) return;
    if (entry.kind == LogEntry::Kind::whole) add_edge(batch, entry, Op::begin);
    for (const LoggedChange& change : entry.changes) {
      if (is_captured(change)) add_change(batch, entry, change);
    }
    if (entry.kind == LogEntry::Kind::whole) add_edge(batch, entry, Op::commit);
  }

  std::shared_ptr<Database> database_;
  const std::uint64_t after_;
  std::set<model::TableName> tables_;
  std::set<std::uint64_t> ended_;
  std::size_t next_ = 0;
  bool is_broken_ = false;
};

class MemoryCapture final : public connect::Capture {
 public:
  explicit MemoryCapture(std::shared_ptr<Database> database) : database_(std::move(database)) {}

  Result<connect::CaptureStatus> status() override {
    const Database::Capture capture = database_->capture();
    connect::CaptureStatus status;
    status.exists = capture.exists;
    status.confirmed = {capture.confirmed, model::sequence_end, {}};
    status.retained_bytes = capture.exists ? database_->end_of_log() - capture.confirmed : 0;
    status.health = capture.exists ? "reserved" : "";
    return status;
  }
  Result<std::pair<model::Position, std::unique_ptr<connect::Snapshot>>> begin(const connect::CapturePlan&,
                                                                               std::function<void(const std::string&)>,
                                                                               std::stop_token) override {
    TRY(database_->check_fault("capture.begin"));
    Database::View view = database_->view();
    const model::Position start{view.fence.high, model::sequence_end, {}};
    database_->set_capture({true, start.log});
    view.fence = {};
    return std::make_pair(start, make_snapshot(database_, std::move(view)));
  }
  Result<model::Position> adopt(const connect::CapturePlan&, const model::Position& start) override {
    const Database::Capture capture = database_->capture();
    if (capture.exists && start.log < capture.confirmed) return gone(start, capture);
    database_->set_capture({true, start.log});
    return model::Position(start);
  }
  Result<void> update(const connect::CapturePlan&, std::function<void(const std::string&)>, std::stop_token) override {
    return database_->check_fault("capture.update");
  }
  Result<std::unique_ptr<connect::Stream>> open_stream(const connect::CapturePlan& plan,
                                                       const model::Position& position, model::CellForm) override {
    TRY(database_->check_fault("stream.open"));
    const Database::Capture capture = database_->capture();
    if (!capture.exists || position.log < capture.confirmed) return gone(position, capture);
    return std::unique_ptr<connect::Stream>(std::make_unique<MemoryStream>(database_, plan, position.log));
  }
  Result<void> heartbeat() override {
    database_->heartbeat();
    return {};
  }
  Result<void> drop() override {
    database_->set_capture({});
    return {};
  }

 private:
  static base::Error gone(const model::Position& asked, const Database::Capture& capture) {
    return base::failed(connect::errors::position_gone, "asked for {}, the source forgot everything up to {}",
                        asked.log, capture.confirmed);
  }
  std::shared_ptr<Database> database_;
};

}  // namespace

std::unique_ptr<connect::Capture> make_capture(std::shared_ptr<Database> database) {
  return std::make_unique<MemoryCapture>(std::move(database));
}

}  // namespace memory
