// SPDX-License-Identifier: Apache-2.0
//
// Turns the events of a binlog, in their order, into changes of a batch: the pure part of the stream. One thread.
//
// A transaction stands between a GTID event and XID (or COMMIT); its position is where its last event ends, which is
// known only then. So a small transaction waits in the batch for it, and one of more than 4 MiB becomes a
// streamed transaction (model/change.h) that ends with stream_commit. XA transactions are always streamed: XA PREPARE
// leaves them open, XA COMMIT, much later and behind others, ends them. Their beginnings are noted (open_xa), so that a
// stream opened anew begins there and delivers of what is behind its start nothing but them.
//
//   file 7  offset 400   GTID :78      the transaction begins
//           offset 470   TABLE_MAP, WRITE_ROWS, ...
//           offset 900   XID           ends at 931: position {era|7|931, sequence_end}, token "...:1-78"
//
// A statement outside of rows (DDL) that concerns a captured table becomes a transaction of its own. A statement that
// changes rows (binlog_format STATEMENT or MIXED) stops the task by name.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "connect/source.h"
#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/gtid_set.h"
#include "connectors/mysql/log_place.h"
#include "connectors/mysql/table_history.h"

namespace mysql {

// An XA transaction that was prepared and has perhaps not ended.
struct OpenXa {
  std::string name;         // as the log writes it
  std::uint64_t begin = 0;  // packed place of its first event
  std::uint64_t end = 0;    // of the event that ended it; 0: open
};

struct ReaderSettings {
  std::vector<model::TableSchemaPtr> tables;
  model::CellForm form = model::CellForm::canonical;
  std::set<model::TableName> canonical;  // tables whose cells are canonical whatever the form
  ValueChoices choices;
  std::uint64_t era = 0;
  std::uint64_t start = 0;  // everything up to here is known already
  LogPlace from;            // where reading begins: `start` or the first of the open XA transactions
  GtidSet gtids;            // executed at `from`
  std::vector<OpenXa> open_xa;
  TableHistory::Describe describe;
  bool folds_names = false;  // lower_case_table_names is not 0
  convert::MysqlDialect server;
  bool logs_keys = false;  // what foreign keys do is in the log
  // Makes the list durable; called before anything that ends behind a newly prepared transaction is handed out.
  std::function<base::Result<void>(const std::vector<OpenXa>&)> note_xa;
};

class BinlogReader {
 public:
  explicit BinlogReader(ReaderSettings settings);

  // `end`: where the event ends.
  base::Result<void> take(const binlog::Event& event, const LogPlace& end, const binlog::Decoder& decoder);
  model::ChangeBatch take_batch();
  const model::ChangeBatch& batch() const { return batch_; }
  bool is_inside() const { return in_transaction_; }
  const std::string& gtids() { return gtids_.text(); }  // executed so far
  // Inside a transaction that is not large so far: it may still come out whole.
  bool gathers_whole() const { return in_transaction_ && begun_; }
  // Everything up to there is durable elsewhere: ended XA transactions before it are forgotten.
  base::Result<void> forget_xa(std::uint64_t confirmed);

 private:
  struct Binding {  // of a table id
    std::string definition;
    model::TableName name;
    KnownTable* known = nullptr;  // nullptr: none of ours
    std::uint64_t version = 0;
    binlog::TableShape shape;
    std::optional<binlog::CellDecoder> cells;
    std::vector<std::uint32_t> stored;  // columns that carry cells
    bool is_native = false;             // the form of its cells
    std::uint64_t batch = 0;
    std::uint32_t table = model::no_table;
  };

  base::Result<void> take_body(const binlog::Event& event, const LogPlace& end, const binlog::Decoder& decoder);
  base::Result<void> on_query(const binlog::Query& query, const LogPlace& end, const binlog::Header& header);
  base::Result<void> on_xa_query(std::string_view words, const LogPlace& end, const binlog::Header& header);
  base::Result<void> on_statement(const binlog::Query& query, const LogPlace& end, const binlog::Header& header);
  base::Result<void> on_map(const binlog::TableMap& map);
  base::Result<void> on_rows(const binlog::Rows& rows);
  base::Result<void> on_payload(const binlog::TransactionPayload& payload, const LogPlace& end,
                                const binlog::Decoder& decoder);
  base::Result<void> bind(Binding& binding);
  void begin(bool is_xa);
  base::Result<void> end_transaction(bool is_committed, const LogPlace& end, const binlog::Header& header);
  base::Result<void> prepare_xa();
  base::Result<void> end_xa(const std::string& name, bool is_committed, const LogPlace& end,
                            const binlog::Header& header);
  void finish(const LogPlace& end, const binlog::Header& header);
  void add_outcomes(const std::vector<TableHistory::Outcome>& outcomes);
  model::Change& add_change(model::Op op);
  void add_begin();
  void place_changes(std::uint64_t log, std::int64_t commit_time);
  void turn_streamed();
  std::uint32_t table_of(Binding& binding);
  base::Result<void> add_image(Binding& binding, const std::vector<binlog::RawCell>& image,
                               const std::vector<binlog::RawCell>* before, bool is_insert, std::uint32_t& first,
                               std::uint32_t& count);
  base::Result<void> add_cell(Binding& binding, std::uint32_t column, const binlog::RawCell& raw,
                              const binlog::RawCell* before, model::Cell& cell);
  base::Result<void> add_default(Binding& binding, std::uint32_t column, model::Cell& cell);
  model::CellForm form_of(const model::TableName& table) const {
    return canonical_.contains(table) ? model::CellForm::canonical : form_;
  }
  std::uint64_t at(const LogPlace& place) const { return packed(era_, place.file, place.offset); }

  TableHistory history_;
  const model::CellForm form_;
  const std::set<model::TableName> canonical_;
  const ValueChoices choices_;
  const std::uint64_t era_;
  const std::uint64_t start_;
  const std::function<base::Result<void>(const std::vector<OpenXa>&)> note_xa_;
  GtidSet gtids_;
  std::vector<OpenXa> xa_;
  std::unordered_map<std::uint64_t, Binding> bindings_;
  binlog::PayloadReader payload_;

  model::ChangeBatch batch_;
  std::uint64_t batch_number_ = 1;
  std::uint64_t through_ = 0;
  std::uint64_t place_ = 0;  // where the next event begins

  bool has_gtid_ = false;  // its GTID event has come
  bool in_transaction_ = false;
  bool begun_ = false;     // the begin is in this batch, at `first_`
  bool streamed_ = false;  // its changes go out one by one
  bool skipping_ = false;  // it is behind our start
  std::size_t first_ = 0;
  std::uint64_t xid_ = 0;         // ours: the place where it begins
  std::string xa_name_;           // of an XA transaction
  std::int64_t commit_time_ = 0;  // as its GTID event tells; 0: not told
  std::uint64_t changes_ = 0;     // of it, so far
};

namespace errors {
inline constexpr base::Code statement_format{
    "mysql.statement_format", base::Kind::task,
    "The log holds row changes as statements, which cannot be followed: set binlog_format=ROW for the server and all "
    "its sessions, then start with reload-target."};
inline constexpr base::Code partial_rollback{
    "mysql.partial_rollback", base::Kind::task,
    "A transaction mixed tables that can be rolled back with tables that cannot (MyISAM, Aria) and went back to a "
    "savepoint: its rows are not certain. Convert the tables to InnoDB and start with reload-target."};
inline constexpr base::Code unknown_xa{
    "mysql.unknown_xa", base::Kind::task,
    "An XA transaction ended that was prepared before the task's start, so its rows are not known: start with "
    "reload-target."};
inline constexpr base::Code no_default{
    "mysql.no_default", base::Kind::table,
    "binlog_row_image is MINIMAL and a column's default is an expression, so the value is not in the log: set "
    "binlog_row_image=FULL and load the table again."};
}  // namespace errors

}  // namespace mysql
