// SPDX-License-Identifier: Apache-2.0
#include "base/disk.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace base {
namespace {

class posix_disk : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "disk_XXXXXX";
    folder = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  PosixDisk disk;
  std::string folder;
};

TEST_F(posix_disk, appends_reads_and_truncates) {
  auto file = disk.open(folder + "/a", OpenMode::create_new).take();
  ASSERT_TRUE(file->append("hello ").ok());
  ASSERT_TRUE(file->append("world").ok());
  ASSERT_TRUE(file->sync().ok());
  ASSERT_TRUE(disk.sync_folder(folder).ok());
  std::string bytes;
  ASSERT_TRUE(file->read_at(6, 100, bytes).ok());
  EXPECT_EQ(bytes, "world");
  ASSERT_TRUE(file->read_at(100, 5, bytes).ok());
  EXPECT_TRUE(bytes.empty());
  ASSERT_TRUE(file->truncate(5).ok());
  ASSERT_TRUE(file->append("!").ok());
  EXPECT_EQ(file->size().take(), 6u);
  auto again = disk.open(folder + "/a", OpenMode::read).take();
  ASSERT_TRUE(again->read_at(0, 100, bytes).ok());
  EXPECT_EQ(bytes, "hello!");
}

TEST_F(posix_disk, names_the_path_when_it_fails) {
  const auto missing = disk.open(folder + "/none", OpenMode::read);
  ASSERT_FALSE(missing.ok());
  EXPECT_TRUE(missing.error().is(errors::disk_failed));
  EXPECT_NE(missing.error().message.find(folder + "/none"), std::string::npos);
  ASSERT_TRUE(disk.open(folder + "/a", OpenMode::create_new).ok());
  EXPECT_FALSE(disk.open(folder + "/a", OpenMode::create_new).ok());
}

TEST_F(posix_disk, lists_renames_and_removes) {
  ASSERT_TRUE(disk.make_folders(folder + "/x/y").ok());
  ASSERT_TRUE(disk.open(folder + "/b", OpenMode::append).ok());
  ASSERT_TRUE(disk.open(folder + "/a", OpenMode::append).ok());
  EXPECT_EQ(disk.list(folder).take(), (std::vector<std::string>{"a", "b", "x/"}));
  ASSERT_TRUE(disk.rename(folder + "/a", folder + "/c").ok());
  EXPECT_TRUE(disk.exists(folder + "/c").take());
  EXPECT_FALSE(disk.exists(folder + "/a").take());
  ASSERT_TRUE(disk.remove(folder + "/c").ok());
  EXPECT_TRUE(disk.remove(folder + "/c").ok()) << "absent is fine";
  EXPECT_TRUE(disk.remove(folder + "/x/y").ok());
  EXPECT_TRUE(disk.list(folder + "/nowhere").take().empty());
}

}  // namespace
}  // namespace base
