// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/place.h"

#include "connectors/files/errors.h"
#include "wire/local_store.h"
#include "wire/s3_store.h"

namespace connectors::files {
namespace {

constexpr std::string_view file_scheme = "file://";

// The store with its client, in the order of construction.
class Bucket final : public wire::ObjectStore {
 public:
  Bucket(wire::S3Settings settings, wire::HttpSettings http, std::string credentials, const connect::Context& context)
      : http_(std::move(http)),
        credentials_(std::move(credentials), settings.region, wire::process_environment, http_, *context.clock),
        client_(std::move(settings), credentials_, http_, *context.clock, *context.random),
        store_(client_) {}

  base::Result<void> probe(const std::stop_token& stop) override { return store_.probe(stop); }
  base::Result<void> put(const std::string& key, std::string_view bytes, const wire::ObjectFacts& facts,
                         const std::stop_token& stop) override {
    return store_.put(key, bytes, facts, stop);
  }
  base::Result<std::unique_ptr<wire::Upload>> upload(const std::string& key, const wire::ObjectFacts& facts,
                                                     const std::stop_token& stop) override {
    return store_.upload(key, facts, stop);
  }
  base::Result<std::string> get(const std::string& key, std::optional<wire::ByteRange> range,
                                const std::stop_token& stop) override {
    return store_.get(key, range, stop);
  }
  base::Result<std::optional<wire::ObjectHead>> head(const std::string& key, const std::stop_token& stop) override {
    return store_.head(key, stop);
  }
  base::Result<std::vector<wire::ObjectEntry>> list(const std::string& prefix, const std::stop_token& stop) override {
    return store_.list(prefix, stop);
  }
  base::Result<void> remove(const std::vector<std::string>& keys, const std::stop_token& stop) override {
    return store_.remove(keys, stop);
  }
  base::Result<std::size_t> abort_stale(const std::string& prefix,
                                        const std::function<bool(const wire::UnfinishedUpload&)>& ours,
                                        const std::stop_token& stop) override {
    return store_.abort_stale(prefix, ours, stop);
  }
  std::string place() const override { return store_.place(); }

 private:
  wire::HttpClient http_;
  wire::CredentialChain credentials_;
  wire::S3Client client_;
  wire::S3Store store_;
};

base::Result<std::unique_ptr<wire::ObjectStore>> open_folder(const std::string& url, const connect::Context& context) {
  std::string folder = url.substr(file_scheme.size());
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (!folder.starts_with('/')) {
    return base::failed(connect::errors::bad_option, "MillraceUrl: {} is not file:///absolute/folder", url);
  }
  std::unique_ptr<wire::ObjectStore> store = std::make_unique<wire::LocalStore>(*context.disk, folder);
  return store;
}

std::string region_of(const connect::Options& options) {
  if (options.is_set("MillraceRegion")) return options.text("MillraceRegion");
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (const std::string value = wire::process_environment(name); !value.empty()) return value;
  }
  return "us-east-1";
}

}  // namespace

base::Result<std::unique_ptr<wire::ObjectStore>> open_store(const connect::Options& options,
                                                            const connect::Context& context) {
  const std::string& url = options.text("MillraceUrl");
  const std::string& bucket = options.text("S3Settings.BucketName");
  if (url.empty() == bucket.empty()) {
    return base::failed(errors::bad_settings, "{}",
                        url.empty() ? "MillraceUrl or S3Settings.BucketName is needed"
                                    : "MillraceUrl and S3Settings.BucketName exclude each "
                                      "other");
  }
  if (url.starts_with(file_scheme)) return open_folder(url, context);
  wire::S3Settings settings;
  settings.bucket = bucket;
  if (!url.empty()) {
    const wire::S3Address address = TRY(wire::parse_s3_url(url));
    settings.endpoint = address.endpoint;
    settings.bucket = address.bucket;
  }
  settings.region = region_of(options);
  if (options.is_set("MillracePathStyle")) settings.path_style = options.boolean("MillracePathStyle");
  if (const std::string& acl = options.text("S3Settings.CannedAclForObjects"); acl != "none") settings.canned_acl = acl;
  const std::string& encryption = options.text("S3Settings.EncryptionMode");
  // SSE_S3 is the default of DMS; other servers may not know the header, so it is sent to them only when asked for.
  if (encryption == "sse-kms") {
    settings.encryption = wire::S3Encryption::sse_kms;
  } else if (encryption == "sse-s3" || url.empty()) {
    settings.encryption = wire::S3Encryption::sse_s3;
  }
  settings.kms_key_id = options.text("S3Settings.ServerSideEncryptionKmsKeyId");
  settings.expected_owner = options.text("S3Settings.ExpectedBucketOwner");
  wire::HttpSettings http;
  http.ca_file = options.text("MillraceCaFile");
  std::unique_ptr<wire::ObjectStore> store =
      std::make_unique<Bucket>(std::move(settings), std::move(http), options.text("MillraceCredentials"), context);
  return store;
}

}  // namespace connectors::files
