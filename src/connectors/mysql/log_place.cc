// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/log_place.h"

#include <fmt/format.h>

#include <charconv>

#include "connectors/mysql/cells.h"

namespace mysql {
namespace {

constexpr int offset_bits = 35;
constexpr int file_bits = 21;

using base::failed;
using base::Result;

}  // namespace

std::uint64_t packed(std::uint64_t era, std::uint32_t file, std::uint64_t offset) {
  return era << (offset_bits + file_bits) | static_cast<std::uint64_t>(file) << offset_bits | offset;
}

model::Position position_at(std::uint64_t era, const LogPlace& place) {
  return {packed(era, place.file, place.offset), model::sequence_end, place.gtids};
}

std::uint64_t era_of(std::uint64_t log) { return log >> (offset_bits + file_bits); }

LogPlace place_of(const model::Position& position) {
  return {static_cast<std::uint32_t>(position.log >> offset_bits & file_max), position.log & offset_max,
          position.token};
}

std::optional<LogName> parse_log_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const std::string_view digits = name.substr(dot + 1);
  LogName parsed{std::string(name.substr(0, dot)), 0};
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed.number);
  if (code != std::errc() || end != digits.data() + digits.size() || parsed.number == 0) return std::nullopt;
  return parsed;
}

std::string log_name(std::string_view base, std::uint32_t number) { return fmt::format("{}.{:06}", base, number); }

Result<LogStatus> read_log_status(Connection& connection) {
  const Server& server = connection.server();
  const bool has_new_words = !server.is_mariadb && server.version >= 80200;
  const Rows rows = TRY(connection.query(has_new_words ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS"));
  if (rows.empty()) return failed(errors::no_binlog, "{}", connection.name());
  const std::optional<LogName> name = parse_log_name(text_at(rows[0], 0));
  if (!name) return failed(errors::no_binlog, "{}: log file {}", connection.name(), text_at(rows[0], 0));
  LogStatus status;
  status.base = name->base;
  status.place.file = name->number;
  status.place.offset = static_cast<std::uint64_t>(number_at(rows[0], 1));
  if (status.place.file > file_max || status.place.offset > offset_max) {
    return failed(errors::position_too_far, "{}:{}", text_at(rows[0], 0), status.place.offset);
  }
  if (server.is_mariadb) {
    status.identity = TRY(connection.query_value("SELECT CONCAT('mariadb ', @@server_id, ' ', @@hostname, ' ', "
                                                 "@@port)"))
                          .value_or("");
  } else {
    std::string gtids;
    for (const char c : text_at(rows[0], 4)) {
      if (c != '\n' && c != ' ') gtids += c;
    }
    status.place.gtids = gtids;
    status.identity = TRY(connection.query_value("SELECT CONCAT('mysql ', @@server_uuid)")).value_or("");
  }
  return status;
}

Result<std::string> gtids_at(Connection& connection, std::string_view base, const LogPlace& place) {
  return TRY(connection.query_value(fmt::format("SELECT BINLOG_GTID_POS({}, {})",
                                                quote_literal(log_name(base, place.file)), place.offset)))
      .value_or("");
}

}  // namespace mysql
