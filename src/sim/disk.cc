// SPDX-License-Identifier: Apache-2.0
#include "sim/disk.h"

#include <algorithm>

namespace sim {

using base::Result;

namespace {

constexpr std::size_t sector = 64;  // small, as everything here is

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// "relay/0000001.seg" of "/data/relay/0000001.seg": the kind of file, for crash points.
std::string kind_of(const std::string& path) {
  if (path.find("/relay") != std::string::npos) return "relay";
  if (path.find("/spool") != std::string::npos) return "spool";
  if (path.find("/lake") != std::string::npos) return "lake";
  return "file";
}

}  // namespace

// ---- the server

void DiskServer::change_names(NameChange change) {
  for (const auto& [path, inode] : change) {
    if (inode) {
      names_[path] = inode;
    } else {
      names_.erase(path);
    }
  }
  pending_[folder_of(change.front().first)].push_back(std::move(change));
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
    for (std::size_t i = 0; i < kept; ++i) {
      for (const auto& [path, inode] : changes[i]) {
        if (inode) {
          durable_names_[path] = inode;
        } else {
          durable_names_.erase(path);
        }
      }
    }
  }
  pending_.clear();
  names_ = durable_names_;
  for (const auto& [path, inode] : names_) tear(*inode);
}

std::unique_ptr<DiskServer> DiskServer::certain() const {
  auto copy = std::make_unique<DiskServer>(Chance(1));
  for (const auto& [path, inode] : durable_names_) {
    auto kept = std::make_shared<Inode>();
    kept->bytes = inode->is_truncating ? inode->before_truncate : inode->bytes.substr(0, inode->synced);
    for (const auto& [from, to] : inode->unsafe) {
      const std::size_t end = std::min(to, kept->bytes.size());
      for (std::size_t at = from; at < end; ++at) kept->bytes[at] = '\0';
    }
    kept->synced = kept->bytes.size();
    copy->names_[path] = copy->durable_names_[path] = kept;
  }
  return copy;
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
    return process_->enter();
  }
  return {};
}

template <typename Effect>
Result<void> ProcessDisk::durable(const char* what, const std::string& path, Effect&& effect) {
  TRY(enter());
  if (process_ == nullptr) return effect();
  return process_->durable(fmt::format("disk.{} {}", what, kind_of(path)), effect);
}

class OpenFile final : public base::File {
 public:
  OpenFile(ProcessDisk& disk, DiskServer::InodePtr inode, std::string path)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)) {}

  Result<void> append(std::string_view bytes) override {
    TRY(disk_.enter());
    DiskServer& server = disk_.server_;
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
  ProcessDisk& disk_;
  DiskServer::InodePtr inode_;
  const std::string path_;
};

Result<std::unique_ptr<base::File>> ProcessDisk::open(const std::string& path, base::OpenMode mode) {
  TRY(enter());
  const auto found = server_.names_.find(path);
  const bool is_new = mode == base::OpenMode::create_new || mode == base::OpenMode::create_shared;
  if ((found == server_.names_.end() && mode == base::OpenMode::read) || (found != server_.names_.end() && is_new)) {
    return base::failed(base::errors::disk_failed, "cannot open {}", path);
  }
  DiskServer::InodePtr inode = found == server_.names_.end() ? nullptr : found->second;
  if (!inode) {
    if (strikes(server_.weather.full_share)) return base::failed(base::errors::disk_full, "cannot make {}", path);
    inode = std::make_shared<DiskServer::Inode>();
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
    if (server_.names_.contains(path)) server_.change_names({{path, nullptr}});
    return {};
  });
}

// Folders are taken as durable at once: no promise of ours hangs on an empty one.
Result<void> ProcessDisk::make_folders(const std::string&) { return enter(); }

Result<void> ProcessDisk::sync_folder(const std::string& path) {
  return durable("sync_folder", path, [&]() -> Result<void> {
    for (const DiskServer::NameChange& change : server_.pending_[path]) {
      for (const auto& [name, inode] : change) {
        if (inode) {
          server_.durable_names_[name] = inode;
        } else {
          server_.durable_names_.erase(name);
        }
      }
    }
    server_.pending_.erase(path);
    return {};
  });
}

Result<bool> ProcessDisk::exists(const std::string& path) {
  TRY(enter());
  if (server_.names_.contains(path)) return true;
  const auto below = server_.names_.lower_bound(path + "/");
  return below != server_.names_.end() && below->first.starts_with(path + "/");
}

Result<std::vector<std::string>> ProcessDisk::list(const std::string& path) {
  TRY(enter());
  std::set<std::string> found;
  const std::string prefix = path + "/";
  for (auto name = server_.names_.lower_bound(prefix); name != server_.names_.end() && name->first.starts_with(prefix);
       ++name) {
    const std::string rest = name->first.substr(prefix.size());
    const std::size_t slash = rest.find('/');
    found.insert(slash == std::string::npos ? rest : rest.substr(0, slash + 1));
  }
  return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace sim
