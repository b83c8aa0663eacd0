// SPDX-License-Identifier: Apache-2.0
//
// The disk, as an interface, so that a simulator can tear, lose, refuse and delay writes. Used by the relay, the spool
// and the local object store. Paths are absolute. Nothing is durable before sync() of the file and, for a new, renamed
// or removed name, sync_folder() of its folder has returned. One thread at a time per File; Disk may be shared.
//
// How it fails: disk.full when there is no space, disk.failed for anything else, both naming the path.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace base {

class File {
 public:
  virtual ~File() = default;
  virtual Result<void> append(std::string_view bytes) = 0;
  // Reads up to `size` bytes at that offset into `out` (replaced); shorter only at the end of the file.
  virtual Result<void> read_at(std::uint64_t offset, std::size_t size, std::string& out) = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<void> sync() = 0;
};

// create_shared: as create_new, but readable as the process's umask allows (files meant for others; the rest is 0600).
enum class OpenMode { read, append, create_new, create_shared };

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> make_folders(const std::string& path) = 0;
  virtual Result<void> sync_folder(const std::string& path) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  // Names (not paths) in that folder, sorted; folders end in '/'. An absent folder is empty.
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
};

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_folders(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
};

}  // namespace base
