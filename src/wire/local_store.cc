// SPDX-License-Identifier: Apache-2.0
#include "wire/local_store.h"

#include <algorithm>

#include "wire/errors.h"
#include "wire/object_facts.h"

namespace wire {
namespace {

using base::failed;
using base::File;
using base::Lock;
using base::OpenMode;
using base::Result;

constexpr std::size_t buffer_bytes = 256 * 1024;
constexpr std::uint64_t sidecar_bytes_max = 64 * 1024;
constexpr int depth_max = 64;  // a loop of symbolic links ends here
constexpr std::string_view part_suffix = ".millrace-part";
constexpr std::string_view meta_suffix = ".millrace-meta";

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// "/lake/a/x.csv" -> "/lake/a/.x.csv.millrace-part"
std::string beside(const std::string& path, std::string_view suffix) {
  const std::size_t slash = path.rfind('/');
  return path.substr(0, slash + 1) + "." + path.substr(slash + 1) + std::string(suffix);
}

}  // namespace

Result<std::string> file_name_of_key(const std::string& key) {
  TRY(check_key(key));
  std::string name;
  bool first = true;
  for (const char c : key) {
    if (first && c == '.') {
      name += "%2E";
    } else if (first && c == '%') {
      name += "%25";
    } else {
      name += c;
    }
    first = c == '/';
  }
  return name;
}

std::string key_of_file_name(std::string_view name) {
  std::string key;
  bool first = true;
  while (!name.empty()) {
    if (first && (name.starts_with("%2E") || name.starts_with("%25"))) {
      key += name[2] == 'E' ? '.' : '%';
      name.remove_prefix(3);
      first = false;
      continue;
    }
    key += name.front();
    first = name.front() == '/';
    name.remove_prefix(1);
  }
  return key;
}

class LocalUpload final : public Upload {
 public:
  LocalUpload(LocalStore& store, std::string key, std::string path, ObjectFacts facts, std::stop_token stop)
      : store_(store), key_(std::move(key)), path_(std::move(path)), facts_(std::move(facts)), stop_(std::move(stop)) {}

  ~LocalUpload() override {
    file_.reset();
    // Best effort: what stays is an invisible part, which abort_stale() or the next upload of the key removes.
    if (!finished_) static_cast<void>(store_.disk_.remove(beside(path_, part_suffix)).ok());
    store_.forget(key_);
  }

  void take(std::unique_ptr<File> file) { file_ = std::move(file); }

  Result<void> append(std::string_view bytes) override {
    if (stop_.stop_requested()) return failed(base::errors::canceled, "stopped while writing {}", path_);
    ENSURE(!finished_);
    if (buffer_.empty() && bytes.size() >= buffer_bytes) return file_->append(bytes);
    buffer_ += bytes;
    if (buffer_.size() < buffer_bytes) return {};
    return flush();
  }

  Result<void> finish() override {
    ENSURE(!finished_);
    TRY(flush());
    TRY(file_->sync());
    file_.reset();
    TRY(store_.publish(path_, facts_));
    finished_ = true;
    return {};
  }

 private:
  Result<void> flush() {
    Result<void> outcome = file_->append(buffer_);
    buffer_.clear();
    return outcome;
  }

  LocalStore& store_;
  const std::string key_;
  const std::string path_;
  const ObjectFacts facts_;
  const std::stop_token stop_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  bool finished_ = false;
};

LocalStore::LocalStore(base::Disk& disk, std::string folder)
    : disk_(disk), folder_([&] {
        while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
        return std::move(folder);
      }()) {
  ENSURE(!folder_.empty() && folder_.front() == '/');
}

Result<void> LocalStore::probe(const std::stop_token&) {
  const auto refused = [&](base::Error cause) {
    return failed(errors::no_folder, "folder {} cannot be used", folder_).because(std::move(cause));
  };
  const bool there = TRY(disk_.exists(folder_));
  if (!there) return failed(errors::no_folder, "folder {} does not exist", folder_);
  const std::string trial = folder_ + "/.millrace-trial.millrace-part";
  TRY(disk_.remove(trial));
  {
    Result<std::unique_ptr<File>> file = disk_.open(trial, OpenMode::create_new);
    if (!file.ok()) return refused(file.take_error());
  }
  return disk_.remove(trial);
}

Result<void> LocalStore::put(const std::string& key, std::string_view bytes, const ObjectFacts& facts,
                             const std::stop_token& stop) {
  const std::unique_ptr<Upload> object = TRY(upload(key, facts, stop));
  TRY(object->append(bytes));
  return object->finish();
}

Result<std::unique_ptr<Upload>> LocalStore::upload(const std::string& key, const ObjectFacts& facts,
                                                   const std::stop_token& stop) {
  const std::string path = folder_ + "/" + TRY(file_name_of_key(key));
  TRY(check_facts(key, facts));
  {
    Lock lock(mutex_);
    if (!open_keys_.insert(key).second) return failed(errors::key_busy, "{} is being written already", path);
  }
  auto object = std::make_unique<LocalUpload>(*this, key, path, facts, stop);
  object->take(TRY(open_part(key, path)));
  return std::unique_ptr<Upload>(std::move(object));
}

// Under the mutex, so that a folder is not removed as empty between its making and the part's.
Result<std::unique_ptr<File>> LocalStore::open_part(const std::string& key, const std::string& path) {
  Lock lock(mutex_);
  const bool there = TRY(disk_.exists(folder_));
  if (!there) return failed(errors::no_folder, "folder {} does not exist (for object {})", folder_, key);
  TRY(make_durable_folders(folder_of(path)));
  const std::string part = beside(path, part_suffix);
  TRY(disk_.remove(part));
  return disk_.open(part, OpenMode::create_shared);
}

// A folder that exists may still not be durable (a process died between making and syncing it), so each one is synced
// into its parent once by every process that writes below it.
Result<void> LocalStore::make_durable_folders(const std::string& folder) {
  if (folder == folder_ || durable_folders_.contains(folder)) return {};
  TRY(disk_.make_folders(folder));
  for (std::string below = folder; below != folder_; below = folder_of(below)) {
    if (durable_folders_.contains(below)) break;
    TRY(disk_.sync_folder(folder_of(below)));
  }
  for (std::string below = folder; below != folder_; below = folder_of(below)) durable_folders_.insert(below);
  return {};
}

Result<void> LocalStore::publish(const std::string& path, const ObjectFacts& facts) {
  TRY(write_sidecar(path, facts));
  TRY(disk_.rename(beside(path, part_suffix), path));
  return disk_.sync_folder(folder_of(path));
}

Result<void> LocalStore::write_sidecar(const std::string& path, const ObjectFacts& facts) {
  const std::string meta = beside(path, meta_suffix);
  const std::string part = meta + std::string(part_suffix);
  TRY(disk_.remove(part));
  {
    const std::unique_ptr<File> file = TRY(disk_.open(part, OpenMode::create_shared));
    TRY(file->append(print_facts(facts)));
    TRY(file->sync());
  }
  return disk_.rename(part, meta);
}

void LocalStore::forget(const std::string& key) {
  Lock lock(mutex_);
  open_keys_.erase(key);
}

Result<std::string> LocalStore::get(const std::string& key, std::optional<ByteRange> range, const std::stop_token&) {
  const std::string path = folder_ + "/" + TRY(file_name_of_key(key));
  const bool there = TRY(disk_.exists(path));
  if (!there) return failed(errors::no_object, "{} does not exist", path);
  const std::unique_ptr<File> file = TRY(disk_.open(path, OpenMode::read));
  const std::uint64_t size = TRY(file->size());
  const std::uint64_t offset = range ? std::min(range->offset, size) : 0;
  const std::uint64_t wanted = range ? std::min(range->size, size - offset) : size;
  std::string bytes;
  TRY(file->read_at(offset, wanted, bytes));
  return bytes;
}

Result<std::optional<ObjectHead>> LocalStore::head(const std::string& key, const std::stop_token&) {
  const std::string path = folder_ + "/" + TRY(file_name_of_key(key));
  const bool there = TRY(disk_.exists(path));
  if (!there) return std::optional<ObjectHead>();
  ObjectHead head;
  {
    const std::unique_ptr<File> file = TRY(disk_.open(path, OpenMode::read));
    head.size = TRY(file->size());
  }
  const std::string meta = beside(path, meta_suffix);
  const bool described = TRY(disk_.exists(meta));
  if (!described) return std::optional<ObjectHead>(std::move(head));
  const std::unique_ptr<File> file = TRY(disk_.open(meta, OpenMode::read));
  const std::uint64_t size = TRY(file->size());
  if (size > sidecar_bytes_max) return failed(errors::bad_sidecar, "{}: {} bytes are too many", meta, size);
  std::string text;
  TRY(file->read_at(0, size, text));
  head.facts = TRY(parse_facts(text, meta));
  head.facts.tags.clear();
  return std::optional<ObjectHead>(std::move(head));
}

// Calls `visit` with every file below the folder, hidden ones too. `folder` is relative to the root and ends in '/',
// or is empty for the root.
Result<void> LocalStore::walk(const std::string& folder, int depth, const std::stop_token& stop, const Visit& visit) {
  if (stop.stop_requested()) return failed(base::errors::canceled, "stopped while listing {}", folder_);
  if (depth > depth_max) return failed(errors::bad_key, "{}/{}: more than {} folders deep", folder_, folder, depth_max);
  const std::vector<std::string> names = TRY(disk_.list(folder_ + "/" + folder));
  for (const std::string& name : names) {
    if (!name.ends_with('/')) {
      TRY(visit(folder, name));
    } else if (!name.starts_with('.')) {
      TRY(walk(folder + name, depth + 1, stop, visit));
    }
  }
  return {};
}

Result<std::vector<ObjectEntry>> LocalStore::list(const std::string& prefix, const std::stop_token& stop) {
  std::vector<ObjectEntry> entries;
  const std::string top = prefix.substr(0, prefix.rfind('/') + 1);
  std::string top_name;
  if (!top.empty()) top_name = TRY(file_name_of_key(top.substr(0, top.size() - 1))) + "/";
  const Visit collect = [&](const std::string& folder, const std::string& name) -> Result<void> {
    if (name.starts_with('.')) return {};
    std::string key = key_of_file_name(folder + name);
    if (!key.starts_with(prefix)) return {};
    const std::string path = folder_ + "/" + folder + name;
    Result<std::unique_ptr<File>> file = disk_.open(path, OpenMode::read);
    if (!file.ok()) {
      const bool there = TRY(disk_.exists(path));
      if (!there) return {};  // removed meanwhile
      return file.take_error();
    }
    entries.push_back(ObjectEntry{std::move(key), TRY((*file)->size()), 0});
    return {};
  };
  TRY(walk(top_name, 0, stop, collect));
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return entries;
}

Result<void> LocalStore::remove(const std::vector<std::string>& keys, const std::stop_token& stop) {
  std::set<std::string> folders;
  for (const std::string& key : keys) {
    if (stop.stop_requested()) return failed(base::errors::canceled, "stopped while removing from {}", folder_);
    const std::string path = folder_ + "/" + TRY(file_name_of_key(key));
    TRY(disk_.remove(path));
    TRY(disk_.remove(beside(path, meta_suffix)));
    folders.insert(folder_of(path));
  }
  for (const std::string& folder : folders) {
    const bool there = TRY(disk_.exists(folder));
    if (there) TRY(disk_.sync_folder(folder));
  }
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) TRY(remove_empty_folders(*folder));
  return {};
}

Result<void> LocalStore::remove_empty_folders(std::string folder) {
  Lock lock(mutex_);
  for (; folder.size() > folder_.size(); folder = folder_of(folder)) {
    const std::vector<std::string> names = TRY(disk_.list(folder));
    if (!names.empty()) break;
    durable_folders_.erase(folder);
    TRY(disk_.remove(folder));
    const bool there = TRY(disk_.exists(folder_of(folder)));
    if (there) TRY(disk_.sync_folder(folder_of(folder)));
  }
  return {};
}

// Names that a dead process removed could come back with a power cut, and nobody would remove them again because
// nobody saw them: from here on what is seen is durable.
Result<void> LocalStore::settle_names(const std::string& folder, int depth, const std::stop_token& stop) {
  if (stop.stop_requested()) return failed(base::errors::canceled, "stopped while listing {}", folder_);
  if (depth > depth_max) return failed(errors::bad_key, "{}: more than {} folders deep", folder, depth_max);
  TRY(disk_.sync_folder(folder));
  for (const std::string& name : TRY(disk_.list(folder))) {
    const bool is_folder = name.ends_with('/') && !name.starts_with('.');
    if (is_folder) TRY(settle_names(folder + "/" + name.substr(0, name.size() - 1), depth + 1, stop));
  }
  return {};
}

Result<std::size_t> LocalStore::abort_stale(const std::string& prefix,
                                            const std::function<bool(const UnfinishedUpload&)>& ours,
                                            const std::stop_token& stop) {
  std::size_t aborted = 0;
  const std::string top = prefix.substr(0, prefix.rfind('/') + 1);
  std::string top_name;
  if (!top.empty()) top_name = TRY(file_name_of_key(top.substr(0, top.size() - 1))) + "/";
  const Visit abort_one = [&](const std::string& folder, const std::string& name) -> Result<void> {
    if (!name.starts_with('.') || !name.ends_with(part_suffix)) return {};
    std::string_view inner(name);
    inner.remove_prefix(1);
    inner.remove_suffix(part_suffix.size());
    // The facts' own part: ".x.csv.millrace-meta.millrace-part".
    const bool facts = inner.ends_with(meta_suffix);
    if (facts) inner.remove_suffix(meta_suffix.size());
    const UnfinishedUpload found{key_of_file_name(folder + std::string(inner)), 0};
    if (!found.key.starts_with(prefix) || !ours(found)) return {};
    {
      Lock lock(mutex_);
      if (open_keys_.contains(found.key)) return {};
    }
    TRY(disk_.remove(folder_ + "/" + folder + name));
    if (!facts) ++aborted;
    return {};
  };
  TRY(walk(top_name, 0, stop, abort_one));
  std::string settled = folder_ + "/" + top_name;
  for (bool there = false; !there;) {
    settled = folder_of(settled);
    there = settled == folder_ || TRY(disk_.exists(settled));
  }
  TRY(settle_names(settled, 0, stop));
  return aborted;
}

}  // namespace wire
