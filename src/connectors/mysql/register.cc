// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/register.h"

#include "connectors/mysql/options.h"
#include "connectors/mysql/source.h"
#include "connectors/mysql/target.h"

namespace mysql {
namespace {

using base::Result;

Result<std::unique_ptr<connect::Source>> open_source(const connect::Options& options, const connect::Context& context) {
  TRY(check_options(options));
  const ConnectionSettings settings = connection_settings(options);
  Connection connection = TRY(Connection::open(settings, context.stop));
  // A server without a log, or without the right to see it, can still be loaded; `check` says what is missing.
  const Result<LogStatus> status = read_log_status(connection);
  return std::unique_ptr<connect::Source>(
      std::make_unique<Source>(settings, options, context, status.ok() ? status->base : ""));
}

}  // namespace

const connect::Connector& connector() {
  static const connect::Connector one{.engine_names = {"mysql", "mariadb", "aurora"},
                                      .source_options = source_options(),
                                      .target_options = target_options(),
                                      .open_source = &open_source,
                                      .open_target = &open_target};
  return one;
}

}  // namespace mysql
