// SPDX-License-Identifier: Apache-2.0
#include "api/names.h"

#include <algorithm>

#include "api/errors.h"
#include "base/json.h"

namespace api {
namespace {

constexpr std::string_view marker_head = "m1.";
constexpr std::string_view base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t suffix_length = 26;
constexpr std::size_t arn_bytes_max = 512;
constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool fits(std::string_view text, NameForm form) {
  const auto hyphened = [](char c) { return is_letter(c) || is_digit(c) || c == '-'; };
  const auto dotted = [&](char c) { return hyphened(c) || c == '.' || c == '_'; };
  if (form == NameForm::dotted) return std::all_of(text.begin(), text.end(), dotted);
  return is_letter(text.front()) && text.back() != '-' && text.find("--") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), hyphened);
}

}  // namespace

std::string Arn::text() const { return fmt::format("arn:aws:dms:{}:{}:{}:{}", region, account, type, suffix); }

std::optional<Arn> parse_arn(std::string_view text) {
  if (text.size() > arn_bytes_max) return std::nullopt;
  std::string_view parts[7];
  for (int i = 0; i < 7; ++i) {
    const std::size_t end = i < 6 ? text.find(':') : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  if (parts[0] != "arn" || !parts[1].starts_with("aws") || parts[2] != "dms" || parts[6].empty()) return std::nullopt;
  return Arn{std::string(parts[3]), std::string(parts[4]), std::string(parts[5]), std::string(parts[6])};
}

std::string random_suffix(base::Random& random) {
  std::string out;
  for (std::size_t i = 0; i < suffix_length; ++i) out += base32[random.next() >> 59];
  return out;
}

base::Result<std::string> checked_name(std::string_view text, const NameRule& rule) {
  if (!text.empty() && text.size() <= rule.longest && fits(text, rule.form)) {
    std::string out;
    for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
  }
  return base::failed(errors::invalid_parameter_value, "{} is \"{}\"; it must be 1 to {} {}", rule.member,
                      base::printable(text), rule.longest,
                      rule.form == NameForm::dotted
                          ? "letters, digits, periods, underscores and hyphens"
                          : "letters, digits and single hyphens, begin with a letter and not end with a hyphen");
}

base::Result<std::size_t> page_size(std::optional<std::int64_t> max_records, const PageRule& rule) {
  const std::int64_t wanted = max_records.value_or(rule.usual);
  if (wanted >= rule.least && wanted <= rule.most) return static_cast<std::size_t>(wanted);
  return base::failed(errors::invalid_parameter_value, "MaxRecords is {}; it must be {} to {}", wanted, rule.least,
                      rule.most);
}

std::string marker_behind(std::string_view name) {
  std::string out(marker_head);
  for (const char c : name) {
    out += hex_digits[static_cast<unsigned char>(c) >> 4];
    out += hex_digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

base::Result<std::string> name_of_marker(std::string_view marker) {
  const auto bad = [] {
    return base::failed(errors::invalid_parameter_value, "Marker is not one that an answer of this server held");
  };
  if (!marker.starts_with(marker_head)) return bad();
  marker.remove_prefix(marker_head.size());
  if (marker.empty() || marker.size() % 2 != 0) return bad();
  std::string out;
  for (std::size_t i = 0; i < marker.size(); i += 2) {
    const std::size_t high = hex_digits.find(marker[i]);
    const std::size_t low = hex_digits.find(marker[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return bad();
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

}  // namespace api
