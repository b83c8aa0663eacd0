// SPDX-License-Identifier: Apache-2.0
#include "server/store.h"

#include "server/errors.h"
#include "server/sqlite.h"

namespace server {
namespace {

using base::Lock;
using base::Result;

constexpr int store_version = 1;
constexpr int busy_wait_ms = 10'000;
constexpr base::WallMicros events_kept = 14ll * 86400 * 1'000'000;

constexpr const char* first_version = R"(
CREATE TABLE resources (kind TEXT NOT NULL, id TEXT NOT NULL, arn TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
  shown TEXT NOT NULL, inner TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX resources_by_state ON resources (kind, state);
CREATE INDEX resources_by_engine ON resources (kind, json_extract(shown, '$.EngineName'), id);
CREATE TABLE refers (from_arn TEXT NOT NULL, to_arn TEXT NOT NULL, PRIMARY KEY (from_arn, to_arn)) WITHOUT ROWID;
CREATE INDEX refers_by_target ON refers (to_arn);
CREATE TABLE tags (arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)) WITHOUT ROWID;
CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, source_type TEXT NOT NULL,
  source_id TEXT NOT NULL, category TEXT NOT NULL, message TEXT NOT NULL);
CREATE INDEX events_by_time ON events (time);
CREATE TABLE users (access_key TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
  sealed_secret BLOB NOT NULL, token_sha256 TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)";
constexpr std::string_view event_columns = "number, time, source_type, source_id, category, message";
constexpr std::string_view resource_columns = "kind, id, arn, state, shown, inner, sealed";

Result<Resource> read_resource(Statement& statement) {
  Resource out;
  for (std::string* text : {&out.kind, &out.id, &out.arn, &out.state}) *text = statement.next_text();
  out.shown = json::parse(statement.next_text(), nullptr, false);
  out.inner = json::parse(statement.next_text(), nullptr, false);
  out.sealed = statement.next_text();
  if (out.shown.is_object() && out.inner.is_object()) return out;
  return base::failed(errors::store_failed, "the stored document of {} is damaged", out.arn);
}

Result<std::vector<Resource>> read_resources(Statement& statement) {
  std::vector<Resource> found;
  while (TRY(statement.step())) found.push_back(TRY(read_resource(statement)));
  return found;
}

Result<std::vector<Event>> read_events(Statement& statement) {
  std::vector<Event> found;
  while (TRY(statement.step())) {
    Event event;
    event.number = statement.next_number();
    event.time = statement.next_number();
    for (std::string* text : {&event.source_type, &event.source_id, &event.category, &event.message}) {
      *text = statement.next_text();
    }
    found.push_back(std::move(event));
  }
  return found;
}

// Words of a process or a library may be cut within a character.
std::string text_of(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string marks(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += i == 0 ? "?" : ",?";
  return out;
}

User read_user(Statement& statement) {
  User out;
  for (std::string* text : {&out.access_key, &out.name, &out.role, &out.sealed_secret, &out.token_sha256}) {
    *text = statement.next_text();
  }
  out.expires = statement.next_number();
  return out;
}

// Runs `work` in a transaction that writes.
template <typename Work>
Result<void> in_transaction(sqlite3* database, const Work& work) {
  TRY(execute(database, "BEGIN IMMEDIATE"));
  Result<void> outcome = work();
  if (outcome.ok()) outcome = execute(database, "COMMIT");
  if (!outcome.ok()) (void)execute(database, "ROLLBACK");
  return outcome;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path, bool own) {
  sqlite3* database = nullptr;
  const int outcome = sqlite3_open_v2(path.c_str(), &database,
                                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<Store> store(new Store(database));
  Lock lock(store->mutex_);
  if (outcome != SQLITE_OK) return sqlite_error(database);
  TRY(store->establish(own));
  return store;
}

Store::~Store() { sqlite3_close(database_); }

Result<void> Store::establish(bool own) {
  sqlite3_busy_timeout(database_, busy_wait_ms);
  TRY(execute(database_, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON"));
  return in_transaction(database_, [&]() -> Result<void> {
    Statement asked(database_, "PRAGMA user_version");
    TRY(asked.step());
    const std::int64_t version = asked.next_number();
    if (version > store_version) {
      return base::failed(errors::store_newer, "the store has version {}, this program knows {}", version,
                          store_version);
    }
    if (version == 0) {
      TRY(execute(database_, first_version));
      TRY(execute(database_, fmt::format("PRAGMA user_version={}", store_version).c_str()));
    }
    if (own)
      TRY(execute(database_,
                  "INSERT INTO facts VALUES ('epoch', '1') ON CONFLICT (name) DO UPDATE SET value = value + 1"));
    Statement epoch(database_, "SELECT value FROM facts WHERE name = 'epoch'");
    epoch_ = TRY(epoch.step()) ? epoch.next_number() : 0;
    return {};
  });
}

Result<std::optional<Resource>> Store::find(const std::string& kind, const std::string& id) {
  Lock lock(mutex_);
  Statement statement(database_, fmt::format("SELECT {} FROM resources WHERE kind = ? AND id = ?", resource_columns));
  if (!TRY(statement.text(kind).text(id).step())) return std::optional<Resource>();
  return std::optional<Resource>(TRY(read_resource(statement)));
}

Result<std::optional<Resource>> Store::find_arn(const std::string& arn) {
  Lock lock(mutex_);
  Statement statement(database_, fmt::format("SELECT {} FROM resources WHERE arn = ?", resource_columns));
  if (!TRY(statement.text(arn).step())) return std::optional<Resource>();
  return std::optional<Resource>(TRY(read_resource(statement)));
}

Result<std::vector<Resource>> Store::list(const std::string& kind, const std::vector<Filter>& filters,
                                          const std::string& after, std::size_t limit) {
  std::string sql = fmt::format("SELECT {} FROM resources WHERE kind = ? AND id > ?", resource_columns);
  for (const Filter& filter : filters) {
    const bool column = filter.member.starts_with('$');
    sql += fmt::format(" AND {} IN ({})",
                       column ? filter.member.substr(1) : fmt::format("json_extract(shown, '$.{}')", filter.member),
                       marks(filter.values.size()));
  }
  Lock lock(mutex_);
  Statement statement(database_, sql + " ORDER BY id LIMIT ?");
  statement.text(kind).text(after);
  for (const Filter& filter : filters) {
    for (const std::string& value : filter.values) statement.text(value);
  }
  statement.number(static_cast<std::int64_t>(limit));
  return read_resources(statement);
}

Result<std::vector<Resource>> Store::in_state(const std::string& kind, const std::vector<std::string>& states) {
  Lock lock(mutex_);
  Statement statement(database_, fmt::format("SELECT {} FROM resources WHERE kind = ? AND state IN ({}) ORDER BY id",
                                             resource_columns, marks(states.size())));
  statement.text(kind);
  for (const std::string& state : states) statement.text(state);
  return read_resources(statement);
}

Result<std::vector<Resource>> Store::referring(const std::string& kind, const std::string& arn) {
  Lock lock(mutex_);
  Statement statement(database_, fmt::format("SELECT {} FROM resources WHERE kind = ? AND arn IN (SELECT from_arn FROM "
                                             "refers WHERE to_arn = ?) ORDER BY id",
                                             resource_columns));
  statement.text(kind).text(arn);
  return read_resources(statement);
}

Result<std::size_t> Store::count(const std::string& kind) {
  Lock lock(mutex_);
  Statement statement(database_, "SELECT count(*) FROM resources WHERE kind = ?");
  TRY(statement.text(kind).step());
  return static_cast<std::size_t>(statement.next_number());
}

Result<std::map<std::string, std::string>> Store::tags(const std::string& arn) {
  Lock lock(mutex_);
  Statement statement(database_, "SELECT key, value FROM tags WHERE arn = ?");
  statement.text(arn);
  std::map<std::string, std::string> found;
  while (TRY(statement.step())) {
    std::string key = statement.next_text();
    found[std::move(key)] = statement.next_text();
  }
  return found;
}

Result<std::vector<Event>> Store::events(base::WallMicros from, base::WallMicros until) {
  Lock lock(mutex_);
  Statement statement(database_,
                      fmt::format("SELECT {} FROM events WHERE time >= ? AND time < ? ORDER BY number", event_columns));
  statement.number(from).number(until);
  return read_events(statement);
}

Result<std::vector<Event>> Store::events_behind(std::int64_t number, std::size_t limit) {
  Lock lock(mutex_);
  Statement statement(database_,
                      fmt::format("SELECT {} FROM events WHERE number > ? ORDER BY number LIMIT ?", event_columns));
  statement.number(number).number(static_cast<std::int64_t>(limit));
  return read_events(statement);
}

Result<std::int64_t> Store::last_event() {
  Lock lock(mutex_);
  Statement statement(database_, "SELECT max(number) FROM events");
  TRY(statement.step());
  return statement.next_number();
}

Result<void> Store::remove_resource(const std::string& kind, const std::string& id) {
  for (const char* sql : {"DELETE FROM tags WHERE arn = (SELECT arn FROM resources WHERE kind = ? AND id = ?)",
                          "DELETE FROM refers WHERE from_arn = (SELECT arn FROM resources WHERE kind = ? AND id = ?)",
                          "DELETE FROM resources WHERE kind = ? AND id = ?"}) {
    TRY(Statement(database_, sql).text(kind).text(id).run());
  }
  return {};
}

Result<void> Store::write_resource(const Resource& resource) {
  // By ARN, so that a resource may be given another identifier.
  TRY(Statement(database_, "DELETE FROM resources WHERE arn = ?").text(resource.arn).run());
  TRY(Statement(database_, fmt::format("INSERT INTO resources ({}) VALUES (?,?,?,?,?,?,?)", resource_columns))
          .text(resource.kind)
          .text(resource.id)
          .text(resource.arn)
          .text(resource.state)
          .text(text_of(resource.shown))
          .text(text_of(resource.inner))
          .blob(resource.sealed)
          .run());
  if (!resource.refers_to) return {};
  TRY(Statement(database_, "DELETE FROM refers WHERE from_arn = ?").text(resource.arn).run());
  for (const std::string& arn : *resource.refers_to) {
    TRY(Statement(database_, "INSERT OR IGNORE INTO refers VALUES (?,?)").text(resource.arn).text(arn).run());
  }
  return {};
}

Result<void> Store::write_all(const Change& change) {
  Statement epoch(database_, "SELECT value FROM facts WHERE name = 'epoch'");
  if (!TRY(epoch.step()) || epoch.next_number() != epoch_) {
    return base::failed(errors::store_taken, "this server opened the store as number {}", epoch_);
  }
  for (const auto& [kind, id] : change.removed) TRY(remove_resource(kind, id));
  for (const Resource& resource : change.put) TRY(write_resource(resource));
  for (const auto& [arn, tags] : change.tags) {
    TRY(Statement(database_, "DELETE FROM tags WHERE arn = ?").text(arn).run());
    for (const auto& [key, value] : tags) {
      TRY(Statement(database_, "INSERT INTO tags VALUES (?,?,?)").text(arn).text(key).text(value).run());
    }
  }
  for (const Event& event : change.events) {
    TRY(Statement(database_, "DELETE FROM events WHERE time < ?").number(event.time - events_kept).run());
    TRY(Statement(database_, "INSERT INTO events (time, source_type, source_id, category, message) VALUES (?,?,?,?,?)")
            .number(event.time)
            .text(event.source_type)
            .text(event.source_id)
            .text(event.category)
            .text(event.message)
            .run());
  }
  return {};
}

Result<void> Store::commit(const Change& change) {
  Lock lock(mutex_);
  return in_transaction(database_, [&] { return write_all(change); });
}

Result<std::string> Store::fact(const std::string& name, const std::function<std::string()>& make) {
  Lock lock(mutex_);
  std::string value;
  TRY(in_transaction(database_, [&]() -> Result<void> {
    TRY(Statement(database_, "INSERT OR IGNORE INTO facts VALUES (?,?)").text(name).text(make()).run());
    Statement statement(database_, "SELECT value FROM facts WHERE name = ?");
    TRY(statement.text(name).step());
    value = statement.next_text();
    return {};
  }));
  return value;
}

Result<void> Store::add_user(const User& user) {
  Lock lock(mutex_);
  Statement taken(database_, "SELECT 1 FROM users WHERE name = ?");
  if (TRY(taken.text(user.name).step())) return base::failed(errors::refused, "there is a user {} already", user.name);
  return Statement(database_, "INSERT INTO users VALUES (?,?,?,?,?,?)")
      .text(user.access_key)
      .text(user.name)
      .text(user.role)
      .blob(user.sealed_secret)
      .text(user.token_sha256)
      .number(user.expires)
      .run();
}

Result<bool> Store::remove_user(const std::string& name) {
  Lock lock(mutex_);
  TRY(Statement(database_, "DELETE FROM users WHERE name = ?").text(name).run());
  return sqlite3_changes(database_) > 0;
}

Result<std::optional<User>> Store::user(const std::string& access_key) {
  Lock lock(mutex_);
  Statement statement(database_, "SELECT * FROM users WHERE access_key = ?");
  if (!TRY(statement.text(access_key).step())) return std::optional<User>();
  return std::optional<User>(read_user(statement));
}

Result<std::vector<User>> Store::users() {
  Lock lock(mutex_);
  Statement statement(database_, "SELECT * FROM users ORDER BY name");
  std::vector<User> found;
  while (TRY(statement.step())) found.push_back(read_user(statement));
  return found;
}

}  // namespace server
