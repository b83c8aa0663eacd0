// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/load.h"

#include <functional>
#include <map>
#include <stop_token>

#include "connectors/postgres/cell_text.h"
#include "connectors/postgres/cells.h"
#include "connectors/postgres/copy_binary.h"
#include "connectors/postgres/target_errors.h"
#include "connectors/postgres/target_schema.h"

namespace postgres {
namespace {

constexpr std::size_t idle_sessions_max = 16;
constexpr std::size_t buffer_bytes_max = 1u << 20;

constexpr std::size_t portion_rows_max = 1000;
constexpr std::size_t statement_bytes_max = 8000;  // of a refused row in the exceptions table

bool is_of_row(const base::Error& error) {
  return error.is(errors::value_refused) || error.is(errors::constraint_violated);
}

std::string copy_sql(const model::TableSchema& table, bool is_binary) {
  const std::string columns = stored_column_list(table);
  return fmt::format("COPY {}{} FROM STDIN{}", quote_name(table.name), columns.empty() ? "" : " (" + columns + ")",
                     is_binary ? " (FORMAT binary)" : "");
}

// How the rows go in binary, by what the target's columns are; empty: they go as text.
base::Result<std::vector<SendForm>> send_forms(Session& session, const model::TableSchema& table) {
  std::map<std::string, std::uint32_t> types;
  for (const Row& row : TRY(session.query("SELECT attname, atttypid FROM pg_catalog.pg_attribute WHERE attrelid = "
                                          "$1::regclass AND attnum > 0 AND NOT attisdropped",
                                          {quote_name(table.name)}, "the table's columns"))) {
    types[text_at(row, 0)] = oid_at(row, 1);
  }
  std::vector<SendForm> forms;
  for (const std::uint32_t index : model::stored_columns(table)) {
    const model::Column& column = table.columns[index];
    const auto type = types.find(column.name);
    const std::optional<SendForm> form = type == types.end() ? std::nullopt : send_form(type->second, column.type.type);
    if (!form) return std::vector<SendForm>();
    forms.push_back(*form);
  }
  return forms;
}

// A session of the pool for one chunk. A stop cancels what it does.
class LoadSession {
 public:
  LoadSession(SessionPool& pool, std::unique_ptr<Session> session, const std::stop_token& stop)
      : pool_(pool), session_(std::move(session)), cancel_when_stopped_(stop, [this] { cancel_.request(); }) {
    cancel_.aim(session_.get());
  }
  ~LoadSession() { give_back(); }
  LoadSession(const LoadSession&) = delete;
  LoadSession& operator=(const LoadSession&) = delete;
  void give_back() {
    cancel_.aim(nullptr);
    if (session_ != nullptr) pool_.give_back(std::move(session_));
  }
  Session* operator->() { return session_.get(); }
  Session& operator*() { return *session_; }
  explicit operator bool() const { return session_ != nullptr; }

 private:
  SessionPool& pool_;
  std::unique_ptr<Session> session_;
  SessionCanceler cancel_;
  std::stop_callback<std::function<void()>> cancel_when_stopped_;
};

class CopyLoader final : public connect::ChunkLoader {
 public:
  CopyLoader(SessionPool& pool, std::unique_ptr<Session> session, const ControlTables& control, std::int64_t epoch,
             const connect::LoadMode& mode, std::vector<SendForm> forms, std::string doing)
      : session_(pool, std::move(session), mode.stop),
        control_(control),
        epoch_(epoch),
        doing_(std::move(doing)),
        forms_(std::move(forms)),
        tell_(mode.tell) {
    if (!forms_.empty()) buffer_ = copy_binary_head;
  }
  ~CopyLoader() override {
    if (!session_) return;
    session_->copy_abandon();
    if (session_->in_transaction()) session_->attempt("ROLLBACK");
  }

  // Nothing can be written to the exceptions table in the middle of a COPY.
  base::Result<void> note_rejected(const std::vector<std::string>& reasons) override {
    if (!tell_ || reasons.empty()) return {};
    return base::failed(connect::errors::row_refused, "{}: {}", doing_, reasons.front());
  }

  base::Result<void> write_rows(model::RowBatch& rows) override {
    const auto full = [this](std::string& out) -> base::Result<void> {
      TRY(write_raw(out));
      out.clear();
      return {};
    };
    if (forms_.empty()) {
      TRY(append_copy_rows(buffer_, rows, full));
    } else if (!TRY(append_binary_rows(buffer_, rows, forms_, full))) {
      return base::failed(connect::errors::row_refused, "{}: a value is out of its column's range", doing_);
    }
    rows.clear();
    return {};
  }

  base::Result<void> write_raw(std::string_view bytes) override {
    base::Result<void> written = session_->copy_write(bytes);
    if (!written.ok()) return told(written.take_error());
    return written;
  }

  base::Result<std::uint64_t> finish() override {
    if (!forms_.empty()) buffer_ += copy_binary_end;
    TRY(write_raw(buffer_));
    buffer_.clear();
    const Outcome outcome = session_->copy_end();
    if (outcome.refusal) return told(session_->error_of(*outcome.refusal, doing_));
    TRY(control_.hold(*session_, epoch_));
    const Outcome committed = session_->attempt("COMMIT");
    if (committed.refusal) return told(session_->error_of(*committed.refusal, doing_));
    session_.give_back();
    return outcome.rows;
  }

 private:
  base::Error told(base::Error error) const {
    if (!is_of_row(error)) return error;
    return base::failed(connect::errors::row_refused, "{}", doing_).because(std::move(error));
  }

  LoadSession session_;
  const ControlTables& control_;
  const std::int64_t epoch_;
  const std::string doing_;
  const std::vector<SendForm> forms_;  // of rows in binary
  const bool tell_;
  std::string buffer_;
};

class CarefulLoader final : public connect::ChunkLoader {
 public:
  CarefulLoader(SessionPool& pool, std::unique_ptr<Session> session, const ControlTables& control, std::int64_t epoch,
                model::TableSchemaPtr table, const connect::LoadMode& mode)
      : session_(pool, std::move(session), mode.stop),
        control_(control),
        epoch_(epoch),
        table_(std::move(table)),
        tell_(mode.tell),
        doing_("loading table " + table_->name.text()),
        sql_(copy_sql(*table_, false)) {}
  ~CarefulLoader() override {
    if (session_ && session_->in_transaction()) session_->attempt("ROLLBACK");
  }

  base::Result<void> write_rows(model::RowBatch& rows) override {
    std::string lines;
    TRY(append_copy_rows(lines, rows, nullptr));
    rows.clear();
    return write_raw(lines);
  }

  base::Result<void> note_rejected(const std::vector<std::string>& reasons) override {
    if (!tell_ || reasons.empty()) return {};
    TRY(begin());
    for (const std::string& why : reasons) {
      session_->send(control_.load_exception_sql(),
                     control_.exception_parameters({table_->name, sql_ + ": a row of the source", why}));
    }
    return settle_exceptions();
  }

  // A newline in COPY's text ends a row, wherever it stands: those of values are escaped.
  base::Result<void> write_raw(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) break;
      buffer_.append(bytes.substr(0, end + 1));
      ends_.push_back(buffer_.size());
      bytes.remove_prefix(end + 1);
      if (ends_.size() >= portion_rows_max || buffer_.size() >= buffer_bytes_max) TRY(send_portion());
    }
    buffer_.append(bytes);
    return {};
  }

  base::Result<std::uint64_t> finish() override {
    TRY(send_portion());
    TRY(begin());
    TRY(control_.hold(*session_, epoch_));
    TRY(session_->run("COMMIT", doing_));
    session_.give_back();
    return rows_;
  }

  std::vector<std::string> take_rejected() override { return std::exchange(rejected_, {}); }

 private:
  base::Result<void> begin() {
    if (!begun_) TRY(session_->run("BEGIN", doing_));
    begun_ = true;
    return {};
  }

  base::Result<void> settle_exceptions() {
    for (const Outcome& outcome : TRY(session_->sync())) {
      if (outcome.refusal) return session_->error_of(*outcome.refusal, "exceptions of the full load");
    }
    return {};
  }

  base::Result<void> send_portion() {
    if (ends_.empty()) return {};
    TRY(begin());
    const std::size_t whole = ends_.back();
    TRY(send(0, ends_.size()));
    buffer_.erase(0, whole);
    ends_.clear();
    return {};
  }

  std::string_view lines(std::size_t first, std::size_t end) const {
    const std::size_t from = first == 0 ? 0 : ends_[first - 1];
    return std::string_view(buffer_).substr(from, ends_[end - 1] - from);
  }

  base::Result<void> send(std::size_t first, std::size_t end) {
    TRY(session_->run("SAVEPOINT millrace_load", doing_));
    TRY(session_->copy_begin(sql_, doing_));
    base::Result<void> written = session_->copy_write(lines(first, end));
    std::optional<base::Error> refused;
    if (written.ok()) {
      const Outcome outcome = session_->copy_end();
      if (outcome.refusal) refused = session_->error_of(*outcome.refusal, doing_);
      if (!refused) {
        rows_ += outcome.rows;
        return session_->run("RELEASE SAVEPOINT millrace_load", doing_);
      }
    } else {
      refused = written.take_error();
    }
    if (!is_of_row(*refused)) return *std::move(refused);
    TRY(session_->run("ROLLBACK TO SAVEPOINT millrace_load; RELEASE SAVEPOINT millrace_load", doing_));
    if (end - first == 1) return put_aside(first, refused->message);
    const std::size_t middle = first + (end - first) / 2;
    TRY(send(first, middle));
    return send(middle, end);
  }

  base::Result<void> put_aside(std::size_t row, const std::string& why) {
    rejected_.push_back(why);
    if (!tell_) return {};
    std::string_view line = lines(row, row + 1);
    line.remove_suffix(1);
    if (line.size() > statement_bytes_max) {
      line = line.substr(0, statement_bytes_max);
      while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0) == 0x80) line.remove_suffix(1);
      if (!line.empty()) line.remove_suffix(1);
    }
    session_->send(control_.load_exception_sql(),
                   control_.exception_parameters({table_->name, fmt::format("{}: {}", sql_, line), why}));
    return settle_exceptions();
  }

  LoadSession session_;
  const ControlTables& control_;
  const std::int64_t epoch_;
  const model::TableSchemaPtr table_;
  const bool tell_;
  const std::string doing_;
  const std::string sql_;
  std::string buffer_;
  std::vector<std::size_t> ends_;  // of the whole rows in the buffer
  std::vector<std::string> rejected_;
  std::uint64_t rows_ = 0;
  bool begun_ = false;
};

}  // namespace

base::Result<std::unique_ptr<Session>> SessionPool::take() {
  {
    base::Lock lock(mutex_);
    while (!idle_.empty()) {
      std::unique_ptr<Session> session = std::move(idle_.back());
      idle_.pop_back();
      if (!session->broken()) return session;
    }
  }
  std::unique_ptr<Session> session = TRY(Session::open(settings_));
  TRY(session->run("SET lock_timeout = '60s'", "load session"));
  session->attempt("SET session_replication_role = replica");  // without the right it stays as it is
  return session;
}

void SessionPool::give_back(std::unique_ptr<Session> session) {
  if (session->broken() || session->in_transaction()) return;
  base::Lock lock(mutex_);
  if (idle_.size() < idle_sessions_max) idle_.push_back(std::move(session));
}

base::Result<std::unique_ptr<connect::ChunkLoader>> open_loader(SessionPool& pool, const ControlTables& control,
                                                                std::int64_t epoch, const model::TableSchemaPtr& table,
                                                                const connect::LoadMode& mode) {
  std::unique_ptr<Session> session = TRY(pool.take());
  const std::string doing = "loading table " + table->name.text();
  TRY(session->run("BEGIN", doing));
  std::vector<SendForm> forms;
  if (mode.form == connect::ReadForm::rows) forms = TRY(send_forms(*session, *table));
  const bool is_binary = mode.form == connect::ReadForm::raw_binary || !forms.empty();
  TRY(session->copy_begin(copy_sql(*table, is_binary), doing));
  return std::unique_ptr<connect::ChunkLoader>(
      std::make_unique<CopyLoader>(pool, std::move(session), control, epoch, mode, std::move(forms), doing));
}

base::Result<std::unique_ptr<connect::ChunkLoader>> open_careful_loader(SessionPool& pool, const ControlTables& control,
                                                                        std::int64_t epoch,
                                                                        const model::TableSchemaPtr& table,
                                                                        const connect::LoadMode& mode) {
  ENSURE(mode.form != connect::ReadForm::raw_binary);
  std::unique_ptr<Session> session = TRY(pool.take());
  return std::unique_ptr<connect::ChunkLoader>(
      std::make_unique<CarefulLoader>(pool, std::move(session), control, epoch, table, mode));
}

}  // namespace postgres
