// SPDX-License-Identifier: Apache-2.0
//
// Rows of the load and changes of the stream through the same rules.
#include "mapping/transform.h"

#include <gtest/gtest.h>

#include "model/cell_text.h"

namespace mapping {
namespace {

using model::CellState;
using model::Op;
using model::Type;
using Cells = std::vector<std::string>;  // texts; "-" NULL, "~" unchanged, "!" absent, "?" misfit

model::TableSchema table() {
  model::TableSchema schema;
  schema.name = {"public", "t"};
  for (const auto& [name, type] : {std::pair("id", Type::int4), std::pair("name", Type::string),
                                   std::pair("price", Type::numeric), std::pair("day", Type::date)}) {
    model::Column column;
    column.name = name;
    column.type.type = type;
    column.ordinal = static_cast<std::int32_t>(schema.columns.size()) + 1;
    schema.columns.push_back(column);
  }
  schema.primary_key = schema.old_key = {0};
  return schema;
}

std::string rule(int id, std::string_view action, std::string_view column, std::string_view more) {
  return fmt::format(R"(,{{"rule-type":"transformation","rule-id":"{}","rule-action":"{}","rule-target":"column",)"
                     R"("object-locator":{{"schema-name":"public","table-name":"t"{}}}{}}})",
                     id, action, column.empty() ? "" : fmt::format(R"(,"column-name":"{}")", column), more);
}

std::string added(int id, std::string_view name, std::string_view expression, std::string_view type = "string") {
  return rule(id, "add-column", "",
              fmt::format(R"(,"value":"{}","expression":"{}","data-type":{{"type":"{}"}})", name, expression, type));
}

class Rows {
 public:
  explicit Rows(const std::string& rules, model::TableSchema source = table()) : source_(std::move(source)) {
    const auto mapping = Mapping::parse(R"({"rules":[{"rule-type":"selection","rule-id":"1","rule-action":"include",)"
                                        R"("object-locator":{"schema-name":"public","table-name":"t"}})" +
                                        rules + "]}");
    EXPECT_TRUE(mapping.ok()) << mapping.error().text();
    auto mapped = mapping->map(source_);
    EXPECT_TRUE(mapped.ok()) << mapped.error().text();
    mapped_ = mapped.take();
    EXPECT_TRUE(mapped_.computes);
    transform_ = RowTransform::open(source_, mapped_, [](const model::Position& position) {
                   return std::to_string(position.log);
                 }).take();
  }

  // One row of the full load.
  Cells load(const Cells& row) {
    model::RowBatch in(mapped_.read);
    for (std::size_t i = 0; i < in.columns.size(); ++i) add(in.columns[i], row[mapped_.read_columns[i]]);
    in.rows = 1;
    const auto out = transform_->load(in, 1'700'000'000'000'000);
    if (!out.ok()) return {out.error().message};
    if (!(*out)->rejected.empty()) return {"rejected", (*out)->rejected[0]};
    Cells cells;
    for (const model::ColumnVector& column : (*out)->columns) {
      cells.push_back(column.present[0] == 0 ? "-" : model::column_text(column, 0));
    }
    return cells;
  }

  // The new image, or the old one when there is no new one.
  Cells stream(Op op, const Cells& before, const Cells& after) {
    batch_ = model::ChangeBatch();
    model::Change change;
    change.op = op;
    change.position = {77, 3, ""};
    change.commit_time = 1'700'000'000'120'000;
    add(before, change.old_first, change.old_count);
    add(after, change.new_first, change.new_count);
    const auto done = transform_->change(batch_, change);
    if (!done.ok()) return {done.error().message};
    op_ = change.op;
    old_ = texts(change.old_first, change.old_count);
    return change.new_count != 0 ? texts(change.new_first, change.new_count) : old_;
  }

  const MappedTable& mapped() const { return mapped_; }
  Op op() const { return op_; }
  const Cells& old_image() const { return old_; }

 private:
  void add(model::ColumnVector& column, const std::string& text) {
    if (text == "-") return column.add_null();
    if (column.type == Type::int4) return column.add_fixed(std::stoi(text));
    if (column.type == Type::date) return column.add_fixed(std::stoi(text));
    column.add_bytes(text);
  }

  void add(const Cells& cells, std::uint32_t& first, std::uint32_t& count) {
    first = static_cast<std::uint32_t>(batch_.cells.size());
    count = static_cast<std::uint32_t>(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      model::Cell cell;
      cell.offset = batch_.bytes.size();
      cell.state = cells[i] == "-"   ? CellState::null
                   : cells[i] == "~" ? CellState::unchanged
                   : cells[i] == "!" ? CellState::absent
                                     : CellState::value;
      const bool is_fixed = model::is_fixed(source_.columns[i].type.type);
      if (cell.state == CellState::value && is_fixed) model::append_fixed(batch_.bytes, std::stoi(cells[i]));
      if (cell.state == CellState::value && !is_fixed) batch_.bytes += cells[i];
      cell.size = static_cast<std::uint32_t>(batch_.bytes.size() - cell.offset);
      batch_.cells.push_back(cell);
    }
  }

  Cells texts(std::uint32_t first, std::uint32_t count) const {
    Cells out;
    for (std::uint32_t i = 0; i < count; ++i) {
      const model::Cell& cell = batch_.cells[first + i];
      switch (cell.state) {
        case CellState::null: out.push_back("-"); break;
        case CellState::unchanged: out.push_back("~"); break;
        case CellState::absent: out.push_back("!"); break;
        case CellState::misfit: out.push_back("?"); break;
        case CellState::value:
          out.push_back(model::cell_text(mapped_.target->columns[i].type.type, batch_.cell_bytes(cell)));
      }
    }
    return out;
  }

  model::TableSchema source_;
  MappedTable mapped_;
  std::unique_ptr<RowTransform> transform_;
  model::ChangeBatch batch_;
  Op op_ = Op::message;
  Cells old_;
};

TEST(RowTransform, load_and_stream_give_the_same_row) {
  Rows rows(added(2, "both", "$name || ':' || $price") + added(3, "next", "date($day, '+1 day')", "date") +
            rule(4, "change-data-type", "id", R"(,"data-type":{"type":"string","length":10})") +
            rule(5, "data-masking-digits-mask", "name", R"(,"value":"*")") + rule(6, "remove-column", "price", ""));
  const Cells wanted{"7", "a**", "2024-02-29", "a12:2.5", "2024-03-01"};
  EXPECT_EQ(rows.load({"7", "a12", "2.50", "19782"}), wanted);
  EXPECT_EQ(rows.stream(Op::insert, {}, {"7", "a12", "2.50", "19782"}), wanted);
  EXPECT_EQ(rows.stream(Op::update, {}, {"7", "a12", "2.50", "19782"}), wanted);
  EXPECT_EQ(rows.load({"7", "-", "-", "-"}), (Cells{"7", "-", "-", "-", "-"}));
}

TEST(RowTransform, keys_are_changed_in_old_images_too) {
  Rows rows(rule(2, "change-data-type", "id", R"(,"data-type":{"type":"string","length":10})"));
  EXPECT_EQ(rows.stream(Op::remove, {"7", "!", "!", "!"}, {}), (Cells{"7", "!", "!", "!"}));
  EXPECT_EQ(rows.mapped().target->columns[0].type.type, Type::string);
}

TEST(RowTransform, header_variables) {
  Rows rows(added(2, "op", "$AR_H_OPERATION") + added(3, "at", "$AR_H_COMMIT_TIMESTAMP", "datetime") +
            added(4, "position", "$AR_H_STREAM_POSITION") + added(5, "sequence", "$AR_H_CHANGE_SEQ"));
  EXPECT_EQ(rows.load({"1", "a", "1", "0"}),
            (Cells{"1", "a", "1", "1970-01-01", "INSERT", "2023-11-14 22:13:20", "", ""}));
  EXPECT_EQ(rows.stream(Op::update, {}, {"1", "a", "1", "0"}),
            (Cells{"1", "a", "1", "1970-01-01", "UPDATE", "2023-11-14 22:13:20.12", "77",
                   "2023111422132012"
                   "0000000007700000003"}));
}

TEST(RowTransform, operation_indicator_makes_updates_of_deletes) {
  Rows rows(added(2, "op", "operation_indicator('D', 'U', 'I')"));
  EXPECT_EQ(rows.load({"1", "a", "1", "0"}).back(), "I");
  EXPECT_EQ(rows.stream(Op::remove, {"1", "!", "!", "!"}, {}), (Cells{"1", "~", "~", "~", "D"}));
  EXPECT_EQ(rows.op(), Op::update);
  EXPECT_EQ(rows.stream(Op::update, {}, {"1", "a", "1", "0"}).back(), "U");
}

TEST(RowTransform, before_images) {
  model::TableSchema source = table();
  source.old_image = model::OldImage::full;
  Rows rows(rule(2, "add-before-image-columns", "", R"(,"before-image-def":{"column-filter":"all"})") +
                added(3, "was", "$BI__name"),
            source);
  EXPECT_EQ(rows.load({"1", "a", "1", "0"}), (Cells{"1", "a", "1", "1970-01-01", "-", "-", "-", "-", "-"}));
  EXPECT_EQ(rows.stream(Op::update, {"1", "old", "-", "0"}, {"1", "new", "2", "0"}),
            (Cells{"1", "new", "2", "1970-01-01", "1", "old", "-", "1970-01-01", "old"}));
  EXPECT_TRUE(rows.mapped().stream_problems.empty());
  Rows key(rule(2, "add-before-image-columns", "", ""));
  EXPECT_EQ(key.stream(Op::update, {}, {"1", "a", "1", "0"}), (Cells{"1", "a", "1", "1970-01-01", "1"}));
  EXPECT_EQ(key.stream(Op::update, {"9", "!", "!", "!"}, {"1", "a", "1", "0"}).back(), "9");
}

TEST(RowTransform, what_the_log_does_not_say) {
  Rows rows(added(2, "loud", "upper($name)") + added(3, "both", "$name || $price"));
  EXPECT_EQ(rows.stream(Op::update, {}, {"1", "~", "~", "0"}), (Cells{"1", "~", "~", "1970-01-01", "~", "~"}));
  const Cells failed = rows.stream(Op::update, {}, {"1", "~", "2", "0"});
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_NE(failed[0].find("column both (rule 3): at 77 the log does not repeat"), std::string::npos) << failed[0];
}

TEST(RowTransform, a_row_that_fails) {
  Rows rows(added(2, "n", "$name", "int4"));
  EXPECT_EQ(rows.stream(Op::insert, {}, {"1", "secret", "1", "0"}), (Cells{"1", "secret", "1", "1970-01-01", "?"}));
  rows.load({"1", "5", "1", "0"});
  EXPECT_EQ(rows.load({"1", "secret", "1", "0"}),
            (Cells{"rejected", "column n (rule 2), row 2 of the chunk: the expression's value is no INT4"}));
}

TEST(RowTransform, what_streams_cannot_do_is_named) {
  Rows random(rule(2, "data-masking-digits-randomize", "id", ""));
  ASSERT_EQ(random.mapped().stream_problems.size(), 1u);
  EXPECT_NE(random.mapped().stream_problems[0].find("column id finds rows"), std::string::npos);
  Rows before(added(2, "was", "$BI__name"));
  ASSERT_EQ(before.mapped().stream_problems.size(), 1u);
}

}  // namespace
}  // namespace mapping
