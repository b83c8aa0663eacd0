// SPDX-License-Identifier: Apache-2.0
//
// Evaluation. An object gets at most one naming action: of the rules of its target kind that match it, the one with the
// lowest rule-id. Columns: the lowest of the include-column and remove-column rules that match decides; where a table
// has any include-column rule, columns that no rule matches are dropped.
#include "mapping/mapping.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "mapping/rules.h"

namespace mapping {
namespace {

using model::TableName;

bool type_fits(SelectionRule::TableType type, bool is_view) {
  return type == SelectionRule::TableType::all || (type == SelectionRule::TableType::view) == is_view;
}

bool locates(const SelectionRule& rule, const TableName& table) {
  return rule.schema.matches(table.schema) && rule.table.matches(table.table);
}

bool locates(const TransformationRule& rule, const TableName& table) {
  return rule.schema.matches(table.schema) && (rule.target == RuleTarget::schema || rule.table.matches(table.table));
}

bool locates(const TransformationRule& rule, const TableName& table, const model::Column& column) {
  return rule.target == RuleTarget::column && locates(rule, table) && rule.column.matches(column.name) &&
         (!rule.data_type || *rule.data_type == column.type.type);
}

// The rule whose load-order counts: exact locators before patterns, then the document's order.
const SelectionRule* deciding_rule(const RuleSet& rules, const TableName& table) {
  const SelectionRule* best = nullptr;
  int best_rank = -1;
  for (const SelectionRule& rule : rules.selections) {
    if (rule.action == SelectionRule::Action::exclude || !locates(rule, table)) continue;
    const int rank = (rule.table.is_exact() ? 2 : 0) + (rule.schema.is_exact() ? 1 : 0);
    if (rank > best_rank) {
      best = &rule;
      best_rank = rank;
    }
  }
  return best;
}

const TransformationRule* naming_rule(const RuleSet& rules, RuleTarget target, const TableName& table) {
  for (const TransformationRule& rule : rules.transformations) {
    if (rule.target == target && locates(rule, table)) return &rule;
  }
  return nullptr;
}

bool keeps_column(const RuleSet& rules, const TableName& table, const model::Column& column) {
  bool only_included = false;
  for (const TransformationRule& rule : rules.transformations) {
    if (is_naming(rule.action) || !locates(rule, table)) continue;
    if (locates(rule, table, column)) return rule.action == RuleAction::include_column;
    if (rule.action == RuleAction::include_column) only_included = true;
  }
  return !only_included;
}

bool is_name_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0 || c == '_' || c == '$';
}

bool holds_word(const std::string& sql, const std::string& word) {
  for (std::size_t at = sql.find(word); at != std::string::npos; at = sql.find(word, at + 1)) {
    const std::size_t after = at + word.size();
    if ((at == 0 || !is_name_byte(sql[at - 1])) && (after == sql.size() || !is_name_byte(sql[after]))) return true;
  }
  return false;
}

// Does native SQL text mention that column? Names always stand in it literally (or with doubled quotes), so a text
// that does not hold the name as a word does not use the column; the converse may be wrong, which only leaves more out.
bool mentions(const std::string& sql, const std::string& column) {
  std::string quoted;
  for (const char c : column) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return holds_word(sql, quoted);
}

// Builds the target schema of one table step by step.
class TableMapper {
 public:
  TableMapper(const Mapping& mapping, const model::TableSchema& source) : mapping_(mapping), source_(source) {}

  base::Result<MappedTable> run() {
    target_ = source_;
    target_.name = mapping_.map_name(source_.name);
    target_.source_name = source_.name;
    if (target_.name.schema.empty() != source_.name.schema.empty() || target_.name.table.empty()) {
      return base::failed(errors::collision, "table {}: the rules leave an empty name", source_.name.text());
    }
    TRY(map_columns());
    map_keys();
    map_objects(target_.indexes, "index");
    map_objects(target_.checks, "check");
    if (uses_changed(target_.partitioning)) {
      out_.left_out.push_back("partitioning: it uses a removed or renamed column");
      target_.partitioning.clear();
    }
    map_foreign_keys();
    out_.target = std::make_shared<const model::TableSchema>(std::move(target_));
    return std::move(out_);
  }

 private:
  bool uses_changed(const std::string& sql) const {
    return std::any_of(changed_.begin(), changed_.end(), [&](const auto& name) { return mentions(sql, name); });
  }

  base::Result<void> map_columns() {
    target_.columns.clear();
    std::vector<std::optional<std::string>> names;
    for (const model::Column& column : source_.columns) {
      names.push_back(mapping_.map_column(source_.name, column));
      if (!names.back() || *names.back() != column.name) changed_.push_back(column.name);
    }
    std::map<std::string, std::string> taken;
    for (std::uint32_t i = 0; i < source_.columns.size(); ++i) {
      const model::Column& column = source_.columns[i];
      if (!names[i]) continue;
      if (column.generated && uses_changed(column.generation)) {
        out_.left_out.push_back(fmt::format("generated column {}: it uses a removed or renamed column", column.name));
        continue;
      }
      if (names[i]->empty()) {
        return base::failed(errors::collision, "table {}, column {}: the rules leave an empty name",
                            source_.name.text(), column.name);
      }
      const auto [other, fresh] = taken.emplace(*names[i], column.name);
      if (!fresh) {
        return base::failed(errors::collision, "table {}: columns {} and {} would both be named {}",
                            source_.name.text(), other->second, column.name, *names[i]);
      }
      new_index_[i] = static_cast<std::uint32_t>(target_.columns.size());
      out_.columns.push_back(i);
      target_.columns.push_back(column);
      target_.columns.back().name = *names[i];
      target_.columns.back().source_name = column.name;
    }
    if (target_.columns.empty() && !source_.columns.empty()) {
      return base::failed(errors::no_columns, "table {}: no column is left", source_.name.text());
    }
    out_.identity_columns = changed_.empty() && target_.columns.size() == source_.columns.size();
    return {};
  }

  // nullopt when a column of the key is gone.
  std::optional<std::vector<std::uint32_t>> map_key(const std::vector<std::uint32_t>& key) const {
    std::vector<std::uint32_t> mapped;
    for (const std::uint32_t column : key) {
      const auto found = new_index_.find(column);
      if (found == new_index_.end()) return std::nullopt;
      mapped.push_back(found->second);
    }
    return mapped;
  }

  void map_keys() {
    target_.primary_key = map_key(source_.primary_key).value_or(std::vector<std::uint32_t>());
    if (target_.primary_key.empty() && !source_.primary_key.empty()) {
      out_.left_out.push_back("primary key: a column of it is removed");
      target_.primary_key_name.clear();
    }
    target_.unique_keys.clear();
    for (const auto& key : source_.unique_keys) {
      if (auto mapped = map_key(key)) target_.unique_keys.push_back(std::move(*mapped));
    }
    target_.old_key = map_key(source_.old_key).value_or(std::vector<std::uint32_t>());
    // Half a key identifies nothing.
    if (source_.old_image == model::OldImage::key && target_.old_key.empty()) {
      target_.old_image = model::OldImage::none;
    }
  }

  void map_objects(std::vector<model::SecondaryObject>& objects, std::string_view kind) {
    std::vector<model::SecondaryObject> kept;
    for (model::SecondaryObject& object : objects) {
      if (uses_changed(object.definition)) {
        out_.left_out.push_back(fmt::format("{} {}: it uses a removed or renamed column", kind, object.name));
      } else {
        kept.push_back(std::move(object));
      }
    }
    objects = std::move(kept);
  }

  // The type of a referenced column is taken to be that of the column that refers to it.
  void map_foreign_keys() {
    std::vector<model::ForeignKey> kept;
    for (model::ForeignKey& key : target_.foreign_keys) {
      const std::string cause = map_foreign_key(key);
      if (cause.empty()) {
        kept.push_back(std::move(key));
      } else {
        out_.left_out.push_back(fmt::format("foreign key {}: {}", key.name, cause));
      }
    }
    target_.foreign_keys = std::move(kept);
  }

  // Empty when it can be carried over.
  std::string map_foreign_key(model::ForeignKey& key) const {
    if (!mapping_.selects(key.referenced, false)) return "table " + key.referenced.text() + " is not selected";
    for (std::size_t i = 0; i < key.columns.size(); ++i) {
      const auto index = source_.find_column(key.columns[i]);
      if (!index || !new_index_.contains(*index)) return "a column of it is removed";
      key.columns[i] = target_.columns[new_index_.at(*index)].name;
      if (i >= key.referenced_columns.size()) continue;
      model::Column referenced = source_.columns[*index];
      referenced.name = key.referenced_columns[i];
      const auto name = mapping_.map_column(key.referenced, referenced);
      if (!name) return "a referenced column is removed";
      key.referenced_columns[i] = *name;
    }
    key.referenced = mapping_.map_name(key.referenced);
    return {};
  }

  const Mapping& mapping_;
  const model::TableSchema& source_;
  model::TableSchema target_;
  MappedTable out_;
  std::vector<std::string> changed_;  // source names of removed and renamed columns
  std::map<std::uint32_t, std::uint32_t> new_index_;
};

}  // namespace

Mapping::Mapping() : rules_(std::make_shared<const RuleSet>()) {}

base::Result<Mapping> Mapping::parse(std::string_view json_text, std::string_view target_schema) {
  RuleSet rules = TRY(parse_rules(json_text));
  rules.target_schema = std::string(target_schema);
  Mapping mapping;
  mapping.rules_ = std::make_shared<const RuleSet>(std::move(rules));
  return mapping;
}

bool Mapping::selects(const TableName& table, bool is_view) const {
  const bool control_table = table.table.starts_with("awsdms_");
  bool included = false;
  for (const SelectionRule& rule : rules_->selections) {
    if (!locates(rule, table) || !type_fits(rule.table_type, is_view)) continue;
    if (rule.action == SelectionRule::Action::exclude) return false;
    // Control tables of this or another task are never meant by a wildcard.
    included = included || !control_table || rule.table.is_exact();
  }
  return included;
}

std::int64_t Mapping::load_order(const TableName& table) const {
  const SelectionRule* rule = deciding_rule(*rules_, table);
  return rule == nullptr ? 0 : rule->load_order;
}

// Every row that any including rule selects is selected: a rule that names the table and filters it is the more
// specific one, so its filters hold although a wider rule has none.
std::span<const Filter> Mapping::filters(const TableName& table) const {
  for (const SelectionRule& rule : rules_->selections) {
    if (!rule.filters.empty() && locates(rule, table)) return rule.filters;
  }
  return {};
}

base::Result<std::string> Mapping::filter_sql(const model::TableSchema& source, const Quote& quote_identifier,
                                              const Quote& quote_literal) const {
  return mapping::filter_sql(filters(source.name), source, quote_identifier, quote_literal);
}

TableName Mapping::map_name(const TableName& source) const {
  TableName target = source;
  if (const auto* rule = naming_rule(*rules_, RuleTarget::schema, source)) {
    target.schema = renamed(*rule, source.schema);
  } else if (!rules_->target_schema.empty()) {
    target.schema = rules_->target_schema;
  }
  if (const auto* rule = naming_rule(*rules_, RuleTarget::table, source)) target.table = renamed(*rule, source.table);
  return target;
}

std::optional<std::string> Mapping::map_column(const TableName& table, const model::Column& column) const {
  if (!keeps_column(*rules_, table, column)) return std::nullopt;
  for (const TransformationRule& rule : rules_->transformations) {
    if (is_naming(rule.action) && locates(rule, table, column)) return renamed(rule, column.name);
  }
  return column.name;
}

base::Result<MappedTable> Mapping::map(const model::TableSchema& source) const {
  return TableMapper(*this, source).run();
}

base::Result<void> Mapping::check_collisions(std::span<const MappedTable> tables) const {
  std::map<TableName, TableName> taken;
  for (const MappedTable& table : tables) {
    const auto [other, fresh] = taken.emplace(table.target->name, table.target->source_name);
    if (!fresh) {
      return base::failed(errors::collision, "tables {} and {} would both be named {}", other->second.text(),
                          table.target->source_name.text(), table.target->name.text());
    }
  }
  return {};
}

}  // namespace mapping
