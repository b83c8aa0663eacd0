// SPDX-License-Identifier: Apache-2.0
#include "server/courier.h"

#include <algorithm>

#include "server/account.h"
#include "server/errors.h"

namespace server {
namespace {

using base::Result;

constexpr std::size_t batch = 100;
constexpr base::Nanos pause_min = std::chrono::seconds(1), pause_max = std::chrono::minutes(2);
constexpr long post_seconds_max = 10;

bool wants(const json& shown, const Event& event) {
  const auto holds = [&](const char* member, const std::string& value) {
    const json list = shown.value(member, json::array());
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
  };
  const std::string type = shown.value("SourceType", "");
  return (type.empty() || type == event.source_type) && holds("SourceIdsList", event.source_id) &&
         holds("EventCategoriesList", event.category);
}

std::string notification(const json& shown, const Event& event) {
  const json message{{"Event Source", event.source_type},
                     {"Event Time", base::utc_text(event.time, 3)},
                     {"SourceId", event.source_id},
                     {"Event Categories", {event.category}},
                     {"Event Message", event.message}};
  std::string time = base::utc_text(event.time, 3) + "Z";
  time[10] = 'T';
  return json{{"Type", "Notification"},
              {"MessageId", std::to_string(event.number)},
              {"TopicArn", shown.value("SnsTopicArn", "")},
              {"Subject", "DMS Notification Message"},
              {"Message", message.dump()},
              {"Timestamp", time}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<void> Courier::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    bool all_taken = true;
    const auto subscriptions = ground_.store.in_state(subscription_kind, {"active"});
    if (subscriptions.ok()) {
      for (const Resource& subscription : *subscriptions) {
        const Result<bool> taken = deliver(subscription, stop);
        if (!taken.ok() && !stop.stop_requested()) {
          ground_.log.warning("courier", "subscription {}: {}", subscription.id, taken.error().text());
          all_taken = false;
        }
      }
    }
    pause_ = all_taken ? pause_min : std::min(pause_ * 2, pause_max);
    ground_.clock.pause(pause_, stop);
  }
  return {};
}

Result<bool> Courier::deliver(Resource subscription, const std::stop_token& stop) {
  if (!subscription.shown.value("Enabled", true)) return true;
  const std::int64_t before = subscription.inner.value("delivered", std::int64_t{0});
  std::int64_t delivered = before;
  Result<void> posted;
  for (const Event& event : TRY(ground_.store.events_behind(before, batch))) {
    if (wants(subscription.shown, event)) posted = post(subscription, event, stop);
    if (!posted.ok()) break;
    delivered = event.number;
  }
  if (delivered != before) {
    base::Lock deciding(ground_.store.deciding);
    std::optional<Resource> now = TRY(ground_.store.find(subscription.kind, subscription.id));
    if (!now) return true;
    now->inner["delivered"] = std::max(delivered, now->inner.value("delivered", std::int64_t{0}));
    TRY(ground_.store.commit({.removed = {}, .put = {*now}, .tags = {}, .events = {}}));
  }
  if (!posted.ok()) return posted.take_error();
  return true;
}

Result<void> Courier::post(const Resource& subscription, const Event& event, const std::stop_token& stop) {
  const std::string body = notification(subscription.shown, event);
  wire::HttpRequest request;
  request.method = "POST";
  request.url = ground_.webhook;
  request.headers = {{"content-type", "text/plain; charset=UTF-8"},
                     {"x-amz-sns-message-type", "Notification"},
                     {"x-amz-sns-topic-arn", subscription.shown.value("SnsTopicArn", "")}};
  request.body = body;
  request.seconds_max = post_seconds_max;
  const wire::HttpAnswer answer = TRY(client_.send(request, stop));
  if (answer.status >= 200 && answer.status < 300) return {};
  return base::failed(errors::webhook_refused, "the webhook answered {}", answer.status);
}

}  // namespace server
