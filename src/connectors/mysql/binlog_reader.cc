// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_reader.h"

#include <algorithm>
#include <cctype>

namespace mysql {
namespace {

using base::failed;
using base::Result;
using binlog::RawCell;
using binlog::RawState;
using model::Cell;
using model::CellState;
using model::Change;
using model::Op;

constexpr std::size_t whole_bytes_max = 4u << 20;  // a transaction beyond is streamed
constexpr std::int64_t micros_of_second = 1'000'000;
constexpr std::uint64_t no_table_id = 0x00ffffff;  // ends a statement that changed nothing

// The statement from its first word on, without comments in front.
std::string_view body_of(std::string_view sql) {
  while (!sql.empty()) {
    if (std::isspace(static_cast<unsigned char>(sql[0]))) {
      sql.remove_prefix(1);
    } else if (sql.starts_with("/*") && !sql.starts_with("/*!")) {
      const std::size_t end = sql.find("*/", 2);
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 2);
    } else if (sql.starts_with("-- ") || sql.starts_with("#")) {
      const std::size_t end = sql.find('\n');
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 1);
    } else {
      return sql;
    }
  }
  return sql;
}

// Whether the statement begins with these words; `rest` is what follows.
bool begins_with(std::string_view sql, std::string_view words, std::string_view* rest = nullptr) {
  std::size_t at = 0;
  for (const char word : words) {
    if (at >= sql.size()) return false;
    if (word == ' ') {
      if (!std::isspace(static_cast<unsigned char>(sql[at]))) return false;
      while (at < sql.size() && std::isspace(static_cast<unsigned char>(sql[at]))) ++at;
      continue;
    }
    if (std::toupper(static_cast<unsigned char>(sql[at++])) != word) return false;
  }
  const bool ends_word = at >= sql.size() || !(std::isalnum(static_cast<unsigned char>(sql[at])) || sql[at] == '_');
  if (ends_word && rest != nullptr) *rest = sql.substr(at);
  return ends_word;
}

bool ends_with_start_transaction(std::string_view sql) {
  constexpr std::string_view words = "START TRANSACTION";
  while (!sql.empty() && std::isspace(static_cast<unsigned char>(sql.back()))) sql.remove_suffix(1);
  return sql.size() >= words.size() && begins_with(sql.substr(sql.size() - words.size()), words);
}

bool changes_rows(std::string_view sql) {
  for (const std::string_view word : {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD DATA", "LOAD XML", "WITH"}) {
    if (begins_with(sql, word)) return true;
  }
  return false;
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return std::string(text);
}

bool counts_a_number(Op op) { return op != Op::schema && op != Op::unclear; }

}  // namespace

BinlogReader::BinlogReader(ReaderSettings settings)
    : history_(settings.tables, std::move(settings.describe), settings.folds_names, settings.server,
               settings.logs_keys),
      form_(settings.form),
      canonical_(std::move(settings.canonical)),
      choices_(settings.choices),
      era_(settings.era),
      start_(settings.start),
      note_xa_(std::move(settings.note_xa)),
      gtids_(std::move(settings.gtids)),
      xa_(std::move(settings.open_xa)) {
  // Open ones are read again from their beginning.
  std::erase_if(xa_, [this](const OpenXa& xa) { return xa.end != 0 && xa.end <= start_; });
  place_ = at(settings.from);
}

model::ChangeBatch BinlogReader::take_batch() {
  // One that is still open has no position yet.
  if (in_transaction_ && begun_) turn_streamed();
  batch_.through = through_;
  model::ChangeBatch taken = std::move(batch_);
  batch_ = model::ChangeBatch();
  // The next one is most likely as large.
  batch_.bytes.reserve(std::min<std::size_t>(taken.bytes.size(), 1u << 20));
  batch_.cells.reserve(std::min<std::size_t>(taken.cells.size(), 1u << 17));
  batch_.changes.reserve(std::min<std::size_t>(taken.changes.size(), 1u << 15));
  batch_number_ += 1;
  return taken;
}

// ---- transactions ----

void BinlogReader::begin(bool is_xa) {
  in_transaction_ = true;
  begun_ = false;
  streamed_ = is_xa;
  xa_name_.clear();
  changes_ = 0;
  // Behind our start are only XA transactions that had not ended there.
  const bool is_open =
      is_xa && std::any_of(xa_.begin(), xa_.end(), [this](const OpenXa& xa) { return xa.begin == xid_; });
  if (is_open) skipping_ = false;
}

void BinlogReader::add_begin() {
  first_ = batch_.changes.size();
  Change& edge = batch_.changes.emplace_back();
  edge.op = Op::begin;
  edge.xid = xid_;
  begun_ = true;
}

Change& BinlogReader::add_change(Op op) {
  if (!streamed_ && !begun_) add_begin();
  Change& change = batch_.changes.emplace_back();
  change.op = op;
  change.xid = xid_;
  if (streamed_) {
    change.streamed = true;
    change.sub_xid = xid_;
  }
  ++changes_;
  return change;
}

// What stands in the batch goes out without its position.
void BinlogReader::turn_streamed() {
  batch_.changes.erase(batch_.changes.begin() + static_cast<std::ptrdiff_t>(first_));
  for (std::size_t i = first_; i < batch_.changes.size(); ++i) {
    batch_.changes[i].streamed = true;
    batch_.changes[i].sub_xid = xid_;
  }
  begun_ = false;
  streamed_ = true;
}

void BinlogReader::place_changes(std::uint64_t log, std::int64_t commit_time) {
  std::uint64_t sequence = 0;
  for (std::size_t i = first_; i < batch_.changes.size(); ++i) {
    Change& change = batch_.changes[i];
    if (change.op != Op::begin && counts_a_number(change.op)) ++sequence;
    change.position.log = log;
    change.position.sequence = change.op == Op::begin ? 0 : sequence;
    change.commit_time = commit_time;
  }
}

// Whatever it was, it has ended: its GTID counts, and so does its place.
void BinlogReader::finish(const LogPlace& end, const binlog::Header& header) {
  in_transaction_ = begun_ = streamed_ = has_gtid_ = false;
  xa_name_.clear();
  through_ = std::max(through_, at(end));
  batch_.source_time = header.timestamp * micros_of_second;
}

Result<void> BinlogReader::end_transaction(bool is_committed, const LogPlace& end, const binlog::Header& header) {
  const std::uint64_t log = at(end);
  const std::int64_t time = commit_time_ != 0 ? commit_time_ : header.timestamp * micros_of_second;
  if (!is_committed && begun_) batch_.changes.resize(first_);
  if (is_committed && begun_) {
    place_changes(log, time);
    Change& commit = batch_.changes.emplace_back();
    commit.op = Op::commit;
    commit.xid = xid_;
    commit.commit_time = time;
    commit.position = {log, model::sequence_end, gtids_.text()};
  } else if (streamed_ && changes_ != 0) {
    Change& last = batch_.changes.emplace_back();
    last.op = is_committed ? Op::stream_commit : Op::stream_abort;
    last.xid = last.sub_xid = xid_;
    last.commit_time = time;
    if (is_committed) last.position = {log, model::sequence_end, gtids_.text()};
  }
  finish(end, header);
  return {};
}

// ---- XA ----

Result<void> BinlogReader::prepare_xa() {
  const auto known = std::find_if(xa_.begin(), xa_.end(), [this](const OpenXa& xa) { return xa.begin == xid_; });
  if (known == xa_.end()) {
    xa_.push_back({xa_name_, xid_, 0});
    TRY(note_xa_(xa_));
  }
  return {};
}

Result<void> BinlogReader::end_xa(const std::string& name, bool is_committed, const LogPlace& end,
                                  const binlog::Header& header) {
  const std::uint64_t log = at(end);
  const auto open = std::find_if(xa_.begin(), xa_.end(),
                                 [&](const OpenXa& xa) { return xa.name == name && (xa.end == 0 || xa.end == log); });
  if (open == xa_.end()) {
    if (log <= start_) return {};
    return failed(errors::unknown_xa, "XA transaction {} ends at file {}, offset {}", name, end.file, end.offset);
  }
  open->end = log;
  Change last;
  last.op = is_committed && log > start_ ? Op::stream_commit : Op::stream_abort;
  last.xid = last.sub_xid = open->begin;
  last.commit_time = commit_time_ != 0 ? commit_time_ : header.timestamp * micros_of_second;
  if (last.op == Op::stream_commit) last.position = {log, model::sequence_end, gtids_.text()};
  batch_.changes.push_back(last);
  return {};
}

Result<void> BinlogReader::forget_xa(std::uint64_t confirmed) {
  const std::size_t before = xa_.size();
  std::erase_if(xa_, [&](const OpenXa& xa) { return xa.end != 0 && xa.end <= confirmed; });
  return xa_.size() == before ? Result<void>() : note_xa_(xa_);
}

// ---- statements ----

Result<void> BinlogReader::on_xa_query(std::string_view words, const LogPlace& end, const binlog::Header& header) {
  std::string_view name;
  if (begins_with(words, "XA START", &name) || begins_with(words, "XA BEGIN", &name)) {
    begin(true);
    xa_name_ = trimmed(name);
    return {};
  }
  if (begins_with(words, "XA END", &name)) {
    xa_name_ = trimmed(name);  // MariaDB has no XA START in its log
    return {};
  }
  if (begins_with(words, "XA PREPARE")) return prepare_xa();
  const bool is_commit = begins_with(words, "XA COMMIT", &name);
  if (!is_commit && !begins_with(words, "XA ROLLBACK", &name)) return {};
  if (in_transaction_ && xa_name_ == trimmed(name)) return end_transaction(is_commit, end, header);  // ONE PHASE
  TRY(end_xa(trimmed(name), is_commit, end, header));
  finish(end, header);
  return {};
}

void BinlogReader::add_outcomes(const std::vector<TableHistory::Outcome>& outcomes) {
  for (const TableHistory::Outcome& outcome : outcomes) {
    const std::uint32_t table = batch_.table_index(outcome.table, form_of(outcome.table->name));
    add_change(outcome.op).table = table;
  }
}

Result<void> BinlogReader::on_statement(const binlog::Query& query, const LogPlace& end, const binlog::Header& header) {
  const bool stands_alone = !in_transaction_;
  if (!skipping_) {
    const std::vector<TableHistory::Outcome> outcomes = TRY(history_.on_statement(query));
    if (stands_alone) begin(false);
    add_outcomes(outcomes);
  }
  return stands_alone ? end_transaction(true, end, header) : Result<void>();
}

Result<void> BinlogReader::on_query(const binlog::Query& query, const LogPlace& end, const binlog::Header& header) {
  const std::string_view sql = body_of(query.sql);
  if (begins_with(sql, "BEGIN") || begins_with(sql, "START TRANSACTION")) {
    begin(false);
    return {};
  }
  if (begins_with(sql, "COMMIT")) return end_transaction(true, end, header);
  if (begins_with(sql, "ROLLBACK TO")) {
    if (changes_ == 0) return {};
    return failed(errors::partial_rollback, "file {}, offset {}", end.file, end.offset);
  }
  if (begins_with(sql, "ROLLBACK")) return end_transaction(false, end, header);
  if (begins_with(sql, "SAVEPOINT") || begins_with(sql, "RELEASE SAVEPOINT")) return {};
  if (begins_with(sql, "XA")) return on_xa_query(sql, end, header);
  if (changes_rows(sql)) {
    return failed(errors::statement_format, "file {}, offset {}", end.file, end.offset);
  }
  if (ends_with_start_transaction(sql)) {  // CREATE TABLE ... SELECT, whose rows follow
    TRY(on_statement(query, end, header));
    begin(false);
    return {};
  }
  return on_statement(query, end, header);
}

// ---- rows ----

Result<void> BinlogReader::on_map(const binlog::TableMap& map) {
  if (skipping_) return {};
  Binding& binding = bindings_[map.table_id];
  const bool is_same =
      binding.definition == map.definition && binding.name.schema == map.schema && binding.name.table == map.table;
  if (is_same && (binding.known == nullptr || binding.version == binding.known->version)) return {};
  binding = Binding();
  binding.definition = map.definition;
  binding.name = {std::string(map.schema), std::string(map.table)};
  binding.known = history_.find(map.schema, map.table);
  if (binding.known == nullptr) return {};
  binding.shape = TRY(binlog::parse_shape(map));
  add_outcomes(TRY(history_.on_shape(binding.shape, *binding.known)));
  return bind(binding);
}

Result<void> BinlogReader::bind(Binding& binding) {
  binding.version = binding.known->version;
  if (binding.known->is_unclear) return {};
  binding.cells = TRY(binlog::CellDecoder::make(binding.shape, binding.known->natives));
  binding.stored = model::stored_columns(*binding.known->schema);
  binding.is_native = form_of(binding.known->schema->name) != model::CellForm::canonical;
  return {};
}

std::uint32_t BinlogReader::table_of(Binding& binding) {
  if (binding.batch != batch_number_) {
    const model::TableSchemaPtr& schema = binding.known->schema;
    binding.table = batch_.table_index(schema, form_of(schema->name));
    binding.batch = batch_number_;
  }
  return binding.table;
}

// With binlog_row_image MINIMAL a column that the statement did not name is not in the log: it got its default.
Result<void> BinlogReader::add_default(Binding& binding, std::uint32_t index, Cell& cell) {
  const model::Column& column = binding.known->schema->columns[index];
  std::string_view text = column.default_expression;
  cell.state = CellState::null;
  if (const std::size_t update = text.find(" ON UPDATE "); update != std::string_view::npos)
    text = text.substr(0, update);
  if (text.empty() || text == "NULL") return {};
  const bool is_literal = text.size() >= 2 && text.front() == '\'' && text.back() == '\'' &&
                          text.find_first_of("'\\", 1) == text.size() - 1;
  const bool is_number = text.find_first_not_of("0123456789.-") == std::string_view::npos;
  if (!is_literal && !is_number) {
    return failed(errors::no_default, "table {}, column {}", binding.name.text(), column.name);
  }
  if (is_literal) text = text.substr(1, text.size() - 2);
  if (binding.is_native)
    batch_.bytes.append(text);
  else if (canonical_cell(binding.known->natives[index], column.type.type, text, choices_, batch_.bytes) !=
           Converted::value) {
    return failed(errors::no_default, "table {}, column {}", binding.name.text(), column.name);
  }
  cell.state = CellState::value;
  return {};
}

Result<void> BinlogReader::add_cell(Binding& binding, std::uint32_t index, const RawCell& raw, const RawCell* before,
                                    Cell& cell) {
  const model::Column& column = binding.known->schema->columns[index];
  if (raw.state == RawState::null) {
    cell.state = CellState::null;
    return {};
  }
  Converted converted = Converted::misfit;
  if (raw.state == RawState::json_diff) {
    if (before == nullptr || before->state != RawState::value) {
      return failed(errors::protocol_broken, "table {}, column {}: differences without a document", binding.name.text(),
                    column.name);
    }
    converted = binlog::CellDecoder::append_patched_json(before->bytes, raw.bytes, batch_.bytes);
  } else if (binding.is_native) {
    converted = binding.cells->append_native(index, raw.bytes, batch_.bytes);
  } else {
    converted = binding.cells->append_canonical(index, raw.bytes, column.type.type, choices_, batch_.bytes);
  }
  cell.state = converted == Converted::value  ? CellState::value
               : converted == Converted::null ? CellState::null
                                              : CellState::misfit;
  return {};
}

// `before`: the old image beside a new one; `is_insert`: what is absent got its default.
Result<void> BinlogReader::add_image(Binding& binding, const std::vector<RawCell>& image,
                                     const std::vector<RawCell>* before, bool is_insert, std::uint32_t& first,
                                     std::uint32_t& count) {
  first = static_cast<std::uint32_t>(batch_.cells.size());
  count = static_cast<std::uint32_t>(binding.stored.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t index = binding.stored[i];
    Cell cell;
    cell.offset = batch_.bytes.size();
    const RawCell* raw = &image[index];
    const RawCell* old = before == nullptr ? nullptr : &(*before)[index];
    // What the new image leaves out is as the old one says, or as the target has it.
    if (raw->state == RawState::absent && old != nullptr && old->state != RawState::absent) raw = old;
    if (raw->state != RawState::absent)
      TRY(add_cell(binding, index, *raw, old, cell));
    else if (is_insert)
      TRY(add_default(binding, index, cell));
    else
      cell.state = before != nullptr ? CellState::unchanged : CellState::absent;
    cell.size = static_cast<std::uint32_t>(batch_.bytes.size() - cell.offset);
    batch_.cells.push_back(cell);
  }
  return {};
}

Result<void> BinlogReader::on_rows(const binlog::Rows& event) {
  if (event.table_id == no_table_id || skipping_) return {};
  const auto found = bindings_.find(event.table_id);
  if (found == bindings_.end()) return failed(errors::protocol_broken, "rows of a table without its description");
  Binding& binding = found->second;
  if (binding.known == nullptr || binding.known->is_unclear) return {};
  binlog::RowReader rows(binding.shape, event);
  while (TRY(rows.next())) {
    Change images;
    const bool has_before = event.kind != binlog::RowsKind::write, has_after = event.kind != binlog::RowsKind::remove;
    if (has_before) TRY(add_image(binding, rows.before(), nullptr, false, images.old_first, images.old_count));
    if (has_after) {
      TRY(add_image(binding, rows.after(), has_before ? &rows.before() : nullptr, !has_before, images.new_first,
                    images.new_count));
    }
    const std::uint32_t table = table_of(binding);
    Change& change = add_change(has_before && has_after ? Op::update : has_after ? Op::insert : Op::remove);
    change.table = table;
    change.old_first = images.old_first;
    change.old_count = images.old_count;
    change.new_first = images.new_first;
    change.new_count = images.new_count;
    change.cascade = has_before && !event.foreign_key_checks_off();
    if (!streamed_ && batch_.weight() > whole_bytes_max) turn_streamed();
  }
  return {};
}

// ---- events ----

Result<void> BinlogReader::on_payload(const binlog::TransactionPayload& payload, const LogPlace& end,
                                      const binlog::Decoder& decoder) {
  TRY(payload_.open(payload, decoder));
  while (const binlog::Event* inner = TRY(payload_.next())) TRY(take_body(*inner, end, decoder));
  return {};
}

Result<void> BinlogReader::take_body(const binlog::Event& event, const LogPlace& end, const binlog::Decoder& decoder) {
  const binlog::Header& header = event.header;
  if (const auto* rows = std::get_if<binlog::Rows>(&event.body)) return on_rows(*rows);
  if (const auto* map = std::get_if<binlog::TableMap>(&event.body)) return on_map(*map);
  if (std::get_if<binlog::Xid>(&event.body)) return end_transaction(true, end, header);
  if (const auto* query = std::get_if<binlog::Query>(&event.body)) return on_query(*query, end, header);
  if (const auto* gtid = std::get_if<binlog::Gtid>(&event.body)) {
    gtids_.add(*gtid);
    commit_time_ = static_cast<std::int64_t>(gtid->immediate_commit_time);
    return {};
  }
  if (const auto* gtid = std::get_if<binlog::MariaGtid>(&event.body)) {
    gtids_.add(*gtid);
    commit_time_ = 0;
    if (!gtid->is_standalone()) begin(gtid->is_prepared_xa());
    return {};
  }
  if (const auto* prepared = std::get_if<binlog::XaPrepare>(&event.body)) {
    if (prepared->one_phase) return end_transaction(true, end, header);
    TRY(prepare_xa());
    finish(end, header);
    return {};
  }
  if (const auto* payload = std::get_if<binlog::TransactionPayload>(&event.body)) {
    return on_payload(*payload, end, decoder);
  }
  if (const auto* incident = std::get_if<binlog::Incident>(&event.body)) {
    return failed(errors::incident, "incident {} before file {}, offset {}", incident->number, end.file, end.offset);
  }
  return {};
}

Result<void> BinlogReader::take(const binlog::Event& event, const LogPlace& end, const binlog::Decoder& decoder) {
  if (std::get_if<binlog::Heartbeat>(&event.body)) {
    if (!in_transaction_) through_ = std::max(through_, at(end));
    place_ = at(end);
    return {};
  }
  // A file's beginning ends what its server left open when it stopped.
  if (const auto* format = std::get_if<binlog::FormatDescription>(&event.body)) {
    if (in_transaction_ && format->created != 0) TRY(end_transaction(false, end, event.header));
    bindings_.clear();
  }
  const bool has_gtid = std::get_if<binlog::Gtid>(&event.body) || std::get_if<binlog::MariaGtid>(&event.body);
  if (has_gtid || (!in_transaction_ && !has_gtid_)) {
    xid_ = place_;
    skipping_ = place_ < start_;
    has_gtid_ = has_gtid;
  }
  TRY(take_body(event, end, decoder));
  place_ = at(end);
  return {};
}

}  // namespace mysql
