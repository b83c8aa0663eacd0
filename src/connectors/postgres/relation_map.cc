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

constexpr int visible_pauses_max = 500;  // of ShapeSources::pause

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

// The schema with the name and the old image that the log really has; itself when nothing differs.
TableSchemaPtr as_logged(const Message& message, const TableSchemaPtr& schema) {
  const model::TableName name{std::string(message.schema), std::string(message.name)};
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
  // A partitioned root's identity decides what is written, its leaves' what is there: the catalogue knows better.
  const bool same_image = (schema->old_image == image || !schema->partitioning.empty()) && same_key;
  if (same_image && schema->name == name) return schema;
  auto changed = std::make_shared<TableSchema>(*schema);
  changed->name = changed->source_name = name;
  if (same_image) return changed;
  changed->old_image = image;
  if (image == model::OldImage::key) changed->old_key = std::move(key);
  if (image == model::OldImage::none) changed->old_key.clear();
  return changed;
}

const Column* column_numbered(const TableSchema* schema, std::int32_t ordinal) {
  if (schema == nullptr || ordinal < 1) return nullptr;
  const auto found = std::find_if(schema->columns.begin(), schema->columns.end(),
                                  [&](const Column& column) { return column.ordinal == ordinal; });
  return found == schema->columns.end() ? nullptr : &*found;
}

// Keys of the source of what we know, with indexes of the new columns; incomplete ones are left out.
std::vector<std::uint32_t> translated(const TableSchema& from, const std::vector<std::uint32_t>& key,
                                      const TableSchema& to) {
  std::vector<std::uint32_t> indexes;
  for (const std::uint32_t index : key) {
    const Column* column = column_numbered(&to, from.columns[index].ordinal);
    if (column == nullptr) return {};
    indexes.push_back(static_cast<std::uint32_t>(column - to.columns.data()));
  }
  return indexes;
}

void take_keys(const TableSchema& from, TableSchema& to) {
  to.primary_key = translated(from, from.primary_key, to);
  to.unique_keys.clear();
  for (const auto& key : from.unique_keys) {
    std::vector<std::uint32_t> indexes = translated(from, key, to);
    if (!indexes.empty()) to.unique_keys.push_back(std::move(indexes));
  }
  to.old_key = translated(from, from.old_key, to);
  if (to.old_image == model::OldImage::key && to.old_key.empty()) to.old_image = model::OldImage::none;
  std::vector<model::Sequence> sequences;
  for (model::Sequence sequence : from.sequences) {
    const Column* column = column_numbered(&to, from.columns[sequence.column].ordinal);
    if (column == nullptr) continue;
    sequence.column = static_cast<std::uint32_t>(column - to.columns.data());
    sequences.push_back(std::move(sequence));
  }
  to.sequences = std::move(sequences);
}

bool is_held(const Survey& survey, std::uint32_t oid, std::uint32_t xid) {
  const auto locked = survey.locked.find(oid);
  return locked != survey.locked.end() && locked->second.contains(xid);
}

bool same_numbers(const TableSchema& a, const TableSchema& b) {
  return std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                    [](const Column& one, const Column& other) {
                      return one.ordinal == other.ordinal && one.name == other.name &&
                             one.type.native_id == other.type.native_id &&
                             one.type.native_modifier == other.type.native_modifier;
                    });
}

bool looks_like(const Relation& relation, const TableSchema& shape) {
  const std::vector<std::uint32_t> stored = model::stored_columns(shape);
  return std::equal(stored.begin(), stored.end(), relation.stored.begin(), relation.stored.end(),
                    [&](std::uint32_t ours, std::uint32_t theirs) {
                      const Column& one = shape.columns[ours];
                      const Column& other = relation.schema->columns[theirs];
                      return one.name == other.name && one.type.native_id == other.type.native_id;
                    });
}

bool is_same_shape(TableSchema a, TableSchema b) {
  a.sequences.clear();  // their values move without any DDL
  b.sequences.clear();
  a.partitions.clear();  // looked at on their own
  b.partitions.clear();
  return a == b;
}

std::set<model::TableName> partition_names(const TableSchema& table) {
  std::set<model::TableName> names;
  for (const model::Partition& partition : table.partitions) names.insert(partition.name);
  return names;
}

// Whether partitions came (unless they were only made) or went: their rows did so without any change in the log.
bool partitions_moved(const TableSchema& known, const DdlReport& report) {
  if (!report.partitions) return false;
  const std::set<model::TableName> before = partition_names(known);
  const auto is_there = [](const std::set<model::TableName>& names) {
    return [&names](const model::TableName& name) { return names.contains(name); };
  };
  if (!std::all_of(before.begin(), before.end(), is_there(*report.partitions))) return true;
  return !report.made && !std::all_of(report.partitions->begin(), report.partitions->end(), is_there(before));
}

// Values of existing rows that the report leaves open.
bool leaves_values_open(const TableSchema& known, const DdlReport& report) {
  return std::any_of(report.columns.begin(), report.columns.end(), [&](const Column& column) {
    const Column* before = column_numbered(&known, column.ordinal);
    if (before == nullptr) {
      return !column.generated && !column.default_expression.empty() && !report.filled.contains(column.ordinal);
    }
    const bool retyped =
        before->type.native_id != column.type.native_id || before->type.native_modifier != column.type.native_modifier;
    return retyped && !column.generated && report.converts;
  });
}

}  // namespace

RelationMap::RelationMap(const std::vector<TableSchemaPtr>& tables, const TypeChoices& choices, ShapeSources sources)
    : choices_(choices), sources_(std::move(sources)) {
  for (const TableSchemaPtr& table : tables) schemas_[static_cast<std::uint32_t>(table->source_id)] = table;
}

void RelationMap::on_type(const Message& message) {
  type_names_[message.type] = std::string(message.schema) + "." + std::string(message.name);
}

// A type as one of the two shapes has it; one that neither has is what its OID says.
model::ColumnType RelationMap::type_of(std::uint32_t type, std::int32_t modifier, std::string native,
                                       const TableSchema& known, const TableSchema* described) const {
  const Column* like = nullptr;
  for (const TableSchema* table : {&known, described}) {
    if (table == nullptr) continue;
    for (const Column& column : table->columns) {
      if (column.type.native_id != type) continue;
      if (column.type.native_modifier == modifier) return column.type;
      like = &column;
    }
  }
  model::ColumnType made;
  if (like != nullptr && type >= first_user_oid) made = like->type;
  if (native.empty()) {
    const auto name = type_names_.find(type);
    if (name != type_names_.end()) native = name->second;
  }
  made.native = std::move(native);
  made.native_id = type;
  made.native_modifier = modifier;
  if (like == nullptr || type < first_user_oid) canonical_type(type, modifier, 'b', choices_, made);
  return made;
}

// `numbers`: one for each column of the message; unknown_ordinal: not known. Without any, names are believed.
TableSchemaPtr RelationMap::build(const Message& message, const std::vector<std::int32_t>& numbers,
                                  const TableSchema& known, const TableSchema* described) const {
  auto made = std::make_shared<TableSchema>(described != nullptr ? *described : known);
  const TableSchema base = *made;
  made->columns.clear();
  for (std::size_t i = 0; i < message.columns.size(); ++i) {
    const RelationColumn& logged = message.columns[i];
    const auto named = known.find_column(logged.name);
    std::int32_t number = unknown_ordinal;
    if (i < numbers.size()) number = numbers[i];
    if (numbers.empty() && named) number = known.columns[*named].ordinal;
    const Column* from = column_numbered(&known, number);
    if (from == nullptr) from = column_numbered(described, number);
    Column column = from != nullptr ? *from : Column();
    column.name = column.source_name = std::string(logged.name);
    column.ordinal = number;
    column.generated = false;
    column.type = type_of(logged.type, logged.modifier, "", known, described);
    made->columns.push_back(std::move(column));
  }
  for (const Column& column : base.columns) {
    const bool is_there = column_numbered(made.get(), column.ordinal) != nullptr || made->find_column(column.name);
    if (column.generated && !is_there) made->columns.push_back(column);
  }
  take_keys(base, *made);
  made->name = made->source_name = {std::string(message.schema), std::string(message.name)};
  return as_logged(message, made);
}

void RelationMap::put(std::uint32_t oid, Place place, TableSchemaPtr rows, TableSchemaPtr certain,
                      std::vector<bool> in_key, bool unclear) {
  Relation relation;
  relation.stored = model::stored_columns(*rows);
  for (const std::uint32_t index : relation.stored) {
    relation.forms.push_back(text_form(rows->columns[index].type, choices_));
  }
  relation.in_key = std::move(in_key);
  relation.schema = std::move(rows);
  if (place.top_xid == 0) {
    schemas_[oid] = std::move(certain);
    relations_[oid] = std::move(relation);
  } else {
    streamed_[place.top_xid][oid].push_back({place.sub_xid, std::move(relation), std::move(certain), unclear});
  }
}

TableSchemaPtr RelationMap::schema_of(std::uint32_t oid, std::uint32_t top_xid) const {
  if (top_xid != 0) {
    const auto transaction = streamed_.find(top_xid);
    if (transaction != streamed_.end()) {
      const auto own = transaction->second.find(oid);
      if (own != transaction->second.end() && !own->second.empty()) return own->second.back().certain;
    }
  }
  const auto known = schemas_.find(oid);
  return known == schemas_.end() ? nullptr : known->second;
}

Result<RelationMap::Outcome> RelationMap::on_relation(const Message& message, Place place, bool is_past) {
  const TableSchemaPtr known = schema_of(message.relation, place.top_xid);
  if (known == nullptr) return Outcome{};
  std::vector<bool> in_key;
  for (const RelationColumn& column : message.columns) in_key.push_back(column.in_key);
  // The server sends a table once for a streamed transaction, and again when DDL in it is undone: a message lives as
  // long as the report it follows, or as the subtransaction it came in when nothing reports.
  if (const auto orphans = orphans_.find(place.top_xid); orphans != orphans_.end()) {
    orphans->second.erase(message.relation);
  }
  if (place.top_xid != 0 && sources_.told) {
    const std::vector<Layer>& layers = streamed_[place.top_xid][message.relation];
    place.sub_xid = layers.empty() ? 0 : layers.back().sub_xid;
  }
  const std::vector<std::int32_t> unknown(message.columns.size(), unknown_ordinal);
  if (is_past) {
    const bool is_same = matches(message, *known);
    TableSchemaPtr rows = is_same ? as_logged(message, known) : build(message, unknown, *known, nullptr);
    put(message.relation, place, std::move(rows), known, std::move(in_key), !is_same);
    return Outcome{};
  }
  Followed followed;
  if (matches(message, *known) && (sources_.told || sources_.survey == nullptr)) {
    followed.shape = as_logged(message, known);
  } else {
    followed = TRY(follow(message, known, place));
  }
  if (followed.shape == nullptr) {
    put(message.relation, place, build(message, unknown, *known, nullptr), known, std::move(in_key), true);
    return Outcome{known, true};
  }
  const bool changed = followed.shape != known && *followed.shape != *known;
  const TableSchemaPtr shape = changed ? std::move(followed.shape) : known;
  put(message.relation, place, shape, shape, std::move(in_key));
  return changed ? Outcome{shape, false} : Outcome{};
}

std::vector<bool> RelationMap::in_key_of(std::uint32_t oid, std::uint32_t top_xid, std::size_t columns) {
  std::vector<bool> in_key;
  if (const Relation* relation = find(oid, top_xid)) {
    if (relation->stored.size() == columns) in_key = relation->in_key;
  }
  in_key.resize(columns);
  return in_key;
}

// A transaction is in the log a moment before others see it, and gives up its locks right behind that.
Result<Survey> RelationMap::survey_behind(std::uint32_t oid, std::uint32_t xid, bool waits) {
  Survey survey = TRY(sources_.survey({oid}));
  const auto is_behind = [&] { return is_held(survey, oid, xid) || is_held(survey, oid, 0); };
  for (int i = 0; waits && sources_.pause && is_behind() && i < visible_pauses_max; ++i) {
    TRY(sources_.pause());
    survey = TRY(sources_.survey({oid}));
  }
  return survey;
}

// The shape of a row description that nothing reported; none when it is not certain.
Result<RelationMap::Followed> RelationMap::follow(const Message& message, const TableSchemaPtr& known, Place place) {
  const std::uint32_t oid = message.relation;
  if (sources_.survey == nullptr) return Followed{build(message, {}, *known, nullptr)};
  const Survey survey = TRY(survey_behind(oid, place.xid, place.top_xid == 0));
  const auto found = survey.tables.find(oid);
  // Gone since, and nothing says what became of its columns before: its drop is still to come.
  if (found == survey.tables.end()) return matches(message, *known) ? Followed{as_logged(message, known)} : Followed{};
  const SurveyedTable& now = found->second;
  const bool is_own = is_held(survey, oid, place.xid);
  if (is_own || is_held(survey, oid, 0)) {
    // Its own columns may be others of the same names; a streamed one is asked again at its end.
    if (!matches(message, *known) || (is_own && place.top_xid == 0)) return Followed{};
    if (!is_own) doubtful_[oid] = false;
    for (const Column& column : known->columns) {
      if (is_own) believed_[place.top_xid][oid].insert(column.ordinal);
    }
    return Followed{as_logged(message, known)};
  }
  const auto settled = settled_.find(oid);
  const std::int32_t low = settled == settled_.end() ? 0 : settled->second;
  const std::vector<std::int32_t> numbers = numbers_of(message, *known, now, low);
  if (numbers.empty() && !message.columns.empty()) return Followed{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const RelationColumn& logged = message.columns[i];
    if (const Column* before = column_numbered(known.get(), numbers[i])) {
      const bool retyped = before->type.native_id != logged.type || before->type.native_modifier != logged.modifier;
      if (retyped || before->generated) return Followed{};  // by an expression that nobody told
    } else {
      // One that has come and gone may have filled the rows with its default.
      const SurveyedColumn* added = now.numbered(numbers[i]);
      if (added == nullptr || !began_as_null(*added)) return Followed{};
    }
  }
  std::vector<std::int32_t> before;
  for (const std::uint32_t index : model::stored_columns(*known)) before.push_back(known->columns[index].ordinal);
  if (matches(message, *known) && before == numbers) return Followed{as_logged(message, known)};
  const TableSchemaPtr described = TRY(sources_.describe(oid));
  return Followed{build(message, numbers, *known, described.get())};
}

Result<RelationMap::Outcome> RelationMap::on_ddl(const DdlReport& report, Place place) {
  const TableSchemaPtr known = schema_of(report.oid, place.top_xid);
  if (known == nullptr) return Outcome{};
  // The catalogue may be further on already: it lends keys and the family-free part of types, nothing else.
  const TableSchemaPtr described = TRY(sources_.describe(report.oid));
  auto made = std::make_shared<TableSchema>(described != nullptr ? *described : *known);
  const TableSchema base = *made;
  made->columns = report.columns;
  for (Column& column : made->columns) {
    const std::string native = column.type.native;
    column.type = type_of(column.type.native_id, column.type.native_modifier, native, *known, described.get());
    const Column* other = column_numbered(known.get(), column.ordinal);
    if (other == nullptr) other = column_numbered(described.get(), column.ordinal);
    if (other != nullptr) column.comment = other->comment;
  }
  take_keys(base, *made);
  made->name = made->source_name = report.name;
  made->partitions.clear();
  for (const model::TableName& name : report.partitions.value_or(std::set<model::TableName>())) {
    model::Partition partition;
    for (const model::Partition& one : base.partitions) {
      if (one.name == name) partition = one;
    }
    partition.name = name;
    made->partitions.push_back(std::move(partition));
  }
  const bool unclear = partitions_moved(*known, report) || leaves_values_open(*known, report);
  if (!unclear && is_same_shape(*made, *known) && made->partitions == known->partitions) return Outcome{};
  // The server sends a Relation message before the next row: it has the last word on the old image.
  put(report.oid, place, made, made, in_key_of(report.oid, place.top_xid, model::stored_columns(*made).size()));
  return Outcome{made, unclear};
}

TableSchemaPtr RelationMap::on_drop(const DdlReport& report, Place place, bool& is_partition) {
  TableSchemaPtr known = schema_of(report.oid, place.top_xid);
  is_partition = known == nullptr;
  if (known != nullptr) {
    if (place.top_xid == 0) {
      schemas_.erase(report.oid);
    } else {
      streamed_[place.top_xid][report.oid].push_back({place.sub_xid, std::nullopt, nullptr, false});
    }
    return known;
  }
  for (const auto& [oid, table] : schemas_) {
    TableSchemaPtr root = table->partitions.empty() ? nullptr : schema_of(oid, place.top_xid);
    if (root != nullptr && partition_names(*root).contains(report.name)) return root;
  }
  return nullptr;
}

TableSchemaPtr RelationMap::on_later(const connect::LaterShape& later) {
  const auto oid = static_cast<std::uint32_t>(later.table_id);
  const TableSchemaPtr known = schema_of(oid, 0);
  if (known == nullptr) return nullptr;
  if (later.shape == nullptr) {
    schemas_.erase(oid);
    return known;
  }
  if (later.shape->columns == known->columns) return nullptr;
  put(oid, Place{}, later.shape, later.shape, std::vector<bool>(model::stored_columns(*later.shape).size()));
  return later.shape;
}

bool RelationMap::on_noted(const connect::LaterShape& later) {
  const auto oid = static_cast<std::uint32_t>(later.table_id);
  const TableSchemaPtr known = schema_of(oid, 0);
  if (known == nullptr || later.shape == nullptr || same_numbers(*later.shape, *known)) return false;
  // Nothing is noted of a table that was put aside in the middle of the transaction: rows look as the log says.
  const auto described = relations_.find(oid);
  if (described != relations_.end() && !looks_like(described->second, *later.shape)) return false;
  put(oid, Place{}, later.shape, later.shape, in_key_of(oid, 0, model::stored_columns(*later.shape).size()));
  return true;
}

// ---- surveys ----

Result<void> RelationMap::begin_survey() {
  if (sources_.survey == nullptr || survey_ || schemas_.empty()) return {};
  std::vector<std::uint32_t> oids;
  for (const auto& [oid, table] : schemas_) oids.push_back(oid);
  survey_ = TRY(sources_.survey(oids));
  for (auto& [oid, is_before] : doubtful_) is_before = true;
  return {};
}

// Everything below the survey's end has come. What differs now was not in the log, unless it is being changed right
// now: a second look says whether the catalogue stands still.
Result<std::vector<RelationMap::Verdict>> RelationMap::end_survey() {
  std::vector<Verdict> verdicts;
  if (!survey_) return verdicts;
  const Survey first = std::move(*survey_);
  survey_.reset();
  std::vector<std::uint32_t> differing;
  for (const auto& [oid, table] : schemas_) {
    const auto now = first.tables.find(oid);
    if (now == first.tables.end() || !same_columns(*table, now->second)) {
      differing.push_back(oid);
      continue;
    }
    settled_[oid] = std::max(settled_[oid], now->second.highest);
    const auto doubt = doubtful_.find(oid);
    if (doubt != doubtful_.end() && doubt->second && !first.locked.contains(oid)) doubtful_.erase(doubt);
  }
  if (differing.empty()) return verdicts;
  const Survey second = TRY(sources_.survey(differing));
  for (const std::uint32_t oid : differing) {
    const auto before = first.tables.find(oid);
    const auto now = second.tables.find(oid);
    const bool stands = (before == first.tables.end()) == (now == second.tables.end()) &&
                        (now == second.tables.end() || before->second == now->second);
    // A commit is in the log before others see it, long before where it waits for a standby.
    if (!stands || second.locked.contains(oid)) continue;
    std::optional<Verdict> verdict =
        TRY(judge(oid, schemas_[oid], now == second.tables.end() ? nullptr : &now->second));
    if (verdict) verdicts.push_back(std::move(*verdict));
  }
  return verdicts;
}

Result<std::optional<RelationMap::Verdict>> RelationMap::judge(std::uint32_t oid, const TableSchemaPtr& known,
                                                               const SurveyedTable* now) {
  using What = Verdict::What;
  if (now == nullptr) {
    const TableSchemaPtr gone = known;
    schemas_.erase(oid);
    return std::optional(Verdict{What::dropped, gone});
  }
  const TableSchemaPtr described = TRY(sources_.describe(oid));
  if (described == nullptr || !same_columns(*described, *now)) return std::optional<Verdict>();
  // Each row description was followed, so the last rows had the shape that is known, and this one begins after them.
  // Where triggers report, rows may have been misunderstood since the one that did not.
  const bool exact = !sources_.told && !doubtful_.contains(oid) && derivable(*known, *now);
  doubtful_.erase(oid);
  if (const auto orphans = orphans_.find(0); orphans != orphans_.end()) orphans->second.erase(oid);
  std::vector<bool> in_key(model::stored_columns(*described).size());
  put(oid, Place{}, described, described, std::move(in_key));
  settled_[oid] = std::max(settled_[oid], now->highest);
  return std::optional(Verdict{exact ? What::changed : What::unclear, described});
}

// ---- transactions ----

Relation* RelationMap::find(std::uint32_t oid, std::uint32_t top_xid) {
  if (top_xid != 0) {
    const auto transaction = streamed_.find(top_xid);
    if (transaction != streamed_.end()) {
      const auto own = transaction->second.find(oid);
      if (own != transaction->second.end() && !own->second.empty()) {
        Layer& layer = own->second.back();
        return layer.relation ? &*layer.relation : nullptr;
      }
    }
  }
  const auto found = relations_.find(oid);
  return found == relations_.end() ? nullptr : &found->second;
}

RelationMap::Outcome RelationMap::revive(std::uint32_t oid, Place place) {
  const auto transaction = orphans_.find(place.top_xid);
  if (transaction == orphans_.end()) return {};
  const auto found = transaction->second.find(oid);
  if (found == transaction->second.end()) return {};
  Layer layer = std::move(found->second);
  transaction->second.erase(found);
  const TableSchemaPtr known = schema_of(oid, place.top_xid);
  layer.sub_xid = place.sub_xid;
  layer.relation->batch = 0;
  Outcome outcome;
  if (layer.unclear) {
    outcome = {known, true};
  } else if (known != nullptr && layer.certain != known && *layer.certain != *known) {
    outcome = {layer.certain, false};
  }
  if (place.top_xid != 0) {
    streamed_[place.top_xid][oid].push_back(std::move(layer));
  } else {
    schemas_[oid] = std::move(layer.certain);
    relations_[oid] = std::move(*layer.relation);
  }
  return outcome;
}

Result<std::vector<TableSchemaPtr>> RelationMap::settle_streamed(std::uint32_t top_xid) {
  std::vector<TableSchemaPtr> unclear;
  const auto believed = believed_.find(top_xid);
  if (believed == believed_.end()) return unclear;
  for (const auto& [oid, numbers] : believed->second) {
    const TableSchemaPtr known = schema_of(oid, top_xid);
    if (known == nullptr) continue;
    const Survey survey = TRY(survey_behind(oid, top_xid, true));
    const auto now = survey.tables.find(oid);
    const bool is_same =
        !is_held(survey, oid, top_xid) && now != survey.tables.end() && same_columns(*known, now->second);
    // One that went behind rows of which it was believed may have gone before them, and come again under its name.
    const auto is_there = [&](std::int32_t number) { return now->second.numbered(number) != nullptr; };
    if (!is_same || !std::all_of(numbers.begin(), numbers.end(), is_there)) unclear.push_back(known);
  }
  return unclear;
}

void RelationMap::end_streamed(std::uint32_t top_xid, bool committed) {
  believed_.erase(top_xid);
  auto orphans = orphans_.extract(top_xid);
  const auto transaction = streamed_.find(top_xid);
  if (transaction == streamed_.end()) return;
  for (auto& [oid, layers] : transaction->second) {
    if (!committed || layers.empty()) continue;
    orphans_[0].erase(oid);
    Layer& last = layers.back();
    if (last.certain == nullptr) {
      schemas_.erase(oid);
    } else {
      schemas_[oid] = last.certain;
      relations_[oid] = std::move(*last.relation);
    }
  }
  streamed_.erase(transaction);
  if (orphans.empty() || !committed) return;
  for (auto& [oid, layer] : orphans.mapped()) orphans_[0].insert_or_assign(oid, std::move(layer));
}

void RelationMap::abort_sub(std::uint32_t top_xid, std::uint32_t sub_xid) {
  const auto transaction = streamed_.find(top_xid);
  if (transaction == streamed_.end()) return;
  for (auto& [oid, layers] : transaction->second) {
    const bool is_last = !layers.empty() && layers.back().sub_xid == sub_xid && layers.back().relation;
    if (is_last && !sources_.told) orphans_[top_xid].insert_or_assign(oid, layers.back());
    std::erase_if(layers, [&](const Layer& layer) { return layer.sub_xid == sub_xid; });
  }
}

}  // namespace postgres
