// SPDX-License-Identifier: Apache-2.0
//
// Selection, and the ways into the rest: table_mapper.h decides transformations, segments.h cuts tables.
#include "mapping/mapping.h"

#include <algorithm>
#include <map>

#include "mapping/rules.h"
#include "mapping/segments.h"
#include "mapping/table_mapper.h"

namespace mapping {
namespace {

using model::TableName;

bool type_fits(SelectionRule::TableType type, bool is_view) {
  return type == SelectionRule::TableType::all || (type == SelectionRule::TableType::view) == is_view;
}

bool locates(const SelectionRule& rule, const TableName& table) {
  return rule.schema.matches(table.schema) && rule.table.matches(table.table);
}

// The rule whose load-order counts: exact locators before patterns, then the document's order.
const SelectionRule* deciding_rule(const RuleSet& rules, const TableName& table) {
  const SelectionRule* best = nullptr;
  int best_rank = -1;
  for (const SelectionRule& rule : rules.selections) {
    if (rule.action == SelectionRule::Action::exclude || !locates(rule, table)) continue;
    const int rank = (rule.table.is_exact() ? 2 : 0) + (rule.schema.is_exact() ? 1 : 0);
    if (rank > best_rank) {
      best = &rule;
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace

Mapping::Mapping() : rules_(std::make_shared<const RuleSet>()) {}

base::Result<Mapping> Mapping::parse(std::string_view json_text, std::string_view target_schema, bool large_objects) {
  RuleSet rules = TRY(parse_rules(json_text));
  rules.target_schema = std::string(target_schema);
  rules.large_objects = large_objects;
  Mapping mapping;
  mapping.rules_ = std::make_shared<const RuleSet>(std::move(rules));
  return mapping;
}

bool Mapping::selects(const TableName& table, bool is_view) const {
  const bool control_table = table.table.starts_with("awsdms_");
  bool included = false;
  for (const SelectionRule& rule : rules_->selections) {
    if (!locates(rule, table) || !type_fits(rule.table_type, is_view)) continue;
    if (rule.action == SelectionRule::Action::exclude) return false;
    // Control tables of this or another task are never meant by a wildcard.
    included = included || !control_table || rule.table.is_exact();
  }
  return included;
}

std::string Mapping::selection_rule(const TableName& table, bool is_view) const {
  std::string included;
  for (const SelectionRule& rule : rules_->selections) {
    if (!locates(rule, table) || !type_fits(rule.table_type, is_view)) continue;
    if (rule.action == SelectionRule::Action::exclude) return rule.id;
    if (included.empty()) included = rule.id;
  }
  return included;
}

std::vector<std::string> Mapping::remarks() const {
  std::vector<std::string> out;
  for (const KeptRule& rule : rules_->kept) out.push_back(rule.what);
  return out;
}

std::vector<std::string> Mapping::idle_rules(std::span<const TableName> tables) const {
  std::vector<std::string> idle;
  const auto note = [&](const std::string& id, std::string_view kind, const auto& matches) {
    if (std::none_of(tables.begin(), tables.end(), matches)) {
      idle.push_back(fmt::format("rule {}: this {} rule matches no selected table", id, kind));
    }
  };
  for (const SelectionRule& rule : rules_->selections) {
    if (rule.action == SelectionRule::Action::exclude) continue;
    note(rule.id, "selection", [&](const TableName& table) { return locates(rule, table); });
  }
  for (const TransformationRule& rule : rules_->transformations) {
    note(rule.id, "transformation", [&](const TableName& table) { return locates(rule, table); });
  }
  for (const TableSettingsRule& rule : rules_->table_settings) {
    note(rule.id, "table-settings", [&](const TableName& table) { return rule.table == table; });
  }
  return idle;
}

base::Result<Segments> Mapping::segments(const model::TableSchema& source, const Quote& quote_identifier,
                                         const Quote& quote_literal) const {
  for (const TableSettingsRule& rule : rules_->table_settings) {
    if (rule.table == source.name && !rule.boundaries.empty()) {
      return segments_of(rule, source, quote_identifier, quote_literal);
    }
  }
  return Segments();
}

std::int64_t Mapping::load_order(const TableName& table) const {
  const SelectionRule* rule = deciding_rule(*rules_, table);
  return rule == nullptr ? 0 : rule->load_order;
}

// Every row that any including rule selects is selected: a rule that names the table and filters it is the more
// specific one, so its filters hold although a wider rule has none.
std::span<const Filter> Mapping::filters(const TableName& table) const {
  for (const SelectionRule& rule : rules_->selections) {
    if (!rule.filters.empty() && locates(rule, table)) return rule.filters;
  }
  return {};
}

base::Result<std::string> Mapping::filter_sql(const model::TableSchema& source, const Quote& quote_identifier,
                                              const Quote& quote_literal) const {
  return mapping::filter_sql(filters(source.name), source, quote_identifier, quote_literal);
}

base::Result<TableName> Mapping::map_name(const TableName& source) const {
  TableName target = source;
  const NamedObject object{source, "", ""};
  if (const auto* rule = naming_rule(*rules_, RuleTarget::schema, source)) {
    target.schema = TRY(renamed(*rule, source.schema, object));
  } else if (!rules_->target_schema.empty()) {
    target.schema = rules_->target_schema;
  }
  if (const auto* rule = naming_rule(*rules_, RuleTarget::table, source)) {
    target.table = TRY(renamed(*rule, source.table, object));
  }
  return target;
}

base::Result<std::optional<std::string>> Mapping::map_column(const TableName& table,
                                                             const model::Column& column) const {
  std::optional<std::string> name;
  if (!keeps_column(*rules_, table, column)) return name;
  name = column.name;
  if (const TransformationRule* rule = naming_rule(*rules_, table, column)) {
    name = TRY(renamed(*rule, column.name, {table, column.name, model::type_name(column.type.type)}));
  }
  return name;
}

base::Result<MappedTable> Mapping::map(const model::TableSchema& source) const {
  return map_table(*this, *rules_, source);
}

base::Result<void> Mapping::check_collisions(std::span<const MappedTable> tables) const {
  std::map<TableName, TableName> taken;
  for (const MappedTable& table : tables) {
    const auto [other, fresh] = taken.emplace(table.target->name, table.target->source_name);
    if (!fresh) {
      return base::failed(errors::collision, "tables {} and {} would both be named {}", other->second.text(),
                          table.target->source_name.text(), table.target->name.text());
    }
  }
  return {};
}

}  // namespace mapping
