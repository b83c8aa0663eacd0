// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/load.h"

#include <algorithm>

#include "connectors/mysql/destination.h"
#include "connectors/mysql/target_errors.h"

namespace mysql {
namespace {

constexpr std::size_t portion_bytes_max = 8u << 20;
constexpr std::size_t bulk_rows_max = 1'000'000;
constexpr std::size_t careful_rows_max = 1000;
constexpr std::size_t shown_bytes_max = 8000;  // of a refused row in the exceptions table

// A table as rows are written to it.
struct Place {
  model::TableSchemaPtr schema;
  std::vector<TargetColumn> columns;
  const ControlTables& control;
  std::int64_t epoch = 0;
  std::string load;    // LOAD DATA ...
  std::string insert;  // INSERT INTO ... VALUES
};

std::string insert_head(const std::string& table, const std::vector<TargetColumn>& columns) {
  std::string names;
  for (const TargetColumn& column : columns) names += (names.empty() ? "" : ",") + column.name;
  return fmt::format("INSERT INTO {} ({}) VALUES ", table, names);
}

// Common to both loaders: the chunk's transaction, the lines that wait, and INSERTs of them.
class Loader : public connect::ChunkLoader {
 public:
  Loader(SessionPool& pool, std::unique_ptr<Session> session, Place place, std::size_t portion_rows_max)
      : session_(pool, std::move(session)),
        place_(std::move(place)),
        doing_("loading table " + place_.schema->name.text()),
        portion_rows_max_(portion_rows_max) {}

  base::Result<void> write_rows(model::RowBatch& rows) override {
    for (std::size_t row = 0; row < rows.rows; ++row) {
      append_row(rows, row);
      TRY(send_when_full());
    }
    rows.clear();
    return {};
  }

  // A newline ends a row, wherever it stands: those of values are escaped.
  base::Result<void> write_raw(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
      bytes_.append(bytes.substr(0, end));
      if (bytes[end - 1] == '\n') ends_.push_back(bytes_.size());
      bytes.remove_prefix(end);
      TRY(send_when_full());
    }
    return {};
  }

  base::Result<std::uint64_t> finish() override {
    TRY(begin());
    if (!ends_.empty()) TRY(send_portion());
    TRY(place_.control.hold(*session_, place_.epoch));
    TRY(session_->run("COMMIT", doing_));
    session_.give_back();
    return rows_;
  }

 protected:
  // All lines that wait.
  virtual base::Result<void> send() = 0;

  base::Result<void> begin() {
    if (!begun_) TRY(session_->run("START TRANSACTION", doing_));
    begun_ = true;
    return {};
  }
  base::Result<void> leave_savepoint(bool keep) {
    if (!keep) TRY(session_->run("ROLLBACK TO SAVEPOINT millrace_load", doing_));
    return session_->run("RELEASE SAVEPOINT millrace_load", doing_);
  }

  // The row of a line as SQL.
  std::string values(std::size_t row) const {
    const std::size_t from = row == 0 ? 0 : ends_[row - 1];
    std::string_view line = std::string_view(bytes_).substr(from, ends_[row] - 1 - from);
    std::string sql = "(";
    for (std::size_t i = 0; i < place_.columns.size(); ++i) {
      const std::size_t end = std::min(line.find('\t'), line.size());
      const std::string_view field = line.substr(0, end);
      if (i > 0) sql += ',';
      if (field == load_null) {
        sql += "NULL";
      } else {
        append_literal(sql, place_.columns[i], load_field_text(field));
      }
      line.remove_prefix(std::min(end + 1, line.size()));
    }
    return sql += ')';
  }

  // The refusal, if any; what was inserted before it stays.
  base::Result<std::optional<Refusal>> insert(std::size_t first, std::size_t end) {
    while (first < end) {
      std::string sql = place_.insert;
      std::uint64_t waiting = 0;
      for (; first < end && waiting < statement_rows_max; ++first, ++waiting) {
        const std::string next = values(first);
        if (waiting > 0 && sql.size() + next.size() > session_->statement_bytes()) break;
        sql += waiting > 0 ? "," : "";
        sql += next;
      }
      session_->send(std::move(sql));
      const std::vector<Outcome> outcomes = TRY(session_->sync());
      if (outcomes[0].refusal) return std::optional<Refusal>(outcomes[0].refusal);
      if (outcomes[0].rows != waiting) {
        return base::failed(errors::server_error, "{}: {} of {} rows inserted", doing_, outcomes[0].rows, waiting);
      }
      rows_ += waiting;
    }
    return std::optional<Refusal>();
  }

  Borrowed session_;
  const Place place_;
  const std::string doing_;
  std::string bytes_;              // of LOAD DATA
  std::vector<std::size_t> ends_;  // of the whole lines among them
  std::uint64_t rows_ = 0;

 private:
  void append_row(const model::RowBatch& rows, std::size_t row) {
    for (std::size_t i = 0; i < place_.columns.size(); ++i) {
      if (i > 0) bytes_ += '\t';
      const model::ColumnVector& cells = rows.columns[i];
      if (cells.present[row] == 0) {
        bytes_ += load_null;
      } else {
        append_load_field(bytes_, native_text(place_.columns[i], cells, row, scratch_));
      }
    }
    bytes_ += '\n';
    ends_.push_back(bytes_.size());
  }

  base::Result<void> send_when_full() {
    if (ends_.empty() || (bytes_.size() < portion_bytes_max && ends_.size() < portion_rows_max_)) return {};
    return send_portion();
  }

  base::Result<void> send_portion() {
    TRY(begin());
    const std::string rest = bytes_.substr(ends_.back());
    bytes_.resize(ends_.back());
    TRY(send());
    bytes_ = rest;
    ends_.clear();
    return {};
  }

  const std::size_t portion_rows_max_;
  std::string scratch_;
  bool begun_ = false;
};

class BulkLoader final : public Loader {
 public:
  BulkLoader(SessionPool& pool, std::unique_ptr<Session> session, Place place, bool tell)
      : Loader(pool, std::move(session), std::move(place), bulk_rows_max), tell_(tell) {}

  // The reasons belong into the exceptions table: the careful loader's work.
  base::Result<void> note_rejected(const std::vector<std::string>& reasons) override {
    if (!tell_ || reasons.empty()) return {};
    return base::failed(connect::errors::row_refused, "{}: {}", doing_, reasons.front());
  }

 protected:
  base::Result<void> send() override {
    if (session_->takes_files()) {
      TRY(session_->run("SAVEPOINT millrace_load", doing_));
      const Session::Loaded loaded = TRY(session_->load(place_.load, bytes_));
      const bool good = !loaded.refusal && loaded.clean && loaded.rows == ends_.size();
      TRY(leave_savepoint(good));
      if (good) rows_ += loaded.rows;
      if (good) return {};
    }
    std::optional<Refusal> refusal = TRY(insert(0, ends_.size()));
    if (!refusal) return {};
    if (!is_row_refusal(refusal->number)) return std::move(refusal->error);
    return base::failed(connect::errors::row_refused, "{}", doing_).because(std::move(refusal->error));
  }

 private:
  const bool tell_;
};

class CarefulLoader final : public Loader {
 public:
  CarefulLoader(SessionPool& pool, std::unique_ptr<Session> session, Place place, bool tell)
      : Loader(pool, std::move(session), std::move(place), careful_rows_max), tell_(tell) {}

  base::Result<void> note_rejected(const std::vector<std::string>& reasons) override {
    if (!tell_) return {};
    for (const std::string& why : reasons) TRY(write_exception("a row of the source", why));
    return {};
  }

  std::vector<std::string> take_rejected() override { return std::exchange(rejected_, {}); }

 protected:
  base::Result<void> send() override { return send_rows(0, ends_.size()); }

 private:
  base::Result<void> write_exception(const std::string& row, const std::string& why) {
    TRY(begin());
    return session_->run(place_.control.load_exception_sql({place_.schema->name, place_.insert + row, why}),
                         "exceptions of the full load");
  }

  base::Result<void> send_rows(std::size_t first, std::size_t end) {
    TRY(session_->run("SAVEPOINT millrace_load", doing_));
    const std::uint64_t before = rows_;
    std::optional<Refusal> refusal = TRY(insert(first, end));
    if (!refusal) return leave_savepoint(true);
    if (!is_row_refusal(refusal->number)) return std::move(refusal->error);
    rows_ = before;
    TRY(leave_savepoint(false));
    if (end - first == 1) return put_aside(first, *refusal);
    const std::size_t middle = first + (end - first) / 2;
    TRY(send_rows(first, middle));
    return send_rows(middle, end);
  }

  base::Result<void> put_aside(std::size_t row, const Refusal& refusal) {
    rejected_.push_back(fmt::format("error {}", refusal.number));
    if (!tell_) return {};
    std::string shown = values(row);
    if (shown.size() > shown_bytes_max) {
      shown.resize(shown_bytes_max);
      while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0xC0) == 0x80) shown.pop_back();
      if (!shown.empty()) shown.pop_back();
    }
    return write_exception(shown, fmt::format("error {} {}", refusal.number, refusal.message));
  }

  const bool tell_;
  std::vector<std::string> rejected_;
};

}  // namespace

base::Result<std::unique_ptr<connect::ChunkLoader>> open_loader(SessionPool& pool, const ControlTables& control,
                                                                std::int64_t epoch, const model::TableSchemaPtr& table,
                                                                const connect::LoadMode& mode) {
  ENSURE(mode.form != connect::ReadForm::raw_binary);
  std::unique_ptr<Session> session = TRY(pool.take(mode.stop));
  Place place{table, TRY(read_target_columns(*session, *table)), control, epoch, "", ""};
  place.load = load_sql(quoted(table->name), place.columns);
  place.insert = insert_head(quoted(table->name), place.columns);
  if (mode.careful) {
    return std::unique_ptr<connect::ChunkLoader>(
        std::make_unique<CarefulLoader>(pool, std::move(session), std::move(place), mode.tell));
  }
  return std::unique_ptr<connect::ChunkLoader>(
      std::make_unique<BulkLoader>(pool, std::move(session), std::move(place), mode.tell));
}

}  // namespace mysql
