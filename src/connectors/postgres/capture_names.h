// SPDX-License-Identifier: Apache-2.0
//
// What the objects of one task are called at its source. All begin with "millrace_", so that a stranger sees whose they
// are, and carry the task's id, so that tasks never share them. Trivial value.
#pragma once

#include <string>

#include "connect/source.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/publication.h"

namespace postgres {

struct CaptureNames {
  std::string slot;
  bool own_slot = true;  // false: SlotName was given; never dropped by us
  PublicationNames publications;
  std::string ddl_trigger;
};

inline CaptureNames capture_names(const connect::Options& options, const connect::Context& context) {
  CaptureNames names;
  const std::string own = "millrace_" + context.task_id;
  names.own_slot = !options.is_set(option::slot_name);
  names.slot = names.own_slot ? own : options.text(option::slot_name);
  names.publications = {own, own + "_ins"};
  names.ddl_trigger = own + "_ddl";
  return names;
}

}  // namespace postgres
