// SPDX-License-Identifier: Apache-2.0
#include "formats/csv.h"

#include <algorithm>

#include "formats/csv_values.h"

namespace formats {

using model::Type;

CsvEncoder::CsvEncoder(CsvFormat format, const model::TableSchema& table) : format_(std::move(format)) {
  for (const std::uint32_t index : model::stored_columns(table)) {
    const model::Column& column = table.columns[index];
    const bool fixed_width = column.type.native.starts_with("character(") || column.type.native.starts_with("char(") ||
                             column.type.native.starts_with("bpchar(");
    plans_.push_back(ColumnPlan{column.type.type, column.type.precision, column.type.scale,
                                format_.pad_fixed_width && fixed_width ? column.type.length : 0});
    names_.push_back(column.name);
  }
  const auto mark = [&](char c) { special_[static_cast<unsigned char>(c)] = true; };
  mark('"');
  mark('\n');
  mark('\r');
  for (const std::string* text : {&format_.delimiter, &format_.row_delimiter}) {
    if (text->empty()) continue;
    mark(text->front());
    // What numbers, dates, hex, booleans and special values are made of.
    if (std::string_view("0123456789+-.:eE abcdeflnrstuyABCDEFINaif\"").find(text->front()) != std::string_view::npos) {
      values_need_check_ = true;
    }
  }
  if (!format_.quoting) values_need_check_ = false;
  // A number may look like the NULL text, too.
  if (format_.quoting && (!format_.null_text.empty() || !format_.missing_text.empty())) {
    for (const std::string* text : {&format_.null_text, &format_.missing_text}) {
      if (text->empty()) continue;
      const char c = text->front();
      if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'I' || c == 't' || c == 'f' || c == 'i' ||
          (c >= 'A' && c <= 'F') || *text == "NaN") {
        values_need_check_ = true;
      }
    }
  }
}

bool CsvEncoder::needs_quotes(std::string_view text) const {
  bool suspicious = false;
  for (const char c : text) suspicious |= special_[static_cast<unsigned char>(c)];
  if (!format_.null_text.empty() && text == format_.null_text) return true;
  if (!format_.missing_text.empty() && text == format_.missing_text) return true;
  if (!suspicious) return false;
  if (format_.delimiter.size() <= 1 && format_.row_delimiter.size() <= 1) return true;
  return text.find_first_of("\"\n\r") != std::string_view::npos || text.find(format_.delimiter) != text.npos ||
         text.find(format_.row_delimiter) != text.npos ||
         // A delimiter of several bytes could begin at the end of this field.
         text.ends_with(format_.delimiter.front()) || text.ends_with(format_.row_delimiter.front());
}

void CsvEncoder::field(std::string& out, std::string_view text) const {
  if (!format_.quoting || !needs_quotes(text)) {
    out += text;
    return;
  }
  out += '"';
  std::size_t from = 0;
  for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', from)) {
    out += text.substr(from, at - from + 1);
    out += '"';
    from = at + 1;
  }
  out += text.substr(from);
  out += '"';
}

void CsvEncoder::header(std::string& out, std::string_view first, std::string_view last) const {
  bool started = false;
  const auto add = [&](std::string_view name) {
    if (started) out += format_.delimiter;
    started = true;
    field(out, name);
  };
  if (!first.empty()) add(first);
  for (const std::string& name : names_) add(name);
  if (!last.empty()) add(last);
  out += format_.row_delimiter;
}

void CsvEncoder::plain_fixed(std::string& out, const ColumnPlan& plan, std::int64_t value) const {
  switch (plan.type) {
    case Type::boolean: out += value != 0 ? "true" : "false"; return;
    case Type::uint8: append_unsigned(out, static_cast<std::uint64_t>(value)); return;
    case Type::date: append_date(out, value); return;
    case Type::time: append_time(out, value, plan.scale); return;
    case Type::datetime: append_datetime(out, value, plan.scale); return;
    default: append_integer(out, value); return;
  }
}

void CsvEncoder::fixed(std::string& out, const ColumnPlan& plan, std::int64_t value) const {
  if (!values_need_check_) return plain_fixed(out, plan, value);
  std::string text;
  plain_fixed(text, plan, value);
  field(out, text);
}

void CsvEncoder::real(std::string& out, const ColumnPlan& plan, double value) const {
  std::string text;
  std::string& to = values_need_check_ ? text : out;
  plan.type == Type::real4 ? append_real4(to, value) : append_real8(to, value);
  if (values_need_check_) field(out, text);
}

void CsvEncoder::bytes(std::string& out, const ColumnPlan& plan, std::string_view value) const {
  std::string text;
  std::string& to = values_need_check_ ? text : out;
  switch (plan.type) {
    case Type::numeric: append_numeric(to, value, plan.precision, plan.scale); break;
    case Type::bytes:
    case Type::blob: append_hex(to, value); break;
    default:
      if (plan.pad == 0) return field(out, value);
      text = value;
      {
        const auto characters = static_cast<std::size_t>(std::count_if(
            value.begin(), value.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
        if (characters < plan.pad) text.append(plan.pad - characters, ' ');
      }
      return field(out, text);
  }
  if (values_need_check_) field(out, text);
}

void CsvEncoder::rows(std::string& out, const model::RowBatch& batch, std::size_t first, std::size_t count,
                      std::string_view before, std::string_view after) const {
  const std::size_t columns = plans_.size();
  for (std::size_t row = first; row < first + count; ++row) {
    out += before;
    for (std::size_t i = 0; i < columns; ++i) {
      const ColumnPlan& plan = plans_[i];
      const model::ColumnVector& column = batch.columns[i];
      if (i > 0) out += format_.delimiter;
      if (column.present[row] == 0) {
        out += format_.null_text;
      } else if (model::is_fixed(plan.type)) {
        fixed(out, plan, column.fixed[row]);
      } else if (model::is_real(plan.type)) {
        real(out, plan, column.real[row]);
      } else {
        bytes(out, plan, column.bytes_at(row));
      }
    }
    out += after;
    out += format_.row_delimiter;
  }
}

void CsvEncoder::row(std::string& out, std::string_view arena, const model::Cell* cells, std::string_view before,
                     std::string_view after) const {
  out += before;
  const std::size_t columns = plans_.size();
  for (std::size_t i = 0; i < columns; ++i) {
    const ColumnPlan& plan = plans_[i];
    const model::Cell& cell = cells[i];
    if (i > 0) out += format_.delimiter;
    if (cell.state == model::CellState::null) {
      out += format_.null_text;
    } else if (cell.state != model::CellState::value) {
      out += format_.missing_text;
    } else if (const std::string_view value = arena.substr(cell.offset, cell.size); model::is_fixed(plan.type)) {
      fixed(out, plan, model::load_fixed(value));
    } else if (model::is_real(plan.type)) {
      real(out, plan, model::load_real(value));
    } else {
      bytes(out, plan, value);
    }
  }
  out += after;
  out += format_.row_delimiter;
}

CsvReader::CsvReader(CsvFormat format, std::size_t field_bytes_max)
    : format_(std::move(format)), field_bytes_max_(field_bytes_max) {}

void CsvReader::append(std::string_view bytes) {
  if (start_ > 0 && start_ * 2 >= buffer_.size()) {
    buffer_.erase(0, start_);
    wanted_ -= std::min(wanted_, start_);
    start_ = 0;
  }
  buffer_ += bytes;
}

// Recognises a delimiter, the end of a row or the end of the file at `at`, and steps behind it.
CsvReader::Mark CsvReader::mark_at(std::size_t& at) const {
  const std::string_view rest = std::string_view(buffer_).substr(at);
  if (rest.empty()) return finished_ ? Mark::end : Mark::more;
  if (rest.starts_with(format_.delimiter)) {
    at += format_.delimiter.size();
    return Mark::delimiter;
  }
  if (rest.starts_with(format_.row_delimiter)) {
    at += format_.row_delimiter.size();
    return Mark::row_end;
  }
  if (!finished_ && (format_.delimiter.starts_with(rest) || format_.row_delimiter.starts_with(rest))) return Mark::more;
  return Mark::end;  // not a mark; callers that may meet other bytes check for it
}

base::Result<CsvReader::Mark> CsvReader::read_quoted(std::size_t& at, CsvField& field) {
  field.quoted = true;
  ++at;
  while (true) {
    const std::size_t quote = buffer_.find('"', at);
    if (quote == std::string::npos) {
      if (finished_) return base::failed(errors::csv_malformed, "row {}: a quoted field is not closed", rows_ + 1);
      if (buffer_.size() - start_ > field_bytes_max_) {
        return base::failed(errors::csv_malformed, "row {}: a field is longer than {} bytes", rows_ + 1,
                            field_bytes_max_);
      }
      return Mark::more;
    }
    field.text.append(buffer_, at, quote - at);
    at = quote + 1;
    if (at == buffer_.size() && !finished_) return Mark::more;
    if (at < buffer_.size() && buffer_[at] == '"') {
      field.text += '"';
      ++at;
      continue;
    }
    const Mark mark = mark_at(at);
    if (mark == Mark::end && at < buffer_.size()) {
      return base::failed(errors::csv_malformed, "row {}: bytes follow a closing quote", rows_ + 1);
    }
    return mark;
  }
}

base::Result<CsvReader::Mark> CsvReader::read_plain(std::size_t& at, CsvField& field) {
  const std::size_t start = at;
  const char first[2] = {format_.delimiter.front(), format_.row_delimiter.front()};
  while (true) {
    std::size_t next = buffer_.find_first_of(std::string_view(first, 2), at);
    if (next == std::string::npos) next = buffer_.size();
    at = next;
    const std::size_t end = next;
    const Mark mark = mark_at(at);
    if (mark == Mark::end && at < buffer_.size()) {
      ++at;  // only the first byte of a longer delimiter
      continue;
    }
    if (mark == Mark::more && buffer_.size() - start_ > field_bytes_max_) {
      return base::failed(errors::csv_malformed, "row {}: a field is longer than {} bytes", rows_ + 1,
                          field_bytes_max_);
    }
    field.text.assign(buffer_, start, end - start);
    return mark;
  }
}

base::Result<CsvReader::Mark> CsvReader::read_field(std::size_t& at, CsvField& field) {
  field.text.clear();
  field.quoted = false;
  if (format_.quoting && at < buffer_.size() && buffer_[at] == '"') return read_quoted(at, field);
  return read_plain(at, field);
}

base::Result<bool> CsvReader::next(std::vector<CsvField>& row) {
  if (start_ == buffer_.size()) return false;
  if (!finished_ && buffer_.size() < wanted_) return false;
  std::size_t at = start_;
  std::size_t count = 0;
  while (true) {
    if (row.size() <= count) row.emplace_back();
    const Mark mark = TRY(read_field(at, row[count]));
    ++count;
    if (mark == Mark::more) {
      wanted_ = start_ + 2 * (buffer_.size() - start_);
      return false;
    }
    if (mark == Mark::delimiter) continue;
    start_ = at;
    wanted_ = 0;
    ++rows_;
    row.resize(count);
    return true;
  }
}

}  // namespace formats
