// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/reader.h"

#include <algorithm>
#include <unordered_map>

#include "connectors/files/change_file.h"
#include "connectors/files/names.h"

namespace connectors::files {
namespace {

using Cells = std::vector<std::optional<std::string>>;

// The chosen cells in one string, told apart.
std::string packed(const Cells& cells, const std::vector<std::size_t>& which) {
  std::string out;
  for (const std::size_t i : which) {
    const std::uint64_t size = cells[i] ? cells[i]->size() + 1 : 0;
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    if (cells[i]) out += *cells[i];
  }
  return out;
}

void unpack_cells(const std::string& bytes, Cells& cells) {
  std::size_t at = 0;
  for (std::optional<std::string>& cell : cells) {
    std::uint64_t size = 0;
    std::copy_n(bytes.data() + at, sizeof size, reinterpret_cast<char*>(&size));
    at += sizeof size;
    if (size == 0) {
      cell.reset();
      continue;
    }
    cell = bytes.substr(at, size - 1);
    at += size - 1;
  }
}

class RebuiltTable final : public connect::OrderedReader {
 public:
  RebuiltTable(const Settings& settings, wire::ObjectStore& store, const model::TableSchema& table,
               const std::vector<std::uint32_t>& columns)
      : settings_(settings), store_(store), table_(table), stored_(model::stored_columns(table_)) {
    for (std::size_t i = 0; i < stored_.size(); ++i) all_.push_back(i);
    for (const std::uint32_t column : key_columns(table_)) key_.push_back(cell_of(column));
    for (const std::uint32_t column : columns) wanted_.push_back(cell_of(column));
  }

  base::Result<void> open() {
    const std::string folder = table_folder(settings_.folder, table_.name);
    std::vector<wire::ObjectEntry> loads, changes;
    for (wire::ObjectEntry& entry : TRY(store_.list(folder, {}))) {
      const std::string_view file = file_of_key(entry.key);
      if (parse_load_name(file)) {
        loads.push_back(std::move(entry));
      } else if (parse_cdc_name(file)) {
        changes.push_back(std::move(entry));
      }
    }
    const bool transactions = settings_.preserve_transactions;
    if (transactions) {
      changes.clear();
      for (wire::ObjectEntry& entry : TRY(store_.list(settings_.folder + settings_.cdc_path, {}))) {
        if (parse_transaction_name(file_of_key(entry.key))) changes.push_back(std::move(entry));
      }
    }
    // Date folders do not sort by time in every sequence, names do.
    std::sort(changes.begin(), changes.end(), [](const wire::ObjectEntry& a, const wire::ObjectEntry& b) {
      return file_of_key(a.key) < file_of_key(b.key);
    });
    TableFiles files(settings_, store_, table_, std::move(changes), transactions || settings_.cdc_has_op(),
                     transactions);
    FileRow row;
    while (TRY(files.next(row, {}))) key_.empty() ? count(row) : remember(row);
    loads_ = std::make_unique<TableFiles>(settings_, store_, table_, std::move(loads), settings_.op_in_load, false);
    return {};
  }

  base::Result<bool> next(Cells& cells, std::stop_token stop) override {
    while (loads_) {
      if (!TRY(loads_->next(row_, stop))) {
        loads_.reset();
        newest_at_ = newest_.begin();
        counts_at_ = counts_.begin();
        break;
      }
      if (!is_hidden(row_.cells)) {
        give(row_.cells, cells);
        return true;
      }
    }
    return key_.empty() ? next_counted(cells) : next_changed(cells);
  }

 private:
  std::size_t cell_of(std::uint32_t column) const {
    return static_cast<std::size_t>(std::find(stored_.begin(), stored_.end(), column) - stored_.begin());
  }
  void remember(const FileRow& row) {
    std::optional<std::string>& newest = newest_[packed(row.cells, key_)];
    if (row.op == 'D') {
      newest.reset();
    } else {
      newest = packed(row.cells, all_);
    }
  }
  void count(const FileRow& row) { counts_[packed(row.cells, all_)] += row.op == 'D' ? -1 : 1; }

  // A loaded row that a change replaced or removed.
  bool is_hidden(const Cells& cells) {
    if (!key_.empty()) return !newest_.empty() && newest_.contains(packed(cells, key_));
    if (counts_.empty()) return false;
    const auto found = counts_.find(packed(cells, all_));
    if (found == counts_.end() || found->second >= 0) return false;
    ++found->second;
    return true;
  }
  bool next_changed(Cells& cells) {
    while (newest_at_ != newest_.end() && !newest_at_->second) ++newest_at_;
    if (newest_at_ == newest_.end()) return false;
    row_.cells.resize(stored_.size());
    unpack_cells(*newest_at_->second, row_.cells);
    ++newest_at_;
    give(row_.cells, cells);
    return true;
  }
  bool next_counted(Cells& cells) {
    while (counts_at_ != counts_.end() && counts_at_->second <= 0) ++counts_at_;
    if (counts_at_ == counts_.end()) return false;
    --counts_at_->second;
    row_.cells.resize(stored_.size());
    unpack_cells(counts_at_->first, row_.cells);
    give(row_.cells, cells);
    return true;
  }
  void give(const Cells& from, Cells& to) const {
    to.resize(wanted_.size());
    for (std::size_t i = 0; i < wanted_.size(); ++i) to[i] = from[wanted_[i]];
  }

  const Settings& settings_;
  wire::ObjectStore& store_;
  const model::TableSchema table_;
  const std::vector<std::uint32_t> stored_;
  std::vector<std::size_t> all_, key_, wanted_;
  std::unordered_map<std::string, std::optional<std::string>> newest_;  // by key; nullopt: deleted
  std::unordered_map<std::string, std::int64_t> counts_;                // by row, for tables without a key
  std::unordered_map<std::string, std::optional<std::string>>::iterator newest_at_;
  std::unordered_map<std::string, std::int64_t>::iterator counts_at_;
  std::unique_ptr<TableFiles> loads_;
  FileRow row_;
};

}  // namespace

base::Result<std::unique_ptr<connect::OrderedReader>> FileComparable::read_ordered(
    const model::TableSchema& table, const std::vector<std::uint32_t>& columns, const std::vector<std::uint32_t>& order,
    const std::string& filter, const Expressions& expressions) {
  if (!order.empty() || !filter.empty() || !expressions.empty()) {
    return base::failed(connect::errors::not_supported, "table {}: files give rows in no order and know no SQL",
                        table.name.text());
  }
  auto rebuilt = std::make_unique<RebuiltTable>(settings_, store_, table, columns);
  TRY(rebuilt->open());
  std::unique_ptr<connect::OrderedReader> reader = std::move(rebuilt);
  return reader;
}

}  // namespace connectors::files
