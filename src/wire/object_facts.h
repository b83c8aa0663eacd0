// SPDX-License-Identifier: Apache-2.0
//
// Checks of keys and facts that hold for every store, and the text form in which a local folder keeps facts beside an
// object. Pure functions. parse_facts() reads bytes from outside and checks all of them (fuzz target).
#pragma once

#include "wire/object_store.h"

namespace wire {

base::Result<void> check_key(const std::string& key);
base::Result<void> check_facts(const std::string& key, const ObjectFacts& facts);

std::string print_facts(const ObjectFacts& facts);
// `name` is for the message only.
base::Result<ObjectFacts> parse_facts(std::string_view text, const std::string& name);

}  // namespace wire
