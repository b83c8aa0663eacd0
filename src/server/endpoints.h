// SPDX-License-Identifier: Apache-2.0
//
// Endpoints: how the members that a client gave are kept (secrets sealed, the rest as given), shown and handed to a
// task. Called by operations and by the supervisor.
#pragma once

#include "server/ground.h"

namespace server {

inline constexpr const char* endpoint_kind = "endpoint";
inline constexpr const char* connection_kind = "connection";
inline constexpr const char* refresh_kind = "refresh";

// As a task file wants it: all members with their secrets.
base::Result<json> endpoint_document(Ground& ground, const Resource& endpoint);
// "source" or "target".
std::string side_of(const Resource& endpoint);

// A connection or refresh that the supervisor shall ask a worker about; an answer to an earlier question counts no
// more.
void ask_again(Resource& row, const char* state);

std::span<const OperationRow> endpoint_operations();
// TestConnection, RefreshSchemas and what belongs to them.
std::span<const OperationRow> connection_operations();

}  // namespace server
