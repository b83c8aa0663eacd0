// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/ddl_report.h"

#include <nlohmann/json.hpp>

namespace postgres {
namespace {

using Json = nlohmann::json;

constexpr std::size_t column_members = 11;
constexpr std::int64_t column_number_max = 1600;

std::optional<std::string> text_of(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

// number, name, type, modifier, not null, generated, identity, expression, type's text, collation, filled
bool read_column(const Json& entry, DdlReport& report) {
  if (!entry.is_array() || entry.size() != column_members) return false;
  if (!entry[0].is_number_integer() || !entry[1].is_string() || !entry[2].is_number_unsigned() ||
      !entry[3].is_number_integer() || !entry[4].is_boolean() || !entry[5].is_boolean() || !entry[8].is_string()) {
    return false;
  }
  const auto number = entry[0].get<std::int64_t>();
  if (number < 1 || number > column_number_max) return false;
  model::Column column;
  column.ordinal = static_cast<std::int32_t>(number);
  column.name = column.source_name = entry[1].get<std::string>();
  column.type.native_id = entry[2].get<std::uint32_t>();
  column.type.native_modifier = static_cast<std::int32_t>(entry[3].get<std::int64_t>());
  column.type.native = entry[8].get<std::string>();
  column.nullable = !entry[4].get<bool>();
  column.generated = entry[5].get<bool>();
  const std::string identity = text_of(entry[6]).value_or("");
  if (identity == "a") column.identity = model::Identity::always;
  if (identity == "d") column.identity = model::Identity::by_default;
  (column.generated ? column.generation : column.default_expression) = text_of(entry[7]).value_or("");
  column.collation = text_of(entry[9]).value_or("");
  if (entry[10] == true) report.filled.insert(column.ordinal);
  report.columns.push_back(std::move(column));
  return true;
}

}  // namespace

std::optional<DdlReport> parse_ddl_report(std::string_view content) {
  const Json document = Json::parse(content, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto member = [&](const char* name) {
    const auto found = document.find(name);
    return found == document.end() ? Json() : *found;
  };
  DdlReport report;
  const Json oid = member("oid"), schema = member("schema"), table = member("table");
  if (!oid.is_number_unsigned() || !schema.is_string() || !table.is_string()) return std::nullopt;
  report.oid = oid.get<std::uint32_t>();
  report.name = {schema.get<std::string>(), table.get<std::string>()};
  report.dropped = member("event") == "sql_drop";
  if (report.dropped) return report;
  report.made = member("made") == true;
  report.converts = member("converts") != false;
  const Json columns = member("columns"), partitions = member("partitions");
  if (!columns.is_array() && !columns.is_null()) return std::nullopt;
  for (const Json& entry : columns) {
    if (!read_column(entry, report)) return std::nullopt;
  }
  if (!partitions.is_array()) return report;
  report.partitions.emplace();
  for (const Json& entry : partitions) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string()) return std::nullopt;
    report.partitions->insert({entry[0].get<std::string>(), entry[1].get<std::string>()});
  }
  return report;
}

}  // namespace postgres
