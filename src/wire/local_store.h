// SPDX-License-Identifier: Apache-2.0
//
// An ObjectStore over a local folder. It never creates that root folder itself: an unmounted disk must not be filled.
//
// How an object becomes visible, for key "sales/orders/LOAD00000001.csv" below /lake, and what a crash leaves:
//   1. folders are made and, once a process, each is made durable in its parent    empty folders
//   2. bytes go to /lake/sales/orders/.LOAD00000001.csv.millrace-part, fsync       a part, invisible (dot-file)
//   3. facts go to .LOAD00000001.csv.millrace-meta (written aside, fsync, rename)  facts of nothing: ignored
//   4. rename of the part to its name                                              whole object, perhaps not durable
//   5. fsync of the folder                                                         durable
// Facts come before the object, so an object is never seen without them; an object that is being replaced by other
// bytes has the new facts for a moment. Replacing is done only with the bytes that the key's facts describe.
//
// Readers of lakes ignore names that begin with '.'; so do we, in list() and get(). A part of a key that begins with
// '.' would hide, and ".." would escape, therefore that first byte is written as %2E in the file's name (and a first
// '%' as %25); nothing else is changed.
#pragma once

#include <set>

#include "base/disk.h"
#include "wire/object_store.h"

namespace wire {

class LocalStore final : public ObjectStore {
 public:
  // `folder` is absolute. The disk outlives the store.
  LocalStore(base::Disk& disk, std::string folder);

  base::Result<void> probe(const std::stop_token& stop) override;
  base::Result<void> put(const std::string& key, std::string_view bytes, const ObjectFacts& facts,
                         const std::stop_token& stop) override;
  base::Result<std::unique_ptr<Upload>> upload(const std::string& key, const ObjectFacts& facts,
                                               const std::stop_token& stop) override;
  base::Result<std::string> get(const std::string& key, std::optional<ByteRange> range,
                                const std::stop_token& stop) override;
  base::Result<std::optional<ObjectHead>> head(const std::string& key, const std::stop_token& stop) override;
  base::Result<std::vector<ObjectEntry>> list(const std::string& prefix, const std::stop_token& stop) override;
  base::Result<void> remove(const std::vector<std::string>& keys, const std::stop_token& stop) override;
  base::Result<std::size_t> abort_stale(const std::string& prefix,
                                        const std::function<bool(const UnfinishedUpload&)>& ours,
                                        const std::stop_token& stop) override;
  std::string place() const override { return "file://" + folder_; }

 private:
  friend class LocalUpload;
  using Visit = std::function<base::Result<void>(const std::string& folder, const std::string& name)>;

  base::Result<void> walk(const std::string& folder, int depth, const std::stop_token& stop, const Visit& visit);
  base::Result<std::unique_ptr<base::File>> open_part(const std::string& key, const std::string& path);
  base::Result<void> make_durable_folders(const std::string& folder) REQUIRES(mutex_);
  base::Result<void> remove_empty_folders(std::string folder);
  base::Result<void> settle_names(const std::string& folder, int depth, const std::stop_token& stop);
  base::Result<void> publish(const std::string& path, const ObjectFacts& facts);
  base::Result<void> write_sidecar(const std::string& path, const ObjectFacts& facts);
  void forget(const std::string& key);

  base::Disk& disk_;
  const std::string folder_;
  base::Mutex mutex_;
  std::set<std::string> durable_folders_ GUARDED_BY(mutex_);
  std::set<std::string> open_keys_ GUARDED_BY(mutex_);
};

// "sales/.x/%y" -> "sales/%2Ex/%25y"; wire.bad_key for empty parts, NUL, over-long keys.
base::Result<std::string> file_name_of_key(const std::string& key);
std::string key_of_file_name(std::string_view name);

}  // namespace wire
