// SPDX-License-Identifier: Apache-2.0
//
// One change of a row, as appliers look at it: where the row is on the target, which columns get a value, whether it
// can be said at all. Pure; the pointers point into the batch and must not outlive it.
#pragma once

#include <string>
#include <vector>

#include "model/change.h"
#include "relational/apply_policy.h"
#include "relational/destination.h"

namespace relational {

// nullptr for an empty image.
const model::Cell* cells_at(const model::ChangeBatch& batch, std::uint32_t first, std::uint32_t count);
inline const model::Cell* new_cells(const model::ChangeBatch& batch, const model::Change& change) {
  return cells_at(batch, change.new_first, change.new_count);
}
std::size_t bytes_of(const model::ChangeBatch& batch, const model::Change& change);

// Whether the new row has a value that its type on the way has no place for, and which words say so.
bool holds_misfit(const model::ChangeBatch& batch, const model::Change& change);
std::string misfit_cause(const model::ChangeBatch& batch, const model::Change& change);

// The cells that tell where the row is on the target; nullptr: the log does not carry them.
const model::Cell* locating(const model::ChangeBatch& batch, const model::Change& change, const Destination& to);
// Whether an update leaves the key alone.
bool keeps_key(const model::ChangeBatch& batch, const model::Change& change, const Destination& to);
// The columns that get a value.
std::vector<bool> mask_of(const model::Cell* cells, std::uint32_t count);
// Whether a whole row is there: every cell a value or NULL.
bool is_complete(const model::Cell* cells, std::uint32_t count);

ApplyPolicy policy_of(const ApplyPolicies& policies, model::Op op);

}  // namespace relational
