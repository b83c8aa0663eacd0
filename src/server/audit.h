// SPDX-License-Identifier: Apache-2.0
//
// A line of JSON for every call that may have changed something: who, what, which resources it named, how it ended.
// A file that has grown to its size is set aside under the moment's name, and the oldest of those beyond a number are
// removed. Any thread. A line that cannot be written is logged instead.
//
// How it fails: open() as base/disk.h.
#pragma once

#include <memory>
#include <string>

#include "base/disk.h"
#include "base/thread.h"
#include "server/ground.h"

namespace server {

struct AuditLimits {
  std::uint64_t file_bytes = 64u << 20;
  std::size_t files = 20;  // that were set aside
};

class Audit {
 public:
  static base::Result<std::unique_ptr<Audit>> open(Ground& ground, AuditLimits limits = {});
  void note(const Request& request, const User& user, const std::string& id, const std::string& outcome);

 private:
  Audit(Ground& ground, AuditLimits limits) : ground_(ground), limits_(limits) {}
  base::Result<void> open_file() REQUIRES(mutex_);
  base::Result<void> append(const std::string& line) REQUIRES(mutex_);
  base::Result<void> set_aside() REQUIRES(mutex_);

  Ground& ground_;
  const AuditLimits limits_;
  base::PosixDisk disk_;
  base::Mutex mutex_;
  std::unique_ptr<base::File> file_ GUARDED_BY(mutex_);
  std::uint64_t size_ GUARDED_BY(mutex_) = 0;
};

}  // namespace server
