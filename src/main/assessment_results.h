// SPDX-License-Identifier: Apache-2.0
//
// The results of an assessment run where their owner wants them: a JSON object for each check and, behind them all,
// summary.json: who finds that one finds the others. The same again replaces them. One thread.
//
//   {"folder": "/absolute/folder"}                                               files of a folder that is made
//   {"endpoint": "https://host", "bucket": "b", "region": "r", "ca": "",         objects below the prefix, with the
//    "prefix": "a/b", "encryption": "SSE_KMS", "kms_key": "arn:..."}             credentials of the standard chain
//
// How it fails: disk.* or the errors of the object store (wire/errors.h).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"

namespace main_program {

// The worst of the checks: "passed", "warning" or "failed".
std::string worst_status(const nlohmann::json& checks);

// `run`: what the summary says of the run, besides status and counts; `checks`: the verdicts (assessment.h).
base::Result<void> store_results(const nlohmann::json& place, nlohmann::json run, const nlohmann::json& checks);

}  // namespace main_program
