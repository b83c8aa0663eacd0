// SPDX-License-Identifier: Apache-2.0
//
// A place that holds whole objects under names ("keys"), as S3 and a folder both do: the promise that a lake writer
// builds on. Keys are relative, parted by '/', without empty parts, at most 1024 bytes of UTF-8; prefixes are compared
// byte by byte ("sales/or" matches "sales/orders/x.csv"), so a folder's prefix ends in '/'.
//
// What is durable and visible, in every store:
// - An object becomes visible whole, at once, with its facts, or not at all; a reader never sees a part of it.
// - When put() or Upload::finish() has returned success, the object is durable and visible to every later call.
// - When they returned an error, or the process died, the object is absent, or there as it was before, or (the answer
//   got lost) there whole. Putting the same bytes under the same key again is always right and heals all three.
// - When remove() has returned, the objects are gone durably; a removal that failed may have removed some of them.
// - list() shows everything finished before it was called; what happens meanwhile may or may not be in it.
// What an upload has left behind when its process died is invisible to get, head and list, and abort_stale() removes
// it.
//
// Thread-safe: any thread may call any method at any time. An Upload belongs to one thread at a time; two uploads of
// one key at the same time are refused (wire.key_busy) where the store can see it. Uploads must end before the store.
// Every call that waits gives up with base.canceled soon after its stop token was pulled.
//
// How it fails: codes of wire/errors.h and disk.*; transient ones were already retried by the store, within its bounds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace wire {

struct ObjectFacts {
  std::string content_type = "application/octet-stream";
  // User metadata. Names: a-z, 0-9 and '-'; values: printable ASCII without blanks at the ends; 2 KB in all.
  std::map<std::string, std::string> metadata;
  // Object tags (S3 only; a local folder keeps them beside the metadata). At most 10.
  std::map<std::string, std::string> tags;
};

struct ObjectEntry {
  std::string key;
  std::uint64_t size = 0;
  base::WallMicros modified = 0;  // by the store's clock; 0 where the store does not tell (local folder)
};

struct ObjectHead {
  std::uint64_t size = 0;
  base::WallMicros modified = 0;
  ObjectFacts facts;  // without tags
};

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// An upload that never ended. `started` is 0 where the store does not tell.
struct UnfinishedUpload {
  std::string key;
  base::WallMicros started = 0;
};

// One object on its way. append() any number of times, then finish() once. Destroyed before finish() succeeded, it is
// aborted: nothing becomes visible. Memory is bounded by the store's part size, whatever is appended. After an error
// from append() or finish() only destruction is left.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual base::Result<void> append(std::string_view bytes) = 0;
  virtual base::Result<void> finish() = 0;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Whether the place exists and may be listed; writes nothing that stays. For `check` and before the first write.
  virtual base::Result<void> probe(const std::stop_token& stop) = 0;

  // Writes the whole object, replacing one of that key.
  virtual base::Result<void> put(const std::string& key, std::string_view bytes, const ObjectFacts& facts,
                                 const std::stop_token& stop) = 0;
  // The token is kept and guards append() and finish().
  virtual base::Result<std::unique_ptr<Upload>> upload(const std::string& key, const ObjectFacts& facts,
                                                       const std::stop_token& stop) = 0;

  // The bytes, or those of the range that exist (none when it begins past the end). Absent: wire.no_object.
  virtual base::Result<std::string> get(const std::string& key, std::optional<ByteRange> range,
                                        const std::stop_token& stop) = 0;
  // nullopt when there is no such object.
  virtual base::Result<std::optional<ObjectHead>> head(const std::string& key, const std::stop_token& stop) = 0;
  // All objects whose key begins with the prefix, in byte order of their keys.
  virtual base::Result<std::vector<ObjectEntry>> list(const std::string& prefix, const std::stop_token& stop) = 0;
  // Absent keys are fine. Folders that become empty go too, where the store has folders.
  virtual base::Result<void> remove(const std::vector<std::string>& keys, const std::stop_token& stop) = 0;

  // Aborts the unfinished uploads below the prefix for which `ours` says so, and returns how many; what a dead process
  // removed, and is seen to be gone, is durably gone from here on. For the start of a task, before it uploads anything;
  // not for keys that another live process may be writing.
  virtual base::Result<std::size_t> abort_stale(const std::string& prefix,
                                                const std::function<bool(const UnfinishedUpload&)>& ours,
                                                const std::stop_token& stop) = 0;

  // "file:///lake" or "https://host:9000/bucket", for messages.
  virtual std::string place() const = 0;
};

}  // namespace wire
