// SPDX-License-Identifier: Apache-2.0
#include "sim/fiber.h"

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <vector>

#include "base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(SIM_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define SIM_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIM_THREAD_SANITIZER 1
#endif
#endif
#if defined(SIM_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__x86_64__)
// Saves what a call must preserve on the old stack and takes it from the new one.
asm(R"(
.text
.type sim_switch_stack,@function
sim_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sim_switch_stack,.-sim_switch_stack
.type sim_first_entry,@function
sim_first_entry:
  movq %r12, %rdi
  callq *%r13
  ud2
.size sim_first_entry,.-sim_first_entry
)");
extern "C" void sim_switch_stack(void** from, void* to);
extern "C" void sim_first_entry();
#endif

namespace sim {
namespace {

constexpr std::size_t stack_bytes = 512u << 10;
constexpr std::size_t guard_bytes = 4096;

// Stacks that wait for their next fiber. Only touched by the thread that simulates.
std::vector<void*>& idle_stacks() {
  thread_local std::vector<void*> stacks;
  return stacks;
}

void* take_stack() {
  std::vector<void*>& idle = idle_stacks();
  if (!idle.empty()) {
    void* stack = idle.back();
    idle.pop_back();
#if defined(SIM_ADDRESS_SANITIZER)
    // Whoever had it switched away for good: the marks of the frames never left are still there.
    __asan_unpoison_memory_region(static_cast<char*>(stack) + guard_bytes, stack_bytes - guard_bytes);
#endif
    return stack;
  }
  void* stack =
      ::mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ENSURE(stack != MAP_FAILED);
  ENSURE(::mprotect(stack, guard_bytes, PROT_NONE) == 0);
  return stack;
}

}  // namespace

struct Context::Saved {
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t native{};
#endif
  void* fake_stack = nullptr;
  const void* bottom = nullptr;
  std::size_t size = 0;
  void* watched = nullptr;  // this side as the thread sanitizer knows it
};

Context::Context() : saved_(std::make_unique<Saved>()) {
#if defined(SIM_ADDRESS_SANITIZER)
  pthread_attr_t attributes;
  ENSURE(::pthread_getattr_np(::pthread_self(), &attributes) == 0);
  void* bottom = nullptr;
  ::pthread_attr_getstack(&attributes, &bottom, &saved_->size);
  ::pthread_attr_destroy(&attributes);
  saved_->bottom = bottom;
#endif
}
Context::~Context() = default;

void Context::change(Context& from, Context& to) {
#if defined(SIM_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&from.saved_->fake_stack, to.saved_->bottom, to.saved_->size);
#endif
#if defined(SIM_THREAD_SANITIZER)
  // A switch orders what both sides do, as it does in truth: what is simulated is watched for races of real threads.
  from.saved_->watched = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.saved_->watched, 0);
#endif
#if defined(__x86_64__)
  sim_switch_stack(&from.saved_->stack_pointer, to.saved_->stack_pointer);
#else
  ::swapcontext(&from.saved_->native, &to.saved_->native);
#endif
#if defined(SIM_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(from.saved_->fake_stack, nullptr, nullptr);
#endif
}

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)), stack_(take_stack()) {
  context_.saved_->bottom = stack_;
  context_.saved_->size = stack_bytes;
#if defined(SIM_THREAD_SANITIZER)
  context_.saved_->watched = __tsan_create_fiber(0);
#endif
#if defined(__x86_64__)
  auto* top = reinterpret_cast<std::uint64_t*>(static_cast<char*>(stack_) + stack_bytes);
  *--top = 0;  // keeps the stack aligned as a call would
  *--top = 0;
  *--top = reinterpret_cast<std::uint64_t>(&sim_first_entry);
  *--top = 0;                                               // rbp
  *--top = 0;                                               // rbx
  *--top = reinterpret_cast<std::uint64_t>(this);           // r12
  *--top = reinterpret_cast<std::uint64_t>(&Fiber::enter);  // r13
  *--top = 0;                                               // r14
  *--top = 0;                                               // r15
  context_.saved_->stack_pointer = top;
#else
  ucontext_t& native = context_.saved_->native;
  ENSURE(::getcontext(&native) == 0);
  native.uc_stack.ss_sp = stack_;
  native.uc_stack.ss_size = stack_bytes;
  const auto address = reinterpret_cast<std::uintptr_t>(this);
  auto entry = [](unsigned high, unsigned low) {
    enter(reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32) | low));
  };
  ::makecontext(&native, reinterpret_cast<void (*)()>(static_cast<void (*)(unsigned, unsigned)>(entry)), 2,
                static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
#endif
}

Fiber::~Fiber() {
#if defined(SIM_THREAD_SANITIZER)
  __tsan_destroy_fiber(context_.saved_->watched);
#endif
  idle_stacks().push_back(stack_);
}

void Fiber::enter(Fiber* fiber) {
#if defined(SIM_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  fiber->body_();
  base::broken_invariant("a fiber's body switches away for good", __FILE__, __LINE__);
}

}  // namespace sim
