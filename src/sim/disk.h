// SPDX-License-Identifier: Apache-2.0
//
// The machine's disk. What was written and not synced is lost, kept or torn by a power cut, name by name and sector by
// sector; names change durably only with sync_folder; after a failed sync nothing that it should have saved is safe,
// even when a later one succeeds. A process that merely dies loses nothing.
//
// DiskServer outlives processes; each process sees it through a ProcessDisk. One simulated thread at a time.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/disk.h"
#include "sim/process.h"

namespace sim {

// Shares are of a million calls.
struct DiskWeather {
  std::uint64_t full_share = 0;
  std::uint64_t sync_fails_share = 0;
  std::uint64_t slow_share = 0;
  base::Nanos slow_max = std::chrono::milliseconds(300);
};

class DiskServer {
 public:
  explicit DiskServer(Chance chance) : chance_(chance) {}

  // What is left when the power comes back.
  void cut_power();
  // A copy of what a power cut would certainly leave: nothing that was not synced.
  std::unique_ptr<DiskServer> certain() const;
  std::uint64_t bytes() const;

  DiskWeather weather;

 private:
  friend class ProcessDisk;
  friend class OpenFile;
  struct Inode {
    std::string bytes;
    std::size_t synced = 0;
    std::string before_truncate;  // what the disk holds while a truncation is not synced
    bool is_truncating = false;
    std::vector<std::pair<std::size_t, std::size_t>> unsafe;  // a sync of these failed
  };
  using InodePtr = std::shared_ptr<Inode>;
  // One change of names in a folder, in order; a null inode removes.
  using NameChange = std::vector<std::pair<std::string, InodePtr>>;

  void change_names(NameChange change);
  void tear(Inode& inode);

  Chance chance_;
  std::map<std::string, InodePtr> names_;
  std::map<std::string, InodePtr> durable_names_;
  std::map<std::string, std::vector<NameChange>> pending_;  // by folder
};

class ProcessDisk final : public base::Disk {
 public:
  // `process` nullptr: for a checker, no faults and no switches.
  ProcessDisk(DiskServer& server, Process* process, SimScheduler& scheduler)
      : server_(server), process_(process), scheduler_(scheduler) {}
  base::Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override;
  base::Result<void> rename(const std::string& from, const std::string& to) override;
  base::Result<void> remove(const std::string& path) override;
  base::Result<void> make_folders(const std::string& path) override;
  base::Result<void> sync_folder(const std::string& path) override;
  base::Result<bool> exists(const std::string& path) override;
  base::Result<std::vector<std::string>> list(const std::string& path) override;

 private:
  friend class OpenFile;
  base::Result<void> enter();
  template <typename Effect>
  base::Result<void> durable(const char* what, const std::string& path, Effect&& effect);
  bool strikes(std::uint64_t share) { return process_ != nullptr && server_.chance_.in_million(share); }

  DiskServer& server_;
  Process* process_;
  SimScheduler& scheduler_;
};

}  // namespace sim
