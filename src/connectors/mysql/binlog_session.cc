// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_session.h"

#include <fmt/format.h>

#include "connect/source.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;

constexpr unsigned char command_dump = 18;
constexpr unsigned char command_dump_gtid = 30;
constexpr std::uint64_t heartbeat_ns = 100'000'000;
constexpr int read_timeout_seconds = 30;
constexpr unsigned int log_gone_number = 1236;    // ER_MASTER_FATAL_ERROR_READING_BINLOG
constexpr unsigned int gtids_gone_number = 1789;  // ER_MASTER_HAS_PURGED_REQUIRED_GTIDS
constexpr std::uint16_t through_gtid = 4;         // BINLOG_THROUGH_GTID
constexpr std::uint64_t first_offset = 4;         // behind a file's magic number
constexpr std::uint64_t low_half = 0xffffffffull;

template <typename Integer>
void append_le(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

Result<BinlogSession> BinlogSession::open(const BinlogStart& start, std::stop_token stop) {
  ConnectionSettings settings = start.settings;
  settings.read_timeout_seconds = read_timeout_seconds;
  BinlogSession session(TRY(Connection::open(settings, stop)));
  session.place_ = start.place;
  TRY(session.prepare(start, stop));
  TRY(session.request(start));
  return session;
}

Result<void> BinlogSession::prepare(const BinlogStart& start, const std::stop_token& stop) {
  std::string sql = fmt::format(
      "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum, "
      "@master_heartbeat_period = {0}, @source_heartbeat_period = {0}, @slave_uuid = {1}, @replica_uuid = {1}",
      heartbeat_ns, quote_literal(start.replica_uuid));
  if (server().is_mariadb) {
    sql += ", @mariadb_slave_capability = 4";
    if (start.by_gtids) {
      sql += fmt::format(", @slave_connect_state = {}, @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0",
                         quote_literal(start.place.gtids));
    }
  }
  TRY(connection_.execute(sql, stop));
  return {};
}

Result<void> BinlogSession::request(const BinlogStart& start) {
  const bool by_set = start.by_gtids && !server().is_mariadb;
  const std::string file = start.by_gtids ? "" : log_name(start.base, start.place.file);
  std::string body;
  if (by_set) {
    const GtidSet gtids = TRY(GtidSet::parse(start.place.gtids, false));
    if (gtids.has_tags()) return failed(errors::bad_gtids, "a GTID set with tags cannot be sent to another server");
    const std::string encoded = gtids.encoded();
    append_le<std::uint16_t>(body, through_gtid);
    append_le<std::uint32_t>(body, start.server_id);
    append_le<std::uint32_t>(body, 0);  // no file's name
    append_le<std::uint64_t>(body, first_offset);
    append_le<std::uint32_t>(body, static_cast<std::uint32_t>(encoded.size()));
    body += encoded;
    return connection_.send_command(command_dump_gtid, body);
  }
  const std::uint64_t offset = start.by_gtids ? first_offset : start.place.offset;
  if (offset > low_half) {
    return failed(errors::position_too_far, "{}:{} cannot be asked for by its place", file, offset);
  }
  append_le<std::uint32_t>(body, static_cast<std::uint32_t>(offset));
  append_le<std::uint16_t>(body, 0);
  append_le<std::uint32_t>(body, start.server_id);
  body += file;
  return connection_.send_command(command_dump, body);
}

base::Error BinlogSession::explained(base::Error error) const {
  const unsigned int number = connection_.last_errno();
  if (number != log_gone_number && number != gtids_gone_number) return error;
  // The same number stands for a replica of the same id that came after us: the server ended this session for it.
  if (connection_.last_message().find("same server_uuid") != std::string::npos ||
      connection_.last_message().find("same server_id") != std::string::npos) {
    return failed(errors::connection_lost, "{}", error.message);
  }
  // An event that the server may not send is no gap in its log.
  if (connection_.last_message().find("max_allowed_packet") != std::string::npos) {
    return failed(errors::packet_too_large, "{}", error.message);
  }
  return failed(connect::errors::position_gone, "{}", error.message);
}

Result<void> BinlogSession::follow(const binlog::Event& event) {
  const auto moved = [&](std::string_view file, std::uint64_t offset) -> Result<void> {
    const std::optional<LogName> name = parse_log_name(file);
    if (!name) return failed(errors::protocol_broken, "a binlog file named \"{}\"", file);
    if (name->number > file_max || offset > offset_max) return failed(errors::position_too_far, "{}:{}", file, offset);
    place_.file = name->number;
    place_.offset = offset;
    return {};
  };
  if (const auto* rotate = std::get_if<binlog::Rotate>(&event.body)) return moved(rotate->file, rotate->position);
  if (const auto* heartbeat = std::get_if<binlog::Heartbeat>(&event.body)) {
    if (!heartbeat->file.empty() && heartbeat->position > 0) return moved(heartbeat->file, heartbeat->position);
    return {};
  }
  if (event.header.is_artificial() || event.header.end_position == 0) return {};
  // The header has the lower half of the place; a file of more than 4 GiB passes it.
  std::uint64_t next = (place_.offset & ~low_half) | event.header.end_position;
  if (next < place_.offset) next += low_half + 1;
  if (next > offset_max) return failed(errors::position_too_far, "file {}, offset {}", place_.file, next);
  place_.offset = next;
  return {};
}

Result<const binlog::Event*> BinlogSession::next(const std::stop_token& stop) {
  Result<std::optional<std::string_view>> packet = connection_.read_packet(stop);
  if (!packet.ok()) return explained(packet.take_error());
  if (!*packet) return failed(errors::server_stopping, "the server ended the stream of its binlog");
  if ((*packet)->empty() || (**packet)[0] != '\0') return failed(errors::protocol_broken, "a packet that is no event");
  const binlog::Event* event = TRY(decoder_.decode((*packet)->substr(1)));
  TRY(follow(*event));
  return event;
}

}  // namespace mysql
