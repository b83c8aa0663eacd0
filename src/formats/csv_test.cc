// SPDX-License-Identifier: Apache-2.0
#include "formats/csv.h"

#include <gtest/gtest.h>

#include "formats/csv_values.h"
#include "formats/gzip.h"

namespace formats {
namespace {

using model::Type;

model::TableSchema table(std::vector<std::pair<std::string, model::ColumnType>> columns) {
  model::TableSchema schema;
  schema.name = {"hr", "employee"};
  for (auto& [name, type] : columns) {
    model::Column column;
    column.name = name;
    column.type = type;
    schema.columns.push_back(column);
  }
  return schema;
}

model::ColumnType of(Type type, unsigned precision = 0, int scale = 0, std::uint32_t length = 0,
                     std::string native = "") {
  model::ColumnType column;
  column.type = type;
  column.precision = static_cast<std::uint16_t>(precision);
  column.scale = static_cast<std::int16_t>(scale);
  column.length = length;
  column.native = std::move(native);
  return column;
}

std::string text_of(void (*append)(std::string&, double), double value) {
  std::string out;
  append(out, value);
  return out;
}
std::string integer(std::int64_t value) {
  std::string out;
  append_integer(out, value);
  return out;
}
std::string date(std::int64_t days) {
  std::string out;
  append_date(out, days);
  return out;
}
std::string datetime(std::int64_t micros, int digits) {
  std::string out;
  append_datetime(out, micros, digits);
  return out;
}
std::string numeric(std::string_view text, unsigned precision, int scale) {
  std::string out;
  append_numeric(out, text, precision, scale);
  return out;
}

TEST(CsvValues, IntegersAtTheirEnds) {
  EXPECT_EQ(integer(0), "0");
  EXPECT_EQ(integer(-7), "-7");
  EXPECT_EQ(integer(105), "105");
  EXPECT_EQ(integer(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(integer(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
}

TEST(CsvValues, RealsAsPrintfWritesThem) {
  EXPECT_EQ(text_of(append_real8, 506560), "+5.0656000000000000e+05");
  EXPECT_EQ(text_of(append_real8, 0), "+0.0000000000000000e+00");
  EXPECT_EQ(text_of(append_real8, -0.0), "-0.0000000000000000e+00");
  EXPECT_EQ(text_of(append_real8, 1e300), "+1.0000000000000001e+300");
  EXPECT_EQ(text_of(append_real8, 5e-324), "+4.9406564584124654e-324");
  EXPECT_EQ(text_of(append_real4, 0.110106036f), "+1.10106036e-01");
  EXPECT_EQ(text_of(append_real8, -std::numeric_limits<double>::infinity()), "-Infinity");
  EXPECT_EQ(text_of(append_real8, std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(CsvValues, DatesFarAndNear) {
  EXPECT_EQ(date(0), "1970-01-01");
  EXPECT_EQ(date(-1), "1969-12-31");
  EXPECT_EQ(date(11016), "2000-02-29");
  EXPECT_EQ(date(-719162), "0001-01-01");
  EXPECT_EQ(date(-719163), "0001-12-31 BC");
  EXPECT_EQ(date(model::date_infinity), "infinity");
  EXPECT_EQ(date(-model::date_infinity), "-infinity");
  for (std::int64_t day = -2'500'000; day < 2'200'000'000; day += day < 100'000 ? 13 : 7'654'321) {
    ASSERT_EQ(days_since_1970(civil_day(day)), day);
  }
}

TEST(CsvValues, DatetimesWithTheirScale) {
  EXPECT_EQ(datetime(770947200'000000, 0), "1994-06-07 00:00:00");
  EXPECT_EQ(datetime(-1, 6), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(datetime(1'500000, 3), "1970-01-01 00:00:01.500");
  std::string time;
  append_time(time, 86'400'000'000, 0);
  EXPECT_EQ(time, "24:00:00");
}

TEST(CsvValues, NumericsHaveExactlyTheirScale) {
  EXPECT_EQ(numeric("8300", 8, 2), "8300.00");
  EXPECT_EQ(numeric("0.4", 8, 2), "0.40");
  EXPECT_EQ(numeric("-1.230", 8, 2), "-1.23");
  EXPECT_EQ(numeric("1.234", 8, 2), "1.234");  // a source that lies loses nothing
  EXPECT_EQ(numeric("1.2300", 0, 0), "1.2300");
  EXPECT_EQ(numeric("NaN", 8, 2), "NaN");
}

TEST(CsvValues, BackToTheTextOfCells) {
  const auto back = [](Type type, std::string text) {
    EXPECT_TRUE(to_cell_text(type, text));
    return text;
  };
  EXPECT_EQ(back(Type::real8, "+5.0656000000000000e+05"), "506560");
  EXPECT_EQ(back(Type::real4, "+1.10106036e-01"), "0.110106036");
  EXPECT_EQ(back(Type::datetime, "0044-03-15 00:00:00.100000 BC"), "0044-03-15 00:00:00.1 BC");
  EXPECT_EQ(back(Type::time, "12:00:00.000000"), "12:00:00");
  EXPECT_EQ(back(Type::bytes, "00FF"), "00ff");
  std::string wrong = "0g";
  EXPECT_FALSE(to_cell_text(Type::blob, wrong));
}

TEST(Csv, TheWorkedExampleOfALoadWithNames) {
  const model::TableSchema schema = table({{"EMPLOYEE_ID", of(Type::int4)},
                                           {"FIRST_NAME", of(Type::wstring)},
                                           {"HIRE_DATE", of(Type::datetime)},
                                           {"SALARY", of(Type::numeric, 8, 2)},
                                           {"PCT", of(Type::numeric, 2, 2)}});
  model::RowBatch batch(std::make_shared<model::TableSchema>(schema));
  batch.columns[0].add_fixed(321);
  batch.columns[1].add_bytes("William115");
  batch.columns[2].add_fixed(770947200'000000);
  batch.columns[3].add_bytes("8300");
  batch.columns[4].add_null();
  batch.rows = 1;
  const CsvEncoder encoder(CsvFormat{}, schema);
  std::string out;
  encoder.header(out, "Op", "");
  encoder.rows(out, batch, 0, 1, "U,", "");
  EXPECT_EQ(out, "Op,EMPLOYEE_ID,FIRST_NAME,HIRE_DATE,SALARY,PCT\nU,321,William115,1994-06-07 00:00:00,8300.00,\n");
}

TEST(Csv, QuotesOnlyWhereNeeded) {
  const CsvEncoder encoder(CsvFormat{}, table({}));
  const auto field = [&](std::string_view text) {
    std::string out;
    encoder.field(out, text);
    return out;
  };
  EXPECT_EQ(field("Carine "), "Carine ");
  EXPECT_EQ(field("54, rue Royale"), "\"54, rue Royale\"");
  EXPECT_EQ(field("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(field("a\nb"), "\"a\nb\"");
  EXPECT_EQ(field(""), "");
}

TEST(Csv, RawWithoutQuoting) {
  CsvFormat format;
  format.quoting = false;
  const CsvEncoder encoder(format, table({}));
  std::string out;
  encoder.field(out, "a,\"b\"");
  EXPECT_EQ(out, "a,\"b\"");
}

TEST(Csv, ATextLikeTheNullTextIsTold) {
  CsvFormat format;
  format.null_text = "NULL";
  const model::TableSchema schema = table({{"a", of(Type::nclob)}, {"b", of(Type::nclob)}});
  model::RowBatch batch(std::make_shared<model::TableSchema>(schema));
  batch.columns[0].add_bytes("NULL");
  batch.columns[1].add_null();
  batch.rows = 1;
  std::string out;
  CsvEncoder(format, schema).rows(out, batch, 0, 1, "", "");
  EXPECT_EQ(out, "\"NULL\",NULL\n");
}

TEST(Csv, ADelimiterThatNumbersHold) {
  CsvFormat format;
  format.delimiter = "-";
  const model::TableSchema schema = table({{"a", of(Type::date)}, {"b", of(Type::int4)}});
  model::RowBatch batch(std::make_shared<model::TableSchema>(schema));
  batch.columns[0].add_fixed(0);
  batch.columns[1].add_fixed(-5);
  batch.rows = 1;
  std::string out;
  CsvEncoder(format, schema).rows(out, batch, 0, 1, "", "");
  EXPECT_EQ(out, "\"1970-01-01\"-\"-5\"\n");
}

TEST(Csv, ChangeCellsWithMissingAndHexAndPadding) {
  CsvFormat format;
  format.missing_text = "n/a";
  format.pad_fixed_width = true;
  const model::TableSchema schema =
      table({{"a", of(Type::blob)}, {"b", of(Type::wstring, 0, 0, 5, "character(5)")}, {"c", of(Type::boolean)}});
  std::string arena("\x00\xff", 2);
  arena += "\xC3\xA9x";
  model::append_fixed(arena, 1);
  using model::CellState;
  const model::Cell cells[] = {{0, 2, CellState::value}, {2, 3, CellState::value}, {5, 8, CellState::value}};
  const model::Cell missing[] = {{0, 0, CellState::unchanged}, {0, 0, CellState::null}, {0, 0, CellState::absent}};
  std::string out;
  const CsvEncoder encoder(format, schema);
  encoder.row(out, arena, cells, "I,", ",t");
  encoder.row(out, arena, missing, "D,", ",t");
  EXPECT_EQ(out, "I,00FF,\xC3\xA9x   ,true,t\nD,n/a,,n/a,t\n");
}

std::vector<std::vector<std::string>> read_all(const CsvFormat& format, std::string_view text, std::size_t step) {
  CsvReader reader(format);
  std::vector<std::vector<std::string>> rows;
  std::vector<CsvField> row;
  for (std::size_t at = 0; at <= text.size(); at += step) {
    reader.append(text.substr(at, step));
    if (at + step > text.size()) reader.finish();
    while (true) {
      auto got = reader.next(row);
      if (!got.ok()) return {{"error"}};
      if (!got.value()) break;
      rows.emplace_back();
      for (const CsvField& field : row) rows.back().push_back((field.quoted ? "q:" : "") + field.text);
    }
  }
  return rows;
}

TEST(Csv, ReadsWhatItWritesInPiecesOfAnySize) {
  const std::string text = "1,,\"a\"\"b,\nc\"\n2,x\"y,\n,,\nlast,row,here";
  const std::vector<std::vector<std::string>> wanted = {
      {"1", "", "q:a\"b,\nc"}, {"2", "x\"y", ""}, {"", "", ""}, {"last", "row", "here"}};
  for (std::size_t step = 1; step < 40; ++step) EXPECT_EQ(read_all(CsvFormat{}, text, step), wanted) << step;
}

TEST(Csv, ReadsDelimitersOfSeveralBytes) {
  CsvFormat format;
  format.delimiter = "||";
  format.row_delimiter = "\r\n";
  const CsvEncoder encoder(format, table({}));
  std::string text;
  for (const char* value : {"a|b", "c|", "\r", "plain"}) {
    encoder.field(text, value);
    text += "||z\r\n";
  }
  for (std::size_t step = 1; step < 10; ++step) {
    const auto rows = read_all(format, text, step);
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[0][0], "a|b");
    EXPECT_EQ(rows[1][0], "q:c|");
    EXPECT_EQ(rows[2][0], "q:\r");
    EXPECT_EQ(rows[3], (std::vector<std::string>{"plain", "z"}));
  }
}

TEST(Csv, RefusesBrokenQuotes) {
  EXPECT_EQ(read_all(CsvFormat{}, "\"abc", 3), (std::vector<std::vector<std::string>>{{"error"}}));
  EXPECT_EQ(read_all(CsvFormat{}, "\"abc\"x,1\n", 100), (std::vector<std::vector<std::string>>{{"error"}}));
}

TEST(Gzip, RoundTripAndDamage) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i) + ",";
  const auto packed = [&] {
    GzipWriter writer;
    std::string out;
    writer.append(std::string_view(text).substr(0, 1000), out);
    writer.append(std::string_view(text).substr(1000), out);
    writer.finish(out);
    return out;
  };
  const std::string bytes = packed();
  EXPECT_EQ(bytes, packed());
  GzipReader reader;
  std::string back;
  for (std::size_t at = 0; at < bytes.size(); at += 777) {
    ASSERT_TRUE(reader.append(std::string_view(bytes).substr(at, 777), back).ok());
  }
  EXPECT_TRUE(reader.finish().ok());
  EXPECT_EQ(back, text);
  GzipReader cut;
  ASSERT_TRUE(cut.append(std::string_view(bytes).substr(0, 500), back).ok());
  EXPECT_FALSE(cut.finish().ok());
  GzipReader wrong;
  EXPECT_FALSE(wrong.append("hello, this is no gzip", back).ok());
}

}  // namespace
}  // namespace formats
