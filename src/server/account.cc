// SPDX-License-Identifier: Apache-2.0
#include "server/account.h"

#include <algorithm>
#include <array>

#include "api/errors.h"
#include "server/certificates.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr base::WallMicros second = 1'000'000;
constexpr std::int64_t window_usual = 60, window_max = 14 * 24 * 60;  // minutes

struct Categories {
  const char* source_type;
  std::array<const char*, 7> names;
};
constexpr std::array<Categories, 2> categories{
    Categories{"replication-instance",
               {"configuration change", "creation", "deletion", "failover", "failure", "low storage", "maintenance"}},
    Categories{"replication-task",
               {"configuration change", "creation", "deletion", "failure", "state change", nullptr, nullptr}}};

json names_of(const Categories& row) {
  json out = json::array();
  for (const char* name : row.names) {
    if (name != nullptr) out.push_back(name);
  }
  return out;
}

Result<json> describe_quotas(Ground& ground, const Request&) {
  json list = json::array();
  for (const Quota& quota : quotas()) {
    const std::size_t used = TRY(ground.store.count(quota.kind));
    list.push_back({{"AccountQuotaName", quota.name}, {"Used", used}, {"Max", quota.most}});
  }
  return json{{"AccountQuotas", list}, {"UniqueAccountIdentifier", ground.unique_account}};
}

Result<json> describe_categories(Ground&, const Request& request) {
  json list = json::array();
  for (const Categories& row : categories) {
    if (request.has("SourceType") && request.text("SourceType") != row.source_type) continue;
    list.push_back({{"SourceType", row.source_type}, {"EventCategories", names_of(row)}});
  }
  if (list.empty()) {
    return base::failed(api::errors::invalid_parameter_value,
                        "SourceType must be replication-instance or replication-task");
  }
  return json{{"EventCategoryGroupList", list}};
}

struct Window {
  base::WallMicros from, until;
};

Result<Window> window_of(Ground& ground, const Request& request) {
  const std::int64_t minutes = request.input.value("Duration", window_usual);
  if (minutes < 1 || minutes > window_max) {
    return base::failed(api::errors::invalid_parameter_value, "Duration is {}; it must be 1 to {} minutes", minutes,
                        window_max);
  }
  Window out{};
  const base::WallMicros length = minutes * 60 * second;
  out.until = request.has("EndTime") ? time_of(request.input["EndTime"]) : ground.clock.wall() + second;
  out.from = request.has("StartTime") ? time_of(request.input["StartTime"]) : out.until - length;
  if (request.has("StartTime") && !request.has("EndTime") && request.has("Duration")) out.until = out.from + length;
  return out;
}

Result<json> describe_events(Ground& ground, const Request& request) {
  constexpr std::array<FilterName, 1> names{FilterName{"replication-instance-id", "SourceIdentifier"}};
  const std::vector<Filter> filters = TRY(filters_of(request, names));
  const Window window = TRY(window_of(ground, request));
  const json wanted = request.input.value("EventCategories", json::array());
  std::map<std::string, json> rows;
  for (const Event& event : TRY(ground.store.events(window.from, window.until))) {
    if (request.has("SourceIdentifier") && request.text("SourceIdentifier") != event.source_id) continue;
    if (request.has("SourceType") && request.text("SourceType") != event.source_type) continue;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), event.category) == wanted.end()) continue;
    json row{{"SourceIdentifier", event.source_id},
             {"SourceType", event.source_type},
             {"Message", event.message},
             {"EventCategories", {event.category}},
             {"Date", static_cast<double>(event.time / 1000) / 1000.0}};
    if (passes(row, filters)) rows[fmt::format("{:020}-{:08}", event.time, rows.size())] = std::move(row);
  }
  return page_of(request, "Events", rows, {});
}

}  // namespace

json event_categories(std::string_view source_type) {
  for (const Categories& row : categories) {
    if (source_type == row.source_type) return names_of(row);
  }
  return json::array();
}

std::span<const OperationRow> account_operations() {
  static constexpr std::array rows{
      OperationRow{"DescribeAccountAttributes", describe_quotas, Effect::reads, "Limits of this server."},
      OperationRow{"DescribeEventCategories", describe_categories, Effect::reads},
      OperationRow{"DescribeEvents", describe_events, Effect::reads},
  };
  return rows;
}

}  // namespace server
