// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/shape_survey.h"

#include <algorithm>
#include <set>

#include "connectors/postgres/array_text.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/slot.h"

namespace postgres {

using base::Result;
using model::Column;
using model::TableSchema;

namespace {

constexpr const char* columns_sql =
    "SELECT c.oid, c.relnatts, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, "
    "a.attgenerated <> '', a.attidentity <> '', a.atthasmissing FROM pg_class c LEFT JOIN pg_attribute a ON "
    "a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.oid = ANY($1::oid[]) AND c.relkind IN ('r', "
    "'p') "
    "ORDER BY c.oid, a.attnum";

// A transaction's own number is locked by itself as long as it runs, those of its subtransactions, too.
constexpr const char* locks_sql =
    "SELECT l.relation, t.transactionid FROM pg_locks l LEFT JOIN pg_locks t ON t.virtualtransaction = "
    "l.virtualtransaction AND t.locktype = 'transactionid' AND t.mode = 'ExclusiveLock' AND t.granted WHERE "
    "l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted AND l.relation = ANY($1::oid[]) AND "
    "l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";

const Column* column_numbered(const TableSchema& table, std::int32_t ordinal) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const Column& column) { return column.ordinal == ordinal; });
  return found == table.columns.end() ? nullptr : &*found;
}

std::int32_t highest_of(const TableSchema& table) {
  std::int32_t highest = 0;
  for (const Column& column : table.columns) highest = std::max(highest, column.ordinal);
  return highest;
}

}  // namespace

const SurveyedColumn* SurveyedTable::numbered(std::int32_t ordinal) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const SurveyedColumn& column) { return column.ordinal == ordinal; });
  return found == columns.end() ? nullptr : &*found;
}

Result<Survey> survey_tables(Connection& connection, const std::vector<std::uint32_t>& oids) {
  Survey survey;
  for (const Row& row : TRY(connection.query(locks_sql, {array_literal(oids)}))) {
    survey.locked[oid_at(row, 0)].insert(null_at(row, 1) ? 0 : oid_at(row, 1));
  }
  for (const Row& row : TRY(connection.query(columns_sql, {array_literal(oids)}))) {
    SurveyedTable& table = survey.tables[oid_at(row, 0)];
    table.highest = static_cast<std::int32_t>(number_at(row, 1));
    if (null_at(row, 2)) continue;
    SurveyedColumn column;
    column.ordinal = static_cast<std::int32_t>(number_at(row, 2));
    column.name = text_at(row, 3);
    column.type = oid_at(row, 4);
    column.modifier = static_cast<std::int32_t>(number_at(row, 5));
    column.not_null = true_at(row, 6);
    column.generated = true_at(row, 8);
    column.identity = true_at(row, 9);
    column.has_default = true_at(row, 7) && !column.generated;
    column.filled = true_at(row, 10);
    table.columns.push_back(std::move(column));
  }
  const auto end = TRY(connection.query_value(
      "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END"));
  survey.end = lsn_of(end.value_or("")).value_or(~std::uint64_t{0});
  return survey;
}

bool same_columns(const TableSchema& known, const SurveyedTable& now) {
  if (known.columns.size() != now.columns.size()) return false;
  return std::all_of(known.columns.begin(), known.columns.end(), [&](const Column& column) {
    const SurveyedColumn* other = now.numbered(column.ordinal);
    return other != nullptr && other->name == column.name && other->type == column.type.native_id &&
           other->modifier == column.type.native_modifier && other->generated == column.generated;
  });
}

std::vector<std::int32_t> numbers_of(const pgoutput::Message& relation, const TableSchema& known,
                                     const SurveyedTable& now, std::int32_t settled) {
  std::set<std::int32_t> certain, possible;
  for (const Column& column : known.columns) {
    if (column.ordinal < 1) return {};
    const SurveyedColumn* still = now.numbered(column.ordinal);
    if (still != nullptr && still->generated) continue;  // a column never becomes generated: it was, all the time
    (still != nullptr && !column.generated ? certain : possible).insert(column.ordinal);
  }
  for (std::int32_t number = std::max(highest_of(known), settled) + 1; number <= now.highest; ++number) {
    const SurveyedColumn* added = now.numbered(number);
    if (added == nullptr || !added->generated) possible.insert(number);
  }
  const std::size_t count = relation.columns.size();
  if (count == certain.size() + possible.size()) {
    certain.insert(possible.begin(), possible.end());
  } else if (count != certain.size()) {
    return {};
  }
  return {certain.begin(), certain.end()};
}

bool began_as_null(const SurveyedColumn& column) {
  return !column.not_null && !column.has_default && !column.identity && !column.filled;
}

bool derivable(const TableSchema& known, const SurveyedTable& now) {
  return std::all_of(now.columns.begin(), now.columns.end(), [&](const SurveyedColumn& column) {
    const Column* before = column_numbered(known, column.ordinal);
    if (before != nullptr) {
      return before->type.native_id == column.type && before->type.native_modifier == column.modifier &&
             before->generated == column.generated;
    }
    return column.generated || began_as_null(column);
  });
}

}  // namespace postgres
