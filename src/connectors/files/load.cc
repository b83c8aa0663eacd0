// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/load.h"

#include <algorithm>
#include <deque>

#include "connectors/files/errors.h"
#include "connectors/files/names.h"

namespace connectors::files {

constexpr std::size_t files_open_max = 32;
constexpr std::size_t rows_at_once = 256;
constexpr std::size_t piece_bytes = 1u << 20;

class FileLoader final : public connect::ChunkLoader {
 public:
  FileLoader(LoadFiles& files, model::TableSchemaPtr table, std::uint32_t chunk, std::stop_token stop)
      : files_(files),
        settings_(files.settings_),
        table_(std::move(table)),
        chunk_(chunk),
        stop_(std::move(stop)),
        folder_(table_folder(settings_.folder, table_->name)),
        encoder_(settings_.csv, *table_) {
    if (settings_.op_in_load) before_ = "I" + settings_.csv.delimiter;
  }

  base::Result<void> write_rows(model::RowBatch& rows) override {
    set_time();
    if (rows.rows == 0) return {};
    if (settings_.parquet) return write_parquet(rows);
    rows_ += rows.rows;
    for (std::size_t row = 0; row < rows.rows; row += rows_at_once) {
      TRY(write_csv(rows, row, std::min(rows_at_once, rows.rows - row)));
    }
    return {};
  }

  base::Result<void> write_raw(std::string_view) override {
    return base::failed(base::errors::bug, "table {}: raw rows given to a file target", table_->name.text());
  }

  std::vector<std::string> take_rejected() override { return std::exchange(rejected_, {}); }

  base::Result<std::uint64_t> finish() override {
    if (file_) TRY(close_file());
    while (!closed_.empty()) TRY(finish_oldest());
    return rows_;
  }

 private:
  void set_time() {
    if (settings_.timestamp_column.empty()) return;
    time_ = settings_.task_start_time ? files_.task_start_ : files_.context_.clock->wall();
    after_ = settings_.csv.delimiter;
    encoder_.field(after_, base::utc_text(time_, 6));
  }

  base::Result<void> open_file() {
    const std::string key = TRY(files_.next_key(folder_, chunk_, keys_));
    wire::ObjectFacts facts = facts_of(settings_, files_.context_);
    facts.tags.insert(table_->object_tags.begin(), table_->object_tags.end());
    file_ = TRY(ObjectFile::open(settings_, files_.store_, key, facts, stop_));
    if (!settings_.parquet && settings_.add_column_name) {
      encoder_.header(piece_, settings_.op_in_load ? "Op" : "", settings_.timestamp_column);
    }
    return {};
  }

  std::uint64_t file_bytes() const { return file_ ? file_->text_bytes() + piece_.size() : 0; }

  base::Result<void> write_csv(const model::RowBatch& rows, std::size_t first, std::size_t count) {
    if (!file_) TRY(open_file());
    const std::size_t start = piece_.size();
    encoder_.rows(piece_, rows, first, count, before_, after_);
    if (file_bytes() > settings_.load_bytes_max) {
      piece_.resize(start);
      for (std::size_t row = first; row < first + count; ++row) TRY(write_row(rows, row));
    } else {
      file_is_empty_ = false;
    }
    if (piece_.size() >= piece_bytes) return write_piece();
    return {};
  }

  // Near the size limit: row by row, a row that would pass it begins the next file.
  base::Result<void> write_row(const model::RowBatch& rows, std::size_t row) {
    if (!file_) TRY(open_file());
    const bool empty = file_is_empty_;
    const std::size_t start = piece_.size();
    encoder_.rows(piece_, rows, row, 1, before_, after_);
    file_is_empty_ = false;
    if (file_bytes() <= settings_.load_bytes_max || (empty && file_->text_bytes() == 0)) return {};
    const std::string text = piece_.substr(start);
    piece_.resize(start);
    TRY(close_file());
    TRY(open_file());
    piece_ += text;
    file_is_empty_ = false;
    return {};
  }

  base::Result<void> write_parquet(model::RowBatch& rows) {
    if (!file_) TRY(open_file());
    formats::RowExtras extras;
    if (settings_.op_in_load) extras.ops = "I";
    if (!settings_.timestamp_column.empty()) extras.times.push_back(time_);
    const std::uint64_t before = file_->parquet_rows();
    base::Result<void> written = file_->rows(table_, settings_.op_in_load, rows, 0, rows.rows, extras);
    if (!written.ok() && written.error().is(formats::errors::parquet_value)) {
      // What was written before the refusal is in the file.
      const model::RowBatch fitting = without_misfits(rows, file_->parquet_rows() - before);
      written = file_->rows(table_, settings_.op_in_load, fitting, 0, fitting.rows, extras);
    }
    rows_ += file_->parquet_rows() - before;
    return written;
  }

  model::RowBatch without_misfits(const model::RowBatch& rows, std::size_t first) {
    const formats::ParquetShape shape(settings_.parquet_settings, *table_);
    std::vector<std::size_t> fitting;
    for (std::size_t row = first; row < rows.rows; ++row) {
      const std::optional<formats::Misfit> misfit = shape.misfit(rows, row);
      if (!misfit) {
        fitting.push_back(row);
        continue;
      }
      const std::uint32_t column = model::stored_columns(*table_)[misfit->column];
      rejected_.push_back(fmt::format("column {}: {}", table_->columns[column].name, misfit->reason));
    }
    return rows.picked(fitting);
  }

  base::Result<void> write_piece() {
    TRY(file_->text(piece_));
    piece_.clear();
    file_is_empty_ = false;
    return {};
  }

  base::Result<void> close_file() {
    if (!piece_.empty()) TRY(write_piece());
    closed_.push_back(std::move(file_));
    file_.reset();
    file_is_empty_ = true;
    if (closed_.size() >= files_open_max) TRY(finish_oldest());
    return {};
  }

  base::Result<void> finish_oldest() {
    const std::unique_ptr<ObjectFile> file = std::move(closed_.front());
    closed_.pop_front();
    return file->finish();
  }

  LoadFiles& files_;
  const Settings& settings_;
  const model::TableSchemaPtr table_;
  const std::uint32_t chunk_;
  const std::stop_token stop_;
  const std::string folder_;
  formats::CsvEncoder encoder_;
  std::string before_, after_;
  base::WallMicros time_ = 0;
  std::vector<std::string> keys_;
  std::unique_ptr<ObjectFile> file_;
  std::deque<std::unique_ptr<ObjectFile>> closed_;  // written, not yet visible
  std::string piece_;
  bool file_is_empty_ = true;
  std::uint64_t rows_ = 0;
  std::vector<std::string> rejected_;
};

LoadFiles::LoadFiles(const Settings& settings, const connect::Context& context, wire::ObjectStore& store)
    : settings_(settings), context_(context), store_(store), task_start_(context.clock->wall()) {}

base::Result<std::unique_ptr<connect::ChunkLoader>> LoadFiles::loader(const model::TableSchemaPtr& table,
                                                                      const connect::Chunk& chunk,
                                                                      const std::stop_token& stop) {
  const std::string note = notes::chunk(table_folder(settings_.folder, table->name), chunk.number);
  if (const auto value = TRY(context_.journal->get(note))) TRY(remove_chunk(note, *value, stop));
  return std::unique_ptr<connect::ChunkLoader>(new FileLoader(*this, table, chunk.number, stop));
}

base::Result<void> LoadFiles::remove_chunk(const std::string& note, const std::string& value,
                                           const std::stop_token& stop) {
  const std::vector<std::string> keys = TRY(unpack(note, value, 0));
  TRY(store_.remove(keys, stop));
  return context_.journal->commit({{note, std::nullopt}});
}

base::Result<std::string> LoadFiles::next_key(const std::string& folder, std::uint32_t chunk,
                                              std::vector<std::string>& keys) {
  base::Lock lock(mutex_);
  const std::string note = notes::of("load", folder);
  auto counter = counters_.find(folder);
  std::uint64_t base_count = 0;
  const auto saved = TRY(context_.journal->get(note));
  if (saved) {
    const std::vector<std::string> fields = TRY(unpack(note, *saved, 2));
    base_count = TRY(unpack_number(note, fields[1]));
    if (counter == counters_.end()) {
      const std::uint64_t last = TRY(unpack_number(note, fields[0]));
      counter = counters_.emplace(folder, last).first;
    }
  } else if (counter == counters_.end()) {
    counter = counters_.emplace(folder, 0).first;
  }
  const std::uint64_t number = ++counter->second;
  keys.push_back(folder + load_name(number) + settings_.extension());
  TRY(context_.journal->commit(
      {{note, pack({std::to_string(number), std::to_string(base_count)})}, {notes::chunk(folder, chunk), pack(keys)}}));
  return keys.back();
}

base::Result<void> LoadFiles::discard(const std::string& folder) {
  for (const auto& [note, value] : TRY(context_.journal->scan(notes::of("chunk", folder)))) {
    TRY(remove_chunk(note, value, context_.stop));
  }
  base::Lock lock(mutex_);
  counters_.erase(folder);
  const std::string note = notes::of("load", folder);
  const auto saved = TRY(context_.journal->get(note));
  if (!saved) return {};
  const std::vector<std::string> fields = TRY(unpack(note, *saved, 2));
  return context_.journal->commit({{note, pack({fields[1], fields[1]})}});
}

base::Result<void> LoadFiles::restart(const std::string& folder, std::uint64_t last) {
  base::Lock lock(mutex_);
  counters_.erase(folder);
  return notes::forget(*context_.journal, {notes::of("chunk", folder)},
                       {{notes::of("load", folder), pack({std::to_string(last), std::to_string(last)})}});
}

}  // namespace connectors::files
