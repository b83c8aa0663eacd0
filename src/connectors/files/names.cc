// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/names.h"

#include <fmt/format.h>

#include "formats/csv_values.h"

namespace connectors::files {
namespace {

constexpr std::int64_t millis_per_day = 86'400'000;

// "20190118", and the time of the day in milliseconds.
std::pair<std::string, std::int64_t> split_millis(std::int64_t wall_millis) {
  const std::int64_t days = (wall_millis >= 0 ? wall_millis : wall_millis - millis_per_day + 1) / millis_per_day;
  const formats::CivilDay day = formats::civil_day(days);
  return {fmt::format("{:04}{:02}{:02}", day.year, day.month, day.day), wall_millis - days * millis_per_day};
}

std::string time_digits(std::int64_t millis_of_day) {
  const std::int64_t seconds = millis_of_day / 1000;
  return fmt::format("{:02}{:02}{:02}{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, millis_of_day % 1000);
}

// All `count` characters from `at` on are digits: their number.
std::optional<std::int64_t> digits_at(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::size_t date_at, std::size_t time_at) {
  const auto date = digits_at(text, date_at, 8);
  const auto time = digits_at(text, time_at, 9);
  if (!date || !time || text.size() < time_at + 10 || text[time_at + 9] != '.') return std::nullopt;
  const formats::CivilDay day{*date / 10000, static_cast<unsigned>(*date / 100 % 100),
                              static_cast<unsigned>(*date % 100)};
  if (day.month < 1 || day.month > 12 || day.day < 1 || day.day > 31) return std::nullopt;
  const std::int64_t seconds = *time / 1000;
  const std::int64_t of_day = (seconds / 10000 * 3600 + seconds / 100 % 100 * 60 + seconds % 100) * 1000 + *time % 1000;
  return formats::days_since_1970(day) * millis_per_day + of_day;
}

}  // namespace

std::string key_part(std::string_view name) {
  if (name == ".") return "%2E";
  if (name == "..") return "%2E%2E";
  std::string out;
  for (const char c : name) {
    if (c == '/') {
      out += "%2F";
    } else if (c == '%') {
      out += "%25";
    } else {
      out += c;
    }
  }
  return out;
}

std::string table_folder(const std::string& bucket_folder, const model::TableName& name) {
  return bucket_folder + key_part(name.schema) + "/" + key_part(name.table) + "/";
}

std::string load_name(std::uint64_t counter) { return fmt::format("LOAD{:08X}", counter); }

std::optional<std::uint64_t> parse_load_name(std::string_view file) {
  if (!file.starts_with("LOAD")) return std::nullopt;
  const std::size_t point = file.find('.');
  if (point == std::string_view::npos || point < 12 || point > 20) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : file.substr(4, point - 4)) {
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'A' && c <= 'F') {
      value = value * 16 + static_cast<std::uint64_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

std::string cdc_name(std::int64_t wall_millis) {
  const auto [date, of_day] = split_millis(wall_millis);
  return date + "-" + time_digits(of_day);
}

std::optional<std::int64_t> parse_cdc_name(std::string_view file) {
  if (file.size() < 9 || file[8] != '-') return std::nullopt;
  return parse_moment(file, 0, 9);
}

std::string transaction_name(std::int64_t wall_millis) {
  const auto [date, of_day] = split_millis(wall_millis);
  return "CDC_TXN-" + date + time_digits(of_day);
}

std::optional<std::int64_t> parse_transaction_name(std::string_view file) {
  if (!file.starts_with("CDC_TXN-")) return std::nullopt;
  return parse_moment(file, 8, 16);
}

std::string date_folder(const Settings& settings, std::int64_t wall_micros) {
  const std::int64_t wall_hours = (wall_micros >= 0 ? wall_micros : wall_micros - 3'599'999'999) / 3'600'000'000;
  const std::int64_t days = (wall_hours >= 0 ? wall_hours : wall_hours - 23) / 24;
  const formats::CivilDay date = formats::civil_day(days);
  const std::string year = fmt::format("{:04}", date.year);
  const std::string month = fmt::format("{:02}", date.month);
  const std::string day = fmt::format("{:02}", date.day);
  const std::string& between = settings.date_delimiter;
  switch (settings.date_sequence) {
    case DateSequence::yyyymmdd: return year + between + month + between + day + "/";
    case DateSequence::yyyymmddhh:
      return year + between + month + between + day + between + fmt::format("{:02}", wall_hours - days * 24) + "/";
    case DateSequence::yyyymm: return year + between + month + "/";
    case DateSequence::mmyyyydd: return month + between + year + between + day + "/";
    case DateSequence::ddmmyyyy: return day + between + month + between + year + "/";
  }
  return "";
}

std::string_view file_of_key(std::string_view key) {
  const std::size_t slash = key.rfind('/');
  return slash == std::string_view::npos ? key : key.substr(slash + 1);
}

}  // namespace connectors::files
