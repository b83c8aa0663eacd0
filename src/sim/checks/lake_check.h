// SPDX-License-Identifier: Apache-2.0
//
// How the checkers of the file target find their way: which object belongs to which table, and what stands in it. Pure.
#pragma once

#include <cstdlib>

#include "sim/checks/check.h"
#include "sim/file_target.h"
#include "sim/lake.h"

namespace sim {

inline std::string lake_folder_of(const model::TableName& table) { return table.schema + "/" + table.table + "/"; }

inline bool is_load(const std::string& key) { return file_of(key).starts_with("LOAD"); }

// The folder whose change files are one sequence: "app/t0/" of "app/t0/2026/09/21/...", "changes/".
inline std::string lake_top_folder(const std::string& key) {
  const std::size_t first = key.find('/');
  const std::size_t second = key.find('/', first + 1);
  return key.substr(0, (second == std::string::npos ? first : second) + 1);
}

// Of a packed note of the target's books: "4:50001:7..." is 5000.
inline std::uint64_t first_number(const std::string& note) {
  const std::size_t colon = note.find(':');
  const std::size_t length = std::strtoull(note.c_str(), nullptr, 10);
  return colon == std::string::npos ? 0 : std::strtoull(note.substr(colon + 1, length).c_str(), nullptr, 10);
}

inline LakeForm lake_form(const RunPlan& plan, const std::string& key) {
  const bool has_names = plan.target == TargetKind::transactions && !is_load(key);
  const bool has_header = plan.target != TargetKind::transactions;
  return {has_header, has_names || plan.files.op_in_load, has_names};
}

}  // namespace sim
