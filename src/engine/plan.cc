// SPDX-License-Identifier: Apache-2.0
#include "engine/plan.h"

#include <algorithm>

#include "engine/bound_tables.h"
#include "engine/errors.h"
#include "engine/value_edits.h"

namespace engine {

using base::Result;

bool streams(const TaskDefinition& definition) { return definition.migration_type != MigrationType::full_load; }
bool loads(const TaskDefinition& definition) { return definition.migration_type != MigrationType::cdc; }

connect::Preparation preparation(const TaskDefinition& definition) {
  const std::string mode = definition.settings.text("FullLoadSettings.TargetTablePrepMode");
  if (!loads(definition) || mode == "DO_NOTHING") return connect::Preparation::do_nothing;
  return mode == "TRUNCATE_BEFORE_LOAD" ? connect::Preparation::truncate : connect::Preparation::drop_and_create;
}

bool table_errors_stop(const TaskDefinition& definition, std::size_t tables_in_error) {
  if (tables_in_error == 0) return false;
  if (definition.settings.text("ErrorBehavior.TableErrorPolicy") == "STOP_TASK") return true;
  const std::int64_t count_max = definition.settings.integer("ErrorBehavior.TableErrorEscalationCount");
  return count_max > 0 && tables_in_error >= static_cast<std::size_t>(count_max);
}

// Raw forms pass the source's bytes through undecoded; only when the target understands them and no type changes.
static connect::ReadForm read_form(const connect::Source& source, const connect::Target& target,
                                   const PlannedTable& table) {
  if (source.family() != target.family() || table.mapped.computes || table.edited) return connect::ReadForm::rows;
  const auto portable = [&](std::uint32_t column) { return table.source->columns[column].type.native_portable; };
  const bool binary = std::all_of(table.mapped.columns.begin(), table.mapped.columns.end(), portable);
  if (binary && target.takes_raw(*table.mapped.target, connect::ReadForm::raw_binary)) {
    return connect::ReadForm::raw_binary;
  }
  if (target.takes_raw(*table.mapped.target, connect::ReadForm::raw_text)) return connect::ReadForm::raw_text;
  return connect::ReadForm::rows;
}

mapping::Dialect dialect_of(const connect::Source& source) {
  mapping::Dialect dialect;
  dialect.quote_identifier = [&source](std::string_view name) { return source.quote_identifier(name); };
  dialect.quote_literal = [&source](std::string_view text) { return source.quote_literal(text); };
  dialect.comparison = [&source](const model::TableSchema& table, const model::Column& column) {
    return source.comparison(table, column);
  };
  return dialect;
}

bool is_view(const connect::TableListing& listing) {
  return listing.kind == "view" || listing.kind == "materialized view";
}

std::vector<std::uint32_t> loaded_columns(const PlannedTable& table) {
  if (table.mapped.computes) return table.mapped.read_columns;
  std::vector<std::uint32_t> columns;
  for (std::size_t i = 0; i < table.mapped.columns.size(); ++i) {
    if (!table.mapped.target->columns[i].generated) columns.push_back(table.mapped.columns[i]);
  }
  return columns;
}

std::string loaded_condition(const PlannedTable& table, const std::string& segment) {
  if (segment.empty() || table.filter.empty()) return table.filter + segment;
  return fmt::format("({}) AND ({})", table.filter, segment);
}

Result<PlannedTable> plan_table(const TaskDefinition& definition, connect::Source& source,
                                const connect::Target* target, const connect::TableListing& listing) {
  PlannedTable table;
  table.source = TRY(source.catalog().describe(listing.name));
  table.mapped = TRY(definition.mapping.map(*table.source));
  table.edited = definition.edits && !definition.edits->for_table(*table.source).empty();
  table.rows_estimate = listing.rows_estimate;
  table.bytes = listing.bytes;
  table.load_order = definition.mapping.load_order(listing.name);
  const mapping::Dialect dialect = dialect_of(source);
  const mapping::TableFilter filter = TRY(definition.mapping.table_filter(*table.source, dialect.comparison));
  table.filter = filter.sql(dialect.quote_identifier, dialect.quote_literal);
  for (const std::string& problem : filter.stream_problems()) table.mapped.stream_problems.push_back(problem);
  table.segments = TRY(definition.mapping.segments(*table.source, dialect));
  if (target == nullptr) return table;
  table.read_form = read_form(source, *target, table);
  for (const model::Column& column : table.mapped.target->columns) {
    table.target_types.push_back(target->column_type_text(column));
  }
  return table;
}

namespace {

struct Look {
  std::vector<PlannedTable> tables;
  bool has_lost = false;  // a selected table had gone when it was described
};

Result<Look> look_at_tables(const TaskDefinition& definition, connect::Source& source, const connect::Target* target) {
  Look look;
  std::map<model::TableName, model::TableName> sources_by_target;
  for (const connect::TableListing& listing : TRY(source.catalog().list_tables())) {
    if (!definition.mapping.selects(listing.name, is_view(listing))) continue;
    Result<PlannedTable> planned = plan_table(definition, source, target, listing);
    if (!planned.ok() && planned.error().is(connect::errors::table_missing)) {
      look.has_lost = true;
      continue;
    }
    PlannedTable table = TRY(std::move(planned));
    const auto [other, fresh] = sources_by_target.emplace(table.mapped.target->name, listing.name);
    if (!fresh) {
      return base::failed(errors::refused, "tables {} and {} would both become {} on the target", other->second.text(),
                          listing.name.text(), table.mapped.target->name.text());
    }
    look.tables.push_back(std::move(table));
  }
  return look;
}

constexpr int looks_max = 10;

}  // namespace

Result<std::vector<PlannedTable>> plan_tables(const TaskDefinition& definition, connect::Source& source,
                                              const connect::Target* target) {
  Look look = TRY(look_at_tables(definition, source, target));
  // A look is no one moment of the source: the last table of the list may go while another comes.
  for (int looks = 1; look.tables.empty() && look.has_lost && looks < looks_max; ++looks) {
    look = TRY(look_at_tables(definition, source, target));
  }
  std::vector<PlannedTable> tables = std::move(look.tables);
  if (tables.empty() && definition.settings.boolean("ErrorBehavior.FailOnNoTablesCaptured")) {
    return base::failed(errors::no_tables, "the selection rules match no table of the source");
  }
  std::stable_sort(tables.begin(), tables.end(), [](const PlannedTable& a, const PlannedTable& b) {
    return a.load_order != b.load_order ? a.load_order > b.load_order : a.bytes > b.bytes;
  });
  return tables;
}

std::string table_identity(const model::TableSchema& source) {
  return source.source_id == 0 ? std::string() : std::to_string(source.source_id);
}

connect::CapturePlan capture_plan(const TaskDefinition& definition, const std::vector<PlannedTable>& tables) {
  connect::CapturePlan plan;
  plan.insert_only_without_identity = definition.insert_only_without_identity;
  for (const PlannedTable& table : tables) {
    plan.tables.push_back(table.source);
    if (table.mapped.computes || table.edited) plan.canonical.insert(table.source->name);
    if (!table.filter.empty() || !table.segments.sql.empty()) plan.filtered.insert(table.source->name);
  }
  return plan;
}

std::map<std::uint64_t, model::Fence> fences_of(const std::vector<PlannedTable>& tables, const Ledger& ledger) {
  std::map<std::uint64_t, model::Fence> fences;
  for (const PlannedTable& table : tables) {
    const std::optional<TableRecord> record = ledger.table(table.source->name);
    if (record && record->fence.high != 0) fences[table.source->source_id] = record->fence;
  }
  return fences;
}

std::vector<model::TableSchemaPtr> target_schemas(const std::vector<PlannedTable>& tables) {
  std::vector<model::TableSchemaPtr> schemas;
  for (const PlannedTable& table : tables) schemas.push_back(table.mapped.target);
  return schemas;
}

model::CellForm cell_form(const std::vector<PlannedTable>& tables, const connect::Source& source,
                          const connect::Target& target) {
  if (source.family() != target.family()) return model::CellForm::canonical;
  const bool native = std::all_of(tables.begin(), tables.end(), [&](const PlannedTable& table) {
    return table.mapped.computes || table.edited || target.takes_native(*table.mapped.target);
  });
  return native ? model::CellForm::native : model::CellForm::canonical;
}

Result<std::vector<connect::Finding>> find_problems(const TaskDefinition& definition,
                                                    const std::vector<PlannedTable>& tables, connect::Source& source,
                                                    connect::Target& target) {
  std::vector<connect::Finding> findings =
      TRY(source.catalog().check(capture_plan(definition, tables), loads(definition), streams(definition)));
  for (connect::Finding& finding :
       TRY(target.check(target_schemas(tables), preparation(definition), streams(definition)))) {
    findings.push_back(std::move(finding));
  }
  if (streams(definition)) {
    for (connect::Finding& finding : binding_problems(tables, target)) findings.push_back(std::move(finding));
  }
  std::vector<model::TableSchemaPtr> sources;
  std::vector<model::TableName> listed;
  for (const PlannedTable& table : tables) sources.push_back(table.source);
  for (const connect::TableListing& listing : TRY(source.catalog().list_tables())) listed.push_back(listing.name);
  for (const std::string& idle : definition.mapping.idle_rules(sources, listed)) {
    findings.push_back({connect::Finding::Severity::warning, "TableMappings", idle, ""});
  }
  for (const std::string& foreign : definition.mapping.foreign_rules()) {
    findings.push_back({connect::Finding::Severity::refusal, "TableMappings", foreign + ", which this target is not",
                        "Remove the rule."});
  }
  for (const PlannedTable& table : tables) {
    if (streams(definition) && table.source->old_image == model::OldImage::key &&
        table.mapped.target->old_image == model::OldImage::none) {
      findings.push_back(
          {connect::Finding::Severity::refusal, "table " + table.source->name.text(),
           "a column of the key that its log carries is removed: updates and deletes could not find their row",
           "Keep the key's columns in the mapping, or have the source log whole rows (PostgreSQL: ALTER TABLE "
           "... REPLICA IDENTITY FULL)."});
    }
    for (const std::string& problem : table.mapped.stream_problems) {
      if (!streams(definition)) break;
      findings.push_back({connect::Finding::Severity::refusal, "table " + table.source->name.text(), problem,
                          "Change the rule, have the source log whole rows (PostgreSQL: ALTER TABLE ... REPLICA "
                          "IDENTITY FULL), or run a full-load task."});
    }
    for (const std::string& object : table.mapped.left_out) {
      findings.push_back({connect::Finding::Severity::warning, "table " + table.source->name.text(),
                          object + " and is not made on the target", ""});
    }
  }
  return findings;
}

bool Plan::refused() const {
  return std::any_of(findings.begin(), findings.end(), [](const connect::Finding& finding) {
    return finding.severity == connect::Finding::Severity::refusal;
  });
}

}  // namespace engine
