// SPDX-License-Identifier: Apache-2.0
//
// Where the relay begins. The source has forgotten everything up to its confirmed position C, and it was only ever told
// to forget what the target or the relay holds. So a stream opened behind the relay's last commit K (or at C when the
// relay does not reach C) continues the relay without a gap, and the target, holding at least C or reading the relay
// from where it stands, misses nothing. C may lie behind what we know the target to hold: a fail-over has set it back,
// or we died before we could tell. What tables looked like there may be forgotten; then it begins where that is known.
#include "engine/relay_only.h"

#include "engine/attempt.h"
#include "engine/change_queue.h"
#include "relay/assembler.h"

namespace engine {
namespace {

using base::Result;

Result<void> fill_relay(connect::Stream& stream, ChangeQueue& queue, relay::Assembler& assembler, ShapeHistory& shapes,
                        const Ledger& ledger, const base::Clock& clock, Statistics& statistics, base::Nanos until,
                        std::stop_token stop) {
  model::Position confirmed;
  const auto confirm = [&]() -> Result<void> {
    const model::Position durable = queue.relay_durable();
    if (durable <= confirmed) return {};
    TRY(stream.confirm(durable));
    confirmed = durable;
    return {};
  };
  const auto keep_alive = [&]() -> Result<void> {
    TRY(confirm());
    return stream.keep_alive();
  };
  const auto push = [&](model::ChangeBatch&& batch) -> Result<void> {
    TRY(shapes.note(batch, ledger, model::Position{}));
    return queue.push(std::move(batch), keep_alive, stop);
  };
  while (clock.monotonic() < until && !stop.stop_requested()) {
    model::ChangeBatch batch = TRY(stream.next(stop));
    TRY(assembler.take(std::move(batch), push));
    TRY(queue.settle());
    TRY(confirm());
    statistics.task([&](TaskStatus& status) {
      status.relay_mode = queue.mode();
      status.relay_bytes = queue.relay_bytes();
    });
  }
  TRY(queue.settle(true));
  return confirm();
}

// A table that was made again under the name of one we follow is loaded when the target is back. Until then what comes
// is of the one before: that may be all there is, should the new one be dropped as well.
void drop_replaced(std::vector<PlannedTable>& tables, const ShapeHistory& shapes, const model::Position& start) {
  std::erase_if(tables, [&](const PlannedTable& table) { return shapes.is_replaced(*table.source, start); });
}

Result<void> relay_until(const TaskDefinition& definition, const Environment& environment, Statistics& statistics,
                         connect::Source& source, const model::Position& forgotten, base::Nanos until,
                         std::stop_token stop) {
  std::vector<PlannedTable> tables = TRY(plan_tables(definition, source, nullptr));
  auto relay = TRY(relay::Relay::open(
      *environment.disk, relay_options(environment.data_folder, definition.relay_cap_bytes, definition.budgets)));
  QueueLimits limits;
  limits.memory_bytes_max = definition.budgets.queue_bytes;
  limits.relay_bytes_max = definition.relay_cap_bytes;
  ShapeHistory shapes(*environment.store);
  TRY(shapes.load());
  const model::Position begins = std::max(forgotten, shapes.begins());
  // What the source has forgotten is in the relay alone, when the relay reaches that far: then it is kept whole.
  const model::Position after = relay->end() >= begins ? std::min(relay->start(), begins) : begins;
  auto queue = TRY(ChangeQueue::open(*relay, after, true, limits, *environment.clock));
  auto assembler = TRY(
      relay::Assembler::open(*environment.disk, environment.data_folder + "/spool", definition.budgets.spool_bytes));
  const std::optional<std::string> noted = TRY(environment.store->note(std::string(cell_form_note)));
  const model::CellForm form = noted == "native" ? model::CellForm::native : model::CellForm::canonical;
  drop_replaced(tables, shapes, queue->stream_start());
  connect::CapturePlan plan = capture_plan(definition, tables);
  plan.shapes = shapes.at(queue->stream_start(), tables);
  plan.later_shapes = shapes.after(queue->stream_start(), tables);
  // The target cannot be asked and may hold all that the log has now; it would not see a change that the stream finds
  // beside the log and gives a place before that. So that place is taken: by a change of no table.
  plan.later_shapes.push_back({TRY(source.catalog().current_position()).log, 0, nullptr});
  Ledger ledger(*environment.store);
  TRY(ledger.load());
  plan.fences = fences_of(tables, ledger);
  auto stream = TRY(source.capture()->open_stream(plan, queue->stream_start(), form));
  return fill_relay(*stream, *queue, *assembler, shapes, ledger, *environment.clock, statistics, until, stop);
}

}  // namespace

Result<void> outlast_target(const TaskDefinition& definition, const Environment& environment, Statistics& statistics,
                            base::Nanos length, std::stop_token stop) {
  const base::Nanos until = environment.clock->monotonic() + length;
  const auto watch = [&]() -> Result<void> {
    auto journal = journal_of(*environment.store, "source");
    auto source = TRY(environment.open_source(make_context(definition, environment, journal.get(), false)));
    if (source->capture() == nullptr) return {};
    const connect::CaptureStatus capture = TRY(source->capture()->status());
    statistics.task([&](TaskStatus& status) { status.source_retained_bytes = capture.retained_bytes; });
    if (!capture.exists || capture.retained_bytes <= definition.source_log_cap_bytes) return {};
    return relay_until(definition, environment, statistics, *source, capture.confirmed, until, stop);
  };
  Result<void> watched = watch();
  if (!watched.ok() && watched.error().kind() != base::Kind::canceled) {
    environment.log->warning("task", "while the target is away: {}", watched.error().text());
  }
  const base::Nanos left = until - environment.clock->monotonic();
  if (left > base::Nanos{0}) environment.clock->pause(left, stop);
  return {};
}

}  // namespace engine
