// SPDX-License-Identifier: Apache-2.0
//
// Selection, and the ways into the rest: table_mapper.h decides transformations, segments.h cuts tables.
#include "mapping/mapping.h"

#include <algorithm>
#include <map>

#include "mapping/rules.h"
#include "mapping/segments.h"
#include "mapping/sha256.h"
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

bool Mapping::selects(const TableName& table, bool is_view) const { return selection(table, is_view).selected; }

Selection Mapping::selection(const TableName& table, bool is_view) const {
  Selection out;
  const bool control_table = table.table.starts_with("awsdms_");
  const SelectionRule* other_type = nullptr;
  for (const SelectionRule& rule : rules_->selections) {
    if (!locates(rule, table)) continue;
    if (!type_fits(rule.table_type, is_view)) {
      if (rule.action != SelectionRule::Action::exclude) other_type = &rule;
      continue;
    }
    if (rule.action == SelectionRule::Action::exclude) return {false, rule.id, "it is excluded", ""};
    // Control tables of this or another task are never meant by a wildcard.
    const bool counts = !control_table || rule.table.is_exact();
    if (counts && !out.selected) out = {true, rule.id, "", out.filter_rule};
    if (counts && !rule.filters.empty() && out.filter_rule.empty()) out.filter_rule = rule.id;
    if (!counts && out.rule_id.empty()) out = {false, rule.id, "control tables are only meant by their whole name", ""};
  }
  if (out.selected || !out.rule_id.empty()) return out;
  if (other_type == nullptr) return {false, "", "no rule includes it", ""};
  return {false, other_type->id,
          is_view ? "the rule's table-type means tables only" : "the rule's table-type means views only", ""};
}

std::string Mapping::rules_hash(const TableName& source) const {
  std::string text = fmt::format("{}|{}|", rules_->target_schema, rules_->large_objects);
  if (const auto limit = lob_limit(source)) text += fmt::format("{}|", *limit);
  const std::string filters = selection(source, false).filter_rule;
  for (const SelectionRule& rule : rules_->selections) {
    if (!filters.empty() && rule.id == filters) text += rule.text;
  }
  for (const TransformationRule& rule : rules_->transformations) {
    if (mapping::locates(rule, source)) text += rule.text;
  }
  return sha256_hex(text);
}

std::vector<std::string> Mapping::foreign_rules() const {
  std::vector<std::string> out;
  for (const ObjectMappingRule& rule : rules_->object_mappings) {
    out.push_back(fmt::format("rule {}: object-mapping is for streaming targets (Kinesis, Kafka, DynamoDB)", rule.id));
  }
  return out;
}

std::vector<std::string> Mapping::idle_rules(std::span<const model::TableSchemaPtr> tables,
                                             std::span<const TableName> listed) const {
  std::vector<std::string> idle;
  const auto matches_table = [&](const auto& rule) {
    return std::any_of(tables.begin(), tables.end(), [&](const auto& table) { return locates(rule, table->name); });
  };
  for (const SelectionRule& rule : rules_->selections) {
    const bool excludes = rule.action == SelectionRule::Action::exclude;
    const bool matches = excludes ? std::any_of(listed.begin(), listed.end(),
                                                [&](const TableName& table) { return locates(rule, table); })
                                  : matches_table(rule);
    if (matches) continue;
    idle.push_back(
        fmt::format("rule {}: this selection rule matches no {}table", rule.id, excludes ? "" : "selected "));
  }
  for (const TransformationRule& rule : rules_->transformations) {
    if (!matches_table(rule)) {
      idle.push_back(fmt::format("rule {}: this transformation rule matches no selected table", rule.id));
      continue;
    }
    const bool is_of_columns = rule.target == RuleTarget::column && rule.action != RuleAction::add_column &&
                               rule.action != RuleAction::add_before_image_columns;
    const auto has_column = [&](const model::TableSchemaPtr& table) {
      return std::any_of(table->columns.begin(), table->columns.end(),
                         [&](const model::Column& column) { return locates(rule, table->name, column); });
    };
    if (is_of_columns && std::none_of(tables.begin(), tables.end(), has_column)) {
      idle.push_back(fmt::format("rule {}: this transformation rule matches no column of a selected table", rule.id));
    }
  }
  for (const TableSettingsRule& rule : rules_->table_settings) {
    const bool matches =
        std::any_of(tables.begin(), tables.end(), [&](const auto& table) { return rule.table == table->name; });
    if (!matches) idle.push_back(fmt::format("rule {}: this table-settings rule matches no selected table", rule.id));
  }
  const auto matches_any = [&](const auto& rule) {
    return std::any_of(tables.begin(), tables.end(), [&](const auto& table) {
      return rule.schema.matches(table->name.schema) && rule.table.matches(table->name.table);
    });
  };
  for (const TagRule& rule : rules_->tags) {
    if (!matches_any(rule))
      idle.push_back(fmt::format("rule {}: this add-tag rule matches no selected table", rule.id));
  }
  for (const ValidationRule& rule : rules_->validations) {
    const bool matches = std::any_of(tables.begin(), tables.end(), [&](const model::TableSchemaPtr& table) {
      return rule.schema.matches(table->name.schema) && rule.table.matches(table->name.table) &&
             std::any_of(table->columns.begin(), table->columns.end(),
                         [&](const model::Column& column) { return rule.column.matches(column.name); });
    });
    if (!matches) idle.push_back(fmt::format("rule {}: this validation rule matches no column", rule.id));
  }
  return idle;
}

base::Result<Segments> Mapping::segments(const model::TableSchema& source, const Dialect& dialect) const {
  for (const TableSettingsRule& rule : rules_->table_settings) {
    if (rule.table != source.name) continue;
    TRY(check_partitions(rule, source));
    if (!rule.boundaries.empty()) return segments_of(rule, source, dialect);
  }
  return Segments();
}

std::optional<std::uint64_t> Mapping::lob_limit(const TableName& source) const {
  for (const TableSettingsRule& rule : rules_->table_settings) {
    if (rule.table == source && rule.lob_limit) return rule.lob_limit;
  }
  return std::nullopt;
}

bool Mapping::limits_lobs() const {
  const auto& all = rules_->table_settings;
  return std::any_of(all.begin(), all.end(), [](const auto& rule) { return rule.lob_limit.value_or(0) != 0; });
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

base::Result<TableFilter> Mapping::table_filter(const model::TableSchema& source,
                                                const Comparisons& comparisons) const {
  return TableFilter::compile(filters(source.name), source, comparisons);
}

base::Result<TableName> Mapping::map_name(const TableName& source) const {
  TableName target = source;
  NameMaker names;
  const NamedObject object{source, "", ""};
  if (const auto* rule = naming_rule(*rules_, RuleTarget::schema, source)) {
    target.schema = TRY(names.renamed(*rule, source.schema, object));
  } else if (!rules_->target_schema.empty()) {
    target.schema = rules_->target_schema;
  }
  if (const auto* rule = naming_rule(*rules_, RuleTarget::table, source)) {
    target.table = TRY(names.renamed(*rule, source.table, object));
  }
  return target;
}

base::Result<std::optional<std::string>> Mapping::map_column(const TableName& table,
                                                             const model::Column& column) const {
  std::optional<std::string> name;
  if (!keeps_column(*rules_, table, column)) return name;
  name = column.name;
  if (const TransformationRule* rule = naming_rule(*rules_, table, column)) {
    name = TRY(NameMaker().renamed(*rule, column.name, {table, column.name, model::type_name(column.type.type)}));
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
