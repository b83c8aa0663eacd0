// SPDX-License-Identifier: Apache-2.0
//
// What servers pack: MySQL whole transactions with zstd, MariaDB statements and rows with zlib. Both are unpacked into
// memory that grows with what comes out, never with what a length promises.
#include <zlib.h>
#include <zstd.h>

#include "connectors/mysql/binlog_packed_column.h"
#include "connectors/mysql/binlog_parts.h"

namespace mysql::binlog {

using base::failed;
using base::Result;

namespace {

// Appends `size` bytes; false: the stream does not hold exactly so many. `is_bare`: without zlib's header and check
// sum.
bool inflate_exactly(std::string_view stream, std::uint64_t size, bool is_bare, std::string& out) {
  constexpr std::uint64_t most_a_byte_holds = 1032;  // of deflate
  if (size > unpacked_size_max || size > stream.size() * most_a_byte_holds) return false;
  const std::size_t start = out.size();
  out.resize(start + static_cast<std::size_t>(size));
  z_stream state{};
  if (inflateInit2(&state, is_bare ? -MAX_WBITS : MAX_WBITS) != Z_OK) return false;
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(stream.data()));
  state.avail_in = static_cast<uInt>(stream.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data() + start);
  state.avail_out = static_cast<uInt>(size);
  const int status = inflate(&state, Z_FINISH);
  const bool is_whole = status == Z_STREAM_END && state.avail_out == 0;
  inflateEnd(&state);
  return is_whole;
}

}  // namespace

bool unpack_mariadb(std::string_view packed, std::string& out) {
  constexpr std::uint8_t is_packed = 0x80, algorithm_bits = 0x70, size_bits = 0x07;
  ByteReader in(packed);
  const std::uint8_t head = in.u8();
  const std::size_t size_bytes = head & size_bits;
  if ((head & is_packed) == 0 || (head & algorithm_bits) != 0 || size_bytes == 0 || size_bytes > 4) return false;
  const std::uint64_t size = in.big_endian(size_bytes);
  return in.is_good() && inflate_exactly(in.rest(), size, false, out);
}

bool unpack_column(std::string_view bytes, std::string& out) {
  constexpr std::uint8_t method_bits = 0xf0, zlib_method = 0x80, is_bare = 0x08, size_bits = 0x07;
  if (bytes.empty()) return true;
  ByteReader in(bytes);
  const std::uint8_t head = in.u8();
  if ((head & method_bits) == 0) {
    out.append(in.rest());
    return true;
  }
  const std::size_t size_bytes = head & size_bits;
  if ((head & method_bits) != zlib_method || size_bytes == 0 || size_bytes > 4) return false;
  const std::uint64_t size = in.big_endian(size_bytes);
  return in.is_good() && inflate_exactly(in.rest(), size, (head & is_bare) != 0, out);
}

struct PayloadReader::Unpacker {
  Unpacker() : context(ZSTD_createDCtx()) {}
  ~Unpacker() { ZSTD_freeDCtx(context); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  ZSTD_DCtx* context;
  bool is_frame_open = false;
};

PayloadReader::PayloadReader() : unpacker_(std::make_unique<Unpacker>()) {}
PayloadReader::~PayloadReader() = default;
PayloadReader::PayloadReader(PayloadReader&&) noexcept = default;
PayloadReader& PayloadReader::operator=(PayloadReader&&) noexcept = default;

Result<void> PayloadReader::open(const TransactionPayload& payload, const Decoder& outer) {
  Format format = outer.format();
  format.has_checksums = false;  // the payload has one for all
  inner_ = Decoder(format);
  packing_ = payload.packing;
  packed_ = payload.bytes;
  unpacked_.clear();
  taken_ = 0;
  ZSTD_DCtx_reset(unpacker_->context, ZSTD_reset_session_only);
  unpacker_->is_frame_open = false;
  return {};
}

Result<void> PayloadReader::unpack_more() {
  const std::size_t piece = ZSTD_DStreamOutSize();
  const std::size_t start = unpacked_.size();
  unpacked_.resize(start + piece);
  ZSTD_inBuffer from{packed_.data(), packed_.size(), 0};
  ZSTD_outBuffer to{unpacked_.data() + start, piece, 0};
  const std::size_t status = ZSTD_decompressStream(unpacker_->context, &to, &from);
  unpacked_.resize(start + to.pos);
  packed_.remove_prefix(from.pos);
  if (ZSTD_isError(status) != 0) {
    return failed(errors::protocol_broken, "binary log: a packed transaction does not unpack: {}",
                  ZSTD_getErrorName(status));
  }
  unpacker_->is_frame_open = status != 0;
  if (to.pos == 0 && from.pos == 0) {
    return failed(errors::protocol_broken, "binary log: a packed transaction ends in the middle");
  }
  return {};
}

Result<bool> PayloadReader::have(std::size_t size) {
  if (packing_ == TransactionPayload::Packing::none) return unpacked_.size() - taken_ + packed_.size() >= size;
  if (unpacked_.size() - taken_ >= size) return true;
  unpacked_.erase(0, taken_);
  taken_ = 0;
  while (unpacked_.size() < size) {
    if (packed_.empty() && !unpacker_->is_frame_open) return false;
    TRY(unpack_more());
  }
  return true;
}

Result<const Event*> PayloadReader::next() {
  constexpr std::size_t size_offset = 9;
  const auto waiting = [this] {
    return packing_ == TransactionPayload::Packing::none ? packed_ : std::string_view(unpacked_).substr(taken_);
  };
  const auto broken = [] { return failed(errors::protocol_broken, "binary log: a packed transaction is cut off"); };
  if (!TRY(have(header_size))) {
    if (!waiting().empty()) return broken();
    return static_cast<const Event*>(nullptr);
  }
  const std::size_t size = ByteReader(waiting().substr(size_offset)).u32();
  if (size < header_size || size > unpacked_size_max || !TRY(have(size))) return broken();
  const std::string_view event = waiting().substr(0, size);
  if (packing_ == TransactionPayload::Packing::none) {
    packed_.remove_prefix(size);
  } else {
    taken_ += size;
  }
  return inner_.decode(event);
}

}  // namespace mysql::binlog
