// SPDX-License-Identifier: Apache-2.0
#include "mapping/comparer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "mapping/value.h"
#include "model/cell_text.h"

namespace mapping {
namespace {

using model::Comparison;
using model::Type;

constexpr int exponent_max = 1000;
constexpr std::size_t literal_digits_max = 10'000;
constexpr std::size_t uuid_length = 36;

bool all_digits(std::string_view text) { return std::all_of(text.begin(), text.end(), is_digit); }

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool is_text(Comparison comparison) {
  return comparison == Comparison::text_equal || comparison == Comparison::text_ordered ||
         comparison == Comparison::padded_equal || comparison == Comparison::padded_ordered;
}
bool is_padded(Comparison comparison) {
  return comparison == Comparison::padded_equal || comparison == Comparison::padded_ordered;
}

bool parse_whole(std::string_view text, Type type, std::int64_t& out) {
  const char* const stop = text.data() + text.size();
  if (type == Type::uint8) {
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), stop, number);
    out = static_cast<std::int64_t>(number);
    return code == std::errc() && end == stop;
  }
  const auto [end, code] = std::from_chars(text.data(), stop, out);
  return code == std::errc() && end == stop && in_range(type, out);
}

// Any case and any beginning of the words, as databases take them.
std::optional<bool> parse_boolean(std::string_view text) {
  std::string small(trimmed(text));
  for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (small.empty()) return std::nullopt;
  const auto begins = [&](std::string_view word) { return word.starts_with(small); };
  if (begins("true") || begins("yes") || small == "on" || small == "1") return true;
  if (begins("false") || begins("no") || small == "of" || small == "off" || small == "0") return false;
  return std::nullopt;
}

bool parse_real(std::string_view text, Type type, double& out) {
  if (text == "NaN") return out = std::nan(""), true;
  if (text == "Infinity" || text == "-Infinity") return out = text[0] == '-' ? -HUGE_VAL : HUGE_VAL, true;
  const char* const stop = text.data() + text.size();
  if (type == Type::real4) {
    float single = 0;
    const auto [end, code] = std::from_chars(text.data(), stop, single);
    out = static_cast<double>(single);
    return code == std::errc() && end == stop && std::isfinite(single);
  }
  const auto [end, code] = std::from_chars(text.data(), stop, out);
  return code == std::errc() && end == stop && std::isfinite(out);
}

std::optional<std::string> plain_uuid(std::string_view text) {
  std::string out(trimmed(text));
  if (out.size() != uuid_length) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    char& c = out[i];
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? c != '-' : !is_digit(c) && (c < 'a' || c > 'f')) return std::nullopt;
  }
  return out;
}

// A year of four digits, as filters write it; not the year 0, which databases do not have.
bool is_plain_date(std::string_view text) {
  return text.size() >= 10 && text[4] == '-' && all_digits(text.substr(0, 4)) && text.substr(0, 4) != "0000" &&
         text.find(" BC") == std::string_view::npos;
}

std::optional<std::string> plain_time(Type type, Comparison comparison, std::string_view given) {
  const std::string_view text = trimmed(given);
  std::int64_t days = 0, micros = 0;
  if (type == Type::time) {
    if (!parse_time(text, micros)) return std::nullopt;
    return model::fixed_text(type, micros);
  }
  if (text == "infinity" || text == "-infinity") return std::string(text);
  if (!is_plain_date(text) || !parse_date_and_time(text, days, micros)) return std::nullopt;
  if (type == Type::date) return model::fixed_text(type, days);
  return model::fixed_text(type, days * day_micros + micros) + (comparison == Comparison::natural_utc ? "+00" : "");
}

// The text of a number without its sign and its needless zeros.
struct Digits {
  bool negative = false;
  std::string_view whole, fraction;

  explicit Digits(std::string_view text) {
    negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const std::size_t point = std::min(text.find('.'), text.size());
    whole = text.substr(0, point);
    whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size()));
    if (point < text.size()) fraction = text.substr(point + 1);
    fraction = fraction.substr(0, fraction.find_last_not_of('0') + 1);
    if (whole.empty() && fraction.empty()) negative = false;
  }
};

int sign_of(int order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

// -1: -Infinity, 0: a number, 1: Infinity, 2: NaN
int rank_of(std::string_view text) {
  if (text == "NaN") return 2;
  if (text == "Infinity") return 1;
  return text == "-Infinity" ? -1 : 0;
}

int compare_reals(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

}  // namespace

std::optional<std::string> plain_decimal(std::string_view given) {
  std::string_view text = trimmed(given);
  if (rank_of(text) != 0) return std::string(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int exponent = 0;
  if (const std::size_t mark = text.find_first_of("eE"); mark != std::string_view::npos) {
    std::string_view power = text.substr(mark + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto [end, code] = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (code != std::errc() || end != power.data() + power.size() || std::abs(exponent) > exponent_max) {
      return std::nullopt;
    }
    text = text.substr(0, mark);
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  if (point < text.size()) digits += text.substr(point + 1);
  if (digits.empty() || digits.size() > literal_digits_max || !all_digits(digits)) return std::nullopt;
  auto place = static_cast<std::ptrdiff_t>(point) + exponent;
  if (place < 0) {
    digits.insert(0, static_cast<std::size_t>(-place), '0');
    place = 0;
  }
  if (static_cast<std::size_t>(place) > digits.size()) digits.resize(static_cast<std::size_t>(place), '0');
  digits.insert(static_cast<std::size_t>(place), ".");
  const Digits plain(digits);
  const bool is_zero = plain.whole.empty() && plain.fraction.empty();
  std::string out = negative && !is_zero ? "-" : "";
  out += plain.whole.empty() ? "0" : std::string(plain.whole);
  if (!plain.fraction.empty()) out += "." + std::string(plain.fraction);
  return out;
}

int compare_decimals(std::string_view a, std::string_view b) {
  const int rank_a = rank_of(a), rank_b = rank_of(b);
  if (rank_a != 0 || rank_b != 0) return sign_of(rank_a - rank_b);
  const Digits x(a), y(b);
  if (x.negative != y.negative) return x.negative ? -1 : 1;
  int order = 0;
  if (x.whole.size() != y.whole.size()) {
    order = x.whole.size() < y.whole.size() ? -1 : 1;
  } else {
    order = sign_of(x.whole.compare(y.whole));
    if (order == 0) order = sign_of(x.fraction.compare(y.fraction));
  }
  return x.negative ? -order : order;
}

std::optional<std::string> Comparer::literal(std::string_view text) const {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  if (comparison_ == Comparison::none || is_text(comparison_)) return std::string(text);
  if (comparison_ == Comparison::uuid) return plain_uuid(text);
  if (comparison_ == Comparison::boolean) {
    const std::optional<bool> value = parse_boolean(text);
    if (!value) return std::nullopt;
    return *value ? "t" : "f";
  }
  if (model::is_integer(type_)) {
    std::string_view digits = trimmed(text);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::int64_t value = 0;
    if (digits.starts_with('+') || !parse_whole(digits, type_, value)) return std::nullopt;
    return model::fixed_text(type_, value);
  }
  if (type_ == Type::numeric) return plain_decimal(text);
  if (model::is_real(type_)) {
    std::string_view digits = trimmed(text);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    double value = 0;
    if (digits.starts_with('+') || !parse_real(digits, type_, value)) return std::nullopt;
    return model::real_text(type_, value);
  }
  return plain_time(type_, comparison_, text);
}

bool Comparer::read_text(std::string_view text, Comparand& out) const {
  if (is_text(comparison_) || comparison_ == Comparison::uuid) {
    out.text = is_padded(comparison_) ? text.substr(0, text.find_last_not_of(' ') + 1) : text;
    return true;
  }
  if (comparison_ == Comparison::boolean) {
    out.fixed = text == "t" || text == "true" ? 1 : 0;
    return out.fixed == 1 || text == "f" || text == "false";
  }
  if (model::is_integer(type_)) return parse_whole(text, type_, out.fixed);
  if (type_ == Type::numeric) return out.text = text, !text.empty();
  if (model::is_real(type_)) return parse_real(text, type_, out.real);
  if (type_ == Type::time) return parse_time(text, out.fixed);
  if (text == "infinity" || text == "-infinity") {
    out.fixed = text[0] == '-' ? -model::date_infinity : model::date_infinity;
    return true;
  }
  if (type_ == Type::datetime) return parse_datetime(text, out.fixed);
  std::int64_t micros = 0;
  return type_ == Type::date && parse_date_and_time(text, out.fixed, micros) && micros == 0;
}

bool Comparer::read_cell(std::string_view cell, model::CellForm form, Comparand& out) const {
  if (form != model::CellForm::canonical) return read_text(cell, out);
  if (model::is_fixed(type_)) return cell.size() == 8 && (out.fixed = model::load_fixed(cell), true);
  if (model::is_real(type_)) return cell.size() == 8 && (out.real = model::load_real(cell), true);
  return read_text(cell, out);
}

int Comparer::compare(const Comparand& a, const Comparand& b) const {
  if (is_text(comparison_) || comparison_ == Comparison::uuid) return sign_of(a.text.compare(b.text));
  if (type_ == Type::numeric) return compare_decimals(a.text, b.text);
  if (model::is_real(type_) && comparison_ != Comparison::boolean) return compare_reals(a.real, b.real);
  if (type_ == Type::uint8) {
    const auto x = static_cast<std::uint64_t>(a.fixed), y = static_cast<std::uint64_t>(b.fixed);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return a.fixed < b.fixed ? -1 : a.fixed > b.fixed ? 1 : 0;
}

}  // namespace mapping
