// SPDX-License-Identifier: Apache-2.0
#include "relay/errors.h"
#include "relay/relay.h"

namespace relay {

using base::Lock;
using base::Result;

Reader::Reader(base::Disk& disk, std::string folder, std::shared_ptr<RelayShared> shared, model::Position after,
               std::uint64_t segment)
    : disk_(disk),
      folder_(std::move(folder)),
      shared_(std::move(shared)),
      after_(std::move(after)),
      position_(after_),
      segment_(segment) {}

// Goes to the next segment when this one is used up and there is one; the bytes that may be read in it.
Result<std::uint64_t> Reader::choose_segment() {
  Lock lock(shared_->mutex);
  auto found = shared_->segments.lower_bound(segment_);
  while (found != shared_->segments.end() && found->first == segment_ && offset_ > 0 &&
         offset_ >= found->second.synced && std::next(found) != shared_->segments.end()) {
    found = std::next(found);
  }
  if (found == shared_->segments.end()) return std::uint64_t{0};
  if (found->first != segment_) {
    // Segments in between may have been given up unread: they hold nothing behind what was read (recovery can leave a
    // segment that is empty).
    if (found->second.start.position > position_) {
      return base::failed(errors::trimmed, "segment {} is gone", segment_name(segment_ + 1));
    }
    segment_ = found->first;
    offset_ = 0;
    file_.reset();
    decoder_ = Decoder();
  }
  return found->second.synced;
}

// Opens the segment that is read; the bytes that may be read in it.
Result<std::uint64_t> Reader::place() {
  while (true) {
    const std::uint64_t limit = TRY(choose_segment());
    if (limit == 0 || offset_ > 0) return limit;
    file_ = TRY(disk_.open(folder_ + "/" + segment_name(segment_), base::OpenMode::read));
    std::string bytes;
    TRY(file_->read_at(0, segment_header_size, bytes));
    TRY(read_segment_header(segment_, bytes));
    offset_ = segment_header_size;
    if (offset_ < limit) return limit;
  }
}

// False when the time is over.
Result<bool> Reader::wait(const std::stop_token& stop, base::Nanos& left) {
  constexpr base::Nanos step_max = std::chrono::milliseconds(50);
  if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while reading the relay");
  if (left <= base::Nanos{0}) return false;
  const base::Nanos step = std::min(left, step_max);
  left -= step;
  Lock lock(shared_->mutex);
  const auto last = shared_->segments.rbegin();
  const bool has_more = last != shared_->segments.rend() &&
                        (last->first > segment_ || (last->first == segment_ && last->second.synced > offset_));
  if (!has_more) shared_->changed.wait(shared_->mutex, step);
  return true;
}

// Reads one record; nullopt for a schema, and for a batch with nothing after the position.
Result<std::optional<model::ChangeBatch>> Reader::read_record(std::uint64_t limit) {
  const auto damaged = [this](std::string_view what) {
    return base::failed(errors::damaged, "segment {} at offset {}: {}", segment_name(segment_), offset_, what);
  };
  std::string bytes;
  if (limit - offset_ < record_header_size) return damaged("the record is cut short");
  TRY(file_->read_at(offset_, record_header_size, bytes));
  if (bytes.size() < record_header_size) return damaged("the file is cut short");
  Result<RecordHeader> header = Decoder::header(bytes);
  if (!header.ok())
    return base::failed(*header.error().code, "segment {} at offset {}: {}", segment_name(segment_), offset_,
                        header.error().message);
  const std::uint64_t body = offset_ + record_header_size;
  if (header->kind == RecordKind::batch) position_ = std::max(position_, header->end);
  if (header->size > limit - body) return damaged("the record is cut short");
  if (header->kind == RecordKind::batch && header->end <= after_) {
    offset_ = body + header->size;
    return std::optional<model::ChangeBatch>();
  }
  std::string payload;
  TRY(file_->read_at(body, header->size, payload));
  Result<std::optional<model::ChangeBatch>> batch = decoder_.decode(*header, std::move(payload));
  if (!batch.ok()) {
    return base::failed(*batch.error().code, "segment {} at offset {}: {}", segment_name(segment_), offset_,
                        batch.error().message);
  }
  offset_ = body + header->size;
  if (!batch->has_value()) return batch;
  std::vector<model::Change>& changes = (*batch)->changes;
  std::size_t known = 0;
  while (known < changes.size() && changes[known].position <= after_) ++known;
  changes.erase(changes.begin(), changes.begin() + std::ptrdiff_t(known));
  return batch;
}

Result<std::optional<model::ChangeBatch>> Reader::next(const std::stop_token& stop, base::Nanos at_most) {
  while (true) {
    const std::uint64_t limit = TRY(place());
    if (offset_ < limit) {
      std::optional<model::ChangeBatch> batch = TRY(read_record(limit));
      if (batch) return batch;
      if (stop.stop_requested()) return base::failed(base::errors::canceled, "stopped while reading the relay");
      continue;
    }
    if (!TRY(wait(stop, at_most))) return std::optional<model::ChangeBatch>();
  }
}

}  // namespace relay
