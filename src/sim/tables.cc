// SPDX-License-Identifier: Apache-2.0
#include "sim/tables.h"

namespace sim {
namespace {

constexpr std::int64_t highest_id = 39;  // of about eighty

// As the mapping writes them; one condition each.
std::string filter_text(const TablePlan& table) {
  const auto text = [](const char* column, const std::string& condition) {
    return fmt::format(
        R"(,"filters":[{{"filter-type":"source","column-name":"{}","filter-conditions":[{{"filter-operator":{}}}]}}])",
        column, condition);
  };
  switch (table.kind) {
    case TableKind::two_keys: return text("second", R"("gte","value":"1")");
    case TableKind::whole_image: return text("single", R"("notnull")");
    case TableKind::no_key: return text("second", R"("noteq","value":"1")");
    default: return text("id", fmt::format(R"("lte","value":"{}")", highest_id));
  }
}

}  // namespace

RowFilter row_filter(const TablePlan& table) {
  if (!table.is_filtered) return {};
  const auto number = [](const Row& row, std::size_t place) { return model::load_fixed(*row[place]); };
  switch (table.kind) {
    case TableKind::two_keys: return [number](const Row& row) { return number(row, place::second) >= 1; };
    case TableKind::whole_image: return [](const Row& row) { return row[place::single].has_value(); };
    case TableKind::no_key: return [number](const Row& row) { return number(row, place::second) != 1; };
    default: return [number](const Row& row) { return number(row, place::id) <= highest_id; };
  }
}

bool may_lack_values(const TablePlan& table) {
  return table.is_filtered && table.schema->old_image == model::OldImage::key;
}

std::string mapping_document(const RunPlan& plan, std::int64_t left_out) {
  std::string rules;
  for (std::size_t i = 0; i < plan.tables.size(); ++i) {
    const TablePlan& table = plan.tables[i];
    const bool is_alone = table.kind != TableKind::bank && table.parent < 0 && children_of(plan, table).empty();
    if (is_alone && std::int64_t(i) == left_out && plan.tables.size() > 1) continue;
    rules += fmt::format(R"({}{{"rule-type":"selection","rule-id":"{}","rule-name":"{}","rule-action":"include",)"
                         R"("object-locator":{{"schema-name":"{}","table-name":"{}"}}{}}})",
                         rules.empty() ? "" : ",", i + 1, i + 1, table.schema->name.schema, table.schema->name.table,
                         table.is_filtered ? filter_text(table) : "");
  }
  return fmt::format(R"({{"rules":[{}]}})", rules);
}

std::vector<const TablePlan*> children_of(const RunPlan& plan, const TablePlan& parent) {
  std::vector<const TablePlan*> children;
  for (const TablePlan& table : plan.tables) {
    if (table.parent >= 0 && &plan.tables[std::size_t(table.parent)] == &parent) children.push_back(&table);
  }
  return children;
}

}  // namespace sim
