// SPDX-License-Identifier: Apache-2.0
//
// One session with a MySQL or MariaDB server, over libmariadb. Owned by one stage; one thread at a time, except
// cancel(), which any thread may call. Every session has the same settings (utf8mb4, UTC, a strict sql_mode of our own,
// no time-outs), so that text from any session of any server means the same.
//
// A stop token ends every wait: the socket is shut down, the call returns mysql.canceled and the session is broken for
// good; the server undoes its transaction. Rows are streamed: open_rows -> next_row until nullptr; until then nothing
// else may be sent. How it fails: by the table in errors.cc; last_errno() tells more.
#pragma once

#include <mysql.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/errors.h"

namespace mysql {

struct ConnectionSettings {
  std::string host;
  int port = 3306;
  std::string user;
  std::string password;
  std::string database;              // default schema; may be empty
  std::string ssl_mode = "none";     // none, require, verify-ca, verify-full
  std::string ssl_root_certificate;  // path; empty: the system's
  int connect_timeout_seconds = 30;
  int read_timeout_seconds = 0;  // 0: none. For sessions whose server speaks in time by itself (the binlog's)
  std::string after_connect;     // SQL of the user, may be empty
};

// What is at the other end.
struct Server {
  bool is_mariadb = false;
  int version = 0;   // 80036, 90704, 101119
  std::string text;  // "MariaDB 10.11.19", "MySQL 9.7.4"
};

// One row of a streamed answer: `cells[i]` is nullptr for NULL. Valid until the next call.
struct RowView {
  const char* const* cells = nullptr;
  const unsigned long* sizes = nullptr;
  std::string_view at(std::size_t column) const { return {cells[column], sizes[column]}; }
  bool null_at(std::size_t column) const { return cells[column] == nullptr; }
};

using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

class Connection {
 public:
  static base::Result<Connection> open(const ConnectionSettings& settings, std::stop_token stop = {});
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;
  ~Connection() = default;

  // One statement; its rows are thrown away. Returns the rows it changed, as the server counts them (FOUND_ROWS: rows
  // that matched, also those that were equal before).
  base::Result<std::uint64_t> execute(std::string_view sql, std::stop_token stop = {});
  base::Result<Rows> query(std::string_view sql, std::stop_token stop = {});
  // The first column of the first row; nullopt when there is no row or it is NULL.
  base::Result<std::optional<std::string>> query_value(std::string_view sql, std::stop_token stop = {});

  // Several statements in one round trip: sends all of `sql` (joined by ';'), returns the counts of each that was run;
  // fails with the first error, whose place is the number of counts (failed_statement()).
  base::Result<std::vector<std::uint64_t>> execute_all(const std::vector<std::string>& sql, std::stop_token stop = {});
  std::size_t failed_statement() const { return failed_statement_; }

  base::Result<void> open_rows(std::string_view sql, std::stop_token stop = {});
  base::Result<std::optional<RowView>> next_row(std::stop_token stop = {});
  std::uint64_t rows_read() const { return rows_read_; }

  // LOAD DATA LOCAL INFILE '' ...: `read` fills the buffer and returns the bytes, 0 at the end. Returns records loaded
  // (affected rows). `info` gets the server's "Records: 3  Deleted: 0  Skipped: 0  Warnings: 0".
  using Reader = std::function<std::size_t(char* buffer, std::size_t size)>;
  base::Result<std::uint64_t> load_local(const std::string& sql, const Reader& read, std::string& info,
                                         std::stop_token stop = {});
  std::uint64_t warnings() const { return mysql_warning_count(connection_.get()); }

  // The replication protocol: a raw command, then its packets until the end of file (nullopt). The view holds until the
  // next call. Errors of the server come as errors.
  base::Result<void> send_command(unsigned char command, std::string_view body);
  base::Result<std::optional<std::string_view>> read_packet(std::stop_token stop = {});
  // Whether bytes are there, so that reading a packet begins at once.
  bool has_input() const;

  // Guards the statements and queries that are given no token of their own.
  void obey(std::stop_token stop) { own_stop_ = std::move(stop); }
  // Ends whatever the session is doing, from any thread; the session is broken afterwards.
  void cancel() const;

  const Server& server() const { return server_; }
  std::uint64_t thread_id() const { return mysql_thread_id(connection_.get()); }
  bool is_broken() const { return broken_; }
  unsigned int last_errno() const { return last_errno_; }
  const std::string& last_message() const { return last_message_; }
  const std::string& name() const { return name_; }  // "server 10.0.0.7:3306"
  MYSQL* raw() const { return connection_.get(); }

 private:
  struct Close {
    void operator()(MYSQL* connection) const { mysql_close(connection); }
  };
  struct FreeResult {
    void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
  };
  class Guard;  // shuts the socket down when the stop token says so

  Connection() = default;
  base::Result<void> connect(const ConnectionSettings& settings);
  base::Result<void> learn_server();
  base::Error failure(std::string_view doing, const std::stop_token& stop);
  base::Result<void> drain(std::vector<std::uint64_t>& counts, const std::stop_token& stop);

  std::unique_ptr<MYSQL, Close> connection_;
  std::unique_ptr<MYSQL_RES, FreeResult> rows_;
  Server server_;
  std::stop_token own_stop_;
  std::string name_;
  std::uint64_t rows_read_ = 0;
  std::size_t failed_statement_ = 0;
  unsigned int last_errno_ = 0;
  std::string last_message_;
  bool broken_ = false;
};

// `name` in backticks, always.
std::string quote_identifier(std::string_view name);
// 'it''s' with \ as itself doubled; sessions keep backslash escapes on.
std::string quote_literal(std::string_view text);
// X'00ff' for bytes; _binary'' when empty.
std::string quote_bytes(std::string_view bytes);
// `schema`.`table`.
std::string quote_name(std::string_view schema, std::string_view table);

}  // namespace mysql
