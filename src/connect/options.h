// SPDX-License-Identifier: Apache-2.0
//
// Settings of an endpoint, declared once. A connector lists every member it understands as an OptionSpec; parsing,
// refusing unknown members, help and docs are made from the list. A path is the member's place in the CreateEndpoint
// document, joined by dots: "ServerName", "S3Settings.BucketName", "MillraceUrl". Extra connection attributes are the
// same members by their last name, in any case. Values are kept as text after the check. Secrets are marked and never
// printed. Immutable once built; any thread may read.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace connect {

enum class OptionKind { text, integer, boolean, choice, secret };

struct OptionSpec {
  std::string_view path;
  OptionKind kind = OptionKind::text;
  std::string_view default_value = "";  // empty: not set
  std::string_view choices = "";        // "none|require|verify-ca|verify-full"; compared in any case, '-' equals '_'
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;  // integer: both 0 = any
  std::string_view help = "";
  std::string_view refused = "";  // not empty: setting it is refused with this reason
};

class Options {
 public:
  // `given` maps member paths (any case) to their text; fails with connect.bad_option naming the member.
  static base::Result<Options> parse(std::span<const OptionSpec> specs,
                                     const std::map<std::string, std::string>& given);

  // The value or its default; empty when neither. The path must be in the specs (ENSURE).
  const std::string& text(std::string_view path) const;
  std::int64_t integer(std::string_view path) const;
  bool boolean(std::string_view path) const;
  bool is_set(std::string_view path) const;  // given explicitly

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, bool, std::less<>> given_;
};

namespace errors {
inline constexpr base::Code bad_option{
    "connect.bad_option", base::Kind::input,
    "Correct the named member of the endpoint; `millrace help endpoint` lists them."};
}

}  // namespace connect
