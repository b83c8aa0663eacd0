// SPDX-License-Identifier: Apache-2.0
//
// MySQL and MariaDB (flavours: RDS, Aurora MySQL) for main/connectors.cc.
#pragma once

#include "connect/connector.h"

namespace mysql {

const connect::Connector& connector();

}  // namespace mysql
