// SPDX-License-Identifier: Apache-2.0
//
// A schema of a PostgreSQL server, through one session of libpq (its manual: "Connection Strings", "Command Execution
// Functions").
#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "server/database.h"
#include "server/errors.h"

namespace server {
namespace {

using base::Result;

constexpr Oid text_type = 25, blob_type = 17, number_type = 20;
constexpr std::size_t message_max = 500;

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, Clear>;
struct Finish {
  void operator()(PGconn* session) const { PQfinish(session); }
};
struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

// Every transaction takes one lock first, as SQLite's BEGIN IMMEDIATE does. Sessions that hang do not keep it.
constexpr const char* session_sql =
    "SET search_path = millrace_server; SET TimeZone = 'UTC'; SET standard_conforming_strings = on; "
    "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; "
    "SET statement_timeout = '20s'; SET idle_in_transaction_session_timeout = '20s'";
constexpr const char* begin_sql = "BEGIN; SELECT pg_advisory_xact_lock(5571849023711)";

// With $1, $2 in place of ?; texts in the statements hold no question marks.
std::string numbered(std::string_view sql) {
  std::string out;
  int number = 0;
  for (const char c : sql) {
    if (c == '?') {
      out += fmt::format("${}", ++number);
    } else {
      out += c;
    }
  }
  return out;
}

// PostgreSQL keeps no text with a zero byte or half a character.
std::string kept_text(const std::string& text) {
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  auto out = nlohmann::json::parse(nlohmann::json(text).dump(-1, ' ', false, replace)).get<std::string>();
  std::erase(out, '\0');
  return out;
}

struct Settings {
  std::vector<std::string> names, values;
};

class PostgresDatabase final : public Database {
 public:
  explicit PostgresDatabase(Settings settings) : settings_(std::move(settings)) {}

  Result<void> connect() {
    inside_ = false;
    std::vector<const char*> names, values;
    for (std::size_t i = 0; i < settings_.names.size(); ++i) {
      names.push_back(settings_.names[i].c_str());
      values.push_back(settings_.values[i].c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    session_.reset(PQconnectdbParams(names.data(), values.data(), 0));
    if (PQstatus(session_.get()) != CONNECTION_OK) return error(nullptr);
    PQsetNoticeReceiver(
        session_.get(), [](void*, const PGresult*) {}, nullptr);
    return execute(session_sql);
  }

  const Words& words() const override {
    static constexpr Words words{"TEXT COLLATE \"C\"",
                                 "BYTEA",
                                 "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
                                 "",
                                 "CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)",
                                 ""};
    return words;
  }
  std::string member_of(std::string_view column, std::string_view member) const override {
    return fmt::format("(CAST({} AS json) ->> '{}')", column, member);
  }
  bool is_shared() const override { return true; }

  Result<Answer> run(const std::string& sql, const std::vector<Value>& values) override {
    TRY(revive());
    std::vector<Oid> types;
    std::vector<std::string> kept;
    std::vector<const char*> bytes;
    std::vector<int> sizes, forms;
    for (const Value& value : values) {
      const bool is_blob = value.kind == Value::Kind::blob;
      types.push_back(is_blob ? blob_type : value.kind == Value::Kind::text ? text_type : number_type);
      kept.push_back(value.kind == Value::Kind::text ? kept_text(value.bytes) : value.bytes);
      sizes.push_back(static_cast<int>(value.bytes.size()));
      forms.push_back(is_blob ? 1 : 0);
    }
    for (const std::string& value : kept) bytes.push_back(value.c_str());
    const ResultPtr result(PQexecParams(session_.get(), numbered(sql).c_str(), static_cast<int>(values.size()),
                                        types.data(), bytes.data(), sizes.data(), forms.data(), 0));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return error(result.get());
    return answer_of(result.get());
  }
  Result<void> begin() override {
    TRY(revive());
    TRY(execute(begin_sql));
    inside_ = true;
    return {};
  }
  Result<void> commit() override {
    inside_ = false;
    const ResultPtr result(PQexec(session_.get(), "COMMIT"));
    const bool is_committed =
        PQresultStatus(result.get()) == PGRES_COMMAND_OK && std::string_view(PQcmdStatus(result.get())) == "COMMIT";
    if (is_committed) return {};
    base::Error failed = error(result.get());
    if (PQstatus(session_.get()) == CONNECTION_OK) return failed;
    return base::failed(errors::store_unclear, "{}", failed.message);
  }
  void roll_back() override {
    inside_ = false;
    if (PQstatus(session_.get()) == CONNECTION_OK) (void)execute("ROLLBACK");
  }
  // Makes the schema when it is missing: somebody else may have made it for an account that may not.
  Result<std::int64_t> version() override {
    const Answer schema = TRY(run("SELECT 1 WHERE to_regnamespace('millrace_server') IS NOT NULL", {}));
    if (schema.rows.empty()) TRY(run("CREATE SCHEMA millrace_server", {}));
    const Answer there = TRY(run("SELECT 1 WHERE to_regclass('millrace_server.facts') IS NOT NULL", {}));
    if (there.rows.empty()) return std::int64_t{0};
    Answer read = TRY(run("SELECT value FROM facts WHERE name = 'version'", {}));
    return read.rows.empty() ? 0 : read.rows[0].next_number();
  }
  Result<void> set_version(std::int64_t version) override {
    TRY(run("INSERT INTO facts VALUES ('version', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            {{Value::Kind::text, std::to_string(version)}}));
    return {};
  }

 private:
  // What is inside of a transaction is lost with its connection.
  Result<void> revive() {
    if (inside_ || (session_ != nullptr && PQstatus(session_.get()) == CONNECTION_OK)) return {};
    return connect();
  }
  Result<void> execute(const char* sql) {
    const ResultPtr result(PQexec(session_.get(), sql));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return error(result.get());
    return {};
  }
  base::Error error(const PGresult* result) const {
    std::string said = result == nullptr ? "" : PQresultErrorMessage(result);
    if (said.empty() && session_ != nullptr) said = PQerrorMessage(session_.get());
    while (!said.empty() && said.back() == '\n') said.pop_back();
    const char* host = session_ == nullptr ? nullptr : PQhost(session_.get());
    const char* name = session_ == nullptr ? nullptr : PQdb(session_.get());
    return base::failed(errors::store_failed, "PostgreSQL {} database {}: {}", host == nullptr ? "" : host,
                        name == nullptr ? "" : name, base::printable(said, message_max));
  }
  static Answer answer_of(const PGresult* result) {
    Answer answer;
    for (int i = 0; i < PQntuples(result); ++i) {
      std::vector<std::string> cells;
      for (int j = 0; j < PQnfields(result); ++j) cells.push_back(cell_of(result, i, j));
      answer.rows.emplace_back(std::move(cells));
    }
    answer.changed = std::strtoll(PQcmdTuples(const_cast<PGresult*>(result)), nullptr, 10);
    return answer;
  }
  static std::string cell_of(const PGresult* result, int row, int column) {
    const char* text = PQgetvalue(result, row, column);
    if (PQftype(result, column) != blob_type) {
      return std::string(text, static_cast<std::size_t>(PQgetlength(result, row, column)));
    }
    std::size_t size = 0;
    unsigned char* bytes = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &size);
    std::string out(reinterpret_cast<const char*>(bytes), bytes == nullptr ? 0 : size);
    PQfreemem(bytes);
    return out;
  }

  const Settings settings_;
  std::unique_ptr<PGconn, Finish> session_;
  bool inside_ = false;
};

// What the URL says, and what it leaves open: limits on waiting for a server that is gone, and the password, which is
// taken out of the environment, so that no child has it.
Result<Settings> settings_of(const std::string& url) {
  char* said = nullptr;
  const Options options(PQconninfoParse(url.c_str(), &said));
  const std::string why = said == nullptr ? "" : base::printable(said, message_max);
  PQfreemem(said);
  if (options == nullptr) return base::failed(errors::bad_usage, "--store: {}", why);
  Settings out;
  const auto set = [&](const char* name, const char* value) {
    if (value == nullptr || std::find(out.names.begin(), out.names.end(), name) != out.names.end()) return;
    out.names.emplace_back(name);
    out.values.emplace_back(value);
  };
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    set(option->keyword, option->val);
  }
  set("password", std::getenv("PGPASSWORD"));
  ::unsetenv("PGPASSWORD");
  for (const auto& [name, value] : {std::pair{"connect_timeout", "5"},
                                    {"tcp_user_timeout", "10000"},
                                    {"keepalives_idle", "10"},
                                    {"keepalives_interval", "5"},
                                    {"keepalives_count", "2"},
                                    {"application_name", "millrace server"},
                                    {"client_encoding", "UTF8"}}) {
    set(name, value);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Database>> open_postgres(const std::string& url) {
  auto database = std::make_unique<PostgresDatabase>(TRY(settings_of(url)));
  TRY(database->connect());
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace server
