// SPDX-License-Identifier: Apache-2.0
//
// What a connector registers: one descriptor, listed in main/connectors.cc.
#pragma once

#include "connect/target.h"

namespace connect {

struct Connector {
  std::vector<std::string_view> engine_names;  // EngineName values, lower case
  std::span<const OptionSpec> source_options;
  std::span<const OptionSpec> target_options;
  // nullptr: cannot be that side. Opening connects and checks the server; fails with `input` for bad settings.
  base::Result<std::unique_ptr<Source>> (*open_source)(const Options& options, const Context& context) = nullptr;
  base::Result<std::unique_ptr<Target>> (*open_target)(const Options& options, const Context& context) = nullptr;
};

}  // namespace connect
