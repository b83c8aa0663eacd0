// SPDX-License-Identifier: Apache-2.0
//
// The careful way: changes one by one in their original order, under the task's error policies (apply_policy.h). Used
// for a run whose sets were refused, and for what sets cannot say. Rows go in small runs under one savepoint first; a
// run with a refusal is undone and repeated row by row. What is put aside is written to awsdms_apply_exceptions in the
// same transaction. One thread; the session is inside the group's transaction. Each target says how a change is sent.
//
// Fails only when the whole group must end: STOP_TASK, transient refusals, a broken connection. A suspended table is
// in the report, and the rest of its changes is left out: the applier then undoes the group, and what is to be said of
// the table on the target is written afterwards.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "connect/target.h"
#include "relational/row_change.h"

namespace relational {

// The codes under which a target tells what every relational target can tell.
struct ApplyCodes {
  const base::Code& superseded;
  const base::Code& not_started;
  const base::Code& missing_object;
  const base::Code& stopped;
  const base::Code& suspended;
};

struct ApplyException {
  model::TableName table;
  std::string statement;
  std::string error;
};

// Lives as long as the applier: which tables are out, how many conflicts and data errors each had.
struct ApplyState {
  std::set<model::TableName> suspended;  // by source name
  std::map<model::TableName, std::uint64_t> conflicts, data_errors;
  std::vector<ApplyException> last_words;                        // of changes that suspended their table
  std::vector<std::pair<model::TableName, std::string>> ending;  // target names of the suspended, and the error's code
  std::vector<model::TableName> ending_sources;                  // their source names
};

// Takes the table out.
void suspend(const model::TableSchema& table, base::Error why, ApplyState& state, connect::ApplyReport& report);

struct RowRefusal {
  bool concerns_row = false;  // else the table or the server
  bool is_duplicate = false;
  std::string number;   // "SQLSTATE 23505": for messages, which quote no values
  std::string message;  // the server's own, for the exceptions table
  base::Error error;    // when it does not concern the row alone
};

// What came of a change that was sent alone; whatever was refused or changed more than a row is undone.
struct RowAttempt {
  bool sendable = true;  // false: the row cannot be told from others
  std::uint64_t rows = 0;
  std::optional<RowRefusal> refusal;
};

class RowApplier {
 public:
  using FindDestination = std::function<const Destination*(std::uint32_t table)>;

  RowApplier(const ApplyPolicies& policies, const ApplyCodes& codes, ApplyState& state, connect::ApplyReport& report)
      : state_(state), policies_(policies), codes_(codes), report_(report) {}
  virtual ~RowApplier() = default;
  RowApplier(const RowApplier&) = delete;
  RowApplier& operator=(const RowApplier&) = delete;

  base::Result<void> apply(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                           const FindDestination& find);

 protected:
  // One savepoint, one round trip; false: undone, to be repeated row by row.
  virtual base::Result<bool> apply_run(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& run,
                                       const FindDestination& find) = 0;
  virtual base::Result<RowAttempt> attempt(const model::ChangeBatch& batch, const model::Change& change,
                                           const Destination& to) = 0;
  // INSERT_RECORD: the row in the way goes. UPDATE_RECORD: the missing row comes. The row is complete and has a key.
  // False: that was refused as well.
  virtual base::Result<bool> replace(const model::ChangeBatch& batch, const model::Change& change,
                                     const Destination& to) = 0;
  virtual base::Result<void> write_exception(const ApplyException& exception) = 0;
  // A value as the statement of an exception shows it, and a position as people read it.
  virtual std::string literal_of(const model::ChangeBatch& batch, const model::Change& change, const Destination& to,
                                 std::uint32_t place, const model::Cell& cell) = 0;
  virtual std::string text_of(const model::Position& position) = 0;

  ApplyState& state_;

 private:
  base::Result<void> apply_one(const model::ChangeBatch& batch, const model::Change& change, const Destination& to);
  base::Result<void> put_aside(const model::ChangeBatch& batch, const model::Change& change, const Destination& to,
                               ApplyPolicy policy, const std::string& cause, const std::string& short_cause);
  std::string describe(const model::ChangeBatch& batch, const model::Change& change, const Destination& to);

  const ApplyPolicies& policies_;
  const ApplyCodes& codes_;
  connect::ApplyReport& report_;
};

}  // namespace relational
