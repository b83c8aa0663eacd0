// SPDX-License-Identifier: Apache-2.0
//
// What went wrong, as a value. An Error carries a Code (stable name, what to do about it, advice for the operator),
// a message that names the object, and optionally its cause. Codes are declared once, in one `errors.h` beside the
// code that raises them; docs/errors.md is made from those tables. An Error is immutable after creation and may be
// moved between threads freely. Values of rows and secrets never enter a message.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace base {

// What the engine does about it, not where it came from.
enum class Kind {
  transient,  // retry from the last checkpoint, with bounded back-off
  table,      // suspend this table, the rest flows
  task,       // stop the task and say what to do
  input,      // the request is bad; nothing was touched (exit code 2)
  canceled,   // somebody asked us to stop
  bug,        // our own fault
};

std::string_view kind_name(Kind kind);

// One row of an errors table. `name` is stable ("pg.missing_privilege"); it is what users search for.
struct Code {
  std::string_view name;
  Kind kind;
  std::string_view advice;
};

struct [[nodiscard]] Error {
  const Code* code;
  std::string message;
  // Shared because the same cause may be reported for several tables.
  std::shared_ptr<const Error> cause;

  Kind kind() const { return code->kind; }
  bool is(const Code& other) const { return code == &other; }
  Error because(Error reason) &&;
  // "pg.missing_privilege: table public.orders: ... (cause: ...)"; one line, without the advice.
  std::string text() const;
};

template <typename... Args>
Error failed(const Code& code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{&code, fmt::format(format, std::forward<Args>(args)...), nullptr};
}

namespace errors {
inline constexpr Code canceled{"base.canceled", Kind::canceled, "The work was stopped on request; resume it later."};
inline constexpr Code closed{"base.closed", Kind::canceled, "The other side of a channel has gone; see its own error."};
inline constexpr Code disk_full{"disk.full", Kind::task,
                                "Free space on the data directory's disk, then resume the task: nothing was lost."};
inline constexpr Code disk_failed{"disk.failed", Kind::task,
                                  "The operating system refused a file operation; check the disk and its permissions, "
                                  "then resume the task."};
inline constexpr Code bug{"base.bug", Kind::bug, "This is a defect of Millrace; please report it with the log."};
}  // namespace errors

// A broken invariant: prints where and what, then aborts. Restart is cheap, the checkpoint is durable.
[[noreturn]] void broken_invariant(const char* condition, const char* file, int line);

}  // namespace base

#define ENSURE(condition) \
  (static_cast<bool>(condition) ? void(0) : ::base::broken_invariant(#condition, __FILE__, __LINE__))
