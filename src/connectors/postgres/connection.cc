// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/connection.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace postgres {
namespace {

using base::Error;
using base::failed;
using base::Result;
using Steady = std::chrono::steady_clock;

// Given in the start-up packet, where they win over what ALTER ROLE and ALTER DATABASE have set. row_security off makes
// a policy that would hide rows an error. lc_monetary C keeps money exact whatever the server's locale.
constexpr std::string_view session_settings =
    "-c datestyle=ISO,YMD -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 -c bytea_output=hex "
    "-c search_path=pg_catalog -c standard_conforming_strings=on -c row_security=off -c lc_monetary=C "
    "-c xmloption=content -c quote_all_identifiers=off -c client_min_messages=warning -c jit=off "
    "-c default_transaction_isolation=read\\ committed -c default_transaction_deferrable=off "
    "-c idle_in_transaction_session_timeout=0";

std::string options_text(const ConnectionSettings& settings) {
  return fmt::format("{} -c statement_timeout={} -c lock_timeout={}", session_settings, settings.statement_timeout_ms,
                     settings.lock_timeout_ms);
}

Result<std::string> libpq_ssl_mode(const std::string& mode) {
  if (mode.empty() || mode == "none") return std::string("disable");
  if (mode == "require" || mode == "verify-ca" || mode == "verify-full") return mode;
  return failed(errors::tls_failed, "SslMode {}: not one of none, require, verify-ca, verify-full", mode);
}

constexpr const char* system_certificates = "/etc/ssl/certs/ca-certificates.crt";

// Waits for the socket, at most that long. Returns poll()'s revents (0: time is over).
int wait_socket(int socket, short events, int at_most_ms) {
  if (socket < 0) return POLLERR;
  pollfd one{socket, events, 0};
  const int ready = ::poll(&one, 1, at_most_ms);
  return ready > 0 ? one.revents : 0;
}

std::uint64_t tag_count(PGresult* result) {
  const char* text = PQcmdTuples(result);
  std::uint64_t count = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), count);
  return count;
}

bool is_success(ExecStatusType status) {
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

void ignore_notice(void*, const PGresult*) {}

}  // namespace

Result<Connection> Connection::open(const ConnectionSettings& settings, Purpose purpose, std::stop_token stop) {
  Connection connection;
  connection.name_ = fmt::format("server {}:{} database {}", settings.host, settings.port, settings.database);
  connection.replication_ = purpose == Purpose::replication;
  TRY(connection.connect(settings, purpose, stop));
  const int version = connection.server_version();
  std::string later;  // settings that older servers refuse at start-up
  if (version >= 140000) later += "SET idle_session_timeout = 0;";
  if (version >= 170000) later += "SET transaction_timeout = 0;";
  if (!later.empty()) TRY(connection.execute(later, stop));
  return connection;
}

Result<void> Connection::connect(const ConnectionSettings& settings, Purpose purpose, const std::stop_token& stop) {
  const std::string port = std::to_string(settings.port);
  const std::string options = options_text(settings);
  const std::string ssl_mode = TRY(libpq_ssl_mode(settings.ssl_mode));
  const bool verifies = ssl_mode.starts_with("verify");
  const std::string certificate =
      !settings.ssl_root_certificate.empty() ? settings.ssl_root_certificate : (verifies ? system_certificates : "");
  const std::array keys = {"host",
                           "port",
                           "user",
                           "password",
                           "dbname",
                           "sslmode",
                           "sslrootcert",
                           "options",
                           "client_encoding",
                           "application_name",
                           "gssencmode",
                           "keepalives_idle",
                           "tcp_user_timeout",
                           purpose == Purpose::replication ? "replication" : nullptr,
                           static_cast<const char*>(nullptr)};
  const std::array values = {settings.host.c_str(),
                             port.c_str(),
                             settings.user.c_str(),
                             settings.password.c_str(),
                             settings.database.c_str(),
                             ssl_mode.c_str(),
                             certificate.c_str(),
                             options.c_str(),
                             "UTF8",
                             settings.application_name.c_str(),
                             "disable",
                             "30",
                             "60000",
                             purpose == Purpose::replication ? "database" : nullptr,
                             static_cast<const char*>(nullptr)};
  connection_.reset(PQconnectStartParams(keys.data(), values.data(), 0));
  ENSURE(connection_ != nullptr);
  PQsetErrorVerbosity(raw(), PQERRORS_VERBOSE);  // so that the message of a refusal carries its SQLSTATE
  PQsetNoticeReceiver(raw(), ignore_notice, nullptr);
  const auto deadline = Steady::now() + std::chrono::seconds(std::max(1, settings.connect_timeout_seconds));
  PostgresPollingStatusType wish = PGRES_POLLING_WRITING;
  while (wish != PGRES_POLLING_OK) {
    if (wish == PGRES_POLLING_FAILED || PQstatus(raw()) == CONNECTION_BAD) {
      return link_error(PQerrorMessage(raw()), true, name_);
    }
    if (stop.stop_requested()) return failed(base::errors::canceled, "stopped while connecting to {}", name_);
    if (Steady::now() > deadline) {
      return failed(errors::unreachable, "{}: no answer within {} s", name_, settings.connect_timeout_seconds);
    }
    if (wait_socket(socket(), wish == PGRES_POLLING_READING ? POLLIN : POLLOUT, stop_step_max_ms) == 0) continue;
    wish = PQconnectPoll(raw());
  }
  PQsetErrorVerbosity(raw(), PQERRORS_DEFAULT);
  PQsetErrorContextVisibility(raw(), PQSHOW_CONTEXT_NEVER);
  if (PQsetnonblocking(raw(), 1) != 0) return lost("connect");
  cancel_.reset(PQgetCancel(raw()));
  return {};
}

Error Connection::lost(std::string_view doing) {
  last_sqlstate_.clear();
  return link_error(PQerrorMessage(raw()), false, fmt::format("{}: {}", name_, doing));
}

Error Connection::refused(const PGresult* result, std::string_view doing) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  last_sqlstate_ = state == nullptr ? "" : state;
  return server_error(result, fmt::format("{}: {}", name_, doing));
}

Result<void> Connection::flush(const std::stop_token& stop) {
  while (true) {
    const int left = PQflush(raw());
    if (left == 0) return {};
    if (left < 0) return lost("send");
    const int ready = wait_socket(socket(), POLLIN | POLLOUT, stop_step_max_ms);
    if ((ready & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(raw()) == 0) return lost("send");
    if (stop.stop_requested()) {
      cancel();
      return failed(base::errors::canceled, "stopped while sending to {}", name_);
    }
  }
}

Result<ResultPtr> Connection::next_result(const std::stop_token& stop) {
  bool has_canceled = false;
  while (PQisBusy(raw()) != 0) {
    if (PQflush(raw()) < 0) return lost("send");
    if (!has_canceled && stop.stop_requested()) {
      cancel();
      has_canceled = true;
    }
    if (wait_socket(socket(), POLLIN, stop_step_max_ms) == 0) continue;
    if (PQconsumeInput(raw()) == 0) return lost("read");
  }
  return ResultPtr(PQgetResult(raw()));
}

Result<ResultPtr> Connection::collect(const std::stop_token& stop, std::string_view doing) {
  ResultPtr last;
  std::optional<Error> error;
  while (true) {
    ResultPtr one = TRY(next_result(stop));
    if (one == nullptr) break;
    const ExecStatusType status = PQresultStatus(one.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      return one;
    }
    if (!is_success(status) && !error) error = refused(one.get(), doing);
    last = std::move(one);
    if (is_broken()) break;
  }
  if (error) {
    if (stop.stop_requested() && last_sqlstate_ == "57014") {
      return failed(base::errors::canceled, "stopped at {}: {}", name_, doing);
    }
    return std::move(*error);
  }
  if (last == nullptr) return lost(doing);
  return last;
}

// What a statement does, for messages: its first words, never its literals.
static std::string doing_of(const std::string& sql) {
  std::string words = sql.substr(0, std::min<std::size_t>(sql.find_first_of("('$;\n"), 80));
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words.empty() ? "statement" : words;
}

Result<void> Connection::send(const std::string& sql, const Parameters& parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  const int sent = replication_ || parameters.empty()
                       ? PQsendQuery(raw(), sql.c_str())
                       : PQsendQueryParams(raw(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                                           nullptr, nullptr, 0);
  if (sent == 0) return lost(doing_of(sql));
  return flush({});
}

Result<ResultPtr> Connection::finish(std::stop_token stop) { return collect(stop, "statement"); }

Result<std::uint64_t> Connection::execute(const std::string& sql, std::stop_token stop) {
  TRY(send(sql));
  const ResultPtr result = TRY(collect(stop, doing_of(sql)));
  return tag_count(result.get());
}

Result<Rows> Connection::query(const std::string& sql, const Parameters& parameters, std::stop_token stop) {
  TRY(send(sql, parameters));
  const ResultPtr result = TRY(collect(stop, doing_of(sql)));
  const int columns = PQnfields(result.get());
  Rows rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    Row& cells = rows[static_cast<std::size_t>(row)];
    cells.resize(static_cast<std::size_t>(columns));
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result.get(), row, column) != 0) continue;
      cells[static_cast<std::size_t>(column)].emplace(PQgetvalue(result.get(), row, column),
                                                      static_cast<std::size_t>(PQgetlength(result.get(), row, column)));
    }
  }
  return rows;
}

Result<std::optional<std::string>> Connection::query_value(const std::string& sql, const Parameters& parameters,
                                                           std::stop_token stop) {
  Rows rows = TRY(query(sql, parameters, stop));
  if (rows.empty() || rows[0].empty()) return std::optional<std::string>();
  return std::move(rows[0][0]);
}

Result<void> Connection::begin_copy(const std::string& sql, ExecStatusType expected, const std::stop_token& stop) {
  copied_rows_ = 0;
  TRY(send(sql));
  const ResultPtr result = TRY(collect(stop, doing_of(sql)));
  if (PQresultStatus(result.get()) != expected) {
    return failed(errors::protocol_broken, "{}: the server did not begin the COPY", name_);
  }
  return {};
}

Result<void> Connection::copy_out(const std::string& sql, std::stop_token stop) {
  return begin_copy(sql, PGRES_COPY_OUT, stop);
}

Result<std::optional<std::string_view>> Connection::copy_out_try() {
  using Message = std::optional<std::string_view>;
  char* buffer = nullptr;
  int size = PQgetCopyData(raw(), &buffer, 1);
  if (size == 0) {
    if (PQconsumeInput(raw()) == 0) return lost("COPY");
    size = PQgetCopyData(raw(), &buffer, 1);
  }
  copy_buffer_.reset(buffer);
  if (size > 0) return Message(std::string_view(buffer, static_cast<std::size_t>(size)));
  if (size == 0) return Message(std::string_view());
  if (size == -2) return lost("COPY");
  const ResultPtr result = TRY(collect({}, "COPY"));
  copied_rows_ = tag_count(result.get());
  return Message();
}

Result<std::optional<std::string_view>> Connection::copy_out_next(std::stop_token stop) {
  while (true) {
    std::optional<std::string_view> message = TRY(copy_out_try());
    if (!message || !message->empty()) return message;
    if (stop.stop_requested()) {
      cancel();
      while (true) {  // drained, so that the session can be used again
        auto rest = copy_out_try();
        if (!rest.ok() || !*rest) break;
        if ((*rest)->empty() && !TRY(wait_readable(std::chrono::seconds(10)))) break;
      }
      return failed(base::errors::canceled, "stopped while reading from {}", name_);
    }
    TRY(wait_readable(std::chrono::milliseconds(stop_step_max_ms)));
  }
}

Result<void> Connection::copy_in(const std::string& sql, std::stop_token stop) {
  return begin_copy(sql, PGRES_COPY_IN, stop);
}

Result<void> Connection::copy_in_write(std::string_view bytes, std::stop_token stop) {
  constexpr std::size_t piece_max = 1 << 20;  // keeps libpq's own buffer small
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_max);
    if (PQputCopyData(raw(), piece.data(), static_cast<int>(piece.size())) != 1) {
      // The server may have refused meanwhile: its own words are better than libpq's.
      if (!is_broken() && PQputCopyEnd(raw(), "failed") == 1) TRY(collect(stop, "COPY"));
      return lost("COPY");
    }
    TRY(flush(stop));
    bytes.remove_prefix(piece.size());
  }
  return {};
}

Result<std::uint64_t> Connection::copy_in_finish(std::stop_token stop) {
  if (PQputCopyEnd(raw(), nullptr) != 1) {
    TRY(collect(stop, "COPY"));
    return lost("COPY");
  }
  TRY(flush(stop));
  const ResultPtr result = TRY(collect(stop, "COPY"));
  copied_rows_ = tag_count(result.get());
  return copied_rows_;
}

Result<void> Connection::copy_in_abort(const std::string& reason) {
  if (PQputCopyEnd(raw(), reason.c_str()) != 1) return lost("COPY");
  const auto outcome = collect({}, "COPY");
  if (!outcome.ok() && is_broken()) return lost("COPY");
  return {};
}

Result<void> Connection::copy_both(const std::string& sql, std::stop_token stop) {
  return begin_copy(sql, PGRES_COPY_BOTH, stop);
}

Result<void> Connection::both_write(std::string_view bytes) {
  if (PQputCopyData(raw(), bytes.data(), static_cast<int>(bytes.size())) != 1) return lost("send");
  // The server reads our few bytes even while it is sending; what does not fit now goes with the next read.
  if (PQflush(raw()) < 0) return lost("send");
  return {};
}

Result<void> Connection::copy_both_end(std::stop_token stop) {
  if (PQputCopyEnd(raw(), nullptr) != 1) return lost("end of replication");
  TRY(flush(stop));
  while (true) {
    std::optional<std::string_view> message = TRY(copy_out_try());
    if (!message) return {};
    if (!message->empty()) continue;
    if (stop.stop_requested()) return failed(base::errors::canceled, "stopped at {}", name_);
    TRY(wait_readable(std::chrono::milliseconds(stop_step_max_ms)));
  }
}

void Connection::keep_receive_window() const {
  constexpr std::uint32_t near_micros_max = 1000;
  constexpr int window_bytes = 64 << 10;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;  // no TCP
  // The shortest: answers that the kernel held back (40 ms) are in the smoothed one.
  if (info.tcpi_min_rtt <= near_micros_max) {
    ::setsockopt(socket(), SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof window_bytes);
  }
}

Result<bool> Connection::wait_readable(std::chrono::milliseconds at_most) {
  if (PQflush(raw()) < 0) return lost("send");
  const int ready = wait_socket(socket(), POLLIN, static_cast<int>(at_most.count()));
  return ready != 0;
}

void Connection::cancel() const {
  std::array<char, 256> ignored{};
  if (cancel_ != nullptr) PQcancel(cancel_.get(), ignored.data(), static_cast<int>(ignored.size()));
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    if (c != '\0') quoted += c;
  }
  return quoted + '"';
}

std::string quote_literal(std::string_view text) {
  std::string quoted = text.find('\\') == std::string_view::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    if (c != '\0') quoted += c;
  }
  return quoted + '\'';
}

std::string quote_name(std::string_view schema, std::string_view name) {
  return quote_identifier(schema) + "." + quote_identifier(name);
}

}  // namespace postgres
