// SPDX-License-Identifier: Apache-2.0
#include "main/mapping_rows.h"

#include <map>
#include <optional>

#include "base/json.h"
#include "formats/csv.h"
#include "main/errors.h"
#include "mapping/transform.h"
#include "model/cell_text.h"

namespace main_program {
namespace {

using base::Result;
using nlohmann::json;
using nlohmann::ordered_json;
using Cells = std::vector<std::optional<std::string>>;  // one for each stored column of the source

// Takes the rows of a file apart.
class RowFile {
 public:
  RowFile(const model::TableSchema& source, std::string_view text, bool is_csv)
      : source_(source), text_(text), is_csv_(is_csv), csv_(formats::CsvFormat{}) {
    const std::vector<std::uint32_t> stored = model::stored_columns(source);
    for (std::size_t i = 0; i < stored.size(); ++i) places_[source.columns[stored[i]].name] = i;
    if (!is_csv) return;
    csv_.append(text);
    csv_.finish();
  }

  // nullopt at the end.
  Result<std::optional<Cells>> next() {
    if (is_csv_) return next_csv();
    while (!text_.empty()) {
      const std::size_t end = std::min(text_.find('\n'), text_.size());
      const std::string_view line = text_.substr(0, end);
      text_.remove_prefix(std::min(end + 1, text_.size()));
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      ++row_;
      return std::optional(TRY(json_row(line)));
    }
    return std::optional<Cells>();
  }
  std::uint64_t row() const { return row_; }

 private:
  Result<std::size_t> place_of(const std::string& name) const {
    const auto found = places_.find(name);
    if (found != places_.end()) return found->second;
    return base::failed(errors::bad_rows, "row {}: table {} has no column {}", row_, source_.name.text(),
                        base::printable(name));
  }

  Result<Cells> json_row(std::string_view line) {
    const json members = TRY(base::parse_json(line, fmt::format("row {}", row_)));
    if (!members.is_object()) return base::failed(errors::bad_rows, "row {}: a line must be an object", row_);
    Cells cells(places_.size());
    for (const auto& [name, value] : members.items()) {
      const std::size_t place = TRY(place_of(name));
      if (value.is_null()) continue;
      cells[place] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    return cells;
  }

  Result<std::optional<Cells>> next_csv() {
    std::vector<formats::CsvField> fields;
    if (heads_.empty()) {
      if (!TRY(csv_.next(fields))) return std::optional<Cells>();
      for (const formats::CsvField& field : fields) heads_.push_back(TRY(place_of(field.text)));
    }
    if (!TRY(csv_.next(fields))) return std::optional<Cells>();
    ++row_;
    if (fields.size() != heads_.size()) {
      return base::failed(errors::bad_rows, "row {}: it has {} fields, and the first line names {}", row_,
                          fields.size(), heads_.size());
    }
    Cells cells(places_.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].quoted || !fields[i].text.empty()) cells[heads_[i]] = std::move(fields[i].text);
    }
    return std::optional(std::move(cells));
  }

  const model::TableSchema& source_;
  std::string_view text_;
  const bool is_csv_;
  formats::CsvReader csv_;
  std::map<std::string, std::size_t> places_;
  std::vector<std::size_t> heads_;
  std::uint64_t row_ = 0;
};

class RowMapper {
 public:
  static Result<std::unique_ptr<RowMapper>> open(const mapping::Mapping& mapping, const model::TableSchema& source,
                                                 const mapping::Comparisons& comparisons) {
    auto mapper =
        std::make_unique<RowMapper>(source, TRY(mapping.map(source)), TRY(mapping.table_filter(source, comparisons)));
    mapper->filter_rule_ = mapping.selection(source.name, source.kind.ends_with("view")).filter_rule;
    if (!mapper->mapped_.computes) return mapper;
    mapper->transform_ = TRY(mapping::RowTransform::open(source, mapper->mapped_, nullptr));
    return mapper;
  }
  RowMapper(const model::TableSchema& source, mapping::MappedTable mapped, mapping::TableFilter filter)
      : source_(source),
        mapped_(std::move(mapped)),
        filter_(std::move(filter)),
        stored_(model::stored_columns(source)) {}

  Result<ordered_json> map(const Cells& cells) {
    std::vector<mapping::PlainCell> values(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!cells[i]) continue;
      const model::Column& column = source_.columns[stored_[i]];
      if (mapping::to_cell(mapping::Value::of(std::string_view(*cells[i])), column.type, values[i])) continue;
      return ordered_json{
          {"error", fmt::format("column {}: the value is no {}", column.name, model::type_name(column.type.type))}};
    }
    if (!filter_.empty()) {
      const mapping::TableFilter::Verdict verdict = judge(values);
      if (verdict == mapping::TableFilter::Verdict::fails) return ordered_json{{"filtered", "rule " + filter_rule_}};
      if (verdict == mapping::TableFilter::Verdict::unknown) {
        return ordered_json{{"error", "only the source's database can tell whether the filter lets it pass"}};
      }
    }
    return transform_ ? computed(values) : copied(values);
  }

 private:
  mapping::TableFilter::Verdict judge(const std::vector<mapping::PlainCell>& values) const {
    model::ChangeBatch batch;
    for (std::size_t i = 0; i < values.size(); ++i) {
      model::Cell cell;
      cell.offset = batch.bytes.size();
      if (!values[i].is_null) {
        cell.state = model::CellState::value;
        const model::Type type = source_.columns[stored_[i]].type.type;
        if (model::is_fixed(type)) {
          model::append_fixed(batch.bytes, values[i].fixed);
        } else if (model::is_real(type)) {
          model::append_real(batch.bytes, values[i].real);
        } else {
          batch.bytes += values[i].bytes;
        }
      }
      cell.size = static_cast<std::uint32_t>(batch.bytes.size() - cell.offset);
      batch.cells.push_back(cell);
    }
    return filter_.judge(batch, 0, model::CellForm::canonical);
  }

  // Our own number says it.
  static std::string without_row(std::string text) {
    const std::size_t from = text.find(", row ");
    const std::size_t to = text.find(" of the chunk", from);
    if (from != std::string::npos && to != std::string::npos) text.erase(from, to + 13 - from);
    return text;
  }

  static void add(model::ColumnVector& column, const mapping::PlainCell& value) {
    if (value.is_null) {
      column.add_null();
    } else if (model::is_fixed(column.type)) {
      column.add_fixed(value.fixed);
    } else if (model::is_real(column.type)) {
      column.add_real(value.real);
    } else {
      column.add_bytes(value.bytes);
    }
  }

  std::size_t place_of(std::uint32_t column) const {
    return static_cast<std::size_t>(std::find(stored_.begin(), stored_.end(), column) - stored_.begin());
  }

  ordered_json row_json(const model::RowBatch& rows) const {
    ordered_json result = ordered_json::object();
    const std::vector<std::uint32_t> stored = model::stored_columns(*mapped_.target);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      ordered_json value;
      if (rows.columns[i].present[0] != 0) value = model::column_text(rows.columns[i], 0);
      result[mapped_.target->columns[stored[i]].name] = std::move(value);
    }
    return ordered_json{{"result", std::move(result)}};
  }

  Result<ordered_json> computed(const std::vector<mapping::PlainCell>& values) {
    model::RowBatch in(mapped_.read);
    for (std::size_t i = 0; i < in.columns.size(); ++i) add(in.columns[i], values[place_of(mapped_.read_columns[i])]);
    in.rows = 1;
    const auto out = TRY(transform_->load(in, 0));
    if (!out->rejected.empty()) return ordered_json{{"error", without_row(out->rejected.front())}};
    return row_json(*out);
  }

  Result<ordered_json> copied(const std::vector<mapping::PlainCell>& values) const {
    model::RowBatch out(mapped_.target);
    const std::vector<std::uint32_t> stored = model::stored_columns(*mapped_.target);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      add(out.columns[i], values[place_of(mapped_.columns[stored[i]])]);
    }
    out.rows = 1;
    return row_json(out);
  }

  const model::TableSchema& source_;
  const mapping::MappedTable mapped_;
  const mapping::TableFilter filter_;
  const std::vector<std::uint32_t> stored_;
  std::string filter_rule_;
  std::unique_ptr<mapping::RowTransform> transform_;
};

std::string without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? ""
                                         : std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

Result<MappedRows> map_rows(const mapping::Mapping& mapping, const model::TableSchema& source,
                            const mapping::Comparisons& comparisons, std::string_view file, bool is_csv,
                            const std::function<void(const std::string&)>& print) {
  const auto mapper = TRY(RowMapper::open(mapping, source, comparisons));
  RowFile rows(source, file, is_csv);
  MappedRows counts;
  while (const std::optional<Cells> cells = TRY(rows.next())) {
    ordered_json line{{"row", rows.row()}};
    line.update(TRY(mapper->map(*cells)));
    ++counts.rows;
    ++(line.contains("result") ? counts.passed : line.contains("filtered") ? counts.filtered : counts.failed);
    print(line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  }
  return counts;
}

Result<model::TableSchema> columns_from_text(const model::TableName& name, std::string_view text) {
  model::TableSchema schema;
  schema.name = schema.source_name = name;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = part.rfind(':');
    model::Column column;
    column.name = column.source_name = without_blanks(part.substr(0, colon));
    const std::string word = colon == std::string_view::npos ? "string" : without_blanks(part.substr(colon + 1));
    const std::optional<model::Type> type = model::type_from_name(word);
    if (column.name.empty() || !type || schema.find_column(column.name)) {
      return base::failed(errors::bad_usage, "--columns: \"{}\" is not like name:type with a DMS type",
                          base::printable(part));
    }
    column.type.type = *type;
    column.ordinal = static_cast<std::int32_t>(schema.columns.size()) + 1;
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

}  // namespace main_program
