// SPDX-License-Identifier: Apache-2.0
//
// Change batches as records of a file, and back. A record is a header of fixed size and a payload; both are checksummed
// (XXH3), all numbers are little endian. A table's schema is written once a file, as a record of its own, and batches
// name it by number: one Encoder and one Decoder for each file, fed from its start. Nothing here does I/O.
//
// One thread at a time. Reading trusts nothing: every length, index and enumerator is checked, and any malformed input
// is relay.damaged (the caller adds file and offset), a newer version relay.newer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/change.h"

namespace relay {

inline constexpr std::uint32_t codec_version = 2;  // 1: native cells were CellForm::native_hex
inline constexpr std::size_t record_header_size = 64;
inline constexpr std::uint64_t record_size_max = 1ULL << 40;

enum class RecordKind : std::uint16_t { schema = 1, batch = 2 };

struct RecordHeader {
  RecordKind kind = RecordKind::batch;
  std::uint64_t size = 0;        // of the payload
  std::uint64_t arena_size = 0;  // the batch's bytes, which stand first in the payload
  model::Position end;           // after this record the reader is here (no token)
  bool is_whole = true;          // after this record no transaction is open
  std::uint64_t synced = 0;      // so much of this file was durable when the record was written
  std::uint64_t payload_checksum = 0;
};

// Four bytes that begin every record, to look for what follows a damaged one.
extern const std::string_view record_mark;

std::uint64_t checksum_of(std::string_view bytes);
// Batches whose bytes are larger are not copied to be written.
inline constexpr std::size_t copied_bytes_max = 4u << 20;

class Encoder {
 public:
  struct Facts {
    model::Position end;
    bool is_whole = true;
    std::uint64_t synced = 0;
    std::size_t changes = ~std::size_t{0};  // only so many of the batch's first changes, and then no `through`
  };
  // Appends the schemas not yet in this file, then the batch, to `out`.
  void encode(const model::ChangeBatch& batch, const Facts& facts, std::string& out);
  // The same without a copy of the batch's bytes: appends what stands before them to `head`, after them to `tail`.
  void encode_around(const model::ChangeBatch& batch, const Facts& facts, std::string& head, std::string& tail);
  // For a write that failed: the schemas after the first `count` are not in the file.
  std::size_t schemas() const { return schemas_.size(); }
  void take_back(std::size_t count);

 private:
  std::uint32_t number_of(const model::TableSchemaPtr& schema, std::uint64_t synced, std::string& out);

  std::vector<model::TableSchemaPtr> schemas_;
  std::unordered_map<const model::TableSchema*, std::uint32_t> numbers_;
};

class Decoder {
 public:
  // `bytes` has at least record_header_size bytes.
  static base::Result<RecordHeader> header(std::string_view bytes);
  // `payload` has header.size bytes and is used up. A schema record gives nullopt.
  base::Result<std::optional<model::ChangeBatch>> decode(const RecordHeader& header, std::string&& payload);

 private:
  base::Result<model::ChangeBatch> decode_batch(const RecordHeader& header, std::string&& payload);

  std::vector<model::TableSchemaPtr> schemas_;
  std::vector<std::size_t> widths_;  // stored columns of each
};

}  // namespace relay
