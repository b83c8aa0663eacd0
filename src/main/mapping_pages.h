// SPDX-License-Identifier: Apache-2.0
//
// What `millrace mappings explain` prints. Pure.
#pragma once

#include <string>

#include "engine/explain.h"

namespace main_program {

std::string explained_text(const engine::ExplainedMapping& explained);
std::string explained_json(const engine::ExplainedMapping& explained);

}  // namespace main_program
