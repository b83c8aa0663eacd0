// SPDX-License-Identifier: Apache-2.0
#include "wire/credentials.h"

#include <gtest/gtest.h>

#include <fstream>

#include "wire/errors.h"
#include "wire/proxy_for_test.h"

namespace wire {
namespace {

constexpr base::WallMicros now = 1790000000LL * 1000000;  // 2026-09-21 14:13:20
constexpr char in_an_hour[] = "2026-09-21T15:13:20Z";

class StoppedClock final : public base::Clock {
 public:
  base::WallMicros time = now;
  base::WallMicros wall() const override { return time; }
  base::Nanos monotonic() const override { return base::Nanos(0); }
  bool pause(base::Nanos, const std::stop_token&) override { return true; }
};

class CredentialsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { proxy_ = std::make_unique<FaultProxy>(free_port()); }
  static void TearDownTestSuite() { proxy_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(proxy_->running());
    proxy_->ask({{"do", "clear"}});
    variables_ = {{"HOME", folder_}, {"AWS_EC2_METADATA_DISABLED", "true"}};
    std::filesystem::create_directory(folder_ + "/.aws");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  base::Result<Credentials> current(const std::string& text = "") {
    chain_ = std::make_unique<CredentialChain>(
        text, "eu-west-1", [this](const std::string& name) { return variables_[name]; }, http_, clock_);
    return chain_->current(stop_);
  }
  void file(const std::string& name, const std::string& text) { std::ofstream(folder_ + "/.aws/" + name) << text; }
  static void answer(const std::string& match, const std::string& body, int status = 200) {
    ASSERT_TRUE(proxy_->rule({{"kind", "answer"}, {"status", status}, {"match", match}, {"body", body}}));
  }

  inline static std::unique_ptr<FaultProxy> proxy_;
  const std::string folder_ = temporary_folder();
  std::map<std::string, std::string> variables_;
  HttpClient http_{HttpSettings{"", 3, 3}};
  StoppedClock clock_;
  std::unique_ptr<CredentialChain> chain_;
  std::stop_token stop_;
};

std::string as_json(const std::string& key, const std::string& expires) {
  return nlohmann::json{{"AccessKeyId", key}, {"SecretAccessKey", "s"}, {"Token", "t"}, {"Expiration", expires}}.dump();
}

TEST_F(CredentialsTest, TheEndpointsOwnWinOverTheEnvironmentAndThatOverProfiles) {
  file("credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n");
  EXPECT_EQ(current().take().access_key, "FILE");
  variables_["AWS_ACCESS_KEY_ID"] = "ENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(current().take().access_key, "ENV");
  const Credentials given = current("OWN:se/cr+et:to:ken").take();
  EXPECT_EQ(given.access_key, "OWN");
  EXPECT_EQ(given.secret_key, "se/cr+et");
  EXPECT_EQ(given.session_token, "to:ken");
}

TEST_F(CredentialsTest, ProfilesAreReadFromBothFiles) {
  file("credentials", "# c\n[a]\naws_access_key_id=A\naws_secret_access_key=s\n[b]\naws_access_key_id=B\n");
  file("config",
       "[profile c]\naws_access_key_id = C\naws_secret_access_key = s\ns3 =\n  aws_access_key_id = X\n"
       "[profile d]\nrole_arn = r\nsource_profile = a\n[e]\naws_access_key_id=E\naws_secret_access_key=s\n");
  variables_["AWS_PROFILE"] = "c";
  EXPECT_EQ(current().take().access_key, "C");
  EXPECT_EQ(current("profile:a").take().access_key, "A");
  for (const char* bad : {"profile:b", "profile:d", "profile:e", "profile:nobody", "nonsense", "A:", ":s"}) {
    const auto refused = current(bad);
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_TRUE(refused.error().is(errors::no_credentials)) << bad;
  }
  EXPECT_NE(current("profile:d").error().text().find("role_arn"), std::string::npos);
}

TEST_F(CredentialsTest, AContainersRoleIsKeptAndRenewedBeforeItExpires) {
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = proxy_->url() + "/role";
  answer("^GET /role", as_json("ONE", in_an_hour));
  EXPECT_EQ(current().take().access_key, "ONE");
  EXPECT_EQ(chain_->current(stop_).take().access_key, "ONE");
  clock_.time = now + 56LL * 60 * 1000000;
  answer("^GET /role", "", 500);
  EXPECT_EQ(chain_->current(stop_).take().access_key, "ONE");  // still good, the endpoint is not
  answer("^GET /role", as_json("TWO", "2026-09-21T19:00:00Z"));
  EXPECT_EQ(chain_->current(stop_).take().access_key, "TWO");
  Credentials other = chain_->current(stop_).take();
  answer("^GET /role", as_json("THREE", "2026-09-21T19:00:00Z"));
  chain_->expired(Credentials{"ONE", "", "t", 0});  // not the ones held
  EXPECT_EQ(chain_->current(stop_).take().access_key, "TWO");
  chain_->expired(other);
  EXPECT_EQ(chain_->current(stop_).take().access_key, "THREE");
}

TEST_F(CredentialsTest, AContainersEndpointElsewhereMustBeHttps) {
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/role";
  EXPECT_TRUE(current().error().is(errors::no_credentials));
}

TEST_F(CredentialsTest, AMachinesRoleIsAskedForWithAToken) {
  variables_["AWS_EC2_METADATA_DISABLED"] = "";
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = proxy_->url();
  answer("^PUT /latest/api/token", "TOKEN");
  answer("security-credentials/$", "lake-writer\n");
  answer("security-credentials/lake-writer$", as_json("ROLE", in_an_hour));
  const Credentials found = current().take();
  EXPECT_EQ(found.access_key, "ROLE");
  EXPECT_EQ(found.session_token, "t");
  EXPECT_EQ(found.expires, now + 3600LL * 1000000);
}

TEST_F(CredentialsTest, AWebIdentityIsExchanged) {
  file("token", "jwt\n");
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = folder_ + "/.aws/token";
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/lake";
  variables_["AWS_ENDPOINT_URL_STS"] = proxy_->url();
  answer("^POST /",
         fmt::format("<R xmlns='x'><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId>"
                     "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
                     "<Expiration>{}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></R>",
                     in_an_hour));
  EXPECT_EQ(current().take().access_key, "WEB");
  answer("^POST /", "<E><Error><Code>InvalidIdentityToken</Code></Error></E>", 400);
  EXPECT_NE(current().error().text().find("InvalidIdentityToken"), std::string::npos);
}

TEST_F(CredentialsTest, NothingSetIsSaid) { EXPECT_TRUE(current().error().is(errors::no_credentials)); }

TEST(IsoTimeTest, ReadsTimesAndNothingElse) {
  EXPECT_EQ(parse_iso_time("1970-01-02T00:00:01Z"), 86401LL * 1000000);
  EXPECT_EQ(parse_iso_time("2013-05-24T00:00:00.000Z"), 1369353600LL * 1000000);
  for (const char* bad : {"", "2013-05-24 00:00:00Z", "2013-13-24T00:00:00Z", "x013-05-24T00:00:00Z"}) {
    EXPECT_EQ(parse_iso_time(bad), 0) << bad;
  }
}

}  // namespace
}  // namespace wire
