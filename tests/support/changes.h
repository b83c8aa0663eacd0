// SPDX-License-Identifier: Apache-2.0
//
// Change batches for tests, in a few words: a table of two columns, rows in it, transactions around them.
#pragma once

#include "model/change.h"

namespace support {

inline model::TableSchemaPtr two_column_table(const std::string& name) {
  auto schema = std::make_shared<model::TableSchema>();
  schema->name = schema->source_name = {"public", name};
  schema->family = "memory";
  model::Column id;
  id.name = "id";
  id.type.type = model::Type::int8;
  id.nullable = false;
  model::Column text;
  text.name = "text";
  text.ordinal = 1;
  schema->columns = {id, text};
  schema->primary_key_name = name + "_pkey";
  schema->primary_key = {0};
  schema->old_key = {0};
  return schema;
}

class BatchWriter {
 public:
  BatchWriter& edge(model::Op op, std::uint64_t log, std::uint64_t xid, std::int64_t commit_time = 0) {
    model::Change change;
    change.op = op;
    change.position.log = log;
    change.position.sequence = op == model::Op::begin ? 0 : model::sequence_end;
    change.xid = xid;
    change.commit_time = commit_time;
    batch.changes.push_back(change);
    return *this;
  }
  BatchWriter& insert(const model::TableSchemaPtr& table, std::int64_t id, std::string_view text, std::uint64_t xid = 0,
                      std::uint64_t sub_xid = 0, bool streamed = false) {
    model::Change change;
    change.op = model::Op::insert;
    change.streamed = streamed;
    change.table = batch.table_index(table, model::CellForm::canonical);
    change.new_first = static_cast<std::uint32_t>(batch.cells.size());
    change.new_count = 2;
    change.xid = xid;
    change.sub_xid = sub_xid;
    batch.cells.push_back({batch.bytes.size(), 8, model::CellState::value});
    model::append_fixed(batch.bytes, id);
    batch.cells.push_back({batch.bytes.size(), static_cast<std::uint32_t>(text.size()), model::CellState::value});
    batch.bytes.append(text);
    batch.changes.push_back(change);
    return *this;
  }
  BatchWriter& abort(std::uint64_t xid, std::uint64_t sub_xid) {
    model::Change change;
    change.op = model::Op::stream_abort;
    change.xid = xid;
    change.sub_xid = sub_xid;
    batch.changes.push_back(change);
    return *this;
  }
  // A whole transaction of rows first .. first + count - 1 with its positions set, as the assembler sets them.
  BatchWriter& transaction(const model::TableSchemaPtr& table, std::uint64_t log, std::int64_t first,
                           std::int64_t count) {
    edge(model::Op::begin, log, log);
    for (std::int64_t i = 0; i < count; ++i) {
      insert(table, first + i, "text " + std::to_string(first + i), log);
      batch.changes.back().position = {log, static_cast<std::uint64_t>(i + 1), {}};
    }
    return edge(model::Op::commit, log, log);
  }
  model::ChangeBatch take() { return std::exchange(batch, {}); }

  model::ChangeBatch batch;
};

// The ids of all inserts, in order.
inline std::vector<std::int64_t> ids_of(const model::ChangeBatch& batch) {
  std::vector<std::int64_t> ids;
  for (const model::Change& change : batch.changes) {
    if (change.op != model::Op::insert) continue;
    ids.push_back(model::load_fixed(batch.cell_bytes(batch.cells[change.new_first])));
  }
  return ids;
}

}  // namespace support
