// SPDX-License-Identifier: Apache-2.0
#include "relational/load_notes.h"

namespace relational {

base::Result<void> LoadNotes::forget(const model::TableName& table) {
  {
    base::Lock lock(mutex_);
    loading_.erase(table);
  }
  return journal_.commit({{emptied_key(table), std::nullopt}, {loading_key(table), std::nullopt}});
}

base::Result<void> LoadNotes::note_emptied(const model::TableName& table) {
  return journal_.commit({{emptied_key(table), "1"}});
}

base::Result<void> LoadNotes::note_loading(const model::TableName& table) {
  {
    base::Lock lock(mutex_);
    if (!loading_.insert(table).second) return {};
  }
  return journal_.commit({{loading_key(table), "1"}});
}

base::Result<bool> LoadNotes::is_emptied(const model::TableName& table) {
  return TRY(journal_.get(emptied_key(table))).has_value();
}

base::Result<bool> LoadNotes::is_loading(const model::TableName& table) {
  return TRY(journal_.get(loading_key(table))).has_value();
}

base::Result<void> LoadNotes::drop() {
  std::vector<std::pair<std::string, std::optional<std::string>>> notes;
  for (const auto& [key, value] : TRY(journal_.scan(prefix_ + "."))) notes.emplace_back(key, std::nullopt);
  return journal_.commit(notes);
}

}  // namespace relational
