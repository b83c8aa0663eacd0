// SPDX-License-Identifier: Apache-2.0
//
// Event subscriptions: who wants to hear of what. courier.cc delivers.
#include <algorithm>
#include <array>

#include "api/errors.h"
#include "base/json.h"
#include "server/account.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule subscription_name_rule{"SubscriptionName", 254, api::NameForm::dotted};
constexpr std::array<FilterName, 2> subscription_filters{FilterName{"event-subscription-arn", "$arn"},
                                                         FilterName{"event-subscription-id", "$id"}};

Result<void> check_topic(const std::string& arn) {
  std::size_t colons = 0;
  for (const char c : arn) colons += c == ':' ? 1 : 0;
  const bool form =
      arn.starts_with("arn:aws") && arn.find(":sns:") != std::string::npos && colons == 5 && arn.back() != ':';
  if (form && base::printable(arn, arn.size()) == arn) return {};
  return base::failed(api::errors::sns_invalid_topic, "SnsTopicArn \"{}\" is not like arn:aws:sns:region:account:name",
                      base::printable(arn, 200));
}

Result<void> check_source(Ground& ground, const json& shown) {
  const std::string type = shown.value("SourceType", "");
  const json known = type.empty() ? json::array() : event_categories(type);
  if (!type.empty() && known.empty()) {
    return base::failed(api::errors::invalid_parameter_value,
                        "SourceType \"{}\" must be replication-instance or replication-task", base::printable(type));
  }
  const json ids = shown.value("SourceIdsList", json::array());
  if (type.empty() && !ids.empty()) {
    return base::failed(api::errors::invalid_parameter_combination, "SourceIds needs SourceType");
  }
  for (const std::string& id : ids.get<std::vector<std::string>>()) {
    const char* kind = type == task_source_type ? task_kind : instance_kind;
    if (!TRY(ground.store.find(kind, id))) return not_found("SourceIds", id);
  }
  for (const json& category : shown.value("EventCategoriesList", json::array())) {
    const bool found = type.empty() || std::find(known.begin(), known.end(), category) != known.end();
    if (found) continue;
    return base::failed(api::errors::invalid_parameter_value, "EventCategories: \"{}\" is not one of {}",
                        base::printable(category.get<std::string>()), known.dump());
  }
  return {};
}

void keep_members(const Request& request, json& shown) {
  for (const auto& [member, as] : {std::pair{"SnsTopicArn", "SnsTopicArn"},
                                   {"SourceType", "SourceType"},
                                   {"EventCategories", "EventCategoriesList"},
                                   {"SourceIds", "SourceIdsList"},
                                   {"Enabled", "Enabled"}}) {
    if (request.has(member)) shown[as] = request.input[member];
  }
}

json answered(const Resource& row, const char* status) {
  json shown = row.shown;
  shown["Status"] = status;
  return json{{"EventSubscription", shown}};
}

Result<json> create_subscription(Ground& ground, const Request& request) {
  const std::string id = TRY(free_name(ground, subscription_kind, request, subscription_name_rule));
  const auto tags = TRY(tags_of(request.input.value("Tags", json::array())));
  TRY(check_topic(request.text("SnsTopicArn")));
  if (ground.webhook.empty() && ground.sns_endpoint.empty()) {
    return base::failed(api::errors::sns_no_authorization,
                        "this server was started without --webhook and --sns-endpoint: nothing could be delivered");
  }
  Resource row;
  row.kind = subscription_kind;
  row.id = id;
  row.arn = api::Arn{request.region, ground.account, subscription_kind, id}.text();  // clients build it themselves
  row.state = "active";
  row.shown = {{"CustomerAwsId", ground.account},
               {"CustSubscriptionId", id},
               {"Status", "active"},
               {"SubscriptionCreationTime", base::utc_text(ground.clock.wall(), 3)},
               {"Enabled", true},
               {"SourceIdsList", json::array()}};
  keep_members(request, row.shown);
  TRY(check_source(ground, row.shown));
  row.inner["delivered"] = TRY(ground.store.last_event());
  TRY(ground.store.commit({.removed = {}, .put = {row}, .tags = {{row.arn, tags}}, .events = {}}));
  return answered(row, "creating");
}

Result<Resource> named_subscription(Ground& ground, const Request& request) {
  const std::string id = TRY(api::checked_name(request.text("SubscriptionName"), subscription_name_rule));
  auto row = TRY(ground.store.find(subscription_kind, id));
  if (!row) return not_found(subscription_name_rule.member, id);
  return std::move(*row);
}

Result<json> describe_subscriptions(Ground& ground, const Request& request) {
  if (request.has("SubscriptionName")) {
    const Resource row = TRY(named_subscription(ground, request));
    return json{{"EventSubscriptionsList", json::array({row.shown})}};
  }
  return describe(ground, request, {subscription_kind, "EventSubscriptionsList", subscription_filters},
                  [](const Resource& row) -> Result<json> { return row.shown; });
}

Result<json> modify_subscription(Ground& ground, const Request& request) {
  Resource row = TRY(named_subscription(ground, request));
  if (request.has("SnsTopicArn")) TRY(check_topic(request.text("SnsTopicArn")));
  // Switched on again it tells what comes, not what was.
  if (request.flag("Enabled", false) && !row.shown.value("Enabled", true)) {
    row.inner["delivered"] = TRY(ground.store.last_event());
  }
  keep_members(request, row.shown);
  TRY(check_source(ground, row.shown));
  TRY(ground.store.commit({.removed = {}, .put = {row}, .tags = {}, .events = {}}));
  return answered(row, "modifying");
}

Result<json> delete_subscription(Ground& ground, const Request& request) {
  const Resource row = TRY(named_subscription(ground, request));
  TRY(ground.store.commit({.removed = {{subscription_kind, row.id}}, .put = {}, .tags = {}, .events = {}}));
  return answered(row, "deleting");
}

Result<json> move_subscriptions(Ground&, const Request&) {
  return base::failed(api::errors::invalid_resource_state,
                      "there is no EventBridge to move to: events are delivered as the server was told at its start");
}

}  // namespace

std::span<const OperationRow> subscription_operations() {
  static constexpr std::array rows{
      OperationRow{"CreateEventSubscription", create_subscription, Effect::changes,
                   "Published to its topic through `--sns-endpoint URL`, or posted to `--webhook URL` in the form in "
                   "which SNS posts "
                   "to its subscribers; refused without either."},
      OperationRow{"DeleteEventSubscription", delete_subscription, Effect::changes},
      OperationRow{"DescribeEventSubscriptions", describe_subscriptions, Effect::reads},
      OperationRow{"ModifyEventSubscription", modify_subscription, Effect::changes},
      OperationRow{"UpdateSubscriptionsToEventBridge", move_subscriptions, Effect::changes,
                   "Always InvalidResourceStateFault: there is no EventBridge here."},
  };
  return rows;
}

}  // namespace server
