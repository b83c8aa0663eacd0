// SPDX-License-Identifier: Apache-2.0
//
// Descriptions of tables, read ahead: who asks for many tables one after the other gets them in growing groups, so that
// ten thousand tables cost a few dozen round trips. A description is handed out once and for a few seconds only; the
// next call looks at the server again. One thread at a time.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/schema.h"

namespace connect {

class ReadAhead {
 public:
  using Fetch = std::function<base::Result<std::vector<model::TableSchemaPtr>>(const std::vector<model::TableName>&)>;

  // The names that a catalogue listed just now; what was read before is forgotten.
  void listed(std::vector<model::TableName> names);
  // nullptr when `fetch` did not find it.
  base::Result<model::TableSchemaPtr> take(const model::TableName& table, base::Nanos now, const Fetch& fetch);

 private:
  std::vector<model::TableName> names_;  // sorted
  std::map<model::TableName, model::TableSchemaPtr> ahead_;
  base::Nanos since_{0};
  std::size_t window_ = 1;
};

}  // namespace connect
