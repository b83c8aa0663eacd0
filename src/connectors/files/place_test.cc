// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/place.h"

#include <gtest/gtest.h>

#include "connectors/files/options.h"
#include "wire/errors.h"

namespace connectors::files {
namespace {

base::Result<wire::S3Settings> read(const std::map<std::string, std::string>& given, const std::string& region = "") {
  const connect::Options options = connect::Options::parse(target_options(), given).take();
  return read_s3_settings(options, region);
}

TEST(PlaceTest, MembersOfTheEndpointBecomeS3Settings) {
  const wire::S3Settings s3 = read({{"S3Settings.BucketName", "lake"},
                                    {"S3Settings.CannedAclForObjects", "BUCKET_OWNER_FULL_CONTROL"},
                                    {"S3Settings.EncryptionMode", "SSE_KMS"},
                                    {"S3Settings.ServerSideEncryptionKmsKeyId", "arn:aws:kms:x"},
                                    {"S3Settings.ExpectedBucketOwner", "123456789012"}},
                                   "eu-west-1")
                                  .take();
  EXPECT_EQ(s3.bucket, "lake");
  EXPECT_EQ(s3.endpoint, "");
  EXPECT_EQ(s3.region, "eu-west-1");
  EXPECT_EQ(s3.canned_acl, "bucket-owner-full-control");
  EXPECT_EQ(s3.encryption, wire::S3Encryption::sse_kms);
  EXPECT_EQ(s3.kms_key_id, "arn:aws:kms:x");
  EXPECT_EQ(s3.expected_owner, "123456789012");
  EXPECT_FALSE(s3.path_style.has_value());
}

TEST(PlaceTest, AnotherServerIsNamedByItsUrl) {
  const wire::S3Settings s3 = read({{"MillraceUrl", "https://minio.example:9000/lake/"},
                                    {"MillraceRegion", "home"},
                                    {"MillracePathStyle", "false"}},
                                   "eu-west-1")
                                  .take();
  EXPECT_EQ(s3.endpoint, "https://minio.example:9000");
  EXPECT_EQ(s3.bucket, "lake");
  EXPECT_EQ(s3.region, "home");
  EXPECT_EQ(s3.path_style, false);
  EXPECT_EQ(s3.canned_acl, "");
  EXPECT_EQ(s3.encryption, wire::S3Encryption::none);
}

TEST(PlaceTest, WhatIsNotAPlaceIsRefused) {
  for (const char* url : {"http://minio.example/lake", "https://minio.example", "https://minio.example/", "s3://lake",
                          "https://user:pass@host/lake", "https://host/lake/folder", "https:///lake"}) {
    const auto refused = read({{"MillraceUrl", url}});
    ASSERT_FALSE(refused.ok()) << url;
    EXPECT_TRUE(refused.error().is(wire::errors::bad_url)) << url;
    EXPECT_EQ(refused.error().text().find("pass@"), std::string::npos);
  }
  EXPECT_TRUE(read({{"MillraceUrl", "http://127.0.0.1:9000/lake"}}).ok());
  EXPECT_FALSE(read({}).ok());
  EXPECT_FALSE(read({{"S3Settings.BucketName", "a/b"}}).ok());
  EXPECT_FALSE(read({{"S3Settings.BucketName", "lake"}, {"S3Settings.ExpectedBucketOwner", "me"}}).ok());
  EXPECT_FALSE(read({{"S3Settings.BucketName", "lake"}, {"MillraceRegion", "a/b"}}).ok());
}

}  // namespace
}  // namespace connectors::files
