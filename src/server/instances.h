// SPDX-License-Identifier: Apache-2.0
//
// Replication instances and subnet groups. An instance is a worker on this machine: it is there at once, and its class
// and storage are what its tasks may use. Networks are not ours: subnets are kept as they were named.
#pragma once

#include "server/ground.h"

namespace server {

inline constexpr const char* instance_kind = "rep";
inline constexpr const char* subnet_group_kind = "subgrp";
inline constexpr const char* engine_version = "3.5.4";  // the release of the service whose behaviour is offered

// Of a class that exists.
double memory_gib_of_class(std::string_view name);

std::span<const OperationRow> instance_operations();
std::span<const OperationRow> subnet_group_operations();

}  // namespace server
