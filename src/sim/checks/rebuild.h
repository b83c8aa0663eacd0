// SPDX-License-Identifier: Apache-2.0
//
// One table, built again from its files as a reader would: the rows of the load, then the changes in order. At every
// commit of the source that the files claim to hold it is compared with what the source held there. One thread.
//
// Order: add_load for all of its files, add_change in the order of the files, reach as far as they claim.
#pragma once

#include <deque>

#include "sim/lake.h"
#include "sim/source_server.h"

namespace sim {

// Commits of the source by the time that stands in the rows.
class Commits {
 public:
  struct Commit {
    std::uint64_t log = 0, xid = 0;
  };
  void learn(const SourceServer& source);
  const Commit* find(const std::string& time) const;
  // The last TRUNCATE of the table at or before `log`; 0: none.
  std::uint64_t truncated(const model::TableName& table, std::uint64_t log) const;

 private:
  std::size_t next_ = 0;  // entry of the source's log
  std::map<std::string, Commit> by_time_;
  std::map<model::TableName, std::set<std::uint64_t>> truncates_;
  std::map<std::uint64_t, std::set<model::TableName>> open_truncates_;  // of transactions that are streamed
};

class Rebuild {
 public:
  Rebuild(const SourceServer& source, model::TableSchemaPtr schema) : source_(source), rows_(std::move(schema)) {}

  // Each says what is wrong, or nothing.
  std::string add_load(const LakeFile& file);
  std::string add_change(const LakeFile& file, const LakeRow& row, const Commits::Commit& commit);
  // The files hold all changes up to `claim`; from `base` on they are a state of the source.
  std::string reach(std::uint64_t base, std::uint64_t claim);
  // All that there is.
  std::string finish();
  const RowSet& rows() const { return rows_; }
  std::uint64_t reached() const { return reached_; }

 private:
  struct Pending {
    char op = 'I';
    Row row;
    std::vector<bool> kept;  // cells that stay as they were
    std::uint64_t log = 0;
  };
  std::string read_row(const LakeFile& file, const LakeRow& row, Pending& change) const;
  std::string apply(Pending change);
  std::string apply_through(std::uint64_t log);
  std::string compare_at(std::uint64_t log);

  const SourceServer& source_;
  RowSet rows_;
  std::deque<Pending> pending_;
  std::optional<Row> removed_;  // by the change before
  std::uint64_t reached_ = 0;
};

}  // namespace sim
