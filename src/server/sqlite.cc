// SPDX-License-Identifier: Apache-2.0
#include "server/sqlite.h"

#include "server/errors.h"

namespace server {

base::Error sqlite_error(sqlite3* database) {
  const char* name = database == nullptr ? nullptr : sqlite3_db_filename(database, nullptr);
  return base::failed(errors::store_failed, "{}: {}", name == nullptr ? "the store" : name,
                      database == nullptr ? "out of memory" : sqlite3_errmsg(database));
}

base::Result<void> execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return sqlite_error(database);
  return {};
}

Statement::Statement(sqlite3* database, std::string_view sql) : database_(database) {
  failed_ = sqlite3_prepare_v2(database, sql.data(), int(sql.size()), &statement_, nullptr) != SQLITE_OK;
}

Statement& Statement::text(std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  if (!failed_) {
    failed_ =
        sqlite3_bind_text64(statement_, ++bound_, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK;
  }
  return *this;
}

Statement& Statement::blob(std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  if (!failed_) {
    failed_ = sqlite3_bind_blob64(statement_, ++bound_, bytes, value.size(), SQLITE_TRANSIENT) != SQLITE_OK;
  }
  return *this;
}

Statement& Statement::number(std::int64_t value) {
  if (!failed_) failed_ = sqlite3_bind_int64(statement_, ++bound_, value) != SQLITE_OK;
  return *this;
}

base::Result<bool> Statement::step() {
  const int outcome = failed_ ? SQLITE_ERROR : sqlite3_step(statement_);
  read_ = 0;
  if (outcome == SQLITE_ROW) return true;
  if (outcome == SQLITE_DONE) return false;
  return sqlite_error(database_);
}

base::Result<void> Statement::run() {
  while (TRY(step())) continue;
  sqlite3_reset(statement_);
  bound_ = 0;
  return {};
}

std::string Statement::next_text() {
  const void* bytes = sqlite3_column_blob(statement_, read_);
  const int size = sqlite3_column_bytes(statement_, read_++);
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), std::size_t(size));
}

std::int64_t Statement::next_number() { return sqlite3_column_int64(statement_, read_++); }

}  // namespace server
