// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/copy_text.h"

#include <bit>
#include <cstring>

#include "connect/source.h"
#include "connectors/postgres/errors.h"

namespace postgres {
namespace {

using base::failed;
using base::Result;

// Which bytes of the word are zero, as 0x80 in that byte; exact up to and including the first one.
std::uint64_t zero_bytes(std::uint64_t word) { return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL; }
constexpr std::uint64_t repeated(char c) { return 0x0101010101010101ULL * static_cast<unsigned char>(c); }

// The first tab, newline or backslash at or after `at`; `end` when there is none.
const char* find_special(const char* at, const char* end) {
  static_assert(std::endian::native == std::endian::little);
  while (end - at >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    const std::uint64_t hits =
        zero_bytes(word ^ repeated('\t')) | zero_bytes(word ^ repeated('\n')) | zero_bytes(word ^ repeated('\\'));
    if (hits != 0) return at + std::countr_zero(hits) / 8;
    at += 8;
  }
  while (at < end && *at != '\t' && *at != '\n' && *at != '\\') ++at;
  return at;
}

// The end of the field that starts at `start`; `escaped` when it has a backslash.
const char* find_field_end(const char* start, const char* end, bool& escaped) {
  const char* at = find_special(start, end);
  escaped = false;
  while (at < end && *at == '\\') {
    escaped = true;
    at = find_special(end - at > 2 ? at + 2 : end, end);
  }
  return at;
}

struct VectorSink {
  model::ColumnVector& column;
  void add_fixed(std::int64_t value) { column.add_fixed(value); }
  void add_real(double value) { column.add_real(value); }
  void add_bytes(std::string_view value) { column.add_bytes(value); }
  char* add_buffer(std::size_t size) {
    const std::size_t start = column.bytes.size();
    column.bytes.resize(start + size);
    column.present.push_back(1);
    column.ends.push_back(column.bytes.size());
    return column.bytes.data() + start;
  }
};

// How a cell of that type is stored in a ColumnVector.
int storage_of(model::Type type) { return model::is_fixed(type) ? 0 : model::is_real(type) ? 1 : 2; }

}  // namespace

CopyTextRows::CopyTextRows(const model::TableSchema& table, const std::vector<std::uint32_t>& columns,
                           const TypeChoices& choices)
    : table_(table.name.text()) {
  for (const std::uint32_t index : columns) {
    const model::Column& column = table.columns[index];
    fields_.push_back(Field{text_form(column.type, choices), column.type.type, column.name});
  }
}

Result<void> CopyTextRows::check(const model::RowBatch& batch) const {
  if (batch.columns.size() != fields_.size()) {
    return failed(base::errors::bug, "table {}: {} columns are read into {}", table_, fields_.size(),
                  batch.columns.size());
  }
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (storage_of(batch.columns[i].type) == storage_of(fields_[i].type)) continue;
    return failed(connect::errors::not_supported, "table {} column {}: {} cannot be turned into {}", table_,
                  fields_[i].name, model::type_name(fields_[i].type), model::type_name(batch.columns[i].type));
  }
  return {};
}

// Into scratch_. False when a backslash ends the field.
bool CopyTextRows::unescape(std::string_view field) {
  scratch_.clear();
  std::size_t at = 0;
  while (true) {
    const std::size_t slash = field.find('\\', at);
    scratch_.append(field, at, slash - at);
    if (slash == std::string_view::npos) return true;
    if (slash + 1 == field.size()) return false;
    const char c = field[slash + 1];
    switch (c) {
      case 'b': scratch_ += '\b'; break;
      case 'f': scratch_ += '\f'; break;
      case 'n': scratch_ += '\n'; break;
      case 'r': scratch_ += '\r'; break;
      case 't': scratch_ += '\t'; break;
      case 'v': scratch_ += '\v'; break;
      default: scratch_ += c;
    }
    at = slash + 2;
  }
}

Result<void> CopyTextRows::add(std::string_view line, model::RowBatch& batch) {
  if (!line.ends_with('\n')) return failed(errors::protocol_broken, "table {}: a line of COPY has no end", table_);
  line.remove_suffix(1);
  const char* at = line.data();
  const char* end = at + line.size();
  const std::size_t count = fields_.size();
  for (std::size_t i = 0; i < count; ++i) {
    bool escaped = false;
    const char* stop = find_field_end(at, end, escaped);
    if (stop < end ? (*stop != '\t' || i + 1 == count) : i + 1 != count) {
      return failed(errors::protocol_broken, "table {}: a line of COPY does not have {} fields", table_, count);
    }
    std::string_view text(at, static_cast<std::size_t>(stop - at));
    model::ColumnVector& column = batch.columns[i];
    if (escaped && text == "\\N") {
      column.add_null();
    } else {
      const bool good = !escaped || unescape(text);
      if (escaped) text = scratch_;
      if (!good || !decode_text(fields_[i].form, text, VectorSink{column})) {
        batch.cut_to_rows();
        batch.rejected.push_back(
            fmt::format("column {}: a value has no place in a {}", fields_[i].name, model::type_name(fields_[i].type)));
        return {};
      }
    }
    at = stop + 1;
  }
  batch.rows += 1;
  return {};
}

}  // namespace postgres
