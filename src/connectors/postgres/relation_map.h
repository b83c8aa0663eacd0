// SPDX-License-Identifier: Apache-2.0
//
// Which shape each relation of the stream has at the place we are in the log, and how its values become cells. The
// log's own Relation messages are the truth for columns, types and keys; the catalogue, which may be further on, lends
// what they do not say (ordinals, defaults, nullability). Streamed transactions see their own DDL before it is
// committed: their relations are kept apart until the transaction ends. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/postgres/decode_binary.h"
#include "connectors/postgres/pgoutput.h"
#include "model/change.h"

namespace postgres {

// A column of the log of which nothing says which one of the catalogue it was.
inline constexpr std::int32_t unknown_ordinal = -1;

struct Relation {
  model::TableSchemaPtr schema;
  std::vector<TextForm> forms;        // one for each stored column
  std::vector<BinaryForm> binary;     // the same in a binary session, from the first row on
  std::vector<std::uint32_t> stored;  // indexes into schema->columns
  std::vector<bool> in_key;           // parallel to `stored`
  std::uint64_t batch = 0;            // the batch for which `table` is valid
  std::uint32_t table = model::no_table;
};

class RelationMap {
 public:
  using Describe = std::function<base::Result<model::TableSchemaPtr>(std::uint32_t oid)>;

  RelationMap(const std::vector<model::TableSchemaPtr>& tables, const TypeChoices& choices, Describe describe);

  // A Relation message. Returns the relation whose shape differs from the one before, or nullptr.
  base::Result<Relation*> on_relation(const pgoutput::Message& message, std::uint32_t top_xid);
  void on_type(const pgoutput::Message& message);
  // The table is said to have changed; `columns`: number and name of each at that place of the log, empty: not said.
  // As on_relation.
  using Columns = std::map<std::string, std::int32_t, std::less<>>;
  base::Result<Relation*> on_ddl(std::uint32_t oid, std::uint32_t top_xid, Columns columns);
  // The relation of a change; nullptr: none of ours. `top_xid`: of the streamed transaction, 0 outside.
  Relation* find(std::uint32_t oid, std::uint32_t top_xid);
  // True until forgotten, for tables the log has not shown yet too.
  bool knows(std::uint32_t oid) const { return schemas_.contains(oid); }
  model::TableSchemaPtr schema_of(std::uint32_t oid, std::uint32_t top_xid);
  void end_streamed(std::uint32_t top_xid, bool committed);

 private:
  // False when the log itself said that the names stand for other columns by now.
  bool fits(const model::TableSchema& schema, std::uint32_t oid) const;
  base::Result<model::TableSchemaPtr> shape_of(const pgoutput::Message& message, const model::TableSchemaPtr& known);
  model::TableSchemaPtr build(const pgoutput::Message& message, const model::TableSchema* known,
                              const model::TableSchema* described) const;
  Relation* put(std::uint32_t oid, std::uint32_t top_xid, model::TableSchemaPtr schema, std::vector<bool> in_key);

  const TypeChoices choices_;
  const Describe describe_;
  std::unordered_map<std::uint32_t, model::TableSchemaPtr> schemas_;  // newest committed shape
  std::unordered_map<std::uint32_t, Relation> relations_;
  std::map<std::uint32_t, std::unordered_map<std::uint32_t, Relation>> streamed_;  // by top transaction
  std::unordered_map<std::uint32_t, std::string> type_names_;
  struct Said {
    Columns columns;
    std::uint32_t top_xid = 0;  // of the streamed transaction that said so
  };
  std::unordered_map<std::uint32_t, Said> said_;  // by table
};

}  // namespace postgres
