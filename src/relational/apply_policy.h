// SPDX-License-Identifier: Apache-2.0
//
// What to do with a change that the target does not accept: by ApplyError* where the target's row is not what the
// change expects (a conflict), by DataError* where the change's values have no place there. Values. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace relational {

enum class ApplyPolicy { ignore_record, log_error, replace_record, suspend_table, stop_task };

struct ApplyPolicies {
  ApplyPolicy insert = ApplyPolicy::log_error;  // replace_record: INSERT_RECORD
  ApplyPolicy update = ApplyPolicy::log_error;  // replace_record: UPDATE_RECORD
  ApplyPolicy remove = ApplyPolicy::ignore_record;
  ApplyPolicy escalation = ApplyPolicy::log_error;
  std::uint64_t escalation_count = 0;  // conflicts of a table; 0: never
  ApplyPolicy data = ApplyPolicy::log_error;
  ApplyPolicy data_escalation = ApplyPolicy::suspend_table;
  std::uint64_t data_escalation_count = 0;
  bool handle_truncate = true, handle_alter = true, handle_drop = true;

  // After so many conflicts, or data errors, of the table.
  ApplyPolicy after_conflicts(ApplyPolicy policy, std::uint64_t count) const;
  ApplyPolicy after_data_errors(std::uint64_t count) const;

  static ApplyPolicies from(const std::map<std::string, std::string>& settings);
};

}  // namespace relational
