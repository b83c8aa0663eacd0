// SPDX-License-Identifier: Apache-2.0
//
// Makes true what the operations recorded: runs a process for each task that shall run, ends it, learns how it ended,
// removes what a deleted task left; has workers answer tests of connections and refreshes of schemas.
//
// It acts on the store alone: every step is stored before it is taken, and taking it twice does no harm, because the
// process of a task holds the lock of its folder. So the server may die at any moment: the next one finds the tasks
// that run by their locks, and does again whatever was not finished. A task process that dies without having said how
// it ended is started again, a few times, then the task has failed.
//
// Owner: the server's main function; one thread calls run(), any thread wake().
#pragma once

#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/thread.h"
#include "server/budgets.h"
#include "server/child.h"
#include "server/ground.h"

namespace server {

class Supervisor {
 public:
  explicit Supervisor(Ground& ground) : ground_(ground), budgets_(ground) {}

  // Until stopped. Tasks go on running afterwards.
  base::Result<void> run(const std::stop_token& stop);
  void wake();

 private:
  base::Result<void> renew_lease();
  base::Result<bool> look();  // true: something is on its way, look again soon
  base::Result<void> look_at_task(Resource task);
  base::Result<void> go_on(Resource& task);
  base::Result<void> end_task(Resource& task);
  base::Result<void> delete_task(Resource& task);
  base::Result<void> start_process(Resource& task);
  base::Result<void> look_at_question(Resource row);
  base::Result<void> ask_worker(const Resource& row);
  base::Result<void> note_answer(Resource row, base::Result<WorkerAnswer> answer);
  base::Result<void> begin_again(Resource& task);
  base::Result<void> ended(Resource& task, const json& report, const std::string& how);
  base::Result<void> crashed(Resource& task, const std::string& how);
  base::Result<void> settle(Resource& task, const std::string& state, const std::string& reason,
                            const std::string& failure);
  enum class Life { none, unknown, alive, ended };  // unknown: alive, and has not said yet who it is
  Life life_of(const Resource& task);
  bool runs_on(const Resource& task);  // as it shall
  std::string collect(const Resource& task);
  void ask_to_end(const Resource& task);
  base::Result<void> launch(const Resource& task, std::vector<std::string> arguments);
  base::Result<json> document_of(const Resource& task);

  Ground& ground_;
  BudgetWatch budgets_;
  std::map<std::string, Process> processes_;         // of tasks, by ARN
  std::map<std::string, base::Nanos> asked_to_end_;  // tasks whose process was told to end, and when
  std::map<std::string, Question> questions_;        // by question_of() their row
  struct Drop {
    int tries = 0;
    base::Nanos next{};
  };
  std::map<std::string, Drop> drops_;  // how often it was tried to remove what a deleted task left

  base::Nanos renewed_{};  // the lease of the store

  base::Mutex mutex_;
  base::Condition changed_;
  bool awake_ GUARDED_BY(mutex_) = false;
};

}  // namespace server
