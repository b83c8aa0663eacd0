// SPDX-License-Identifier: Apache-2.0
//
// The events of the binary log, version 4, of MySQL and MariaDB. A pure decoder: views point into the bytes given, or
// into the decoder's own buffer for what had to be unpacked; both hold until the next call. One thread; the decoder
// remembers only the format description of the file it is in. It is given each event as the server sends it after the
// packet's status byte, in order, the format description first (an artificial ROTATE or a HEARTBEAT may stand before).
//
//   Decoder decoder;
//   const Event* event = TRY(decoder.decode(bytes));
//   if (const auto* map = std::get_if<TableMap>(&event->body)) ...
//   if (const auto* payload = std::get_if<TransactionPayload>(&event->body)) {
//     TRY(reader.open(*payload, decoder));
//     while (const Event* inner = TRY(reader.next())) ...      their positions mean nothing: the payload's counts
//   }
//
// How it fails: protocol_broken for malformed bytes, bad_checksum, unknown_event (names the type's number) for a type
// it does not know without the ignorable flag, incident is not an error here: it is an event.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/binlog_errors.h"
#include "connectors/mysql/errors.h"

namespace mysql::binlog {

enum class EventType : std::uint8_t {
  query = 2,
  stop = 3,
  rotate = 4,
  format_description = 15,
  xid = 16,
  table_map = 19,
  write_rows_v1 = 23,
  update_rows_v1 = 24,
  delete_rows_v1 = 25,
  incident = 26,
  heartbeat = 27,
  ignorable = 28,
  rows_query = 29,
  write_rows = 30,
  update_rows = 31,
  delete_rows = 32,
  gtid = 33,
  anonymous_gtid = 34,
  previous_gtids = 35,
  transaction_context = 36,
  view_change = 37,
  xa_prepare = 38,
  partial_update_rows = 39,
  transaction_payload = 40,
  heartbeat_v2 = 41,
  gtid_tagged = 42,
  annotate_rows = 160,  // MariaDB from here on
  binlog_checkpoint = 161,
  mariadb_gtid = 162,
  gtid_list = 163,
  start_encryption = 164,
  query_compressed = 165,
  write_rows_compressed_v1 = 166,
  update_rows_compressed_v1 = 167,
  delete_rows_compressed_v1 = 168,
  write_rows_compressed = 169,
  update_rows_compressed = 170,
  delete_rows_compressed = 171,
};

inline constexpr std::size_t header_size = 19;

struct Header {
  std::uint32_t timestamp = 0;  // seconds since 1970; when the statement began
  EventType type = EventType::ignorable;
  std::uint32_t server_id = 0;
  std::uint32_t size = 0;          // of the whole event, checksum included
  std::uint32_t end_position = 0;  // in its file, modulo 2^32; 0 for artificial events
  std::uint16_t flags = 0;

  bool is_artificial() const { return (flags & 0x20) != 0; }
  bool is_thread_specific() const { return (flags & 0x4) != 0; }  // QUERY that uses temporary tables
  bool is_ignorable() const { return (flags & 0x80) != 0; }
};

// Known and without meaning for a copy (STOP, views of groups, encryption's start), or unknown with the ignorable flag.
struct Ignored {};
// Belongs to changes logged as statements: INTVAR, RAND, USER_VAR, LOAD DATA. The log is not in ROW format.
struct StatementPart {};
struct Stop {};

struct FormatDescription {
  std::uint16_t version = 0;
  std::string_view server_version;  // "9.7.4", "10.11.19-MariaDB-0+deb12u1-log"
  std::uint32_t created = 0;        // not 0: the server has started here; open transactions of before are undone
  bool has_checksums = false;
};

struct Rotate {
  std::string_view file;
  std::uint64_t position = 0;  // where in that file the next event begins
};

struct Heartbeat {
  std::string_view file;
  std::uint64_t position = 0;  // nothing of interest up to here
};

struct Query {
  std::uint32_t thread_id = 0;
  std::uint32_t seconds = 0;  // how long it took
  std::uint16_t error = 0;    // what the statement ended with on the source
  std::string_view schema;    // default schema; may be empty
  std::string_view sql;       // in the client's character set
  // Status variables; nullopt: the log does not tell.
  std::optional<std::uint32_t> flags2;
  std::optional<std::uint64_t> sql_mode;
  std::string_view time_zone;
  std::uint16_t client_collation = 0, connection_collation = 0, server_collation = 0;  // ids, 0: not told
  std::uint16_t database_collation = 0;
  std::optional<std::uint64_t> ddl_xid;   // MySQL, MariaDB: an atomic DDL statement
  std::vector<std::string_view> schemas;  // those the statement changes, when told
  bool explicit_timestamp_defaults = true;

  bool foreign_key_checks_off() const { return (flags2.value_or(0) & 1U << 26) != 0; }
  bool unique_checks_off() const { return (flags2.value_or(0) & 1U << 27) != 0; }
  bool autocommit_off() const { return (flags2.value_or(0) & 1U << 19) != 0; }
  bool ansi_quotes() const { return (sql_mode.value_or(0) & 4) != 0; }
  bool no_backslash_escapes() const { return (sql_mode.value_or(0) & 1U << 20) != 0; }
};

struct Xid {
  std::uint64_t xid = 0;
};

// MySQL: GTID, ANONYMOUS_GTID and GTID_TAGGED. The transaction follows.
struct Gtid {
  bool anonymous = false;
  bool may_be_statements = false;
  std::array<unsigned char, 16> uuid{};
  std::string_view tag;  // empty: none
  std::int64_t number = 0;
  std::int64_t last_committed = 0, sequence = 0;
  std::uint64_t immediate_commit_time = 0, original_commit_time = 0;  // microseconds since 1970; 0: not told
  std::uint64_t transaction_size = 0;                                 // bytes of the log with this event; 0: not told
  std::uint32_t immediate_server_version = 0, original_server_version = 0;
};

struct GtidRange {
  std::array<unsigned char, 16> uuid{};
  std::string_view tag;
  std::int64_t first = 0;
  std::int64_t last = 0;  // inclusive
};
struct PreviousGtids {
  std::vector<GtidRange> ranges;
};
// "3e11fa47-71ca-11e1-9e33-c80aa9429562"
std::string uuid_text(const std::array<unsigned char, 16>& uuid);

// An XA transaction's name.
struct XaName {
  std::int32_t format = 0;
  std::string_view global, branch;
};

// MySQL. Stands where XID stands in other transactions; the end is a QUERY "XA COMMIT ..." or "XA ROLLBACK ...".
struct XaPrepare {
  bool one_phase = false;  // XA COMMIT ... ONE PHASE: it is committed
  XaName name;
};

struct MariaGtid {
  std::uint32_t domain = 0;
  std::uint32_t server = 0;
  std::uint64_t sequence = 0;
  std::uint8_t flags = 0;
  std::uint64_t commit_id = 0;  // 0: none
  XaName xa;                    // prepared_xa, completed_xa

  bool is_standalone() const { return (flags & 1) != 0; }  // one event (DDL) with no COMMIT behind it
  bool is_transactional() const { return (flags & 4) != 0; }
  bool is_ddl() const { return (flags & 32) != 0; }
  bool is_prepared_xa() const { return (flags & 64) != 0; }
  bool is_completed_xa() const { return (flags & 128) != 0; }
};
struct MariaGtidList {
  struct Entry {
    std::uint32_t domain = 0, server = 0;
    std::uint64_t sequence = 0;
  };
  std::uint32_t flags = 0;
  std::vector<Entry> entries;
};

// ROWS_QUERY and MariaDB's ANNOTATE_ROWS.
struct RowsQuery {
  std::string_view sql;
};
struct BinlogCheckpoint {
  std::string_view file;
};

// Parsed only as far as every use needs. `definition` is all that describes the table: as long as the same id comes
// with the same definition, what was made of it by parse_shape stays true.
struct TableMap {
  std::uint64_t table_id = 0;
  std::uint16_t flags = 0;
  std::string_view schema, table;
  std::size_t columns = 0;
  std::string_view definition;
  bool is_mariadb = false;  // it counts other columns as texts than MySQL does
};

// The real type of a column in the log.
enum class ColumnKind : std::uint8_t {
  tiny = 1,
  small = 2,
  integer = 3,
  real4 = 4,
  real8 = 5,
  timestamp = 7,  // 4 bytes of seconds
  big = 8,
  medium = 9,
  date = 10,
  time = 11,      // 3 bytes
  datetime = 12,  // 8 bytes
  year = 13,
  varchar = 15,
  bit = 16,
  timestamp2 = 17,
  datetime2 = 18,
  time2 = 19,
  compressed_blob = 140,  // MariaDB
  compressed_varchar = 141,
  vector = 242,
  json = 245,
  decimal = 246,
  enumeration = 247,
  set = 248,
  blob = 252,
  string = 254,  // char and binary
  geometry = 255,
};

struct ShapeColumn {
  ColumnKind kind = ColumnKind::tiny;
  std::uint32_t length = 0;    // varchar, string: most bytes; bit: bits; enum and set: bytes; blobs: bytes of a length
  std::uint8_t precision = 0;  // decimal
  std::uint8_t scale = 0;      // decimal; digits of the fraction of timestamp2, datetime2 and time2
  bool nullable = true;
  // How a value stands in an image: so many bytes, or (0) behind a length of so many bytes.
  std::uint8_t fixed_size = 0;
  std::uint8_t length_bytes = 0;
  // The rest only where TableShape says that the log tells it.
  bool is_unsigned = false;
  bool is_visible = true;
  std::uint32_t collation = 0;  // of character kinds, enum and set; 63 is binary; 0: not told
  std::string name;
  std::vector<std::string> members;  // enum and set, UTF-8
  std::uint32_t geometry_type = 0;
  std::uint32_t dimensions = 0;  // vector
};

struct TableShape {
  struct KeyPart {
    std::uint32_t column = 0;
    std::uint32_t prefix = 0;  // characters or bytes; 0: the whole column
  };
  std::uint64_t table_id = 0;
  std::string schema, table;
  std::vector<ShapeColumn> columns;
  bool has_signs = false;  // binlog_row_metadata: MINIMAL tells signs, character sets and geometry types (MySQL) ...
  bool has_collations = false;
  bool has_names = false;  // ... FULL tells all
  bool has_members = false;
  std::vector<KeyPart> primary_key;  // empty: none, or not told
};
base::Result<TableShape> parse_shape(const TableMap& map);

enum class RowsKind : std::uint8_t { write, update, remove };

// WRITE, UPDATE, DELETE_ROWS of every version, unpacked. See binlog_rows.h for its rows.
struct Rows {
  RowsKind kind = RowsKind::write;
  bool has_partial_json = false;  // PARTIAL_UPDATE_ROWS: the image after may hold differences
  std::uint64_t table_id = 0;
  std::uint16_t flags = 0;
  std::size_t columns = 0;
  std::string_view present_before;  // bitmap: columns in the images; update and remove
  std::string_view present_after;   // write and update
  std::string_view images;

  bool ends_statement() const { return (flags & 1) != 0; }
  bool foreign_key_checks_off() const { return (flags & 2) != 0; }
  bool unique_checks_off() const { return (flags & 4) != 0; }
};

struct TransactionPayload {
  enum class Packing : std::uint8_t { zstd = 0, none = 255 };
  Packing packing = Packing::none;
  std::uint64_t unpacked_size = 0;  // as the server says
  std::string_view bytes;
};

struct Incident {
  std::uint16_t number = 0;
  std::string_view message;
};

using Body = std::variant<Ignored, StatementPart, Stop, FormatDescription, Rotate, Heartbeat, Query, Xid, Gtid,
                          PreviousGtids, XaPrepare, MariaGtid, MariaGtidList, RowsQuery, BinlogCheckpoint, TableMap,
                          Rows, TransactionPayload, Incident>;

struct Event {
  Header header;
  Body body;
};

// What the format description of a file says about the events after it.
struct Format {
  bool known = false;
  bool has_checksums = false;
  std::array<std::uint8_t, 256> fixed_sizes{};  // of an event's fixed part, by type; 0: not told

  bool is_mariadb() const { return fixed_sizes[static_cast<std::uint8_t>(EventType::mariadb_gtid)] != 0; }
};

// No event unpacks to more.
inline constexpr std::size_t unpacked_size_max = std::size_t{1} << 30;

class Decoder {
 public:
  Decoder() = default;
  explicit Decoder(const Format& format) : format_(format) {}
  // The result is valid until the next call and while `bytes` lives.
  base::Result<const Event*> decode(std::string_view bytes);
  const Format& format() const { return format_; }

 private:
  base::Result<std::string_view> without_checksum(std::string_view bytes, const Header& header) const;

  Format format_;
  Event event_;
  std::string unpacked_;
};

// The events of a TRANSACTION_PAYLOAD, one after the other, unpacked piece by piece: memory is bounded by the largest
// of them. `open` may be called again; the payload's bytes must live until then.
class PayloadReader {
 public:
  PayloadReader();
  ~PayloadReader();
  PayloadReader(PayloadReader&&) noexcept;
  PayloadReader& operator=(PayloadReader&&) noexcept;

  base::Result<void> open(const TransactionPayload& payload, const Decoder& outer);
  // nullptr at the end. Valid until the next call.
  base::Result<const Event*> next();

 private:
  struct Unpacker;  // libzstd's
  // Unpacks until `size` bytes wait to be given out; false: the payload has ended before.
  base::Result<bool> have(std::size_t size);
  base::Result<void> unpack_more();

  std::unique_ptr<Unpacker> unpacker_;
  Decoder inner_;
  TransactionPayload::Packing packing_ = TransactionPayload::Packing::none;
  std::string_view packed_;  // not yet unpacked
  std::string unpacked_;     // [taken_, end) is not yet given out
  std::size_t taken_ = 0;
};

}  // namespace mysql::binlog
