// SPDX-License-Identifier: Apache-2.0
//
// The server's text of the values that its log holds packed: numbers, dates, times. Shared by columns and by the values
// inside JSON documents. Each appends and returns true, or appends nothing and returns false when the bytes are not of
// that form. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mysql::binlog {

// As the server prints a double: the fewest digits that read back, plain up to 15 places before and behind the point,
// and wherever a digit of the fraction is left.
bool append_double(double value, std::string& out);
// double(12,2): so many digits behind the point.
bool append_fixed_double(double value, int scale, std::string& out);
// `digits_in_front`: zeros fill up to so many digits before the point (ZEROFILL); 0: none.
bool append_decimal(std::string_view bytes, std::size_t precision, std::size_t scale, std::size_t digits_in_front,
                    std::string& out);

// A date and time as the servers pack it: (year * 13 + month, day, hour, minute, second) of (17, 5, 5, 6, 6) bits.
struct PackedMoment {
  std::uint64_t bits = 0;
  std::uint32_t micros = 0;

  std::uint64_t year() const { return (bits >> 22) / 13; }
  std::uint64_t month() const { return (bits >> 22) % 13; }
  std::uint64_t day() const { return bits >> 17 & 31; }
  std::uint64_t hour() const { return bits >> 12 & 31; }
  std::uint64_t minute() const { return bits >> 6 & 63; }
  std::uint64_t second() const { return bits & 63; }
};
// A duration: (hour, minute, second) of (11, 6, 6) bits.
struct PackedDuration {
  bool negative = false;
  std::uint64_t bits = 0;
  std::uint32_t micros = 0;
};

// DATETIME, TIMESTAMP and TIME of 5.6 and later: big endian, with (fraction + 1) / 2 bytes of the fraction.
bool load_datetime2(std::string_view bytes, int fraction, PackedMoment& out);
bool load_time2(std::string_view bytes, int fraction, PackedDuration& out);
bool load_timestamp2(std::string_view bytes, int fraction, std::int64_t& seconds, std::uint32_t& micros);

bool append_moment(const PackedMoment& moment, int fraction, std::string& out);
bool append_date_of(const PackedMoment& moment, std::string& out);
bool append_duration(const PackedDuration& duration, int fraction, std::string& out);
// Seconds since 1970 in UTC; 0 is the zero date, as in the tables.
bool append_timestamp(std::int64_t seconds, std::uint32_t micros, int fraction, std::string& out);

}  // namespace mysql::binlog
