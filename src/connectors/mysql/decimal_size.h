// SPDX-License-Identifier: Apache-2.0
//
// How many bytes a DECIMAL(precision, scale) has in tables and in the log: nine digits in four bytes, what is left over
// at either end in as few as hold it. Pure.
#pragma once

#include <cstddef>

namespace mysql {

inline constexpr std::size_t decimal_group_digits = 9;
// Bytes of so many digits, up to nine.
inline constexpr std::size_t decimal_digits_size[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

constexpr std::size_t decimal_part_size(std::size_t digits) {
  return digits / decimal_group_digits * 4 + decimal_digits_size[digits % decimal_group_digits];
}
constexpr std::size_t decimal_size(std::size_t precision, std::size_t scale) {
  return decimal_part_size(precision - scale) + decimal_part_size(scale);
}

}  // namespace mysql
