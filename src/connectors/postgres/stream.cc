// SPDX-License-Identifier: Apache-2.0
//
// One session in replication mode. The server sends CopyData messages: 'w' (a piece of log: start, end, server time,
// one pgoutput message) and 'k' (keepalive: end of what it has read, server time, whether it wants an answer). We
// answer with 'r' (written, flushed, applied, time, want an answer).
//
//   position P = {log, sequence_end}      flushed = log + 1      the server forgets commit records before `flushed`
//   position P = {log, anything else}     flushed = log
//
// All three of our numbers are the confirmed one, so that nobody waits for us who should not.
#include "connectors/postgres/stream.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "connectors/postgres/slot.h"
#include "connectors/postgres/stream_reader.h"

namespace postgres {
namespace {

using base::failed;
using base::Result;

constexpr std::size_t batch_bytes_max = 1u << 20;
constexpr std::chrono::milliseconds wait_max(100);
constexpr base::Nanos linger = std::chrono::milliseconds(1);  // see linger_for()
constexpr std::size_t linger_bytes_max = 128u << 10;
constexpr base::Nanos linger_behind = std::chrono::milliseconds(20);
// More than that at once: on a longer way a window's worth comes between two looks, and a pause would be all its time.
constexpr std::size_t linger_behind_bytes_max = 32u << 10;
constexpr int lingers_behind_max = 4;  // in a row, while what comes was committed long ago
constexpr std::int64_t behind_micros_min = 1'000'000;
constexpr base::Nanos status_pause = std::chrono::milliseconds(200);  // between reports of progress
constexpr int busy_attempts_max = 50;                                 // a tenth of a second each
constexpr base::Nanos look_pause_min = std::chrono::seconds(5);       // between surveys of the catalogue
constexpr int look_share = 200;                                       // and of the time, one in so many parts
constexpr std::size_t log_header = 1 + 8 + 8 + 8;
constexpr std::size_t keepalive_size = 1 + 8 + 8 + 1;

std::uint64_t load_u64(const char* at) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

void append_u64(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint64_t flush_of(const model::Position& position) {
  return position.sequence == model::sequence_end ? position.log + 1 : position.log;
}

class SlotStream final : public connect::Stream {
 public:
  SlotStream(StreamSettings settings, Connection connection, base::Nanos answer_within, StreamReader reader)
      : slot_(settings.slot),
        clock_(*settings.clock),
        refuse_binary_(std::move(settings.refuse_binary)),
        connection_(std::move(connection)),
        reader_(std::move(reader)),
        answer_within_(answer_within),
        flush_(flush_of(settings.start)),
        reported_(flush_of(settings.start)),
        last_status_(clock_.monotonic()) {}

  ~SlotStream() override {
    // What was confirmed last should not be sent again; if it does not arrive, it is.
    if (!connection_.is_broken() && flush_.load() != reported_) (void)send_status(false).ok();
  }

  Result<model::ChangeBatch> next(std::stop_token stop) override;
  // The first time before anything is read: who asks the server for its position after open_stream() knows that this
  // survey is compared before the stream gets there.
  Result<void> look_around();
  Result<void> confirm(const model::Position& position) override {
    std::uint64_t now = flush_.load();
    const std::uint64_t wanted = flush_of(position);
    while (now < wanted && !flush_.compare_exchange_weak(now, wanted)) {
    }
    return {};
  }
  Result<void> keep_alive() override { return report_progress(); }
  Result<void> nudge() override { return send_status(true); }

 private:
  Result<void> take(std::string_view message);
  base::Nanos linger_for(int lingered, std::size_t news_bytes);
  Result<void> send_status(bool wants_answer);
  Result<void> report_progress();
  base::Error explained(base::Error error) const;

  const std::string slot_;
  base::Clock& clock_;
  const std::function<Result<void>()> refuse_binary_;
  Connection connection_;
  StreamReader reader_;
  const base::Nanos answer_within_;
  std::atomic<std::uint64_t> flush_;
  std::uint64_t reported_;
  base::Nanos last_status_;
  base::Nanos next_look_{0};
  bool answer_wanted_ = false;
};

base::Error SlotStream::explained(base::Error error) const {
  if (!says_position_gone(error, connection_.last_sqlstate())) return error;
  return failed(connect::errors::position_gone, "replication slot {}: {}", slot_, error.message);
}

Result<void> SlotStream::send_status(bool wants_answer) {
  const std::uint64_t flush = flush_.load();
  std::string message = "r";
  for (int i = 0; i < 3; ++i) append_u64(message, flush);
  append_u64(message, static_cast<std::uint64_t>(clock_.wall() - pgoutput::epoch_micros));
  message += wants_answer ? '\1' : '\0';
  TRY(connection_.both_write(message));
  reported_ = flush;
  last_status_ = clock_.monotonic();
  answer_wanted_ = false;
  return {};
}

Result<void> SlotStream::report_progress() {
  const base::Nanos passed = clock_.monotonic() - last_status_;
  const bool has_news = flush_.load() != reported_ && passed >= status_pause;
  if (answer_wanted_ || has_news || passed >= answer_within_) return send_status(false);
  return {};
}

Result<void> SlotStream::take(std::string_view message) {
  if (message[0] == 'w' && message.size() > log_header) {
    Result<void> taken = reader_.take(message.substr(log_header));
    if (!taken.ok() && taken.error().is(connect::errors::stream_again) && refuse_binary_) TRY(refuse_binary_());
    return taken;
  }
  if (message[0] == 'k' && message.size() == keepalive_size) {
    reader_.on_caught_up(load_u64(message.data() + 1),
                         static_cast<std::int64_t>(load_u64(message.data() + 9)) + pgoutput::epoch_micros);
    answer_wanted_ = answer_wanted_ || message[17] != 0;
    return {};
  }
  return failed(errors::protocol_broken, "replication slot {}: a message of kind {:#04x} and {} bytes", slot_,
                static_cast<unsigned char>(message[0]), message.size());
}

// The server sends each change on its own, and while the socket has room each is a packet that is delivered at once,
// which costs the server more than making it. So the socket fills for a moment and many are taken at once: a short one
// near the end of the log; while we are behind one in which even a slow server fills the window, so that its next
// changes join into few packets (half of its time for a change, measured on the loopback). Zero: no longer.
base::Nanos SlotStream::linger_for(int lingered, std::size_t news_bytes) {
  const model::ChangeBatch& batch = reader_.batch();
  const std::int64_t committed = batch.changes.empty() ? 0 : batch.changes.back().commit_time;
  const bool is_behind = committed != 0 && clock_.wall() - committed > behind_micros_min;
  const bool is_small = lingered < lingers_behind_max && news_bytes < linger_behind_bytes_max;
  if (is_behind) return is_small ? linger_behind : base::Nanos(0);
  return lingered == 0 && batch.weight() < linger_bytes_max ? linger : base::Nanos(0);
}

Result<void> SlotStream::look_around() {
  const base::Nanos now = clock_.monotonic();
  const bool due = now >= next_look_ && !reader_.is_inside();
  TRY(reader_.look_around(due));
  if (!due) return {};
  const base::Nanos after = clock_.monotonic();
  next_look_ = after + std::max<base::Nanos>(look_pause_min, (after - now) * look_share);
  return {};
}

Result<model::ChangeBatch> SlotStream::next(std::stop_token stop) {
  TRY(report_progress());
  bool has_waited = false, has_message = false;
  std::size_t news_bytes = 0;  // since the last pause
  int lingered = 0;
  while (reader_.batch().weight() < batch_bytes_max) {
    auto message = connection_.copy_out_try();
    if (!message.ok()) return explained(message.take_error());
    if (!*message) {
      return failed(errors::server_stopping, "replication slot {}: the server ended the stream", slot_);
    }
    if (!(*message)->empty()) {
      TRY(take(**message));
      has_message = true;
      news_bytes += (*message)->size();
      continue;
    }
    const base::Nanos pause = news_bytes > 0 ? linger_for(lingered, news_bytes) : base::Nanos(0);
    if (pause > base::Nanos(0)) {
      ++lingered;
      news_bytes = 0;
      if (!clock_.pause(pause, stop)) break;
      continue;
    }
    if (has_message || has_waited) break;
    if (stop.stop_requested()) return failed(base::errors::canceled, "stopped while reading slot {}", slot_);
    TRY(connection_.wait_readable(wait_max));
    has_waited = true;
  }
  connection_.release_message();  // a huge one would stay until the next call, which may be far
  if (answer_wanted_) TRY(send_status(false));
  TRY(look_around());
  return reader_.take_batch();
}

// Starting behind what the slot has forgotten would be forwarded silently by the server.
Result<void> check_slot(Connection& connection, const StreamSettings& settings) {
  const std::optional<SlotState> slot = TRY(read_slot(connection, settings.slot));
  if (!slot || slot->health == "lost") {
    return failed(connect::errors::position_gone, "replication slot {} {}", settings.slot,
                  slot ? "was invalidated by the server (wal_status lost)" : "does not exist");
  }
  if (slot->plugin != "pgoutput" || !slot->of_this_database) {
    return failed(connect::errors::not_supported, "replication slot {}: it must be a pgoutput slot of this database",
                  settings.slot);
  }
  if (slot->confirmed > flush_of(settings.start)) {
    return failed(connect::errors::position_gone,
                  "replication slot {}: the server has forgotten everything before {}, the task stands at {}",
                  settings.slot, lsn_text(slot->confirmed), lsn_text(settings.start.log));
  }
  return {};
}

// A session of a process that was killed a moment ago may still hold the slot.
Result<void> start_replication(Connection& connection, const StreamSettings& settings, const std::string& command,
                               const std::stop_token& stop) {
  for (int attempt = 1;; ++attempt) {
    Result<void> started = connection.copy_both(command, stop);
    if (started.ok()) {
      connection.keep_receive_window();
      return {};
    }
    base::Error error = started.take_error();
    const std::string state = connection.last_sqlstate();
    if (says_position_gone(error, state)) {
      return failed(connect::errors::position_gone, "replication slot {}: {}", settings.slot, error.message);
    }
    if (state != "55006" || attempt == busy_attempts_max) return error;
    TRY(connection.execute("SELECT pg_sleep(0.1)", stop));
  }
}

// The replication grammar knows no E'' strings: quotes are doubled and that is all.
std::string replication_literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + "'";
}

std::string start_command(const StreamSettings& settings, int version, bool is_binary) {
  std::string names;
  for (const std::string& publication : settings.publications) {
    names += (names.empty() ? "" : ",") + quote_identifier(publication);
  }
  std::string command = fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '{}', publication_names {}",
                                    quote_identifier(settings.slot), lsn_text(flush_of(settings.start)),
                                    version >= 140000 ? 2 : 1, replication_literal(names));
  if (version >= 140000) command += ", messages 'true', streaming 'on'";
  if (is_binary) command += ", binary 'true'";
  return command + ")";
}

}  // namespace

bool says_position_gone(const base::Error& error, const std::string& sqlstate) {
  const auto says = [&error](std::string_view words) { return error.message.find(words) != std::string::npos; };
  if (says("requested WAL segment") || says("can no longer get changes") ||
      says("can no longer access replication slot"))
    return true;
  if (sqlstate == "42704" && says("replication slot")) return true;
  if (sqlstate == "55000" && (says("cannot read from logical replication slot") || says("slot has been invalidated"))) {
    return true;
  }
  return says("is not in this server's history") || says("requested starting point");
}

Result<std::unique_ptr<connect::Stream>> open_stream(StreamSettings settings, std::stop_token stop) {
  ENSURE(settings.clock != nullptr && settings.shapes.describe != nullptr);
  Connection ordinary = TRY(Connection::open(settings.connection, Purpose::ordinary, stop));
  TRY(check_slot(ordinary, settings));
  const auto timeout =
      TRY(ordinary.query_value("SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'", {}, stop));
  std::int64_t timeout_ms = 0;
  if (timeout) std::from_chars(timeout->data(), timeout->data() + timeout->size(), timeout_ms);
  if (timeout_ms <= 0) timeout_ms = 60'000;
  const base::Nanos answer_within = std::chrono::milliseconds(std::min<std::int64_t>(timeout_ms / 3, 10'000));
  Connection connection = TRY(Connection::open(settings.connection, Purpose::replication, stop));
  const int version = connection.server_version();
  std::optional<BinaryTypes> types;
  if (version >= 140000 && !settings.text_only) {
    types.emplace([to = settings.connection](const std::vector<std::uint32_t>& oids) -> Result<BinaryTypes::Forms> {
      Connection session = TRY(Connection::open(to));
      return read_binary_types(session, oids);
    });
    if (!TRY(types->cover(settings.tables))) types.reset();
  }
  TRY(start_replication(connection, settings, start_command(settings, version, types.has_value()), stop));
  if (settings.log != nullptr) {
    settings.log->info("stream", "slot {}: values come {}", settings.slot, types ? "in binary" : "as text");
  }
  StreamReader reader(settings.tables, settings.choices, settings.form, settings.shapes, settings.start,
                      version >= 140000 ? 2 : 1, std::move(types));
  reader.set_canonical(settings.canonical);
  reader.set_later(settings.later);
  reader.set_fences(settings.fences);
  auto stream =
      std::make_unique<SlotStream>(std::move(settings), std::move(connection), answer_within, std::move(reader));
  TRY(stream->look_around());
  return std::unique_ptr<connect::Stream>(std::move(stream));
}

}  // namespace postgres
