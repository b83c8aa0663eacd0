// SPDX-License-Identifier: Apache-2.0
//
// Days since 1970-01-01 and dates of the proleptic Gregorian calendar, after Howard Hinnant's public-domain "date
// algorithms": 400-year eras that begin on 1 March, so that the leap day is the last day of a year. Defined for every
// number of days.
#pragma once

#include <cstdint>

namespace base {

struct CivilDay {
  std::int64_t year;  // astronomical: 0 is 1 BC
  unsigned month;
  unsigned day;
};

constexpr std::int64_t days_of_era = 146'097;       // 400 years
constexpr std::int64_t days_before_1970 = 719'468;  // since March 1st of the year 0

constexpr CivilDay civil_day(std::int64_t days_since_1970) {
  // Eras first: the sum of the days before 1970 could overflow.
  std::int64_t era = days_since_1970 / days_of_era;
  std::int64_t rest = days_since_1970 % days_of_era + days_before_1970;  // positive
  era += rest / days_of_era;
  rest %= days_of_era;
  const auto day_of_era = static_cast<unsigned>(rest);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

// The inverse, for any month 1..12 and day of that month; |year| below 10^15.
constexpr std::int64_t civil_days(std::int64_t year, unsigned month, unsigned day) {
  const std::int64_t from_march = month <= 2 ? year - 1 : year;
  const std::int64_t era = (from_march >= 0 ? from_march : from_march - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(from_march - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * days_of_era + static_cast<std::int64_t>(day_of_era) - days_before_1970;
}

constexpr bool is_leap_year(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr unsigned days_of_month(std::int64_t year, unsigned month) {
  if (month == 2) return is_leap_year(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

}  // namespace base
