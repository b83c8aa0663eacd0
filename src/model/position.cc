// SPDX-License-Identifier: Apache-2.0
#include "model/position.h"

#include <algorithm>

namespace model {

// The 64-bit transaction id nearest `near` whose low 32 bits are those of `xid`.
static std::uint64_t extend(std::uint64_t xid, std::uint64_t near) {
  if (xid > 0xffffffffULL) return xid;
  const auto low_near = static_cast<std::uint32_t>(near);
  const auto difference = static_cast<std::int32_t>(static_cast<std::uint32_t>(xid) - low_near);
  return near + static_cast<std::uint64_t>(static_cast<std::int64_t>(difference));
}

bool Fence::holds(std::uint64_t commit_log, std::uint64_t xid) const {
  if (high == 0 || commit_log > high) return false;
  const std::uint64_t wide = extend(xid, xmax);
  if (wide < xmin) return true;
  if (wide >= xmax) return false;
  return std::find(in_progress.begin(), in_progress.end(), wide) == in_progress.end();
}

}  // namespace model
