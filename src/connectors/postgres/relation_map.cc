// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/relation_map.h"

#include <algorithm>

namespace postgres {
namespace {

using base::Result;
using model::Column;
using model::TableSchema;
using model::TableSchemaPtr;
using pgoutput::Message;
using pgoutput::RelationColumn;

bool matches(const Message& message, const TableSchema& schema) {
  const std::vector<std::uint32_t> stored = model::stored_columns(schema);
  if (stored.size() != message.columns.size()) return false;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const Column& column = schema.columns[stored[i]];
    const RelationColumn& logged = message.columns[i];
    if (column.name != logged.name || column.type.native_id != logged.type ||
        column.type.native_modifier != logged.modifier) {
      return false;
    }
  }
  return true;
}

model::OldImage image_of(char replica_identity, bool has_key) {
  if (replica_identity == 'f') return model::OldImage::full;
  return replica_identity == 'n' || !has_key ? model::OldImage::none : model::OldImage::key;
}

// The schema with the old image that the log really carries; itself when nothing differs.
TableSchemaPtr with_image(const Message& message, const TableSchemaPtr& schema) {
  std::vector<std::uint32_t> key;
  const std::vector<std::uint32_t> stored = model::stored_columns(*schema);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (message.columns[i].in_key) key.push_back(stored[i]);
  }
  const model::OldImage image = image_of(message.replica_identity, !key.empty());
  std::vector<std::uint32_t> before = schema->old_key;
  std::sort(before.begin(), before.end());
  // With a full image the server flags every column as key: that says nothing about a key.
  const bool same_key = image != model::OldImage::key || before == key;
  if (schema->old_image == image && same_key) return schema;
  // A partitioned root's identity decides what is written, its leaves' what is there: the catalogue knows better.
  if (!schema->partitioning.empty() && same_key) return schema;
  auto changed = std::make_shared<TableSchema>(*schema);
  changed->old_image = image;
  if (image == model::OldImage::key) changed->old_key = std::move(key);
  if (image == model::OldImage::none) changed->old_key.clear();
  return changed;
}

const Column* column_named(const TableSchema* schema, std::string_view name) {
  if (schema == nullptr) return nullptr;
  const auto index = schema->find_column(name);
  return index ? &schema->columns[*index] : nullptr;
}

// Keys of the source of what we know, with indexes of the new columns; incomplete ones are left out.
std::vector<std::uint32_t> translated(const TableSchema& from, const std::vector<std::uint32_t>& key,
                                      const TableSchema& to) {
  std::vector<std::uint32_t> indexes;
  for (const std::uint32_t index : key) {
    const auto found = to.find_column(from.columns[index].name);
    if (!found) return {};
    indexes.push_back(*found);
  }
  return indexes;
}

const Column* column_numbered(const TableSchema* schema, std::int32_t ordinal) {
  if (schema == nullptr) return nullptr;
  const auto found = std::find_if(schema->columns.begin(), schema->columns.end(),
                                  [&](const Column& column) { return column.ordinal == ordinal; });
  return found == schema->columns.end() ? nullptr : &*found;
}

// The log gives columns in the order of their numbers. A name found in the catalogue of now may stand for another
// column than it did then: one out of order is not known. What fits exactly between two known ones is known after all.
void settle_ordinals(std::vector<Column>& columns) {
  std::int32_t highest = 0;
  for (Column& column : columns) {
    if (column.ordinal <= highest) {
      column.ordinal = unknown_ordinal;
    } else {
      highest = column.ordinal;
    }
  }
  for (std::size_t first = 0; first < columns.size(); ++first) {
    if (columns[first].ordinal != unknown_ordinal) continue;
    std::size_t end = first;
    while (end < columns.size() && columns[end].ordinal == unknown_ordinal) ++end;
    const std::int32_t below = first == 0 ? 0 : columns[first - 1].ordinal;
    const bool is_exact = end < columns.size() && columns[end].ordinal - below - 1 == std::int32_t(end - first);
    for (std::size_t i = first; i < end && is_exact; ++i) columns[i].ordinal = below + 1 + std::int32_t(i - first);
    first = end;
  }
}

}  // namespace

static bool is_same_shape(TableSchema a, TableSchema b) {
  a.sequences.clear();  // their values move without any DDL
  b.sequences.clear();
  return a == b;
}

RelationMap::RelationMap(const std::vector<TableSchemaPtr>& tables, const TypeChoices& choices, Describe describe)
    : choices_(choices), describe_(std::move(describe)) {
  for (const TableSchemaPtr& table : tables) schemas_[static_cast<std::uint32_t>(table->source_id)] = table;
}

void RelationMap::on_type(const Message& message) {
  type_names_[message.type] = std::string(message.schema) + "." + std::string(message.name);
}

TableSchemaPtr RelationMap::build(const Message& message, const TableSchema* known,
                                  const TableSchema* described) const {
  auto made = std::make_shared<TableSchema>();
  const TableSchema* base = described != nullptr ? described : known;
  if (base != nullptr) *made = *base;
  made->columns.clear();
  const auto said = said_.find(message.relation);
  for (const RelationColumn& logged : message.columns) {
    const Column* from = column_named(known, logged.name);
    std::int32_t ordinal = from == nullptr ? unknown_ordinal : from->ordinal;
    if (said != said_.end()) {
      const auto numbered = said->second.columns.find(logged.name);
      ordinal = numbered == said->second.columns.end() ? unknown_ordinal : numbered->second;
      from = column_numbered(known, ordinal);
      if (from == nullptr) from = column_numbered(described, ordinal);
    }
    if (from == nullptr || from->type.native_id != logged.type) {
      const Column* newer = column_named(described, logged.name);
      if (newer != nullptr && said == said_.end()) from = newer;
      const bool same_type = newer != nullptr && newer->type.native_id == logged.type;
      if (said == said_.end()) ordinal = same_type ? newer->ordinal : unknown_ordinal;
    }
    Column column = from != nullptr ? *from : Column();
    column.name = std::string(logged.name);
    column.ordinal = ordinal;
    column.generated = false;
    if (column.type.native_id != logged.type || column.type.native_modifier != logged.modifier) {
      const auto name = type_names_.find(logged.type);
      column.type = model::ColumnType();
      column.type.native_id = logged.type;
      column.type.native_modifier = logged.modifier;
      if (name != type_names_.end()) column.type.native = name->second;
      canonical_type(logged.type, logged.modifier, 'b', choices_, column.type);
    }
    made->columns.push_back(std::move(column));
  }
  settle_ordinals(made->columns);
  if (base != nullptr) {
    for (const Column& column : base->columns) {
      if (column.generated && !made->find_column(column.name)) made->columns.push_back(column);
    }
    made->primary_key = translated(*base, base->primary_key, *made);
    made->unique_keys.clear();
    for (const auto& key : base->unique_keys) {
      std::vector<std::uint32_t> indexes = translated(*base, key, *made);
      if (!indexes.empty()) made->unique_keys.push_back(std::move(indexes));
    }
    made->old_key = translated(*base, base->old_key, *made);
    made->sequences.clear();
  }
  made->name = {std::string(message.schema), std::string(message.name)};
  made->source_name = made->name;
  made->family = "postgresql";
  made->source_id = message.relation;
  return made;
}

bool RelationMap::fits(const TableSchema& schema, std::uint32_t oid) const {
  const auto said = said_.find(oid);
  if (said == said_.end()) return true;
  return std::all_of(schema.columns.begin(), schema.columns.end(), [&](const Column& column) {
    const auto numbered = said->second.columns.find(column.name);
    return numbered != said->second.columns.end() && numbered->second == column.ordinal;
  });
}

Result<TableSchemaPtr> RelationMap::shape_of(const Message& message, const TableSchemaPtr& known) {
  const bool same_name = known->name.schema == message.schema && known->name.table == message.name;
  if (same_name && matches(message, *known) && fits(*known, message.relation)) return with_image(message, known);
  const TableSchemaPtr described = TRY(describe_(message.relation));
  if (described != nullptr && matches(message, *described) && fits(*described, message.relation)) {
    return with_image(message, described);
  }
  return with_image(message, build(message, known.get(), described.get()));
}

Relation* RelationMap::put(std::uint32_t oid, std::uint32_t top_xid, TableSchemaPtr schema, std::vector<bool> in_key) {
  Relation relation;
  relation.stored = model::stored_columns(*schema);
  for (const std::uint32_t index : relation.stored) {
    relation.forms.push_back(text_form(schema->columns[index].type, choices_));
  }
  relation.in_key = std::move(in_key);
  relation.schema = std::move(schema);
  if (top_xid == 0) schemas_[oid] = relation.schema;
  auto& place = top_xid == 0 ? relations_ : streamed_[top_xid];
  return &(place[oid] = std::move(relation));
}

TableSchemaPtr RelationMap::schema_of(std::uint32_t oid, std::uint32_t top_xid) {
  const Relation* relation = find(oid, top_xid);
  if (relation != nullptr) return relation->schema;
  const auto known = schemas_.find(oid);
  return known == schemas_.end() ? nullptr : known->second;
}

Result<Relation*> RelationMap::on_relation(const Message& message, std::uint32_t top_xid) {
  const TableSchemaPtr known = schema_of(message.relation, top_xid);
  if (known == nullptr) return static_cast<Relation*>(nullptr);
  TableSchemaPtr shape = TRY(shape_of(message, known));
  std::vector<bool> in_key;
  for (const RelationColumn& column : message.columns) in_key.push_back(column.in_key);
  const bool changed = shape != known && *shape != *known;
  Relation* relation = put(message.relation, top_xid, changed ? std::move(shape) : known, std::move(in_key));
  return changed ? relation : nullptr;
}

Result<Relation*> RelationMap::on_ddl(std::uint32_t oid, std::uint32_t top_xid, Columns columns) {
  const TableSchemaPtr known = schema_of(oid, top_xid);
  if (known == nullptr) return static_cast<Relation*>(nullptr);
  TableSchemaPtr described = TRY(describe_(oid));
  if (!columns.empty()) said_[oid] = {std::move(columns), top_xid};
  if (described == nullptr || is_same_shape(*described, *known)) return static_cast<Relation*>(nullptr);
  // The catalogue is already further on: the Relation message before the next row tells the shape of here.
  const auto said = said_.find(oid);
  if (said != said_.end() && (!fits(*described, oid) || described->columns.size() != said->second.columns.size())) {
    return static_cast<Relation*>(nullptr);
  }
  // The server sends a Relation message before the next row: it has the last word on the columns.
  const std::vector<std::uint32_t> before = model::stored_columns(*known);
  const std::vector<std::uint32_t> after = model::stored_columns(*described);
  std::vector<bool> in_key;
  const Relation* relation = find(oid, top_xid);
  if (relation != nullptr && before.size() == after.size()) in_key = relation->in_key;
  in_key.resize(after.size());
  return put(oid, top_xid, std::move(described), std::move(in_key));
}

Relation* RelationMap::find(std::uint32_t oid, std::uint32_t top_xid) {
  if (top_xid != 0) {
    const auto transaction = streamed_.find(top_xid);
    if (transaction != streamed_.end()) {
      const auto own = transaction->second.find(oid);
      if (own != transaction->second.end()) return &own->second;
    }
  }
  const auto found = relations_.find(oid);
  return found == relations_.end() ? nullptr : &found->second;
}

void RelationMap::end_streamed(std::uint32_t top_xid, bool committed) {
  const auto transaction = streamed_.find(top_xid);
  if (!committed) std::erase_if(said_, [&](const auto& said) { return said.second.top_xid == top_xid; });
  if (transaction == streamed_.end()) return;
  if (committed) {
    for (auto& [oid, relation] : transaction->second) {
      schemas_[oid] = relation.schema;
      relations_[oid] = std::move(relation);
    }
  }
  streamed_.erase(transaction);
}

}  // namespace postgres
