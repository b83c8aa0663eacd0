// SPDX-License-Identifier: Apache-2.0
//
// Collects change batches into one group that ends at a source commit, so that many small transactions become one call
// of Target::apply. A transaction larger than the limit comes out in parts: then a group has no commit at its end.
// One thread.
#pragma once

#include <cstddef>

#include "model/change.h"

namespace engine {

struct GroupLimits {
  std::size_t bytes_max = 24u << 20;
  std::size_t changes_max = 100'000;
};

// Moves `from` behind `into` (arena, cells and changes).
void append_batch(model::ChangeBatch& into, model::ChangeBatch&& from);

class GroupBuilder {
 public:
  explicit GroupBuilder(GroupLimits limits) : limits_(limits) {}

  void add(model::ChangeBatch&& batch);
  bool full() const { return pending_.weight() >= limits_.bytes_max || pending_.changes.size() >= limits_.changes_max; }
  std::size_t rows() const { return rows_; }  // changes without the begins and commits between them
  // True when nothing is waiting for its commit.
  bool at_boundary() const { return pending_.changes.empty(); }
  // Everything up to the last commit; when there is none and the group is full, everything (a part of a transaction).
  // Empty when neither. The rest stays.
  model::ChangeBatch take();

 private:
  void make_room(const model::ChangeBatch& next);

  GroupLimits limits_;
  model::ChangeBatch pending_;
  std::size_t rows_ = 0;
};

// Splits off the changes from index `first` on into a batch of their own.
model::ChangeBatch split_tail(model::ChangeBatch& batch, std::size_t first);

}  // namespace engine
