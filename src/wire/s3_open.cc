// SPDX-License-Identifier: Apache-2.0
#include "wire/s3_open.h"

#include "wire/s3_store.h"

namespace wire {
namespace {

// Declared in the order in which they stand on each other; S3Store, the base, only keeps a reference.
struct Footing {
  HttpClient http;
  CredentialChain credentials;
  S3Client client;

  Footing(S3Settings settings, const S3Access& access, base::Clock& clock, base::Random& random)
      : http(HttpSettings{.ca_file = access.ca_file}),
        credentials(access.credentials, settings.region, process_environment, http, clock),
        client(std::move(settings), credentials, http, clock, random) {}
};

class OwningS3Store final : private Footing, public S3Store {
 public:
  OwningS3Store(S3Settings settings, const S3Access& access, base::Clock& clock, base::Random& random)
      : Footing(std::move(settings), access, clock, random), S3Store(client) {}
};

}  // namespace

std::unique_ptr<ObjectStore> open_s3(S3Settings settings, const S3Access& access, base::Clock& clock,
                                     base::Random& random) {
  return std::make_unique<OwningS3Store>(std::move(settings), access, clock, random);
}

}  // namespace wire
