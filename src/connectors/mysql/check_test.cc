// SPDX-License-Identifier: Apache-2.0
//
// Every message about a source's settings, from the variables as servers give them.
#include "connectors/mysql/check.h"

#include <gtest/gtest.h>

namespace mysql {
namespace {

using Severity = connect::Finding::Severity;

const Variables sound{{"log_bin", "ON"},
                      {"binlog_format", "ROW"},
                      {"binlog_row_image", "FULL"},
                      {"binlog_row_metadata", "FULL"},
                      {"server_id", "1"},
                      {"lower_case_table_names", "0"},
                      {"sql_mode", "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE"},
                      {"binlog_expire_logs_seconds", "2592000"},
                      {"time_zone", "SYSTEM"},
                      {"system_time_zone", "CET"}};

// "refusal server_id: it is 0, ..." of what is said beside the time zone.
std::string findings_with(const std::string& name, const std::string& value, bool stream = true) {
  Variables variables = sound;
  variables[name] = value;
  std::string text;
  for (const connect::Finding& finding : check_variables(variables, stream)) {
    if (finding.object == "server setting time_zone") continue;
    text += finding.severity == Severity::refusal   ? "refusal "
            : finding.severity == Severity::warning ? "warning "
                                                    : "note ";
    text += finding.object.substr(std::string("server setting ").size()) + ": " + finding.problem + "; ";
  }
  return text;
}

void expect_said(const std::string& text, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(MysqlCheck, ASoundServerIsToldItsZoneOnly) {
  EXPECT_EQ(findings_with("log_bin", "ON"), "");
  const auto zone = check_variables(sound, true);
  ASSERT_EQ(zone.size(), 1U);
  EXPECT_TRUE(zone[0].problem.starts_with("CET; TIMESTAMP values are copied in UTC")) << zone[0].problem;
  Variables named = sound;
  named["time_zone"] = "Europe/Zurich";
  EXPECT_TRUE(check_variables(named, false).at(0).problem.starts_with("Europe/Zurich; "));
}

TEST(MysqlCheck, SettingsOfTheLog) {
  expect_said(findings_with("log_bin", "OFF"), {"refusal log_bin: the server writes no binary log"});
  expect_said(findings_with("binlog_format", "STATEMENT"), {"refusal binlog_format: it is STATEMENT, not ROW"});
  expect_said(findings_with("binlog_format", "MIXED"), {"refusal binlog_format: it is MIXED"});
  expect_said(findings_with("server_id", "0"), {"refusal server_id: it is 0"});
  expect_said(findings_with("binlog_row_image", "MINIMAL"), {"warning binlog_row_image: MINIMAL: updates carry"});
  expect_said(findings_with("binlog_row_metadata", "NO_LOG"), {"note binlog_row_metadata: it is not FULL"});
  expect_said(findings_with("binlog_expire_logs_seconds", "3600"), {"warning binlog_expire_logs_seconds", "3600 s"});
  EXPECT_EQ(findings_with("binlog_expire_logs_seconds", "0"), "") << "it is kept";
  EXPECT_EQ(findings_with("expire_logs_days", "1"), "") << "the finer one counts";
  for (const char* name : {"log_bin", "binlog_format", "server_id"}) EXPECT_EQ(findings_with(name, "0", false), "");
}

TEST(MysqlCheck, NamesWithoutCase) {
  expect_said(findings_with("lower_case_table_names", "1"), {"note lower_case_table_names: it is 1"});
  expect_said(findings_with("lower_case_table_names", "2", false), {"note lower_case_table_names: it is 2"});
}

TEST(MysqlCheck, Modes) {
  expect_said(findings_with("sql_mode", ""),
              {"note sql_mode: it lets in zero dates, dates with zero parts:", "it is not strict"});
  expect_said(findings_with("sql_mode", "STRICT_ALL_TABLES,NO_ZERO_IN_DATE"), {"it lets in zero dates:"});
  expect_said(findings_with("sql_mode", "STRICT_ALL_TABLES,NO_ZERO_DATE"), {"it lets in dates with zero parts:"});
  const std::string strict = "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,";
  expect_said(findings_with("sql_mode", strict + "ALLOW_INVALID_DATES"), {"it lets in dates like 02-31:"});
  expect_said(findings_with("sql_mode", strict + "PAD_CHAR_TO_FULL_LENGTH"), {"fills CHAR values with blanks"});
  expect_said(findings_with("sql_mode", strict + "NO_BACKSLASH_ESCAPES"), {"statements in the log are read as"});
  expect_said(findings_with("sql_mode", strict + "ANSI_QUOTES"), {"statements in the log are read as"});
  expect_said(findings_with("sql_mode", strict + "ORACLE"), {"warning sql_mode: ORACLE"});
  EXPECT_EQ(findings_with("sql_mode", strict + "ORACLE", false), "");
}

}  // namespace
}  // namespace mysql
