// SPDX-License-Identifier: Apache-2.0
#include "relay/assembler.h"

#include <algorithm>

#include "relay/errors.h"
#include "relay/splice.h"

namespace relay {

using base::Result;

namespace {

bool is_of_stream(const model::Change& change) {
  return change.streamed || change.op == model::Op::stream_abort || change.op == model::Op::stream_commit;
}

// The one transaction all changes are streamed for; 0 when there is no such.
std::uint64_t only_streamed_xid(const model::ChangeBatch& batch) {
  if (batch.empty()) return 0;
  const std::uint64_t xid = batch.changes.front().xid;
  const bool is_only = std::all_of(batch.changes.begin(), batch.changes.end(), [xid](const model::Change& change) {
    return change.streamed && change.xid == xid && change.op != model::Op::stream_abort &&
           change.op != model::Op::stream_commit;
  });
  return is_only ? xid : 0;
}

bool counts_a_number(model::Op op) {
  return op != model::Op::schema && op != model::Op::unclear && op != model::Op::message;
}

}  // namespace

Result<std::unique_ptr<Assembler>> Assembler::open(base::Disk& disk, std::string folder, std::size_t memory_bytes) {
  SpoolOptions options;
  options.folder = std::move(folder);
  options.memory_bytes = memory_bytes;
  return std::make_unique<Assembler>(TRY(Spool::open(disk, std::move(options))));
}

// Gives a whole transaction's change its place.
Result<void> Assembler::place(model::Change& change) {
  if (change.op == model::Op::begin) {
    if (is_inside_) return base::failed(errors::bad_stream, "a transaction begins inside another, xid {}", change.xid);
    is_inside_ = true;
    commit_time_ = change.commit_time;
    xid_ = change.xid;
    current_.log = change.position.log;
    current_.sequence = 0;
    change.position.sequence = 0;
    return {};
  }
  if (!is_inside_) {
    if (change.op == model::Op::message || change.op == model::Op::schema) return {};
    return base::failed(errors::bad_stream, "a change stands outside of a transaction, xid {}", change.xid);
  }
  change.commit_time = commit_time_;
  if (change.xid == 0) change.xid = xid_;
  change.position.log = current_.log;
  if (change.op == model::Op::commit) {
    change.position.sequence = model::sequence_end;
    is_inside_ = false;
    return {};
  }
  if (counts_a_number(change.op)) current_.sequence += 1;
  change.position.sequence = current_.sequence;
  return {};
}

Result<void> Assembler::take(model::ChangeBatch&& batch, const Sink& sink) {
  if (std::none_of(batch.changes.begin(), batch.changes.end(), is_of_stream)) {
    for (model::Change& change : batch.changes) TRY(place(change));
    return sink(std::move(batch));
  }
  model::ChangeBatch rest;
  rest.through = batch.through;
  rest.source_time = batch.source_time;
  const std::uint64_t xid = only_streamed_xid(batch);
  if (xid != 0) {
    if (is_inside_) return base::failed(errors::bad_stream, "streamed changes inside transaction {}", xid_);
    TRY(spool_->append(xid, std::move(batch)));
  } else {
    TRY(take_mixed(batch, sink));
  }
  if (rest.through == 0 && rest.source_time == 0) return {};
  return sink(std::move(rest));
}

// Runs of whole transactions go out as batches of their own, streamed changes go to their transaction's spool.
Result<void> Assembler::take_mixed(const model::ChangeBatch& batch, const Sink& sink) {
  model::ChangeBatch whole;
  model::ChangeBatch streamed;
  model::ChangeBatch doubts;
  std::uint64_t streamed_xid = 0;
  for (const model::Change& change : batch.changes) {
    if (change.streamed && change.op == model::Op::unclear && change.sub_xid == 0) {
      copy_change(batch, change, doubts);
      continue;
    }
    const bool is_spooled =
        change.streamed && change.op != model::Op::stream_abort && change.op != model::Op::stream_commit;
    if (!streamed.empty() && (!is_spooled || change.xid != streamed_xid)) {
      TRY(spool_->append(streamed_xid, std::exchange(streamed, {})));
    }
    if (is_spooled) {
      if (is_inside_) return base::failed(errors::bad_stream, "streamed changes inside transaction {}", xid_);
      streamed_xid = change.xid;
      copy_change(batch, change, streamed);
      continue;
    }
    if (change.op == model::Op::stream_abort) {
      spool_->abort(change.xid, change.sub_xid);
    } else if (change.op == model::Op::stream_commit) {
      if (is_inside_) return base::failed(errors::bad_stream, "a streamed commit inside transaction {}", xid_);
      if (!whole.empty()) TRY(sink(std::exchange(whole, {})));
      TRY(deliver_streamed(change, std::exchange(doubts, {}), sink));
    } else {
      copy_change(batch, change, whole);
      TRY(place(whole.changes.back()));
    }
  }
  if (!doubts.empty()) {
    return base::failed(errors::bad_stream, "no commit follows what is unclear in transaction {}",
                        doubts.changes.front().xid);
  }
  if (!streamed.empty()) TRY(spool_->append(streamed_xid, std::move(streamed)));
  if (!whole.empty()) TRY(sink(std::move(whole)));
  return {};
}

// One piece is kept back, so that the commit goes out with the last. The doubts go out first: whoever applies the
// pieces one by one must know before the first row.
Result<void> Assembler::deliver_streamed(const model::Change& commit, model::ChangeBatch&& doubts, const Sink& sink) {
  const std::unique_ptr<SpoolReader> reader = spool_->commit(commit.xid);
  std::optional<model::ChangeBatch> piece = TRY(reader->next());
  if (!doubts.empty()) {
    if (piece) append_all(*piece, doubts);
    piece = std::move(doubts);
  }
  if (!piece) return {};
  model::Change edge = commit;
  edge.op = model::Op::begin;
  edge.streamed = false;
  TRY(place(edge));
  piece->changes.insert(piece->changes.begin(), edge);
  bool is_first = true;
  while (piece) {
    for (std::size_t i = is_first ? 1 : 0; i < piece->changes.size(); ++i) {
      piece->changes[i].streamed = false;
      TRY(place(piece->changes[i]));
    }
    is_first = false;
    std::optional<model::ChangeBatch> following = TRY(reader->next());
    if (!following) {
      edge.op = model::Op::commit;
      edge.position.token = commit.position.token;
      TRY(place(edge));
      piece->changes.push_back(edge);
    }
    TRY(sink(std::move(*piece)));
    piece = std::move(following);
  }
  return {};
}

}  // namespace relay
