// SPDX-License-Identifier: Apache-2.0
#include "wire/secret_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace wire {
namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/millrace-secrets-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string file = path + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file) << text;
    ::chmod(file.c_str(), mode);
    return file;
  }
  std::string path;
};

std::string nothing(const std::string&) { return ""; }

std::string read(const std::string& source, const std::string& id, const Environment& environment = nothing) {
  const auto parsed = SecretSource::parse(source);
  if (!parsed.ok()) return "bad source";
  const auto text = parsed->read(id, environment);
  return text.ok() ? *text : "! " + text.error().text();
}

constexpr const char* arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/shop-Ab12Cd";

TEST(SecretSource, a_file_of_the_name) {
  const Folder folder;
  const std::string source = "file:" + folder.path;
  folder.write("prod/shop", "one");
  EXPECT_EQ(read(source, "prod/shop"), "one");
  EXPECT_EQ(read(source, arn), "one");
  folder.write("prod/shop", "two");
  EXPECT_EQ(read(source, "prod/shop"), "two");
  folder.write("prod/shop-Ab12Cd", "three");
  EXPECT_EQ(read(source, arn), "three");
  EXPECT_NE(read(source, "prod").find("wire.no_secret"), std::string::npos);
  EXPECT_NE(read(source, "absent").find("there is no file"), std::string::npos);
  folder.write("large", std::string(70'000, 'x'));
  EXPECT_NE(read(source, "large").find("too large"), std::string::npos);
}

TEST(SecretSource, names_lead_nowhere_else) {
  const std::string many(3000, 'a');
  for (const std::string id : {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "a b", "a\nb", "arn:aws:s3:::x",
                               "arn:aws:secretsmanager:r:a:secret:", "arn:aws:secretsmanager:r:a:secret:../x",
                               "arn:aws:dms:r:a:secret:x", many.c_str()}) {
    EXPECT_FALSE(names_of_secret(id).ok()) << id;
  }
  EXPECT_EQ(*names_of_secret("shop-Ab12Cd"), std::vector<std::string>{"shop-Ab12Cd"});
  EXPECT_EQ(*names_of_secret(arn), (std::vector<std::string>{"prod/shop-Ab12Cd", "prod/shop"}));
}

TEST(SecretSource, a_variable_of_the_environment) {
  const auto environment = [](const std::string& name) { return name == "DB_PROD_SHOP" ? "four" : ""; };
  EXPECT_EQ(read("env:DB_", "prod/shop", environment), "four");
  EXPECT_EQ(read("env:DB_", arn, environment), "four");
  EXPECT_NE(read("env:DB_", "other", environment).find("DB_OTHER"), std::string::npos);
}

TEST(SecretSource, what_a_program_prints) {
  const Folder folder;
  const std::string good = folder.write("good", "#!/bin/sh\nprintf '%s|' \"$@\"\necho hush >&2\n", 0700);
  EXPECT_EQ(read("command:" + good, arn), std::string(arn) + "|");
  const std::string bad = folder.write("bad", "#!/bin/sh\necho hush\nexit 3\n", 0700);
  const std::string refusal = read("command:" + bad, "x");
  EXPECT_NE(refusal.find("exit code 3"), std::string::npos) << refusal;
  EXPECT_EQ(refusal.find("hush"), std::string::npos);
  const std::string killed = folder.write("killed", "#!/bin/sh\nkill -9 $$\n", 0700);
  EXPECT_NE(read("command:" + killed, "x").find("signal 9"), std::string::npos);
  const std::string endless = folder.write("endless", "#!/bin/sh\nexec yes\n", 0700);
  EXPECT_NE(read("command:" + endless, "x").find("more than a secret"), std::string::npos);
  EXPECT_NE(read("command:" + folder.path + "/absent", "x").find("cannot be started"), std::string::npos);
}

TEST(SecretSource, sources_that_are_none) {
  for (const char* text : {"", "file:", "file:relative", "env:", "env:A B", "command:ls", "vault:/x", "/folder"}) {
    EXPECT_EQ(read(text, "x"), "bad source") << text;
  }
}

}  // namespace
}  // namespace wire
