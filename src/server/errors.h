// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with the server itself: its command line, its data directory, its store, its keys, its children.
// What it answers to clients is in api/errors.h.
#pragma once

#include "base/error.h"

namespace server::errors {

using base::Code;
using base::Kind;

inline constexpr Code bad_usage{"server.bad_usage", Kind::input,
                                "`millrace serve --help` and `millrace user --help` describe the command line."};
inline constexpr Code bad_data_dir{"server.bad_data_dir", Kind::input,
                                   "Give a folder that exists or can be made, and that this user may write to."};
inline constexpr Code in_use{"server.in_use", Kind::input,
                             "Another server works in this data directory. Stop it, or use another --data-dir."};
inline constexpr Code store_failed{"server.store_failed", Kind::task,
                                   "The server's store could not be read or written; check the disk and its space. "
                                   "Nothing was changed that was not acknowledged."};
inline constexpr Code store_unclear{"server.store_unclear", Kind::task,
                                    "The connection to the store broke while a change was written, and nobody knows "
                                    "whether it was: look, and ask for it again where it is missing."};
inline constexpr Code store_in_use{"server.store_in_use", Kind::input,
                                   "A server with another data directory owns the store. Stop it there; one that died "
                                   "gives it up after half a minute. Its tasks have their state in its data directory: "
                                   "start the server with that one where it still exists."};
inline constexpr Code store_newer{"server.store_newer", Kind::input,
                                  "The store was written by a newer release of Millrace; use that release."};
inline constexpr Code store_taken{"server.store_taken", Kind::task,
                                  "Another server has taken over the store; this one writes no more. End it."};
inline constexpr Code bad_key{"server.bad_key", Kind::input,
                              "Give the key that the store was made with, 64 hexadecimal digits: the file `key` of the "
                              "data directory, MILLRACE_KEY, or what --key-from names."};
inline constexpr Code sealed_damaged{"server.sealed_damaged", Kind::task,
                                     "A stored secret cannot be opened with this key: was the key or the store "
                                     "exchanged? Give the secret again with ModifyEndpoint."};
inline constexpr Code bad_certificate{"server.bad_certificate", Kind::input,
                                      "Give a certificate and its private key in PEM form, readable for this user."};
inline constexpr Code cannot_listen{"server.cannot_listen", Kind::input,
                                    "Choose an address of this machine and a port that is free, with --listen."};
inline constexpr Code cannot_start{"server.cannot_start", Kind::transient,
                                   "The system refused to start a process; check its limits on processes and memory."};
inline constexpr Code worker_failed{"server.worker_failed", Kind::transient,
                                    "A process of the server ended without an answer; the server's log has its last "
                                    "words."};
inline constexpr Code memory_exceeded{"server.memory_exceeded", Kind::task,
                                      "Give the instance a larger class (a config more MaxCapacityUnits), or move "
                                      "tasks to other instances, then resume the "
                                      "task: nothing was lost."};
inline constexpr Code storage_exceeded{
    "server.storage_exceeded", Kind::task,
    "Raise AllocatedStorage of the instance, or delete tasks of it, then resume the task: nothing was lost."};
inline constexpr Code event_refused{
    "server.event_refused", Kind::transient,
    "The server of --webhook or --sns-endpoint did not take an event; it is sent again. "
    "Does the topic exist, and may these credentials publish to it?"};
inline constexpr Code not_reached{"server.not_reached", Kind::transient,
                                  "Is the server running, and --server its URL? Its certificate is given with --ca or "
                                  "AWS_CA_BUNDLE."};
inline constexpr Code refused{"server.refused", Kind::input, "The named member is not acceptable; correct it."};

}  // namespace server::errors
