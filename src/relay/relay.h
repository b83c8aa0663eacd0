// SPDX-License-Identifier: Apache-2.0
//
// The durable change log: append-only, checksummed segments in one folder. The capture thread appends and syncs, any
// number of Readers follow, the engine trims what every target holds durably. Batches are the assembler's: positions
// never go back; where one batch ends and the next begins means nothing.
//
// Order: open (recovers) -> [restart] -> append... sync... ; read_after at any time; trim. append, sync, restart and
// trim: one thread at a time; a Reader made before a restart is void; each Reader has one thread; bytes(), end() and
// has_room() may be asked from any thread.
//
// How it fails. open: a torn tail (written, never durable) is cut off; anything else that does not verify is
// relay.damaged with segment and offset; a newer format is relay.newer. append: disk.full or relay.full leaves a clean
// tail, and may be tried again. sync: one failure poisons the writer for good (relay.sync_failed): what was not durable
// is cut off, and the task reads it from the source again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/thread.h"
#include "relay/codec.h"
#include "relay/segment.h"

namespace relay {

struct RelayOptions {
  std::string folder;                         // absolute; made when absent
  std::uint64_t segment_bytes = 64ULL << 20;  // a segment ends with the record that passes this
  std::uint64_t bytes_max = 0;                // cap on all segments; 0: none
};

// The state that readers share with the writer.
struct RelayShared {
  struct Segment {
    SegmentStart start;
    std::uint64_t bytes = 0;
    std::uint64_t synced = 0;  // readers see no further
  };
  base::Mutex mutex;
  base::Condition changed;
  std::map<std::uint64_t, Segment> segments GUARDED_BY(mutex);
  model::Position end GUARDED_BY(mutex);      // of what was appended
  model::Position commit GUARDED_BY(mutex);   // the last commit appended
  model::Position durable GUARDED_BY(mutex);  // the last commit synced
};

class Reader {
 public:
  // The next batch with changes after the position asked for; nullopt when `at_most` has passed without one.
  base::Result<std::optional<model::ChangeBatch>> next(const std::stop_token& stop, base::Nanos at_most);

 private:
  friend class Relay;
  Reader(base::Disk& disk, std::string folder, std::shared_ptr<RelayShared> shared, model::Position after,
         std::uint64_t segment);
  base::Result<std::uint64_t> choose_segment();
  base::Result<std::uint64_t> place();
  base::Result<bool> wait(const std::stop_token& stop, base::Nanos& left);
  base::Result<std::optional<model::ChangeBatch>> read_record(std::uint64_t limit);

  base::Disk& disk_;
  const std::string folder_;
  std::shared_ptr<RelayShared> shared_;
  const model::Position after_;
  model::Position position_;  // everything up to here was read
  std::uint64_t segment_;
  std::uint64_t offset_ = 0;  // 0: the segment is not open yet
  std::unique_ptr<base::File> file_;
  Decoder decoder_;
};

class Relay {
 public:
  static base::Result<std::unique_ptr<Relay>> open(base::Disk& disk, RelayOptions options);

  // Forgets everything; what is appended next follows that position. Durable on return.
  base::Result<void> restart(const model::Position& start);
  // Not durable and not visible to readers before sync(). A batch that says nothing is skipped.
  base::Result<void> append(const model::ChangeBatch& batch);
  base::Result<void> sync();
  // Removes the segments that hold nothing after that position (never the last one).
  base::Result<void> trim(const model::Position& upto);

  // A reader of everything after that position; relay.trimmed when that is no longer all here. It outlives the Relay.
  base::Result<std::unique_ptr<Reader>> read_after(const model::Position& position);

  bool has_room(std::size_t weight) const;
  std::uint64_t bytes() const;
  // Everything after start() and up to end() is here. end() is a commit (or restart's position), and durable: a stream
  // opened after it continues without gap or repetition, as open() cuts off a transaction whose commit is missing.
  model::Position start() const;
  model::Position end() const;

 private:
  Relay(base::Disk& disk, RelayOptions options)
      : disk_(disk), options_(std::move(options)), shared_(std::make_shared<RelayShared>()) {}
  struct Scanned {
    std::uint64_t valid = 0;  // offset behind the last record that verifies
    std::uint64_t whole = 0;  // offset behind the last one that leaves no transaction open; 0: none
    model::Position commit;   // the end of that one
  };
  base::Result<void> recover();
  base::Result<bool> is_torn_creation(std::uint64_t number);
  base::Result<void> cut_tail(std::vector<std::uint64_t>& numbers);
  base::Result<void> settle_segment(std::uint64_t number, base::File& file, std::uint64_t whole);
  base::Result<Scanned> scan_records(std::uint64_t number, base::File& file, std::uint64_t size);
  base::Result<void> check_torn(std::uint64_t number, base::File& file, std::uint64_t offset, std::uint64_t size);
  base::Result<void> open_segment(std::uint64_t number, const SegmentStart& start);
  // One record: the first changes of a batch.
  struct Part {
    const model::ChangeBatch* batch = nullptr;
    std::size_t changes = 0;
    bool is_whole = true;
  };
  base::Result<void> write(std::initializer_list<Part> parts);
  Encoder::Facts facts_of(const Part& part, const model::Position& before) const;
  base::Result<void> poison(base::Error reason);
  base::Error poisoned_error() const;

  base::Disk& disk_;
  const RelayOptions options_;
  std::shared_ptr<RelayShared> shared_;
  std::unique_ptr<base::File> file_;  // of the last segment; null: the next append begins a new one
  std::uint64_t number_ = 0;          // of the last segment
  std::uint64_t written_ = 0;         // bytes in it
  std::uint64_t synced_ = 0;
  std::uint64_t next_number_ = 1;
  bool is_whole_ = true;  // no transaction is open behind what was appended
  bool poisoned_ = false;
  Encoder encoder_;
  std::string buffer_;
};

}  // namespace relay
