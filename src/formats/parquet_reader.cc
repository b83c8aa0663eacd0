// SPDX-License-Identifier: Apache-2.0
#include "formats/parquet_reader.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include <cstring>

#include "formats/parquet.h"
#include "model/cell_text.h"

namespace formats {
namespace {

class SourceFile final : public arrow::io::RandomAccessFile {
 public:
  SourceFile(ParquetReader::ReadAt read_at, std::uint64_t bytes)
      : read_at_(std::move(read_at)), bytes_(static_cast<std::int64_t>(bytes)) {}
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<std::int64_t> Tell() const override { return at_; }
  arrow::Status Seek(std::int64_t position) override {
    at_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<std::int64_t> GetSize() override { return bytes_; }
  arrow::Result<std::int64_t> ReadAt(std::int64_t position, std::int64_t count, void* out) override {
    if (position < 0 || count < 0) return arrow::Status::Invalid("read outside the file");
    auto read = read_at_(static_cast<std::uint64_t>(position), static_cast<std::uint64_t>(count));
    if (!read.ok()) return arrow::Status::IOError(read.error().text());
    const std::size_t got = std::min(read->size(), static_cast<std::size_t>(count));
    std::memcpy(out, read->data(), got);
    return static_cast<std::int64_t>(got);
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(std::int64_t position, std::int64_t count) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(count));
    ARROW_ASSIGN_OR_RAISE(const std::int64_t got, ReadAt(position, count, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(got));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }
  arrow::Result<std::int64_t> Read(std::int64_t count, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const std::int64_t got, ReadAt(at_, count, out));
    at_ += got;
    return got;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t count) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(at_, count));
    at_ += buffer->size();
    return buffer;
  }

 private:
  ParquetReader::ReadAt read_at_;
  std::int64_t bytes_;
  std::int64_t at_ = 0;
  bool closed_ = false;
};

std::string decimal_text(std::string digits, int scale) {
  const bool negative = digits.starts_with('-');
  if (negative) digits.erase(0, 1);
  const auto decimals = static_cast<std::size_t>(scale);
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  if (decimals > 0) digits.insert(digits.size() - decimals, ".");
  return negative ? "-" + digits : digits;
}

template <typename Array>
std::int64_t number(const arrow::Array& array, std::int64_t row) {
  return static_cast<std::int64_t>(static_cast<const Array&>(array).Value(row));
}

std::optional<std::string> cell_of(const arrow::Array& array, std::int64_t row) {
  using model::Type;
  switch (array.type_id()) {
    case arrow::Type::BOOL: return static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false";
    case arrow::Type::INT8: return std::to_string(number<arrow::Int8Array>(array, row));
    case arrow::Type::INT16: return std::to_string(number<arrow::Int16Array>(array, row));
    case arrow::Type::INT32: return std::to_string(number<arrow::Int32Array>(array, row));
    case arrow::Type::INT64: return std::to_string(number<arrow::Int64Array>(array, row));
    case arrow::Type::UINT8: return std::to_string(number<arrow::UInt8Array>(array, row));
    case arrow::Type::UINT16: return std::to_string(number<arrow::UInt16Array>(array, row));
    case arrow::Type::UINT32: return std::to_string(number<arrow::UInt32Array>(array, row));
    case arrow::Type::UINT64: return model::fixed_text(Type::uint8, number<arrow::UInt64Array>(array, row));
    case arrow::Type::FLOAT:
      return model::real_text(Type::real4,
                              static_cast<double>(static_cast<const arrow::FloatArray&>(array).Value(row)));
    case arrow::Type::DOUBLE:
      return model::real_text(Type::real8, static_cast<const arrow::DoubleArray&>(array).Value(row));
    case arrow::Type::DATE32: return model::fixed_text(Type::date, number<arrow::Date32Array>(array, row));
    case arrow::Type::TIME64: return model::fixed_text(Type::time, number<arrow::Time64Array>(array, row));
    case arrow::Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
      const std::int64_t factor = type.unit() == arrow::TimeUnit::MILLI ? 1000 : 1;
      return model::fixed_text(Type::datetime, number<arrow::TimestampArray>(array, row) * factor);
    }
    case arrow::Type::DECIMAL128: {
      const auto& decimals = static_cast<const arrow::Decimal128Array&>(array);
      const arrow::Decimal128 value(decimals.GetValue(row));
      return decimal_text(value.ToIntegerString(), static_cast<const arrow::Decimal128Type&>(*array.type()).scale());
    }
    case arrow::Type::STRING: return static_cast<const arrow::StringArray&>(array).GetString(row);
    case arrow::Type::BINARY:
      return model::cell_text(Type::blob, static_cast<const arrow::BinaryArray&>(array).GetView(row));
    default: return std::nullopt;
  }
}

class ArrowParquetReader final : public ParquetReader {
 public:
  explicit ArrowParquetReader(std::string name) : name_(std::move(name)) {}

  base::Result<void> open(ReadAt read_at, std::uint64_t bytes) {
    return checked([&] {
      ARROW_ASSIGN_OR_RAISE(reader_, parquet::arrow::OpenFile(std::make_shared<SourceFile>(std::move(read_at), bytes),
                                                              arrow::default_memory_pool()));
      std::shared_ptr<arrow::Schema> schema;
      ARROW_RETURN_NOT_OK(reader_->GetSchema(&schema));
      for (const auto& field : schema->fields()) names_.push_back(field->name());
      return arrow::Status::OK();
    });
  }

  const std::vector<std::string>& columns() const override { return names_; }

  base::Result<bool> next(std::vector<std::optional<std::string>>& cells) override {
    while (!batch_ || row_ == batch_->num_rows()) {
      if (!TRY(next_batch())) return false;
    }
    cells.resize(names_.size());
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const arrow::Array& array = *batch_->column(static_cast<int>(i));
      if (array.IsNull(row_)) {
        cells[i].reset();
        continue;
      }
      cells[i] = cell_of(array, row_);
      if (!cells[i]) {
        return base::failed(errors::parquet_failed, "{}: column {} has type {}", name_, names_[i],
                            array.type()->ToString());
      }
    }
    ++row_;
    return true;
  }

 private:
  template <typename Call>
  base::Result<void> checked(Call&& call) {
    arrow::Status status;
    try {
      status = call();
    } catch (const std::exception& error) {
      status = arrow::Status::IOError(error.what());
    }
    if (status.ok()) return {};
    return base::failed(errors::parquet_failed, "{}: {}", name_, status.message());
  }

  base::Result<bool> next_batch() {
    bool more = true;
    TRY(checked([&] {
      if (batches_) ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch_));
      row_ = 0;
      if (batches_ && batch_) return arrow::Status::OK();
      if (group_ == reader_->num_row_groups()) {
        more = false;
        return arrow::Status::OK();
      }
      ARROW_ASSIGN_OR_RAISE(table_, reader_->ReadRowGroup(group_++));
      batches_ = std::make_unique<arrow::TableBatchReader>(*table_);
      batch_.reset();
      return arrow::Status::OK();
    }));
    return more;
  }

  const std::string name_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::vector<std::string> names_;
  std::shared_ptr<arrow::Table> table_;
  std::unique_ptr<arrow::TableBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t row_ = 0;
  int group_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<ParquetReader>> ParquetReader::open(ReadAt read_at, std::uint64_t file_bytes,
                                                                 std::string name) {
  auto reader = std::make_unique<ArrowParquetReader>(std::move(name));
  TRY(reader->open(std::move(read_at), file_bytes));
  std::unique_ptr<ParquetReader> opened = std::move(reader);
  return opened;
}

}  // namespace formats
