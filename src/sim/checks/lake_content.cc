// SPDX-License-Identifier: Apache-2.0
//
// The source can be built again from the files, as of any position: whenever the file target claims a position, what a
// power cut right then would certainly leave of each loaded table's files is read on, and compared with the source at
// every commit up to there; in the end everything is read from the beginning. So nothing is lost, doubled or out of
// order, and no position runs ahead of durable data. Transaction files moreover hold whole transactions, in one order.
#include <algorithm>

#include "sim/checks/lake_check.h"
#include "sim/checks/rebuild.h"

namespace sim {
namespace {

using Objects = std::map<std::string, std::uint64_t>;

struct Followed {
  explicit Followed(const model::Fence& held) : fence(held) {}
  model::Fence fence;
  std::optional<Rebuild> rebuild;
  Objects taken;
};

// What one reader has read so far.
class Reader {
 public:
  Reader(const Servers& servers, const Commits& commits, bool certain)
      : servers_(servers), commits_(commits), is_certain_(certain) {}

  void forget(const model::TableName& table) { tables_.erase(table); }
  void loaded(const model::TableName& table, const model::Fence& fence) {
    tables_.erase(table);
    tables_.try_emplace(table, fence);
  }
  bool has(const model::TableName& table) const { return tables_.contains(table); }

  // Reads on, and compares up to what is claimed. Says what is wrong.
  std::string read(std::uint64_t start, std::uint64_t claim) {
    const Objects objects = servers_.lake->objects(is_certain_);
    const bool by_transaction = servers_.plan.target == TargetKind::transactions;
    for (auto& [table, followed] : tables_) {
      std::string problem = read_table(table, followed, objects, !by_transaction);
      if (!problem.empty()) return in_table(table, problem);
    }
    if (by_transaction) {
      std::string problem = read_transactions(objects);
      if (!problem.empty()) return "files: " + problem;
    }
    for (auto& [table, followed] : tables_) {
      std::string problem = reach(table, followed, start, claim);
      if (!problem.empty()) return in_table(table, problem);
    }
    return "";
  }
  std::string finish(const model::TableName& table, const RowSet& wanted) {
    Rebuild& rebuild = *tables_.at(table).rebuild;
    std::string problem = rebuild.finish();
    if (problem.empty() && rebuild.rows().digest() != wanted.digest()) {
      problem = fmt::format("{} rows built again, {} at the source", rebuild.rows().size(), wanted.size());
    }
    return problem.empty() ? "" : in_table(table, problem);
  }

 private:
  static std::string in_table(const model::TableName& table, const std::string& problem) {
    return fmt::format("files: table {}: {}", table.text(), problem);
  }

  // Files of the load first, change files by name; their folders do not count.
  static std::vector<std::string> in_order(const Objects& objects, const std::string& folder, const Objects& taken) {
    std::vector<std::string> keys;
    for (auto at = objects.lower_bound(folder); at != objects.end() && at->first.starts_with(folder); ++at) {
      if (!taken.contains(at->first)) keys.push_back(at->first);
    }
    std::sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) {
      return std::pair(!is_load(a), file_of(a)) < std::pair(!is_load(b), file_of(b));
    });
    return keys;
  }

  std::string read_table(const model::TableName& table, Followed& followed, const Objects& objects, bool changes) {
    const bool is_gone = std::any_of(followed.taken.begin(), followed.taken.end(), [&](const auto& taken) {
      const auto found = objects.find(taken.first);
      return found == objects.end() || found->second != taken.second;
    });
    if (is_gone || !followed.rebuild) {
      followed.taken.clear();
      followed.rebuild.emplace(servers_.source, servers_.source.tables().at(table).rows.schema());
    }
    for (const std::string& key : in_order(objects, lake_folder_of(table), followed.taken)) {
      followed.taken.emplace(key, objects.at(key));
      const LakeFile file = read_lake_file(servers_.lake->bytes(key, is_certain_), lake_form(servers_.plan, key));
      if (!file.problem.empty()) return fmt::format("{}: {}", key, file.problem);
      if (!is_load(key) && !changes) return fmt::format("{} does not belong here", key);
      std::string problem = is_load(key) ? followed.rebuild->add_load(file) : add_changes(*followed.rebuild, file);
      if (!problem.empty()) return fmt::format("{}: {}", key, problem);
    }
    return "";
  }

  std::string add_changes(Rebuild& rebuild, const LakeFile& file) {
    for (const LakeRow& row : file.rows) {
      const Commits::Commit* commit = commits_.find(row.time);
      if (commit == nullptr) return fmt::format("no transaction committed at {}", row.time);
      std::string problem = rebuild.add_change(file, row, *commit);
      if (!problem.empty()) return problem;
    }
    return "";
  }

  // A table that was loaded anew holds what stands in older files.
  std::string read_transactions(const Objects& objects) {
    for (const std::string& key : in_order(objects, transactions_folder, transaction_files_)) {
      transaction_files_.emplace(key, objects.at(key));
      const LakeFile file = read_lake_file(servers_.lake->bytes(key, is_certain_), lake_form(servers_.plan, key));
      if (!file.problem.empty()) return fmt::format("{}: {}", key, file.problem);
      bool is_first = true;
      for (const LakeRow& row : file.rows) {
        const Commits::Commit* commit = commits_.find(row.time);
        if (commit == nullptr) return fmt::format("{}: no transaction committed at {}", key, row.time);
        if (commit->log < transaction_) return fmt::format("{}: a row of {} after {}", key, commit->log, transaction_);
        if (is_first && commit->log == transaction_ && has_memory_) {
          return fmt::format("{}: begins inside of {}", key, transaction_);
        }
        is_first = false;
        transaction_ = commit->log;
        const auto found = tables_.find({row.schema, row.table});
        if (found == tables_.end()) continue;
        Followed& followed = found->second;
        if (commit->log <= followed.fence.high && followed.fence.holds(commit->log, commit->xid)) continue;
        std::string problem = followed.rebuild->add_change(file, row, *commit);
        if (!problem.empty()) return fmt::format("{}: {}", key, problem);
      }
    }
    return "";
  }

  // Per table the files may hold more than the position of all: the target's books say how much.
  std::string reach(const model::TableName& table, Followed& followed, std::uint64_t start, std::uint64_t claim) {
    const std::string folder = lake_folder_of(table);
    if (servers_.note("files/clear/" + folder)) return "";
    std::uint64_t begun = claim;
    if (const auto flushed = servers_.note("files/flushed/" + folder)) {
      const std::uint64_t log = first_number(*flushed);
      begun = std::max(begun, log);
      if (log > claim) claim = log - 1;
    }
    const std::uint64_t base = std::max({start, followed.fence.high, commits_.truncated(table, begun)});
    return followed.rebuild->reach(base, claim);
  }

  const Servers& servers_;
  const Commits& commits_;
  const bool is_certain_;
  // Only a transaction that does not fit may be in several files.
  const bool has_memory_ = servers_.plan.files.memory_budget == FilesPlan().memory_budget;
  std::map<model::TableName, Followed> tables_;
  Objects transaction_files_;
  std::uint64_t transaction_ = 0;  // of the last row
};

class LakeContent final : public Check {
 public:
  explicit LakeContent(const Servers& servers) : Check(servers), reader_(servers, commits_, true) {}

  void slot_begun(const model::Position& start) override { start_ = start.log; }
  void snapshot_taken(const model::Fence& fence) override { fence_ = fence; }
  void prepared(const model::TableName& table) override {
    reader_.forget(table);
    fences_.erase(table);
  }
  void loaded(const model::TableName& table) override {
    reader_.loaded(table, fence_);
    fences_[table] = fence_;
  }
  void shown(const std::optional<model::Position>& position) override {
    if (!position) return;
    commits_.learn(servers_.source);
    say(reader_.read(start_, position->log));
  }
  void ended() override {
    commits_.learn(servers_.source);
    Reader fresh(servers_, commits_, false);
    for (const auto& [table, fence] : fences_) fresh.loaded(table, fence);
    const std::optional<model::Position> held = servers_.held();
    say(fresh.read(start_, held ? held->log : 0));
    for (const auto& [name, table] : servers_.source.tables()) {
      if (!fresh.has(name)) {
        find("files: table {} is not loaded", name.text());
      } else {
        say(fresh.finish(name, table.rows));
      }
    }
  }

 private:
  void say(const std::string& problem) {
    if (!problem.empty()) find("{}", problem);
  }
  Commits commits_;
  Reader reader_;
  std::uint64_t start_ = 0;
  model::Fence fence_;
  std::map<model::TableName, model::Fence> fences_;
};

}  // namespace

std::unique_ptr<Check> check_lake_content(const Servers& servers) { return std::make_unique<LakeContent>(servers); }

}  // namespace sim
