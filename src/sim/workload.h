// SPDX-License-Identifier: Apache-2.0
//
// The applications that write to the source while the engine works: sessions, each a simulated thread, that run random
// transactions of the plan's shape. Every row carries a version that no other write of the run has, so that an old row
// is never taken for a new one; the bank's transactions move money and never make any.
//
// Order: fill() once, then run_session in as many threads as the plan says.
#pragma once

#include "sim/tables.h"

namespace sim {

class Workload {
 public:
  Workload(const RunPlan& plan, SourceServer& server, SimScheduler& scheduler, Chance chance)
      : plan_(plan), server_(server), scheduler_(scheduler), chance_(chance) {}

  void fill();  // the tables and their first rows
  void run_session(const std::stop_token& stop);
  std::int64_t bank_total() const { return bank_total_; }

 private:
  void await(const std::stop_token& stop);
  void run_transaction(const std::stop_token& stop);
  void run_crowd(const std::stop_token& stop);
  void make_late_table();
  const TablePlan& pick_table() { return *known_[chance_.below(known_.size())]; }
  bool change(std::uint64_t xid);
  bool change_table(std::uint64_t xid, const TablePlan& table);
  bool move_money(std::uint64_t xid, const TablePlan& bank);
  bool swap_singles(std::uint64_t xid, const TablePlan& table);
  bool insert_row(std::uint64_t xid, const TablePlan& table, Row row);
  bool update_row(std::uint64_t xid, const TablePlan& table, const Row& before, Row after);
  bool remove_row(std::uint64_t xid, const TablePlan& table, const Row& before);
  // What the row refers to stays, as long as the transaction runs.
  bool hold_parent(std::uint64_t xid, const TablePlan& table, const Row& row);
  bool is_parent(const TablePlan& table) const { return !children_of(plan_, table).empty(); }
  // Rows that refer to that one, to those and so on; nullopt: somebody else is changing some of them.
  using Referring = std::vector<std::pair<const TablePlan*, Row>>;
  std::optional<Referring> referring(std::uint64_t xid, const TablePlan& parent, const Row& row) const;
  bool alter_table(std::uint64_t xid, const TablePlan& table);
  bool add_column(std::uint64_t xid, const SourceTable& table);
  bool drop_column(std::uint64_t xid, const SourceTable& table);
  bool rename_column(std::uint64_t xid, const model::TableName& name, std::size_t place, const std::string& to);
  bool rename_columns(std::uint64_t xid, const SourceTable& table);
  bool retype_column(std::uint64_t xid, const SourceTable& table);
  bool replace_last_column(std::uint64_t xid, const SourceTable& table);
  bool pass_column(std::uint64_t xid, const SourceTable& table);
  void drop_or_make_table();
  Row make_row(const TablePlan& table);
  Row changed_row(const TablePlan& table, const Row& before);
  std::string text(std::int64_t bytes_max);
  const Row* pick_row(const TablePlan& table);
  void commit(std::uint64_t xid);
  void finish(std::uint64_t xid, const std::stop_token& stop);

  const RunPlan& plan_;
  SourceServer& server_;
  SimScheduler& scheduler_;
  Chance chance_;
  std::vector<const TablePlan*> known_;  // tables that are made
  std::vector<const TablePlan*> gone_;   // tables that were dropped
  std::vector<std::string> gone_names_;  // of columns
  std::uint64_t next_table_id_ = 5000;
  std::size_t left_ = 0;
  std::int64_t next_version_ = 1;
  std::int64_t bank_total_ = 0;
  std::vector<std::uint64_t> prepared_;
};

}  // namespace sim
