// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/connection.h"

#include <errmsg.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

// The library's own header of a session's link, which leaves these two to whoever includes it.
typedef unsigned char uchar;
#define HAVE_TLS
#include <ma_pvio.h>

namespace mysql {
namespace {

using base::failed;
using base::Result;

constexpr unsigned long packet_bytes_max = 1ul << 30;
constexpr unsigned int tcp_unanswered_ms_max = 60'000;
constexpr int keepalive_idle_seconds = 30;

// Text goes in and comes out the same way whatever the server's and the account's own settings. Invalid and zero dates
// are values like others here: a source may hold them. Timeouts of the server are for people.
// The sizes of tables that the catalogue tells are a day old otherwise.
constexpr std::string_view session_sql =
    "SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, sql_mode = "
    "'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES', "
    "wait_timeout = 2147483, net_read_timeout = 3600, net_write_timeout = 3600, information_schema_stats_expiry = 0, "
    "group_concat_max_len = 16777216, sql_auto_is_null = 0, transaction_isolation = 'REPEATABLE-READ'";
constexpr std::string_view session_sql_mariadb =
    "SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, sql_mode = "
    "'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES', "
    "wait_timeout = 2147483, net_read_timeout = 3600, net_write_timeout = 3600, "
    "group_concat_max_len = 16777216, sql_auto_is_null = 0, tx_isolation = 'REPEATABLE-READ', max_statement_time = 0";

constexpr const char* system_certificates = "/etc/ssl/certs/ca-certificates.crt";
// No plugin that would send the password as it is.
constexpr const char* plugins = "mysql_native_password,caching_sha2_password,client_ed25519,sha256_password";

// The library's own set-up, once, before any thread.
struct Library {
  Library() { mysql_library_init(0, nullptr, nullptr); }
};

// A server may ask for any local file at any time. Only what load_local() offers is ever sent.
struct Upload {
  const Connection::Reader* read = nullptr;
};

int upload_begin(void** state, const char*, void* given) {
  *state = given;
  return static_cast<Upload*>(given)->read == nullptr ? 1 : 0;
}
int upload_read(void* state, char* buffer, unsigned int size) {
  const auto* upload = static_cast<Upload*>(state);
  return upload->read == nullptr ? -1 : static_cast<int>((*upload->read)(buffer, size));
}
void upload_end(void*) {}
int upload_error(void*, char* message, unsigned int size) {
  std::strncpy(message, "the server asked for a file that nobody offered", size);
  if (size > 0) message[size - 1] = '\0';
  return CR_UNKNOWN_ERROR;
}

Upload nothing_offered;

// While a session is opened nobody has its socket to shut down: the library's waits are made here, in steps.
thread_local const std::stop_token* opening_stop = nullptr;
constexpr int wait_step_ms = 50;

// More than 0: ready; 0: the time is over, or somebody wants us to stop.
int wait_in_steps(my_socket socket, my_bool is_read, int timeout_ms) {
  pollfd one{static_cast<int>(socket), static_cast<short>(is_read != 0 ? POLLIN : POLLOUT), 0};
  for (int waited = 0; timeout_ms < 0 || waited < timeout_ms; waited += wait_step_ms) {
    if (opening_stop != nullptr && opening_stop->stop_requested()) return 0;
    const int step = timeout_ms < 0 ? wait_step_ms : std::min(wait_step_ms, timeout_ms - waited);
    const int ready = ::poll(&one, 1, opening_stop == nullptr ? timeout_ms : step);
    if (ready != 0 || opening_stop == nullptr) return ready;
  }
  return 0;
}

void watch_link(int socket) {
  const int on = 1;
  const unsigned int unanswered = tcp_unanswered_ms_max;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_idle_seconds, sizeof keepalive_idle_seconds);
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof unanswered);
}

Server server_of(const char* text) {
  Server server;
  const std::string_view said = text == nullptr ? "" : text;
  server.is_mariadb = said.find("MariaDB") != std::string_view::npos;
  std::string_view digits = said;
  // Old MariaDB servers put 5.5.5- before their own version.
  if (server.is_mariadb && digits.starts_with("5.5.5-")) digits.remove_prefix(6);
  int parts[3] = {0, 0, 0};
  std::size_t at = 0;
  for (int& part : parts) {
    while (at < digits.size() && digits[at] >= '0' && digits[at] <= '9') part = part * 10 + (digits[at++] - '0');
    if (at >= digits.size() || digits[at] != '.') break;
    ++at;
  }
  server.version = parts[0] * 10000 + parts[1] * 100 + parts[2];
  server.text = fmt::format("{} {}.{}.{}", server.is_mariadb ? "MariaDB" : "MySQL", parts[0], parts[1], parts[2]);
  return server;
}

std::string quoted_with(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (const char c : text) quoted.append(c == mark ? 2 : 1, c);
  return quoted += mark;
}

}  // namespace

class Connection::Guard {
 public:
  Guard(const Connection& connection, const std::stop_token& stop)
      : callback_(stop, [&connection] { connection.cancel(); }) {}

 private:
  std::stop_callback<std::function<void()>> callback_;
};

void Connection::cancel() const {
  const my_socket socket = mysql_get_socket(connection_.get());
  if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
}

Result<Connection> Connection::open(const ConnectionSettings& settings, std::stop_token stop) {
  static const Library library;
  Connection connection;
  connection.name_ = fmt::format("server {}:{}", settings.host, settings.port);
  if (stop.stop_requested()) return failed(errors::canceled, "stopped before connecting to {}", connection.name_);
  opening_stop = &stop;
  const Result<void> connected = connection.connect(settings);
  opening_stop = nullptr;
  if (stop.stop_requested()) return failed(errors::canceled, "stopped while connecting to {}", connection.name_);
  if (!connected.ok()) return base::Error(connected.error());
  watch_link(static_cast<int>(mysql_get_socket(connection.raw())));
  TRY(connection.learn_server());
  TRY(connection.execute(connection.server_.is_mariadb ? session_sql_mariadb : session_sql, stop));
  if (!settings.after_connect.empty()) TRY(connection.execute(settings.after_connect, stop));
  return connection;
}

Result<void> Connection::connect(const ConnectionSettings& settings) {
  connection_.reset(mysql_init(nullptr));
  ENSURE(connection_ != nullptr);
  MYSQL* const session = raw();
  const auto connect_timeout = static_cast<unsigned int>(std::max(1, settings.connect_timeout_seconds));
  const auto read_timeout = static_cast<unsigned int>(settings.read_timeout_seconds);
  const unsigned int local_infile = 1;
  const bool verifies = settings.ssl_mode.starts_with("verify");
  const my_bool on = 1, verify = verifies ? 1 : 0;
  mysql_options(session, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options(session, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
  if (read_timeout > 0) mysql_options(session, MYSQL_OPT_READ_TIMEOUT, &read_timeout);
  mysql_options(session, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_bytes_max);
  mysql_options(session, MYSQL_OPT_LOCAL_INFILE, &local_infile);
  mysql_options(session, MARIADB_OPT_RESTRICTED_AUTH, plugins);
  mysql_options(session, MARIADB_OPT_IO_WAIT, reinterpret_cast<const void*>(&wait_in_steps));
  mysql_set_local_infile_handler(session, upload_begin, upload_read, upload_end, upload_error, &nothing_offered);
  mysql_options(session, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (settings.ssl_mode != "none" && !settings.ssl_mode.empty()) {
    mysql_options(session, MYSQL_OPT_SSL_ENFORCE, &on);
    const std::string& given = settings.ssl_root_certificate;
    if (verifies || !given.empty()) {
      mysql_options(session, MYSQL_OPT_SSL_CA, given.empty() ? system_certificates : given.c_str());
    }
  }
  const unsigned long flags = CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS;
  const char* const database = settings.database.empty() ? nullptr : settings.database.c_str();
  const bool is_socket = settings.host.starts_with("/");
  if (mysql_real_connect(session, is_socket ? nullptr : settings.host.c_str(), settings.user.c_str(),
                         settings.password.c_str(), database, static_cast<unsigned int>(settings.port),
                         is_socket ? settings.host.c_str() : nullptr, flags) == nullptr) {
    return failure("connect", {});
  }
  return {};
}

Result<void> Connection::learn_server() {
  server_ = server_of(mysql_get_server_info(raw()));
  return {};
}

// The message of the server may quote values of rows in some refusals: then its number alone is told.
base::Error Connection::failure(std::string_view doing, const std::stop_token& stop) {
  last_errno_ = mysql_errno(raw());
  last_message_ = mysql_error(raw());
  if (last_errno_ == CR_SERVER_GONE_ERROR || last_errno_ == CR_SERVER_LOST || last_errno_ == CR_SERVER_LOST_EXTENDED) {
    broken_ = true;
  }
  rows_.reset();
  if (stop.stop_requested()) {
    broken_ = true;
    return failed(errors::canceled, "{}: stopped", name_);
  }
  const base::Code& code = last_errno_ == 0 ? errors::protocol_broken : code_for(last_errno_);
  const std::string said = is_row_refusal(last_errno_) ? std::string("a value or row was refused") : last_message_;
  return failed(code, "{}: {}: error {}: {}", name_, doing, last_errno_, said);
}

Result<void> Connection::drain(std::vector<std::uint64_t>& counts, const std::stop_token& stop) {
  while (true) {
    std::unique_ptr<MYSQL_RES, FreeResult> result(mysql_store_result(raw()));
    if (!result && mysql_field_count(raw()) != 0) return failure("read an answer", stop);
    counts.push_back(result ? mysql_num_rows(result.get()) : mysql_affected_rows(raw()));
    const int more = mysql_next_result(raw());
    if (more < 0) return {};
    if (more > 0) return failure("run a statement", stop);
  }
}

Result<std::uint64_t> Connection::execute(std::string_view sql, std::stop_token stop) {
  if (!stop.stop_possible()) stop = own_stop_;
  const Guard guard(*this, stop);
  if (mysql_real_query(raw(), sql.data(), sql.size()) != 0) return failure("run a statement", stop);
  std::vector<std::uint64_t> counts;
  TRY(drain(counts, stop));
  return counts.back();
}

Result<std::vector<std::uint64_t>> Connection::execute_all(const std::vector<std::string>& sql, std::stop_token stop) {
  std::vector<std::uint64_t> counts;
  failed_statement_ = 0;
  if (sql.empty()) return counts;
  std::string joined;
  for (const std::string& one : sql) {
    if (!joined.empty()) joined += ';';
    joined += one;
  }
  const Guard guard(*this, stop);
  if (mysql_real_query(raw(), joined.data(), joined.size()) != 0) return failure("run a statement", stop);
  const Result<void> drained = drain(counts, stop);
  failed_statement_ = counts.size();
  if (!drained.ok()) return base::Error(drained.error());
  return counts;
}

Result<Rows> Connection::query(std::string_view sql, std::stop_token stop) {
  if (!stop.stop_possible()) stop = own_stop_;
  const Guard guard(*this, stop);
  if (mysql_real_query(raw(), sql.data(), sql.size()) != 0) return failure("run a query", stop);
  const std::unique_ptr<MYSQL_RES, FreeResult> result(mysql_store_result(raw()));
  Rows rows;
  if (!result) {
    if (mysql_field_count(raw()) != 0) return failure("read an answer", stop);
    return rows;
  }
  const unsigned int columns = mysql_num_fields(result.get());
  while (const MYSQL_ROW cells = mysql_fetch_row(result.get())) {
    const unsigned long* const sizes = mysql_fetch_lengths(result.get());
    Row& row = rows.emplace_back();
    for (unsigned int i = 0; i < columns; ++i) {
      if (cells[i] == nullptr)
        row.emplace_back();
      else
        row.emplace_back(std::string(cells[i], sizes[i]));
    }
  }
  return rows;
}

Result<std::optional<std::string>> Connection::query_value(std::string_view sql, std::stop_token stop) {
  const Rows rows = TRY(query(sql, std::move(stop)));
  if (rows.empty() || rows[0].empty()) return std::optional<std::string>();
  return rows[0][0];
}

Result<void> Connection::open_rows(std::string_view sql, std::stop_token stop) {
  const Guard guard(*this, stop);
  rows_read_ = 0;
  if (mysql_real_query(raw(), sql.data(), sql.size()) != 0) return failure("run a query", stop);
  rows_.reset(mysql_use_result(raw()));
  if (!rows_) return failure("read rows", stop);
  return {};
}

Result<std::optional<RowView>> Connection::next_row(std::stop_token stop) {
  ENSURE(rows_ != nullptr);
  const Guard guard(*this, stop);
  const MYSQL_ROW cells = mysql_fetch_row(rows_.get());
  if (cells == nullptr) {
    if (mysql_errno(raw()) != 0) return failure("read rows", stop);
    rows_.reset();
    return std::optional<RowView>();
  }
  ++rows_read_;
  return std::optional<RowView>(RowView{cells, mysql_fetch_lengths(rows_.get())});
}

Result<std::uint64_t> Connection::load_local(const std::string& sql, const Reader& read, std::string& info,
                                             std::stop_token stop) {
  const Guard guard(*this, stop);
  Upload upload{&read};
  mysql_set_local_infile_handler(raw(), upload_begin, upload_read, upload_end, upload_error, &upload);
  const int refused = mysql_real_query(raw(), sql.data(), sql.size());
  mysql_set_local_infile_handler(raw(), upload_begin, upload_read, upload_end, upload_error, &nothing_offered);
  if (refused != 0) return failure("load rows", stop);
  const char* const said = mysql_info(raw());
  info = said == nullptr ? "" : said;
  return mysql_affected_rows(raw());
}

Result<void> Connection::send_command(unsigned char command, std::string_view body) {
  // The library has no call of its own for this command; its table of methods is public for that.
  const auto number = static_cast<enum_server_command>(command);
  if (raw()->methods->db_command(raw(), number, body.data(), body.size(), 1, nullptr) != 0) {
    return failure("send a command", {});
  }
  return {};
}

Result<std::optional<std::string_view>> Connection::read_packet(std::stop_token stop) {
  const Guard guard(*this, stop);
  const unsigned long size = mysql_net_read_packet(raw());
  if (size == packet_error) return failure("read the binlog", stop);
  const auto* bytes = reinterpret_cast<const char*>(raw()->net.read_pos);
  constexpr unsigned long end_packet_size_max = 8;
  if (size == 0 || (static_cast<unsigned char>(bytes[0]) == 0xfe && size < end_packet_size_max)) {
    return std::optional<std::string_view>();
  }
  return std::optional<std::string_view>(std::string_view(bytes, size));
}

bool Connection::has_input() const {
  const MARIADB_PVIO* const link = connection_->net.pvio;
  if (link == nullptr) return false;
  if (link->cache != nullptr && link->cache_pos < link->cache + link->cache_size) return true;
  if (link->ctls != nullptr && SSL_pending(static_cast<SSL*>(link->ctls->ssl)) > 0) return true;
  pollfd one{static_cast<int>(mysql_get_socket(connection_.get())), POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

std::string quote_identifier(std::string_view name) { return quoted_with(name, '`'); }

std::string quote_literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    if (c == '\0')
      quoted += "\\0";
    else
      quoted += c;
  }
  return quoted += '\'';
}

std::string quote_bytes(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  if (bytes.empty()) return "_binary''";
  std::string quoted = "X'";
  quoted.reserve(bytes.size() * 2 + 3);
  for (const char c : bytes) {
    quoted += digits[static_cast<unsigned char>(c) >> 4];
    quoted += digits[static_cast<unsigned char>(c) & 15];
  }
  return quoted += '\'';
}

std::string quote_name(std::string_view schema, std::string_view table) {
  return quote_identifier(schema) + "." + quote_identifier(table);
}

}  // namespace mysql
