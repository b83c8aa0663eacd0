// SPDX-License-Identifier: Apache-2.0
#include "server/database.h"

#include <cstdlib>

namespace server {

std::string Row::next_text() { return std::move(cells_.at(read_++)); }

std::int64_t Row::next_number() { return std::strtoll(cells_.at(read_++).c_str(), nullptr, 10); }

Statement& Statement::bind(Value::Kind kind, std::string bytes) {
  values_.push_back({kind, std::move(bytes)});
  return *this;
}

base::Result<std::vector<Row>> Statement::rows() { return std::move(TRY(database_.run(sql_, values_)).rows); }

base::Result<std::int64_t> Statement::run() { return TRY(database_.run(sql_, values_)).changed; }

}  // namespace server
