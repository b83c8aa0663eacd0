// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/source.h"

#include "connectors/postgres/describe.h"
#include "connectors/postgres/snapshot.h"

namespace postgres {

using base::failed;
using base::Result;

Source::Source(const ConnectionSettings& settings, const connect::Options& options, const connect::Context& context,
               const DatabaseText& database_text)
    : settings_(settings),
      options_(options),
      context_(context),
      database_text_(database_text),
      catalog_(settings, options_, context_),
      capture_(settings, options_, context_),
      comparable_(settings) {}

std::string_view Source::family() const { return family_name; }

Result<std::unique_ptr<connect::Snapshot>> Source::snapshot(bool capturing) {
  return take_snapshot(settings_, options_, context_, capturing);
}

// The first position that is still missing, as PostgreSQL itself writes where to start from.
std::string Source::position_text(const model::Position& position) const {
  return lsn_text(position.sequence == model::sequence_end ? position.log + 1 : position.log);
}

Result<model::Position> Source::parse_position(std::string_view text) const { return parse_lsn_position(text); }

std::string Source::quote_identifier(std::string_view name) const { return postgres::quote_identifier(name); }
std::string Source::quote_literal(std::string_view text) const { return postgres::quote_literal(text); }

model::Comparison Source::comparison(const model::TableSchema& table, const model::Column& column) const {
  return comparison_of(database_text_, table, column);
}

Result<model::Position> parse_lsn_position(std::string_view text) {
  std::string_view lsn = text;
  if (constexpr std::string_view prefix = "checkpoint:"; lsn.starts_with(prefix)) {
    for (int part = 0; part < 2; ++part) {
      const std::size_t mark = lsn.find('#');
      if (mark == std::string_view::npos) {
        return failed(connect::errors::bad_position, "\"{}\" is not a checkpoint with a position in it", text);
      }
      lsn.remove_prefix(mark + 1);
    }
    lsn = lsn.substr(0, lsn.find('#'));
  }
  const std::optional<std::uint64_t> value = lsn_of(lsn);
  if (!value || *value == 0) {
    return failed(connect::errors::bad_position, "\"{}\" is not a position like 4AF/B00000D0", text);
  }
  return position_before(*value);
}

}  // namespace postgres
