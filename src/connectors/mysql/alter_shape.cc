// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/alter_shape.h"

#include <algorithm>
#include <cctype>

#include "connectors/mysql/describe.h"
#include "connectors/mysql/types.h"

namespace mysql {
namespace {

using convert::Action;
using convert::ActionKind;
using convert::ColumnDefinition;
using model::Column;
using model::TableSchema;
using Columns = std::vector<Column>;

constexpr const char* any_collation = "utf8mb4_general_ci";

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

Columns::iterator named(Columns& columns, std::string_view name) {
  return std::find_if(columns.begin(), columns.end(), [&](const Column& one) { return same_name(one.name, name); });
}

// What a value means, as far as a change of type keeps it.
enum class Class { number, text, bytes, time_of_day, date, moment, other };

Class class_of(const NativeType& type) {
  switch (type.kind) {
    case Kind::tiny:
    case Kind::small:
    case Kind::medium:
    case Kind::integer:
    case Kind::big:
    case Kind::decimal: return Class::number;
    case Kind::character:
    case Kind::text: return Class::text;
    case Kind::binary:
    case Kind::blob: return Class::bytes;
    case Kind::time: return Class::time_of_day;
    case Kind::date: return Class::date;
    case Kind::datetime: return Class::moment;
    default: return Class::other;
  }
}

// Whether a target can change its own rows as the source has changed its own.
bool keeps_values(const Column& before, const Column& after) {
  const auto old = parse_type(before.type.native, before.collation);
  const auto made = parse_type(after.type.native, after.collation);
  if (!old.ok() || !made.ok()) return false;
  if (before.type.native == after.type.native) return true;
  if (class_of(*old) != class_of(*made)) return false;
  // An enum that only grows at its end keeps its rows; so does a set.
  if (class_of(*old) == Class::other) {
    const bool grows = old->kind == made->kind && old->members.size() <= made->members.size() &&
                       std::equal(old->members.begin(), old->members.end(), made->members.begin());
    return grows && !old->members.empty();
  }
  return true;
}

// What rows that were there get where the statement names no default.
std::string implicit_default(const NativeType& type) {
  switch (type.kind) {
    case Kind::tiny:
    case Kind::small:
    case Kind::medium:
    case Kind::integer:
    case Kind::big:
    case Kind::real4:
    case Kind::real8:
    case Kind::decimal: return "'0'";
    case Kind::year: return "'0000'";
    case Kind::date: return "'0000-00-00'";
    case Kind::datetime:
    case Kind::timestamp: return "'0000-00-00 00:00:00'";
    case Kind::time: return "'00:00:00'";
    case Kind::enumeration: return type.members.empty() ? "''" : quote_literal(type.members.front());
    default: return "''";
  }
}

std::string collation_for(const ColumnDefinition& definition, const Columns& columns) {
  if (!definition.collation.empty()) return definition.collation;
  if (!definition.character_set.empty()) return definition.character_set + "_bin";
  for (const Column& column : columns) {
    if (!column.collation.empty()) return column.collation;
  }
  return any_collation;
}

bool is_text(const NativeType& type) {
  return type.kind == Kind::character || type.kind == Kind::text || type.kind == Kind::enumeration ||
         type.kind == Kind::set;
}

// False: a type that is not known.
bool define(const ColumnDefinition& definition, const Columns& columns, Column& column) {
  const std::string collation = collation_for(definition, columns);
  const auto native = parse_type(definition.type, collation);
  if (!native.ok() || definition.is_row_period) return false;
  column.name = column.source_name = definition.name;
  column.collation = is_text(*native) ? collation : "";
  column.nullable = definition.nullable.value_or(!definition.primary_key);
  column.generated = !definition.generation.empty();
  column.generation.clear();
  if (column.generated)
    column.generation = "(" + definition.generation + ")" + (definition.is_stored ? " STORED" : " VIRTUAL");
  column.default_expression = definition.default_text.value_or("");
  if (same_name(column.default_expression, "NULL")) column.default_expression.clear();
  if (!definition.on_update.empty()) {
    const std::string always = column.default_expression.empty() ? "NULL" : column.default_expression;
    column.default_expression = always + " ON UPDATE " + definition.on_update;
  }
  column.identity = definition.auto_increment ? model::Identity::by_default : model::Identity::none;
  describe_type(definition.type, column);
  return true;
}

void place(Columns& columns, Column column, const Action& action) {
  auto at = columns.end();
  if (action.is_first) at = columns.begin();
  if (!action.after.empty()) {
    at = named(columns, action.after);
    if (at != columns.end()) ++at;
  }
  columns.insert(at, std::move(column));
}

// Text is kept in another character set from here on.
void convert_characters(const Action& action, Columns& columns) {
  for (Column& column : columns) {
    if (column.collation.empty() || column.collation == "binary") continue;
    column.collation = action.new_name.empty() ? action.text + "_bin" : action.new_name;
  }
}

bool carry_out_on_column(const Action& action, Columns& columns, std::int32_t& last_ordinal) {
  const bool is_new = action.kind == ActionKind::add_column;
  const auto column = named(columns, is_new ? action.column.name : action.name);
  if (is_new && column != columns.end()) return true;  // IF NOT EXISTS
  if (action.kind == ActionKind::drop_column) {
    if (column != columns.end()) columns.erase(column);  // else IF EXISTS
    return true;
  }
  if (!is_new && column == columns.end()) return action.if_exists;
  if (action.kind == ActionKind::rename_column) {
    column->name = column->source_name = action.new_name;
    return true;
  }
  Column made = is_new ? Column() : *column;
  if (!define(action.column, columns, made) || (is_new && action.column.auto_increment)) return false;
  if (is_new) {
    made.ordinal = ++last_ordinal;
  } else if (!action.is_first && action.after.empty()) {
    *column = std::move(made);
    return true;
  } else {
    columns.erase(column);
  }
  place(columns, std::move(made), action);
  return true;
}

// False: what became of the rows cannot be told.
bool carry_out(const Action& action, Columns& columns, std::int32_t& last_ordinal) {
  switch (action.kind) {
    case ActionKind::add_column:
    case ActionKind::drop_column:
    case ActionKind::change_column:
    case ActionKind::rename_column: return carry_out_on_column(action, columns, last_ordinal);
    case ActionKind::convert_characters: convert_characters(action, columns); return true;
    case ActionKind::moves_rows:
    case ActionKind::versioning: return false;
    default: return true;  // of later rows, of keys, of the table as a whole
  }
}

// Whether the statement does not tell all: only the catalogue knows what it came to.
bool needs_catalogue(const Action& action, const TableSchema& before) {
  switch (action.kind) {
    case ActionKind::add_index:
      return action.index.kind == convert::IndexKind::primary || action.index.kind == convert::IndexKind::unique;
    case ActionKind::drop_primary_key: return true;
    case ActionKind::drop_index:
    case ActionKind::drop_constraint: return !before.unique_keys.empty();
    case ActionKind::convert_characters: return action.text.empty() && action.new_name.empty();
    default: return action.column.primary_key || action.column.unique;
  }
}

// As far as a statement tells a type: not how wide a number is shown, nor the room of a text.
bool same_type(const Column& a, const Column& b) {
  const auto one = parse_type(a.type.native, a.collation), other = parse_type(b.type.native, b.collation);
  if (!one.ok() || !other.ok()) return a.type.native == b.type.native;
  const bool has_length = one->kind == Kind::character || one->kind == Kind::binary || one->kind == Kind::bit;
  return one->kind == other->kind && one->is_unsigned == other->is_unsigned && one->is_fixed == other->is_fixed &&
         one->precision == other->precision && one->scale == other->scale && one->fraction == other->fraction &&
         one->members == other->members && (!has_length || one->length == other->length);
}

// Whether the catalogue still stands where the statement left the table: later statements may have come meanwhile.
bool same_columns(const Columns& ours, const Columns& theirs) {
  return std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(), [](const Column& a, const Column& b) {
    return same_name(a.name, b.name) && a.nullable == b.nullable && a.generated == b.generated && same_type(a, b);
  });
}

std::vector<std::uint32_t> translated(const TableSchema& from, const std::vector<std::uint32_t>& key,
                                      const TableSchema& to) {
  std::vector<std::uint32_t> indexes;
  for (const std::uint32_t index : key) {
    const auto same = std::find_if(to.columns.begin(), to.columns.end(),
                                   [&](const Column& column) { return column.ordinal == from.columns[index].ordinal; });
    if (same == to.columns.end()) return {};
    indexes.push_back(static_cast<std::uint32_t>(same - to.columns.begin()));
  }
  return indexes;
}

void take_keys(const TableSchema& from, TableSchema& to) {
  to.primary_key = translated(from, from.primary_key, to);
  to.old_key = translated(from, from.old_key, to);
  to.unique_keys.clear();
  for (const auto& key : from.unique_keys) {
    std::vector<std::uint32_t> indexes = translated(from, key, to);
    if (!indexes.empty()) to.unique_keys.push_back(std::move(indexes));
  }
  to.sequences.clear();
  for (model::Sequence sequence : from.sequences) {
    const std::vector<std::uint32_t> column = translated(from, {sequence.column}, to);
    if (column.empty()) continue;
    sequence.column = column[0];
    to.sequences.push_back(std::move(sequence));
  }
}

// The catalogue's definitions under our ordinals.
TableSchema as_catalogued(const TableSchema& before, const Columns& columns, const TableSchema& now) {
  TableSchema made = now;
  made.name = before.name;
  made.source_name = before.source_name;
  for (std::size_t i = 0; i < columns.size(); ++i) made.columns[i].ordinal = columns[i].ordinal;
  return made;
}

// Rows that were there: whether what they hold now is known. Fills the implicit defaults of new columns.
bool settle_values(const TableSchema& before, TableSchema& after) {
  for (Column& column : after.columns) {
    const auto old = std::find_if(before.columns.begin(), before.columns.end(),
                                  [&](const Column& one) { return one.ordinal == column.ordinal; });
    if (old != before.columns.end()) {
      if (old->generated != column.generated || !keeps_values(*old, column)) return false;
      continue;
    }
    const bool needs_default = !column.nullable && !column.generated && column.default_expression.empty();
    if (!needs_default) continue;
    const auto native = parse_type(column.type.native, column.collation);
    if (!native.ok()) return false;
    column.default_expression = implicit_default(*native);
  }
  return true;
}

}  // namespace

std::optional<TableSchema> altered(const TableSchema& before, const std::vector<Action>& actions,
                                   const TableSchema* now, std::int32_t& last_ordinal) {
  Columns columns = before.columns;
  bool is_told = true;
  for (const Action& action : actions) {
    if (!carry_out(action, columns, last_ordinal)) return std::nullopt;
    is_told = is_told && !needs_catalogue(action, before);
  }
  TableSchema after = before;
  if (now != nullptr && same_columns(columns, now->columns)) {
    after = as_catalogued(before, columns, *now);
  } else {
    if (!is_told) return std::nullopt;
    after.columns = std::move(columns);
    take_keys(before, after);
  }
  if (!settle_values(before, after)) return std::nullopt;
  return after;
}

}  // namespace mysql
