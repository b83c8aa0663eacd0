// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <set>
#include <vector>

namespace base {
namespace {

using nlohmann::json;

struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
};

Place place_of(std::string_view text, std::size_t offset) {
  Place place;
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

// Follows the parser through the document, so that a message can say where it is.
class Path {
 public:
  // Returns false when the member was there before.
  bool on_event(json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start: levels_.push_back(Level{false, 0, {}, {}}); break;
      case json::parse_event_t::array_start: levels_.push_back(Level{true, 0, {}, {}}); break;
      case json::parse_event_t::key:
        levels_.back().key = parsed.get<std::string>();
        return levels_.back().seen.insert(levels_.back().key).second;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end: levels_.pop_back(); [[fallthrough]];
      case json::parse_event_t::value:
        if (!levels_.empty()) ++levels_.back().index;
        break;
    }
    return true;
  }

  std::string text() const {
    std::string out;
    for (const Level& level : levels_) {
      if (level.is_array) {
        out += fmt::format("[{}]", level.index);
      } else if (!level.key.empty()) {
        out += (out.empty() ? "" : ".") + printable(level.key);
      }
    }
    return out.empty() ? "the top level" : out;
  }

 private:
  struct Level {
    bool is_array;
    std::size_t index;
    std::string key;
    std::set<std::string> seen;
  };
  std::vector<Level> levels_;
};

// The offset of the bracket that opens one level too many, or npos.
std::size_t find_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '{' || c == '[') && ++depth > json_depth_max) return i;
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return std::string_view::npos;
}

// The part of the parser's message that says what it expected; it may quote the text, so only known words are kept.
std::string_view reason_of(const json::parse_error& thrown) {
  const std::string_view message = thrown.what();
  if (message.find("unexpected end of input") != std::string_view::npos) return "the text ends too early";
  if (message.find("expected end of input") != std::string_view::npos)
    return "there is text after the end of the value";
  if (message.find("ill-formed UTF-8") != std::string_view::npos) return "this is not valid UTF-8";
  if (message.find("must be escaped") != std::string_view::npos) return "a control character must be escaped";
  if (message.find("missing closing quote") != std::string_view::npos) return "a closing quote is missing";
  if (message.find("expected ':'") != std::string_view::npos ||
      message.find("object separator") != std::string_view::npos) {
    return "expected ':' after the member's name";
  }
  if (message.find("object key") != std::string_view::npos) return "expected a member's name in double quotes";
  if (message.find("while parsing object") != std::string_view::npos) return "expected ',' or '}'";
  if (message.find("while parsing array") != std::string_view::npos) return "expected ',' or ']'";
  return "this is not a JSON value";
}

}  // namespace

Result<json> parse_json(std::string_view text, std::string_view what) {
  if (const std::size_t at = find_too_deep(text); at != std::string_view::npos) {
    const Place place = place_of(text, at);
    return failed(errors::bad_json, "{}, line {}, column {}: more than {} levels deep", what, place.line, place.column,
                  json_depth_max);
  }
  Path path;
  std::string repeated;
  const auto follow = [&](int, json::parse_event_t event, json& parsed) {
    if (!path.on_event(event, parsed) && repeated.empty()) repeated = path.text();
    return true;
  };
  try {
    json value = json::parse(text.begin(), text.end(), follow);
    if (!repeated.empty()) return failed(errors::bad_json, "{}: {} is given twice", what, repeated);
    return value;
  } catch (const json::parse_error& thrown) {
    const Place place = place_of(text, thrown.byte > 0 ? thrown.byte - 1 : 0);
    return failed(errors::bad_json, "{}, line {}, column {} (in {}): {}", what, place.line, place.column, path.text(),
                  reason_of(thrown));
  } catch (const json::exception&) {
    return failed(errors::bad_json, "{} (in {}): a number is out of range", what, path.text());
  }
}

std::string_view json_kind(const json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "true or false";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  if (value.is_array()) return "an array";
  return "an object";
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  while (text.size() > limit && !out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
  if (text.size() > limit) out += "...";
  return out;
}

}  // namespace base
