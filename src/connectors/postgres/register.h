// SPDX-License-Identifier: Apache-2.0
//
// The PostgreSQL connector's descriptor, named in main/connectors.cc. Aurora is a flavour of it.
#pragma once

#include "connect/connector.h"

namespace postgres {

const connect::Connector& connector();

}  // namespace postgres
