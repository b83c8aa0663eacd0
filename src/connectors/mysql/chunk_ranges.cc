// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/chunk_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/chunk_reader.h"
#include "connectors/mysql/key_text.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;

constexpr std::size_t guesses_max = 16;
constexpr int questions_max = 2000;  // to the server, for one table
constexpr int depth_max = 40;
constexpr std::size_t guessed_bytes = 6;  // behind what two values have in common

bool is_integer(Kind kind) {
  return kind == Kind::tiny || kind == Kind::small || kind == Kind::medium || kind == Kind::integer ||
         kind == Kind::big;
}

Kind kind_of(const model::Column& column) {
  const Result<NativeType> native = parse_type(column.type.native, column.collation);
  return native.ok() ? native->kind : Kind::geometry;
}

// What follows a common beginning, as digits of a number to that base.
double number_of(std::string_view text, double base, unsigned char first) {
  double number = 0;
  for (std::size_t i = 0; i < guessed_bytes; ++i) {
    const double digit = i < text.size() ? static_cast<unsigned char>(text[i]) - first : 0;
    number = number * base + std::clamp(digit, 0.0, base - 1);
  }
  return number;
}

std::string text_of(double number, double base, unsigned char first) {
  std::string text(guessed_bytes, '\0');
  for (std::size_t i = guessed_bytes; i-- > 0;) {
    const double rest = std::floor(number / base);
    text[i] = static_cast<char>(static_cast<unsigned char>(number - rest * base) + first);
    number = rest;
  }
  return text;
}

// Seconds in a calendar whose months have 31 days.
double moment_of(const std::string& text) {
  int year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0;
  std::sscanf(text.c_str(), "%d-%d-%d %d:%d:%d", &year, &month, &day, &hour, &minute, &second);
  return (((year * 12.0 + month - 1) * 31 + day - 1) * 24 + hour) * 3600 + minute * 60 + second;
}

std::string moment_text(double moment, bool is_date) {
  const auto seconds = static_cast<std::int64_t>(moment);
  const std::int64_t days = seconds / 86400, months = days / 31;
  const std::string date =
      fmt::format("{:04}-{:02}-{:02}", months / 12, months % 12 + 1, std::min<std::int64_t>(days % 31 + 1, 28));
  if (is_date) return date;
  return fmt::format("{} {:02}:{:02}:{:02}", date, seconds % 86400 / 3600, seconds % 3600 / 60, seconds % 60);
}

struct Bound {
  std::vector<std::string> literals;  // of the key's first columns
};

struct Leaf {
  Bound lower;  // none: the table's beginning
  std::int64_t rows = 0;
};

class Sampler {
 public:
  Sampler(Connection& session, const model::TableSchema& table, std::string_view priority, std::int64_t rows_wanted)
      : session_(session), table_(table), priority_(priority), rows_wanted_(rows_wanted) {}

  Result<std::vector<Leaf>> run() {
    leaves_.push_back({});
    TRY(cut_level("", {}));
    return join();
  }
  std::string at_least(const Bound& bound) const { return compared(bound, ">", ">="); }
  std::string below(const Bound& bound) const { return compared(bound, "<", "<"); }

 private:
  const model::Column& column(std::size_t level) const { return table_.columns[table_.primary_key[level]]; }
  std::string name(std::size_t level) const { return quote_identifier(column(level).name); }

  // (a > 1 OR (a = 1 AND (b >= 2)))
  std::string compared(const Bound& bound, const char* strictly, const char* last) const {
    std::string text;
    for (std::size_t i = bound.literals.size(); i-- > 0;) {
      const std::string& literal = bound.literals[i];
      text = i + 1 == bound.literals.size()
                 ? fmt::format("({} {} {})", name(i), last, literal)
                 : fmt::format("({0} {1} {2} OR ({0} = {2} AND {3}))", name(i), strictly, literal, text);
    }
    return text;
  }

  Result<std::optional<std::string>> ask(const std::string& what, const std::string& where, const std::string& tail) {
    ++questions_;
    Result<std::optional<std::string>> value = session_.query_value(
        fmt::format("SELECT {}{} FROM {} FORCE INDEX (PRIMARY){}{}{}", priority_, what,
                    quote_name(table_.name.schema, table_.name.table), where.empty() ? "" : " WHERE ", where, tail));
    if (!value.ok()) return read_failure(session_, value.take_error(), table_.name);
    return value;
  }

  // No index is forced: MySQL then saves itself the look into it.
  Result<std::int64_t> rows_in(const std::string& where) {
    ++questions_;
    const std::size_t place = session_.server().is_mariadb ? 8 : 9;  // of the column `rows`
    Result<Rows> plan = session_.query(fmt::format("EXPLAIN FORMAT=TRADITIONAL SELECT {}1 FROM {} WHERE {}", priority_,
                                                   quote_name(table_.name.schema, table_.name.table), where));
    if (!plan.ok()) return read_failure(session_, plan.take_error(), table_.name);
    if (plan->empty() || (*plan)[0].size() <= place || null_at((*plan)[0], place)) return std::int64_t{0};
    return number_at((*plan)[0], place);
  }

  static std::string both(const std::string& a, const std::string& b) { return a.empty() ? b : a + " AND " + b; }

  // `fixed`: the condition that the columns before have the values of `prefix`.
  Result<void> cut_level(const std::string& fixed, const std::vector<std::string>& prefix) {
    const std::size_t level = prefix.size();
    if (!has_literal(kind_of(column(level)))) return count(fixed.empty() ? "TRUE" : fixed);
    const std::optional<std::string> low = TRY(ask("MIN(" + name(level) + ")", fixed, ""));
    const std::optional<std::string> high = TRY(ask("MAX(" + name(level) + ")", fixed, ""));
    if (!low || !high) return {};
    return cut_between(fixed, prefix, *low, *high, 0);
  }

  Result<void> count(const std::string& where) {
    leaves_.back().rows += TRY(rows_in(where));
    return {};
  }

  // The range begins with the last leaf; further ones are added behind it.
  Result<void> cut_between(const std::string& fixed, const std::vector<std::string>& prefix, const std::string& low,
                           const std::string& high, int depth) {
    const std::size_t level = prefix.size();
    const auto literal = [&](const std::string& text) { return key_literal(column(level), text); };
    const std::string range =
        both(fixed, fmt::format("{0} >= {1} AND {0} <= {2}", name(level), literal(low), literal(high)));
    const std::int64_t rows = TRY(rows_in(range));
    if (rows <= rows_wanted_ || questions_ > questions_max || depth > depth_max) {
      leaves_.back().rows += rows;
      return {};
    }
    if (low == high) {
      if (level + 1 == table_.primary_key.size()) return count(range);
      std::vector<std::string> longer = prefix;
      longer.push_back(literal(low));
      return cut_level(both(fixed, fmt::format("{} = {}", name(level), literal(low))), longer);
    }
    std::vector<std::string> starts = {low};
    const auto wanted = static_cast<std::size_t>(rows / rows_wanted_ + 1);
    for (const std::string& guess : guesses_between(column(level), low, high, std::min(wanted, guesses_max))) {
      TRY(add_start(level, range, literal(guess), starts));
    }
    if (starts.size() == 1) TRY(add_start(level, range, literal(low), starts));
    for (std::size_t i = 0; i < starts.size(); ++i) {
      std::string last = high;
      if (i + 1 < starts.size()) {
        const std::string within =
            fmt::format("{0} >= {1} AND {0} < {2}", name(level), literal(starts[i]), literal(starts[i + 1]));
        last = TRY(ask("MAX(" + name(level) + ")", both(fixed, within), "")).value_or(starts[i]);
      }
      if (i > 0) {
        leaves_.push_back({Bound{prefix}, 0});
        leaves_.back().lower.literals.push_back(literal(starts[i]));
      }
      TRY(cut_between(fixed, prefix, starts[i], last, depth + 1));
    }
    return {};
  }

  // The first value of the range that is not before the guess and is behind the last start.
  Result<void> add_start(std::size_t level, const std::string& range, const std::string& guess,
                         std::vector<std::string>& starts) {
    const std::string behind =
        fmt::format("{0} >= {1} AND {0} > {2}", name(level), guess, key_literal(column(level), starts.back()));
    const std::optional<std::string> value =
        TRY(ask(name(level), both(range, behind), fmt::format(" ORDER BY {} LIMIT 1", name(level))));
    if (value) starts.push_back(*value);
    return {};
  }

  // Neighbours that are small together are one range.
  std::vector<Leaf> join() const {
    std::vector<Leaf> joined = {leaves_[0]};
    for (std::size_t i = 1; i < leaves_.size(); ++i) {
      if (joined.back().rows + leaves_[i].rows <= rows_wanted_ + rows_wanted_ / 4)
        joined.back().rows += leaves_[i].rows;
      else
        joined.push_back(leaves_[i]);
    }
    return joined;
  }

  Connection& session_;
  const model::TableSchema& table_;
  const std::string_view priority_;
  const std::int64_t rows_wanted_;
  std::vector<Leaf> leaves_;
  int questions_ = 0;
};

// Of a single integer: evenly between its least and its greatest value.
Result<std::vector<std::string>> even_bounds(Connection& session, const model::TableSchema& table, bool is_unsigned,
                                             std::uint64_t wanted, std::string_view priority) {
  const std::string name = quote_identifier(table.columns[table.primary_key[0]].name);
  Result<Rows> read = session.query(fmt::format("SELECT {0}MIN({1}), MAX({1}) FROM {2}", priority, name,
                                                quote_name(table.name.schema, table.name.table)));
  if (!read.ok()) return read_failure(session, read.take_error(), table.name);
  std::vector<std::string> bounds;
  if (null_at(read->at(0), 0)) return bounds;
  const auto number = [&](std::size_t index) {  // the bits of int64 when signed
    const std::string text = text_at((*read)[0], index);
    return is_unsigned ? std::strtoull(text.c_str(), nullptr, 10)
                       : static_cast<std::uint64_t>(std::strtoll(text.c_str(), nullptr, 10));
  };
  const std::uint64_t low = number(0), span = number(1) - low;
  const std::uint64_t count = std::min(wanted, std::max<std::uint64_t>(1, span));
  for (std::uint64_t i = 1; i < count; ++i) {
    const std::uint64_t value = low + span / count * i + span % count * i / count;
    bounds.push_back(is_unsigned ? std::to_string(value) : std::to_string(static_cast<std::int64_t>(value)));
  }
  return bounds;
}

}  // namespace

std::vector<std::string> guesses_between(const model::Column& column, const std::string& low, const std::string& high,
                                         std::size_t count) {
  const Kind kind = kind_of(column);
  const bool is_text = kind == Kind::character, is_bytes = kind == Kind::binary;
  const double base = is_bytes ? 256 : 95;  // texts: the printable characters of ASCII
  const unsigned char first = is_bytes ? 0 : ' ';
  std::size_t common = 0;
  double from = 0, to = 0;
  if (is_text || is_bytes) {
    while (common < low.size() && common < high.size() && low[common] == high[common]) ++common;
    while (is_text && common > 0 && common < low.size() && (low[common] & 0xC0) == 0x80) --common;
    from = number_of(std::string_view(low).substr(common), base, first);
    to = number_of(std::string_view(high).substr(common), base, first);
  } else if (kind == Kind::date || kind == Kind::datetime || kind == Kind::timestamp) {
    from = moment_of(low), to = moment_of(high);
  } else {
    from = std::strtod(low.c_str(), nullptr), to = std::strtod(high.c_str(), nullptr);
  }
  std::vector<std::string> guesses;
  for (std::size_t i = 1; i <= count && from < to; ++i) {
    const double at = from + (to - from) * static_cast<double>(i) / static_cast<double>(count + 1);
    if (is_text || is_bytes)
      guesses.push_back(low.substr(0, common) + text_of(std::floor(at), base, first));
    else if (kind == Kind::date || kind == Kind::datetime || kind == Kind::timestamp)
      guesses.push_back(moment_text(at, kind == Kind::date));
    else
      guesses.push_back(kind == Kind::decimal ? fmt::format("{:.6f}", at) : fmt::format("{:.0f}", at));
  }
  return guesses;
}

Result<std::vector<connect::Chunk>> cut_into_ranges(Connection& session, const model::TableSchema& table,
                                                    std::uint64_t chunk_bytes, std::string_view priority) {
  const Rows sizes = TRY(session.query(
      fmt::format("SELECT COALESCE(DATA_LENGTH, 0), COALESCE(TABLE_ROWS, -1) FROM information_schema.TABLES "
                  "WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                  quote_literal(table.name.schema), quote_literal(table.name.table))));
  if (sizes.empty()) return failed(connect::errors::table_missing, "table {}", table.name.text());
  const auto bytes = static_cast<std::uint64_t>(number_at(sizes[0], 0));
  const std::int64_t rows = number_at(sizes[0], 1);
  const std::uint64_t wanted = std::max<std::uint64_t>(1, bytes / std::max<std::uint64_t>(1, chunk_bytes));
  std::vector<std::pair<std::string, std::string>> edges;  // below it, and from it on
  if (wanted > 1 && !table.primary_key.empty()) {
    const model::Column& key = table.columns[table.primary_key[0]];
    const NativeType native = TRY(parse_type(key.type.native, key.collation));
    const std::string name = quote_identifier(key.name);
    if (table.primary_key.size() == 1 && is_integer(native.kind)) {
      for (const std::string& bound : TRY(even_bounds(session, table, native.is_unsigned, wanted, priority))) {
        edges.emplace_back(name + " < " + bound, name + " >= " + bound);
      }
    } else if (rows > 0) {
      Sampler sampler(session, table, priority, std::max<std::int64_t>(1, rows / static_cast<std::int64_t>(wanted)));
      const std::vector<Leaf> leaves = TRY(sampler.run());
      for (std::size_t i = 1; i < leaves.size(); ++i) {
        edges.emplace_back(sampler.below(leaves[i].lower), sampler.at_least(leaves[i].lower));
      }
    }
  }
  std::vector<connect::Chunk> chunks(edges.size() + 1);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    connect::Chunk& chunk = chunks[i];
    chunk.table = table.name;
    chunk.number = static_cast<std::uint32_t>(i);
    if (i > 0) chunk.predicate = edges[i - 1].second;
    if (i < edges.size()) chunk.predicate += (i == 0 ? "" : " AND ") + edges[i].first;
    chunk.bytes_estimate = bytes / chunks.size();
    chunk.rows_estimate = rows < 0 ? -1 : rows / static_cast<std::int64_t>(chunks.size());
  }
  return chunks;
}

}  // namespace mysql
