// SPDX-License-Identifier: Apache-2.0
#include "wire/object_facts.h"

#include <algorithm>

#include "wire/errors.h"

namespace wire {
namespace {

using base::failed;
using base::Result;

constexpr std::size_t key_bytes_max = 1024;
constexpr std::size_t metadata_bytes_max = 2048;
constexpr std::size_t tags_max = 10;
constexpr std::string_view first_line = "millrace-meta 1";

bool is_metadata_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool has_outer_blank(std::string_view text) { return !text.empty() && (text.front() == ' ' || text.back() == ' '); }

// The only bytes that would break a line or its two halves.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '=' || static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

Result<void> check_key(const std::string& key) {
  if (key.empty() || key.size() > key_bytes_max) {
    return failed(errors::bad_key, "object '{}': a key has 1 to {} bytes, this one {}", key, key_bytes_max, key.size());
  }
  if (key.find('\0') != std::string::npos) return failed(errors::bad_key, "object '{}': a key cannot hold NUL", key);
  if (key.front() == '/' || key.back() == '/' || key.find("//") != std::string::npos) {
    return failed(errors::bad_key, "object '{}': a part of the key between slashes is empty", key);
  }
  return {};
}

Result<void> check_facts(const std::string& key, const ObjectFacts& facts) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : facts.metadata) {
    bytes += name.size() + value.size();
    if (!is_metadata_name(name) || !is_printable(value) || has_outer_blank(value)) {
      return failed(errors::bad_metadata, "object {}: metadata '{}' cannot be stored", key, name);
    }
  }
  if (bytes > metadata_bytes_max) {
    return failed(errors::bad_metadata, "object {}: {} bytes of metadata, at most {}", key, bytes, metadata_bytes_max);
  }
  if (!is_printable(facts.content_type)) return failed(errors::bad_metadata, "object {}: bad content type", key);
  if (facts.tags.size() > tags_max) {
    return failed(errors::bad_metadata, "object {}: {} tags, at most {}", key, facts.tags.size(), tags_max);
  }
  return {};
}

std::string print_facts(const ObjectFacts& facts) {
  std::string out(first_line);
  out += "\ncontent-type=" + escape(facts.content_type) + "\n";
  for (const auto& [name, value] : facts.metadata) out += "m." + escape(name) + "=" + escape(value) + "\n";
  for (const auto& [name, value] : facts.tags) out += "t." + escape(name) + "=" + escape(value) + "\n";
  return out;
}

Result<ObjectFacts> parse_facts(std::string_view text, const std::string& name) {
  const auto damaged = [&](int line) { return failed(errors::bad_sidecar, "{}: line {} cannot be read", name, line); };
  ObjectFacts facts;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return damaged(line_number);
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line_number == 1) {
      if (line != first_line) return damaged(line_number);
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return damaged(line_number);
    const std::optional<std::string> left = unescape(line.substr(0, equals));
    const std::optional<std::string> right = unescape(line.substr(equals + 1));
    if (!left || !right) return damaged(line_number);
    if (*left == "content-type") {
      facts.content_type = *right;
    } else if (left->starts_with("m.") && is_metadata_name(left->substr(2))) {
      facts.metadata[left->substr(2)] = *right;
    } else if (left->starts_with("t.")) {
      facts.tags[left->substr(2)] = *right;
    } else {
      return damaged(line_number);
    }
  }
  if (line_number == 0) return damaged(1);
  return facts;
}

}  // namespace wire
