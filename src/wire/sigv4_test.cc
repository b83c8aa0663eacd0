// SPDX-License-Identifier: Apache-2.0
//
// The examples that AWS publishes for Signature Version 4: its general test suite and the S3 guide's.
#include "wire/sigv4.h"

#include <gtest/gtest.h>

namespace wire {
namespace {

constexpr base::WallMicros suite_time = 1440938160LL * 1000000;  // 2015-08-30 12:36:00
constexpr base::WallMicros s3_time = 1369353600LL * 1000000;     // 2013-05-24 00:00:00

const Credentials suite_key{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "", 0};
const Credentials s3_key{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", 0};

std::string signature(const std::map<std::string, std::string>& headers) {
  const std::string& line = headers.at("authorization");
  return line.substr(line.find("Signature=") + 10);
}

TEST(SigV4Test, GeneralSuite) {
  SigningInput input;
  input.method = "GET";
  input.headers = {{"host", "example.amazonaws.com"}};
  input.payload_sha256 = sha256_hex("");
  input.send_payload_hash = false;
  const SigningScope scope{"us-east-1", "service", suite_time};
  EXPECT_EQ(signature(sign(input, suite_key, scope)),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  input.query = {{"Param2", "value2"}, {"Param1", "value1"}};
  EXPECT_EQ(signature(sign(input, suite_key, scope)),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST(SigV4Test, GetWithRangeFromS3) {
  SigningInput input;
  input.method = "GET";
  input.path = "/test.txt";
  input.headers = {{"host", "examplebucket.s3.amazonaws.com"}, {"range", "bytes=0-9"}};
  input.payload_sha256 = sha256_hex("");
  EXPECT_EQ(signature(sign(input, s3_key, {"us-east-1", "s3", s3_time})),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4Test, PutToS3) {
  SigningInput input;
  input.method = "PUT";
  input.path = "/" + percent_encode("test$file.text", true);
  input.headers = {{"host", "examplebucket.s3.amazonaws.com"},
                   {"date", "Fri, 24 May 2013 00:00:00 GMT"},
                   {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  input.payload_sha256 = sha256_hex("Welcome to Amazon S3.");
  EXPECT_EQ(signature(sign(input, s3_key, {"us-east-1", "s3", s3_time})),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4Test, QueriesOfS3) {
  SigningInput input;
  input.method = "GET";
  input.headers = {{"host", "examplebucket.s3.amazonaws.com"}};
  input.payload_sha256 = sha256_hex("");
  input.query = {{"lifecycle", ""}};
  EXPECT_EQ(signature(sign(input, s3_key, {"us-east-1", "s3", s3_time})),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  input.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_EQ(signature(sign(input, s3_key, {"us-east-1", "s3", s3_time})),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4Test, ATokenIsSignedAndSent) {
  SigningInput input;
  input.method = "GET";
  input.payload_sha256 = sha256_hex("");
  Credentials with_token = s3_key;
  with_token.session_token = "token";
  const auto headers = sign(input, with_token, {"us-east-1", "s3", s3_time});
  EXPECT_EQ(headers.at("x-amz-security-token"), "token");
  EXPECT_NE(headers.at("authorization").find("x-amz-date;x-amz-security-token"), std::string::npos);
}

TEST(SigV4Test, EncodesEveryByteOutsideThePlainOnes) {
  EXPECT_EQ(percent_encode("a b/\xC3\xBC+~", true), "a%20b/%C3%BC%2B~");
  EXPECT_EQ(percent_encode("a/b", false), "a%2Fb");
  EXPECT_EQ(md5_base64(""), "1B2M2Y8AsgTpgAmY7PhCfg==");
}

}  // namespace
}  // namespace wire
