// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/names.h"

#include <gtest/gtest.h>

#include "connectors/files/target.h"

namespace connectors::files {
namespace {

TEST(Names, OfEveryKind) {
  EXPECT_EQ(load_name(10), "LOAD0000000A");
  EXPECT_EQ(load_name(16), "LOAD00000010");
  EXPECT_EQ(parse_load_name("LOAD0000000A.csv.gz"), 10u);
  EXPECT_EQ(cdc_name(parse_cdc_name("20190118-184518184.csv").value()), "20190118-184518184");
  EXPECT_EQ(transaction_name(parse_transaction_name("CDC_TXN-20201117153046033.csv").value()),
            "CDC_TXN-20201117153046033");
  EXPECT_FALSE(parse_cdc_name("LOAD00000001.csv"));
  EXPECT_EQ(table_folder("x/", {"a/b", "50%"}), "x/a%2Fb/50%25/");
  EXPECT_NE(table_folder("", {"a", ".."}), table_folder("", {"a", "%2E%2E"}));
}

TEST(Names, DateFolders) {
  Settings settings;
  const std::int64_t time = 1682962200000000;  // 2023-05-01 17:30
  settings.date_delimiter = "/";
  EXPECT_EQ(date_folder(settings, time), "2023/05/01/");
  settings.date_sequence = DateSequence::yyyymmddhh;
  settings.date_delimiter = "-";
  EXPECT_EQ(date_folder(settings, time), "2023-05-01-17/");
  settings.date_sequence = DateSequence::yyyymm;
  settings.date_delimiter = "";
  EXPECT_EQ(date_folder(settings, time), "202305/");
  settings.date_sequence = DateSequence::mmyyyydd;
  settings.date_delimiter = "_";
  EXPECT_EQ(date_folder(settings, time), "05_2023_01/");
  settings.date_sequence = DateSequence::ddmmyyyy;
  EXPECT_EQ(date_folder(settings, time), "01_05_2023/");
}

TEST(Options, ContradictionsAreNamed) {
  const auto refused = [](std::map<std::string, std::string> given) {
    auto options = connect::Options::parse(target_options(), given);
    if (!options.ok()) return options.error().text();
    auto settings = read_settings(*options, connect::Context{});
    return settings.ok() ? std::string() : settings.error().text();
  };
  EXPECT_EQ(refused({}), "");
  EXPECT_NE(refused({{"S3Settings.CdcInsertsOnly", "y"}, {"S3Settings.CdcInsertsAndUpdates", "y"}}), "");
  EXPECT_NE(refused({{"S3Settings.PreserveTransactions", "true"}}), "");
  EXPECT_NE(refused({{"S3Settings.PreserveTransactions", "true"},
                     {"S3Settings.CdcPath", "x"},
                     {"S3Settings.DatePartitionEnabled", "true"}}),
            "");
  EXPECT_NE(refused({{"S3Settings.GlueCatalogGeneration", "false"}}), "");
  EXPECT_EQ(refused({{"MillraceMissingValues", "lookup"}}), "");
  EXPECT_NE(refused({{"MillraceMissingValues", "lookup"},
                     {"S3Settings.UseCsvNoSupValue", "true"},
                     {"S3Settings.CsvNoSupValue", "x"}}),
            "");
  EXPECT_NE(refused({{"MillraceMissingValues", "marker"}}), "");
}

}  // namespace
}  // namespace connectors::files
