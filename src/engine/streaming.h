// SPDX-License-Identifier: Apache-2.0
//
// Ongoing replication: three threads from the source's log to the target.
//
//   capture   stream.next -> assembler (whole transactions) -> queue; confirms to the source what is durable
//   apply     queue -> group -> router -> target.apply; publishes the durable position; decides when the end is reached
//   monitor   once a second: log retained at the source, heartbeat, statistics to the ledger, new tables
//
// One Streaming is one attempt: it ends when its goal is reached, when it is stopped, when the set of tables changed,
// or with the first error of any thread. Whatever the target did not hold durably is read again by the next attempt.
//
// A table is suspended at what the target holds durably, and its changes from there on are kept. So the group that
// brought the refusal is given to the target once more without them, or, where that is not all that lies beyond the
// durable position (files; a transaction in parts), the attempt ends and the next one keeps them.
#pragma once

#include <atomic>

#include "engine/bound_tables.h"
#include "engine/change_queue.h"
#include "engine/control_report.h"
#include "engine/kept_changes.h"
#include "engine/ledger.h"
#include "engine/lookup.h"
#include "engine/pace.h"
#include "engine/plan.h"
#include "engine/route.h"
#include "engine/shapes.h"
#include "relay/assembler.h"

namespace engine {

// Where streaming ends by itself.
struct Goal {
  std::optional<model::Position> caught_up;     // everything up to here durable
  std::optional<model::Position> stop_after;    // nothing beyond it applied
  std::optional<base::WallMicros> clock_time;   // by our clock
  std::optional<base::WallMicros> commit_time;  // nothing committed later applied
};

enum class StreamEnd { goal_reached, stopped, tables_changed, table_suspended };

class Streaming {
 public:
  Streaming(const TaskDefinition& definition, const Environment& environment, Statistics& statistics, Ledger& ledger,
            ShapeHistory& history, connect::Source& source, connect::Target& target,
            const std::vector<PlannedTable>& tables)
      : definition_(definition),
        environment_(environment),
        statistics_(statistics),
        ledger_(ledger),
        history_(history),
        source_(source),
        target_(target),
        tables_(tables),
        router_(definition.mapping, statistics, source),
        kept_(environment, ledger, statistics, definition.relay_cap_bytes),
        lookup_(source, statistics, *environment.clock),
        pace_(GroupPace::of(definition.settings, definition.budgets, target.gains_from_groups())),
        report_(definition.settings, *environment.clock) {
    router_.edit_values(definition.edits.get(), environment.log);
  }

  // The target holds everything up to `durable`. `goal` is asked once the stream is open: where the source's log ends
  // then lies behind whatever the stream looked up at its start. `open_monitor` opens a second source for the monitor
  // thread.
  base::Result<StreamEnd> run(relay::Relay& relay, const model::Position& durable, bool through_relay,
                              const std::function<base::Result<Goal>()>& goal,
                              std::function<base::Result<std::unique_ptr<connect::Source>>()> open_monitor,
                              std::stop_token stop);

 private:
  base::Result<void> capture(connect::Stream& stream, std::stop_token stop);
  void add_gone_tables(const model::Position& durable);
  base::Result<void> note_shapes(const model::ChangeBatch& batch);
  base::Result<void> note_dropped(const model::ChangeBatch& group);
  base::Result<void> confirm_durable(connect::Stream& stream);
  base::Result<void> apply(std::stop_token stop);
  base::Result<void> fill_group(GroupBuilder& builder, std::stop_token stop);
  using FailedTables = std::vector<std::pair<model::TableName, base::Error>>;
  base::Result<void> apply_group(model::ChangeBatch group, std::stop_token stop);
  base::Result<void> apply_part(model::ChangeBatch group, FailedTables unreadable, std::stop_token stop);
  // True: applied. False: tables were suspended, and the batch is as it was; or the attempt ends.
  base::Result<bool> try_group(model::ChangeBatch& group, const model::Change& last, bool is_whole,
                               FailedTables& unreadable, std::stop_token stop);
  void note_applied(const connect::ApplyReport& report, const model::Change& last);
  base::Result<void> suspend(const model::TableName& table, const base::Error& error);
  base::Result<void> publish_durable();
  base::Result<bool> reached_goal();
  bool cut_at_goal(model::ChangeBatch& group);
  base::Result<void> end_apply(bool goal_reached);
  base::Result<void> monitor(std::function<base::Result<std::unique_ptr<connect::Source>>()> open_monitor,
                             std::stop_token stop);
  base::Result<void> look_at_source(connect::Source& source);
  base::Result<bool> tables_changed(connect::Source& source);
  base::Result<void> save_statistics();
  bool is_due(const GroupBuilder& builder);
  base::Result<void> refuse_truncates(const model::ChangeBatch& group) const;

  const TaskDefinition& definition_;
  const Environment& environment_;
  Statistics& statistics_;
  Ledger& ledger_;
  ShapeHistory& history_;
  BoundTables bound_{{}};
  connect::Source& source_;
  connect::Target& target_;
  const std::vector<PlannedTable>& tables_;
  Router router_;
  KeptChanges kept_;
  Lookup lookup_;
  const GroupPace pace_;
  ControlReport report_;
  std::optional<base::Nanos> gathering_since_;  // apply thread: since when the open group has changes
  Goal goal_;
  std::unique_ptr<ChangeQueue> queue_;
  std::unique_ptr<relay::Assembler> assembler_;
  std::stop_source finished_;  // goal reached or tables changed: all threads end, no error
  std::atomic<bool> goal_reached_{false};
  std::atomic<bool> tables_changed_{false};
  std::atomic<bool> table_suspended_{false};
  std::atomic<bool> nudge_{false};

  base::Mutex mutex_;
  model::Position durable_ GUARDED_BY(mutex_);  // by the target
  model::Position confirmed_;                   // capture thread: told to the source
  std::uint64_t applied_through_ = 0;           // apply thread: everything up to here was given to the target
  std::uint64_t advanced_through_ = 0;          // apply thread: told to the target
  bool inside_transaction_ = false;             // apply thread: a part of a huge transaction was applied
  base::Nanos last_report_{0}, last_advance_{0};
  bool consistent_ = false;
};

}  // namespace engine
