// SPDX-License-Identifier: Apache-2.0
//
// Sends rows of one table as sets: one statement with one text[] for each column, or COPY. Statements join
// unnest($1::text[], ...) with the table by its key; the session runs them with nested loops over the key's index
// (three times as fast as the planner's own choice of a hash join on 20 000 of 1 M rows). One thread.
//
// send_*() queue into the session's pipeline and note how many rows must be affected; the caller syncs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "connectors/postgres/destination.h"
#include "relational/compact.h"

namespace postgres {

using relational::NetChanges;
using relational::NetRow;

// What a queued statement is expected to do.
struct Sent {
  std::uint64_t rows = 0;
};

struct SetLimits {
  std::size_t rows_max = 4'000;
  std::size_t bytes_max = 8u << 20;
  std::size_t copy_rows_min = 500;         // fewer rows are inserted in the pipeline: one round trip instead of three
  std::size_t large_bytes_min = 4u << 20;  // of one row
};

// "unnest($1::text[], $2::text[]) AS v(p0, p1)"
std::string unnest(std::size_t arrays);

class SetSender {
 public:
  SetSender(Session& session, const model::ChangeBatch& batch, const Destination& to, model::CellForm form)
      : session_(session), batch_(batch), to_(to), form_(form) {}

  void send_removes(std::vector<NetRow>& rows, std::vector<Sent>& sent);
  // `with_key`: the key's columns are set too (a key change, one row at a time).
  void send_updates(const std::vector<bool>& mask, std::vector<NetRow>& rows, bool with_key, std::vector<Sent>& sent);
  void send_inserts(const std::vector<NetRow>& rows, std::vector<Sent>& sent);
  // Tables without a key: exactly one row equal to `key` in all columns.
  void send_whole_remove(const NetRow& row, std::vector<Sent>& sent);
  void send_whole_update(const std::vector<bool>& mask, const NetRow& row, std::vector<Sent>& sent);
  // Outside of the pipeline; the outcome carries the refusal or the rows.
  base::Result<Outcome> copy_inserts(const std::vector<NetRow>& rows);
  // One row with large values: it passes through a temporary table in pieces, so that no copy of it is made here.
  base::Result<Outcome> staged_update(const std::vector<bool>& mask, const NetRow& row);
  bool is_large(const NetRow& row) const;
  // Whether these inserts are better sent by copy_inserts.
  bool prefers_copy(const std::vector<NetRow>& rows) const;
  static std::string_view row_text(const model::ChangeBatch& batch, const Destination& to, model::CellForm form,
                                   std::uint32_t place, const model::Cell& cell, std::string& scratch);

 private:
  using CellsOf = std::function<const model::Cell*(const NetRow&)>;
  struct Part {
    std::uint32_t place;
    bool from_key;  // else from the new cells
  };
  void sort_by_key(std::vector<NetRow>& rows) const;
  void add(TextArray& array, std::uint32_t place, const model::Cell& cell);
  void send_sliced(const std::string& sql, const std::vector<Part>& parts, const std::vector<NetRow>& rows,
                   std::vector<Sent>& sent);
  std::string key_condition() const;
  // Fills `parts`; empty when no column is to be set.
  std::string assignments(const std::vector<bool>& mask, bool with_key, std::vector<Part>& parts) const;
  base::Result<void> copy_field(std::string& bytes, std::uint32_t place, const model::Cell& cell);
  base::Result<void> copy_rows(const std::vector<Part>& parts, const std::vector<NetRow>& rows);
  std::string whole_row(const std::vector<Part>& parts) const;

  Session& session_;
  const model::ChangeBatch& batch_;
  const Destination& to_;
  const model::CellForm form_;
  std::string scratch_;
};

}  // namespace postgres
