// SPDX-License-Identifier: Apache-2.0
//
// The actions of ALTER TABLE and the options of tables. Pure; only mysql_ddl.cc calls them.
#pragma once

#include "convert/mysql_tokens.h"

namespace convert {

// One action, up to a comma or the end; false: it is not understood. `others`: further tables that it touches.
bool read_action(TokenReader& in, const MysqlDialect& dialect, std::vector<Action>& out,
                 std::vector<MysqlTable>& others);
// One table option: ENGINE=x, COMMENT='x', DEFAULT CHARSET x, anything of the form word [=] value.
bool read_table_option(TokenReader& in, Action& out);

}  // namespace convert
