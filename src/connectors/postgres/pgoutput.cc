// SPDX-License-Identifier: Apache-2.0
//
// One message a time. Integers are big endian, strings end in a zero byte, a row is a count and then for each column a
// kind byte and, for 't' and 'b', a length and that many bytes.
//
//   whole:     B  (R Y I U D T M O)*  C
//   streamed:  S xid  (R Y I U D T M, each with its (sub)transaction's xid first)*  E  ...  c xid  or  A xid sub_xid
#include "connectors/postgres/pgoutput.h"

#include <cstring>

#include "connectors/postgres/errors.h"

namespace postgres::pgoutput {
namespace {

using base::failed;
using base::Result;

// Reads from the front; once a read has failed all later ones give zeros and is_good() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number<1>()); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number<2>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number<4>()); }
  std::uint64_t u64() { return number<8>(); }
  std::string_view string() {
    const void* zero = at_ == end_ ? nullptr : std::memchr(at_, 0, static_cast<std::size_t>(end_ - at_));
    if (zero == nullptr) return fail();
    const std::string_view text(at_, static_cast<std::size_t>(static_cast<const char*>(zero) - at_));
    at_ += text.size() + 1;
    return text;
  }
  std::string_view bytes(std::size_t size) {
    if (static_cast<std::size_t>(end_ - at_) < size) return fail();
    const std::string_view taken(at_, size);
    at_ += size;
    return taken;
  }
  bool is_good() const { return good_; }
  bool is_at_end() const { return good_ && at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

 private:
  template <std::size_t size>
  std::uint64_t number() {
    if (static_cast<std::size_t>(end_ - at_) < size) {
      fail();
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(at_[i]);
    at_ += size;
    return value;
  }
  std::string_view fail() {
    good_ = false;
    at_ = end_;
    return {};
  }
  const char* at_;
  const char* end_;
  bool good_ = true;
};

// False for a kind of value we did not ask for.
bool read_row(Reader& in, std::vector<Value>& row) {
  const std::size_t count = in.u16();
  if (count > in.left()) return false;  // a value has one byte at least
  row.resize(count);
  for (Value& value : row) {
    value.kind = static_cast<char>(in.u8());
    if (value.kind == 't' || value.kind == 'b') {
      value.bytes = in.bytes(in.u32());
    } else if (value.kind == 'n' || value.kind == 'u') {
      value.bytes = {};
    } else {
      return false;
    }
  }
  return in.is_good();
}

std::int64_t read_time(Reader& in) {
  const auto since_2000 = static_cast<std::int64_t>(in.u64());
  std::int64_t time = 0;
  return __builtin_add_overflow(since_2000, epoch_micros, &time) ? 0 : time;
}

bool read_relation(Reader& in, Message& out) {
  out.relation = in.u32();
  out.schema = in.string();
  if (out.schema.empty()) out.schema = "pg_catalog";
  out.name = in.string();
  out.replica_identity = static_cast<char>(in.u8());
  const std::size_t count = in.u16();
  if (count > in.left()) return false;
  out.columns.resize(count);
  for (RelationColumn& column : out.columns) {
    column.in_key = (in.u8() & 1) != 0;
    column.name = in.string();
    column.type = in.u32();
    column.modifier = static_cast<std::int32_t>(in.u32());
  }
  return in.is_good();
}

bool read_update(Reader& in, Message& out) {
  out.relation = in.u32();
  out.old_kind = 0;
  out.old_row.clear();
  auto kind = static_cast<char>(in.u8());
  if (kind == 'K' || kind == 'O') {
    out.old_kind = kind;
    if (!read_row(in, out.old_row)) return false;
    kind = static_cast<char>(in.u8());
  }
  return kind == 'N' && read_row(in, out.new_row);
}

bool read_remove(Reader& in, Message& out) {
  out.relation = in.u32();
  out.old_kind = static_cast<char>(in.u8());
  return (out.old_kind == 'K' || out.old_kind == 'O') && read_row(in, out.old_row);
}

bool read_insert(Reader& in, Message& out) {
  out.relation = in.u32();
  return in.u8() == 'N' && read_row(in, out.new_row);
}

bool read_truncate(Reader& in, Message& out) {
  const std::size_t count = in.u32();
  const unsigned flags = in.u8();
  if (count > in.left() / 4) return false;
  out.cascade = (flags & 1) != 0;
  out.restart_identity = (flags & 2) != 0;
  out.relations.resize(count);
  for (std::uint32_t& relation : out.relations) relation = in.u32();
  return in.is_good();
}

bool read_logical_message(Reader& in, Message& out) {
  out.transactional = (in.u8() & 1) != 0;
  out.message_lsn = in.u64();
  out.prefix = in.string();
  out.content = in.bytes(in.u32());
  return in.is_good();
}

bool read_commit(Reader& in, Message& out) {
  in.u8();  // flags, none in use
  out.commit_lsn = in.u64();
  out.end_lsn = in.u64();
  out.commit_time = read_time(in);
  return in.is_good();
}

// What may stand inside a streamed block carries an xid there.
bool has_block_xid(Kind kind) {
  return kind == Kind::relation || kind == Kind::type || kind == Kind::insert || kind == Kind::update ||
         kind == Kind::remove || kind == Kind::truncate || kind == Kind::message;
}

bool read_body(Reader& in, bool parallel, Message& out) {
  switch (out.kind) {
    case Kind::begin:
      out.commit_lsn = in.u64();
      out.commit_time = read_time(in);
      out.xid = in.u32();
      return in.is_good();
    case Kind::commit: return read_commit(in, out);
    case Kind::origin:
      out.commit_lsn = in.u64();
      out.name = in.string();
      return in.is_good();
    case Kind::relation: return read_relation(in, out);
    case Kind::type:
      out.type = in.u32();
      out.schema = in.string();
      out.name = in.string();
      return in.is_good();
    case Kind::insert: return read_insert(in, out);
    case Kind::update: return read_update(in, out);
    case Kind::remove: return read_remove(in, out);
    case Kind::truncate: return read_truncate(in, out);
    case Kind::message: return read_logical_message(in, out);
    case Kind::stream_start:
      out.xid = in.u32();
      out.first_segment = in.u8() != 0;
      return in.is_good();
    case Kind::stream_stop: return in.is_good();
    case Kind::stream_commit: out.xid = in.u32(); return read_commit(in, out);
    case Kind::stream_abort:
      out.xid = in.u32();
      out.sub_xid = in.u32();
      if (parallel) {
        in.u64();
        in.u64();
      }
      return in.is_good();
  }
  return false;
}

}  // namespace

Result<const Message*> Decoder::decode(std::string_view bytes) {
  if (bytes.empty()) return failed(errors::protocol_broken, "pgoutput: an empty message");
  Reader in(bytes.substr(1));
  Message& out = message_;
  out.kind = static_cast<Kind>(bytes[0]);
  out.streamed = in_block_;
  if (in_block_ && has_block_xid(out.kind)) out.xid = in.u32();
  const bool fits = out.kind == Kind::stream_start  ? !in_block_ && version_ >= 2
                    : out.kind == Kind::stream_stop ? in_block_
                                                    : !in_block_ || has_block_xid(out.kind) || out.kind == Kind::origin;
  if (!fits || !read_body(in, parallel_, out) || !in.is_at_end()) {
    return failed(errors::protocol_broken, "pgoutput: a message of kind {:#04x} and {} bytes is not understood",
                  static_cast<unsigned char>(bytes[0]), bytes.size());
  }
  if (out.kind == Kind::stream_start) in_block_ = true;
  if (out.kind == Kind::stream_stop) in_block_ = false;
  return static_cast<const Message*>(&out);
}

}  // namespace postgres::pgoutput
