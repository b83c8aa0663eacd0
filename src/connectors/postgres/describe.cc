// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/describe.h"

#include <algorithm>
#include <map>
#include <set>

#include "connectors/postgres/array_text.h"
#include "connectors/postgres/catalog_sql.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/user_types.h"

namespace postgres {
namespace {

using base::Result;
using model::OldImage;
using model::TableSchema;

// A table while its parts come in.
struct Draft {
  TableSchema schema;
  char identity = 'd';                               // relreplident
  std::map<std::int32_t, std::uint32_t> positions;   // attnum -> index into columns
  std::vector<std::uint32_t> primary_key_immediate;  // usable as identity
  std::vector<std::uint32_t> identity_index;
  std::set<std::uint32_t> type_oids, collation_oids;
};
using Drafts = std::map<std::uint32_t, Draft>;  // by OID

std::vector<std::uint32_t> columns_at(const Draft& draft, std::string_view attnums) {
  std::vector<std::uint32_t> columns;
  while (!attnums.empty()) {
    const std::string word(attnums.substr(0, attnums.find(' ')));
    attnums.remove_prefix(std::min(attnums.size(), word.size() + 1));
    const auto found = draft.positions.find(static_cast<std::int32_t>(std::strtol(word.c_str(), nullptr, 10)));
    if (found == draft.positions.end()) return {};
    columns.push_back(found->second);
  }
  return columns;
}

// The words of TableListing::kind.
std::string kind_of(char relkind, bool unlogged) {
  switch (relkind) {
    case 'p': return "partitioned";
    case 'v': return "view";
    case 'm': return "materialized view";
    case 'f': return "foreign";
    default: return unlogged ? "unlogged" : "table";
  }
}

Result<Drafts> find_tables(Connection& connection, const std::vector<model::TableName>& names) {
  std::vector<std::string> schemas, tables;
  for (const model::TableName& name : names) {
    schemas.push_back(name.schema);
    tables.push_back(name.table);
  }
  const Rows rows =
      TRY(connection.query(std::string(sql::find_tables), {array_literal(schemas), array_literal(tables)}));
  Drafts drafts;
  for (const Row& row : rows) {
    Draft& draft = drafts[oid_at(row, 0)];
    draft.schema.source_id = oid_at(row, 0);
    draft.schema.name = draft.schema.source_name = {text_at(row, 1), text_at(row, 2)};
    draft.schema.family = family_name;
    draft.schema.unlogged = text_at(row, 4) == "u";
    draft.schema.kind = kind_of(char_at(row, 3), draft.schema.unlogged);
    draft.identity = char_at(row, 5);
    draft.schema.partitioning = text_at(row, 6);
    draft.schema.comment = text_at(row, 7);
  }
  return drafts;
}

Result<void> read_columns(Connection& connection, const std::string& oids, Drafts& drafts) {
  const Rows rows = TRY(connection.query(std::string(sql::columns), {oids}));
  for (const Row& row : rows) {
    const auto found = drafts.find(oid_at(row, 0));
    if (found == drafts.end()) continue;
    Draft& draft = found->second;
    model::Column column;
    column.ordinal = static_cast<std::int32_t>(number_at(row, 1));
    column.name = column.source_name = text_at(row, 2);
    column.type.native = text_at(row, 3);
    column.type.native_id = oid_at(row, 4);
    column.type.native_modifier = static_cast<std::int32_t>(number_at(row, 5));
    column.nullable = !true_at(row, 6);
    column.generated = true_at(row, 7);
    const std::string identity = text_at(row, 8);
    if (identity == "a") column.identity = model::Identity::always;
    if (identity == "d") column.identity = model::Identity::by_default;
    (column.generated ? column.generation : column.default_expression) = text_at(row, 9);
    column.collation = text_at(row, 10);
    if (!null_at(row, 11)) draft.collation_oids.insert(oid_at(row, 11));
    column.comment = text_at(row, 12);
    column.type.native_portable = true_at(row, 13);
    draft.type_oids.insert(column.type.native_id);
    draft.positions[column.ordinal] = static_cast<std::uint32_t>(draft.schema.columns.size());
    draft.schema.columns.push_back(std::move(column));
  }
  return {};
}

struct IndexRow {
  std::string name;
  bool primary, unique, immediate, identity, valid, partial;
  std::vector<std::uint32_t> columns;  // empty when an expression is among them
  bool has_constraint;
  std::string constraint;
  std::string definition;
  std::string prefix;
};

Result<void> add_index(Draft& draft, IndexRow index) {
  TableSchema& schema = draft.schema;
  if (index.identity) draft.identity_index = index.columns;
  if (index.primary) {
    schema.primary_key_name = index.name;
    schema.primary_key = index.columns;
    if (index.immediate && index.valid) draft.primary_key_immediate = index.columns;
    return {};
  }
  if (!index.valid) return {};  // a failed CREATE INDEX CONCURRENTLY left it behind
  if (index.unique && index.immediate && !index.partial && !index.columns.empty()) {
    schema.unique_keys.push_back(index.columns);
  }
  model::SecondaryObject object{
      .name = index.name, .unique = index.unique, .constraint = index.has_constraint, .definition = index.constraint};
  if (!index.has_constraint) {
    if (!index.definition.starts_with(index.prefix)) {
      return base::failed(errors::protocol_broken, "table {}: definition of index {} not understood",
                          schema.name.text(), index.name);
    }
    object.definition = index.definition.substr(index.prefix.size());
  }
  schema.indexes.push_back(std::move(object));
  return {};
}

Result<void> read_indexes(Connection& connection, const std::string& oids, Drafts& drafts) {
  const Rows rows = TRY(connection.query(std::string(sql::indexes), {oids}));
  for (const Row& row : rows) {
    const auto found = drafts.find(oid_at(row, 0));
    if (found == drafts.end()) continue;
    const auto flag = [&](int column) { return true_at(row, column); };
    TRY(add_index(found->second, IndexRow{.name = text_at(row, 1),
                                          .primary = flag(2),
                                          .unique = flag(3),
                                          .immediate = flag(4),
                                          .identity = flag(5),
                                          .valid = flag(6),
                                          .partial = flag(7),
                                          .columns = columns_at(found->second, text_at(row, 8)),
                                          .has_constraint = !null_at(row, 9),
                                          .constraint = text_at(row, 10),
                                          .definition = text_at(row, 11),
                                          .prefix = text_at(row, 12)}));
  }
  return {};
}

Result<void> read_constraints(Connection& connection, const std::string& oids, Drafts& drafts) {
  const Rows rows = TRY(connection.query(std::string(sql::constraints), {oids}));
  for (const Row& row : rows) {
    const auto found = drafts.find(oid_at(row, 0));
    if (found == drafts.end()) continue;
    TableSchema& schema = found->second.schema;
    const std::string definition = text_at(row, 3);
    if (text_at(row, 1) == "c") {
      schema.checks.push_back({.name = text_at(row, 2), .definition = definition});
      continue;
    }
    model::ForeignKey key;
    key.name = text_at(row, 2);
    key.rules = definition.empty() ? "" : definition.substr(1);
    key.referenced = {text_at(row, 4), text_at(row, 5)};
    key.columns = TRY(parse_array(text_at(row, 6)));
    key.referenced_columns = TRY(parse_array(text_at(row, 7)));
    schema.foreign_keys.push_back(std::move(key));
  }
  return {};
}

Result<void> read_sequences(Connection& connection, const std::string& oids, Drafts& drafts) {
  const Rows rows = TRY(connection.query(std::string(sql::sequences), {oids}));
  for (const Row& row : rows) {
    const auto found = drafts.find(oid_at(row, 0));
    if (found == drafts.end()) continue;
    const auto column = found->second.positions.find(static_cast<std::int32_t>(number_at(row, 1)));
    if (column == found->second.positions.end()) continue;
    model::Sequence sequence;
    sequence.name = {text_at(row, 2), text_at(row, 3)};
    sequence.column = column->second;
    sequence.identity = true_at(row, 4);
    sequence.owned = true_at(row, 5);
    sequence.type = text_at(row, 6);
    sequence.start = number_at(row, 7);
    sequence.increment = number_at(row, 8);
    sequence.minimum = number_at(row, 9);
    sequence.maximum = number_at(row, 10);
    sequence.cache = number_at(row, 11);
    sequence.cycle = true_at(row, 12);
    if (!null_at(row, 13)) sequence.last_value = number_at(row, 13);
    found->second.schema.sequences.push_back(std::move(sequence));
  }
  return {};
}

std::vector<std::string> sorted_names(const TableSchema& schema, const std::vector<std::uint32_t>& columns) {
  std::vector<std::string> names;
  for (const std::uint32_t column : columns) names.push_back(schema.columns[column].name);
  std::sort(names.begin(), names.end());
  return names;
}

void set_old_image(Draft& draft) {
  TableSchema& schema = draft.schema;
  schema.old_image = OldImage::none;
  if (draft.identity == 'f') {
    schema.old_image = OldImage::full;
    return;
  }
  if (draft.identity == 'd') schema.old_key = draft.primary_key_immediate;
  if (draft.identity == 'i') schema.old_key = draft.identity_index;
  if (!schema.old_key.empty()) schema.old_image = OldImage::key;
}

// One partition takes part in its root's identity, or there is none.
Result<void> narrow_old_image(TableSchema& schema, char partition_identity, const std::string& key_columns) {
  if (partition_identity == 'f') return {};  // everything is there; the root says what is written
  bool usable = schema.old_image == OldImage::key && !key_columns.empty();
  if (usable) {
    std::vector<std::string> names = TRY(parse_array(key_columns));
    std::sort(names.begin(), names.end());
    usable = names == sorted_names(schema, schema.old_key);
  }
  if (!usable) {
    schema.old_image = OldImage::none;
    schema.old_key.clear();
  }
  return {};
}

Result<void> read_partitions(Connection& connection, Drafts& drafts) {
  std::vector<std::uint32_t> roots;
  for (const auto& [oid, draft] : drafts) {
    if (!draft.schema.partitioning.empty()) roots.push_back(oid);
  }
  if (roots.empty()) return {};
  const Rows rows = TRY(connection.query(std::string(sql::partitions), {array_literal(roots)}));
  for (const Row& row : rows) {
    const auto found = drafts.find(oid_at(row, 0));
    if (found == drafts.end()) continue;
    TableSchema& schema = found->second.schema;
    schema.partitions.push_back({.name = {text_at(row, 1), text_at(row, 2)},
                                 .parent = {text_at(row, 3), text_at(row, 4)},
                                 .bound = text_at(row, 5),
                                 .partitioning = text_at(row, 6)});
    const bool is_leaf = text_at(row, 7) != "p";
    if (is_leaf) TRY(narrow_old_image(schema, char_at(row, 8), text_at(row, 10)));
  }
  return {};
}

Result<void> resolve_types(Connection& connection, const TypeChoices& choices, Drafts& drafts) {
  std::set<std::uint32_t> types, collations;
  for (const auto& [oid, draft] : drafts) {
    types.insert(draft.type_oids.begin(), draft.type_oids.end());
    collations.insert(draft.collation_oids.begin(), draft.collation_oids.end());
  }
  const UserTypes known = TRY(UserTypes::read(connection, types, collations));
  for (auto& [oid, draft] : drafts) {
    for (model::Column& column : draft.schema.columns) known.map(choices, column.type);
    draft.schema.requirements = known.requirements(draft.type_oids, draft.collation_oids);
  }
  return {};
}

}  // namespace

static Result<std::vector<model::TableSchemaPtr>> describe_now(Connection& connection, const TypeChoices& choices,
                                                               const std::vector<model::TableName>& names) {
  Drafts drafts = TRY(find_tables(connection, names));
  std::vector<std::uint32_t> found;
  for (const auto& [oid, draft] : drafts) found.push_back(oid);
  std::vector<model::TableSchemaPtr> described;
  if (found.empty()) return described;
  const std::string oids = array_literal(found);
  TRY(read_columns(connection, oids, drafts));
  TRY(read_indexes(connection, oids, drafts));
  TRY(read_constraints(connection, oids, drafts));
  TRY(read_sequences(connection, oids, drafts));
  for (auto& [oid, draft] : drafts) set_old_image(draft);
  TRY(read_partitions(connection, drafts));
  TRY(resolve_types(connection, choices, drafts));
  std::map<model::TableName, std::uint32_t> by_name;
  for (const auto& [oid, draft] : drafts) by_name[draft.schema.name] = oid;
  for (const model::TableName& name : names) {
    const auto at = by_name.find(name);
    if (at == by_name.end()) continue;
    described.push_back(std::make_shared<const TableSchema>(std::move(drafts[at->second].schema)));
    by_name.erase(at);
  }
  return described;
}

Result<std::vector<model::TableSchemaPtr>> describe_tables(Connection& connection, const TypeChoices& choices,
                                                           const std::vector<model::TableName>& names) {
  constexpr int attempts_max = 20;
  if (connection.in_transaction()) return describe_now(connection, choices, names);
  // One moment for all of it: a table that is dropped meanwhile is there with its keys, or not at all. The server's
  // functions that write a definition out look at the present, though, and fail when it has gone by then.
  for (int attempt = 1;; ++attempt) {
    TRY(connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    Result<std::vector<model::TableSchemaPtr>> described = describe_now(connection, choices, names);
    if (connection.is_broken()) return described;
    const bool gone_meanwhile = !described.ok() && connection.last_sqlstate() == "XX000";
    Result<std::uint64_t> ended = connection.execute("ROLLBACK");
    if (gone_meanwhile && attempt < attempts_max) continue;
    if (described.ok() && !ended.ok()) return ended.take_error();
    return described;
  }
}

Result<model::TableSchemaPtr> describe_table(Connection& connection, const TypeChoices& choices, std::uint32_t oid) {
  const Rows rows = TRY(connection.query(std::string(sql::table_of_oid), {std::to_string(oid)}));
  if (rows.empty()) return model::TableSchemaPtr();
  std::vector<model::TableSchemaPtr> described =
      TRY(describe_tables(connection, choices, {{text_at(rows[0], 0), text_at(rows[0], 1)}}));
  // Renamed in between, or another table of that name: the next message about it tells.
  if (described.empty() || described[0]->source_id != oid) return model::TableSchemaPtr();
  return std::move(described[0]);
}

std::string replica_identity_remedy(const model::TableSchema& table) {
  const auto statement = [](const model::TableName& name) {
    return "ALTER TABLE " + quoted(name) + " REPLICA IDENTITY FULL;";
  };
  std::string remedy = statement(table.source_name);
  for (const model::Partition& partition : table.partitions) remedy += " " + statement(partition.name);
  return remedy;
}

}  // namespace postgres
