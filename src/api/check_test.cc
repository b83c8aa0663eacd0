// SPDX-License-Identifier: Apache-2.0
#include "api/check.h"

#include <gtest/gtest.h>

#include "api/errors.h"
#include "api/reply.h"

namespace api {
namespace {

using nlohmann::json;

base::Result<json> checked(const char* operation, const json& input) {
  const Operation* found = find_operation(operation);
  EXPECT_NE(found, nullptr);
  return check_input(*found, input);
}

std::string refusal(const char* operation, const json& input) {
  const auto outcome = checked(operation, input);
  return outcome.ok() ? "accepted" : outcome.error().message;
}

TEST(ModelTest, HoldsEveryOperation) {
  EXPECT_EQ(all_operation_rows().size(), 119u);
  const Operation* create = find_operation("CreateEndpoint");
  ASSERT_NE(create, nullptr);
  EXPECT_EQ(shape_of(create->input).name, "CreateEndpointMessage");
  EXPECT_TRUE(may_fail_with(*create, "ResourceAlreadyExistsFault"));
  EXPECT_FALSE(may_fail_with(*create, "CollectorNotFoundFault"));
  EXPECT_EQ(find_operation("CreateEndpoints"), nullptr);
}

TEST(ModelTest, KnowsSecrets) {
  const Shape* shape = find_shape("CreateEndpointMessage");
  ASSERT_NE(shape, nullptr);
  EXPECT_TRUE(shape_of(find_member(*shape, "Password")->shape).sensitive);
  EXPECT_FALSE(shape_of(find_member(*shape, "Username")->shape).sensitive);
}

TEST(CheckTest, TakesWhatTheClientsSend) {
  const json input{{"EndpointIdentifier", "a"}, {"EndpointType", "source"}, {"EngineName", "postgres"}, {"Port", 5432}};
  EXPECT_TRUE(checked("CreateEndpoint", input).ok());
  EXPECT_TRUE(checked("DescribeEndpoints", json::object()).ok());
}

TEST(CheckTest, MembersThatAreNullAreAbsent) {
  const auto outcome = checked("DescribeEndpoints", {{"Marker", nullptr}, {"MaxRecords", 20}});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->dump(), R"({"MaxRecords":20})");
}

TEST(CheckTest, NamesMemberValueAndExpectation) {
  EXPECT_EQ(refusal("DeleteEndpoint", json::object()), "EndpointArn is required");
  EXPECT_EQ(refusal("DeleteEndpoint", {{"EndpointArn", 1}}), "EndpointArn must be a string, not a number");
  EXPECT_EQ(refusal("DeleteEndpoint", {{"EndpointArn", "a"}, {"Force", true}}), "Force is not a member of this API");
  EXPECT_EQ(refusal("DescribeEndpoints", {{"Filters", {{{"Name", "x"}}}}}), "Filters[0].Values is required");
  EXPECT_EQ(
      refusal("CreateEndpoint", {{"EndpointIdentifier", "a"}, {"EndpointType", "middle"}, {"EngineName", "postgres"}}),
      "EndpointType is \"middle\"; it must be one of source, target");
  EXPECT_EQ(refusal("DescribeEndpoints", {{"MaxRecords", 20.5}}), "MaxRecords must be a whole number, not a number");
  EXPECT_EQ(refusal("DescribeEndpoints", {{"MaxRecords", 1ll << 40}}),
            "MaxRecords is 1099511627776; it must fit into 32 bits");
  EXPECT_EQ(refusal("DescribeEndpoints", json::array()), "the request's body must be a JSON object, not an array");
}

TEST(CheckTest, WrongTypesAreAnotherErrorThanWrongValues) {
  EXPECT_TRUE(checked("DeleteEndpoint", {{"EndpointArn", 1}}).error().is(errors::serialization));
  EXPECT_TRUE(checked("DeleteEndpoint", json::object()).error().is(errors::invalid_parameter_value));
}

TEST(CheckTest, TimesAreNumbersOrTextAsTheModelSays) {
  const json start{{"ReplicationTaskArn", "a"}, {"StartReplicationTaskType", "start-replication"}};
  json number = start, text = start;
  number["CdcStartTime"] = 1577934245.678;
  text["CdcStartTime"] = "2020-01-02T03:04:05Z";
  EXPECT_TRUE(checked("StartReplicationTask", number).ok());
  EXPECT_EQ(refusal("StartReplicationTask", text), "CdcStartTime must be a number of seconds since 1970, not a string");
  const Shape* shape = find_shape("Iso8601DateTime");
  ASSERT_NE(shape, nullptr);
  EXPECT_FALSE(find_flaw(*shape, "2026-01-09T12:30:00.000000Z"));
  EXPECT_TRUE(find_flaw(*shape, "2026-01-09T12:30:00+01:00"));
}

TEST(CheckTest, AnswersLoseWhatTheShapeDoesNotHave) {
  const json value{{"TableName", "t"}, {"MillraceValuesCut", 3}};
  EXPECT_EQ(pruned(*find_shape("TableStatistics"), value).dump(), R"({"TableName":"t"})");
}

TEST(ReplyTest, SaysTheNameThatClientsKnow) {
  const ErrorReply reply = reply_of(base::failed(errors::resource_not_found, "no \"x\""));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.type, "ResourceNotFoundFault");
  EXPECT_EQ(json::parse(reply.body), (json{{"__type", "ResourceNotFoundFault"}, {"message", "no \"x\""}}));
}

TEST(ReplyTest, KeepsInnerFailuresToTheLog) {
  const ErrorReply reply = reply_of(base::failed(base::errors::disk_full, "/srv/secret/path"));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.type, "InternalFailure");
  EXPECT_EQ(reply.body.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace api
