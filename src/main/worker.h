// SPDX-License-Identifier: Apache-2.0
//
// What `millrace worker` does: it answers the server's questions, each a line of JSON on standard input, with a line on
// standard output, until there are no more. What needs a connector's code or a database runs here, in a process of its
// own, so that nothing of it can harm the server. Not meant for people. One thread.
//
//   {"ask": "check-endpoint", "side": "source", "endpoint": {CreateEndpoint}}  -> {"place": "postgres db:5432/crm",
//                                                                                 "attributes": "secrets=***"}
//   {"ask": "check-task", "document": {task file}}                             -> {"settings": "{...}", "remarks": []}
//   {"ask": "test", "side": ..., "endpoint": ...}                              -> {"version": "15.4"}; really connects
//   {"ask": "schemas", "side": ..., "endpoint": ...}                           -> {"schemas": ["public"]}
//   {"ask": "checks", "source": "postgres", "target": "s3", "type": "cdc"}     -> {"checks": [names]} of assessments
//   {"ask": "assess", "document": ..., "data_dir": ..., "checks": [names],     -> {"checks": [verdicts], "status":
//    "results": {place}, "run": {...}}                                             "warning", "types": {...}};
//                                                                                really looks at both sides, and leaves
//                                                                                results (assessment_results.h)
//   {"ask": "engines"}                       -> {"engines": [{"name", "source", "target", "options": [...]}]}
//
// A refusal is an answer: {"error": {"code": "connect.bad_option", "message": "...", "input": true}}.
#pragma once

#include <string>

#include "base/result.h"

namespace main_program {

base::Result<std::string> answer_of(std::string_view question);

}  // namespace main_program
