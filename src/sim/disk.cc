// SPDX-License-Identifier: Apache-2.0
#include "sim/disk.h"

#include <algorithm>

namespace sim {

using base::Result;

namespace {

constexpr std::size_t sector = 64;  // small, as everything here is

std::string folder_above(const std::string& path) { return path.substr(0, path.rfind('/')); }

// "relay/0000001.seg" of "/data/relay/0000001.seg": the kind of file, for crash points.
std::string kind_of(const std::string& path) {
  if (path.find("/relay") != std::string::npos) return "relay";
  if (path.find("/spool") != std::string::npos) return "spool";
  if (path.find("/lake") != std::string::npos) return "lake";
  return "file";
}

}  // namespace

// ---- the server

DiskServer::InodePtr DiskServer::make_inode(bool is_folder) {
  auto inode = std::make_shared<Inode>();
  inode->number = next_number_++;
  inode->is_folder = is_folder;
  return inode;
}

void DiskServer::make_root(const std::string& path) { names_[path] = durable_names_[path] = make_inode(true); }

bool DiskServer::is_folder(const std::string& path) const {
  const auto found = names_.find(path);
  return found != names_.end() && found->second->is_folder;
}

void DiskServer::take_over(Names& names, const NameChange& change) {
  for (const auto& [path, inode] : change) {
    if (inode) {
      names[path] = inode;
    } else {
      names.erase(path);
    }
  }
}

void DiskServer::change_names(NameChange change) {
  take_over(names_, change);
  const auto [path, inode] = change.front();
  pending_[folder_above(path)].push_back(std::move(change));
  if (watch != nullptr && inode && !inode->is_folder) watch->came(path);
}

// What stands in a folder that is not there itself is gone. Folders come before what is in them.
void DiskServer::drop_unreachable(Names& names) {
  for (auto at = names.begin(); at != names.end();) {
    const std::string folder = folder_above(at->first);
    const auto above = names.find(folder);
    const bool is_reachable = folder.empty() || (above != names.end() && above->second->is_folder);
    at = is_reachable ? std::next(at) : names.erase(at);
  }
}

// Each sector behind what was synced is there, or zeros; the file ends anywhere behind what was synced.
void DiskServer::tear(Inode& inode) {
  if (inode.is_truncating && chance_.percent(50)) {
    inode.bytes = inode.before_truncate;
    inode.synced = inode.bytes.size();
  }
  const std::size_t unsynced = inode.bytes.size() - std::min(inode.synced, inode.bytes.size());
  const std::uint64_t fate = chance_.below(100);
  const std::size_t kept = fate < 30 ? 0 : fate < 60 ? unsynced : chance_.below(unsynced + 1);
  inode.bytes.resize(inode.bytes.size() - unsynced + kept);
  const auto zero = [&](std::size_t from, std::size_t to) {
    for (std::size_t at = from; at < to; at = (at / sector + 1) * sector) {
      if (!chance_.percent(30)) continue;
      const std::size_t end = std::min((at / sector + 1) * sector, to);
      std::fill(inode.bytes.begin() + std::ptrdiff_t(at), inode.bytes.begin() + std::ptrdiff_t(end), '\0');
    }
  };
  if (chance_.percent(50)) zero(std::min(inode.synced, inode.bytes.size()), inode.bytes.size());
  for (const auto& [from, to] : inode.unsafe)
    zero(std::min(from, inode.bytes.size()), std::min(to, inode.bytes.size()));
  inode.unsafe.clear();
  inode.is_truncating = false;
  inode.synced = inode.bytes.size();
}

void DiskServer::cut_power() {
  for (auto& [folder, changes] : pending_) {
    const std::size_t kept = chance_.below(changes.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) take_over(durable_names_, changes[i]);
  }
  pending_.clear();
  drop_unreachable(durable_names_);
  names_ = durable_names_;
  for (const auto& [path, inode] : names_) tear(*inode);
}

// Nothing that was not synced.
std::string DiskServer::certain_bytes(const Inode& inode) {
  std::string kept = inode.is_truncating ? inode.before_truncate : inode.bytes.substr(0, inode.synced);
  for (const auto& [from, to] : inode.unsafe) {
    const std::size_t end = std::min(to, kept.size());
    for (std::size_t at = from; at < end; ++at) kept[at] = '\0';
  }
  return kept;
}

std::unique_ptr<DiskServer> DiskServer::certain() const {
  auto copy = std::make_unique<DiskServer>(Chance(1));
  for (const auto& [path, inode] : durable_names_) {
    auto kept = std::make_shared<Inode>();
    kept->number = inode->number;
    kept->is_folder = inode->is_folder;
    kept->bytes = certain_bytes(*inode);
    kept->synced = kept->bytes.size();
    copy->durable_names_[path] = std::move(kept);
  }
  drop_unreachable(copy->durable_names_);
  copy->names_ = copy->durable_names_;
  return copy;
}

std::map<std::string, std::uint64_t> DiskServer::files_below(const std::string& folder, bool certain) const {
  const Names& names = certain ? durable_names_ : names_;
  std::map<std::string, std::uint64_t> found;
  for (auto at = names.lower_bound(folder); at != names.end() && at->first.starts_with(folder); ++at) {
    if (at->second->is_folder) continue;
    bool is_reachable = true;
    for (std::string above = folder_above(at->first); certain && is_reachable && above.size() > folder.size();
         above = folder_above(above)) {
      is_reachable = names.contains(above);
    }
    if (is_reachable) found.emplace(at->first, at->second->number);
  }
  return found;
}

std::string DiskServer::content(const std::string& path, bool certain) const {
  const Names& names = certain ? durable_names_ : names_;
  const auto found = names.find(path);
  if (found == names.end()) return "";
  return certain ? certain_bytes(*found->second) : found->second->bytes;
}

std::uint64_t DiskServer::bytes() const {
  std::uint64_t total = 0;
  for (const auto& [path, inode] : names_) total += inode->bytes.size();
  return total;
}

// ---- a process's view

Result<void> ProcessDisk::enter() {
  if (process_ == nullptr) return {};
  TRY(process_->enter());
  if (strikes(server_.weather.slow_share)) {
    scheduler_.pause(base::Nanos(server_.chance_.between(1, server_.weather.slow_max.count())), {});
    TRY(process_->enter());
  }
  return check_place();
}

Result<void> ProcessDisk::check_place() const {
  if (!process_->has_moved()) return {};
  return base::failed(base::errors::disk_failed, "the simulated disk is gone");
}

template <typename Effect>
Result<void> ProcessDisk::durable(const char* what, const std::string& path, Effect&& effect) {
  TRY(enter());
  if (process_ == nullptr) return effect();
  return process_->durable(fmt::format("disk.{} {}", what, kind_of(path)), [&]() -> Result<void> {
    TRY(check_place());
    return effect();
  });
}

class OpenFile final : public base::File {
 public:
  OpenFile(ProcessDisk& disk, DiskServer::InodePtr inode, std::string path)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)) {}

  Result<void> append(std::string_view bytes) override {
    TRY(disk_.enter());
    DiskServer& server = disk_.server_;
    note_growth();
    if (disk_.strikes(server.weather.full_share)) {
      inode_->bytes.append(bytes.substr(0, server.chance_.below(bytes.size() + 1)));
      return base::failed(base::errors::disk_full, "cannot write to {}", path_);
    }
    inode_->bytes.append(bytes);
    return {};
  }
  Result<void> read_at(std::uint64_t offset, std::size_t size, std::string& out) override {
    TRY(disk_.enter());
    out = offset >= inode_->bytes.size() ? std::string() : inode_->bytes.substr(offset, size);
    return {};
  }
  Result<std::uint64_t> size() override { return std::uint64_t{inode_->bytes.size()}; }
  Result<void> truncate(std::uint64_t size) override {
    TRY(disk_.enter());
    note_growth();
    if (!inode_->is_truncating && size < inode_->synced) {
      inode_->before_truncate = inode_->bytes.substr(0, inode_->synced);
      inode_->is_truncating = true;
    }
    inode_->bytes.resize(size);
    inode_->synced = std::min<std::size_t>(inode_->synced, size);
    for (auto& [from, to] : inode_->unsafe) to = std::min<std::size_t>(to, size);
    return {};
  }
  Result<void> sync() override {
    if (disk_.strikes(disk_.server_.weather.sync_fails_share)) {
      TRY(disk_.enter());
      inode_->unsafe.emplace_back(inode_->synced, inode_->bytes.size());
      return base::failed(base::errors::disk_failed, "cannot sync {}", path_);
    }
    return disk_.durable("sync", path_, [&]() -> Result<void> {
      inode_->synced = inode_->bytes.size();
      inode_->is_truncating = false;
      return {};
    });
  }

 private:
  void note_growth() {
    const DiskServer& server = disk_.server_;
    const auto named = server.names_.find(path_);
    if (server.watch != nullptr && named != server.names_.end() && named->second == inode_) server.watch->grew(path_);
  }
  ProcessDisk& disk_;
  DiskServer::InodePtr inode_;
  const std::string path_;
};

Result<std::unique_ptr<base::File>> ProcessDisk::open(const std::string& path, base::OpenMode mode) {
  TRY(enter());
  const auto found = server_.names_.find(path);
  const bool is_new = mode == base::OpenMode::create_new || mode == base::OpenMode::create_shared;
  const bool is_there = found != server_.names_.end();
  const bool fits = is_there ? !is_new && !found->second->is_folder
                             : mode != base::OpenMode::read && server_.is_folder(folder_above(path));
  if (!fits) return base::failed(base::errors::disk_failed, "cannot open {}", path);
  DiskServer::InodePtr inode = is_there ? found->second : nullptr;
  if (!inode) {
    if (strikes(server_.weather.full_share)) return base::failed(base::errors::disk_full, "cannot make {}", path);
    inode = server_.make_inode(false);
    server_.change_names({{path, inode}});
  }
  return std::unique_ptr<base::File>(std::make_unique<OpenFile>(*this, std::move(inode), path));
}

Result<void> ProcessDisk::rename(const std::string& from, const std::string& to) {
  return durable("rename", to, [&]() -> Result<void> {
    const auto found = server_.names_.find(from);
    if (found == server_.names_.end()) return base::failed(base::errors::disk_failed, "cannot rename {}", from);
    DiskServer::InodePtr inode = found->second;
    server_.change_names({{to, inode}, {from, nullptr}});
    return {};
  });
}

Result<void> ProcessDisk::remove(const std::string& path) {
  return durable("remove", path, [&]() -> Result<void> {
    if (!server_.names_.contains(path)) return {};
    const auto below = server_.names_.lower_bound(path + "/");
    if (below != server_.names_.end() && below->first.starts_with(path + "/")) {
      return base::failed(base::errors::disk_failed, "cannot remove {}: it is not empty", path);
    }
    server_.change_names({{path, nullptr}});
    return {};
  });
}

Result<void> ProcessDisk::make_folders(const std::string& path) {
  TRY(enter());
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (!server_.names_.contains(folder)) server_.change_names({{folder, server_.make_inode(true)}});
    if (end == std::string::npos) return {};
  }
}

Result<void> ProcessDisk::sync_folder(const std::string& path) {
  if (strikes(server_.weather.sync_fails_share / 4)) {
    TRY(enter());
    return base::failed(base::errors::disk_failed, "cannot sync {}", path);
  }
  return durable("sync_folder", path, [&]() -> Result<void> {
    if (!server_.is_folder(path)) return base::failed(base::errors::disk_failed, "cannot open {}", path);
    for (const DiskServer::NameChange& change : server_.pending_[path]) {
      DiskServer::take_over(server_.durable_names_, change);
    }
    server_.pending_.erase(path);
    return {};
  });
}

Result<bool> ProcessDisk::exists(const std::string& path) {
  TRY(enter());
  return server_.names_.contains(path);
}

Result<std::vector<std::string>> ProcessDisk::list(const std::string& path) {
  TRY(enter());
  std::vector<std::string> found;
  const std::string prefix = path.ends_with('/') ? path : path + "/";
  for (auto name = server_.names_.lower_bound(prefix); name != server_.names_.end() && name->first.starts_with(prefix);
       ++name) {
    const std::string rest = name->first.substr(prefix.size());
    if (rest.find('/') == std::string::npos) found.push_back(name->second->is_folder ? rest + "/" : rest);
  }
  return found;
}

}  // namespace sim
