// SPDX-License-Identifier: Apache-2.0
//
// A segment is made, its header synced and its folder synced before the first record goes in; so a header that does
// not verify in a file longer than a header is damage, in a shorter last file it is a crash at its creation.
//
// Recovery reads the headers of all segments and every record of the last one. The first record there that does not
// verify is the torn tail, unless a later record says that more than this was durable when it was written:
//
//   | header | A synced=48 | B synced=900 | x x x x | D synced=2000 |      B ends at 1500
//                                           ^ torn at 1500, but D knows that 2000 bytes were durable: relay.damaged
//
// After recovery the next append begins a new segment, so a cut tail is never written over.
#include "relay/relay.h"

#include "relay/errors.h"
#include "relay/segment.h"

namespace relay {

using base::Lock;
using base::Result;

namespace {

std::string path_of(const std::string& folder, std::uint64_t number) { return folder + "/" + segment_name(number); }

base::Error at_offset(base::Error reason, std::uint64_t number, std::uint64_t offset) {
  reason.message = fmt::format("segment {} at offset {}: {}", segment_name(number), offset, reason.message);
  return reason;
}

}  // namespace

Result<std::unique_ptr<Relay>> Relay::open(base::Disk& disk, RelayOptions options) {
  auto relay = std::unique_ptr<Relay>(new Relay(disk, std::move(options)));
  TRY(disk.make_folders(relay->options_.folder));
  TRY(relay->recover());
  return relay;
}

Result<void> Relay::recover() {
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : TRY(disk_.list(options_.folder))) {
    const std::optional<std::uint64_t> number = segment_number(name);
    if (number) numbers.push_back(*number);
  }
  if (!numbers.empty()) {
    next_number_ = numbers.back() + 1;
    if (TRY(is_torn_creation(numbers.back()))) {
      next_number_ = numbers.back();
      numbers.pop_back();
    }
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && numbers[i] != numbers[i - 1] + 1) {
      return base::failed(errors::damaged, "segment {} is missing in {}", segment_name(numbers[i - 1] + 1),
                          options_.folder);
    }
    TRY(recover_segment(numbers[i], i + 1 == numbers.size()));
  }
  Lock lock(shared_->mutex);
  shared_->durable_end = shared_->end;
  return {};
}

// The last segment may be a crash at its creation; then it holds nothing and is removed.
Result<bool> Relay::is_torn_creation(std::uint64_t number) {
  const std::string path = path_of(options_.folder, number);
  std::unique_ptr<base::File> file = TRY(disk_.open(path, base::OpenMode::append));
  std::string bytes;
  TRY(file->read_at(0, segment_header_size, bytes));
  const Result<model::Position> start = read_segment_header(number, bytes);
  if (start.ok() || start.error().is(errors::newer) || TRY(file->size()) > segment_header_size) return false;
  TRY(disk_.remove(path));
  TRY(disk_.sync_folder(options_.folder));
  return true;
}

Result<void> Relay::recover_segment(std::uint64_t number, bool is_last) {
  std::unique_ptr<base::File> file = TRY(disk_.open(path_of(options_.folder, number), base::OpenMode::append));
  const std::uint64_t size = TRY(file->size());
  std::string bytes;
  TRY(file->read_at(0, segment_header_size, bytes));
  const model::Position start = TRY(read_segment_header(number, bytes));
  {
    Lock lock(shared_->mutex);
    shared_->end = std::max(shared_->end, start);
  }
  std::uint64_t valid = size;
  if (is_last) {
    valid = TRY(scan_records(number, *file, size));
    if (valid < size) TRY(file->truncate(valid));
    // What was read may be only in the system's cache: it counts as durable from here on.
    TRY(file->sync());
  }
  Lock lock(shared_->mutex);
  shared_->segments[number] = {start, valid, valid};
  return {};
}

// Reads every record; the offset behind the last whole one.
Result<std::uint64_t> Relay::scan_records(std::uint64_t number, base::File& file, std::uint64_t size) {
  std::uint64_t offset = segment_header_size;
  std::string bytes;
  std::string payload;
  while (offset + record_header_size <= size) {
    TRY(file.read_at(offset, record_header_size, bytes));
    if (bytes.size() < record_header_size) break;
    Result<RecordHeader> header = Decoder::header(bytes);
    if (!header.ok() && header.error().is(errors::newer)) return at_offset(header.take_error(), number, offset);
    if (!header.ok() || header->size > size - offset - record_header_size) break;
    TRY(file.read_at(offset + record_header_size, header->size, payload));
    if (payload.size() != header->size || checksum_of(payload) != header->payload_checksum) break;
    offset += record_header_size + header->size;
    Lock lock(shared_->mutex);
    if (header->kind == RecordKind::batch) shared_->end = std::max(shared_->end, header->end);
  }
  if (offset < size) TRY(check_torn(number, file, offset, size));
  return offset;
}

// Refuses to cut at `offset` when a later record shows that more than that was durable.
Result<void> Relay::check_torn(std::uint64_t number, base::File& file, std::uint64_t offset, std::uint64_t size) {
  constexpr std::size_t window = 1 << 20;
  std::string bytes;
  for (std::uint64_t at = offset; at < size; at += window) {
    TRY(file.read_at(at, window + record_header_size, bytes));
    for (std::size_t found = bytes.find(record_mark); found != std::string::npos;
         found = bytes.find(record_mark, found + 1)) {
      if (bytes.size() - found < record_header_size) break;
      const Result<RecordHeader> header = Decoder::header(std::string_view(bytes).substr(found));
      if (header.ok() && header->synced > offset) {
        return base::failed(errors::damaged, "segment {} at offset {}: the record does not match its checksum",
                            segment_name(number), offset);
      }
    }
  }
  return {};
}

Result<void> Relay::open_segment(std::uint64_t number, const model::Position& start) {
  const std::string path = path_of(options_.folder, number);
  // A file left by an earlier attempt that failed here holds no record.
  TRY(disk_.remove(path));
  std::unique_ptr<base::File> file = TRY(disk_.open(path, base::OpenMode::create_new));
  const std::string header = segment_header(number, start);
  Result<void> written = file->append(header);
  if (written.ok()) written = file->sync();
  if (written.ok()) written = disk_.sync_folder(options_.folder);
  if (!written.ok()) {
    (void)disk_.remove(path);
    return written.take_error();
  }
  file_ = std::move(file);
  encoder_ = Encoder();
  number_ = number;
  next_number_ = number + 1;
  written_ = synced_ = header.size();
  Lock lock(shared_->mutex);
  shared_->segments[number] = {start, written_, synced_};
  shared_->changed.notify_all();
  return {};
}

Result<void> Relay::restart(const model::Position& start) {
  if (poisoned_) return base::failed(errors::sync_failed, "relay {}: an earlier write failed", options_.folder);
  file_.reset();
  std::vector<std::uint64_t> old;
  {
    Lock lock(shared_->mutex);
    for (const auto& [number, segment] : shared_->segments) old.push_back(number);
  }
  // Newest first: whatever a crash leaves is a gapless run that ends before what is gone.
  for (auto number = old.rbegin(); number != old.rend(); ++number) {
    TRY(disk_.remove(path_of(options_.folder, *number)));
    Lock lock(shared_->mutex);
    shared_->segments.erase(*number);
  }
  {
    Lock lock(shared_->mutex);
    shared_->end = shared_->durable_end = start;
  }
  return open_segment(next_number_, start);
}

Result<void> Relay::append(const model::ChangeBatch& batch) {
  if (poisoned_) return base::failed(errors::sync_failed, "relay {}: an earlier write failed", options_.folder);
  if (batch.empty() && batch.through == 0) return {};
  model::Position end;
  {
    Lock lock(shared_->mutex);
    end = shared_->end;
  }
  const model::Position start = end;
  end = std::max(end, end_of(batch));
  if (file_ != nullptr && written_ >= options_.segment_bytes) {
    TRY(sync());
    file_.reset();
  }
  if (!has_room(batch.weight())) {
    return base::failed(errors::full, "relay {}: {} of {} bytes used", options_.folder, bytes(), options_.bytes_max);
  }
  if (file_ == nullptr) TRY(open_segment(next_number_, start));
  const std::size_t schemas = encoder_.schemas();
  buffer_.clear();
  encoder_.encode(batch, end, synced_, buffer_);
  Result<void> outcome = file_->append(buffer_);
  if (!outcome.ok()) {
    encoder_.take_back(schemas);
    const Result<void> cut = file_->truncate(written_);
    if (!cut.ok()) return poison(outcome.take_error());
    return outcome;
  }
  written_ += buffer_.size();
  constexpr std::size_t buffer_kept = 8 << 20;
  if (buffer_.capacity() > buffer_kept) std::string().swap(buffer_);
  Lock lock(shared_->mutex);
  shared_->segments[number_].bytes = written_;
  shared_->end = end;
  return {};
}

// Never syncs again: the system may have dropped what it could not write and would say yes. What is in doubt is cut
// off, so that nobody reads it from the cache.
Result<void> Relay::poison(base::Error reason) {
  poisoned_ = true;
  (void)file_->truncate(synced_);
  file_.reset();
  return base::failed(errors::sync_failed, "relay {}: segment {} is durable up to offset {}", options_.folder,
                      segment_name(number_), synced_)
      .because(std::move(reason));
}

Result<void> Relay::sync() {
  if (poisoned_) return base::failed(errors::sync_failed, "relay {}: an earlier write failed", options_.folder);
  if (file_ == nullptr || synced_ == written_) return {};
  Result<void> outcome = file_->sync();
  if (!outcome.ok()) return poison(outcome.take_error());
  synced_ = written_;
  Lock lock(shared_->mutex);
  shared_->segments[number_].synced = synced_;
  shared_->durable_end = shared_->end;
  shared_->changed.notify_all();
  return {};
}

Result<void> Relay::trim(const model::Position& upto) {
  while (true) {
    std::uint64_t oldest = 0;
    {
      Lock lock(shared_->mutex);
      const auto first = shared_->segments.begin();
      if (shared_->segments.size() < 2 || std::next(first)->second.start > upto) return {};
      oldest = first->first;
    }
    TRY(disk_.remove(path_of(options_.folder, oldest)));
    Lock lock(shared_->mutex);
    shared_->segments.erase(oldest);
  }
}

Result<std::unique_ptr<Reader>> Relay::read_after(const model::Position& position) {
  Lock lock(shared_->mutex);
  std::uint64_t from = next_number_;
  for (const auto& [number, segment] : shared_->segments) {
    if (from == next_number_ || segment.start <= position) from = number;
  }
  const auto found = shared_->segments.find(from);
  if (found != shared_->segments.end() && found->second.start > position) {
    return base::failed(errors::trimmed, "relay {} begins at {:x}/{}, asked for what follows {:x}/{}", options_.folder,
                        found->second.start.log, found->second.start.sequence, position.log, position.sequence);
  }
  return std::unique_ptr<Reader>(new Reader(disk_, options_.folder, shared_, position, from));
}

bool Relay::has_room(std::size_t weight) const {
  return options_.bytes_max == 0 || bytes() + weight <= options_.bytes_max;
}

std::uint64_t Relay::bytes() const {
  Lock lock(shared_->mutex);
  std::uint64_t total = 0;
  for (const auto& [number, segment] : shared_->segments) total += segment.bytes;
  return total;
}

model::Position Relay::start() const {
  Lock lock(shared_->mutex);
  return shared_->segments.empty() ? model::Position{} : shared_->segments.begin()->second.start;
}

model::Position Relay::end() const {
  Lock lock(shared_->mutex);
  return shared_->durable_end;
}

}  // namespace relay
