// SPDX-License-Identifier: Apache-2.0
//
// gzip in pieces, with bytes that depend on the input alone (no time, no name). One thread at a time. GzipWriter cannot
// fail but for memory; GzipReader fails with gzip.malformed for damaged or cut input.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct z_stream_s;

namespace formats {

class GzipWriter {
 public:
  GzipWriter();
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;
  // Compressed bytes are appended to `out` as they come.
  void append(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  void run(std::string_view bytes, int flush, std::string& out);
  std::unique_ptr<z_stream_s> stream_;
};

class GzipReader {
 public:
  GzipReader();
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
  base::Result<void> append(std::string_view bytes, std::string& out);
  base::Result<void> finish() const;

 private:
  std::unique_ptr<z_stream_s> stream_;
  bool ended_ = false;
};

namespace errors {
inline constexpr base::Code gzip_malformed{"gzip.malformed", base::Kind::table,
                                           "The compressed file is damaged or cut; it is not as it was written."};
}

}  // namespace formats
