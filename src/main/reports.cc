// SPDX-License-Identifier: Apache-2.0
#include "main/reports.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "engine/ledger.h"
#include "main/table_text.h"
#include "main/time_text.h"

namespace main_program {
namespace {

using base::printable;
using connect::Finding;
using engine::PlannedTable;
using nlohmann::ordered_json;

constexpr double micros_in_second = 1e6;
constexpr std::size_t alike_apart_max = 3;  // more findings of one problem are listed together

std::string_view severity_name(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::note: return "note";
    case Finding::Severity::warning: return "warning";
    case Finding::Severity::refusal: return "refusal";
  }
  return "note";
}

std::string_view form_name(connect::ReadForm form) {
  switch (form) {
    case connect::ReadForm::rows: return "decoded";
    case connect::ReadForm::raw_binary: return "raw (binary)";
    case connect::ReadForm::raw_text: return "raw (text)";
  }
  return "decoded";
}

std::string key_text(const model::TableSchema& table) {
  std::string out;
  for (const std::uint32_t column : table.primary_key) out += (out.empty() ? "" : ", ") + table.columns[column].name;
  return out.empty() ? "none" : "(" + out + ")";
}

std::string dump(const ordered_json& value) {
  return value.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string table_plan_text(const PlannedTable& table) {
  const model::TableSchema& source = *table.source;
  const model::TableSchema& target = *table.mapped.target;
  std::string out = fmt::format("{} -> {}\n  {} rows, {}, {} chunk{}, {}, key {}\n", printable(source.name.text(), 200),
                                printable(target.name.text(), 200),
                                table.rows_estimate < 0 ? "?" : "about " + std::to_string(table.rows_estimate),
                                byte_text(table.bytes), table.chunks, table.chunks == 1 ? "" : "s",
                                form_name(table.read_form), printable(key_text(target), 200));
  if (table.load_order != 0) out += fmt::format("  load-order {}\n", table.load_order);
  if (!table.filter.empty()) out += "  where " + printable(table.filter, 500) + "\n";
  TableText columns({"column", "source type", "on the way", "target column", "target type", ""});
  for (std::size_t i = 0; i < table.mapped.columns.size(); ++i) {
    const model::Column& to = target.columns[i];
    if (table.mapped.columns[i] == mapping::no_column) {
      columns.add({"(rule " + table.mapped.sources[i].rule_ids.back() + ")", "",
                   std::string(model::type_name(to.type.type)), to.name,
                   i < table.target_types.size() ? table.target_types[i] : "", "added"});
      continue;
    }
    const model::Column& from = source.columns[table.mapped.columns[i]];
    const bool raw = table.read_form != connect::ReadForm::rows;
    std::string marks = from.nullable ? "" : "not null";
    if (from.generated) marks += marks.empty() ? "generated" : ", generated";
    columns.add({from.name, from.type.native,
                 raw ? std::string("as it is") : std::string(model::type_name(from.type.type)), to.name,
                 i < table.target_types.size() ? table.target_types[i] : "", marks});
  }
  out += columns.text(4);
  for (const std::string& left_out : table.mapped.left_out) out += "  left out: " + printable(left_out, 300) + "\n";
  return out;
}

// A problem that many objects share is said once, with a line for each object.
void add_findings(std::string& out, const std::vector<const Finding*>& alike) {
  const Finding& first = *alike.front();
  if (alike.size() <= alike_apart_max) {
    for (const Finding* finding : alike) {
      out +=
          fmt::format("{:<8} {}: {}\n", severity_name(first.severity), printable(finding->object, 300), first.problem);
      if (!finding->remedy.empty()) out += "         -> " + finding->remedy + "\n";
    }
    return;
  }
  const bool same_remedy =
      std::all_of(alike.begin(), alike.end(), [&](const Finding* finding) { return finding->remedy == first.remedy; });
  out += fmt::format("{:<8} {} times: {}\n", severity_name(first.severity), alike.size(), first.problem);
  if (same_remedy && !first.remedy.empty()) out += "         -> " + first.remedy + "\n";
  for (const Finding* finding : alike) {
    out += "           " + printable(finding->object, 300);
    out += same_remedy || finding->remedy.empty() ? "\n" : " -> " + finding->remedy + "\n";
  }
}

std::string findings_text(const engine::Plan& plan, const std::vector<std::string>& remarks) {
  std::string out;
  for (const std::string& remark : remarks) out += "note     task settings: " + remark + "\n";
  for (const Finding::Severity severity :
       {Finding::Severity::note, Finding::Severity::warning, Finding::Severity::refusal}) {
    std::vector<std::vector<const Finding*>> groups;  // in the order in which they first appear
    std::map<std::string_view, std::size_t> group_of;
    for (const Finding& finding : plan.findings) {
      if (finding.severity != severity) continue;
      const auto [at, fresh] = group_of.emplace(finding.problem, groups.size());
      if (fresh) groups.emplace_back();
      groups[at->second].push_back(&finding);
    }
    for (const auto& group : groups) add_findings(out, group);
  }
  return out.empty() ? "no findings\n" : out;
}

// The API knows a loaded table that is loaded once more by a state of its own.
std::string_view api_state(const engine::TableRecord& table) {
  const bool again = table.reloaded && table.state == engine::table_state::loading;
  return again ? std::string_view("Table is being reloaded") : std::string_view(table.state);
}

// One row in the shape of the API's TableStatistics. Members of services that a task of ours never uses (conditional
// checks of DynamoDB, validation, resync) are absent, as the API allows for all of them.
ordered_json statistics_row(const engine::TableRecord& table) {
  ordered_json row;
  row["SchemaName"] = table.source_name.schema;
  row["TableName"] = table.source_name.table;
  row["Inserts"] = table.read.inserts;
  row["Deletes"] = table.read.deletes;
  row["Updates"] = table.read.updates;
  row["Ddls"] = table.read.ddls;
  row["AppliedInserts"] = table.applied.inserts;
  row["AppliedDeletes"] = table.applied.deletes;
  row["AppliedUpdates"] = table.applied.updates;
  row["AppliedDdls"] = table.applied.ddls;
  row["FullLoadRows"] = table.load_rows;
  row["FullLoadErrorRows"] = table.load_errors;
  const auto time = [&](const char* name, base::WallMicros micros) {
    if (micros != 0) row[name] = static_cast<double>(micros) / micros_in_second;
  };
  time("FullLoadStartTime", table.load_started);
  time("FullLoadEndTime", table.load_ended);
  row["FullLoadReloaded"] = table.reloaded;
  time("LastUpdateTime", table.last_update);
  row["TableState"] = api_state(table);
  if (table.values_cut != 0) row["MillraceValuesCut"] = table.values_cut;
  row["ValidationState"] = "Not enabled";  // inline validation does not exist; `millrace validate` is another thing
  return row;
}

}  // namespace

std::string plan_text(const engine::Plan& plan, const std::vector<std::string>& remarks) {
  std::string out;
  for (const PlannedTable& table : plan.tables) out += table_plan_text(table) + "\n";
  out += findings_text(plan, remarks);
  out += fmt::format("\n{} table{}; {}\n", plan.tables.size(), plan.tables.size() == 1 ? "" : "s",
                     plan.refused() ? "the task would be refused" : "the task can run");
  return out;
}

std::string plan_json(const engine::Plan& plan, const std::vector<std::string>& remarks) {
  ordered_json out;
  out["refused"] = plan.refused();
  out["tables"] = ordered_json::array();
  for (const PlannedTable& table : plan.tables) {
    ordered_json row;
    row["source"] = table.source->name.text();
    row["target"] = table.mapped.target->name.text();
    row["rows_estimate"] = table.rows_estimate;
    row["bytes"] = table.bytes;
    row["chunks"] = table.chunks;
    row["read_form"] = form_name(table.read_form);
    row["filter"] = table.filter;
    row["left_out"] = table.mapped.left_out;
    row["columns"] = ordered_json::array();
    for (std::size_t i = 0; i < table.mapped.columns.size(); ++i) {
      const bool is_added = table.mapped.columns[i] == mapping::no_column;
      const model::Column& from =
          is_added ? table.mapped.target->columns[i] : table.source->columns[table.mapped.columns[i]];
      row["columns"].push_back({{"source", is_added ? "" : from.name},
                                {"source_type", from.type.native},
                                {"type", model::type_name(from.type.type)},
                                {"target", table.mapped.target->columns[i].name},
                                {"target_type", i < table.target_types.size() ? table.target_types[i] : ""}});
    }
    out["tables"].push_back(std::move(row));
  }
  out["findings"] = ordered_json::array();
  for (const Finding& finding : plan.findings) {
    out["findings"].push_back({{"severity", severity_name(finding.severity)},
                               {"object", finding.object},
                               {"problem", finding.problem},
                               {"remedy", finding.remedy}});
  }
  out["remarks"] = remarks;
  return dump(out);
}

std::string status_text(const engine::State& state) {
  std::string out;
  if (state.task) {
    const engine::TaskRecord& task = *state.task;
    out += fmt::format("task {} ({}): {}{}\n", printable(task.identifier, 255), task.migration_type, task.phase,
                       task.stop_reason.empty() ? "" : ", " + printable(task.stop_reason, 500));
    if (task.started != 0) out += "started " + base::utc_text(task.started, 0) + " UTC";
    if (task.stopped > task.started) out += ", stopped " + base::utc_text(task.stopped, 0) + " UTC";
    out += fmt::format(", {} start{}, {} restart{}\n\n", task.starts, task.starts == 1 ? "" : "s", task.restarts,
                       task.restarts == 1 ? "" : "s");
  }
  TableText table(
      {"table", "state", "loaded rows", "inserts", "updates", "deletes", "ddls", "put aside", "cut", "reason"});
  for (const auto& [name, row] : state.tables) {
    table.add({name.text(), row.state, std::to_string(row.load_rows), std::to_string(row.applied.inserts),
               std::to_string(row.applied.updates), std::to_string(row.applied.deletes),
               std::to_string(row.applied.ddls), std::to_string(row.put_aside + row.load_errors),
               std::to_string(row.values_cut), row.suspended_reason});
  }
  return out + table.text();
}

std::string status_json(const engine::State& state) {
  ordered_json out;
  // No ReplicationTaskArn: no task in the foreground has one.
  out["TableStatistics"] = ordered_json::array();
  for (const auto& [name, table] : state.tables) out["TableStatistics"].push_back(statistics_row(table));
  return dump(out);
}

std::string statistics_json(const engine::TableRecord& table) { return dump(statistics_row(table)); }

std::string difference_text(const engine::Difference& difference) {
  return fmt::format("{} {} {}{}\n", difference.table.text(), difference.kind, difference.key,
                     difference.details.empty() ? "" : " " + difference.details);
}

std::string validation_text(const engine::ValidationReport& report) {
  TableText table({"table", "state", "rows source", "rows target", "differences", "note"});
  for (const auto& row : report.tables) {
    table.add({row.name.text(), row.state, std::to_string(row.rows_source), std::to_string(row.rows_target),
               std::to_string(row.differences), row.note});
  }
  return table.text() + (report.equal() ? "\nsource and target are equal\n" : "\nsource and target differ\n");
}

std::string validation_json(const engine::ValidationReport& report) {
  ordered_json out;
  out["equal"] = report.equal();
  out["tables"] = ordered_json::array();
  for (const auto& row : report.tables) {
    out["tables"].push_back({{"SchemaName", row.name.schema},
                             {"TableName", row.name.table},
                             {"ValidationState", row.state},
                             {"rows_source", row.rows_source},
                             {"rows_target", row.rows_target},
                             {"differences", row.differences},
                             {"note", row.note}});
  }
  out["differences"] = ordered_json::array();
  for (const auto& difference : report.differences) {
    out["differences"].push_back({{"table", difference.table.text()},
                                  {"FAILURE_TYPE", difference.kind},
                                  {"KEY", difference.key},
                                  {"DETAILS", difference.details}});
  }
  return dump(out);
}

std::string error_text(const base::Error& error) {
  std::string out = fmt::format("error {}: {}\n", error.code->name, error.message);
  for (auto cause = error.cause; cause != nullptr; cause = cause->cause) {
    out += fmt::format("  caused by {}: {}\n", cause->code->name, cause->message);
  }
  out += fmt::format("  {}\n", error.code->advice);
  return out;
}

}  // namespace main_program
