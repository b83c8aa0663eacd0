// SPDX-License-Identifier: Apache-2.0
#include "formats/gzip.h"

#include <zlib.h>

#include <algorithm>

namespace formats {
namespace {

constexpr std::size_t piece_bytes = 256u << 10;
constexpr int gzip_window_bits = 15 + 16;

}  // namespace

GzipWriter::GzipWriter() : stream_(std::make_unique<z_stream_s>()) {
  ENSURE(deflateInit2(stream_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY) ==
         Z_OK);
}

GzipWriter::~GzipWriter() { deflateEnd(stream_.get()); }

void GzipWriter::run(std::string_view bytes, int flush, std::string& out) {
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_->avail_in = static_cast<uInt>(bytes.size());
  while (true) {
    const std::size_t start = out.size();
    out.resize(start + piece_bytes);
    stream_->next_out = reinterpret_cast<Bytef*>(out.data() + start);
    stream_->avail_out = piece_bytes;
    const int code = deflate(stream_.get(), flush);
    ENSURE(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR);
    out.resize(start + piece_bytes - stream_->avail_out);
    if (stream_->avail_out > 0 && (flush != Z_FINISH || code == Z_STREAM_END)) return;
  }
}

void GzipWriter::append(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::size_t{1} << 30);
    run(piece, Z_NO_FLUSH, out);
    bytes.remove_prefix(piece.size());
  }
}

void GzipWriter::finish(std::string& out) { run("", Z_FINISH, out); }

GzipReader::GzipReader() : stream_(std::make_unique<z_stream_s>()) {
  ENSURE(inflateInit2(stream_.get(), gzip_window_bits) == Z_OK);
}

GzipReader::~GzipReader() { inflateEnd(stream_.get()); }

base::Result<void> GzipReader::append(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (ended_) {
      // Further members may follow: the concatenation of gzip files is one.
      if (inflateReset(stream_.get()) != Z_OK)
        return base::failed(errors::gzip_malformed, "cannot go on after a member");
      ended_ = false;
    }
    const std::string_view piece = bytes.substr(0, std::size_t{1} << 30);
    stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_->avail_in = static_cast<uInt>(piece.size());
    do {
      const std::size_t start = out.size();
      out.resize(start + piece_bytes);
      stream_->next_out = reinterpret_cast<Bytef*>(out.data() + start);
      stream_->avail_out = piece_bytes;
      const int code = inflate(stream_.get(), Z_NO_FLUSH);
      out.resize(start + piece_bytes - stream_->avail_out);
      if (code == Z_STREAM_END) {
        ended_ = true;
        break;
      }
      if (code == Z_BUF_ERROR) break;
      if (code != Z_OK) return base::failed(errors::gzip_malformed, "not gzip data");
    } while (stream_->avail_in > 0 || stream_->avail_out == 0);
    bytes.remove_prefix(piece.size() - stream_->avail_in);
  }
  return {};
}

base::Result<void> GzipReader::finish() const {
  if (!ended_) return base::failed(errors::gzip_malformed, "the data ends early");
  return {};
}

}  // namespace formats
