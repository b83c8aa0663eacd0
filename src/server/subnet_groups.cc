// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "api/errors.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule subnet_group_name_rule{"ReplicationSubnetGroupIdentifier", 255, api::NameForm::dotted};
constexpr std::array<FilterName, 1> subnet_group_filters{FilterName{"replication-subnet-group-id", "$id"}};
constexpr std::size_t subnets_min = 2, subnets_max = 60;

// Every subnet is taken to be in a zone of its own: which it is in only its network knows.
Result<json> subnets_of(const Request& request) {
  json out = json::array();
  const json& ids = request.input["SubnetIds"];
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out.push_back({{"SubnetIdentifier", ids[i]},
                   {"SubnetAvailabilityZone", {{"Name", fmt::format("zone-{}", i + 1)}}},
                   {"SubnetStatus", "Active"}});
  }
  if (out.size() >= subnets_min && out.size() <= subnets_max) return out;
  if (out.size() > subnets_max) {
    return base::failed(api::errors::resource_quota_exceeded, "SubnetIds has {} subnets; {} is the limit", out.size(),
                        subnets_max);
  }
  return base::failed(api::errors::too_few_zones, "SubnetIds must name at least {} subnets", subnets_min);
}

Result<json> create_group(Ground& ground, const Request& request) {
  const std::string id = TRY(free_name(ground, subnet_group_kind, request, subnet_group_name_rule));
  if (id == "default") {
    return base::failed(api::errors::resource_already_exists, "{} \"default\" is taken", subnet_group_name_rule.member);
  }
  const auto tags = TRY(tags_of(request.input.value("Tags", json::array())));
  const json subnets = TRY(subnets_of(request));
  TRY(check_quota(ground, subnet_group_kind));
  Resource group;
  group.kind = subnet_group_kind;
  group.id = id;
  group.arn = api::Arn{request.region, ground.account, subnet_group_kind, id}.text();  // clients build it themselves
  group.state = "Complete";
  group.shown = {{"ReplicationSubnetGroupIdentifier", id},
                 {"ReplicationSubnetGroupDescription", request.text("ReplicationSubnetGroupDescription")},
                 {"VpcId", "vpc-local"},
                 {"SubnetGroupStatus", "Complete"},
                 {"Subnets", subnets},
                 {"SupportedNetworkTypes", {"IPV4"}}};
  TRY(ground.store.commit({.removed = {}, .put = {group}, .tags = {{group.arn, tags}}, .events = {}}));
  return json{{"ReplicationSubnetGroup", group.shown}};
}

Result<Resource> named_group(Ground& ground, const Request& request) {
  const std::string id =
      TRY(api::checked_name(request.text("ReplicationSubnetGroupIdentifier"), subnet_group_name_rule));
  auto group = TRY(ground.store.find(subnet_group_kind, id));
  if (!group) return not_found(subnet_group_name_rule.member, id);
  return std::move(*group);
}

Result<json> modify_group(Ground& ground, const Request& request) {
  Resource group = TRY(named_group(ground, request));
  group.shown["Subnets"] = TRY(subnets_of(request));
  if (request.has("ReplicationSubnetGroupDescription")) {
    group.shown["ReplicationSubnetGroupDescription"] = request.text("ReplicationSubnetGroupDescription");
  }
  Change change{.removed = {}, .put = {group}, .tags = {}, .events = {}};
  for (Resource& instance : TRY(ground.store.referring(instance_kind, group.arn))) {
    instance.shown["ReplicationSubnetGroup"] = group.shown;
    change.put.push_back(std::move(instance));
  }
  TRY(ground.store.commit(change));
  return json{{"ReplicationSubnetGroup", group.shown}};
}

Result<json> describe_groups(Ground& ground, const Request& request) {
  return describe(ground, request, {subnet_group_kind, "ReplicationSubnetGroups", subnet_group_filters},
                  [](const Resource& row) -> Result<json> { return row.shown; });
}

Result<json> delete_group(Ground& ground, const Request& request) {
  const Resource group = TRY(named_group(ground, request));
  for (const char* kind : {instance_kind, config_kind}) {
    for (const Resource& user : TRY(ground.store.referring(kind, group.arn))) {
      return base::failed(api::errors::invalid_resource_state, "the subnet group is used by {}", user.id);
    }
  }
  TRY(ground.store.commit({.removed = {{subnet_group_kind, group.id}}, .put = {}, .tags = {}, .events = {}}));
  return json::object();
}

}  // namespace

std::span<const OperationRow> subnet_group_operations() {
  static constexpr std::array rows{
      OperationRow{"CreateReplicationSubnetGroup", create_group, Effect::changes,
                   "Subnets are kept as named; each is taken to be in a zone of its own."},
      OperationRow{"DeleteReplicationSubnetGroup", delete_group, Effect::changes},
      OperationRow{"DescribeReplicationSubnetGroups", describe_groups, Effect::reads},
      OperationRow{"ModifyReplicationSubnetGroup", modify_group, Effect::changes},
  };
  return rows;
}

}  // namespace server
