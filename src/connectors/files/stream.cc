// SPDX-License-Identifier: Apache-2.0
//
// Why every change is in the files once, whatever dies when.
//
// A table's stream of rows is cut into files at positions. Before a file is written, one commit of the Journal records
// its name, (from, to] and rows: the intent. Then the object is put. Then one commit replaces the intent by
// "flushed = to" and moves the durable position, which is the last commit below every row not yet in a file.
//
//   rows   1 2 3 | 4 5 6 7 | 8 9        Journal at the crash: flushed 3, intent (3, 7] rows 4, position below 4
//          file A  file B    buffer
//
// After the crash the stream is sent again from the durable position. Rows up to 3 are skipped. Rows in (3, 7] are
// gathered for file B and for nothing else; when the first row beyond 7, or the commit that ends 7's transaction, has
// come, the file is complete: it must have 4 rows, and it is put under the same name with the same bytes (a repeated
// put is harmless if the first one had reached the store). Rows 8 and 9 were in memory only; they come again.
//
// Died between                what is there                    what happens
// buffer and intent           nothing                          rows are sent again
// intent and put              intent                           gathered again, put
// put and second commit       intent, object                   gathered again, put again: the same bytes
// after the second commit     object, flushed                  rows are skipped
//
// TRUNCATE at P: the note "clear P" is committed, all objects of the folder are removed, "flushed = P" replaces the
// note. A note found at the start is carried out first: no file after P can have been written while it stood.
//
// The position given to the engine is the one in the Journal, never a newer one: the source may forget what it covers.
#include "connectors/files/stream.h"

#include <algorithm>

#include "connectors/files/errors.h"
#include "connectors/files/names.h"

namespace connectors::files {

using model::Op;
using model::Position;

constexpr base::Nanos persist_interval = std::chrono::seconds(1);
constexpr char component[] = "files";

ChangeStream::ChangeStream(const Settings& settings, const connect::Context& context, wire::ObjectStore& store,
                           TimeZone zone)
    : settings_(settings), context_(context), store_(store), zone_(std::move(zone)) {}

// ---- tables and buffers

base::Result<ChangeStream::Buffer*> ChangeStream::buffer_of(const std::string& folder) {
  if (const auto found = buffers_.find(folder); found != buffers_.end()) return found->second.get();
  auto buffer = std::make_unique<Buffer>();
  buffer->folder = folder;
  connect::Journal& journal = *context_.journal;
  if (const auto flushed = TRY(notes::read_position(journal, notes::of("flushed", folder)))) buffer->flushed = *flushed;
  const std::string name_note = notes::of("name", folder);
  if (const auto name = TRY(journal.get(name_note))) {
    buffer->last_name = static_cast<std::int64_t>(TRY(unpack_number(name_note, *name)));
  }
  for (Intent& intent : TRY(notes::read_intents(journal, folder))) {
    if (intent.to <= buffer->flushed) continue;
    buffer->base = persisted_.value_or(Position{});
    buffer->replay.push_back(std::move(intent));
    ++replaying_;
  }
  return buffers_.emplace(folder, std::move(buffer)).first->second.get();
}

base::Result<ChangeStream::Table*> ChangeStream::table_of(const model::TableSchemaPtr& schema) {
  if (const auto found = by_schema_.find(schema.get()); found != by_schema_.end()) return found->second;
  const std::string folder = table_folder(settings_.folder, schema->name);
  Table& table = tables_[folder];
  const bool transactions = settings_.preserve_transactions;
  if (table.buffer == nullptr)
    table.buffer = TRY(buffer_of(transactions ? settings_.folder + settings_.cdc_path : folder));
  if (table.encoder && !transactions && !table.encoder->same_shape(*schema) && !table.buffer->file.empty() &&
      table.buffer->replay.empty()) {
    TRY(seal_and_write(*table.buffer));  // files hold rows of one shape
  }
  if (!table.encoder || !table.encoder->same_shape(*schema)) {
    table.encoder = std::make_unique<RowEncoder>(settings_, schema, transactions);
  }
  if (!transactions) table.buffer->tags = schema->object_tags;
  // The pointer stays valid as a key because the schema is kept.
  if (table.schema) by_schema_.erase(table.schema.get());
  table.schema = schema;
  by_schema_[schema.get()] = &table;
  return &table;
}

base::Result<void> ChangeStream::begin(const Position& position, const std::vector<model::TableSchemaPtr>& tables) {
  base::Lock lock(mutex_);
  const std::optional<Position> saved = TRY(notes::read_position(*context_.journal, notes::stream_position));
  if (!saved) TRY(context_.journal->commit({{notes::stream_position, notes::print(position)}}));
  TRY(restore(saved.value_or(position)));
  for (const model::TableSchemaPtr& table : tables) TRY(table_of(table));
  for (const model::TableSchemaPtr& table : tables) shapes_[table->source_name] = table;
  return {};
}

base::Result<void> ChangeStream::know(const std::vector<model::TableSchemaPtr>& tables) {
  base::Lock lock(mutex_);
  for (const model::TableSchemaPtr& table : tables) shapes_[table->source_name] = table;
  return {};
}

base::Result<void> ChangeStream::resume() {
  base::Lock lock(mutex_);
  const std::optional<Position> saved = TRY(notes::read_position(*context_.journal, notes::stream_position));
  return saved ? restore(*saved) : base::Result<void>();
}

base::Result<void> ChangeStream::restore(const Position& position) {
  persisted_ = committed_ = position;
  buffers_.clear();
  tables_.clear();
  by_schema_.clear();
  bytes_ = replaying_ = 0;
  in_transaction_ = false;
  for (const auto& [note, value] : TRY(context_.journal->scan("files/clear/"))) {
    const Position cleared = TRY(notes::parse_position(note, value));
    TRY(finish_clear(note.substr(std::string("files/clear/").size()), cleared));
  }
  for (const std::string& folder : TRY(notes::folders(*context_.journal, "intent"))) TRY(buffer_of(folder));
  begun_ = true;
  return {};
}

// ---- rows

base::Result<connect::ApplyReport> ChangeStream::apply(model::ChangeBatch& batch, const std::stop_token& stop) {
  base::Lock lock(mutex_);
  stop_ = stop;
  connect::ApplyReport report;
  of_batch_.assign(batch.tables.size(), nullptr);
  for (const model::Change& change : batch.changes) {
    Table* table = nullptr;
    if (change.table != model::no_table) {
      Table*& known = of_batch_[change.table];
      // A table may appear in two shapes in one batch: the newest that was met counts.
      if (known == nullptr || known->schema != batch.tables[change.table]) {
        known = TRY(table_of(batch.tables[change.table]));
        known->counts = &report.tables[known->schema->source_name];
      }
      table = known;
    }
    switch (change.op) {
      case Op::begin: in_transaction_ = true; break;
      case Op::commit:
      case Op::stream_commit: TRY(on_commit(change.position)); break;
      case Op::insert:
      case Op::update:
      case Op::remove: TRY(on_row(*table, batch, change, report)); break;
      case Op::truncate:
      case Op::drop_table:
        ++table->counts->ddls;
        TRY(on_clear(*table, change,
                     change.op == Op::truncate ? settings_.delete_on_truncate : settings_.delete_on_drop));
        break;
      case Op::schema:
        ++table->counts->ddls;
        TRY(on_schema(batch.tables[change.table], report));
        break;
      case Op::message:
      case Op::unclear:
      case Op::stream_abort: break;
    }
    // What was gathered of this call is lost with us, and comes again; the table's rows from the last file on are kept.
    if (!report.suspended.empty()) break;
  }
  return report;
}

base::Result<void> ChangeStream::on_row(Table& table, const model::ChangeBatch& batch, const model::Change& change,
                                        connect::ApplyReport& report) {
  in_transaction_ = true;
  Buffer& buffer = *table.buffer;
  if (change.position <= buffer.flushed) return {};
  connect::TableCounts& counts = *table.counts;
  ++(change.op == Op::insert ? counts.inserts : change.op == Op::update ? counts.updates : counts.deletes);
  if (!settings_.writes(change.op)) return {};
  TRY(place_row(buffer, change));
  const std::size_t bytes = buffer.file.bytes();
  const bool was_empty = buffer.file.empty();
  std::string reason;
  const RowOutcome outcome = table.encoder->encode(buffer.file, batch, change, reason);
  if (outcome != RowOutcome::written) return on_outcome(table, change, outcome, reason, report);
  if (was_empty) start_row(buffer, change.position);
  buffer.to = change.position;
  bytes_ += buffer.file.bytes() - bytes;
  return {};
}

// Closes the open file where this row may not stand in it.
base::Result<void> ChangeStream::place_row(Buffer& buffer, const model::Change& change) {
  while (!buffer.replay.empty() && change.position > buffer.replay.front().to) TRY(seal_and_write(buffer));
  if (!buffer.replay.empty()) return {};
  if (settings_.partitions) {
    std::string partition = date_folder(settings_, zone_.wall(change.commit_time));
    if (partition != buffer.partition) {
      if (!buffer.file.empty()) TRY(seal_and_write(buffer));
      buffer.partition = std::move(partition);
    }
  }
  // Files of transactions hold whole ones, as long as memory lasts.
  const bool may_end =
      settings_.preserve_transactions ? change.position.log != buffer.to.log : change.position != buffer.to;
  if (buffer.file.bytes() >= settings_.cdc_bytes_min && may_end) TRY(seal_and_write(buffer));
  if (bytes_ > context_.memory_budget) TRY(keep_in_budget());
  return {};
}

void ChangeStream::start_row(Buffer& buffer, const Position&) {
  if (buffer.replay.empty()) buffer.base = committed_;
  buffer.opened = context_.clock->monotonic();
}

base::Result<void> ChangeStream::on_outcome(Table& table, const model::Change& change, RowOutcome outcome,
                                            const std::string& reason, connect::ApplyReport& report) {
  connect::TableCounts& counts = *table.counts;
  --(change.op == Op::insert ? counts.inserts : change.op == Op::update ? counts.updates : counts.deletes);
  if (outcome == RowOutcome::missing_value) {
    report.suspended.emplace_back(table.schema->source_name, base::Error{&errors::missing_value, reason, nullptr});
    return {};
  }
  const std::string text = fmt::format("{}, at {}/{}", reason, change.position.log, change.position.sequence);
  ValuePolicy policy = settings_.value_policy;
  const bool is_many =
      settings_.value_escalation_count != 0 && ++table.value_errors >= settings_.value_escalation_count;
  if (is_many) policy = std::max(policy, settings_.value_escalation);
  if (policy == ValuePolicy::stop) return base::failed(errors::stop_on_value, "{}", text);
  if (policy == ValuePolicy::suspend) {
    report.suspended.emplace_back(table.schema->source_name,
                                  base::Error{&formats::errors::parquet_value, text, nullptr});
    return {};
  }
  ++counts.put_aside;
  if (policy == ValuePolicy::ignore) return {};
  context_.log->error(component, "a change was put aside: {}", text);
  return {};
}

// ---- ends of transactions

base::Result<void> ChangeStream::on_commit(const Position& position) {
  in_transaction_ = false;
  const Position end{position.log, model::sequence_end, position.token};
  if (end > committed_) committed_ = end;
  return finish_replays(end);
}

// Recorded files whose last row must have come by now.
base::Result<void> ChangeStream::finish_replays(const Position& position) {
  if (replaying_ == 0) return {};
  for (const auto& [folder, buffer] : buffers_) {
    if (buffer->held) continue;
    while (!buffer->replay.empty() && buffer->replay.front().to <= position) TRY(seal_and_write(*buffer));
  }
  return {};
}

base::Result<void> ChangeStream::advance(std::uint64_t through) {
  base::Lock lock(mutex_);
  if (in_transaction_ || through <= committed_.log) return {};
  committed_ = Position{through, model::sequence_end, committed_.token};
  return finish_replays(committed_);
}

// Files that are written keep their columns; the new ones have the new shape. Only a column that was replaced by
// another of its name cannot go on: whoever merges the files would give the old one's values to rows that nobody
// touched since.
base::Result<void> ChangeStream::on_schema(const model::TableSchemaPtr& after, connect::ApplyReport& report) {
  const model::TableSchemaPtr before = std::exchange(shapes_[after->source_name], after);
  if (before == nullptr) return {};
  const std::string note = notes::of("columns", table_folder(settings_.folder, after->name));
  std::map<std::string, std::string> numbers;
  if (const auto noted = TRY(context_.journal->get(note))) {
    const std::vector<std::string> fields = TRY(unpack(note, *noted, 0));
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) numbers[fields[i]] = fields[i + 1];
  }
  for (const model::Column& column : before->columns) numbers.try_emplace(column.name, std::to_string(column.ordinal));
  std::vector<std::string> fields;
  for (const model::Column& column : after->columns) {
    const std::string number = std::to_string(column.ordinal);
    if (numbers.try_emplace(column.name, number).first->second == number) continue;
    std::string reason =
        fmt::format("table {}: column {} was replaced by another of that name", after->source_name.text(), column.name);
    report.suspended.emplace_back(after->source_name,
                                  base::Error{&errors::column_replaced, std::move(reason), nullptr});
    return {};
  }
  for (const auto& [name, number] : numbers) fields.insert(fields.end(), {name, number});
  return context_.journal->commit({{note, pack(fields)}});
}

base::Result<void> ChangeStream::on_clear(Table& table, const model::Change& change, bool wanted) {
  Buffer& buffer = *table.buffer;
  if (!wanted || change.position <= buffer.flushed) return {};
  const std::string folder = table_folder(settings_.folder, table.schema->name);
  if (settings_.preserve_transactions) {
    // The transaction files stay, they are the history of all tables; the table's own folder goes.
    return finish_clear(folder, change.position);
  }
  NoteChanges changes{{notes::of("clear", folder), notes::print(change.position)},
                      {notes::of("columns", folder), std::nullopt}};
  for (const Intent& intent : buffer.replay) changes.emplace_back(notes::intent(folder, intent.name), std::nullopt);
  TRY(context_.journal->commit(changes));
  bytes_ -= buffer.file.bytes();
  buffer.file = ChangeFile();
  replaying_ -= buffer.replay.size();
  buffer.replay.clear();
  buffer.flushed = change.position;
  return finish_clear(folder, change.position);
}

base::Result<void> ChangeStream::finish_clear(const std::string& folder, const Position& position) {
  std::vector<std::string> keys;
  for (const wire::ObjectEntry& entry : TRY(store_.list(folder, stop_))) keys.push_back(entry.key);
  if (!keys.empty()) TRY(store_.remove(keys, stop_));
  if (settings_.preserve_transactions) return {};
  return context_.journal->commit(
      {{notes::of("flushed", folder), notes::print(position)}, {notes::of("clear", folder), std::nullopt}});
}

// ---- writing

std::int64_t ChangeStream::next_name(Buffer& buffer) {
  const std::int64_t now = zone_.wall(context_.clock->wall()) / 1000;
  buffer.last_name = std::max(now, buffer.last_name + 1);
  return buffer.last_name;
}

std::string ChangeStream::key_of(const Buffer& buffer, std::int64_t name) {
  if (settings_.preserve_transactions) {
    return buffer.folder + transaction_name(name) + (settings_.gzip ? ".csv.gz" : ".csv");
  }
  return buffer.folder + buffer.partition + cdc_name(name) + settings_.extension();
}

ChangeStream::Sealed ChangeStream::seal(Buffer& buffer) {
  Sealed sealed{&buffer, std::move(buffer.file), {}, false};
  buffer.file = ChangeFile();
  bytes_ -= sealed.file.bytes();
  if (!buffer.replay.empty()) {
    sealed.intent = buffer.replay.front();
    sealed.recorded = true;
    return sealed;
  }
  const std::int64_t name = next_name(buffer);
  sealed.intent = Intent{key_of(buffer, name), name, buffer.flushed, buffer.to, sealed.file.rows()};
  return sealed;
}

base::Result<void> ChangeStream::seal_and_write(Buffer& buffer) {
  if (buffer.file.empty() && buffer.replay.empty()) return {};
  std::vector<Sealed> files;
  files.push_back(seal(buffer));
  return write(std::move(files));
}

base::Result<void> ChangeStream::write(std::vector<Sealed> files) {
  if (files.empty()) return {};
  NoteChanges before;
  for (const Sealed& sealed : files) {
    if (sealed.recorded) continue;
    const std::string& folder = sealed.buffer->folder;
    before.emplace_back(notes::intent(folder, sealed.intent.name), notes::print(sealed.intent));
    before.emplace_back(notes::of("name", folder), std::to_string(sealed.intent.name));
  }
  if (!before.empty()) TRY(context_.journal->commit(before));
  for (const Sealed& sealed : files) TRY(write_one(sealed));
  NoteChanges after;
  for (Sealed& sealed : files) {
    Buffer& buffer = *sealed.buffer;
    buffer.flushed = sealed.intent.to;
    if (sealed.recorded) {
      buffer.replay.pop_front();
      --replaying_;
    }
    after.emplace_back(notes::intent(buffer.folder, sealed.intent.name), std::nullopt);
    after.emplace_back(notes::of("flushed", buffer.folder), notes::print(buffer.flushed));
  }
  const Position position = computed_position();
  after.emplace_back(notes::stream_position, notes::print(position));
  TRY(context_.journal->commit(after));
  persisted_ = position;
  persisted_at_ = context_.clock->monotonic();
  return {};
}

base::Result<void> ChangeStream::write_one(const Sealed& sealed) {
  const Intent& intent = sealed.intent;
  if (sealed.file.rows() != intent.rows) {
    return base::failed(errors::replay_mismatch, "{}: {} rows were recorded, the source sent {} again", intent.key,
                        intent.rows, sealed.file.rows());
  }
  wire::ObjectFacts facts = facts_of(settings_, context_);
  facts.tags.insert(sealed.buffer->tags.begin(), sealed.buffer->tags.end());
  facts.metadata[meta_rows] = std::to_string(intent.rows);
  facts.metadata[meta_from] = fmt::format("{}.{}", intent.from.log, intent.from.sequence);
  facts.metadata[meta_to] = fmt::format("{}.{}", intent.to.log, intent.to.sequence);
  return sealed.file.store_as(settings_, store_, intent.key, facts, stop_);
}

base::Result<void> ChangeStream::keep_in_budget() {
  Buffer* largest = nullptr;
  for (const auto& [folder, buffer] : buffers_) {
    // A recorded file that is being gathered again is written when it is complete, not before.
    if (!buffer->replay.empty()) continue;
    if (largest == nullptr || buffer->file.bytes() > largest->file.bytes()) largest = buffer.get();
  }
  return largest == nullptr ? base::Result<void>() : seal_and_write(*largest);
}

// ---- position

Position ChangeStream::computed_position() {
  Position position = committed_;
  for (const auto& [folder, buffer] : buffers_) {
    const bool waits = !buffer->held && (!buffer->file.empty() || !buffer->replay.empty());
    if (waits && buffer->base < position) position = buffer->base;
  }
  if (persisted_ && position < *persisted_) position = *persisted_;
  return position;
}

base::Result<void> ChangeStream::persist_position() {
  const Position position = computed_position();
  if (persisted_ && position == *persisted_) return {};
  TRY(context_.journal->commit({{notes::stream_position, notes::print(position)}}));
  persisted_ = position;
  persisted_at_ = context_.clock->monotonic();
  return {};
}

base::Result<void> ChangeStream::tick() {
  base::Lock lock(mutex_);
  if (!begun_) return {};
  const base::Nanos now = context_.clock->monotonic();
  std::vector<Sealed> files;
  for (const auto& [folder, buffer] : buffers_) {
    if (buffer->file.empty() || !buffer->replay.empty()) continue;
    const bool old = now - buffer->opened >= std::chrono::seconds(settings_.cdc_seconds_max) &&
                     !(in_transaction_ && settings_.preserve_transactions);
    // Inside a transaction the next row may have the same position as the last one.
    if (old || (!in_transaction_ && buffer->file.bytes() >= settings_.cdc_bytes_min)) files.push_back(seal(*buffer));
  }
  TRY(write(std::move(files)));
  if (now - persisted_at_ >= persist_interval) return persist_position();
  return {};
}

base::Result<void> ChangeStream::flush() {
  base::Lock lock(mutex_);
  if (!begun_) return {};
  std::vector<Sealed> files;
  for (const auto& [folder, buffer] : buffers_) {
    if (!buffer->file.empty() && buffer->replay.empty()) files.push_back(seal(*buffer));
  }
  TRY(write(std::move(files)));
  return persist_position();
}

base::Result<std::optional<Position>> ChangeStream::durable() {
  base::Lock lock(mutex_);
  if (!persisted_) persisted_ = TRY(notes::read_position(*context_.journal, notes::stream_position));
  return persisted_;
}

base::Result<void> ChangeStream::reset(const std::string& folder, std::int64_t last_name) {
  base::Lock lock(mutex_);
  if (!settings_.preserve_transactions) {
    if (const auto found = buffers_.find(folder); found != buffers_.end()) {
      Buffer& buffer = *found->second;
      bytes_ -= buffer.file.bytes();
      buffer.file = ChangeFile();
      replaying_ -= buffer.replay.size();
      buffer.replay.clear();
      buffer.held = false;
      last_name = buffer.last_name = std::max(buffer.last_name, last_name);
    }
  }
  const std::string name_note = notes::of("name", folder);
  if (const auto saved = TRY(context_.journal->get(name_note))) {
    last_name = std::max(last_name, static_cast<std::int64_t>(TRY(unpack_number(name_note, *saved))));
  }
  return notes::forget(*context_.journal,
                       {notes::of("intent", folder), notes::of("clear", folder), notes::of("suspended", folder),
                        notes::of("columns", folder)},
                       {{name_note, std::to_string(last_name)}});
}

// Rows of a table that is loaded anew do not come again, so a recorded file could not be gathered as it was. If the
// store has it, it is complete, and is made durable by being put once more; else nobody has seen it, and what belongs
// in it goes to other files.
base::Result<void> ChangeStream::settle_transactions() {
  base::Lock lock(mutex_);
  const std::string folder = settings_.folder + settings_.cdc_path;
  Buffer& buffer = *TRY(buffer_of(folder));
  while (!buffer.replay.empty()) {
    const Intent intent = buffer.replay.front();
    NoteChanges changes{{notes::intent(folder, intent.name), std::nullopt}};
    if (TRY(keep_written(intent))) {
      buffer.flushed = intent.to;
      changes.emplace_back(notes::of("flushed", folder), notes::print(intent.to));
    }
    TRY(context_.journal->commit(changes));
    buffer.replay.pop_front();
    --replaying_;
  }
  return {};
}

base::Result<bool> ChangeStream::keep_written(const Intent& intent) {
  const std::optional<wire::ObjectHead> head = TRY(store_.head(intent.key, stop_));
  if (!head) return false;
  const std::string bytes = TRY(store_.get(intent.key, std::nullopt, stop_));
  TRY(store_.put(intent.key, bytes, head->facts, stop_));
  return true;
}

base::Result<void> ChangeStream::hold(const model::TableName& table) {
  base::Lock lock(mutex_);
  if (settings_.preserve_transactions) return {};
  TRY(buffer_of(table_folder(settings_.folder, table)))->held = true;
  return {};
}

// The table's files hold everything up to "flushed", as ever, so apply() knows what to skip. The position stands still:
// nothing of the stream is in the buffers.
base::Result<connect::ApplyReport> ChangeStream::replay(model::ChangeBatch& batch, const std::stop_token& stop) {
  {
    base::Lock lock(mutex_);
    for (const model::TableSchemaPtr& table : batch.tables) {
      TRY(buffer_of(table_folder(settings_.folder, table->name)))->held = false;
    }
  }
  return apply(batch, stop);
}

}  // namespace connectors::files
