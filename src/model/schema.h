// SPDX-License-Identifier: Apache-2.0
//
// Types and table schemas, free of any database's client library. A TableSchema is immutable once built; batches and
// stages share it by shared_ptr because one version outlives the batch, the thread and the relay segment it came in.
//
// Canonical cells (what a source decodes to, and every target understands), by Type:
//   boolean, int1..int8, uint1..uint8   8 bytes, int64 little endian (uint8: the same bits, unsigned)
//   real4, real8                        8 bytes, IEEE double (real4: the exact widening)
//   date                                8 bytes, int64 days since 1970-01-01 (proleptic Gregorian, BC negative)
//   time                                8 bytes, int64 microseconds since midnight (24:00:00 allowed)
//   datetime                            8 bytes, int64 microseconds since 1970-01-01 00:00 (with a zone: in UTC)
//   numeric                             text: -?digits[.digits], or NaN, Infinity, -Infinity; scale as the source wrote
//   string, wstring, clob, nclob        UTF-8
//   bytes, blob                         raw
// date_infinity and its negation stand for +-infinity in date and datetime.
//
// Native cells are the source's own text form of the value (bytes and blob: raw); used when source and target are of
// one family (TableSchema::family) and the mapping keeps the type, so that nothing is converted and nothing can be
// bent.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace model {

enum class Type : std::uint8_t {
  boolean,
  int1,
  int2,
  int4,
  int8,
  uint1,
  uint2,
  uint4,
  uint8,
  numeric,
  real4,
  real8,
  date,
  time,
  datetime,
  string,
  wstring,
  clob,
  nclob,
  bytes,
  blob,
};
std::string_view type_name(Type type);                      // "INT4", as DMS writes it
std::optional<Type> type_from_name(std::string_view name);  // any case

inline constexpr std::int64_t date_infinity = std::numeric_limits<std::int64_t>::max();

// True for the types whose canonical cell is 8 bytes of integer (reals included in is_real).
constexpr bool is_fixed(Type type) {
  return type <= Type::uint8 || type == Type::date || type == Type::time || type == Type::datetime;
}
constexpr bool is_integer(Type type) { return type >= Type::int1 && type <= Type::uint8; }
constexpr bool is_real(Type type) { return type == Type::real4 || type == Type::real8; }
constexpr bool is_large_object(Type type) { return type == Type::clob || type == Type::nclob || type == Type::blob; }

struct ColumnType {
  Type type = Type::string;
  std::uint32_t length = 0;     // string: bytes, wstring: characters; 0 = unbounded
  std::uint16_t precision = 0;  // numeric; 0 = unbounded
  std::int16_t scale = 0;       // numeric digits after the point; time and datetime: fraction digits 0..6
  std::string native;           // as the source would write it in DDL: "numeric(12,2)", "public.mood"
  std::uint32_t native_id = 0;  // PostgreSQL: type OID
  std::int32_t native_modifier = -1;
  bool native_portable = false;  // the native binary form has the same meaning on any server of that family

  friend bool operator==(const ColumnType&, const ColumnType&) = default;
};

enum class Identity : std::uint8_t { none, by_default, always };

struct Column {
  std::string name;
  ColumnType type;
  bool nullable = true;
  bool generated = false;  // stored generated column: recomputed by the target, never in batches
  std::string generation;  // its native expression
  Identity identity = Identity::none;
  std::string default_expression;  // native SQL, empty: none
  std::string collation;           // native, empty: default
  std::string comment;
  std::int32_t ordinal = 0;  // stable in the source (PostgreSQL: attnum); tells rename from drop + add
  std::string source_name;   // the name in the source before mapping; set by mapping

  friend bool operator==(const Column&, const Column&) = default;
};

struct TableName {
  std::string schema;
  std::string table;
  std::string text() const { return schema + "." + table; }
  friend auto operator<=>(const TableName&, const TableName&) = default;
};

// How much of the old row the log carries for UPDATE and DELETE.
enum class OldImage : std::uint8_t { none, key, full };

// Secondary objects, only made on a target of the same family. `definition` is the native tail after the table's name:
// index: "USING btree (a, lower(b)) WHERE c" (CREATE [UNIQUE] INDEX name ON table <definition>);
// constraint on an index: "UNIQUE (a, b) DEFERRABLE", "EXCLUDE USING gist (...)", and check: "CHECK (a > 0)"
// (ALTER TABLE table ADD CONSTRAINT name <definition>). The primary key is not among them.
struct SecondaryObject {
  std::string name;
  bool unique = false;      // index
  bool constraint = false;  // a unique or exclusion constraint stands on that index
  std::string definition;
  friend bool operator==(const SecondaryObject&, const SecondaryObject&) = default;
};

struct ForeignKey {
  std::string name;
  std::vector<std::string> columns;
  TableName referenced;
  std::vector<std::string> referenced_columns;
  std::string rules;  // native tail: "ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
  // Its actions change rows of this table, and the source's log does not tell: whoever applies a Change with `cascade`
  // carries them out.
  bool unlogged = false;
  friend bool operator==(const ForeignKey&, const ForeignKey&) = default;
};

// Something of the source that must exist on a target of the same family before the table can: a schema, an extension,
// a user-defined type. `definition` is the complete native CREATE statement; empty: it cannot be made by us (a base
// type in C), only be there already. Names of user types in it are qualified.
struct NativeObject {
  enum class Kind : std::uint8_t { schema, extension, enumeration, domain, composite, range, base_type, collation };
  Kind kind = Kind::schema;
  TableName name;  // schema empty for schemas and extensions
  std::string definition;
  friend bool operator==(const NativeObject&, const NativeObject&) = default;
};

// A sequence that feeds a column, by identity, by ownership (serial) or by its default alone.
struct Sequence {
  TableName name;
  std::uint32_t column = 0;  // index into columns
  bool identity = false;
  bool owned = false;  // OWNED BY that column
  std::string type;    // "bigint"
  std::int64_t start = 1, increment = 1, minimum = 1, maximum = 0, cache = 1;
  bool cycle = false;
  std::optional<std::int64_t> last_value;  // at the time of describing; nullopt: never used or not readable
  friend bool operator==(const Sequence&, const Sequence&) = default;
};

// A partition of a partitioned table, parents before children. `bound`: "FOR VALUES FROM (1) TO (10)" or "DEFAULT";
// `partitioning` as in TableSchema when it is partitioned itself.
struct Partition {
  TableName name;
  TableName parent;
  std::string bound;
  std::string partitioning;
  friend bool operator==(const Partition&, const Partition&) = default;
};

struct TableSchema {
  TableName name;
  TableName source_name;        // before mapping; equals name in the source's own schema
  std::string family;           // "postgresql", "mysql", "memory"
  std::string kind = "table";   // as TableListing::kind: "table", "partitioned", "view", "foreign", "unlogged", ...
  std::uint64_t source_id = 0;  // PostgreSQL: relation OID
  std::vector<Column> columns;  // in order; generated columns are listed but carry no cells
  std::string primary_key_name;
  std::vector<std::uint32_t> primary_key;               // indexes into columns, in key order; empty: none
  std::vector<std::vector<std::uint32_t>> unique_keys;  // further unique, non-partial, column-only keys
  OldImage old_image = OldImage::key;
  std::vector<std::uint32_t> old_key;  // columns in the key image
  std::string partitioning;            // native PARTITION BY tail, empty: plain table
  bool unlogged = false;
  std::vector<SecondaryObject> indexes;
  std::vector<SecondaryObject> checks;
  std::vector<ForeignKey> foreign_keys;
  std::string comment;
  std::vector<NativeObject> requirements;  // in the order in which they must be made
  std::vector<Sequence> sequences;
  std::vector<Partition> partitions;                             // never tables of their own
  std::vector<std::pair<std::string, std::string>> object_tags;  // set by mapping: of the files written for it

  std::optional<std::uint32_t> find_column(std::string_view column) const;
  friend bool operator==(const TableSchema&, const TableSchema&) = default;
};
using TableSchemaPtr = std::shared_ptr<const TableSchema>;

// The columns that carry cells (not generated), as indexes into schema.columns. Row and change batches have one cell
// for each of these, in this order.
std::vector<std::uint32_t> stored_columns(const TableSchema& schema);

}  // namespace model
