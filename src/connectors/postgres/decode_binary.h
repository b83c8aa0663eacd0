// SPDX-License-Identifier: Apache-2.0
//
// The one decoder from a server's binary form (what a type's send function gives) to cells, used by a stream in binary.
// It gives the same bytes as the text form would: canonical cells as decode.h, native cells as the server's own output
// function with the session settings of connection.cc. bytea is the exception in both forms: raw bytes (model/change.h,
// CellForm::native). Only types of which that is known have a BinaryForm. Pure; any thread. Every byte is checked.
#pragma once

#include <string>
#include <string_view>

#include "connectors/postgres/decode.h"
#include "model/change.h"

namespace postgres {

enum class BinaryForm : std::uint8_t {
  none,  // not decoded from binary
  boolean,
  int2,
  int4,
  int8,
  oid,
  float4,
  float8,
  numeric,
  text,  // its binary form is its text: strings, json, the labels of enums
  date,
  time,
  timestamp,
  timestamptz,
  uuid,
  bytea,
  jsonb,
};
// Of a built-in type.
BinaryForm binary_form(std::uint32_t oid);

// Append a cell; false: the bytes are not of that form (`out` may then have grown). For append_canonical also: the
// canonical type holds no such value.
bool append_native(BinaryForm form, std::string_view bytes, std::string& out);
bool append_canonical(BinaryForm form, TextForm as, std::string_view bytes, std::string& out);

// For decode_text: cells at the end of a batch's bytes.
struct ArenaSink {
  std::string& bytes;
  void add_fixed(std::int64_t value) { model::append_fixed(bytes, value); }
  void add_real(double value) { model::append_real(bytes, value); }
  void add_bytes(std::string_view value) { bytes.append(value); }
  char* add_buffer(std::size_t size) {
    const std::size_t start = bytes.size();
    bytes.resize(start + size);
    return bytes.data() + start;
  }
};

}  // namespace postgres
