// SPDX-License-Identifier: Apache-2.0
//
// One prepared statement of SQLite: binds and reads in order. An error is kept and told by step() and run(). Owner: the
// function that uses it, while it holds the database's mutex.
//
// How it fails: server.store_failed naming the file and what SQLite said.
#pragma once

#include <sqlite3.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace server {

base::Error sqlite_error(sqlite3* database);
base::Result<void> execute(sqlite3* database, const char* sql);

class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& text(std::string_view value);
  Statement& blob(std::string_view value);
  Statement& number(std::int64_t value);
  base::Result<bool> step();  // true: there is a row
  base::Result<void> run();   // to the end; then it can be bound again
  std::string next_text();
  std::int64_t next_number();

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int read_ = 0;
  bool failed_ = false;
};

}  // namespace server
