// SPDX-License-Identifier: Apache-2.0
#include "main/connectors.h"

#include <vector>

#include "connectors/files/register.h"
#include "connectors/mysql/register.h"
#include "connectors/postgres/register.h"

namespace main_program {

std::span<const connect::Connector* const> all_connectors() {
  static const std::vector<const connect::Connector*> list = {&postgres::connector(), &mysql::connector(),
                                                              &connectors::files::connector()};
  return list;
}

}  // namespace main_program
