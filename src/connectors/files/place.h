// SPDX-License-Identifier: Apache-2.0
//
// The object store that an endpoint names: a local folder (MillraceUrl file:///folder), a bucket of AWS (BucketName),
// or of another S3 server (MillraceUrl https://host:port/bucket), with everything it stands on. Opening connects to
// nothing; probe() of the store does. Fails with `input` for members that exclude each other or are malformed.
#pragma once

#include <memory>

#include "connect/source.h"
#include "wire/object_store.h"
#include "wire/s3_client.h"

namespace connectors::files {

base::Result<std::unique_ptr<wire::ObjectStore>> open_store(const connect::Options& options,
                                                            const connect::Context& context);
// The S3 half of it. `region` is what the environment says, or empty.
base::Result<wire::S3Settings> read_s3_settings(const connect::Options& options, const std::string& region);

}  // namespace connectors::files
