// SPDX-License-Identifier: Apache-2.0
//
// Tests only: a target opened on a throwaway server. One thread.
#pragma once

#include <gtest/gtest.h>

#include "connectors/postgres/options.h"
#include "connectors/postgres/server_fixture.h"
#include "connectors/postgres/target.h"
#include "relational/changes_fixture.h"

namespace postgres_test {

using relational_test::Changes;
using relational_test::null_cell;
using relational_test::Surroundings;
using relational_test::table_of;
using relational_test::unchanged_cell;

// One cluster for all tests of the binary.
inline TestServer& server() {
  static TestServer one;
  return one;
}

inline std::unique_ptr<connect::Target> target_on(const TestServer& server, const std::string& database,
                                                  const connect::Context& context,
                                                  const std::string& user = "postgres") {
  auto options = connect::Options::parse(postgres::target_options(), {{"ServerName", "127.0.0.1"},
                                                                      {"Port", std::to_string(server.port())},
                                                                      {"Username", user},
                                                                      {"DatabaseName", database}});
  EXPECT_TRUE(options.ok()) << options.error().text();
  auto target = postgres::open_target(options.value(), context);
  EXPECT_TRUE(target.ok()) << target.error().text();
  return target.take();
}

}  // namespace postgres_test
