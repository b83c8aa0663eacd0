// SPDX-License-Identifier: Apache-2.0
//
// The lock file is never removed: a process that waits for a removed file's lock would hold nothing. The identity is
// written to a file of its own name first, then renamed, so that a crash leaves either none or a whole one.
#include "main/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/disk.h"
#include "main/errors.h"

namespace main_program {
namespace {

constexpr std::size_t identity_bytes_max = 64;

base::Error unusable(const std::string& path, std::string_view what) {
  return base::failed(errors::bad_data_dir, "{}: {}", path, what);
}

base::Result<std::string> absolute(const std::string& path) {
  if (path.empty()) return base::failed(errors::bad_data_dir, "--data-dir must not be empty");
  std::error_code code;
  const std::filesystem::path out = std::filesystem::absolute(path, code).lexically_normal();
  if (code) return unusable(path, code.message());
  std::string text = out.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

base::Result<std::string> read_identity(base::Disk& disk, const std::string& path) {
  const std::string file_name = path + "/identity";
  if (!TRY(disk.exists(file_name))) return std::string();
  auto file = TRY(disk.open(file_name, base::OpenMode::read));
  std::string text;
  TRY(file->read_at(0, identity_bytes_max, text));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

base::Result<void> write_identity(base::Disk& disk, const std::string& path, const std::string& identity) {
  const std::string fresh = path + "/.identity";
  if (TRY(disk.exists(fresh))) TRY(disk.remove(fresh));
  auto file = TRY(disk.open(fresh, base::OpenMode::create_new));
  TRY(file->append(identity + "\n"));
  TRY(file->sync());
  TRY(disk.rename(fresh, path + "/identity"));
  return disk.sync_folder(path);
}

// Who holds it, for the message; "another process" when it does not say.
std::string holder(int file) {
  char text[32] = {};
  const ssize_t bytes = ::pread(file, text, sizeof text - 1, 0);
  std::string digits;
  for (ssize_t i = 0; i < bytes && text[i] >= '0' && text[i] <= '9'; ++i) digits += text[i];
  return digits.empty() ? "another process" : "process " + digits;
}

}  // namespace

DataDir::DataDir(DataDir&& other) noexcept
    : path_(std::move(other.path_)), identity_(std::move(other.identity_)), lock_file_(other.lock_file_) {
  other.lock_file_ = -1;
}

DataDir::~DataDir() {
  if (lock_file_ >= 0) ::close(lock_file_);
}

base::Result<DataDir> DataDir::lock(const std::string& path, base::Random& random) {
  DataDir folder(TRY(absolute(path)));
  std::error_code code;
  std::filesystem::create_directories(folder.path_, code);
  if (code) return unusable(folder.path_, code.message());
  const std::string lock_name = folder.path_ + "/lock";
  folder.lock_file_ = ::open(lock_name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (folder.lock_file_ < 0) return unusable(lock_name, std::strerror(errno));
  if (::flock(folder.lock_file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return unusable(lock_name, std::strerror(errno));
    return base::failed(errors::data_dir_in_use, "{} is in use by {}", folder.path_, holder(folder.lock_file_));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(folder.lock_file_, 0) != 0 ||
      ::pwrite(folder.lock_file_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return unusable(lock_name, std::strerror(errno));
  }
  base::PosixDisk disk;
  folder.identity_ = TRY(read_identity(disk, folder.path_));
  if (folder.identity_.empty()) {
    folder.identity_ = fmt::format("{:016x}", random.next());
    TRY(write_identity(disk, folder.path_, folder.identity_));
  }
  TRY(disk.make_folders(folder.log_folder()));
  return folder;
}

base::Result<DataDir> DataDir::look(const std::string& path) {
  DataDir folder(TRY(absolute(path)));
  base::PosixDisk disk;
  folder.identity_ = TRY(read_identity(disk, folder.path_));
  return folder;
}

bool DataDir::has_state() const {
  std::error_code ignored;
  return std::filesystem::exists(state_file(), ignored);
}

base::Result<void> DataDir::clear() {
  for (const char* name : {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "relay", "spool", "identity"}) {
    std::error_code code;
    std::filesystem::remove_all(path_ + "/" + name, code);
    if (code) return unusable(path_ + "/" + name, code.message());
  }
  return {};
}

}  // namespace main_program
