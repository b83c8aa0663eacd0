// SPDX-License-Identifier: Apache-2.0
//
// One session with a PostgreSQL server, over libpq. Owned by one stage; one thread at a time, except cancel(), which
// any thread may call. Every session has the same settings (UTF8, ISO dates, UTC, all digits, no search path, no
// time-outs), so that text from any session of any server means the same.
//
// Every wait sees its stop token within stop_step_max and then cancels the statement at the server (canceled).
// Order for COPY: copy_out -> copy_out_next until nullopt -> copied_rows; copy_in -> copy_in_write... ->
// copy_in_finish (rows) or copy_in_abort. After an error inside a COPY the session is in sync again unless is_broken().
// How it fails: by the table in errors.cc; connection_lost when the socket is gone. last_sqlstate() tells more.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/postgres/errors.h"

namespace postgres {

inline constexpr int stop_step_max_ms = 50;

struct ConnectionSettings {
  std::string host;
  int port = 5432;
  std::string user;
  std::string password;
  std::string database;
  std::string ssl_mode = "none";     // none, require, verify-ca, verify-full
  std::string ssl_root_certificate;  // path; empty: the system's
  int connect_timeout_seconds = 30;
  std::int64_t statement_timeout_ms = 0;
  std::int64_t lock_timeout_ms = 0;
  std::string application_name = "millrace";
};

enum class Purpose { ordinary, replication };

using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;
using Parameters = std::vector<std::optional<std::string>>;

struct ResultFree {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultFree>;

// Releases 13 to 18, of a server_version().
constexpr bool is_supported(int version) { return version >= 130000 && version < 190000; }

class Connection {
 public:
  static base::Result<Connection> open(const ConnectionSettings& settings, Purpose purpose = Purpose::ordinary,
                                       std::stop_token stop = {});
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;
  ~Connection() = default;

  // One or more statements without parameters, also replication commands. Rows are thrown away; returns the command
  // tag's count of the last statement (0 when it has none).
  base::Result<std::uint64_t> execute(const std::string& sql, std::stop_token stop = {});
  // One statement with text parameters ($1...). On a replication session: without parameters only.
  base::Result<Rows> query(const std::string& sql, const Parameters& parameters = {}, std::stop_token stop = {});
  // The first column of the first row; nullopt when there is no row or it is NULL.
  base::Result<std::optional<std::string>> query_value(const std::string& sql, const Parameters& parameters = {},
                                                       std::stop_token stop = {});

  // Sends without waiting; finish() collects all results (the last one, or the first error). send() alone puts the
  // statement on the wire.
  base::Result<void> send(const std::string& sql, const Parameters& parameters = {});
  base::Result<ResultPtr> finish(std::stop_token stop = {});

  // COPY ... TO STDOUT. The view holds one row (libpq's CopyData message) until the next call.
  base::Result<void> copy_out(const std::string& sql, std::stop_token stop = {});
  base::Result<std::optional<std::string_view>> copy_out_next(std::stop_token stop = {});
  // As copy_out_next, but an empty view when nothing has arrived yet; then wait_readable().
  base::Result<std::optional<std::string_view>> copy_out_try();
  // Gives back the memory of the message that copy_out_next or copy_out_try gave last, whose view is void then.
  void release_message() { copy_buffer_.reset(); }
  // The server's own count after the end of COPY.
  std::uint64_t copied_rows() const { return copied_rows_; }

  // COPY ... FROM STDIN.
  base::Result<void> copy_in(const std::string& sql, std::stop_token stop = {});
  base::Result<void> copy_in_write(std::string_view bytes, std::stop_token stop = {});
  base::Result<std::uint64_t> copy_in_finish(std::stop_token stop = {});
  base::Result<void> copy_in_abort(const std::string& reason);

  // START_REPLICATION: both directions at once. Then copy_out_try for messages and both_write for status updates.
  base::Result<void> copy_both(const std::string& sql, std::stop_token stop = {});
  base::Result<void> both_write(std::string_view bytes);
  // Ends the replication from our side and drains; the session can be used again.
  base::Result<void> copy_both_end(std::stop_token stop = {});

  // Of a server nearby: the socket's window stays as it is. The kernel would let it grow with what we read at once, and
  // a sender of small messages that finds room sends each as a packet of its own. Longer ways need the room.
  void keep_receive_window() const;

  // True when the socket has something to read within that time.
  base::Result<bool> wait_readable(std::chrono::milliseconds at_most);

  // Asks the server to cancel the running statement. Any thread, also while another one waits in here.
  void cancel() const;

  int server_version() const { return PQserverVersion(connection_.get()); }  // 150004
  int backend_pid() const { return PQbackendPID(connection_.get()); }
  int socket() const { return PQsocket(connection_.get()); }
  bool is_broken() const { return PQstatus(connection_.get()) != CONNECTION_OK; }
  bool in_transaction() const { return PQtransactionStatus(connection_.get()) != PQTRANS_IDLE; }
  // SQLSTATE of the last failed call, empty when the failure was not the server's.
  const std::string& last_sqlstate() const { return last_sqlstate_; }
  const std::string& name() const { return name_; }  // "server 10.0.0.7:5432 database crm"
  PGconn* raw() const { return connection_.get(); }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct FreeCancel {
    void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
  };
  struct FreeBuffer {
    void operator()(char* buffer) const { PQfreemem(buffer); }
  };

  Connection() = default;
  base::Result<void> connect(const ConnectionSettings& settings, Purpose purpose, const std::stop_token& stop);
  base::Result<void> flush(const std::stop_token& stop);
  base::Result<ResultPtr> next_result(const std::stop_token& stop);  // null at the end
  base::Result<ResultPtr> collect(const std::stop_token& stop, std::string_view doing);
  base::Result<void> begin_copy(const std::string& sql, ExecStatusType expected, const std::stop_token& stop);
  base::Error lost(std::string_view doing);
  base::Error refused(const PGresult* result, std::string_view doing);

  std::unique_ptr<PGconn, Finish> connection_;
  std::unique_ptr<PGcancel, FreeCancel> cancel_;
  std::unique_ptr<char, FreeBuffer> copy_buffer_;
  std::uint64_t copied_rows_ = 0;
  std::string last_sqlstate_;
  std::string name_;
  bool replication_ = false;
};

// "Odd ""name""" in quotes, always.
std::string quote_identifier(std::string_view name);
// 'it''s'; with E'' when there is a backslash, so that it does not depend on the session.
std::string quote_literal(std::string_view text);
// "schema"."table".
std::string quote_name(std::string_view schema, std::string_view name);

}  // namespace postgres
