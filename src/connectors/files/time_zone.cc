// SPDX-License-Identifier: Apache-2.0
//
// A tzfile of version 2 or later holds two blocks, each: 44 bytes of header with six counts, then the tables. The first
// has 32-bit times and is skipped; the second 64-bit ones. Times behind the last transition keep its offset: the files
// of Debian reach to 2037, and one that ends earlier has a fixed offset or a rule that we do not read.
#include "connectors/files/time_zone.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "connectors/files/errors.h"

namespace connectors::files {
namespace {

constexpr std::size_t header_bytes = 44;
constexpr std::size_t file_bytes_max = 1 << 20;

std::int64_t big_endian(std::string_view bytes) {
  std::uint64_t value = bytes.empty() || (static_cast<unsigned char>(bytes[0]) & 0x80) == 0 ? 0 : ~std::uint64_t{0};
  for (const char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

struct Counts {
  std::size_t utc_flags, standard_flags, leaps, times, types, characters;
  std::size_t size(std::size_t time_bytes) const {
    return times * time_bytes + times + types * 6 + characters + leaps * (time_bytes + 4) + standard_flags + utc_flags;
  }
};

bool read_counts(std::string_view file, Counts& counts) {
  if (file.size() < header_bytes || !file.starts_with("TZif") || file[4] < '2') return false;
  std::size_t* const fields[] = {&counts.utc_flags, &counts.standard_flags, &counts.leaps,
                                 &counts.times,     &counts.types,          &counts.characters};
  for (std::size_t i = 0; i < 6; ++i) {
    const std::int64_t value = big_endian(file.substr(20 + 4 * i, 4));
    if (value < 0 || value > 100'000) return false;
    *fields[i] = static_cast<std::size_t>(value);
  }
  return true;
}

}  // namespace

base::Result<TimeZone> TimeZone::load(const std::string& name) {
  if (name.empty() || name == "UTC") return TimeZone();
  const auto is_plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("_-+/").find(c) != std::string_view::npos;
  };
  const std::string path = "/usr/share/zoneinfo/" + name;
  std::error_code code;
  if (!std::all_of(name.begin(), name.end(), is_plain) || !std::filesystem::is_regular_file(path, code)) {
    return base::failed(errors::bad_time_zone, "time zone {}: not known", name);
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return parse(bytes.str(), name);
}

base::Result<TimeZone> TimeZone::parse(std::string_view file, const std::string& name) {
  const auto damaged = [&] { return base::failed(errors::bad_time_zone, "time zone {}: its file is damaged", name); };
  Counts counts{};
  if (file.size() > file_bytes_max || !read_counts(file, counts)) return damaged();
  const std::size_t skipped = header_bytes + counts.size(4);
  if (file.size() < skipped) return damaged();
  file.remove_prefix(skipped);
  if (!read_counts(file, counts) || counts.types == 0 || file.size() < header_bytes + counts.size(8)) return damaged();
  const std::string_view times = file.substr(header_bytes, counts.times * 8);
  const std::string_view indexes = file.substr(header_bytes + times.size(), counts.times);
  const std::string_view types = file.substr(header_bytes + times.size() + indexes.size(), counts.types * 6);
  TimeZone zone;
  zone.first_offset_ = big_endian(types.substr(0, 4));
  for (std::size_t i = 0; i < counts.times; ++i) {
    const auto type = static_cast<std::size_t>(static_cast<unsigned char>(indexes[i]));
    if (type >= counts.types) return damaged();
    zone.changes_.push_back(Change{big_endian(times.substr(8 * i, 8)), big_endian(types.substr(6 * type, 4))});
    if (i > 0 && zone.changes_[i].from <= zone.changes_[i - 1].from) return damaged();
  }
  return zone;
}

std::int64_t TimeZone::wall(base::WallMicros utc) const {
  const std::int64_t seconds = utc >= 0 ? utc / 1'000'000 : (utc - 999'999) / 1'000'000;
  const auto after = std::upper_bound(changes_.begin(), changes_.end(), seconds,
                                      [](std::int64_t at, const Change& change) { return at < change.from; });
  const std::int64_t offset = after == changes_.begin() ? first_offset_ : std::prev(after)->offset;
  return utc + offset * 1'000'000;
}

}  // namespace connectors::files
