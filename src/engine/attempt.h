// SPDX-License-Identifier: Apache-2.0
//
// One attempt at a task: open both ends, bring every table to "loaded", stream. It reads what earlier attempts left in
// the ledger and in the target, so that a first start, a resume and a retry after a failure are the same code.
//
//   ledger                              what the attempt does
//   nothing / phase "starting"          drops a stale capture, starts the target afresh, begins capture: the position
//                                       and the snapshot belong together; loads all tables under that snapshot
//   phase "loading", some not loaded    discards those tables, loads them under a new snapshot with a fence
//   phase "streaming"                   replays suspended tables, streams from what the target holds durably
//
// A crash between any two of these lines is one of the rows above.
#pragma once

#include <set>

#include "engine/streaming.h"

namespace engine {

enum class AttemptEnd { finished, interrupted, again };

// What the attempts of one run tell each other.
struct Handover {
  std::set<model::TableName> replayable;  // suspended before this run, and not yet tried
};

class Attempt {
 public:
  Attempt(const TaskDefinition& definition, const Environment& environment, Statistics& statistics, Ledger& ledger,
          Handover& handover)
      : definition_(definition),
        environment_(environment),
        statistics_(statistics),
        ledger_(ledger),
        handover_(handover),
        history_(*environment.store),
        report_(definition.settings, *environment.clock) {}

  // `fresh`: the ledger says nothing was begun. `reload`: the user asked to load everything anew.
  base::Result<AttemptEnd> run(bool fresh, bool reload, bool through_relay, const Until& until, std::stop_token stop);

  // True once both ends have answered: what breaks from then on is worth another attempt.
  bool opened() const { return opened_; }
  // True once the stream applied or the load finished something: the retry counter starts again.
  bool progressed() const { return progressed_; }

 private:
  base::Result<void> open_ends(bool reload, std::stop_token stop);
  base::Result<void> refuse_problems();
  base::Result<void> begin(std::stop_token stop);
  base::Result<void> forget_replaced();
  base::Result<void> cancel_deselected();
  void tell_changed_rules();
  base::Result<void> load_pending(std::stop_token stop);
  base::Result<std::vector<const PlannedTable*>> pending_tables();
  void drop_failed(std::vector<const PlannedTable*>& pending) const;
  base::Result<void> prepare(const std::vector<const PlannedTable*>& tables, bool first_time);
  base::Result<void> report(ControlReport::Phase phase);
  base::Result<void> load_pass(std::vector<const PlannedTable*> tables, std::stop_token stop);
  base::Result<void> finish_load();
  base::Result<AttemptEnd> stream(bool through_relay, const Until& until, std::stop_token stop);
  // Tables that foreign keys bind together are loaded, or in error, together (bound_tables.h).
  base::Result<void> join_bound(bool is_first);
  base::Result<void> hold_suspended();
  base::Result<bool> replay_suspended(const model::Position& durable, std::stop_token stop);
  base::Result<void> open_apply(const model::Position& capture_start, std::optional<model::Position>& durable);
  base::Result<Goal> goal(const Until& until);
  base::Result<void> restore_statistics();
  std::function<void(const std::string&)> waiting();

  const TaskDefinition& definition_;
  const Environment& environment_;
  Statistics& statistics_;
  Ledger& ledger_;
  Handover& handover_;
  ShapeHistory history_;
  std::unique_ptr<connect::Journal> source_journal_, target_journal_;
  std::unique_ptr<connect::Source> source_;
  std::unique_ptr<connect::Target> target_;
  std::vector<PlannedTable> tables_;
  std::unique_ptr<connect::Snapshot> snapshot_;
  ControlReport report_;
  bool loaded_now_ = false;
  bool opened_ = false;
  bool progressed_ = false;
};

// What a connector is given; `space` is its part of the journal.
connect::Context make_context(const TaskDefinition& definition, const Environment& environment,
                              connect::Journal* journal, bool reload);

// Phases of the task row.
namespace phase {
inline constexpr std::string_view starting = "starting";
inline constexpr std::string_view loading = "loading";
inline constexpr std::string_view streaming = "streaming";
inline constexpr std::string_view finished = "finished";
}  // namespace phase

// Note in the store: the form of the stream's cells, which the relay must keep while the target is away.
inline constexpr std::string_view cell_form_note = "engine/cell_form";

}  // namespace engine
