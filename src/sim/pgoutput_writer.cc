// SPDX-License-Identifier: Apache-2.0
#include "sim/pgoutput_writer.h"

#include <algorithm>

#include "connectors/postgres/cells.h"
#include "connectors/postgres/pgoutput.h"

namespace sim {
namespace {

using base::Result;
using model::Op;

constexpr std::string_view ddl_prefix = "millrace_ddl";

class Bytes {
 public:
  explicit Bytes(char kind) : bytes_(1, kind) {}
  Bytes& u8(std::uint64_t value) { return number(value, 1); }
  Bytes& u16(std::uint64_t value) { return number(value, 2); }
  Bytes& u32(std::uint64_t value) { return number(value, 4); }
  Bytes& u64(std::uint64_t value) { return number(value, 8); }
  Bytes& time(base::WallMicros micros) {
    return u64(static_cast<std::uint64_t>(micros - postgres::pgoutput::epoch_micros));
  }
  Bytes& string(std::string_view text) {
    bytes_.append(text);
    bytes_ += '\0';
    return *this;
  }
  Bytes& counted(std::string_view text) {
    u32(text.size());
    bytes_.append(text);
    return *this;
  }
  Bytes& kind(char value) { return u8(static_cast<unsigned char>(value)); }
  std::string_view view() const { return bytes_; }

 private:
  Bytes& number(std::uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) bytes_ += static_cast<char>(value >> shift & 0xff);
    return *this;
  }
  std::string bytes_;
};

// Inside of a piece each message carries the (sub)transaction.
Bytes message(char kind, const LogEntry& entry, const LoggedChange& change) {
  Bytes bytes(kind);
  if (entry.kind == LogEntry::Kind::piece) bytes.u32(change.sub_xid);
  return bytes;
}

bool in_old_key(const model::TableSchema& schema, std::uint32_t column) {
  return std::find(schema.old_key.begin(), schema.old_key.end(), column) != schema.old_key.end();
}

// `old`: values that an update keeps and that are large are not repeated.
void add_row(Bytes& bytes, const model::TableSchema& schema, const Row& row, bool only_key, const Row* old) {
  bytes.u16(row.size());
  for (std::uint32_t i = 0; i < row.size(); ++i) {
    const model::Column& column = schema.columns[i];
    const bool is_kept = old != nullptr && row[i] && row[i] == (*old)[i] && row[i]->size() > repeated_bytes_max &&
                         !model::is_fixed(column.type.type);
    if (is_kept) {
      bytes.kind('u');
    } else if (!row[i] || (only_key && !in_old_key(schema, i))) {
      bytes.kind('n');
    } else {
      bytes.kind('t').counted(text_of(column, *row[i]));
    }
  }
}

}  // namespace

Result<void> PgoutputWriter::begin(const LogEntry& entry) {
  return send_(Bytes('B').u64(entry.log).time(entry.commit_time).u32(entry.xid).view());
}

Result<void> PgoutputWriter::commit(const LogEntry& entry) {
  return send_(Bytes('C').u8(0).u64(entry.log).u64(entry.log + 1).time(entry.commit_time).view());
}

Result<void> PgoutputWriter::start_piece(const LogEntry& entry) {
  const bool is_first = !streamed_.contains(entry.xid);
  streamed_[entry.xid];
  return send_(Bytes('S').u32(entry.xid).u8(is_first ? 1 : 0).view());
}

Result<void> PgoutputWriter::stop_piece() { return send_(Bytes('E').view()); }

Result<void> PgoutputWriter::commit_streamed(const LogEntry& entry) {
  for (auto& [id, schema] : streamed_[entry.xid]) described_[id] = schema;
  streamed_.erase(entry.xid);
  return send_(Bytes('c').u32(entry.xid).u8(0).u64(entry.log).u64(entry.log + 1).time(entry.commit_time).view());
}

Result<void> PgoutputWriter::abort(const LogEntry& entry) {
  if (entry.sub_xid == entry.xid) streamed_.erase(entry.xid);
  return send_(Bytes('A').u32(entry.xid).u32(entry.sub_xid).view());
}

Result<void> PgoutputWriter::describe(const LogEntry& entry, const LoggedChange& change) {
  const model::TableSchema& schema = *change.schema;
  Described& described = entry.kind == LogEntry::Kind::piece ? streamed_[entry.xid] : described_;
  model::TableSchemaPtr& last = described[schema.source_id];
  if (last == change.schema) return {};
  last = change.schema;
  const bool is_full = schema.old_image == model::OldImage::full;
  Bytes bytes = message('R', entry, change);
  bytes.u32(schema.source_id).string(schema.name.schema).string(schema.name.table).kind(is_full ? 'f' : 'd');
  bytes.u16(schema.columns.size());
  for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
    const model::Column& column = schema.columns[i];
    bytes.u8(is_full || in_old_key(schema, i) ? 1 : 0).string(column.name).u32(column.type.native_id).u32(0xffffffff);
  }
  return send_(bytes.view());
}

Result<void> PgoutputWriter::row(const LogEntry& entry, const LoggedChange& change) {
  const model::TableSchema& schema = *change.schema;
  const bool by_key = schema.old_image == model::OldImage::key;
  const char kind = change.op == Op::insert ? 'I' : change.op == Op::update ? 'U' : 'D';
  Bytes bytes = message(kind, entry, change);
  bytes.u32(schema.source_id);
  if (change.before) {
    bool key_stays = change.after.has_value();
    for (const std::uint32_t column : schema.old_key) {
      key_stays = key_stays && (*change.before)[column] == (*change.after)[column];
    }
    if (!(by_key && key_stays)) {
      bytes.kind(by_key ? 'K' : 'O');
      add_row(bytes, schema, *change.before, by_key, nullptr);
    }
  }
  if (change.after) {
    bytes.kind('N');
    add_row(bytes, schema, *change.after, false, change.before ? &*change.before : nullptr);
  }
  return send_(bytes.view());
}

Result<void> PgoutputWriter::change(const LogEntry& entry, const LoggedChange& change, bool is_sent) {
  if (change.op == Op::schema || change.op == Op::drop_table) {
    if (!told_) return {};
    return send_(message('M', entry, change).u8(1).u64(entry.log).string(ddl_prefix).counted(change.report).view());
  }
  if (!is_sent) return {};
  TRY(describe(entry, change));
  if (change.op != Op::truncate) return row(entry, change);
  return send_(message('T', entry, change).u32(1).u8(0).u32(change.schema->source_id).view());
}

}  // namespace sim
