// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL types in the family-free vocabulary (model/schema.h). Lossless by default: what has no exact counterpart
// is a string or clob that carries PostgreSQL's own text. decode.h turns the text of a value into the cell. Pure; any
// thread; never fails: a type nobody knows is text.
#pragma once

#include <cstdint>

#include "model/schema.h"

namespace postgres {

// The endpoint's choices; they matter for targets of another family only.
struct TypeChoices {
  bool boolean_as_boolean = false;                  // else string 'true' / 'false', as DMS does
  bool jsonb_as_clob = false;                       // else nclob
  bool unbounded_numeric_as_string = false;         // else numeric with precision 0
  bool trim_char = true;                            // trailing blanks of char(n) are cut
  model::Type long_varchar = model::Type::wstring;  // varchar(n) beyond long_varchar_length_min
};
inline constexpr std::uint32_t long_varchar_length_min = 16388;

namespace type_oid {
inline constexpr std::uint32_t boolean = 16, bytea = 17, character = 18, name = 19, int8 = 20, int2 = 21, int4 = 23,
                               text = 25, oid = 26, xid = 28, cid = 29, json = 114, xml = 142, point = 600, lseg = 601,
                               path = 602, box = 603, polygon = 604, line = 628, float4 = 700, float8 = 701,
                               circle = 718, money = 790, macaddr8 = 774, macaddr = 829, inet = 869, cidr = 650,
                               bpchar = 1042, varchar = 1043, date = 1082, time = 1083, timestamp = 1114,
                               timestamptz = 1184, interval = 1186, timetz = 1266, bit = 1560, varbit = 1562,
                               numeric = 1700, uuid = 2950, pg_lsn = 3220, tsvector = 3614, tsquery = 3615,
                               jsonb = 3802, int4range = 3904, daterange = 3912, tsrange = 3908, tstzrange = 3910,
                               int8range = 3926;
}  // namespace type_oid

// OIDs below are the same in every database of every release, and always there.
inline constexpr std::uint32_t first_user_oid = 16384;

// Fills type, length, precision and scale of `type`. `oid` and `modifier` are those of the type below all domains;
// `kind` is its pg_type.typtype ('b' base, 'e' enum, 'c' composite, 'r' range, 'm' multirange). Arrays have kind 'b'.
void canonical_type(std::uint32_t oid, std::int32_t modifier, char kind, const TypeChoices& choices,
                    model::ColumnType& type);

}  // namespace postgres
