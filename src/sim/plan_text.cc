// SPDX-License-Identifier: Apache-2.0
#include "sim/plan_text.h"

#include <array>
#include <concepts>

#include "base/json.h"

namespace sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array table_kinds = {"keyed", "two keys", "whole image", "no key", "unique", "bank"};
constexpr std::array target_kinds = {"database", "files", "transactions"};
constexpr std::array life_ends = {"crash", "killed", "stopped"};

// Members are named once, in members(); a Writer puts those into a document that are not as by default, a
// DocumentReader takes them from one.
class Writer {
 public:
  template <typename T>
  void operator()(const char* name, const T& value, const T& by_default) {
    if constexpr (std::is_same_v<T, base::Nanos>) {
      if (value != by_default) json[name] = value.count();
    } else {
      if (value != by_default) json[name] = value;
    }
  }
  template <typename T, std::size_t count>
  void word(const char* name, const T& value, const T& by_default, const std::array<const char*, count>& words) {
    if (value != by_default) json[name] = words[std::size_t(value)];
  }
  template <typename T>
  void part(const char* name, T& value) {
    Writer inner;
    members(inner, value);
    if (!inner.json.empty()) json[name] = inner.json;
  }
  template <typename T>
  void list(const char* name, std::vector<T>& values) {
    for (T& value : values) {
      Writer inner;
      members(inner, value);
      json[name].push_back(inner.json.is_null() ? Json::object() : inner.json);
    }
  }
  Json json;
};

class DocumentReader {
 public:
  explicit DocumentReader(const nlohmann::json& document) : json(document) {}
  template <typename T>
  void operator()(const char* name, T& value, const T&) {
    const nlohmann::json* member = find(name);
    if (member == nullptr) return;
    if constexpr (std::is_same_v<T, base::Nanos>) {
      if (check(member->is_number_integer(), name)) value = base::Nanos(member->get<std::int64_t>());
    } else if constexpr (std::is_same_v<T, bool>) {
      if (check(member->is_boolean(), name)) value = member->get<bool>();
    } else if constexpr (std::integral<T>) {
      if (check(member->is_number_integer(), name)) value = member->get<T>();
    } else {
      if (check(member->is_string(), name)) value = member->get<std::string>();
    }
  }
  template <typename T, std::size_t count>
  void word(const char* name, T& value, const T&, const std::array<const char*, count>& words) {
    const nlohmann::json* member = find(name);
    if (member == nullptr) return;
    for (std::size_t i = 0; i < count; ++i) {
      if (*member != words[i]) continue;
      value = T(i);
      return;
    }
    check(false, name);
  }
  template <typename T>
  void part(const char* name, T& value) {
    const nlohmann::json* member = find(name);
    if (member == nullptr) return;
    DocumentReader inner(*member);
    if (!check(member->is_object(), name)) return;
    members(inner, value);
    check(inner.fault().empty(), name + ("." + inner.fault()));
  }
  template <typename T>
  void list(const char* name, std::vector<T>& values) {
    const nlohmann::json* member = find(name);
    if (member == nullptr || !check(member->is_array(), name)) return;
    for (const nlohmann::json& element : *member) {
      DocumentReader inner(element);
      values.emplace_back();
      if (!check(element.is_object(), name)) return;
      members(inner, values.back());
      check(inner.fault().empty(), name + ("." + inner.fault()));
    }
  }
  // The member that cannot be read, or that stands in the document and is none.
  std::string fault() const {
    if (!problem.empty()) return problem;
    for (const auto& [name, value] : json.items()) {
      if (!known.contains(name)) return name;
    }
    return "";
  }
  const nlohmann::json& json;
  std::set<std::string> known;
  std::string problem;

 private:
  const nlohmann::json* find(const char* name) {
    known.insert(name);
    const auto found = json.find(name);
    return found == json.end() ? nullptr : &*found;
  }
  bool check(bool is_good, const std::string& name) {
    if (!is_good && problem.empty()) problem = name;
    return is_good;
  }
};

#define MEMBER(name) archive(#name, it.name, by_default.name)

template <typename Archive>
void members(Archive& archive, SchedulerStyle& it) {
  const SchedulerStyle by_default;
  MEMBER(switch_share);
  MEMBER(by_rank);
  MEMBER(spurious_share);
}

template <typename Archive>
void members(Archive& archive, TablePlan& it) {
  const TablePlan by_default;
  archive.word("kind", it.kind, by_default.kind, table_kinds);
  MEMBER(rows);
  MEMBER(is_filtered);
  MEMBER(parent);
  MEMBER(is_bound);
}

template <typename Archive>
void members(Archive& archive, LifePlan& it) {
  const LifePlan by_default;
  archive.word("end", it.end, by_default.end, life_ends);
  MEMBER(step);
  MEMBER(point);
  MEMBER(after);
  MEMBER(length);
  MEMBER(power_cut);
  MEMBER(is_paused);
  MEMBER(wakes);
  MEMBER(clock_jump);
  MEMBER(reload);
  MEMBER(is_mended);
  MEMBER(left_out);
}

template <typename Archive>
void members(Archive& archive, OutagePlan& it) {
  const OutagePlan by_default;
  MEMBER(of_source);
  MEMBER(before);
  MEMBER(length);
  MEMBER(fails_over);
}

template <typename Archive>
void members(Archive& archive, DiskWeather& it) {
  const DiskWeather by_default;
  MEMBER(full_share);
  MEMBER(sync_fails_share);
  MEMBER(slow_share);
  MEMBER(slow_max);
}

template <typename Archive>
void members(Archive& archive, StoreWeather& it) {
  const StoreWeather by_default;
  MEMBER(fails_share);
}

template <typename Archive>
void members(Archive& archive, SourceWeather& it) {
  const SourceWeather by_default;
  MEMBER(cut_share);
  MEMBER(half_open_share);
  MEMBER(slow_share);
  MEMBER(yield_share);
  MEMBER(slow_max);
  MEMBER(batch_changes_max);
}

template <typename Archive>
void members(Archive& archive, TargetWeather& it) {
  const TargetWeather by_default;
  MEMBER(cut_share);
  MEMBER(lost_answer_share);
  MEMBER(lost_answer_wait);
  MEMBER(slow_share);
  MEMBER(slow_max);
}

template <typename Archive>
void members(Archive& archive, Weather& it) {
  archive.part("disk", it.disk);
  archive.part("store", it.store);
  archive.part("source", it.source);
  archive.part("target", it.target);
}

template <typename Archive>
void members(Archive& archive, WorkloadPlan& it) {
  const WorkloadPlan by_default;
  MEMBER(sessions);
  MEMBER(transactions);
  MEMBER(changes_max);
  MEMBER(giant_changes);
  MEMBER(giant_share);
  MEMBER(streamed_share);
  MEMBER(savepoint_share);
  MEMBER(rollback_share);
  MEMBER(prepared_share);
  MEMBER(truncate_share);
  MEMBER(alter_share);
  MEMBER(last_column_share);
  MEMBER(passing_column_share);
  MEMBER(drop_share);
  MEMBER(waits);
  MEMBER(crowd);
  MEMBER(late_tables);
  MEMBER(text_bytes);
  MEMBER(large_bytes);
  MEMBER(standby_max);
  MEMBER(pause_max);
}

template <typename Archive>
void members(Archive& archive, FilesPlan& it) {
  const FilesPlan by_default;
  MEMBER(is_bucket);
  MEMBER(op_in_load);
  MEMBER(partitions);
  MEMBER(seconds_max);
  MEMBER(load_kb);
  MEMBER(change_kb);
  MEMBER(memory_budget);
}

template <typename Archive>
void members(Archive& archive, RunPlan& it) {
  const RunPlan by_default;
  MEMBER(seed);
  MEMBER(family);
  archive.list("tables", it.tables);
  archive.word("target", it.target, by_default.target, target_kinds);
  archive.part("files", it.files);
  MEMBER(clock_start);
  MEMBER(compacts);
  MEMBER(tells_ddl);
  MEMBER(drops_tables);
  MEMBER(refused_every);
  MEMBER(refuses_ddl);
  MEMBER(settings);
  archive.list("lives", it.lives);
  archive.list("outages", it.outages);
  archive.part("weather", it.weather);
  archive.part("workload", it.workload);
  archive.part("scheduler", it.scheduler);
  MEMBER(chunk_bytes);
  MEMBER(source_log_cap);
  MEMBER(relay_cap);
  MEMBER(queue_bytes);
  MEMBER(group_bytes);
  MEMBER(group_changes);
  MEMBER(spool_bytes);
}

#undef MEMBER

}  // namespace

std::string print_plan(const RunPlan& plan) {
  RunPlan copy = plan;
  Writer writer;
  members(writer, copy);
  return writer.json.dump(1) + "\n";
}

base::Result<RunPlan> parse_plan(std::string_view text, std::string_view what) {
  const nlohmann::json document = TRY(base::parse_json(text, what));
  if (!document.is_object()) return base::failed(errors::bad_plan, "{}: it is no object", what);
  RunPlan plan;
  DocumentReader reader(document);
  members(reader, plan);
  if (!reader.fault().empty()) return base::failed(errors::bad_plan, "{}: member {}", what, reader.fault());
  name_tables(plan);
  return plan;
}

}  // namespace sim
