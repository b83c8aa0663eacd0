// SPDX-License-Identifier: Apache-2.0
//
// A task file from hostile bytes, which are its secrets, too, with a connector that has one member of each kind.
#include "main/task_document.h"

#include <cstdint>

namespace {

using connect::OptionKind;
using connect::OptionSpec;

constexpr OptionSpec specs[] = {
    {.path = "ServerName"},
    {.path = "Port", .kind = OptionKind::integer, .minimum = 1, .maximum = 65535},
    {.path = "Password", .kind = OptionKind::secret},
    {.path = "SslMode", .kind = OptionKind::choice, .default_value = "none", .choices = "none|require"},
    {.path = "PostgreSQLSettings.SlotName"},
    {.path = "PostgreSQLSettings.CaptureDdls", .kind = OptionKind::boolean},
    {.path = "PostgreSQLSettings.SecretsManagerSecretId"},
    {.path = "PostgreSQLSettings.BabelfishDatabaseName", .refused = "not here"},
};

base::Result<std::unique_ptr<connect::Source>> no_source(const connect::Options&, const connect::Context&) {
  return base::failed(base::errors::bug, "not opened here");
}
base::Result<std::unique_ptr<connect::Target>> no_target(const connect::Options&, const connect::Context&) {
  return base::failed(base::errors::bug, "not opened here");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const connect::Connector connector{.engine_names = {"postgres"},
                                     .source_options = specs,
                                     .target_options = specs,
                                     .open_source = no_source,
                                     .open_target = no_target};
  const connect::Connector* list[] = {&connector};
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto document = main_program::parse_task_document(
      input, "task.json", list, [](const std::string&) { return std::optional<std::string>("x"); },
      [&](const std::string&) -> base::Result<std::optional<std::string>> {
        return std::optional<std::string>(std::string(input));
      });
  if (!document.ok() && document.error().kind() != base::Kind::input) __builtin_trap();
  return 0;
}
