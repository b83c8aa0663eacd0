// SPDX-License-Identifier: Apache-2.0
//
// What to do with a change that the target does not accept: the task's ApplyError* settings, as values. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace postgres {

enum class ApplyPolicy { ignore_record, log_error, replace_record, suspend_table, stop_task };

struct ApplyPolicies {
  ApplyPolicy insert = ApplyPolicy::log_error;  // replace_record: INSERT_RECORD
  ApplyPolicy update = ApplyPolicy::log_error;  // replace_record: UPDATE_RECORD
  ApplyPolicy remove = ApplyPolicy::ignore_record;
  ApplyPolicy escalation = ApplyPolicy::log_error;
  std::uint64_t escalation_count = 0;  // 0: never
  bool handle_truncate = true, handle_alter = true, handle_drop = true;
  bool fail_on_truncate = false;

  static ApplyPolicies from(const std::map<std::string, std::string>& settings);
};

}  // namespace postgres
