// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/comparable.h"

#include "connectors/postgres/cells.h"

namespace postgres {

using base::failed;
using base::Result;

namespace {

class OrderedReader final : public connect::OrderedReader {
 public:
  OrderedReader(Connection connection, std::string table, std::size_t columns)
      : connection_(std::move(connection)), table_(std::move(table)), columns_(columns) {}

  Result<bool> next(std::vector<std::optional<std::string>>& cells, std::stop_token stop) override {
    const std::optional<std::string_view> line = TRY(connection_.copy_out_next(stop));
    if (!line) return false;
    TRY(split_copy_text(*line, cells));
    if (cells.size() != columns_) {
      return failed(errors::protocol_broken, "table {}: a row of {} columns instead of {}", table_, cells.size(),
                    columns_);
    }
    return true;
  }

 private:
  Connection connection_;
  const std::string table_;
  const std::size_t columns_;
};

// What stands for an escaped character of COPY text; the character itself when it means nothing special.
char unescaped(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return c;
  }
}

}  // namespace

Result<void> split_copy_text(std::string_view line, std::vector<std::optional<std::string>>& cells) {
  cells.clear();
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  while (true) {
    const std::size_t end = std::min(line.find('\t'), line.size());
    const std::string_view cell = line.substr(0, end);
    if (cell == "\\N") {
      cells.emplace_back();
    } else {
      std::string& text = *cells.emplace_back(std::string());
      text.reserve(cell.size());
      for (std::size_t at = 0; at < cell.size(); ++at) {
        const bool escape = cell[at] == '\\';
        if (escape && ++at == cell.size()) {
          return failed(errors::protocol_broken, "COPY: a cell ends within an escape");
        }
        text += escape ? unescaped(cell[at]) : cell[at];
      }
    }
    if (end == line.size()) return {};
    line.remove_prefix(end + 1);
  }
}

Result<std::unique_ptr<connect::OrderedReader>> Comparable::read_ordered(const model::TableSchema& table,
                                                                         const std::vector<std::uint32_t>& columns,
                                                                         const std::vector<std::uint32_t>& order,
                                                                         const std::string& filter,
                                                                         const Expressions& expressions) {
  const auto text_of = [&](std::uint32_t column) { return quote_identifier(table.columns[column].name) + "::text"; };
  std::string selected, sorted;
  for (const std::uint32_t column : columns) {
    if (const auto own = expressions.find(column); own != expressions.end()) {
      selected += fmt::format("{}({})::text", selected.empty() ? "" : ", ", own->second);
      continue;
    }
    // Only xml's cast shows a declaration that its output function, and so every copy of it, leaves out.
    const model::Column& each = table.columns[column];
    selected +=
        (selected.empty() ? "" : ", ") + (each.type.native == "xml" ? quote_identifier(each.name) : text_of(column));
  }
  for (const std::uint32_t column : order) sorted += (sorted.empty() ? "" : ", ") + text_of(column) + " COLLATE \"C\"";
  const std::string from = (table.partitioning.empty() ? "ONLY " : "") + quoted(table.name);
  const std::string where = filter.empty() ? "" : " WHERE " + filter;
  const std::string by = sorted.empty() ? "" : " ORDER BY " + sorted;
  Connection connection = TRY(Connection::open(settings_));
  TRY(connection.copy_out("COPY (SELECT " + selected + " FROM " + from + where + by + ") TO STDOUT"));
  return std::unique_ptr<connect::OrderedReader>(
      std::make_unique<OrderedReader>(std::move(connection), table.name.text(), columns.size()));
}

}  // namespace postgres
