// SPDX-License-Identifier: Apache-2.0
//
// Turns the messages of pgoutput, in their order, into changes of a batch: the pure part of the stream. One thread.
//
// A transaction's begin is written with its first change, so that transactions without any leave no trace but
// `through`. Positions: begin {P, 0}, changes {P, 1..}, a schema change has the number of the change before it, commit
// {P, sequence_end}. Streamed changes have sequence 0; the engine numbers them.
//
// With `types` the session is in binary; a value of a type that has no binary form fails with connect.stream_again.
#pragma once

#include "connectors/postgres/binary_types.h"
#include "connectors/postgres/relation_map.h"
#include "connectors/postgres/stream.h"

namespace postgres {

class StreamReader {
 public:
  StreamReader(const std::vector<model::TableSchemaPtr>& tables, const TypeChoices& choices, model::CellForm form,
               ShapeSources shapes, model::Position start, int protocol_version,
               std::optional<BinaryTypes> types = std::nullopt);

  // Tables whose cells are canonical whatever the form; before the first message.
  void set_canonical(std::set<model::TableName> tables) { canonical_ = std::move(tables); }
  // What an earlier stream found out beyond the start, by position; before the first message. One of no table (0) only
  // takes its place: our own changes stand behind all of them.
  void set_later(const std::vector<connect::LaterShape>& later) {
    for (const connect::LaterShape& shape : later) later_.emplace(shape.log, shape);
  }
  // By OID: what is known of a table lies behind all of that. Before the first message.
  void set_fences(const std::map<std::uint64_t, model::Fence>& fences) { fences_ = fences; }
  // Appends what the message says to the batch in hand.
  base::Result<void> take(std::string_view message);
  // The server has sent everything that committed before `lsn`.
  void on_caught_up(std::uint64_t lsn, std::int64_t server_time);
  // Surveys the catalogue when `due` and none is open, and compares it once everything it saw has come. Only between
  // transactions; what the log did not tell becomes a transaction of our own, at a place no record of the log begins,
  // and has that place in later streams, too (set_later).
  base::Result<void> look_around(bool due);
  model::ChangeBatch take_batch();
  const model::ChangeBatch& batch() const { return batch_; }
  bool is_inside() const { return in_transaction_ || decoder_.is_in_block(); }

 private:
  using Message = pgoutput::Message;
  base::Result<void> on_change(const Message& message);
  base::Result<void> on_relation(const Message& message);
  base::Result<void> on_truncate(const Message& message);
  base::Result<void> on_logical_message(const Message& message);
  void add_outcome(const RelationMap::Outcome& outcome, const Message& message);
  void on_begin(const Message& message);
  void begin_transaction(const Message& message);
  void end_own_transaction(const Message& edge);
  void make_later(std::uint64_t before);
  void on_commit(const Message& message);
  base::Result<void> on_stream_end(const Message& message);
  void settle_noted(std::uint64_t log);
  model::Change& add_change(model::Op op, const Message& message, bool counts = true);
  model::CellForm form_of(const model::TableName& table) const {
    return canonical_.contains(table) ? model::CellForm::canonical : form_;
  }
  std::uint32_t table_of(Relation& relation);
  base::Result<void> add_row(const std::vector<pgoutput::Value>& values, Relation& relation, bool only_key,
                             std::uint32_t& first, std::uint32_t& count);
  bool add_value(const Relation& relation, std::size_t column, const pgoutput::Value& value);
  base::Result<void> check_misfit(const Relation& relation, std::size_t column, const pgoutput::Value& value) const;
  void fill_unchanged(model::Change& change);
  RelationMap::Place place_of(const Message& message) const {
    return {top_xid(), message.xid, decoder_.is_in_block() ? block_xid_ : xid_};
  }
  std::uint32_t top_xid() const { return decoder_.is_in_block() ? block_xid_ : 0; }
  bool is_past(std::uint32_t oid) const;
  std::string place() const;

  pgoutput::Decoder decoder_;
  RelationMap relations_;
  std::optional<BinaryTypes> types_;
  const model::CellForm form_;
  std::set<model::TableName> canonical_;
  const model::Position start_;
  model::ChangeBatch batch_;
  std::uint64_t batch_number_ = 1;
  Relation* last_ = nullptr;  // of the last row; void after any change of the map
  std::uint32_t last_oid_ = 0;
  bool in_transaction_ = false;
  bool begun_ = false;     // the begin is in a batch
  bool skipping_ = false;  // the transaction is behind our start
  std::uint64_t commit_lsn_ = 0;
  std::int64_t commit_time_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint32_t xid_ = 0;
  std::uint32_t block_xid_ = 0;
  std::uint64_t through_ = 0;
  std::uint64_t commit_end_ = 0;     // where the commit record of the last transaction begins
  std::uint64_t given_through_ = 0;  // of the batches taken
  std::uint64_t own_place_ = 0;      // of the last transaction of our own
  std::map<std::uint64_t, model::Fence> fences_;
  std::multimap<std::uint64_t, connect::LaterShape> later_;  // still to come
};

}  // namespace postgres
