// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/apply_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/postgres/cell_text.h"

namespace postgres {
namespace {

using model::Cell;
using model::CellState;

constexpr std::size_t copy_piece_bytes = 1u << 20;

}  // namespace

std::string unnest(std::size_t arrays) {
  std::string values, names;
  for (std::size_t i = 0; i < arrays; ++i) {
    values += fmt::format("{}${}::text[]", i == 0 ? "" : ", ", i + 1);
    names += fmt::format("{}p{}", i == 0 ? "" : ", ", i);
  }
  return fmt::format("unnest({}) AS v({})", values, names);
}

std::string_view SetSender::row_text(const model::ChangeBatch& batch, const Destination& to, model::CellForm form,
                                     std::uint32_t place, const Cell& cell, std::string& scratch) {
  const bool is_text = form == model::CellForm::native && !is_bytes(to.columns[place].canonical);
  if (is_text || form == model::CellForm::native_hex) return batch.cell_bytes(cell);
  scratch.clear();
  append_cell_text(scratch, to.columns[place].canonical, batch.cell_bytes(cell));
  return scratch;
}

void SetSender::add(TextArray& array, std::uint32_t place, const Cell& cell) {
  if (cell.state == CellState::value) {
    array.add(row_text(batch_, to_, form_, place, cell, scratch_));
  } else {
    array.add_null();
  }
}

// Near the order of the index, so that pages are touched once: shorter keys first makes decimal numbers ascend.
void SetSender::sort_by_key(std::vector<NetRow>& rows) const {
  if (to_.other_unique || rows.size() < 3) return;
  const auto before = [&](const NetRow& a, const NetRow& b) {
    for (const std::uint32_t place : to_.key) {
      const Cell& left = a.key[place];
      const Cell& right = b.key[place];
      if (left.size != right.size) return left.size < right.size;
      const int order = batch_.cell_bytes(left).compare(batch_.cell_bytes(right));
      if (order != 0) return order < 0;
    }
    return false;
  };
  if (!std::is_sorted(rows.begin(), rows.end(), before)) std::sort(rows.begin(), rows.end(), before);
}

std::string SetSender::key_condition() const {
  std::string condition;
  for (std::size_t i = 0; i < to_.key.size(); ++i) {
    const DestinationColumn& column = to_.columns[to_.key[i]];
    condition += fmt::format("{}t.{} = v.p{}::{}", i == 0 ? "" : " AND ", to_.names[to_.key[i]], i, column.cast);
  }
  return condition;
}

void SetSender::send_sliced(const std::string& sql, const std::vector<Part>& parts, const std::vector<NetRow>& rows,
                            std::vector<Sent>& sent) {
  const SetLimits limits;
  std::vector<TextArray> arrays(parts.size());
  std::size_t first = 0;
  while (first < rows.size()) {
    std::size_t bytes = 0, end = first;
    for (; end < rows.size() && end - first < limits.rows_max && (end == first || bytes < limits.bytes_max); ++end) {
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const Cell& cell = (parts[i].from_key ? rows[end].key : rows[end].cells)[parts[i].place];
        bytes += cell.size + 4;
        add(arrays[i], parts[i].place, cell);
      }
    }
    session_.send_arrays(sql, arrays);
    sent.push_back({end - first});
    for (TextArray& array : arrays) array.clear();
    first = end;
  }
}

void SetSender::send_removes(std::vector<NetRow>& rows, std::vector<Sent>& sent) {
  if (rows.empty()) return;
  sort_by_key(rows);
  std::vector<Part> parts;
  for (const std::uint32_t place : to_.key) parts.push_back({place, true});
  const std::string sql =
      fmt::format("DELETE FROM {} AS t USING {} WHERE {}", to_.table, unnest(parts.size()), key_condition());
  send_sliced(sql, parts, rows, sent);
}

std::string SetSender::assignments(const std::vector<bool>& mask, bool with_key, std::vector<Part>& parts) const {
  for (const std::uint32_t place : to_.key) parts.push_back({place, true});
  std::string text;
  for (std::uint32_t place = 0; place < mask.size(); ++place) {
    const bool in_key = std::find(to_.key.begin(), to_.key.end(), place) != to_.key.end();
    if (!mask[place] || (in_key && !with_key) || to_.columns[place].identity_always) continue;
    const DestinationColumn& column = to_.columns[place];
    text += fmt::format("{}{} = v.p{}::{}", text.empty() ? "" : ", ", to_.names[place], parts.size(), column.cast);
    parts.push_back({place, false});
  }
  return text;
}

void SetSender::send_updates(const std::vector<bool>& mask, std::vector<NetRow>& rows, bool with_key,
                             std::vector<Sent>& sent) {
  if (rows.empty()) return;
  if (!with_key) sort_by_key(rows);
  std::vector<Part> parts;
  const std::string set = assignments(mask, with_key, parts);
  if (set.empty()) return;
  const std::string sql =
      fmt::format("UPDATE {} AS t SET {} FROM {} WHERE {}", to_.table, set, unnest(parts.size()), key_condition());
  send_sliced(sql, parts, rows, sent);
}

void SetSender::send_inserts(const std::vector<NetRow>& rows, std::vector<Sent>& sent) {
  if (rows.empty()) return;
  std::vector<Part> parts;
  std::string names, values;
  for (std::uint32_t place = 0; place < to_.columns.size(); ++place) {
    const DestinationColumn& column = to_.columns[place];
    names += (place == 0 ? "" : ", ") + to_.names[place];
    values += fmt::format("{}v.p{}::{}", place == 0 ? "" : ", ", place, column.cast);
    parts.push_back({place, false});
  }
  const std::string sql = fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}", to_.table, names,
                                      values, unnest(parts.size()));
  send_sliced(sql, parts, rows, sent);
}

// Equal in every column, NULL equal to NULL; types without equality by their text.
std::string SetSender::whole_row(const std::vector<Part>& parts) const {
  std::string condition;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const DestinationColumn& column = to_.columns[parts[i].place];
    const std::string& name = to_.names[parts[i].place];
    condition += i == 0 ? "" : " AND ";
    condition += column.exact_equality
                     ? fmt::format("x.{} = v.p{}::{}", name, i, column.cast)
                     : fmt::format("x.{}::text IS NOT DISTINCT FROM v.p{}::{}::text", name, i, column.type);
  }
  return fmt::format("(t.tableoid, t.ctid) = (SELECT x.tableoid, x.ctid FROM {} AS x, v WHERE {} LIMIT 1)", to_.table,
                     condition);
}

void SetSender::send_whole_remove(const NetRow& row, std::vector<Sent>& sent) {
  std::vector<Part> parts;
  for (std::uint32_t place = 0; place < to_.columns.size(); ++place) parts.push_back({place, true});
  const std::string sql = fmt::format("WITH v AS MATERIALIZED (SELECT * FROM {}) DELETE FROM {} AS t WHERE {}",
                                      unnest(parts.size()), to_.table, whole_row(parts));
  send_sliced(sql, parts, {row}, sent);
}

void SetSender::send_whole_update(const std::vector<bool>& mask, const NetRow& row, std::vector<Sent>& sent) {
  std::vector<Part> parts;
  for (std::uint32_t place = 0; place < to_.columns.size(); ++place) parts.push_back({place, true});
  const std::string match = whole_row(parts);
  std::string assignments;
  for (std::uint32_t place = 0; place < mask.size(); ++place) {
    if (!mask[place] || to_.columns[place].identity_always) continue;
    assignments += fmt::format("{}{} = (SELECT v.p{}::{} FROM v)", assignments.empty() ? "" : ", ", to_.names[place],
                               parts.size(), to_.columns[place].cast);
    parts.push_back({place, false});
  }
  if (assignments.empty()) return;
  const std::string sql = fmt::format("WITH v AS MATERIALIZED (SELECT * FROM {}) UPDATE {} AS t SET {} WHERE {}",
                                      unnest(parts.size()), to_.table, assignments, match);
  send_sliced(sql, parts, {row}, sent);
}

// One field; a large value passes in pieces, and bytes become hex piece by piece.
base::Result<void> SetSender::copy_field(std::string& bytes, std::uint32_t place, const Cell& cell) {
  if (cell.state != CellState::value) {
    bytes += copy_null;
    return {};
  }
  const bool is_raw = is_bytes(to_.columns[place].canonical) && form_ != model::CellForm::native_hex;
  std::string_view rest = is_raw ? batch_.cell_bytes(cell) : row_text(batch_, to_, form_, place, cell, scratch_);
  if (is_raw) bytes += "\\\\x";
  do {
    const std::string_view piece = rest.substr(0, copy_piece_bytes);
    rest.remove_prefix(piece.size());
    if (is_raw) {
      append_hex_digits(bytes, piece);
    } else {
      append_copy_field(bytes, piece);
    }
    if (rest.empty()) continue;
    TRY(session_.copy_write(bytes));
    bytes.clear();
  } while (!rest.empty());
  return {};
}

base::Result<void> SetSender::copy_rows(const std::vector<Part>& parts, const std::vector<NetRow>& rows) {
  std::string bytes;
  for (const NetRow& row : rows) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i != 0) bytes += '\t';
      TRY(copy_field(bytes, parts[i].place, (parts[i].from_key ? row.key : row.cells)[parts[i].place]));
    }
    bytes += '\n';
    if (bytes.size() < copy_piece_bytes) continue;
    TRY(session_.copy_write(bytes));
    bytes.clear();
  }
  return session_.copy_write(bytes);
}

base::Result<Outcome> SetSender::copy_inserts(const std::vector<NetRow>& rows) {
  std::string names;
  std::vector<Part> parts;
  for (std::uint32_t place = 0; place < to_.columns.size(); ++place) {
    names += (place == 0 ? "" : ", ") + to_.names[place];
    parts.push_back({place, false});
  }
  TRY(session_.copy_begin(fmt::format("COPY {} ({}) FROM STDIN", to_.table, names), to_.table));
  TRY(copy_rows(parts, rows));
  return session_.copy_end();
}

bool SetSender::is_large(const NetRow& row) const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < to_.columns.size(); ++i) bytes += row.cells[i].size;
  return bytes >= SetLimits().large_bytes_min;
}

bool SetSender::prefers_copy(const std::vector<NetRow>& rows) const {
  return rows.size() >= SetLimits().copy_rows_min ||
         std::any_of(rows.begin(), rows.end(), [&](const NetRow& row) { return is_large(row); });
}

base::Result<Outcome> SetSender::staged_update(const std::vector<bool>& mask, const NetRow& row) {
  std::vector<Part> parts;
  const std::string set = assignments(mask, false, parts);
  Outcome nothing;
  nothing.rows = 1;
  if (set.empty()) return nothing;
  std::string columns, storage;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    columns += fmt::format("{}p{} text", i == 0 ? "" : ", ", i);
    storage += fmt::format("{}ALTER p{} SET STORAGE EXTERNAL", i == 0 ? "" : ", ", i);
  }
  const Outcome made = session_.attempt(fmt::format("CREATE TEMPORARY TABLE millrace_large ({})", columns));
  if (made.refusal) return made;
  TRY(session_.run("ALTER TABLE pg_temp.millrace_large " + storage, to_.table));
  TRY(session_.copy_begin("COPY pg_temp.millrace_large FROM STDIN", to_.table));
  TRY(copy_rows(parts, {row}));
  const Outcome copied = session_.copy_end();
  if (copied.refusal) return copied;
  const Outcome updated = session_.attempt(
      fmt::format("UPDATE {} AS t SET {} FROM pg_temp.millrace_large AS v WHERE {}", to_.table, set, key_condition()));
  if (updated.refusal) return updated;
  TRY(session_.run("DROP TABLE pg_temp.millrace_large", to_.table));
  return updated;
}

}  // namespace postgres
