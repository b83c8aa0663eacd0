// SPDX-License-Identifier: Apache-2.0
//
// An S3Store with everything it stands on: HTTP client, credential chain and request client, owned together.
#pragma once

#include "wire/object_store.h"
#include "wire/s3_client.h"

namespace wire {

struct S3Access {
  std::string credentials;  // MillraceCredentials, or empty: the standard chain
  std::string ca_file;      // PEM, or empty: the system's
};

// Connects to nothing yet; probe() does. Clock and chance outlive the store.
std::unique_ptr<ObjectStore> open_s3(S3Settings settings, const S3Access& access, base::Clock& clock,
                                     base::Random& random);

}  // namespace wire
