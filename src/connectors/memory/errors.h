// SPDX-License-Identifier: Apache-2.0
//
// What a database in memory refuses. It is strict, so that a change applied twice or lost is noticed at once.
#pragma once

#include "base/error.h"

namespace memory::errors {

inline constexpr base::Code duplicate_key{"memory.duplicate_key", base::Kind::task,
                                          "A row with that key is there already: a change was applied twice."};
inline constexpr base::Code row_missing{"memory.row_missing", base::Kind::task,
                                        "The row to change is not there: a change was lost."};
inline constexpr base::Code fenced_off{"memory.fenced_off", base::Kind::task,
                                       "A newer process of this task has taken over the target."};
inline constexpr base::Code injected{"memory.injected", base::Kind::transient, "A test asked for this failure."};

}  // namespace memory::errors
