// SPDX-License-Identifier: Apache-2.0
//
// What is about the whole account: events and who wants to hear of them, quotas, tags.
#pragma once

#include "server/ground.h"

namespace server {

inline constexpr const char* subscription_kind = "es";

// The categories of events of that kind of source; empty: there is none of that name.
json event_categories(std::string_view source_type);

std::span<const OperationRow> account_operations();
std::span<const OperationRow> subscription_operations();
std::span<const OperationRow> tag_operations();

}  // namespace server
