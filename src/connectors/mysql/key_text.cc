// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/key_text.h"

#include "connectors/mysql/connection.h"

namespace mysql {

bool has_literal(Kind kind) {
  switch (kind) {
    case Kind::tiny:
    case Kind::small:
    case Kind::medium:
    case Kind::integer:
    case Kind::big:
    case Kind::decimal:
    case Kind::year:
    case Kind::date:
    case Kind::datetime:
    case Kind::timestamp:
    case Kind::character:
    case Kind::binary: return true;
    default: return false;
  }
}

// Numbers bare: a number compared with a text is compared as a float.
std::string key_literal(const model::Column& column, std::string_view text) {
  const base::Result<NativeType> native = parse_type(column.type.native, column.collation);
  ENSURE(native.ok());  // has_literal() has seen it
  switch (native->kind) {
    case Kind::character:
    case Kind::date:
    case Kind::datetime:
    case Kind::timestamp: return quote_literal(text);
    case Kind::binary: return quote_bytes(text);
    default: return std::string(text);
  }
}

}  // namespace mysql
