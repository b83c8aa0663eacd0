// SPDX-License-Identifier: Apache-2.0
//
// An event is a header of 19 bytes, a part of fixed size, a part of variable size, and (when the file has checksums)
// four bytes of CRC32 over all before. Integers are little endian.
#include "connectors/mysql/binlog_event.h"

#include <zlib.h>

#include "connectors/mysql/binlog_parts.h"
#include "connectors/mysql/byte_reader.h"

namespace mysql::binlog {
namespace {

using base::failed;
using base::Result;

constexpr std::size_t checksum_size = 4;
constexpr std::size_t flags_offset = 17;
constexpr char in_use_flag = 1;
constexpr std::uint8_t crc32_algorithm = 1;

Header read_header(std::string_view bytes) {
  ByteReader in(bytes);
  Header header;
  header.timestamp = in.u32();
  header.type = static_cast<EventType>(in.u8());
  header.server_id = in.u32();
  header.size = in.u32();
  header.end_position = in.u32();
  header.flags = in.u16();
  return header;
}

base::Error broken(const Header& header, std::string_view what) {
  return failed(errors::protocol_broken, "binary log: an event of type {} and {} bytes that ends at {}: {}",
                static_cast<unsigned>(header.type), header.size, header.end_position, what);
}

std::uint32_t crc_of(std::string_view bytes, std::uint32_t start) {
  return static_cast<std::uint32_t>(
      crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<z_size_t>(bytes.size())));
}

bool checksum_is_right(std::string_view bytes) {
  if (bytes.size() < header_size + checksum_size) return false;
  const std::string_view covered = bytes.substr(0, bytes.size() - checksum_size);
  return crc_of(covered, 0) == ByteReader(bytes.substr(covered.size())).u32();
}

// The server counts a format description's checksum as if its file had been closed.
bool checksum_is_right_when_closed(std::string_view bytes) {
  if (bytes.size() < header_size + checksum_size) return false;
  const char flags = static_cast<char>(bytes[flags_offset] & ~in_use_flag);
  std::uint32_t crc = crc_of(bytes.substr(0, flags_offset), 0);
  crc = crc_of({&flags, 1}, crc);
  crc = crc_of(bytes.substr(flags_offset + 1, bytes.size() - checksum_size - flags_offset - 1), crc);
  return crc == ByteReader(bytes.substr(bytes.size() - checksum_size)).u32();
}

// ---- the file's own events ----

bool read_format_description(ByteReader& in, FormatDescription& out, Format& format) {
  format = Format();
  out.version = in.u16();
  out.server_version = in.bytes(50);
  out.server_version = out.server_version.substr(0, out.server_version.find('\0'));
  out.created = in.u32();
  const std::size_t size_of_header = in.u8();
  if (!in.is_good() || in.left() < 1 || out.version != 4 || size_of_header != header_size) return false;
  const std::string_view sizes = in.bytes(in.left() - 1);
  if (sizes.size() >= format.fixed_sizes.size()) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i) format.fixed_sizes[i + 1] = static_cast<std::uint8_t>(sizes[i]);
  const std::uint8_t algorithm = in.u8();
  if (algorithm > crc32_algorithm) return false;
  format.known = true;
  format.has_checksums = out.has_checksums = algorithm == crc32_algorithm;
  return true;
}

bool read_rotate(ByteReader& in, Rotate& out) {
  out.position = in.u64();
  out.file = in.rest();
  return in.is_good() && !out.file.empty();
}

bool read_heartbeat(ByteReader& in, const Header& header, Heartbeat& out) {
  out.position = header.end_position;
  out.file = in.rest();
  return true;
}

bool read_heartbeat_v2(ByteReader& in, Heartbeat& out) {
  while (!in.is_at_end()) {
    const std::uint64_t field = in.packed();
    if (field == 0) break;
    const std::string_view value = in.packed_bytes();
    if (field == 1) out.file = value;
    if (field == 2) {
      ByteReader number(value);
      out.position = number.packed();
      if (!number.is_good()) return false;
    }
  }
  return in.is_good();
}

bool read_incident(ByteReader& in, Incident& out) {
  out.number = in.u16();
  out.message = in.is_at_end() ? std::string_view() : in.bytes(in.u8());
  return in.is_good();
}

bool read_rows_query(ByteReader& in, RowsQuery& out) {
  in.u8();  // its length modulo 256
  out.sql = in.rest();
  return in.is_good();
}

bool read_xa_prepare(ByteReader& in, XaPrepare& out) {
  out.one_phase = in.u8() != 0;
  out.name.format = static_cast<std::int32_t>(in.u32());
  const std::uint32_t global = in.u32(), branch = in.u32();
  out.name.global = in.bytes(global);
  out.name.branch = in.bytes(branch);
  return in.is_good();
}

bool read_transaction_payload(ByteReader& in, TransactionPayload& out) {
  enum Field : std::uint64_t { end = 0, size = 1, packing = 2, unpacked_size = 3 };
  std::uint64_t packed_size = 0;
  std::uint64_t kind = static_cast<std::uint64_t>(TransactionPayload::Packing::none);
  for (std::uint64_t field = in.packed(); in.is_good() && field != end; field = in.packed()) {
    ByteReader value(in.packed_bytes());
    if (field == size) packed_size = value.packed();
    if (field == packing) kind = value.packed();
    if (field == unpacked_size) out.unpacked_size = value.packed();
    if (!value.is_good()) return false;
  }
  if (kind != static_cast<std::uint64_t>(TransactionPayload::Packing::none) &&
      kind != static_cast<std::uint64_t>(TransactionPayload::Packing::zstd)) {
    return false;
  }
  out.packing = static_cast<TransactionPayload::Packing>(kind);
  out.bytes = in.bytes(packed_size);
  return in.is_good();
}

// ---- rows ----

// Servers before 5.1's last had table ids of four bytes.
std::uint64_t read_table_id(ByteReader& in, const Format& format, EventType type) {
  return format.fixed_sizes[static_cast<std::uint8_t>(type)] == 6 ? in.u32() : in.u48();
}

bool read_table_map(ByteReader& in, const Format& format, TableMap& out) {
  out.table_id = read_table_id(in, format, EventType::table_map);
  out.flags = in.u16();
  const ByteReader definition = in;
  out.schema = in.packed_bytes();
  in.u8();
  out.table = in.packed_bytes();
  in.u8();
  const std::uint64_t columns = in.packed();
  if (!in.is_good() || columns > in.left()) return false;
  out.columns = static_cast<std::size_t>(columns);
  out.definition = ByteReader(definition).rest();
  out.is_mariadb = format.is_mariadb();
  return true;
}

struct RowsForm {
  RowsKind kind;
  bool has_extra;  // version 2
  bool is_packed;
};

std::optional<RowsForm> rows_form(EventType type) {
  switch (type) {
    case EventType::write_rows_v1: return RowsForm{RowsKind::write, false, false};
    case EventType::update_rows_v1: return RowsForm{RowsKind::update, false, false};
    case EventType::delete_rows_v1: return RowsForm{RowsKind::remove, false, false};
    case EventType::write_rows: return RowsForm{RowsKind::write, true, false};
    case EventType::partial_update_rows:
    case EventType::update_rows: return RowsForm{RowsKind::update, true, false};
    case EventType::delete_rows: return RowsForm{RowsKind::remove, true, false};
    case EventType::write_rows_compressed_v1: return RowsForm{RowsKind::write, false, true};
    case EventType::update_rows_compressed_v1: return RowsForm{RowsKind::update, false, true};
    case EventType::delete_rows_compressed_v1: return RowsForm{RowsKind::remove, false, true};
    case EventType::write_rows_compressed: return RowsForm{RowsKind::write, true, true};
    case EventType::update_rows_compressed: return RowsForm{RowsKind::update, true, true};
    case EventType::delete_rows_compressed: return RowsForm{RowsKind::remove, true, true};
    default: return std::nullopt;
  }
}

bool read_rows(ByteReader& in, const Format& format, EventType type, std::string& unpacked, Rows& out) {
  const RowsForm form = *rows_form(type);
  out.kind = form.kind;
  out.has_partial_json = type == EventType::partial_update_rows;
  out.table_id = read_table_id(in, format, type);
  out.flags = in.u16();
  if (form.has_extra) {
    const std::size_t size = in.u16();  // counts itself
    if (size < 2) return false;
    in.bytes(size - 2);
  }
  const std::uint64_t columns = in.packed();
  if (!in.is_good() || columns / 8 > in.left()) return false;
  out.columns = static_cast<std::size_t>(columns);
  const std::string_view first = in.bytes((columns + 7) / 8);
  if (form.kind != RowsKind::write) out.present_before = first;
  if (form.kind == RowsKind::write) out.present_after = first;
  if (form.kind == RowsKind::update) out.present_after = in.bytes((columns + 7) / 8);
  if (!in.is_good()) return false;
  out.images = in.rest();
  if (!form.is_packed) return true;
  unpacked.clear();
  if (!unpack_mariadb(out.images, unpacked)) return false;
  out.images = unpacked;
  return true;
}

bool read_packed_query(ByteReader& in, const Format& format, std::string& unpacked, Query& out) {
  if (!read_query(in, format, out)) return false;
  unpacked.clear();
  if (!unpack_mariadb(out.sql, unpacked)) return false;
  out.sql = unpacked;
  return true;
}

// Types of servers and changes that a copy never sees unless the log is in statements.
bool is_statement_part(EventType type) {
  switch (static_cast<std::uint8_t>(type)) {
    case 5:  // INTVAR
    case 6:  // LOAD and its parts
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:  // RAND
    case 14:  // USER_VAR
    case 17:  // BEGIN_LOAD_QUERY
    case 18:  // EXECUTE_LOAD_QUERY
      return true;
    default: return false;
  }
}

// What may stand in front of the first format description.
bool needs_no_format(EventType type) {
  return type == EventType::rotate || type == EventType::format_description || type == EventType::heartbeat ||
         type == EventType::heartbeat_v2;
}

template <typename Part, typename Read>
bool make(Body& body, const Read& read) {
  return read(body.emplace<Part>());
}

// False: the bytes are not understood. nullopt: the type is not known.
std::optional<bool> read_small_event(ByteReader& in, const Header& header, Body& body) {
  switch (header.type) {
    case EventType::stop: body = Stop(); return true;
    case EventType::ignorable:
    case EventType::transaction_context:
    case EventType::view_change:
    case EventType::start_encryption: body = Ignored(); return true;
    case EventType::rotate: return make<Rotate>(body, [&](Rotate& out) { return read_rotate(in, out); });
    case EventType::xid: body = Xid{in.u64()}; return in.is_good();
    case EventType::incident: return make<Incident>(body, [&](Incident& out) { return read_incident(in, out); });
    case EventType::heartbeat:
      return make<Heartbeat>(body, [&](Heartbeat& out) { return read_heartbeat(in, header, out); });
    case EventType::heartbeat_v2:
      return make<Heartbeat>(body, [&](Heartbeat& out) { return read_heartbeat_v2(in, out); });
    case EventType::rows_query: return make<RowsQuery>(body, [&](RowsQuery& out) { return read_rows_query(in, out); });
    case EventType::annotate_rows: body = RowsQuery{in.rest()}; return true;
    case EventType::gtid:
    case EventType::anonymous_gtid:
      return make<Gtid>(body, [&](Gtid& out) {
        out.anonymous = header.type == EventType::anonymous_gtid;
        return read_gtid(in, out);
      });
    case EventType::gtid_tagged: return make<Gtid>(body, [&](Gtid& out) { return read_tagged_gtid(in, out); });
    case EventType::previous_gtids:
      return make<PreviousGtids>(body, [&](PreviousGtids& out) { return read_previous_gtids(in, out); });
    case EventType::xa_prepare: return make<XaPrepare>(body, [&](XaPrepare& out) { return read_xa_prepare(in, out); });
    case EventType::mariadb_gtid:
      return make<MariaGtid>(body, [&](MariaGtid& out) {
        out.server = header.server_id;
        return read_mariadb_gtid(in, out);
      });
    case EventType::gtid_list:
      return make<MariaGtidList>(body, [&](MariaGtidList& out) { return read_gtid_list(in, out); });
    case EventType::binlog_checkpoint: body = BinlogCheckpoint{in.bytes(in.u32())}; return in.is_good();
    case EventType::transaction_payload:
      return make<TransactionPayload>(body, [&](TransactionPayload& out) { return read_transaction_payload(in, out); });
    default: return std::nullopt;
  }
}

}  // namespace

Result<std::string_view> Decoder::without_checksum(std::string_view bytes, const Header& header) const {
  const std::string_view covered = bytes.substr(0, bytes.size() - std::min(bytes.size(), checksum_size));
  const auto wrong = [&header] {
    return failed(errors::bad_checksum, "binary log: an event of type {} and {} bytes that ends at {}",
                  static_cast<unsigned>(header.type), header.size, header.end_position);
  };
  if (header.type == EventType::format_description) {
    // It always has room for one, and says itself (in the byte before) whether it is filled.
    if (covered.size() < header_size + 1) return broken(header, "it is too short");
    const bool is_filled = static_cast<std::uint8_t>(covered.back()) == crc32_algorithm;
    if (is_filled && !checksum_is_right(bytes) && !checksum_is_right_when_closed(bytes)) return wrong();
    return covered;
  }
  // An artificial ROTATE stands before its file's description: it has what the file before it had, or what the session
  // was promised.
  const bool tells_itself = header.type == EventType::rotate && (!format_.known || !format_.has_checksums);
  if (tells_itself) return checksum_is_right(bytes) ? covered : bytes;
  if (!format_.has_checksums) return bytes;
  if (!checksum_is_right(bytes)) return wrong();
  return covered;
}

Result<const Event*> Decoder::decode(std::string_view bytes) {
  if (bytes.size() < header_size) {
    return failed(errors::protocol_broken, "binary log: an event of {} bytes", bytes.size());
  }
  Header& header = event_.header;
  Body& body = event_.body;
  header = read_header(bytes);
  if (header.size != bytes.size()) return broken(header, "its size is not that of its packet");
  if (!format_.known && !needs_no_format(header.type)) return broken(header, "it stands before the file's description");
  const std::string_view checked = TRY(without_checksum(bytes, header));
  ByteReader in(checked.substr(header_size));
  std::optional<bool> understood;
  if (header.type == EventType::table_map) {
    understood = read_table_map(in, format_, body.emplace<TableMap>());
  } else if (rows_form(header.type)) {
    understood = read_rows(in, format_, header.type, unpacked_, body.emplace<Rows>());
  } else if (header.type == EventType::query) {
    understood = read_query(in, format_, body.emplace<Query>());
  } else if (header.type == EventType::query_compressed) {
    understood = read_packed_query(in, format_, unpacked_, body.emplace<Query>());
  } else if (header.type == EventType::format_description) {
    understood = read_format_description(in, body.emplace<FormatDescription>(), format_);
  } else if (is_statement_part(header.type)) {
    body = StatementPart();
    understood = true;
  } else {
    understood = read_small_event(in, header, body);
  }
  if (!understood) {
    if (!header.is_ignorable()) {
      return failed(errors::unknown_event, "binary log: an event of type {} that ends at {}",
                    static_cast<unsigned>(header.type), header.end_position);
    }
    body = Ignored();
    understood = true;
  }
  if (!*understood) return broken(header, "it is not understood");
  return static_cast<const Event*>(&event_);
}

}  // namespace mysql::binlog
