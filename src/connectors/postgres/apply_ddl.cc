// SPDX-License-Identifier: Apache-2.0
//
// The parts of Applier that carry out what is not a row: truncate, changed shapes, dropped tables. Each stands in the
// group's transaction at its own place among the rows, under a savepoint: refused, it suspends its table.
#include <algorithm>
#include <set>

#include "connectors/postgres/apply.h"
#include "connectors/postgres/apply_schema.h"
#include "connectors/postgres/target_errors.h"
#include "relational/landed_objects.h"

namespace postgres {

using model::Change;
using model::Op;

namespace {
constexpr int sequence_margin = 1000;  // values the source may have given out beyond the rows we know
}

base::Result<void> Applier::run_ddl(const model::TableSchema& table, const std::vector<std::string>& statements,
                                    connect::ApplyReport& report) {
  TRY(settle(report));
  TRY(session_->run("SAVEPOINT millrace_ddl", "savepoint"));
  for (const std::string& statement : statements) {
    const Outcome outcome = session_->attempt(statement);
    if (!outcome.refusal) continue;
    base::Error error = session_->error_of(*outcome.refusal, "table " + table.name.text());
    if (error.kind() == base::Kind::transient) return error;
    TRY(undo("millrace_ddl"));
    suspend_for_ddl(table, std::move(error), report);
    return {};
  }
  return session_->run("RELEASE SAVEPOINT millrace_ddl", "savepoint");
}

base::Result<void> Applier::truncate(const model::ChangeBatch& batch, const std::vector<const Change*>& changes,
                                     connect::ApplyReport& report) {
  std::string names, removes;
  bool restart = false;
  const model::TableSchema* first = nullptr;
  for (const Change* change : changes) {
    const model::TableSchemaPtr& table = batch.tables[change->table];
    if (TRY(destination(table, report)) == nullptr) continue;
    if (names.find(quote_name(table->name)) != std::string::npos) continue;
    names += (names.empty() ? "" : ", ") + quote_name(table->name);
    removes += fmt::format("DELETE FROM {}; ", quote_name(table->name));
    restart = restart || change->restart_identity;
    if (first == nullptr) first = table.get();
    ++report.tables[table->source_name].ddls;
  }
  if (first == nullptr) return {};
  TRY(settle(report));
  TRY(session_->run("SAVEPOINT millrace_ddl", "savepoint"));
  const Outcome outcome = session_->attempt(fmt::format("TRUNCATE {}{}", names, restart ? " RESTART IDENTITY" : ""));
  if (!outcome.refusal) return session_->run("RELEASE SAVEPOINT millrace_ddl", "savepoint");
  base::Error error = session_->error_of(*outcome.refusal, "TRUNCATE " + names);
  if (error.kind() == base::Kind::transient) return error;
  TRY(undo("millrace_ddl"));
  // A table outside of the list refers to one in it; with foreign keys quiet the rows can still go.
  if (quiet_ && outcome.refusal->state == "0A000") return session_->run(removes, "truncate " + names);
  for (const Change* change : changes) TRY(suspend(*batch.tables[change->table], error, report));
  return {};
}

SchemaChange Applier::schema_change(const model::TableSchema& before, const model::TableSchema& after) const {
  return postgres::schema_change(before, after);
}

std::string Applier::drop_sql(const model::TableName& table) const {
  return "DROP TABLE IF EXISTS " + quote_name(table);
}

base::Result<std::set<std::string>> Applier::read_columns(const model::TableName& table) {
  const std::vector<Row> rows = TRY(session_->query(
      "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = "
      "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped",
      {table.schema, table.table}, "table " + table.text()));
  std::set<std::string> there;
  for (const Row& row : rows) there.insert(row[0].value_or(""));
  return there;
}

base::Result<void> Applier::set_sequences() {
  if (open_) return {};
  TRY(open());
  for (const auto& [name, mapped] : known_) {
    if (state_.suspended.contains(name) || mapped->sequences.empty()) continue;
    const relational::LandedTable landed = relational::in_words_of(relational::Language::postgresql, *mapped);
    const model::TableSchema* table = &landed.table;
    const std::string target = quote_name(table->name);
    for (const model::Sequence& sequence : table->sequences) {
      if (sequence.column >= table->columns.size()) continue;
      const std::string column = table->columns[sequence.column].name;
      const Outcome outcome = session_->attempt(fmt::format(
          "SELECT setval(q.seq, LEAST(GREATEST(m.v + {0}, COALESCE(pg_sequence_last_value(q.seq), 0)), p.seqmax)) FROM "
          "(SELECT pg_get_serial_sequence({1}, {2})::regclass AS seq) q JOIN pg_sequence p ON p.seqrelid = q.seq, "
          "(SELECT max({3})::bigint AS v FROM {4}) m WHERE m.v IS NOT NULL AND p.seqincrement > 0",
          sequence_margin, quote_text(target), quote_text(column), quote_name(column), target));
      if (session_->broken()) return session_->error_of(*outcome.refusal, "sequences");
      if (outcome.refusal) {
        log_->warning("apply", "table {}: sequence of {} was not set: SQLSTATE {}", table->name.text(), column,
                      outcome.refusal->state);
      }
    }
  }
  return {};
}

}  // namespace postgres
