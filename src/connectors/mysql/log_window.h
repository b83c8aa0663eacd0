// SPDX-License-Identifier: Apache-2.0
//
// What was committed around the moment in which the sessions of a load opened their snapshots, read from the log when
// nothing may be locked (docs/adr/012). A snapshot that was opened between the points `low` and `high` holds all that
// was committed up to `low`, nothing from behind `high`, and of what lies between nobody knows which part. So the rows
// that changed between come from the log: a table's patch names their keys, which are left out when the snapshot is
// read, and the rows that stood under them at `high`. Snapshot and patch together are the table exactly at `high`.
//
//   low  executed ":1-77"     :78 and :79 are in the log already, perhaps in no snapshot yet
//        sessions open their snapshots, :80 commits
//   high offset 2400          :78 UPDATE 5 -> (5, 'x')   :79 DELETE 7   :80 INSERT 9, which another table has
//   patch of the table        keys 5, 7; row (5, 'x')
//
// A change that no patch can say (a table without a key, a row that the log does not hold whole, a TRUNCATE) is an
// obstacle: the moment is tried again. `low` is a GTID set, because a server counts a transaction as executed only when
// every snapshot sees it, while it stands in the log before that.
//
// One thread. How it fails: as a stream does; mysql.log_behind when the log does not reach `high` in time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/mysql/binlog_reader.h"
#include "connectors/mysql/binlog_session.h"

namespace mysql {

// Native text of each stored column; nullopt: NULL.
using LoggedRow = std::vector<std::optional<std::string>>;

struct TablePatch {
  std::string keys;             // "(`a`, `b`) NOT IN ((1, 'x'), ...)"
  std::vector<LoggedRow> rows;  // as they were at the window's end
};

struct LogWindow {
  std::string gtids;  // executed at its end
  std::map<model::TableName, TablePatch> patches;
  std::size_t keys = 0;  // in them
  std::string obstacle;  // why the snapshots must be opened again; empty: nothing is in the way
};

struct WindowRequest {
  BinlogStart start;      // by the GTIDs of `low`
  ReaderSettings reader;  // native cells
  LogPlace high;
  std::map<model::TableName, std::string> rigid;  // as rigid_tables() says
  base::Clock* clock = nullptr;
  std::stop_token stop;
};

base::Result<LogWindow> read_window(WindowRequest request);

// Of which tables of a plan no patch can be made, and why: rows without a key that is compared as its column is, rows
// that a filter may leave out, rows that foreign keys change without the log's knowing.
std::map<model::TableName, std::string> rigid_tables(const connect::CapturePlan& plan);

// Folds changes into patches. Pure.
class WindowFold {
 public:
  explicit WindowFold(const std::map<model::TableName, std::string>& rigid) : rigid_(rigid) {}
  void take(const model::ChangeBatch& batch);
  const std::string& obstacle() const { return obstacle_; }
  std::map<model::TableName, TablePatch> patches() const;
  std::size_t keys() const { return keys_; }

 private:
  struct Table {
    model::TableSchemaPtr schema;
    std::map<LoggedRow, std::optional<LoggedRow>> rows;  // by key; nullopt: gone
  };
  void take_change(const model::ChangeBatch& batch, const model::Change& change);
  std::optional<LoggedRow> row_of(const model::ChangeBatch& batch, std::uint32_t first, std::uint32_t count);
  std::optional<LoggedRow> key_of(const model::TableSchema& table, const model::ChangeBatch& batch, std::uint32_t first,
                                  std::uint32_t count);
  void obstruct(const model::TableName& table, std::string_view why);

  const std::map<model::TableName, std::string>& rigid_;
  std::map<model::TableName, Table> tables_;
  std::size_t keys_ = 0;
  std::string obstacle_;
};

namespace errors {
inline constexpr base::Code log_behind{
    "mysql.log_behind", base::Kind::transient,
    "The server did not send its log up to where it says it ends; the load begins again. Look whether its disk is "
    "slow."};
}  // namespace errors

}  // namespace mysql
