// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/apply_keys.h"

#include <algorithm>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/target_errors.h"

namespace mysql {

using base::Result;
using relational::KeyValues;
using relational::Places;

namespace {

void append_value(std::string& sql, const TargetColumn& column, const std::optional<std::string>& value) {
  if (value) {
    append_literal(sql, column, *value);
  } else {
    sql += "NULL";
  }
}

// " WHERE (`a`,`b`) IN ((1,2),(3,4))"
std::string condition(const Destination& to, const Places& places, const std::vector<KeyValues>& keys) {
  std::string names, values;
  for (const std::uint32_t place : places) names += (names.empty() ? "" : ",") + to.names[place];
  for (const KeyValues& key : keys) {
    values += values.empty() ? "(" : ",(";
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (i > 0) values += ',';
      append_value(values, to.columns[places[i]], key[i]);
    }
    values += ')';
  }
  return fmt::format(" WHERE ({}) IN ({})", names, values);
}

// A table that was there already may have been made with other collations than those of its source.
Result<void> compares_as_source(const Destination& to, const Places& places) {
  const std::vector<std::uint32_t> stored = model::stored_columns(*to.schema);
  for (const std::uint32_t place : places) {
    const model::Column& column = to.schema->columns[stored[place]];
    if (column.collation.empty() || column.collation == to.columns[place].collation) continue;
    return base::failed(target_errors::key_collation, "table {}, column {}", to.schema->name.text(), column.name);
  }
  return {};
}

}  // namespace

std::string KeyedRows::text_of(const model::ChangeBatch& batch, std::uint32_t table, const relational::Destination& to,
                               std::uint32_t place, const model::Cell& cell) {
  if (batch.forms[table] != model::CellForm::canonical) return std::string(batch.cell_bytes(cell));
  std::string scratch;
  return std::string(native_text(own(to).columns[place], batch.cell_bytes(cell), scratch));
}

Result<std::vector<KeyValues>> KeyedRows::read(const relational::Destination& from, const Places& places,
                                               const std::vector<KeyValues>& keys, const Places& columns,
                                               std::size_t rows_max) {
  TRY(compares_as_source(own(from), places));
  std::string names;
  for (const std::uint32_t place : columns) names += (names.empty() ? "" : ",") + from.names[place];
  std::vector<KeyValues> found;
  for (const Row& row : TRY(session_.query(
           fmt::format("SELECT {} FROM {}{} LIMIT {}", names, from.table, condition(own(from), places, keys), rows_max),
           from.schema->name.text()))) {
    KeyValues& values = found.emplace_back();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      values.push_back(null_at(row, i) ? std::nullopt : std::optional(text_at(row, i)));
    }
  }
  return found;
}

Result<void> KeyedRows::run(const relational::Destination& to, const std::string& sql) {
  Outcome outcome = TRY(session_.attempt(sql));
  if (!outcome.refusal) return {};
  if (outcome.refusal->error.kind() == base::Kind::transient) return std::move(outcome.refusal->error);
  return base::failed(target_errors::key_refused, "table {}", to.schema->name.text())
      .because(std::move(outcome.refusal->error));
}

Result<void> KeyedRows::remove(const relational::Destination& from, const Places& places,
                               const std::vector<KeyValues>& keys) {
  TRY(compares_as_source(own(from), places));
  return run(from, fmt::format("DELETE FROM {}{}", from.table, condition(own(from), places, keys)));
}

Result<void> KeyedRows::set(const relational::Destination& to, const Places& places, const std::vector<KeyValues>& keys,
                            const Places& columns, const KeyValues& values) {
  TRY(compares_as_source(own(to), places));
  std::string set;
  for (std::uint32_t place = 0; place < to.names.size(); ++place) {
    const auto at = std::find(columns.begin(), columns.end(), place);
    const bool is_set = at != columns.end();
    if (!is_set && !own(to).columns[place].updates_itself) continue;
    set += fmt::format("{}{} = ", set.empty() ? "" : ", ", to.names[place]);
    if (is_set) {
      append_value(set, own(to).columns[place], values[static_cast<std::size_t>(at - columns.begin())]);
    } else {
      set += to.names[place];  // a key that acts does not touch it
    }
  }
  return run(to, fmt::format("UPDATE {} SET {}{}", to.table, set, condition(own(to), places, keys)));
}

}  // namespace mysql
