// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "api/errors.h"
#include "server/account.h"
#include "server/assessments.h"
#include "server/certificates.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr std::array taggable{endpoint_kind, instance_kind,    subnet_group_kind, task_kind,
                              config_kind,   certificate_kind, subscription_kind, assessment_kind};

// Subnet groups and subscriptions are named by ARNs that clients make: only type and name count there.
Result<std::string> known_arn(Ground& ground, const std::string& text, std::string_view member) {
  const auto arn = api::parse_arn(text);
  if (!arn) return not_found(member, text);
  const bool by_name = arn->type == subnet_group_kind || arn->type == subscription_kind;
  const auto found = by_name ? TRY(ground.store.find(arn->type, arn->suffix)) : TRY(ground.store.find_arn(text));
  if (!found) return not_found(member, text);
  for (const std::string_view kind : taggable) {
    if (found->kind == kind) return found->arn;
  }
  return not_found(member, text);
}

Result<json> add_tags(Ground& ground, const Request& request) {
  const std::string arn = TRY(known_arn(ground, request.text("ResourceArn"), "ResourceArn"));
  json all = request.input["Tags"];
  // What is there already comes first, so that a new value wins.
  json list = json::array();
  for (const auto& [key, value] : TRY(ground.store.tags(arn))) list.push_back({{"Key", key}, {"Value", value}});
  for (json& tag : all) list.push_back(std::move(tag));
  const auto tags = TRY(tags_of(list));
  TRY(ground.store.commit({.removed = {}, .put = {}, .tags = {{arn, tags}}, .events = {}}));
  return json::object();
}

Result<json> remove_tags(Ground& ground, const Request& request) {
  const std::string arn = TRY(known_arn(ground, request.text("ResourceArn"), "ResourceArn"));
  auto tags = TRY(ground.store.tags(arn));
  for (const json& key : request.input["TagKeys"]) tags.erase(key.get<std::string>());
  TRY(ground.store.commit({.removed = {}, .put = {}, .tags = {{arn, tags}}, .events = {}}));
  return json::object();
}

Result<json> list_tags(Ground& ground, const Request& request) {
  const bool one = request.has("ResourceArn");
  if (one == request.has("ResourceArnList")) {
    return base::failed(api::errors::invalid_parameter_combination, "give either ResourceArn or ResourceArnList");
  }
  const json arns = one ? json::array({request.input["ResourceArn"]}) : request.input["ResourceArnList"];
  json list = json::array();
  for (const json& given : arns) {
    const std::string arn = TRY(known_arn(ground, given, one ? "ResourceArn" : "ResourceArnList"));
    for (const auto& [key, value] : TRY(ground.store.tags(arn))) {
      json tag{{"Key", key}, {"Value", value}};
      if (!one) tag["ResourceArn"] = given;
      list.push_back(std::move(tag));
    }
  }
  return json{{"TagList", list}};
}

}  // namespace

std::span<const OperationRow> tag_operations() {
  static constexpr std::array rows{
      OperationRow{"AddTagsToResource", add_tags, Effect::changes},
      OperationRow{"ListTagsForResource", list_tags, Effect::reads},
      OperationRow{"RemoveTagsFromResource", remove_tags, Effect::changes},
  };
  return rows;
}

}  // namespace server
