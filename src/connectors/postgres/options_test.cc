// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/options.h"

#include <gtest/gtest.h>

#include <set>

namespace postgres {
namespace {

const std::map<std::string, std::string> least = {
    {"ServerName", "127.0.0.1"}, {"Username", "u"}, {"DatabaseName", "d"}};

base::Result<connect::Options> source_with(std::map<std::string, std::string> more) {
  more.insert(least.begin(), least.end());
  return connect::Options::parse(source_options(), more);
}

TEST(PostgresOptions, every_member_is_declared_once_and_explained) {
  for (const auto options : {source_options(), target_options()}) {
    std::set<std::string_view> seen;
    for (const connect::OptionSpec& spec : options) {
      EXPECT_TRUE(seen.insert(spec.path).second) << spec.path;
      EXPECT_FALSE(spec.help.empty() && spec.refused.empty()) << spec.path;
    }
  }
}

TEST(PostgresOptions, the_least_endpoint_is_enough) {
  auto options = source_with({});
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(check_options(*options).ok());
  EXPECT_EQ(connection_member(*options, "Port"), "5432");
  EXPECT_EQ(options->text(option::ssl_mode), "none");
  EXPECT_TRUE(options->boolean(option::capture_ddls));
}

TEST(PostgresOptions, connection_members_may_stand_inside_the_settings) {
  auto options = connect::Options::parse(target_options(), {{"PostgreSQLSettings.ServerName", "h"},
                                                            {"postgresqlsettings.port", "5555"},
                                                            {"PostgreSQLSettings.Username", "u"},
                                                            {"PostgreSQLSettings.DatabaseName", "d"}});
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(check_options(*options).ok());
  EXPECT_EQ(connection_member(*options, "ServerName"), "h");
  EXPECT_EQ(connection_member(*options, "Port"), "5555");
}

TEST(PostgresOptions, what_cannot_be_obeyed_is_refused_by_name) {
  auto missing = connect::Options::parse(source_options(), {{"ServerName", "h"}, {"Username", "u"}});
  ASSERT_TRUE(missing.ok());
  EXPECT_NE(check_options(*missing).error().text().find("DatabaseName"), std::string::npos);
  EXPECT_FALSE(source_with({{"PostgreSQLSettings.ServiceAccessRoleArn", "x"}}).ok());
  EXPECT_FALSE(source_with({{"PostgreSQLSettings.Nonsense", "x"}}).ok());
  EXPECT_FALSE(source_with({{"Port", "70000"}}).ok());
  auto iam = source_with({{"PostgreSQLSettings.AuthenticationMethod", "IAM"}});
  ASSERT_TRUE(iam.ok());
  EXPECT_FALSE(check_options(*iam).ok());
  auto pointless = source_with({{"SslMode", "require"}, {"MillraceSslRootCertificate", "/ca.pem"}});
  ASSERT_TRUE(pointless.ok());
  EXPECT_FALSE(check_options(*pointless).ok());
}

}  // namespace
}  // namespace postgres
