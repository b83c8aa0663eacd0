// SPDX-License-Identifier: Apache-2.0
//
// Hostile csv and gzip: rows must come out the same whatever the pieces in which the bytes arrive, and what the reader
// made of a file must read back as the same fields once written by the encoder.
#include "formats/csv.h"
#include "formats/csv_values.h"
#include "formats/gzip.h"

namespace {

using Rows = std::vector<std::vector<std::string>>;

// False: the reader refused.
bool read_rows(const formats::CsvFormat& format, std::string_view text, std::size_t step, Rows& rows) {
  formats::CsvReader reader(format, 1 << 20);
  std::vector<formats::CsvField> row;
  for (std::size_t at = 0;; at += step) {
    const bool last = at + step >= text.size();
    reader.append(text.substr(std::min(at, text.size()), step));
    if (last) reader.finish();
    while (true) {
      const auto got = reader.next(row);
      if (!got.ok()) return false;
      if (!*got) break;
      rows.emplace_back();
      for (const formats::CsvField& field : row) rows.back().push_back(field.text);
    }
    if (last) return true;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  formats::CsvFormat format;
  if ((data[0] & 1) != 0) format.delimiter = "||";
  if ((data[0] & 2) != 0) format.row_delimiter = "\r\n";
  const bool raw = (data[0] & 4) != 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  formats::GzipReader gzip;
  std::string unpacked;
  (void)gzip.append(text.substr(0, 4096), unpacked);
  if (raw) format.quoting = false;
  Rows whole, pieces;
  const bool good = read_rows(format, text, text.size() + 1, whole);
  if (good != read_rows(format, text, 1 + data[1] % 16, pieces)) __builtin_trap();
  if (!good || raw) return 0;
  if (whole != pieces) __builtin_trap();
  const formats::CsvEncoder encoder(format, model::TableSchema{});
  std::string written;
  for (const auto& row : whole) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) written += format.delimiter;
      encoder.field(written, row[i]);
      std::string cell = row[i];
      (void)formats::to_cell_text(static_cast<model::Type>(i % 21), cell);
    }
    written += format.row_delimiter;
  }
  Rows again;
  if (!read_rows(format, written, 7, again) || again != whole) __builtin_trap();
  return 0;
}
