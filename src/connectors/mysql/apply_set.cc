// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/apply_set.h"

#include <algorithm>

namespace mysql {
namespace {

using model::Cell;
using model::CellState;

}  // namespace

std::string_view SetWriter::text(std::uint32_t place, const Cell& cell) {
  if (form_ != model::CellForm::canonical) return batch_.cell_bytes(cell);
  return native_text(to_.columns[place], batch_.cell_bytes(cell), scratch_);
}

void SetWriter::append_value(std::string& sql, std::uint32_t place, const Cell& cell) {
  if (cell.state == CellState::value) {
    append_literal(sql, to_.columns[place], text(place, cell));
  } else {
    sql += "NULL";
  }
}

std::string SetWriter::literal(std::uint32_t place, const Cell& cell) {
  std::string sql;
  append_value(sql, place, cell);
  return sql;
}

void SetWriter::append_row(std::string& sql, const Cell* cells) {
  sql += '(';
  for (std::uint32_t place = 0; place < to_.columns.size(); ++place) {
    if (place > 0) sql += ',';
    append_value(sql, place, cells[place]);
  }
  sql += ')';
}

// By the key where there is one.
void SetWriter::append_match(std::string& sql, const Cell* cells) {
  bool first = true;
  const auto add = [&](std::uint32_t place) {
    if (!first) sql += " AND ";
    first = false;
    if (cells[place].state == CellState::value) {
      append_exact_match(sql, to_.columns[place], text(place, cells[place]));
    } else {
      append_null_match(sql, to_.columns[place]);
    }
  };
  if (to_.key.empty()) {
    for (std::uint32_t place = 0; place < to_.columns.size(); ++place) add(place);
  } else {
    for (const std::uint32_t place : to_.key) add(place);
  }
}

std::string SetWriter::insert_head() const {
  std::string names;
  for (const std::string& name : to_.names) names += (names.empty() ? "" : ",") + name;
  return fmt::format("INSERT INTO {} ({}) VALUES ", to_.table, names);
}

// Values of whole rows (or of their keys alone) between head and tail.
std::vector<Statement> SetWriter::sliced(const std::string& head, const std::string& tail,
                                         const std::vector<NetRow>& rows, bool keys) {
  std::vector<Statement> statements;
  std::size_t first = 0;
  while (first < rows.size()) {
    Statement statement{head, 0, false};
    for (; first < rows.size(); ++first) {
      const std::size_t before = statement.sql.size();
      if (statement.rows > 0) statement.sql += ',';
      if (!keys) {
        append_row(statement.sql, rows[first].cells);
      } else {
        statement.sql += '(';
        for (std::size_t i = 0; i < to_.key.size(); ++i) {
          if (i > 0) statement.sql += ',';
          append_value(statement.sql, to_.key[i], rows[first].key[to_.key[i]]);
        }
        statement.sql += ')';
      }
      const bool is_full =
          statement.sql.size() + tail.size() > statement_bytes_ || statement.rows == statement_rows_max;
      if (is_full && statement.rows > 0) {
        statement.sql.resize(before);
        break;
      }
      ++statement.rows;
    }
    statement.sql += tail;
    statements.push_back(std::move(statement));
  }
  return statements;
}

std::vector<Statement> SetWriter::removes(const std::vector<NetRow>& rows) {
  std::vector<Statement> statements;
  if (!to_.exact_key) {
    for (const NetRow& row : rows) statements.push_back({remove_row(row), 1, false});
    return statements;
  }
  std::string key;
  for (const std::uint32_t place : to_.key) key += (key.empty() ? "" : ",") + to_.names[place];
  return sliced(fmt::format("DELETE FROM {} WHERE ({}) IN (", to_.table, key), ")", rows, true);
}

std::vector<Statement> SetWriter::inserts(const std::vector<NetRow>& rows) {
  return sliced(insert_head(), "", rows, false);
}

std::vector<Statement> SetWriter::updates(const std::vector<bool>& mask, const std::vector<NetRow>& rows) {
  const bool is_whole = std::find(mask.begin(), mask.end(), false) == mask.end();
  if (!to_.upserts || !is_whole || rows.size() < 2) {
    std::vector<Statement> statements;
    for (const NetRow& row : rows) {
      std::string sql = update_row(mask, row, false);
      if (!sql.empty()) statements.push_back({std::move(sql), 1, false});
    }
    return statements;
  }
  std::string set;
  for (std::uint32_t place = 0; place < to_.columns.size(); ++place) {
    if (std::find(to_.key.begin(), to_.key.end(), place) != to_.key.end()) continue;
    const std::string& name = to_.names[place];
    set += fmt::format("{}{} = {}", set.empty() ? "" : ", ", name, is_mariadb_ ? "VALUES(" + name + ")" : "v." + name);
  }
  if (set.empty()) return {};
  const std::string tail = fmt::format("{} ON DUPLICATE KEY UPDATE {}", is_mariadb_ ? "" : " AS v", set);
  std::vector<Statement> statements = sliced(insert_head(), tail, rows, false);
  std::size_t row = 0;
  for (Statement& statement : statements) {
    // The server tells how many rows were there only of several.
    if (statement.rows == 1) {
      statement.sql = update_row(mask, rows[row], false);
    } else {
      statement.upsert = true;
    }
    row += statement.rows;
  }
  return statements;
}

std::string SetWriter::remove_row(const NetRow& row) {
  std::string sql = fmt::format("DELETE FROM {} WHERE ", to_.table);
  append_match(sql, row.key);
  return to_.key.empty() ? sql + " LIMIT 1" : sql;
}

std::string SetWriter::update_row(const std::vector<bool>& mask, const NetRow& row, bool with_key) {
  std::string set;
  bool changes = false;
  for (std::uint32_t place = 0; place < mask.size(); ++place) {
    const bool in_key = std::find(to_.key.begin(), to_.key.end(), place) != to_.key.end();
    const bool is_set = mask[place] && (!in_key || with_key);
    if (!is_set && !to_.columns[place].updates_itself) continue;
    set += fmt::format("{}{} = ", set.empty() ? "" : ", ", to_.names[place]);
    if (is_set) {
      append_value(set, place, row.cells[place]);
      changes = true;
    } else {
      set += to_.names[place];  // what the source did not change does not change here
    }
  }
  if (!changes) return "";
  std::string sql = fmt::format("UPDATE {} SET {} WHERE ", to_.table, set);
  append_match(sql, row.key);
  return to_.key.empty() ? sql + " LIMIT 1" : sql;
}

}  // namespace mysql
