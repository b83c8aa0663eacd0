// SPDX-License-Identifier: Apache-2.0
//
// Tests only: the rows of one table out of a server's binary log, as texts. One thread.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/mysql/binlog_rows.h"
#include "connectors/mysql/log_server_fixture.h"

namespace mysql_test {

namespace binlog = mysql::binlog;
using binlog::RawCell;
using binlog::RawState;

using Cells = std::vector<std::optional<std::string>>;

struct LoggedRow {
  binlog::RowsKind kind;
  Cells before, after;
};

inline std::string cell_text(binlog::CellDecoder& decoder, std::size_t column, const RawCell& raw,
                             const RawCell* before) {
  std::string text;
  mysql::Converted converted = mysql::Converted::value;
  if (raw.state == RawState::absent) return "<absent>";
  if (raw.state == RawState::json_diff) {
    if (before == nullptr || before->state != RawState::value) return "<difference>";
    converted = binlog::CellDecoder::append_patched_json(before->bytes, raw.bytes, text);
  } else {
    converted = decoder.append_native(column, raw.bytes, text);
  }
  return converted == mysql::Converted::value ? text : "<misfit: " + text + ">";
}

// Reads a whole log, keeping the rows of one table.
class LogReader {
 public:
  LogReader(std::string table, std::vector<mysql::NativeType> natives)
      : table_(std::move(table)), natives_(std::move(natives)) {}

  void read(const std::vector<std::string>& events) {
    for (const std::string& bytes : events) {
      const auto event = decoder_.decode(bytes);
      ASSERT_TRUE(event.ok()) << event.error().text();
      ++kinds[static_cast<int>(event.value()->header.type)];
      take(*event.value());
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  std::vector<LoggedRow> rows;
  std::map<int, int> kinds;  // how many events of each type
  binlog::TableShape shape;

 private:
  void take(const binlog::Event& event) {
    if (const auto* map = std::get_if<binlog::TableMap>(&event.body)) {
      if (map->table != table_) {
        is_ours_ = false;
        return;
      }
      is_ours_ = true;
      auto parsed = binlog::parse_shape(*map);
      ASSERT_TRUE(parsed.ok()) << parsed.error().text();
      shape = parsed.take();
      auto made = binlog::CellDecoder::make(shape, natives_);
      ASSERT_TRUE(made.ok()) << made.error().text();
      cells_.emplace(made.take());
    } else if (const auto* payload = std::get_if<binlog::TransactionPayload>(&event.body)) {
      ASSERT_TRUE(reader_.open(*payload, decoder_).ok());
      while (true) {
        const auto inner = reader_.next();
        ASSERT_TRUE(inner.ok()) << inner.error().text();
        if (inner.value() == nullptr) break;
        ++kinds[static_cast<int>(inner.value()->header.type)];
        take(*inner.value());
      }
    } else if (const auto* found = std::get_if<binlog::Rows>(&event.body); found != nullptr && is_ours_) {
      take_rows(*found);
    }
  }
  void take_rows(const binlog::Rows& event) {
    binlog::RowReader reader(shape, event);
    while (true) {
      const auto more = reader.next();
      ASSERT_TRUE(more.ok()) << more.error().text();
      if (!more.value()) return;
      LoggedRow& row = rows.emplace_back();
      row.kind = event.kind;
      row.before = texts(reader.before(), nullptr);
      row.after = texts(reader.after(), &reader.before());
    }
  }
  Cells texts(const std::vector<RawCell>& image, const std::vector<RawCell>* before) {
    Cells made;
    for (std::size_t i = 0; i < image.size(); ++i) {
      if (image[i].state == RawState::null) {
        made.push_back(std::nullopt);
        continue;
      }
      const RawCell* old = before != nullptr && !before->empty() ? &(*before)[i] : nullptr;
      made.push_back(cell_text(*cells_, i, image[i], old));
    }
    return made;
  }

  const std::string table_;
  const std::vector<mysql::NativeType> natives_;
  binlog::Decoder decoder_;
  binlog::PayloadReader reader_;
  std::optional<binlog::CellDecoder> cells_;
  bool is_ours_ = false;
};

struct TableTypes {
  std::vector<mysql::NativeType> natives;
  std::string select;  // the columns as the load selects them
};

inline TableTypes types_of(SqlSession& db, const std::string& table) {
  TableTypes made;
  for (const auto& row : db.rows("SELECT column_name, column_type, coalesce(collation_name, '') FROM "
                                 "information_schema.columns WHERE table_schema = 't' AND table_name = '" +
                                 table + "' ORDER BY ordinal_position")) {
    auto native = mysql::parse_type(*row[1], *row[2]);
    EXPECT_TRUE(native.ok()) << *row[1];
    made.natives.push_back(native.value());
    made.select += (made.select.empty() ? "`" : ", `") + *row[0] + "`";
    if (native.value().kind == mysql::Kind::real4) made.select += " + 0e0";
  }
  return made;
}

}  // namespace mysql_test
