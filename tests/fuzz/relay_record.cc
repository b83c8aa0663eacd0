// SPDX-License-Identifier: Apache-2.0
//
// A relay file's records from hostile bytes: the input is a run of records. To get behind the checksums, sizes and
// checksums of each header are made right before decoding. The same bytes are a file's header, and its name.
#include <cstring>

#include "relay/bytes.h"
#include "relay/codec.h"
#include "relay/schema_codec.h"
#include "relay/segment.h"

namespace {

void read_as_segment(std::string_view input) {
  constexpr std::uint64_t number = 167;
  std::string head(input.substr(0, relay::segment_header_size - sizeof(std::uint64_t)));
  relay::put(head, relay::checksum_of(head));
  const auto start = relay::read_segment_header(number, head);
  // Flags that nobody knows yet are lost.
  if (start.ok() &&
      relay::read_segment_header(number, relay::segment_header(number, *start))->position != start->position) {
    __builtin_trap();
  }
  const auto named = relay::segment_number(input);
  if (named && relay::segment_number(relay::segment_name(*named)) != named) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)relay::read_schema(input);
  read_as_segment(input);
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
