// SPDX-License-Identifier: Apache-2.0
#include "server/client.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "server/errors.h"
#include "server/signed_call.h"

namespace server {
namespace {

using base::Result;
using nlohmann::json;

constexpr const char* usual_server = "https://127.0.0.1:8086";
constexpr base::Nanos look_interval = std::chrono::milliseconds(500);
constexpr int looks_max = 240;

std::string variable(const char* name, std::string otherwise = "") {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::move(otherwise) : std::string(value);
}

class ApiClient {
 public:
  explicit ApiClient(const TaskCommand& command)
      : url_(command.server.empty() ? variable("AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE", usual_server)
                                    : command.server),
        key_{variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), variable("AWS_SESSION_TOKEN"), 0},
        client_({.ca_file = command.ca_file.empty() ? variable("AWS_CA_BUNDLE") : command.ca_file}) {
    while (!url_.empty() && url_.back() == '/') url_.pop_back();
  }

  Result<json> call(const std::string& operation, const json& input) {
    const wire::HttpAnswer answer = TRY(
        send("POST", "/", input.dump(),
             {{"content-type", "application/x-amz-json-1.1"}, {"x-amz-target", "AmazonDMSv20160101." + operation}}));
    const json reply = TRY(base::parse_json(answer.body, "the server's answer"));
    if (answer.status == 200) return reply;
    return base::failed(errors::refused, "{}: {}", reply.value("__type", std::to_string(answer.status)),
                        reply.value("message", ""));
  }

  // A page that is not of the API.
  Result<std::string> page(const std::string& path) {
    const wire::HttpAnswer answer = TRY(send("GET", path, "", {}));
    if (answer.status == 200) return answer.body;
    return base::failed(errors::refused, "{}", base::printable(answer.body, 1000));
  }

  // All rows of a list that comes in pages.
  Result<json> all(const std::string& operation, json input, const char* member) {
    json rows = json::array();
    while (true) {
      json page = TRY(call(operation, input));
      for (json& row : page[member]) rows.push_back(std::move(row));
      if (!page.contains("Marker")) return rows;
      input["Marker"] = page["Marker"];
    }
  }

  Result<json> task(const std::string& name) {
    const json filter{{"Name", "replication-task-id"}, {"Values", json::array({name})}};
    const json answer =
        TRY(call("DescribeReplicationTasks", {{"Filters", json::array({filter})}, {"WithoutSettings", true}}));
    const json rows = answer.value("ReplicationTasks", json::array());
    if (rows.empty()) return base::failed(errors::refused, "there is no task {}", name);
    return rows.front();
  }

  base::SystemClock& clock() { return clock_; }

 private:
  Result<wire::HttpAnswer> send(const std::string& method, const std::string& path, const std::string& body,
                                std::map<std::string, std::string> headers) {
    if (key_.access_key.empty()) {
      return base::failed(errors::bad_usage, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    }
    const wire::SigningScope scope{variable("AWS_DEFAULT_REGION", "us-east-1"), "dms", clock_.wall()};
    auto answer = send_signed(client_, {method, url_, path, std::move(headers), body}, key_, scope, {});
    if (!answer.ok()) return base::failed(errors::not_reached, "{}", url_).because(answer.take_error());
    return answer;
  }

  base::SystemClock clock_;
  std::string url_;
  const wire::Credentials key_;
  wire::HttpClient client_;
};

std::string cell(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

// Columns as wide as their widest cell.
void print_table(const std::vector<const char*>& members, const json& rows) {
  std::vector<std::size_t> widths;
  for (const char* member : members) {
    std::size_t width = std::string_view(member).size();
    for (const json& row : rows) width = std::max(width, cell(row.value(member, json())).size());
    widths.push_back(width);
  }
  std::string out;
  for (std::size_t i = 0; i < members.size(); ++i) out += fmt::format("{:<{}}  ", members[i], widths[i]);
  out += "\n";
  for (const json& row : rows) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      out += fmt::format("{:<{}}  ", base::printable(cell(row.value(members[i], json())), 200), widths[i]);
    }
    out += "\n";
  }
  std::fputs(out.c_str(), stdout);
}

// Prints the state each time it is another one, until the task rests or runs.
Result<int> watch(ApiClient& client, const std::string& name, const std::vector<std::string>& wanted) {
  std::string shown;
  for (int look = 0; look < looks_max; ++look) {
    const json task = TRY(client.task(name));
    const std::string state = task.value("Status", "");
    if (state != shown) std::printf("%s is %s %s\n", name.c_str(), state.c_str(), task.value("StopReason", "").c_str());
    shown = state;
    if (state == "failed") return base::failed(errors::refused, "{}", task.value("LastFailureMessage", ""));
    if (std::find(wanted.begin(), wanted.end(), state) != wanted.end()) return 0;
    client.clock().pause(look_interval, {});
  }
  return base::failed(errors::not_reached, "{} is still {}", name, shown);
}

Result<int> list(ApiClient& client, const TaskCommand& command) {
  json rows = TRY(client.all("DescribeReplicationTasks", {{"WithoutSettings", true}}, "ReplicationTasks"));
  if (command.json) {
    std::printf("%s\n", rows.dump(2).c_str());
    return 0;
  }
  for (json& row : rows) {
    const json stats = row.value("ReplicationTaskStats", json::object());
    row["Loaded %"] = stats.value("FullLoadProgressPercent", json());
    row["Errored"] = stats.value("TablesErrored", json());
  }
  print_table({"ReplicationTaskIdentifier", "Status", "MigrationType", "Loaded %", "Errored", "StopReason",
               "LastFailureMessage"},
              rows);
  return 0;
}

Result<int> tables(ApiClient& client, const TaskCommand& command) {
  const json task = TRY(client.task(command.name));
  const json rows = TRY(
      client.all("DescribeTableStatistics", {{"ReplicationTaskArn", task["ReplicationTaskArn"]}}, "TableStatistics"));
  if (command.json) {
    std::printf("%s\n", rows.dump(2).c_str());
  } else {
    print_table({"SchemaName", "TableName", "TableState", "FullLoadRows", "Inserts", "Updates", "Deletes", "Ddls"},
                rows);
  }
  return 0;
}

Result<int> logs(ApiClient& client, const TaskCommand& command) {
  const std::string text = TRY(client.page("/task-logs/" + wire::percent_encode(command.name, false)));
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

Result<int> run_task_command(const TaskCommand& command) {
  ApiClient client(command);
  if (command.verb == TaskCommand::Verb::list) return list(client, command);
  if (command.verb == TaskCommand::Verb::tables) return tables(client, command);
  if (command.verb == TaskCommand::Verb::logs) return logs(client, command);
  const json task = TRY(client.task(command.name));
  json input{{"ReplicationTaskArn", task["ReplicationTaskArn"]}};
  if (command.verb == TaskCommand::Verb::stop) {
    TRY(client.call("StopReplicationTask", input));
    return command.wait ? watch(client, command.name, {"stopped"}) : Result<int>(0);
  }
  const bool first = task.value("Status", "") == "ready";
  input["StartReplicationTaskType"] = !command.type.empty() ? command.type
                                      : first               ? "start-replication"
                                                            : "resume-processing";
  TRY(client.call("StartReplicationTask", input));
  return command.wait ? watch(client, command.name, {"running", "stopped"}) : Result<int>(0);
}

}  // namespace server
