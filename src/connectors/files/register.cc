// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/register.h"

#include "connectors/files/options.h"
#include "connectors/files/place.h"
#include "connectors/files/target.h"

namespace connectors::files {
namespace {

const connect::Connector descriptor{
    .engine_names = {"s3"},
    .source_options = {},
    .target_options = target_options(),
    .open_source = nullptr,
    .open_target = open_target,
};

}  // namespace

const connect::Connector& connector() { return descriptor; }

base::Result<std::unique_ptr<connect::Target>> open_target(const connect::Options& options,
                                                           const connect::Context& context) {
  Settings settings = TRY(read_settings(options, context));
  TimeZone zone = TRY(TimeZone::load(settings.time_zone));
  std::unique_ptr<wire::ObjectStore> store = TRY(open_store(options, context));
  TRY(store->probe({}));
  std::unique_ptr<connect::Target> target =
      std::make_unique<FileTarget>(std::move(settings), context, std::move(store), std::move(zone));
  return target;
}

}  // namespace connectors::files
