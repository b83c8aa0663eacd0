// SPDX-License-Identifier: Apache-2.0
//
// Names of files that lie in a bucket or folder, whoever put them there, and the file target's own notes, from hostile
// bytes. What is understood as ours is written the same way again.
#include "connectors/files/names.h"
#include "connectors/files/notes.h"

namespace files = connectors::files;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string name(files::file_of_key(text));
  if (const auto number = files::parse_load_name(name)) {
    if (files::parse_load_name(files::load_name(*number) + ".csv") != number) __builtin_trap();
  }
  // A moment that no clock shows, like 24:61, becomes the one it means.
  if (const auto moment = files::parse_cdc_name(name)) {
    if (files::parse_cdc_name(files::cdc_name(*moment) + ".csv") != moment && *moment < 253402300800000)
      __builtin_trap();
  }
  if (const auto moment = files::parse_transaction_name(name)) {
    if (files::parse_transaction_name(files::transaction_name(*moment) + ".csv") != moment &&
        *moment < 253402300800000) {
      __builtin_trap();
    }
  }
  if (files::key_part(text).find('/') != std::string::npos) __builtin_trap();
  const auto intent = files::notes::parse_intent("key", text);
  if (intent.ok() && intent->name >= 0) {  // as ours are
    const auto again = files::notes::parse_intent("key", files::notes::print(*intent));
    if (!again.ok() || again->key != intent->key || again->to != intent->to) __builtin_trap();
  }
  (void)files::notes::parse_position("key", text);
  return 0;
}
