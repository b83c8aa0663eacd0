// SPDX-License-Identifier: Apache-2.0
//
// Everything that the server must remember, behind atomic commits: resources of the API (endpoints, tasks...), their
// tags and references, events, access keys. A commit that returned is durable; one that failed changed nothing.
//
// A file, or a schema of a PostgreSQL server (database.h). Several processes may read it and add access keys; only the
// owner commits resources: opening for ownership raises an epoch, and a commit under an older epoch is refused
// (server.store_taken). Where servers of several machines could share it, the owner holds a lease, which it renews, and
// another one is refused until the lease has ended (server.store_in_use). A server is the same as before when its data
// directory is: the lock on it says that the earlier process is gone.
// All methods may be called from any thread. Whoever reads, decides and then commits holds `deciding` meanwhile, so
// that two decisions never rest on the same state.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread.h"
#include "server/database.h"

namespace server {

using nlohmann::json;

struct Resource {
  std::string kind;  // "endpoint": the type in its ARN, or a word of ours
  std::string id;    // unique within its kind, in lower case; lists are in its order
  std::string arn;
  std::string state;                                    // in the API's word: what the supervisor looks for
  json shown = json::object();                          // as the API answers it
  json inner = json::object();                          // what only the server needs
  std::string sealed;                                   // secrets, see seal.h
  std::optional<std::vector<std::string>> refers_to{};  // ARNs; nullopt: as they are stored
};

struct Event {
  base::WallMicros time = 0;
  std::string source_type;  // "replication-task"
  std::string source_id;
  std::string category;  // "state change"
  std::string message;
  std::int64_t number = 0;  // given by the store, growing
};

struct User {
  std::string access_key;
  std::string name;
  std::string role;  // "administrator", "operator", "reader"
  std::string sealed_secret;
  std::string token_sha256;      // of the session token; empty: none
  base::WallMicros expires = 0;  // 0: never
  std::string bounds = "";       // see bounds.h; empty: none
};

// Applied as one, in this order.
struct Change {
  std::vector<std::pair<std::string, std::string>> removed;  // (kind, id), with tags and references
  std::vector<Resource> put;
  std::vector<std::pair<std::string, std::map<std::string, std::string>>> tags;  // arn -> all its tags
  std::vector<Event> events;
};

// Rows whose member (of `shown`; "$arn" and "$id" are the columns) is one of the values. Members are names of ours,
// never text from outside.
struct Filter {
  std::string member;
  std::vector<std::string> values;
};

struct Owner {
  std::string id;     // of the data directory
  std::string place;  // in words: which machine and folder
};

class Store {
 public:
  // No owner: to read, and to add access keys. All secrets are sealed under one key: another one is server.bad_key.
  static base::Result<std::unique_ptr<Store>> open(std::unique_ptr<Database> database, const std::string& key_mark,
                                                   const std::optional<Owner>& owner);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  base::Result<std::optional<Resource>> find(const std::string& kind, const std::string& id);
  base::Result<std::optional<Resource>> find_arn(const std::string& arn);
  // In the order of ids, behind `after`, at most `limit`.
  base::Result<std::vector<Resource>> list(const std::string& kind, const std::vector<Filter>& filters,
                                           const std::string& after, std::size_t limit);
  base::Result<std::vector<Resource>> in_state(const std::string& kind, const std::vector<std::string>& states);
  // Those of that kind that refer to the ARN.
  base::Result<std::vector<Resource>> referring(const std::string& kind, const std::string& arn);
  base::Result<std::size_t> count(const std::string& kind);
  base::Result<std::map<std::string, std::string>> tags(const std::string& arn);
  base::Result<std::vector<Event>> events(base::WallMicros from, base::WallMicros until);
  base::Result<std::vector<Event>> events_behind(std::int64_t number, std::size_t limit);
  base::Result<std::int64_t> last_event();  // its number; 0: none
  base::Result<void> commit(const Change& change);
  // The owner's lease; to be renewed every few seconds.
  base::Result<void> renew();
  base::Result<void> release();

  // A value made once, the first time it is asked for.
  base::Result<std::string> fact(const std::string& name, const std::function<std::string()>& make);
  base::Result<void> add_user(const User& user);
  base::Result<bool> remove_user(const std::string& name);
  base::Result<std::optional<User>> user(const std::string& access_key);
  base::Result<std::vector<User>> users();

  base::Mutex deciding;

 private:
  explicit Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  base::Result<void> check_key(const std::string& mark) REQUIRES(mutex_);
  base::Result<std::string> fact_of(const std::string& name, const std::string& otherwise) REQUIRES(mutex_);
  base::Result<void> make_tables() REQUIRES(mutex_);
  base::Result<void> take(const Owner& owner) REQUIRES(mutex_);
  base::Result<void> learn_outcome(base::Error lost) REQUIRES(mutex_);
  Statement statement(std::string sql) REQUIRES(mutex_) { return Statement(*database_, std::move(sql)); }
  base::Result<void> write_all(const Change& change) REQUIRES(mutex_);
  base::Result<void> write_resource(const Resource& resource) REQUIRES(mutex_);
  base::Result<void> remove_resource(const std::string& kind, const std::string& id) REQUIRES(mutex_);

  base::Mutex mutex_;
  const std::unique_ptr<Database> database_;
  std::int64_t epoch_ = 0;
  std::int64_t attempts_ GUARDED_BY(mutex_) = 0;  // of commits
};

}  // namespace server
