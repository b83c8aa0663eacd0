// SPDX-License-Identifier: Apache-2.0
#include "engine/explain.h"

#include <map>

#include "engine/attempt.h"
#include "engine/plan.h"

namespace engine {
namespace {

using base::Result;

std::vector<std::string> load_statements(const PlannedTable& table, const connect::Source& source) {
  std::string columns;
  for (const std::uint32_t column : loaded_columns(table)) {
    columns += (columns.empty() ? "" : ", ") + source.quote_identifier(table.source->columns[column].name);
  }
  const std::string from =
      fmt::format("SELECT {} FROM {}.{}", columns, source.quote_identifier(table.source->name.schema),
                  source.quote_identifier(table.source->name.table));
  std::vector<std::string> statements;
  if (table.segments.sql.empty()) statements.push_back(from + (table.filter.empty() ? "" : " WHERE " + table.filter));
  for (const std::string& segment : table.segments.sql) {
    statements.push_back(from + " WHERE " + loaded_condition(table, segment));
  }
  return statements;
}

Result<ExplainedTable> explain_table(const TaskDefinition& definition, connect::Source& source,
                                     const connect::TableListing& listing, const mapping::Selection& selection) {
  ExplainedTable out{listing.name, listing.kind, selection, std::nullopt, {}, {}, {}};
  Result<PlannedTable> planned = plan_table(definition, source, nullptr, listing);
  if (!planned.ok()) {
    if (planned.error().kind() == base::Kind::transient) return planned.take_error();
    out.problems.push_back(planned.error().text());
    return out;
  }
  out.sql = load_statements(*planned, source);
  out.notes = planned->mapped.left_out;
  if (streams(definition)) out.problems = planned->mapped.stream_problems;
  out.plan = planned.take();
  return out;
}

}  // namespace

Result<ExplainedMapping> explain_mapping(const TaskDefinition& definition, const Environment& environment,
                                         const std::optional<model::TableName>& only) {
  auto journal = journal_of(*environment.store, "source");
  auto source = TRY(environment.open_source(make_context(definition, environment, journal.get(), false)));
  ExplainedMapping out;
  std::vector<model::TableSchemaPtr> selected;
  std::vector<model::TableName> listed;
  std::map<model::TableName, model::TableName> named;
  for (const connect::TableListing& listing : TRY(source->catalog().list_tables())) {
    listed.push_back(listing.name);
    if (only && listing.name != *only) continue;
    const mapping::Selection selection = definition.mapping.selection(listing.name, is_view(listing));
    if (!selection.selected) {
      out.tables.push_back({listing.name, listing.kind, selection, std::nullopt, {}, {}, {}});
      continue;
    }
    ExplainedTable table = TRY(explain_table(definition, *source, listing, selection));
    if (table.plan) {
      selected.push_back(table.plan->source);
      const auto [other, fresh] = named.emplace(table.plan->mapped.target->name, listing.name);
      if (!fresh) table.problems.push_back("table " + other->second.text() + " gets the same name");
    }
    out.tables.push_back(std::move(table));
  }
  if (only && out.tables.empty()) {
    return base::failed(connect::errors::table_missing, "table {} is not at the source", only->text());
  }
  if (!only) out.notes = definition.mapping.idle_rules(selected, listed);
  for (std::string& foreign : definition.mapping.foreign_rules()) out.notes.push_back(std::move(foreign));
  return out;
}

}  // namespace engine
