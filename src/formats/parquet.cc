// SPDX-License-Identifier: Apache-2.0
//
// One buffered row group is open at a time: its pages are compressed as they fill and wait in memory until the group is
// closed, by rows when RowGroupLength is set, else when the cells given to it pass row_group_bytes.
#include "formats/parquet.h"

#include <arrow/io/interfaces.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>

#include <algorithm>
#include <unordered_set>

#include "formats/csv_values.h"
#include "formats/parquet_arrays.h"

namespace formats {
namespace {

constexpr std::uint64_t row_group_bytes = 32u << 20;
constexpr std::size_t rows_at_once = 16384;
constexpr std::uint64_t bytes_at_once = 1u << 30;  // Arrow's 32-bit offsets
constexpr std::size_t sample_rows = 4096;

class SinkStream final : public arrow::io::OutputStream {
 public:
  explicit SinkStream(ByteSink& sink) : sink_(sink) {}
  arrow::Status Write(const void* data, std::int64_t bytes) override {
    if (error_) return arrow::Status::IOError("the sink failed before");
    auto written = sink_.append(std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(bytes)));
    if (!written.ok()) {
      error_ = written.take_error();
      return arrow::Status::IOError("the sink failed");
    }
    at_ += bytes;
    return arrow::Status::OK();
  }
  arrow::Result<std::int64_t> Tell() const override { return at_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  const std::optional<base::Error>& error() const { return error_; }

 private:
  ByteSink& sink_;
  std::int64_t at_ = 0;
  bool closed_ = false;
  std::optional<base::Error> error_;
};

arrow::Compression::type codec(ParquetCompression compression) {
  switch (compression) {
    case ParquetCompression::none: return arrow::Compression::UNCOMPRESSED;
    case ParquetCompression::snappy: return arrow::Compression::SNAPPY;
    case ParquetCompression::gzip: return arrow::Compression::GZIP;
    case ParquetCompression::zstd: return arrow::Compression::ZSTD;
  }
  return arrow::Compression::UNCOMPRESSED;
}

std::string_view raw_value(const model::ColumnVector& column, std::size_t row) {
  if (model::is_fixed(column.type)) return {reinterpret_cast<const char*>(&column.fixed[row]), 8};
  if (model::is_real(column.type)) return {reinterpret_cast<const char*>(&column.real[row]), 8};
  return column.bytes_at(row);
}

// A dictionary pays when values repeat and the set of them stops growing; near-unique columns are better off plain.
bool wants_dictionary(const model::ColumnVector& column, std::size_t first, std::size_t count) {
  const std::size_t rows = std::min(count, sample_rows);
  std::unordered_set<std::string_view> seen;
  std::size_t values = 0;
  std::size_t distinct_half = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    if (i == rows / 2) distinct_half = seen.size();
    if (column.present[first + i] == 0) continue;
    ++values;
    seen.insert(raw_value(column, first + i));
  }
  if (values < 64) return true;
  if (seen.size() * 2 > values) return false;
  return seen.size() * 10 < values || seen.size() * 2 < distinct_half * 3;
}

class ArrowParquetWriter final : public ParquetWriter {
 public:
  ArrowParquetWriter(const ParquetSettings& settings, model::TableSchemaPtr table, bool op_column,
                     std::string timestamp_column, ByteSink& sink)
      : settings_(settings),
        table_(std::move(table)),
        stored_(model::stored_columns(*table_)),
        op_column_(op_column),
        timestamp_column_(std::move(timestamp_column)),
        sink_(std::make_shared<SinkStream>(sink)) {
    std::vector<std::shared_ptr<arrow::Field>> fields;
    if (op_column_) fields.push_back(arrow::field("Op", arrow::utf8()));
    for (const std::uint32_t index : stored_) {
      const model::Column& column = table_->columns[index];
      kinds_.push_back(arrow_kind(settings_, column.type));
      fields.push_back(arrow::field(column.name, arrow_type(kinds_.back(), column.type)));
    }
    if (!timestamp_column_.empty()) fields.push_back(arrow::field(timestamp_column_, arrow::utf8()));
    schema_ = arrow::schema(std::move(fields));
  }

  base::Result<void> write(const model::RowBatch& batch, std::size_t first, std::size_t count,
                           const RowExtras& extras) override {
    if (count == 0) return {};
    if (!writer_) TRY(open_writer(batch, first, count));
    while (count > 0) {
      std::size_t rows = std::min(count, rows_at_once);
      while (rows > 1 && too_long(batch, first, rows)) rows /= 2;
      TRY(write_slice(batch, first, rows, extras));
      first += rows;
      count -= rows;
    }
    return {};
  }

  base::Result<void> finish() override {
    if (!writer_) {
      const model::RowBatch nothing(table_);
      TRY(open_writer(nothing, 0, 0));
    }
    return checked([&] { return writer_->Close(); });
  }

  std::uint64_t rows() const override { return rows_; }

 private:
  static bool too_long(const model::RowBatch& batch, std::size_t first, std::size_t rows) {
    return std::any_of(batch.columns.begin(), batch.columns.end(), [&](const model::ColumnVector& column) {
      if (column.ends.empty()) return false;
      return column.ends[first + rows - 1] - (first == 0 ? 0 : column.ends[first - 1]) > bytes_at_once;
    });
  }

  // Arrow returns a Status; parquet below it may throw.
  template <typename Call>
  base::Result<void> checked(Call&& call) {
    arrow::Status status;
    try {
      status = call();
    } catch (const std::exception& error) {
      status = arrow::Status::IOError(error.what());
    }
    if (status.ok()) return {};
    if (sink_->error()) return base::Error(*sink_->error());
    return base::failed(errors::parquet_failed, "table {}: {}", table_->name.text(), status.message());
  }

  base::Result<void> open_writer(const model::RowBatch& batch, std::size_t first, std::size_t count) {
    parquet::WriterProperties::Builder builder;
    builder.created_by("millrace");
    builder.version(settings_.version_2 ? parquet::ParquetVersion::PARQUET_2_6 : parquet::ParquetVersion::PARQUET_1_0);
    builder.data_page_version(settings_.version_2 ? parquet::ParquetDataPageVersion::V2
                                                  : parquet::ParquetDataPageVersion::V1);
    builder.compression(codec(settings_.compression));
    builder.dictionary_pagesize_limit(settings_.dictionary_bytes_max);
    builder.data_pagesize(settings_.page_bytes);
    builder.max_row_group_length(settings_.row_group_rows > 0 ? settings_.row_group_rows : std::int64_t{64} << 20);
    settings_.statistics ? builder.enable_statistics() : builder.disable_statistics();
    settings_.encoding == ParquetEncoding::plain ? builder.disable_dictionary() : builder.enable_dictionary();
    if (settings_.encoding == ParquetEncoding::chosen && count > 0) {
      const int offset = op_column_ ? 1 : 0;
      for (std::size_t i = 0; i < stored_.size(); ++i) {
        if (wants_dictionary(batch.columns[i], first, count)) continue;
        builder.disable_dictionary(parquet_path(static_cast<int>(i) + offset));
      }
    }
    return checked([&] {
      auto opened = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), sink_, builder.build());
      if (!opened.ok()) return opened.status();
      writer_ = std::move(opened).ValueOrDie();
      return arrow::Status::OK();
    });
  }

  std::string parquet_path(int field) const {
    return parquet::schema::ColumnPath({schema_->field(field)->name()}).ToDotString();
  }

  static base::Result<std::shared_ptr<arrow::Array>> string_array(std::size_t rows, auto&& text_of) {
    arrow::StringBuilder builder;
    arrow::Status status = builder.Reserve(static_cast<std::int64_t>(rows));
    for (std::size_t i = 0; status.ok() && i < rows; ++i) status = builder.Append(text_of(i));
    std::shared_ptr<arrow::Array> array;
    if (status.ok()) status = builder.Finish(&array);
    if (!status.ok()) return base::failed(errors::parquet_failed, "{}", status.message());
    return array;
  }

  base::Result<void> write_slice(const model::RowBatch& batch, std::size_t first, std::size_t rows,
                                 const RowExtras& extras) {
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    if (op_column_) {
      const std::string& ops = extras.ops;
      arrays.push_back(TRY(string_array(
          rows, [&](std::size_t i) { return std::string_view(ops).substr(ops.size() == 1 ? 0 : first + i, 1); })));
    }
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < stored_.size(); ++i) {
      const model::Column& column = table_->columns[stored_[i]];
      auto array = make_array(kinds_[i], column.type, batch.columns[i], first, rows);
      if (!array.ok()) {
        const base::Error& error = array.error();
        return base::failed(*error.code, "table {}, column {}, behind row {}: {}", table_->source_name.text(),
                            column.name, rows_, error.message);
      }
      const model::ColumnVector& values = batch.columns[i];
      bytes +=
          values.ends.empty() ? rows * 8 : values.ends[first + rows - 1] - (first == 0 ? 0 : values.ends[first - 1]);
      arrays.push_back(array.take());
    }
    if (!timestamp_column_.empty()) {
      arrays.push_back(TRY(string_array(
          rows, [&](std::size_t i) { return base_utc_text(extras.times[extras.times.size() == 1 ? 0 : first + i]); })));
    }
    const auto record = arrow::RecordBatch::Make(schema_, static_cast<std::int64_t>(rows), std::move(arrays));
    TRY(checked([&] {
      if (settings_.row_group_rows == 0 && group_bytes_ >= row_group_bytes) {
        group_bytes_ = 0;
        ARROW_RETURN_NOT_OK(writer_->NewBufferedRowGroup());
      }
      return writer_->WriteRecordBatch(*record);
    }));
    group_bytes_ += bytes;
    rows_ += rows;
    return {};
  }

  static std::string base_utc_text(std::int64_t micros) {
    std::string text;
    append_datetime(text, micros, 6);
    return text;
  }

  const ParquetSettings settings_;
  const model::TableSchemaPtr table_;
  const std::vector<std::uint32_t> stored_;
  const bool op_column_;
  const std::string timestamp_column_;
  std::vector<ArrowKind> kinds_;
  std::shared_ptr<SinkStream> sink_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::uint64_t rows_ = 0;
  std::uint64_t group_bytes_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<ParquetWriter>> ParquetWriter::open(const ParquetSettings& settings,
                                                                 model::TableSchemaPtr table, bool op_column,
                                                                 std::string timestamp_column, ByteSink& sink) {
  std::unique_ptr<ParquetWriter> writer =
      std::make_unique<ArrowParquetWriter>(settings, std::move(table), op_column, std::move(timestamp_column), sink);
  return writer;
}

ParquetShape::ParquetShape(const ParquetSettings& settings, const model::TableSchema& table) : settings_(settings) {
  for (const std::uint32_t index : model::stored_columns(table)) types_.push_back(table.columns[index].type);
}

std::optional<Misfit> ParquetShape::misfit(std::string_view arena, const model::Cell* cells) const {
  for (std::size_t i = 0; i < types_.size(); ++i) {
    if (cells[i].state != model::CellState::value) continue;
    const ArrowKind kind = arrow_kind(settings_, types_[i]);
    const std::string_view value = arena.substr(cells[i].offset, cells[i].size);
    const char* reason = nullptr;
    if (kind == ArrowKind::decimal) {
      reason = decimal_misfit(value, types_[i].precision, types_[i].scale);
    } else if (model::is_fixed(types_[i].type)) {
      reason = fixed_misfit(kind, model::load_fixed(value));
    }
    if (reason != nullptr) return Misfit{i, reason};
  }
  return std::nullopt;
}

std::optional<Misfit> ParquetShape::misfit(const model::RowBatch& batch, std::size_t row) const {
  for (std::size_t i = 0; i < types_.size(); ++i) {
    const model::ColumnVector& column = batch.columns[i];
    if (column.present[row] == 0) continue;
    const ArrowKind kind = arrow_kind(settings_, types_[i]);
    const char* reason = nullptr;
    if (kind == ArrowKind::decimal) {
      reason = decimal_misfit(column.bytes_at(row), types_[i].precision, types_[i].scale);
    } else if (model::is_fixed(column.type)) {
      reason = fixed_misfit(kind, column.fixed[row]);
    }
    if (reason != nullptr) return Misfit{i, reason};
  }
  return std::nullopt;
}

std::string ParquetShape::type_text(const ParquetSettings& settings, const model::ColumnType& type) {
  switch (arrow_kind(settings, type)) {
    case ArrowKind::boolean: return "BOOLEAN";
    case ArrowKind::int8: return "INT8";
    case ArrowKind::int16: return "INT16";
    case ArrowKind::int32: return "INT32";
    case ArrowKind::int64: return "INT64";
    case ArrowKind::uint8: return "UINT8";
    case ArrowKind::uint16: return "UINT16";
    case ArrowKind::uint32: return "UINT32";
    case ArrowKind::uint64: return "UINT64";
    case ArrowKind::float4: return "FLOAT";
    case ArrowKind::float8: return "DOUBLE";
    case ArrowKind::decimal: return fmt::format("DECIMAL({},{})", type.precision, type.scale);
    case ArrowKind::date: return "DATE";
    case ArrowKind::time: return "TIME_MICROS";
    case ArrowKind::timestamp_micros: return "TIMESTAMP_MICROS";
    case ArrowKind::timestamp_millis: return "TIMESTAMP_MILLIS";
    case ArrowKind::utf8: return "STRING";
    case ArrowKind::binary: return "BINARY";
  }
  return "STRING";
}

}  // namespace formats
