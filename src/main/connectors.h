// SPDX-License-Identifier: Apache-2.0
//
// The one list of connectors. A new system is one folder, one line here, one line in the build.
#pragma once

#include <span>

#include "connect/connector.h"

namespace main_program {

std::span<const connect::Connector* const> all_connectors();

}  // namespace main_program
