// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/object_file.h"

namespace connectors::files {

ObjectFile::ObjectFile(const Settings& settings, std::unique_ptr<wire::Upload> upload)
    : settings_(settings), upload_(std::move(upload)) {}

base::Result<std::unique_ptr<ObjectFile>> ObjectFile::open(const Settings& settings, wire::ObjectStore& store,
                                                           const std::string& key, const wire::ObjectFacts& facts,
                                                           const std::stop_token& stop) {
  std::unique_ptr<wire::Upload> upload = TRY(store.upload(key, facts, stop));
  std::unique_ptr<ObjectFile> file(new ObjectFile(settings, std::move(upload)));
  if (key.ends_with(".gz")) file->gzip_ = std::make_unique<formats::GzipWriter>();
  return file;
}

base::Result<void> ObjectFile::append(std::string_view bytes) { return upload_->append(bytes); }

base::Result<void> ObjectFile::text(std::string_view csv) {
  text_bytes_ += csv.size();
  if (!gzip_) return upload_->append(csv);
  packed_.clear();
  gzip_->append(csv, packed_);
  if (packed_.empty()) return {};
  return upload_->append(packed_);
}

base::Result<void> ObjectFile::rows(const model::TableSchemaPtr& table, bool op_column, const model::RowBatch& batch,
                                    std::size_t first, std::size_t count, const formats::RowExtras& extras) {
  if (!parquet_) {
    parquet_ = TRY(
        formats::ParquetWriter::open(settings_.parquet_settings, table, op_column, settings_.timestamp_column, *this));
  }
  return parquet_->write(batch, first, count, extras);
}

base::Result<void> ObjectFile::finish() {
  if (parquet_) TRY(parquet_->finish());
  if (gzip_) {
    packed_.clear();
    gzip_->finish(packed_);
    TRY(upload_->append(packed_));
  }
  return upload_->finish();
}

std::string task_mark(const connect::Context& context) {
  std::string mark;
  for (const char c : context.task) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
      mark += c;
    } else {
      mark += fmt::format("%{:02X}", byte);
    }
  }
  return mark;
}

wire::ObjectFacts facts_of(const Settings& settings, const connect::Context& context) {
  wire::ObjectFacts facts;
  facts.content_type = settings.parquet ? "application/vnd.apache.parquet"
                       : settings.gzip  ? "application/gzip"
                                        : "text/csv";
  facts.metadata[meta_task] = task_mark(context);
  facts.metadata[meta_instance] = context.task_id;
  return facts;
}

}  // namespace connectors::files
