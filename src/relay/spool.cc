// SPDX-License-Identifier: Apache-2.0
//
// Appending never looks at subtransactions; an abort only remembers their numbers, and reading filters. A number is
// never used again within its transaction: after ROLLBACK TO SAVEPOINT the source assigns a new one.
#include "relay/spool.h"

#include <algorithm>

#include "base/held.h"
#include "relay/errors.h"
#include "relay/splice.h"

namespace relay {

using base::Result;

static constexpr std::string_view spool_suffix = ".spool";

Result<std::unique_ptr<Spool>> Spool::open(base::Disk& disk, SpoolOptions options) {
  TRY(disk.make_folders(options.folder));
  for (const std::string& name : TRY(disk.list(options.folder))) {
    if (name.ends_with(spool_suffix)) TRY(disk.remove(options.folder + "/" + name));
  }
  return std::unique_ptr<Spool>(new Spool(disk, std::move(options)));
}

Spool::~Spool() {
  for (const auto& [xid, transaction] : transactions_) {
    if (!transaction.path.empty()) (void)disk_.remove(transaction.path);
  }
}

std::uint64_t Spool::file_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [xid, transaction] : transactions_) total += transaction.file_bytes;
  return total;
}

void Spool::add_piece(SpooledTransaction& transaction, model::ChangeBatch&& batch) {
  const std::size_t weight = batch.weight();
  if (!transaction.pieces.empty() && transaction.pieces.back().weight() + weight <= options_.piece_bytes) {
    append_all(batch, transaction.pieces.back());
  } else {
    transaction.pieces.push_back(std::move(batch));
  }
  transaction.memory += weight;
  memory_ += weight;
}

Result<void> Spool::append(std::uint64_t xid, model::ChangeBatch&& batch) {
  if (batch.empty()) return {};
  SpooledTransaction& transaction = transactions_[xid];
  if (batch.weight() <= 2 * options_.piece_bytes || batch.changes.size() == 1) {
    add_piece(transaction, std::move(batch));
  } else {
    model::ChangeBatch piece;
    for (const model::Change& change : batch.changes) {
      copy_change(batch, change, piece);
      if (piece.weight() < options_.piece_bytes) continue;
      add_piece(transaction, std::exchange(piece, {}));
    }
    if (!piece.empty()) add_piece(transaction, std::move(piece));
  }
  while (memory_ > options_.memory_bytes) TRY(spill_largest());
  base::note_held("spool", [this] {
    std::size_t total = 0;
    for (const auto& [id, one] : transactions_) {
      for (const model::ChangeBatch& piece : one.pieces) total += piece.weight();
    }
    return total;
  });
  return {};
}

Result<void> Spool::spill_largest() {
  const auto largest = std::max_element(transactions_.begin(), transactions_.end(),
                                        [](const auto& a, const auto& b) { return a.second.memory < b.second.memory; });
  ENSURE(largest != transactions_.end() && largest->second.memory > 0);
  return spill(largest->first, largest->second);
}

Result<void> Spool::spill(std::uint64_t xid, SpooledTransaction& transaction) {
  if (transaction.path.empty()) transaction.path = fmt::format("{}/{}{}", options_.folder, xid, spool_suffix);
  std::unique_ptr<base::File> file = TRY(disk_.open(transaction.path, base::OpenMode::append));
  std::string buffer, tail;
  for (model::ChangeBatch& piece : transaction.pieces) {
    buffer.clear();
    if (piece.bytes.size() > copied_bytes_max) {
      tail.clear();
      transaction.encoder.encode_around(piece, {}, buffer, tail);
      TRY(file->append(buffer));
      TRY(file->append(piece.bytes));
      TRY(file->append(tail));
      transaction.file_bytes += buffer.size() + piece.bytes.size() + tail.size();
    } else {
      transaction.encoder.encode(piece, {}, buffer);
      TRY(file->append(buffer));
      transaction.file_bytes += buffer.size();
    }
    piece = {};
  }
  transaction.pieces.clear();
  memory_ -= transaction.memory;
  transaction.memory = 0;
  return {};
}

void Spool::abort(std::uint64_t xid, std::uint64_t sub_xid) {
  const auto found = transactions_.find(xid);
  if (found == transactions_.end()) return;
  if (sub_xid != xid && sub_xid != 0) {
    found->second.aborted.push_back(sub_xid);
    return;
  }
  memory_ -= found->second.memory;
  if (!found->second.path.empty()) (void)disk_.remove(found->second.path);
  transactions_.erase(found);
}

std::unique_ptr<SpoolReader> Spool::commit(std::uint64_t xid) {
  SpooledTransaction transaction;
  const auto found = transactions_.find(xid);
  if (found != transactions_.end()) {
    transaction = std::move(found->second);
    memory_ -= transaction.memory;
    transactions_.erase(found);
  }
  return std::unique_ptr<SpoolReader>(new SpoolReader(disk_, std::move(transaction)));
}

SpoolReader::SpoolReader(base::Disk& disk, SpooledTransaction transaction)
    : disk_(disk), transaction_(std::move(transaction)) {
  std::sort(transaction_.aborted.begin(), transaction_.aborted.end());
}

SpoolReader::~SpoolReader() {
  file_.reset();
  if (!transaction_.path.empty()) (void)disk_.remove(transaction_.path);
}

Result<std::optional<model::ChangeBatch>> SpoolReader::next_piece() {
  while (offset_ < transaction_.file_bytes) {
    if (file_ == nullptr) file_ = TRY(disk_.open(transaction_.path, base::OpenMode::read));
    std::string bytes;
    TRY(file_->read_at(offset_, record_header_size, bytes));
    if (bytes.size() < record_header_size) {
      return base::failed(errors::damaged, "spool {} at offset {}: cut short", transaction_.path, offset_);
    }
    const RecordHeader header = TRY(Decoder::header(bytes));
    if (header.size > transaction_.file_bytes - offset_ - record_header_size) {
      return base::failed(errors::damaged, "spool {} at offset {}: cut short", transaction_.path, offset_);
    }
    std::string payload;
    TRY(file_->read_at(offset_ + record_header_size, header.size, payload));
    offset_ += record_header_size + header.size;
    std::optional<model::ChangeBatch> batch = TRY(decoder_.decode(header, std::move(payload)));
    if (batch) return batch;
  }
  if (piece_ == transaction_.pieces.size()) return std::optional<model::ChangeBatch>();
  return std::optional<model::ChangeBatch>(std::move(transaction_.pieces[piece_++]));
}

Result<std::optional<model::ChangeBatch>> SpoolReader::next() {
  while (true) {
    std::optional<model::ChangeBatch> piece = TRY(next_piece());
    if (!piece) return piece;
    if (!transaction_.aborted.empty()) {
      std::erase_if(piece->changes, [this](const model::Change& change) {
        return std::binary_search(transaction_.aborted.begin(), transaction_.aborted.end(), change.sub_xid);
      });
    }
    if (!piece->changes.empty()) return piece;
  }
}

}  // namespace relay
