// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply_keys.h"

#include "connectors/postgres/apply_set.h"
#include "connectors/postgres/target_errors.h"

namespace postgres {

using base::Result;
using relational::KeyValues;
using relational::Places;

namespace {

// "t.a = v.p0::integer AND t.b = v.p1::text"
std::string condition(const Destination& to, const Places& places) {
  std::string all;
  for (std::size_t i = 0; i < places.size(); ++i) {
    all += fmt::format("{}t.{} = v.p{}::{}", i == 0 ? "" : " AND ", to.names[places[i]], i, to.columns[places[i]].cast);
  }
  return all;
}

}  // namespace

std::string KeyedRows::text_of(const model::ChangeBatch& batch, std::uint32_t table, const relational::Destination& to,
                               std::uint32_t place, const model::Cell& cell) {
  std::string scratch;
  return std::string(SetSender::row_text(batch, own(to), batch.forms[table], place, cell, scratch));
}

// The column may have no index here: then a hash join reads the table once for all keys.
Result<Outcome> KeyedRows::run(const relational::Destination& to, const std::string& sql,
                               const std::vector<KeyValues>& keys, const KeyValues& values) {
  std::vector<TextArray> arrays(keys.at(0).size() + values.size());
  for (const KeyValues& key : keys) {
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const std::optional<std::string>& value = i < key.size() ? key[i] : values[i - key.size()];
      if (value) {
        arrays[i].add(*value);
      } else {
        arrays[i].add_null();
      }
    }
  }
  session_.send("SET LOCAL enable_hashjoin = on");
  session_.send_arrays(sql, arrays);
  session_.send("SET LOCAL enable_hashjoin = off");
  std::vector<Outcome> outcomes = TRY(session_.sync());
  ENSURE(outcomes.size() == 3);
  for (const Outcome& outcome : outcomes) {
    if (!outcome.refusal) continue;
    base::Error error = session_.error_of(*outcome.refusal, to.schema->name.text());
    if (error.kind() == base::Kind::transient) return error;
    return base::failed(target_errors::key_refused, "table {}", to.schema->name.text()).because(std::move(error));
  }
  return std::move(outcomes[1]);
}

Result<std::vector<KeyValues>> KeyedRows::read(const relational::Destination& from, const Places& places,
                                               const std::vector<KeyValues>& keys, const Places& columns,
                                               std::size_t rows_max) {
  std::string names;
  for (const std::uint32_t place : columns) {
    names += fmt::format("{}t.{}::text", names.empty() ? "" : ", ", from.names[place]);
  }
  Outcome outcome = TRY(run(from,
                            fmt::format("SELECT {} FROM {} AS t JOIN {} ON {} LIMIT {}", names, from.table,
                                        unnest(places.size()), condition(own(from), places), rows_max),
                            keys));
  return std::vector<KeyValues>(outcome.result.begin(), outcome.result.end());
}

Result<void> KeyedRows::remove(const relational::Destination& from, const Places& places,
                               const std::vector<KeyValues>& keys) {
  TRY(run(from,
          fmt::format("DELETE FROM {} AS t USING {} WHERE {}", from.table, unnest(places.size()),
                      condition(own(from), places)),
          keys));
  return {};
}

Result<void> KeyedRows::set(const relational::Destination& to, const Places& places, const std::vector<KeyValues>& keys,
                            const Places& columns, const KeyValues& values) {
  std::string set;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    set += fmt::format("{}{} = v.p{}::{}", i == 0 ? "" : ", ", to.names[columns[i]], places.size() + i,
                       own(to).columns[columns[i]].cast);
  }
  TRY(run(to,
          fmt::format("UPDATE {} AS t SET {} FROM {} WHERE {}", to.table, set, unnest(places.size() + columns.size()),
                      condition(own(to), places)),
          keys, values));
  return {};
}

}  // namespace postgres
