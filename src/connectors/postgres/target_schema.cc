// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/target_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/postgres/session.h"
#include "relational/row_key.h"

namespace postgres {
namespace {

using model::Column;
using model::TableSchema;
using model::Type;
using relational::keeps_column_names;
using relational::landed;

std::string column_names(const TableSchema& table, const std::vector<std::uint32_t>& columns) {
  std::string list;
  for (const std::uint32_t column : columns) {
    if (!list.empty()) list += ", ";
    list += quote_name(table.columns[column].name);
  }
  return list;
}

std::string column_definition(const TableSchema& table, const Column& column) {
  std::string text = quote_name(column.name) + " " + target_type(table, column);
  if (keeps_native(table, column)) {
    if (!column.collation.empty()) text += " COLLATE " + column.collation;
    if (column.generated && keeps_column_names(table)) {
      text += " GENERATED ALWAYS AS (" + column.generation + ") STORED";
    }
  }
  if (!column.nullable && !column.generated) text += " NOT NULL";
  return text;
}

std::string sized(std::string_view name, std::uint32_t length) { return fmt::format("{}({})", name, length); }

std::string sequence_statement(const model::Sequence& sequence, const std::string& name) {
  std::string text = fmt::format("CREATE SEQUENCE IF NOT EXISTS {}", name);
  if (!sequence.type.empty()) text += " AS " + sequence.type;
  text += fmt::format(" INCREMENT BY {} START WITH {} CACHE {}", sequence.increment, sequence.start, sequence.cache);
  if (sequence.maximum > sequence.minimum) {
    text += fmt::format(" MINVALUE {} MAXVALUE {}", sequence.minimum, sequence.maximum);
  }
  return text + (sequence.cycle ? " CYCLE" : "");
}

ObjectStatement identity_object(const TableSchema& table, const Column& column, const model::Sequence* sequence) {
  ObjectStatement object{"identity of " + column.name, {}};
  const std::string target = quote_name(table.name);
  std::string text =
      fmt::format("ALTER TABLE {} ALTER COLUMN {} ADD GENERATED {} AS IDENTITY", target, quote_name(column.name),
                  column.identity == model::Identity::always ? "ALWAYS" : "BY DEFAULT");
  if (sequence != nullptr) {
    text +=
        fmt::format(" (INCREMENT BY {} START WITH {} CACHE {}", sequence->increment, sequence->start, sequence->cache);
    if (sequence->maximum > sequence->minimum) {
      text += fmt::format(" MINVALUE {} MAXVALUE {}", sequence->minimum, sequence->maximum);
    }
    text += sequence->cycle ? " CYCLE)" : ")";
  }
  object.statements.push_back(text);
  if (sequence != nullptr && sequence->last_value) {
    object.statements.push_back(fmt::format("SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({}, {}), {})",
                                            quote_text(target), quote_text(column.name), *sequence->last_value));
  }
  return object;
}

ObjectStatement default_object(const TableSchema& table, const Column& column, const model::Sequence* sequence) {
  ObjectStatement object{"default of " + column.name, {}};
  std::string expression = column.default_expression;
  if (sequence != nullptr) {
    const std::string name = quote_name(landed(table, sequence->name));
    object.statements.push_back(sequence_statement(*sequence, name));
    if (sequence->last_value) {
      object.statements.push_back(
          fmt::format("SELECT pg_catalog.setval({}, {})", quote_text(name), *sequence->last_value));
    }
    if (sequence->owned) {
      object.statements.push_back(
          fmt::format("ALTER SEQUENCE {} OWNED BY {}.{}", name, quote_name(table.name), quote_name(column.name)));
    }
    expression = fmt::format("pg_catalog.nextval({}::pg_catalog.regclass)", quote_text(name));
  }
  object.statements.push_back(fmt::format("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}", quote_name(table.name),
                                          quote_name(column.name), expression));
  return object;
}

void add_column_objects(const TableSchema& table, std::vector<ObjectStatement>& objects) {
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const bool is_bent = table.family == "postgresql" && !keeps_native(table, column);  // by a mapping rule
    if (column.generated || is_bent) continue;
    const auto fed = std::find_if(table.sequences.begin(), table.sequences.end(),
                                  [&](const model::Sequence& sequence) { return sequence.column == i; });
    const model::Sequence* sequence = fed == table.sequences.end() ? nullptr : &*fed;
    if (column.identity != model::Identity::none) {
      objects.push_back(identity_object(table, column, sequence));
    } else if (!column.default_expression.empty()) {
      objects.push_back(default_object(table, column, sequence));
    }
  }
}

}  // namespace

bool keeps_native(const TableSchema& table, const Column& column) {
  return table.family == "postgresql" && !column.type.native.empty();
}

std::string canonical_type(const model::ColumnType& type) {
  switch (type.type) {
    case Type::boolean: return "boolean";
    case Type::int1:
    case Type::int2:
    case Type::uint1: return "smallint";
    case Type::int4:
    case Type::uint2: return "integer";
    case Type::int8:
    case Type::uint4: return "bigint";
    case Type::uint8: return "numeric(20,0)";
    case Type::numeric:
      return type.precision == 0 ? "numeric" : fmt::format("numeric({},{})", type.precision, type.scale);
    case Type::real4: return "real";
    case Type::real8: return "double precision";
    case Type::date: return "date";
    case Type::time: return "time without time zone";
    case Type::datetime:
      return type.scale > 0 && type.scale < 6 ? fmt::format("timestamp({}) without time zone", type.scale)
                                              : "timestamp without time zone";
    case Type::string:
    case Type::wstring:
      if (type.length == 0 || type.length > 65535) return "text";
      return sized("character varying", type.length <= 21845 ? type.length : 65535);
    case Type::clob:
    case Type::nclob: return "text";
    case Type::bytes:
    case Type::blob: return "bytea";
  }
  return "text";
}

std::string target_type(const TableSchema& table, const Column& column) {
  return keeps_native(table, column) ? column.type.native : canonical_type(column.type);
}

std::vector<std::string> create_statements(const TableSchema& table, const CreateOptions& options) {
  std::string text = fmt::format("CREATE {}TABLE {} (", table.unlogged ? "UNLOGGED " : "", quote_name(table.name));
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (i != 0) text += ", ";
    text += column_definition(table, table.columns[i]);
  }
  if (options.primary_key && !table.primary_key.empty()) {
    text += fmt::format(", PRIMARY KEY ({})", column_names(table, table.primary_key));
  }
  text += ")";
  const bool partitioned = !table.partitioning.empty() && table.family == "postgresql" && keeps_column_names(table);
  if (!partitioned) return {text};
  std::vector<std::string> statements{text + " " + table.partitioning};
  bool has_default = false;
  for (const model::Partition& partition : table.partitions) {
    const bool below_root = partition.parent == table.source_name;
    has_default = has_default || (below_root && partition.bound == "DEFAULT");
    std::string leaf =
        fmt::format("CREATE TABLE {} PARTITION OF {} {}", quote_name(landed(table, partition.name)),
                    quote_name(below_root ? table.name : landed(table, partition.parent)), partition.bound);
    if (!partition.partitioning.empty()) leaf += " " + partition.partitioning;
    statements.push_back(leaf);
  }
  // Rows of partitions that appear later at the source need a place. Hash partitioning knows no default.
  if (!has_default && !table.partitioning.starts_with("PARTITION BY HASH")) {
    model::TableName rest = table.name;
    rest.table = rest.table.substr(0, 48) + "_millrace_rest";
    statements.push_back(
        fmt::format("CREATE TABLE {} PARTITION OF {} DEFAULT", quote_name(rest), quote_name(table.name)));
  }
  return statements;
}

std::string primary_key_statement(const TableSchema& table) {
  if (table.primary_key.empty()) return "";
  const std::string name =
      table.primary_key_name.empty() ? "" : fmt::format("CONSTRAINT {} ", quote_name(table.primary_key_name));
  return fmt::format("ALTER TABLE {} ADD {}PRIMARY KEY ({})", quote_name(table.name), name,
                     column_names(table, table.primary_key));
}

std::string identity_index_statement(const TableSchema& table) {
  if (!table.primary_key.empty() || table.old_image != model::OldImage::key || table.old_key.empty()) return "";
  return fmt::format("CREATE UNIQUE INDEX ON {} ({})", quote_name(table.name), column_names(table, table.old_key));
}

std::vector<ObjectStatement> secondary_statements(const TableSchema& table) {
  std::vector<ObjectStatement> objects;
  const std::string target = quote_name(table.name);
  if (keeps_column_names(table)) {
    for (const model::SecondaryObject& index : table.indexes) {
      ObjectStatement object{index.name, {}};
      object.statements.push_back(
          index.constraint
              ? fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}", target, quote_name(index.name), index.definition)
              : fmt::format("CREATE {}INDEX {} ON {} {}", index.unique ? "UNIQUE " : "", quote_name(index.name), target,
                            index.definition));
      objects.push_back(std::move(object));
    }
    for (const model::SecondaryObject& check : table.checks) {
      objects.push_back(
          {check.name,
           {fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}", target, quote_name(check.name), check.definition)}});
    }
  }
  add_column_objects(table, objects);
  return objects;
}

std::vector<std::string> comment_statements(const TableSchema& table) {
  std::vector<std::string> statements;
  const std::string target = quote_name(table.name);
  if (!table.comment.empty()) {
    statements.push_back(fmt::format("COMMENT ON TABLE {} IS {}", target, quote_text(table.comment)));
  }
  for (const Column& column : table.columns) {
    if (column.comment.empty()) continue;
    statements.push_back(
        fmt::format("COMMENT ON COLUMN {}.{} IS {}", target, quote_name(column.name), quote_text(column.comment)));
  }
  return statements;
}

std::string stored_column_list(const TableSchema& table) { return column_names(table, model::stored_columns(table)); }

}  // namespace postgres
