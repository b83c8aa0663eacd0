// SPDX-License-Identifier: Apache-2.0
//
// A first start, with LSNs:
//   0/1000  event trigger made (one transaction)
//   0/1200  publications made (one transaction, short locks)
//   0/1300  CREATE_REPLICATION_SLOT: the server notes the transactions that are writing now (here: xid 77)
//   0/1400  xid 77 commits; nothing older than the slot runs any more
//   0/1500  consistent point. The exported snapshot sees everything committed below it, xid 77 included; the stream
//           delivers every transaction whose commit record begins at or above it.
// So our position is "everything below 0/1500", and load and stream meet without gap or overlap.
#include "connectors/postgres/capture.h"

#include <fmt/format.h>

#include <map>

#include "connectors/postgres/capture_errors.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/ddl_trigger.h"
#include "connectors/postgres/describe.h"
#include "connectors/postgres/publication.h"
#include "connectors/postgres/snapshot.h"
#include "connectors/postgres/stream.h"
#include "connectors/postgres/types.h"

namespace postgres {

using base::failed;
using base::Result;

namespace {

constexpr const char* server_note = "postgres.source.server";
// A stream in binary met what only text can say: "?", then the log's end when a stream as text was opened for that.
constexpr const char* text_note = "postgres.source.text_up_to";

// "7412345678901234567/1": which server, and which history of it.
Result<std::string> server_identity(Connection& connection) {
  return TRY(connection.query_value("SELECT s.system_identifier || '/' || c.timeline_id FROM pg_control_system() s, "
                                    "pg_control_checkpoint() c"))
      .value_or("");
}

// The catalogue's tables, those that looked otherwise where the stream begins as they did.
std::vector<model::TableSchemaPtr> known_shapes(const connect::CapturePlan& plan) {
  std::map<std::uint64_t, model::TableSchemaPtr> tables;
  for (const model::TableSchemaPtr& table : plan.tables) tables[table->source_id] = table;
  for (const model::TableSchemaPtr& shape : plan.shapes) {
    const auto now = tables.find(shape->source_id);
    const bool same =
        now != tables.end() && now->second->columns == shape->columns && now->second->partitions == shape->partitions;
    if (!same) tables[shape->source_id] = shape;
  }
  std::vector<model::TableSchemaPtr> known;
  for (auto& [id, table] : tables) known.push_back(std::move(table));
  return known;
}

}  // namespace

Capture::Capture(ConnectionSettings settings, const connect::Options& options, const connect::Context& context)
    : settings_(std::move(settings)), options_(options), context_(context), names_(capture_names(options, context)) {}

Result<Connection*> Capture::session() {
  if (!session_ || session_->is_broken()) session_.emplace(TRY(Connection::open(settings_)));
  return &*session_;
}

Result<connect::CaptureStatus> Capture::status() {
  base::Lock lock(mutex_);
  const std::optional<SlotState> slot = TRY(read_slot(*TRY(session()), names_.slot));
  connect::CaptureStatus status;
  if (!slot) return status;
  status.exists = true;
  status.confirmed = position_before(slot->confirmed);
  status.retained_bytes = slot->retained_bytes;
  status.health = slot->health;
  return status;
}

Result<void> Capture::make_ddl_trigger(Connection& connection) {
  if (!options_.boolean(option::capture_ddls)) return {};
  const bool made =
      TRY(create_ddl_trigger(connection, options_.text(option::ddl_artifacts_schema), names_.ddl_trigger));
  if (!made) {
    context_.log->info("capture", "no right to make an event trigger: changed tables are found by comparing shapes");
  }
  return {};
}

Result<void> Capture::note_server(Connection& connection) {
  return context_.journal->commit({{server_note, TRY(server_identity(connection))}});
}

Result<void> Capture::verify_server(Connection& connection) {
  const std::optional<std::string> noted = TRY(context_.journal->get(server_note));
  const std::string now = TRY(server_identity(connection));
  if (!noted || *noted == now) return {};
  return failed(connect::errors::position_gone,
                "{}: the task began at system identifier and timeline {}, this is {}: a failover or a restore",
                connection.name(), *noted, now);
}

Result<std::pair<model::Position, std::unique_ptr<connect::Snapshot>>> Capture::begin(
    const connect::CapturePlan& plan, std::function<void(const std::string&)> waiting, std::stop_token stop) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  const Patience patience{context_.clock, std::move(waiting), std::move(stop)};
  const PublicationPlan publications = TRY(plan_publications(plan));
  if (!names_.own_slot) TRY(usable_slot(connection));
  TRY(make_ddl_trigger(connection));
  TRY(align_publications(connection, names_.publications, publications, patience));
  TRY(note_server(connection));
  if (!names_.own_slot) {
    const SlotState slot = TRY(usable_slot(connection));
    return std::pair{position_before(slot.confirmed), TRY(take_snapshot(settings_, options_, context_, true))};
  }
  TRY(drop_slot(connection, names_.slot, patience));
  Connection keeper = TRY(Connection::open(settings_, Purpose::replication, patience.stop));
  const CreatedSlot slot = TRY(create_slot(keeper, connection, names_.slot, patience));
  return std::pair{position_before(slot.consistent_point),
                   TRY(adopt_snapshot(settings_, options_, context_, std::move(keeper), slot.snapshot))};
}

// A slot that somebody else made, fit for us to read from.
Result<SlotState> Capture::usable_slot(Connection& connection) {
  const std::optional<SlotState> slot = TRY(read_slot(connection, names_.slot));
  const auto unusable = [&](std::string_view why) {
    return failed(capture_errors::slot_unusable, "replication slot {}: {}", names_.slot, why);
  };
  if (!slot) return unusable("it does not exist");
  if (!slot->logical || slot->plugin != "pgoutput") return unusable("it is not a logical pgoutput slot");
  if (!slot->of_this_database) return unusable("it belongs to another database");
  if (slot->active_pid) return unusable(fmt::format("it is in use by pid {}", *slot->active_pid));
  if (slot->health == "lost") return unusable("its log is lost");
  return *slot;
}

Result<model::Position> Capture::adopt(const connect::CapturePlan& plan, const model::Position& start) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  const PublicationPlan publications = TRY(plan_publications(plan));
  const SlotState slot = TRY(usable_slot(connection));
  if (start < position_before(slot.confirmed)) {
    return failed(connect::errors::position_gone,
                  "replication slot {}: it has forgotten everything up to {}, the start "
                  "is {}",
                  names_.slot, lsn_text(slot.confirmed), lsn_text(start.log));
  }
  if (!TRY(publications_match(connection, names_.publications, publications))) {
    const std::string now = TRY(connection.query_value("SELECT pg_current_wal_insert_lsn()")).value_or("");
    if (start < position_before(lsn_of(now).value_or(~0ull))) {
      std::string statements;
      for (const std::string& sql : publication_statements(names_.publications, publications)) statements += sql + "; ";
      return failed(capture_errors::publication_unusable,
                    "position {}: the publications do not hold the tables yet: {}", lsn_text(start.log), statements);
    }
    TRY(align_publications(connection, names_.publications, publications, Patience{context_.clock, nullptr, {}}));
  }
  TRY(make_ddl_trigger(connection));
  TRY(note_server(connection));
  return start;
}

Result<void> Capture::update(const connect::CapturePlan& plan, std::function<void(const std::string&)> waiting,
                             std::stop_token stop) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  const Patience patience{context_.clock, std::move(waiting), std::move(stop)};
  const PublicationPlan publications = TRY(plan_publications(plan));
  const std::vector<std::uint32_t> added =
      TRY(align_publications(connection, names_.publications, publications, patience));
  return wait_for_writers(connection, added, patience);
}

Result<std::unique_ptr<connect::Stream>> Capture::open_stream(const connect::CapturePlan& plan,
                                                              const model::Position& position, model::CellForm form) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  TRY(verify_server(connection));
  std::optional<SlotState> slot = TRY(read_slot(connection, names_.slot));
  if (!slot) {
    return failed(connect::errors::position_gone, "{}: replication slot {} does not exist", connection.name(),
                  names_.slot);
  }
  if (slot->health == "lost") {
    return failed(connect::errors::position_gone, "replication slot {}: the server has removed log it still needed",
                  names_.slot);
  }
  TRY(free_slot(connection, names_.slot, Patience{context_.clock, nullptr, {}}));
  slot = TRY(read_slot(connection, names_.slot));  // what the other session confirmed last
  if (slot && position < position_before(slot->confirmed)) {
    return failed(connect::errors::position_gone, "replication slot {} has forgotten everything up to {}, we are at {}",
                  names_.slot, lsn_text(slot->confirmed), lsn_text(position.log));
  }
  const bool as_text = TRY(wants_text(connection, position));
  return open_from(plan, position, form, as_text);
}

// Text up to the end of the log of then; what stands behind it may be taken in binary again.
Result<bool> Capture::wants_text(Connection& connection, const model::Position& position) {
  std::optional<std::string> noted = TRY(context_.journal->get(text_note));
  if (!noted) return false;
  if (*noted == "?") {
    noted = TRY(connection.query_value("SELECT pg_current_wal_insert_lsn()")).value_or("");
    TRY(context_.journal->commit({{text_note, *noted}}));
  }
  if (position.log <= lsn_of(*noted).value_or(~0ull)) return true;
  TRY(context_.journal->commit({{text_note, std::nullopt}}));
  return false;
}

// The stream asks for shapes from its own thread, so it gets a session for that, opened when it first does.
Result<std::unique_ptr<connect::Stream>> Capture::open_from(const connect::CapturePlan& plan,
                                                            const model::Position& position, model::CellForm form,
                                                            bool as_text) {
  StreamSettings stream;
  stream.connection = settings_;
  stream.slot = names_.slot;
  stream.publications = {names_.publications.all, names_.publications.inserts};
  stream.start = position;
  stream.tables = known_shapes(plan);
  stream.later = plan.later_shapes;
  stream.fences = plan.fences;
  stream.form = form;
  stream.canonical = plan.canonical;
  stream.choices = type_choices(options_);
  stream.text_only = as_text;
  stream.refuse_binary = [journal = context_.journal] { return journal->commit({{text_note, "?"}}); };
  stream.clock = context_.clock;
  stream.log = context_.log;
  // Shared, because std::function must be copyable.
  const auto shapes = std::make_shared<std::optional<Connection>>();
  stream.shapes.describe = [settings = settings_, choices = stream.choices,
                            shapes](std::uint32_t oid) -> Result<model::TableSchemaPtr> {
    if (!*shapes || (*shapes)->is_broken()) shapes->emplace(TRY(Connection::open(settings)));
    return describe_table(**shapes, choices, oid);
  };
  stream.shapes.survey = [settings = settings_, shapes](const std::vector<std::uint32_t>& oids) -> Result<Survey> {
    if (!*shapes || (*shapes)->is_broken()) shapes->emplace(TRY(Connection::open(settings)));
    return survey_tables(**shapes, oids);
  };
  stream.shapes.pause = [clock = context_.clock, stop = context_.stop]() -> Result<void> {
    constexpr auto moment = std::chrono::milliseconds(10);
    return clock->pause(moment, stop) ? Result<void>() : failed(base::errors::canceled, "stopped while reading shapes");
  };
  stream.shapes.told = TRY(has_ddl_trigger(*TRY(session()), names_.ddl_trigger));
  return postgres::open_stream(std::move(stream));
}

Result<void> Capture::heartbeat() {
  base::Lock lock(mutex_);
  if (!options_.boolean(option::heartbeat_enable)) return {};
  const base::Nanos now = context_.clock->monotonic();
  const auto every = std::chrono::minutes(options_.integer(option::heartbeat_frequency));
  if (last_heartbeat_ && now - *last_heartbeat_ < every) return {};
  TRY(TRY(session())->query("SELECT pg_logical_emit_message(true, 'millrace_heartbeat', '')"));
  last_heartbeat_ = now;
  return {};
}

Result<void> Capture::drop() {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  if (names_.own_slot) TRY(drop_slot(connection, names_.slot, Patience{context_.clock, nullptr, {}}));
  TRY(drop_publications(connection, names_.publications));
  TRY(drop_ddl_trigger(connection, names_.ddl_trigger));
  return context_.journal->commit({{server_note, std::nullopt}, {text_note, std::nullopt}});
}

}  // namespace postgres
