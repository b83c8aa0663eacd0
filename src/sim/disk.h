// SPDX-License-Identifier: Apache-2.0
//
// The machine's disk. What was written and not synced is lost, kept or torn by a power cut, name by name and sector by
// sector; names change durably only with sync_folder, and a folder whose own name is not durable takes all below it
// along; after a failed sync nothing that it should have saved is safe, even when a later one succeeds. A process that
// merely dies loses nothing.
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

// Is told what readers of the disk can see: a name that came (or came to mean another file), a file that grew while its
// name was there. Calls come while no other simulated thread runs.
class DiskWatch {
 public:
  virtual ~DiskWatch() = default;
  virtual void came(const std::string& path) = 0;
  virtual void grew(const std::string& path) = 0;
};

class DiskServer {
 public:
  explicit DiskServer(Chance chance) : chance_(chance) {}

  // A folder that is there and durable before anything begins.
  void make_root(const std::string& path);

  // What is left when the power comes back.
  void cut_power();
  // A copy of what a power cut would certainly leave: nothing that was not synced.
  std::unique_ptr<DiskServer> certain() const;
  std::uint64_t bytes() const;

  // --- as a reader. Files below a folder ("/lake/"), by path: a number that no other file of the run has, as they are
  // seen now or (`certain`) as a power cut right now would leave them for sure.
  std::map<std::string, std::uint64_t> files_below(const std::string& folder, bool certain) const;
  std::string content(const std::string& path, bool certain) const;

  DiskWeather weather;
  DiskWatch* watch = nullptr;

 private:
  friend class ProcessDisk;
  friend class OpenFile;
  struct Inode {
    std::uint64_t number = 0;
    bool is_folder = false;
    std::string bytes;
    std::size_t synced = 0;
    std::string before_truncate;  // what the disk holds while a truncation is not synced
    bool is_truncating = false;
    std::vector<std::pair<std::size_t, std::size_t>> unsafe;  // a sync of these failed
  };
  using InodePtr = std::shared_ptr<Inode>;
  // One change of names in a folder, in order; a null inode removes.
  using NameChange = std::vector<std::pair<std::string, InodePtr>>;
  using Names = std::map<std::string, InodePtr>;

  InodePtr make_inode(bool is_folder);
  bool is_folder(const std::string& path) const;
  void change_names(NameChange change);
  static void take_over(Names& names, const NameChange& change);
  static void drop_unreachable(Names& names);
  static std::string certain_bytes(const Inode& inode);
  void tear(Inode& inode);

  Chance chance_;
  std::uint64_t next_number_ = 1;
  Names names_;
  Names durable_names_;
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
  base::Result<void> check_place() const;
  template <typename Effect>
  base::Result<void> durable(const char* what, const std::string& path, Effect&& effect);
  bool strikes(std::uint64_t share) { return process_ != nullptr && server_.chance_.in_million(share); }

  DiskServer& server_;
  Process* process_;
  SimScheduler& scheduler_;
};

}  // namespace sim
