// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/comparable.h"

#include "connectors/mysql/chunk_reader.h"
#include "connectors/mysql/describe.h"
#include "connectors/mysql/target_errors.h"
#include "connectors/mysql/types.h"
#include "connectors/mysql/value_text.h"
#include "model/cell_text.h"

namespace mysql {
namespace {

using base::Result;

constexpr const char* sort_settings = "SET SESSION max_sort_length = 16384, sort_buffer_size = 67108864";

// What a column's text becomes before it is told.
struct Field {
  bool is_canonical = false;
  NativeType native;
  model::Type type = model::Type::string;

  std::string text(std::string_view given) const;
};

std::string Field::text(std::string_view given) const {
  if (!is_canonical) return std::string(given);
  if (type == model::Type::time) {
    std::string_view time = given;
    if (time.find('.') != std::string_view::npos) {
      while (time.ends_with('0')) time.remove_suffix(1);
      if (time.ends_with('.')) time.remove_suffix(1);
    }
    return std::string(time);
  }
  std::string cell;
  if (canonical_cell(native, type, given, {}, cell) != Converted::value) return std::string(given);
  return model::cell_text(type, cell);
}

class OrderedReader final : public connect::OrderedReader {
 public:
  OrderedReader(Connection connection, std::vector<Field> fields)
      : connection_(std::move(connection)), fields_(std::move(fields)) {}
  ~OrderedReader() override { connection_.cancel(); }  // what has not been read must not be waited for

  Result<bool> next(std::vector<std::optional<std::string>>& cells, std::stop_token stop) override {
    const std::optional<RowView> row = TRY(connection_.next_row(std::move(stop)));
    if (!row) return false;
    cells.clear();
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      cells.push_back(row->null_at(i) ? std::nullopt : std::optional(fields_[i].text(row->at(i))));
    }
    return true;
  }

 private:
  Connection connection_;
  const std::vector<Field> fields_;
};

// The bytes of the native text, for ORDER BY.
std::string sort_text(const model::Column& column, const NativeType& native) {
  const std::string name = quote_identifier(column.name);
  switch (native.kind) {
    case Kind::bit: return name;  // numbers of one width
    case Kind::binary:
    case Kind::blob: return name;
    case Kind::geometry:
    case Kind::vector: return "HEX(" + name + ")";
    default: return fmt::format("CAST(CONVERT({} USING utf8mb4) AS BINARY)", select_expression(column));
  }
}

}  // namespace

Result<std::unique_ptr<connect::OrderedReader>> Comparable::read_ordered(const model::TableSchema& table,
                                                                         const std::vector<std::uint32_t>& columns,
                                                                         const std::vector<std::uint32_t>& order,
                                                                         const std::string& filter,
                                                                         const Expressions& expressions) {
  Connection connection = TRY(Connection::open(settings_));
  const std::vector<model::TableSchemaPtr> found = TRY(describe_tables(connection, {table.name}));
  if (found.empty()) return base::failed(target_errors::missing_object, "table {}", table.name.text());
  const auto there = [&](std::uint32_t column) -> Result<model::Column> {
    const std::string& name = table.columns[column].name;
    const auto index = found.front()->find_column(name);
    if (!index) return base::failed(target_errors::missing_object, "table {}: column {}", table.name.text(), name);
    return found.front()->columns[*index];
  };
  std::vector<Field> fields;
  std::string selected, sorted;
  for (const std::uint32_t index : columns) {
    const model::Column column = TRY(there(index));
    const auto own = expressions.find(index);
    selected += selected.empty() ? "" : ", ";
    selected += own != expressions.end() ? "(" + own->second + ")" : select_expression(column);
    const bool is_canonical = table.family != family_name && own == expressions.end();
    fields.push_back(
        {is_canonical, TRY(parse_type(column.type.native, column.collation)), table.columns[index].type.type});
  }
  for (const std::uint32_t index : order) {
    const model::Column column = TRY(there(index));
    const std::string text = sort_text(column, TRY(parse_type(column.type.native, column.collation)));
    if (column.nullable)
      sorted += fmt::format("{}{} IS NULL", sorted.empty() ? "" : ", ", quote_identifier(column.name));
    sorted += (sorted.empty() ? "" : ", ") + text;
  }
  TRY(connection.execute(sort_settings));
  TRY(connection.open_rows(
      fmt::format("SELECT {} FROM {}{}{}", selected, quote_name(table.name.schema, table.name.table),
                  filter.empty() ? "" : " WHERE " + filter, sorted.empty() ? "" : " ORDER BY " + sorted)));
  return std::unique_ptr<connect::OrderedReader>(
      std::make_unique<OrderedReader>(std::move(connection), std::move(fields)));
}

}  // namespace mysql
