// SPDX-License-Identifier: Apache-2.0
//
// The resources that a key may change or run, beside what its role allows: those whose ARN begins with one of its
// prefixes, or that carry one of its tags. Without either a key has no bounds. Reading is not bounded.
//
// A call is within bounds when every resource that it names is; one that makes a resource, when the new one is: by a
// tag that the call gives it, or because a prefix allows all of its kind (or its name, where that ends the ARN).
// Pure but for the store; any thread.
//
// How it fails: AccessDeniedFault naming the resource.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/ground.h"

namespace server {

struct Bounds {
  std::vector<std::string> arn_prefixes;
  std::map<std::string, std::string> tags;

  bool is_empty() const { return arn_prefixes.empty() && tags.empty(); }
  std::string text() const;  // for people
  std::string stored() const;
  static base::Result<Bounds> of_stored(const std::string& text);
};

base::Result<void> check_bounds(Ground& ground, const Bounds& bounds, const Request& request);

}  // namespace server
