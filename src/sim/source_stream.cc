// SPDX-License-Identifier: Apache-2.0
#include "sim/source_stream.h"

#include <algorithm>

namespace sim {
namespace {

using base::Result;
using model::Op;

constexpr base::Nanos idle_wait = std::chrono::milliseconds(100);
constexpr base::Nanos look_wait = std::chrono::milliseconds(20);

class SimStream final : public connect::Stream {
 public:
  SimStream(const SourceSide& side, const connect::CapturePlan& plan, std::uint64_t after)
      : side_(side), plan_(plan), after_(after), failovers_(side.server.failovers()) {
    for (const model::TableSchemaPtr& table : plan.tables) tables_.insert(table->name);
    for (const LogEntry& entry : side_.server.log()) {
      if (ends(entry) && entry.log <= after_) ended_.insert(entry.xid);
    }
  }

  Result<model::ChangeBatch> next(std::stop_token stop) override {
    if (is_broken_ || failovers_ != side_.server.failovers()) {
      return base::failed(errors::cut, "the stream is broken");
    }
    Result<void> called = call_source(side_, "stream.next");
    if (!called.ok()) return broken(called.take_error());
    if (side_.chance.in_million(side_.weather.half_open_share)) hangs_until_ = side_.scheduler.now() + hang_time();
    if (hangs_until_ != base::Nanos{0}) return hang(stop);
    base::Nanos waited{0};
    while (next_ >= side_.server.log().size() && waited < idle_wait && !stop.stop_requested()) {
      side_.scheduler.pause(look_wait, stop);
      waited += look_wait;
    }
    TRY(side_.process.enter());
    if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while streaming");
    return gather();
  }

  Result<void> confirm(const model::Position& position) override {
    if (failovers_ != side_.server.failovers()) return base::failed(errors::cut, "the stream is broken");
    Result<void> called = call_source(side_, "stream.confirm");
    if (!called.ok()) return broken(called.take_error());
    return side_.process.durable("source.confirm", [&]() -> Result<void> {
      side_.watch.confirmed(position);
      SourceServer::Slot& slot = side_.server.slot;
      if (side_.chance.percent(20)) side_.server.note_confirmed();
      slot.confirmed = std::max(slot.confirmed, position.log);
      side_.trace.note("source: may forget up to {}", position.log);
      return {};
    });
  }
  Result<void> keep_alive() override { return side_.process.enter(); }
  Result<void> nudge() override { return side_.process.enter(); }

 private:
  static bool ends(const LogEntry& entry) {
    return entry.kind == LogEntry::Kind::streamed_commit || entry.kind == LogEntry::Kind::whole ||
           (entry.kind == LogEntry::Kind::abort && entry.xid == entry.sub_xid);
  }
  base::Error broken(base::Error error) {
    is_broken_ = true;
    return error;
  }
  base::Nanos hang_time() { return std::chrono::milliseconds(side_.chance.between(100, 20'000)); }
  Result<model::ChangeBatch> hang(const std::stop_token& stop) {
    if (side_.scheduler.now() >= hangs_until_) {
      side_.trace.note("network: the half-open stream times out");
      return broken(base::failed(errors::timed_out, "the source does not answer"));
    }
    side_.scheduler.pause(idle_wait, stop);
    return model::ChangeBatch();
  }

  // Some of what comes next; a batch ends anywhere, inside of a transaction too.
  model::ChangeBatch gather() {
    model::ChangeBatch batch;
    const std::size_t changes_max = 1 + side_.chance.below(side_.weather.batch_changes_max);
    while (next_ < side_.server.log().size() && batch.changes.size() < changes_max) {
      const LogEntry& entry = side_.server.log()[next_];
      const bool is_known = entry.kind == LogEntry::Kind::piece || entry.kind == LogEntry::Kind::abort
                                ? ended_.contains(entry.xid)
                                : entry.log <= after_;
      if (!is_known && !add_entry(batch, entry, changes_max)) break;
      next_ += 1;
      inside_ = 0;
      is_begun_ = false;
      if (entry.log > after_) batch.through = entry.log;
      batch.source_time = entry.commit_time;
    }
    if (next_ == side_.server.log().size() && side_.server.end_of_log() > after_) {
      batch.through = side_.server.end_of_log();
    }
    if (!batch.changes.empty()) {
      side_.trace.note("stream: {} changes, through {}", batch.changes.size(), batch.through);
    }
    return batch;
  }

  // False when the batch is full before the entry's end; the rest comes with the next one.
  bool add_entry(model::ChangeBatch& batch, const LogEntry& entry, std::size_t changes_max) {
    if (entry.kind == LogEntry::Kind::abort) return add_edge(batch, entry, Op::stream_abort);
    if (entry.kind == LogEntry::Kind::streamed_commit) return add_edge(batch, entry, Op::stream_commit);
    if (entry.kind == LogEntry::Kind::heartbeat) return true;
    const auto is_sent = [&](const LoggedChange& change) { return is_published(entry, change); };
    if (std::none_of(entry.changes.begin(), entry.changes.end(), is_sent)) return true;
    const bool is_whole = entry.kind == LogEntry::Kind::whole;
    if (is_whole && !std::exchange(is_begun_, true)) add_edge(batch, entry, Op::begin);
    for (; inside_ < entry.changes.size(); ++inside_) {
      if (batch.changes.size() >= changes_max) return false;
      if (is_sent(entry.changes[inside_])) add_change(batch, entry, entry.changes[inside_]);
    }
    if (is_whole) add_edge(batch, entry, Op::commit);
    return true;
  }

  bool is_published(const LogEntry& entry, const LoggedChange& change) const {
    if (!tables_.contains(change.schema->name)) return false;
    const auto found = side_.server.tables().find(change.schema->name);
    return found != side_.server.tables().end() && entry.log > found->second.published_from;
  }

  static bool add_edge(model::ChangeBatch& batch, const LogEntry& entry, Op op) {
    model::Change change;
    change.op = op;
    change.xid = entry.xid;
    change.sub_xid = entry.sub_xid;
    change.commit_time = entry.commit_time;
    change.position.log = entry.log;
    change.position.sequence = op == Op::begin ? 0 : model::sequence_end;
    batch.changes.push_back(std::move(change));
    return true;
  }

  enum class Image { full, key, kept };
  static std::uint32_t add_image(model::ChangeBatch& batch, const model::TableSchema& schema, const Row& row,
                                 Image image, const Row* old) {
    const auto first = static_cast<std::uint32_t>(batch.cells.size());
    const std::vector<std::uint32_t> stored = model::stored_columns(schema);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto& key = schema.old_key;
      model::Cell cell{batch.bytes.size(), 0, model::CellState::null};
      const bool is_large = model::is_large_object(schema.columns[stored[i]].type.type);
      if (image == Image::key && std::find(key.begin(), key.end(), stored[i]) == key.end()) {
        cell.state = model::CellState::absent;
      } else if (old != nullptr && is_large && row[i] && row[i] == (*old)[i] && row[i]->size() > large_bytes) {
        cell.state = model::CellState::unchanged;
      } else if (row[i]) {
        cell.state = model::CellState::value;
        cell.size = static_cast<std::uint32_t>(row[i]->size());
        batch.bytes.append(*row[i]);
      }
      batch.cells.push_back(cell);
    }
    return first;
  }

  static void add_change(model::ChangeBatch& batch, const LogEntry& entry, const LoggedChange& logged) {
    model::Change change;
    change.op = logged.op;
    change.streamed = entry.kind == LogEntry::Kind::piece;
    change.table = batch.table_index(logged.schema, model::CellForm::canonical);
    change.xid = entry.xid;
    change.sub_xid = logged.sub_xid;
    const model::TableSchema& schema = *logged.schema;
    const bool by_key = !schema.old_key.empty() && schema.old_image == model::OldImage::key;
    if (logged.before) {
      bool key_stays = logged.after.has_value();
      for (const std::uint32_t column : schema.old_key) {
        key_stays = key_stays && (*logged.before)[column] == (*logged.after)[column];
      }
      if (!(by_key && key_stays)) {
        change.old_first = add_image(batch, schema, *logged.before, by_key ? Image::key : Image::full, nullptr);
        change.old_count = static_cast<std::uint32_t>(logged.before->size());
      }
    }
    if (logged.after) {
      change.new_first =
          add_image(batch, schema, *logged.after, Image::full, logged.before ? &*logged.before : nullptr);
      change.new_count = static_cast<std::uint32_t>(logged.after->size());
    }
    batch.changes.push_back(std::move(change));
  }

  static constexpr std::size_t large_bytes = 100;  // smaller values are always in the log

  const SourceSide side_;
  const connect::CapturePlan plan_;
  const std::uint64_t after_;
  const std::uint64_t failovers_;
  std::set<model::TableName> tables_;
  std::set<std::uint64_t> ended_;
  std::size_t next_ = 0;    // entry of the log
  std::size_t inside_ = 0;  // change of that entry
  bool is_begun_ = false;   // its begin was sent
  base::Nanos hangs_until_{0};
  bool is_broken_ = false;
};

}  // namespace

Result<void> call_source(const SourceSide& side, const char* call) {
  TRY(side.process.enter());
  if (side.weather.is_down) {
    side.trace.note("network: {}: the source is down", call);
    return base::failed(errors::cut, "{}: the source is down", call);
  }
  if (side.chance.in_million(side.weather.cut_share)) {
    side.trace.note("network: {}: cut", call);
    return base::failed(errors::cut, "{}: the connection was cut", call);
  }
  if (side.chance.in_million(side.weather.slow_share)) {
    side.scheduler.pause(base::Nanos(side.chance.between(1, side.weather.slow_max.count())), {});
    return side.process.enter();
  }
  return {};
}

std::unique_ptr<connect::Stream> make_stream(const SourceSide& side, const connect::CapturePlan& plan,
                                             std::uint64_t after) {
  return std::make_unique<SimStream>(side, plan, after);
}

}  // namespace sim
