// SPDX-License-Identifier: Apache-2.0
//
// Requests signed as clients sign them, answered without a socket. What needs a worker is shown end to end.
#include "server/front.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "api/check.h"
#include "server/world_fixture.h"

namespace server {
namespace {

class FrontTest : public testing::Test {
 protected:
  HttpReply send(const std::string& operation, const std::string& body, const NewKey& key) {
    return front_->answer(TestWorld::signed_call(operation, body, key, clock_.wall()), false);
  }
  // The answer, held against the model, or the name of the error.
  json call(const std::string& operation, const json& input = json::object()) {
    const HttpReply reply = send(operation, input.dump(), key_);
    json body = json::parse(reply.body);
    if (reply.status != 200) return body["__type"].get<std::string>() + ": " + body["message"].get<std::string>();
    const auto flaw = api::find_flaw(api::shape_of(api::find_operation(operation)->output), body);
    EXPECT_FALSE(flaw) << operation << ": " << flaw->text;
    return body;
  }

  TestWorld world_;
  FixedClock& clock_ = world_.clock;
  Seal& seal_ = world_.seal;
  std::unique_ptr<Store>& store_ = world_.store;
  std::unique_ptr<Front>& front_ = world_.front;
  NewKey& key_ = world_.key;
};

json instance(const std::string& name) {
  return {{"ReplicationInstanceIdentifier", name}, {"ReplicationInstanceClass", "dms.t3.medium"}};
}

TEST_F(FrontTest, NoMoreThanTheQuota) {
  Change full;
  for (int i = 0; i < 1000; ++i) {
    Resource row;
    row.kind = "subgrp";
    row.id = fmt::format("g{}", i);
    row.arn = "arn:aws:dms:eu-central-1:123456789012:subgrp:" + row.id;
    full.put.push_back(std::move(row));
  }
  ASSERT_TRUE(store_->commit(full).ok());
  const json group{{"ReplicationSubnetGroupIdentifier", "one-more"},
                   {"ReplicationSubnetGroupDescription", "d"},
                   {"SubnetIds", {"a", "b"}}};
  EXPECT_EQ(call("CreateReplicationSubnetGroup", group),
            "ResourceQuotaExceededFault: there are 1000 ReplicationSubnetGroups already, the most that there may be");
  ASSERT_TRUE(store_->commit({.removed = {{"subgrp", "g7"}}, .put = {}, .tags = {}, .events = {}}).ok());
  EXPECT_EQ(call("CreateReplicationSubnetGroup", group)["ReplicationSubnetGroup"]["SubnetGroupStatus"], "Complete");
}

TEST_F(FrontTest, LifeOfAnInstance) {
  const json made = call("CreateReplicationInstance", instance("Worker-1"))["ReplicationInstance"];
  EXPECT_EQ(made["ReplicationInstanceIdentifier"], "worker-1");
  EXPECT_EQ(made["ReplicationInstanceStatus"], "creating");
  EXPECT_EQ(made["ReplicationInstanceArn"].get<std::string>().find("arn:aws:dms:eu-central-1:123456789012:rep:"), 0u);
  EXPECT_EQ(call("DescribeReplicationInstances")["ReplicationInstances"][0]["ReplicationInstanceStatus"], "available");
  EXPECT_EQ(call("CreateReplicationInstance", instance("WORKER-1")),
            "ResourceAlreadyExistsFault: ReplicationInstanceIdentifier \"worker-1\" is taken");
  const json arn{{"ReplicationInstanceArn", made["ReplicationInstanceArn"]}};
  json change = arn;
  change["AllocatedStorage"] = 7000;
  EXPECT_EQ(call("ModifyReplicationInstance", change),
            "InvalidParameterValueException: AllocatedStorage is 7000; it must be 5 to 6144");
  change["AllocatedStorage"] = 60;
  EXPECT_EQ(call("ModifyReplicationInstance", change)["ReplicationInstance"]["AllocatedStorage"], 60);
  EXPECT_EQ(call("DeleteReplicationInstance", arn)["ReplicationInstance"]["ReplicationInstanceStatus"], "deleting");
  EXPECT_EQ(call("DeleteReplicationInstance", arn).get<std::string>().find("ResourceNotFoundFault"), 0u);
  EXPECT_EQ(call("DescribeEvents")["Events"].size(), 3u);
}

TEST_F(FrontTest, LifeOfASubscription) {
  json wanted{{"SubscriptionName", "Mine"}, {"SnsTopicArn", "here"}};
  EXPECT_EQ(call("CreateEventSubscription", wanted).get<std::string>().find("SNSInvalidTopicFault"), 0u);
  wanted["SnsTopicArn"] = "arn:aws:sns:eu-central-1:123456789012:topic";
  wanted["SourceIds"] = {"worker"};
  EXPECT_EQ(call("CreateEventSubscription", wanted).get<std::string>().find("InvalidParameterCombination"), 0u);
  wanted["SourceType"] = "replication-instance";
  EXPECT_EQ(call("CreateEventSubscription", wanted).get<std::string>().find("ResourceNotFoundFault"), 0u);
  call("CreateReplicationInstance", instance("worker"));
  wanted["EventCategories"] = {"weather"};
  EXPECT_EQ(call("CreateEventSubscription", wanted).get<std::string>().find("InvalidParameterValue"), 0u);
  wanted["EventCategories"] = {"creation"};
  EXPECT_EQ(call("CreateEventSubscription", wanted)["EventSubscription"]["Status"], "creating");
  EXPECT_EQ(call("CreateEventSubscription", wanted).get<std::string>().find("ResourceAlreadyExistsFault"), 0u);
  const json seen = call("DescribeEventSubscriptions", {{"SubscriptionName", "mine"}})["EventSubscriptionsList"][0];
  EXPECT_EQ(seen["Status"], "active");
  EXPECT_EQ(seen["Enabled"], true);
  EXPECT_EQ(call("ModifyEventSubscription",
                 {{"SubscriptionName", "mine"}, {"Enabled", false}})["EventSubscription"]["Enabled"],
            false);
  const json tags = call("ListTagsForResource", {{"ResourceArn", "arn:aws:dms:eu-central-1:0:es:mine"}});
  EXPECT_EQ(tags["TagList"], json::array());
  EXPECT_EQ(call("DeleteEventSubscription", {{"SubscriptionName", "mine"}})["EventSubscription"]["Status"], "deleting");
  EXPECT_TRUE(call("DescribeEventSubscriptions", {{"SubscriptionName", "mine"}}).is_string());
}

TEST_F(FrontTest, WhatIsNotOfferedSaysSo) {
  EXPECT_EQ(call("CreateMigrationProject").get<std::string>(),
            "UnsupportedOperationException: CreateMigrationProject is not offered by this server");
  EXPECT_EQ(call("DeleteEverything").get<std::string>(),
            "UnknownOperationException: there is no operation DeleteEverything");
}

TEST_F(FrontTest, EveryOfferedOperationIsOneOfTheModel) {
  for (const OperationRow& row : offered_operations()) {
    EXPECT_NE(api::find_operation(row.name), nullptr) << row.name;
    EXPECT_EQ(find_offered(row.name)->handler, row.handler) << row.name;
  }
}

TEST_F(FrontTest, HostileBodies) {
  for (const char* body : {"{", "[]", "1", "\"x\"", "{\"Filters\": {}}", "{\"Marker\": \"\\u0000\"}",
                           "{\"A\":1,\"A\":2}", "\xff", "{\"Marker\": \"m1.00\", \"MaxRecords\": 1e99}"}) {
    const HttpReply reply = send("DescribeEndpoints", body, key_);
    EXPECT_EQ(reply.status, 400) << body;
  }
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  EXPECT_EQ(send("DescribeEndpoints", deep, key_).status, 400);
}

TEST_F(FrontTest, NamesFromOutsideDoNotLeaveTheirPlace) {
  for (const char* name : {"../../etc/passwd", "a'; DROP TABLE users; --", "a\nb", "%00", "a/b"}) {
    EXPECT_EQ(
        call("CreateReplicationInstance", instance(name)).get<std::string>().find("InvalidParameterValueException"),
        0u);
    EXPECT_TRUE(
        call("DescribeReplicationInstances", {{"Filters", {{{"Name", "replication-instance-id"}, {"Values", {name}}}}}})
            .is_string());
  }
  EXPECT_EQ(*store_->count("rep"), 0u);
}

TEST_F(FrontTest, SignaturesCountByRole) {
  NewKey wrong = key_;
  wrong.secret_key += "x";
  EXPECT_EQ(send("DescribeEndpoints", "{}", wrong).status, 403);
  wrong = key_;
  wrong.access_key = "AKIA0";
  EXPECT_EQ(send("DescribeEndpoints", "{}", wrong).status, 403);
  const NewKey reader = *add_user(*store_, seal_, clock_, {"bob", "reader"});
  EXPECT_EQ(send("DescribeEndpoints", "{}", reader).status, 200);
  EXPECT_EQ(send("CreateReplicationInstance", instance("a").dump(), reader).status, 403);
  EXPECT_EQ(send("StartReplicationTask", "{}", reader).status, 403);
}

json tagged(json input, const char* key, const char* value) {
  input["Tags"] = json::array({{{"Key", key}, {"Value", value}}});
  return input;
}

TEST_F(FrontTest, AKeyIsBoundedToTags) {
  const NewKey shop = *add_user(*store_, seal_, clock_, {"shop", "administrator", 0, {{}, {{"team", "shop"}}}});
  const auto status = [&](const std::string& operation, const json& input) {
    return send(operation, input.dump(), shop).status;
  };
  const auto others = call("CreateReplicationInstance", instance("others"))["ReplicationInstance"];
  const json foreign{{"ReplicationInstanceArn", others["ReplicationInstanceArn"]}};
  EXPECT_EQ(status("RebootReplicationInstance", foreign), 403);
  EXPECT_NE(
      send("DeleteReplicationInstance", foreign.dump(), shop).body.find("the user shop is bounded to tag team=shop"),
      std::string::npos);
  EXPECT_EQ(status("AddTagsToResource", tagged({{"ResourceArn", others["ReplicationInstanceArn"]}}, "team", "shop")),
            403);
  EXPECT_EQ(status("DescribeReplicationInstances", json::object()), 200);
  EXPECT_EQ(status("CreateReplicationInstance", instance("mine")), 403);
  EXPECT_EQ(status("CreateReplicationInstance", tagged(instance("mine"), "team", "others")), 403);
  EXPECT_EQ(status("CreateReplicationInstance", tagged(instance("mine"), "team", "shop")), 200);
  const auto mine = call("DescribeReplicationInstances")["ReplicationInstances"][0];
  ASSERT_EQ(mine["ReplicationInstanceIdentifier"], "mine");
  EXPECT_EQ(status("DeleteReplicationInstance", {{"ReplicationInstanceArn", mine["ReplicationInstanceArn"]}}), 200);
}

TEST_F(FrontTest, AKeyIsBoundedToPrefixes) {
  const Bounds bounds{{"arn:aws:dms:eu-central-1:123456789012:subgrp:shop-"}, {}};
  const NewKey shop = *add_user(*store_, seal_, clock_, {"shop", "administrator", 0, bounds});
  const auto status = [&](const std::string& operation, const json& input) {
    return send(operation, input.dump(), shop).status;
  };
  const auto group = [](const std::string& name) {
    return json{{"ReplicationSubnetGroupIdentifier", name},
                {"ReplicationSubnetGroupDescription", "d"},
                {"SubnetIds", {"a", "b"}}};
  };
  EXPECT_EQ(status("CreateReplicationSubnetGroup", group("others")), 403);
  EXPECT_EQ(status("CreateReplicationSubnetGroup", group("Shop-1")), 200);
  call("CreateReplicationSubnetGroup", group("others"));
  EXPECT_EQ(status("DeleteReplicationSubnetGroup", {{"ReplicationSubnetGroupIdentifier", "OTHERS"}}), 403);
  EXPECT_EQ(status("DeleteReplicationSubnetGroup", {{"ReplicationSubnetGroupIdentifier", "shop-1"}}), 200);
  EXPECT_EQ(status("CreateReplicationInstance", instance("a")), 403);
  EXPECT_EQ(status("UpdateSubscriptionsToEventBridge", json::object()), 403);
  EXPECT_EQ(*store_->count("subgrp"), 1u);
}

// Whoever offers an operation that is not here says in bounds.cc what it makes, or names.
TEST_F(FrontTest, BoundsKnowWhatEachOperationNames) {
  std::set<std::string> makes;
  for (const OperationRow& row : offered_operations()) {
    if (row.effect == Effect::reads) continue;
    const std::string operation(row.name);
    if (operation.starts_with("Create") || operation.starts_with("Import")) makes.insert(operation);
    const auto members = api::members_of(api::shape_of(api::find_operation(row.name)->input));
    const bool names = std::any_of(members.begin(), members.end(), [](const api::Member& member) {
      return member.name.ends_with("Arn") || member.name.ends_with("ArnList") || member.name.ends_with("Arns") ||
             member.name == "SubscriptionName" || member.name == "ReplicationSubnetGroupIdentifier";
    });
    EXPECT_TRUE(names || operation == "ImportCertificate" || operation == "UpdateSubscriptionsToEventBridge")
        << operation;
  }
  EXPECT_EQ(makes, (std::set<std::string>{"CreateEndpoint", "CreateEventSubscription", "CreateReplicationConfig",
                                          "CreateReplicationInstance", "CreateReplicationSubnetGroup",
                                          "CreateReplicationTask", "ImportCertificate"}));
}

TEST_F(FrontTest, AuditFilesTakeTurns) {
  const auto audit = Audit::open(*world_.ground, {.file_bytes = 300, .files = 2}).take();
  Request request;
  request.operation = api::find_operation("DeleteEndpoint");
  request.input = {{"EndpointArn", "arn:x"}, {"Password", "secret"}};
  User ann;
  ann.access_key = "AKIA";
  ann.name = "ann";
  for (int i = 0; i < 20; ++i) {
    clock_.pass(1);
    audit->note(request, ann, std::to_string(i), "ok");
  }
  std::size_t files = 0;
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(world_.folder + "/logs")) {
    ++files;
    std::ifstream file(entry.path());
    all += std::string(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_EQ(files, 3u);
  EXPECT_NE(all.find("\"request\":\"19\""), std::string::npos);
  EXPECT_EQ(all.find("\"request\":\"0\""), std::string::npos);
  EXPECT_EQ(all.find("secret"), std::string::npos);
}

TEST_F(FrontTest, KeysThatExpire) {
  const NewKey guest = *add_user(*store_, seal_, clock_, {"eve", "reader", 1});
  EXPECT_EQ(send("DescribeEndpoints", "{}", guest).status, 200);
  NewKey without_token = guest;
  without_token.session_token.clear();
  EXPECT_EQ(send("DescribeEndpoints", "{}", without_token).status, 403);
  clock_.pass(3601);
  EXPECT_NE(send("DescribeEndpoints", "{}", guest).body.find("ExpiredTokenException"), std::string::npos);
}

TEST_F(FrontTest, ManyCallsAreSlowedDown) {
  for (int i = 0; i < 50; ++i) EXPECT_EQ(send("DescribeEndpoints", "{}", key_).status, 200);
  EXPECT_NE(send("DescribeEndpoints", "{}", key_).body.find("ThrottlingException"), std::string::npos);
  clock_.pass(2);
  EXPECT_EQ(send("DescribeEndpoints", "{}", key_).status, 200);
}

TEST_F(FrontTest, OtherPathsAreNotTheApi) {
  api::SignedRequest request{.method = "GET", .path = "/healthz", .query = "", .headers = {}, .body = ""};
  EXPECT_EQ(front_->answer(request, false).status, 200);
  request.path = "/metrics";
  EXPECT_EQ(front_->answer(request, false).status, 403);
  EXPECT_NE(front_->answer(request, true).body.find("millrace_tasks{state=\"running\"} 0"), std::string::npos);
  request.path = "/../store.sqlite";
  EXPECT_EQ(front_->answer(request, false).status, 404);
  request.method = "POST";
  request.path = "/";
  EXPECT_NE(front_->answer(request, false).body.find("MissingAuthenticationTokenException"), std::string::npos);
}

}  // namespace
}  // namespace server
