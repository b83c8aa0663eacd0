// SPDX-License-Identifier: Apache-2.0
//
// Values in binary from hostile bytes. The first byte chooses the type, the second how the canonical cell is read. What
// becomes a native cell must have the same canonical cell by the text as directly.
#include "connectors/postgres/decode_binary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  using postgres::BinaryForm;
  using postgres::TextForm;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto form = static_cast<BinaryForm>(data[0] % (static_cast<int>(BinaryForm::jsonb) + 1));
  const auto as = static_cast<TextForm>(data[1] % (static_cast<int>(TextForm::hex_bytes) + 1));
  std::string native, canonical, through_text;
  const bool has_native = postgres::append_native(form, bytes, native);
  const bool has_canonical = postgres::append_canonical(form, as, bytes, canonical);
  if (has_canonical && !has_native) __builtin_trap();
  if (form == BinaryForm::bytea || !has_native) return 0;
  const bool has_text =
      as != TextForm::hex_bytes && postgres::decode_text(as, native, postgres::ArenaSink{through_text});
  if (has_text != has_canonical || (has_text && through_text != canonical)) __builtin_trap();
  return 0;
}
