// SPDX-License-Identifier: Apache-2.0
#include "main/connectors.h"

#include <vector>

#if __has_include("connectors/postgres/register.h")
#include "connectors/postgres/register.h"
#endif
#if __has_include("connectors/files/register.h")
#include "connectors/files/register.h"
#endif

namespace main_program {

std::span<const connect::Connector* const> all_connectors() {
  static const std::vector<const connect::Connector*> list {
#if __has_include("connectors/postgres/register.h")
    &postgres::connector(),
#endif
#if __has_include("connectors/files/register.h")
        &connectors::files::connector(),
#endif
  };
  return list;
}

}  // namespace main_program
