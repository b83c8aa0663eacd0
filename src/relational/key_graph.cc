// SPDX-License-Identifier: Apache-2.0
#include "relational/key_graph.h"

#include <algorithm>

#include "relational/row_change.h"

namespace relational {

using model::Cell;
using model::CellState;
using model::TableName;
using model::TableSchema;
using model::TableSchemaPtr;
using Action = ActingKey::Action;

namespace {

std::optional<Action> action_of(const std::string& word) {
  if (word == "CASCADE") return Action::cascade;
  if (word == "SET NULL") return Action::set_null;
  if (word.empty() || word == "NO ACTION" || word == "RESTRICT") return Action::none;
  return std::nullopt;
}

// Places among the stored columns; empty: one is not there.
std::vector<std::uint32_t> places_of(const TableSchema& table, const std::vector<std::string>& names) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  std::vector<std::uint32_t> places;
  for (const std::string& name : names) {
    const auto index = table.find_column(name);
    const auto at = index ? std::find(stored.begin(), stored.end(), *index) : stored.end();
    if (at == stored.end()) return {};
    places.push_back(static_cast<std::uint32_t>(at - stored.begin()));
  }
  return places;
}

std::optional<ActingKey> read_key(const TableSchemaPtr& child, const model::ForeignKey& key,
                                  const TableSchema& parent) {
  const auto rules = convert::read_rules(key.rules);
  if (!rules) return std::nullopt;
  const auto on_delete = action_of(rules->on_delete), on_update = action_of(rules->on_update);
  ActingKey made{child, places_of(*child, key.columns), places_of(parent, key.referenced_columns)};
  if (!on_delete || !on_update || made.columns.empty() || made.columns.size() != made.referenced.size()) {
    return std::nullopt;
  }
  made.on_delete = *on_delete;
  made.on_update = *on_update;
  return made;
}

bool same_cell(const model::ChangeBatch& batch, const Cell& a, const Cell& b) {
  return a.state == b.state && batch.cell_bytes(a) == batch.cell_bytes(b);
}

bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const std::string& name) { return std::find(b.begin(), b.end(), name) != b.end(); });
}

}  // namespace

KeyGraph::KeyGraph(const std::vector<TableSchemaPtr>& tables) {
  std::map<TableName, TableSchemaPtr> by_name;
  bool any = false;
  for (const TableSchemaPtr& table : tables) {
    for (const model::ForeignKey& key : table->foreign_keys) any = any || key.unlogged;
  }
  if (!any) return;
  for (const TableSchemaPtr& table : tables) by_name[table->name] = table;
  for (const TableSchemaPtr& child : tables) {
    for (const model::ForeignKey& key : child->foreign_keys) {
      const auto parent = by_name.find(key.referenced);
      if (!key.unlogged || parent == by_name.end()) continue;
      std::optional<ActingKey> acting = read_key(child, key, *parent->second);
      if (acting) by_parent_[parent->second->source_name].push_back(std::move(*acting));
    }
  }
  for (const auto& [parent, keys] : by_parent_) {
    std::set<TableName>& reached = reached_[parent];
    std::vector<TableName> left{parent};
    while (!left.empty()) {
      const TableName one = std::move(left.back());
      left.pop_back();
      for (const ActingKey& key : acting_on(one)) {
        if (reached.insert(key.child->source_name).second) left.push_back(key.child->source_name);
      }
    }
  }
}

const std::vector<ActingKey>& KeyGraph::acting_on(const TableName& parent) const {
  static const std::vector<ActingKey> none;
  const auto found = by_parent_.find(parent);
  return found == by_parent_.end() ? none : found->second;
}

const std::set<TableName>& KeyGraph::reached_from(const TableName& parent) const {
  static const std::set<TableName> none;
  const auto found = reached_.find(parent);
  return found == reached_.end() ? none : found->second;
}

std::vector<std::uint32_t> KeyGraph::referenced_places(const TableName& parent) const {
  std::set<std::uint32_t> places;
  for (const ActingKey& key : acting_on(parent)) places.insert(key.referenced.begin(), key.referenced.end());
  return {places.begin(), places.end()};
}

bool KeyGraph::acts(const model::ChangeBatch& batch, const model::Change& change) const {
  if (empty() || !change.cascade || change.table == model::no_table) return false;
  const std::vector<ActingKey>& keys = acting_on(batch.tables[change.table]->source_name);
  if (keys.empty()) return false;
  if (change.op == model::Op::remove) {
    return std::any_of(keys.begin(), keys.end(), [](const ActingKey& key) { return key.on_delete != Action::none; });
  }
  if (change.op != model::Op::update) return false;
  const Cell* before = cells_at(batch, change.old_first, change.old_count);
  const Cell* after = new_cells(batch, change);
  if (after == nullptr) return false;
  return std::any_of(keys.begin(), keys.end(), [&](const ActingKey& key) {
    if (key.on_update == Action::none) return false;
    return std::any_of(key.referenced.begin(), key.referenced.end(), [&](std::uint32_t place) {
      if (place >= change.new_count || after[place].state == CellState::unchanged) return false;
      return before == nullptr || !same_cell(batch, before[place], after[place]);
    });
  });
}

// ---- what can be carried out

namespace {

bool is_text(const model::Column& column) {
  const model::Type type = column.type.type;
  return type == model::Type::string || type == model::Type::wstring || model::is_large_object(type);
}

bool is_exact(const model::Column& column) {
  const model::Type type = column.type.type;
  return model::is_fixed(type) || type == model::Type::numeric || type == model::Type::bytes;
}

// Empty: equal values of both are equal on the target, and only those.
std::string comparison_problem(const TableSchema& child, const model::Column& mine, const TableSchema& parent,
                               const model::Column& theirs, const ComparesAsSource& compares_as_source) {
  const model::ColumnType& a = mine.type;
  const model::ColumnType& b = theirs.type;
  if (is_exact(mine)) {
    const bool is_same = a.type == b.type && a.precision == b.precision && a.scale == b.scale &&
                         (a.type != model::Type::bytes || a.length == b.length);
    return is_same ? "" : fmt::format("columns {} and {} are not of one type", mine.name, theirs.name);
  }
  if (!is_text(mine) || !is_text(theirs)) return fmt::format("column {} is of type {}", mine.name, a.native);
  const bool is_plain = mine.collation.empty() && theirs.collation.empty();  // UUID and the like
  const bool is_member = a.native == b.native && (a.native.starts_with("enum(") || a.native.starts_with("set("));
  if (is_plain || is_member) return "";
  if (mine.collation == theirs.collation && compares_as_source(child, mine) && compares_as_source(parent, theirs)) {
    return "";
  }
  return fmt::format("column {} is compared by {} at the source, and otherwise here", mine.name, mine.collation);
}

bool changes_columns(const convert::KeyRules& rules) {
  return rules.on_delete == "SET NULL" || rules.on_update == "CASCADE" || rules.on_update == "SET NULL";
}

// With several keys the order in which they act may decide what becomes of a row; only where it cannot, it is known.
std::string order_problem(const std::vector<TableSchemaPtr>& tables, const TableSchema& child,
                          const model::ForeignKey& key, const convert::KeyRules& rules) {
  if (!changes_columns(rules)) return "";
  std::size_t others = 0;
  for (const model::ForeignKey& other : child.foreign_keys) {
    if (!other.unlogged || &other == &key) continue;
    ++others;
    if (overlap(other.columns, key.columns)) return "it shares columns with foreign key " + other.name;
  }
  if (others == 0) return "";
  for (const TableSchemaPtr& table : tables) {
    for (const model::ForeignKey& next : table->foreign_keys) {
      if (next.unlogged && next.referenced == child.name && overlap(next.referenced_columns, key.columns)) {
        return fmt::format("foreign key {} of table {} refers to its columns, and more keys act on its table",
                           next.name, table->name.text());
      }
    }
  }
  return "";
}

std::string key_problem(const std::vector<TableSchemaPtr>& tables, const TableSchemaPtr& child,
                        const model::ForeignKey& key, const ComparesAsSource& compares_as_source) {
  const auto parent = std::find_if(tables.begin(), tables.end(),
                                   [&](const TableSchemaPtr& table) { return table->name == key.referenced; });
  if (parent == tables.end()) return "table " + key.referenced.text() + " is not part of the task";
  const auto rules = convert::read_rules(key.rules);
  if (!rules || !read_key(child, key, **parent)) return "it cannot be carried out here";
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const model::Column& mine = child->columns[*child->find_column(key.columns[i])];
    const model::Column& theirs = (*parent)->columns[*(*parent)->find_column(key.referenced_columns[i])];
    std::string problem = comparison_problem(*child, mine, **parent, theirs, compares_as_source);
    if (!problem.empty()) return problem;
  }
  return order_problem(tables, *child, key, *rules);
}

}  // namespace

void add_key_problems(const std::vector<TableSchemaPtr>& tables, const ComparesAsSource& compares_as_source,
                      std::vector<connect::Finding>& findings) {
  for (const TableSchemaPtr& child : tables) {
    for (const model::ForeignKey& key : child->foreign_keys) {
      if (!key.unlogged) continue;
      const std::string problem = key_problem(tables, child, key, compares_as_source);
      if (problem.empty()) continue;
      findings.push_back({connect::Finding::Severity::refusal, "table " + child->name.text(),
                          fmt::format("foreign key {} ({}): what it changes by itself is not in the source's log, and "
                                      "cannot be done here as the source does it: {}",
                                      key.name, key.rules, problem),
                          "Make the key RESTRICT at the source, or load the table only."});
    }
  }
}

}  // namespace relational
