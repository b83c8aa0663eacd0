// SPDX-License-Identifier: Apache-2.0
//
// A stack of its own that one operating-system thread switches to and from: how a simulated thread runs. Switching
// costs some nanoseconds on x86-64 and a system call elsewhere. Stacks have a guard page and are used again.
//
// Owner: the scheduler. All calls come from the one thread that runs the simulation. A body must return (it may not
// throw), and a Fiber whose body has not returned must not be destroyed by someone who still means to go on with it:
// what lies on its stack is lost.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace sim {

// What is saved of a side that does not run.
class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  // Continues `to`; returns when somebody switches back to `from`.
  static void change(Context& from, Context& to);

 private:
  friend class Fiber;
  struct Saved;
  std::unique_ptr<Saved> saved_;
};

class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  // The body's last act is to switch away for good.
  Context& context() { return context_; }

 private:
  static void enter(Fiber* fiber);
  std::function<void()> body_;
  void* stack_;
  Context context_;
};

}  // namespace sim
