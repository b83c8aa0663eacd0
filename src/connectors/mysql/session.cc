// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/session.h"

#include <algorithm>
#include <charconv>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/target_errors.h"

namespace mysql {
namespace {

constexpr std::size_t idle_sessions_max = 16;
constexpr std::size_t statement_bytes_max = 4u << 20;  // longer ones are not faster
constexpr unsigned int table_changed = 1412;           // since the transaction began
constexpr std::size_t packet_margin = 1024;            // of the protocol around a statement

// What every writing session sets. Foreign keys: the source has kept them, its cascades come as changes, and rows come
// in any order. Notes would make a clean load look unclean.
constexpr std::string_view writing_settings =
    "SET SESSION foreign_key_checks = 0, sql_notes = 0, innodb_lock_wait_timeout = 60, lock_wait_timeout = 60";

}  // namespace

std::optional<std::uint64_t> figure_of(std::string_view info, std::string_view word) {
  const std::size_t at = info.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = info.substr(at + word.size());
  while (!rest.empty() && (rest.front() == ':' || rest.front() == ' ')) rest.remove_prefix(1);
  std::uint64_t figure = 0;
  const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), figure);
  if (code != std::errc()) return std::nullopt;
  return figure;
}

base::Result<std::unique_ptr<Session>> Session::open(const ConnectionSettings& settings, std::stop_token stop) {
  std::unique_ptr<Session> session(new Session(TRY(Connection::open(settings, stop))));
  session->obey(std::move(stop));  // before it asks the server anything
  TRY(session->prepare());
  return session;
}

base::Result<void> Session::prepare() {
  TRY(run(std::string(writing_settings), "session"));
  const Rows rows = TRY(query(
      "SELECT @@max_allowed_packet, @@local_infile, @@binlog_format, @@log_bin, @@sql_mode, @@character_set_client",
      "session"));
  const Row& row = rows.at(0);
  // Values stand in statements as literals: their quotes must mean what we mean, and nothing may be bent to fit.
  const std::string mode = text_at(row, 4);
  const auto has = [&](std::string_view word) { return mode.find(word) != std::string::npos; };
  if (!has("STRICT_ALL_TABLES") || has("NO_BACKSLASH_ESCAPES") || has("ANSI_QUOTES") || text_at(row, 5) != "utf8mb4") {
    return base::failed(target_errors::session_settings, "{}: sql_mode is {}, character_set_client {}",
                        connection_.name(), mode, text_at(row, 5));
  }
  packet_bytes_ = static_cast<std::size_t>(std::max<std::int64_t>(number_at(row, 0), 65536)) - packet_margin;
  statement_bytes_ = std::min(packet_bytes_ / 2, statement_bytes_max);
  takes_files_ = text_at(row, 1) == "1" || text_at(row, 1) == "ON";
  // Less locks in the way of others. A log of statements cannot be written under it.
  if (text_at(row, 3) == "0" || text_at(row, 2) != "STATEMENT") {
    TRY(run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "session"));
  }
  // Each server knows some of these. Long lists of keys are read by the key's index, not by their statistics; a
  // timestamp is what it is declared as.
  for (const char* setting : {"range_optimizer_max_mem_size = 0", "eq_range_index_dive_limit = 1",
                              "in_predicate_conversion_threshold = 0", "explicit_defaults_for_timestamp = 1"}) {
    TRY(attempt(std::string("SET SESSION ") + setting));
  }
  return {};
}

bool Session::in_transaction() const { return (connection_.raw()->server_status & SERVER_STATUS_IN_TRANS) != 0; }

base::Result<Refusal> Session::refusal_of(base::Error error) {
  const bool passes = error.kind() == base::Kind::transient || error.kind() == base::Kind::canceled;
  if (connection_.last_errno() == table_changed && !connection_.is_broken()) {
    return base::failed(errors::conflict, "{}: a table changed meanwhile", connection_.name())
        .because(std::move(error));
  }
  if (connection_.is_broken() || passes) return error;
  return Refusal{connection_.last_errno(), connection_.last_message(), std::move(error)};
}

base::Result<void> Session::run(const std::string& sql, std::string_view doing) {
  base::Result<std::uint64_t> done = connection_.execute(sql, stop_);
  if (done.ok()) return {};
  const base::Code& code = *done.error().code;
  return base::failed(code, "{}", doing).because(done.take_error());
}

base::Result<Rows> Session::query(const std::string& sql, std::string_view doing) {
  base::Result<Rows> rows = connection_.query(sql, stop_);
  if (rows.ok()) return rows;
  const base::Code& code = *rows.error().code;
  return base::failed(code, "{}", doing).because(rows.take_error());
}

base::Result<Outcome> Session::attempt(const std::string& sql) {
  Outcome outcome;
  base::Result<std::uint64_t> done = connection_.execute(sql, stop_);
  if (done.ok()) {
    outcome.rows = *done;
  } else {
    outcome.refusal = TRY(refusal_of(done.take_error()));
  }
  return outcome;
}

base::Result<Session::Loaded> Session::load(const std::string& sql, std::string_view bytes) {
  Loaded loaded;
  std::string info;
  const auto read = [&bytes](char* buffer, std::size_t size) {
    const std::size_t part = std::min(size, bytes.size());
    std::copy_n(bytes.data(), part, buffer);
    bytes.remove_prefix(part);
    return part;
  };
  base::Result<std::uint64_t> done = connection_.load_local(sql, read, info, stop_);
  if (!done.ok()) {
    loaded.refusal = TRY(refusal_of(done.take_error()));
    return loaded;
  }
  loaded.rows = *done;
  loaded.clean = figure_of(info, "Records") == loaded.rows && figure_of(info, "Skipped") == 0u &&
                 figure_of(info, "Warnings") == 0u && bytes.empty();
  return loaded;
}

void Session::send(std::string sql, bool upsert) {
  queued_bytes_ += sql.size();
  sent_.push_back({std::move(sql), upsert});
}

base::Result<std::vector<Outcome>> Session::sync() {
  const std::vector<Sent> sent = std::exchange(sent_, {});
  queued_bytes_ = 0;
  std::vector<Outcome> outcomes;
  std::vector<std::string> together;
  std::size_t bytes = 0;
  bool good = true;
  for (const Sent& one : sent) {
    if (one.sql.size() > packet_bytes_) {
      return base::failed(errors::packet_too_large, "a statement of {} bytes, and max_allowed_packet is {}",
                          one.sql.size(), packet_bytes_ + packet_margin);
    }
    if (one.upsert || bytes + one.sql.size() + 1 > packet_bytes_) {
      good = good && TRY(run_together(together, outcomes));
      bytes = 0;
    }
    if (one.upsert) {
      good = good && TRY(run_upsert(one.sql, outcomes));
    } else {
      bytes += one.sql.size() + 1;
      together.push_back(one.sql);
    }
    if (!good) break;
  }
  if (good) TRY(run_together(together, outcomes));
  while (outcomes.size() < sent.size()) outcomes.push_back({0, true, std::nullopt});
  return outcomes;
}

base::Result<bool> Session::run_together(std::vector<std::string>& statements, std::vector<Outcome>& outcomes) {
  if (statements.empty()) return true;
  const std::vector<std::string> sql = std::exchange(statements, {});
  base::Result<std::vector<std::uint64_t>> counts = connection_.execute_all(sql, stop_);
  if (counts.ok()) {
    for (const std::uint64_t rows : *counts) outcomes.push_back({rows, false, std::nullopt});
    return true;
  }
  const std::size_t failed = connection_.failed_statement();
  Refusal refusal = TRY(refusal_of(counts.take_error()));
  for (std::size_t i = 0; i < sql.size(); ++i) outcomes.push_back({0, true, std::nullopt});
  Outcome& outcome = outcomes[outcomes.size() - sql.size() + std::min(failed, sql.size() - 1)];
  outcome.skipped = false;
  outcome.refusal = std::move(refusal);
  return false;
}

base::Result<bool> Session::run_upsert(const std::string& sql, std::vector<Outcome>& outcomes) {
  Outcome outcome = TRY(attempt(sql));
  const char* const info = mysql_info(connection_.raw());
  if (!outcome.refusal) outcome.rows = figure_of(info == nullptr ? "" : info, "Duplicates").value_or(0);
  outcomes.push_back(std::move(outcome));
  return !outcomes.back().refusal;
}

base::Result<std::unique_ptr<Session>> SessionPool::take(const std::stop_token& stop) {
  const auto idle = [this]() -> std::unique_ptr<Session> {
    base::Lock lock(mutex_);
    if (idle_.empty()) return nullptr;
    std::unique_ptr<Session> session = std::move(idle_.back());
    idle_.pop_back();
    return session;
  };
  while (std::unique_ptr<Session> session = idle()) {
    session->obey(stop);
    if (session->attempt("DO 0").ok()) return session;  // it may have been cut meanwhile
  }
  return Session::open(settings_, stop);
}

void SessionPool::give_back(std::unique_ptr<Session> session) {
  session->obey({});
  if (session->broken() || session->in_transaction()) return;
  base::Lock lock(mutex_);
  if (idle_.size() < idle_sessions_max) idle_.push_back(std::move(session));
}

}  // namespace mysql
