// SPDX-License-Identifier: Apache-2.0
//
// Rows of a Parquet file as text (model/cell_text.h), one row group in memory at a time. For validation. One thread.
// How it fails: parquet.failed for damaged files and types that Millrace does not write, or the source's own error.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace formats {

class ParquetReader {
 public:
  // Reads `size` bytes at an offset.
  using ReadAt = std::function<base::Result<std::string>(std::uint64_t offset, std::uint64_t size)>;

  virtual ~ParquetReader() = default;
  static base::Result<std::unique_ptr<ParquetReader>> open(ReadAt read_at, std::uint64_t file_bytes, std::string name);
  virtual const std::vector<std::string>& columns() const = 0;
  // False at the end.
  virtual base::Result<bool> next(std::vector<std::optional<std::string>>& cells) = 0;
};

}  // namespace formats
