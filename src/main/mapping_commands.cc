// SPDX-License-Identifier: Apache-2.0
#include "main/mapping_commands.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "engine/attempt.h"
#include "engine/plan.h"
#include "main/commands.h"
#include "main/errors.h"
#include "main/mapping_pages.h"
#include "main/mapping_rows.h"
#include "main/session.h"

namespace main_program {
namespace {

void write_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

base::Result<model::TableName> table_of(const std::string& text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos) return base::failed(errors::bad_usage, "--table {}: write schema.table", text);
  return model::TableName{text.substr(0, dot), text.substr(dot + 1)};
}

base::Result<std::string> file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file) return base::failed(errors::bad_rows, "{} cannot be read", path);
  return text.str();
}

// Its rows, as the catalogue describes them or the command line does.
base::Result<MappedRows> map_file(const Command& command, Session& session) {
  const model::TableName name = TRY(table_of(command.table));
  const std::string text = TRY(file_text(command.rows_file));
  const bool is_csv = command.rows_file.ends_with(".csv");
  const mapping::Mapping& mapping = session.document().definition.mapping;
  if (!command.columns.empty()) {
    const model::TableSchema table = TRY(columns_from_text(name, command.columns));
    const auto comparison = [](const model::TableSchema&, const model::Column& column) {
      return model::plain_comparison(column.type.type);
    };
    return map_rows(mapping, table, comparison, text, is_csv, write_out);
  }
  const engine::Environment environment = session.environment();
  const connect::Context context = engine::make_context(session.document().definition, environment, nullptr, false);
  const auto source = TRY(environment.open_source(context));
  const model::TableSchemaPtr table = TRY(source->catalog().describe(name));
  return map_rows(mapping, *table, engine::dialect_of(*source).comparison, text, is_csv, write_out);
}

}  // namespace

base::Result<int> explain_mappings(const Command& command) {
  auto session = TRY(Session::looking(command.task_file, command.data_dir));
  std::optional<model::TableName> only;
  if (!command.table.empty()) only = TRY(table_of(command.table));
  const engine::ExplainedMapping explained =
      TRY(engine::explain_mapping(session->document().definition, session->environment(), only));
  write_out(command.json ? explained_json(explained) : explained_text(explained));
  for (const engine::ExplainedTable& table : explained.tables) {
    if (!table.problems.empty()) return exit_bad_input;
  }
  return exit_done;
}

base::Result<int> test_mappings(const Command& command) {
  auto session = TRY(Session::looking(command.task_file, command.data_dir));
  const MappedRows counts = TRY(map_file(command, *session));
  std::fprintf(stderr, "%llu rows: %llu mapped, %llu filtered, %llu failed\n",
               static_cast<unsigned long long>(counts.rows), static_cast<unsigned long long>(counts.passed),
               static_cast<unsigned long long>(counts.filtered), static_cast<unsigned long long>(counts.failed));
  return counts.failed == 0 ? exit_done : exit_failed;
}

}  // namespace main_program
