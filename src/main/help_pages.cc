// SPDX-License-Identifier: Apache-2.0
#include "main/help_pages.h"

#include <algorithm>
#include <vector>

#include "main/connectors.h"
#include "main/endpoint.h"
#include "main/settings_pages.h"

namespace main_program {
namespace {

std::string_view kind_meaning(base::Kind kind) {
  switch (kind) {
    case base::Kind::transient: return "retried by itself from the last checkpoint";
    case base::Kind::table: return "the table is suspended, the others go on";
    case base::Kind::task: return "the task stops (exit code 1)";
    case base::Kind::input: return "refused before anything was touched (exit code 2)";
    case base::Kind::canceled: return "stopped on request (exit code 130)";
    case base::Kind::bug: return "a defect (exit code 1)";
  }
  return "";
}

std::string code_text(const base::Code& code) {
  return fmt::format("## {}\n\n{}: {}.\n\n{}\n", code.name, base::kind_name(code.kind), kind_meaning(code.kind),
                     code.advice);
}

std::string errors_page() {
  std::string out =
      "# Error codes\n\nEvery error begins with one of these codes. They are stable: search for them, script on them.\n"
      "docs/errors.md says the same, by room.\n";
  for (const base::Code* code : all_codes()) out += "\n" + code_text(*code);
  return out;
}

void add_members(std::string& out, std::span<const connect::OptionSpec> specs) {
  for (const connect::OptionSpec& spec : specs) {
    out += fmt::format("- `{}`", spec.path);
    if (!spec.choices.empty()) out += fmt::format(" ({})", spec.choices);
    if (!spec.default_value.empty()) out += fmt::format(", default {}", spec.default_value);
    out += !spec.refused.empty() ? fmt::format(": refused, {}\n", spec.refused) : fmt::format(": {}\n", spec.help);
  }
}

std::string endpoint_page() {
  std::string out =
      "# Endpoint members\n\nsource and target are written as the API's CreateEndpoint. Members inside an engine's "
      "settings\n"
      "are shown with their path; in ExtraConnectionAttributes they go by their last name, in any case.\n"
      "MillracePasswordEnv names an environment variable that holds the Password.\n";
  for (const connect::Connector* connector : all_connectors()) {
    std::string names;
    for (const std::string_view name : connector->engine_names)
      names += (names.empty() ? "" : ", ") + std::string(name);
    if (connector->open_source != nullptr) {
      out += fmt::format("\n## EngineName {}, as source\n\n", names);
      add_members(out, endpoint_options(*connector, Side::source));
    }
    if (connector->open_target != nullptr) {
      out += fmt::format("\n## EngineName {}, as target\n\n", names);
      add_members(out, endpoint_options(*connector, Side::target));
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> help_page(std::string_view topic) {
  if (topic == "errors") return errors_page();
  if (topic == "endpoint") return endpoint_page();
  if (topic == "settings") return settings_page();
  for (const base::Code* code : all_codes()) {
    if (code->name == topic) return code_text(*code);
  }
  return std::nullopt;
}

}  // namespace main_program
