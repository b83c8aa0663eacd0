// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/session.h"

#include <cstdlib>

#include "connectors/postgres/errors.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/target_errors.h"

namespace postgres {
namespace {

constexpr std::size_t statements_max = 200;  // prepared on one connection; then the cache starts anew
constexpr Oid text_array_oid = 1009;
constexpr std::uint32_t text_oid = 25;

// What every session sets first: text forms that mean the same everywhere, and no hidden limits.
constexpr std::string_view first_settings =
    "SET client_encoding = 'UTF8'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; "
    "SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content'; SET lc_monetary = 'C'; "
    "SET search_path = pg_catalog; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
    "SET standard_conforming_strings = on; SET row_security = off; SET default_transaction_isolation = 'read "
    "committed'; "
    "SET default_transaction_read_only = off; SET synchronous_commit = on; SET client_min_messages = error";

void put32(std::string& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(value >> (24 - 8 * i));
}

void append32(std::string& out, std::uint32_t value) {
  out.append(4, '\0');
  put32(out, out.size() - 4, value);
}

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

// What means something else here than on any server: a table that is gone concerns that table only.
const base::Code& code_of(const std::string& state) {
  if (state == "42P01" || state == "42703" || state == "42704" || state == "3F000")
    return target_errors::missing_object;
  if (state == "2BP01") return target_errors::dependents;
  return code_of_sqlstate(state);
}

// Messages of these classes quote values of rows: only the state is said.
bool may_quote_values(const std::string& state) { return state.starts_with("22") || state.starts_with("P0"); }

}  // namespace

void TextArray::clear() {
  bytes_.assign(20, '\0');
  count_ = 0;
  has_null_ = false;
}

void TextArray::add(std::string_view value) {
  append32(bytes_, static_cast<std::uint32_t>(value.size()));
  bytes_.append(value);
  ++count_;
}

void TextArray::add_null() {
  append32(bytes_, 0xffffffffu);
  has_null_ = true;
  ++count_;
}

std::string_view TextArray::binary() {
  put32(bytes_, 0, 1);
  put32(bytes_, 4, has_null_ ? 1 : 0);
  put32(bytes_, 8, text_oid);
  put32(bytes_, 12, count_);
  put32(bytes_, 16, 1);
  return bytes_;
}

SessionSettings session_settings(const connect::Options& options, const std::string& application) {
  SessionSettings settings;
  const auto add = [&](const char* keyword, std::string value) {
    if (!value.empty()) settings.parameters.emplace_back(keyword, std::move(value));
  };
  const std::string host = connection_member(options, "ServerName");
  const std::string port = connection_member(options, "Port");
  const std::string database = connection_member(options, "DatabaseName");
  add("host", host);
  add("port", port);
  add("dbname", database);
  add("user", connection_member(options, "Username"));
  add("password", connection_member(options, "Password"));
  const std::string& mode = options.text(option::ssl_mode);
  add("sslmode", mode == "none" ? "disable" : mode);
  add("sslrootcert", options.text(option::ssl_root_certificate));
  add("connect_timeout", options.text(option::connection_timeout));
  add("application_name", application);
  add("client_encoding", "UTF8");
  add("keepalives_idle", "30");
  add("tcp_user_timeout", "60000");
  settings.after_connect = options.text(option::after_connect_script);
  settings.where = fmt::format("{}:{}/{}", host, port, database);
  return settings;
}

base::Result<std::unique_ptr<Session>> Session::open(const SessionSettings& settings) {
  std::unique_ptr<Session> session(new Session());
  session->where_ = settings.where;
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : settings.parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  session->connection_ = PQconnectdbParams(keywords.data(), values.data(), 0);
  if (session->broken()) {
    return link_error(PQerrorMessage(session->connection_), true, "target " + settings.where);
  }
  PQsetNoticeProcessor(
      session->connection_, [](void*, const char*) {}, nullptr);
  PQsetErrorVerbosity(session->connection_, PQERRORS_TERSE);
  TRY(session->run(std::string(first_settings), "session settings"));
  // A statement that waits for a lock ends with the process it works for.
  if (PQserverVersion(session->connection_) >= 140000) {
    const Outcome checked = session->attempt("SET client_connection_check_interval = '2s'");
    if (checked.refusal && session->broken()) return session->error_of(*checked.refusal, "session settings");
  }
  if (!settings.after_connect.empty()) TRY(session->run(settings.after_connect, "AfterConnectScript"));
  return session;
}

Session::~Session() {
  if (connection_ != nullptr) PQfinish(connection_);
}

base::Error Session::error_of(const Refusal& refusal, std::string_view doing) const {
  if (refusal.state.empty()) {
    return base::failed(errors::connection_lost, "{} ({}): {}", doing, where_, refusal.message);
  }
  const std::string text = may_quote_values(refusal.state) ? "" : ": " + refusal.message;
  return base::failed(code_of(refusal.state), "{} ({}): SQLSTATE {}{}", doing, where_, refusal.state, text);
}

Outcome Session::outcome_of(PGresult* result) const {
  Outcome outcome;
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_TUPLES_OK: {
      outcome.rows = std::strtoull(PQcmdTuples(result), nullptr, 10);
      const int rows = PQntuples(result), fields = PQnfields(result);
      for (int row = 0; row < rows; ++row) {
        Row& line = outcome.result.emplace_back();
        for (int column = 0; column < fields; ++column) {
          if (PQgetisnull(result, row, column)) {
            line.emplace_back();
          } else {
            line.emplace_back(std::string(PQgetvalue(result, row, column),
                                          static_cast<std::size_t>(PQgetlength(result, row, column))));
          }
        }
      }
      break;
    }
    case PGRES_PIPELINE_ABORTED: outcome.skipped = true; break;
    default:
      outcome.refusal = Refusal{field(result, PG_DIAG_SQLSTATE), field(result, PG_DIAG_MESSAGE_PRIMARY),
                                field(result, PG_DIAG_CONSTRAINT_NAME)};
      if (outcome.refusal->message.empty()) outcome.refusal->message = one_line(PQerrorMessage(connection_));
      if (broken()) outcome.refusal->state.clear();
  }
  return outcome;
}

// Reads results up to the end of the query; the first refusal, else the last result, counts.
Outcome Session::drain() {
  Outcome last;
  while (PGresult* result = PQgetResult(connection_)) {
    const ExecStatusType status = PQresultStatus(result);
    Outcome one = outcome_of(result);
    PQclear(result);
    if (!last.refusal) last = std::move(one);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) break;
  }
  if (broken() && !last.refusal) last.refusal = Refusal{"", one_line(PQerrorMessage(connection_)), ""};
  return last;
}

Outcome Session::attempt(const std::string& sql, const std::vector<std::optional<std::string>>& parameters) {
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  const int sent = PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                                     nullptr, nullptr, 0);
  if (sent == 0) {
    Outcome failed;
    failed.refusal = Refusal{"", one_line(PQerrorMessage(connection_)), ""};
    return failed;
  }
  return drain();
}

base::Result<void> Session::run(const std::string& sql, std::string_view doing) {
  Outcome outcome;
  if (PQsendQuery(connection_, sql.c_str()) == 0) {
    outcome.refusal = Refusal{"", one_line(PQerrorMessage(connection_)), ""};
  } else {
    outcome = drain();
  }
  if (outcome.refusal) return error_of(*outcome.refusal, doing);
  return {};
}

base::Result<std::vector<Row>> Session::query(const std::string& sql,
                                              const std::vector<std::optional<std::string>>& parameters,
                                              std::string_view doing) {
  Outcome outcome = attempt(sql, parameters);
  if (outcome.refusal) return error_of(*outcome.refusal, doing);
  return std::move(outcome.result);
}

void Session::enter_pipeline() {
  if (PQpipelineStatus(connection_) == PQ_PIPELINE_OFF && PQenterPipelineMode(connection_) == 0) send_failed_ = true;
}

// The name under which the statement is (being) prepared.
const std::string& Session::statement(const std::string& sql) {
  const auto found = prepared_.find(sql);
  if (found != prepared_.end()) return found->second;
  if (prepared_.size() >= statements_max) {
    prepared_.clear();
    if (PQsendQueryParams(connection_, "DEALLOCATE ALL", 0, nullptr, nullptr, nullptr, nullptr, 0) == 0) {
      send_failed_ = true;
    }
    expected_.push_back({true, ""});
  }
  const std::string name = "mr" + std::to_string(++statements_);
  if (PQsendPrepare(connection_, name.c_str(), sql.c_str(), 0, nullptr) == 0) send_failed_ = true;
  expected_.push_back({true, sql});
  return prepared_.emplace(sql, name).first->second;
}

void Session::send(const std::string& sql, const std::vector<std::optional<std::string>>& parameters) {
  enter_pipeline();
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                        nullptr, 0) == 0) {
    send_failed_ = true;
  }
  expected_.push_back({false, ""});
}

void Session::send_arrays(const std::string& sql, std::vector<TextArray>& arrays) {
  enter_pipeline();
  const std::string& name = statement(sql);
  std::vector<const char*> values;
  std::vector<int> lengths, formats;
  for (TextArray& array : arrays) {
    const std::string_view bytes = array.binary();
    values.push_back(bytes.data());
    lengths.push_back(static_cast<int>(bytes.size()));
    formats.push_back(1);
  }
  if (PQsendQueryPrepared(connection_, name.c_str(), static_cast<int>(values.size()), values.data(), lengths.data(),
                          formats.data(), 0) == 0) {
    send_failed_ = true;
  }
  expected_.push_back({false, ""});
}

base::Result<std::vector<Outcome>> Session::sync() {
  std::vector<Outcome> outcomes;
  if (expected_.empty() && PQpipelineStatus(connection_) == PQ_PIPELINE_OFF) return outcomes;
  if (PQpipelineSync(connection_) == 0) send_failed_ = true;
  std::optional<Outcome> preparing_failed;
  for (const Expected& expected : expected_) {
    if (send_failed_ || broken()) break;
    Outcome outcome = drain();
    if (!expected.preparing) {
      // What failed to be prepared shows at its statement.
      if (outcome.skipped && preparing_failed) {
        outcome = *preparing_failed;
        preparing_failed.reset();
      }
      outcomes.push_back(std::move(outcome));
    } else if (outcome.refusal || outcome.skipped) {
      prepared_.erase(expected.sql);
      if (outcome.refusal) preparing_failed = std::move(outcome);
    }
  }
  expected_.clear();
  if (!send_failed_ && !broken()) {
    if (PGresult* end = PQgetResult(connection_)) PQclear(end);  // PGRES_PIPELINE_SYNC
    if (PQexitPipelineMode(connection_) == 0) send_failed_ = true;
  }
  if (send_failed_ || broken()) {
    return base::failed(errors::connection_lost, "{}: {}", where_, one_line(PQerrorMessage(connection_)));
  }
  return outcomes;
}

base::Result<void> Session::copy_begin(const std::string& sql, std::string_view doing) {
  if (PQsendQuery(connection_, sql.c_str()) == 0) {
    return base::failed(errors::connection_lost, "{} ({}): {}", doing, where_, one_line(PQerrorMessage(connection_)));
  }
  PGresult* result = PQgetResult(connection_);
  if (result != nullptr && PQresultStatus(result) == PGRES_COPY_IN) {
    PQclear(result);
    return {};
  }
  const Outcome outcome = outcome_of(result);
  PQclear(result);
  drain();
  return error_of(outcome.refusal.value_or(Refusal{"", "COPY was not accepted", ""}), doing);
}

base::Result<void> Session::copy_write(std::string_view bytes) {
  constexpr std::size_t piece_max = 1u << 20;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_max);
    bytes.remove_prefix(piece.size());
    if (PQputCopyData(connection_, piece.data(), static_cast<int>(piece.size())) != 1) {
      const Outcome outcome = drain();
      return error_of(outcome.refusal.value_or(Refusal{"", one_line(PQerrorMessage(connection_)), ""}), "COPY");
    }
  }
  return {};
}

Outcome Session::copy_end() {
  PQputCopyEnd(connection_, nullptr);
  return drain();
}

void Session::copy_abandon() {
  PQputCopyEnd(connection_, "abandoned");
  drain();
}

void SessionCanceler::aim(const Session* session) {
  base::Lock lock(mutex_);
  if (cancel_ != nullptr) PQfreeCancel(cancel_);
  cancel_ = session == nullptr ? nullptr : PQgetCancel(session->connection_);
}

void SessionCanceler::request() {
  base::Lock lock(mutex_);
  char problem[256];
  if (cancel_ != nullptr) PQcancel(cancel_, problem, sizeof problem);
}

}  // namespace postgres
