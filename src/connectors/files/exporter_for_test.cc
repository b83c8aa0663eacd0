// SPDX-License-Identifier: Apache-2.0
//
// Writes known rows through the file target's writers, for other people's readers to check, and times them.
//   files_exporter values FOLDER   every kind of column, in Parquet files of all settings, beside what they must hold
//   files_exporter capture ROWS    changes of ten columns through the stream to csv files in memory
//   files_exporter bench ROWS      lineitem-like rows to csv and Parquet in memory, seconds of CPU each
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "connectors/files/fakes_for_test.h"
#include "connectors/files/stream.h"
#include "formats/csv_values.h"

namespace connectors::files {
namespace {

using model::Type;

struct FileSink final : formats::ByteSink {
  explicit FileSink(const std::string& path) : out(path, std::ios::binary) {}
  base::Result<void> append(std::string_view bytes) override {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return {};
  }
  std::ofstream out;
};

struct CountingSink final : formats::ByteSink {
  base::Result<void> append(std::string_view more) override {
    bytes += more.size();
    return {};
  }
  std::size_t bytes = 0;
};

void add(model::TableSchema& schema, std::string name, Type type, unsigned precision = 0, int scale = 0,
         std::string native = "") {
  model::Column column;
  column.name = std::move(name);
  column.type.type = type;
  column.type.precision = static_cast<std::uint16_t>(precision);
  column.type.scale = static_cast<std::int16_t>(scale);
  column.type.native = std::move(native);
  schema.columns.push_back(std::move(column));
}

model::TableSchemaPtr all_types() {
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = schema->source_name = {"public", "all types"};
  add(*schema, "bool", Type::boolean);
  add(*schema, "i1", Type::int1);
  add(*schema, "i2", Type::int2);
  add(*schema, "i4", Type::int4);
  add(*schema, "i8", Type::int8);
  add(*schema, "u1", Type::uint1);
  add(*schema, "u2", Type::uint2);
  add(*schema, "u4", Type::uint4);
  add(*schema, "u8", Type::uint8);
  add(*schema, "dec", Type::numeric, 38, 10);
  add(*schema, "dec.small", Type::numeric, 4, 2);
  add(*schema, "unbounded", Type::numeric);
  add(*schema, "r4", Type::real4);
  add(*schema, "r8", Type::real8);
  add(*schema, "date", Type::date);
  add(*schema, "time", Type::time, 0, 6);
  add(*schema, "ts", Type::datetime, 0, 6, "timestamp without time zone");
  add(*schema, "tstz", Type::datetime, 0, 6, "timestamp with time zone");
  add(*schema, "text", Type::nclob);
  add(*schema, "bytes", Type::blob);
  return schema;
}

void fill(model::RowBatch& batch, std::int64_t rows, bool millis) {
  for (std::int64_t row = 0; row < rows; ++row, ++batch.rows) {
    const bool null = row % 7 == 3;
    std::int64_t sign = row % 2 == 0 ? 1 : -1;
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      model::ColumnVector& column = batch.columns[i];
      const Type type = column.type;
      if (null) {
        column.add_null();
      } else if (type == Type::boolean) {
        column.add_fixed(row % 2);
      } else if (type >= Type::uint1 && type <= Type::uint8) {
        column.add_fixed(row % 200);
      } else if (type == Type::int1) {
        column.add_fixed(sign * (row % 100));
      } else if (type == Type::date) {
        column.add_fixed(sign * row);
      } else if (type == Type::time) {
        column.add_fixed(row * 1'000'003 % 86'400'000'000);
      } else if (type == Type::datetime) {
        column.add_fixed(sign * row * (millis ? 123'456'000 : 123'456'789));
      } else if (model::is_fixed(type)) {
        column.add_fixed(sign * row);
      } else if (model::is_real(type)) {
        column.add_real(static_cast<double>(sign * row) * 0.25);
      } else if (type == Type::numeric && i == 9) {
        column.add_bytes((sign < 0 ? "-" : "") + std::string("1234567890123456789012345678.") +
                         std::to_string(row % 10));
      } else if (type == Type::numeric && i == 10) {
        column.add_bytes(std::to_string(row % 100) + "." + std::to_string(row % 10) + "5");
      } else if (type == Type::numeric) {
        column.add_bytes(row == 0 ? "NaN" : std::to_string(row) + ".000000000000000000000000000000000000000000001");
      } else {
        column.add_bytes("text \xC3\xA9 " + std::to_string(row % 50));
      }
    }
  }
}

// The same rows as csv: what the reader compares with.
base::Result<void> export_values(const std::string& folder) {
  const model::TableSchemaPtr table = all_types();
  using formats::ParquetCompression;
  using formats::ParquetEncoding;
  for (int variant = 0; variant < 6; ++variant) {
    formats::ParquetSettings settings;
    settings.version_2 = variant % 2 == 1;
    settings.encoding = variant < 2   ? ParquetEncoding::chosen
                        : variant < 4 ? ParquetEncoding::plain
                                      : ParquetEncoding::dictionary;
    settings.compression =
        std::array{
            ParquetCompression::zstd, ParquetCompression::snappy, ParquetCompression::gzip,
            ParquetCompression::none, ParquetCompression::zstd,   ParquetCompression::zstd}[static_cast<std::size_t>(
            variant)];
    settings.row_group_rows = variant == 4 ? 1000 : 0;
    settings.statistics = variant != 3;
    settings.milliseconds = variant == 5;
    model::RowBatch batch(table);
    fill(batch, 20'000, settings.milliseconds);
    const std::string name = folder + "/" + std::to_string(variant);
    FileSink sink(name + ".parquet");
    auto writer = TRY(formats::ParquetWriter::open(settings, table, true, "at", sink));
    formats::RowExtras extras{"I", {1'500'000}};
    TRY(writer->write(batch, 0, 5, extras));
    TRY(writer->write(batch, 5, batch.rows - 5, extras));
    TRY(writer->finish());
    std::string text;
    formats::CsvFormat format;
    format.null_text = "\\N";
    formats::CsvEncoder(format, *table).rows(text, batch, 0, batch.rows, "I,", ",1970-01-01 00:00:01.500000");
    std::ofstream(name + ".csv", std::ios::binary) << text;
  }
  return {};
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

model::TableSchemaPtr lineitem() {
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = schema->source_name = {"public", "lineitem"};
  for (const char* name : {"orderkey", "partkey", "suppkey"}) add(*schema, name, Type::int8);
  add(*schema, "linenumber", Type::int4);
  for (const char* name : {"quantity", "extendedprice", "discount", "tax"}) add(*schema, name, Type::numeric, 15, 2);
  for (const char* name : {"returnflag", "linestatus"}) add(*schema, name, Type::wstring);
  for (const char* name : {"shipdate", "commitdate", "receiptdate"}) add(*schema, name, Type::date);
  for (const char* name : {"instruct", "mode", "comment"}) add(*schema, name, Type::wstring);
  schema->primary_key = {0, 3};
  return schema;
}

void fill_lineitem(model::RowBatch& batch, std::uint64_t first, std::size_t rows) {
  batch.clear();
  std::uint64_t state = first * 2654435761u + 12345;
  const auto next = [&state](std::uint64_t below) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33) % below;
  };
  static constexpr const char* instructs[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"};
  static constexpr const char* modes[] = {"TRUCK", "MAIL", "REG AIR", "AIR", "FOB", "RAIL", "SHIP"};
  static constexpr const char* words[] = {"furiously ", "final ",   "deposits ", "sleep ",
                                          "quickly ",   "pending ", "above "};
  auto& c = batch.columns;
  for (std::size_t i = 0; i < rows; ++i, ++batch.rows) {
    c[0].add_fixed(static_cast<std::int64_t>((first + i) / 4));
    c[1].add_fixed(static_cast<std::int64_t>(next(1'000'000)));
    c[2].add_fixed(static_cast<std::int64_t>(next(50'000)));
    c[3].add_fixed(static_cast<std::int64_t>((first + i) % 7));
    c[4].add_bytes(std::to_string(next(50) + 1) + ".00");
    c[5].add_bytes(std::to_string(next(90000) + 900) + "." + std::to_string(next(90) + 10));
    c[6].add_bytes("0.0" + std::to_string(next(10)));
    c[7].add_bytes("0.0" + std::to_string(next(9)));
    c[8].add_bytes(next(2) == 0 ? "R" : "N");
    c[9].add_bytes(next(2) == 0 ? "O" : "F");
    for (std::size_t d = 10; d < 13; ++d) c[d].add_fixed(8000 + static_cast<std::int64_t>(next(2500)));
    c[13].add_bytes(instructs[next(4)]);
    c[14].add_bytes(modes[next(7)]);
    std::string comment;
    for (std::uint64_t w = next(4) + 1; w > 0; --w) comment += words[next(7)];
    c[15].add_bytes(comment);
  }
}

base::Result<void> bench(std::size_t rows) {
  const model::TableSchemaPtr table = lineitem();
  constexpr std::size_t batch_rows = 10'000;
  double fill_time = 0, csv_time = 0, parquet_time = 0;
  std::size_t csv_bytes = 0;
  CountingSink sink;
  formats::ParquetSettings settings;
  auto writer = TRY(formats::ParquetWriter::open(settings, table, false, "", sink));
  const formats::CsvEncoder encoder(formats::CsvFormat{}, *table);
  model::RowBatch batch(table);
  std::string text;
  for (std::size_t done = 0; done < rows; done += batch_rows) {
    const double start = cpu_seconds();
    fill_lineitem(batch, done, batch_rows);
    const double filled = cpu_seconds();
    text.clear();
    encoder.rows(text, batch, 0, batch.rows, "", "");
    csv_bytes += text.size();
    const double written = cpu_seconds();
    TRY(writer->write(batch, 0, batch.rows, {}));
    fill_time += filled - start;
    csv_time += written - filled;
    parquet_time += cpu_seconds() - written;
  }
  const double start = cpu_seconds();
  TRY(writer->finish());
  parquet_time += cpu_seconds() - start;
  std::printf("%zu rows: fill %.2f s, csv %.2f s %zu MB, parquet %.2f s %zu MB\n", rows, fill_time, csv_time,
              csv_bytes >> 20, parquet_time, sink.bytes >> 20);
  return {};
}

base::Result<void> capture(std::size_t rows) {
  FaultPlan plan;
  FakeJournal journal(plan);
  std::map<std::string, FakeStore::Object> objects;
  FakeClock clock;
  base::NullLog log;
  connect::Context context;
  context.clock = &clock;
  context.journal = &journal;
  context.log = &log;
  const connect::Options options = TRY(connect::Options::parse(target_options(), {}));
  const Settings settings = TRY(read_settings(options, context));
  FakeStore store(plan, objects);
  ChangeStream stream(settings, context, store, TimeZone());
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = schema->source_name = {"public", "ten"};
  for (const char* name : {"a", "b", "c"}) add(*schema, name, Type::int8);
  for (const char* name : {"d", "e"}) add(*schema, name, Type::numeric, 12, 2);
  for (const char* name : {"f", "g"}) add(*schema, name, Type::datetime, 0, 6);
  for (const char* name : {"h", "i", "j"}) add(*schema, name, Type::wstring);
  schema->primary_key = {0};
  TRY(stream.begin({1, model::sequence_end, ""}, {schema}));
  model::ChangeBatch batch;
  batch.table_index(schema, model::CellForm::canonical);
  constexpr std::size_t rows_a_batch = 1000;
  for (std::size_t row = 0; row < rows_a_batch; ++row) {
    model::Change change;
    change.op = model::Op::insert;
    change.table = 0;
    change.new_first = static_cast<std::uint32_t>(batch.cells.size());
    change.new_count = 10;
    for (std::size_t i = 0; i < 10; ++i) {
      const std::size_t start = batch.bytes.size();
      if (i < 3 || i == 5 || i == 6) {
        model::append_fixed(batch.bytes, static_cast<std::int64_t>(row * 1'000'003 * (i + 1)));
      } else {
        batch.bytes += i < 5 ? "12345.67" : "some text of a column";
      }
      batch.cells.push_back({start, static_cast<std::uint32_t>(batch.bytes.size() - start), model::CellState::value});
    }
    batch.changes.push_back(change);
  }
  const double start = cpu_seconds();
  for (std::size_t done = 0; done < rows; done += rows_a_batch) {
    std::uint64_t sequence = 0;
    for (model::Change& change : batch.changes) change.position = {2 + done, ++sequence, ""};
    TRY(stream.apply(batch, {}));
    objects.clear();
  }
  TRY(stream.flush());
  std::printf("%zu changes: %.0f ns each\n", rows, (cpu_seconds() - start) * 1e9 / static_cast<double>(rows));
  return {};
}

}  // namespace
}  // namespace connectors::files

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string what = argv[1];
  const auto rows = static_cast<std::size_t>(std::atoll(argv[2]));
  const auto done = what == "capture" ? connectors::files::capture(rows)
                    : what == "bench" ? connectors::files::bench(rows)
                                      : connectors::files::export_values(argv[2]);
  if (!done.ok()) std::fprintf(stderr, "%s\n", done.error().text().c_str());
  return done.ok() ? 0 : 1;
}
