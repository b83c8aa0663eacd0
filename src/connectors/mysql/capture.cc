// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/mysql/cells.h"
#include "connectors/mysql/check.h"
#include "connectors/mysql/describe.h"
#include "connectors/mysql/options.h"
#include "connectors/mysql/snapshot.h"
#include "connectors/mysql/stream.h"

namespace mysql {

using base::failed;
using base::Result;

namespace {

constexpr const char* server_note = "mysql.source.server";  // "3 mysql 7b1c...": era and identity
constexpr const char* xa_note = "mysql.source.xa";          // lines "begin end name"
constexpr std::size_t sessions_default = 8;
constexpr std::uint32_t own_server_ids = 0x40000000;  // above those that people give

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

// The server ends the older one of two sessions with the same.
std::string replica_uuid(const std::string& task_id) {
  const std::uint64_t high = hash_of(task_id), low = hash_of(task_id + "/replica");
  return fmt::format("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xfff,
                     low >> 48 & 0xfff, low & 0xffffffffffff);
}

std::size_t sessions_of(const connect::Context& context) {
  const auto found = context.settings.find("FullLoadSettings.MaxFullLoadSubTasks");
  if (found == context.settings.end()) return sessions_default;
  return std::clamp<std::size_t>(std::strtoull(found->second.c_str(), nullptr, 10), 1, 49);
}

// The catalogue's tables, those that looked otherwise where the stream begins as they did.
std::vector<model::TableSchemaPtr> known_shapes(const connect::CapturePlan& plan) {
  std::map<model::TableName, model::TableSchemaPtr> tables;
  for (const model::TableSchemaPtr& table : plan.tables) tables[table->name] = table;
  for (const model::TableSchemaPtr& shape : plan.shapes) {
    const auto now = tables.find(shape->name);
    const bool is_same = now != tables.end() && now->second->columns == shape->columns &&
                         now->second->foreign_keys == shape->foreign_keys;
    if (!is_same) tables[shape->name] = shape;
  }
  std::vector<model::TableSchemaPtr> known;
  for (auto& [name, table] : tables) known.push_back(std::move(table));
  return known;
}

}  // namespace

Capture::Capture(ConnectionSettings settings, const connect::Options& options, const connect::Context& context)
    : settings_(std::move(settings)), options_(options), context_(context) {}

Result<Connection*> Capture::session() {
  if (!session_ || session_->is_broken()) session_.emplace(TRY(Connection::open(settings_)));
  return &*session_;
}

std::uint32_t Capture::server_id() const {
  if (options_.is_set(option::server_id)) return static_cast<std::uint32_t>(options_.integer(option::server_id));
  return own_server_ids | static_cast<std::uint32_t>(hash_of(context_.task_id) & 0x3fffffff);
}

Result<std::optional<Capture::Known>> Capture::known() {
  const std::optional<std::string> note = TRY(context_.journal->get(server_note));
  if (!note) return std::optional<Known>();
  const std::size_t space = note->find(' ');
  Known known;
  std::from_chars(note->data(), note->data() + note->size(), known.era);
  known.identity = space == std::string::npos ? "" : note->substr(space + 1);
  return std::optional<Known>(std::move(known));
}

// `anew`: nothing of before counts any more.
Result<Capture::Known> Capture::note_server(const LogStatus& status, bool anew) {
  const std::optional<Known> before = TRY(known());
  Known now{before ? before->era : 1, status.identity};
  const bool is_same = before && before->identity == status.identity;
  if (before && (anew || !is_same)) now.era = before->era % 255 + 1;
  if (!is_same || anew) {
    std::vector<std::pair<std::string, std::optional<std::string>>> notes = {
        {server_note, fmt::format("{} {}", now.era, now.identity)}};
    if (anew) notes.emplace_back(xa_note, std::nullopt);
    TRY(context_.journal->commit(notes));
  }
  return now;
}

Result<std::vector<OpenXa>> Capture::open_xa() {
  std::vector<OpenXa> open;
  const std::optional<std::string> note = TRY(context_.journal->get(xa_note));
  std::string_view rest = note ? std::string_view(*note) : std::string_view();
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    OpenXa one;
    const char* const stop = line.data() + line.size();
    const auto [first, bad] = std::from_chars(line.data(), stop, one.begin);
    if (bad != std::errc() || first == stop) return failed(base::errors::bug, "journal note {}", xa_note);
    const auto [second, worse] = std::from_chars(first + 1, stop, one.end);
    if (worse != std::errc() || second == stop) return failed(base::errors::bug, "journal note {}", xa_note);
    one.name.assign(second + 1, stop);
    open.push_back(std::move(one));
  }
  return open;
}

Result<void> Capture::note_xa(const std::vector<OpenXa>& open) {
  std::string lines;
  for (const OpenXa& one : open) lines += fmt::format("{} {} {}\n", one.begin, one.end, one.name);
  return context_.journal->commit({{xa_note, lines.empty() ? std::optional<std::string>() : lines}});
}

// The server's log has no end of ours: it is kept as long as the server's settings say.
Result<connect::CaptureStatus> Capture::status() {
  connect::CaptureStatus status;
  status.exists = TRY(known()).has_value();
  return status;
}

Result<model::Position> Capture::current() {
  base::Lock lock(mutex_);
  const LogStatus status = TRY(read_log_status(*TRY(session())));
  const std::optional<Known> server = TRY(known());
  return position_at(server ? server->era : 1, status.place);
}

// Without notes no changes follow.
Result<std::unique_ptr<connect::Snapshot>> Capture::snapshot_of(const std::optional<PlanNotes>& notes,
                                                                std::uint64_t era, bool fenced, LogPlace& place,
                                                                std::function<void(const std::string&)> waiting,
                                                                std::stop_token stop) {
  SnapshotRequest request;
  request.settings = settings_;
  request.values = value_choices(options_);
  request.sessions = sessions_of(context_);
  request.lock_seconds = options_.integer(option::lock_seconds);
  request.needs_place = notes.has_value();
  if (notes) {
    for (const model::TableSchemaPtr& table : notes->tables) request.tables.push_back(table->name);
    request.to_lock = notes->to_lock;
    request.read_window = [this, era, &notes](const std::string& low, const LogPlace& high) {
      return window(*notes, era, low, high);
    };
  }
  request.waiting = std::move(waiting);
  request.clock = context_.clock;
  request.stop = std::move(stop);
  TakenSnapshot taken = TRY(take_snapshot(request, era, fenced));
  place = taken.place;
  // A later one may be opened for each batch that misses values.
  if (notes && !fenced) context_.log->info("capture", "the load's snapshots were opened {}", taken.way);
  return std::move(taken.snapshot);
}

Result<std::unique_ptr<connect::Snapshot>> Capture::snapshot(bool capturing) {
  std::uint64_t era = 1;
  std::optional<PlanNotes> notes;
  if (capturing) {
    base::Lock lock(mutex_);
    notes = notes_;
    era = TRY(note_server(TRY(read_log_status(*TRY(session()))), false)).era;
  }
  LogPlace place;
  return snapshot_of(notes, era, capturing, place, nullptr, context_.stop);
}

Result<std::pair<model::Position, std::unique_ptr<connect::Snapshot>>> Capture::begin(
    const connect::CapturePlan& plan, std::function<void(const std::string&)> waiting, std::stop_token stop) {
  base::Lock lock(mutex_);
  TRY(note_plan(plan));
  const Known server = TRY(note_server(TRY(read_log_status(*TRY(session()))), true));
  LogPlace place;
  std::unique_ptr<connect::Snapshot> snapshot =
      TRY(snapshot_of(notes_, server.era, false, place, std::move(waiting), std::move(stop)));
  return std::pair{position_at(server.era, place), std::move(snapshot)};
}

// A native position has no era yet, and no GTIDs.
Result<model::Position> Capture::adopt(const connect::CapturePlan&, const model::Position& start) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  const LogStatus status = TRY(read_log_status(connection));
  const Known server = TRY(note_server(status, true));
  LogPlace place = place_of(start);
  bool is_there = false;
  for (const Row& row : TRY(connection.query("SHOW BINARY LOGS"))) {
    const std::optional<LogName> name = parse_log_name(text_at(row, 0));
    is_there = is_there || (name && name->number == place.file);
  }
  if (!is_there || status.place < place) {
    return failed(connect::errors::position_gone, "{}: its log does not hold {}:{}", connection.name(),
                  log_name(status.base, place.file), place.offset);
  }
  if (connection.server().is_mariadb) {
    place.gtids = TRY(gtids_at(connection, status.base, place));
  }
  return position_at(server.era, place);
}

// The binlog holds every table: nothing is to be made for one that is added.
Result<void> Capture::update(const connect::CapturePlan& plan, std::function<void(const std::string&)>,
                             std::stop_token) {
  base::Lock lock(mutex_);
  return note_plan(plan);
}

Result<void> Capture::note_plan(const connect::CapturePlan& plan) {
  PlanNotes notes{plan.tables, {}, rigid_tables(plan)};
  const std::map<model::TableName, std::string> engines = TRY(engines_without_transactions(*TRY(session())));
  for (const model::TableSchemaPtr& table : plan.tables) {
    if (engines.contains(table->name)) notes.to_lock.push_back(table->name);
  }
  notes_ = std::move(notes);
  return {};
}

Result<ReaderSettings> Capture::reader_settings(Connection& connection, std::uint64_t era) {
  ReaderSettings reader;
  reader.choices = value_choices(options_);
  reader.era = era;
  reader.folds_names = TRY(connection.query_value("SELECT @@lower_case_table_names")).value_or("0") != "0";
  reader.server.is_mariadb = connection.server().is_mariadb;
  reader.server.version = connection.server().version;
  reader.logs_keys = TRY(logs_key_actions(connection));
  // Shared, because std::function must be copyable.
  const auto shapes = std::make_shared<std::optional<Connection>>();
  reader.describe = [settings = settings_, shapes](const model::TableName& table) -> Result<model::TableSchemaPtr> {
    if (!*shapes || (*shapes)->is_broken()) shapes->emplace(TRY(Connection::open(settings)));
    std::vector<model::TableSchemaPtr> found = TRY(describe_tables(**shapes, {table}));
    return found.empty() ? model::TableSchemaPtr() : std::move(found[0]);
  };
  return reader;
}

// By a session of another name than the stream's: the server ends the older of two with the same.
Result<LogWindow> Capture::window(const PlanNotes& notes, std::uint64_t era, const std::string& low,
                                  const LogPlace& high) {
  Connection connection = TRY(Connection::open(settings_, context_.stop));
  WindowRequest request;
  request.start.settings = settings_;
  request.start.server_id = server_id();
  request.start.replica_uuid = replica_uuid(context_.task_id + "/window");
  request.start.place.gtids = low;
  request.start.by_gtids = true;
  request.reader = TRY(reader_settings(connection, era));
  request.reader.tables = notes.tables;
  request.reader.form = model::CellForm::native;
  request.reader.gtids = TRY(GtidSet::parse(low, false));
  request.reader.note_xa = [](const std::vector<OpenXa>&) { return Result<void>(); };
  request.high = high;
  request.rigid = notes.rigid;
  request.clock = context_.clock;
  request.stop = context_.stop;
  return read_window(std::move(request));
}

Result<std::unique_ptr<connect::Stream>> Capture::open_stream(const connect::CapturePlan& plan,
                                                              const model::Position& position, model::CellForm form) {
  base::Lock lock(mutex_);
  Connection& connection = *TRY(session());
  const LogStatus status = TRY(read_log_status(connection));
  const Known server = TRY(note_server(status, false));
  BinlogStart start;
  start.settings = settings_;
  start.server_id = server_id();
  start.replica_uuid = replica_uuid(context_.task_id);
  start.base = status.base;
  start.place = place_of(position);
  start.by_gtids = era_of(position.log) != server.era;
  if (start.by_gtids && position.token.empty()) {
    return failed(connect::errors::position_gone,
                  "{}: this is another server than the one the task has read from, and the position has no GTIDs",
                  connection.name());
  }
  TRY(note_plan(plan));
  ReaderSettings reader = TRY(reader_settings(connection, server.era));
  reader.tables = known_shapes(plan);
  reader.form = form;
  reader.canonical = plan.canonical;
  reader.start = start.by_gtids ? 0 : position.log;
  reader.gtids = TRY(GtidSet::parse(position.token, connection.server().is_mariadb));
  reader.open_xa = TRY(open_xa());
  if (start.by_gtids) reader.open_xa.clear();
  for (const OpenXa& xa : reader.open_xa) {
    const bool is_open = xa.end == 0 || xa.end > position.log;
    if (is_open && xa.begin < packed(server.era, start.place.file, start.place.offset)) {
      start.place = place_of({xa.begin, 0, start.place.gtids});
    }
  }
  reader.from = start.place;
  reader.note_xa = [this](const std::vector<OpenXa>& open) { return note_xa(open); };
  return mysql::open_stream(start, std::move(reader), context_.stop);
}

Result<void> Capture::drop() {
  return context_.journal->commit({{server_note, std::nullopt}, {xa_note, std::nullopt}});
}

}  // namespace mysql
