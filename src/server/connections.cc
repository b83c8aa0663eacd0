// SPDX-License-Identifier: Apache-2.0
//
// What is found out about an endpoint from an instance: whether it can be reached, and its schemas. The request only
// records the question; the supervisor has a worker answer it, again after a restart of the server.
#include <array>

#include "api/errors.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

constexpr std::array<FilterName, 2> connection_filters{
    FilterName{"endpoint-arn", "EndpointArn"}, FilterName{"replication-instance-arn", "ReplicationInstanceArn"}};

struct Pair {
  Resource endpoint;
  Resource instance;
  std::string id() const { return endpoint.arn + "|" + instance.arn; }
};

Result<Pair> pair_of(Ground& ground, const Request& request) {
  Pair out;
  out.endpoint = TRY(need(ground, endpoint_kind, request.text("EndpointArn"), "EndpointArn"));
  out.instance = TRY(need(ground, instance_kind, request.text("ReplicationInstanceArn"), "ReplicationInstanceArn"));
  return out;
}

Result<void> check_available(const Pair& pair) {
  if (pair.instance.state == "available") return {};
  return wrong_state("the replication instance", pair.instance.state, "available");
}

// What is known already stays known until the answer is there.
Resource row_of(const Pair& pair, const char* kind, const std::string& id, const std::optional<Resource>& before,
                const char* state) {
  Resource row;
  row.kind = kind;
  row.id = id;
  row.arn = fmt::format("{}:{}", kind, id);
  row.refers_to = std::vector{pair.endpoint.arn, pair.instance.arn};
  row.shown = {{"EndpointArn", pair.endpoint.arn}, {"ReplicationInstanceArn", pair.instance.arn}};
  if (before) row.inner = before->inner;
  ask_again(row, state);
  return row;
}

Result<json> test_connection(Ground& ground, const Request& request) {
  const Pair pair = TRY(pair_of(ground, request));
  TRY(check_available(pair));
  const auto before = TRY(ground.store.find(connection_kind, pair.id()));
  if (before && before->state == "testing") {
    return base::failed(api::errors::invalid_resource_state, "the connection of {} is already being tested",
                        pair.endpoint.id);
  }
  Resource row = row_of(pair, connection_kind, pair.id(), before, "testing");
  row.shown["EndpointIdentifier"] = pair.endpoint.id;
  row.shown["ReplicationInstanceIdentifier"] = pair.instance.id;
  TRY(ground.store.commit({.removed = {}, .put = {row}, .tags = {}, .events = {}}));
  ground.on_change();
  return json{{"Connection", row.shown}};
}

Result<json> describe_connections(Ground& ground, const Request& request) {
  // An endpoint that exists and was never tested is no error; one that does not exist is.
  for (const Filter& filter : TRY(filters_of(request, connection_filters))) {
    for (const std::string& arn : filter.values) {
      if (!TRY(ground.store.find_arn(arn))) return not_found("Filters: no object with", arn);
    }
  }
  return describe(ground, request, {connection_kind, "Connections", connection_filters, {}, false},
                  [](const Resource& row) -> Result<json> { return row.shown; });
}

Result<json> delete_connection(Ground& ground, const Request& request) {
  const Pair pair = TRY(pair_of(ground, request));
  const auto row = TRY(ground.store.find(connection_kind, pair.id()));
  if (!row) return not_found("EndpointArn: a connection of", pair.endpoint.arn);
  if (row->state == "testing") return wrong_state("the connection", row->state, "successful or failed");
  for (const Resource& task : TRY(ground.store.referring(task_kind, pair.endpoint.arn))) {
    if (task.shown.value("ReplicationInstanceArn", "") == pair.instance.arn) {
      return base::failed(api::errors::invalid_resource_state, "the connection is used by the task {}", task.id);
    }
  }
  TRY(ground.store.commit({.removed = {{connection_kind, row->id}}, .put = {}, .tags = {}, .events = {}}));
  json shown = row->shown;
  shown["Status"] = "deleting";
  return json{{"Connection", shown}};
}

Result<json> refresh_schemas(Ground& ground, const Request& request) {
  const Pair pair = TRY(pair_of(ground, request));
  TRY(check_available(pair));
  if (side_of(pair.endpoint) != "source") {
    return base::failed(api::errors::invalid_parameter_value, "EndpointArn: only a source has schemas to refresh");
  }
  const auto before = TRY(ground.store.find(refresh_kind, pair.endpoint.arn));
  if (before && before->state == "refreshing") return wrong_state("the refresh", "refreshing", "ended");
  const Resource row = row_of(pair, refresh_kind, pair.endpoint.arn, before, "refreshing");
  TRY(ground.store.commit({.removed = {}, .put = {row}, .tags = {}, .events = {}}));
  ground.on_change();
  return json{{"RefreshSchemasStatus", row.shown}};
}

Result<json> describe_refresh(Ground& ground, const Request& request) {
  (void)TRY(need(ground, endpoint_kind, request.text("EndpointArn"), "EndpointArn"));
  const auto row = TRY(ground.store.find(refresh_kind, request.text("EndpointArn")));
  if (!row) return not_found("EndpointArn: a refresh of", request.text("EndpointArn"));
  return json{{"RefreshSchemasStatus", row->shown}};
}

Result<json> describe_schemas(Ground& ground, const Request& request) {
  (void)TRY(need(ground, endpoint_kind, request.text("EndpointArn"), "EndpointArn"));
  const auto row = TRY(ground.store.find(refresh_kind, request.text("EndpointArn")));
  std::map<std::string, json> schemas;
  if (row) {
    for (const std::string& name : row->inner.value("schemas", std::vector<std::string>())) schemas[name] = name;
  }
  return page_of(request, "Schemas", schemas, {});
}

}  // namespace

std::span<const OperationRow> connection_operations() {
  static constexpr std::array rows{
      OperationRow{"DeleteConnection", delete_connection, Effect::changes},
      OperationRow{"DescribeConnections", describe_connections, Effect::reads},
      OperationRow{"DescribeRefreshSchemasStatus", describe_refresh, Effect::reads},
      OperationRow{"DescribeSchemas", describe_schemas, Effect::reads, "Those of the last refresh; none before."},
      OperationRow{"RefreshSchemas", refresh_schemas, Effect::runs},
      OperationRow{"TestConnection", test_connection, Effect::runs, "A worker connects as the task would."},
  };
  return rows;
}

}  // namespace server
