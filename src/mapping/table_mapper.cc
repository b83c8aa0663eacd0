// SPDX-License-Identifier: Apache-2.0
#include "mapping/table_mapper.h"

#include <algorithm>
#include <map>
#include <set>

#include "mapping/extras.h"
#include "mapping/native_text.h"
#include "mapping/value.h"

namespace mapping {

bool locates(const TransformationRule& rule, const model::TableName& table) {
  return rule.schema.matches(table.schema) && (rule.target == RuleTarget::schema || rule.table.matches(table.table));
}

bool locates(const TransformationRule& rule, const model::TableName& table, const model::Column& column) {
  return rule.target == RuleTarget::column && rule.column.matches(column.name) &&
         (!rule.data_type || *rule.data_type == column.type.type) && locates(rule, table);
}

const TransformationRule* naming_rule(const RuleSet& rules, RuleTarget target, const model::TableName& table) {
  for (const TransformationRule& rule : rules.transformations) {
    if (rule.target == target && is_naming(rule.action) && locates(rule, table)) return &rule;
  }
  return nullptr;
}

const TransformationRule* naming_rule(const RuleSet& rules, const model::TableName& table,
                                      const model::Column& column) {
  for (const TransformationRule& rule : rules.transformations) {
    if (is_naming(rule.action) && locates(rule, table, column)) return &rule;
  }
  return nullptr;
}

bool keeps_column(const RuleSet& rules, const model::TableName& table, const model::Column& column) {
  if (!rules.large_objects && model::is_large_object(column.type.type)) return false;
  bool only_included = false;
  for (const TransformationRule& rule : rules.transformations) {
    if (!is_choice(rule.action) || !locates(rule, table)) continue;
    if (locates(rule, table, column)) return rule.action == RuleAction::include_column;
    if (rule.action == RuleAction::include_column) only_included = true;
  }
  return !only_included;
}

namespace {

using model::Type;
using SourceKind = ColumnSource::Kind;
using Mask = ColumnSource::Mask;

// Computed columns have numbers beyond those of any source, so that a changed schema tells them apart.
constexpr std::int32_t own_ordinals = 1 << 21;
constexpr std::uint32_t hash_digits = 64;

bool is_text(Type type) {
  return type == Type::string || type == Type::wstring || type == Type::clob || type == Type::nclob;
}

Mask mask_of(RuleAction action) {
  if (action == RuleAction::mask_digits) return Mask::digits;
  return action == RuleAction::randomize_digits ? Mask::random_digits : Mask::hash;
}

// Builds the target schema of one table step by step.
class TableMapper {
 public:
  TableMapper(const Mapping& mapping, const RuleSet& rules, const model::TableSchema& source)
      : mapping_(mapping), rules_(rules), source_(source), on_columns_(source.columns.size()) {
    find_rules();
  }

  base::Result<MappedTable> run() {
    target_ = source_;
    TRY(map_name());
    target_.source_name = source_.name;
    if (target_.name.schema.empty() != source_.name.schema.empty() || target_.name.table.empty()) {
      return base::failed(errors::collision, "table {}: the rules leave an empty name", source_.name.text());
    }
    TRY(map_columns());
    TRY(add_before_images());
    TRY(add_columns());
    if (target_.columns.empty() && !source_.columns.empty()) {
      return base::failed(errors::no_columns, "table {}: no column is left", source_.name.text());
    }
    map_keys();
    TRY(define_key());
    map_objects(target_.indexes, "index", changed_);
    map_objects(target_.checks, "check", touched_);
    if (uses(target_.partitioning, touched_)) {
      out_.left_out.push_back("partitioning: it uses a removed, renamed or changed column");
      target_.partitioning.clear();
    }
    TRY(map_foreign_keys());
    map_sequences();
    target_.object_tags = TRY(object_tags_of(rules_, source_.name));
    out_.overrides = overrides_of(rules_, source_, target_, out_.sources);
    finish();
    return std::move(out_);
  }

 private:
  using Names = std::set<std::string>;

  static bool uses(const std::string& sql, const Names& names) {
    return std::any_of(names.begin(), names.end(), [&](const auto& name) { return mentions(sql, name); });
  }

  // Every rule is held against the table once, and those of columns against each column once.
  void find_rules() {
    const auto matches = [this](const Pattern& pattern, const std::string& name) {
      ++out_.patterns_tried;
      return pattern.matches(name);
    };
    for (const TransformationRule& rule : rules_.transformations) {
      if (!matches(rule.schema, source_.name.schema)) continue;
      if (rule.target == RuleTarget::schema) {
        if (schema_rule_ == nullptr && is_naming(rule.action)) schema_rule_ = &rule;
        continue;
      }
      if (!matches(rule.table, source_.name.table)) continue;
      here_.push_back(&rule);
      if (rule.target == RuleTarget::table) {
        if (table_rule_ == nullptr && is_naming(rule.action)) table_rule_ = &rule;
        continue;
      }
      for (std::size_t i = 0; i < source_.columns.size(); ++i) {
        const model::Column& column = source_.columns[i];
        if (rule.data_type && *rule.data_type != column.type.type) continue;
        if (matches(rule.column, column.name)) on_columns_[i].push_back(&rule);
      }
    }
  }

  base::Result<void> map_name() {
    const NamedObject object{source_.name, "", ""};
    target_.name = source_.name;
    if (schema_rule_ != nullptr) {
      target_.name.schema = TRY(names_.renamed(*schema_rule_, source_.name.schema, object));
      out_.schema_rule = schema_rule_->id;
    } else if (!rules_.target_schema.empty()) {
      target_.name.schema = rules_.target_schema;
    }
    if (table_rule_ != nullptr) {
      target_.name.table = TRY(names_.renamed(*table_rule_, source_.name.table, object));
      out_.table_rule = table_rule_->id;
    }
    return {};
  }

  base::Result<void> take_name(const std::string& name, const std::string& whose) {
    if (name.empty()) {
      return base::failed(errors::collision, "table {}, column {}: the rules leave an empty name", source_.name.text(),
                          whose);
    }
    const auto [other, fresh] = taken_.emplace(name, whose);
    if (fresh) return {};
    return base::failed(errors::collision, "table {}: columns {} and {} would both be named {}", source_.name.text(),
                        other->second, whose, name);
  }

  // The lowest rule of an action that matches the column.
  const TransformationRule* rule_for(std::size_t column, bool (*is_wanted)(RuleAction)) const {
    for (const TransformationRule* rule : on_columns_[column]) {
      if (is_wanted(rule->action)) return rule;
    }
    return nullptr;
  }

  bool keeps(std::size_t column) const {
    if (!rules_.large_objects && model::is_large_object(source_.columns[column].type.type)) return false;
    if (const TransformationRule* rule = rule_for(column, is_choice)) return rule->action == RuleAction::include_column;
    return std::none_of(here_.begin(), here_.end(),
                        [](const TransformationRule* rule) { return rule->action == RuleAction::include_column; });
  }

  base::Result<std::optional<std::string>> name_of(std::size_t index, ColumnSource& origin) {
    const model::Column& column = source_.columns[index];
    std::optional<std::string> name;
    if (!keeps(index)) return name;
    name = column.name;
    if (const auto* rule = rule_for(index, is_naming)) {
      name = TRY(names_.renamed(*rule, column.name, {source_.name, column.name, model::type_name(column.type.type)}));
      origin.rule_ids.push_back(rule->id);
    }
    return name;
  }

  base::Result<void> map_columns() {
    target_.columns.clear();
    std::vector<std::optional<std::string>> names;
    std::vector<ColumnSource> origins(source_.columns.size());
    for (std::size_t i = 0; i < source_.columns.size(); ++i) {
      names.push_back(TRY(name_of(i, origins[i])));
      if (!names.back() || *names.back() != source_.columns[i].name) changed_.insert(source_.columns[i].name);
    }
    touched_ = changed_;
    for (std::uint32_t i = 0; i < source_.columns.size(); ++i) {
      const model::Column& column = source_.columns[i];
      if (!names[i]) continue;
      if (column.generated && uses(column.generation, changed_)) {
        out_.left_out.push_back(fmt::format("generated column {}: it uses a removed or renamed column", column.name));
        continue;
      }
      TRY(take_name(*names[i], column.name));
      new_index_[i] = static_cast<std::uint32_t>(target_.columns.size());
      out_.columns.push_back(i);
      target_.columns.push_back(column);
      target_.columns.back().name = *names[i];
      target_.columns.back().source_name = column.name;
      origins[i].column = i;
      TRY(change_column(target_.columns.back(), origins[i]));
      out_.sources.push_back(std::move(origins[i]));
    }
    const bool as_read = std::all_of(out_.sources.begin(), out_.sources.end(),
                                     [](const ColumnSource& origin) { return origin.is_as_read(); });
    out_.identity_columns = changed_.empty() && as_read && target_.columns.size() == source_.columns.size();
    return {};
  }

  // change-data-type, then masks.
  base::Result<void> change_column(model::Column& column, ColumnSource& origin) {
    const model::Column& from = source_.columns[origin.column];
    const TransformationRule* type =
        rule_for(origin.column, [](RuleAction action) { return action == RuleAction::change_data_type; });
    const TransformationRule* mask = rule_for(origin.column, is_mask);
    if (type == nullptr && mask == nullptr) return {};
    if (from.generated) {
      return base::failed(errors::bad_transformation, "rule {}: column {}.{} is generated and cannot be changed",
                          (type != nullptr ? type : mask)->id, source_.name.text(), from.name);
    }
    column.default_expression.clear();
    column.identity = model::Identity::none;
    touched_.insert(from.name);
    if (type != nullptr) {
      origin.kind = SourceKind::converted;
      origin.rule_ids.push_back(type->id);
      set_type(column, *type->new_type);
      changed_.insert(from.name);
    }
    if (mask == nullptr) return {};
    if (type != nullptr && type->precedence > mask->precedence) {
      return base::failed(errors::bad_transformation,
                          "rules {} and {}, column {}.{}: change-data-type must have a lower rule-id than the mask",
                          type->id, mask->id, source_.name.text(), from.name);
    }
    return mask_column(*mask, column, origin);
  }

  static void set_type(model::Column& column, const model::ColumnType& type) {
    column.type = type;
    column.collation.clear();
  }

  base::Result<void> mask_column(const TransformationRule& rule, model::Column& column, ColumnSource& origin) {
    const Type type = column.type.type;
    const bool fits = is_text(type) || (rule.action == RuleAction::randomize_digits && is_number(type));
    if (!fits) {
      return base::failed(errors::bad_transformation, "rule {}: column {}.{} is {}, which this mask cannot change",
                          rule.id, source_.name.text(), column.source_name, model::type_name(type));
    }
    origin.mask = mask_of(rule.action);
    origin.mask_character = rule.value.empty() ? '\0' : rule.value[0];
    origin.repeatable = origin.mask != Mask::random_digits;
    origin.rule_ids.push_back(rule.id);
    if (origin.mask == Mask::hash) {
      model::ColumnType hashed;
      hashed.type = Type::string;
      hashed.length = hash_digits;
      set_type(column, hashed);
      changed_.insert(column.source_name);
    }
    return {};
  }

  model::Column& append(std::string name, const model::ColumnType& type, ColumnSource origin) {
    model::Column column;
    column.name = std::move(name);
    column.type = type;
    column.ordinal = own_ordinals + static_cast<std::int32_t>(added_++);
    out_.columns.push_back(no_column);
    out_.sources.push_back(std::move(origin));
    target_.columns.push_back(std::move(column));
    return target_.columns.back();
  }

  bool is_key_column(std::uint32_t column) const {
    return std::find(source_.primary_key.begin(), source_.primary_key.end(), column) != source_.primary_key.end();
  }

  // The old value is in the log when the whole old row is, or when the column is part of the logged key.
  bool is_logged_before(std::uint32_t column) const {
    if (source_.old_image == model::OldImage::full) return true;
    return source_.old_image == model::OldImage::key &&
           std::find(source_.old_key.begin(), source_.old_key.end(), column) != source_.old_key.end();
  }

  void need_before(const std::string& rule_id, std::uint32_t column) {
    if (is_logged_before(column)) return;
    out_.stream_problems.push_back(
        fmt::format("rule {} needs the value of column {} before an update, which the source's log does not carry",
                    rule_id, source_.columns[column].name));
  }

  base::Result<void> add_before_images() {
    const auto found = std::find_if(here_.begin(), here_.end(), [](const TransformationRule* rule) {
      return rule->action == RuleAction::add_before_image_columns;
    });
    if (found == here_.end()) return {};
    const TransformationRule& rule = **found;
    const std::size_t own = target_.columns.size();
    for (std::size_t i = 0; i < own; ++i) {
      const model::Column column = target_.columns[i];
      const ColumnSource from = out_.sources[i];
      if (column.generated) continue;
      if (rule.before_image.columns == BeforeImage::Columns::key && !is_key_column(from.column)) continue;
      if (rule.before_image.columns == BeforeImage::Columns::not_large && model::is_large_object(column.type.type)) {
        continue;
      }
      ColumnSource origin = from;
      origin.kind = SourceKind::before_image;
      origin.rule_ids.push_back(rule.id);
      const std::string name = rule.before_image.prefix + column.name + rule.before_image.suffix;
      TRY(take_name(name, column.source_name + " before an update"));
      need_before(rule.id, from.column);
      append(name, column.type, std::move(origin)).collation = column.collation;
    }
    return {};
  }

  base::Result<void> add_columns() {
    for (const TransformationRule* rule : here_) {
      if (rule->action != RuleAction::add_column) continue;
      ColumnSource origin;
      origin.kind = SourceKind::computed;
      origin.expression = rule->expression;
      origin.repeatable = rule->facts.repeatable;
      origin.rule_ids.push_back(rule->id);
      for (const std::string& name : rule->facts.variables) {
        origin.variables.push_back(TRY(variable(*rule, name)));
      }
      TRY(take_name(rule->value, "of rule " + rule->id));
      out_.marks_deletes = out_.marks_deletes || rule->facts.marks_deletes;
      append(rule->value, *rule->new_type, std::move(origin));
    }
    if (out_.marks_deletes && source_.primary_key.empty()) {
      out_.stream_problems.push_back("operation_indicator needs a table with a primary key");
    }
    return {};
  }

  base::Result<Variable> variable(const TransformationRule& rule, const std::string& name) {
    using What = Variable::Kind;
    static const std::map<std::string_view, What> headers{{"AR_H_STREAM_POSITION", What::stream_position},
                                                          {"AR_H_TIMESTAMP", What::timestamp},
                                                          {"AR_H_COMMIT_TIMESTAMP", What::commit_timestamp},
                                                          {"AR_H_OPERATION", What::operation},
                                                          {"AR_H_USER", What::constant},
                                                          {"AR_H_CHANGE_SEQ", What::change_sequence}};
    Variable out;
    if (const auto header = headers.find(name); header != headers.end()) {
      out.kind = header->second;
      return out;
    }
    if (name == "AR_M_SOURCE_SCHEMA" || name == "AR_M_SOURCE_TABLE_NAME") {
      out.kind = What::constant;
      out.constant = name == "AR_M_SOURCE_SCHEMA" ? source_.name.schema : source_.name.table;
      return out;
    }
    auto column = source_.find_column(name);
    if (!column && name.starts_with("BI__")) {
      column = source_.find_column(name.substr(4));
      out.kind = What::before;
    }
    if (!column) {
      return base::failed(errors::bad_transformation, "rule {}: expression: table {} has no column {}", rule.id,
                          source_.name.text(), name);
    }
    if (source_.columns[*column].generated) {
      return base::failed(errors::bad_transformation, "rule {}: expression: column {}.{} is generated by the database",
                          rule.id, source_.name.text(), name);
    }
    out.column = *column;
    if (out.kind == What::before) need_before(rule.id, *column);
    return out;
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

  // A column's place on the target, by its name at the source or, for added ones, on the target.
  std::optional<std::uint32_t> place_of(const std::string& name) const {
    if (const auto column = source_.find_column(name)) {
      const auto found = new_index_.find(*column);
      if (found != new_index_.end()) return found->second;
    }
    return target_.find_column(name);
  }

  base::Result<void> define_key() {
    const auto found = std::find_if(here_.begin(), here_.end(), [](const TransformationRule* rule) {
      return rule->action == RuleAction::define_primary_key;
    });
    if (found == here_.end()) return {};
    const TransformationRule& rule = **found;
    std::vector<std::uint32_t> key;
    std::string list;
    for (const std::string& name : rule.key.columns) {
      const auto place = place_of(name);
      if (!place || target_.columns[*place].generated) {
        return base::failed(errors::bad_transformation,
                            "rule {}: primary-key-def: table {} has no column {} on the target", rule.id,
                            source_.name.text(), name);
      }
      key.push_back(*place);
      list += (list.empty() ? "" : ", ") + quoted_name(target_.columns[*place].name);
    }
    if (rule.key.unique_index) {
      const std::string name = rule.key.name.empty() ? target_.name.table + "_rule_" + rule.id : rule.key.name;
      added_indexes_.push_back({name, true, false, "USING btree (" + list + ")"});
      target_.unique_keys.push_back(std::move(key));
      return {};
    }
    target_.primary_key = key;
    target_.primary_key_name = rule.key.name;
    for (const std::uint32_t column : key) target_.columns[column].nullable = false;
    std::erase_if(out_.left_out, [](const std::string& text) { return text.starts_with("primary key:"); });
    if (source_.old_image != model::OldImage::key) return {};
    // Updates and deletes must find their row by what the log carries.
    for (const std::uint32_t column : key) {
      const ColumnSource& origin = out_.sources[column];
      const bool logged = origin.kind != SourceKind::computed && origin.kind != SourceKind::before_image &&
                          is_logged_before(origin.column);
      if (!logged) key_not_logged_ = true;
    }
    if (key_not_logged_ && target_.old_image == model::OldImage::none) {
      out_.stream_problems.push_back("the key that rule " + rule.id + " defines is not in the source's log");
    }
    return {};
  }

  void map_objects(std::vector<model::SecondaryObject>& objects, std::string_view kind, const Names& names) {
    std::vector<model::SecondaryObject> kept;
    for (model::SecondaryObject& object : objects) {
      if (uses(object.definition, names)) {
        out_.left_out.push_back(fmt::format("{} {}: it uses a removed, renamed or changed column", kind, object.name));
      } else {
        kept.push_back(std::move(object));
      }
    }
    objects = std::move(kept);
  }

  // The type of a referenced column is taken to be that of the column that refers to it.
  base::Result<void> map_foreign_keys() {
    std::vector<model::ForeignKey> kept;
    for (model::ForeignKey& key : target_.foreign_keys) {
      const std::string cause = TRY(map_foreign_key(key));
      if (cause.empty()) {
        kept.push_back(std::move(key));
      } else {
        out_.left_out.push_back(fmt::format("foreign key {}: {}", key.name, cause));
      }
    }
    target_.foreign_keys = std::move(kept);
    return {};
  }

  // Empty when it can be carried over.
  base::Result<std::string> map_foreign_key(model::ForeignKey& key) const {
    if (!mapping_.selects(key.referenced, false)) return "table " + key.referenced.text() + " is not selected";
    for (std::size_t i = 0; i < key.columns.size(); ++i) {
      const auto index = source_.find_column(key.columns[i]);
      if (!index || !new_index_.contains(*index)) return std::string("a column of it is removed");
      if (touched_.contains(key.columns[i]) && !out_.sources[new_index_.at(*index)].is_as_read()) {
        return std::string("a column of it is changed");
      }
      key.columns[i] = target_.columns[new_index_.at(*index)].name;
      if (i >= key.referenced_columns.size()) continue;
      model::Column referenced = source_.columns[*index];
      referenced.name = key.referenced_columns[i];
      const auto name = TRY(mapping_.map_column(key.referenced, referenced));
      if (!name) return std::string("a referenced column is removed");
      key.referenced_columns[i] = *name;
    }
    key.referenced = TRY(mapping_.map_name(key.referenced));
    return std::string();
  }

  void map_sequences() {
    std::vector<model::Sequence> kept;
    for (model::Sequence& sequence : target_.sequences) {
      const auto found = new_index_.find(sequence.column);
      if (found == new_index_.end()) continue;
      const ColumnSource& origin = out_.sources[found->second];
      if (!origin.is_as_read()) continue;
      sequence.column = found->second;
      kept.push_back(std::move(sequence));
    }
    target_.sequences = std::move(kept);
  }

  void finish() {
    for (model::SecondaryObject& index : added_indexes_) target_.indexes.push_back(std::move(index));
    std::set<std::uint32_t> read;
    for (std::size_t i = 0; i < target_.columns.size(); ++i) {
      const ColumnSource& origin = out_.sources[i];
      out_.computes = out_.computes || !origin.is_as_read();
      if (target_.columns[i].generated) continue;
      if (origin.kind == SourceKind::copied || origin.kind == SourceKind::converted) read.insert(origin.column);
      for (const Variable& variable : origin.variables) {
        if (variable.kind == Variable::Kind::column) read.insert(variable.column);
      }
    }
    for (std::uint32_t column = 0; column < target_.columns.size(); ++column) {
      const ColumnSource& origin = out_.sources[column];
      const bool in_key =
          std::find(target_.primary_key.begin(), target_.primary_key.end(), column) != target_.primary_key.end();
      const bool finds_rows = in_key || (target_.primary_key.empty() && origin.kind != SourceKind::computed);
      if (finds_rows && !origin.repeatable) {
        out_.stream_problems.push_back(fmt::format(
            "column {} finds rows, and gets another value each time it is computed", target_.columns[column].name));
      }
    }
    if (out_.computes) {
      out_.read_columns.assign(read.begin(), read.end());
      // A reader needs a column to count rows by.
      if (out_.read_columns.empty()) out_.read_columns.push_back(model::stored_columns(source_).at(0));
      model::TableSchema schema;
      schema.name = schema.source_name = source_.name;
      schema.family = source_.family;
      for (const std::uint32_t column : out_.read_columns) schema.columns.push_back(source_.columns[column]);
      out_.read = std::make_shared<const model::TableSchema>(std::move(schema));
    }
    out_.target = std::make_shared<const model::TableSchema>(std::move(target_));
  }

  const Mapping& mapping_;
  const RuleSet& rules_;
  const model::TableSchema& source_;
  std::vector<const TransformationRule*> here_;  // rules that locate this table, lowest rule-id first
  std::vector<std::vector<const TransformationRule*>> on_columns_;  // those of each column
  const TransformationRule *schema_rule_ = nullptr, *table_rule_ = nullptr;
  NameMaker names_;
  model::TableSchema target_;
  MappedTable out_;
  Names changed_;  // source names of columns that are removed, renamed or of another type
  Names touched_;  // and of those whose values are changed
  std::map<std::string, std::string> taken_;
  std::map<std::uint32_t, std::uint32_t> new_index_;
  std::vector<model::SecondaryObject> added_indexes_;
  std::size_t added_ = 0;
  bool key_not_logged_ = false;
};

}  // namespace

base::Result<MappedTable> map_table(const Mapping& mapping, const RuleSet& rules, const model::TableSchema& source) {
  return TableMapper(mapping, rules, source).run();
}

}  // namespace mapping
