// SPDX-License-Identifier: Apache-2.0
//
// What an instance gives its tasks together: memory by its class, disk by AllocatedStorage; a config gives its
// replication memory by MaxCapacityUnits. The supervisor's thread looks once a second at what the processes hold (their
// own memory, swapped or not; libraries that they share do not count), and every two seconds at the files of their
// tasks' data directories; at those of tasks at rest, which change by hand alone, when a task begins or ends and twice
// a minute. Where no task runs, nobody looks, unless the instance is full. Where it is too much, the task that holds
// most is recorded as one that must end and why (inner.exceeded); the supervisor ends it at a commit boundary, so that
// nothing is lost. One that holds half as much again as there is is killed, with the same effect but for the work since
// the last commit.
//
// The limit is looked at, not enforced by the kernel: between two looks a task can hold more. An instance whose tasks
// hold too much disk is "storage-full" until they do no more, and no task starts there meanwhile.
//
// Owner: the supervisor, whose thread calls look(); the rest is pure but for the disk.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "server/child.h"
#include "server/ground.h"

namespace server {

inline constexpr const char* storage_full = "storage-full";  // state of an instance

struct Budget {
  std::string owner;  // in words: "the instance shop (dms.t3.micro)"
  double memory_bytes = 0;
  double storage_bytes = 0;  // 0: not bounded
};
Budget budget_of(const Resource& instance_or_config);

struct TaskUse {
  std::string arn;
  double memory_bytes = 0, storage_bytes = 0;
  bool runs = false;
};

// The task that must end so that the others have room.
struct Excess {
  std::string arn;
  std::string why;  // with the code in front
  bool at_once = false;
};
std::optional<Excess> excess_of(const Budget& budget, std::span<const TaskUse> uses);

// All files below it.
double folder_bytes(const std::string& path);
// The task's share of its instance's disk bounds its relay: beyond it the source's log holds changes, as long as it
// may.
void bound_relay(json& document, const Budget& budget, std::size_t tasks);

class BudgetWatch {
 public:
  explicit BudgetWatch(Ground& ground) : ground_(ground) {}
  // Does nothing when it looked within the last second. `active`: the tasks that run, begin or end; `processes`: by
  // ARN.
  base::Result<void> look(const std::vector<Resource>& active, const std::map<std::string, Process>& processes);

 private:
  using Tasks = std::vector<const Resource*>;
  base::Result<void> look_at_owner(const Resource& owner, const Tasks& active,
                                   const std::map<std::string, Process>& processes);
  base::Result<void> note(const Excess& excess, const std::map<std::string, Process>& processes);
  base::Result<void> note_storage(const Resource& instance, bool full);
  double storage_of(const Resource& task);
  base::Result<double> storage_at_rest(const Resource& instance, const Tasks& active);

  struct Measured {
    double bytes = 0;
    base::Nanos time{};
    std::set<std::string> active{};  // at an instance: ARNs of the tasks that are not in it
  };
  Ground& ground_;
  base::Nanos looked_{};
  std::map<std::string, Measured> storage_;  // of active tasks, by ARN
  std::map<std::string, Measured> at_rest_;  // of an instance's other tasks together, by its ARN
};

}  // namespace server
