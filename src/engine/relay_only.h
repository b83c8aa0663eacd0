// SPDX-License-Identifier: Apache-2.0
//
// While the target cannot be reached: waits, watching how much log the source keeps for us; when that passes its cap,
// reads the stream into the relay, so that the source's disk never fills. Returns when `length` has passed and the
// caller should try the target again; the source's own failures are logged and left to the next attempt.
#pragma once

#include "engine/statistics.h"

namespace engine {

base::Result<void> outlast_target(const TaskDefinition& definition, const Environment& environment,
                                  Statistics& statistics, base::Nanos length, std::stop_token stop);

}  // namespace engine
