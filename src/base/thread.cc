// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <pthread.h>

#include <algorithm>
#include <exception>

namespace base {

Scheduler*& current_scheduler() {
  thread_local Scheduler* scheduler = nullptr;
  return scheduler;
}

std::size_t processor_count() {
  if (const Scheduler* scheduler = current_scheduler()) return scheduler->processors();
  return std::max(1u, std::thread::hardware_concurrency());
}

void Mutex::lock() {
  if (Scheduler* scheduler = current_scheduler()) return scheduler->lock(*this);
  mutex_.lock();
}

void Mutex::unlock() {
  if (Scheduler* scheduler = current_scheduler()) return scheduler->unlock(*this);
  mutex_.unlock();
}

void Condition::wait(Mutex& mutex, Nanos at_most) {
  if (Scheduler* scheduler = current_scheduler()) return scheduler->wait(*this, mutex, at_most);
  changed_.wait_for(mutex.mutex_, at_most);
}

void Condition::notify_one() {
  if (Scheduler* scheduler = current_scheduler()) return scheduler->notify(*this, false);
  changed_.notify_one();
}

void Condition::notify_all() {
  if (Scheduler* scheduler = current_scheduler()) return scheduler->notify(*this, true);
  changed_.notify_all();
}

TaskGroup::TaskGroup(std::stop_token parent)
    : parent_link_(std::make_unique<std::stop_callback<std::function<void()>>>(std::move(parent),
                                                                               [this] { stop_.request_stop(); })) {}

TaskGroup::~TaskGroup() {
  if (threads_.empty() && simulated_.empty()) return;
  request_stop();
  (void)join();
}

// Runs one member: third-party exceptions end here, once, as a bug.
static Result<void> run_guarded(const std::function<Result<void>(std::stop_token)>& body, std::stop_token stop) {
  try {
    return body(std::move(stop));
  } catch (const std::exception& exception) {
    return failed(errors::bug, "unexpected exception: {}", exception.what());
  } catch (...) {
    return failed(errors::bug, "unexpected exception of unknown type");
  }
}

void TaskGroup::spawn(std::string name, std::function<Result<void>(std::stop_token)> body) {
  running_.fetch_add(1);
  auto run = [this, body = std::move(body)] { finish(run_guarded(body, stop_.get_token())); };
  if (Scheduler* scheduler = current_scheduler()) {
    simulated_.push_back(scheduler->threads_started());
    return scheduler->start(std::move(name), std::move(run));
  }
  threads_.emplace_back([name = name.substr(0, 15), run = std::move(run)] {
    pthread_setname_np(pthread_self(), name.c_str());
    run();
  });
}

void TaskGroup::finish(Result<void> outcome) {
  if (!outcome.ok()) {
    Lock lock(mutex_);
    if (!first_error_ || (first_error_->kind() == Kind::canceled && outcome.error().kind() != Kind::canceled)) {
      first_error_ = outcome.take_error();
    }
    stop_.request_stop();
  }
  running_.fetch_sub(1);
}

Result<void> TaskGroup::join() {
  for (std::size_t thread : simulated_) current_scheduler()->join(thread);
  for (std::thread& thread : threads_) thread.join();
  simulated_.clear();
  threads_.clear();
  Lock lock(mutex_);
  if (first_error_) return std::move(*first_error_);
  return {};
}

}  // namespace base
