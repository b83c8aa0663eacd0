// SPDX-License-Identifier: Apache-2.0
//
// The errors of object stores and HTTP. docs/errors.md is made from these rows.
#pragma once

#include "base/error.h"

namespace wire::errors {

using base::Code;
using base::Kind;

inline constexpr Code bad_key{"wire.bad_key", Kind::task,
                              "The object's name cannot be used in this store; rename the schema, table or folder."};
inline constexpr Code bad_metadata{"wire.bad_metadata", Kind::bug,
                                   "Object metadata must be short printable ASCII; please report this with the log."};
inline constexpr Code key_busy{"wire.key_busy", Kind::bug,
                               "Two writers had the same object open; please report this with the log."};
inline constexpr Code no_object{"wire.no_object", Kind::task,
                                "An object that should be there is missing: was the folder or bucket changed by "
                                "somebody else? Reload the table it belongs to."};
inline constexpr Code no_folder{"wire.no_folder", Kind::input,
                                "The folder of MillraceUrl must exist and be writable for the user of the task."};
inline constexpr Code bad_sidecar{"wire.bad_sidecar", Kind::task,
                                  "A .millrace-meta file of the target folder is damaged; remove it together with the "
                                  "object it belongs to and reload that table."};

}  // namespace wire::errors
