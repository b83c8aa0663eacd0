// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/types.h"

namespace postgres {
namespace {

using model::ColumnType;
using model::Type;

constexpr std::int32_t header = 4;  // atttypmod of types with a length counts four bytes more

void set(ColumnType& type, Type kind, std::uint32_t length = 0) {
  type.type = kind;
  type.length = length;
}

void set_numeric(std::int32_t modifier, const TypeChoices& choices, ColumnType& type) {
  type.type = Type::numeric;
  if (modifier < header) {
    if (choices.unbounded_numeric_as_string) type.type = Type::string;
    return;
  }
  const std::int32_t packed = modifier - header;
  type.precision = static_cast<std::uint16_t>(packed >> 16 & 0xffff);
  const std::int32_t scale = packed & 0x7ff;  // 11 bits with sign, since release 15
  type.scale = static_cast<std::int16_t>((scale ^ 1024) - 1024);
}

void set_text(std::uint32_t oid, std::int32_t modifier, const TypeChoices& choices, ColumnType& type) {
  const std::uint32_t length = modifier > header ? static_cast<std::uint32_t>(modifier - header) : 0;
  const bool is_long = oid == type_oid::varchar && length >= long_varchar_length_min;
  set(type, is_long ? choices.long_varchar : Type::wstring,
      is_long && choices.long_varchar != Type::wstring ? 0 : length);
}

// Types whose whole story is one row: kind and the most bytes their text can have (0: no bound).
bool set_plain(std::uint32_t oid, ColumnType& type) {
  struct Plain {
    std::uint32_t oid;
    Type type;
    std::uint32_t length;
  };
  static constexpr Plain plain[] = {
      {type_oid::int2, Type::int2, 0},          {type_oid::int4, Type::int4, 0},
      {type_oid::int8, Type::int8, 0},          {type_oid::float4, Type::real4, 0},
      {type_oid::float8, Type::real8, 0},       {type_oid::date, Type::date, 0},
      {type_oid::bytea, Type::blob, 0},         {type_oid::oid, Type::uint4, 0},
      {type_oid::xid, Type::uint4, 0},          {type_oid::cid, Type::uint4, 0},
      {type_oid::text, Type::nclob, 0},         {type_oid::json, Type::nclob, 0},
      {type_oid::xml, Type::clob, 0},           {type_oid::tsvector, Type::clob, 0},
      {type_oid::tsquery, Type::clob, 0},       {type_oid::character, Type::wstring, 4},
      {type_oid::name, Type::wstring, 63},      {type_oid::timetz, Type::string, 32},
      {type_oid::interval, Type::string, 128},  {type_oid::cidr, Type::string, 50},
      {type_oid::inet, Type::string, 50},       {type_oid::macaddr, Type::string, 18},
      {type_oid::macaddr8, Type::string, 24},   {type_oid::uuid, Type::string, 36},
      {type_oid::pg_lsn, Type::string, 17},     {type_oid::point, Type::string, 255},
      {type_oid::line, Type::string, 255},      {type_oid::lseg, Type::string, 255},
      {type_oid::box, Type::string, 255},       {type_oid::circle, Type::string, 255},
      {type_oid::path, Type::clob, 0},          {type_oid::polygon, Type::clob, 0},
      {type_oid::int4range, Type::string, 255}, {type_oid::int8range, Type::string, 255},
      {type_oid::daterange, Type::string, 255}, {type_oid::tsrange, Type::string, 255},
      {type_oid::tstzrange, Type::string, 255},
  };
  for (const Plain& row : plain) {
    if (row.oid != oid) continue;
    set(type, row.type, row.length);
    return true;
  }
  return false;
}

std::int16_t fraction_digits(std::int32_t modifier) {
  return modifier >= 0 && modifier <= 6 ? static_cast<std::int16_t>(modifier) : std::int16_t{6};
}

}  // namespace

void canonical_type(std::uint32_t oid, std::int32_t modifier, char kind, const TypeChoices& choices,
                    model::ColumnType& type) {
  type.length = 0;
  type.precision = 0;
  type.scale = 0;
  if (kind == 'e') return set(type, Type::string, 64);
  if (set_plain(oid, type)) return;
  switch (oid) {
    case type_oid::boolean: return choices.boolean_as_boolean ? set(type, Type::boolean) : set(type, Type::string, 5);
    case type_oid::numeric: return set_numeric(modifier, choices, type);
    case type_oid::money:
      type.type = Type::numeric;
      type.precision = 38;
      type.scale = 4;
      return;
    case type_oid::bpchar:
    case type_oid::varchar: return set_text(oid, modifier, choices, type);
    case type_oid::time:
    case type_oid::timestamp:
    case type_oid::timestamptz:
      type.type = oid == type_oid::time ? Type::time : Type::datetime;
      type.scale = fraction_digits(modifier);
      return;
    case type_oid::bit:
    case type_oid::varbit: return set(type, Type::string, modifier > 0 ? static_cast<std::uint32_t>(modifier) : 0);
    case type_oid::jsonb: return set(type, choices.jsonb_as_clob ? Type::clob : Type::nclob);
    default: return set(type, Type::nclob);  // arrays, composites, ranges, extensions: their own text
  }
}

}  // namespace postgres
