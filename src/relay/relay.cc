// SPDX-License-Identifier: Apache-2.0
//
// A segment is made, its header synced and its folder synced before the first record goes in; so a header that does
// not verify in a file longer than a header is damage, in a shorter last file it is a crash at its creation.
//
// Recovery reads the headers of all segments and every record of the last one (of earlier ones too while no
// transaction ends in it). The first record there that does not
// verify is the torn tail, unless a later record says that more than this was durable when it was written:
//
//   | header | A synced=48 | B synced=900 | x x x x | D synced=2000 |      B ends at 1500
//                                           ^ torn at 1500, but D knows that 2000 bytes were durable: relay.damaged
//
// After recovery the next append begins a new segment, so a cut tail is never written over.
#include "relay/relay.h"

#include "relay/errors.h"
#include "relay/splice.h"

namespace relay {

using base::Lock;
using base::Result;

namespace {

std::string path_of(const std::string& folder, std::uint64_t number) { return folder + "/" + segment_name(number); }

bool is_edge(model::Op op) { return op == model::Op::begin || op == model::Op::commit; }

base::Error at_offset(base::Error reason, std::uint64_t number, std::uint64_t offset) {
  reason.message = fmt::format("segment {} at offset {}: {}", segment_name(number), offset, reason.message);
  return reason;
}

}  // namespace

Result<std::unique_ptr<Relay>> Relay::open(base::Disk& disk, RelayOptions options) {
  auto relay = std::unique_ptr<Relay>(new Relay(disk, std::move(options)));
  const std::string& folder = relay->options_.folder;
  TRY(disk.make_folders(folder));
  // Segments are only as durable as the folder that they stand in.
  TRY(disk.sync_folder(folder.substr(0, folder.rfind('/'))));
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
    auto file = TRY(disk_.open(path_of(options_.folder, numbers[i]), base::OpenMode::read));
    std::string bytes;
    TRY(file->read_at(0, segment_header_size, bytes));
    const SegmentStart start = TRY(read_segment_header(numbers[i], bytes));
    const std::uint64_t size = TRY(file->size());
    Lock lock(shared_->mutex);
    shared_->segments[numbers[i]] = {start, size, size};
  }
  return cut_tail(numbers);
}

// The last segment may be a crash at its creation; then it holds nothing and is removed.
Result<bool> Relay::is_torn_creation(std::uint64_t number) {
  const std::string path = path_of(options_.folder, number);
  auto file = TRY(disk_.open(path, base::OpenMode::read));
  std::string bytes;
  TRY(file->read_at(0, segment_header_size, bytes));
  const Result<SegmentStart> start = read_segment_header(number, bytes);
  if (start.ok() || start.error().is(errors::newer) || TRY(file->size()) > segment_header_size) return false;
  TRY(disk_.remove(path));
  TRY(disk_.sync_folder(options_.folder));
  return true;
}

// Cuts behind the last commit, newest segment first: a torn record, and a transaction whose commit never came.
Result<void> Relay::cut_tail(std::vector<std::uint64_t>& numbers) {
  for (bool is_newest = true; !numbers.empty(); is_newest = false) {
    const std::uint64_t number = numbers.back();
    const std::string path = path_of(options_.folder, number);
    auto file = TRY(disk_.open(path, base::OpenMode::append));
    const std::uint64_t size = TRY(file->size());
    const Scanned scanned = TRY(scan_records(number, *file, size));
    if (scanned.valid < size && !is_newest) {
      return base::failed(errors::damaged, "segment {} at offset {}: the record does not match its checksum",
                          segment_name(number), scanned.valid);
    }
    if (scanned.whole > 0) TRY(settle_segment(number, *file, scanned.whole));
    file.reset();
    Lock lock(shared_->mutex);
    shared_->end = shared_->commit = shared_->durable = scanned.commit;
    if (scanned.whole > 0) {
      shared_->segments[number].bytes = shared_->segments[number].synced = scanned.whole;
      return {};
    }
    TRY(disk_.remove(path));
    TRY(disk_.sync_folder(options_.folder));
    shared_->segments.erase(number);
    numbers.pop_back();
    next_number_ = number;
  }
  return {};
}

// What was read counts as durable from here on, but may be only in the system's cache; and after a sync that failed,
// in this process or an earlier one, another would say yes although the system has given those pages up. So the records
// are written anew, beside, and take the segment's name when they are durable.
Result<void> Relay::settle_segment(std::uint64_t number, base::File& file, std::uint64_t whole) {
  constexpr std::size_t block = 1 << 20;
  const std::string path = path_of(options_.folder, number);
  const std::string aside = path + ".new";
  TRY(disk_.remove(aside));
  const auto copy_all = [&]() -> Result<void> {
    auto copy = TRY(disk_.open(aside, base::OpenMode::create_new));
    std::string bytes;
    for (std::uint64_t at = 0; at < whole; at += bytes.size()) {
      TRY(file.read_at(at, std::size_t(std::min<std::uint64_t>(block, whole - at)), bytes));
      if (bytes.empty()) return base::failed(errors::damaged, "segment {}: cut short", segment_name(number));
      TRY(copy->append(bytes));
    }
    return copy->sync();
  };
  Result<void> copied = copy_all();
  if (!copied.ok()) {
    (void)disk_.remove(aside);
    return copied;
  }
  TRY(disk_.rename(aside, path));
  return disk_.sync_folder(options_.folder);
}

// Reads every record up to the first that does not verify.
Result<Relay::Scanned> Relay::scan_records(std::uint64_t number, base::File& file, std::uint64_t size) {
  Scanned scanned;
  {
    Lock lock(shared_->mutex);
    const SegmentStart& start = shared_->segments[number].start;
    scanned.commit = start.position;
    if (start.is_whole) scanned.whole = segment_header_size;
  }
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
    if (header->kind != RecordKind::batch || !header->is_whole) continue;
    scanned.whole = offset;
    scanned.commit = header->end;
  }
  scanned.valid = offset;
  if (offset < size) TRY(check_torn(number, file, offset, size));
  return scanned;
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

Result<void> Relay::open_segment(std::uint64_t number, const SegmentStart& start) {
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
  if (poisoned_) return poisoned_error();
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
    shared_->end = shared_->commit = shared_->durable = start;
  }
  is_whole_ = true;
  return open_segment(next_number_, {start, true});
}

// Every record either leaves no transaction open or holds a part of one only, so that recovery can cut between records.
Result<void> Relay::append(const model::ChangeBatch& batch) {
  if (poisoned_) return poisoned_error();
  if (batch.empty() && batch.through == 0) return {};
  if (!has_room(batch.weight())) {
    return base::failed(errors::full, "relay {}: {} of {} bytes used", options_.folder, bytes(), options_.bytes_max);
  }
  std::size_t edge = batch.changes.size();
  while (edge > 0 && !is_edge(batch.changes[edge - 1].op)) --edge;
  if (edge == 0) return write({{&batch, batch.changes.size(), is_whole_}});
  if (batch.changes[edge - 1].op == model::Op::commit) return write({{&batch, batch.changes.size(), true}});
  const std::size_t first_open = edge - 1;
  if (first_open == 0) return write({{&batch, batch.changes.size(), false}});
  model::ChangeBatch open;
  open.through = batch.through;
  open.source_time = batch.source_time;
  for (std::size_t i = first_open; i < batch.changes.size(); ++i) copy_change(batch, batch.changes[i], open);
  return write({{&batch, first_open, true}, {&open, open.changes.size(), false}});
}

Encoder::Facts Relay::facts_of(const Part& part, const model::Position& before) const {
  const model::ChangeBatch& batch = *part.batch;
  Encoder::Facts facts{before, part.is_whole, synced_, part.changes};
  if (part.changes > 0) facts.end = std::max(facts.end, batch.changes[part.changes - 1].position);
  if (part.changes == batch.changes.size() && part.is_whole && batch.through > 0) {
    facts.end = std::max(facts.end, model::Position{batch.through, model::sequence_end, {}});
  }
  facts.end.token.clear();
  return facts;
}

// All parts or none.
Result<void> Relay::write(std::initializer_list<Part> parts) {
  if (file_ != nullptr && written_ >= options_.segment_bytes) {
    TRY(sync());
    file_.reset();
  }
  model::Position end;
  model::Position commit;
  {
    Lock lock(shared_->mutex);
    end = shared_->end;
    commit = shared_->commit;
  }
  if (file_ == nullptr) TRY(open_segment(next_number_, {end, is_whole_}));
  const std::size_t schemas = encoder_.schemas();
  std::uint64_t size = 0;
  const auto flush = [&](std::string_view bytes) {
    size += bytes.size();
    return file_->append(bytes);
  };
  Result<void> outcome;
  buffer_.clear();
  for (const Part& part : parts) {
    const Encoder::Facts facts = facts_of(part, end);
    end = facts.end;
    if (part.is_whole) commit = end;
    if (part.batch->bytes.size() <= copied_bytes_max) {
      encoder_.encode(*part.batch, facts, buffer_);
      continue;
    }
    std::string tail;
    encoder_.encode_around(*part.batch, facts, buffer_, tail);
    if (outcome.ok()) outcome = flush(buffer_);
    if (outcome.ok()) outcome = flush(part.batch->bytes);
    buffer_ = std::move(tail);
  }
  if (outcome.ok()) outcome = flush(buffer_);
  if (!outcome.ok()) {
    encoder_.take_back(schemas);
    const Result<void> cut = file_->truncate(written_);
    if (!cut.ok()) return poison(outcome.take_error());
    return outcome;
  }
  written_ += size;
  is_whole_ = std::rbegin(parts)->is_whole;
  constexpr std::size_t buffer_kept = 8 << 20;
  if (buffer_.capacity() > buffer_kept) std::string().swap(buffer_);
  Lock lock(shared_->mutex);
  shared_->segments[number_].bytes = written_;
  shared_->end = end;
  shared_->commit = commit;
  return {};
}

base::Error Relay::poisoned_error() const {
  return base::failed(errors::sync_failed, "relay {}: an earlier write failed", options_.folder);
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
  if (poisoned_) return poisoned_error();
  if (file_ == nullptr || synced_ == written_) return {};
  Result<void> outcome = file_->sync();
  if (!outcome.ok()) return poison(outcome.take_error());
  synced_ = written_;
  Lock lock(shared_->mutex);
  shared_->segments[number_].synced = synced_;
  shared_->durable = shared_->commit;
  shared_->changed.notify_all();
  return {};
}

Result<void> Relay::trim(const model::Position& upto) {
  while (true) {
    std::uint64_t oldest = 0;
    {
      Lock lock(shared_->mutex);
      const auto first = shared_->segments.begin();
      if (shared_->segments.size() < 2 || std::next(first)->second.start.position > upto) return {};
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
    if (from == next_number_ || segment.start.position <= position) from = number;
  }
  const auto found = shared_->segments.find(from);
  if (found != shared_->segments.end() && found->second.start.position > position) {
    return base::failed(errors::trimmed, "relay {} begins at {:x}/{}, asked for what follows {:x}/{}", options_.folder,
                        found->second.start.position.log, found->second.start.position.sequence, position.log,
                        position.sequence);
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
  return shared_->segments.empty() ? model::Position{} : shared_->segments.begin()->second.start.position;
}

model::Position Relay::end() const {
  Lock lock(shared_->mutex);
  return shared_->durable;
}

}  // namespace relay
