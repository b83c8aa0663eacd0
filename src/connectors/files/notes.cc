// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/notes.h"

#include <fmt/format.h>

#include <charconv>

#include "connectors/files/errors.h"

namespace connectors::files {

// Each field as "length:bytes".
std::string pack(const std::vector<std::string>& fields) {
  std::string out;
  for (const std::string& field : fields) out += std::to_string(field.size()) + ":" + field;
  return out;
}

base::Result<std::vector<std::string>> unpack(const std::string& key, const std::string& packed,
                                              std::size_t fields_min) {
  std::vector<std::string> fields;
  std::size_t at = 0;
  while (at < packed.size()) {
    std::size_t length = 0;
    const char* end = packed.data() + packed.size();
    const auto read = std::from_chars(packed.data() + at, end, length);
    const auto begin = static_cast<std::size_t>(read.ptr - packed.data()) + 1;
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != ':' || length > packed.size() - begin) {
      return base::failed(errors::journal_malformed, "note {}", key);
    }
    fields.push_back(packed.substr(begin, length));
    at = begin + length;
  }
  if (fields.size() < fields_min) return base::failed(errors::journal_malformed, "note {}", key);
  return fields;
}

base::Result<std::uint64_t> unpack_number(const std::string& key, const std::string& text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return base::failed(errors::journal_malformed, "note {}", key);
  }
  return value;
}

namespace notes {

std::string intent(const std::string& folder, std::int64_t name) {
  return of("intent", folder) + fmt::format("{:020}", name);
}

std::string chunk(const std::string& folder, std::uint32_t number) {
  return of("chunk", folder) + fmt::format("{:010}", number);
}

std::string print(const model::Position& position) {
  return pack({std::to_string(position.log), std::to_string(position.sequence), position.token});
}

base::Result<model::Position> parse_position(const std::string& key, const std::string& value) {
  std::vector<std::string> fields = TRY(unpack(key, value, 3));
  return model::Position{TRY(unpack_number(key, fields[0])), TRY(unpack_number(key, fields[1])), fields[2]};
}

std::string print(const Intent& intent) {
  return pack(
      {intent.key, std::to_string(intent.name), print(intent.from), print(intent.to), std::to_string(intent.rows)});
}

base::Result<Intent> parse_intent(const std::string& key, const std::string& value) {
  const std::vector<std::string> fields = TRY(unpack(key, value, 5));
  Intent intent;
  intent.key = fields[0];
  intent.name = static_cast<std::int64_t>(TRY(unpack_number(key, fields[1])));
  intent.from = TRY(parse_position(key, fields[2]));
  intent.to = TRY(parse_position(key, fields[3]));
  intent.rows = TRY(unpack_number(key, fields[4]));
  return intent;
}

base::Result<std::optional<model::Position>> read_position(connect::Journal& journal, const std::string& key) {
  const std::optional<std::string> value = TRY(journal.get(key));
  if (!value) return std::optional<model::Position>();
  return std::optional<model::Position>(TRY(parse_position(key, *value)));
}

base::Result<std::vector<Intent>> read_intents(connect::Journal& journal, const std::string& folder) {
  std::vector<Intent> intents;
  for (const auto& [key, value] : TRY(journal.scan(of("intent", folder)))) {
    intents.push_back(TRY(parse_intent(key, value)));
  }
  return intents;
}

base::Result<std::vector<std::string>> folders(connect::Journal& journal, const std::string& kind) {
  std::vector<std::string> found;
  const std::string start = "files/" + kind + "/";
  for (const auto& [key, value] : TRY(journal.scan(start))) {
    std::string folder = key.substr(start.size(), key.rfind('/') + 1 - start.size());
    if (found.empty() || found.back() != folder) found.push_back(std::move(folder));
  }
  return found;
}

base::Result<void> forget(connect::Journal& journal, const std::vector<std::string>& prefixes, NoteChanges also) {
  for (const std::string& prefix : prefixes) {
    for (const auto& [key, value] : TRY(journal.scan(prefix))) also.emplace_back(key, std::nullopt);
  }
  if (also.empty()) return {};
  return journal.commit(also);
}

}  // namespace notes
}  // namespace connectors::files
