// SPDX-License-Identifier: Apache-2.0
#include "mapping/filter.h"

#include <gtest/gtest.h>

namespace mapping {
namespace {

using FilterOp = FilterOperator;

model::TableSchema photos() {
  model::TableSchema schema;
  schema.name = {"public", "orders"};
  model::Column column;
  column.name = "id";
  column.type.type = model::Type::int4;
  schema.columns.push_back(column);
  column.name = "region \"x\"";
  column.type.type = model::Type::string;
  schema.columns.push_back(column);
  column.name = "photo";
  column.type.type = model::Type::blob;
  schema.columns.push_back(column);
  return schema;
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) out += c == quote ? std::string(2, quote) : std::string(1, c);
  return out + quote;
}

model::Comparison plain(const model::TableSchema&, const model::Column& column) {
  return model::plain_comparison(column.type.type);
}

base::Result<std::string> sql(std::vector<Filter> filters) {
  const model::TableSchema source = photos();
  const auto filter = TRY(TableFilter::compile(filters, source, plain));
  return filter.sql([](std::string_view t) { return quoted(t, '"'); },
                    [](std::string_view t) { return quoted(t, '\''); });
}

Filter id(std::vector<FilterCondition> conditions) { return Filter{"1", "id", std::move(conditions)}; }

TEST(Filter, including_conditions_are_joined_by_or) {
  EXPECT_EQ(*sql({id({{FilterOp::eq, "1", ""}, {FilterOp::between, "3", "5"}})}),
            R"(("id" = '1' OR ("id" >= '3' AND "id" <= '5')))");
}

TEST(Filter, negative_conditions_are_joined_by_and) {
  EXPECT_EQ(*sql({id({{FilterOp::noteq, "1", ""}, {FilterOp::notbetween, "3", "5"}})}),
            R"(("id" <> '1' AND ("id" < '3' OR "id" > '5')))");
}

TEST(Filter, negative_keeps_nulls_out_even_beside_null) {
  EXPECT_EQ(*sql({id({{FilterOp::gte, "1", ""}, {FilterOp::null, "", ""}, {FilterOp::noteq, "4", ""}})}),
            R"(("id" >= '1' OR "id" IS NULL) AND ("id" <> '4'))");
}

TEST(Filter, several_filters_are_joined_by_and_and_quoted) {
  EXPECT_EQ(*sql({id({{FilterOp::notnull, "", ""}}), Filter{"1", "region \"x\"", {{FilterOp::eq, "it's", ""}}}}),
            R"(("id" IS NOT NULL) AND ("region ""x""" = 'it''s'))");
}

TEST(Filter, refuses_what_the_server_would_refuse_later) {
  EXPECT_FALSE(sql({id({{FilterOp::eq, "one", ""}})}).ok());
  EXPECT_FALSE(sql({id({{FilterOp::eq, "1 OR 1=1", ""}})}).ok());
  EXPECT_FALSE(sql({Filter{"1", "missing", {{FilterOp::eq, "1", ""}}}}).ok());
  EXPECT_FALSE(sql({Filter{"1", "photo", {{FilterOp::null, "", ""}}}}).ok());
  EXPECT_FALSE(sql({Filter{"1", "region \"x\"", {{FilterOp::eq, std::string("a\0b", 3), ""}}}}).ok());
}

TEST(Filter, literals_are_brought_into_one_form) {
  EXPECT_EQ(*sql({id({{FilterOp::eq, " +007 ", ""}, {FilterOp::gte, "-0", ""}})}), R"(("id" = '7' OR "id" >= '0'))");
  EXPECT_FALSE(sql({id({{FilterOp::eq, "2147483648", ""}})}).ok());
  EXPECT_FALSE(sql({id({{FilterOp::eq, "1.0", ""}})}).ok());
  const auto plain_of = [](model::Type type, const char* text) {
    return Comparer(model::plain_comparison(type), type).literal(text).value_or("refused");
  };
  EXPECT_EQ(plain_of(model::Type::numeric, "1.50e2"), "150");
  EXPECT_EQ(plain_of(model::Type::numeric, "-.50E-2"), "-0.005");
  EXPECT_EQ(plain_of(model::Type::numeric, "-0.000"), "0");
  EXPECT_EQ(plain_of(model::Type::numeric, "1e99999"), "refused");
  EXPECT_EQ(plain_of(model::Type::real4, "0.1"), "0.1");
  EXPECT_EQ(plain_of(model::Type::real4, "1e40"), "refused");
  EXPECT_EQ(plain_of(model::Type::real8, "NaN"), "NaN");
  EXPECT_EQ(plain_of(model::Type::date, "2024-02-29 10:00"), "2024-02-29");
  EXPECT_EQ(plain_of(model::Type::date, "2024-02-30"), "refused");
  EXPECT_EQ(plain_of(model::Type::date, "01-FEB-2024"), "refused");
  EXPECT_EQ(plain_of(model::Type::datetime, "2024-02-29T10:00:00.500Z"), "2024-02-29 10:00:00.5");
  EXPECT_EQ(plain_of(model::Type::time, "10:00"), "10:00:00");
  EXPECT_EQ(plain_of(model::Type::boolean, "YES"), "t");
  EXPECT_EQ(plain_of(model::Type::boolean, "maybe"), "refused");
  EXPECT_EQ(plain_of(model::Type::uint8, "18446744073709551615"), "18446744073709551615");
}

TEST(Filter, decimals_of_any_length_are_compared_as_numbers) {
  const std::vector<const char*> ascending{"-Infinity", "-10",  "-9.99", "-0.001", "0.0",
                                           "0.0010",    "0.01", "9",     "10.5",   "99999999999999999999999999999999",
                                           "Infinity",  "NaN"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      EXPECT_EQ(compare_decimals(ascending[i], ascending[k]), i < k ? -1 : i > k ? 1 : 0) << i << " " << k;
    }
  }
  EXPECT_EQ(compare_decimals("1.50", "01.5"), 0);
  EXPECT_EQ(compare_decimals("-0", "0.00"), 0);
}

// ---- the stream ----

using model::CellState;

// Rows of photos() as texts: "-" NULL, "~" unchanged, "!" absent.
class Followed {
 public:
  Followed(const std::vector<Filter>& filters, model::OldImage image) : source_(photos()) {
    source_.old_image = image;
    if (image == model::OldImage::key) source_.old_key = {0};
    source_.primary_key = {0};
    filter_ = std::make_unique<TableFilter>(TableFilter::compile(filters, source_, plain).take());
    batch_.table_index(std::make_shared<const model::TableSchema>(source_), model::CellForm::native);
  }

  // "insert 1 a b", "nothing", or the message of a failure.
  std::string change(model::Op op, const std::vector<std::string>& before, const std::vector<std::string>& after) {
    model::Change change;
    change.op = op;
    change.table = 0;
    add(before, change.old_first, change.old_count);
    add(after, change.new_first, change.new_count);
    const auto stays = filter_->follow(batch_, change, nullptr);
    if (!stays.ok()) return stays.error().message;
    if (!*stays) return "nothing";
    const char* name = change.op == model::Op::insert ? "insert" : change.op == model::Op::update ? "update" : "delete";
    return name + (change.new_count != 0 ? text(change.new_first) : text(change.old_first));
  }
  const std::vector<std::string>& problems() const { return filter_->stream_problems(); }

 private:
  void add(const std::vector<std::string>& cells, std::uint32_t& first, std::uint32_t& count) {
    first = static_cast<std::uint32_t>(batch_.cells.size());
    count = static_cast<std::uint32_t>(cells.size());
    for (const std::string& given : cells) {
      model::Cell cell;
      cell.state = given == "-"   ? CellState::null
                   : given == "~" ? CellState::unchanged
                   : given == "!" ? CellState::absent
                                  : CellState::value;
      cell.offset = batch_.bytes.size();
      cell.size = static_cast<std::uint32_t>(given.size());
      batch_.bytes += given;
      batch_.cells.push_back(cell);
    }
  }
  std::string text(std::uint32_t first) const {
    std::string out;
    for (std::uint32_t i = 0; i < 3; ++i) out += " " + std::string(batch_.cell_bytes(batch_.cells[first + i]));
    return out;
  }

  model::TableSchema source_;
  std::unique_ptr<TableFilter> filter_;
  model::ChangeBatch batch_;
};

TEST(FilterStream, updates_move_rows_in_and_out) {
  Followed rows({Filter{"1", "region \"x\"", {{FilterOperator::eq, "in", ""}}}}, model::OldImage::full);
  EXPECT_EQ(rows.change(model::Op::insert, {}, {"1", "in", "p"}), "insert 1 in p");
  EXPECT_EQ(rows.change(model::Op::insert, {}, {"1", "out", "p"}), "nothing");
  EXPECT_EQ(rows.change(model::Op::update, {"1", "in", "p"}, {"2", "in", "p"}), "update 2 in p");
  EXPECT_EQ(rows.change(model::Op::update, {"1", "out", "p"}, {"1", "-", "p"}), "nothing");
  EXPECT_EQ(rows.change(model::Op::update, {"1", "in", "p"}, {"2", "out", "p"}), "delete 1 in p");
  EXPECT_EQ(rows.change(model::Op::update, {"1", "out", "p"}, {"2", "in", "q"}), "insert 2 in q");
  EXPECT_EQ(rows.change(model::Op::remove, {"1", "in", "p"}, {}), "delete 1 in p");
  EXPECT_EQ(rows.change(model::Op::remove, {"1", "out", "p"}, {}), "nothing");
}

TEST(FilterStream, what_the_log_does_not_repeat_comes_from_the_old_row) {
  Followed rows({Filter{"1", "region \"x\"", {{FilterOperator::eq, "in", ""}}}}, model::OldImage::full);
  EXPECT_EQ(rows.change(model::Op::update, {"1", "out", "photo"}, {"1", "in", "~"}), "insert 1 in photo");
  EXPECT_EQ(rows.change(model::Op::update, {"1", "in", "photo"}, {"2", "~", "~"}), "update 2 ~ ~");
  EXPECT_EQ(rows.change(model::Op::update, {"1", "out", "photo"}, {"2", "~", "~"}), "nothing");
}

TEST(FilterStream, with_the_key_alone) {
  Followed rows({id({{FilterOperator::gte, "10", ""}})}, model::OldImage::key);
  EXPECT_TRUE(rows.problems().empty());
  EXPECT_EQ(rows.change(model::Op::update, {}, {"10", "a", "p"}), "update 10 a p");
  EXPECT_EQ(rows.change(model::Op::update, {}, {"9", "a", "p"}), "nothing");
  EXPECT_EQ(rows.change(model::Op::update, {"9", "!", "!"}, {"10", "a", "p"}), "insert 10 a p");
  EXPECT_EQ(rows.change(model::Op::update, {"10", "!", "!"}, {"9", "a", "p"}), "delete 10 ! !");
  EXPECT_EQ(rows.change(model::Op::remove, {"9", "!", "!"}, {}), "nothing");
  const std::string hole = rows.change(model::Op::update, {"9", "!", "!"}, {"10", "a", "~"});
  EXPECT_NE(hole.find("the unchanged large value of column photo of a row that moves into the filter"),
            std::string::npos)
      << hole;
  Followed outside({Filter{"7", "region \"x\"", {{FilterOperator::eq, "in", ""}}}}, model::OldImage::key);
  ASSERT_EQ(outside.problems().size(), 1u);
  EXPECT_NE(outside.problems()[0].find("rule 7: the filter needs the value of column region"), std::string::npos);
}

}  // namespace
}  // namespace mapping
