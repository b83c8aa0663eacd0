// SPDX-License-Identifier: Apache-2.0
//
// A disk in memory that forgets what was not synced and refuses when told to. Files and names share one space; open
// files live on after their name was removed. As with a real disk, several threads may use it, one file among them;
// what a test sets and looks at directly is its own while no other thread does.
#pragma once

#include <map>
#include <set>

#include "base/disk.h"
#include "base/thread.h"

namespace support {

class FaultyDisk final : public base::Disk {
 public:
  struct Content {
    std::string bytes;
    std::size_t durable = 0;  // bytes that a crash keeps
    bool is_named = false;    // the name is durable
  };
  std::int64_t appends_until_full = -1;  // then disk.full, having written half; -1: never
  std::int64_t syncs_until_failure = -1;
  bool is_truncate_refused = false;
  std::map<std::string, std::shared_ptr<Content>> files;
  std::vector<std::string> synced_folders;

  // What a power cut leaves; up to `torn` more bytes of each file survive.
  void crash(std::size_t torn = 0) {
    for (auto file = files.begin(); file != files.end();) {
      Content& content = *file->second;
      content.bytes.resize(std::min(content.bytes.size(), content.durable + torn));
      file = content.is_named ? std::next(file) : files.erase(file);
    }
  }

  base::Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override {
    const base::Lock lock(mutex_);
    const bool is_known = files.contains(path);
    if (is_known == (mode == base::OpenMode::create_new) && mode != base::OpenMode::append) {
      return base::failed(base::errors::disk_failed, "cannot open {}", path);
    }
    if (!is_known) files[path] = std::make_shared<Content>();
    return std::unique_ptr<base::File>(std::make_unique<Opened>(*this, files[path], path));
  }
  base::Result<void> rename(const std::string& from, const std::string& to) override {
    const base::Lock lock(mutex_);
    if (!files.contains(from)) return base::failed(base::errors::disk_failed, "cannot rename {}", from);
    files[to] = files[from];
    files.erase(from);
    return {};
  }
  base::Result<void> remove(const std::string& path) override {
    const base::Lock lock(mutex_);
    files.erase(path);
    return {};
  }
  base::Result<void> make_folders(const std::string&) override { return {}; }
  base::Result<void> sync_folder(const std::string& path) override {
    const base::Lock lock(mutex_);
    synced_folders.push_back(path);
    for (auto& [name, content] : files) {
      if (name.starts_with(path + "/")) content->is_named = true;
    }
    return {};
  }
  base::Result<bool> exists(const std::string& path) override {
    const base::Lock lock(mutex_);
    return files.contains(path);
  }
  base::Result<std::vector<std::string>> list(const std::string& path) override {
    const base::Lock lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, content] : files) {
      if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
    }
    return names;
  }

 private:
  class Opened final : public base::File {
   public:
    Opened(FaultyDisk& disk, std::shared_ptr<Content> content, std::string path)
        : disk_(disk), content_(std::move(content)), path_(std::move(path)) {}
    base::Result<void> append(std::string_view bytes) override {
      const base::Lock lock(disk_.mutex_);
      if (disk_.appends_until_full == 0) {
        content_->bytes.append(bytes.substr(0, bytes.size() / 2));
        return base::failed(base::errors::disk_full, "cannot write to {}", path_);
      }
      if (disk_.appends_until_full > 0) disk_.appends_until_full -= 1;
      content_->bytes.append(bytes);
      return {};
    }
    base::Result<void> read_at(std::uint64_t offset, std::size_t size, std::string& out) override {
      const base::Lock lock(disk_.mutex_);
      out = offset >= content_->bytes.size() ? std::string() : content_->bytes.substr(offset, size);
      return {};
    }
    base::Result<std::uint64_t> size() override {
      const base::Lock lock(disk_.mutex_);
      return std::uint64_t{content_->bytes.size()};
    }
    base::Result<void> truncate(std::uint64_t size) override {
      const base::Lock lock(disk_.mutex_);
      if (disk_.is_truncate_refused) return base::failed(base::errors::disk_failed, "cannot truncate {}", path_);
      content_->bytes.resize(size);
      content_->durable = std::min<std::size_t>(content_->durable, size);
      return {};
    }
    base::Result<void> sync() override {
      const base::Lock lock(disk_.mutex_);
      if (disk_.syncs_until_failure == 0) return base::failed(base::errors::disk_failed, "cannot sync {}", path_);
      if (disk_.syncs_until_failure > 0) disk_.syncs_until_failure -= 1;
      content_->durable = content_->bytes.size();
      return {};
    }

   private:
    FaultyDisk& disk_;
    std::shared_ptr<Content> content_;
    const std::string path_;
  };

  base::Mutex mutex_;
};

}  // namespace support
