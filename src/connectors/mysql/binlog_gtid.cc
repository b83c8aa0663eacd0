// SPDX-License-Identifier: Apache-2.0
//
// Transaction ids of both servers. MySQL's tagged ones (8.3 and later) are in the form of its "serialization library":
// integers whose first byte tells by its low one-bits how many bytes follow, fields as (id, value) in ascending ids.
#include <bit>
#include <cstring>

#include "connectors/mysql/binlog_parts.h"

namespace mysql::binlog {
namespace {

constexpr std::uint64_t more_follows_7 = std::uint64_t{1} << 55;
constexpr std::uint32_t more_follows_4 = std::uint32_t{1} << 31;
constexpr std::uint8_t statements_flag = 1;

std::array<unsigned char, 16> read_uuid(ByteReader& in) {
  std::array<unsigned char, 16> uuid{};
  const std::string_view bytes = in.bytes(uuid.size());
  if (bytes.size() == uuid.size()) std::memcpy(uuid.data(), bytes.data(), uuid.size());
  return uuid;
}

std::uint64_t read_serial(ByteReader& in) {
  const std::uint8_t first = in.u8();
  const auto more = static_cast<std::size_t>(std::countr_one(first));
  if (more == 8) return in.u64();
  return std::uint64_t{first} >> (more + 1) | in.number(more) << (7 - more);
}

std::int64_t read_signed_serial(ByteReader& in) {
  const std::uint64_t value = read_serial(in);
  const auto half = static_cast<std::int64_t>(value >> 1);
  return (value & 1) != 0 ? ~half : half;
}

enum GtidField : std::uint64_t {
  flags = 0,
  uuid = 1,
  number = 2,
  tag = 3,
  last_committed = 4,
  sequence = 5,
  immediate_time = 6,
  original_time = 7,
  transaction_size = 8,
  immediate_version = 9,
  original_version = 10,
  commit_group_ticket = 11,
};

// False: the field is not known.
bool read_field(ByteReader& in, std::uint64_t field, Gtid& out) {
  switch (field) {
    case flags: out.may_be_statements = (read_serial(in) & statements_flag) != 0; return true;
    case uuid:
      for (unsigned char& byte : out.uuid) byte = static_cast<unsigned char>(read_serial(in));
      return true;
    case number: out.number = read_signed_serial(in); return true;
    case tag: out.tag = in.bytes(read_serial(in)); return true;
    case last_committed: out.last_committed = read_signed_serial(in); return true;
    case sequence: out.sequence = read_signed_serial(in); return true;
    case immediate_time: out.immediate_commit_time = read_serial(in); return true;
    case original_time: out.original_commit_time = read_serial(in); return true;
    case transaction_size: out.transaction_size = read_serial(in); return true;
    case immediate_version: out.immediate_server_version = static_cast<std::uint32_t>(read_serial(in)); return true;
    case original_version: out.original_server_version = static_cast<std::uint32_t>(read_serial(in)); return true;
    case commit_group_ticket: read_serial(in); return true;
    default: return false;
  }
}

}  // namespace

std::string uuid_text(const std::array<unsigned char, 16>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

bool read_gtid(ByteReader& in, Gtid& out) {
  constexpr std::uint8_t logical_clock = 2;
  out.may_be_statements = (in.u8() & statements_flag) != 0;
  out.uuid = read_uuid(in);
  out.number = static_cast<std::int64_t>(in.u64());
  if (in.is_at_end()) return in.is_good();
  if (in.u8() != logical_clock) return in.is_good();
  out.last_committed = static_cast<std::int64_t>(in.u64());
  out.sequence = static_cast<std::int64_t>(in.u64());
  if (in.is_at_end()) return in.is_good();  // each later release added something
  out.immediate_commit_time = in.u56();
  const bool was_elsewhere = (out.immediate_commit_time & more_follows_7) != 0;
  out.immediate_commit_time &= ~more_follows_7;
  out.original_commit_time = was_elsewhere ? in.u56() : out.immediate_commit_time;
  if (in.is_at_end()) return in.is_good();
  out.transaction_size = in.packed();
  if (in.is_at_end()) return in.is_good();
  out.immediate_server_version = in.u32();
  const bool other_version = (out.immediate_server_version & more_follows_4) != 0;
  out.immediate_server_version &= ~more_follows_4;
  out.original_server_version = other_version ? in.u32() : out.immediate_server_version;
  return in.is_good();
}

bool read_tagged_gtid(ByteReader& in, Gtid& out) {
  read_serial(in);  // version of the form
  read_serial(in);  // size
  const std::uint64_t last_needed = read_serial(in);
  while (in.is_good() && !in.is_at_end()) {
    const std::uint64_t field = read_serial(in);
    if (!read_field(in, field, out)) {
      if (field <= last_needed) return false;
      break;  // the server says that one may do without the rest
    }
  }
  if (out.original_commit_time == 0) out.original_commit_time = out.immediate_commit_time;
  if (out.original_server_version == 0) out.original_server_version = out.immediate_server_version;
  return in.is_good() && out.number > 0;
}

bool read_previous_gtids(ByteReader& in, PreviousGtids& out) {
  constexpr std::uint64_t low_56 = (std::uint64_t{1} << 56) - 1;
  const std::uint64_t head = in.u64();
  const bool is_tagged = head >> 56 == 1;
  if (head >> 56 > 1) return false;
  const std::uint64_t uuids = is_tagged ? (head & low_56) >> 8 : head;
  for (std::uint64_t i = 0; i < uuids; ++i) {
    const std::array<unsigned char, 16> source = read_uuid(in);
    const std::string_view its_tag = is_tagged ? in.bytes(read_serial(in)) : std::string_view();
    const std::uint64_t intervals = in.u64();
    if (!in.is_good() || intervals > in.left() / 16) return false;
    for (std::uint64_t k = 0; k < intervals; ++k) {
      const auto first = static_cast<std::int64_t>(in.u64()), end = static_cast<std::int64_t>(in.u64());
      if (first < 1 || end <= first) return false;
      out.ranges.push_back({source, its_tag, first, end - 1});
    }
  }
  return in.is_good();
}

bool read_mariadb_gtid(ByteReader& in, MariaGtid& out) {
  constexpr std::uint8_t has_commit_id = 2;
  out.sequence = in.u64();
  out.domain = in.u32();
  out.flags = in.u8();
  if ((out.flags & has_commit_id) != 0) out.commit_id = in.u64();
  if (out.is_prepared_xa() || out.is_completed_xa()) {
    out.xa.format = static_cast<std::int32_t>(in.u32());
    const std::size_t global = in.u8(), branch = in.u8();
    out.xa.global = in.bytes(global);
    out.xa.branch = in.bytes(branch);
  }
  return in.is_good();
}

bool read_gtid_list(ByteReader& in, MariaGtidList& out) {
  constexpr std::uint32_t count_bits = (std::uint32_t{1} << 28) - 1;
  const std::uint32_t head = in.u32();
  const std::uint32_t count = head & count_bits;
  out.flags = head >> 28;
  if (count > in.left() / 16) return false;
  out.entries.resize(count);
  for (MariaGtidList::Entry& entry : out.entries) {
    entry.domain = in.u32();
    entry.server = in.u32();
    entry.sequence = in.u64();
  }
  return in.is_good();
}

}  // namespace mysql::binlog
