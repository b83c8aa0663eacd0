// SPDX-License-Identifier: Apache-2.0
#include "server/budgets.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "server/errors.h"
#include "server/instances.h"
#include "server/machine.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Lock;
using base::Result;

constexpr double gib = 1024.0 * 1024 * 1024, mib = 1024.0 * 1024;
constexpr double gib_of_capacity_unit = 2;
constexpr double too_much_to_wait = 1.5;  // times the budget
constexpr base::Nanos look_interval = std::chrono::seconds(1), storage_interval = std::chrono::seconds(2);
constexpr base::Nanos rest_interval = std::chrono::seconds(30);
constexpr double relay_share = 0.75, relay_mb_usual = 16384, relay_mb_least = 64;
constexpr const char* relay_member = "MillraceRelayCapMB";

std::string gib_text(double bytes) { return fmt::format("{:.1f} GiB", bytes / gib); }

std::string why(const base::Code& code, const Budget& budget, const char* what, double all, double have, double own) {
  return fmt::format("{}: the tasks of {} hold {} of {} {}, this one {}", code.name, budget.owner, gib_text(all),
                     gib_text(have), what, gib_text(own));
}

const TaskUse* largest(std::span<const TaskUse> uses, double TaskUse::*member) {
  const TaskUse* found = nullptr;
  for (const TaskUse& use : uses) {
    if (use.runs && (found == nullptr || use.*member > found->*member)) found = &use;
  }
  return found;
}

double sum(std::span<const TaskUse> uses, double TaskUse::*member) {
  double all = 0;
  for (const TaskUse& use : uses) all += use.*member;
  return all;
}

bool mentions(std::string text, std::string word) {
  for (std::string* each : {&text, &word}) {
    std::transform(each->begin(), each->end(), each->begin(), [](unsigned char c) { return std::tolower(c); });
  }
  return text.find(word) != std::string::npos;
}

}  // namespace

Budget budget_of(const Resource& owner) {
  if (owner.kind == config_kind) {
    const double units = owner.shown.value("ComputeConfig", json::object()).value("MaxCapacityUnits", 1.0);
    return {fmt::format("the replication config {} ({} capacity units)", owner.id, units),
            units * gib_of_capacity_unit * gib, 0};
  }
  const std::string name = owner.shown.value("ReplicationInstanceClass", "");
  return {fmt::format("the instance {} ({})", owner.id, name), memory_gib_of_class(name) * gib,
          owner.shown.value("AllocatedStorage", 0.0) * gib};
}

std::optional<Excess> excess_of(const Budget& budget, std::span<const TaskUse> uses) {
  const double memory = sum(uses, &TaskUse::memory_bytes), storage = sum(uses, &TaskUse::storage_bytes);
  if (const TaskUse* most = largest(uses, &TaskUse::memory_bytes); most != nullptr && memory > budget.memory_bytes) {
    return Excess{most->arn,
                  why(errors::memory_exceeded, budget, "of memory", memory, budget.memory_bytes, most->memory_bytes),
                  memory > budget.memory_bytes * too_much_to_wait};
  }
  const bool full = budget.storage_bytes > 0 && storage > budget.storage_bytes;
  if (const TaskUse* most = largest(uses, &TaskUse::storage_bytes); full && most != nullptr) {
    return Excess{most->arn,
                  why(errors::storage_exceeded, budget, "of disk", storage, budget.storage_bytes, most->storage_bytes),
                  false};
  }
  return std::nullopt;
}

double folder_bytes(const std::string& path) {
  // Files come and go meanwhile.
  namespace fs = std::filesystem;
  std::error_code code, ignored;
  double bytes = 0;
  fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, code);
  for (const fs::recursive_directory_iterator end; !code && at != end; at.increment(code)) {
    if (!at->is_regular_file(ignored)) continue;
    const auto size = at->file_size(ignored);
    if (!ignored) bytes += static_cast<double>(size);
  }
  return bytes;
}

void bound_relay(json& document, const Budget& budget, std::size_t tasks) {
  json& source = document["source"];
  // Who sets it there has decided; giving it in two places is refused.
  if (budget.storage_bytes <= 0 || mentions(source.value("ExtraConnectionAttributes", ""), relay_member)) return;
  const double share = budget.storage_bytes / mib * relay_share / static_cast<double>(std::max<std::size_t>(tasks, 1));
  source[relay_member] = static_cast<std::int64_t>(std::clamp(share, relay_mb_least, relay_mb_usual));
}

Result<void> BudgetWatch::look(const std::vector<Resource>& active, const std::map<std::string, Process>& processes) {
  const base::Nanos now = ground_.clock.monotonic();
  if (looked_ != base::Nanos(0) && now < looked_ + look_interval) return {};
  looked_ = now;
  std::map<std::string, Tasks> by_owner;
  for (const Resource& task : active) {
    by_owner[task.kind == config_kind ? task.arn : task.shown.value("ReplicationInstanceArn", "")].push_back(&task);
  }
  for (const Resource& instance : TRY(ground_.store.in_state(instance_kind, {storage_full}))) by_owner[instance.arn];
  for (const auto& [arn, tasks] : by_owner) {
    const auto owner = TRY(ground_.store.find_arn(arn));
    if (owner) TRY(look_at_owner(*owner, tasks, processes));
  }
  std::erase_if(storage_, [&](const auto& task) { return now > task.second.time + 10 * storage_interval; });
  std::erase_if(at_rest_, [&](const auto& instance) { return !by_owner.contains(instance.first); });
  return {};
}

Result<void> BudgetWatch::look_at_owner(const Resource& owner, const Tasks& active,
                                        const std::map<std::string, Process>& processes) {
  const Budget budget = budget_of(owner);
  const bool is_instance = owner.kind == instance_kind;
  // One that ends already makes room, before another one must.
  const bool one_ends =
      std::any_of(active.begin(), active.end(), [](const Resource* task) { return task->inner.contains("exceeded"); });
  std::vector<TaskUse> uses;
  for (const Resource* task : active) {
    TaskUse use{.arn = task->arn, .storage_bytes = is_instance ? storage_of(*task) : 0};
    if (const auto process = processes.find(task->arn); process != processes.end()) {
      use.memory_bytes = process_counts(process->second.pid()).private_bytes;
      const bool shall_run = task->state == "running" || task->state == "starting";
      use.runs = shall_run && one_ends == task->inner.contains("exceeded");
    }
    uses.push_back(std::move(use));
  }
  if (is_instance) {
    uses.push_back({.arn = "", .storage_bytes = TRY(storage_at_rest(owner, active))});
    TRY(note_storage(owner, sum(uses, &TaskUse::storage_bytes) > budget.storage_bytes));
  }
  const auto excess = excess_of(budget, uses);
  return excess ? note(*excess, processes) : Result<void>();
}

double BudgetWatch::storage_of(const Resource& task) {
  const base::Nanos now = ground_.clock.monotonic();
  const auto [known, fresh] = storage_.try_emplace(task.arn);
  if (fresh || now > known->second.time + storage_interval) {
    known->second = {folder_bytes(ground_.task_folder(task)), now};
  }
  return known->second.bytes;
}

Result<double> BudgetWatch::storage_at_rest(const Resource& instance, const Tasks& active) {
  const base::Nanos now = ground_.clock.monotonic();
  std::set<std::string> arns;
  for (const Resource* task : active) arns.insert(task->arn);
  const auto [known, fresh] = at_rest_.try_emplace(instance.arn);
  if (!fresh && arns == known->second.active && now < known->second.time + rest_interval) return known->second.bytes;
  double bytes = 0;
  for (const Resource& task : TRY(ground_.store.referring(task_kind, instance.arn))) {
    if (!arns.contains(task.arn)) bytes += folder_bytes(ground_.task_folder(task));
  }
  known->second = {bytes, now, std::move(arns)};
  return bytes;
}

// The supervisor does the rest, and the next one, should this one die.
Result<void> BudgetWatch::note(const Excess& excess, const std::map<std::string, Process>& processes) {
  Lock deciding(ground_.store.deciding);
  std::optional<Resource> task = TRY(ground_.store.find_arn(excess.arn));
  if (!task || (task->state != "running" && task->state != "starting")) return {};
  if (!task->inner.contains("exceeded")) {
    task->inner["exceeded"] = excess.why;
    ground_.log.warning("supervisor", "task {}: {}", task->id, excess.why);
    TRY(ground_.store.commit({.removed = {}, .put = {*task}, .tags = {}, .events = {}}));
  }
  // It does not wait for its commit any more.
  if (excess.at_once) processes.at(excess.arn).signal(SIGKILL);
  return {};
}

Result<void> BudgetWatch::note_storage(const Resource& instance, bool full) {
  if (full == (instance.state == storage_full)) return {};
  Lock deciding(ground_.store.deciding);
  std::optional<Resource> now = TRY(ground_.store.find_arn(instance.arn));
  if (!now || now->state != instance.state) return {};
  now->state = full ? storage_full : "available";
  now->shown["ReplicationInstanceStatus"] = now->state;
  Change change{.removed = {}, .put = {*now}, .tags = {}, .events = {}};
  change.events.push_back(
      event_of(ground_, "replication-instance", now->id, "low storage",
               full ? "Replication instance has run out of storage" : "Replication instance has storage again"));
  return ground_.store.commit(change);
}

}  // namespace server
