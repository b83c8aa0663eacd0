// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/chunk_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/mysql/literal.h"

namespace mysql {
namespace {

using base::failed;
using base::Result;

constexpr std::size_t batch_weight_max = 1u << 20;
constexpr std::size_t raw_bytes_max = 1u << 20;
constexpr std::size_t rows_between_weighings = 64;
constexpr base::Nanos wait_step = std::chrono::milliseconds(100);
constexpr unsigned int table_changed_number = 1412;  // ER_TABLE_DEF_CHANGED

template <typename Integer>
bool add_integer(std::string_view text, model::ColumnVector& column) {
  Integer value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return false;
  column.add_fixed(static_cast<std::int64_t>(value));
  return true;
}

}  // namespace

base::Error read_failure(const Connection& session, base::Error error, const model::TableName& table) {
  const bool is_gone = session.last_errno() == no_such_table_number;
  if (session.last_errno() != table_changed_number && !is_gone) return error;
  return failed(is_gone ? connect::errors::table_missing : connect::errors::table_changed, "table {}", table.text());
}

Result<Connection> SnapshotPool::take(const std::stop_token& stop) {
  base::Lock lock(mutex_);
  while (idle_.empty()) {
    if (alive_ == 0) return failed(errors::connection_lost, "the sessions of the load's snapshot are gone");
    if (stop.stop_requested()) return failed(errors::canceled, "stopped while waiting for a session of the load");
    changed_.wait(mutex_, wait_step);
  }
  Connection session = std::move(idle_.back());
  idle_.pop_back();
  return session;
}

void SnapshotPool::give_back(Connection session) {
  base::Lock lock(mutex_);
  if (session.is_broken())
    --alive_;
  else
    idle_.push_back(std::move(session));
  changed_.notify_all();
}

void SnapshotPool::lost() {
  base::Lock lock(mutex_);
  --alive_;
  changed_.notify_all();
}

std::string select_expression(const model::Column& column) {
  const std::string name = quote_identifier(column.name);
  return column.type.native.starts_with("float") ? name + "+0e0" : name;
}

ChunkReader::ChunkReader(SnapshotPool& pool, Connection session, const model::TableSchema& table,
                         const std::vector<std::uint32_t>& columns, const ValueChoices& choices,
                         const std::vector<LoggedRow>* logged)
    : pool_(pool), session_(std::move(session)), table_(table.name), choices_(choices), logged_(logged) {
  const std::vector<std::uint32_t> stored = model::stored_columns(table);
  for (const std::uint32_t index : columns) {
    const model::Column& column = table.columns[index];
    Result<NativeType> native = parse_type(column.type.native, column.collation);
    ENSURE(native.ok());  // read() refused others
    fields_.push_back({std::move(*native), column.type.type, column.name});
    const auto rank = std::find(stored.begin(), stored.end(), index) - stored.begin();
    ranks_.push_back(static_cast<std::uint32_t>(rank));
  }
  logged_cells_.resize(columns.size());
  logged_sizes_.resize(columns.size());
}

ChunkReader::~ChunkReader() {
  // Given up in the middle: what is still on its way cannot be skipped, so the session goes.
  if (!session_) return;
  session_->cancel();
  pool_.lost();
}

bool ChunkReader::add_value(const Field& field, std::string_view text, model::ColumnVector& column, std::string& why) {
  using model::Type;
  switch (field.type) {
    case Type::string:
    case Type::wstring:
    case Type::clob:
    case Type::nclob:
    case Type::bytes:
    case Type::blob: column.add_bytes(text); return true;
    case Type::int1:
    case Type::int2:
    case Type::int4:
    case Type::int8:
    case Type::uint1:
    case Type::uint2:
    case Type::uint4: return add_integer<std::int64_t>(text, column);
    case Type::uint8: return add_integer<std::uint64_t>(text, column);
    default: break;
  }
  scratch_.clear();
  switch (canonical_cell(field.native, field.type, text, choices_, scratch_)) {
    case Converted::null: column.add_null(); return true;
    case Converted::misfit: why = scratch_; return false;
    case Converted::value: break;
  }
  if (model::is_fixed(field.type))
    column.add_fixed(model::load_fixed(scratch_));
  else if (model::is_real(field.type))
    column.add_real(model::load_real(scratch_));
  else
    column.add_bytes(scratch_);
  return true;
}

bool ChunkReader::add_row(const RowView& row, model::RowBatch& out) {
  std::string why;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (row.null_at(i)) {
      out.columns[i].add_null();
      continue;
    }
    if (add_value(fields_[i], row.at(i), out.columns[i], why)) continue;
    out.cut_to_rows();
    out.rejected.push_back(fmt::format("column {}: {}", fields_[i].name, why.empty() ? "the value has no place" : why));
    return false;
  }
  ++out.rows;
  return true;
}

Result<void> ChunkReader::finish(const std::stop_token& stop) {
  TRY(session_->execute("ROLLBACK TO SAVEPOINT millrace_chunk", stop));
  pool_.give_back(std::move(*session_));
  session_.reset();
  return {};
}

RowView ChunkReader::next_logged() {
  const LoggedRow& row = (*logged_)[logged_at_++];
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const std::optional<std::string>& cell = row[ranks_[i]];
    logged_cells_[i] = cell ? cell->data() : nullptr;
    logged_sizes_[i] = cell ? cell->size() : 0;
  }
  return {logged_cells_.data(), logged_sizes_.data()};
}

Result<std::optional<RowView>> ChunkReader::next_row(const std::stop_token& stop) {
  if (logged_ != nullptr && logged_at_ < logged_->size()) return std::optional<RowView>(next_logged());
  Result<std::optional<RowView>> read = session_->next_row(stop);
  if (read.ok()) return read;
  base::Error error = read_failure(*session_, read.take_error(), table_);
  if (!session_->is_broken()) TRY(finish(stop));
  return error;
}

Result<bool> ChunkReader::next_rows(model::RowBatch& out, std::stop_token stop) {
  std::size_t seen = 0, weighed = 0;
  while (session_ && weighed < batch_weight_max) {
    const std::optional<RowView> row = TRY(next_row(stop));
    if (!row) {
      TRY(finish(stop));
      break;
    }
    ++row_count_;
    add_row(*row, out);
    if (out.rejected.size() >= rows_between_weighings) break;
    // One value may be large: then it is weighed at once.
    std::size_t row_bytes = 0;
    for (std::size_t i = 0; i < fields_.size(); ++i) row_bytes += row->sizes[i];
    if (++seen % rows_between_weighings == 0 || row_bytes > batch_weight_max / rows_between_weighings) {
      weighed = out.weight();
    }
  }
  return out.rows != 0 || !out.rejected.empty();
}

// Lines of LOAD DATA, in native text.
Result<bool> ChunkReader::next_raw(std::string& out, std::stop_token stop) {
  out.clear();
  while (session_ && out.size() < raw_bytes_max) {
    const std::optional<RowView> row = TRY(next_row(stop));
    if (!row) {
      TRY(finish(stop));
      break;
    }
    ++row_count_;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (i > 0) out += '\t';
      if (row->null_at(i)) {
        out += load_null;
      } else {
        append_load_field(out, row->at(i));
      }
    }
    out += '\n';
  }
  return !out.empty();
}

}  // namespace mysql
