// SPDX-License-Identifier: Apache-2.0
//
// How single changes are sent to MySQL and MariaDB (relational/row_applier.h says when and what of it): under a
// savepoint, several in one round trip. One thread; the session is inside the group's transaction with nothing queued.
#pragma once

#include "connectors/mysql/apply_set.h"
#include "connectors/mysql/control_tables.h"
#include "relational/row_applier.h"

namespace mysql {

class RowApplier final : public relational::RowApplier {
 public:
  RowApplier(Session& session, const ControlTables& control, const relational::ApplyPolicies& policies,
             const relational::ApplyCodes& codes, relational::ApplyState& state, connect::ApplyReport& report)
      : relational::RowApplier(policies, codes, state, report), session_(session), control_(control) {}

 protected:
  base::Result<bool> apply_run(const model::ChangeBatch& batch, const std::vector<std::uint32_t>& run,
                               const FindDestination& find) override;
  base::Result<relational::RowAttempt> attempt(const model::ChangeBatch& batch, const model::Change& change,
                                               const relational::Destination& to) override;
  base::Result<bool> replace(const model::ChangeBatch& batch, const model::Change& change,
                             const relational::Destination& to) override;
  base::Result<void> write_exception(const relational::ApplyException& exception) override;
  std::string literal_of(const model::ChangeBatch& batch, const model::Change& change,
                         const relational::Destination& to, std::uint32_t place, const model::Cell& cell) override;
  std::string text_of(const model::Position& position) override;

 private:
  SetWriter writer(const model::ChangeBatch& batch, const model::Change& change, const Destination& to) const {
    return SetWriter(batch, to, batch.forms[change.table], session_);
  }
  // nullopt: the row cannot be told from others. Empty: nothing is to be set.
  std::optional<std::string> statement(const model::ChangeBatch& batch, const model::Change& change,
                                       const Destination& to) const;
  // Under a savepoint; undone unless the last of them changed one row.
  base::Result<Outcome> attempt_all(const std::vector<std::string>& statements);
  base::Result<void> leave_savepoint(bool keep);

  Session& session_;
  const ControlTables& control_;
};

}  // namespace mysql
