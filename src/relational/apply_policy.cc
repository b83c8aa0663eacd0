// SPDX-License-Identifier: Apache-2.0
#include "relational/apply_policy.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace relational {
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

void read_count(const std::map<std::string, std::string>& settings, const char* name, std::uint64_t& count) {
  const auto found = settings.find(std::string("ErrorBehavior.") + name);
  if (found == settings.end()) return;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), count);
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
  read_policy(settings, "DataErrorPolicy", policies.data);
  read_policy(settings, "DataErrorEscalationPolicy", policies.data_escalation);
  read_count(settings, "ApplyErrorEscalationCount", policies.escalation_count);
  read_count(settings, "DataErrorEscalationCount", policies.data_escalation_count);
  read_flag(settings, "ChangeProcessingDdlHandlingPolicy.HandleSourceTableTruncated", policies.handle_truncate);
  read_flag(settings, "ChangeProcessingDdlHandlingPolicy.HandleSourceTableAltered", policies.handle_alter);
  read_flag(settings, "ChangeProcessingDdlHandlingPolicy.HandleSourceTableDropped", policies.handle_drop);
  return policies;
}

ApplyPolicy ApplyPolicies::after_conflicts(ApplyPolicy policy, std::uint64_t count) const {
  return escalation_count > 0 && count >= escalation_count ? std::max(policy, escalation) : policy;
}

ApplyPolicy ApplyPolicies::after_data_errors(std::uint64_t count) const {
  return data_escalation_count > 0 && count >= data_escalation_count ? std::max(data, data_escalation) : data;
}

}  // namespace relational
