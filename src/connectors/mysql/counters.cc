// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/counters.h"

#include <algorithm>
#include <cstdlib>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/describe.h"
#include "connectors/mysql/session.h"
#include "relational/landed_objects.h"

namespace mysql {
namespace {

constexpr std::uint64_t margin = 1000;  // values the source may have given out beyond the rows we know
constexpr int patience_seconds = 2;

// The last value of a type; an AUTO_INCREMENT beyond it would end all inserts.
std::uint64_t last_of(model::Type type) {
  switch (type) {
    case model::Type::int1: return INT8_MAX;
    case model::Type::uint1: return UINT8_MAX;
    case model::Type::int2: return INT16_MAX;
    case model::Type::uint2: return UINT16_MAX;
    case model::Type::int4: return INT32_MAX;
    case model::Type::uint4: return UINT32_MAX;
    case model::Type::uint8: return UINT64_MAX - 1;
    default: return INT64_MAX;
  }
}

base::Result<void> set_counter(Session& session, const model::TableName& table, const std::string& name) {
  const std::vector<model::TableSchemaPtr> there = TRY(describe_tables(session.connection(), {table}));
  const auto place = there.empty() ? std::nullopt : there[0]->find_column(name);
  if (!place || there[0]->columns[*place].identity == model::Identity::none) return {};
  const Rows rows = TRY(session.query(fmt::format("SELECT MAX({}) FROM {}", quote_identifier(name), quoted(table)),
                                      "counter of " + table.text()));
  if (rows.empty() || null_at(rows[0], 0) || text_at(rows[0], 0).starts_with('-')) return {};
  const std::uint64_t highest = std::strtoull(text_at(rows[0], 0).c_str(), nullptr, 10);
  const std::uint64_t last = last_of(there[0]->columns[*place].type.type);
  const std::uint64_t wanted = highest >= last ? last : highest + std::min(margin + 1, last - highest);
  std::uint64_t next = 0;
  for (const model::Sequence& sequence : there[0]->sequences) {
    if (sequence.column == *place) next = static_cast<std::uint64_t>(sequence.last_value.value_or(0)) + 1;
  }
  if (next >= wanted) return {};
  return session.run(fmt::format("ALTER TABLE {} AUTO_INCREMENT = {}", quoted(table), wanted),
                     "counter of " + table.text());
}

base::Result<void> set_all(const ConnectionSettings& settings, const std::vector<model::TableSchemaPtr>& tables) {
  const std::unique_ptr<Session> session = TRY(Session::open(settings, {}));
  TRY(session->run(fmt::format("SET SESSION lock_wait_timeout = {}", patience_seconds / 2), "counters"));
  for (const model::TableSchemaPtr& mapped : tables) {
    const model::TableSchema table = relational::in_words_of(relational::Language::mysql, *mapped).table;
    for (const model::Sequence& sequence : table.sequences) {
      if (sequence.column >= table.columns.size()) continue;
      TRY(set_counter(*session, table.name, table.columns[sequence.column].name));
    }
  }
  return {};
}

}  // namespace

void set_counters(const ConnectionSettings& settings, const std::vector<model::TableSchemaPtr>& tables,
                  base::Log& log) {
  std::vector<model::TableSchemaPtr> counting;
  for (const model::TableSchemaPtr& table : tables) {
    if (!table->sequences.empty()) counting.push_back(table);
  }
  if (counting.empty()) return;
  ConnectionSettings hasty = settings;
  hasty.connect_timeout_seconds = hasty.read_timeout_seconds = patience_seconds;
  const base::Result<void> set = set_all(hasty, counting);
  if (!set.ok()) log.warning("apply", "counters were not set behind the source's: {}", set.error().message);
}

}  // namespace mysql
