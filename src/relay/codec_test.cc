// SPDX-License-Identifier: Apache-2.0
#include "relay/codec.h"

#include <gtest/gtest.h>

#include <chrono>

#include "relay/errors.h"
#include "relay/schema_codec.h"
#include "tests/support/changes.h"

namespace relay {
namespace {

// Every batch in a file's bytes.
base::Result<std::vector<model::ChangeBatch>> decode_all(std::string_view bytes) {
  Decoder decoder;
  std::vector<model::ChangeBatch> batches;
  while (!bytes.empty()) {
    if (bytes.size() < record_header_size) return base::failed(errors::damaged, "short");
    const RecordHeader header = TRY(Decoder::header(bytes));
    if (header.size > bytes.size() - record_header_size) return base::failed(errors::damaged, "short");
    auto batch = TRY(decoder.decode(header, std::string(bytes.substr(record_header_size, header.size))));
    if (batch) batches.push_back(std::move(*batch));
    bytes.remove_prefix(record_header_size + header.size);
  }
  return batches;
}

model::ChangeBatch odd_batch() {
  support::BatchWriter writer;
  const auto table = support::two_column_table("odd");
  writer.transaction(table, 7, 1, 3);
  writer.insert(support::two_column_table("other"), -5, std::string("zero\0byte", 9), 99, 100, true);
  writer.batch.cells.back().state = model::CellState::unchanged;
  model::Change truncate;
  truncate.op = model::Op::truncate;
  truncate.table = 0;
  truncate.cascade = truncate.restart_identity = true;
  truncate.position = {9, 4, "a token"};
  truncate.commit_time = -3;
  writer.batch.changes.push_back(truncate);
  writer.batch.through = 8;
  writer.batch.source_time = -1;
  return writer.take();
}

TEST(codec, gives_back_every_member) {
  const model::ChangeBatch batch = odd_batch();
  std::string bytes;
  Encoder encoder;
  encoder.encode(batch, {{9, 4, {}}, true, 48}, bytes);
  encoder.encode(batch, {{9, 5, {}}, false, 48}, bytes);
  EXPECT_EQ(encoder.schemas(), 2u);
  const auto batches = decode_all(bytes);
  ASSERT_TRUE(batches.ok()) << batches.error().text();
  ASSERT_EQ(batches->size(), 2u);
  const model::ChangeBatch& read = (*batches)[1];
  EXPECT_EQ(read.bytes, batch.bytes);
  EXPECT_EQ(read.through, 8u);
  EXPECT_EQ(read.source_time, -1);
  EXPECT_EQ(*read.tables[1], *batch.tables[1]);
  EXPECT_EQ(read.tables[0], (*batches)[0].tables[0]) << "one schema object a file";
  ASSERT_EQ(read.changes.size(), batch.changes.size());
  for (std::size_t i = 0; i < read.changes.size(); ++i) {
    EXPECT_EQ(read.changes[i].op, batch.changes[i].op);
    EXPECT_EQ(read.changes[i].position, batch.changes[i].position);
    EXPECT_EQ(read.changes[i].xid, batch.changes[i].xid);
    EXPECT_EQ(read.changes[i].streamed, batch.changes[i].streamed);
  }
  EXPECT_TRUE(read.changes.back().cascade);
  EXPECT_EQ(read.changes.back().position.token, "a token");
  EXPECT_EQ(read.changes.back().commit_time, -3);
  EXPECT_EQ(read.cells.back().state, model::CellState::unchanged);
}

TEST(codec, keeps_every_member_of_a_schema) {
  model::TableSchema schema = *support::two_column_table("full");
  schema.columns[1].generated = true;
  schema.columns[1].generation = "id * 2";
  schema.columns[1].type = {model::Type::numeric, 3, 12, -2, "numeric(12,-2)", 1700, 786434, true};
  schema.columns[0].identity = model::Identity::always;
  schema.unique_keys = {{1, 0}, {0}};
  schema.indexes = {{"i", true, false, "USING btree (id)"}};
  schema.checks = {{"c", false, true, "CHECK (id > 0)"}};
  schema.foreign_keys = {{"f", {"id"}, {"public", "other"}, {"id"}, "ON DELETE CASCADE"},
                         {"g", {"id"}, {"public", "other"}, {"id"}, "ON DELETE CASCADE", true}};
  schema.requirements = {{model::NativeObject::Kind::domain, {"public", "d"}, "CREATE DOMAIN d AS int"}};
  schema.sequences.resize(1);
  schema.sequences[0].name = {"public", "s"};
  schema.sequences[0].last_value = -4;
  schema.partitions = {{{"public", "p"}, {"public", "full"}, "DEFAULT", "LIST (id)"}};
  schema.comment = "a comment";
  std::string bytes;
  append_schema(schema, bytes);
  const auto read = read_schema(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, schema);
  schema.foreign_keys[1].unlogged = false;  // what an earlier version wrote
  std::string earlier;
  append_schema(schema, earlier);
  EXPECT_EQ(read_schema(earlier), schema);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(read_schema(bytes.substr(0, size)).has_value(), size == earlier.size()) << size;
  }
}

TEST(codec, writes_around_a_large_batch_what_it_writes_in_one) {
  const model::ChangeBatch batch = odd_batch();
  std::string whole, head, tail;
  Encoder one, other;
  for (int i = 0; i < 2; ++i) {
    one.encode(batch, {{9, 4, {}}, true, 48}, whole);
    other.encode_around(batch, {{9, 4, {}}, true, 48}, head, tail);
    head += batch.bytes + tail;
    tail.clear();
  }
  EXPECT_EQ(head, whole);
}

TEST(codec, reads_what_version_1_wrote) {
  model::ChangeBatch batch = odd_batch();
  batch.forms[0] = model::CellForm::native_hex;
  std::string bytes;
  Encoder().encode(batch, {}, bytes);
  Decoder decoder;
  std::optional<model::ChangeBatch> read;
  for (std::string_view rest = bytes; !rest.empty() && !read;) {
    RecordHeader header = *Decoder::header(rest);
    std::string payload(rest.substr(record_header_size, header.size));
    rest.remove_prefix(record_header_size + header.size);
    char& version = payload[header.kind == RecordKind::batch ? header.arena_size : 0];
    EXPECT_EQ(version, 2);
    version = 1;
    header.payload_checksum = checksum_of(payload);
    auto decoded = decoder.decode(header, std::move(payload));
    ASSERT_TRUE(decoded.ok()) << decoded.error().text();
    read = decoded.take();
  }
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->forms[0], model::CellForm::native_hex);
  EXPECT_EQ(static_cast<int>(read->forms[0]), 1) << "what version 1 wrote for native";
}

TEST(codec, refuses_every_flipped_byte) {
  std::string bytes;
  Encoder().encode(odd_batch(), {}, bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bent = bytes;
    bent[i] = static_cast<char>(bent[i] ^ 0x41);
    EXPECT_FALSE(decode_all(bent).ok()) << "byte " << i;
  }
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto batches = decode_all(bytes.substr(0, size));
    EXPECT_TRUE(!batches.ok() || batches->empty()) << size;
  }
}

// Behind right checksums: counts, indexes and enumerators are checked too.
TEST(codec, survives_bent_payloads) {
  std::string bytes;
  Encoder encoder;
  encoder.encode(odd_batch(), {}, bytes);
  Decoder decoder;
  std::string_view rest = bytes;
  while (true) {
    const RecordHeader header = Decoder::header(rest).take();
    const std::string payload(rest.substr(record_header_size, header.size));
    rest.remove_prefix(record_header_size + header.size);
    if (!rest.empty()) {
      ASSERT_TRUE(decoder.decode(header, std::string(payload)).ok());
      continue;
    }
    for (std::size_t i = header.arena_size; i < payload.size(); ++i) {
      for (const int mask : {0x01, 0x80, 0xff}) {
        std::string bent = payload;
        bent[i] = static_cast<char>(bent[i] ^ mask);
        RecordHeader forged = header;
        forged.payload_checksum = checksum_of(bent);
        const auto batch = decoder.decode(forged, std::move(bent));
        if (!batch.ok()) continue;
        for (const model::Cell& cell : (*batch)->cells) {
          EXPECT_LE(cell.offset + cell.size, (*batch)->bytes.size());
        }
      }
    }
    return;
  }
}

TEST(codec, refuses_newer_versions) {
  std::string bytes;
  Encoder().encode(odd_batch(), {}, bytes);
  std::string_view rest = bytes;
  const RecordHeader header = Decoder::header(rest).take();
  std::string payload(rest.substr(record_header_size, header.size));
  payload[0] = codec_version + 1;
  RecordHeader forged = header;
  forged.payload_checksum = checksum_of(payload);
  Decoder decoder;
  const auto read = decoder.decode(forged, std::move(payload));
  ASSERT_FALSE(read.ok());
  EXPECT_TRUE(read.error().is(errors::newer));
}

// Prints the rates; only a very slow answer fails.
TEST(codec, is_fast) {
  support::BatchWriter writer;
  const auto table = support::two_column_table("t");
  writer.transaction(table, 7, 1, 8000);
  const std::string text(400, 'x');
  for (int i = 0; i < 8000; ++i) writer.insert(table, i, text);
  const model::ChangeBatch batch = writer.take();
  constexpr int rounds = 50;
  const auto started = std::chrono::steady_clock::now();
  std::string bytes;
  Encoder encoder;
  for (int i = 0; i < rounds; ++i) {
    bytes.clear();
    encoder.encode(batch, {}, bytes);
  }
  const auto encoded = std::chrono::steady_clock::now();
  bytes.clear();
  Encoder().encode(batch, {}, bytes);
  for (int i = 0; i < rounds; ++i) ASSERT_TRUE(decode_all(bytes).ok());
  const auto decoded = std::chrono::steady_clock::now();
  const double total = double(batch.weight()) * rounds / 1e9;
  const double encode_rate = total / std::chrono::duration<double>(encoded - started).count();
  const double decode_rate = total / std::chrono::duration<double>(decoded - encoded).count();
  RecordProperty("encode_gb_per_s", std::to_string(encode_rate));
  std::printf("encode %.2f GB/s, decode %.2f GB/s\n", encode_rate, decode_rate);
  EXPECT_GT(encode_rate, 0.01);
}

}  // namespace
}  // namespace relay
