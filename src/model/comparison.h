// SPDX-License-Identifier: Apache-2.0
//
// How a source's database compares the values of one column, as far as the cells of a stream alone tell. A connector
// says it of each of its columns; filters of the table mappings (mapping/filter.h) are decided by it, so that they let
// the same rows pass in the stream as the database does in the load.
#pragma once

#include "model/schema.h"

namespace model {

enum class Comparison : std::uint8_t {
  none,            // only the database can say
  text_equal,      // equal when the bytes are; the order is a collation's
  text_ordered,    // in the order of the bytes
  padded_equal,    // as text_equal, but blanks at the end do not count
  padded_ordered,  // as text_ordered, but blanks at the end do not count
  uuid,            // by its 16 bytes, so by the lower-case text
  boolean,         // false before true; the cell is of type boolean or the words true and false
  natural,         // as Type says: numbers, dates, times. NaN equals itself and is greater than all
  natural_utc,     // datetime with a zone: as natural, and its text needs one
};

// Whether equal and unequal values can be told apart.
constexpr bool tells_equal(Comparison comparison) { return comparison != Comparison::none; }
// Whether lesser and greater values can.
constexpr bool tells_order(Comparison comparison) {
  return tells_equal(comparison) && comparison != Comparison::text_equal && comparison != Comparison::padded_equal;
}

// What a source says that keeps canonical cells and nothing else.
constexpr Comparison plain_comparison(Type type) {
  if (type == Type::boolean) return Comparison::boolean;
  if (type == Type::bytes || type == Type::blob) return Comparison::none;
  const bool is_text = type == Type::string || type == Type::wstring || type == Type::clob || type == Type::nclob;
  return is_text ? Comparison::text_ordered : Comparison::natural;
}

}  // namespace model
