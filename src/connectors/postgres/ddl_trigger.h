// SPDX-License-Identifier: Apache-2.0
//
// Reports of the source's DDL, in the log itself: event triggers whose function emits a logical message
// ("millrace_ddl", in the transaction of the DDL) for each table that was created, altered or dropped, with the whole
// shape the table has behind that command. ddl_report.h reads it. A partition is reported as its root.
//
// The function never fails the user's statement: whatever goes wrong inside is swallowed, and that something was not
// reported is then found by comparing the catalogue (shape_survey.h). Making event triggers is a superuser's right
// (rds_superuser on RDS); without it nothing is made and comparison is all there is.
#pragma once

#include <string>

#include "connectors/postgres/connection.h"

namespace postgres {

// The statements that make it, in order; complete and quoted. `name` is also the function's name.
std::vector<std::string> ddl_trigger_statements(const std::string& schema, const std::string& name);

// Whether this role may make event triggers here.
base::Result<bool> may_create_ddl_trigger(Connection& connection);

// Creates or replaces it, in one transaction. False: the role may not.
base::Result<bool> create_ddl_trigger(Connection& connection, const std::string& schema, const std::string& name);

// Whether it is there and enabled.
base::Result<bool> has_ddl_trigger(Connection& connection, const std::string& name);

// Removes triggers and function of that name, in whichever schema; absent is fine.
base::Result<void> drop_ddl_trigger(Connection& connection, const std::string& name);

}  // namespace postgres
