// SPDX-License-Identifier: Apache-2.0
//
// The stream of the simulated source. One thread; see source_connector.h.
#pragma once

#include "sim/source_connector.h"

namespace sim {

base::Result<std::unique_ptr<connect::Stream>> make_stream(const SourceSide& side, const connect::CapturePlan& plan,
                                                           std::uint64_t after);

// At the head of every call to the source: other threads go on, answers come late, the connection breaks.
base::Result<void> call_source(const SourceSide& side, const char* call);

}  // namespace sim
