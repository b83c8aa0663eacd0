// SPDX-License-Identifier: Apache-2.0
//
// What the operations of all resources have in common: finding one or saying that it is not there, identifiers and
// ARNs for new ones, tags, events, and lists in pages with filters. Those that decide are called while `deciding` of
// the store is held.
#pragma once

#include <initializer_list>
#include <span>

#include "api/names.h"
#include "server/ground.h"

namespace server {

// ResourceNotFoundFault when there is none of that kind.
base::Result<Resource> need(Ground& ground, const std::string& kind, const std::string& arn, std::string_view member);
// The named identifier, checked and free; ResourceAlreadyExistsFault otherwise.
base::Result<std::string> free_name(Ground& ground, const std::string& kind, const Request& request,
                                    const api::NameRule& rule);
// A new resource with its ARN: behind ResourceIdentifier when the request has one, else random.
base::Result<Resource> new_resource(Ground& ground, const Request& request, const std::string& kind,
                                    const std::string& id);
// How many of a kind there may be.
struct Quota {
  const char* name;  // in DescribeAccountAttributes
  const char* kind;
  std::int64_t most;
};
std::span<const Quota> quotas();
// ResourceQuotaExceededFault when there are as many as there may be; new_resource() asks by itself.
base::Result<void> check_quota(Ground& ground, const std::string& kind);
// Tags of a Create request; empty: none.
base::Result<std::map<std::string, std::string>> tags_of(const json& list);
// A time of the API, a number of seconds; what cannot be meant becomes the nearest that can.
base::WallMicros time_of(const json& seconds);
base::Error not_found(std::string_view member, std::string_view value);
base::Error wrong_state(std::string_view what, std::string_view state, std::string_view expected);

Event event_of(Ground& ground, std::string_view source_type, const std::string& source_id, std::string_view category,
               std::string message);

// A filter's name in the API, and where its value stands.
struct FilterName {
  std::string_view name;
  std::string_view member;
};
struct ListRule {
  std::string_view kind;
  std::string_view answer;              // member of the answer: "Endpoints"
  std::span<const FilterName> filters;  // empty: none is known
  api::PageRule page{};
  bool absent_is_error = true;  // a filter that finds nothing is ResourceNotFoundFault
};
using Show = std::function<base::Result<json>(const Resource&)>;
base::Result<json> describe(Ground& ground, const Request& request, const ListRule& rule, const Show& show);

base::Result<std::vector<Filter>> filters_of(const Request& request, std::span<const FilterName> known);
// One page of rows that are made on the spot, in the order of their names.
base::Result<json> page_of(const Request& request, std::string_view answer, const std::map<std::string, json>& rows,
                           const api::PageRule& rule);
// Whether the row's members have one of the values of each filter.
bool passes(const json& row, const std::vector<Filter>& filters);

}  // namespace server
