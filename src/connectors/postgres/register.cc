// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/register.h"

#include "connectors/postgres/capture_errors.h"
#include "connectors/postgres/options.h"
#include "connectors/postgres/source.h"
#include "connectors/postgres/target.h"

namespace postgres {
namespace {

using base::failed;
using base::Result;

Result<std::unique_ptr<connect::Source>> open_source(const connect::Options& options, const connect::Context& context) {
  TRY(check_options(options));
  const ConnectionSettings settings = connection_settings(options, "millrace " + context.task);
  Connection connection = TRY(Connection::open(settings));
  const int version = connection.server_version();
  if (!is_supported(version)) {
    return failed(capture_errors::release_not_supported, "{}: its release is {}.{}", connection.name(), version / 10000,
                  version % 10000);
  }
  const DatabaseText text = TRY(read_database_text(connection));
  return std::unique_ptr<connect::Source>(std::make_unique<Source>(settings, options, context, text));
}

}  // namespace

const connect::Connector& connector() {
  static const connect::Connector one{.engine_names = {"postgres", "aurora-postgresql"},
                                      .source_options = source_options(),
                                      .target_options = target_options(),
                                      .open_source = &open_source,
                                      .open_target = &open_target};
  return one;
}

}  // namespace postgres
