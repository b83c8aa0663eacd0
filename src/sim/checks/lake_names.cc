// SPDX-License-Identifier: Apache-2.0
//
// What readers of the files' folder see by looking at names alone: a file comes whole or not at all and never changes;
// what is written a second time is the same byte for byte, in another life of the process too; the names of a table's
// change files only grow.
#include "sim/checks/check.h"
#include "sim/checks/lake_check.h"

namespace sim {
namespace {

class LakeNames final : public Check, private LakeWatch {
 public:
  explicit LakeNames(const Servers& servers) : Check(servers) { servers_.lake->watch = this; }
  ~LakeNames() override { servers_.lake->watch = nullptr; }

  // The files of a load begin again at the first name.
  void prepared(const model::TableName& table) override {
    std::erase_if(loads_, [&](const auto& load) { return load.first.starts_with(lake_folder_of(table)); });
  }
  void power_came_back() override {
    for (const auto& [key, number] : servers_.lake->objects(false)) {
      const auto& known = is_load(key) ? loads_ : changes_;
      const auto found = known.find(key);
      if (found == known.end() && is_load(key)) continue;  // on its way out
      if (found != known.end() && found->second == hash_text(servers_.lake->bytes(key, false))) continue;
      find("half a file: {} holds other bytes after a power cut", key);
    }
  }

 private:
  void came(const std::string& key) override {
    const std::string bytes = servers_.lake->bytes(key, false);
    const LakeFile file = read_lake_file(bytes, lake_form(servers_.plan, key));
    if (!file.problem.empty()) find("half a file: {} can be seen, but {}", key, file.problem);
    if (file.rows.empty()) find("half a file: {} can be seen and holds no row", key);
    const std::uint64_t hash = hash_text(bytes);
    auto& known = is_load(key) ? loads_ : changes_;
    const auto [place, is_new] = known.try_emplace(key, hash);
    if (!is_new && place->second != hash) find("written twice: {} has other bytes than before", key);
    if (is_load(key)) return;
    const LakeFacts facts = servers_.lake->facts(key, false);
    const auto rows = facts.find("millrace-rows");
    if (rows == facts.end() || rows->second != std::to_string(file.rows.size())) {
      find("half a file: {} holds {} rows, its facts say {}", key, file.rows.size(),
           rows == facts.end() ? "nothing" : rows->second);
    }
    if (!is_new) return;
    std::string& last = last_names_[lake_top_folder(key)];
    if (file_of(key) <= last) find("names: {} came after {}", key, last);
    last = file_of(key);
  }
  void grew(const std::string& key) override { find("half a file: {} is changed while it can be seen", key); }

  std::map<std::string, std::uint64_t> loads_, changes_;  // hashes of their bytes
  std::map<std::string, std::string> last_names_;         // by table
};

}  // namespace

std::unique_ptr<Check> check_lake_names(const Servers& servers) { return std::make_unique<LakeNames>(servers); }

}  // namespace sim
