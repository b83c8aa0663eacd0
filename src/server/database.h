// SPDX-License-Identifier: Apache-2.0
//
// Where the store keeps its tables: a file of SQLite, or a schema of a PostgreSQL server. Both understand the same
// statements, with ? in place of values; what they say otherwise is in words(). One transaction at a time; begin()
// waits for those of other processes, so that whoever has begun is alone. Owner: the store, under its mutex.
//
// How it fails: server.store_failed naming the file or server and what it said; server.store_unclear from commit()
// alone: the connection was lost before the answer. A connection that was lost is opened again by the next begin() or
// run() outside of a transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace server {

struct Value {
  enum class Kind { text, blob, number };
  Kind kind = Kind::text;
  std::string bytes;  // a number in decimal digits
};

// Its cells are taken from the left to the right. NULL is an empty text, and 0.
class Row {
 public:
  explicit Row(std::vector<std::string> cells) : cells_(std::move(cells)) {}
  std::string next_text();
  std::int64_t next_number();

 private:
  std::vector<std::string> cells_;
  std::size_t read_ = 0;
};

struct Answer {
  std::vector<Row> rows;
  std::int64_t changed = 0;  // rows that an INSERT, UPDATE or DELETE met
};

// What the two systems call differently.
struct Words {
  std::string_view text, blob, counter;  // types of columns; text is ordered by its bytes
  std::string_view table_end;            // behind a table's columns
  std::string_view now;                  // seconds since 1970, as an integer
  std::string_view by_state;             // behind the name `resources`: look rows up by their state
};

class Database {
 public:
  virtual ~Database() = default;

  virtual const Words& words() const = 0;
  // A member of a JSON document in a column of text.
  virtual std::string member_of(std::string_view column, std::string_view member) const = 0;
  // Servers on several machines may share it.
  virtual bool is_shared() const = 0;

  virtual base::Result<Answer> run(const std::string& sql, const std::vector<Value>& values) = 0;
  virtual base::Result<void> begin() = 0;
  virtual base::Result<void> commit() = 0;
  virtual void roll_back() = 0;
  virtual base::Result<std::int64_t> version() = 0;  // of the tables; 0: there are none
  virtual base::Result<void> set_version(std::int64_t version) = 0;
};

// Binds in order, then runs: statement(sql).text(kind).number(7).rows().
class Statement {
 public:
  Statement(Database& database, std::string sql) : database_(database), sql_(std::move(sql)) {}

  Statement& text(std::string_view value) { return bind(Value::Kind::text, std::string(value)); }
  Statement& blob(std::string_view value) { return bind(Value::Kind::blob, std::string(value)); }
  Statement& number(std::int64_t value) { return bind(Value::Kind::number, std::to_string(value)); }
  base::Result<std::vector<Row>> rows();
  base::Result<std::int64_t> run();  // how many rows it met

 private:
  Statement& bind(Value::Kind kind, std::string bytes);

  Database& database_;
  std::string sql_;
  std::vector<Value> values_;
};

base::Result<std::unique_ptr<Database>> open_sqlite(const std::string& path);
// A URL as libpq reads it (postgres://user@host:port/database?sslmode=...); the password may come from PGPASSWORD or
// the password file. The tables lie in the schema millrace_server, which is made.
base::Result<std::unique_ptr<Database>> open_postgres(const std::string& url);

}  // namespace server
