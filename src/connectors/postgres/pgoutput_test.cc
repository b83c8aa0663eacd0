// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/pgoutput.h"

#include <gtest/gtest.h>

#include <string>

#include "connectors/postgres/errors.h"

namespace postgres::pgoutput {
namespace {

// As PostgreSQL 15 sent them.
std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}
const std::string begin = bytes_of("4200000000015ab8c80002f3a1d1b2c3d4000002e4");
const std::string insert = bytes_of(
    "49000040044e00027400000001317400000002"
    "6869");
const std::string commit = bytes_of(
    "430000000000015ab8c80000000001"
    "5ab8f80002f3a1d1b2c3d4");

TEST(Pgoutput, DecodesAWholeTransaction) {
  Decoder decoder(2);
  const auto first = decoder.decode(begin);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ((*first)->kind, Kind::begin);
  EXPECT_EQ((*first)->commit_lsn, 0x15ab8c8u);
  EXPECT_EQ((*first)->xid, 740u);
  const auto row = decoder.decode(insert);
  ASSERT_TRUE(row.ok()) << row.error().text();
  ASSERT_EQ((*row)->new_row.size(), 2u);
  EXPECT_EQ((*row)->new_row[0].bytes, "1");
  EXPECT_EQ((*row)->new_row[1].bytes, "hi");
  const auto last = decoder.decode(commit);
  ASSERT_TRUE(last.ok()) << last.error().text();
  EXPECT_EQ((*last)->end_lsn, 0x15ab8f8u);
}

TEST(Pgoutput, RefusesEveryTruncation) {
  for (const std::string& message : {begin, insert, commit}) {
    for (std::size_t size = 0; size < message.size(); ++size) {
      Decoder decoder(2);
      const auto outcome = decoder.decode(std::string_view(message).substr(0, size));
      ASSERT_FALSE(outcome.ok()) << size;
      EXPECT_TRUE(outcome.error().is(errors::protocol_broken));
    }
    Decoder decoder(2);
    EXPECT_FALSE(decoder.decode(message + "x").ok());
  }
}

TEST(Pgoutput, StreamedBlocksCarryTheSubtransaction) {
  Decoder decoder(2);
  ASSERT_TRUE(decoder.decode(bytes_of("53000002e401")).ok());
  EXPECT_TRUE(decoder.is_in_block());
  EXPECT_FALSE(decoder.decode(bytes_of("53000002e401")).ok());
  const auto row =
      decoder.decode(bytes_of("49000002e5000040044e0001"
                              "6e"));
  ASSERT_TRUE(row.ok());
  EXPECT_EQ((*row)->xid, 741u);
  EXPECT_TRUE((*row)->streamed);
  ASSERT_TRUE(decoder.decode("E").ok());
  const auto abort = decoder.decode(bytes_of("41000002e4000002e5"));
  ASSERT_TRUE(abort.ok());
  EXPECT_EQ((*abort)->sub_xid, 741u);
  EXPECT_FALSE(Decoder(1).decode(bytes_of("53000002e401")).ok());
}

TEST(Pgoutput, RefusesHugeCounts) {
  Decoder decoder(2);
  EXPECT_FALSE(decoder.decode(bytes_of("49000040044effff")).ok());
  EXPECT_FALSE(decoder.decode(bytes_of("54ffffffff00")).ok());
  EXPECT_FALSE(decoder.decode(bytes_of("49000040044e000174ffffffff31")).ok());
  EXPECT_FALSE(decoder.decode(bytes_of("49000040044e00016300000000")).ok());
  EXPECT_FALSE(decoder.decode(bytes_of("49000040044e000162ffffffff31")).ok());
}

}  // namespace
}  // namespace postgres::pgoutput
