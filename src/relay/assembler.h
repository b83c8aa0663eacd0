// SPDX-License-Identifier: Apache-2.0
//
// Turns what a source's stream delivers (whole and streamed transactions, see model/change.h) into whole transactions
// only, in commit order. What comes out holds begin, changes and commit, and messages between transactions; `streamed`
// is never set. Every change has its place {commit log, 1..n} and its transaction's commit time; begin has sequence 0,
// commit sequence_end. Shape changes (Op::schema, Op::unclear) and messages count no number: they have that of the
// change before.
//
// A batch of whole transactions passes through in place. A committed spool comes out in pieces, of which only the last
// ends with the commit; what is unclear in all of the transaction stands right behind its begin. `through` goes out
// with the last batch made from the batch that brought it.
//
// One thread. How it fails: the spool's and the sink's errors; relay.bad_stream when a source breaks the order. After
// an error it is void: make a new one and open the stream again.
#pragma once

#include <functional>

#include "relay/spool.h"

namespace relay {

class Assembler {
 public:
  using Sink = std::function<base::Result<void>(model::ChangeBatch&&)>;

  // The folder is the spool's alone.
  static base::Result<std::unique_ptr<Assembler>> open(base::Disk& disk, std::string folder,
                                                       std::size_t memory_bytes = SpoolOptions().memory_bytes);
  explicit Assembler(std::unique_ptr<Spool> spool) : spool_(std::move(spool)) {}

  base::Result<void> take(model::ChangeBatch&& batch, const Sink& sink);
  // True between the begin and the commit of a whole transaction.
  bool is_inside() const { return is_inside_; }
  const Spool& spool() const { return *spool_; }

 private:
  base::Result<void> take_mixed(const model::ChangeBatch& batch, const Sink& sink);
  base::Result<void> place(model::Change& change);
  base::Result<void> deliver_streamed(const model::Change& commit, model::ChangeBatch&& doubts, const Sink& sink);

  std::unique_ptr<Spool> spool_;
  bool is_inside_ = false;
  model::Position current_;  // of the last change handed out
  std::int64_t commit_time_ = 0;
  std::uint64_t xid_ = 0;
};

}  // namespace relay
