// SPDX-License-Identifier: Apache-2.0
//
// MariaDB's uuid, inet4 and inet6 as they stand in its tables and log, to the text it prints. The log leaves out zero
// bytes at the end. False: more bytes than the type has, or a uuid that could be read in two ways. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace mysql {

bool append_uuid(std::string_view bytes, std::string& out);
bool append_inet4(std::string_view bytes, std::string& out);
bool append_inet6(std::string_view bytes, std::string& out);

}  // namespace mysql
