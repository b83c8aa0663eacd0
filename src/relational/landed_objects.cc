// SPDX-License-Identifier: Apache-2.0
#include "relational/landed_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "relational/landed_condition.h"
#include "relational/landed_names.h"
#include "relational/row_key.h"

namespace relational {
namespace {

using convert::IndexColumn;
using model::Column;
using model::TableSchema;
using model::TableSchemaPtr;
using model::Type;

constexpr std::size_t column_comment_max = 1024, table_comment_max = 2048;  // characters, MySQL
constexpr std::uint32_t key_bytes_max = 3072;                               // of an index, InnoDB
constexpr std::uint32_t postgres_key_bytes_max = 2600;                      // a third of a page holds one entry
constexpr std::uint32_t prefix_characters = 191;
constexpr std::uint32_t bytes_a_character = 4;

bool is_text(Type type) {
  return type == Type::string || type == Type::wstring || type == Type::clob || type == Type::nclob;
}
bool is_bytes(Type type) { return type == Type::bytes || type == Type::blob; }

// ---- one table

class Landing {
 public:
  Landing(Language ours, Language theirs, const TableSchema& table) : ours_(ours), theirs_(theirs), from_(table) {
    landed_.table = table;
  }

  LandedTable take() {
    TableSchema& to = landed_.table;
    for (Column& column : to.columns) column.source_name = column.name;
    to.indexes.clear();
    to.checks.clear();
    to.sequences.clear();
    for (const model::SecondaryObject& index : from_.indexes) add_index(index);
    for (std::uint32_t i = 0; i < to.columns.size(); ++i) add_column(i);
    for (const model::SecondaryObject& check : from_.checks) add_check(check);
    if (!from_.partitioning.empty()) leave("partitioning", "the table has no partitions here");
    to.partitioning.clear();
    to.partitions.clear();
    shorten_comment("comment", table_comment_max, to.comment);
    if (theirs_ == Language::mysql) to.primary_key_name.clear();  // "PRIMARY" of every table
    return std::move(landed_);
  }

 private:
  void leave(std::string object, std::string problem) {
    landed_.remarks.push_back({std::move(object), std::move(problem), true});
  }
  void note(std::string object, std::string problem) {
    landed_.remarks.push_back({std::move(object), std::move(problem), false});
  }

  void shorten_comment(const std::string& object, std::size_t characters_max, std::string& comment) {
    if (ours_ != Language::mysql || characters_of(comment) <= characters_max) return;
    leave(object, fmt::format("is longer than {} characters", characters_max));
    comment.clear();
  }

  // ---- columns

  void add_column(std::uint32_t at) {
    Column& column = landed_.table.columns[at];
    const std::string object = "default of column " + column.name;
    shorten_comment("comment of column " + column.name, column_comment_max, column.comment);
    column.collation.clear();
    if (column.generated) {
      leave("column " + column.name, "is generated at the source, and stays NULL here");
      return;
    }
    if (counts(at)) {
      column.default_expression.clear();
      add_counter(at);
      return;
    }
    const std::optional<LandedDefault> said = landed_default(ours_, from_, from_.columns[at]);
    if (!said) leave(object, "DEFAULT " + column.default_expression + " is not known to mean the same here");
    if (said && said->drops_update) leave(object, "ON UPDATE CURRENT_TIMESTAMP: changes of a row do not set it here");
    column.default_expression = said ? said->sql : "";
  }

  const model::Sequence* sequence_of(std::uint32_t at) const {
    const auto found = std::find_if(from_.sequences.begin(), from_.sequences.end(),
                                    [&](const model::Sequence& sequence) { return sequence.column == at; });
    return found == from_.sequences.end() ? nullptr : &*found;
  }
  bool counts(std::uint32_t at) const {
    return from_.columns[at].identity != model::Identity::none || sequence_of(at) != nullptr;
  }

  void add_counter(std::uint32_t at) {
    Column& column = landed_.table.columns[at];
    const model::Sequence* from = sequence_of(at);
    model::Sequence sequence;
    if (from != nullptr) {
      sequence = *from;
    } else {
      sequence.column = at;
      sequence.identity = sequence.owned = true;
    }
    if (ours_ == Language::mysql) {
      add_auto_increment(at, sequence);
      return;
    }
    if (!model::is_integer(column.type.type) && column.type.type != Type::numeric &&
        !model::is_real(column.type.type)) {
      column.identity = model::Identity::none;
      return leave("counter of column " + column.name, "its type is no number here");
    }
    // A counter as large as its column.
    sequence.minimum = sequence.maximum = 0;
    sequence.start = 1;
    const Type type = column.type.type;
    const bool has_identity = type == Type::int1 || type == Type::int2 || type == Type::int4 || type == Type::int8 ||
                              type == Type::uint1 || type == Type::uint2 || type == Type::uint4;
    sequence.identity = has_identity;
    if (!has_identity) {
      column.identity = model::Identity::none;
      column.default_expression = "nextval";  // of the sequence that is made for it
    }
    sequence.name.table = object_name(ours_, {}, sequence.name.table);
    sequence.type.clear();
    landed_.table.sequences.push_back(std::move(sequence));
  }

  bool leads_key(std::uint32_t at) const {
    const std::vector<std::uint32_t>& key = landed_.table.primary_key;
    if (!key.empty() && key[0] == at) return true;
    return std::find(leading_.begin(), leading_.end(), at) != leading_.end();
  }

  void add_auto_increment(std::uint32_t at, const model::Sequence& sequence) {
    Column& column = landed_.table.columns[at];
    const std::string object = "counter of column " + column.name;
    column.identity = model::Identity::none;
    const auto refuse = [&](const char* why) { leave(object, why); };
    if (!model::is_integer(column.type.type)) return refuse("AUTO_INCREMENT is for whole numbers");
    if (!sequence.identity && !sequence.owned) return refuse("its sequence is not the column's own");
    if (sequence.increment != 1 || sequence.cycle) return refuse("AUTO_INCREMENT goes up by one, and never round");
    if (!leads_key(at)) return refuse("AUTO_INCREMENT must be the first column of a key");
    if (!landed_.table.sequences.empty()) return refuse("a table has one AUTO_INCREMENT column");
    column.identity = model::Identity::by_default;
    landed_.table.sequences.push_back(sequence);
    std::optional<std::int64_t>& last = landed_.table.sequences.back().last_value;
    if (!last && sequence.start > 1) last = sequence.start - 1;
    if (last && *last < 0) last.reset();  // it begins with 1 at least
  }

  // ---- indexes

  void add_index(const model::SecondaryObject& index) {
    const std::string object = "index " + index.name;
    std::optional<std::vector<IndexColumn>> columns = convert::read_index(theirs_, index.definition);
    // One that a rule has added stands in the standard's quotes, with the target's names.
    const bool is_added = !columns && index.definition.starts_with("USING btree (\"");
    if (is_added) columns = convert::read_index(Language::postgresql, index.definition);
    if (!columns) return leave(object, index.definition + " is not known to mean the same here");
    std::vector<std::uint32_t> places;
    for (const IndexColumn& column : *columns) {
      const auto place = is_added ? from_.find_column(column.name) : find_landed(from_, column.name);
      if (!place) return leave(object, "column " + column.name + " is not there");
      if (column.prefix != 0) return leave(object, "an index over the beginning of a text cannot be said here");
      places.push_back(*place);
    }
    const bool has_room = ours_ == Language::mysql ? fit(places, index.unique || index.constraint, *columns)
                                                   : is_added || fit_entry(places);
    if (!has_room) return leave(object, "its values have no limit, or are too long together for a key here");
    std::string list;
    bool is_folded = false;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const Column& column = landed_.table.columns[places[i]];
      is_folded = is_folded || (is_text(column.type.type) && !tells_all_apart(theirs_, from_.columns[places[i]]));
      list += (i == 0 ? "" : ", ") + quoted(ours_, column.name);
      if ((*columns)[i].prefix != 0) list += fmt::format("({})", (*columns)[i].prefix);
      if ((*columns)[i].descending) list += " DESC";
    }
    const bool unique = index.unique || index.constraint;
    if (unique && is_folded) note(object, "texts that are equal to the source's collation are told apart here");
    leading_.push_back(places[0]);
    landed_.table.indexes.push_back({.name = name_of(Object::index, index.name),
                                     .unique = unique,
                                     .definition = fmt::format("USING {} ({})", method(), list)});
  }

  const char* method() const { return ours_ == Language::mysql ? "BTREE" : "btree"; }

  // Long values get an index over their beginning, which finds rows as well, but tells none apart.
  bool fit(const std::vector<std::uint32_t>& places, bool unique, std::vector<IndexColumn>& columns) const {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const model::ColumnType& type = landed_.table.columns[places[i]].type;
      const bool is_endless_number = type.type == Type::numeric && !is_bounded_number(type);
      if (!is_text(type.type) && !is_bytes(type.type) && !is_endless_number) {
        bytes += 16;
        continue;
      }
      const std::uint32_t a_character = is_bytes(type.type) ? 1 : bytes_a_character;
      const bool is_endless = type.length == 0 || model::is_large_object(type.type) || is_endless_number;
      const bool is_long = is_endless || std::uint64_t{type.length} * a_character > key_bytes_max;
      if (is_long && unique) return false;
      if (is_long) columns[i].prefix = prefix_characters;
      bytes += std::uint64_t{is_long ? prefix_characters : type.length} * a_character;
    }
    return bytes <= key_bytes_max;
  }

  // An entry that is too long would refuse its row.
  bool fit_entry(const std::vector<std::uint32_t>& places) const {
    std::uint64_t bytes = 0;
    for (const std::uint32_t place : places) {
      const model::ColumnType& type = landed_.table.columns[place].type;
      const bool is_long = is_text(type.type) || is_bytes(type.type);
      const bool is_endless = type.length == 0 || model::is_large_object(type.type);
      if (is_long && is_endless) return false;
      bytes += is_long ? std::uint64_t{type.length} * (is_bytes(type.type) ? 1 : bytes_a_character) : 16;
    }
    return bytes <= postgres_key_bytes_max;
  }

  // A name that no other object of the table has: the primary key's index has one, too.
  std::string name_of(Object kind, const std::string& given) {
    const std::string qualifier = is_named_by_schema(ours_, kind) ? from_.name.table : "";
    std::string name = object_name(ours_, qualifier, given);
    while (!used_.insert(name).second) name = object_name(ours_, "", name + "_");
    return name;
  }

  // ---- checks

  void add_check(const model::SecondaryObject& check) {
    const std::string object = "check " + check.name;
    const std::optional<std::string> said = condition_in_words_of(ours_, theirs_, from_, check.definition);
    if (!said) return leave(object, check.definition + " is not known to mean the same here");
    landed_.table.checks.push_back({.name = name_of(Object::constraint, check.name), .definition = "CHECK " + *said});
  }

  const Language ours_, theirs_;
  const TableSchema& from_;
  LandedTable landed_;
  std::set<std::string> used_{object_name(ours_, "", from_.name.table + "_pkey")};
  std::vector<std::uint32_t> leading_;  // first columns of the indexes that are made
};

}  // namespace

LandedTable in_words_of(Language ours, const TableSchema& table) {
  const std::optional<Language> theirs = language_of(table.family);
  if (theirs == ours) return {table, {}};
  if (theirs) return Landing(ours, *theirs, table).take();
  LandedTable landed{table, {}};
  for (Column& column : landed.table.columns) {
    column.default_expression.clear();
    column.identity = model::Identity::none;
    column.collation.clear();
  }
  landed.table.indexes.clear();
  landed.table.checks.clear();
  landed.table.foreign_keys.clear();
  landed.table.sequences.clear();
  landed.table.partitioning.clear();
  return landed;
}

// ---- foreign keys

namespace {

// Whether these columns, in any order, tell the parent's rows apart here.
bool is_key(Language ours, const TableSchema& from, const std::vector<std::string>& names) {
  std::vector<std::uint32_t> wanted;
  for (const std::string& name : names) {
    const auto place = from.find_column(name);
    if (!place) return false;
    wanted.push_back(*place);
  }
  std::sort(wanted.begin(), wanted.end());
  const auto is_wanted = [&](std::vector<std::uint32_t> columns) {
    std::sort(columns.begin(), columns.end());
    return columns == wanted;
  };
  if (is_wanted(from.primary_key)) return true;
  const TableSchema parent = in_words_of(ours, from).table;
  return std::any_of(parent.indexes.begin(), parent.indexes.end(), [&](const model::SecondaryObject& index) {
    if (!index.unique) return false;
    std::vector<std::uint32_t> places;
    const auto columns = convert::read_index(ours, index.definition);
    for (const IndexColumn& column : columns.value_or(std::vector<IndexColumn>())) {
      if (const auto place = parent.find_column(column.name)) places.push_back(*place);
    }
    return is_wanted(places);
  });
}

// MySQL compares only what has one type on both sides; texts may differ in length.
bool has_same_types(const TableSchema& child, const TableSchema& parent, const model::ForeignKey& key) {
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const auto mine = child.find_column(key.columns[i]), theirs = parent.find_column(key.referenced_columns[i]);
    if (!mine || !theirs) return false;
    const model::ColumnType& a = child.columns[*mine].type;
    const model::ColumnType& b = parent.columns[*theirs].type;
    const bool are_texts = is_text(a.type) && is_text(b.type);
    if (!are_texts && (a.type != b.type || a.precision != b.precision || a.scale != b.scale)) return false;
  }
  return true;
}

}  // namespace

LandedKeys foreign_keys_in_words_of(Language ours, const TableSchema& table,
                                    const std::vector<TableSchemaPtr>& tables) {
  LandedKeys landed;
  const std::optional<Language> theirs = language_of(table.family);
  if (!theirs || theirs == ours) {
    if (theirs) landed.keys = table.foreign_keys;
    return landed;
  }
  for (const model::ForeignKey& key : table.foreign_keys) {
    const std::string object = "foreign key " + key.name;
    const auto leave = [&](const std::string& why) { landed.remarks.push_back({object, why, true}); };
    const auto found = std::find_if(tables.begin(), tables.end(),
                                    [&](const TableSchemaPtr& other) { return other->name == key.referenced; });
    const std::optional<convert::KeyRules> rules = convert::read_rules(key.rules);
    if (!rules || (rules->full_match && key.columns.size() > 1)) {
      leave(key.rules + " cannot be said here");
    } else if (ours == Language::mysql && (rules->on_delete == "SET DEFAULT" || rules->on_update == "SET DEFAULT")) {
      leave("InnoDB has no SET DEFAULT");
    } else if (found == tables.end()) {
      leave("table " + key.referenced.text() + " is not part of the task");
    } else if (!is_key(ours, **found, key.referenced_columns)) {
      leave("what it refers to is no unique key here");
    } else if (ours == Language::mysql && !has_same_types(table, **found, key)) {
      leave("its columns and those it refers to are not of one type here");
    } else {
      if (rules->deferrable) landed.remarks.push_back({object, "is checked at once here, not at the commit", false});
      model::ForeignKey said = key;
      said.name = object_name(ours, is_named_by_schema(ours, Object::constraint) ? table.name.table : "", key.name);
      said.rules = fmt::format("{}{}{}{}", rules->on_delete.empty() ? "" : "ON DELETE ", rules->on_delete,
                               rules->on_update.empty() ? "" : " ON UPDATE ", rules->on_update);
      landed.keys.push_back(std::move(said));
    }
  }
  return landed;
}

void add_findings(const TableSchema& table, const std::vector<Remark>& remarks,
                  std::vector<connect::Finding>& findings) {
  using Severity = connect::Finding::Severity;
  for (const Remark& remark : remarks) {
    findings.push_back({remark.left_out ? Severity::warning : Severity::note, "table " + table.name.text(),
                        remark.object + (remark.left_out ? " is not carried over: " : ": ") + remark.problem,
                        remark.left_out ? "make it on the target by hand where it is needed" : ""});
  }
}

void add_skipped(const TableSchema& table, const std::vector<Remark>& remarks, std::vector<std::string>& skipped) {
  for (const Remark& remark : remarks) {
    if (remark.left_out)
      skipped.push_back(fmt::format("table {}: {}: {}", table.name.text(), remark.object, remark.problem));
  }
}

}  // namespace relational
