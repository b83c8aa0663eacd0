// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong with changes kept on our own disk.
#pragma once

#include "base/error.h"

namespace relay::errors {

inline constexpr base::Code damaged{
    "relay.damaged", base::Kind::task,
    "A file of the relay no longer holds what was written. Check the disk. If the source still keeps its log from the "
    "target's position on, remove the relay folder and resume; else start the task with --start-type reload-target."};
inline constexpr base::Code newer{
    "relay.newer", base::Kind::input,
    "A newer Millrace wrote this relay. Use that version, or let it drain the relay before going back."};
inline constexpr base::Code full{
    "relay.full", base::Kind::task,
    "The relay has reached its cap; the source keeps its log until the target catches up."};
inline constexpr base::Code sync_failed{
    "relay.sync_failed", base::Kind::transient,
    "The disk did not confirm a write. What was not confirmed is read from the source again; check the disk."};
inline constexpr base::Code trimmed{"relay.trimmed", base::Kind::bug,
                                    "A reader asked for changes that were already given up; please report it."};
inline constexpr base::Code bad_stream{"relay.bad_stream", base::Kind::bug,
                                       "The source delivered its transactions out of order; please report it."};

}  // namespace relay::errors
