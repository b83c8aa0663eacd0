// SPDX-License-Identifier: Apache-2.0
//
// Operations behind a verified request, with requests that are drawn from the service model: known and unknown names,
// right and wrong values, on a server that has one object of each kind. Each answer must be one that the model has: the
// output's shape, or an error that the operation lists or that every operation may answer with. A fault of the server
// is none of them. The draw is the same in each run.
//
// What needs a worker is answered by a script that finds nothing wrong. No supervisor runs: what shall be stays so.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <random>
#include <set>

#include "api/check.h"
#include "server/endpoints.h"
#include "server/world_fixture.h"

namespace server {
namespace {

constexpr int worlds = 60, calls_each = 50;
constexpr int depth_max = 6;
constexpr const char* arn_begin = "arn:aws:dms:eu-central-1:123456789012:";
constexpr const char* worker_script =
    "#!/bin/sh\nwhile read -r line; do echo '{\"attributes\":\"\",\"settings\":\"{}\",\"checks\":[\"millrace-check\"],"
    "\"engines\":[{\"name\":\"postgres\",\"sides\":{\"source\":[],\"target\":[]}}]}'; done\n";
constexpr std::array arn_ends{
    "rep:INSTANCE", "endpoint:SOURCE", "endpoint:TARGET", "task:TASK", "replication-config:CONFIG", "subgrp:group",
    "es:s",         "rep:ABSENT"};
constexpr std::array texts{"i",
                           "source",
                           "target",
                           "t",
                           "c",
                           "group",
                           "s",
                           "postgres",
                           "s3",
                           "dms.t3.small",
                           "cdc",
                           "full-load",
                           "start-replication",
                           "resume-processing",
                           "reload-target",
                           "millrace-check",
                           "{}",
                           "{\"a\":1}",
                           "1",
                           "k",
                           "new-name",
                           "other",
                           "replication-task",
                           "creation",
                           "failure",
                           "replication-task-id",
                           "replication-task-arn",
                           "endpoint-arn",
                           "endpoint-id",
                           "status",
                           "replication-instance-arn",
                           "arn:aws:sns:eu-central-1:1:topic",
                           "SSE_KMS",
                           "a/b",
                           "slotName=x",
                           "",
                           "a b",
                           "../x",
                           "';--",
                           "\xc3\xa4",
                           "[",
                           "-",
                           "100%",
                           "2026-01-09T12:30:00Z"};
constexpr std::array numbers{0, 1, 2, 5, 20, 50, 100, -1, 7000, 2147483647};

// Documents of the model's shapes, mostly as they should be.
class Draw {
 public:
  explicit Draw(unsigned seed) : chance_(seed) {}

  bool one_in(unsigned many) { return chance_() % many == 0; }
  template <typename List>
  auto any_of(const List& list) -> decltype(list[0]) {
    return list[chance_() % std::size(list)];
  }

  json value(const api::Shape& shape, std::string_view name, int depth) {
    if (one_in(150)) return json::array({"wrong", 1, nullptr})[chance_() % 3];
    switch (shape.kind) {
      case api::Kind::structure: return structure(shape, depth);
      case api::Kind::list: return list(shape, name, depth);
      case api::Kind::boolean: return one_in(2);
      case api::Kind::integer:
      case api::Kind::integer_long: return any_of(numbers);
      case api::Kind::real: return 0.5;
      case api::Kind::epoch_time: return one_in(2) ? 0 : 1795262400;
      case api::Kind::iso_time: return "2026-01-09T12:30:00Z";
      case api::Kind::blob: return "YQ==";
      case api::Kind::text: return text(shape, name);
    }
    return nullptr;
  }

 private:
  json structure(const api::Shape& shape, int depth) {
    json out = json::object();
    if (depth > depth_max) return out;
    for (const api::Member& member : api::members_of(shape)) {
      if (member.required ? one_in(40) : !one_in(4)) continue;
      out[std::string(member.name)] = value(api::shape_of(member.shape), member.name, depth + 1);
    }
    return out;
  }

  json list(const api::Shape& shape, std::string_view name, int depth) {
    json out = json::array();
    for (unsigned left = chance_() % 4; left > 0 && depth <= depth_max; --left) {
      out.push_back(value(api::shape_of(shape.element), name, depth + 1));
    }
    return out;
  }

  json text(const api::Shape& shape, std::string_view name) {
    if (one_in(100)) return std::string(300, 'x');
    const auto values = api::values_of(shape);
    if (!values.empty() && !one_in(10)) return std::string(values[chance_() % values.size()]);
    const bool is_arn = name.ends_with("Arn") || name.ends_with("Arns") || name.ends_with("ArnList");
    if (is_arn && !one_in(6)) {
      for (const auto& [word, end] :
           {std::pair{"Instance", 0}, {"SourceEndpoint", 1}, {"Endpoint", 2}, {"Task", 3}, {"Config", 4}}) {
        if (name.find(word) != std::string_view::npos)
          return std::string(arn_begin) + arn_ends[static_cast<std::size_t>(end)];
      }
    }
    if (is_arn || one_in(8)) return std::string(arn_begin) + any_of(arn_ends);
    return any_of(texts);
  }

  std::mt19937 chance_;
};

// A server that has one object of each kind, for one series of calls after the other.
class OperationsTest : public testing::Test {
 protected:
  OperationsTest() {
    const std::string script = world_.folder + "/worker";
    std::ofstream(script) << worker_script;
    ::chmod(script.c_str(), 0700);
    worker_ = std::make_unique<StandingWorker>(script);
    const Ground& usual = *world_.ground;
    ground_ = std::make_unique<Ground>(Ground{.store = usual.store,
                                              .seal = usual.seal,
                                              .clock = usual.clock,
                                              .random = usual.random,
                                              .log = usual.log,
                                              .data_dir = usual.data_dir,
                                              .program = usual.program,
                                              .account = usual.account,
                                              .unique_account = usual.unique_account,
                                              .webhook = usual.webhook,
                                              .sns_endpoint = "",
                                              .results = {},
                                              .on_change = [] {},
                                              .worker = *worker_});
    front_ = Front::open(*ground_, {.burst = 1e9, .each_second = 1}).take();
  }

  HttpReply answer(std::string_view operation, const json& input) {
    const std::string body = input.dump();
    return front_->answer(TestWorld::signed_call(std::string(operation), body, world_.key, world_.clock.wall()), false);
  }

  void make(const char* operation, json input, const char* suffix) {
    if (suffix != nullptr) input["ResourceIdentifier"] = suffix;
    const HttpReply reply = answer(operation, input);
    ASSERT_EQ(reply.status, 200) << operation << ": " << reply.body;
  }

  // Of the series before.
  void empty() {
    Change gone;
    for (const char* kind : {"rep", "endpoint", "task", "replication-config", "subgrp", "es", "cert", "connection",
                             "refresh", "assessment-run", "type-assessment"}) {
      const auto rows = world_.store->list(kind, {}, "", SIZE_MAX / 2).take();
      for (const Resource& row : rows) gone.removed.emplace_back(kind, row.id);
    }
    ASSERT_TRUE(world_.store->commit(gone).ok());
  }

  void fill() {
    const std::string begin = arn_begin, instance = begin + "rep:INSTANCE";
    make("CreateReplicationSubnetGroup",
         {{"ReplicationSubnetGroupIdentifier", "group"},
          {"ReplicationSubnetGroupDescription", "d"},
          {"SubnetIds", {"a", "b"}}},
         nullptr);
    make("CreateReplicationInstance",
         {{"ReplicationInstanceIdentifier", "i"}, {"ReplicationInstanceClass", "dms.t3.micro"}}, "INSTANCE");
    for (const auto& [side, suffix] : {std::pair{"source", "SOURCE"}, {"target", "TARGET"}}) {
      make("CreateEndpoint",
           {{"EndpointIdentifier", side}, {"EndpointType", side}, {"EngineName", "postgres"}, {"Password", "hush"}},
           suffix);
      Resource row;
      row.kind = connection_kind;
      row.id = begin + "endpoint:" + suffix + "|" + instance;
      row.arn = "connection:" + row.id;
      row.state = "successful";
      row.shown = {
          {"EndpointArn", begin + "endpoint:" + suffix}, {"ReplicationInstanceArn", instance}, {"Status", row.state}};
      row.refers_to = std::vector{begin + "endpoint:" + suffix, instance};
      ASSERT_TRUE(world_.store->commit({.removed = {}, .put = {row}, .tags = {}, .events = {}}).ok());
    }
    const json sides{{"SourceEndpointArn", begin + "endpoint:SOURCE"},
                     {"TargetEndpointArn", begin + "endpoint:TARGET"},
                     {"TableMappings", "{}"}};
    json task = sides, config = sides;
    task.update({{"ReplicationTaskIdentifier", "t"}, {"ReplicationInstanceArn", instance}, {"MigrationType", "cdc"}});
    config.update({{"ReplicationConfigIdentifier", "c"},
                   {"ReplicationType", "cdc"},
                   {"ComputeConfig", {{"MaxCapacityUnits", 2}}}});
    make("CreateReplicationTask", task, "TASK");
    make("CreateReplicationConfig", config, "CONFIG");
    make("CreateEventSubscription", {{"SubscriptionName", "s"}, {"SnsTopicArn", "arn:aws:sns:eu-central-1:1:topic"}},
         nullptr);
  }

  // Whether it was done.
  bool judge(const api::Operation& operation, const json& input) {
    constexpr std::array<std::string_view, 4> general{"InvalidParameterValueException",
                                                      "InvalidParameterCombinationException", "SerializationException",
                                                      "UnsupportedOperationException"};
    const HttpReply reply = answer(operation.name, input);
    const std::string told = fmt::format("{} {}\n-> {} {}", operation.name, input.dump(), reply.status, reply.body);
    const json document = json::parse(reply.body, nullptr, false);
    EXPECT_TRUE(document.is_object()) << told;
    EXPECT_EQ(reply.body.find("hush"), std::string::npos) << told;
    if (reply.status == 200) {
      const auto flaw =
          operation.output == api::no_shape ? std::nullopt : api::find_flaw(api::shape_of(operation.output), document);
      EXPECT_FALSE(flaw) << flaw->text << "\n" << told;
      return true;
    }
    const std::string error = document.value("__type", "");
    const bool is_general = std::find(general.begin(), general.end(), error) != general.end();
    EXPECT_TRUE(reply.status == 400 && (is_general || api::may_fail_with(operation, error))) << told;
    EXPECT_FALSE(document.value("message", "").empty()) << told;
    return false;
  }

  TestWorld world_;
  std::unique_ptr<StandingWorker> worker_;
  std::unique_ptr<Ground> ground_;
  std::unique_ptr<Front> front_;
};

TEST_F(OperationsTest, EveryAnswerIsOneThatTheModelHas) {
  std::set<std::string_view> done;
  const auto offered = offered_operations();
  for (unsigned world = 0; world < worlds && !HasFailure(); ++world) {
    empty();
    fill();
    Draw draw(world);
    for (int call = 0; call < calls_each; ++call) {
      const auto all = api::all_operation_rows();
      const api::Operation& operation =
          draw.one_in(30) ? draw.any_of(all) : *api::find_operation(draw.any_of(offered).name);
      const json input = operation.input == api::no_shape
                             ? json::object()
                             : draw.value(api::shape_of(operation.input), operation.name, 0);
      if (judge(operation, input)) done.insert(operation.name);
    }
  }
  std::string missing;
  for (const OperationRow& row : offered) missing += done.contains(row.name) ? "" : std::string(row.name) + " ";
  EXPECT_GE(done.size(), 45u) << "never done: " << missing;
}

}  // namespace
}  // namespace server
