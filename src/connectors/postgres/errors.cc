// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/errors.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "connect/source.h"

namespace postgres {
namespace {

struct SqlstateRow {
  std::string_view prefix;  // a whole SQLSTATE or its class
  const base::Code* code;
};

// The longest matching prefix wins: whole states stand before their class.
constexpr std::array<SqlstateRow, 43> sqlstates{{
    {"08", &errors::connection_lost},
    {"57P01", &errors::server_stopping},
    {"57P02", &errors::server_stopping},
    {"57P03", &errors::server_stopping},
    {"57P04", &errors::database_missing},
    {"57P05", &errors::server_stopping},
    {"57014", &errors::query_canceled},
    {"25P03", &errors::server_stopping},
    {"25P04", &errors::server_stopping},
    {"25006", &errors::read_only},
    {"53300", &errors::too_many_connections},
    {"53100", &errors::disk_full},
    {"53", &errors::resources_exhausted},
    {"40", &errors::conflict},
    {"55P03", &errors::conflict},
    {"55006", &errors::conflict},
    {"55000", &errors::server_error},
    {"28", &errors::authentication_failed},
    {"3D", &errors::database_missing},
    {"42501", &errors::privilege_missing},
    {"42P01", &connect::errors::table_missing},
    {"3F", &connect::errors::table_missing},
    {"42703", &errors::column_missing},
    {"42704", &errors::object_missing},
    {"42883", &errors::object_missing},
    {"42710", &errors::object_exists},
    {"42P07", &errors::object_exists},
    {"42P06", &errors::object_exists},
    {"42723", &errors::object_exists},
    {"42701", &errors::object_exists},
    {"22", &errors::value_refused},
    {"54000", &errors::value_refused},
    {"23", &errors::constraint_violated},
    {"44", &errors::constraint_violated},
    {"58P01", &errors::server_corrupt},
    {"58", &errors::server_corrupt},
    {"XX001", &errors::server_corrupt},
    {"XX002", &errors::server_corrupt},
    {"F0", &errors::server_error},
    {"0A", &errors::server_not_able},
    {"26", &errors::server_error},
    {"42601", &errors::server_error},
    {"42", &errors::server_error},
}};

std::string_view field(const PGresult* result, int which) {
  const char* text = PQresultErrorField(result, which);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// The object the server names in fields of their own: "table public.orders column total".
std::string named_object(const PGresult* result) {
  std::string object;
  const std::string_view table = field(result, PG_DIAG_TABLE_NAME);
  if (!table.empty()) object += fmt::format("table {}.{}", field(result, PG_DIAG_SCHEMA_NAME), table);
  const std::string_view column = field(result, PG_DIAG_COLUMN_NAME);
  if (!column.empty()) object += fmt::format("{}column {}", object.empty() ? "" : " ", column);
  const std::string_view constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  if (!constraint.empty()) object += fmt::format("{}constraint {}", object.empty() ? "" : " ", constraint);
  return object;
}

// "FATAL" is no SQLSTATE: all of them have a digit.
bool is_sqlstate(std::string_view text) {
  return text.size() == 5 && text.find_first_of("0123456789") != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

// In "... FATAL:  28P01: password authentication failed" the state, or nothing.
std::string_view sqlstate_in(std::string_view line) {
  for (std::size_t at = line.find(": "); at != std::string_view::npos; at = line.find(": ", at + 1)) {
    std::size_t start = at + 1;
    while (start < line.size() && line[start] == ' ') ++start;
    const std::string_view candidate = line.substr(start, 5);
    if (is_sqlstate(candidate) && line.substr(start + 5, 1) == ":") return candidate;
  }
  return {};
}

// Messages of classes 22 and 23 quote values: 'invalid input syntax for type integer: "x"'. What follows a colon, and
// what stands in quotes after a colon, is left out there.
std::string_view without_values(std::string_view message, std::string_view sqlstate) {
  if (!sqlstate.starts_with("22")) return message;
  return message.substr(0, std::min(message.find(": "), message.find(" \"")));
}

}  // namespace

const base::Code& code_of_sqlstate(std::string_view sqlstate) {
  const SqlstateRow* best = nullptr;
  for (const SqlstateRow& row : sqlstates) {
    if (sqlstate.starts_with(row.prefix) && (best == nullptr || row.prefix.size() > best->prefix.size())) best = &row;
  }
  return best == nullptr ? errors::server_error : *best->code;
}

base::Error server_error(const PGresult* result, std::string_view doing) {
  const std::string_view state = field(result, PG_DIAG_SQLSTATE);
  if (state.empty()) {
    return link_error(PQresultErrorMessage(result), false, doing);
  }
  const std::string object = named_object(result);
  return base::failed(code_of_sqlstate(state), "{}: {} {}{}{}{}", doing, state,
                      without_values(field(result, PG_DIAG_MESSAGE_PRIMARY), state), object.empty() ? "" : " (", object,
                      object.empty() ? "" : ")");
}

base::Error link_error(std::string_view libpq_message, bool connecting, std::string_view doing) {
  std::string_view line = libpq_message.substr(0, libpq_message.find('\n'));
  if (line.empty()) line = connecting ? "no connection" : "the connection is gone";
  const std::string_view state = sqlstate_in(line);
  const base::Code* code = connecting ? &errors::unreachable : &errors::connection_lost;
  if (!state.empty()) {
    code = &code_of_sqlstate(state);
  } else if (connecting) {
    for (const std::string_view word : {"SSL", "certificate", "TLS"}) {
      if (line.find(word) != std::string_view::npos) code = &errors::tls_failed;
    }
    if (line.find("password") != std::string_view::npos) code = &errors::authentication_failed;
  }
  return base::failed(*code, "{}: {}", doing, line);
}

}  // namespace postgres
