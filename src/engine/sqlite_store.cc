// SPDX-License-Identifier: Apache-2.0
//
// The state in one SQLite file. user_version is our version; a file of version 0 that has no tables is new. Positions
// and fences are text ("log:sequence:token", "high:xmin:xmax:id,id"), so that the file reads well with the sqlite3
// tool.
#include <sqlite3.h>

#include <charconv>
#include <filesystem>

#include "engine/state_store.h"

namespace engine {

using base::Lock;
using base::Result;

namespace {

constexpr int busy_wait_ms = 5000;

// Each step makes the version it is numbered with, from 1 on, of the one before.
constexpr const char* version_steps[] = {R"(
  CREATE TABLE task (one INTEGER PRIMARY KEY CHECK (one = 1), identifier TEXT NOT NULL, definition_hash TEXT NOT NULL,
    migration_type TEXT NOT NULL, phase TEXT NOT NULL, stop_reason TEXT NOT NULL, capture_start TEXT, acknowledged TEXT,
    consistent TEXT, starts INTEGER NOT NULL, restarts INTEGER NOT NULL, created INTEGER NOT NULL,
    started INTEGER NOT NULL, stopped INTEGER NOT NULL);
  CREATE TABLE tables (schema_name TEXT NOT NULL, table_name TEXT NOT NULL, state TEXT NOT NULL,
    suspended_reason TEXT NOT NULL, fence TEXT NOT NULL, schema_hash TEXT NOT NULL, load_rows INTEGER NOT NULL,
    load_bytes INTEGER NOT NULL, load_chunks INTEGER NOT NULL, load_chunks_done INTEGER NOT NULL,
    load_errors INTEGER NOT NULL, load_started INTEGER NOT NULL, load_ended INTEGER NOT NULL, reloaded INTEGER NOT NULL,
    inserts INTEGER NOT NULL, updates INTEGER NOT NULL, deletes INTEGER NOT NULL, ddls INTEGER NOT NULL,
    applied_inserts INTEGER NOT NULL, applied_updates INTEGER NOT NULL, applied_deletes INTEGER NOT NULL,
    applied_ddls INTEGER NOT NULL, put_aside INTEGER NOT NULL, last_update INTEGER NOT NULL,
    PRIMARY KEY (schema_name, table_name)) WITHOUT ROWID;
  CREATE TABLE chunks (schema_name TEXT NOT NULL, table_name TEXT NOT NULL, number INTEGER NOT NULL,
    predicate TEXT NOT NULL, state INTEGER NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (schema_name, table_name, number)) WITHOUT ROWID;
  CREATE TABLE notes (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
)",
                                         "ALTER TABLE tables ADD COLUMN values_cut INTEGER NOT NULL DEFAULT 0",
                                         "ALTER TABLE tables ADD COLUMN rules_hash TEXT NOT NULL DEFAULT ''"};
static_assert(std::size(version_steps) == state_version);

constexpr std::string_view task_columns =
    "identifier, definition_hash, migration_type, phase, stop_reason, capture_start, acknowledged, consistent, starts, "
    "restarts, created, started, stopped";
constexpr int task_width = 13;

constexpr std::string_view table_columns =
    "schema_name, table_name, state, suspended_reason, fence, schema_hash, load_rows, load_bytes, load_chunks, "
    "load_chunks_done, load_errors, load_started, load_ended, reloaded, inserts, updates, deletes, ddls, "
    "applied_inserts, applied_updates, applied_deletes, applied_ddls, put_aside, last_update, values_cut, "
    "rules_hash";
constexpr int table_width = 26;

std::string marks(int count) {
  std::string text = "?";
  for (int i = 1; i < count; ++i) text += ",?";
  return text;
}

base::Error database_error(sqlite3* database, const std::string& path, std::string_view doing) {
  const int code = sqlite3_errcode(database) & 0xff;
  const base::Code* kind = &errors::state_failed;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = &errors::state_damaged;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) kind = &errors::state_busy;
  if (code == SQLITE_FULL) kind = &base::errors::disk_full;
  return base::failed(*kind, "cannot {} {}: {}", doing, path, sqlite3_errmsg(database));
}

std::string text_of(const std::optional<model::Position>& position) {
  return position ? fmt::format("{}:{}:{}", position->log, position->sequence, position->token) : std::string();
}

// Takes the number before `end` (or all) off the front of `text`.
bool take_number(std::string_view& text, char end, std::uint64_t& value) {
  const std::size_t length = std::min(text.find(end), text.size());
  const auto [stop, code] = std::from_chars(text.data(), text.data() + length, value);
  if (code != std::errc() || stop != text.data() + length) return false;
  text.remove_prefix(std::min(text.size(), length + 1));
  return true;
}

bool read_position(std::string_view text, std::optional<model::Position>& position) {
  if (text.empty()) return true;
  model::Position read;
  if (!take_number(text, ':', read.log) || !take_number(text, ':', read.sequence)) return false;
  read.token = std::string(text);
  position = std::move(read);
  return true;
}

std::string text_of(const model::Fence& fence) {
  return fmt::format("{}:{}:{}:{}", fence.high, fence.xmin, fence.xmax, fmt::join(fence.in_progress, ","));
}

bool read_fence(std::string_view text, model::Fence& fence) {
  if (!take_number(text, ':', fence.high) || !take_number(text, ':', fence.xmin) ||
      !take_number(text, ':', fence.xmax)) {
    return false;
  }
  while (!text.empty()) {
    std::uint64_t xid = 0;
    if (!take_number(text, ',', xid)) return false;
    fence.in_progress.push_back(xid);
  }
  return true;
}

// One prepared statement; binds and reads in order. An error is kept and told by step() and run().
class Statement {
 public:
  Statement(sqlite3* database, const std::string& path, const std::string& sql) : database_(database), path_(path) {
    failed_ = sqlite3_prepare_v2(database, sql.c_str(), int(sql.size()), &statement_, nullptr) != SQLITE_OK;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& text(std::string_view value) {
    if (!failed_) {
      failed_ = sqlite3_bind_text64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(), value.size(),
                                    SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK;
    }
    return *this;
  }
  Statement& blob(std::string_view value) {
    if (!failed_) {
      failed_ = sqlite3_bind_blob64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(), value.size(),
                                    SQLITE_TRANSIENT) != SQLITE_OK;
    }
    return *this;
  }
  template <typename Integer>
  Statement& number(Integer value) {
    if (!failed_) failed_ = sqlite3_bind_int64(statement_, ++bound_, static_cast<std::int64_t>(value)) != SQLITE_OK;
    return *this;
  }
  // True when there is a row.
  Result<bool> step() {
    const int outcome = failed_ ? SQLITE_ERROR : sqlite3_step(statement_);
    read_ = 0;
    if (outcome == SQLITE_ROW) return true;
    if (outcome == SQLITE_DONE) return false;
    return database_error(database_, path_, "use");
  }
  Result<void> run() {
    TRY(step());
    sqlite3_reset(statement_);
    bound_ = 0;
    return {};
  }
  std::string next_text() {
    const void* bytes = sqlite3_column_blob(statement_, read_);
    const int size = sqlite3_column_bytes(statement_, read_++);
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), std::size_t(size));
  }
  template <typename Integer>
  void next(Integer& value) {
    value = static_cast<Integer>(sqlite3_column_int64(statement_, read_++));
  }

 private:
  sqlite3* database_;
  const std::string& path_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int read_ = 0;
  bool failed_ = false;
};

Result<void> execute(sqlite3* database, const std::string& path, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return database_error(database, path, "use");
  return {};
}

Result<void> write_task(sqlite3* database, const std::string& path, const TaskRecord& task) {
  Statement statement(database, path,
                      fmt::format("REPLACE INTO task (one, {}) VALUES (1, {})", task_columns, marks(task_width)));
  statement.text(task.identifier).text(task.definition_hash).text(task.migration_type).text(task.phase);
  statement.text(task.stop_reason).text(text_of(task.capture_start)).text(text_of(task.acknowledged));
  statement.text(text_of(task.consistent)).number(task.starts).number(task.restarts);
  statement.number(task.created).number(task.started).number(task.stopped);
  return statement.run();
}

Result<void> write_tables(sqlite3* database, const std::string& path, const std::vector<TableRecord>& tables) {
  if (tables.empty()) return {};
  Statement statement(database, path,
                      fmt::format("REPLACE INTO tables ({}) VALUES ({})", table_columns, marks(table_width)));
  for (const TableRecord& table : tables) {
    statement.text(table.source_name.schema).text(table.source_name.table).text(table.state);
    statement.text(table.suspended_reason).text(text_of(table.fence)).text(table.schema_hash);
    statement.number(table.load_rows).number(table.load_bytes).number(table.load_chunks);
    statement.number(table.load_chunks_done).number(table.load_errors).number(table.load_started);
    statement.number(table.load_ended).number(table.reloaded);
    for (const ChangeCounts* counts : {&table.read, &table.applied}) {
      statement.number(counts->inserts).number(counts->updates).number(counts->deletes).number(counts->ddls);
    }
    statement.number(table.put_aside).number(table.last_update).number(table.values_cut);
    TRY(statement.text(table.rules_hash).run());
  }
  return {};
}

Result<void> write_chunks(sqlite3* database, const std::string& path, const std::vector<ChunkRecord>& chunks) {
  if (chunks.empty()) return {};
  Statement statement(database, path, "REPLACE INTO chunks VALUES (?,?,?,?,?,?)");
  for (const ChunkRecord& chunk : chunks) {
    statement.text(chunk.table.schema).text(chunk.table.table).number(chunk.number).text(chunk.predicate);
    TRY(statement.number(static_cast<int>(chunk.state)).number(chunk.rows).run());
  }
  return {};
}

Result<void> write_notes(sqlite3* database, const std::string& path, const std::vector<Note>& notes) {
  if (notes.empty()) return {};
  Statement put(database, path, "REPLACE INTO notes VALUES (?,?)");
  Statement remove(database, path, "DELETE FROM notes WHERE key = ?");
  for (const auto& [key, value] : notes) {
    TRY(value ? put.blob(key).blob(*value).run() : remove.blob(key).run());
  }
  return {};
}

Result<void> read_task(sqlite3* database, const std::string& path, State& state) {
  Statement statement(database, path, fmt::format("SELECT {} FROM task", task_columns));
  if (!TRY(statement.step())) return {};
  TaskRecord task;
  for (std::string* text :
       {&task.identifier, &task.definition_hash, &task.migration_type, &task.phase, &task.stop_reason}) {
    *text = statement.next_text();
  }
  for (std::optional<model::Position>* position : {&task.capture_start, &task.acknowledged, &task.consistent}) {
    if (!read_position(statement.next_text(), *position)) {
      return base::failed(errors::state_damaged, "{}: a position of the task is malformed", path);
    }
  }
  statement.next(task.starts);
  statement.next(task.restarts);
  statement.next(task.created);
  statement.next(task.started);
  statement.next(task.stopped);
  state.task = std::move(task);
  return {};
}

Result<void> read_tables(sqlite3* database, const std::string& path, State& state) {
  Statement statement(database, path, fmt::format("SELECT {} FROM tables", table_columns));
  while (TRY(statement.step())) {
    TableRecord table;
    table.source_name.schema = statement.next_text();
    table.source_name.table = statement.next_text();
    table.state = statement.next_text();
    table.suspended_reason = statement.next_text();
    if (!read_fence(statement.next_text(), table.fence)) {
      return base::failed(errors::state_damaged, "{}: the fence of table {} is malformed", path,
                          table.source_name.text());
    }
    table.schema_hash = statement.next_text();
    for (std::uint64_t* number :
         {&table.load_rows, &table.load_bytes, &table.load_chunks, &table.load_chunks_done, &table.load_errors}) {
      statement.next(*number);
    }
    statement.next(table.load_started);
    statement.next(table.load_ended);
    statement.next(table.reloaded);
    for (ChangeCounts* counts : {&table.read, &table.applied}) {
      statement.next(counts->inserts);
      statement.next(counts->updates);
      statement.next(counts->deletes);
      statement.next(counts->ddls);
    }
    statement.next(table.put_aside);
    statement.next(table.last_update);
    statement.next(table.values_cut);
    table.rules_hash = statement.next_text();
    const model::TableName name = table.source_name;
    state.tables[name] = std::move(table);
  }
  return {};
}

Result<void> read_chunks(sqlite3* database, const std::string& path, State& state) {
  Statement statement(database, path,
                      "SELECT schema_name, table_name, number, predicate, state, rows FROM chunks ORDER BY 1, 2, 3");
  while (TRY(statement.step())) {
    ChunkRecord chunk;
    chunk.table.schema = statement.next_text();
    chunk.table.table = statement.next_text();
    statement.next(chunk.number);
    chunk.predicate = statement.next_text();
    int step = 0;
    statement.next(step);
    if (step < 0 || step > static_cast<int>(ChunkState::loaded)) {
      return base::failed(errors::state_damaged, "{}: chunk {} of table {} has an unknown state", path, chunk.number,
                          chunk.table.text());
    }
    chunk.state = static_cast<ChunkState>(step);
    statement.next(chunk.rows);
    state.chunks[chunk.table].push_back(std::move(chunk));
  }
  return {};
}

// A key that sorts behind all that begin with the prefix; empty: there is none.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, Open how) {
  std::error_code ignored;
  if (how == Open::existing && !std::filesystem::exists(path, ignored)) {
    return base::failed(errors::state_absent, "no file {}", path);
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | (how == Open::existing ? 0 : SQLITE_OPEN_CREATE);
  sqlite3* database = nullptr;
  const int outcome = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  auto store = std::unique_ptr<SqliteStore>(new SqliteStore(database, path));
  Lock lock(store->mutex_);
  if (outcome != SQLITE_OK) return database_error(database, path, "open");
  TRY(store->establish());
  return store;
}

SqliteStore::~SqliteStore() { sqlite3_close(database_); }

// Nothing of a newer file is changed, the journal mode neither.
Result<void> SqliteStore::establish() {
  sqlite3_busy_timeout(database_, busy_wait_ms);
  int version = 0;
  {
    Statement statement(database_, path_, "PRAGMA user_version");
    if (TRY(statement.step())) statement.next(version);
  }
  if (version > state_version) {
    return base::failed(errors::state_newer, "{} has version {}, this program knows {}", path_, version, state_version);
  }
  TRY(execute(database_, path_, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON"));
  {
    Statement statement(database_, path_, "PRAGMA quick_check(1)");
    if (TRY(statement.step())) {
      const std::string verdict = statement.next_text();
      if (verdict != "ok") return base::failed(errors::state_damaged, "{}: {}", path_, verdict);
    }
  }
  if (version == state_version) return {};
  TRY(execute(database_, path_, "BEGIN IMMEDIATE"));
  Result<void> made;
  for (; version < state_version && made.ok(); ++version) made = execute(database_, path_, version_steps[version]);
  if (made.ok()) made = execute(database_, path_, fmt::format("PRAGMA user_version={}", state_version).c_str());
  if (made.ok()) made = execute(database_, path_, "COMMIT");
  if (!made.ok()) (void)execute(database_, path_, "ROLLBACK");
  return made;
}

Result<State> SqliteStore::load() {
  Lock lock(mutex_);
  State state;
  TRY(execute(database_, path_, "BEGIN"));
  Result<void> read = read_task(database_, path_, state);
  if (read.ok()) read = read_tables(database_, path_, state);
  if (read.ok()) read = read_chunks(database_, path_, state);
  (void)execute(database_, path_, "COMMIT");
  if (!read.ok()) return read.take_error();
  return state;
}

Result<void> SqliteStore::write_all(const StateChange& change) {
  if (change.wipe) {
    TRY(execute(database_, path_, "DELETE FROM task; DELETE FROM tables; DELETE FROM chunks; DELETE FROM notes"));
  }
  if (change.task) TRY(write_task(database_, path_, *change.task));
  TRY(write_tables(database_, path_, change.tables));
  TRY(write_chunks(database_, path_, change.chunks));
  return write_notes(database_, path_, change.notes);
}

Result<void> SqliteStore::commit(const StateChange& change) {
  Lock lock(mutex_);
  TRY(execute(database_, path_, "BEGIN IMMEDIATE"));
  Result<void> written = write_all(change);
  if (written.ok()) written = execute(database_, path_, "COMMIT");
  if (!written.ok()) (void)execute(database_, path_, "ROLLBACK");
  return written;
}

Result<std::optional<std::string>> SqliteStore::note(const std::string& key) {
  Lock lock(mutex_);
  Statement statement(database_, path_, "SELECT value FROM notes WHERE key = ?");
  if (!TRY(statement.blob(key).step())) return std::optional<std::string>();
  return std::optional<std::string>(statement.next_text());
}

Result<std::vector<std::pair<std::string, std::string>>> SqliteStore::notes(const std::string& prefix) {
  Lock lock(mutex_);
  const std::string end = after_prefix(prefix);
  const std::string sql =
      fmt::format("SELECT key, value FROM notes WHERE key >= ? {} ORDER BY key", end.empty() ? "" : "AND key < ?");
  Statement statement(database_, path_, sql);
  statement.blob(prefix);
  if (!end.empty()) statement.blob(end);
  std::vector<std::pair<std::string, std::string>> found;
  while (TRY(statement.step())) {
    std::string key = statement.next_text();
    found.emplace_back(std::move(key), statement.next_text());
  }
  return found;
}

}  // namespace engine
