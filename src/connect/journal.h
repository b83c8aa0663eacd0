// SPDX-License-Identifier: Apache-2.0
//
// Small durable notes of one target or source in the task's state store: the intent before a file is written, the
// last file name of a table. Every call is one atomic, durable commit. Keys sort bytewise. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace connect {

class Journal {
 public:
  virtual ~Journal() = default;
  virtual base::Result<std::optional<std::string>> get(const std::string& key) = 0;
  virtual base::Result<std::vector<std::pair<std::string, std::string>>> scan(const std::string& prefix) = 0;
  // Writes all (nullopt: removes) or nothing.
  virtual base::Result<void> commit(const std::vector<std::pair<std::string, std::optional<std::string>>>& notes) = 0;
};

}  // namespace connect
