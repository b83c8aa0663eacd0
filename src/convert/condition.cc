// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "convert/definition.h"
#include "convert/definition_reader.h"

namespace convert {
namespace {

using Kind = Condition::Kind;

constexpr int depth_max = 100;  // brackets in brackets

// or < and < not < predicate; both languages agree.
class ConditionReader {
 public:
  explicit ConditionReader(DefinitionReader& reader) : reader_(reader), words_(reader.words()) {}

  std::optional<Condition> any_of() { return chain("OR", Kind::any); }

 private:
  std::optional<Condition> chain(std::string_view word, Kind kind) {
    if (++depth_ > 3 * depth_max) return std::nullopt;
    Condition all{.kind = kind};
    do {
      std::optional<Condition> part = kind == Kind::any ? chain("AND", Kind::all) : negation();
      if (!part) return std::nullopt;
      all.parts.push_back(std::move(*part));
    } while (words_.take_word(word));
    --depth_;
    if (all.parts.size() > 1) return all;
    Condition only = std::move(all.parts[0]);
    return only;
  }

  std::optional<Condition> negation() {
    if (!words_.take_word("NOT")) return predicate();
    if (++depth_ > 3 * depth_max) return std::nullopt;
    std::optional<Condition> inner = negation();
    --depth_;
    if (!inner) return std::nullopt;
    Condition negated{.kind = Kind::negation};
    negated.parts.push_back(std::move(*inner));
    return negated;
  }

  bool at_predicate_end() const {
    return words_.at_end() || words_.is_symbol(')') || words_.is_word("AND") || words_.is_word("OR");
  }

  std::optional<Condition> predicate() {
    const std::size_t start = words_.position();
    if (words_.take_symbol('(')) {
      const int depth = depth_;
      std::optional<Condition> inner = any_of();
      depth_ = depth;
      if (inner && words_.take_symbol(')') && at_predicate_end()) return inner;
      words_.go_to(start);
    }
    std::optional<Operand> tested = operand();
    if (!tested) return std::nullopt;
    if (words_.take_word("IS")) {
      const bool negated = words_.take_word("NOT");
      if (!words_.take_word("NULL")) return std::nullopt;
      return Condition{.kind = Kind::is_null, .negated = negated, .operands = {std::move(*tested)}};
    }
    const bool negated = words_.take_word("NOT");
    if (words_.take_word("IN")) return list(Kind::in, negated, std::move(*tested));
    if (words_.take_word("BETWEEN")) return range(negated, std::move(*tested));
    return negated ? std::nullopt : comparison(std::move(*tested));
  }

  std::optional<Operand> operand() {
    if (std::optional<Literal> literal = reader_.literal()) return Operand{.literal = std::move(*literal)};
    const std::size_t start = words_.position();
    Operand column;
    const bool in_brackets = words_.take_symbol('(');
    const bool is_call = !in_brackets && words_.is_symbol('(', 1);
    const bool is_column = !is_call && reader_.take_name(column.column) && (!in_brackets || words_.take_symbol(')'));
    if (!is_column) {
      words_.go_to(start);
      return std::nullopt;
    }
    reader_.take_cast(column.cast);
    return column;
  }

  // Behind IN, or an array's words: (1, 2)
  std::optional<Condition> list(Kind kind, bool negated, Operand tested, char open = '(', char close = ')') {
    Condition condition{.kind = kind, .negated = negated, .operands = {std::move(tested)}};
    if (!words_.take_symbol(open)) return std::nullopt;
    do {
      std::optional<Literal> literal = reader_.literal();
      if (!literal) return std::nullopt;
      condition.operands.push_back({.literal = std::move(*literal)});
    } while (words_.take_symbol(','));
    if (!words_.take_symbol(close)) return std::nullopt;
    return condition;
  }

  std::optional<Condition> range(bool negated, Operand tested) {
    Condition condition{.kind = Kind::between, .negated = negated, .operands = {std::move(tested)}};
    for (int bound = 0; bound < 2; ++bound) {
      if (bound == 1 && !words_.take_word("AND")) return std::nullopt;
      std::optional<Operand> value = operand();
      if (!value) return std::nullopt;
      condition.operands.push_back(std::move(*value));
    }
    return condition;
  }

  std::string operation() {
    std::string text;
    std::string_view last;
    while (words_.is_symbol('<') || words_.is_symbol('>') || words_.is_symbol('=') || words_.is_symbol('!')) {
      last = words_.next().source;
      text += last;
    }
    // <- and =~ are operators of their own where anybody may make some.
    const Token& behind = words_.peek();
    const bool goes_on = behind.kind == TokenKind::symbol && behind.source != "(" && behind.source != "\"" &&
                         behind.source.data() == last.data() + last.size();
    if (goes_on && reader_.language() == Language::postgresql) return "";
    if (text == "!=") text = "<>";
    constexpr std::array<std::string_view, 6> known{"=", "<>", "<", "<=", ">", ">="};
    return std::find(known.begin(), known.end(), text) == known.end() ? "" : text;
  }

  std::optional<Condition> comparison(Operand tested) {
    const std::string sign = operation();
    if (sign.empty()) return std::nullopt;
    const bool is_any = sign == "=" && words_.take_word("ANY");
    if (is_any || (sign == "<>" && words_.take_word("ALL"))) return array(!is_any, std::move(tested));
    std::optional<Operand> value = operand();
    if (!value) return std::nullopt;
    Condition condition{.kind = Kind::compare, .operation = sign, .operands = {std::move(tested)}};
    condition.operands.push_back(std::move(*value));
    return condition;
  }

  // ANY (ARRAY[1, 2]), ANY ((ARRAY['a'::character varying])::text[])
  std::optional<Condition> array(bool negated, Operand tested) {
    if (!words_.take_symbol('(')) return std::nullopt;
    const bool in_brackets = words_.take_symbol('(');
    if (!words_.take_word("ARRAY")) return std::nullopt;
    std::optional<Condition> condition = list(Kind::in, negated, std::move(tested), '[', ']');
    if (!condition || (in_brackets && !words_.take_symbol(')'))) return std::nullopt;
    std::string cast;
    if (reader_.take_cast(cast) && cast != "text[]") return std::nullopt;
    if (!words_.take_symbol(')')) return std::nullopt;
    return condition;
  }

  DefinitionReader& reader_;
  TokenReader& words_;
  int depth_ = 0;
};

std::string write_literal(Language language, const Literal& literal) {
  switch (literal.kind) {
    case Literal::Kind::null: return "NULL";
    case Literal::Kind::number:
    case Literal::Kind::boolean: return literal.text;
    case Literal::Kind::text: return quote_text(language, literal.text);
    case Literal::Kind::date: return "DATE " + quote_text(language, literal.text);
    case Literal::Kind::moment: return "TIMESTAMP " + quote_text(language, literal.text);
    case Literal::Kind::bits: return "b'" + literal.text + "'";
  }
  return "NULL";
}

}  // namespace

std::optional<Condition> read_check(Language language, std::string_view definition) {
  DefinitionReader reader(language, definition);
  TokenReader& words = reader.words();
  const bool has_depth = std::count(definition.begin(), definition.end(), '(') <= depth_max;
  if (!reader.is_readable() || !has_depth || !words.take_word("CHECK")) return std::nullopt;
  std::optional<Condition> condition = ConditionReader(reader).any_of();
  if (!condition || !words.at_end()) return std::nullopt;
  return condition;
}

std::string write_condition(Language language, const Condition& condition,
                            const std::function<std::string(const std::string&)>& name) {
  const auto operand = [&](const Operand& one) {
    return one.column.empty() ? write_literal(language, one.literal) : name(one.column);
  };
  const auto joined = [&](std::size_t first, const char* separator) {
    std::string text;
    for (std::size_t i = first; i < condition.operands.size(); ++i) {
      text += (i == first ? "" : separator) + operand(condition.operands[i]);
    }
    return text;
  };
  const std::string word_not = condition.negated ? "NOT " : "";
  switch (condition.kind) {
    case Kind::compare:
      return "(" + operand(condition.operands[0]) + " " + condition.operation + " " + operand(condition.operands[1]) +
             ")";
    case Kind::in: return "(" + operand(condition.operands[0]) + " " + word_not + "IN (" + joined(1, ", ") + "))";
    case Kind::between:
      return "(" + operand(condition.operands[0]) + " " + word_not + "BETWEEN " + joined(1, " AND ") + ")";
    case Kind::is_null: return "(" + operand(condition.operands[0]) + " IS " + word_not + "NULL)";
    case Kind::negation: return "(NOT " + write_condition(language, condition.parts[0], name) + ")";
    case Kind::all:
    case Kind::any: break;
  }
  std::string text;
  for (const Condition& part : condition.parts) {
    text += (text.empty()                  ? "("
             : condition.kind == Kind::all ? " AND "
                                           : " OR ") +
            write_condition(language, part, name);
  }
  return text + ")";
}

}  // namespace convert
