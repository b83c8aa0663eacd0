// SPDX-License-Identifier: Apache-2.0
//
// One connection to a target server, with what loading and applying need: statements that may be refused, and
// statements sent together in one round trip. Foreign keys are off in it, values that do not fit are refused. One
// thread at a time; cancel() any. A broken connection, a deadlock or a lock wait that ran out is an error of the call;
// what the server refuses for another reason is a Refusal, and the caller decides.
//
// Together: send()... then sync(), which returns one Outcome for each send(). After the first refusal the rest is
// skipped; those outcomes say `skipped`, and the counts before it are not told.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/thread.h"
#include "connectors/mysql/connection.h"
#include "model/schema.h"

namespace mysql {

// A refused statement, before somebody decides what it means.
struct Refusal {
  unsigned int number = 0;
  std::string message;  // the server's own; may quote values
  base::Error error{};  // without them
};

struct Outcome {
  std::uint64_t rows = 0;  // matched (FOUND_ROWS); of an upsert: the rows that were there
  bool skipped = false;
  std::optional<Refusal> refusal;
};

class Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const ConnectionSettings& settings, std::stop_token stop = {});

  // `doing` names the object for the error message.
  base::Result<void> run(const std::string& sql, std::string_view doing);
  base::Result<Rows> query(const std::string& sql, std::string_view doing);
  base::Result<Outcome> attempt(const std::string& sql);
  // LOAD DATA LOCAL. `clean`: every record became a row and the server had nothing to say.
  struct Loaded {
    std::uint64_t rows = 0;
    bool clean = false;
    std::optional<Refusal> refusal;
  };
  base::Result<Loaded> load(const std::string& sql, std::string_view bytes);

  // `upsert`: INSERT of several rows ... ON DUPLICATE KEY UPDATE.
  void send(std::string sql, bool upsert = false);
  base::Result<std::vector<Outcome>> sync();

  // For the calls that follow, those on connection() too.
  void obey(std::stop_token stop) {
    stop_ = std::move(stop);
    connection_.obey(stop_);
  }
  bool broken() const { return connection_.is_broken(); }
  void cancel() const { connection_.cancel(); }
  bool in_transaction() const;
  bool takes_files() const { return takes_files_; }  // local_infile
  // What one statement may weigh, and what statements sent together should.
  std::size_t packet_bytes() const { return packet_bytes_; }
  std::size_t statement_bytes() const { return statement_bytes_; }
  std::size_t queued_bytes() const { return queued_bytes_; }  // sent since the last sync
  const Server& server() const { return connection_.server(); }
  Connection& connection() { return connection_; }

 private:
  struct Sent {
    std::string sql;
    bool upsert = false;
  };

  explicit Session(Connection connection) : connection_(std::move(connection)) {}
  base::Result<void> prepare();
  // The refusal, or the error that ends the session's work.
  base::Result<Refusal> refusal_of(base::Error error);
  base::Result<bool> run_together(std::vector<std::string>& statements, std::vector<Outcome>& outcomes);
  base::Result<bool> run_upsert(const std::string& sql, std::vector<Outcome>& outcomes);

  Connection connection_;
  std::stop_token stop_;
  std::vector<Sent> sent_;
  std::size_t packet_bytes_ = 1u << 20;
  std::size_t statement_bytes_ = 1u << 20;
  std::size_t queued_bytes_ = 0;
  bool takes_files_ = false;
};

// Sessions kept for the next chunk or catalogue statement. Any thread.
class SessionPool {
 public:
  // `stop` guards sessions that are taken without a token of their own.
  SessionPool(ConnectionSettings settings, std::stop_token stop)
      : settings_(std::move(settings)), stop_(std::move(stop)) {}
  base::Result<std::unique_ptr<Session>> take() { return take(stop_); }
  base::Result<std::unique_ptr<Session>> take(const std::stop_token& stop);
  void give_back(std::unique_ptr<Session> session);

 private:
  const ConnectionSettings settings_;
  const std::stop_token stop_;
  base::Mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_ GUARDED_BY(mutex_);
};

// A session for a few statements; goes back to the pool when it is sound.
class Borrowed {
 public:
  Borrowed(SessionPool& pool, std::unique_ptr<Session> session) : pool_(pool), session_(std::move(session)) {}
  ~Borrowed() { give_back(); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  void give_back() {
    if (session_ != nullptr) pool_.give_back(std::move(session_));
  }
  Session& operator*() { return *session_; }
  Session* operator->() { return session_.get(); }
  explicit operator bool() const { return session_ != nullptr; }

 private:
  SessionPool& pool_;
  std::unique_ptr<Session> session_;
};

// The number after `word` in the server's words on a statement: "Records: 3  Duplicates: 1  Warnings: 0".
std::optional<std::uint64_t> figure_of(std::string_view info, std::string_view word);

inline std::string quoted(const model::TableName& name) { return quote_name(name.schema, name.table); }

}  // namespace mysql
