// SPDX-License-Identifier: Apache-2.0
//
// The task file: {"source": CreateEndpoint, "target": CreateEndpoint, "task": CreateReplicationTask}. TableMappings and
// ReplicationTaskSettings may be objects or, as in the API, strings that hold JSON. Parsing touches nothing; a document
// that parses has known members with known values only. Immutable after parse.
//
// How it fails: `input` errors that name the member's path.
#pragma once

#include "engine/task.h"
#include "main/endpoint.h"

namespace main_program {

struct TaskDocument {
  Endpoint source;
  Endpoint target;
  engine::TaskDefinition definition;  // task_id is still empty: it needs the data directory's identity
  std::vector<std::string> remarks;   // members that were accepted without effect
};

base::Result<TaskDocument> parse_task_document(std::string_view text, std::string_view file_name,
                                               std::span<const connect::Connector* const> connectors,
                                               const Environ& environ_of, const SecretReader& secret_of = {});

// From the identifier and the data directory's identity: short, stable, [a-z0-9_].
std::string task_id_of(std::string_view identifier, std::string_view data_identity);

}  // namespace main_program
