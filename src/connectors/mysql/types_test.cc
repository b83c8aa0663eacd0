// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/types.h"

#include <gtest/gtest.h>

#include "connectors/mysql/gtid_set.h"
#include "connectors/mysql/log_place.h"
#include "connectors/mysql/value_text.h"

namespace mysql {
namespace {

using model::Type;

NativeType parsed(std::string_view text, std::string_view collation = "") {
  auto type = parse_type(text, collation);
  EXPECT_TRUE(type.ok()) << text;
  return type.ok() ? type.take() : NativeType();
}

TEST(MysqlTypes, ColumnTypesAreReadAsTheCatalogueWritesThem) {
  EXPECT_EQ(parsed("int(10) unsigned").kind, Kind::integer);
  EXPECT_TRUE(parsed("int(10) unsigned").is_unsigned);
  EXPECT_TRUE(parsed("bigint(20) unsigned zerofill").zerofill);
  EXPECT_EQ(parsed("decimal(65,30)").precision, 65);
  EXPECT_EQ(parsed("decimal(65,30)").scale, 30);
  EXPECT_EQ(parsed("datetime(3)").fraction, 3);
  EXPECT_EQ(parsed("varchar(20)", "latin1_swedish_ci").character_set, "latin1");
  EXPECT_EQ(parsed("bit(9)").length, 9u);
  EXPECT_EQ(parsed("binary(5)").is_fixed, true);
  EXPECT_EQ(parsed("year(4)").kind, Kind::year);
  EXPECT_EQ(parsed("double unsigned").is_unsigned, true);
}

TEST(MysqlTypes, MembersMayHoldQuotesCommasAndBrackets) {
  const NativeType type = parsed("enum('a','b''c','x,y','(z)','')", "utf8mb4_bin");
  EXPECT_EQ(type.members, (std::vector<std::string>{"a", "b'c", "x,y", "(z)", ""}));
}

TEST(MysqlTypes, OthersAreRefusedByName) {
  for (const char* text : {"", "tinyjson", "decimal(", "decimal(x,2)", "enum('a)", "enum(a)", "int(1,2,3)"}) {
    const auto type = parse_type(text, "");
    ASSERT_FALSE(type.ok()) << text;
    EXPECT_TRUE(type.error().is(errors::unknown_type)) << text;
  }
}

TEST(MysqlTypes, CanonicalTypesAreThoseOfTheTable) {
  const auto canonical = [](std::string_view text) {
    model::ColumnType type;
    canonical_type(parsed(text, "utf8mb4_bin"), type);
    return type;
  };
  EXPECT_EQ(canonical("tinyint(1)").type, Type::int1);
  EXPECT_EQ(canonical("mediumint unsigned").type, Type::uint4);
  EXPECT_EQ(canonical("bigint unsigned").type, Type::uint8);
  EXPECT_EQ(canonical("bit(1)").type, Type::boolean);
  EXPECT_EQ(canonical("bit(64)").length, 8u);
  EXPECT_EQ(canonical("time(6)").type, Type::string);
  EXPECT_EQ(canonical("timestamp(3)").scale, 3);
  EXPECT_EQ(canonical("longtext").type, Type::nclob);
  EXPECT_EQ(canonical("set('x','yy')").length, 4u);
  EXPECT_EQ(canonical("json").type, Type::clob);
}

Converted cell(std::string_view type, Type wanted, std::string_view text, std::string& out,
               bool null_for_zero = false) {
  out.clear();
  return canonical_cell(parsed(type, "utf8mb4_bin"), wanted, text, {.zero_date_as_null = null_for_zero}, out);
}

TEST(MysqlTypes, TextBecomesCells) {
  std::string out;
  EXPECT_EQ(cell("bigint unsigned", Type::uint8, "18446744073709551615", out), Converted::value);
  EXPECT_EQ(static_cast<std::uint64_t>(model::load_fixed(out)), 18446744073709551615ull);
  EXPECT_EQ(cell("decimal(10,3) zerofill", Type::numeric, "0000012.500", out), Converted::value);
  EXPECT_EQ(out, "12.500");
  EXPECT_EQ(cell("decimal(10,3) zerofill", Type::numeric, "0000000.500", out), Converted::value);
  EXPECT_EQ(out, "0.500");
  EXPECT_EQ(cell("date", Type::date, "1970-01-02", out), Converted::value);
  EXPECT_EQ(model::load_fixed(out), 1);
  EXPECT_EQ(cell("datetime(1)", Type::datetime, "1969-12-31 23:59:59.5", out), Converted::value);
  EXPECT_EQ(model::load_fixed(out), -500'000);
  EXPECT_EQ(cell("bit(1)", Type::boolean, std::string_view("\1", 1), out), Converted::value);
  EXPECT_EQ(model::load_fixed(out), 1);
}

TEST(MysqlTypes, DatesThatAreNoneAreMisfitsOrNullByChoice) {
  std::string out;
  for (const char* text : {"0000-00-00", "2024-02-30", "2024-00-10", "2023-02-29", "0000-01-01"}) {
    EXPECT_EQ(cell("date", Type::date, text, out), Converted::misfit) << text;
    EXPECT_EQ(cell("date", Type::date, text, out, true), Converted::null) << text;
  }
  EXPECT_EQ(cell("datetime", Type::datetime, "0000-00-00 00:00:00", out), Converted::misfit);
  for (const char* text :
       {"", "2024", "2024-01-01", "2024-01-01 24:00:00", "2024-01-01 00:00:00.", "x024-01-01 00:00:00"}) {
    EXPECT_EQ(cell("datetime", Type::datetime, text, out, true), Converted::misfit) << text;
  }
}

TEST(MysqlGtids, SetsGrowAndAreWrittenAsTheServerWritesThem) {
  GtidSet set =
      GtidSet::parse("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5:7,4e11fa47-71ca-11e1-9e33-c80aa9429562:3", false).take();
  EXPECT_EQ(set.text(), "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7,4e11fa47-71ca-11e1-9e33-c80aa9429562:3");
  binlog::Gtid gtid;
  gtid.uuid = {0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62};
  gtid.number = 6;
  set.add(gtid);
  EXPECT_EQ(set.text(), "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7,4e11fa47-71ca-11e1-9e33-c80aa9429562:3");
  set.add(gtid);  // read again
  EXPECT_EQ(set.text(), "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7,4e11fa47-71ca-11e1-9e33-c80aa9429562:3");
  EXPECT_EQ(set.encoded().size(), 8u + 2 * (16 + 8 + 16));
}

TEST(MysqlGtids, MariaDbHasOneADomain) {
  GtidSet set = GtidSet::parse("0-1-77,1-1-5", true).take();
  binlog::MariaGtid gtid;
  gtid.domain = 1;
  gtid.server = 2;
  gtid.sequence = 6;
  set.add(gtid);
  EXPECT_EQ(set.text(), "0-1-77,1-2-6");
}

TEST(MysqlGtids, TheHighestNumberHasNoNextOne) {
  const std::string source = "3e11fa47-71ca-11e1-9e33-c80aa9429562:";
  GtidSet set = GtidSet::parse(source + "9223372036854775807:9:8", false).take();
  EXPECT_EQ(set.text(), source + "8-9:9223372036854775807");
  set = GtidSet::parse(source + "5-9223372036854775807:9:4", false).take();
  EXPECT_EQ(set.text(), source + "4-9223372036854775807");
}

TEST(MysqlGtids, OtherFormsAreRefused) {
  for (const char* text :
       {"x", "3e11fa47-71ca-11e1-9e33-c80aa9429562", "3e11fa47-71ca-11e1-9e33-c80aa9429562:5-2", ":1"}) {
    EXPECT_FALSE(GtidSet::parse(text, false).ok()) << text;
  }
  for (const char* text : {"1", "0-1", "0-1-x", "a-1-1"}) EXPECT_FALSE(GtidSet::parse(text, true).ok()) << text;
}

TEST(MysqlPlaces, PositionsGrowWithErasFilesAndOffsets) {
  const LogPlace early{7, offset_max, ""}, late{8, 4, ""};
  EXPECT_LT(position_at(1, early), position_at(1, late));
  EXPECT_LT(position_at(1, {file_max, offset_max, ""}), position_at(2, {1, 4, ""}));
  EXPECT_EQ(place_of(position_at(3, {8, 4711, "0-1-2"})), (LogPlace{8, 4711, ""}));
  EXPECT_EQ(place_of(position_at(3, {8, 4711, "0-1-2"})).gtids, "0-1-2");
  EXPECT_EQ(era_of(position_at(3, late).log), 3u);
}

TEST(MysqlPlaces, NamesOfLogsAreReadFromTheirEnd) {
  EXPECT_EQ(parse_log_name("mysql-bin.changelog.000024")->base, "mysql-bin.changelog");
  EXPECT_EQ(parse_log_name("binlog.1000001")->number, 1000001u);
  EXPECT_EQ(log_name("binlog", 24), "binlog.000024");
  for (const char* text : {"", "binlog", "binlog.", ".000001", "binlog.00x", "binlog.000000"}) {
    EXPECT_FALSE(parse_log_name(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace mysql
