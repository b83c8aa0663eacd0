// SPDX-License-Identifier: Apache-2.0
#include "engine/value_edits.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using model::Type;

model::TableSchemaPtr table(const std::vector<std::pair<const char*, Type>>& columns) {
  auto schema = std::make_shared<model::TableSchema>();
  for (const auto& [name, type] : columns) {
    model::Column column;
    column.name = name;
    column.type.type = type;
    schema->columns.push_back(column);
  }
  schema->primary_key = schema->old_key = {0};
  return schema;
}

std::shared_ptr<const ValueEdits> edits(std::string_view settings, const mapping::Mapping& mapping = {}) {
  auto made = ValueEdits::of(Settings::parse(settings).take(), mapping);
  EXPECT_TRUE(made.ok()) << made.error().text();
  return made.ok() ? *made : nullptr;
}

// The text column `value` after a load.
std::string loaded(const ValueEdits& values, const model::TableSchemaPtr& schema, std::string_view value,
                   std::uint64_t* cut = nullptr) {
  model::RowBatch batch(schema);
  for (const char* other : {"before", "after"}) {
    batch.columns[0].add_bytes("key");
    batch.columns[1].add_bytes(other == std::string_view("before") ? value : other);
    ++batch.rows;
  }
  const Cuts cuts = values.for_table(*schema).rows(batch);
  if (cut != nullptr) *cut = cuts.values;
  EXPECT_EQ(batch.columns[1].bytes_at(1), "after");
  EXPECT_EQ(batch.columns[0].bytes_at(0), "key");
  return std::string(batch.columns[1].bytes_at(0));
}

TEST(ValueEdits, dms_default_limit_is_not_chosen) {
  EXPECT_EQ(edits("{}"), nullptr);
  EXPECT_EQ(edits(R"({"TargetMetadata":{"LimitedSizeLobMode":true,"LobMaxSize":32}})"), nullptr);
  EXPECT_EQ(edits(R"({"TargetMetadata":{"LimitedSizeLobMode":false,"LobMaxSize":64}})"), nullptr);
  EXPECT_EQ(edits(R"({"TargetMetadata":{"FullLobMode":true,"LimitedSizeLobMode":false},
                      "MillraceCompatibility":"none"})"),
            nullptr);
  EXPECT_NE(edits(R"({"TargetMetadata":{"LobMaxSize":64}})"), nullptr);
  EXPECT_NE(edits(R"({"MillraceCompatibility":"dms"})"), nullptr);
}

TEST(ValueEdits, large_objects_are_cut_between_characters) {
  const auto one_kilobyte = edits(R"({"TargetMetadata":{"LobMaxSize":1}})");
  const auto schema = table({{"id", Type::string}, {"body", Type::nclob}});
  std::uint64_t cut = 0;
  EXPECT_EQ(loaded(*one_kilobyte, schema, std::string(1024, 'x'), &cut).size(), 1024u);
  EXPECT_EQ(cut, 0u);
  EXPECT_EQ(loaded(*one_kilobyte, schema, std::string(5000, 'x'), &cut).size(), 1024u);
  EXPECT_EQ(cut, 1u);
  std::string text = "a";
  for (int i = 0; i < 600; ++i) text += "\xc3\xa4";
  EXPECT_EQ(loaded(*one_kilobyte, schema, text, &cut).size(), 1023u) << "the last character does not fit";
}

TEST(ValueEdits, a_table_has_a_limit_of_its_own) {
  const auto own = [](std::string_view lob, std::string_view settings) {
    const auto mapping = mapping::Mapping::parse(fmt::format(
        R"({{"rules":[{{"rule-type":"selection","rule-id":"1","rule-action":"include","object-locator":
            {{"schema-name":"s","table-name":"%"}}}},{{"rule-type":"table-settings","rule-id":"2","object-locator":
            {{"schema-name":"s","table-name":"t"}},"lob-settings":{}}}]}})",
        lob));
    EXPECT_TRUE(mapping.ok()) << mapping.error().text();
    auto named = std::make_shared<model::TableSchema>(*table({{"id", Type::string}, {"body", Type::nclob}}));
    named->name = {"s", "t"};
    const auto values = edits(settings, *mapping);
    return values == nullptr ? std::size_t{100'000} : loaded(*values, named, std::string(100'000, 'x')).size();
  };
  EXPECT_EQ(own(R"({"mode":"limited","bulk-max-size":"2"})", "{}"), 2048u);
  EXPECT_EQ(own(R"({"mode":"limited","bulk-max-size":32})", "{}"), 100'000u) << "DMS's default";
  EXPECT_EQ(own(R"({"mode":"limited","bulk-max-size":32})", R"({"MillraceCompatibility":"dms"})"), 32'768u);
  EXPECT_EQ(own(R"({"mode":"limited"})", R"({"TargetMetadata":{"LobMaxSize":1}})"), 1024u);
  EXPECT_EQ(own(R"({"mode":"none","bulk-max-size":"7"})", R"({"TargetMetadata":{"LobMaxSize":1}})"), 1024u);
  EXPECT_EQ(own(R"({"mode":"unlimited"})", R"({"TargetMetadata":{"LobMaxSize":1}})"), 100'000u);
}

TEST(ValueEdits, keys_are_never_cut) {
  const auto one_kilobyte = edits(R"({"TargetMetadata":{"LobMaxSize":1}})");
  EXPECT_TRUE(one_kilobyte->for_table(*table({{"id", Type::nclob}})).empty());
}

TEST(ValueEdits, the_stream_cuts_as_the_load) {
  const auto values = edits(R"({"TargetMetadata":{"LobMaxSize":1}})");
  const auto schema = table({{"id", Type::int4}, {"body", Type::blob}});
  model::ChangeBatch batch;
  batch.bytes = std::string(8, '\0') + std::string(3000, 'y');
  batch.cells = {{0, 8, model::CellState::value}, {8, 3000, model::CellState::value}};
  model::Change change;
  change.op = model::Op::insert;
  change.new_count = 2;
  const Cuts cuts = values->for_table(*schema).change(batch, change);
  EXPECT_EQ(cuts.values, 1u);
  EXPECT_EQ(cuts.first, "column body: 3000 bytes, cut to 1024");
  EXPECT_EQ(batch.cell_bytes(batch.cells[change.new_first + 1]), std::string(1024, 'y'));
  EXPECT_EQ(batch.cell_bytes(batch.cells[change.new_first]), std::string(8, '\0'));
}

TEST(ValueEdits, compatibility_rounds_and_counts) {
  const auto dms = edits(R"({"MillraceCompatibility":"dms"})");
  const auto schema = table({{"id", Type::string}, {"n", Type::numeric}});
  std::uint64_t cut = 0;
  EXPECT_EQ(loaded(*dms, schema, "1.1234565", &cut), "1.123457");
  EXPECT_EQ(cut, 1u);
  EXPECT_EQ(loaded(*dms, schema, "-9.9999996", &cut), "-10.000000");
  EXPECT_EQ(loaded(*dms, schema, "1.50000000", &cut), "1.50000000");
  EXPECT_EQ(cut, 0u) << "no digit is lost";
  EXPECT_EQ(loaded(*dms, schema, "NaN", &cut), "NaN");
}

TEST(Characters, are_replaced_or_left_out) {
  const auto values = edits(R"({"CharacterSetSettings":{"CharacterReplacements":[
      {"SourceCharacterCodePoint":62,"TargetCharacterCodePoint":61},{"SourceCharacterCodePoint":"E4"}]}})");
  const auto schema = table({{"id", Type::int4}, {"name", Type::wstring}});
  model::RowBatch batch(schema);
  for (const char* text : {"bcb", "\xc3\xa4xb\xc3\xb6", "plain"}) {
    batch.columns[0].add_fixed(1);
    batch.columns[1].add_bytes(text);
    ++batch.rows;
  }
  EXPECT_EQ(values->for_table(*schema).rows(batch).values, 0u) << "replacing is no loss";
  EXPECT_EQ(batch.columns[1].bytes_at(0), "aca");
  EXPECT_EQ(batch.columns[1].bytes_at(1), "xa\xc3\xb6");
  EXPECT_EQ(batch.columns[1].bytes_at(2), "plain");
  EXPECT_TRUE(values->for_table(*table({{"id", Type::int4}, {"body", Type::nclob}})).empty());
}

TEST(Characters, outside_of_the_set) {
  const auto check = [](std::string_view set, std::string_view text) {
    const auto values = Characters::of(
        Settings::parse(
            fmt::format(
                R"({{"CharacterSetSettings":{{"CharacterSetSupport":{{"CharacterSet":"{}","ReplaceWithCharacterCodePoint":"3F"}}}}}})",
                set))
            .take());
    if (!values.ok()) return values.error().message;
    std::string out(text);
    (*values)->replace(text, out);
    return out;
  };
  EXPECT_EQ(check("ISO-8859-1", "\xc3\xa4\xe2\x82\xac"), "\xc3\xa4?");
  EXPECT_EQ(check("windows-1252", "\xc3\xa4\xe2\x82\xac"), "\xc3\xa4\xe2\x82\xac");
  EXPECT_EQ(check("ibm-850_P100-1995", "\xc3\xa4\xe2\x82\xac"), "\xc3\xa4?");
  EXPECT_EQ(check("US-ASCII", "\xc3\xa4z"), "?z");
  EXPECT_EQ(check("UTF16_PlatformEndian", "\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
  EXPECT_NE(check("klingon-1", "x").find("CharacterSetSettings.CharacterSetSupport.CharacterSet: klingon-1"),
            std::string::npos);
}

}  // namespace
}  // namespace engine
