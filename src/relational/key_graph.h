// SPDX-License-Identifier: Apache-2.0
//
// Which foreign keys act upon which tables where the source's log does not tell (model::ForeignKey::unlogged), seen
// through the target's tables. Built from the shapes of one moment; immutable afterwards; any thread. Pure.
//
//   orders <- lines   ON DELETE CASCADE     acting_on(orders) = {lines.order}, reached_from(orders) = {lines, notes}
//   lines  <- notes   ON DELETE SET NULL
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "connect/source.h"
#include "convert/definition.h"
#include "model/change.h"
#include "model/schema.h"

namespace relational {

struct ActingKey {
  enum class Action { none, cascade, set_null };
  model::TableSchemaPtr child;
  std::vector<std::uint32_t> columns;     // places among the child's stored columns
  std::vector<std::uint32_t> referenced;  // among the parent's
  Action on_delete = Action::none, on_update = Action::none;
};

class KeyGraph {
 public:
  explicit KeyGraph(const std::vector<model::TableSchemaPtr>& tables);

  bool empty() const { return by_parent_.empty(); }
  // Tables by their source names.
  const std::vector<ActingKey>& acting_on(const model::TableName& parent) const;
  // All tables of which rows may change, the parent itself when a key leads back.
  const std::set<model::TableName>& reached_from(const model::TableName& parent) const;
  // Places of the table's columns that acting keys refer to, ascending.
  std::vector<std::uint32_t> referenced_places(const model::TableName& parent) const;
  // Whether a change of a row makes a key act, or may.
  bool acts(const model::ChangeBatch& batch, const model::Change& change) const;

 private:
  std::map<model::TableName, std::vector<ActingKey>> by_parent_;
  std::map<model::TableName, std::set<model::TableName>> reached_;
};

// How a column of these has to look that `=` of the target says what the source's says; texts only.
using ComparesAsSource = std::function<bool(const model::TableSchema& table, const model::Column& column)>;
// Keys that cannot be carried out here exactly, as refusals.
void add_key_problems(const std::vector<model::TableSchemaPtr>& tables, const ComparesAsSource& compares_as_source,
                      std::vector<connect::Finding>& findings);

}  // namespace relational
