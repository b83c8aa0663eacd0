// SPDX-License-Identifier: Apache-2.0
//
// A relay file's records from hostile bytes: the input is a run of records. To get behind the checksums, sizes and
// checksums of each header are made right before decoding.
#include <cstring>

#include "relay/codec.h"
#include "relay/schema_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)relay::read_schema(input);
  relay::Decoder decoder;
  std::string_view rest = input;
  while (rest.size() >= relay::record_header_size) {
    (void)relay::Decoder::header(rest);
    relay::RecordHeader header;
    header.kind = (rest[4] & 1) != 0 ? relay::RecordKind::schema : relay::RecordKind::batch;
    std::uint16_t length = 0;
    std::memcpy(&length, rest.data() + 8, sizeof length);
    std::uint16_t arena = 0;
    std::memcpy(&arena, rest.data() + 16, sizeof arena);
    std::string payload(rest.substr(relay::record_header_size, length));
    rest.remove_prefix(relay::record_header_size + payload.size());
    header.size = payload.size();
    header.arena_size = arena % (payload.size() + 1);
    header.payload_checksum = relay::checksum_of(payload);
    const auto batch = decoder.decode(header, std::move(payload));
    if (!batch.ok() || !batch->has_value()) continue;
    std::size_t total = 0;
    for (const model::Cell& cell : (*batch)->cells) total += (*batch)->cell_bytes(cell).size();
    if (total == ~std::size_t{0}) __builtin_trap();
  }
  return 0;
}
