// SPDX-License-Identifier: Apache-2.0
//
// How the simulated target carries changes out. One thread; see target_connector.h.
#pragma once

#include "relational/apply_policy.h"
#include "sim/target_connector.h"

namespace sim {

// What is carried from one call of apply to the next, within a transaction that comes in parts.
struct ApplyState {
  bool is_inside = false;                                   // its begin was given, its commit not
  bool is_skipped = false;                                  // the target holds it already
  std::map<model::TableName, model::TableSchemaPtr> known;  // by source name: the shape before the next change of it
  relational::ApplyPolicies policies;
};

// Carries the batch out in the server's open transaction; the position of its last commit, if all of it is whole.
// `held`: what lies before was carried out already; of that, a replay still follows the changes of shape.
base::Result<std::optional<model::Position>> apply_batch(const TargetSide& side, const model::ChangeBatch& batch,
                                                         const std::optional<model::Position>& held, bool is_replay,
                                                         ApplyState& state, connect::ApplyReport& report);

// At the head of every call to the target: other threads go on, answers come late, the connection breaks.
base::Result<void> call_target(const TargetSide& side, const char* call);

// A commit: a durable step, after which the answer may be lost.
template <typename Effect>
base::Result<void> commit_to(const TargetSide& side, const char* point, Effect&& effect) {
  TRY(side.process.durable(point, [&]() -> base::Result<void> {
    SimScheduler::Calm calm(side.scheduler);
    return effect();
  }));
  if (!side.chance.in_million(side.weather.lost_answer_share)) return {};
  side.trace.note("network: {}: the answer is lost", point);
  if (side.weather.lost_answer_wait.count() > 0) {
    side.scheduler.pause(base::Nanos(side.chance.between(1, side.weather.lost_answer_wait.count())), {});
    TRY(side.process.enter());
  }
  return base::failed(errors::cut, "{}: the connection was cut", point);
}

}  // namespace sim
