// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply_policy.h"

#include <charconv>
#include <string_view>

namespace postgres {
namespace {

void read_policy(const std::map<std::string, std::string>& settings, const char* name, ApplyPolicy& policy) {
  const auto found = settings.find(std::string("ErrorBehavior.") + name);
  if (found == settings.end()) return;
  const std::string_view text = found->second;
  if (text == "IGNORE_RECORD") policy = ApplyPolicy::ignore_record;
  if (text == "LOG_ERROR") policy = ApplyPolicy::log_error;
  if (text == "INSERT_RECORD" || text == "UPDATE_RECORD") policy = ApplyPolicy::replace_record;
  if (text == "SUSPEND_TABLE") policy = ApplyPolicy::suspend_table;
  if (text == "STOP_TASK") policy = ApplyPolicy::stop_task;
}

void read_flag(const std::map<std::string, std::string>& settings, const char* name, bool& flag) {
  const auto found = settings.find(name);
  if (found != settings.end()) flag = found->second == "true" || found->second == "1";
}

}  // namespace

ApplyPolicies ApplyPolicies::from(const std::map<std::string, std::string>& settings) {
  ApplyPolicies policies;
  read_policy(settings, "ApplyErrorInsertPolicy", policies.insert);
  read_policy(settings, "ApplyErrorUpdatePolicy", policies.update);
  read_policy(settings, "ApplyErrorDeletePolicy", policies.remove);
  read_policy(settings, "ApplyErrorEscalationPolicy", policies.escalation);
  const auto count = settings.find("ErrorBehavior.ApplyErrorEscalationCount");
  if (count != settings.end()) {
    const std::string& text = count->second;
    std::from_chars(text.data(), text.data() + text.size(), policies.escalation_count);
  }
  read_flag(settings, "ChangeProcessingDdlHandlingPolicy.HandleSourceTableTruncated", policies.handle_truncate);
  read_flag(settings, "ChangeProcessingDdlHandlingPolicy.HandleSourceTableAltered", policies.handle_alter);
  read_flag(settings, "ChangeProcessingDdlHandlingPolicy.HandleSourceTableDropped", policies.handle_drop);
  read_flag(settings, "ErrorBehavior.ApplyErrorFailOnTruncationDdl", policies.fail_on_truncate);
  return policies;
}

}  // namespace postgres
