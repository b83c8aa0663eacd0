// SPDX-License-Identifier: Apache-2.0
#include "relay/schema_codec.h"

#include "relay/bytes.h"

namespace relay {
namespace {

void put_count(std::string& out, std::size_t count) { put(out, static_cast<std::uint64_t>(count)); }

void put_indexes(std::string& out, const std::vector<std::uint32_t>& indexes) {
  put_count(out, indexes.size());
  for (const std::uint32_t index : indexes) put(out, index);
}

void put_name(std::string& out, const model::TableName& name) {
  put_text(out, name.schema);
  put_text(out, name.table);
}

void put_texts(std::string& out, const std::vector<std::string>& texts) {
  put_count(out, texts.size());
  for (const std::string& text : texts) put_text(out, text);
}

void put_column(std::string& out, const model::Column& column) {
  put_text(out, column.name);
  put(out, column.type.type);
  put(out, column.type.length);
  put(out, column.type.precision);
  put(out, column.type.scale);
  put_text(out, column.type.native);
  put(out, column.type.native_id);
  put(out, column.type.native_modifier);
  put(out, static_cast<std::uint8_t>(column.type.native_portable));
  put(out, static_cast<std::uint8_t>(column.nullable));
  put(out, static_cast<std::uint8_t>(column.generated));
  put_text(out, column.generation);
  put(out, column.identity);
  put_text(out, column.default_expression);
  put_text(out, column.collation);
  put_text(out, column.comment);
  put(out, column.ordinal);
  put_text(out, column.source_name);
}

void put_objects(std::string& out, const std::vector<model::SecondaryObject>& objects) {
  put_count(out, objects.size());
  for (const model::SecondaryObject& object : objects) {
    put_text(out, object.name);
    put(out, static_cast<std::uint8_t>(object.unique));
    put(out, static_cast<std::uint8_t>(object.constraint));
    put_text(out, object.definition);
  }
}

void put_requirements(std::string& out, const std::vector<model::NativeObject>& objects) {
  put_count(out, objects.size());
  for (const model::NativeObject& object : objects) {
    put(out, object.kind);
    put_name(out, object.name);
    put_text(out, object.definition);
  }
}

void put_sequences(std::string& out, const std::vector<model::Sequence>& sequences) {
  put_count(out, sequences.size());
  for (const model::Sequence& sequence : sequences) {
    put_name(out, sequence.name);
    put(out, sequence.column);
    put(out, static_cast<std::uint8_t>(sequence.identity));
    put(out, static_cast<std::uint8_t>(sequence.owned));
    put_text(out, sequence.type);
    for (const std::int64_t value :
         {sequence.start, sequence.increment, sequence.minimum, sequence.maximum, sequence.cache}) {
      put(out, value);
    }
    put(out, static_cast<std::uint8_t>(sequence.cycle));
    put(out, static_cast<std::uint8_t>(sequence.last_value.has_value()));
    put(out, sequence.last_value.value_or(0));
  }
}

void put_partitions(std::string& out, const std::vector<model::Partition>& partitions) {
  put_count(out, partitions.size());
  for (const model::Partition& partition : partitions) {
    put_name(out, partition.name);
    put_name(out, partition.parent);
    put_text(out, partition.bound);
    put_text(out, partition.partitioning);
  }
}

// Only where there are any: earlier versions neither wrote nor read this.
void put_unlogged_keys(std::string& out, const std::vector<model::ForeignKey>& keys) {
  std::vector<std::uint32_t> unlogged;
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    if (keys[i].unlogged) unlogged.push_back(i);
  }
  if (!unlogged.empty()) put_indexes(out, unlogged);
}

std::vector<std::uint32_t> get_indexes(Cursor& cursor, std::size_t columns) {
  std::vector<std::uint32_t> indexes(cursor.get_count(sizeof(std::uint32_t)));
  for (std::uint32_t& index : indexes) {
    index = cursor.get<std::uint32_t>();
    if (index >= columns) cursor.refuse();
  }
  return indexes;
}

model::TableName get_name(Cursor& cursor) {
  model::TableName name;
  name.schema = cursor.get_text();
  name.table = cursor.get_text();
  return name;
}

std::vector<std::string> get_texts(Cursor& cursor) {
  std::vector<std::string> texts(cursor.get_count(sizeof(std::uint32_t)));
  for (std::string& text : texts) text = cursor.get_text();
  return texts;
}

// An enumerator up to and including `last`.
template <typename Enum>
Enum get_enum(Cursor& cursor, Enum last) {
  const auto value = cursor.get<std::uint8_t>();
  if (value > static_cast<std::uint8_t>(last)) {
    cursor.refuse();
    return last;
  }
  return static_cast<Enum>(value);
}

model::Column get_column(Cursor& cursor) {
  model::Column column;
  column.name = cursor.get_text();
  column.type.type = get_enum(cursor, model::Type::blob);
  column.type.length = cursor.get<std::uint32_t>();
  column.type.precision = cursor.get<std::uint16_t>();
  column.type.scale = cursor.get<std::int16_t>();
  column.type.native = cursor.get_text();
  column.type.native_id = cursor.get<std::uint32_t>();
  column.type.native_modifier = cursor.get<std::int32_t>();
  column.type.native_portable = cursor.get_flag();
  column.nullable = cursor.get_flag();
  column.generated = cursor.get_flag();
  column.generation = cursor.get_text();
  column.identity = get_enum(cursor, model::Identity::always);
  column.default_expression = cursor.get_text();
  column.collation = cursor.get_text();
  column.comment = cursor.get_text();
  column.ordinal = cursor.get<std::int32_t>();
  column.source_name = cursor.get_text();
  return column;
}

std::vector<model::SecondaryObject> get_objects(Cursor& cursor) {
  std::vector<model::SecondaryObject> objects(cursor.get_count(2 * sizeof(std::uint32_t)));
  for (model::SecondaryObject& object : objects) {
    object.name = cursor.get_text();
    object.unique = cursor.get_flag();
    object.constraint = cursor.get_flag();
    object.definition = cursor.get_text();
  }
  return objects;
}

void get_foreign_keys(Cursor& cursor, std::vector<model::ForeignKey>& keys) {
  keys.resize(cursor.get_count(4 * sizeof(std::uint32_t)));
  for (model::ForeignKey& key : keys) {
    key.name = cursor.get_text();
    key.columns = get_texts(cursor);
    key.referenced = get_name(cursor);
    key.referenced_columns = get_texts(cursor);
    key.rules = cursor.get_text();
  }
}

void get_unlogged_keys(Cursor& cursor, std::vector<model::ForeignKey>& keys) {
  for (const std::uint32_t index : get_indexes(cursor, keys.size())) {
    if (index < keys.size()) keys[index].unlogged = true;
  }
}

void get_requirements(Cursor& cursor, std::vector<model::NativeObject>& objects) {
  objects.resize(cursor.get_count(3 * sizeof(std::uint32_t)));
  for (model::NativeObject& object : objects) {
    object.kind = get_enum(cursor, model::NativeObject::Kind::collation);
    object.name = get_name(cursor);
    object.definition = cursor.get_text();
  }
}

void get_sequences(Cursor& cursor, std::size_t columns, std::vector<model::Sequence>& sequences) {
  sequences.resize(cursor.get_count(6 * sizeof(std::uint64_t)));
  for (model::Sequence& sequence : sequences) {
    sequence.name = get_name(cursor);
    sequence.column = cursor.get<std::uint32_t>();
    if (sequence.column >= columns) cursor.refuse();
    sequence.identity = cursor.get_flag();
    sequence.owned = cursor.get_flag();
    sequence.type = cursor.get_text();
    sequence.start = cursor.get<std::int64_t>();
    sequence.increment = cursor.get<std::int64_t>();
    sequence.minimum = cursor.get<std::int64_t>();
    sequence.maximum = cursor.get<std::int64_t>();
    sequence.cache = cursor.get<std::int64_t>();
    sequence.cycle = cursor.get_flag();
    const bool has_value = cursor.get_flag();
    const auto value = cursor.get<std::int64_t>();
    if (has_value) sequence.last_value = value;
  }
}

void get_partitions(Cursor& cursor, std::vector<model::Partition>& partitions) {
  partitions.resize(cursor.get_count(4 * sizeof(std::uint32_t)));
  for (model::Partition& partition : partitions) {
    partition.name = get_name(cursor);
    partition.parent = get_name(cursor);
    partition.bound = cursor.get_text();
    partition.partitioning = cursor.get_text();
  }
}

}  // namespace

void append_schema(const model::TableSchema& schema, std::string& out) {
  put_name(out, schema.name);
  put_name(out, schema.source_name);
  put_text(out, schema.family);
  put(out, schema.source_id);
  put_count(out, schema.columns.size());
  for (const model::Column& column : schema.columns) put_column(out, column);
  put_text(out, schema.primary_key_name);
  put_indexes(out, schema.primary_key);
  put_count(out, schema.unique_keys.size());
  for (const auto& key : schema.unique_keys) put_indexes(out, key);
  put(out, schema.old_image);
  put_indexes(out, schema.old_key);
  put_text(out, schema.partitioning);
  put(out, static_cast<std::uint8_t>(schema.unlogged));
  put_objects(out, schema.indexes);
  put_objects(out, schema.checks);
  put_count(out, schema.foreign_keys.size());
  for (const model::ForeignKey& key : schema.foreign_keys) {
    put_text(out, key.name);
    put_texts(out, key.columns);
    put_name(out, key.referenced);
    put_texts(out, key.referenced_columns);
    put_text(out, key.rules);
  }
  put_text(out, schema.comment);
  put_requirements(out, schema.requirements);
  put_sequences(out, schema.sequences);
  put_partitions(out, schema.partitions);
  put_unlogged_keys(out, schema.foreign_keys);
}

std::optional<model::TableSchema> read_schema(std::string_view bytes) {
  Cursor cursor(bytes);
  model::TableSchema schema;
  schema.name = get_name(cursor);
  schema.source_name = get_name(cursor);
  schema.family = cursor.get_text();
  schema.source_id = cursor.get<std::uint64_t>();
  schema.columns.resize(cursor.get_count(32));
  for (model::Column& column : schema.columns) column = get_column(cursor);
  schema.primary_key_name = cursor.get_text();
  schema.primary_key = get_indexes(cursor, schema.columns.size());
  schema.unique_keys.resize(cursor.get_count(sizeof(std::uint64_t)));
  for (auto& key : schema.unique_keys) key = get_indexes(cursor, schema.columns.size());
  schema.old_image = get_enum(cursor, model::OldImage::full);
  schema.old_key = get_indexes(cursor, schema.columns.size());
  schema.partitioning = cursor.get_text();
  schema.unlogged = cursor.get_flag();
  schema.indexes = get_objects(cursor);
  schema.checks = get_objects(cursor);
  get_foreign_keys(cursor, schema.foreign_keys);
  schema.comment = cursor.get_text();
  get_requirements(cursor, schema.requirements);
  get_sequences(cursor, schema.columns.size(), schema.sequences);
  get_partitions(cursor, schema.partitions);
  if (cursor.ok() && !cursor.at_end()) get_unlogged_keys(cursor, schema.foreign_keys);
  if (!cursor.ok() || !cursor.at_end()) return std::nullopt;
  return schema;
}

}  // namespace relay
