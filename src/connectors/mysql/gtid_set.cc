// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/gtid_set.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace mysql {
namespace {

using base::failed;
using base::Result;

constexpr std::size_t uuid_text_size = 36;

// The part of `text` before `mark`, which is cut off it.
std::string_view cut(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

template <typename Integer>
bool read_number(std::string_view text, Integer& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

void append_u64(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

void append_uuid(std::string& out, std::string_view text) {
  int high = -1;
  for (const char c : text) {
    if (c == '-') continue;
    const int digit = std::isdigit(static_cast<unsigned char>(c)) ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = digit;
      continue;
    }
    out += static_cast<char>(high << 4 | digit);
    high = -1;
  }
}

bool is_uuid(std::string_view text) {
  return text.size() == uuid_text_size &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) || c == '-'; }) &&
         std::count(text.begin(), text.end(), '-') == 4;
}

// Numbers come from a server: the highest has no next one.
bool is_next(std::int64_t last, std::int64_t number) { return number > last && number - 1 == last; }

}  // namespace

void GtidSet::insert(Ranges& ranges, std::int64_t first, std::int64_t last) {
  if (!ranges.empty() && is_next(ranges.back().second, first)) {  // the usual one
    ranges.back().second = last;
    return;
  }
  const auto at = std::lower_bound(ranges.begin(), ranges.end(), std::pair(first, last));
  ranges.insert(at, {first, last});
  Ranges joined;
  for (const auto& range : ranges) {
    if (!joined.empty() && (range.first <= joined.back().second || is_next(joined.back().second, range.first))) {
      joined.back().second = std::max(joined.back().second, range.second);
    } else {
      joined.push_back(range);
    }
  }
  ranges = std::move(joined);
}

Result<void> GtidSet::read_mysql(std::string_view text) {
  while (!text.empty()) {
    std::string_view source = cut(text, ',');
    std::string name(cut(source, ':'));
    if (!is_uuid(name) || source.empty()) return failed(errors::bad_gtids, "GTID set \"{}\"", name);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    std::string key = name;
    while (!source.empty()) {
      const std::string_view part = cut(source, ':');
      std::string_view last_text = part;
      const std::string_view first_text = cut(last_text, '-');
      std::int64_t first = 0, last = 0;
      if (!read_number(first_text, first)) {  // a tag: what follows is its own
        key = name + ":" + std::string(part);
        continue;
      }
      last = first;
      if (!last_text.empty() && !read_number(last_text, last)) return failed(errors::bad_gtids, "GTIDs \"{}\"", part);
      if (first < 1 || last < first) return failed(errors::bad_gtids, "GTIDs \"{}\"", part);
      insert(ranges_[key], first, last);
    }
  }
  return {};
}

Result<void> GtidSet::read_mariadb(std::string_view text) {
  while (!text.empty()) {
    const std::string_view whole = cut(text, ',');
    std::string_view rest = whole;
    std::uint32_t domain = 0, server = 0;
    std::uint64_t sequence = 0;
    const bool is_good =
        read_number(cut(rest, '-'), domain) && read_number(cut(rest, '-'), server) && read_number(rest, sequence);
    if (!is_good) return failed(errors::bad_gtids, "GTID \"{}\"", whole);
    domains_[domain] = {server, sequence};
  }
  return {};
}

Result<GtidSet> GtidSet::parse(std::string_view text, bool is_mariadb) {
  GtidSet set;
  TRY(is_mariadb ? set.read_mariadb(text) : set.read_mysql(text));
  return set;
}

void GtidSet::add(const binlog::Gtid& gtid) {
  if (gtid.anonymous) return;
  std::string key = binlog::uuid_text(gtid.uuid);
  if (!gtid.tag.empty()) key += ":" + std::string(gtid.tag);
  insert(ranges_[key], gtid.number, gtid.number);
  is_text_old_ = true;
}

void GtidSet::add(const binlog::MariaGtid& gtid) {
  domains_[gtid.domain] = {gtid.server, gtid.sequence};
  is_text_old_ = true;
}

const std::string& GtidSet::text() {
  if (!is_text_old_) return text_;
  text_.clear();
  for (const auto& [key, ranges] : ranges_) {
    if (!text_.empty()) text_ += ',';
    text_ += key;
    for (const auto& [first, last] : ranges) {
      text_ += ':' + std::to_string(first);
      if (last != first) text_ += '-' + std::to_string(last);
    }
  }
  for (const auto& [domain, place] : domains_) {
    if (!text_.empty()) text_ += ',';
    text_ += fmt::format("{}-{}-{}", domain, place.first, place.second);
  }
  is_text_old_ = false;
  return text_;
}

bool GtidSet::has_tags() const {
  return std::any_of(ranges_.begin(), ranges_.end(), [](const auto& one) { return one.first.size() > uuid_text_size; });
}

std::string GtidSet::encoded() const {
  std::string out;
  append_u64(out, ranges_.size());
  for (const auto& [key, ranges] : ranges_) {
    append_uuid(out, key);
    append_u64(out, ranges.size());
    for (const auto& [first, last] : ranges) {
      append_u64(out, static_cast<std::uint64_t>(first));
      append_u64(out, static_cast<std::uint64_t>(last) + 1);
    }
  }
  return out;
}

}  // namespace mysql
