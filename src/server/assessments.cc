// SPDX-License-Identifier: Apache-2.0
#include "server/assessments.h"

#include <algorithm>
#include <array>
#include <set>

#include "api/check.h"
#include "api/errors.h"
#include "base/disk.h"
#include "base/json.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule assessment_name_rule{"AssessmentRunName", 255, api::NameForm::dotted};
constexpr api::NameRule bucket_rule{"ResultLocationBucket", 63, api::NameForm::dotted};
constexpr api::NameRule part_rule{"ResultLocationFolder", 255, api::NameForm::dotted};
constexpr const char* type_bucket = "dms-type-assessments";
constexpr std::array<FilterName, 4> run_filters{
    FilterName{"replication-task-assessment-run-arn", "$arn"}, FilterName{"replication-task-arn", "ReplicationTaskArn"},
    FilterName{"replication-instance-arn", "ReplicationInstanceArn"}, FilterName{"status", "Status"}};
constexpr std::array<FilterName, 3> check_filters{
    FilterName{"replication-task-assessment-run-arn", "ReplicationTaskAssessmentRunArn"},
    FilterName{"replication-task-arn", "ReplicationTaskArn"}, FilterName{"status", "Status"}};

base::Error refused_assessment(std::string_view what) {
  return base::failed(api::errors::invalid_parameter_value, "{}", what);
}

// As the model has it: what only filters look for stays here.
json pruned_as(const char* shape_name, const json& value) {
  const api::Shape* shape = api::find_shape(shape_name);
  return shape == nullptr ? value : api::pruned(*shape, value);
}

std::string latest_run(Ground& ground, const std::string& task_arn) {
  const auto task = ground.store.find_arn(task_arn);
  return task.ok() && *task ? (*task)->inner.value("latest_assessment", std::string()) : std::string();
}

json shown_run(Ground& ground, const Resource& run) {
  json out = pruned_as("ReplicationTaskAssessmentRun", run.shown);
  out["IsLatestTaskAssessmentRun"] = latest_run(ground, run.shown.value("ReplicationTaskArn", "")) == run.arn;
  std::map<std::string, int> counts;
  for (const json& check : run.inner["checks"]) counts[check.value("status", "")] += 1;
  const int all = static_cast<int>(run.inner["checks"].size());
  out["AssessmentProgress"] = {{"IndividualAssessmentCount", all},
                               {"IndividualAssessmentCompletedCount", all - counts["running"]}};
  out["ResultStatistic"] = {{"Passed", counts["passed"]},       {"Failed", counts["failed"]},
                            {"Error", counts["error"]},         {"Warning", counts["warning"]},
                            {"Cancelled", counts["cancelled"]}, {"Skipped", counts["skipped"]}};
  return out;
}

json answered(Ground& ground, const Resource& run, const char* status) {
  json shown = shown_run(ground, run);
  shown["Status"] = status;
  return json{{"ReplicationTaskAssessmentRun", shown}};
}

void set_status(Resource& row, const std::string& status) {
  row.state = status;
  row.shown["Status"] = status;
}

// A run needs a task that nobody uses, and connections that work.
Result<Resource> testable_task(Ground& ground, const Request& request) {
  Resource task = TRY(need(ground, task_kind, request.text("ReplicationTaskArn"), "ReplicationTaskArn"));
  if (!at_rest(task)) return wrong_state("the replication task", task.state, "ready, stopped or failed");
  TRY(check_connections(ground, task));
  return task;
}

Result<std::vector<std::string>> checks_for(Ground& ground, const json& source, const json& target, const json& type) {
  const json answer = TRY(ground.checked({{"ask", "checks"}, {"source", source}, {"target", target}, {"type", type}}));
  return answer.value("checks", std::vector<std::string>());
}

Result<std::vector<std::string>> checks_of_task(Ground& ground, const Resource& task) {
  json engines = json::array();
  for (const char* side : {"source", "target"}) {
    const auto endpoint = TRY(ground.store.find_arn(task.inner.value(side, "")));
    engines.push_back(endpoint ? endpoint->shown.value("EngineName", "") : "");
  }
  return checks_for(ground, engines[0], engines[1], task.inner["members"].value("MigrationType", ""));
}

Result<std::vector<std::string>> chosen_checks(Ground& ground, const Request& request, const Resource& task) {
  std::vector<std::string> all = TRY(checks_of_task(ground, task));
  if (request.has("IncludeOnly") && request.has("Exclude")) {
    return base::failed(api::errors::invalid_parameter_combination, "IncludeOnly does not go with Exclude");
  }
  const char* member = request.has("IncludeOnly") ? "IncludeOnly" : "Exclude";
  std::set<std::string> named;
  for (const json& name : request.input.value(member, json::array())) {
    if (std::find(all.begin(), all.end(), name.get<std::string>()) == all.end()) {
      return refused_assessment(
          fmt::format("{}: \"{}\" is not one that DescribeApplicableIndividualAssessments lists for this task", member,
                      base::printable(name.get<std::string>())));
    }
    named.insert(name.get<std::string>());
  }
  const bool keep_named = request.has("IncludeOnly");
  std::erase_if(all, [&](const std::string& name) { return named.contains(name) != keep_named; });
  if (all.empty()) return refused_assessment(fmt::format("{} leaves no check", member));
  return all;
}

// FOLDER/NAME, without anything that could point elsewhere.
Result<std::string> result_path(const Request& request, const std::string& name) {
  std::string path;
  std::string rest = request.text("ResultLocationFolder");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string part = rest.substr(0, end);
    if (part.find_first_not_of('.') == std::string::npos) {
      return refused_assessment("ResultLocationFolder must be names with slashes between them");
    }
    path += TRY(api::checked_name(part, part_rule)) + "/";
    rest.erase(0, end + 1);
  }
  return path + name;
}

// Objects of a bucket, or files of the folder that stands for it; as main/assessment_results.h has it.
Result<json> result_place(Ground& ground, const Request& request, const std::string& name) {
  const std::string bucket = TRY(api::checked_name(request.text("ResultLocationBucket"), bucket_rule));
  const std::string path = TRY(result_path(request, name));
  const std::string encryption = request.text("ResultEncryptionMode"), key = request.text("ResultKmsKeyArn");
  if (ground.results.s3_endpoint.empty()) {
    for (const char* member : {"ResultEncryptionMode", "ResultKmsKeyArn"}) {
      if (!request.has(member)) continue;
      return refused_assessment(
          fmt::format("{} needs a server with --s3-endpoint: results are files of this one", member));
    }
    const std::string folder = fmt::format("{}/results/{}/{}", ground.data_dir, bucket, path);
    base::PosixDisk disk;
    if (disk.make_folders(folder).ok()) return json{{"folder", folder}};
    return base::failed(api::errors::s3_access_denied, "the folder {} cannot be made", folder);
  }
  if (!encryption.empty() && encryption != "SSE_S3" && encryption != "SSE_KMS") {
    return refused_assessment("ResultEncryptionMode must be SSE_S3 or SSE_KMS");
  }
  if (!key.empty() && encryption != "SSE_KMS") {
    return base::failed(api::errors::invalid_parameter_combination,
                        "ResultKmsKeyArn goes with ResultEncryptionMode SSE_KMS");
  }
  const std::string& region = ground.results.s3_region;
  return json{{"endpoint", ground.results.s3_endpoint},
              {"ca", ground.results.s3_ca},
              {"region", region.empty() ? request.region : region},
              {"bucket", bucket},
              {"prefix", path},
              {"encryption", encryption},
              {"kms_key", key}};
}

Result<json> start_run_of_checks(Ground& ground, const Request& request) {
  Resource task = TRY(testable_task(ground, request));
  const std::string name = TRY(api::checked_name(request.text("AssessmentRunName"), assessment_name_rule));
  const std::string id = task.arn + "|" + name;
  if (TRY(ground.store.find(assessment_kind, id))) {
    return base::failed(api::errors::resource_already_exists, "AssessmentRunName \"{}\" is taken", name);
  }
  const auto tags = TRY(tags_of(request.input.value("Tags", json::array())));
  const std::vector<std::string> names = TRY(chosen_checks(ground, request, task));
  Resource run = TRY(new_resource(ground, request, assessment_kind, id));
  // Not in the list: what stands before a TRY that returns would leak.
  const json results = TRY(result_place(ground, request, name));
  run.inner = {{"back", task.state}, {"results", results}, {"asked", 1}, {"checks", json::array()}};
  for (const std::string& check : names) {
    const api::Arn arn{request.region, ground.account, "individual-assessment", api::random_suffix(ground.random)};
    run.inner["checks"].push_back({{"name", check}, {"arn", arn.text()}, {"status", "running"}});
  }
  run.shown = {{"ReplicationTaskAssessmentRunArn", run.arn},
               {"ReplicationTaskArn", task.arn},
               {"ReplicationInstanceArn", task.shown["ReplicationInstanceArn"]},
               {"ReplicationTaskAssessmentRunCreationDate", ground.now_seconds()},
               {"AssessmentRunName", name}};
  for (const char* member : {"ServiceAccessRoleArn", "ResultLocationBucket", "ResultLocationFolder",
                             "ResultEncryptionMode", "ResultKmsKeyArn"}) {
    if (request.has(member)) run.shown[member] = request.input[member];
  }
  set_status(run, "running");
  run.refers_to = std::vector{task.arn};
  task.state = "testing";
  task.inner["latest_assessment"] = run.arn;
  TRY(ground.store.commit({.removed = {}, .put = {run, task}, .tags = {{run.arn, tags}}, .events = {}}));
  ground.on_change();
  return answered(ground, run, "starting");
}

Result<Resource> named_run(Ground& ground, const Request& request) {
  const char* member = "ReplicationTaskAssessmentRunArn";
  return need(ground, assessment_kind, request.text(member), member);
}

// The task goes back to what it was.
Result<void> give_back(Ground& ground, const Resource& row, Change& change) {
  auto task = TRY(ground.store.find_arn(row.shown.value("ReplicationTaskArn", "")));
  if (!task || task->state != "testing") return {};
  task->state = row.inner.value("back", "ready");
  change.put.push_back(std::move(*task));
  return {};
}

Result<json> cancel_run(Ground& ground, const Request& request) {
  Resource run = TRY(named_run(ground, request));
  if (run.state != "running") return wrong_state("the assessment run", run.state, "running");
  for (json& check : run.inner["checks"]) check["status"] = "cancelled";
  set_status(run, "failed");
  run.shown["LastFailureMessage"] = "the run was cancelled";
  Change change{.removed = {}, .put = {run}, .tags = {}, .events = {}};
  TRY(give_back(ground, run, change));
  TRY(ground.store.commit(change));
  ground.on_change();
  return answered(ground, run, "cancelling");
}

Result<json> delete_run_of_checks(Ground& ground, const Request& request) {
  const Resource run = TRY(named_run(ground, request));
  if (run.state == "running") return wrong_state("the assessment run", run.state, "ended");
  TRY(ground.store.commit({.removed = {{assessment_kind, run.id}}, .put = {}, .tags = {}, .events = {}}));
  return answered(ground, run, "deleting");
}

Result<json> describe_runs(Ground& ground, const Request& request) {
  return describe(ground, request, {assessment_kind, "ReplicationTaskAssessmentRuns", run_filters},
                  [&](const Resource& run) -> Result<json> { return shown_run(ground, run); });
}

Result<json> describe_checks(Ground& ground, const Request& request) {
  const std::vector<Filter> filters = TRY(filters_of(request, check_filters));
  std::map<std::string, json> rows;
  for (const Resource& run : TRY(ground.store.list(assessment_kind, {}, "", SIZE_MAX / 2))) {
    for (const json& check : run.inner["checks"]) {
      const json row{
          {"ReplicationTaskIndividualAssessmentArn", check["arn"]},
          {"ReplicationTaskAssessmentRunArn", run.arn},
          {"ReplicationTaskArn", run.shown["ReplicationTaskArn"]},
          {"IndividualAssessmentName", check["name"]},
          {"Status", check["status"]},
          {"ReplicationTaskIndividualAssessmentStartDate", run.shown["ReplicationTaskAssessmentRunCreationDate"]}};
      if (!passes(row, filters)) continue;
      rows[run.id + "|" + check.value("name", "")] = pruned_as("ReplicationTaskIndividualAssessment", row);
    }
  }
  if (rows.empty() && !filters.empty()) return not_found("Filters: no check with", filters.front().values.front());
  return page_of(request, "ReplicationTaskIndividualAssessments", rows, {});
}

Result<json> describe_applicable(Ground& ground, const Request& request) {
  std::vector<std::string> names;
  if (request.has("ReplicationInstanceArn")) {
    const char* member = "ReplicationInstanceArn";
    (void)TRY(need(ground, instance_kind, request.text(member), member));
  }
  const bool by_object = request.has("ReplicationTaskArn") || request.has("ReplicationConfigArn");
  const bool by_engines =
      request.has("SourceEngineName") && request.has("TargetEngineName") && request.has("MigrationType");
  if (by_object) {
    const bool is_task = request.has("ReplicationTaskArn");
    const char* member = is_task ? "ReplicationTaskArn" : "ReplicationConfigArn";
    names =
        TRY(checks_of_task(ground, TRY(need(ground, is_task ? task_kind : config_kind, request.text(member), member))));
  } else if (by_engines) {
    names = TRY(checks_for(ground, request.input["SourceEngineName"], request.input["TargetEngineName"],
                           request.input["MigrationType"]));
  } else {
    return base::failed(api::errors::invalid_parameter_combination,
                        "give ReplicationTaskArn, ReplicationConfigArn, or SourceEngineName, TargetEngineName and "
                        "MigrationType");
  }
  std::map<std::string, json> rows;
  for (const std::string& name : names) rows[name] = name;
  return page_of(request, "IndividualAssessmentNames", rows, {});
}

Result<json> start_type_report(Ground& ground, const Request& request) {
  Resource task = TRY(testable_task(ground, request));
  Resource row;
  row.kind = type_assessment_kind;
  row.id = task.arn;
  row.arn = fmt::format("{}:{}", type_assessment_kind, task.arn);
  row.shown = {{"ReplicationTaskArn", task.arn}, {"ReplicationTaskIdentifier", task.id}};
  const auto before = TRY(ground.store.find(type_assessment_kind, task.arn));
  const int asked = before ? before->inner.value("asked", 0) + 1 : 1;
  row.inner = {{"back", task.state}, {"asked", asked}, {"checks", json::array()}};
  row.refers_to = std::vector{task.arn};
  set_status(row, "running");
  json shown = task.shown;
  shown.update(task.inner["members"]);
  shown["Status"] = "testing";
  task.state = "testing";
  TRY(ground.store.commit({.removed = {}, .put = {row, task}, .tags = {}, .events = {}}));
  ground.on_change();
  return json{{"ReplicationTask", shown}};
}

Result<json> describe_type_reports(Ground& ground, const Request& request) {
  std::map<std::string, json> rows;
  const std::string arn = request.text("ReplicationTaskArn");
  if (!arn.empty()) (void)TRY(need(ground, task_kind, arn, "ReplicationTaskArn"));
  for (const Resource& row : TRY(ground.store.in_state(type_assessment_kind, {"done"}))) {
    if (!arn.empty() && row.id != arn) continue;
    json shown = pruned_as("ReplicationTaskAssessmentResult", row.shown);
    shown["AssessmentStatus"] = row.inner.value("status", "");
    shown["ReplicationTaskLastAssessmentDate"] = row.inner["date"];
    shown["AssessmentResultsFile"] = row.inner.value("file", "");
    if (!arn.empty()) {
      shown["AssessmentResults"] = row.inner.value("report", "");
      shown["S3ObjectUrl"] =
          fmt::format("file://{}/results/{}/{}", ground.data_dir, type_bucket, row.inner.value("file", ""));
    }
    rows[row.id] = std::move(shown);
  }
  if (!arn.empty() && rows.empty()) return not_found("ReplicationTaskArn: an assessment of", arn);
  json out = TRY(page_of(request, "ReplicationTaskAssessmentResults", rows, {}));
  if (!arn.empty()) out["BucketName"] = type_bucket;
  return out;
}

Result<void> replace_file(const std::string& folder, const std::string& name, const json& content) {
  base::PosixDisk disk;
  TRY(disk.make_folders(folder));
  return write_file(folder + "/" + name, content.dump(1) + "\n");
}

void judge(Resource& run, const json& answer) {
  std::map<std::string, std::string> verdicts;
  for (const json& check : answer.at("checks")) verdicts[check.value("name", "")] = check.value("status", "");
  for (json& check : run.inner["checks"]) {
    const auto found = verdicts.find(check.value("name", ""));
    check["status"] = found == verdicts.end() ? "error" : found->second;
  }
  set_status(run, answer.at("status"));
}

void fail(Resource& row, const std::string& why) {
  for (json& check : row.inner["checks"]) check["status"] = "error";
  set_status(row, "error-executing");
  row.shown["LastFailureMessage"] = why;
}

Result<void> keep_types(Ground& ground, Resource& row, const json& types) {
  std::string stamp = base::utc_text(ground.clock.wall(), 0).substr(0, 16);
  std::replace_if(
      stamp.begin(), stamp.end(), [](char c) { return c == ' ' || c == ':' || c == 'T'; }, '-');
  const std::string folder = row.id.substr(row.id.rfind(':') + 1);
  TRY(replace_file(fmt::format("{}/results/{}/{}", ground.data_dir, type_bucket, folder), stamp, types));
  row.inner["file"] = folder + "/" + stamp;
  row.inner["report"] = types.dump();
  row.inner["date"] = ground.now_seconds();
  row.inner["status"] = types.at("types").empty() ? "No issues found" : "Issues found";
  set_status(row, "done");
  return {};
}

}  // namespace

Result<json> assessment_question(Ground& ground, const Resource& row) {
  const Resource task = TRY(need(ground, task_kind, row.shown.value("ReplicationTaskArn", ""), "ReplicationTaskArn"));
  json names = json::array();
  for (const json& check : row.inner["checks"]) names.push_back(check["name"]);
  json document = TRY(task_document(ground, task));
  json question{{"ask", "assess"},
                {"document", std::move(document)},
                {"data_dir", ground.task_folder(task)},
                {"checks", std::move(names)}};
  if (row.kind == assessment_kind) {
    question["results"] = row.inner.at("results");
    question["run"] = pruned_as("ReplicationTaskAssessmentRun", row.shown);
  }
  return question;
}

Result<void> note_assessment(Ground& ground, Resource row, Result<WorkerAnswer> answer) {
  std::string failure;
  if (!answer.ok()) failure = answer.error().text();
  if (answer.ok() && answer->error) failure = answer->error->code + ": " + answer->error->message;
  if (failure.empty() && row.kind == type_assessment_kind) {
    const Result<void> kept = keep_types(ground, row, answer->value.at("types"));
    if (!kept.ok()) failure = kept.error().text();
  } else if (failure.empty()) {
    judge(row, answer->value);
  }
  if (!failure.empty()) fail(row, failure);
  Change change{.removed = {}, .put = {row}, .tags = {}, .events = {}};
  TRY(give_back(ground, row, change));
  const std::string task = change.put.size() > 1 ? change.put[1].id : "";
  change.events.push_back(
      event_of(ground, task_source_type, task, failure.empty() ? "state change" : "failure",
               "Assessment of the replication task ended: " + (failure.empty() ? row.state : failure)));
  return ground.store.commit(change);
}

Result<std::vector<std::pair<std::string, std::string>>> assessments_of(Ground& ground, const Resource& task) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const char* kind : {assessment_kind, type_assessment_kind}) {
    for (const Resource& row : TRY(ground.store.referring(kind, task.arn))) out.emplace_back(kind, row.id);
  }
  return out;
}

std::span<const OperationRow> assessment_operations() {
  static constexpr std::array rows{
      OperationRow{"CancelReplicationTaskAssessmentRun", cancel_run, Effect::runs, "The run ends as `failed`."},
      OperationRow{"DeleteReplicationTaskAssessmentRun", delete_run_of_checks, Effect::changes, "Its results stay."},
      OperationRow{
          "DescribeApplicableIndividualAssessments", describe_applicable, Effect::reads,
          "Those of the API's checks that Millrace makes, and `millrace-check`: all that `millrace check` finds."},
      OperationRow{"DescribeReplicationTaskAssessmentResults", describe_type_reports, Effect::reads},
      OperationRow{"DescribeReplicationTaskAssessmentRuns", describe_runs, Effect::reads},
      OperationRow{"DescribeReplicationTaskIndividualAssessments", describe_checks, Effect::reads},
      OperationRow{"StartReplicationTaskAssessment", start_type_report, Effect::runs,
                   "Types of the source that arrive as text."},
      OperationRow{"StartReplicationTaskAssessmentRun", start_run_of_checks, Effect::runs,
                   "A bucket is one of `--s3-endpoint`; without, a folder `results/BUCKET` of the data directory, and "
                   "encryption is refused. What S3 refuses ends the run."},
  };
  return rows;
}

}  // namespace server
