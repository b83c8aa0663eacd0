// SPDX-License-Identifier: Apache-2.0
//
// Rows to DMS csv bytes, and back to fields. CsvEncoder is made once for a table and a format; it holds no row state,
// so one thread at a time may use it, each call appending whole rows to a caller's string. CsvReader is fed pieces of a
// file and hands out rows of fields; malformed input is the error csv.malformed with the row's number.
//
// With `quoting` (Rfc4180) a field is enclosed in quotes only if it holds a quote, the delimiter, the row delimiter, a
// newline or carriage return, or if its text equals a non-empty NULL or missing text; without it values go out raw.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/change.h"
#include "model/row_batch.h"

namespace formats {

struct CsvFormat {
  std::string delimiter = ",";
  std::string row_delimiter = "\n";
  std::string null_text;
  std::string missing_text;  // for cells the log does not carry
  bool quoting = true;
  bool pad_fixed_width = false;  // blanks up to the length of character(n) columns
};

class CsvEncoder {
 public:
  CsvEncoder(CsvFormat format, const model::TableSchema& table);

  // Column names, after `first` and before `last` (empty: left out).
  void header(std::string& out, std::string_view first, std::string_view last) const;
  // Rows [first, first + count); `before` and `after` are put around the cells of each row as they are, with their
  // own delimiters ("I,", ",2026-01-01 00:00:00.000000").
  void rows(std::string& out, const model::RowBatch& batch, std::size_t first, std::size_t count,
            std::string_view before, std::string_view after) const;
  // One row of change cells, one for each stored column; cells that are absent or unchanged get the missing text.
  void row(std::string& out, std::string_view bytes, const model::Cell* cells, std::string_view before,
           std::string_view after) const;
  // One field with the quoting rules.
  void field(std::string& out, std::string_view text) const;
  const CsvFormat& format() const { return format_; }

 private:
  struct ColumnPlan {
    model::Type type;
    unsigned precision;
    int scale;
    std::uint32_t pad;
  };
  bool needs_quotes(std::string_view text) const;
  void plain_fixed(std::string& out, const ColumnPlan& plan, std::int64_t value) const;
  void fixed(std::string& out, const ColumnPlan& plan, std::int64_t value) const;
  void real(std::string& out, const ColumnPlan& plan, double value) const;
  void bytes(std::string& out, const ColumnPlan& plan, std::string_view value) const;

  CsvFormat format_;
  std::vector<ColumnPlan> plans_;
  std::vector<std::string> names_;
  std::array<bool, 256> special_{};  // bytes that may call for quotes
  bool values_need_check_ = false;   // the delimiter may occur in numbers, dates or hex
};

struct CsvField {
  std::string text;
  bool quoted = false;
};

class CsvReader {
 public:
  explicit CsvReader(CsvFormat format, std::size_t field_bytes_max = std::size_t{1} << 30);
  void append(std::string_view bytes);
  // No more bytes will come: the last row may lack its delimiter.
  void finish() { finished_ = true; }
  // True: `row` is filled. False: more bytes are needed, or, after finish(), the end.
  base::Result<bool> next(std::vector<CsvField>& row);
  std::uint64_t rows() const { return rows_; }

 private:
  enum class Mark { more, delimiter, row_end, end };
  // Reads one field from `at`; moves `at` behind the mark that ended it.
  base::Result<Mark> read_field(std::size_t& at, CsvField& field);
  base::Result<Mark> read_quoted(std::size_t& at, CsvField& field);
  base::Result<Mark> read_plain(std::size_t& at, CsvField& field);
  Mark mark_at(std::size_t& at) const;

  CsvFormat format_;
  std::size_t field_bytes_max_;
  std::string buffer_;
  std::size_t start_ = 0;
  std::size_t wanted_ = 0;  // do not try again before the buffer is that long: keeps huge fields linear
  std::uint64_t rows_ = 0;
  bool finished_ = false;
};

namespace errors {
inline constexpr base::Code csv_malformed{"csv.malformed", base::Kind::table,
                                          "The file is not what its format says: check delimiter, quoting and whether "
                                          "the file was changed after it was written."};
}

}  // namespace formats
