// SPDX-License-Identifier: Apache-2.0
//
// The DDL that applications do between other changes: columns come, go, change name and type; tables are dropped and
// made again under the same name.
#include <algorithm>

#include "sim/workload.h"

namespace sim {
namespace {

constexpr std::size_t fixed_columns = 4;  // id, second, version and single stay

using Maker = std::function<Value(const Row&)>;

// An ALTER TABLE in the making: the shape, and for each column what a row's cell becomes.
struct Draft {
  explicit Draft(const model::TableSchema& before) : shape(std::make_shared<model::TableSchema>(before)) {
    for (std::size_t i = 0; i < before.columns.size(); ++i) {
      makers.push_back([i](const Row& row) { return row[i]; });
    }
  }
  Alteration finish() const {
    return {shape,
            [makers = makers](const Row& old) {
              Row row;
              for (const Maker& maker : makers) row.push_back(maker(old));
              return row;
            },
            rewrites, converts};
  }

  std::shared_ptr<model::TableSchema> shape;
  std::vector<Maker> makers;
  bool rewrites = false, converts = false;
};

}  // namespace

bool Workload::add_column(std::uint64_t xid, const SourceTable& table) {
  Draft draft(*table.rows.schema());
  model::Column column;
  column.ordinal = table.highest + 1;
  column.name = fmt::format("c{}", column.ordinal);
  if (draft.shape->find_column(column.name)) column.name = fmt::format("n{}", next_version_++);
  // Under the name of one that is gone.
  if (!gone_names_.empty() && chance_.percent(40)) {
    const std::string& gone = gone_names_[chance_.below(gone_names_.size())];
    if (!draft.shape->find_column(gone)) column.name = gone;
  }
  column.source_name = column.name;
  const bool is_number = chance_.percent(50);
  column.type = column_type(is_number);
  const std::uint64_t kind = chance_.below(100);
  Value value;
  if (kind < 20) {
    column.default_expression = is_number ? "7" : "'filled'::text";
    value = is_number ? whole_number(7) : Value("filled");
    draft.makers.push_back([value](const Row&) { return value; });
  } else if (kind < 28) {
    column.default_expression = is_number ? "length('computed')" : "md5('computed')";
    draft.rewrites = true;
    draft.makers.push_back([is_number](const Row& row) {
      const std::int64_t number = model::load_fixed(*row[0]) * 3;
      return is_number ? whole_number(number) : Value(std::to_string(number));
    });
  } else {
    draft.makers.push_back([](const Row&) { return Value(); });
  }
  draft.shape->columns.push_back(std::move(column));
  return server_.alter(xid, draft.finish());
}

bool Workload::drop_column(std::uint64_t xid, const SourceTable& table) {
  Draft draft(*table.rows.schema());
  const std::size_t count = draft.shape->columns.size();
  if (count <= fixed_columns) return false;
  const std::size_t place = fixed_columns + chance_.below(count - fixed_columns);
  const std::string name = draft.shape->columns[place].name;
  draft.shape->columns.erase(draft.shape->columns.begin() + std::ptrdiff_t(place));
  draft.makers.erase(draft.makers.begin() + std::ptrdiff_t(place));
  if (!server_.alter(xid, draft.finish())) return false;
  gone_names_.push_back(name);
  return true;
}

bool Workload::rename_column(std::uint64_t xid, const model::TableName& name, std::size_t place,
                             const std::string& to) {
  Draft draft(*server_.tables().at(name).rows.schema());
  model::Column& column = draft.shape->columns[place];
  const std::string before = column.name;
  column.name = column.source_name = to;
  if (!server_.alter(xid, draft.finish())) return false;
  gone_names_.push_back(before);
  return true;
}

// To a new name, or two columns exchange theirs.
bool Workload::rename_columns(std::uint64_t xid, const SourceTable& table) {
  const model::TableSchema before = *table.rows.schema();
  const std::size_t count = before.columns.size();
  if (count <= fixed_columns) return false;
  const std::size_t place = fixed_columns + chance_.below(count - fixed_columns);
  const std::size_t other = fixed_columns + chance_.below(count - fixed_columns);
  const std::string passing = fmt::format("r{}", next_version_++);
  if (!rename_column(xid, before.name, place, passing)) return false;
  if (place == other || chance_.percent(60)) return true;
  return rename_column(xid, before.name, other, before.columns[place].name) &&
         rename_column(xid, before.name, place, before.columns[other].name);
}

bool Workload::retype_column(std::uint64_t xid, const SourceTable& table) {
  Draft draft(*table.rows.schema());
  std::vector<std::size_t> numbers;
  for (std::size_t i = fixed_columns; i < draft.shape->columns.size(); ++i) {
    // Nobody can tell by the catalogue that rows were filled by a default that went with a rewrite.
    const bool is_lost = !plan_.tells_ddl && !draft.shape->columns[i].default_expression.empty();
    if (model::is_fixed(draft.shape->columns[i].type.type) && !is_lost) numbers.push_back(i);
  }
  if (numbers.empty()) return false;
  const std::size_t place = numbers[chance_.below(numbers.size())];
  draft.shape->columns[place].type = column_type(false);
  draft.shape->columns[place].default_expression.clear();
  draft.rewrites = true;
  draft.converts = chance_.percent(25);
  draft.makers[place] = [place, converts = draft.converts](const Row& row) {
    if (!row[place]) return Value();
    return Value((converts ? "u" : "") + std::to_string(model::load_fixed(*row[place])));
  };
  return server_.alter(xid, draft.finish());
}

// The last column goes and comes again under its name in one statement: nothing shows in what the log says of the rows
// but that their cells are gone.
bool Workload::replace_last_column(std::uint64_t xid, const SourceTable& table) {
  Draft draft(*table.rows.schema());
  if (draft.shape->columns.size() <= fixed_columns) return add_column(xid, table);
  model::Column& column = draft.shape->columns.back();
  column.ordinal = table.highest + 1;
  column.default_expression.clear();
  draft.makers.back() = [](const Row&) { return Value(); };
  return server_.alter(xid, draft.finish());
}

// A column that came goes again, before another one comes.
bool Workload::pass_column(std::uint64_t xid, const SourceTable& table) {
  constexpr std::int32_t highest_at_first = 6;
  Draft draft(*table.rows.schema());
  if (draft.shape->columns.back().ordinal <= highest_at_first) return add_column(xid, table);
  const std::string name = draft.shape->columns.back().name;
  draft.shape->columns.pop_back();
  draft.makers.pop_back();
  if (!server_.alter(xid, draft.finish())) return false;
  gone_names_.push_back(name);
  return true;
}

bool Workload::alter_table(std::uint64_t xid, const TablePlan& plan) {
  if (plan.kind == TableKind::bank) return false;
  const SourceTable& table = server_.tables().at(plan.schema->name);
  const WorkloadPlan& work = plan_.workload;
  if (work.last_column_share > 0 && chance_.percent(work.last_column_share)) return replace_last_column(xid, table);
  if (work.passing_column_share > 0 && chance_.percent(work.passing_column_share)) return pass_column(xid, table);
  const std::uint64_t kind = chance_.below(100);
  if (kind < 45) return add_column(xid, table);
  if (kind < 65) return drop_column(xid, table);
  if (kind < 90) return rename_columns(xid, table);
  return retype_column(xid, table);
}

// A table goes, or one that went comes back: another one, under its name.
void Workload::drop_or_make_table() {
  if (!gone_.empty() && chance_.percent(60)) {
    auto schema = std::make_shared<model::TableSchema>(*gone_.back()->schema);
    schema->source_id = next_table_id_++;
    const TablePlan& table = *gone_.back();
    known_.push_back(&table);
    gone_.pop_back();
    return server_.create_table(schema, row_filter(table));
  }
  const std::size_t place = chance_.below(known_.size());
  const TablePlan* table = known_[place];
  const bool stays = known_.size() < 2 || table->kind == TableKind::bank || table->parent >= 0 || is_parent(*table);
  if (stays || !server_.drop_table(table->schema->name)) return;
  known_.erase(known_.begin() + std::ptrdiff_t(place));
  gone_.push_back(table);
}

}  // namespace sim
