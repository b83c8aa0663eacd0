// SPDX-License-Identifier: Apache-2.0
//
// The descriptor of the file target, engine name s3, for the list in main/connectors.cc.
#pragma once

#include "connect/connector.h"

namespace connectors::files {

const connect::Connector& connector();

}  // namespace connectors::files
