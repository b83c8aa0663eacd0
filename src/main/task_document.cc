// SPDX-License-Identifier: Apache-2.0
#include "main/task_document.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "engine/value_edits.h"
#include "main/errors.h"
#include "main/time_text.h"

namespace main_program {
namespace {

using base::printable;
using nlohmann::json;

constexpr std::array<std::string_view, 13> task_members{"ReplicationTaskIdentifier",
                                                        "MigrationType",
                                                        "TableMappings",
                                                        "ReplicationTaskSettings",
                                                        "CdcStartTime",
                                                        "CdcStartPosition",
                                                        "CdcStopPosition",
                                                        "SourceEndpointArn",
                                                        "TargetEndpointArn",
                                                        "ReplicationInstanceArn",
                                                        "Tags",
                                                        "TaskData",
                                                        "ResourceIdentifier"};

template <typename... Args>
base::Error bad(fmt::format_string<Args...> format, Args&&... args) {
  return base::failed(errors::bad_task_file, "{}", fmt::format(format, std::forward<Args>(args)...));
}

base::Result<std::string> text_of(const json& task, const char* member, bool required) {
  const auto found = task.find(member);
  if (found == task.end() || found->is_null()) {
    if (required) return bad("task.{}: is missing", member);
    return std::string();
  }
  if (found->is_number_integer()) return found->dump();
  if (!found->is_string()) return bad("task.{}: must be a string, not {}", member, base::json_kind(*found));
  return found->get<std::string>();
}

// A document inside the document: an object, or its text.
base::Result<std::string> inner_document(const json& task, const char* member) {
  const auto found = task.find(member);
  if (found == task.end() || found->is_null()) return std::string();
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_object())
    return bad("task.{}: must be an object or a string, not {}", member, base::json_kind(*found));
  return found->dump();
}

base::Result<std::string> identifier_of(const json& task) {
  const std::string name = TRY(text_of(task, "ReplicationTaskIdentifier", true));
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_allowed = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  const bool well_formed = !name.empty() && name.size() <= 255 && is_letter(name.front()) && name.back() != '-' &&
                           name.find("--") == std::string::npos && std::all_of(name.begin(), name.end(), is_allowed);
  if (!well_formed) {
    return bad(
        "task.ReplicationTaskIdentifier: \"{}\" must be 1 to 255 letters, digits and single hyphens, begin with a "
        "letter and not end with a hyphen",
        printable(name));
  }
  return name;
}

base::Result<engine::MigrationType> migration_type_of(const json& task) {
  const std::string word = TRY(text_of(task, "MigrationType", true));
  if (word == "full-load") return engine::MigrationType::full_load;
  if (word == "cdc") return engine::MigrationType::cdc;
  if (word == "full-load-and-cdc") return engine::MigrationType::full_load_and_cdc;
  return bad("task.MigrationType: \"{}\" is not one of full-load, cdc, full-load-and-cdc", printable(word));
}

// "checkpoint:V1#1#000004AF/B00000D0#0#0#*#0#0" -> "000004AF/B00000D0"
base::Result<std::string> checkpoint_position(std::string_view text) {
  std::string_view rest = text;
  for (int field = 0; field < 2; ++field) {
    const std::size_t mark = rest.find('#');
    if (mark == std::string_view::npos) return bad("task.CdcStartPosition: this is not a checkpoint:V1#...");
    rest.remove_prefix(mark + 1);
  }
  if (!text.starts_with("checkpoint:V1#")) return bad("task.CdcStartPosition: only checkpoint:V1 is known");
  return std::string(rest.substr(0, rest.find('#')));
}

base::Result<void> parse_start(const json& task, engine::TaskDefinition& out) {
  const std::string time = TRY(text_of(task, "CdcStartTime", false));
  const std::string position = TRY(text_of(task, "CdcStartPosition", false));
  if (time.empty() && position.empty()) return {};
  if (!time.empty() && !position.empty()) return bad("task.CdcStartTime: does not go with CdcStartPosition");
  if (out.migration_type != engine::MigrationType::cdc) {
    return bad("task.{}: goes with MigrationType cdc only", time.empty() ? "CdcStartPosition" : "CdcStartTime");
  }
  if (!time.empty()) {
    out.start_time = parse_time(time);
    if (!out.start_time) return bad("task.CdcStartTime: \"{}\" is not like 2026-11-21T05:38:16", printable(time));
    return {};
  }
  if (position.starts_with("checkpoint:")) {
    out.start_position = TRY(checkpoint_position(position));
  } else if (position.find('-') != std::string::npos && parse_time(position)) {
    out.start_time = parse_time(position);
  } else {
    out.start_position = position;
  }
  return {};
}

base::Result<void> parse_stop(const json& task, engine::TaskDefinition& out) {
  const std::string text = TRY(text_of(task, "CdcStopPosition", false));
  if (text.empty()) return {};
  if (out.migration_type == engine::MigrationType::full_load) {
    return bad("task.CdcStopPosition: does not go with MigrationType full-load");
  }
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const auto time = colon == std::string::npos ? std::nullopt : parse_time(text.substr(colon + 1));
  if (!time || (kind != "server_time" && kind != "commit_time")) {
    return bad("task.CdcStopPosition: \"{}\" is not like server_time:2026-11-21T05:38:16 or commit_time:...",
               printable(text));
  }
  (kind == "server_time" ? out.stop_server_time : out.stop_commit_time) = time;
  return {};
}

base::Result<engine::TaskDefinition> parse_task(const json& task) {
  if (!task.is_object()) return bad("task: must be an object, not {}", base::json_kind(task));
  for (const auto& [name, value] : task.items()) {
    if (std::find(task_members.begin(), task_members.end(), name) == task_members.end()) {
      return bad("task.{}: unknown member", printable(name));
    }
  }
  engine::TaskDefinition out;
  out.identifier = TRY(identifier_of(task));
  out.migration_type = TRY(migration_type_of(task));
  const std::string settings = TRY(inner_document(task, "ReplicationTaskSettings"));
  out.settings = TRY(engine::Settings::parse(settings));
  const std::string mappings = TRY(inner_document(task, "TableMappings"));
  if (mappings.empty()) return bad("task.TableMappings: is missing");
  out.mapping = TRY(mapping::Mapping::parse(mappings, out.settings.text("TargetMetadata.TargetSchema"),
                                            out.settings.boolean("TargetMetadata.SupportLobs")));
  out.edits = TRY(engine::ValueEdits::of(out.settings, out.mapping));
  TRY(parse_start(task, out));
  TRY(parse_stop(task, out));
  return out;
}

std::uint64_t fnv(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

base::Result<TaskDocument> parse_task_document(std::string_view text, std::string_view file_name,
                                               std::span<const connect::Connector* const> connectors,
                                               const Environ& environ_of, const SecretReader& secret_of) {
  const json document = TRY(base::parse_json(text, file_name));
  if (!document.is_object()) return bad("{}: must be an object with members source, target and task", file_name);
  for (const char* member : {"source", "target", "task"}) {
    if (!document.contains(member)) return bad("{}: member {} is missing", file_name, member);
  }
  for (const auto& [name, value] : document.items()) {
    if (name != "source" && name != "target" && name != "task") return bad("{}: unknown member", printable(name));
  }
  TaskDocument out;
  out.source = TRY(parse_endpoint(document["source"], Side::source, connectors, environ_of, secret_of));
  out.target = TRY(parse_endpoint(document["target"], Side::target, connectors, environ_of, secret_of));
  if (!out.source.identifier.empty() && out.source.identifier == out.target.identifier) {
    return bad("target.EndpointIdentifier: source and target are both named {}", printable(out.source.identifier));
  }
  out.definition = TRY(parse_task(document["task"]));
  const auto megabytes = [&](std::string_view path) {
    return static_cast<std::uint64_t>(out.source.options.integer(path)) << 20;
  };
  out.definition.chunk_bytes = megabytes("MillraceChunkMB");
  out.definition.source_log_cap_bytes = megabytes("MillraceSourceLogCapMB");
  out.definition.relay_cap_bytes = megabytes("MillraceRelayCapMB");
  out.definition.insert_only_without_identity = out.source.options.boolean("MillraceInsertOnlyWithoutIdentity");
  out.definition.definition_hash =
      fmt::format("{:016x}", fnv(out.source.identity + "\n" + out.target.identity + "\n" + document["task"].dump()));
  out.remarks = out.definition.settings.remarks();
  return out;
}

std::string task_id_of(std::string_view identifier, std::string_view data_identity) {
  constexpr std::size_t name_bytes_max = 24;
  std::string id;
  for (const char c : identifier.substr(0, name_bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    id += std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '_';
  }
  return fmt::format("{}_{:08x}", id,
                     static_cast<std::uint32_t>(fnv(std::string(identifier) + "\n" + std::string(data_identity))));
}

}  // namespace main_program
