// SPDX-License-Identifier: Apache-2.0
#include "engine/value_edits.h"

#include <algorithm>

namespace engine {

using base::Result;
using model::Cell;
using model::CellState;
using model::Type;

namespace {

constexpr std::size_t decimals_max = 6;
constexpr std::int64_t micros_a_second = 1'000'000;
constexpr std::size_t kilobyte = 1024;
constexpr std::uint64_t dms_default_limit = 32 * kilobyte;

// The first `limit` bytes, not ending inside a character.
std::string_view head_of_text(std::string_view text, std::size_t limit) {
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

// "-1.23456789" -> "-1.234568"; false: no digit is lost.
bool round_decimals(std::string_view text, std::string& out) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.size() - point - 1 <= decimals_max) return false;
  const std::string_view lost = text.substr(point + 1 + decimals_max);
  if (lost.find_first_not_of('0') == std::string_view::npos) return false;
  out = text.substr(0, point + 1 + decimals_max);
  if (lost[0] < '5') return true;
  for (std::size_t i = out.size(); i-- > 0;) {
    if (out[i] == '.') continue;
    if (out[i] < '0' || out[i] > '9') {
      out.insert(i + 1, "1");
      return true;
    }
    if (out[i] != '9') {
      ++out[i];
      return true;
    }
    out[i] = '0';
  }
  out.insert(0, "1");
  return true;
}

bool is_key(const model::TableSchema& table, std::uint32_t column) {
  const auto holds = [&](const std::vector<std::uint32_t>& key) {
    return std::find(key.begin(), key.end(), column) != key.end();
  };
  return holds(table.primary_key) || (table.old_image == model::OldImage::key && holds(table.old_key));
}

CutPolicy policy_of(const std::string& word) {
  if (word == "IGNORE_RECORD") return CutPolicy::ignore_record;
  if (word == "SUSPEND_TABLE") return CutPolicy::suspend_table;
  return word == "STOP_TASK" ? CutPolicy::stop_task : CutPolicy::log_error;
}

}  // namespace

Result<std::shared_ptr<const ValueEdits>> ValueEdits::of(const Settings& settings, const mapping::Mapping& mapping) {
  auto made = std::make_shared<ValueEdits>();
  made->mapping_ = mapping;
  made->dms_numbers_ = settings.text("MillraceCompatibility") == "dms";
  const bool limited = settings.boolean("TargetMetadata.LimitedSizeLobMode") &&
                       !settings.boolean("TargetMetadata.FullLobMode") &&
                       (made->dms_numbers_ || settings.is_chosen("TargetMetadata.LobMaxSize"));
  if (limited) made->limit_ = static_cast<std::size_t>(settings.integer("TargetMetadata.LobMaxSize")) * kilobyte;
  made->characters_ = TRY(Characters::of(settings));
  made->policy_ = policy_of(settings.text("ErrorBehavior.DataTruncationErrorPolicy"));
  const bool cuts = made->limit_ != 0 || mapping.limits_lobs();
  if (!cuts && !made->dms_numbers_ && !made->characters_) return std::shared_ptr<const ValueEdits>();
  return std::shared_ptr<const ValueEdits>(std::move(made));
}

// DMS's default of 32 KB counts as not chosen here, too.
std::size_t ValueEdits::limit_of(const model::TableName& source) const {
  const std::optional<std::uint64_t> own = mapping_.lob_limit(source);
  if (!own) return limit_;
  return *own == dms_default_limit && !dms_numbers_ ? 0 : static_cast<std::size_t>(*own);
}

TableEdits ValueEdits::for_table(const model::TableSchema& source) const {
  TableEdits table;
  table.limit_ = limit_of(source.name);
  table.characters_ = characters_;
  std::uint32_t place = 0;
  for (const std::uint32_t i : model::stored_columns(source)) {
    const model::Column& column = source.columns[i];
    const auto add = [&](TableEdits::Kind kind) { table.edits_.push_back({kind, column.name, place}); };
    const bool is_text = column.type.type == Type::string || column.type.type == Type::wstring;
    if (is_text && characters_) add(TableEdits::Kind::characters);
    if (!is_key(source, i)) {
      const bool is_blob = column.type.type == Type::blob;
      if (table.limit_ != 0 && model::is_large_object(column.type.type)) {
        add(is_blob ? TableEdits::Kind::bytes_length : TableEdits::Kind::text_length);
      }
      if (dms_numbers_ && column.type.type == Type::numeric && column.type.precision == 0) {
        add(TableEdits::Kind::six_decimals);
      }
      if (dms_numbers_ && column.type.type == Type::time) add(TableEdits::Kind::whole_seconds);
    }
    ++place;
  }
  return table;
}

bool TableEdits::concern(std::string_view source_column) const {
  return std::any_of(edits_.begin(), edits_.end(), [&](const Edit& edit) { return edit.column == source_column; });
}

// False: the value stays.
bool TableEdits::edit_bytes(const Edit& edit, std::string_view value, std::string& out) const {
  switch (edit.kind) {
    case Kind::text_length:
      if (value.size() <= limit_) return false;
      out = head_of_text(value, limit_);
      return true;
    case Kind::bytes_length:
      if (value.size() <= limit_) return false;
      out = value.substr(0, limit_);
      return true;
    case Kind::characters: return characters_->replace(value, out);
    case Kind::six_decimals: return round_decimals(value, out);
    case Kind::whole_seconds: {
      const std::int64_t micros = model::load_fixed(value);
      if (micros % micros_a_second == 0) return false;
      out.clear();
      model::append_fixed(out, micros - micros % micros_a_second);
      return true;
    }
  }
  return false;
}

void TableEdits::note(const Edit& edit, std::size_t before, std::size_t after, Cuts& cuts) const {
  if (edit.kind == Kind::characters) return;
  if (++cuts.values != 1) return;
  switch (edit.kind) {
    case Kind::six_decimals: cuts.first = fmt::format("column {}: digits behind the sixth decimal", edit.column); break;
    case Kind::whole_seconds: cuts.first = fmt::format("column {}: fractions of a second", edit.column); break;
    default: cuts.first = fmt::format("column {}: {} bytes, cut to {}", edit.column, before, after); break;
  }
}

void TableEdits::edit_column(const Edit& edit, model::ColumnVector& column, Cuts& cuts) const {
  std::string scratch, bytes;
  std::vector<std::uint64_t> ends;
  bool changed = false;
  for (std::size_t row = 0; row < column.present.size(); ++row) {
    if (edit.kind == Kind::whole_seconds) {
      if (column.present[row] == 0 || column.fixed[row] % micros_a_second == 0) continue;
      column.fixed[row] -= column.fixed[row] % micros_a_second;
      note(edit, 0, 0, cuts);
      cuts.rows.push_back(row);
      continue;
    }
    std::string_view value = column.bytes_at(row);
    if (column.present[row] != 0 && edit_bytes(edit, value, scratch)) {
      if (!changed) {
        bytes.assign(column.bytes, 0, row == 0 ? 0 : column.ends[row - 1]);
        ends.assign(column.ends.begin(), column.ends.begin() + static_cast<std::ptrdiff_t>(row));
      }
      changed = true;
      note(edit, value.size(), scratch.size(), cuts);
      if (edit.kind != Kind::characters) cuts.rows.push_back(row);
      value = scratch;
    }
    if (!changed) continue;
    bytes.append(value);
    ends.push_back(bytes.size());
  }
  if (!changed) return;
  column.bytes = std::move(bytes);
  column.ends = std::move(ends);
}

Cuts TableEdits::rows(model::RowBatch& batch) const {
  Cuts cuts;
  const std::vector<std::uint32_t> stored = model::stored_columns(*batch.schema);
  for (const Edit& edit : edits_) {
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const model::Column& column = batch.schema->columns[stored[i]];
      if ((column.source_name.empty() ? column.name : column.source_name) != edit.column) continue;
      edit_column(edit, batch.columns[i], cuts);
    }
  }
  std::sort(cuts.rows.begin(), cuts.rows.end());
  cuts.rows.erase(std::unique(cuts.rows.begin(), cuts.rows.end()), cuts.rows.end());
  return cuts;
}

void TableEdits::edit_image(model::ChangeBatch& batch, std::uint32_t& first, std::uint32_t count, Cuts* cuts) const {
  std::string scratch;
  bool copied = false;
  for (const Edit& edit : edits_) {
    if (edit.place >= count) continue;
    const Cell before = batch.cells[first + edit.place];
    if (before.state != CellState::value || !edit_bytes(edit, batch.cell_bytes(before), scratch)) continue;
    if (!copied) {
      const auto start = static_cast<std::uint32_t>(batch.cells.size());
      for (std::uint32_t i = 0; i < count; ++i) {
        const Cell cell = batch.cells[first + i];
        batch.cells.push_back(cell);
      }
      first = start;
      copied = true;
    }
    Cell& cell = batch.cells[first + edit.place];
    cell.offset = batch.bytes.size();
    cell.size = static_cast<std::uint32_t>(scratch.size());
    batch.bytes.append(scratch);
    if (cuts != nullptr) note(edit, before.size, scratch.size(), *cuts);
  }
}

// What an update's old image says was cut when the row came.
Cuts TableEdits::change(model::ChangeBatch& batch, model::Change& change) const {
  Cuts cuts;
  edit_image(batch, change.old_first, change.old_count, nullptr);
  edit_image(batch, change.new_first, change.new_count, &cuts);
  return cuts;
}

}  // namespace engine
