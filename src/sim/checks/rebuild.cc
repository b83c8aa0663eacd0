// SPDX-License-Identifier: Apache-2.0
#include "sim/checks/rebuild.h"

#include <algorithm>
#include <charconv>

namespace sim {

void Commits::learn(const SourceServer& source) {
  for (; next_ < source.log().size(); ++next_) {
    const LogEntry& entry = source.log()[next_];
    std::set<model::TableName>& truncated = open_truncates_[entry.xid];
    for (const LoggedChange& change : entry.changes) {
      if (change.op == model::Op::truncate) truncated.insert(change.schema->name);
    }
    const bool is_commit = entry.kind == LogEntry::Kind::whole || entry.kind == LogEntry::Kind::streamed_commit;
    if (!is_commit) continue;
    by_time_[base::utc_text(entry.commit_time, 6)] = {entry.log, entry.xid};
    for (const model::TableName& table : truncated) truncates_[table].insert(entry.log);
    open_truncates_.erase(entry.xid);
  }
}

const Commits::Commit* Commits::find(const std::string& time) const {
  const auto found = by_time_.find(time);
  return found == by_time_.end() ? nullptr : &found->second;
}

std::uint64_t Commits::truncated(const model::TableName& table, std::uint64_t log) const {
  const auto found = truncates_.find(table);
  if (found == truncates_.end()) return 0;
  const auto behind = found->second.upper_bound(log);
  return behind == found->second.begin() ? 0 : *std::prev(behind);
}

std::string Rebuild::read_row(const LakeFile& file, const LakeRow& row, Pending& change) const {
  const model::TableSchema& schema = *rows_.schema();
  change.op = row.op;
  change.row.resize(schema.columns.size());
  change.kept.resize(schema.columns.size());
  if (file.columns.empty() && row.cells.size() != schema.columns.size())
    return "a row has other columns than the table";
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    const auto column =
        file.columns.empty() ? std::optional<std::uint32_t>(std::uint32_t(i)) : schema.find_column(file.columns[i]);
    if (!column) return fmt::format("the table has no column {}", file.columns[i]);
    const LakeCell& cell = row.cells[i];
    change.kept[*column] = cell.is_kept;
    if (cell.is_null || cell.is_kept) continue;
    if (!model::is_fixed(schema.columns[*column].type.type)) {
      change.row[*column] = cell.text;
      continue;
    }
    std::int64_t number = 0;
    const char* end = cell.text.data() + cell.text.size();
    if (std::from_chars(cell.text.data(), end, number).ptr != end || cell.text.empty()) return "a number is none";
    change.row[*column] = whole_number(number);
  }
  return "";
}

std::string Rebuild::add_load(const LakeFile& file) {
  for (const LakeRow& row : file.rows) {
    Pending loaded;
    std::string problem = read_row(file, row, loaded);
    if (!problem.empty()) return problem;
    const base::Result<void> inserted = rows_.insert(std::move(loaded.row));
    if (!inserted.ok()) return "a loaded row stands twice: " + inserted.error().text();
  }
  return "";
}

std::string Rebuild::add_change(const LakeFile& file, const LakeRow& row, const Commits::Commit& commit) {
  if (commit.log <= reached_) {
    return fmt::format("a change of {} came after the files claimed to hold everything up to {}", commit.log, reached_);
  }
  Pending change;
  std::string problem = read_row(file, row, change);
  if (!problem.empty()) return problem;
  change.log = commit.log;
  if (!pending_.empty() && pending_.back().log > commit.log) {
    return fmt::format("a change of {} stands behind one of {}", commit.log, pending_.back().log);
  }
  pending_.push_back(std::move(change));
  return "";
}

// A row that comes where another went may keep cells of that one: a changed key is D and I.
std::string Rebuild::apply(Pending change) {
  std::optional<Row> old = std::exchange(removed_, std::nullopt);
  if (change.op != 'I') {
    base::Result<Row> taken = rows_.take(change.row);
    if (!taken.ok()) return taken.error().text();
    old = taken.take();
    if (change.op == 'D') removed_ = std::move(old);
  }
  if (change.op == 'D') return "";
  for (std::size_t i = 0; i < change.row.size(); ++i) {
    if (!change.kept[i]) continue;
    if (!old) return "a new row keeps a value of no row";
    change.row[i] = (*old)[i];
  }
  const base::Result<void> inserted = rows_.insert(std::move(change.row));
  return inserted.ok() ? "" : inserted.error().text();
}

std::string Rebuild::apply_through(std::uint64_t log) {
  while (!pending_.empty() && pending_.front().log <= log) {
    const std::uint64_t at = pending_.front().log;
    std::string problem = apply(std::move(pending_.front()));
    pending_.pop_front();
    if (!problem.empty()) return fmt::format("at {}: {}", at, problem);
  }
  return "";
}

std::string Rebuild::compare_at(std::uint64_t log) {
  std::string problem = apply_through(log);
  if (!problem.empty() || rows_.digest() == source_.at(rows_.schema()->name, log).digest) return problem;
  return fmt::format("built again as of {} it is not what the source held there", log);
}

std::string Rebuild::reach(std::uint64_t base, std::uint64_t claim) {
  std::string problem = apply_through(std::min(base, claim));
  const std::uint64_t from = std::max(base, reached_);
  reached_ = std::max(reached_, claim);
  if (!problem.empty() || claim < base) return problem;
  problem = compare_at(from);
  const std::vector<Moment>& history = source_.history(rows_.schema()->name);
  auto entry = std::upper_bound(history.begin(), history.end(), from,
                                [](std::uint64_t at, const Moment& moment) { return at < moment.log; });
  for (; problem.empty() && entry != history.end() && entry->log <= claim; ++entry) {
    problem = compare_at(entry->log - 1);
    if (problem.empty()) problem = compare_at(entry->log);
  }
  return problem.empty() ? compare_at(std::max(from, claim)) : problem;
}

std::string Rebuild::finish() { return apply_through(~std::uint64_t{0}); }

}  // namespace sim
