// SPDX-License-Identifier: Apache-2.0
//
// Carries out what foreign keys did at the source without a word in its log: behind the change of a referenced row, on
// the target's own rows, which are the source's at that place of the log. The target's foreign keys are not asked and
// need not be there. Rows are found by the values of the key's columns; tables that hang on the changed rows follow,
// level by level. One thread, inside the group's transaction, with nothing queued.
//
//   DELETE of order 7:  read (line) of lines where order = 7; delete them; then the same for what refers to those lines
//
// How it fails: `table` errors (values that are not in the log, a refusal of the target): the tables that keys bind
// together cannot go on. Transient errors end the group.
#pragma once

#include "relational/destination.h"
#include "relational/key_graph.h"

namespace relational {

using KeyValues = std::vector<std::optional<std::string>>;  // in the target's own words; nullopt: NULL
using Places = std::vector<std::uint32_t>;

// Statements of a target; each is done when the call returns. `keys` hold no NULL, and are few enough for one
// statement.
class KeyedRows {
 public:
  virtual ~KeyedRows() = default;
  virtual std::string text_of(const model::ChangeBatch& batch, std::uint32_t table, const Destination& to,
                              std::uint32_t place, const model::Cell& cell) = 0;
  // Those columns of the rows whose `places` hold one of `keys`; `rows_max` at most.
  virtual base::Result<std::vector<KeyValues>> read(const Destination& from, const Places& places,
                                                    const std::vector<KeyValues>& keys, const Places& columns,
                                                    std::size_t rows_max) = 0;
  virtual base::Result<void> remove(const Destination& from, const Places& places,
                                    const std::vector<KeyValues>& keys) = 0;
  virtual base::Result<void> set(const Destination& to, const Places& places, const std::vector<KeyValues>& keys,
                                 const Places& columns, const KeyValues& values) = 0;
};

namespace errors {
inline constexpr base::Code key_values_absent{
    "relational.key_values_absent", base::Kind::table,
    "A foreign key acted upon a row, and the log does not hold the values that it refers to: set "
    "binlog_row_image=FULL and load the tables again."};
inline constexpr base::Code key_reaches_too_far{
    "relational.key_reaches_too_far", base::Kind::table,
    "One change made foreign keys act upon more rows than are carried out at once: load the tables again."};
}  // namespace errors

class KeyActions {
 public:
  // nullptr: the table is not there (any more).
  using FindDestination = std::function<const Destination*(const model::TableSchemaPtr& table)>;

  KeyActions(const KeyGraph& graph, KeyedRows& rows, FindDestination find)
      : graph_(graph), rows_(rows), find_(std::move(find)) {}

  // Changes of one table: removes, or one update.
  base::Result<void> carry_out(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes);

 private:
  // What became of rows of one table: values of the columns that keys refer to, before and (updates) after.
  struct Event {
    Places places;
    std::vector<KeyValues> before;
    std::optional<KeyValues> after;  // nullopt: the rows are gone; else all of them got these
    std::vector<bool> changed;       // of `after`
    std::vector<bool> unknown;       // not in the log
  };

  base::Result<Event> event_of(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                               const Destination& of);
  base::Result<void> follow(const model::TableName& parent, const Event& event, int depth);
  base::Result<void> act(const ActingKey& key, const Event& event, int depth);
  base::Result<void> act_on(const ActingKey& key, const Destination& to, const std::vector<KeyValues>& keys,
                            const Places& set_places, const KeyValues& values, bool removes, int depth);

  const KeyGraph& graph_;
  KeyedRows& rows_;
  const FindDestination find_;
};

}  // namespace relational
