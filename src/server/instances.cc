// SPDX-License-Identifier: Apache-2.0
#include "server/instances.h"

#include <algorithm>
#include <array>

#include "api/errors.h"
#include "base/json.h"
#include "server/endpoints.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule instance_name_rule{"ReplicationInstanceIdentifier", 63};
constexpr std::array<FilterName, 4> instance_filters{
    FilterName{"replication-instance-arn", "$arn"}, FilterName{"replication-instance-id", "$id"},
    FilterName{"replication-instance-class", "ReplicationInstanceClass"},
    FilterName{"engine-version", "EngineVersion"}};
constexpr std::int64_t storage_min = 5, storage_max = 6144, storage_usual = 50;
constexpr const char* source_type = "replication-instance";
constexpr const char* zone = "local";

// As the service's guide has them. docs/api.md shows the memory.
struct ClassRow {
  const char* name;
  std::int64_t storage;
  double memory_gib;
};
constexpr std::array<ClassRow, 10> classes{
    ClassRow{"dms.c5.large", 100, 4}, {"dms.c5.xlarge", 100, 8}, {"dms.c5.2xlarge", 100, 16}, {"dms.r5.large", 100, 16},
    {"dms.r5.xlarge", 100, 32},       {"dms.t2.medium", 50, 4},  {"dms.t3.large", 50, 8},     {"dms.t3.medium", 50, 4},
    {"dms.t3.micro", 50, 1},          {"dms.t3.small", 50, 2}};

Result<const ClassRow*> class_of(const std::string& name) {
  const auto at = std::find_if(classes.begin(), classes.end(), [&](const ClassRow& row) { return name == row.name; });
  if (at != classes.end()) return &*at;
  return base::failed(api::errors::invalid_parameter_value,
                      "ReplicationInstanceClass \"{}\" is not one that DescribeOrderableReplicationInstances lists",
                      base::printable(name));
}

json shown_group(const Resource* group) {
  if (group != nullptr) return group->shown;
  return {{"ReplicationSubnetGroupIdentifier", "default"},
          {"ReplicationSubnetGroupDescription", "this machine"},
          {"VpcId", "vpc-local"},
          {"SubnetGroupStatus", "Complete"},
          {"Subnets", json::array()},
          {"SupportedNetworkTypes", {"IPV4"}}};
}

Result<void> refuse_unoffered(const Request& request) {
  for (const char* member : {"KmsKeyId", "KerberosAuthenticationSettings", "DnsNameServers"}) {
    if (request.has(member)) return base::failed(api::errors::invalid_parameter_value, "{} is not offered", member);
  }
  if (request.flag("MultiAZ", false)) {
    return base::failed(api::errors::invalid_parameter_value, "MultiAZ is not offered: an instance is on one machine");
  }
  if (request.has("EngineVersion") && request.text("EngineVersion") != engine_version) {
    return base::failed(api::errors::invalid_parameter_value, "EngineVersion must be {}", engine_version);
  }
  if (request.has("NetworkType") && request.text("NetworkType") != "IPV4") {
    return base::failed(api::errors::invalid_parameter_value, "NetworkType must be IPV4");
  }
  return {};
}

Result<void> check_storage(const Request& request) {
  const std::int64_t size = request.input.value("AllocatedStorage", storage_usual);
  if (size >= storage_min && size <= storage_max) return {};
  return base::failed(api::errors::invalid_parameter_value, "AllocatedStorage is {}; it must be {} to {}", size,
                      storage_min, storage_max);
}

json security_groups(const Request& request) {
  json out = json::array();
  for (const json& id : request.input.value("VpcSecurityGroupIds", json::array())) {
    out.push_back({{"VpcSecurityGroupId", id}, {"Status", "active"}});
  }
  return out;
}

Result<json> create_instance(Ground& ground, const Request& request) {
  const std::string id = TRY(free_name(ground, instance_kind, request, instance_name_rule));
  const auto tags = TRY(tags_of(request.input.value("Tags", json::array())));
  std::string group_id = request.text("ReplicationSubnetGroupIdentifier");
  std::transform(group_id.begin(), group_id.end(), group_id.begin(), [](unsigned char c) { return std::tolower(c); });
  std::optional<Resource> group;
  if (!group_id.empty() && group_id != "default") {
    group = TRY(ground.store.find(subnet_group_kind, group_id));
    if (!group) return not_found("ReplicationSubnetGroupIdentifier", group_id);
  }
  const ClassRow* row = TRY(class_of(request.text("ReplicationInstanceClass")));
  TRY(check_storage(request));
  TRY(refuse_unoffered(request));
  Resource instance = TRY(new_resource(ground, request, instance_kind, id));
  if (group) instance.refers_to = std::vector{group->arn};
  instance.state = "available";
  instance.shown = {
      {"ReplicationInstanceIdentifier", id},
      {"ReplicationInstanceArn", instance.arn},
      {"ReplicationInstanceClass", row->name},
      {"ReplicationInstanceStatus", "available"},
      {"AllocatedStorage", request.input.value("AllocatedStorage", row->storage)},
      {"InstanceCreateTime", ground.now_seconds()},
      {"AvailabilityZone", request.has("AvailabilityZone") ? request.text("AvailabilityZone") : zone},
      {"VpcSecurityGroups", security_groups(request)},
      {"ReplicationSubnetGroup", shown_group(group ? &*group : nullptr)},
      {"PreferredMaintenanceWindow", request.input.value("PreferredMaintenanceWindow", "sun:03:00-sun:03:30")},
      {"PendingModifiedValues", json::object()},
      {"MultiAZ", false},
      {"EngineVersion", engine_version},
      {"AutoMinorVersionUpgrade", request.flag("AutoMinorVersionUpgrade", true)},
      {"PubliclyAccessible", request.flag("PubliclyAccessible", true)},
      {"NetworkType", "IPV4"},
      {"ReplicationInstancePrivateIpAddress", "127.0.0.1"},
      {"ReplicationInstancePrivateIpAddresses", {"127.0.0.1"}},
      {"ReplicationInstancePublicIpAddresses", json::array()},
      {"ReplicationInstanceIpv6Addresses", json::array()}};
  Change change{.removed = {}, .put = {instance}, .tags = {{instance.arn, tags}}, .events = {}};
  change.events.push_back(event_of(ground, source_type, id, "creation", "Replication instance created"));
  TRY(ground.store.commit(change));
  json shown = instance.shown;  // as the service answers: the next look sees it available
  shown["ReplicationInstanceStatus"] = "creating";
  return json{{"ReplicationInstance", shown}};
}

Result<json> describe_instances(Ground& ground, const Request& request) {
  return describe(ground, request, {instance_kind, "ReplicationInstances", instance_filters},
                  [](const Resource& row) -> Result<json> { return row.shown; });
}

Result<Resource> settled_instance(Ground& ground, const Request& request) {
  return need(ground, instance_kind, request.text("ReplicationInstanceArn"), "ReplicationInstanceArn");
}

Result<json> modify_instance(Ground& ground, const Request& request) {
  Resource instance = TRY(settled_instance(ground, request));
  TRY(refuse_unoffered(request));
  const json before = instance.shown;
  if (request.has("ReplicationInstanceIdentifier")) {
    const std::string id = TRY(api::checked_name(request.text("ReplicationInstanceIdentifier"), instance_name_rule));
    if (id != instance.id) instance.id = TRY(free_name(ground, instance_kind, request, instance_name_rule));
    instance.shown["ReplicationInstanceIdentifier"] = id;
  }
  if (request.has("ReplicationInstanceClass")) {
    instance.shown["ReplicationInstanceClass"] = TRY(class_of(request.text("ReplicationInstanceClass")))->name;
  }
  TRY(check_storage(request));
  for (const char* member : {"AllocatedStorage", "PreferredMaintenanceWindow", "AutoMinorVersionUpgrade"}) {
    if (request.has(member)) instance.shown[member] = request.input[member];
  }
  if (request.has("VpcSecurityGroupIds")) instance.shown["VpcSecurityGroups"] = security_groups(request);
  if (instance.shown == before) {
    return base::failed(api::errors::invalid_parameter_combination, "No modifications were requested");
  }
  Change change{.removed = {}, .put = {instance}, .tags = {}, .events = {}};
  change.events.push_back(
      event_of(ground, source_type, instance.id, "configuration change", "Replication instance modified"));
  TRY(ground.store.commit(change));
  ground.on_change();
  json shown = instance.shown;
  shown["ReplicationInstanceStatus"] = "modifying";
  return json{{"ReplicationInstance", shown}};
}

Result<json> delete_instance(Ground& ground, const Request& request) {
  const Resource instance = TRY(settled_instance(ground, request));
  for (const Resource& task : TRY(ground.store.referring(task_kind, instance.arn))) {
    return base::failed(api::errors::invalid_resource_state, "the replication instance has the task {}", task.id);
  }
  Change change;
  for (const char* kind : {connection_kind, refresh_kind}) {
    for (const Resource& row : TRY(ground.store.referring(kind, instance.arn)))
      change.removed.emplace_back(kind, row.id);
  }
  change.removed.emplace_back(instance_kind, instance.id);
  change.events.push_back(event_of(ground, source_type, instance.id, "deletion", "Replication instance deleted"));
  TRY(ground.store.commit(change));
  json shown = instance.shown;
  shown["ReplicationInstanceStatus"] = "deleting";
  return json{{"ReplicationInstance", shown}};
}

// Its tasks stop at a commit boundary and go on in new processes.
Result<json> reboot_instance(Ground& ground, const Request& request) {
  const Resource instance = TRY(settled_instance(ground, request));
  for (const char* member : {"ForceFailover", "ForcePlannedFailover"}) {
    if (request.flag(member, false)) {
      return base::failed(api::errors::invalid_resource_state, "{} needs an instance with MultiAZ", member);
    }
  }
  Change change;
  for (Resource& task : TRY(ground.store.referring(task_kind, instance.arn))) {
    if (task.state != "running" || task.inner.contains("reload")) continue;
    task.inner["reload"] = json::array();
    change.put.push_back(std::move(task));
  }
  change.events.push_back(event_of(ground, source_type, instance.id, "maintenance", "Replication instance rebooted"));
  TRY(ground.store.commit(change));
  ground.on_change();
  json shown = instance.shown;
  shown["ReplicationInstanceStatus"] = "rebooting";
  return json{{"ReplicationInstance", shown}};
}

Result<json> describe_orderable(Ground&, const Request& request) {
  std::map<std::string, json> rows;
  for (const ClassRow& row : classes) {
    rows[row.name] = {{"EngineVersion", engine_version},
                      {"ReplicationInstanceClass", row.name},
                      {"StorageType", "gp2"},
                      {"MinAllocatedStorage", storage_min},
                      {"MaxAllocatedStorage", storage_max},
                      {"DefaultAllocatedStorage", row.storage},
                      {"IncludedAllocatedStorage", row.storage},
                      {"AvailabilityZones", {zone}},
                      {"ReleaseStatus", "prod"}};
  }
  return page_of(request, "OrderableReplicationInstances", rows, {});
}

Result<json> describe_engine_versions(Ground&, const Request& request) {
  const json row{{"Version", engine_version},
                 {"Lifecycle", "DEFAULT_VERSION"},
                 {"ReleaseStatus", "prod"},
                 {"AvailableUpgrades", json::array()}};
  return page_of(request, "EngineVersions", {{engine_version, row}}, {});
}

Result<json> describe_maintenance(Ground& ground, const Request& request) {
  if (request.has("ReplicationInstanceArn")) (void)TRY(settled_instance(ground, request));
  return page_of(request, "PendingMaintenanceActions", {},
                 {});  // there is never one: Millrace is upgraded by its owner
}

Result<json> apply_maintenance(Ground& ground, const Request& request) {
  constexpr std::array actions{"os-upgrade", "system-update", "db-upgrade", "os-patch"};
  constexpr std::array opt_ins{"immediate", "next-maintenance", "undo-opt-in"};
  const Resource instance = TRY(settled_instance(ground, request));
  const std::string action = request.text("ApplyAction"), opt_in = request.text("OptInType");
  if (std::find(actions.begin(), actions.end(), action) == actions.end()) {
    return base::failed(api::errors::invalid_parameter_value,
                        "ApplyAction \"{}\" is not one of os-upgrade, system-update, db-upgrade, os-patch",
                        base::printable(action));
  }
  if (std::find(opt_ins.begin(), opt_ins.end(), opt_in) == opt_ins.end()) {
    return base::failed(api::errors::invalid_parameter_value,
                        "OptInType \"{}\" is not one of immediate, next-maintenance, undo-opt-in",
                        base::printable(opt_in));
  }
  return base::failed(api::errors::resource_not_found, "no maintenance is pending for {}", instance.id);
}

}  // namespace

double memory_gib_of_class(std::string_view name) {
  const auto at = std::find_if(classes.begin(), classes.end(), [&](const ClassRow& row) { return name == row.name; });
  return at == classes.end() ? 0 : at->memory_gib;
}

std::span<const OperationRow> instance_operations() {
  static constexpr std::array rows{
      OperationRow{"ApplyPendingMaintenanceAction", apply_maintenance, Effect::changes,
                   "Always ResourceNotFoundFault: nothing is ever pending, its owner upgrades Millrace."},
      OperationRow{"CreateReplicationInstance", create_instance, Effect::changes,
                   "A worker on this machine, there at once. `MultiAZ`, `KmsKeyId`, Kerberos, DNS servers and other "
                   "engine versions are refused. Class and `AllocatedStorage` bound memory and disk of its tasks."},
      OperationRow{"DeleteReplicationInstance", delete_instance, Effect::changes},
      OperationRow{"DescribeEngineVersions", describe_engine_versions, Effect::reads},
      OperationRow{"DescribeOrderableReplicationInstances", describe_orderable, Effect::reads},
      OperationRow{"DescribePendingMaintenanceActions", describe_maintenance, Effect::reads, "There is never one."},
      OperationRow{"DescribeReplicationInstances", describe_instances, Effect::reads},
      OperationRow{"RebootReplicationInstance", reboot_instance, Effect::changes,
                   "Its running tasks stop at a commit boundary and go on in new processes."},
      OperationRow{"ModifyReplicationInstance", modify_instance, Effect::changes,
                   "Takes effect at once, whatever `ApplyImmediately` says."},
  };
  return rows;
}

}  // namespace server
