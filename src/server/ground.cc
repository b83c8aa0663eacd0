// SPDX-License-Identifier: Apache-2.0
#include "server/ground.h"

#include "base/disk.h"
#include "server/errors.h"

namespace server {
namespace {

constexpr base::Nanos check_time_max = std::chrono::seconds(20);

}  // namespace

base::Result<void> write_file(const std::string& path, std::string_view text) {
  base::PosixDisk disk;
  const std::string fresh = path + "." + random_hex(8);
  auto file = TRY(disk.open(fresh, base::OpenMode::create_new));
  TRY(file->append(text));
  TRY(file->sync());
  return disk.rename(fresh, path);
}

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
