// SPDX-License-Identifier: Apache-2.0
//
// One connection to a target server, with what bulk loading and set-wise apply need of libpq: statements prepared once
// and sent in pipelines (many statements, one round trip), binary text[] parameters, COPY FROM STDIN. One thread at a
// time. A broken connection shows as a `transient` error and stays broken: open a new Session.
//
// Order in a pipeline: send()... then sync(), which returns one Outcome for each send(). After the first failure the
// server skips the rest up to the sync; those outcomes say `skipped`. copy_*() only outside of a pipeline.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/thread.h"
#include "connect/source.h"
#include "connectors/postgres/connection.h"

namespace postgres {

struct SessionSettings {
  std::vector<std::pair<std::string, std::string>> parameters;  // libpq keywords
  std::string after_connect;                                    // SQL of the user, may be empty
  std::string where;                                            // "127.0.0.1:5432/db", for messages
};

// From the endpoint's members (see options.h).
SessionSettings session_settings(const connect::Options& options, const std::string& application);

// A failed statement, before somebody decides what it means.
struct Refusal {
  std::string state;    // SQLSTATE; empty: the connection broke
  std::string message;  // the server's primary message
  std::string constraint;
};

struct Outcome {
  std::uint64_t rows = 0;  // affected
  std::optional<Refusal> refusal;
  bool skipped = false;
  std::vector<Row> result;
};

// One binary text[] under construction.
class TextArray {
 public:
  TextArray() { clear(); }
  void clear();
  void add(std::string_view value);
  void add_null();
  // The complete binary form; valid until the next add or clear.
  std::string_view binary();

 private:
  std::string bytes_;
  std::uint32_t count_ = 0;
  bool has_null_ = false;
};

class Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const SessionSettings& settings);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Outside of a pipeline. run() takes several statements; query() one with text parameters. `doing` names the object
  // for the error message.
  base::Result<void> run(const std::string& sql, std::string_view doing);
  base::Result<std::vector<Row>> query(const std::string& sql,
                                       const std::vector<std::optional<std::string>>& parameters,
                                       std::string_view doing);
  Outcome attempt(const std::string& sql, const std::vector<std::optional<std::string>>& parameters = {});

  // A parameter is text (nullopt: NULL) or one binary text[].
  void send(const std::string& sql, const std::vector<std::optional<std::string>>& parameters = {});
  void send_arrays(const std::string& sql, std::vector<TextArray>& arrays);
  base::Result<std::vector<Outcome>> sync();

  base::Result<void> copy_begin(const std::string& sql, std::string_view doing);
  base::Result<void> copy_write(std::string_view bytes);
  Outcome copy_end();   // rows or the refusal
  void copy_abandon();  // nothing of it stays

  bool broken() const { return PQstatus(connection_) != CONNECTION_OK; }
  bool in_transaction() const { return PQtransactionStatus(connection_) != PQTRANS_IDLE; }
  bool transaction_failed() const { return PQtransactionStatus(connection_) == PQTRANS_INERROR; }
  int server_version() const { return PQserverVersion(connection_); }
  const std::string& where() const { return where_; }
  // Turns a refusal into an error: the table of SQLSTATEs is in session.cc.
  base::Error error_of(const Refusal& refusal, std::string_view doing) const;

 private:
  friend class SessionCanceler;
  struct Expected {
    bool preparing = false;
    std::string sql;  // of a statement being prepared
  };

  Session() = default;
  void enter_pipeline();
  const std::string& statement(const std::string& sql);
  Outcome outcome_of(PGresult* result) const;
  Outcome drain();

  PGconn* connection_ = nullptr;
  std::string where_;
  std::unordered_map<std::string, std::string> prepared_;  // sql -> statement name
  std::vector<Expected> expected_;
  std::uint64_t statements_ = 0;
  bool send_failed_ = false;
};

// Cancels what a session is doing, from another thread (a stop callback), while the session may also go away.
class SessionCanceler {
 public:
  ~SessionCanceler() { aim(nullptr); }
  SessionCanceler() = default;
  SessionCanceler(const SessionCanceler&) = delete;
  SessionCanceler& operator=(const SessionCanceler&) = delete;
  void aim(const Session* session);
  void request();

 private:
  base::Mutex mutex_;
  PGcancel* cancel_ GUARDED_BY(mutex_) = nullptr;
};

// "name" and "schema"."table", quoted; a literal.
inline std::string quote_name(std::string_view name) { return quote_identifier(name); }
inline std::string quote_name(const model::TableName& table) { return quote_name(table.schema, table.table); }
inline std::string quote_text(std::string_view text) { return quote_literal(text); }

}  // namespace postgres
