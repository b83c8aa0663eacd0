// SPDX-License-Identifier: Apache-2.0
//
// How single changes are sent to PostgreSQL (relational/row_applier.h says when and what of it): in the session's
// pipeline, rows with large values by COPY or through a temporary table. One thread; the session is inside the group's
// transaction and outside of a pipeline.
#pragma once

#include "connectors/postgres/apply_set.h"
#include "connectors/postgres/control_tables.h"
#include "relational/row_applier.h"

namespace postgres {

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
  base::Result<void> write_exception(const ApplyException& exception) override;
  std::string literal_of(const model::ChangeBatch& batch, const model::Change& change,
                         const relational::Destination& to, std::uint32_t place, const model::Cell& cell) override;
  std::string text_of(const model::Position& position) override { return position_text(position); }

 private:
  struct Attempt {
    std::optional<Refusal> refusal;
    std::uint64_t rows = 0;
  };
  // Queues the statement; false: the row cannot be told from others.
  bool send_change(SetSender& sender, const model::ChangeBatch& batch, const model::Change& change,
                   const Destination& to, std::vector<Sent>& sent);
  base::Result<Attempt> attempt_queued(const std::function<void()>& send);
  // The same for a statement outside of the pipeline: rows with large values, which pass in pieces.
  base::Result<Attempt> attempt_alone(const std::function<base::Result<Outcome>()>& run);
  base::Result<Attempt> attempt_change(const model::ChangeBatch& batch, const model::Change& change,
                                       const Destination& to, bool& sendable);

  Session& session_;
  const ControlTables& control_;
};

}  // namespace postgres
