// SPDX-License-Identifier: Apache-2.0
#include "sim/source_stream.h"

#include <algorithm>

#include "connectors/postgres/stream_reader.h"
#include "sim/pgoutput_writer.h"

namespace sim {
namespace {

using base::Result;

constexpr base::Nanos idle_wait = std::chrono::milliseconds(100);
constexpr base::Nanos look_wait = std::chrono::milliseconds(20);
constexpr base::Nanos look_interval = std::chrono::seconds(5);  // between looks at the catalogue

postgres::Survey survey_of(const SourceServer& server, const std::vector<std::uint32_t>& ids) {
  postgres::Survey survey;
  for (const std::uint32_t id : ids) {
    const SourceServer::Visible visible = server.visible(id);
    if (visible.schema == nullptr) continue;
    if (visible.locked_by != 0) survey.locked[id].insert(std::uint32_t(visible.locked_by));
    postgres::SurveyedTable& table = survey.tables[id];
    table.highest = visible.highest;
    for (const model::Column& column : visible.schema->columns) {
      postgres::SurveyedColumn surveyed;
      surveyed.ordinal = column.ordinal;
      surveyed.name = column.name;
      surveyed.type = column.type.native_id;
      surveyed.modifier = column.type.native_modifier;
      surveyed.not_null = !column.nullable;
      surveyed.has_default = !column.default_expression.empty();
      surveyed.filled = surveyed.has_default && column.default_expression.find('(') == std::string::npos;
      table.columns.push_back(std::move(surveyed));
    }
  }
  survey.end = server.end_of_log();
  return survey;
}

// The catalogue's tables, those that looked otherwise where the stream begins as they did; as the real source does it.
std::vector<model::TableSchemaPtr> known_shapes(const connect::CapturePlan& plan) {
  std::map<std::uint64_t, model::TableSchemaPtr> tables;
  for (const model::TableSchemaPtr& table : plan.tables) tables[table->source_id] = table;
  for (const model::TableSchemaPtr& shape : plan.shapes) {
    const auto now = tables.find(shape->source_id);
    if (now == tables.end() || now->second->columns != shape->columns) tables[shape->source_id] = shape;
  }
  std::vector<model::TableSchemaPtr> known;
  for (auto& [id, table] : tables) known.push_back(std::move(table));
  return known;
}

postgres::ShapeSources shape_sources(const SourceSide& side) {
  postgres::ShapeSources sources;
  sources.told = side.server.tells_ddl;
  sources.pause = [side]() -> Result<void> {
    side.scheduler.pause(std::chrono::milliseconds(10), {});
    return side.process.enter();
  };
  sources.describe = [side](std::uint32_t id) -> Result<model::TableSchemaPtr> {
    TRY(call_source(side, "stream.describe"));
    return side.server.visible(id).schema;
  };
  sources.survey = [side](const std::vector<std::uint32_t>& ids) -> Result<postgres::Survey> {
    TRY(call_source(side, "stream.survey"));
    return survey_of(side.server, ids);
  };
  return sources;
}

class SimStream final : public connect::Stream {
 public:
  SimStream(const SourceSide& side, const connect::CapturePlan& plan, std::uint64_t after)
      : side_(side),
        after_(after),
        failovers_(side.server.failovers()),
        number_(side.server.streams),
        reader_(known_shapes(plan), postgres::TypeChoices(), model::CellForm::canonical, shape_sources(side),
                {after, model::sequence_end, {}}, 2),
        writer_(side.server.tells_ddl, [this](std::string_view message) { return reader_.take(message); }) {
    reader_.set_later(plan.later_shapes);
    reader_.set_fences(plan.fences);
    for (const LogEntry& entry : side_.server.log()) {
      if (ends(entry) && entry.log <= after_) ended_.insert(entry.xid);
    }
  }

  // The catalogue as it is before anything is read.
  Result<void> look_around() {
    const bool is_due = side_.scheduler.now() >= next_look_ && !reader_.is_inside();
    TRY(reader_.look_around(is_due));
    if (is_due) next_look_ = side_.scheduler.now() + look_interval;
    return {};
  }

  Result<model::ChangeBatch> next(std::stop_token stop) override {
    TRY(check_connection());
    Result<void> called = call_source(side_, "stream.next");
    if (!called.ok()) return broken(called.take_error());
    TRY(check_connection());
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
    TRY(check_connection());
    Result<void> called = call_source(side_, "stream.confirm");
    if (!called.ok()) return broken(called.take_error());
    return side_.process.durable("source.confirm", [&]() -> Result<void> {
      TRY(check_connection());
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
  // A slot has one stream: who opens the next one ends it.
  Result<void> check_connection() const {
    const bool is_there = failovers_ == side_.server.failovers() && number_ == side_.server.streams;
    if (is_there && !is_broken_) return {};
    return base::failed(errors::cut, "the stream is broken");
  }
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
  Result<model::ChangeBatch> gather() {
    const std::size_t changes_max = 1 + side_.chance.below(side_.weather.batch_changes_max);
    while (next_ < side_.server.log().size() && reader_.batch().changes.size() < changes_max) {
      const LogEntry& entry = side_.server.log()[next_];
      const bool is_known = entry.kind == LogEntry::Kind::piece || entry.kind == LogEntry::Kind::abort
                                ? ended_.contains(entry.xid)
                                : entry.log <= after_;
      if (!is_known && !TRY(add_entry(entry, changes_max))) break;
      next_ += 1;
      inside_ = 0;
      is_begun_ = false;
    }
    if (next_ == side_.server.log().size() && next_ > 0) {
      reader_.on_caught_up(side_.server.end_of_log(), side_.server.log().back().commit_time);
    }
    TRY(look_around());
    model::ChangeBatch batch = reader_.take_batch();
    if (!batch.changes.empty()) {
      side_.trace.note("stream: {} changes, through {}", batch.changes.size(), batch.through);
    }
    return batch;
  }

  // False when the batch is full before the entry's end; the rest comes with the next one.
  Result<bool> add_entry(const LogEntry& entry, std::size_t changes_max) {
    using Kind = LogEntry::Kind;
    if (entry.kind == Kind::heartbeat) return true;
    if (entry.kind == Kind::abort) {
      TRY(writer_.abort(entry));
      return true;
    }
    if (entry.kind == Kind::streamed_commit) {
      TRY(writer_.commit_streamed(entry));
      return true;
    }
    if (entry.kind == Kind::whole && !std::exchange(is_begun_, true)) TRY(writer_.begin(entry));
    if (entry.kind == Kind::piece) TRY(writer_.start_piece(entry));
    while (inside_ < entry.changes.size() && reader_.batch().changes.size() < changes_max) {
      const LoggedChange& change = entry.changes[inside_++];
      TRY(writer_.change(entry, change, side_.server.is_published(change.schema->source_id, entry.log)));
    }
    if (entry.kind == Kind::piece) TRY(writer_.stop_piece());
    if (inside_ < entry.changes.size()) return false;
    if (entry.kind == Kind::whole) TRY(writer_.commit(entry));
    return true;
  }

  const SourceSide side_;
  const std::uint64_t after_;
  const std::uint64_t failovers_;
  const std::uint64_t number_;
  postgres::StreamReader reader_;
  PgoutputWriter writer_;
  std::set<std::uint64_t> ended_;
  std::size_t next_ = 0;    // entry of the log
  std::size_t inside_ = 0;  // change of that entry
  bool is_begun_ = false;   // its begin was sent
  base::Nanos hangs_until_{0};
  base::Nanos next_look_{0};
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

Result<std::unique_ptr<connect::Stream>> make_stream(const SourceSide& side, const connect::CapturePlan& plan,
                                                     std::uint64_t after) {
  auto stream = std::make_unique<SimStream>(side, plan, after);
  TRY(stream->look_around());
  return std::unique_ptr<connect::Stream>(std::move(stream));
}

}  // namespace sim
