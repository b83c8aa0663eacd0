// SPDX-License-Identifier: Apache-2.0
#include "server/store.h"

#include <utility>

#include "server/errors.h"

namespace server {
namespace {

using base::Lock;
using base::Result;

constexpr int store_version = 3;
constexpr base::WallMicros events_kept = 14ll * 86400 * 1'000'000;
constexpr int lease_seconds = 30;
constexpr int looks_max = 20;  // for the outcome of a commit
constexpr base::Nanos look_pause = std::chrono::milliseconds(500);

// {text}, {blob}, {counter}, {end}: the database's words; {engine}: a member of `shown`.
constexpr const char* first_version[] = {
    "CREATE TABLE resources (kind {text} NOT NULL, id {text} NOT NULL, arn {text} NOT NULL UNIQUE, state {text} NOT "
    "NULL, shown {text} NOT NULL, \"inner\" {text} NOT NULL, sealed {blob} NOT NULL, PRIMARY KEY (kind, id)){end}",
    "CREATE INDEX resources_by_state ON resources (kind, state)",
    "CREATE INDEX resources_by_engine ON resources (kind, {engine}, id)",
    "CREATE TABLE refers (from_arn {text} NOT NULL, to_arn {text} NOT NULL, PRIMARY KEY (from_arn, to_arn)){end}",
    "CREATE INDEX refers_by_target ON refers (to_arn)",
    "CREATE TABLE tags (arn {text} NOT NULL, key {text} NOT NULL, value {text} NOT NULL, PRIMARY KEY (arn, key)){end}",
    "CREATE TABLE events (number {counter}, time BIGINT NOT NULL, source_type {text} NOT NULL, source_id {text} NOT "
    "NULL, category {text} NOT NULL, message {text} NOT NULL)",
    "CREATE INDEX events_by_time ON events (time)",
    "CREATE TABLE users (access_key {text} PRIMARY KEY, name {text} NOT NULL UNIQUE, role {text} NOT NULL, "
    "sealed_secret {blob} NOT NULL, token_sha256 {text} NOT NULL, expires BIGINT NOT NULL){end}",
    "CREATE TABLE facts (name {text} PRIMARY KEY, value {text} NOT NULL){end}",
};
// Who owns the store, until when (seconds since 1970 by the database's clock), and the number of its last commit.
constexpr const char* second_version[] = {
    "CREATE TABLE ownership (epoch BIGINT NOT NULL, owner {text} NOT NULL, place {text} NOT NULL, until BIGINT NOT "
    "NULL, commits BIGINT NOT NULL)",
    "INSERT INTO ownership SELECT coalesce(max(CAST(value AS BIGINT)), 0), '', '', 0, 0 FROM facts WHERE name = "
    "'epoch'",
};
constexpr const char* third_version[] = {"ALTER TABLE users ADD COLUMN bounds {text} NOT NULL DEFAULT ''"};
constexpr std::string_view event_columns = "number, time, source_type, source_id, category, message";
constexpr std::string_view resource_columns = "kind, id, arn, state, shown, \"inner\", sealed";

std::string worded(const char* sql, const Database& database) {
  const Words& words = database.words();
  std::string out = sql;
  const std::string engine = database.member_of("shown", "EngineName");
  for (const auto& [mark, word] : {std::pair<std::string_view, std::string_view>{"{text}", words.text},
                                   {"{blob}", words.blob},
                                   {"{counter}", words.counter},
                                   {"{end}", words.table_end},
                                   {"{engine}", engine}}) {
    for (std::size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at)) {
      out.replace(at, mark.size(), word);
    }
  }
  return out;
}

Result<Resource> read_resource(Row& row) {
  Resource out;
  for (std::string* text : {&out.kind, &out.id, &out.arn, &out.state}) *text = row.next_text();
  out.shown = json::parse(row.next_text(), nullptr, false);
  out.inner = json::parse(row.next_text(), nullptr, false);
  out.sealed = row.next_text();
  if (out.shown.is_object() && out.inner.is_object()) return out;
  return base::failed(errors::store_failed, "the stored document of {} is damaged", out.arn);
}

Result<std::vector<Resource>> read_resources(Statement& statement) {
  std::vector<Resource> found;
  for (Row& row : TRY(statement.rows())) found.push_back(TRY(read_resource(row)));
  return found;
}

Result<std::optional<Resource>> read_one(Statement& statement) {
  std::vector<Resource> found = TRY(read_resources(statement));
  return found.empty() ? std::optional<Resource>() : std::optional<Resource>(std::move(found[0]));
}

Result<std::vector<Event>> read_events(Statement& statement) {
  std::vector<Event> found;
  for (Row& row : TRY(statement.rows())) {
    Event event;
    event.number = row.next_number();
    event.time = row.next_number();
    for (std::string* text : {&event.source_type, &event.source_id, &event.category, &event.message}) {
      *text = row.next_text();
    }
    found.push_back(std::move(event));
  }
  return found;
}

// Words of a process or a library may be cut within a character, or hold a zero, which no database looks up.
std::string text_of(const json& document) {
  constexpr std::string_view zero = "\\u0000";
  std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  for (std::size_t at = text.find('\\'); at != std::string::npos; at = text.find('\\', at + 2)) {
    if (text.compare(at, zero.size(), zero) == 0) text.replace(at, zero.size(), "\\ufffd");
  }
  return text;
}

std::string marks(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += i == 0 ? "?" : ",?";
  return out;
}

User read_user(Row& row) {
  User out;
  for (std::string* text : {&out.access_key, &out.name, &out.role, &out.sealed_secret, &out.token_sha256}) {
    *text = row.next_text();
  }
  out.expires = row.next_number();
  out.bounds = row.next_text();
  return out;
}

// Runs `work` in a transaction that writes.
template <typename Work>
Result<void> in_transaction(Database& database, const Work& work) {
  TRY(database.begin());
  Result<void> outcome = work();
  if (outcome.ok()) outcome = database.commit();
  if (!outcome.ok()) database.roll_back();
  return outcome;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<Database> database, const std::string& key_mark,
                                           const std::optional<Owner>& owner) {
  std::unique_ptr<Store> store(new Store(std::move(database)));
  Lock lock(store->mutex_);
  TRY(in_transaction(*store->database_, [&]() -> Result<void> {
    TRY(store->make_tables());
    TRY(store->check_key(key_mark));
    return owner ? store->take(*owner) : Result<void>();
  }));
  return store;
}

Result<void> Store::make_tables() {
  const std::int64_t version = TRY(database_->version());
  if (version > store_version) {
    return base::failed(errors::store_newer, "the store has version {}, this program knows {}", version, store_version);
  }
  if (version == store_version) return {};
  if (version < 1) {
    for (const char* sql : first_version) TRY(statement(worded(sql, *database_)).run());
  }
  if (version < 2) {
    for (const char* sql : second_version) TRY(statement(worded(sql, *database_)).run());
  }
  for (const char* sql : third_version) TRY(statement(worded(sql, *database_)).run());
  return database_->set_version(store_version);
}

Result<void> Store::check_key(const std::string& mark) {
  if (TRY(fact_of("key", mark)) == mark) return {};
  return base::failed(errors::bad_key, "the store was made with another key");
}

Result<void> Store::take(const Owner& owner) {
  const std::string_view now = database_->words().now;
  auto rows = TRY(statement(fmt::format("SELECT epoch, owner, place, until - {} FROM ownership", now)).rows());
  if (rows.size() != 1) return base::failed(errors::store_failed, "the store does not say who owns it");
  epoch_ = rows[0].next_number() + 1;
  const std::string id = rows[0].next_text(), place = rows[0].next_text();
  const std::int64_t left = rows[0].next_number();
  if (database_->is_shared() && id != owner.id && left > 0) {
    return base::failed(errors::store_in_use, "{} owns the store, for {} s at least", place, left);
  }
  TRY(statement(fmt::format("UPDATE ownership SET epoch = ?, owner = ?, place = ?, until = {} + ?, commits = 0", now))
          .number(epoch_)
          .text(owner.id)
          .text(owner.place)
          .number(lease_seconds)
          .run());
  return {};
}

Result<void> Store::renew() {
  if (!database_->is_shared()) return {};
  Lock lock(mutex_);
  const std::int64_t met =
      TRY(statement(fmt::format("UPDATE ownership SET until = {} + ? WHERE epoch = ?", database_->words().now))
              .number(lease_seconds)
              .number(epoch_)
              .run());
  if (met == 1) return {};
  return base::failed(errors::store_taken, "this server opened the store as number {}", epoch_);
}

Result<void> Store::release() {
  Lock lock(mutex_);
  TRY(statement("UPDATE ownership SET until = 0 WHERE epoch = ?").number(epoch_).run());
  return {};
}

Result<std::optional<Resource>> Store::find(const std::string& kind, const std::string& id) {
  Lock lock(mutex_);
  return read_one(statement(fmt::format("SELECT {} FROM resources WHERE kind = ? AND id = ?", resource_columns))
                      .text(kind)
                      .text(id));
}

Result<std::optional<Resource>> Store::find_arn(const std::string& arn) {
  Lock lock(mutex_);
  return read_one(statement(fmt::format("SELECT {} FROM resources WHERE arn = ?", resource_columns)).text(arn));
}

Result<std::vector<Resource>> Store::list(const std::string& kind, const std::vector<Filter>& filters,
                                          const std::string& after, std::size_t limit) {
  std::string sql = fmt::format("SELECT {} FROM resources WHERE kind = ? AND id > ?", resource_columns);
  for (const Filter& filter : filters) {
    const bool column = filter.member.starts_with('$');
    sql +=
        fmt::format(" AND {} IN ({})", column ? filter.member.substr(1) : database_->member_of("shown", filter.member),
                    marks(filter.values.size()));
  }
  Lock lock(mutex_);
  Statement asked = statement(sql + " ORDER BY id LIMIT ?");
  asked.text(kind).text(after);
  for (const Filter& filter : filters) {
    for (const std::string& value : filter.values) asked.text(value);
  }
  return read_resources(asked.number(static_cast<std::int64_t>(limit)));
}

Result<std::vector<Resource>> Store::in_state(const std::string& kind, const std::vector<std::string>& states) {
  Lock lock(mutex_);
  Statement asked = statement(fmt::format("SELECT {} FROM resources{} WHERE kind = ? AND state IN ({}) ORDER BY id",
                                          resource_columns, database_->words().by_state, marks(states.size())));
  asked.text(kind);
  for (const std::string& state : states) asked.text(state);
  return read_resources(asked);
}

Result<std::vector<Resource>> Store::referring(const std::string& kind, const std::string& arn) {
  Lock lock(mutex_);
  // A cross join is carried out in its order: the few that refer come first, not all rows of that kind.
  return read_resources(statement(fmt::format("SELECT {} FROM refers CROSS JOIN resources WHERE to_arn = ? AND "
                                              "arn = from_arn AND kind = ? ORDER BY id",
                                              resource_columns))
                            .text(arn)
                            .text(kind));
}

Result<std::size_t> Store::count(const std::string& kind) {
  Lock lock(mutex_);
  auto rows = TRY(statement("SELECT count(*) FROM resources WHERE kind = ?").text(kind).rows());
  return static_cast<std::size_t>(rows.at(0).next_number());
}

Result<std::map<std::string, std::string>> Store::tags(const std::string& arn) {
  Lock lock(mutex_);
  std::map<std::string, std::string> found;
  for (Row& row : TRY(statement("SELECT key, value FROM tags WHERE arn = ?").text(arn).rows())) {
    std::string key = row.next_text();
    found[std::move(key)] = row.next_text();
  }
  return found;
}

Result<std::vector<Event>> Store::events(base::WallMicros from, base::WallMicros until) {
  Lock lock(mutex_);
  return read_events(
      statement(fmt::format("SELECT {} FROM events WHERE time >= ? AND time < ? ORDER BY number", event_columns))
          .number(from)
          .number(until));
}

Result<std::vector<Event>> Store::events_behind(std::int64_t number, std::size_t limit) {
  Lock lock(mutex_);
  return read_events(
      statement(fmt::format("SELECT {} FROM events WHERE number > ? ORDER BY number LIMIT ?", event_columns))
          .number(number)
          .number(static_cast<std::int64_t>(limit)));
}

Result<std::int64_t> Store::last_event() {
  Lock lock(mutex_);
  auto rows = TRY(statement("SELECT max(number) FROM events").rows());
  return rows.at(0).next_number();
}

Result<void> Store::remove_resource(const std::string& kind, const std::string& id) {
  for (const char* sql : {"DELETE FROM tags WHERE arn = (SELECT arn FROM resources WHERE kind = ? AND id = ?)",
                          "DELETE FROM refers WHERE from_arn = (SELECT arn FROM resources WHERE kind = ? AND id = ?)",
                          "DELETE FROM resources WHERE kind = ? AND id = ?"}) {
    TRY(statement(sql).text(kind).text(id).run());
  }
  return {};
}

Result<void> Store::write_resource(const Resource& resource) {
  // By ARN, so that a resource may be given another identifier.
  TRY(statement("DELETE FROM resources WHERE arn = ?").text(resource.arn).run());
  TRY(statement(fmt::format("INSERT INTO resources ({}) VALUES (?,?,?,?,?,?,?)", resource_columns))
          .text(resource.kind)
          .text(resource.id)
          .text(resource.arn)
          .text(resource.state)
          .text(text_of(resource.shown))
          .text(text_of(resource.inner))
          .blob(resource.sealed)
          .run());
  if (!resource.refers_to) return {};
  TRY(statement("DELETE FROM refers WHERE from_arn = ?").text(resource.arn).run());
  for (const std::string& arn : *resource.refers_to) {
    TRY(statement("INSERT INTO refers VALUES (?,?) ON CONFLICT DO NOTHING").text(resource.arn).text(arn).run());
  }
  return {};
}

Result<void> Store::write_all(const Change& change) {
  // Its number tells afterwards whether it was done. The row is locked, so that no other server takes over meanwhile.
  const std::int64_t owned =
      TRY(statement("UPDATE ownership SET commits = ? WHERE epoch = ?").number(++attempts_).number(epoch_).run());
  if (owned != 1) return base::failed(errors::store_taken, "this server opened the store as number {}", epoch_);
  for (const auto& [kind, id] : change.removed) TRY(remove_resource(kind, id));
  for (const Resource& resource : change.put) TRY(write_resource(resource));
  for (const auto& [arn, tags] : change.tags) {
    TRY(statement("DELETE FROM tags WHERE arn = ?").text(arn).run());
    for (const auto& [key, value] : tags) {
      TRY(statement("INSERT INTO tags VALUES (?,?,?)").text(arn).text(key).text(value).run());
    }
  }
  for (const Event& event : change.events) {
    TRY(statement("DELETE FROM events WHERE time < ?").number(event.time - events_kept).run());
    TRY(statement("INSERT INTO events (time, source_type, source_id, category, message) VALUES (?,?,?,?,?)")
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
  Result<void> outcome = in_transaction(*database_, [&] { return write_all(change); });
  if (outcome.ok() || !outcome.error().is(errors::store_unclear)) return outcome;
  return learn_outcome(outcome.take_error());
}

// Looks behind the lock that the lost transaction may still hold.
Result<void> Store::learn_outcome(base::Error lost) {
  base::SystemClock clock;
  for (int i = 0; i < looks_max; ++i) {
    std::int64_t epoch = 0, last = 0;
    const Result<void> looked = in_transaction(*database_, [&]() -> Result<void> {
      auto rows = TRY(statement("SELECT epoch, commits FROM ownership").rows());
      epoch = rows.at(0).next_number();
      last = rows.at(0).next_number();
      return {};
    });
    if (looked.ok()) {
      if (epoch != epoch_) return base::failed(errors::store_taken, "another server opened it as number {}", epoch);
      return last == attempts_ ? Result<void>() : base::failed(errors::store_failed, "{}", lost.message);
    }
    clock.pause(look_pause, {});
  }
  return lost;
}

Result<std::string> Store::fact_of(const std::string& name, const std::string& otherwise) {
  TRY(statement("INSERT INTO facts VALUES (?,?) ON CONFLICT DO NOTHING").text(name).text(otherwise).run());
  auto rows = TRY(statement("SELECT value FROM facts WHERE name = ?").text(name).rows());
  return rows.at(0).next_text();
}

Result<std::string> Store::fact(const std::string& name, const std::function<std::string()>& make) {
  Lock lock(mutex_);
  std::string value;
  TRY(in_transaction(*database_, [&]() -> Result<void> {
    value = TRY(fact_of(name, make()));
    return {};
  }));
  return value;
}

Result<void> Store::add_user(const User& user) {
  Lock lock(mutex_);
  return in_transaction(*database_, [&]() -> Result<void> {
    const auto taken = TRY(statement("SELECT name FROM users WHERE name = ?").text(user.name).rows());
    if (!taken.empty()) return base::failed(errors::refused, "there is a user {} already", user.name);
    TRY(statement("INSERT INTO users VALUES (?,?,?,?,?,?,?)")
            .text(user.access_key)
            .text(user.name)
            .text(user.role)
            .blob(user.sealed_secret)
            .text(user.token_sha256)
            .number(user.expires)
            .text(user.bounds)
            .run());
    return {};
  });
}

Result<bool> Store::remove_user(const std::string& name) {
  Lock lock(mutex_);
  return TRY(statement("DELETE FROM users WHERE name = ?").text(name).run()) > 0;
}

Result<std::optional<User>> Store::user(const std::string& access_key) {
  Lock lock(mutex_);
  auto rows = TRY(statement("SELECT * FROM users WHERE access_key = ?").text(access_key).rows());
  return rows.empty() ? std::optional<User>() : std::optional<User>(read_user(rows[0]));
}

Result<std::vector<User>> Store::users() {
  Lock lock(mutex_);
  std::vector<User> found;
  for (Row& row : TRY(statement("SELECT * FROM users ORDER BY name").rows())) found.push_back(read_user(row));
  return found;
}

}  // namespace server
