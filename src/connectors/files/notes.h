// SPDX-License-Identifier: Apache-2.0
//
// What the file target keeps in the task's Journal, by name and form. A table is known here by its folder
// ("schema/table/", see names.h). Thread-safe as the Journal is; each call is one atomic commit or one read.
//
//   files/instance            which data directory this is
//   files/position            durable position of the stream; present from the first begin_apply on
//   files/flushed/FOLDER      change files of the table hold everything up to here
//   files/name/FOLDER         wall milliseconds of the last name given out
//   files/intent/FOLDERname   a change file that is being written: key, from, to, rows
//   files/clear/FOLDER        all files of the folder are being removed because of a TRUNCATE or DROP at a position
//   files/load/FOLDER         counter of LOAD names, and where this load began to count
//   files/chunk/FOLDERnumber  keys of the files of one chunk
//   files/columns/FOLDER      names and numbers of all columns that the table's files may have
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connect/journal.h"
#include "model/position.h"

namespace connectors::files {

using NoteChanges = std::vector<std::pair<std::string, std::optional<std::string>>>;

// Strings of any bytes in one, and back.
std::string pack(const std::vector<std::string>& fields);
base::Result<std::vector<std::string>> unpack(const std::string& key, const std::string& packed,
                                              std::size_t fields_min);
base::Result<std::uint64_t> unpack_number(const std::string& key, const std::string& text);

struct Intent {
  std::string key;        // of the object
  std::int64_t name = 0;  // wall milliseconds
  model::Position from;   // exclusive
  model::Position to;     // inclusive
  std::uint64_t rows = 0;
};

namespace notes {
inline const std::string all = "files/";
inline const std::string instance = "files/instance";
inline const std::string stream_position = "files/position";
inline std::string of(const char* kind, const std::string& folder) {
  return "files/" + std::string(kind) + "/" + folder;
}
std::string intent(const std::string& folder, std::int64_t name);
std::string chunk(const std::string& folder, std::uint32_t number);

std::string print(const model::Position& position);
base::Result<model::Position> parse_position(const std::string& key, const std::string& value);
std::string print(const Intent& intent);
base::Result<Intent> parse_intent(const std::string& key, const std::string& value);

base::Result<std::optional<model::Position>> read_position(connect::Journal& journal, const std::string& key);
base::Result<std::vector<Intent>> read_intents(connect::Journal& journal, const std::string& folder);
// Folders that have a note of that kind.
base::Result<std::vector<std::string>> folders(connect::Journal& journal, const std::string& kind);
// Removes every note below these prefixes, in one commit with `also`.
base::Result<void> forget(connect::Journal& journal, const std::vector<std::string>& prefixes, NoteChanges also = {});
}  // namespace notes

}  // namespace connectors::files
