// SPDX-License-Identifier: Apache-2.0
//
// Changes of one table as SQL: sets of rows in as few statements as their bytes allow, and single rows. Values stand in
// the statements as literals, so that a column's own type and collation decide, and its index is used. Pure; one
// thread.
//
//   removes   DELETE ... WHERE (key) IN (...)
//   updates   INSERT of whole rows ... ON DUPLICATE KEY UPDATE where that changes nothing but the row of the key, and
//             the server says that each row was there; else an UPDATE for each row
//   inserts   INSERT ... VALUES (...), (...)
#pragma once

#include "connectors/mysql/destination.h"
#include "relational/compact.h"

namespace mysql {

using relational::NetChanges;
using relational::NetRow;

struct Statement {
  std::string sql;
  std::uint64_t rows = 0;  // it must change
  bool upsert = false;
};

class SetWriter {
 public:
  SetWriter(const model::ChangeBatch& batch, const Destination& to, model::CellForm form, const Session& session)
      : batch_(batch),
        to_(to),
        form_(form),
        is_mariadb_(session.server().is_mariadb),
        statement_bytes_(session.statement_bytes()) {}

  std::vector<Statement> removes(const std::vector<NetRow>& rows);
  std::vector<Statement> updates(const std::vector<bool>& mask, const std::vector<NetRow>& rows);
  std::vector<Statement> inserts(const std::vector<NetRow>& rows);
  // One row, found by its key, or equal in all columns when the table has none; `with_key`: the key's columns are set.
  // Empty: nothing is to be set.
  std::string remove_row(const NetRow& row);
  std::string update_row(const std::vector<bool>& mask, const NetRow& row, bool with_key);
  // One cell as a literal.
  std::string literal(std::uint32_t place, const model::Cell& cell);

 private:
  std::string_view text(std::uint32_t place, const model::Cell& cell);
  void append_value(std::string& sql, std::uint32_t place, const model::Cell& cell);
  void append_row(std::string& sql, const model::Cell* cells);
  void append_match(std::string& sql, const model::Cell* cells);
  std::string insert_head() const;
  std::vector<Statement> sliced(const std::string& head, const std::string& tail, const std::vector<NetRow>& rows,
                                bool keys);

  const model::ChangeBatch& batch_;
  const Destination& to_;
  const model::CellForm form_;
  const bool is_mariadb_;
  const std::size_t statement_bytes_;
  std::string scratch_;
};

}  // namespace mysql
