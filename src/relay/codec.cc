// SPDX-License-Identifier: Apache-2.0
//
//   record   mark u32, kind u16, flags u16 (1: no transaction is open behind it), size u64, arena_size u64, end.log
//   u64, end.sequence u64, synced u64,
//            checksum of the payload u64, checksum of the 56 bytes before u64, payload
//   schema   version u8, see schema_codec.cc; its number is the count of schema records before it in the file
//   batch    the arena's bytes, then: version u8, tables (u64 count; each schema number u32, form u8), through u64,
//            source_time i64, changes (u64 count, 64 bytes each), cells (u64 count, 16 bytes each),
//            tokens (u64 count; each change index u64, text)
//
// The arena stands first so that the string the file was read into becomes the batch's own, without a copy.
#include "relay/codec.h"

#include <algorithm>
#include <array>
#include <span>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "relay/bytes.h"
#include "relay/errors.h"
#include "relay/schema_codec.h"

namespace relay {

const std::string_view record_mark{"MRr\x01", 4};

namespace {

constexpr std::size_t change_size = 64;
constexpr std::size_t cell_size = 16;
constexpr std::size_t checked_size = record_header_size - sizeof(std::uint64_t);

using ChangeWords = std::array<std::uint64_t, change_size / 8>;

ChangeWords words_of(const model::Change& change) {
  const std::uint64_t flags =
      (change.streamed ? 1U : 0U) | (change.cascade ? 2U : 0U) | (change.restart_identity ? 4U : 0U);
  return {static_cast<std::uint64_t>(change.op) | flags << 8 | static_cast<std::uint64_t>(change.table) << 32,
          change.old_first | static_cast<std::uint64_t>(change.old_count) << 32,
          change.new_first | static_cast<std::uint64_t>(change.new_count) << 32,
          change.xid,
          change.sub_xid,
          static_cast<std::uint64_t>(change.commit_time),
          change.position.log,
          change.position.sequence};
}

bool set_from_words(const ChangeWords& words, model::Change& change) {
  const auto low = static_cast<std::uint32_t>(words[0]);
  if ((low & 0xff) > static_cast<std::uint32_t>(model::Op::unclear) || low >> 8 > 7) return false;
  change.op = static_cast<model::Op>(low & 0xff);
  change.streamed = (low >> 8 & 1) != 0;
  change.cascade = (low >> 8 & 2) != 0;
  change.restart_identity = (low >> 8 & 4) != 0;
  change.table = static_cast<std::uint32_t>(words[0] >> 32);
  change.old_first = static_cast<std::uint32_t>(words[1]);
  change.old_count = static_cast<std::uint32_t>(words[1] >> 32);
  change.new_first = static_cast<std::uint32_t>(words[2]);
  change.new_count = static_cast<std::uint32_t>(words[2] >> 32);
  change.xid = words[3];
  change.sub_xid = words[4];
  change.commit_time = static_cast<std::int64_t>(words[5]);
  change.position.log = words[6];
  change.position.sequence = words[7];
  return true;
}

bool needs_table(model::Op op) {
  return (op >= model::Op::insert && op <= model::Op::drop_table) || op == model::Op::unclear;
}

// The images lie inside the cells and are absent or as wide as the table.
bool fits(const model::Change& change, const std::vector<std::size_t>& widths, std::size_t cells) {
  if (change.table == model::no_table) return !needs_table(change.op) && change.old_count + change.new_count == 0;
  if (change.table >= widths.size()) return false;
  const std::size_t width = widths[change.table];
  const bool old_fits = change.old_count == 0 ||
                        (change.old_count == width && change.old_first + std::uint64_t{change.old_count} <= cells);
  const bool new_fits = change.new_count == 0 ||
                        (change.new_count == width && change.new_first + std::uint64_t{change.new_count} <= cells);
  return old_fits && new_fits;
}

void put_changes(std::span<const model::Change> changes, std::string& out) {
  put(out, static_cast<std::uint64_t>(changes.size()));
  std::size_t tokens = 0;
  for (const model::Change& change : changes) {
    const ChangeWords words = words_of(change);
    out.append(reinterpret_cast<const char*>(words.data()), change_size);
    tokens += change.position.token.empty() ? 0 : 1;
  }
  put(out, static_cast<std::uint64_t>(tokens));
  if (tokens == 0) return;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (changes[i].position.token.empty()) continue;
    put(out, static_cast<std::uint64_t>(i));
    put_text(out, changes[i].position.token);
  }
}

void put_cells(const std::vector<model::Cell>& cells, std::string& out) {
  constexpr std::size_t block = 256;
  put(out, static_cast<std::uint64_t>(cells.size()));
  std::array<std::uint64_t, 2 * block> words;
  for (std::size_t first = 0; first < cells.size(); first += block) {
    const std::size_t count = std::min(block, cells.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const model::Cell& cell = cells[first + i];
      words[2 * i] = cell.offset;
      words[2 * i + 1] = cell.size | static_cast<std::uint64_t>(cell.state) << 32;
    }
    out.append(reinterpret_cast<const char*>(words.data()), count * cell_size);
  }
}

void get_changes(Cursor& cursor, std::vector<model::Change>& changes) {
  const std::uint64_t count = cursor.get_count(change_size);
  const std::string_view bytes = cursor.take(count * change_size);
  changes.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    ChangeWords words;
    std::memcpy(words.data(), bytes.data() + i * change_size, change_size);
    if (!set_from_words(words, changes[i])) cursor.refuse();
  }
  const std::uint64_t tokens = cursor.get_count(sizeof(std::uint64_t) + sizeof(std::uint32_t));
  for (std::uint64_t i = 0; i < tokens; ++i) {
    const auto index = cursor.get<std::uint64_t>();
    std::string token = cursor.get_text();
    if (index >= changes.size()) return cursor.refuse();
    changes[index].position.token = std::move(token);
  }
}

bool get_cells(std::string_view bytes, std::uint64_t arena_size, std::vector<model::Cell>& cells) {
  cells.resize(bytes.size() / cell_size);
  bool good = bytes.size() % cell_size == 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::array<std::uint64_t, 2> words;
    std::memcpy(words.data(), bytes.data() + i * cell_size, cell_size);
    cells[i].offset = words[0];
    cells[i].size = static_cast<std::uint32_t>(words[1]);
    const std::uint64_t state = words[1] >> 32;
    good = good && state <= static_cast<std::uint64_t>(model::CellState::misfit) && words[0] <= arena_size &&
           cells[i].size <= arena_size - words[0];
    cells[i].state = static_cast<model::CellState>(state & 7);
  }
  return good;
}

// `size` and `checksum` of the payload.
void put_header(const RecordHeader& header, std::uint64_t size, std::uint64_t checksum, char* at) {
  std::string bytes(record_mark);
  put(bytes, static_cast<std::uint16_t>(header.kind));
  put(bytes, static_cast<std::uint16_t>(header.is_whole ? 1 : 0));
  put(bytes, size);
  put(bytes, header.arena_size);
  put(bytes, header.end.log);
  put(bytes, header.end.sequence);
  put(bytes, header.synced);
  put(bytes, checksum);
  put(bytes, checksum_of(bytes));
  std::memcpy(at, bytes.data(), record_header_size);
}

// Completes the record that begins at `start` of `out`; its payload is already there.
void finish_record(const RecordHeader& header, std::size_t start, std::string& out) {
  const std::string_view payload = std::string_view(out).substr(start + record_header_size);
  put_header(header, payload.size(), checksum_of(payload), out.data() + start);
}

RecordHeader header_of(const model::ChangeBatch& batch, const Encoder::Facts& facts) {
  RecordHeader header;
  header.arena_size = batch.bytes.size();
  header.end = facts.end;
  header.is_whole = facts.is_whole;
  header.synced = facts.synced;
  return header;
}

// What stands behind the batch's bytes.
void put_rest(const model::ChangeBatch& batch, const Encoder::Facts& facts, const std::vector<std::uint32_t>& numbers,
              std::string& out) {
  put(out, static_cast<std::uint8_t>(codec_version));
  put(out, static_cast<std::uint64_t>(numbers.size()));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    put(out, numbers[i]);
    put(out, batch.forms[i]);
  }
  const std::span<const model::Change> changes(batch.changes.data(), std::min(facts.changes, batch.changes.size()));
  put(out, changes.size() < batch.changes.size() ? std::uint64_t{0} : batch.through);
  put(out, batch.source_time);
  put_changes(changes, out);
  put_cells(batch.cells, out);
}

base::Result<void> check_version(std::uint8_t version) {
  if (version > codec_version) return base::failed(errors::newer, "record of version {}", version);
  if (version == 0) return base::failed(errors::damaged, "record of version {}", version);
  return {};
}

}  // namespace

std::uint64_t checksum_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::uint32_t Encoder::number_of(const model::TableSchemaPtr& schema, std::uint64_t synced, std::string& out) {
  const auto [found, is_new] = numbers_.try_emplace(schema.get(), static_cast<std::uint32_t>(schemas_.size()));
  if (!is_new) return found->second;
  schemas_.push_back(schema);
  const std::size_t start = out.size();
  out.append(record_header_size, '\0');
  put(out, static_cast<std::uint8_t>(codec_version));
  append_schema(*schema, out);
  RecordHeader header;
  header.kind = RecordKind::schema;
  header.synced = synced;
  finish_record(header, start, out);
  return found->second;
}

void Encoder::take_back(std::size_t count) {
  while (schemas_.size() > count) {
    numbers_.erase(schemas_.back().get());
    schemas_.pop_back();
  }
}

void Encoder::encode(const model::ChangeBatch& batch, const Facts& facts, std::string& out) {
  std::vector<std::uint32_t> numbers;
  for (const model::TableSchemaPtr& schema : batch.tables) numbers.push_back(number_of(schema, facts.synced, out));
  const std::size_t start = out.size();
  out.reserve(start + record_header_size + batch.bytes.size() + batch.changes.size() * change_size +
              batch.cells.size() * cell_size + 256);
  out.append(record_header_size, '\0');
  out.append(batch.bytes);
  put_rest(batch, facts, numbers, out);
  finish_record(header_of(batch, facts), start, out);
}

void Encoder::encode_around(const model::ChangeBatch& batch, const Facts& facts, std::string& head, std::string& tail) {
  std::vector<std::uint32_t> numbers;
  for (const model::TableSchemaPtr& schema : batch.tables) numbers.push_back(number_of(schema, facts.synced, head));
  const std::size_t start = tail.size();
  put_rest(batch, facts, numbers, tail);
  const std::string_view rest = std::string_view(tail).substr(start);
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, batch.bytes.data(), batch.bytes.size());
  XXH3_64bits_update(&state, rest.data(), rest.size());
  const std::size_t header_start = head.size();
  head.append(record_header_size, '\0');
  put_header(header_of(batch, facts), batch.bytes.size() + rest.size(), XXH3_64bits_digest(&state),
             head.data() + header_start);
}

base::Result<RecordHeader> Decoder::header(std::string_view bytes) {
  ENSURE(bytes.size() >= record_header_size);
  Cursor cursor(bytes.substr(0, record_header_size));
  const std::string_view mark = cursor.take(record_mark.size());
  RecordHeader header;
  const auto kind = cursor.get<std::uint16_t>();
  const auto flags = cursor.get<std::uint16_t>();
  header.size = cursor.get<std::uint64_t>();
  header.arena_size = cursor.get<std::uint64_t>();
  header.end.log = cursor.get<std::uint64_t>();
  header.end.sequence = cursor.get<std::uint64_t>();
  header.synced = cursor.get<std::uint64_t>();
  header.payload_checksum = cursor.get<std::uint64_t>();
  if (mark != record_mark || cursor.get<std::uint64_t>() != checksum_of(bytes.substr(0, checked_size))) {
    return base::failed(errors::damaged, "the record's header does not match its checksum");
  }
  const bool is_known =
      kind == static_cast<std::uint16_t>(RecordKind::schema) || kind == static_cast<std::uint16_t>(RecordKind::batch);
  if (!is_known || flags > 1) return base::failed(errors::newer, "record of kind {}, flags {}", kind, flags);
  header.is_whole = flags == 1;
  header.kind = static_cast<RecordKind>(kind);
  if (header.size > record_size_max || header.arena_size > header.size) {
    return base::failed(errors::damaged, "the record's sizes contradict each other");
  }
  return header;
}

base::Result<std::optional<model::ChangeBatch>> Decoder::decode(const RecordHeader& header, std::string&& payload) {
  if (payload.size() != header.size || checksum_of(payload) != header.payload_checksum) {
    return base::failed(errors::damaged, "the record does not match its checksum");
  }
  if (header.kind == RecordKind::batch) {
    return std::optional<model::ChangeBatch>(TRY(decode_batch(header, std::move(payload))));
  }
  if (payload.empty()) return base::failed(errors::damaged, "a schema record is empty");
  TRY(check_version(static_cast<std::uint8_t>(payload[0])));
  std::optional<model::TableSchema> schema = read_schema(std::string_view(payload).substr(1));
  if (!schema) return base::failed(errors::damaged, "a schema record is malformed");
  widths_.push_back(model::stored_columns(*schema).size());
  schemas_.push_back(std::make_shared<const model::TableSchema>(std::move(*schema)));
  return std::optional<model::ChangeBatch>();
}

base::Result<model::ChangeBatch> Decoder::decode_batch(const RecordHeader& header, std::string&& payload) {
  model::ChangeBatch batch;
  Cursor cursor(std::string_view(payload).substr(header.arena_size));
  TRY(check_version(cursor.get<std::uint8_t>()));
  std::vector<std::size_t> widths;
  const std::uint64_t tables = cursor.get_count(5);
  for (std::uint64_t i = 0; i < tables; ++i) {
    const auto number = cursor.get<std::uint32_t>();
    const auto form = cursor.get<std::uint8_t>();
    if (number >= schemas_.size() || form > static_cast<std::uint8_t>(model::CellForm::native)) {
      return base::failed(errors::damaged, "a batch names a schema that is not there");
    }
    batch.tables.push_back(schemas_[number]);
    batch.forms.push_back(static_cast<model::CellForm>(form));
    widths.push_back(widths_[number]);
  }
  batch.through = cursor.get<std::uint64_t>();
  batch.source_time = cursor.get<std::int64_t>();
  get_changes(cursor, batch.changes);
  const std::string_view cells = cursor.take(cursor.get_count(cell_size) * cell_size);
  bool good = cursor.ok() && cursor.at_end() && get_cells(cells, header.arena_size, batch.cells);
  for (const model::Change& change : batch.changes) good = good && fits(change, widths, batch.cells.size());
  if (!good) return base::failed(errors::damaged, "a batch is malformed");
  payload.resize(header.arena_size);
  batch.bytes = std::move(payload);
  return batch;
}

}  // namespace relay
