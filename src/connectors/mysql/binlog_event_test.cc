// SPDX-License-Identifier: Apache-2.0
//
// Events made by hand: what servers seldom write, what older ones wrote, and what none does.
#include "connectors/mysql/binlog_event.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "connectors/mysql/binlog_json.h"
#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/network_text.h"

namespace mysql::binlog {
namespace {

void put(std::string& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
std::string number(std::uint64_t value, std::size_t size) {
  std::string made;
  put(made, value, size);
  return made;
}
std::string hex(std::string_view digits) {
  std::string made;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    made += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return made;
}

std::string event_of(int type, const std::string& body, unsigned flags = 0, std::uint32_t position = 4711) {
  std::string made = number(1'700'000'000, 4) + number(static_cast<unsigned>(type), 1) + number(9, 4);
  put(made, header_size + body.size(), 4);
  put(made, position, 4);
  put(made, flags, 2);
  return made + body;
}
std::string with_checksum(std::string event) {
  const std::uint32_t size = static_cast<std::uint32_t>(event.size()) + 4;
  for (std::size_t i = 0; i < 4; ++i) event[9 + i] = static_cast<char>(size >> (8 * i) & 0xff);
  const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(event.data()), static_cast<uInt>(event.size()));
  return event + number(crc, 4);
}
// As MySQL 8 writes it, or with MariaDB's more types.
std::string format_event(bool has_checksums, bool is_mariadb = false) {
  std::string body = number(4, 2) + (is_mariadb ? "10.11.19-MariaDB" : "8.0.36");
  body.resize(52, '\0');
  body += number(0, 4) + number(header_size, 1);
  std::string sizes(is_mariadb ? 171 : 42, '\0');
  sizes[1] = 13;
  if (is_mariadb) sizes[161] = 19;
  body += sizes + number(has_checksums ? 1 : 0, 1);
  if (has_checksums) return with_checksum(event_of(15, body));
  return event_of(15, body + number(0, 4));
}

class Events : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(decoder_.decode(format_event(false)).ok()); }
  // The bytes must live as long as what is read from them.
  template <typename Part>
  Part read(const std::string& bytes) {
    kept_ = bytes;
    const auto event = decoder_.decode(kept_);
    EXPECT_TRUE(event.ok()) << event.error().text();
    if (!event.ok()) return Part();
    const Part* part = std::get_if<Part>(&event.value()->body);
    EXPECT_NE(part, nullptr) << event.value()->body.index();
    return part != nullptr ? *part : Part();
  }
  void expect_refused(const std::string& bytes, const base::Code& code = errors::protocol_broken) {
    const auto event = decoder_.decode(bytes);
    ASSERT_FALSE(event.ok());
    EXPECT_TRUE(event.error().is(code)) << event.error().text();
  }

  Decoder decoder_;
  std::string kept_;
};

TEST_F(Events, AreNotReadBeforeTheDescription) {
  Decoder fresh;
  EXPECT_FALSE(fresh.decode(event_of(16, number(7, 8))).ok());
  EXPECT_FALSE(fresh.decode("short").ok());
  const std::string rotate = event_of(4, number(4, 8) + "binlog.000003", 0x20, 0);
  for (const std::string& bytes : {rotate, with_checksum(rotate)}) {
    const auto event = fresh.decode(bytes);
    ASSERT_TRUE(event.ok()) << event.error().text();
    EXPECT_EQ(std::get<Rotate>(event.value()->body).file, "binlog.000003");
    EXPECT_EQ(std::get<Rotate>(event.value()->body).position, 4U);
    EXPECT_TRUE(event.value()->header.is_artificial());
  }
}

TEST_F(Events, ChecksumsAreThoseOfTheFile) {
  const auto description = read<FormatDescription>(format_event(true));
  EXPECT_TRUE(description.has_checksums);
  EXPECT_EQ(description.server_version, "8.0.36");
  EXPECT_EQ(read<Xid>(with_checksum(event_of(16, number(77, 8)))).xid, 77U);
  expect_refused(event_of(16, number(77, 8) + number(1, 4)), errors::bad_checksum);
  // The server gives the description of the file in use the checksum of a closed one.
  std::string in_use = format_event(true);
  in_use[17] = 1;
  read<FormatDescription>(in_use);
  in_use[30] = 'x';
  expect_refused(in_use, errors::bad_checksum);
  expect_refused(event_of(16, number(77, 8)), errors::bad_checksum);
  read<FormatDescription>(format_event(false));
  EXPECT_EQ(read<Xid>(event_of(16, number(78, 8))).xid, 78U);
}

TEST_F(Events, SizesAreChecked) {
  std::string longer = event_of(16, number(7, 8));
  longer += 'x';
  expect_refused(longer);
  expect_refused(event_of(16, number(7, 7)));
  expect_refused(event_of(4, number(4, 8)));
  std::string old = format_event(false);
  old[19] = 3;
  expect_refused(old);
}

TEST_F(Events, UnknownOnesAreNamed) {
  for (const int type : {0, 7, 20, 43, 99, 172, 255}) {
    expect_refused(event_of(type, "whatever"), errors::unknown_event);
    read<Ignored>(event_of(type, "whatever", 0x80));
  }
  const auto refused = decoder_.decode(event_of(172, ""));
  EXPECT_NE(refused.error().text().find("type 172"), std::string::npos);
  for (const int type : {5, 6, 8, 9, 10, 11, 12, 13, 14, 17, 18}) read<StatementPart>(event_of(type, "body"));
  for (const int type : {28, 36, 37, 164}) read<Ignored>(event_of(type, "body"));
  read<Stop>(event_of(3, ""));
}

TEST_F(Events, Heartbeats) {
  const auto first = read<Heartbeat>(event_of(27, "binlog.000009", 0, 12345));
  EXPECT_EQ(first.file, "binlog.000009");
  EXPECT_EQ(first.position, 12345U);
  const std::string fields = std::string("\x01\x0d", 2) + "binlog.000009" + std::string("\x02\x09\xfe", 3) +
                             number(0x1'2345'6789, 8) + std::string("\x07\x01x\0", 4);
  const auto second = read<Heartbeat>(event_of(41, fields));
  EXPECT_EQ(second.file, "binlog.000009");
  EXPECT_EQ(second.position, 0x1'2345'6789U);
  expect_refused(event_of(41, std::string("\x01\xff", 2)));
}

TEST_F(Events, IncidentsAndSmallOnes) {
  const auto incident = read<Incident>(event_of(26, number(1, 2) + number(4, 1) + "lost"));
  EXPECT_EQ(incident.number, 1U);
  EXPECT_EQ(incident.message, "lost");
  expect_refused(event_of(26, number(1, 2) + number(9, 1) + "lost"));
  EXPECT_EQ(read<RowsQuery>(event_of(29, number(6, 1) + "UPDATE t SET a = 1")).sql, "UPDATE t SET a = 1");
  EXPECT_EQ(read<BinlogCheckpoint>(event_of(161, number(3, 4) + "b.1")).file, "b.1");
  expect_refused(event_of(161, number(4, 4) + "b.1"));
  const auto prepared =
      read<XaPrepare>(event_of(38, number(1, 1) + number(5, 4) + number(3, 4) + number(2, 4) + "globr"));
  EXPECT_TRUE(prepared.one_phase);
  EXPECT_EQ(prepared.name.global, "glo");
  EXPECT_EQ(prepared.name.branch, "br");
  expect_refused(event_of(38, number(1, 1) + number(5, 4) + number(0xffffffff, 4) + number(2, 4) + "globr"));
}

TEST_F(Events, TransactionIds) {
  const std::string uuid = hex("3e11fa4771ca11e19e33c80aa9429562");
  const auto anonymous = read<Gtid>(event_of(34, number(1, 1) + std::string(16, '\0') + number(0, 8)));
  EXPECT_TRUE(anonymous.anonymous && anonymous.may_be_statements);
  const std::uint64_t time = 1'700'000'000'000'000;
  const std::string body = number(0, 1) + uuid + number(23, 8) + number(2, 1) + number(5, 8) + number(6, 8) +
                           number(time | std::uint64_t{1} << 55, 7) + number(time - 9, 7) + "\xfc" + number(300, 2) +
                           number(80036U | 1U << 31, 4) + number(50744, 4);
  const auto full = read<Gtid>(event_of(33, body));
  EXPECT_EQ(uuid_text(full.uuid), "3e11fa47-71ca-11e1-9e33-c80aa9429562");
  EXPECT_EQ(full.number, 23);
  EXPECT_EQ(full.last_committed, 5);
  EXPECT_EQ(full.sequence, 6);
  EXPECT_EQ(full.immediate_commit_time, time);
  EXPECT_EQ(full.original_commit_time, time - 9);
  EXPECT_EQ(full.transaction_size, 300U);
  EXPECT_EQ(full.immediate_server_version, 80036U);
  EXPECT_EQ(full.original_server_version, 50744U);
  expect_refused(event_of(33, body.substr(0, body.size() - 1)));
  const std::string range = uuid + number(1, 8) + number(1, 8) + number(6, 8);
  const auto sets = read<PreviousGtids>(event_of(35, number(1, 8) + range));
  ASSERT_EQ(sets.ranges.size(), 1U);
  EXPECT_EQ(sets.ranges[0].last, 5);
  expect_refused(event_of(35, number(2, 8) + range));
  expect_refused(event_of(35, number(1, 8) + uuid + number(std::uint64_t{1} << 60, 8)));
  expect_refused(event_of(35, number(1, 8) + uuid + number(1, 8) + number(6, 8) + number(6, 8)));
  read<FormatDescription>(format_event(false, true));
  const auto maria = read<MariaGtid>(event_of(162, number(8, 8) + number(3, 4) + number(0x42, 1) + number(99, 8) +
                                                       number(1, 4) + number(1, 1) + number(2, 1) + "gbb"));
  EXPECT_EQ(maria.commit_id, 99U);
  EXPECT_EQ(maria.server, 9U);
  EXPECT_EQ(maria.xa.branch, "bb");
  expect_refused(event_of(163, number(7, 4)));
}

TEST_F(Events, NoPieceOfAnEventIsReadBeyond) {
  // A column of each kind with metadata of its own, and all optional fields.
  const std::string definition = std::string("\1t\0\1a\0", 6) + "\x05" + hex("0ff6fef7fc") + "\x09" + hex("0a00") +
                                 hex("0902") + hex("f703") + hex("f701") + hex("02") + "\x1f" + hex("010180") +
                                 hex("0203ff0001") + hex("040a0161016201630164016500");
  const std::string map = number(77, 6) + number(1, 2) + definition;
  std::size_t understood = 0;
  for (std::size_t size = 0; size <= map.size(); ++size) {
    const std::string bytes = event_of(19, map.substr(0, size));  // of which the event's parts are pieces
    const auto event = decoder_.decode(bytes);
    if (!event.ok()) continue;
    const auto* part = std::get_if<TableMap>(&event.value()->body);
    ASSERT_NE(part, nullptr);
    understood += parse_shape(*part).ok() ? 1U : 0U;
  }
  EXPECT_LE(understood, 4U);
}

TEST_F(Events, RowsMustFitTheirTable) {
  const std::string definition = std::string("\1t\0\1a\0", 6) + "\x02" + hex("030f") + "\x02" + hex("0a00") + "\x02";
  const auto map = read<TableMap>(event_of(19, number(77, 6) + number(0, 2) + definition));
  const auto shape = parse_shape(map);
  ASSERT_TRUE(shape.ok());
  const std::string head = number(77, 6) + number(1, 2) + number(2, 2) + "\x02" + "\x03";
  const auto count = [&](const std::string& images) {
    const std::string bytes = event_of(30, head + images);
    const auto event = decoder_.decode(bytes);
    EXPECT_TRUE(event.ok());
    RowReader reader(*shape, std::get<Rows>(event.value()->body));
    int rows = 0;
    while (true) {
      const auto more = reader.next();
      if (!more.ok()) return -1;
      if (!more.value()) return rows;
      ++rows;
    }
  };
  const std::string row = hex("00") + number(7, 4) + "\x02" + "ab", null_row = hex("02") + number(8, 4);
  EXPECT_EQ(count(row + null_row + row), 3);
  EXPECT_EQ(count(""), 0);
  EXPECT_EQ(count(row + hex("00") + number(7, 4)), -1);
  EXPECT_EQ(count(row + hex("00") + number(7, 4) + "\x09" + "ab"), -1);
  expect_refused(event_of(30, number(77, 6) + number(1, 2) + number(1, 2) + "\x02" + "\x03"));
  const auto natives = std::vector<NativeType>{parse_type("int", "").value()};
  const auto decoder = CellDecoder::make(*shape, natives);
  ASSERT_FALSE(decoder.ok());
  EXPECT_TRUE(decoder.error().is(errors::shape_mismatch));
}

std::string json_text(std::string_view digits) {
  std::string text;
  return append_json(hex(digits), text) ? text : "<refused>";
}

TEST(BinlogJson, HostileDocumentsAreRefused) {
  EXPECT_EQ(json_text(""), "null");
  EXPECT_EQ(json_text("0401"), "true");
  EXPECT_EQ(json_text("0403"), "<refused>");
  EXPECT_EQ(json_text("05"), "<refused>");
  EXPECT_EQ(json_text("0c05616263"), "<refused>");
  EXPECT_EQ(json_text("0cffffffffff"), "<refused>");
  EXPECT_EQ(json_text("0d"), "<refused>");
  EXPECT_EQ(json_text("02ffff0400"), "<refused>");
  EXPECT_EQ(json_text("0200000400"), "[]");
  // An array whose members all are itself, and one that tells the same long text many times.
  std::string itself = hex("02") + number(50, 2) + number(154, 2);
  for (int i = 0; i < 50; ++i) itself += hex("02") + number(0, 2);
  std::string text;
  EXPECT_FALSE(append_json(itself, text));
  std::string same = hex("02") + number(50, 2) + number(405, 2);
  for (int i = 0; i < 50; ++i) same += hex("0c") + number(154, 2);
  same += "\xfa\x01" + std::string(250, 'x');
  text.clear();
  EXPECT_FALSE(append_json(same, text));
  EXPECT_LT(text.size(), 2000U);
}

TEST(BinlogJson, DifferencesMustFit) {
  const std::string document = hex("0201000700") + hex("050700");
  const auto patched = [&](const std::string& differences) {
    std::string text;
    return append_patched_json(document, differences, text) ? text : "<refused>";
  };
  EXPECT_EQ(patched(""), "[7]");
  EXPECT_EQ(patched(hex("00") + "\4$[0]" + hex("020401")), "[true]");
  EXPECT_EQ(patched(hex("01") + "\4$[9]" + hex("020402")), "[7, false]");
  EXPECT_EQ(patched(hex("02") + "\4$[0]"), "[]");
  EXPECT_EQ(patched(hex("02") + "\7$[last]"), "[]");
  EXPECT_EQ(patched(hex("02") + "\6$[last"), "<refused>");
  EXPECT_EQ(patched(hex("02") + "\3$.a"), "<refused>");
  EXPECT_EQ(patched(hex("00") + "\4$[1]" + hex("020401")), "<refused>");
  EXPECT_EQ(patched(hex("00") + "\1$" + hex("0100")), "<refused>");
  EXPECT_EQ(patched(hex("03") + "\1$"), "<refused>");
}

TEST(CharacterSets, OddBytesAreRefused) {
  const auto converted = [](std::string_view set, std::string_view digits) {
    auto converter = TextConverter::open(set);
    EXPECT_TRUE(converter.ok()) << set;
    std::string text = "kept";
    return converter->append(hex(digits), text) ? text.substr(4) : text == "kept" ? "<refused>" : "<changed>";
  };
  EXPECT_EQ(converted("latin1", "8180e4"), "\xc2\x81\xe2\x82\xac\xc3\xa4");
  EXPECT_EQ(converted("utf8mb4", "f09f9880"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(converted("utf8mb3", "f09f9880"), "<refused>");
  EXPECT_EQ(converted("utf8mb4", "eda080"), "<refused>");
  EXPECT_EQ(converted("utf8mb4", "c080"), "<refused>");
  EXPECT_EQ(converted("utf8mb4", "61e4"), "<refused>");
  EXPECT_EQ(converted("utf16", "d83dde00"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(converted("utf16le", "3dd800de"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(converted("ucs2", "d83dde00"), "<refused>");
  EXPECT_EQ(converted("utf16", "d83d"), "<refused>");
  EXPECT_EQ(converted("utf32", "00110000"), "<refused>");
  EXPECT_EQ(converted("ascii", "80"), "<refused>");
  EXPECT_EQ(converted("gbk", "8140ff"), "<refused>");
  EXPECT_EQ(converted("sjis", "5c815f82"), "<refused>");
  EXPECT_EQ(converted("sjis", "5c815f"), "\\\\");
  EXPECT_EQ(converted("binary", "00ff"), std::string("\0\xff", 2));
  const auto unknown = TextConverter::open("klingon");
  ASSERT_FALSE(unknown.ok());
  EXPECT_TRUE(unknown.error().is(errors::unknown_character_set));
  EXPECT_EQ(character_set_of_collation(255), "utf8mb4");
  EXPECT_EQ(character_set_of_collation(63), "binary");
  EXPECT_EQ(character_set_of_collation(1071), "latin1");
  EXPECT_EQ(character_set_of_collation(2304), "utf8mb4");
  EXPECT_EQ(character_set_of_collation(17), "");
  EXPECT_EQ(character_set_of_collation(60000), "");
}

}  // namespace
}  // namespace mysql::binlog
