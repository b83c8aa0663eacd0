// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/load.h"

#include "connectors/postgres/cell_text.h"
#include "connectors/postgres/target_errors.h"
#include "connectors/postgres/target_schema.h"

namespace postgres {
namespace {

constexpr std::size_t idle_sessions_max = 16;
constexpr std::size_t buffer_bytes_max = 1u << 20;

class CopyLoader final : public connect::ChunkLoader {
 public:
  CopyLoader(SessionPool& pool, std::unique_ptr<Session> session, std::string doing)
      : pool_(pool), session_(std::move(session)), doing_(std::move(doing)) {}
  ~CopyLoader() override {
    if (session_ == nullptr) return;
    session_->copy_abandon();
    pool_.give_back(std::move(session_));
  }

  base::Result<void> write_rows(model::RowBatch& rows) override {
    append_copy_rows(buffer_, rows);
    rows.clear();
    if (buffer_.size() < buffer_bytes_max) return {};
    TRY(session_->copy_write(buffer_));
    buffer_.clear();
    return {};
  }

  base::Result<void> write_raw(std::string_view bytes) override { return session_->copy_write(bytes); }

  base::Result<std::uint64_t> finish() override {
    TRY(session_->copy_write(buffer_));
    buffer_.clear();
    const Outcome outcome = session_->copy_end();
    base::Result<std::uint64_t> done = outcome.rows;
    if (outcome.refusal) done = session_->error_of(*outcome.refusal, doing_);
    pool_.give_back(std::move(session_));
    return done;
  }

 private:
  SessionPool& pool_;
  std::unique_ptr<Session> session_;
  const std::string doing_;
  std::string buffer_;
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

base::Result<std::unique_ptr<connect::ChunkLoader>> open_loader(SessionPool& pool, const model::TableSchemaPtr& table,
                                                                connect::ReadForm form) {
  std::unique_ptr<Session> session = TRY(pool.take());
  const std::string doing = "loading table " + table->name.text();
  const std::string columns = stored_column_list(*table);
  TRY(session->copy_begin(
      fmt::format("COPY {}{} FROM STDIN{}", quote_name(table->name), columns.empty() ? "" : " (" + columns + ")",
                  form == connect::ReadForm::raw_binary ? " (FORMAT binary)" : ""),
      doing));
  return std::unique_ptr<connect::ChunkLoader>(std::make_unique<CopyLoader>(pool, std::move(session), doing));
}

}  // namespace postgres
