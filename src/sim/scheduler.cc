// SPDX-License-Identifier: Apache-2.0
#include "sim/scheduler.h"

#include <algorithm>

namespace sim {

using base::Nanos;

namespace {

constexpr Nanos step_time = std::chrono::microseconds(1);
constexpr std::uint64_t rank_change_share = 2'000;  // of a million steps

}  // namespace

SimScheduler::SimScheduler(Chance chance, SchedulerStyle style) : chance_(chance), style_(style) {}

SimScheduler::~SimScheduler() {
  // Threads of a run that failed never return: their stacks must not be used again.
  for (Thread* thread : living_) (void)thread->fiber.release();
}

const std::string& SimScheduler::name() const {
  static const std::string nobody = "-";
  return running_ == nullptr ? nobody : running_->name;
}

std::string SimScheduler::run(std::function<void()> body) {
  base::Scheduler* before = std::exchange(base::current_scheduler(), this);
  begin("main", std::move(body));
  running_ = living_.front();
  Context::change(outside_, running_->fiber->context());
  running_ = nullptr;
  base::current_scheduler() = before;
  return verdict_;
}

void SimScheduler::begin(std::string name, std::function<void()> body) {
  auto thread = std::make_unique<Thread>();
  thread->index = threads_.size();
  thread->name = std::move(name);
  thread->rank = chance_.next();
  Thread* started = thread.get();
  thread->fiber = std::make_unique<Fiber>([this, started, body = std::move(body)] {
    body();
    started->state = State::ended;
    std::erase(living_, started);
    for (Thread* other : living_) {
      if (other->state == State::joining && other->joins == started->index) other->state = State::runnable;
    }
    finished_.push_back(std::move(started->fiber));
    leave();
  });
  living_.push_back(started);
  threads_.push_back(std::move(thread));
}

void SimScheduler::start(std::string name, std::function<void()> body) {
  begin(std::move(name), std::move(body));
  step();
}

void SimScheduler::join(std::size_t thread) {
  if (threads_[thread]->state == State::ended) return;
  running_->state = State::joining;
  running_->joins = thread;
  leave();
}

// The next thread to run, or nullptr when there is none any more. Moves the time on when everybody waits.
SimScheduler::Thread* SimScheduler::choose() {
  candidates_.clear();
  Nanos earliest = Nanos::max();
  for (Thread* thread : living_) {
    if (thread->state == State::runnable) candidates_.push_back(thread);
    earliest = std::min(earliest, thread->deadline);
  }
  if (candidates_.empty()) {
    if (living_.empty()) return nullptr;
    if (earliest == Nanos::max()) {
      verdict_ = "deadlock: nobody can ever run again";
      return nullptr;
    }
    now_ = std::max(now_, earliest);
  }
  if (earliest <= now_) {
    for (Thread* thread : living_) {
      if (thread->deadline > now_) continue;
      thread->deadline = Nanos::max();
      thread->state = State::runnable;
    }
    candidates_.clear();
    for (Thread* thread : living_) {
      if (thread->state == State::runnable) candidates_.push_back(thread);
    }
  }
  if (style_.by_rank) {
    if (chance_.in_million(rank_change_share)) candidates_[chance_.below(candidates_.size())]->rank = chance_.next();
    return *std::max_element(candidates_.begin(), candidates_.end(),
                             [](const Thread* a, const Thread* b) { return a->rank < b->rank; });
  }
  return candidates_.size() == 1 ? candidates_.front() : candidates_[chance_.below(candidates_.size())];
}

void SimScheduler::leave() {
  Thread* self = running_;
  Thread* next = choose();
  if (++steps_ > style_.steps_max || now_ > style_.time_max) {
    if (verdict_.empty()) verdict_ = "no end: the limit of steps or of time is passed";
    next = nullptr;
  }
  if (next == self) return;
  Fiber* own = self->fiber ? self->fiber.get() : finished_.back().get();
  running_ = next;
  Context::change(own->context(), next == nullptr ? outside_ : next->fiber->context());
  // Somebody came back to us. Stacks of threads that ended meanwhile are free.
  finished_.clear();
}

void SimScheduler::step() {
  now_ += step_time;
  ++steps_;
  if (calm_ > 0 || !chance_.in_million(style_.switch_share)) return;
  leave();
}

bool SimScheduler::pause(Nanos length, const std::stop_token& stop) {
  if (stop.stop_requested()) return false;
  if (length <= Nanos{0}) return true;
  ENSURE(calm_ == 0);
  Thread* self = running_;
  const Nanos until = now_ + length;
  const auto wake = [self] {
    if (self->state != State::sleeping) return;
    self->state = State::runnable;
    self->deadline = Nanos::max();
  };
  self->state = State::sleeping;
  self->deadline = until;
  const std::stop_callback on_stop(stop, wake);
  leave();
  return !stop.stop_requested() || now_ >= until;
}

bool SimScheduler::is_held(const base::Mutex& mutex) const {
  return std::any_of(held_.begin(), held_.end(), [&](const Held& held) { return held.mutex == &mutex; });
}

void SimScheduler::take(base::Mutex& mutex) {
  while (is_held(mutex)) {
    ENSURE(calm_ == 0);
    running_->state = State::locking;
    running_->waits_for = &mutex;
    leave();
  }
  held_.push_back({&mutex, running_});
}

void SimScheduler::give(base::Mutex& mutex) {
  const auto found = std::find_if(held_.begin(), held_.end(), [&](const Held& held) { return held.mutex == &mutex; });
  ENSURE(found != held_.end() && found->owner == running_);
  held_.erase(found);
  for (Thread* thread : living_) {
    if (thread->state == State::locking && thread->waits_for == &mutex) thread->state = State::runnable;
  }
}

void SimScheduler::lock(base::Mutex& mutex) {
  step();
  take(mutex);
}

void SimScheduler::unlock(base::Mutex& mutex) { give(mutex); }

void SimScheduler::wait(base::Condition& condition, base::Mutex& mutex, Nanos at_most) {
  ENSURE(calm_ == 0);
  give(mutex);
  const bool is_spurious = style_.spurious_share > 0 && chance_.in_million(style_.spurious_share);
  if (!is_spurious) {
    running_->state = State::waiting;
    running_->waits_for = &condition;
    running_->deadline = at_most >= Nanos::max() - now_ ? Nanos::max() : now_ + std::max(at_most, Nanos{0});
  }
  leave();
  take(mutex);
}

void SimScheduler::notify(base::Condition& condition, bool everyone) {
  candidates_.clear();
  for (Thread* thread : living_) {
    if (thread->state == State::waiting && thread->waits_for == &condition) candidates_.push_back(thread);
  }
  if (candidates_.empty()) return;
  if (!everyone) candidates_ = {candidates_[chance_.below(candidates_.size())]};
  for (Thread* thread : candidates_) {
    thread->state = State::runnable;
    thread->deadline = Nanos::max();
  }
}

std::string SimScheduler::describe() const {
  static const char* const words[] = {"can run", "waits for a lock", "waits for a condition", "sleeps", "joins",
                                      "ended"};
  std::string text;
  for (const Thread* thread : living_) {
    text += fmt::format("  thread {} {}: {}", thread->index, thread->name, words[static_cast<int>(thread->state)]);
    if (thread->state == State::joining) text += fmt::format(" thread {}", thread->joins);
    if (thread->deadline != Nanos::max()) text += fmt::format(" until {} us", thread->deadline.count() / 1000);
    text += "\n";
  }
  return text;
}

}  // namespace sim
