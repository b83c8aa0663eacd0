// SPDX-License-Identifier: Apache-2.0
//
// MySQL and MariaDB as a target: see connect/target.h for the promise, prepare.h, load.h and apply.h for the work. The
// position is stored in the target with the data (millrace_position). Opening connects once and checks the login;
// nothing on the server changes before start().
#pragma once

#include "connect/target.h"

namespace mysql {

base::Result<std::unique_ptr<connect::Target>> open_target(const connect::Options& options,
                                                           const connect::Context& context);

}  // namespace mysql
