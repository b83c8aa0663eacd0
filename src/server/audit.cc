// SPDX-License-Identifier: Apache-2.0
#include "server/audit.h"

#include <algorithm>

namespace server {
namespace {

using base::Result;

constexpr std::string_view current = "audit.log", aside = "audit-";

// Of which resources a call speaks. Nothing else of it is written: it may be a secret.
json names_in(const json& input) {
  json names = json::object();
  for (const auto& [name, value] : input.items()) {
    const std::string_view member = name;
    if (value.is_string() && (member.ends_with("Arn") || member.ends_with("Identifier") || member.ends_with("Name"))) {
      names[name] = value;
    }
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<Audit>> Audit::open(Ground& ground, AuditLimits limits) {
  std::unique_ptr<Audit> audit(new Audit(ground, limits));
  TRY(audit->disk_.make_folders(ground.data_dir + "/logs"));
  base::Lock lock(audit->mutex_);
  TRY(audit->open_file());
  return audit;
}

Result<void> Audit::open_file() {
  file_ = TRY(disk_.open(fmt::format("{}/logs/{}", ground_.data_dir, current), base::OpenMode::append));
  size_ = TRY(file_->size());
  return {};
}

void Audit::note(const Request& request, const User& user, const std::string& id, const std::string& outcome) {
  const json line{{"time", base::utc_text(ground_.clock.wall(), 3)},
                  {"request", id},
                  {"user", user.name},
                  {"key", user.access_key},
                  {"operation", request.operation->name},
                  {"outcome", outcome},
                  {"named", names_in(request.input)}};
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  base::Lock lock(mutex_);
  const Result<void> written = append(text);
  if (!written.ok()) ground_.log.error("audit", "{}: {}", written.error().text(), text);
}

Result<void> Audit::append(const std::string& line) {
  if (size_ >= limits_.file_bytes) TRY(set_aside());
  TRY(file_->append(line));
  size_ += line.size();
  return {};
}

Result<void> Audit::set_aside() {
  const std::string folder = ground_.data_dir + "/logs/";
  std::string moment = base::utc_text(ground_.clock.wall(), 6);
  std::replace(moment.begin(), moment.end(), ' ', 'T');
  TRY(disk_.rename(folder + std::string(current), fmt::format("{}{}{}.log", folder, aside, moment)));
  TRY(open_file());
  std::vector<std::string> old;
  for (const std::string& name : TRY(disk_.list(folder))) {
    if (name.starts_with(aside)) old.push_back(name);
  }
  std::sort(old.begin(), old.end());
  for (std::size_t i = 0; i + limits_.files < old.size(); ++i) TRY(disk_.remove(folder + old[i]));
  return {};
}

}  // namespace server
