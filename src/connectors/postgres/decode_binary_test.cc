// SPDX-License-Identifier: Apache-2.0
//
// The server is the oracle: it is given binary values and says their text, which must be ours to the byte.
#include "connectors/postgres/decode_binary.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "connectors/postgres/server_fixture.h"

namespace postgres {
namespace {

using postgres_test::SqlSession;
using postgres_test::TestServer;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}
template <typename Number>
std::string big_endian(Number value) {
  std::string out;
  put(out, static_cast<std::uint64_t>(value), sizeof value);
  return out;
}
std::string real8(double value) { return big_endian(std::bit_cast<std::uint64_t>(value)); }
std::string real4(float value) { return big_endian(std::bit_cast<std::uint32_t>(value)); }
std::string numeric(const std::vector<int>& digits, int weight, int sign, int scale) {
  std::string out;
  put(out, digits.size(), 2);
  put(out, static_cast<std::uint64_t>(weight) & 0xffff, 2);
  put(out, static_cast<std::uint64_t>(sign), 2);
  put(out, static_cast<std::uint64_t>(scale), 2);
  for (const int digit : digits) put(out, static_cast<std::uint64_t>(digit), 2);
  return out;
}

class DecodeBinary : public ::testing::Test {
 protected:
  static TestServer& server() {
    static TestServer one;
    return one;
  }
  void SetUp() override {
    if (!server().running()) GTEST_SKIP() << server().problem();
    db_ = std::make_unique<SqlSession>(server().conninfo("postgres"));
    db_->run("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 3");
  }
  // What the server writes for them.
  std::vector<std::string> texts(std::uint32_t oid, const std::vector<std::string>& values) {
    const std::string type = db_->one("SELECT quote_ident(typname) FROM pg_type WHERE oid = " + std::to_string(oid));
    std::string array;
    for (const std::size_t word : {std::size_t{1}, std::size_t{0}, std::size_t{oid}, values.size(), std::size_t{1}}) {
      put(array, word, 4);
    }
    for (const std::string& value : values) {
      put(array, value.size(), 4);
      array += value;
    }
    const std::string sql = "SELECT v FROM unnest($1::" + type + "[]) WITH ORDINALITY u(v, n) ORDER BY n";
    const char* data = array.data();
    const int length = static_cast<int>(array.size()), format = 1;
    PGresult* result = PQexecParams(db_->raw(), sql.c_str(), 1, nullptr, &data, &length, &format, 0);
    EXPECT_EQ(PQresultStatus(result), PGRES_TUPLES_OK) << type << ": " << PQerrorMessage(db_->raw());
    std::vector<std::string> found;
    for (int row = 0; row < PQntuples(result); ++row) {
      found.emplace_back(PQgetvalue(result, row, 0), static_cast<std::size_t>(PQgetlength(result, row, 0)));
    }
    PQclear(result);
    return found;
  }
  // Native and canonical cells from binary are those from text.
  void check(std::uint32_t oid, const std::vector<std::string>& values) {
    const BinaryForm form = binary_form(oid);
    ASSERT_NE(form, BinaryForm::none) << oid;
    model::ColumnType type;
    type.native_id = oid;
    canonical_type(oid, -1, 'b', choices_, type);
    const TextForm as = text_form(type, choices_);
    const std::vector<std::string> wanted = texts(oid, values);
    ASSERT_EQ(wanted.size(), values.size());
    int wrong = 0;
    for (std::size_t i = 0; i < values.size() && wrong < 20; ++i) {
      std::string native, from_binary, from_text;
      const bool has_native = append_native(form, values[i], native);
      const bool in_text = decode_text(as, wanted[i], ArenaSink{from_text});
      const bool in_binary = append_canonical(form, as, values[i], from_binary);
      EXPECT_TRUE(has_native) << wanted[i];
      if (as != TextForm::hex_bytes) {
        EXPECT_EQ(native, wanted[i]) << ++wrong;
      }
      EXPECT_EQ(in_binary, in_text) << wanted[i];
      if (in_text && in_binary) {
        EXPECT_EQ(from_binary, from_text) << wanted[i] << ++wrong;
      }
    }
  }

  TypeChoices choices_;
  std::unique_ptr<SqlSession> db_;
  std::mt19937_64 random_{20240229};
};

TEST_F(DecodeBinary, Integers) {
  check(type_oid::int2,
        {big_endian<std::int16_t>(INT16_MIN), big_endian<std::int16_t>(-1), big_endian<std::int16_t>(INT16_MAX)});
  check(type_oid::int4, {big_endian(INT32_MIN), big_endian(0), big_endian(INT32_MAX)});
  check(type_oid::int8, {big_endian(INT64_MIN), big_endian<std::int64_t>(10), big_endian(INT64_MAX)});
  check(type_oid::oid, {big_endian(0u), big_endian(UINT32_MAX)});
  for (const bool as_boolean : {false, true}) {
    choices_.boolean_as_boolean = as_boolean;
    check(type_oid::boolean, {std::string(1, '\0'), std::string(1, '\1')});
  }
}

TEST_F(DecodeBinary, RealsAreTheServersShortest) {
  std::vector<std::string> wide, narrow;
  const auto add = [&](double value) {
    for (const double near : {std::nextafter(value, 0.0), value, std::nextafter(value, HUGE_VAL)}) {
      wide.push_back(real8(near));
      wide.push_back(real8(-near));
    }
    const auto single = static_cast<float>(value);
    for (const float near : {std::nextafter(single, 0.0f), single, std::nextafter(single, HUGE_VALF)}) {
      narrow.push_back(real4(near));
    }
  };
  for (const double value : {0.0,
                             1.0,
                             0.1,
                             1e23,
                             9007199254740992.0,
                             9007199254740994.0,
                             5e-324,
                             2.2250738585072014e-308,
                             1.7976931348623157e308,
                             1e-45,
                             3.4028234e38,
                             16777217.0,
                             123456789012345680.0,
                             1e15,
                             1e14,
                             999999.5,
                             1e6,
                             0.0001,
                             0.00001,
                             33554432.0,
                             8589973504.0})
    add(value);
  for (int exponent = -330; exponent <= 308; ++exponent) add(std::pow(10.0, exponent));
  for (int exponent = -1074; exponent <= 1023; ++exponent) add(std::ldexp(1.0, exponent));
  double power = 1;
  for (int i = 0; i < 24; ++i, power *= 5) {
    for (int factor = 1; factor < 10; ++factor) {
      for (int shift = -60; shift < 120; shift += 3) add(std::ldexp(power * factor, shift));
    }
  }
  for (int i = 0; i < 100'000; ++i) {
    wide.push_back(big_endian(random_()));
    narrow.push_back(big_endian(static_cast<std::uint32_t>(random_())));
    wide.push_back(real8(static_cast<double>(random_() >> (random_() % 64)) * (i % 3 == 0 ? 0.001 : 1)));
    narrow.push_back(real4(static_cast<float>(random_() >> (random_() % 64)) * (i % 3 == 0 ? 0.01f : 1)));
  }
  check(type_oid::float8, wide);
  check(type_oid::float4, narrow);
}

TEST_F(DecodeBinary, Numerics) {
  std::vector<std::string> values = {numeric({}, 0, 0, 0),         numeric({}, 0, 0, 7),
                                     numeric({}, 0, 0xc000, 0),    numeric({}, 0, 0xd000, 0),
                                     numeric({}, 0, 0xf000, 0),    numeric({1, 2345, 6000}, 1, 0, 1),
                                     numeric({1}, 100, 0x4000, 0), numeric({1}, -30, 0x4000, 120),
                                     numeric({9999}, 32767, 0, 0), numeric({1}, -4096, 0, 16383)};
  for (int i = 0; i < 30'000; ++i) {
    std::vector<int> digits(1 + random_() % 8);
    for (int& digit : digits) digit = static_cast<int>(random_() % (i % 2 == 0 ? 10'000 : 10));
    if (digits.front() == 0) digits.front() = 1;
    if (digits.back() == 0) digits.back() = 1000;
    const int weight = static_cast<int>(random_() % 16) - 8;
    const int least = 4 * (static_cast<int>(digits.size()) - 1 - weight);
    values.push_back(numeric(digits, weight, i % 3 == 0 ? 0x4000 : 0, std::max(0, least) + i % 5));
  }
  check(type_oid::numeric, values);
  choices_.unbounded_numeric_as_string = true;
  check(type_oid::numeric, values);
}

TEST_F(DecodeBinary, DatesAndTimes) {
  std::vector<std::string> dates, times, timestamps;
  for (const std::int32_t day : {INT32_MIN, INT32_MAX, -2451545, 2145031948, 0, -1, -730120, -730119, -730485})
    dates.push_back(big_endian(day));
  for (const std::int64_t at :
       {INT64_MIN, INT64_MAX, std::int64_t{-211813488000000000}, std::int64_t{0}, std::int64_t{9223371331199999999},
        std::int64_t{-1}, std::int64_t{1}, std::int64_t{9222425352054775806}, std::int64_t{9222425352054775807},
        std::int64_t{9222425352054775808u - 2}})
    timestamps.push_back(big_endian(at));
  for (const std::int64_t at : {0L, 86'400'000'000L, 86'399'999'999L, 43'200'100'000L}) times.push_back(big_endian(at));
  for (int i = 0; i < 30'000; ++i) {
    dates.push_back(big_endian(static_cast<std::int32_t>(random_() % (2451545u + 2145031949u)) - 2451545));
    dates.push_back(big_endian(static_cast<std::int32_t>(random_() % 1'500'000) - 900'000));
    const auto micros = static_cast<std::int64_t>(random_() % 100'000'000'000'000'000u) - 70'000'000'000'000'000;
    const std::int64_t unit = i % 4 == 0 ? 1 : i % 4 == 1 ? 1'000 : 1'000'000;
    timestamps.push_back(big_endian(micros / unit * unit));
    timestamps.push_back(big_endian(static_cast<std::int64_t>(random_() % 9'223'371'331'200'000'000u)));
    times.push_back(big_endian(static_cast<std::int64_t>(random_() % 86'400'000'000u) / unit * unit));
  }
  check(type_oid::date, dates);
  check(type_oid::time, times);
  check(type_oid::timestamp, timestamps);
  check(type_oid::timestamptz, timestamps);
}

TEST_F(DecodeBinary, TextsAndTheRest) {
  const std::vector<std::string> words = {"", " ", "ab   ", "tab\t\\x", "\xf0\x9f\x98\x80", "t", "f"};
  for (const std::uint32_t oid : {type_oid::text, type_oid::varchar, type_oid::name}) check(oid, words);
  for (const bool trimmed : {false, true}) {
    choices_.trim_char = trimmed;
    check(type_oid::bpchar, words);
  }
  const std::vector<std::string> documents = {"{\"a\": [1, 2.50, {\"b\": null}]}", "\"\\u00e9\"", "[]", "null"};
  check(type_oid::json, documents);
  std::vector<std::string> stored;
  for (const std::string& document : texts(type_oid::json, documents)) stored.push_back("\1" + document);
  stored[1] = "\1\"\xc3\xa9\"";
  check(type_oid::jsonb, stored);
  check(type_oid::uuid, {std::string(16, '\0'), std::string(16, '\xff'), "0123456789abcdef"});
  check(type_oid::bytea, {"", std::string("\0\xff\\x", 4), std::string(100'000, 'x')});
}

TEST(DecodeBinaryRefuses, MalformedBytes) {
  std::string out;
  for (int form = 0; form <= static_cast<int>(BinaryForm::jsonb); ++form) {
    const auto binary = static_cast<BinaryForm>(form);
    const bool any = binary == BinaryForm::text || binary == BinaryForm::bytea;
    EXPECT_EQ(append_native(binary, "", out), any) << form;
    EXPECT_EQ(append_native(binary, "\x02xx", out), any) << form;
  }
  EXPECT_FALSE(append_native(BinaryForm::numeric, numeric({10'000}, 0, 0, 0), out));
  EXPECT_FALSE(append_native(BinaryForm::numeric, numeric({1}, 0, 0x1000, 0), out));
  EXPECT_FALSE(append_native(BinaryForm::numeric, numeric({1}, 0, 0, 0x4000), out));
  EXPECT_FALSE(append_native(BinaryForm::numeric, numeric({1, 2}, 0, 0, 0).substr(0, 10), out));
  EXPECT_FALSE(append_native(BinaryForm::date, big_endian(INT32_MIN + 1), out));
  EXPECT_FALSE(append_native(BinaryForm::timestamp, big_endian(INT64_MAX - 1), out));
  EXPECT_FALSE(append_native(BinaryForm::time, big_endian<std::int64_t>(86'400'000'001), out));
  EXPECT_FALSE(append_native(BinaryForm::time, big_endian<std::int64_t>(-1), out));
}

}  // namespace
}  // namespace postgres
