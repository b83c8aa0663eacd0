// SPDX-License-Identifier: Apache-2.0
//
// The file target of the simulator: the engine's own connector (connectors/files) on the simulated disk, or on a
// simulated bucket, with somebody beside it who tells the checkers what the engine does to it.
#pragma once

#include "sim/bucket.h"
#include "sim/plan.h"
#include "sim/target_connector.h"

namespace sim {

inline constexpr char lake_folder[] = "/lake";
inline constexpr char transactions_folder[] = "changes/";  // CdcPath

base::Result<std::unique_ptr<connect::Target>> open_file_target(const TargetSide& side, const RunPlan& plan,
                                                                BucketServer& bucket, connect::Context context);

}  // namespace sim
