// SPDX-License-Identifier: Apache-2.0
//
// A store, a Journal and a clock in memory for the tests of the file target. Store and Journal share a FaultPlan: the
// n-th durable step fails, before or after it took effect, as if the process had died there. They outlive the targets
// that a test makes one after another.
#pragma once

#include <map>

#include "connect/journal.h"
#include "connect/target.h"
#include "wire/object_store.h"

namespace connectors::files {

inline constexpr base::Code died{"test.died", base::Kind::task, ""};

struct FaultPlan {
  std::int64_t fail_at = -1;  // step that fails; -1: none
  bool after = false;         // it took effect, only the answer is lost
  std::int64_t steps = 0;
  bool dead = false;

  // Runs `effect` unless the process is dead or dies here.
  base::Result<void> step(const std::function<void()>& effect) {
    if (dead) return base::failed(died, "dead");
    const bool fails = steps++ == fail_at;
    if (!fails || after) effect();
    if (!fails) return {};
    dead = true;
    return base::failed(died, "died at step {}", fail_at);
  }
};

class FakeJournal final : public connect::Journal {
 public:
  explicit FakeJournal(FaultPlan& plan) : plan_(plan) {}
  base::Result<std::optional<std::string>> get(const std::string& key) override {
    const auto found = notes.find(key);
    return found == notes.end() ? std::optional<std::string>() : std::optional<std::string>(found->second);
  }
  base::Result<std::vector<std::pair<std::string, std::string>>> scan(const std::string& prefix) override {
    std::vector<std::pair<std::string, std::string>> found;
    for (auto at = notes.lower_bound(prefix); at != notes.end() && at->first.starts_with(prefix); ++at) {
      found.push_back(*at);
    }
    return found;
  }
  base::Result<void> commit(const std::vector<std::pair<std::string, std::optional<std::string>>>& changes) override {
    return plan_.step([&] {
      for (const auto& [key, value] : changes) {
        if (value) {
          notes[key] = *value;
        } else {
          notes.erase(key);
        }
      }
    });
  }
  std::map<std::string, std::string> notes;

 private:
  FaultPlan& plan_;
};

class FakeStore final : public wire::ObjectStore {
 public:
  struct Object {
    std::string bytes;
    wire::ObjectFacts facts;
  };
  explicit FakeStore(FaultPlan& plan, std::map<std::string, Object>& objects) : plan_(plan), objects_(objects) {}

  base::Result<void> probe(const std::stop_token&) override { return {}; }
  base::Result<void> put(const std::string& key, std::string_view bytes, const wire::ObjectFacts& facts,
                         const std::stop_token&) override {
    return plan_.step([&] { objects_[key] = Object{std::string(bytes), facts}; });
  }
  base::Result<std::unique_ptr<wire::Upload>> upload(const std::string& key, const wire::ObjectFacts& facts,
                                                     const std::stop_token&) override {
    return std::unique_ptr<wire::Upload>(new FakeUpload(*this, key, facts));
  }
  base::Result<std::string> get(const std::string& key, std::optional<wire::ByteRange> range,
                                const std::stop_token&) override {
    const auto found = objects_.find(key);
    if (found == objects_.end()) return base::failed(died, "no {}", key);
    const std::string& bytes = found->second.bytes;
    if (!range) return bytes;
    return range->offset >= bytes.size() ? std::string() : bytes.substr(range->offset, range->size);
  }
  base::Result<std::optional<wire::ObjectHead>> head(const std::string& key, const std::stop_token&) override {
    const auto found = objects_.find(key);
    if (found == objects_.end()) return std::optional<wire::ObjectHead>();
    return std::optional<wire::ObjectHead>(wire::ObjectHead{found->second.bytes.size(), 0, found->second.facts});
  }
  base::Result<std::vector<wire::ObjectEntry>> list(const std::string& prefix, const std::stop_token&) override {
    std::vector<wire::ObjectEntry> entries;
    for (const auto& [key, object] : objects_) {
      if (key.starts_with(prefix)) entries.push_back({key, object.bytes.size(), 0});
    }
    return entries;
  }
  base::Result<void> remove(const std::vector<std::string>& keys, const std::stop_token&) override {
    for (const std::string& key : keys) {
      auto removed = plan_.step([&] { objects_.erase(key); });
      if (!removed.ok()) return removed;
    }
    return {};
  }
  base::Result<std::size_t> abort_stale(const std::string&, const std::function<bool(const wire::UnfinishedUpload&)>&,
                                        const std::stop_token&) override {
    return std::size_t{0};
  }
  std::string place() const override { return "fake://lake"; }

 private:
  class FakeUpload final : public wire::Upload {
   public:
    FakeUpload(FakeStore& store, std::string key, wire::ObjectFacts facts)
        : store_(store), key_(std::move(key)), facts_(std::move(facts)) {}
    base::Result<void> append(std::string_view bytes) override {
      bytes_ += bytes;
      return {};
    }
    base::Result<void> finish() override { return store_.put(key_, bytes_, facts_, {}); }

   private:
    FakeStore& store_;
    std::string key_;
    wire::ObjectFacts facts_;
    std::string bytes_;
  };
  FaultPlan& plan_;
  std::map<std::string, Object>& objects_;
};

class FakeClock final : public base::Clock {
 public:
  base::WallMicros wall() const override { return wall_now; }
  base::Nanos monotonic() const override { return monotonic_now; }
  bool pause(base::Nanos, const std::stop_token&) override { return true; }
  base::WallMicros wall_now = 0;
  base::Nanos monotonic_now{0};
};

}  // namespace connectors::files
