// SPDX-License-Identifier: Apache-2.0
#include "main/session.h"

#include <cstdlib>

#include "main/connectors.h"
#include "main/errors.h"

namespace main_program {
namespace {

constexpr std::uint64_t task_file_bytes_max = 64u << 20;

base::Result<std::string> read_task_file(base::Disk& disk, const std::string& path) {
  auto opened = disk.open(path, base::OpenMode::read);
  if (!opened.ok()) return base::failed(errors::unreadable_task_file, "{}", path).because(opened.take_error());
  auto file = std::move(opened).take();
  auto size = file->size();
  if (!size.ok()) return base::failed(errors::unreadable_task_file, "{}", path).because(size.take_error());
  if (*size > task_file_bytes_max) {
    return base::failed(errors::unreadable_task_file, "{} is larger than {} bytes", path, task_file_bytes_max);
  }
  std::string text;
  auto read = file->read_at(0, *size, text);
  if (!read.ok()) return base::failed(errors::unreadable_task_file, "{}", path).because(read.take_error());
  return text;
}

std::vector<std::string> secrets_of(const Endpoint& endpoint, Side side) {
  std::vector<std::string> secrets;
  for (const connect::OptionSpec& spec : endpoint_options(*endpoint.connector, side)) {
    if (spec.kind == connect::OptionKind::secret) secrets.push_back(endpoint.options.text(spec.path));
  }
  return secrets;
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

base::Result<TaskDocument> read_task_document(const std::string& path, const SecretReader& secret_of) {
  base::PosixDisk disk;
  const std::string text = TRY(read_task_file(disk, path));
  return parse_task_document(text, "task file " + path, all_connectors(), environment_variable, secret_of);
}

base::Result<std::unique_ptr<Session>> Session::locked(const std::string& task_file, const std::string& data_dir) {
  std::unique_ptr<Session> session(new Session());  // NOLINT: private constructor
  session->document_ = TRY(read_task_document(task_file, reading_secrets()));
  session->data_dir_ = std::make_unique<DataDir>(TRY(DataDir::lock(data_dir, session->random_)));
  const DataDir& folder = *session->data_dir_;
  std::vector<std::string> secrets = secrets_of(session->document_.source, Side::source);
  for (std::string& secret : secrets_of(session->document_.target, Side::target)) secrets.push_back(std::move(secret));
  session->log_ =
      TRY(LogFile::open(folder.log_folder(), std::move(secrets), log_levels(session->document_.definition.settings)));
  session->store_ = TRY(engine::SqliteStore::open(folder.state_file(), engine::SqliteStore::Open::create_or_open));
  session->document_.definition.task_id = task_id_of(session->document_.definition.identifier, folder.identity());
  return session;
}

base::Result<std::unique_ptr<Session>> Session::looking(const std::string& task_file, const std::string& data_dir) {
  return looking(TRY(read_task_document(task_file, reading_secrets())), data_dir);
}

base::Result<std::unique_ptr<Session>> Session::looking(TaskDocument document, const std::string& data_dir) {
  std::unique_ptr<Session> session(new Session());  // NOLINT: private constructor
  session->document_ = std::move(document);
  session->data_dir_ = std::make_unique<DataDir>(TRY(DataDir::look(data_dir)));
  const DataDir& folder = *session->data_dir_;
  session->log_ = std::make_unique<base::NullLog>();
  if (folder.has_state()) {
    session->store_ = TRY(engine::SqliteStore::open(folder.state_file(), engine::SqliteStore::Open::existing));
  } else {
    session->store_ = std::make_unique<engine::MemoryStore>();
  }
  session->document_.definition.task_id = task_id_of(session->document_.definition.identifier, folder.identity());
  return session;
}

engine::Environment Session::environment() {
  engine::Environment out;
  out.clock = &clock_;
  out.random = &random_;
  out.disk = &disk_;
  out.log = log_.get();
  out.store = store_.get();
  out.data_folder = data_dir_->path();
  out.open_source = [this](const connect::Context& context) {
    return document_.source.connector->open_source(document_.source.options, context);
  };
  out.open_target = [this](const connect::Context& context) {
    return document_.target.connector->open_target(document_.target.options, context);
  };
  out.source_text = document_.source.text;
  out.target_text = document_.target.text;
  return out;
}

}  // namespace main_program
