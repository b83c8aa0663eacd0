// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/target.h"

#include <algorithm>

#include "connectors/files/errors.h"
#include "connectors/files/names.h"
#include "connectors/files/reader.h"

namespace connectors::files {

using connect::Finding;
using connect::Preparation;
using model::TableSchemaPtr;
using model::Type;

constexpr std::size_t folder_bytes_max = 1024 - 64;  // date folders and the file's own name come behind it
constexpr std::size_t objects_examined_max = 3;

FileTarget::FileTarget(Settings settings, connect::Context context, std::unique_ptr<wire::ObjectStore> store,
                       TimeZone zone)
    : settings_(std::move(settings)),
      context_(std::move(context)),
      store_(std::move(store)),
      load_(settings_, context_, *store_),
      stream_(settings_, context_, *store_, std::move(zone)),
      comparable_(std::make_unique<FileComparable>(settings_, *store_)) {}

std::string FileTarget::folder_of(const model::TableName& name) const { return table_folder(settings_.folder, name); }

// ---- check

std::string FileTarget::column_type_text(const model::Column& column) const {
  if (settings_.parquet) return formats::ParquetShape::type_text(settings_.parquet_settings, column.type);
  const model::ColumnType& type = column.type;
  switch (type.type) {
    case Type::numeric:
      if (type.precision == 0 || type.precision > 38 || type.scale < 0) return "text (digits as in the source)";
      return fmt::format("text, {} decimals", type.scale);
    case Type::datetime:
    case Type::time: return fmt::format("text, {} fraction digits", type.scale);
    case Type::bytes:
    case Type::blob: return "text, hexadecimal";
    default: return "text";
  }
}

static bool may_be_toasted(const model::Column& column) {
  if (column.generated) return false;
  switch (column.type.type) {
    case Type::clob:
    case Type::nclob:
    case Type::blob:
    case Type::bytes: return true;
    case Type::numeric: return column.type.precision == 0 || column.type.precision > 1000;
    case Type::string:
    case Type::wstring: return column.type.length == 0 || column.type.length > 500;
    default: return false;
  }
}

// Per column: what a reader of the files should know.
static void check_columns(const Settings& settings, const model::TableSchema& table, std::vector<Finding>& findings) {
  for (const model::Column& column : table.columns) {
    const std::string object = "table " + table.source_name.text() + ", column " + column.name;
    const auto note = [&](std::string problem, std::string remedy) {
      findings.push_back({Finding::Severity::note, object, std::move(problem), std::move(remedy)});
    };
    if (column.generated) {
      note("a stored generated column is left out of files", "");
      continue;
    }
    const Type type = column.type.type;
    const bool text = !model::is_fixed(type) && !model::is_real(type) && type != Type::numeric;
    if (!settings.parquet && settings.csv.null_text.empty() && column.nullable && text) {
      note("NULL and the empty value look alike in csv with the default NULL text", "set S3Settings.CsvNullValue");
    }
    if (!settings.parquet && !settings.csv.quoting && text) {
      note("values with delimiters or line ends cannot be read back with Rfc4180=false", "leave Rfc4180 on");
    }
    if (!settings.parquet) continue;
    if (type == Type::numeric && (column.type.precision == 0 || column.type.precision > 38)) {
      note("written as a string: DECIMAL holds at most 38 digits", "");
    } else if (type == Type::numeric) {
      note("NaN and infinity have no place in DECIMAL; such values go by DataErrorPolicy", "");
    } else if (type == Type::date || type == Type::datetime) {
      note("infinity has no place in a Parquet date or timestamp; such values go by DataErrorPolicy", "");
    }
    if (settings.parquet_settings.milliseconds && type == Type::datetime && column.type.scale > 3) {
      note("microseconds have no place in milliseconds; such values go by DataErrorPolicy",
           "leave ParquetTimestampInMillisecond off");
    }
  }
}

base::Result<std::vector<Finding>> FileTarget::check(const std::vector<TableSchemaPtr>& tables, Preparation preparation,
                                                     bool stream) {
  TRY(store_->probe({}));
  std::vector<Finding> findings;
  const bool fresh = context_.journal != nullptr && !context_.reload && !TRY(context_.journal->get(notes::instance));
  std::map<std::string, std::string> folders;
  for (const TableSchemaPtr& table : tables) {
    const std::string object = "table " + table->source_name.text();
    const std::string folder = folder_of(table->name);
    if (const auto [at, added] = folders.emplace(folder, object); !added) {
      findings.push_back({Finding::Severity::refusal, object, "shares the folder " + folder + " with " + at->second,
                          "rename one of them in the table mapping"});
    }
    check_columns(settings_, *table, findings);
    if (folder.size() > folder_bytes_max) {
      findings.push_back({Finding::Severity::refusal, object,
                          fmt::format("its folder's name has {} bytes; an object's name holds 1024, {} of them for the "
                                      "folder",
                                      folder.size(), folder_bytes_max),
                          "give schema or table a shorter name in the table mappings"});
    }
    if (settings_.preserve_transactions && stream && !table->object_tags.empty()) {
      findings.push_back({Finding::Severity::note, object,
                          "files of transactions hold all tables and get no object tags; the load's files do", ""});
    }
    const bool toasted = std::any_of(table->columns.begin(), table->columns.end(), may_be_toasted);
    const bool refuses = settings_.missing == MissingValues::refuse ||
                         (settings_.missing == MissingValues::lookup && key_columns(*table).empty());
    if (stream && toasted && table->old_image != model::OldImage::full && refuses && !settings_.inserts_only) {
      findings.push_back(
          {Finding::Severity::warning, object,
           "an UPDATE that leaves a large value alone does not log it, and the file would lack it: the table would be "
           "suspended at the first such change",
           fmt::format("ALTER TABLE \"{}\".\"{}\" REPLICA IDENTITY FULL;", table->source_name.schema,
                       table->source_name.table)});
    }
    const std::vector<wire::ObjectEntry> objects = TRY(store_->list(folder, context_.stop));
    if (const auto foreign = fresh ? TRY(foreign_object(objects)) : std::optional<std::string>()) {
      findings.push_back({Finding::Severity::refusal, object,
                          *foreign + " was written by this task from another data directory (files.state_lost)",
                          std::string(errors::state_lost.advice)});
    }
    const bool removes = preparation != Preparation::do_nothing && !context_.reload;
    if (const auto other = removes ? TRY(object_of_other_task(objects)) : std::nullopt) {
      findings.push_back({Finding::Severity::refusal, object,
                          fmt::format("{} was written by task {} (files.folder_taken)", other->first, other->second),
                          std::string(errors::folder_taken.advice)});
    }
    if (preparation == Preparation::do_nothing && !objects.empty()) {
      findings.push_back({Finding::Severity::warning, object,
                          "the folder " + folder + " holds files; they stay beside the new ones", ""});
    }
  }
  if (stream && settings_.cdc_has_op() && settings_.key_update == KeyUpdate::single) {
    findings.push_back({Finding::Severity::note, "MillraceKeyUpdate",
                        "an UPDATE of a key is one U row: the old key stays in a copy rebuilt from the files",
                        "set MillraceKeyUpdate to delete-first"});
  }
  return findings;
}

// ---- start, and what guards the folder

base::Result<void> FileTarget::start(bool resume) {
  TRY(store_->probe({}));
  {
    base::Lock lock(mutex_);
    const auto instance = TRY(context_.journal->get(notes::instance));
    started_fresh_ = !instance.has_value() && !context_.reload;
    anew_ = !resume;
    if (!resume) {
      TRY(notes::forget(*context_.journal, {notes::all}));
    } else if (!instance) {
      started_fresh_ = true;
    }
    // The instance of a fresh start is noted when the folders were examined.
    if (!started_fresh_) TRY(context_.journal->commit({{notes::instance, pack({"1", context_.task_id})}}));
  }
  return resume ? go_on() : base::Result<void>();
}

// Whatever this task may have left half done is in a folder that its Journal names.
base::Result<void> FileTarget::go_on() {
  std::set<std::string> folders;
  for (const char* kind : {"load", "name", "flushed"}) {
    for (std::string& folder : TRY(notes::folders(*context_.journal, kind))) folders.insert(std::move(folder));
  }
  TRY(sweep({folders.begin(), folders.end()}));
  const auto position = TRY(notes::read_position(*context_.journal, notes::stream_position));
  if (!position) return {};
  for (const std::string& folder : folders) TRY(refuse_newer_state(folder));
  return stream_.resume();
}

base::Result<void> FileTarget::sweep(const std::vector<std::string>& folders) {
  base::Lock lock(mutex_);
  std::set<std::string> wanted;
  for (const std::string& folder : folders) {
    if (!swept_.contains(folder)) wanted.insert(folder);
  }
  if (wanted.empty()) return {};
  const auto ours = [&](const wire::UnfinishedUpload& upload) {
    // The folder of a table is the longest one we know that begins the key.
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const std::string& folder) { return upload.key.starts_with(folder); });
  };
  const std::string prefix = wanted.size() == 1 ? *wanted.begin() : settings_.folder;
  const std::size_t aborted = TRY(store_->abort_stale(prefix, ours, context_.stop));
  if (aborted > 0) context_.log->info("files", "{} unfinished files of an earlier run were removed", aborted);
  swept_.insert(wanted.begin(), wanted.end());
  return {};
}

namespace {

// The newest names are the last ones of each kind: both ends are looked at.
std::vector<std::string> examined_keys(const std::vector<wire::ObjectEntry>& objects) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < std::min(objects_examined_max, objects.size()); ++i) {
    keys.push_back(objects[i].key);
    keys.push_back(objects[objects.size() - 1 - i].key);
  }
  return keys;
}

}  // namespace

// The key of an object that this task wrote from another data directory.
base::Result<std::optional<std::string>> FileTarget::foreign_object(const std::vector<wire::ObjectEntry>& objects) {
  for (const std::string& key : examined_keys(objects)) {
    const auto head = TRY(store_->head(key, context_.stop));
    if (!head) continue;
    const auto& metadata = head->facts.metadata;
    const auto task = metadata.find(meta_task);
    const auto instance = metadata.find(meta_instance);
    if (task == metadata.end() || instance == metadata.end()) continue;
    if (task->second == task_mark(context_) && instance->second != context_.task_id) return std::optional(key);
  }
  return std::optional<std::string>();
}

base::Result<std::optional<std::pair<std::string, std::string>>> FileTarget::object_of_other_task(
    const std::vector<wire::ObjectEntry>& objects) {
  std::optional<std::pair<std::string, std::string>> found;
  for (const std::string& key : examined_keys(objects)) {
    const auto head = TRY(store_->head(key, context_.stop));
    if (!head) continue;
    const auto task = head->facts.metadata.find(meta_task);
    if (task == head->facts.metadata.end() || task->second == task_mark(context_)) continue;
    found.emplace(key, task->second);
    break;
  }
  return found;
}

// What is to be removed may be another task's.
base::Result<void> FileTarget::refuse_other_tasks(const std::vector<wire::ObjectEntry>& objects,
                                                  Preparation preparation) {
  if (preparation == Preparation::do_nothing || context_.reload) return {};
  const auto other = TRY(object_of_other_task(objects));
  if (!other) return {};
  return base::failed(errors::folder_taken, "{}: {} was written by task {}", store_->place(), other->first,
                      other->second);
}

base::Result<void> FileTarget::refuse_foreign_state(const std::vector<wire::ObjectEntry>& objects) {
  {
    base::Lock lock(mutex_);
    if (!started_fresh_) return {};
  }
  const std::optional<std::string> key = TRY(foreign_object(objects));
  if (!key) return {};
  return base::failed(errors::state_lost, "{}: {} was written by task {} from another data directory", store_->place(),
                      *key, context_.task);
}

// On resume: no change file may have a later name than the last one given out.
base::Result<void> FileTarget::refuse_newer_state(const std::string& folder) {
  {
    base::Lock lock(mutex_);
    if (!examined_.insert(folder).second) return {};
  }
  const std::vector<wire::ObjectEntry> objects = TRY(store_->list(folder, context_.stop));
  TRY(refuse_foreign_state(objects));
  std::int64_t last = 0;
  const std::string note = notes::of("name", folder);
  if (const auto value = TRY(context_.journal->get(note))) {
    last = static_cast<std::int64_t>(TRY(unpack_number(note, *value)));
  }
  const wire::ObjectEntry* newest = nullptr;
  std::int64_t newest_name = last;
  for (const wire::ObjectEntry& entry : objects) {
    const std::string_view file = file_of_key(entry.key);
    const auto name = settings_.preserve_transactions ? parse_transaction_name(file) : parse_cdc_name(file);
    if (name && *name > newest_name) {
      newest = &entry;
      newest_name = *name;
    }
  }
  if (newest == nullptr) return {};
  const auto head = TRY(store_->head(newest->key, context_.stop));
  if (!head) return {};
  const auto task = head->facts.metadata.find(meta_task);
  if (task != head->facts.metadata.end() && task->second == task_mark(context_)) {
    return base::failed(errors::newer_state, "{}: {} was written after the state of this data directory",
                        store_->place(), newest->key);
  }
  // Somebody else's, kept by DO_NOTHING: our names begin behind it.
  return context_.journal->commit({{note, std::to_string(newest_name)}});
}

// ---- full load

// Transaction files of an earlier life of the task are not the history of this one; names go on behind them.
base::Result<void> FileTarget::prepare_transactions(const std::string& folder, Preparation preparation) {
  const std::vector<wire::ObjectEntry> objects = TRY(store_->list(folder, context_.stop));
  TRY(refuse_foreign_state(objects));
  TRY(refuse_other_tasks(objects, preparation));
  {
    base::Lock lock(mutex_);
    if (!anew_) return {};
    anew_ = false;
  }
  std::vector<std::string> keys;
  std::int64_t last = 0;
  for (const wire::ObjectEntry& entry : objects) {
    const auto name = parse_transaction_name(file_of_key(entry.key));
    if (!name) continue;
    last = std::max(last, *name);
    keys.push_back(entry.key);
  }
  if (keys.empty()) return {};
  if (preparation != Preparation::do_nothing) TRY(store_->remove(keys, context_.stop));
  return stream_.reset(folder, last);
}

base::Result<void> FileTarget::prepare_all(const std::vector<TableSchemaPtr>& tables, Preparation preparation) {
  std::vector<std::string> folders;
  for (const TableSchemaPtr& table : tables) {
    folders.push_back(folder_of(table->name));
    const std::vector<wire::ObjectEntry> objects = TRY(store_->list(folders.back(), context_.stop));
    TRY(refuse_foreign_state(objects));
    TRY(refuse_other_tasks(objects, preparation));
  }
  if (settings_.preserve_transactions) {
    folders.push_back(settings_.folder + settings_.cdc_path);
    TRY(prepare_transactions(folders.back(), preparation));
  }
  TRY(sweep(folders));
  base::Lock lock(mutex_);
  started_fresh_ = false;
  return context_.journal->commit({{notes::instance, pack({"1", context_.task_id})}});
}

base::Result<void> FileTarget::prepare(const TableSchemaPtr& table, Preparation preparation) {
  const std::string folder = folder_of(table->name);
  TRY(sweep({folder}));
  if (settings_.preserve_transactions) TRY(stream_.settle_transactions());
  const std::vector<wire::ObjectEntry> objects = TRY(store_->list(folder, context_.stop));
  TRY(refuse_foreign_state(objects));
  std::vector<std::string> keys;
  std::uint64_t last_load = 0;
  std::int64_t last_name = 0;
  for (const wire::ObjectEntry& entry : objects) {
    const std::string_view file = file_of_key(entry.key);
    // Names go on behind the removed ones, too: whoever has read those must not meet other bytes under them.
    if (const auto name = parse_cdc_name(file)) last_name = std::max(last_name, *name);
    if (preparation != Preparation::do_nothing) {
      keys.push_back(entry.key);
    } else if (const auto load = parse_load_name(file)) {
      last_load = std::max(last_load, *load);
    }
  }
  TRY(stream_.reset(folder, last_name));
  if (!keys.empty()) TRY(store_->remove(keys, context_.stop));
  return load_.restart(folder, last_load);
}

base::Result<void> FileTarget::discard(const TableSchemaPtr& table) {
  const std::string folder = folder_of(table->name);
  TRY(sweep({folder}));
  return load_.discard(folder);
}

base::Result<std::unique_ptr<connect::ChunkLoader>> FileTarget::loader(const TableSchemaPtr& table,
                                                                       const connect::Chunk& chunk,
                                                                       const connect::LoadMode& mode) {
  if (mode.form != connect::ReadForm::rows) {
    return base::failed(base::errors::bug, "table {}: a file target takes rows only", table->name.text());
  }
  TRY(sweep({folder_of(table->name)}));
  return load_.loader(table, chunk, mode.stop);
}

base::Result<void> FileTarget::loaded(const TableSchemaPtr&) { return {}; }
base::Result<void> FileTarget::loaded_all(const std::vector<TableSchemaPtr>&) { return {}; }

// ---- stream

base::Result<void> FileTarget::begin_apply(const model::Position& position, const std::vector<TableSchemaPtr>& tables) {
  std::vector<std::string> folders;
  if (settings_.preserve_transactions) {
    folders.push_back(settings_.folder + settings_.cdc_path);
  } else {
    for (const TableSchemaPtr& table : tables) folders.push_back(folder_of(table->name));
  }
  for (const std::string& folder : folders) TRY(refuse_newer_state(folder));
  TRY(sweep(folders));
  {
    base::Lock lock(mutex_);
    started_fresh_ = false;
    TRY(context_.journal->commit({{notes::instance, pack({"1", context_.task_id})}}));
  }
  return stream_.begin(position, tables);
}

base::Result<connect::ApplyReport> FileTarget::replay(model::ChangeBatch& batch, const model::TableName&,
                                                      std::stop_token stop) {
  return stream_.replay(batch, stop);
}

base::Result<void> FileTarget::resume_apply(const std::vector<TableSchemaPtr>& tables) { return stream_.know(tables); }

base::Result<connect::ApplyReport> FileTarget::apply(model::ChangeBatch& batch, std::stop_token stop) {
  return stream_.apply(batch, stop);
}

base::Result<void> FileTarget::report(const std::map<std::string, std::string>&) { return {}; }

base::Result<void> FileTarget::drop() { return notes::forget(*context_.journal, {notes::all}); }

}  // namespace connectors::files
