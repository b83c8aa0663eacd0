// SPDX-License-Identifier: Apache-2.0
//
// One object being written through the store: csv bytes (gzipped on the way when asked for) or Parquet rows. Bytes go
// to the store as they come, memory is bounded by the store's part and Parquet's open row group. One thread at a time.
// Order: open, then text() or rows() any number of times, then finish(); destroyed before, nothing becomes visible.
#pragma once

#include <memory>

#include "connectors/files/options.h"
#include "formats/gzip.h"
#include "formats/parquet.h"
#include "wire/object_store.h"

namespace connectors::files {

class ObjectFile final : private formats::ByteSink {
 public:
  static base::Result<std::unique_ptr<ObjectFile>> open(const Settings& settings, wire::ObjectStore& store,
                                                        const std::string& key, const wire::ObjectFacts& facts,
                                                        const std::stop_token& stop);
  base::Result<void> text(std::string_view csv);
  // The Parquet writer is opened by the first rows.
  base::Result<void> rows(const model::TableSchemaPtr& table, bool op_column, const model::RowBatch& batch,
                          std::size_t first, std::size_t count, const formats::RowExtras& extras);
  base::Result<void> finish();
  std::uint64_t text_bytes() const { return text_bytes_; }
  std::uint64_t parquet_rows() const { return parquet_ ? parquet_->rows() : 0; }

 private:
  ObjectFile(const Settings& settings, std::unique_ptr<wire::Upload> upload);
  base::Result<void> append(std::string_view bytes) override;

  const Settings& settings_;
  std::unique_ptr<wire::Upload> upload_;
  std::unique_ptr<formats::GzipWriter> gzip_;
  std::string packed_;
  std::unique_ptr<formats::ParquetWriter> parquet_;
  std::uint64_t text_bytes_ = 0;
};

// Content type and who wrote it.
wire::ObjectFacts facts_of(const Settings& settings, const connect::Context& context);
// As it stands in the metadata: percent-encoded where not plain.
std::string task_mark(const connect::Context& context);
inline constexpr char meta_task[] = "millrace-task";
inline constexpr char meta_instance[] = "millrace-instance";
inline constexpr char meta_rows[] = "millrace-rows";
inline constexpr char meta_from[] = "millrace-from";
inline constexpr char meta_to[] = "millrace-to";

}  // namespace connectors::files
