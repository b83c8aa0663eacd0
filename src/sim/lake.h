// SPDX-License-Identifier: Apache-2.0
//
// The place that the file target fills, as its readers see it: objects under keys, in a folder of the simulated disk or
// in a bucket. And its own small reader of csv, which shares nothing with the code that writes it.
//
// Outlives the engine's processes. One simulated thread at a time; nothing here switches.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/disk.h"

namespace sim {

// What a file target says about an object besides its bytes.
using LakeFacts = std::map<std::string, std::string>;

class LakeWatch {
 public:
  virtual ~LakeWatch() = default;
  virtual void came(const std::string& key) = 0;  // or came to hold other bytes
  virtual void grew(const std::string& key) = 0;  // bytes were added while readers could see it
};

class Lake {
 public:
  virtual ~Lake() = default;
  // Keys, each with a number that another content does not have: as they are seen now, or (`certain`) as a power cut
  // right now would leave them for sure.
  virtual std::map<std::string, std::uint64_t> objects(bool certain) const = 0;
  virtual std::string bytes(const std::string& key, bool certain) const = 0;
  virtual LakeFacts facts(const std::string& key, bool certain) const = 0;
  LakeWatch* watch = nullptr;
};

class FolderLake final : public Lake, private DiskWatch {
 public:
  // `folder`: "/lake". The disk outlives it.
  FolderLake(DiskServer& disk, std::string folder);
  ~FolderLake() override { disk_.watch = nullptr; }
  std::map<std::string, std::uint64_t> objects(bool certain) const override;
  std::string bytes(const std::string& key, bool certain) const override;
  LakeFacts facts(const std::string& key, bool certain) const override;

 private:
  void came(const std::string& path) override;
  void grew(const std::string& path) override;
  DiskServer& disk_;
  const std::string folder_;  // with its '/'
};

std::string file_of(const std::string& key);    // behind the last '/'
std::string folder_of(const std::string& key);  // up to the last '/', with it

// ---- rows of csv files

inline constexpr char lake_null[] = "NULL";  // CsvNullValue
inline constexpr char lake_kept[] = "KEPT";  // CsvNoSupValue: the value stays as it was
inline constexpr char lake_time[] = "committed";

struct LakeCell {
  std::string text;
  bool is_null = false, is_kept = false;
};

struct LakeRow {
  char op = 'I';
  std::string schema, table;  // of transaction files
  std::vector<LakeCell> cells;
  std::string time;
};

struct LakeFile {
  std::vector<std::string> columns;  // of the header, if there is one
  std::vector<LakeRow> rows;
  std::string problem;  // not empty: it cannot be read to its end
};

// What stands in a file besides the cells and, last, the time: a header with the columns' names; the Op, which is known
// from a header; table and schema.
struct LakeForm {
  bool has_header = true, has_op = true, has_names = false;
};

LakeFile read_lake_file(const std::string& bytes, LakeForm form);

}  // namespace sim
