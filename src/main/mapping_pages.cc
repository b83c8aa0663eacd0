// SPDX-License-Identifier: Apache-2.0
#include "main/mapping_pages.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "main/table_text.h"

namespace main_program {
namespace {

using base::printable;
using engine::ExplainedTable;
using mapping::ColumnSource;
using nlohmann::ordered_json;

constexpr std::size_t name_length_max = 200;

std::string_view how_text(const ColumnSource& origin) {
  switch (origin.kind) {
    case ColumnSource::Kind::copied: return origin.mask == ColumnSource::Mask::none ? "copied" : "masked";
    case ColumnSource::Kind::converted: return origin.mask == ColumnSource::Mask::none ? "converted" : "masked";
    case ColumnSource::Kind::computed: return "computed";
    case ColumnSource::Kind::before_image: return "value before";
  }
  return "";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string source_column(const engine::PlannedTable& table, std::size_t target_column) {
  const std::uint32_t from = table.mapped.sources[target_column].column;
  return from == mapping::no_column ? "" : table.source->columns[from].name;
}

// Columns of the source that nothing on the target comes from.
std::vector<std::string> left_columns(const engine::PlannedTable& table) {
  std::vector<std::string> left;
  for (std::uint32_t i = 0; i < table.source->columns.size(); ++i) {
    bool is_used = false;
    for (const std::uint32_t used : table.mapped.columns) is_used = is_used || used == i;
    if (!is_used) left.push_back(table.source->columns[i].name);
  }
  return left;
}

std::string rules_text(const ExplainedTable& table) {
  const mapping::MappedTable& mapped = table.plan->mapped;
  std::string out = "selected by rule " + table.selection.rule_id;
  if (!table.selection.filter_rule.empty()) out += ", filtered by rule " + table.selection.filter_rule;
  if (!mapped.schema_rule.empty()) out += ", schema named by rule " + mapped.schema_rule;
  if (!mapped.table_rule.empty()) out += ", table named by rule " + mapped.table_rule;
  if (!table.plan->segments.rule_id.empty()) out += ", cut by rule " + table.plan->segments.rule_id;
  return out;
}

std::string table_text(const ExplainedTable& table) {
  const std::string name = printable(table.name.text(), name_length_max);
  if (!table.selection.selected) {
    const std::string rule = table.selection.rule_id.empty() ? "" : " (rule " + table.selection.rule_id + ")";
    return fmt::format("{} {}: not selected: {}{}\n", table.kind, name, table.selection.why_not, rule);
  }
  std::string out;
  if (!table.plan) {
    out = fmt::format("{} {}: selected by rule {}\n", table.kind, name, table.selection.rule_id);
  } else {
    const engine::PlannedTable& plan = *table.plan;
    out = fmt::format("{} {} -> {}\n  {}\n", table.kind, name,
                      printable(plan.mapped.target->name.text(), name_length_max), rules_text(table));
    if (plan.load_order != 0) out += fmt::format("  load-order {}\n", plan.load_order);
    TableText columns({"column", "becomes", "type", "how", "rules"});
    for (std::size_t i = 0; i < plan.mapped.target->columns.size(); ++i) {
      const model::Column& column = plan.mapped.target->columns[i];
      const ColumnSource& origin = plan.mapped.sources[i];
      columns.add({source_column(plan, i), column.name,
                   origin.is_as_read() && !column.type.native.empty() ? column.type.native
                                                                      : std::string(model::type_name(column.type.type)),
                   std::string(how_text(origin)), joined(origin.rule_ids)});
    }
    out += columns.text(4);
    if (const auto left = left_columns(plan); !left.empty()) out += "  left out: column " + joined(left) + "\n";
  }
  for (const std::string& statement : table.sql) out += "  sends " + statement + "\n";
  for (const std::string& note : table.notes) out += "  left out: " + printable(note, 300) + "\n";
  for (const std::string& problem : table.problems) out += "  refused: " + problem + "\n";
  return out;
}

ordered_json table_json(const ExplainedTable& table) {
  ordered_json out{{"schema-name", table.name.schema}, {"table-name", table.name.table}, {"kind", table.kind}};
  out["selected"] = table.selection.selected;
  if (!table.selection.rule_id.empty()) out["selection-rule"] = table.selection.rule_id;
  if (!table.selection.why_not.empty()) out["reason"] = table.selection.why_not;
  if (table.plan) {
    const engine::PlannedTable& plan = *table.plan;
    const mapping::MappedTable& mapped = plan.mapped;
    out["target"] = {{"schema-name", mapped.target->name.schema}, {"table-name", mapped.target->name.table}};
    if (!mapped.schema_rule.empty()) out["schema-rule"] = mapped.schema_rule;
    if (!mapped.table_rule.empty()) out["table-rule"] = mapped.table_rule;
    if (!table.selection.filter_rule.empty()) out["filter-rule"] = table.selection.filter_rule;
    if (!plan.segments.rule_id.empty()) out["segments-rule"] = plan.segments.rule_id;
    if (plan.load_order != 0) out["load-order"] = plan.load_order;
    out["columns"] = ordered_json::array();
    for (std::size_t i = 0; i < mapped.target->columns.size(); ++i) {
      ordered_json column{{"name", mapped.target->columns[i].name}, {"how", how_text(mapped.sources[i])}};
      if (const std::string from = source_column(plan, i); !from.empty()) column["source"] = from;
      column["type"] = model::type_name(mapped.target->columns[i].type.type);
      column["rules"] = mapped.sources[i].rule_ids;
      out["columns"].push_back(std::move(column));
    }
    out["columns-left-out"] = left_columns(plan);
  }
  out["sql"] = table.sql;
  if (!table.notes.empty()) out["left-out"] = table.notes;
  if (!table.problems.empty()) out["refused"] = table.problems;
  return out;
}

}  // namespace

std::string explained_text(const engine::ExplainedMapping& explained) {
  std::string out;
  for (const ExplainedTable& table : explained.tables) out += table_text(table);
  for (const std::string& note : explained.notes) out += "note: " + printable(note, 300) + "\n";
  return out.empty() ? "the source has no tables\n" : out;
}

std::string explained_json(const engine::ExplainedMapping& explained) {
  ordered_json out{{"tables", ordered_json::array()}, {"notes", explained.notes}};
  for (const ExplainedTable& table : explained.tables) out["tables"].push_back(table_json(table));
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace main_program
