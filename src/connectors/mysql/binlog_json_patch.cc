// SPDX-License-Identifier: Apache-2.0
//
// A difference is an operation, a path ("$.a[2].\"b c\"") and, unless it removes, a value. They are carried out one
// after the other on a tree of which only the containers on some path are taken apart; all other values still point
// into the document or the difference they came from.
#include <charconv>
#include <map>
#include <variant>
#include <vector>

#include "connectors/mysql/binlog_json.h"
#include "connectors/mysql/binlog_json_value.h"
#include "connectors/mysql/byte_reader.h"

namespace mysql::binlog {
namespace json {
namespace {

// The server's order of members: shorter names first.
struct KeyOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }
};

struct Node;
using Members = std::map<std::string, Node, KeyOrder>;
using Elements = std::vector<Node>;
struct Node {
  std::variant<Value, Members, Elements> is;
};

struct Leg {
  bool is_key = false;
  std::string key;
  bool from_end = false;  // [last], [last-1]
  std::size_t index = 0;
};

// Takes a container apart that still is bytes. The budget pays for each member once.
bool open_node(Node& node, Budget& budget) {
  const Value* value = std::get_if<Value>(&node.is);
  if (value == nullptr || (!value->is_object() && !value->is_array())) return true;
  const std::optional<Container> container = Container::open(*value);
  if (!container || budget < container->size() * container->entry_size()) return false;
  budget -= container->size() * container->entry_size();
  Members members;
  Elements elements;
  for (std::size_t i = 0; i < container->size(); ++i) {
    const std::optional<Value> member = container->value(i);
    if (!member) return false;
    if (value->is_array()) {
      elements.push_back({*member});
      continue;
    }
    const std::optional<std::string_view> key = container->key(i);
    if (!key || budget < key->size()) return false;
    budget -= key->size();
    members.emplace_hint(members.end(), std::string(*key), Node{*member});
  }
  if (value->is_object()) {
    node.is = std::move(members);
  } else {
    node.is = std::move(elements);
  }
  return true;
}

bool append_node(const Node& node, int depth, Budget& budget, std::string& out) {
  if (depth >= depth_max) return false;
  if (const auto* value = std::get_if<Value>(&node.is)) return append_value(*value, depth, budget, out);
  if (const auto* members = std::get_if<Members>(&node.is)) {
    out += '{';
    bool is_first = true;
    for (const auto& [key, member] : *members) {
      if (!is_first) out += ", ";
      is_first = false;
      append_quoted(key, out);
      out += ": ";
      if (!append_node(member, depth + 1, budget, out)) return false;
    }
    out += '}';
    return true;
  }
  out += '[';
  bool is_first = true;
  for (const Node& element : std::get<Elements>(node.is)) {
    if (!is_first) out += ", ";
    is_first = false;
    if (!append_node(element, depth + 1, budget, out)) return false;
  }
  out += ']';
  return true;
}

// ---- paths ----

std::optional<unsigned> hex_digits(std::string_view text) {
  unsigned value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Names escape only control characters by number.
bool read_escape(std::string_view& rest, std::string& key) {
  if (rest.empty()) return false;
  const char letter = rest[0];
  rest.remove_prefix(1);
  switch (letter) {
    case 'b': key += '\b'; return true;
    case 'f': key += '\f'; return true;
    case 'n': key += '\n'; return true;
    case 'r': key += '\r'; return true;
    case 't': key += '\t'; return true;
    case 'u': {
      const std::optional<unsigned> code = rest.size() < 4 ? std::nullopt : hex_digits(rest.substr(0, 4));
      if (!code || *code >= 0x80) return false;
      rest.remove_prefix(4);
      key += static_cast<char>(*code);
      return true;
    }
    default: key += letter; return letter == '"' || letter == '\\' || letter == '/';
  }
}

bool read_key(std::string_view& rest, Leg& leg) {
  leg.is_key = true;
  if (!rest.starts_with('"')) {
    const std::size_t end = std::min(rest.find_first_of(".["), rest.size());
    leg.key = rest.substr(0, end);
    rest.remove_prefix(end);
    return !leg.key.empty();
  }
  rest.remove_prefix(1);
  while (!rest.empty()) {
    const char letter = rest[0];
    rest.remove_prefix(1);
    if (letter == '"') return true;
    if (letter != '\\') {
      leg.key += letter;
    } else if (!read_escape(rest, leg.key)) {
      return false;
    }
  }
  return false;
}

bool read_index(std::string_view& rest, Leg& leg) {
  const std::size_t end = rest.find(']');
  if (end == std::string_view::npos) return false;
  std::string_view inside = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (inside.starts_with("last")) {
    leg.from_end = true;
    inside.remove_prefix(4);
    if (inside.empty()) return true;
    if (!inside.starts_with('-')) return false;
    inside.remove_prefix(1);
  }
  const auto [at, code] = std::from_chars(inside.data(), inside.data() + inside.size(), leg.index);
  return code == std::errc() && at == inside.data() + inside.size();
}

std::optional<std::vector<Leg>> read_path(std::string_view path) {
  std::vector<Leg> legs;
  if (!path.starts_with('$')) return std::nullopt;
  path.remove_prefix(1);
  while (!path.empty()) {
    Leg leg;
    const char kind = path[0];
    path.remove_prefix(1);
    if (kind != '.' && kind != '[') return std::nullopt;
    if (legs.size() >= depth_max || !(kind == '.' ? read_key(path, leg) : read_index(path, leg))) return std::nullopt;
    legs.push_back(std::move(leg));
  }
  return legs;
}

std::optional<std::size_t> place_of(const Leg& leg, std::size_t size) {
  if (!leg.from_end) return leg.index;
  if (leg.index >= size) return std::nullopt;
  return size - 1 - leg.index;
}

// ---- operations ----

enum class Operation : std::uint8_t { replace = 0, insert = 1, remove = 2 };

// nullptr: there is nothing at that place.
Node* child_of(Node& node, const Leg& leg) {
  if (auto* members = std::get_if<Members>(&node.is)) {
    const auto found = leg.is_key ? members->find(leg.key) : members->end();
    return found == members->end() ? nullptr : &found->second;
  }
  if (auto* elements = std::get_if<Elements>(&node.is)) {
    const std::optional<std::size_t> place = leg.is_key ? std::nullopt : place_of(leg, elements->size());
    return place && *place < elements->size() ? &(*elements)[*place] : nullptr;
  }
  return nullptr;
}

bool change_member(Members& members, Operation operation, const Leg& leg, const Value& value) {
  if (!leg.is_key) return false;
  if (operation == Operation::insert) return members.emplace(leg.key, Node{value}).second;
  const auto found = members.find(leg.key);
  if (found == members.end()) return false;
  if (operation == Operation::replace) found->second.is = value;
  if (operation == Operation::remove) members.erase(found);
  return true;
}

bool change_element(Elements& elements, Operation operation, const Leg& leg, const Value& value) {
  const std::optional<std::size_t> place = leg.is_key ? std::nullopt : place_of(leg, elements.size());
  if (!place) return false;
  if (operation == Operation::insert) {
    elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(std::min(*place, elements.size())), Node{value});
    return true;
  }
  if (*place >= elements.size()) return false;
  if (operation == Operation::replace) elements[*place].is = value;
  if (operation == Operation::remove) elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(*place));
  return true;
}

bool change(Node& root, Operation operation, const std::vector<Leg>& path, const Value& value, Budget& budget) {
  if (path.empty()) {
    if (operation != Operation::replace) return false;
    root.is = value;
    return true;
  }
  Node* node = &root;
  for (std::size_t i = 0;; ++i) {
    if (!open_node(*node, budget)) return false;
    if (i + 1 == path.size()) break;
    node = child_of(*node, path[i]);
    if (node == nullptr) return false;
  }
  if (auto* members = std::get_if<Members>(&node->is)) return change_member(*members, operation, path.back(), value);
  auto* elements = std::get_if<Elements>(&node->is);
  return elements != nullptr && change_element(*elements, operation, path.back(), value);
}

}  // namespace
}  // namespace json

bool append_patched_json(std::string_view document, std::string_view differences, std::string& out) {
  const std::optional<json::Value> whole = json::open_document(document);
  if (!whole) return false;
  json::Node root{*whole};
  json::Budget budget = 2 * (document.size() + differences.size());  // taken apart once, printed once
  ByteReader in(differences);
  while (!in.is_at_end()) {
    const std::uint8_t operation = in.u8();
    const auto path = json::read_path(in.packed_bytes());
    if (!in.is_good() || !path || operation > static_cast<std::uint8_t>(json::Operation::remove)) return false;
    json::Value value;
    if (operation != static_cast<std::uint8_t>(json::Operation::remove)) {
      const std::optional<json::Value> given = json::open_document(in.packed_bytes());
      if (!in.is_good() || !given) return false;
      value = *given;
    }
    if (!json::change(root, static_cast<json::Operation>(operation), *path, value, budget)) return false;
  }
  return json::append_node(root, 0, budget, out);
}

}  // namespace mysql::binlog
