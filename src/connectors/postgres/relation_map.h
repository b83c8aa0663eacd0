// SPDX-License-Identifier: Apache-2.0
//
// Which shape each relation of the stream has at the place we are in the log, and how its values become cells.
//
// The shape is certain: it begins as the one noted at the stream's start (or the catalogue's), and moves by what event
// triggers report in the log itself, number by number (on_ddl). Where nothing reports ("not told"), the log's Relation
// messages have names and types only; each is compared with the catalogue of now and followed when there is one way to
// understand it (shape_survey.h) and the values of existing rows are known; otherwise the outcome is "unclear" and the
// table must be loaded again. What a transaction itself does to a table the catalogue does not show before its end: a
// whole transaction is waited for; of a streamed one a description is believed when nothing in it is new, and at its
// end the catalogue must show the same columns. What an earlier stream has noted is certain behind its transaction
// (on_noted). In all cases a survey of the catalogue, taken at a known place, is compared when the stream has passed
// that place: whatever was missed is found there, dropped tables too.
//
// Streamed transactions see their own DDL before it is committed: their shapes are kept apart, by subtransaction, until
// the transaction ends. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "connect/source.h"
#include "connectors/postgres/ddl_report.h"
#include "connectors/postgres/decode_binary.h"
#include "connectors/postgres/pgoutput.h"
#include "connectors/postgres/shape_survey.h"
#include "model/change.h"

namespace postgres {

// A column of the log of which nothing says which one of the catalogue it was.
inline constexpr std::int32_t unknown_ordinal = -1;

struct Relation {
  model::TableSchemaPtr schema;       // as its rows look; certain unless the table was unclear
  std::vector<TextForm> forms;        // one for each stored column
  std::vector<BinaryForm> binary;     // the same in a binary session, from the first row on
  std::vector<std::uint32_t> stored;  // indexes into schema->columns
  std::vector<bool> in_key;           // parallel to `stored`
  std::optional<model::CellForm> form;
  std::uint64_t batch = 0;  // the batch for which `table` is valid
  std::uint32_t table = model::no_table;
};

// How shapes are found out beside the log.
struct ShapeSources {
  // The table's shape in the catalogue now; nullptr when it does not exist or is none of ours.
  std::function<base::Result<model::TableSchemaPtr>(std::uint32_t oid)> describe;
  std::function<base::Result<Survey>(const std::vector<std::uint32_t>& oids)> survey;
  // Lets a moment pass; empty: nobody waits.
  std::function<base::Result<void>()> pause;
  bool told = false;  // event triggers report in the log
};

class RelationMap {
 public:
  RelationMap(const std::vector<model::TableSchemaPtr>& tables, const TypeChoices& choices, ShapeSources sources);

  struct Place {
    std::uint32_t top_xid = 0;  // of the streamed transaction, 0 outside
    std::uint32_t sub_xid = 0;
    std::uint32_t xid = 0;  // of the transaction, streamed or not
  };
  struct Outcome {
    model::TableSchemaPtr changed;  // the new shape, when it differs from the one before
    bool unclear = false;           // how it changed is not known
  };
  // A Relation message. `is_past`: in a transaction that the table's load holds already; what is known of the table is
  // behind it, and its rows concern nobody.
  base::Result<Outcome> on_relation(const pgoutput::Message& message, Place place, bool is_past = false);
  void on_type(const pgoutput::Message& message);
  // What an event trigger reported; not of a drop.
  base::Result<Outcome> on_ddl(const DdlReport& report, Place place);
  // The table, or one of a captured table's partitions, was dropped: the captured table; nullptr: none of ours.
  model::TableSchemaPtr on_drop(const DdlReport& report, Place place, bool& is_partition);

  // A change of shape that an earlier stream made here: what changes is the answer, nullptr: nothing.
  model::TableSchemaPtr on_later(const connect::LaterShape& later);
  // The same when the log told it, at the end of its transaction: whatever the catalogue of now said about the log of
  // then, this is the shape behind it. True: it is another one than was known.
  bool on_noted(const connect::LaterShape& later);

  // Survey at the end of whole transactions; `passed`: everything below survey_end() has been seen.
  base::Result<void> begin_survey();
  std::uint64_t survey_end() const { return survey_ ? survey_->end : ~std::uint64_t{0}; }
  struct Verdict {
    enum class What { changed, unclear, dropped } what = What::unclear;
    model::TableSchemaPtr table;
  };
  base::Result<std::vector<Verdict>> end_survey();

  // Before a change of that table: what a subtransaction that was undone had found out counts again, for its cause may
  // lie before it and the server does not repeat the message.
  Outcome revive(std::uint32_t oid, Place place);
  // The relation of a change; nullptr: none of ours.
  Relation* find(std::uint32_t oid, std::uint32_t top_xid);
  model::TableSchemaPtr schema_of(std::uint32_t oid, std::uint32_t top_xid) const;
  // Before end_streamed, when it was committed: the tables that it may have given other columns under the same names.
  base::Result<std::vector<model::TableSchemaPtr>> settle_streamed(std::uint32_t top_xid);
  void end_streamed(std::uint32_t top_xid, bool committed);
  void abort_sub(std::uint32_t top_xid, std::uint32_t sub_xid);

 private:
  struct Layer {
    std::uint32_t sub_xid = 0;
    std::optional<Relation> relation;
    model::TableSchemaPtr certain;  // nullptr: dropped
    bool unclear = false;
  };
  struct Followed {
    model::TableSchemaPtr shape;  // nullptr: not certain
  };
  // Waits a while for what that transaction has done to be seen, when it is in the log.
  base::Result<Survey> survey_behind(std::uint32_t oid, std::uint32_t xid, bool waits);
  std::vector<bool> in_key_of(std::uint32_t oid, std::uint32_t top_xid, std::size_t columns);
  base::Result<Followed> follow(const pgoutput::Message& message, const model::TableSchemaPtr& known, Place place);
  model::ColumnType type_of(std::uint32_t type, std::int32_t modifier, std::string native,
                            const model::TableSchema& known, const model::TableSchema* described) const;
  model::TableSchemaPtr build(const pgoutput::Message& message, const std::vector<std::int32_t>& numbers,
                              const model::TableSchema& known, const model::TableSchema* described) const;
  void put(std::uint32_t oid, Place place, model::TableSchemaPtr rows, model::TableSchemaPtr certain,
           std::vector<bool> in_key, bool unclear = false);
  base::Result<std::optional<Verdict>> judge(std::uint32_t oid, const model::TableSchemaPtr& known,
                                             const SurveyedTable* now);

  const TypeChoices choices_;
  const ShapeSources sources_;
  std::unordered_map<std::uint32_t, model::TableSchemaPtr> schemas_;  // certain committed shapes
  std::unordered_map<std::uint32_t, std::int32_t> settled_;           // numbers up to here are in use or never again
  std::unordered_map<std::uint32_t, Relation> relations_;
  std::unordered_map<std::uint32_t, std::unordered_map<std::uint32_t, std::vector<Layer>>> streamed_;  // by top, table
  // What nothing reported and an undone subtransaction had brought, until a message or a change says more; under 0 of
  // transactions that were committed.
  std::unordered_map<std::uint32_t, std::unordered_map<std::uint32_t, Layer>> orphans_;
  std::unordered_map<std::uint32_t, std::string> type_names_;
  std::optional<Survey> survey_;
  // Tables of which a description was believed that the catalogue could not confirm; true: before the open survey.
  std::map<std::uint32_t, bool> doubtful_;
  // By streamed transaction and table: the columns of descriptions that are believed until its end, for the transaction
  // holds the table itself.
  std::unordered_map<std::uint32_t, std::map<std::uint32_t, std::set<std::int32_t>>> believed_;
};

}  // namespace postgres
