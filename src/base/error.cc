// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace base {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::transient: return "transient";
    case Kind::table: return "table";
    case Kind::task: return "task";
    case Kind::input: return "input";
    case Kind::canceled: return "canceled";
    case Kind::bug: return "bug";
  }
  return "bug";
}

Error Error::because(Error reason) && {
  cause = std::make_shared<const Error>(std::move(reason));
  return std::move(*this);
}

std::string Error::text() const {
  std::string line = fmt::format("{}: {}", code->name, message);
  if (cause) line += fmt::format(" (cause: {})", cause->text());
  return line;
}

void broken_invariant(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "millrace: broken invariant %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace base
