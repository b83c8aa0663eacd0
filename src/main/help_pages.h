// SPDX-License-Identifier: Apache-2.0
//
// What `millrace help TOPIC` prints, made from the tables the program itself uses: endpoint members from the
// connectors' option lists, settings from the settings table, error codes from the rooms' headers. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace main_program {

// Every code that can reach a user, sorted by name.
std::vector<const base::Code*> all_codes();

// nullopt: there is no such topic.
std::optional<std::string> help_page(std::string_view topic);

}  // namespace main_program
