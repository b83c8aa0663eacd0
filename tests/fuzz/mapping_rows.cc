// SPDX-License-Identifier: Apache-2.0
//
// Filters and expressions over hostile values. Lines of the input:
//   0  number of a column, a blank, a filter operator      3  an expression
//   1  the filter's value, or its lower end                4.. one cell a column
//   2  its upper end
// A canonical cell and its native text must be judged alike, and the mapped row must have a cell for each column.
#include <array>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "mapping/mapping.h"
#include "mapping/transform.h"
#include "model/cell_text.h"

namespace {

using model::Type;
using nlohmann::json;

constexpr std::array types{Type::int4, Type::int8, Type::uint8,    Type::numeric, Type::real4,  Type::real8,
                           Type::date, Type::time, Type::datetime, Type::string,  Type::boolean};

std::shared_ptr<const model::TableSchema> table() {
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = schema->source_name = {"s", "t"};
  for (std::size_t i = 0; i < types.size(); ++i) {
    model::Column column;
    column.name = "c" + std::to_string(i);
    column.type.type = types[i];
    column.ordinal = static_cast<std::int32_t>(i) + 1;
    schema->columns.push_back(column);
  }
  schema->primary_key = {0};
  schema->old_image = model::OldImage::full;
  return schema;
}

std::string rules(const std::array<std::string, 4>& lines) {
  const std::size_t blank = std::min(lines[0].find(' '), lines[0].size());
  const std::string op = blank < lines[0].size() ? lines[0].substr(blank + 1) : "eq";
  json condition{{"filter-operator", op}};
  const bool is_range = op == "between" || op == "notbetween";
  if (is_range) condition["end-value"] = lines[2];
  condition[is_range ? "start-value" : "value"] = lines[1];
  json filter{{"filter-type", "source"}, {"column-name", "c" + lines[0].substr(0, blank)}};
  filter["filter-conditions"] = json::array({condition});
  const json locator{{"schema-name", "s"}, {"table-name", "t"}};
  json selection{{"rule-type", "selection"}, {"rule-id", "1"}, {"rule-action", "include"}, {"object-locator", locator}};
  selection["filters"] = json::array({filter});
  json added{{"rule-type", "transformation"}, {"rule-id", "2"}, {"rule-action", "add-column"}};
  added["rule-target"] = "column";
  added["object-locator"] = locator;
  added["value"] = "added";
  added["expression"] = lines[3];
  added["data-type"] = {{"type", "string"}};
  json all = json::array({selection});
  if (!lines[3].empty()) all.push_back(added);
  return json{{"rules", all}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

void add_cell(model::ChangeBatch& batch, std::string_view bytes) {
  model::Cell cell;
  cell.state = model::CellState::value;
  cell.offset = batch.bytes.size();
  cell.size = static_cast<std::uint32_t>(bytes.size());
  batch.bytes.append(bytes);
  batch.cells.push_back(cell);
}

// The same row twice: canonical, and as text.
void add_row(const std::vector<std::string>& given, const model::TableSchemaPtr& source, model::ChangeBatch& canonical,
             model::ChangeBatch& native) {
  canonical.table_index(source, model::CellForm::canonical);
  native.table_index(source, model::CellForm::native);
  for (std::size_t i = 0; i < types.size(); ++i) {
    std::string cell = i < given.size() ? given[i] : "";
    if (model::is_fixed(types[i]) || model::is_real(types[i])) cell.resize(8, '\0');
    if (types[i] == Type::real4) {  // what a source can send
      const double value = static_cast<float>(model::load_real(cell));
      std::memcpy(cell.data(), &value, sizeof value);
    }
    if (types[i] == Type::boolean) cell = std::string(1, static_cast<char>(cell[0] & 1)) + std::string(7, '\0');
    add_cell(canonical, cell);
    add_cell(native, model::cell_text(types[i], cell));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::array<std::string, 4> lines;
  std::vector<std::string> cells;
  for (std::size_t line = 0; !input.empty(); ++line) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    if (line < lines.size()) {
      lines[line] = input.substr(0, end);
    } else {
      cells.emplace_back(input.substr(0, end));
    }
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  const auto mapping = mapping::Mapping::parse(rules(lines));
  if (!mapping.ok()) return 0;
  const model::TableSchemaPtr source = table();
  const auto filter = mapping->table_filter(*source, [](const model::TableSchema&, const model::Column& column) {
    return model::plain_comparison(column.type.type);
  });
  model::ChangeBatch canonical, native;
  add_row(cells, source, canonical, native);
  if (filter.ok()) {
    using Verdict = mapping::TableFilter::Verdict;
    (void)filter->sql([](std::string_view text) { return std::string(text); },
                      [](std::string_view text) { return std::string(text); });
    const Verdict one = filter->judge(canonical, 0, model::CellForm::canonical);
    const Verdict other = filter->judge(native, 0, model::CellForm::native);
    if (one != other && one != Verdict::unknown && other != Verdict::unknown) __builtin_trap();
  }
  const auto mapped = mapping->map(*source);
  if (!mapped.ok() || !mapped->computes) return 0;
  auto transform = mapping::RowTransform::open(*source, *mapped, nullptr);
  if (!transform.ok()) return 0;
  model::Change change;
  change.op = model::Op::insert;
  change.table = 0;
  change.new_count = static_cast<std::uint32_t>(types.size());
  if (!(*transform)->change(canonical, change).ok()) return 0;
  if (change.new_count != types.size() + 1) __builtin_trap();
  return 0;
}
