// SPDX-License-Identifier: Apache-2.0
#include "base/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace base {
namespace {

Error disk_error(const std::string& path, std::string_view doing, int code) {
  const Code& kind = (code == ENOSPC || code == EDQUOT || code == EFBIG) ? errors::disk_full : errors::disk_failed;
  return failed(kind, "cannot {} {}: {}", doing, path, std::strerror(code));
}

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override { ::close(descriptor_); }

  Result<void> append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return disk_error(path_, "write to", errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<void> read_at(std::uint64_t offset, std::size_t size, std::string& out) override {
    out.resize(size);
    std::size_t filled = 0;
    while (filled < size) {
      const ssize_t got = ::pread(descriptor_, out.data() + filled, size - filled, off_t(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return disk_error(path_, "read", errno);
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    out.resize(filled);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat facts {};
    if (::fstat(descriptor_, &facts) != 0) return disk_error(path_, "look at", errno);
    return static_cast<std::uint64_t>(facts.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_, off_t(size)) != 0) return disk_error(path_, "truncate", errno);
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_) != 0) return disk_error(path_, "make durable", errno);
    return {};
  }

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  if (mode == OpenMode::read) flags |= O_RDONLY;
  if (mode == OpenMode::append) flags |= O_RDWR | O_CREAT | O_APPEND;
  const bool create = mode == OpenMode::create_new || mode == OpenMode::create_shared;
  if (create) flags |= O_RDWR | O_CREAT | O_EXCL | O_APPEND;
  const int descriptor = ::open(path.c_str(), flags, mode == OpenMode::create_shared ? 0666 : 0600);
  if (descriptor < 0) return disk_error(path, "open", errno);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(descriptor, path));
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return disk_error(from, "rename", errno);
  return {};
}

Result<void> PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  if ((errno == EISDIR || errno == EPERM) && (::rmdir(path.c_str()) == 0 || errno == ENOENT)) return {};
  return disk_error(path, "remove", errno);
}

Result<void> PosixDisk::make_folders(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return disk_error(path, "create folder", code.value());
  return {};
}

Result<void> PosixDisk::sync_folder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return disk_error(path, "open folder", errno);
  const int outcome = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  if (outcome != 0) return disk_error(path, "make durable folder", code);
  return {};
}

Result<bool> PosixDisk::exists(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return disk_error(path, "look at", errno);
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& path) {
  std::vector<std::string> names;
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) {
    if (errno == ENOENT) return names;
    return disk_error(path, "list", errno);
  }
  while (const dirent* entry = ::readdir(folder)) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat facts {};
    if (::stat((path + "/" + name).c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) name += '/';
    names.push_back(std::move(name));
  }
  ::closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace base
