// SPDX-License-Identifier: Apache-2.0
//
// The messages of the built-in output plugin `pgoutput`, protocol versions 1 to 4, values as text or binary (version
// 3's two-phase messages are refused: our slots do not ask for them). A pure decoder: views point into the message
// given. One thread; the decoder remembers only whether it is inside a streamed block, because messages look different
// there, and reuses the rows of the last message. How it fails: protocol_broken for every malformed byte sequence.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postgres::pgoutput {

enum class Kind : char {
  begin = 'B',
  commit = 'C',
  origin = 'O',
  relation = 'R',
  type = 'Y',
  insert = 'I',
  update = 'U',
  remove = 'D',
  truncate = 'T',
  message = 'M',
  stream_start = 'S',
  stream_stop = 'E',
  stream_commit = 'c',
  stream_abort = 'A',
};

struct Value {
  char kind = 'n';  // 'n' NULL, 'u' unchanged large value, 't' text, 'b' binary
  std::string_view bytes;
};

struct RelationColumn {
  bool in_key = false;
  std::string_view name;
  std::uint32_t type = 0;
  std::int32_t modifier = -1;
};

// Only the members of its kind are valid.
struct Message {
  Kind kind = Kind::begin;
  bool streamed = false;          // inside a streamed block
  std::uint32_t xid = 0;          // begin, stream_*; inside a streamed block of every message (the subtransaction)
  std::uint32_t sub_xid = 0;      // stream_abort
  std::uint64_t commit_lsn = 0;   // begin, commit, stream_commit: where the commit record begins
  std::uint64_t end_lsn = 0;      // commit, stream_commit
  std::int64_t commit_time = 0;   // begin, commit, stream_commit: microseconds since 1970
  bool first_segment = false;     // stream_start
  std::uint32_t relation = 0;     // relation, insert, update, remove
  std::string_view schema, name;  // relation, type
  std::uint32_t type = 0;         // type
  char replica_identity = 'd';    // relation: d, n, f, i
  std::vector<RelationColumn> columns;  // relation
  char old_kind = 0;                    // update, remove: 'K' key, 'O' full, 0 none
  std::vector<Value> old_row;
  std::vector<Value> new_row;
  bool cascade = false, restart_identity = false;  // truncate
  std::vector<std::uint32_t> relations;            // truncate
  bool transactional = false;                      // message
  std::uint64_t message_lsn = 0;
  std::string_view prefix, content;
};

class Decoder {
 public:
  explicit Decoder(int protocol_version, bool parallel = false) : version_(protocol_version), parallel_(parallel) {}
  // The result is valid until the next call and while `bytes` lives.
  base::Result<const Message*> decode(std::string_view bytes);
  bool is_in_block() const { return in_block_; }

 private:
  const int version_;
  const bool parallel_;
  bool in_block_ = false;
  Message message_;
};

// "2000-01-01" is the server's epoch.
inline constexpr std::int64_t epoch_micros = 946'684'800'000'000;

}  // namespace postgres::pgoutput
