// SPDX-License-Identifier: Apache-2.0
#include "server/ground.h"

#include "server/errors.h"

namespace server {
namespace {

constexpr base::Nanos check_time_max = std::chrono::seconds(20);

}  // namespace

std::string Ground::task_folder(const Resource& task) const {
  return data_dir + "/tasks/" + task.inner.value("folder", std::string());
}

base::Result<json> Ground::checked(const json& question) const {
  WorkerAnswer answer = TRY(worker.ask(question, check_time_max));
  if (!answer.error) return std::move(answer.value);
  if (answer.error->input) return base::failed(errors::refused, "{}", answer.error->message);
  return base::failed(errors::worker_failed, "{}: {}", answer.error->code, answer.error->message);
}

}  // namespace server
