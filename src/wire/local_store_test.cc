// SPDX-License-Identifier: Apache-2.0
#include "wire/local_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "wire/errors.h"
#include "wire/object_facts.h"

namespace wire {
namespace {

using base::File;
using base::OpenMode;
using base::Result;

// Passes everything on and counts the durable steps; from step `dies_at` on every call fails, as if the process died.
class DyingDisk final : public base::Disk {
 public:
  int steps = 0;
  int dies_at = 1 << 30;
  std::vector<std::string> synced_folders;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    if (mode != OpenMode::read) TRY(step());
    auto inner = TRY(inner_.open(path, mode));
    return std::unique_ptr<File>(std::make_unique<DyingFile>(*this, std::move(inner)));
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    TRY(step());
    return inner_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override {
    TRY(step());
    return inner_.remove(path);
  }
  Result<void> make_folders(const std::string& path) override {
    TRY(step());
    return inner_.make_folders(path);
  }
  Result<void> sync_folder(const std::string& path) override {
    TRY(step());
    synced_folders.push_back(path);
    return inner_.sync_folder(path);
  }
  Result<bool> exists(const std::string& path) override { return inner_.exists(path); }
  Result<std::vector<std::string>> list(const std::string& path) override { return inner_.list(path); }

 private:
  class DyingFile final : public File {
   public:
    DyingFile(DyingDisk& disk, std::unique_ptr<File> inner) : disk_(disk), inner_(std::move(inner)) {}
    Result<void> append(std::string_view bytes) override {
      TRY(disk_.step());
      return inner_->append(bytes);
    }
    Result<void> read_at(std::uint64_t offset, std::size_t size, std::string& out) override {
      return inner_->read_at(offset, size, out);
    }
    Result<std::uint64_t> size() override { return inner_->size(); }
    Result<void> truncate(std::uint64_t size) override { return inner_->truncate(size); }
    Result<void> sync() override {
      TRY(disk_.step());
      return inner_->sync();
    }

   private:
    DyingDisk& disk_;
    std::unique_ptr<File> inner_;
  };

  Result<void> step() {
    if (++steps >= dies_at) return base::failed(base::errors::disk_failed, "died");
    return {};
  }
  base::PosixDisk inner_;
};

class LocalStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-local-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> keys(ObjectStore& store, const std::string& prefix) {
    std::vector<std::string> names;
    const std::vector<ObjectEntry> entries = store.list(prefix, stop_).take();
    for (const ObjectEntry& entry : entries) names.push_back(entry.key);
    return names;
  }

  std::string folder_;
  base::PosixDisk disk_;
  std::stop_token stop_;
};

const ObjectFacts facts{"text/csv", {{"millrace-task", "crm-to-lake"}, {"millrace-to", "0/16B3748%="}}, {{"a", "ü"}}};

TEST_F(LocalStoreTest, AnObjectIsInvisibleUntilItIsFinished) {
  LocalStore store(disk_, folder_);
  ASSERT_TRUE(store.probe(stop_).ok());
  auto object = store.upload("sales/orders/LOAD00000001.csv", facts, stop_).take();
  ASSERT_TRUE(object->append("1,a\n").ok());
  ASSERT_TRUE(object->append(std::string(600000, 'x')).ok());
  EXPECT_TRUE(keys(store, "").empty());
  EXPECT_FALSE(store.head("sales/orders/LOAD00000001.csv", stop_).take().has_value());
  ASSERT_TRUE(object->finish().ok());
  EXPECT_EQ(keys(store, ""), std::vector<std::string>{"sales/orders/LOAD00000001.csv"});
  const auto head = store.head("sales/orders/LOAD00000001.csv", stop_).take();
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->size, 600004u);
  EXPECT_EQ(head->facts.metadata, facts.metadata);
  EXPECT_EQ(head->facts.content_type, "text/csv");
  EXPECT_EQ(store.get("sales/orders/LOAD00000001.csv", ByteRange{2, 3}, stop_).take(), "a\nx");
  EXPECT_EQ(store.get("sales/orders/LOAD00000001.csv", ByteRange{600004, 3}, stop_).take(), "");
}

TEST_F(LocalStoreTest, AnUploadThatIsDroppedLeavesNothing) {
  LocalStore store(disk_, folder_);
  {
    auto object = store.upload("a/x", {}, stop_).take();
    ASSERT_TRUE(object->append("1").ok());
    EXPECT_TRUE(store.upload("a/x", {}, stop_).error().is(errors::key_busy));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/a"));
  EXPECT_TRUE(store.put("a/x", "2", {}, stop_).ok());
}

TEST_F(LocalStoreTest, PrefixesAreBytesAndOrderIsByKey) {
  LocalStore store(disk_, folder_);
  for (const char* key : {"s/t/b", "s/t/a", "s/t2/a", "s/u", "s/t.x/a"})
    ASSERT_TRUE(store.put(key, "1", {}, stop_).ok());
  EXPECT_EQ(keys(store, "s/t"), (std::vector<std::string>{"s/t.x/a", "s/t/a", "s/t/b", "s/t2/a"}));
  EXPECT_EQ(keys(store, "s/t/"), (std::vector<std::string>{"s/t/a", "s/t/b"}));
  EXPECT_TRUE(keys(store, "nowhere/").empty());
}

TEST_F(LocalStoreTest, RemovingTheLastObjectRemovesItsFolders) {
  LocalStore store(disk_, folder_);
  ASSERT_TRUE(store.put("s/t/2026/11/a", "1", {}, stop_).ok());
  ASSERT_TRUE(store.put("s/u/a", "1", {}, stop_).ok());
  ASSERT_TRUE(store.remove({"s/t/2026/11/a", "s/t/absent"}, stop_).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/s/t"));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/s/u/a"));
  ASSERT_TRUE(store.put("s/t/2026/11/a", "1", {}, stop_).ok());
}

TEST_F(LocalStoreTest, OddKeysStayInsideTheFolderAndVisible) {
  LocalStore store(disk_, folder_);
  const std::vector<std::string> odd = {"%2E/..", "../../x", ".hidden/.a", "a b/\"q\"/\xF0\x9F\x98\x80", "%/%25"};
  for (const std::string& key : odd) ASSERT_TRUE(store.put(key, key, facts, stop_).ok()) << key;
  EXPECT_EQ(keys(store, "").size(), odd.size());
  for (const std::string& key : odd) EXPECT_EQ(store.get(key, std::nullopt, stop_).take(), key);
  for (const char* bad : {"", "/a", "a/", "a//b"}) {
    EXPECT_TRUE(store.put(bad, "", {}, stop_).error().is(errors::bad_key)) << bad;
  }
}

TEST_F(LocalStoreTest, AMissingRootIsNeverCreated) {
  LocalStore store(disk_, folder_ + "/unmounted");
  EXPECT_TRUE(store.probe(stop_).error().is(errors::no_folder));
  EXPECT_TRUE(store.put("a", "1", {}, stop_).error().is(errors::no_folder));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/unmounted"));
}

TEST_F(LocalStoreTest, DyingAtAnyStepShowsAllOrNothingAndARetryHeals) {
  const std::string bytes(300000, 'y');
  DyingDisk counting;
  LocalStore counted(counting, folder_);
  ASSERT_TRUE(counted.put("t/count/x.csv", bytes, facts, stop_).ok());
  ASSERT_GT(counting.steps, 8);
  for (int dies_at = 1; dies_at <= counting.steps; ++dies_at) {
    const std::string key = fmt::format("t/die{}/x.csv", dies_at);
    DyingDisk dying;
    dying.dies_at = dies_at;
    {
      LocalStore store(dying, folder_);
      EXPECT_FALSE(store.put(key, bytes, facts, stop_).ok());
    }
    LocalStore store(disk_, folder_);
    const auto head = store.head(key, stop_).take();
    if (head) {
      EXPECT_EQ(head->size, bytes.size());
      EXPECT_EQ(head->facts.metadata, facts.metadata);
    }
    ASSERT_TRUE(store
                    .abort_stale(
                        "t/", [](const UnfinishedUpload&) { return true; }, stop_)
                    .ok());
    ASSERT_TRUE(store.put(key, bytes, facts, stop_).ok());
    EXPECT_EQ(store.get(key, std::nullopt, stop_).take(), bytes);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      EXPECT_FALSE(entry.path().string().ends_with(".millrace-part")) << entry.path();
    }
  }
}

// A dead process may have removed objects without making that durable: a power cut would bring them back.
TEST_F(LocalStoreTest, WhatIsSeenAtTheStartIsDurable) {
  DyingDisk disk;
  LocalStore store(disk, folder_);
  ASSERT_TRUE(store.put("s/t/2026/a", "1", {}, stop_).ok());
  ASSERT_TRUE(store.put("s/t2/a", "1", {}, stop_).ok());
  disk.synced_folders.clear();
  const auto none = [](const UnfinishedUpload&) { return false; };
  ASSERT_TRUE(store.abort_stale("s/t/", none, stop_).ok());
  EXPECT_EQ(disk.synced_folders, (std::vector<std::string>{folder_ + "/s/t", folder_ + "/s/t/2026"}));
  disk.synced_folders.clear();
  ASSERT_TRUE(store.abort_stale("s/gone/too/", none, stop_).ok());
  EXPECT_EQ(disk.synced_folders.front(), folder_ + "/s");
}

TEST_F(LocalStoreTest, StalePartsOfOthersStay) {
  LocalStore store(disk_, folder_);
  std::filesystem::create_directories(folder_ + "/t");
  std::ofstream(folder_ + "/t/.mine.csv.millrace-part") << "half";
  std::ofstream(folder_ + "/t/.other.csv.millrace-part") << "half";
  const auto ours = [](const UnfinishedUpload& upload) { return upload.key == "t/mine.csv"; };
  EXPECT_EQ(store.abort_stale("t/", ours, stop_).take(), 1u);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/t/.mine.csv.millrace-part"));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/t/.other.csv.millrace-part"));
}

TEST(ObjectFactsTest, FactsSurviveTheirTextForm) {
  const ObjectFacts read = parse_facts(print_facts(facts), "x").take();
  EXPECT_EQ(read.metadata, facts.metadata);
  EXPECT_EQ(read.tags, facts.tags);
  for (const char* bad : {"", "millrace-meta 2\n", "millrace-meta 1", "millrace-meta 1\nm.a\n",
                          "millrace-meta 1\nm.a=%4\n", "millrace-meta 1\nm.A=1\n", "millrace-meta 1\nx=1\n"}) {
    EXPECT_TRUE(parse_facts(bad, "x").error().is(errors::bad_sidecar)) << bad;
  }
}

TEST(ObjectFactsTest, MetadataThatCannotTravelIsRefused) {
  for (const char* value : {" a", "a ", "a\nb", "\xC3\xBC"}) {
    EXPECT_TRUE(check_facts("k", ObjectFacts{"", {{"a", value}}, {}}).error().is(errors::bad_metadata)) << value;
  }
  EXPECT_TRUE(check_facts("k", ObjectFacts{"", {{"a", std::string(3000, 'x')}}, {}}).error().is(errors::bad_metadata));
}

}  // namespace
}  // namespace wire
