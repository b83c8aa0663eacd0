// SPDX-License-Identifier: Apache-2.0
#include "engine/kept_changes.h"

#include <algorithm>

#include "engine/errors.h"
#include "engine/group.h"
#include "engine/lookup.h"
#include "engine/pace.h"
#include "engine/route.h"
#include "relay/errors.h"
#include "relay/splice.h"

namespace engine {
namespace {

using base::Result;
using model::Change;
using model::ChangeBatch;
using model::Op;

constexpr std::size_t pending_bytes_max = 1u << 20;
constexpr std::uint64_t segment_bytes_max = 16u << 20;

std::string kept_root(const Environment& environment) { return environment.data_folder + "/kept"; }

relay::RelayOptions options_of(const Environment& environment, const std::string& folder) {
  relay::RelayOptions options;
  options.folder = kept_root(environment) + "/" + folder;
  options.segment_bytes = segment_bytes_max;
  return options;
}

// The folder's relay; it must reach back to where the table was suspended.
Result<std::unique_ptr<relay::Relay>> open_kept(const Environment& environment, const model::TableName& name,
                                                const KeptTable& kept) {
  const relay::RelayOptions options = options_of(environment, kept.folder);
  auto relay = TRY(relay::Relay::open(*environment.disk, options));
  if (relay->end() < kept.since || relay->start() > kept.since) {
    return base::failed(relay::errors::damaged, "{}: the kept changes of table {} are not all there", options.folder,
                        name.text());
  }
  return relay;
}

Result<void> remove_folder(base::Disk& disk, const std::string& path) {
  for (const std::string& name : TRY(disk.list(path))) TRY(disk.remove(path + "/" + name));
  return disk.remove(path);
}

}  // namespace

Result<std::string> make_kept_folder(const Environment& environment, const model::TableName& source_name,
                                     const model::Position& since) {
  std::string folder =
      fmt::format("{:016x}-{:016x}", since.log, relay::checksum_of(source_name.schema + '\0' + source_name.table));
  auto relay = TRY(relay::Relay::open(*environment.disk, options_of(environment, folder)));
  TRY(relay->restart(since));
  TRY(environment.disk->sync_folder(kept_root(environment)));
  TRY(environment.disk->sync_folder(environment.data_folder));
  return folder;
}

Result<void> sweep_kept_folders(const Environment& environment, const Ledger& ledger) {
  std::vector<std::string> wanted;
  for (const auto& [name, kept] : ledger.kept()) wanted.push_back(kept.folder + "/");
  for (const std::string& folder : TRY(environment.disk->list(kept_root(environment)))) {
    if (std::find(wanted.begin(), wanted.end(), folder) != wanted.end()) continue;
    const std::string path = kept_root(environment) + "/" + folder;
    TRY(remove_folder(*environment.disk, folder.ends_with('/') ? path.substr(0, path.size() - 1) : path));
  }
  return {};
}

// ---- keeping

Result<void> KeptChanges::open() {
  tables_.clear();
  for (const auto& [name, kept] : ledger_.kept()) TRY(add(name));
  return {};
}

Result<void> KeptChanges::add(const model::TableName& source_name) {
  Table table;
  table.name = source_name;
  table.relay = TRY(open_kept(environment_, source_name, ledger_.kept().at(source_name)));
  table.held = table.relay->end();
  tables_.emplace(source_name, std::move(table));
  return {};
}

Result<void> KeptChanges::drop(const model::TableName& source_name) {
  if (tables_.erase(source_name) == 0) return {};
  return sweep_kept_folders(environment_, ledger_);
}

Result<void> KeptChanges::take(const ChangeBatch& batch, const Change& change) {
  if (tables_.empty()) return {};
  if (change.op == Op::begin) {
    begin_ = change;
    for (auto& [name, table] : tables_) table.is_inside = false;
    return {};
  }
  if (change.op == Op::commit) {
    for (auto& [name, table] : tables_) {
      if (table.is_inside) table.pending.changes.push_back(change);
      table.is_inside = false;
    }
    return {};
  }
  const auto found = tables_.find(batch.tables[change.table]->name);
  if (found == tables_.end()) return {};
  Table& table = found->second;
  if (change.position.log <= table.held.log) return {};
  if (!table.is_inside) table.pending.changes.push_back(begin_);
  table.is_inside = true;
  relay::copy_change(batch, change, table.pending);
  if (table.pending.weight() >= pending_bytes_max) return append(table);
  return {};
}

Result<void> KeptChanges::append(Table& table) {
  std::uint64_t bytes = table.pending.weight();
  for (const auto& [name, other] : tables_) bytes += other.relay->bytes();
  if (bytes_max_ != 0 && bytes > bytes_max_) return give_up(table.name);
  table.is_unsynced = true;
  Result<void> appended = table.relay->append(table.pending);
  table.pending = ChangeBatch();
  return appended;
}

Result<void> KeptChanges::settle() {
  for (auto table = tables_.begin(); table != tables_.end();) {
    const auto next = std::next(table);
    const model::TableName name = table->first;
    if (!table->second.pending.changes.empty()) TRY(append(table->second));
    if (tables_.contains(name) && table->second.is_unsynced) {
      TRY(table->second.relay->sync());
      table->second.is_unsynced = false;
    }
    table = next;
  }
  return {};
}

// The cap is for all suspended tables together; the one that passes it loses its changes.
Result<void> KeptChanges::give_up(const model::TableName& name) {
  const std::optional<TableRecord> record = ledger_.table(name);
  const std::string before = record ? record->suspended_reason : "";
  const std::string reason =
      base::failed(errors::kept_full, "table {}: its kept changes passed {} bytes and were given up", name.text(),
                   bytes_max_)
          .text() +
      "; it was suspended for: " + before;
  environment_.log->error("apply", "{}", reason);
  statistics_.table(name, [&](TableStatus& status) { status.reason = reason; });
  TRY(ledger_.suspend(name, reason, std::nullopt));
  tables_.erase(name);
  return sweep_kept_folders(environment_, ledger_);
}

// ---- replay

namespace {

// Cuts the batch before the first transaction after `durable`; true when there is one.
bool cut_after(ChangeBatch& batch, const model::Position& durable) {
  const auto beyond = std::find_if(batch.changes.begin(), batch.changes.end(),
                                   [&](const Change& change) { return change.position.log > durable.log; });
  const bool found = beyond != batch.changes.end();
  batch.changes.erase(beyond, batch.changes.end());
  return found;
}

class Replay {
 public:
  Replay(const TaskDefinition& definition, const Environment& environment, Statistics& statistics,
         connect::Source& source, connect::Target& target, model::TableName name)
      : uncounted_(*environment.clock),
        statistics_(statistics),
        target_(target),
        name_(std::move(name)),
        limits_(GroupPace::of(definition.settings, definition.budgets, target.gains_from_groups()).limits),
        lookup_(source, statistics, *environment.clock),
        router_(definition.mapping, uncounted_, source) {
    router_.edit_values(definition.edits.get(), environment.log);
    router_.add_table(name_, model::Fence{});
  }

  // The error that suspends the table again, or nullopt.
  Result<std::optional<base::Error>> run(relay::Reader& reader, const model::Position& durable,
                                         const std::stop_token& stop) {
    GroupBuilder builder(limits_);
    for (bool more = true; more;) {
      if (!builder.full()) {
        std::optional<ChangeBatch> batch = TRY(reader.next(stop, base::Nanos{0}));
        more = batch && !cut_after(*batch, durable);
        if (batch) builder.add(std::move(*batch));
        if (more && !builder.full()) continue;
      }
      ChangeBatch group = builder.take();
      while (!group.changes.empty()) {
        std::vector<std::pair<model::TableName, base::Error>> unreadable;
        ChangeBatch rest;
        if (target_.needs_whole_rows()) rest = TRY(lookup_.fill(group, limits_.bytes_max, unreadable, stop));
        if (!unreadable.empty()) return std::optional(unreadable.front().second);
        std::optional<base::Error> refused = TRY(apply(std::move(group), stop));
        if (refused) return refused;
        group = std::move(rest);
      }
    }
    return std::optional<base::Error>();
  }

 private:
  Result<std::optional<base::Error>> apply(ChangeBatch group, const std::stop_token& stop) {
    std::vector<std::pair<model::TableName, base::Error>> unroutable;
    TRY(router_.route(group, unroutable, nullptr));
    if (!unroutable.empty()) return std::optional(unroutable.front().second);
    const connect::ApplyReport report = TRY(target_.replay(group, name_, stop));
    if (!report.suspended.empty()) return std::optional(report.suspended.front().second);
    for (const auto& [table, counts] : report.tables) {
      statistics_.table(table, [&, &counts = counts](TableStatus& status) {
        status.applied_inserts += counts.inserts;
        status.applied_updates += counts.updates;
        status.applied_deletes += counts.deletes;
        status.applied_ddls += counts.ddls;
        status.put_aside += counts.put_aside;
      });
    }
    return std::optional<base::Error>();
  }

  Statistics uncounted_;  // what was captured was counted when it was kept
  Statistics& statistics_;
  connect::Target& target_;
  const model::TableName name_;
  const GroupLimits limits_;
  Lookup lookup_;
  Router router_;
};

}  // namespace

Result<bool> replay_kept(const TaskDefinition& definition, const Environment& environment, Statistics& statistics,
                         Ledger& ledger, connect::Source& source, connect::Target& target,
                         const model::TableName& source_name, const model::Position& durable, std::stop_token stop) {
  const KeptTable kept = ledger.kept().at(source_name);
  environment.log->info("task", "table {}: its kept changes are replayed", source_name.text());
  auto relay = TRY(open_kept(environment, source_name, kept));
  auto reader = TRY(relay->read_after(kept.since));
  Replay replay(definition, environment, statistics, source, target, source_name);
  const std::optional<base::Error> refused = TRY(replay.run(*reader, durable, stop));
  if (refused) {
    const std::string reason = refused->text() + std::string(kept_advice);
    environment.log->error("task", "table {} stays suspended: {}", source_name.text(), reason);
    statistics.table(source_name, [&](TableStatus& status) { status.reason = reason; });
    TRY(ledger.update_table(source_name, [&](TableRecord& record) { record.suspended_reason = reason; }));
    return false;
  }
  TRY(target.flush());
  TRY(ledger.update_table(source_name, [](TableRecord& record) {
    record.state = table_state::completed;
    record.suspended_reason.clear();
  }));
  statistics.table(source_name, [](TableStatus& status) {
    status.state = table_state::completed;
    status.reason.clear();
  });
  environment.log->info("task", "table {} is not suspended any more", source_name.text());
  return true;
}

}  // namespace engine
