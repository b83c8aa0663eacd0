// SPDX-License-Identifier: Apache-2.0
//
// Definitions of secondary objects as values, so that a target of another family can say them in its own words:
// defaults, conditions of checks, columns of indexes, rules of foreign keys. They come as each server's catalogue
// writes them out. Whatever is not understood to its last word is nullopt, never a guess. Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convert {

enum class Language : std::uint8_t { mysql, postgresql };

struct Literal {
  enum class Kind : std::uint8_t { null, number, text, boolean, date, moment, bits };
  Kind kind = Kind::null;
  std::string text;  // number: as written; text: without quotes and escapes; boolean: "true"; bits: "0101"
  std::string cast;  // PostgreSQL: the type it is cast to, "character varying"
};

struct DefaultValue {
  enum class Kind : std::uint8_t { literal, now, utc_now, today };
  Kind kind = Kind::literal;
  Literal literal;
  bool on_update = false;  // MySQL: a change of the row sets it, too
};
// What stands behind DEFAULT.
std::optional<DefaultValue> read_default(Language language, std::string_view sql);

struct IndexColumn {
  std::string name;
  std::uint32_t prefix = 0;  // characters or bytes of it; 0: all
  bool descending = false;
};
// "USING btree (a, b DESC)", "UNIQUE (a)": an ordered index over columns and nothing else.
std::optional<std::vector<IndexColumn>> read_index(Language language, std::string_view definition);

struct KeyRules {
  std::string on_delete, on_update;  // "CASCADE"; empty: NO ACTION
  bool deferrable = false;
  bool full_match = false;
  bool not_valid = false;
};
// "ON DELETE CASCADE ON UPDATE NO ACTION DEFERRABLE"
std::optional<KeyRules> read_rules(std::string_view rules);
// Whether a foreign key with these rules changes rows by itself, in whatever form a statement says them.
bool acts(std::string_view rules);

struct Operand {
  std::string column = {};  // empty: the literal
  std::string cast = {};    // of the column
  Literal literal = {};
};
struct Condition {
  enum class Kind : std::uint8_t { compare, in, between, is_null, all, any, negation };
  Kind kind = Kind::compare;
  bool negated = false;                // in, between, is_null
  std::string operation = {};          // compare: = <> < <= > >=
  std::vector<Operand> operands = {};  // the first is what is tested
  std::vector<Condition> parts = {};   // all, any, negation
};
// "CHECK (a > 0)": comparisons, IN, BETWEEN, NULL tests, AND, OR, NOT over columns and literals.
std::optional<Condition> read_check(Language language, std::string_view definition);
// Every part in brackets; `name` says a column's quoted name.
std::string write_condition(Language language, const Condition& condition,
                            const std::function<std::string(const std::string&)>& name);

std::string quote_text(Language language, std::string_view text);

}  // namespace convert
