// SPDX-License-Identifier: Apache-2.0
//
// Transactions that the source streams before it knows how they end, each kept apart until its commit or abort: in
// memory up to a budget for all of them, then the largest goes to a file of its own. Not durable: the source sends an
// unfinished transaction again after a restart, so open() removes what an earlier process left. No file stays open
// between calls, so a thousand transactions cost no handles.
//
// One thread at a time for the Spool and its SpoolReaders together. How it fails: disk.full and disk.failed, and
// relay.damaged when a file does not read back as it was written; the task then restarts from its checkpoint.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "relay/codec.h"

namespace relay {

struct SpoolOptions {
  std::string folder;                    // absolute; ours alone
  std::size_t memory_bytes = 32u << 20;  // of all transactions
  std::size_t piece_bytes = 1u << 20;    // about the size of the batches handed out
};

// The changes of one transaction as pieces: first those in its file, then those in memory.
struct SpooledTransaction {
  std::string path;  // empty: nothing in a file
  std::uint64_t file_bytes = 0;
  Encoder encoder;
  std::vector<model::ChangeBatch> pieces;
  std::size_t memory = 0;
  std::vector<std::uint64_t> aborted;  // subtransactions
};

// Hands out the surviving changes of a committed transaction, in order. Removes the file at its end.
class SpoolReader {
 public:
  ~SpoolReader();
  // nullopt at the end. A batch is about as large as a piece, more only for a single row that is larger.
  base::Result<std::optional<model::ChangeBatch>> next();

 private:
  friend class Spool;
  SpoolReader(base::Disk& disk, SpooledTransaction transaction);
  base::Result<std::optional<model::ChangeBatch>> next_piece();

  base::Disk& disk_;
  SpooledTransaction transaction_;
  std::unique_ptr<base::File> file_;
  std::uint64_t offset_ = 0;
  std::size_t piece_ = 0;
  Decoder decoder_;
};

class Spool {
 public:
  static base::Result<std::unique_ptr<Spool>> open(base::Disk& disk, SpoolOptions options);
  ~Spool();

  // Changes of one transaction (and its subtransactions, by sub_xid), after those appended before.
  base::Result<void> append(std::uint64_t xid, model::ChangeBatch&& batch);
  // Drops that subtransaction's changes, or with sub_xid == xid (or 0) the whole transaction. Unknown ones are fine.
  void abort(std::uint64_t xid, std::uint64_t sub_xid);
  // Ends the transaction; the reader is empty for one that has no changes. The reader must not outlive the disk.
  std::unique_ptr<SpoolReader> commit(std::uint64_t xid);

  std::size_t open_transactions() const { return transactions_.size(); }
  std::size_t memory_bytes() const { return memory_; }
  std::uint64_t file_bytes() const;

 private:
  Spool(base::Disk& disk, SpoolOptions options) : disk_(disk), options_(std::move(options)) {}
  void add_piece(SpooledTransaction& transaction, model::ChangeBatch&& batch);
  base::Result<void> spill_largest();
  base::Result<void> spill(std::uint64_t xid, SpooledTransaction& transaction);

  base::Disk& disk_;
  const SpoolOptions options_;
  std::map<std::uint64_t, SpooledTransaction> transactions_;
  std::size_t memory_ = 0;
};

}  // namespace relay
