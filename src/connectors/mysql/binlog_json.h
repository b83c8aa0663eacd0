// SPDX-License-Identifier: Apache-2.0
//
// MySQL's binary JSON to the text that its server prints, and the differences of PARTIAL_UPDATE_ROWS. A document is a
// type byte and a value; containers hold offsets to their members, so hostile bytes could tell the same part a million
// times: what is printed may not be more than a document of that size can hold. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace mysql::binlog {

// Appends the document as text; false: the bytes are not one (`out` may then have grown).
bool append_json(std::string_view document, std::string& out);

// Appends what the differences make of the document. False: one of both is malformed or they do not fit together.
bool append_patched_json(std::string_view document, std::string_view differences, std::string& out);

}  // namespace mysql::binlog
