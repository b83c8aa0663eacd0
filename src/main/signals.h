// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C. The first SIGINT, SIGTERM or SIGHUP asks the task to stop at a commit boundary; a second one, or ten seconds,
// ends the process at once with exit code 130, which loses nothing: what is durable is durable, the rest is read again.
//
// Order: block_signals() before any thread starts (threads inherit it), then watch_signals() on a thread of its own.
#pragma once

#include <functional>
#include <stop_token>

#include "base/result.h"

namespace main_program {

inline constexpr int exit_interrupted = 130;

void block_signals();

// Returns when `done` is requested. Calls on_first once.
base::Result<void> watch_signals(const std::function<void()>& on_first, const std::stop_token& done);

}  // namespace main_program
