// SPDX-License-Identifier: Apache-2.0
#include "server/courier.h"

#include <algorithm>

#include "base/json.h"
#include "server/account.h"
#include "server/errors.h"
#include "server/signed_call.h"
#include "wire/xml.h"

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

constexpr std::string_view subject = "DMS Notification Message";

std::string message_of(const Event& event) {
  return json{{"Event Source", event.source_type},
              {"Event Time", base::utc_text(event.time, 3)},
              {"SourceId", event.source_id},
              {"Event Categories", {event.category}},
              {"Event Message", event.message}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string notification(const std::string& topic, const Event& event) {
  std::string time = base::utc_text(event.time, 3) + "Z";
  time[10] = 'T';
  return json{{"Type", "Notification"},
              {"MessageId", std::to_string(event.number)},
              {"TopicArn", topic},
              {"Subject", subject},
              {"Message", message_of(event)},
              {"Timestamp", time}}
      .dump();
}

std::string topic_of(const Resource& subscription) { return subscription.shown.value("SnsTopicArn", ""); }

// arn:aws:sns:REGION:ACCOUNT:NAME
std::string region_of(const std::string& topic) {
  std::size_t begin = 0;
  for (int i = 0; i < 3; ++i) begin = topic.find(':', begin) + 1;
  return topic.substr(begin, topic.find(':', begin) - begin);
}

// What an answer of SNS says is wrong: the code, no more, for it lands in the log.
std::string reason(const wire::HttpAnswer& answer) {
  const auto parsed = wire::parse_xml(answer.body);
  const wire::XmlElement* error = parsed.ok() ? parsed->child("Error") : nullptr;
  const std::string code = error == nullptr ? "" : std::string(error->value("Code"));
  return fmt::format("{} {}", answer.status, base::printable(code, 100));
}

}  // namespace

Courier::Courier(Ground& ground)
    : ground_(ground),
      client_({.ca_file = wire::process_environment("AWS_CA_BUNDLE")}),
      credentials_("", "us-east-1", wire::process_environment, client_, ground.clock) {}

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
    if (wants(subscription.shown, event)) {
      posted = ground_.webhook.empty() ? publish(subscription, event, stop) : post(subscription, event, stop);
    }
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
  const std::string topic = topic_of(subscription);
  const std::string body = notification(topic, event);
  wire::HttpRequest request;
  request.method = "POST";
  request.url = ground_.webhook;
  request.headers = {{"content-type", "text/plain; charset=UTF-8"},
                     {"x-amz-sns-message-type", "Notification"},
                     {"x-amz-sns-topic-arn", topic}};
  request.body = body;
  request.seconds_max = post_seconds_max;
  const wire::HttpAnswer answer = TRY(client_.send(request, stop));
  if (answer.status >= 200 && answer.status < 300) return {};
  return base::failed(errors::event_refused, "the webhook answered {}", answer.status);
}

Result<void> Courier::publish(const Resource& subscription, const Event& event, const std::stop_token& stop) {
  const std::string topic = topic_of(subscription);
  SignedCall call;
  call.base_url = ground_.sns_endpoint;
  while (call.base_url.ends_with('/')) call.base_url.pop_back();
  call.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}};
  call.body = wire::encode_query({{"Action", "Publish"},
                                  {"Version", "2010-03-31"},
                                  {"TopicArn", topic},
                                  {"Subject", std::string(subject)},
                                  {"Message", message_of(event)}});
  call.seconds_max = post_seconds_max;
  const wire::Credentials key = TRY(credentials_.current(stop));
  const wire::HttpAnswer answer =
      TRY(send_signed(client_, std::move(call), key, {region_of(topic), "sns", ground_.clock.wall()}, stop));
  if (answer.status == 200) return {};
  if (answer.status == 403) credentials_.expired(key);
  return base::failed(errors::event_refused, "topic {}: {}", topic, reason(answer));
}

}  // namespace server
