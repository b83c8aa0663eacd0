// SPDX-License-Identifier: Apache-2.0
//
// One file: WAL, synchronous=FULL.
#include <fmt/format.h>
#include <sqlite3.h>

#include "server/database.h"
#include "server/errors.h"

namespace server {
namespace {

using base::Result;

constexpr int busy_wait_ms = 10'000;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

int bind(sqlite3_stmt* statement, int at, const Value& value) {
  const std::string& bytes = value.bytes;
  switch (value.kind) {
    case Value::Kind::text:
      return sqlite3_bind_text64(statement, at, bytes.data(), bytes.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    case Value::Kind::blob: return sqlite3_bind_blob64(statement, at, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
    case Value::Kind::number: return sqlite3_bind_int64(statement, at, std::strtoll(bytes.c_str(), nullptr, 10));
  }
  return SQLITE_MISUSE;
}

Row row_of(sqlite3_stmt* statement) {
  std::vector<std::string> cells;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const void* bytes = sqlite3_column_blob(statement, i);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
    cells.emplace_back(static_cast<const char*>(bytes), bytes == nullptr ? 0 : size);
  }
  return Row(std::move(cells));
}

class SqliteDatabase final : public Database {
 public:
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}
  ~SqliteDatabase() override { sqlite3_close(database_); }
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  Result<void> establish() {
    sqlite3_busy_timeout(database_, busy_wait_ms);
    return execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON");
  }
  base::Error error() const {
    const char* name = database_ == nullptr ? nullptr : sqlite3_db_filename(database_, nullptr);
    return base::failed(errors::store_failed, "{}: {}", name == nullptr ? "the store" : name,
                        database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_));
  }

  const Words& words() const override {
    // Left to itself it reads all rows of a kind with their documents.
    static constexpr Words words{"TEXT",
                                 "BLOB",
                                 "INTEGER PRIMARY KEY AUTOINCREMENT",
                                 " WITHOUT ROWID",
                                 "CAST(strftime('%s', 'now') AS INTEGER)",
                                 " INDEXED BY resources_by_state"};
    return words;
  }
  std::string member_of(std::string_view column, std::string_view member) const override {
    return fmt::format("json_extract({}, '$.{}')", column, member);
  }
  bool is_shared() const override { return false; }

  Result<Answer> run(const std::string& sql, const std::vector<Value>& values) override {
    sqlite3_stmt* made = nullptr;
    const int outcome = sqlite3_prepare_v2(database_, sql.data(), static_cast<int>(sql.size()), &made, nullptr);
    const Prepared statement(made);
    if (outcome != SQLITE_OK) return error();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (bind(made, static_cast<int>(i) + 1, values[i]) != SQLITE_OK) return error();
    }
    Answer answer;
    int step = sqlite3_step(made);
    for (; step == SQLITE_ROW; step = sqlite3_step(made)) answer.rows.push_back(row_of(made));
    if (step != SQLITE_DONE) return error();
    answer.changed = sqlite3_changes(database_);
    return answer;
  }
  Result<void> begin() override { return execute("BEGIN IMMEDIATE"); }
  Result<void> commit() override { return execute("COMMIT"); }
  void roll_back() override { (void)execute("ROLLBACK"); }
  Result<std::int64_t> version() override { return TRY(run("PRAGMA user_version", {})).rows.at(0).next_number(); }
  Result<void> set_version(std::int64_t version) override {
    return execute(fmt::format("PRAGMA user_version={}", version));
  }

 private:
  Result<void> execute(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return error();
    return {};
  }

  sqlite3* database_;
};

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path) {
  sqlite3* opened = nullptr;
  const int outcome = sqlite3_open_v2(path.c_str(), &opened,
                                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto database = std::make_unique<SqliteDatabase>(opened);
  if (outcome != SQLITE_OK) return database->error();
  TRY(database->establish());
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace server
