// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/register.h"

#include "connectors/files/errors.h"
#include "connectors/files/options.h"
#include "connectors/files/target.h"
#include "wire/local_store.h"

namespace connectors::files {
namespace {

constexpr std::string_view file_scheme = "file://";

base::Result<std::unique_ptr<wire::ObjectStore>> open_store(const connect::Options& options,
                                                            const connect::Context& context) {
  const std::string& url = options.text("MillraceUrl");
  if (!url.starts_with(file_scheme)) {
    return base::failed(connect::errors::not_supported,
                        "MillraceUrl: only file:///absolute/folder is supported so far");
  }
  std::string folder = url.substr(file_scheme.size());
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (!folder.starts_with('/')) {
    return base::failed(connect::errors::bad_option, "MillraceUrl: {} is not file:///absolute/folder", url);
  }
  if (!options.text("S3Settings.BucketName").empty()) {
    return base::failed(errors::bad_settings, "MillraceUrl and S3Settings.BucketName exclude each other");
  }
  std::unique_ptr<wire::ObjectStore> store = std::make_unique<wire::LocalStore>(*context.disk, folder);
  return store;
}

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
