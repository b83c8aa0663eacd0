// SPDX-License-Identifier: Apache-2.0
//
// What a task will do, table by table: made from the source's catalogue and the mapping before anything is touched.
// Pure but for reading the catalogue and asking the target about types.
#pragma once

#include "engine/ledger.h"
#include "engine/task.h"

namespace engine {

// Selects, describes and maps; without a target (it is away) forms and target types stay empty. Fails with
// engine.no_tables (unless allowed), or `input` for mappings that collide.
base::Result<std::vector<PlannedTable>> plan_tables(const TaskDefinition& definition, connect::Source& source,
                                                    const connect::Target* target);

// Lives as long as the source.
mapping::Dialect dialect_of(const connect::Source& source);

bool is_view(const connect::TableListing& listing);
// One table that is selected. As plan_tables().
base::Result<PlannedTable> plan_table(const TaskDefinition& definition, connect::Source& source,
                                      const connect::Target* target, const connect::TableListing& listing);
// The columns that the load reads of a table, as indexes into those of the source, and which rows of a segment (empty:
// of all).
std::vector<std::uint32_t> loaded_columns(const PlannedTable& table);
std::string loaded_condition(const PlannedTable& table, const std::string& segment);

// Which table of that name it is: another one when the source dropped it and made it again.
std::string table_identity(const model::TableSchema& source);

// What capture needs to know of those tables.
connect::CapturePlan capture_plan(const TaskDefinition& definition, const std::vector<PlannedTable>& tables);
// By source_id: what the loads of those tables hold already.
std::map<std::uint64_t, model::Fence> fences_of(const std::vector<PlannedTable>& tables, const Ledger& ledger);

std::vector<model::TableSchemaPtr> target_schemas(const std::vector<PlannedTable>& tables);
connect::Preparation preparation(const TaskDefinition& definition);
bool streams(const TaskDefinition& definition);
bool loads(const TaskDefinition& definition);
// Cells of all of a plan's tables in one form: native only if every table allows it.
model::CellForm cell_form(const std::vector<PlannedTable>& tables, const connect::Source& source,
                          const connect::Target& target);

// Whether so many tables in error end the task: TableErrorPolicy STOP_TASK, or TableErrorEscalationCount reached.
bool table_errors_stop(const TaskDefinition& definition, std::size_t tables_in_error);

// All findings of both ends and of the mapping.
base::Result<std::vector<connect::Finding>> find_problems(const TaskDefinition& definition,
                                                          const std::vector<PlannedTable>& tables,
                                                          connect::Source& source, connect::Target& target);

}  // namespace engine
