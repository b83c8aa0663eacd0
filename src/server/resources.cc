// SPDX-License-Identifier: Apache-2.0
#include "server/resources.h"

#include <algorithm>
#include <array>

#include "api/errors.h"
#include "base/json.h"
#include "server/certificates.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/tasks.h"

namespace server {
namespace {

constexpr std::size_t tags_max = 50;
constexpr std::size_t tag_key_max = 128, tag_value_max = 256;
constexpr std::size_t resource_identifier_max = 31;
constexpr std::size_t filter_values_max = 20'000;

base::Result<void> check_tag(const std::string& key, const std::string& value) {
  const auto bad = [&](std::string_view what) {
    return base::failed(api::errors::invalid_parameter_value, "Tags: the key \"{}\" {}", base::printable(key), what);
  };
  if (key.empty() || key.size() > tag_key_max) return bad("must have 1 to 128 characters");
  if (value.size() > tag_value_max) return bad("has a value of more than 256 characters");
  for (const char* prefix : {"aws:", "dms:"}) {
    if (key.starts_with(prefix)) return bad("must not begin with aws: or dms:");
  }
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(key.begin(), key.end(), control) || std::any_of(value.begin(), value.end(), control)) {
    return bad("or its value has control characters");
  }
  return {};
}

base::Result<std::string> after_marker(const Request& request) {
  const std::string marker = request.text("Marker");
  return marker.empty() ? std::string() : TRY(api::name_of_marker(marker));
}

base::Result<std::size_t> page_of_request(const Request& request, const api::PageRule& rule) {
  std::optional<std::int64_t> wanted;
  if (request.has("MaxRecords")) wanted = request.input["MaxRecords"].get<std::int64_t>();
  return api::page_size(wanted, rule);
}

}  // namespace

base::WallMicros time_of(const json& seconds) {
  constexpr double latest = 4e9;
  return static_cast<base::WallMicros>(std::clamp(seconds.get<double>(), 0.0, latest) * 1e6);
}

base::Error not_found(std::string_view member, std::string_view value) {
  return base::failed(api::errors::resource_not_found, "{} \"{}\" is not found", member, base::printable(value, 300));
}

base::Error wrong_state(std::string_view what, std::string_view state, std::string_view expected) {
  return base::failed(api::errors::invalid_resource_state, "{} is {}; it must be {}", what, state, expected);
}

base::Result<Resource> need(Ground& ground, const std::string& kind, const std::string& arn, std::string_view member) {
  std::optional<Resource> found = TRY(ground.store.find_arn(arn));
  if (!found || found->kind != kind) return not_found(member, arn);
  return std::move(*found);
}

base::Result<std::string> free_name(Ground& ground, const std::string& kind, const Request& request,
                                    const api::NameRule& rule) {
  const std::string id = TRY(api::checked_name(request.text(std::string(rule.member).c_str()), rule));
  if (TRY(ground.store.find(kind, id))) {
    return base::failed(api::errors::resource_already_exists, "{} \"{}\" is taken", rule.member, id);
  }
  return id;
}

std::span<const Quota> quotas() {
  static constexpr std::array<Quota, 5> rows{Quota{"ReplicationInstances", instance_kind, 1000},
                                             {"Endpoints", endpoint_kind, 100'000},
                                             {"ReplicationTasks", task_kind, 10'000},
                                             {"ReplicationSubnetGroups", subnet_group_kind, 1000},
                                             {"Certificates", certificate_kind, 10'000}};
  return rows;
}

base::Result<void> check_quota(Ground& ground, const std::string& kind) {
  for (const Quota& quota : quotas()) {
    if (kind != quota.kind || TRY(ground.store.count(kind)) < static_cast<std::size_t>(quota.most)) continue;
    return base::failed(api::errors::resource_quota_exceeded, "there are {} {} already, the most that there may be",
                        quota.most, quota.name);
  }
  return {};
}

base::Result<Resource> new_resource(Ground& ground, const Request& request, const std::string& kind,
                                    const std::string& id) {
  TRY(check_quota(ground, kind));
  Resource out;
  out.kind = kind;
  out.id = id;
  api::Arn arn{request.region, ground.account, kind, api::random_suffix(ground.random)};
  if (request.has("ResourceIdentifier")) {
    (void)TRY(api::checked_name(request.text("ResourceIdentifier"), {"ResourceIdentifier", resource_identifier_max}));
    arn.suffix = request.text("ResourceIdentifier");
  }
  out.arn = arn.text();
  if (TRY(ground.store.find_arn(out.arn))) {
    return base::failed(api::errors::resource_already_exists, "ResourceIdentifier \"{}\" is taken", arn.suffix);
  }
  return out;
}

base::Result<std::map<std::string, std::string>> tags_of(const json& list) {
  std::map<std::string, std::string> out;
  for (const json& tag : list) {
    const std::string key = tag.value("Key", ""), value = tag.value("Value", "");
    TRY(check_tag(key, value));
    out[key] = value;
  }
  if (out.size() > tags_max) {
    return base::failed(api::errors::invalid_parameter_value, "Tags has {} keys; {} is the limit", out.size(),
                        tags_max);
  }
  return out;
}

Event event_of(Ground& ground, std::string_view source_type, const std::string& source_id, std::string_view category,
               std::string message) {
  return {ground.clock.wall(), std::string(source_type), source_id, std::string(category), std::move(message)};
}

base::Result<std::vector<Filter>> filters_of(const Request& request, std::span<const FilterName> known) {
  std::vector<Filter> out;
  std::size_t values = 0;
  for (const json& filter : request.input.value("Filters", json::array())) {
    const std::string name = filter.value("Name", "");
    const auto at = std::find_if(known.begin(), known.end(), [&](const FilterName& row) { return row.name == name; });
    if (at == known.end()) {
      std::string names;
      for (const FilterName& row : known) names += (names.empty() ? "" : ", ") + std::string(row.name);
      return base::failed(api::errors::invalid_parameter_value, "Filters: \"{}\" is not one of {}",
                          base::printable(name), names.empty() ? "none" : names);
    }
    Filter read{std::string(at->member), filter.value("Values", std::vector<std::string>())};
    if (read.values.empty()) {
      return base::failed(api::errors::invalid_parameter_value, "Filters: \"{}\" has no values", name);
    }
    values += read.values.size();
    if (values > filter_values_max) {
      return base::failed(api::errors::invalid_parameter_value, "Filters has more than {} values", filter_values_max);
    }
    if (read.member == "$id") {
      for (std::string& value : read.values) {
        std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::tolower(c); });
      }
    }
    out.push_back(std::move(read));
  }
  return out;
}

bool passes(const json& row, const std::vector<Filter>& filters) {
  return std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
    return std::find(filter.values.begin(), filter.values.end(), row.value(filter.member, std::string())) !=
           filter.values.end();
  });
}

base::Result<json> describe(Ground& ground, const Request& request, const ListRule& rule, const Show& show) {
  const std::vector<Filter> filters = TRY(filters_of(request, rule.filters));
  const std::string after = TRY(after_marker(request));
  const std::size_t size = TRY(page_of_request(request, rule.page));
  std::vector<Resource> found = TRY(ground.store.list(std::string(rule.kind), filters, after, size + 1));
  if (found.empty() && !filters.empty() && after.empty() && rule.absent_is_error) {
    return not_found("Filters: no object with", filters.front().values.front());
  }
  json out;
  if (found.size() > size) {
    found.pop_back();
    out["Marker"] = api::marker_behind(found.back().id);
  }
  json rows = json::array();
  for (const Resource& resource : found) rows.push_back(TRY(show(resource)));
  out[std::string(rule.answer)] = std::move(rows);
  return out;
}

base::Result<json> page_of(const Request& request, std::string_view answer, const std::map<std::string, json>& rows,
                           const api::PageRule& rule) {
  const std::string after = TRY(after_marker(request));
  const std::size_t size = TRY(page_of_request(request, rule));
  json out;
  json page = json::array();
  std::string last;
  for (auto at = rows.upper_bound(after); at != rows.end(); ++at) {
    if (page.size() == size) {
      out["Marker"] = api::marker_behind(last);
      break;
    }
    page.push_back(at->second);
    last = at->first;
  }
  out[std::string(answer)] = std::move(page);
  return out;
}

}  // namespace server
