// SPDX-License-Identifier: Apache-2.0
#include "main/data_dir.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "main/errors.h"

namespace main_program {
namespace {

class DataDirTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("millrace-data-dir-test-" + std::to_string(::getpid()));
    std::filesystem::remove_all(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::filesystem::path path_;
  base::SystemRandom random_;
};

TEST_F(DataDirTest, looking_makes_nothing) {
  const auto folder = DataDir::look(path_);
  ASSERT_TRUE(folder.ok());
  EXPECT_TRUE(folder->identity().empty());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(DataDirTest, the_identity_stays) {
  std::string identity;
  {
    const auto folder = DataDir::lock(path_, random_);
    ASSERT_TRUE(folder.ok()) << folder.error().text();
    identity = folder->identity();
    EXPECT_EQ(identity.size(), 16u);
  }
  EXPECT_EQ(DataDir::lock(path_, random_)->identity(), identity);
}

TEST_F(DataDirTest, a_second_holder_is_refused) {
  const auto first = DataDir::lock(path_, random_);
  ASSERT_TRUE(first.ok());
  const auto refused = DataDir::lock(path_, random_);
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.error().is(errors::data_dir_in_use));
  EXPECT_NE(refused.error().message.find(std::to_string(::getpid())), std::string::npos);
}

TEST_F(DataDirTest, the_lock_dies_with_its_process) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto held = DataDir::lock(path_, random_);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(DataDir::lock(path_, random_).ok());
}

TEST_F(DataDirTest, clear_keeps_lock_and_logs) {
  auto folder = DataDir::lock(path_, random_);
  ASSERT_TRUE(folder.ok());
  std::filesystem::create_directories(path_ / "relay" / "x");
  ASSERT_TRUE(folder->clear().ok());
  EXPECT_FALSE(std::filesystem::exists(path_ / "relay"));
  EXPECT_FALSE(std::filesystem::exists(path_ / "identity"));
  EXPECT_TRUE(std::filesystem::exists(path_ / "lock"));
}

}  // namespace
}  // namespace main_program
