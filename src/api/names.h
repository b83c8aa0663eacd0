// SPDX-License-Identifier: Apache-2.0
//
// Names of the API: identifiers, Amazon resource names, pages of lists and their markers. Pure.
//
// How it fails: InvalidParameterValueException naming the member.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace api {

struct Arn {
  std::string region;
  std::string account;
  std::string type;    // "endpoint"
  std::string suffix;  // "ABC..." or the name
  std::string text() const;
};

// nullopt: not an ARN of this service.
std::optional<Arn> parse_arn(std::string_view text);
// 26 characters A-Z and 2-7.
std::string random_suffix(base::Random& random);

enum class NameForm {
  hyphened,  // a letter, then letters, digits and single hyphens, none at the end
  dotted,    // letters, digits, '.', '_', '-'
};
struct NameRule {
  std::string_view member;
  std::size_t longest;
  NameForm form = NameForm::hyphened;
};
// The name in lower case: the API compares names without regard to case.
base::Result<std::string> checked_name(std::string_view text, const NameRule& rule);

struct PageRule {
  std::int64_t least = 20;
  std::int64_t most = 100;
  std::int64_t usual = 100;
};
base::Result<std::size_t> page_size(std::optional<std::int64_t> max_records, const PageRule& rule);
// A marker holds the last name of its page: it stays good whatever is added or deleted meanwhile.
std::string marker_behind(std::string_view name);
base::Result<std::string> name_of_marker(std::string_view marker);

}  // namespace api
