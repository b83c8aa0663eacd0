// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/place.h"

#include <algorithm>

#include "connectors/files/errors.h"
#include "wire/local_store.h"
#include "wire/s3_open.h"

namespace connectors::files {
namespace {

using base::failed;
using base::Result;

constexpr std::string_view file_scheme = "file://";
constexpr std::size_t account_digits = 12;

bool is_account(const std::string& text) {
  return text.size() == account_digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "BUCKET_OWNER_READ" and "bucket-owner-read" -> "bucket-owner-read"; NONE -> "".
std::string canned_acl(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  return text == "none" ? "" : text;
}

Result<std::string> local_folder(const std::string& url) {
  std::string folder = url.substr(file_scheme.size());
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (!folder.starts_with('/')) {
    return failed(connect::errors::bad_option, "MillraceUrl: {} is not file:///absolute/folder", url);
  }
  return folder;
}

}  // namespace

Result<wire::S3Settings> read_s3_settings(const connect::Options& options, const std::string& region) {
  wire::S3Settings s3;
  const std::string& url = options.text("MillraceUrl");
  if (url.empty()) {
    s3.bucket = options.text("S3Settings.BucketName");
    if (s3.bucket.empty() || s3.bucket.find_first_of("/?#%@ :") != std::string::npos) {
      return failed(connect::errors::bad_option, "S3Settings.BucketName: a bucket's name is needed, or MillraceUrl");
    }
  } else {
    const wire::S3Address address = TRY(wire::parse_s3_url(url));
    s3.endpoint = address.endpoint;
    s3.bucket = address.bucket;
  }
  if (!options.text("MillraceRegion").empty()) {
    s3.region = options.text("MillraceRegion");
  } else if (!region.empty()) {
    s3.region = region;
  }
  const bool plain = std::all_of(s3.region.begin(), s3.region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!plain) return failed(connect::errors::bad_option, "MillraceRegion: '{}' is not a region's name", s3.region);
  if (options.is_set("MillracePathStyle")) s3.path_style = options.boolean("MillracePathStyle");
  s3.canned_acl = canned_acl(options.text("S3Settings.CannedAclForObjects"));
  const std::string& encryption = options.text("S3Settings.EncryptionMode");
  // SSE_S3 is the default of DMS; other servers may not know the header, so it is sent to them only when asked for.
  if (encryption == "sse-kms") {
    s3.encryption = wire::S3Encryption::sse_kms;
  } else if (encryption == "sse-s3" || url.empty()) {
    s3.encryption = wire::S3Encryption::sse_s3;
  }
  s3.kms_key_id = options.text("S3Settings.ServerSideEncryptionKmsKeyId");
  s3.expected_owner = options.text("S3Settings.ExpectedBucketOwner");
  if (!s3.expected_owner.empty() && !is_account(s3.expected_owner)) {
    return failed(connect::errors::bad_option, "S3Settings.ExpectedBucketOwner: an account id has 12 digits");
  }
  return s3;
}

Result<std::unique_ptr<wire::ObjectStore>> open_store(const connect::Options& options,
                                                      const connect::Context& context) {
  const std::string& url = options.text("MillraceUrl");
  const bool named = !options.text("S3Settings.BucketName").empty();
  if (!url.empty() && named) {
    return failed(errors::bad_settings, "MillraceUrl and S3Settings.BucketName exclude each other");
  }
  if (url.empty() && !named) return failed(errors::bad_settings, "MillraceUrl or S3Settings.BucketName is needed");
  if (url.starts_with(file_scheme)) {
    std::string folder = TRY(local_folder(url));
    return std::unique_ptr<wire::ObjectStore>(std::make_unique<wire::LocalStore>(*context.disk, std::move(folder)));
  }
  std::string region = wire::process_environment("AWS_REGION");
  if (region.empty()) region = wire::process_environment("AWS_DEFAULT_REGION");
  wire::S3Settings s3 = TRY(read_s3_settings(options, region));
  const wire::S3Access access{options.text("MillraceCredentials"), options.text("MillraceCaFile")};
  return wire::open_s3(std::move(s3), access, *context.clock, *context.random);
}

}  // namespace connectors::files
