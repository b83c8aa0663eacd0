// SPDX-License-Identifier: Apache-2.0
//
// The careful way: changes one by one in their original order, under the task's error policies (apply_policy.h). Used
// for a run whose sets were refused, and for what sets cannot say. Rows go in small runs under one savepoint first; a
// run with a refusal is undone and repeated row by row. What is put aside is written to awsdms_apply_exceptions in the
// same transaction. One thread; the session is inside the group's transaction and outside of a pipeline.
//
// Fails only when the whole group must end: STOP_TASK, transient refusals, a broken connection. A suspended table is
// in the report, and the rest of its changes is left out: the applier then undoes the group, and what is to be said of
// the table on the target is written afterwards.
#pragma once

#include <functional>
#include <set>

#include "connect/target.h"
#include "connectors/postgres/apply_policy.h"
#include "connectors/postgres/apply_set.h"
#include "connectors/postgres/control_tables.h"

namespace postgres {

// Lives as long as the applier: which tables are out, how many conflicts and data errors each had.
struct ApplyState {
  std::set<model::TableName> suspended;  // by source name
  std::map<model::TableName, std::uint64_t> conflicts, data_errors;
  std::vector<ApplyException> last_words;                        // of changes that suspended their table
  std::vector<std::pair<model::TableName, std::string>> ending;  // target names of the suspended, and the error's code
};

// Whether the new row has a value that its type on the way has no place for.
bool holds_misfit(const model::ChangeBatch& batch, const model::Change& change);

class RowApplier {
 public:
  using FindDestination = std::function<const Destination*(std::uint32_t table)>;

  RowApplier(Session& session, const ControlTables& control, const ApplyPolicies& policies, ApplyState& state,
             connect::ApplyReport& report)
      : session_(session), control_(control), policies_(policies), state_(state), report_(report) {}

  base::Result<void> apply(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& changes,
                           const FindDestination& find);
  // Takes the table out.
  void suspend(const model::TableSchema& table, base::Error why);

 private:
  struct Attempt {
    std::optional<Refusal> refusal;
    std::uint64_t rows = 0;
  };
  base::Result<bool> apply_run(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& run,
                               const FindDestination& find);
  base::Result<void> apply_one(const model::ChangeBatch& batch, const model::Change& change, const Destination& to);
  // Queues the statement; false: the row cannot be told from others.
  bool send_change(SetSender& sender, const model::ChangeBatch& batch, const model::Change& change,
                   const Destination& to, std::vector<Sent>& sent);
  base::Result<Attempt> attempt(const std::function<void()>& send);
  // The same for a statement outside of the pipeline: rows with large values, which pass in pieces.
  base::Result<Attempt> attempt_alone(const std::function<base::Result<Outcome>()>& run);
  base::Result<Attempt> attempt_change(const model::ChangeBatch& batch, const model::Change& change,
                                       const Destination& to, bool& sendable);
  base::Result<bool> replace(const model::ChangeBatch& batch, const model::Change& change, const Destination& to);
  base::Result<void> put_aside(const model::ChangeBatch& batch, const model::Change& change, const Destination& to,
                               ApplyPolicy policy, const std::string& cause);

  Session& session_;
  const ControlTables& control_;
  const ApplyPolicies& policies_;
  ApplyState& state_;
  connect::ApplyReport& report_;
};

}  // namespace postgres
