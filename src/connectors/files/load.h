// SPDX-License-Identifier: Apache-2.0
//
// The files of the full load: LOAD00000001.csv and on, one counter a table, one or more files a chunk. Thread-safe: the
// loaders of all chunks run at the same time, each in its own thread.
//
// Fault first. A file's name is in the Journal, with its chunk, before the file is opened, so whatever an attempt left
// can be removed: by the next loader of the same chunk, by discard(), by clear(). Files of a chunk become visible in
// finish(); only beyond files_open_max of them the oldest becomes visible earlier.
#pragma once

#include <map>

#include "connect/target.h"
#include "connectors/files/notes.h"
#include "connectors/files/object_file.h"

namespace connectors::files {

class LoadFiles {
 public:
  LoadFiles(const Settings& settings, const connect::Context& context, wire::ObjectStore& store);

  base::Result<std::unique_ptr<connect::ChunkLoader>> loader(const model::TableSchemaPtr& table,
                                                             const connect::Chunk& chunk, const std::stop_token& stop);
  // Removes the files of this attempt.
  base::Result<void> discard(const std::string& folder);
  // Forgets the attempt; names go on after `last` (the highest LOAD number still in the folder).
  base::Result<void> restart(const std::string& folder, std::uint64_t last);

 private:
  friend class FileLoader;
  // Records the next name of the table as belonging to that chunk; returns its key.
  base::Result<std::string> next_key(const std::string& folder, std::uint32_t chunk, std::vector<std::string>& keys);
  base::Result<void> remove_chunk(const std::string& note, const std::string& value, const std::stop_token& stop);

  const Settings& settings_;
  const connect::Context& context_;
  wire::ObjectStore& store_;
  const base::WallMicros task_start_;
  base::Mutex mutex_;
  std::map<std::string, std::uint64_t> counters_ GUARDED_BY(mutex_);
};

}  // namespace connectors::files
