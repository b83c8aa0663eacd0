// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/source.h"

#include <fmt/format.h>

#include <charconv>

#include "connectors/mysql/options.h"
#include "connectors/mysql/types.h"

namespace mysql {

using base::failed;
using base::Result;

Source::Source(const ConnectionSettings& settings, const connect::Options& options, const connect::Context& context,
               std::string log_base)
    : options_(options),
      context_(context),
      log_base_(std::move(log_base)),
      capture_(settings, options_, context_),
      catalog_(settings, options_, context_, capture_),
      comparable_(settings) {}

std::string_view Source::family() const { return family_name; }

Result<std::unique_ptr<connect::Snapshot>> Source::snapshot(bool capturing) { return capture_.snapshot(capturing); }

std::string Source::position_text(const model::Position& position) const {
  const LogPlace place = place_of(position);
  return fmt::format("{}:{}", log_name(log_base_, place.file), place.offset);
}

Result<model::Position> Source::parse_position(std::string_view text) const {
  std::string_view place = text;
  if (constexpr std::string_view prefix = "checkpoint:"; place.starts_with(prefix)) {
    for (int part = 0; part < 2; ++part) {
      const std::size_t mark = place.find('#');
      if (mark == std::string_view::npos) {
        return failed(connect::errors::bad_position, "\"{}\" is not a checkpoint with a position in it", text);
      }
      place.remove_prefix(mark + 1);
    }
    place = place.substr(0, place.find('#'));
  }
  const std::size_t colon = place.find(':');
  const std::optional<LogName> name = parse_log_name(place.substr(0, colon));
  std::uint64_t offset = 0;
  if (colon != std::string_view::npos) {
    const std::string_view digits = place.substr(colon + 1, place.find(':', colon + 1) - colon - 1);
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), offset);
    if (code != std::errc() || end != digits.data() + digits.size()) offset = 0;
  }
  const bool is_good = name && offset >= 4 && offset <= offset_max && name->number <= file_max;
  if (!is_good || (!log_base_.empty() && name->base != log_base_)) {
    return failed(connect::errors::bad_position, "\"{}\" is not a place in this server's log, like {}:4711", text,
                  log_name(log_base_.empty() ? "binlog" : log_base_, 17));
  }
  return position_at(0, {name->number, offset, ""});
}

std::string Source::quote_identifier(std::string_view name) const { return mysql::quote_identifier(name); }
std::string Source::quote_literal(std::string_view text) const { return mysql::quote_literal(text); }

model::Comparison Source::comparison(const model::TableSchema&, const model::Column& column) const {
  return comparison_of(column);
}

model::Comparison comparison_of(const model::Column& column) {
  using model::Comparison;
  const Result<NativeType> native = parse_type(column.type.native, column.collation);
  if (!native.ok()) return Comparison::none;
  switch (native->kind) {
    case Kind::tiny:
    case Kind::small:
    case Kind::medium:
    case Kind::integer:
    case Kind::big:
    case Kind::real8:
    case Kind::decimal:
    case Kind::year:
    case Kind::date:
    case Kind::datetime:
    case Kind::timestamp: return Comparison::natural;
    case Kind::character:
    case Kind::text:
      // NO PAD binary collations compare bytes; the older _bin ones pad with blanks.
      if (column.collation == "utf8mb4_0900_bin" || column.collation.ends_with("_nopad_bin")) {
        return Comparison::text_ordered;
      }
      return column.collation.ends_with("_bin") ? Comparison::padded_ordered : Comparison::none;
    default: return Comparison::none;
  }
}

}  // namespace mysql
