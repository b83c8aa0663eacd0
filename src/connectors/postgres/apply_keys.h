// SPDX-License-Identifier: Apache-2.0
//
// What foreign keys of the source did, as statements for PostgreSQL (relational/key_actions.h says which). One thread;
// the session is inside the group's transaction with nothing queued.
#pragma once

#include "connectors/postgres/destination.h"
#include "relational/key_actions.h"

namespace postgres {

class KeyedRows final : public relational::KeyedRows {
 public:
  explicit KeyedRows(Session& session) : session_(session) {}

  std::string text_of(const model::ChangeBatch& batch, std::uint32_t table, const relational::Destination& to,
                      std::uint32_t place, const model::Cell& cell) override;
  base::Result<std::vector<relational::KeyValues>> read(const relational::Destination& from,
                                                        const relational::Places& places,
                                                        const std::vector<relational::KeyValues>& keys,
                                                        const relational::Places& columns,
                                                        std::size_t rows_max) override;
  base::Result<void> remove(const relational::Destination& from, const relational::Places& places,
                            const std::vector<relational::KeyValues>& keys) override;
  base::Result<void> set(const relational::Destination& to, const relational::Places& places,
                         const std::vector<relational::KeyValues>& keys, const relational::Places& columns,
                         const relational::KeyValues& values) override;

 private:
  // With the keys, and behind them `values` for each, as v(p0, p1...).
  base::Result<Outcome> run(const relational::Destination& to, const std::string& sql,
                            const std::vector<relational::KeyValues>& keys, const relational::KeyValues& values = {});

  Session& session_;
};

}  // namespace postgres
