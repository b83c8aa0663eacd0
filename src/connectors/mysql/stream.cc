// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/stream.h"

#include <atomic>

namespace mysql {
namespace {

using base::Result;

constexpr std::size_t batch_bytes_max = 1u << 20;

class BinlogStream final : public connect::Stream {
 public:
  BinlogStream(BinlogSession session, ReaderSettings reader)
      : session_(std::move(session)), reader_(std::move(reader)) {}

  Result<model::ChangeBatch> next(std::stop_token stop) override {
    TRY(reader_.forget_xa(confirmed_.load()));
    // Idle, the server's heartbeat ends the wait. A transaction that has begun to come is read to its end.
    do {
      const binlog::Event* const event = TRY(session_.next(stop));
      TRY(reader_.take(*event, session_.place(), session_.decoder()));
    } while (takes_more());
    return reader_.take_batch();
  }

  Result<void> confirm(const model::Position& position) override {
    std::uint64_t now = confirmed_.load();
    while (now < position.log && !confirmed_.compare_exchange_weak(now, position.log)) {
    }
    return {};
  }
  // The server waits for us as long as its net_write_timeout, which our session has raised.
  Result<void> keep_alive() override { return {}; }
  // Its heartbeats come by themselves.
  Result<void> nudge() override { return {}; }

 private:
  // A transaction that is still whole stays in one batch: it costs less than one that goes through the spool.
  bool takes_more() {
    if (reader_.gathers_whole()) return true;
    return reader_.batch().weight() < batch_bytes_max && (reader_.is_inside() || session_.has_more());
  }

  BinlogSession session_;
  BinlogReader reader_;
  std::atomic<std::uint64_t> confirmed_{0};
};

}  // namespace

Result<std::unique_ptr<connect::Stream>> open_stream(const BinlogStart& start, ReaderSettings reader,
                                                     std::stop_token stop) {
  return std::unique_ptr<connect::Stream>(
      std::make_unique<BinlogStream>(TRY(BinlogSession::open(start, std::move(stop))), std::move(reader)));
}

}  // namespace mysql
