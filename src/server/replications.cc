// SPDX-License-Identifier: Apache-2.0
//
// Replication configs and their replications ("serverless"): a task with an instance of its own, under other names.
#include <algorithm>
#include <array>

#include "api/errors.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule config_name_rule{"ReplicationConfigIdentifier", 255};
constexpr std::array<FilterName, 2> config_filters{FilterName{"replication-config-arn", "$arn"},
                                                   FilterName{"replication-config-id", "$id"}};
constexpr std::array<int, 11> capacities{1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384};

base::Error refused_config(std::string_view what) {
  return base::failed(api::errors::invalid_parameter_value, "{}", what);
}

bool is_capacity(const json& value) {
  return std::find(capacities.begin(), capacities.end(), value) != capacities.end();
}

// With what the service fills in. The subnet group, if one is named, is referred to.
Result<json> compute_config(Ground& ground, json given, std::vector<std::string>& refers_to) {
  for (const char* member : {"KmsKeyId", "DnsNameServers"}) {
    if (given.contains(member)) return refused_config(fmt::format("ComputeConfig.{} is not offered", member));
  }
  if (given.value("MultiAZ", false))
    return refused_config("ComputeConfig.MultiAZ is not offered: there is one machine");
  if (!is_capacity(given.value("MaxCapacityUnits", json()))) {
    return refused_config(
        "ComputeConfig.MaxCapacityUnits is required and must be 1, 2, 4, 8, 16, 32, 64, 128, 192, 256 or 384");
  }
  given["MinCapacityUnits"] = given.value("MinCapacityUnits", 1);
  if (!is_capacity(given["MinCapacityUnits"]) || given["MinCapacityUnits"] > given["MaxCapacityUnits"]) {
    return refused_config(
        "ComputeConfig.MinCapacityUnits must be one of the capacities, and not above MaxCapacityUnits");
  }
  const std::string group_id = given.value("ReplicationSubnetGroupId", "default");
  if (group_id != "default") {
    const auto group = TRY(ground.store.find(subnet_group_kind, group_id));
    if (!group) return not_found("ComputeConfig.ReplicationSubnetGroupId", group_id);
    refers_to.push_back(group->arn);
  }
  given["ReplicationSubnetGroupId"] = group_id;
  given["MultiAZ"] = false;
  given["AvailabilityZone"] = given.value("AvailabilityZone", "local");
  given["PreferredMaintenanceWindow"] = given.value("PreferredMaintenanceWindow", "sun:03:00-sun:03:30");
  given["VpcSecurityGroupIds"] = given.value("VpcSecurityGroupIds", json::array());
  return given;
}

// What create and modify do alike: members, settings, endpoints, then a worker reads it all.
Result<void> settle(Ground& ground, const Request& request, Resource& config) {
  if (request.has("SupplementalSettings") &&
      !TRY(merged_settings(json::object(), request.text("SupplementalSettings"))).empty()) {
    return refused_config("SupplementalSettings has no member that has an effect here");
  }
  std::vector<std::string> refers_to;
  for (const auto& [member, side] : {std::pair{"SourceEndpointArn", "source"}, {"TargetEndpointArn", "target"}}) {
    if (request.has(member)) {
      config.inner[side] = TRY(endpoint_of_side(ground, request, member, side)).arn;
      config.shown[member] = config.inner[side];
    }
    refers_to.push_back(config.inner.value(side, ""));
  }
  json compute = config.shown.value("ComputeConfig", json::object());
  compute.merge_patch(request.input.value("ComputeConfig", json::object()));
  config.shown["ComputeConfig"] = TRY(compute_config(ground, std::move(compute), refers_to));
  config.refers_to = std::move(refers_to);
  for (const auto& [member, inner] :
       {std::pair{"ReplicationType", "MigrationType"}, {"TableMappings", "TableMappings"}}) {
    if (!request.has(member)) continue;
    config.shown[member] = request.input[member];
    config.inner["members"][inner] = request.input[member];
  }
  config.inner["settings"] = TRY(merged_settings(config.inner["settings"], request.text("ReplicationSettings")));
  config.shown["ReplicationSettings"] = TRY(settings_checked_by_worker(ground, config));
  config.shown["ReplicationConfigUpdateTime"] = ground.now_seconds();
  return {};
}

Result<json> create_config(Ground& ground, const Request& request) {
  const std::string id = TRY(free_name(ground, config_kind, request, config_name_rule));
  const auto tags = TRY(tags_of(request.input.value("Tags", json::array())));
  Resource config = TRY(new_resource(ground, request, config_kind, id));
  config.state = "ready";
  config.shown = {{"ReplicationConfigIdentifier", id},
                  {"ReplicationConfigArn", config.arn},
                  {"ReplicationConfigCreateTime", ground.now_seconds()}};
  config.inner = {{"name", id},
                  {"folder", api::random_suffix(ground.random)},
                  {"run", 0},
                  {"members", json::object()},
                  {"settings", json::object()}};
  TRY(settle(ground, request, config));
  Change change{.removed = {}, .put = {config}, .tags = {{config.arn, tags}}, .events = {}};
  change.events.push_back(event_of(ground, task_source_type, id, "creation", "Replication created"));
  TRY(ground.store.commit(change));
  return json{{"ReplicationConfig", config.shown}};
}

Result<Resource> named_config(Ground& ground, const Request& request) {
  return need(ground, config_kind, request.text("ReplicationConfigArn"), "ReplicationConfigArn");
}

Result<json> modify_config(Ground& ground, const Request& request) {
  Resource config = TRY(named_config(ground, request));
  if (!at_rest(config)) return wrong_state("the replication", config.state, "created, stopped or failed");
  if (request.has("ReplicationConfigIdentifier")) {
    const std::string id = TRY(api::checked_name(request.text("ReplicationConfigIdentifier"), config_name_rule));
    if (id != config.id) config.id = TRY(free_name(ground, config_kind, request, config_name_rule));
    config.shown["ReplicationConfigIdentifier"] = id;
  }
  const bool moved = request.has("SourceEndpointArn") || request.has("TargetEndpointArn");
  if (moved && config.inner.value("run", 0) > 0) {
    return base::failed(api::errors::invalid_resource_state,
                        "the endpoints of a replication that was started are fixed");
  }
  TRY(settle(ground, request, config));
  Change change{.removed = {}, .put = {config}, .tags = {}, .events = {}};
  change.events.push_back(
      event_of(ground, task_source_type, config.id, "configuration change", "Replication modified"));
  TRY(ground.store.commit(change));
  return json{{"ReplicationConfig", config.shown}};
}

Result<json> describe_configs(Ground& ground, const Request& request) {
  return describe(ground, request, {config_kind, "ReplicationConfigs", config_filters},
                  [](const Resource& row) -> Result<json> { return row.shown; });
}

json shown_replication(const Ground& ground, const Resource& config) {
  json out;
  for (const char* member : {"ReplicationConfigIdentifier", "ReplicationConfigArn", "SourceEndpointArn",
                             "TargetEndpointArn", "ReplicationType"}) {
    out[member] = config.shown[member];
  }
  out["Status"] = config.state == "ready"      ? "created"
                  : config.state == "starting" ? "replication_starting"
                                               : config.state;
  out["ReplicationCreateTime"] = config.shown["ReplicationConfigCreateTime"];
  out["ReplicationUpdateTime"] = config.shown["ReplicationConfigUpdateTime"];
  for (const char* member : {"CdcStartPosition", "CdcStopPosition"}) {
    if (config.inner["members"].contains(member)) out[member] = config.inner["members"][member];
  }
  if (config.inner.contains("StopReason")) out["StopReason"] = config.inner["StopReason"];
  if (config.inner.contains("StopDate")) out["ReplicationLastStopTime"] = config.inner["StopDate"];
  out["FailureMessages"] = json::array();
  if (config.inner.contains("LastFailureMessage")) out["FailureMessages"].push_back(config.inner["LastFailureMessage"]);
  if (config.inner.value("run", 0) == 0) return out;
  const json report = read_report(ground, config);
  out["StartReplicationType"] = config.inner["start"];
  out["ReplicationStats"] = run_stats(config, report);
  if (const std::string checkpoint = recovery_checkpoint(config, report); !checkpoint.empty()) {
    out["RecoveryCheckpoint"] = checkpoint;
  }
  return out;
}

Result<json> describe_replications(Ground& ground, const Request& request) {
  return describe(ground, request, {config_kind, "Replications", config_filters},
                  [&](const Resource& row) -> Result<json> { return shown_replication(ground, row); });
}

Result<json> start_replication(Ground& ground, const Request& request) {
  Resource config = TRY(named_config(ground, request));
  if (request.has("PremigrationAssessmentSettings")) {
    return refused_config(
        "PremigrationAssessmentSettings: a replication starts without assessments; run one for a task");
  }
  TRY(start_run(ground, request, config, request.text("StartReplicationType")));
  return json{{"Replication", shown_replication(ground, config)}};
}

Result<json> stop_replication(Ground& ground, const Request& request) {
  Resource config = TRY(named_config(ground, request));
  TRY(stop_run(ground, config));
  return json{{"Replication", shown_replication(ground, config)}};
}

Result<json> delete_config(Ground& ground, const Request& request) {
  Resource config = TRY(named_config(ground, request));
  TRY(delete_run(ground, config));
  return json{{"ReplicationConfig", config.shown}};
}

Result<json> describe_statistics(Ground& ground, const Request& request) {
  const Resource config = TRY(named_config(ground, request));
  json out = TRY(table_statistics(ground, request, config, "ReplicationTableStatistics"));
  out["ReplicationConfigArn"] = config.arn;
  return out;
}

Result<json> reload_replication_tables(Ground& ground, const Request& request) {
  Resource config = TRY(named_config(ground, request));
  TRY(reload_run(ground, request, config));
  return json{{"ReplicationConfigArn", config.arn}};
}

}  // namespace

std::span<const OperationRow> replication_operations() {
  static constexpr std::array rows{
      OperationRow{"CreateReplicationConfig", create_config, Effect::changes,
                   "A task with an instance of its own; `MaxCapacityUnits` bounds its memory, 2 GiB each. The least is "
                   "kept, and "
                   "reserves nothing."},
      OperationRow{"DeleteReplicationConfig", delete_config, Effect::changes},
      OperationRow{"DescribeReplicationConfigs", describe_configs, Effect::reads},
      OperationRow{"DescribeReplicationTableStatistics", describe_statistics, Effect::reads},
      OperationRow{"DescribeReplications", describe_replications, Effect::reads},
      OperationRow{"ModifyReplicationConfig", modify_config, Effect::changes},
      OperationRow{"ReloadReplicationTables", reload_replication_tables, Effect::runs},
      OperationRow{"StartReplication", start_replication, Effect::runs,
                   "Connections need not have been tested before."},
      OperationRow{"StopReplication", stop_replication, Effect::runs},
  };
  return rows;
}

}  // namespace server
