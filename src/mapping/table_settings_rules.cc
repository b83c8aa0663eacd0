// SPDX-License-Identifier: Apache-2.0
//
// Reads table-settings rules.
#include <algorithm>

#include "mapping/rule_text.h"

namespace mapping {
namespace {

using base::printable;
using nlohmann::json;

constexpr std::size_t range_columns_max = 10;
constexpr std::size_t boundaries_max = 1000;

base::Result<std::vector<std::string>> texts_of(const RuleText& rule, const json* array, const std::string& place) {
  std::vector<std::string> texts;
  if (array == nullptr || !array->is_array() || array->empty()) {
    return rule.bad("{} must be an array that is not empty", place);
  }
  for (const json& entry : *array) {
    if (!entry.is_string() && !entry.is_number_integer()) return rule.bad("{} must hold strings", place);
    texts.push_back(entry.is_string() ? entry.get<std::string>() : entry.dump());
  }
  return texts;
}

base::Result<void> parse_ranges(const RuleText& rule, const json& load, TableSettingsRule& out) {
  out.range_columns = TRY(texts_of(rule, find(load, "columns"), "parallel-load.columns"));
  if (out.range_columns.size() > range_columns_max) {
    return rule.bad("parallel-load.columns names more than {} columns", range_columns_max);
  }
  const json* boundaries = find(load, "boundaries");
  if (boundaries == nullptr || !boundaries->is_array() || boundaries->empty() || boundaries->size() > boundaries_max) {
    return rule.bad("parallel-load.boundaries must be an array of 1 to {} arrays", boundaries_max);
  }
  for (std::size_t i = 0; i < boundaries->size(); ++i) {
    const std::string place = fmt::format("parallel-load.boundaries[{}]", i);
    out.boundaries.push_back(TRY(texts_of(rule, &(*boundaries)[i], place)));
    if (out.boundaries.back().size() != out.range_columns.size()) {
      return rule.bad("{} has {} values for {} columns", place, out.boundaries.back().size(), out.range_columns.size());
    }
  }
  return {};
}

// All partitions are loaded, those that are not listed too: the stream brings their rows anyway.
base::Result<void> parse_partitions(const RuleText& rule, const json& load, TableSettingsRule& out) {
  if (find(load, "subpartitions") != nullptr) return rule.later("parallel-load.subpartitions (Oracle)");
  out.partitions = TRY(texts_of(rule, find(load, "partitions"), "parallel-load.partitions"));
  for (auto name = out.partitions.begin(); name != out.partitions.end(); ++name) {
    if (std::find(out.partitions.begin(), name, *name) == name) continue;
    return rule.bad("parallel-load.partitions names {} twice", printable(*name));
  }
  return {};
}

base::Result<void> parse_parallel_load(const RuleText& rule, TableSettingsRule& out) {
  const json* load = find(rule.members, "parallel-load");
  if (load == nullptr) return {};
  if (!load->is_object()) return rule.bad("parallel-load must be an object");
  TRY(only_members(rule, *load, "parallel-load.",
                   {"type", "partitions", "subpartitions", "columns", "boundaries", "number-of-partitions",
                    "collection-count-from-metadata", "max-records-skip-per-page", "batch-size"}));
  const std::string type = TRY(text_of(rule, *load, "type", "parallel-load.", true));
  const bool list = type == "partitions-list";
  if ((find(*load, "partitions") != nullptr || find(*load, "subpartitions") != nullptr) && !list) {
    return rule.bad("parallel-load.partitions goes with type partitions-list only");
  }
  if ((find(*load, "columns") != nullptr || find(*load, "boundaries") != nullptr) && type != "ranges") {
    return rule.bad("parallel-load.columns and boundaries go with type ranges only");
  }
  for (const char* member :
       {"number-of-partitions", "collection-count-from-metadata", "max-records-skip-per-page", "batch-size"}) {
    if (find(*load, member) != nullptr) return rule.later("parallel-load." + std::string(member) + " (MongoDB)");
  }
  if (list) return parse_partitions(rule, *load, out);
  if (type == "subpartitions-auto") return rule.later("parallel-load.type subpartitions-auto (Oracle)");
  if (type == "ranges") return parse_ranges(rule, *load, out);
  if (type != "partitions-auto" && type != "none") {
    return rule.bad(
        "parallel-load.type \"{}\" is not one of partitions-auto, subpartitions-auto, partitions-list, ranges, none",
        printable(type));
  }
  return {};
}

// For one table in place of TargetMetadata's. Sizes are in KB; without one a limited mode is the task's.
base::Result<void> parse_lob_settings(const RuleText& rule, TableSettingsRule& out) {
  constexpr std::uint64_t kilobyte = 1024;
  const json* lob = find(rule.members, "lob-settings");
  if (lob == nullptr) return {};
  if (!lob->is_object()) return rule.bad("lob-settings must be an object");
  TRY(only_members(rule, *lob, "lob-settings.", {"mode", "bulk-max-size"}));
  const std::string mode = TRY(text_of(rule, *lob, "mode", "lob-settings.", false));
  if (!mode.empty() && mode != "limited" && mode != "unlimited" && mode != "none") {
    return rule.bad("lob-settings.mode \"{}\" is not one of limited, unlimited, none", printable(mode));
  }
  const std::string text = TRY(text_of(rule, *lob, "bulk-max-size", "lob-settings.", false));
  std::optional<std::uint64_t> size;
  if (!text.empty()) size = TRY(number_of(rule, text, "lob-settings.bulk-max-size", 2147483647));
  if (mode == "unlimited") out.lob_limit = 0;
  if (mode == "unlimited" || mode == "none" || !size) return {};
  if (*size == 0) return rule.bad("lob-settings.bulk-max-size 0 leaves nothing of a value in mode limited");
  out.lob_limit = *size * kilobyte;
  return {};
}

}  // namespace

base::Result<TableSettingsRule> parse_table_settings(const RuleText& rule) {
  TRY(only_members(rule, rule.members, "",
                   {"rule-type", "rule-id", "rule-name", "rule-action", "object-locator", "parallel-load",
                    "lob-settings", "batch-split-size"}));
  TableSettingsRule out;
  out.id = rule.id;
  const json* locator = TRY(locator_of(rule));
  TRY(only_members(rule, *locator, "object-locator.", {"schema-name", "table-name"}));
  out.table = TRY(exact_table(rule, *locator));
  TRY(parse_parallel_load(rule, out));
  TRY(parse_lob_settings(rule, out));
  const std::string split = TRY(text_of(rule, rule.members, "batch-split-size", "", false));
  if (!split.empty()) TRY(number_of(rule, split, "batch-split-size", 2147483647));
  return out;
}

}  // namespace mapping
