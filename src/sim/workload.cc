// SPDX-License-Identifier: Apache-2.0
#include "sim/workload.h"

#include <algorithm>

namespace sim {

namespace {

constexpr std::int32_t large_column = 6;
constexpr std::size_t amount = place::second;
constexpr std::int64_t ids = 80;  // few, so that keys come and go

}  // namespace

void Workload::fill() {
  left_ = plan_.workload.transactions;
  const std::uint64_t xid = server_.begin();
  const std::size_t at_first = std::max<std::size_t>(1, plan_.tables.size() - plan_.workload.late_tables);
  for (const TablePlan& table : plan_.tables) {
    // A bank is there from the beginning: its total is known then.
    if (known_.size() >= at_first && table.kind != TableKind::bank) continue;
    known_.push_back(&table);
    server_.create_table(table.schema, row_filter(table));
    for (std::int64_t i = 0; i < table.rows; ++i) {
      Row row;
      if (table.kind == TableKind::bank) {
        row = {whole_number(i), whole_number(1000), whole_number(next_version_++)};
        bank_total_ += 1000;
      } else {
        row = make_row(table);
      }
      insert_row(xid, table, std::move(row));
    }
  }
  server_.commit(xid);
}

std::string Workload::text(std::int64_t bytes_max) {
  std::string text;
  const std::int64_t bytes = chance_.skewed(bytes_max);
  const auto letter = static_cast<char>('a' + chance_.below(26));
  for (std::int64_t i = 0; i < bytes; ++i) text += static_cast<char>('a' + (letter - 'a' + i) % 26);
  return text;
}

Row Workload::make_row(const TablePlan& table) {
  const std::vector<model::Column>& columns = server_.tables().at(table.schema->name).rows.schema()->columns;
  Row row(columns.size());
  row[place::id] = whole_number(chance_.between(0, ids - 1));
  row[place::second] = whole_number(chance_.between(0, 2));
  row[place::version] = whole_number(next_version_++);
  if (table.kind == TableKind::no_key && chance_.percent(30)) row[place::version] = whole_number(0);  // equal rows
  for (std::size_t i = place::single; i < columns.size(); ++i) {
    const bool is_large = columns[i].ordinal == large_column;
    if (!chance_.percent(is_large ? 50 : 75)) continue;
    row[i] = model::is_fixed(columns[i].type.type)
                 ? whole_number(next_version_++)
                 : Value(text(is_large ? plan_.workload.large_bytes : plan_.workload.text_bytes));
  }
  if (table.parent >= 0 && row[place::single]) {
    const Row* parent = pick_row(plan_.tables[std::size_t(table.parent)]);
    row[place::single] = parent == nullptr ? Value() : (*parent)[place::id];
  }
  return row;
}

// Most updates leave the key and the large value alone.
Row Workload::changed_row(const TablePlan& table, const Row& before) {
  const std::vector<model::Column>& columns = server_.tables().at(table.schema->name).rows.schema()->columns;
  Row row = before;
  Row fresh = make_row(table);
  row[place::version] = fresh[place::version];
  if (chance_.percent(15)) row[place::id] = fresh[place::id];
  if (chance_.percent(20)) row[place::second] = fresh[place::second];
  for (std::size_t i = place::single; i < columns.size(); ++i) {
    if (chance_.percent(columns[i].ordinal == large_column ? 25 : 45)) row[i] = fresh[i];
  }
  return row;
}

const Row* Workload::pick_row(const TablePlan& table) {
  const auto found = server_.tables().find(table.schema->name);
  if (found == server_.tables().end()) return nullptr;
  return found->second.rows.at(chance_.next());
}

bool Workload::move_money(std::uint64_t xid, const TablePlan& bank) {
  const Row* from = pick_row(bank);
  const Row* to = pick_row(bank);
  if (from == nullptr || from == to) return false;
  const model::TableName& name = bank.schema->name;
  if (server_.is_locked(name, *from, xid) || server_.is_locked(name, *to, xid)) return false;
  const std::int64_t moved = chance_.between(1, 50);
  const Row old_from = *from;
  const Row old_to = *to;
  Row new_from = old_from;
  Row new_to = old_to;
  new_from[amount] = whole_number(model::load_fixed(*old_from[amount]) - moved);
  new_to[amount] = whole_number(model::load_fixed(*old_to[amount]) + moved);
  new_from[place::version] = whole_number(next_version_++);
  new_to[place::version] = whole_number(next_version_++);
  const bool is_taken = server_.update(xid, name, old_from, std::move(new_from));
  return is_taken && server_.update(xid, name, old_to, std::move(new_to));
}

// Two rows exchange their unique values; the source checks at the end of the statement.
bool Workload::swap_singles(std::uint64_t xid, const TablePlan& table) {
  const Row* first = pick_row(table);
  const Row* other = pick_row(table);
  if (first == nullptr || first == other) return false;
  const model::TableName& name = table.schema->name;
  if (server_.is_locked(name, *first, xid) || server_.is_locked(name, *other, xid)) return false;
  const Row old_first = *first;
  const Row old_other = *other;
  Row new_first = old_first;
  Row new_other = old_other;
  std::swap(new_first[place::single], new_other[place::single]);
  new_first[place::version] = whole_number(next_version_++);
  new_other[place::version] = whole_number(next_version_++);
  const bool is_taken = server_.update(xid, name, old_first, std::move(new_first));
  return is_taken && server_.update(xid, name, old_other, std::move(new_other));
}

bool Workload::hold_parent(std::uint64_t xid, const TablePlan& table, const Row& row) {
  if (table.parent < 0 || !row[place::single]) return true;
  return server_.lock_referenced(xid, plan_.tables[std::size_t(table.parent)].schema->name, row[place::single]);
}

std::optional<Workload::Referring> Workload::referring(std::uint64_t xid, const TablePlan& parent,
                                                       const Row& row) const {
  Referring all;
  for (const TablePlan* child : children_of(plan_, parent)) {
    const auto table = server_.tables().find(child->schema->name);
    if (table == server_.tables().end()) continue;
    if (table->second.exclusive != 0 && table->second.exclusive != xid) return std::nullopt;
    for (const Row& one : table->second.rows.rows()) {
      if (one[place::single] != row[place::id]) continue;
      if (server_.is_locked(child->schema->name, one, xid)) return std::nullopt;
      all.emplace_back(child, one);
      std::optional<Referring> further = referring(xid, *child, one);
      if (!further) return std::nullopt;
      all.insert(all.end(), further->begin(), further->end());
    }
  }
  return all;
}

bool Workload::insert_row(std::uint64_t xid, const TablePlan& table, Row row) {
  return hold_parent(xid, table, row) && server_.insert(xid, table.schema->name, std::move(row));
}

// Keys that somebody refers to stay.
bool Workload::update_row(std::uint64_t xid, const TablePlan& table, const Row& before, Row after) {
  if (!hold_parent(xid, table, before) || !hold_parent(xid, table, after)) return false;
  if (before[place::id] != after[place::id]) {
    const std::optional<Referring> rows = referring(xid, table, before);
    if (!rows || !rows->empty()) return false;
  }
  return server_.update(xid, table.schema->name, before, std::move(after));
}

// With all that refers to it, as ON DELETE CASCADE has it: the row first. Or as an application does.
bool Workload::remove_row(std::uint64_t xid, const TablePlan& table, const Row& before) {
  if (!hold_parent(xid, table, before)) return false;
  const std::optional<Referring> rows = referring(xid, table, before);
  if (!rows) return false;
  Referring all = {{&table, before}};
  all.insert(all.end(), rows->begin(), rows->end());
  if (chance_.percent(50)) std::reverse(all.begin(), all.end());
  for (const auto& [one, row] : all) server_.remove(xid, one->schema->name, row);
  return true;
}

bool Workload::change_table(std::uint64_t xid, const TablePlan& table) {
  const model::TableName& name = table.schema->name;
  if (table.kind == TableKind::unique && chance_.percent(20)) return swap_singles(xid, table);
  if (plan_.workload.truncate_share > 0 && chance_.below(1000) < plan_.workload.truncate_share) {
    return !is_parent(table) && server_.truncate(xid, name);
  }
  const std::uint64_t kind = chance_.below(100);
  if (kind < 40) return insert_row(xid, table, make_row(table));
  const Row* row = pick_row(table);
  if (row == nullptr) return false;
  const Row before = *row;
  if (server_.is_locked(name, before, xid)) return false;
  if (kind < 75) return update_row(xid, table, before, changed_row(table, before));
  return remove_row(xid, table, before);
}

bool Workload::change(std::uint64_t xid) {
  const TablePlan& table = pick_table();
  if (chance_.below(1000) < plan_.workload.alter_share) return alter_table(xid, table);
  return table.kind == TableKind::bank ? move_money(xid, table) : change_table(xid, table);
}

void Workload::run_transaction(const std::stop_token& stop) {
  const WorkloadPlan& work = plan_.workload;
  const std::uint64_t xid = server_.begin();
  const bool is_giant = chance_.percent(work.giant_share);
  const bool is_streamed = chance_.percent(work.streamed_share);
  const std::int64_t changes = is_giant ? work.giant_changes : 1 + chance_.skewed(work.changes_max);
  int depth = 0;
  for (std::int64_t i = 0; i < changes; ++i) {
    if (chance_.percent(work.savepoint_share) && depth < 3) {
      server_.savepoint(xid);
      depth += 1;
    }
    change(xid);
    if (is_streamed && chance_.percent(40)) server_.stream_out(xid);
    if (depth > 0 && chance_.percent(40)) {
      depth -= 1;
      if (chance_.percent(50)) {
        server_.rollback_to_savepoint(xid);
      } else {
        server_.release_savepoint(xid);
      }
    }
    scheduler_.step();
    if (chance_.percent(5)) scheduler_.pause(base::Nanos(chance_.between(1, work.pause_max.count())), stop);
  }
  while (depth-- > 0) server_.release_savepoint(xid);
  finish(xid, stop);
}

// Many transactions at once, each streamed out, that end in any order.
void Workload::run_crowd(const std::stop_token& stop) {
  std::vector<std::uint64_t> open;
  for (std::size_t i = 0; i < plan_.workload.crowd; ++i) {
    open.push_back(server_.begin());
    change(open.back());
    if (chance_.percent(80)) server_.stream_out(open.back());
    if (chance_.percent(10)) scheduler_.pause(base::Nanos(chance_.between(1, 5'000'000)), stop);
  }
  while (!open.empty()) {
    const std::size_t place = chance_.below(open.size());
    std::swap(open[place], open.back());
    if (chance_.percent(30)) change(open.back());
    if (chance_.percent(85)) {
      commit(open.back());
    } else {
      server_.rollback(open.back());
    }
    open.pop_back();
    scheduler_.step();
  }
}

void Workload::make_late_table() {
  for (const TablePlan& table : plan_.tables) {
    if (std::find(known_.begin(), known_.end(), &table) != known_.end()) continue;
    if (std::find(gone_.begin(), gone_.end(), &table) != gone_.end()) continue;
    known_.push_back(&table);
    return server_.create_table(table.schema, row_filter(table));
  }
}

void Workload::commit(std::uint64_t xid) {
  const std::int64_t most = plan_.workload.standby_max.count();
  server_.commit(xid, most > 0 && chance_.percent(30) ? base::Nanos(chance_.skewed(most)) : base::Nanos{0});
}

// A prepared transaction keeps its locks until a later one ends it.
void Workload::finish(std::uint64_t xid, const std::stop_token&) {
  if (!prepared_.empty() && chance_.percent(50)) {
    const std::uint64_t other = prepared_.back();
    prepared_.pop_back();
    if (chance_.percent(80)) {
      commit(other);
    } else {
      server_.rollback(other);
    }
  }
  if (chance_.percent(plan_.workload.prepared_share)) {
    prepared_.push_back(xid);
  } else if (chance_.percent(plan_.workload.rollback_share)) {
    server_.rollback(xid);
  } else {
    commit(xid);
  }
}

// So that there is something to do before, during and after the load, however slow the engine is.
void Workload::await(const std::stop_token& stop) {
  const std::size_t all = plan_.workload.transactions;
  constexpr int tries_max = 600;
  for (int tries = 0; tries < tries_max; ++tries) {
    const bool is_early = left_ > all * 2 / 3 || (left_ > all / 3 && server_.slot.exists) || server_.streams > 0;
    if (is_early || !scheduler_.pause(std::chrono::milliseconds(100), stop)) return;
  }
}

void Workload::run_session(const std::stop_token& stop) {
  while (left_ > 0 && !stop.stop_requested()) {
    if (plan_.workload.waits) await(stop);
    if (left_ == 0) break;
    left_ -= 1;
    if (chance_.percent(5)) make_late_table();
    if (chance_.below(1000) < plan_.workload.drop_share) drop_or_make_table();
    if (plan_.workload.crowd > 0 && chance_.percent(3)) {
      run_crowd(stop);
    } else {
      run_transaction(stop);
    }
    scheduler_.pause(base::Nanos(chance_.between(1, plan_.workload.pause_max.count())), stop);
  }
  if (left_ > 0) return;
  while (!prepared_.empty()) {
    const std::uint64_t xid = prepared_.back();
    prepared_.pop_back();
    commit(xid);
  }
}

}  // namespace sim
