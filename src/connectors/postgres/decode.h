// SPDX-License-Identifier: Apache-2.0
//
// The one decoder from a server's text form (with the session settings of connection.cc) to canonical cells, used by
// the full load and by the stream, so that both give the same cell for the same value. Pure; any thread. Every byte is
// checked: text of another form is an error, never a guess. Errors name nothing but the type; the caller knows where.
//
// A sink has add_fixed(int64), add_real(double), add_bytes(view) and add_buffer(size), which returns room for that many
// bytes that it counts as the value.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "connectors/postgres/types.h"

namespace postgres {

// How the text of one column is to be read.
enum class TextForm : std::uint8_t {
  verbatim,
  trimmed,
  boolean,
  boolean_word,
  integer2,
  integer4,
  integer8,
  unsigned4,
  numeric,
  real4,
  real8,
  date,
  time,
  datetime,
  hex_bytes,
};
TextForm text_form(const model::ColumnType& type, const TypeChoices& choices);

// The parts; nullopt (or false) when the text has another form.
std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high);
std::optional<std::int64_t> parse_date(std::string_view text);      // days since 1970
std::optional<std::int64_t> parse_time(std::string_view text);      // microseconds
std::optional<std::int64_t> parse_datetime(std::string_view text);  // microseconds since 1970, UTC
std::optional<double> parse_real(std::string_view text, bool single);
bool is_numeric_text(std::string_view text);
// "-$1,234.50" -> "-1234.5000"; `out` has room for four bytes more than that. Returns the length, 0: not money.
std::size_t money_to_numeric(std::string_view text, char* out);
bool decode_hex(std::string_view digits, char* out);

// False: the text is not of that form.
template <typename Sink>
bool decode_text(TextForm form, std::string_view text, Sink&& sink) {
  const auto fixed = [&sink](std::optional<std::int64_t> value) {
    if (value) sink.add_fixed(*value);
    return value.has_value();
  };
  switch (form) {
    case TextForm::verbatim: sink.add_bytes(text); return true;
    case TextForm::trimmed: sink.add_bytes(text.substr(0, text.find_last_not_of(' ') + 1)); return true;
    case TextForm::boolean:
      if (text != "t" && text != "f") return false;
      sink.add_fixed(text == "t" ? 1 : 0);
      return true;
    case TextForm::boolean_word:  // a domain over bit(5) has this form too and never these texts
      sink.add_bytes(text == "t" ? std::string_view("true") : text == "f" ? std::string_view("false") : text);
      return true;
    case TextForm::integer2: return fixed(parse_integer(text, INT16_MIN, INT16_MAX));
    case TextForm::integer4: return fixed(parse_integer(text, INT32_MIN, INT32_MAX));
    case TextForm::integer8: return fixed(parse_integer(text, INT64_MIN, INT64_MAX));
    case TextForm::unsigned4: return fixed(parse_integer(text, 0, UINT32_MAX));
    case TextForm::numeric: {
      if (is_numeric_text(text)) {
        sink.add_bytes(text);
        return true;
      }
      char money[64];
      const std::size_t size = text.size() + 4 <= sizeof money ? money_to_numeric(text, money) : 0;
      if (size != 0) sink.add_bytes(std::string_view(money, size));
      return size != 0;
    }
    case TextForm::real4:
    case TextForm::real8: {
      const std::optional<double> value = parse_real(text, form == TextForm::real4);
      if (value) sink.add_real(*value);
      return value.has_value();
    }
    case TextForm::date: return fixed(parse_date(text));
    case TextForm::time: return fixed(parse_time(text));
    case TextForm::datetime: return fixed(parse_datetime(text));
    case TextForm::hex_bytes:
      if (text.size() % 2 != 0 || !text.starts_with("\\x")) return false;
      return decode_hex(text.substr(2), sink.add_buffer((text.size() - 2) / 2));
  }
  return false;
}

}  // namespace postgres
