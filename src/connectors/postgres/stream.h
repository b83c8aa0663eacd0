// SPDX-License-Identifier: Apache-2.0
//
// The change stream of one logical slot (plugin pgoutput). Opened by open_stream(); owned and used by one thread,
// except confirm(), which may come from any. Values come in binary when the release can (14 and later) and every column
// of the tables has a type that is decoded exactly from it, else as text. When a column of another type turns up in a
// binary session, next() fails with connect.stream_again, after refuse_binary() has been called: what has been handed
// out stays valid, and a stream opened anew with `text_only` goes on as after any other failure.
//
// A position's `log` is where the commit record begins. A position {log, sequence_end} has that transaction behind it,
// any other sequence has it still ahead: a stream opened at {P, 0} delivers the transaction that commits at P. So the
// consistent point of a new slot is {consistent_point, 0}. `through` of a batch counts as {through, sequence_end}.
//
// How it fails: connect.position_gone when the slot or its log is gone or the server's timeline ends before us;
// pg.conflict while another session holds the slot; connection errors; a value that cannot be decoded is a `table`
// error naming table, column and position.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "connect/source.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/relation_map.h"
#include "connectors/postgres/types.h"

namespace postgres {

struct StreamSettings {
  ConnectionSettings connection;
  std::string slot;
  std::vector<std::string> publications;
  model::Position start;
  std::vector<model::TableSchemaPtr> tables;  // captured ones, by source_id (the root of a partitioned table)
  model::CellForm form = model::CellForm::canonical;
  std::set<model::TableName> canonical;  // tables whose cells are canonical whatever the form
  TypeChoices choices;
  bool text_only = false;
  std::function<base::Result<void>()> refuse_binary;  // may be empty
  base::Clock* clock = nullptr;
  base::Log* log = nullptr;  // may be nullptr
  ShapeSources shapes;       // called from next()
  std::vector<connect::LaterShape> later;
  std::map<std::uint64_t, model::Fence> fences;
};

base::Result<std::unique_ptr<connect::Stream>> open_stream(StreamSettings settings, std::stop_token stop = {});

// The prefix of the logical messages by which an event trigger reports DDL (ddl_report.h).
inline constexpr std::string_view ddl_message_prefix = "millrace_ddl";

// Whether the server's refusal means that the log from our position on is no longer there.
bool says_position_gone(const base::Error& error, const std::string& sqlstate);

}  // namespace postgres
