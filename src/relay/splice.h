// SPDX-License-Identifier: Apache-2.0
//
// Moving changes between batches. Pure; the batches belong to the caller's thread.
#pragma once

#include "model/change.h"

namespace relay {

// Copies one change with its cells and bytes; `from` holds it. Position, xid and flags go along.
void copy_change(const model::ChangeBatch& from, const model::Change& change, model::ChangeBatch& to);

// Appends all changes of `from`; `through` and `source_time` are left alone.
void append_all(const model::ChangeBatch& from, model::ChangeBatch& to);

}  // namespace relay
