// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/postgres/session.h"
#include "connectors/postgres/target_schema.h"
#include "relational/landed_objects.h"

namespace postgres {
namespace {

using model::Column;
using model::TableSchema;
using relational::by_ordinal;

// Renames through a name of our own, so that names may also be exchanged.
void add_renames(const TableSchema& before, const TableSchema& after, SchemaChange& change) {
  const std::string table = quote_name(after.name);
  std::vector<std::string> second;
  for (const Column& column : after.columns) {
    const Column* old = by_ordinal(before, column.ordinal);
    if (old == nullptr || old->name == column.name) continue;
    const std::string passing = quote_name(fmt::format("millrace_rename_{}", column.ordinal));
    change.statements.push_back(
        fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", table, quote_name(old->name), passing));
    second.push_back(fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", table, passing, quote_name(column.name)));
  }
  change.statements.insert(change.statements.end(), second.begin(), second.end());
}

void add_column(const TableSchema& after, const Column& column, SchemaChange& change) {
  const std::string& given = column.default_expression;
  const bool is_ours = after.family == "postgresql";
  // Only of another family's table.
  const std::optional<relational::LandedDefault> said =
      relational::landed_default(relational::Language::postgresql, after, column);
  const bool is_known = given.empty() || (is_ours ? is_literal(given) : said && said->is_literal);
  if (column.identity != model::Identity::none) {
    change.not_derivable = fmt::format("new identity column {}", column.name);
  } else if (!is_known) {
    change.not_derivable = fmt::format("new column {} has a computed default", column.name);
  }
  std::string text = fmt::format("ALTER TABLE {} ADD COLUMN {} {}", quote_name(after.name), quote_name(column.name),
                                 target_type(after, column));
  if (keeps_native(after, column)) {
    if (!column.collation.empty()) text += " COLLATE " + column.collation;
    if (column.generated) text += " GENERATED ALWAYS AS (" + column.generation + ") STORED";
    if (!given.empty()) text += " DEFAULT " + given;
  } else if (!is_ours && said && !said->sql.empty()) {
    text += " DEFAULT " + said->sql;
  }
  if (!column.nullable && !column.generated) text += " NOT NULL";
  change.statements.push_back(text);
}

void alter_column(const TableSchema& before, const Column& old, const TableSchema& after, const Column& column,
                  SchemaChange& change) {
  const std::string alter =
      fmt::format("ALTER TABLE {} ALTER COLUMN {}", quote_name(after.name), quote_name(column.name));
  const std::string type = target_type(after, column);
  if (target_type(before, old) != type && !column.generated) {
    change.statements.push_back(fmt::format("{0} TYPE {1} USING {2}::{1}", alter, type, quote_name(column.name)));
  }
  if (old.nullable != column.nullable && !column.generated) {
    change.statements.push_back(alter + (column.nullable ? " DROP NOT NULL" : " SET NOT NULL"));
  }
}

}  // namespace

bool is_literal(std::string_view expression) {
  std::string_view rest = expression;
  if (rest.starts_with('\'')) {
    std::size_t end = 1;
    while (end < rest.size()) {
      if (rest[end] == '\'') {
        if (end + 1 < rest.size() && rest[end + 1] == '\'') {
          end += 2;
          continue;
        }
        break;
      }
      ++end;
    }
    if (end >= rest.size()) return false;
    rest.remove_prefix(end + 1);
    // 'now'::timestamp and its kin are read anew at each use.
    const std::string_view word = expression.substr(1, end - 1);
    for (const std::string_view moving : {"now", "today", "tomorrow", "yesterday"}) {
      if (word.find(moving) != std::string_view::npos) return false;
    }
  } else {
    std::size_t end = 0;
    const auto is_word = [](char c) {
      return c == '.' || c == '-' || std::isalnum(static_cast<unsigned char>(c)) != 0;
    };
    if (rest.starts_with('(')) return rest.ends_with(')') && is_literal(rest.substr(1, rest.size() - 2));
    while (end < rest.size() && is_word(rest[end])) ++end;
    const std::string_view word = rest.substr(0, end);
    const bool number = !word.empty() && word.find_first_not_of("-.0123456789eE") == std::string_view::npos;
    if (!number && word != "true" && word != "false" && word != "NULL") return false;
    rest.remove_prefix(end);
  }
  if (rest.empty()) return true;
  return rest.starts_with("::") && rest.find("::", 2) == std::string_view::npos &&
         rest.find_first_of("+*/|") == std::string_view::npos;
}

SchemaChange schema_change(TableSchema before, TableSchema after) {
  SchemaChange change;
  if (!relational::number_columns(before, after)) {
    change.not_derivable = relational::unclear_columns;
    return change;
  }
  const std::string table = quote_name(after.name);
  for (const Column& old : before.columns) {
    if (by_ordinal(after, old.ordinal) == nullptr) {
      change.statements.push_back(fmt::format("ALTER TABLE {} DROP COLUMN {}", table, quote_name(old.name)));
    }
  }
  add_renames(before, after, change);
  for (const Column& column : after.columns) {
    if (const Column* old = by_ordinal(before, column.ordinal)) {
      alter_column(before, *old, after, column, change);
    } else {
      add_column(after, column, change);
    }
  }
  return change;
}

}  // namespace postgres
