// SPDX-License-Identifier: Apache-2.0
//
// Which shape (columns with their numbers at the source) each table had at which place of the log: durable, so that a
// task that was stopped does not take a column dropped and added again for the one it knew.
//
//   load done        [0: a1 b2 c3]                 whatever was noted before is forgotten
//   ALTER at 500     [0: a1 b2 c3] [500: a1 b2]    noted before the change may reach the relay or the target
//   ALTER at 700     ... [700: a1 b2 c4]
//   resumed at 600   the target stands for a1 b2, and the stream begins with a1 b2
//   durable at 800   [700: a1 b2 c4]               older ones are forgotten with the next note; begins() is 700
//
// A source may find a change out that its log does not tell, and gives it a place of its own, which nothing in the log
// repeats. So a stream is told what was noted beyond its start (after()), and makes those changes at the same places
// again: an entry beyond the target's position never stands for a change that does not come.
//
// Killed between note and change: the same change comes again and writes the same note. One that comes again in part
// (several changes of shape in one transaction) does not take the note back to an earlier one of them. A table dropped
// at the source has an entry without a shape. Entries lie in one note a table of the state store. Any thread; one
// object follows one stream.
#pragma once

#include <map>

#include "base/thread.h"
#include "engine/ledger.h"
#include "engine/plan.h"

namespace engine {

class ShapeHistory {
 public:
  explicit ShapeHistory(StateStore& store) : store_(store) {}

  base::Result<void> load();
  // The table was loaded with that shape.
  base::Result<void> loaded(const model::TableSchemaPtr& source);
  // As loaded(), for those of which nothing is noted.
  base::Result<void> complete(const std::vector<PlannedTable>& tables);
  // All changes of shape in a batch of whole transactions. Called before the batch can become durable anywhere. What a
  // table's load already held concerns a shape before the one that was loaded: it is left out.
  base::Result<void> note(const model::ChangeBatch& batch, const Ledger& ledger, const model::Position& durable);
  // What the tables of the plan looked like at that position, and those that are not in the plan because the source
  // has dropped them since.
  std::vector<model::TableSchemaPtr> at(const model::Position& position, const std::vector<PlannedTable>& tables) const;
  // The shape of one table there; nullptr: not known, or dropped.
  model::TableSchemaPtr of(const model::TableName& source_name, const model::Position& position) const;
  // Whether the table we knew there under this one's name was dropped by then, or is another one.
  bool is_replaced(const model::TableSchema& source, const model::Position& position) const;
  // Behind it every shape is known; what some tables looked like before is forgotten, for the target holds that much.
  model::Position begins() const;
  // What is noted of those tables beyond that position.
  std::vector<connect::LaterShape> after(const model::Position& position,
                                         const std::vector<PlannedTable>& tables) const;
  // The ones among them that the plan does not have.
  std::vector<model::TableSchemaPtr> gone(const model::Position& position,
                                          const std::vector<PlannedTable>& tables) const;

 private:
  // The last change of shape of one transaction: the `nth` at that sequence. nullptr: dropped.
  struct Entry {
    std::uint64_t sequence = 0;
    std::uint32_t nth = 0;
    model::TableSchemaPtr shape;
  };
  using History = std::map<std::uint64_t, Entry>;  // by the log position of the commit
  // The newest entry whose transaction lies wholly at or before the position; nullptr: none.
  static const Entry* entry_at(const History& history, const model::Position& position);
  static model::TableSchemaPtr shape_at(const History& history, const model::Position& position);
  static base::Result<History> read(std::string_view value, const model::TableName& name);
  // What lies before `durable` may be forgotten.
  base::Result<void> changed(const model::TableName& source_name, const model::Position& position,
                             model::TableSchemaPtr shape, const model::Position& durable);
  base::Result<void> write(const model::TableName& name, const History& history, std::uint64_t begins) REQUIRES(mutex_);

  StateStore& store_;
  mutable base::Mutex mutex_;
  std::map<model::TableName, History> histories_ GUARDED_BY(mutex_);
  std::uint64_t begins_ GUARDED_BY(mutex_) = 0;
  std::map<model::TableName, std::pair<model::Position, std::uint32_t>> last_ GUARDED_BY(mutex_);  // seen in the stream
};

}  // namespace engine
