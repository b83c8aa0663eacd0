// SPDX-License-Identifier: Apache-2.0
#include "server/front.h"

#include <algorithm>

#include "api/check.h"
#include "api/errors.h"
#include "api/reply.h"
#include "base/json.h"
#include "server/account.h"
#include "server/assessments.h"
#include "server/bounds.h"
#include "server/certificates.h"
#include "server/endpoints.h"
#include "server/instances.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Lock;
using base::Result;

constexpr std::string_view target_prefix = "AmazonDMSv20160101.";
constexpr std::string_view service_name = "dms";
constexpr const char* content_type = "application/x-amz-json-1.1";
constexpr std::size_t buckets_max = 10'000;
constexpr std::string_view log_pages = "/task-logs/";
constexpr std::uint64_t log_bytes_max = 256u << 10;

std::vector<OperationRow> all_rows() {
  std::vector<OperationRow> rows;
  for (const auto part :
       {endpoint_operations(), connection_operations(), instance_operations(), subnet_group_operations(),
        certificate_operations(), task_operations(), task_life_operations(), replication_operations(), tag_operations(),
        account_operations(), subscription_operations(), assessment_operations()}) {
    rows.insert(rows.end(), part.begin(), part.end());
  }
  std::sort(rows.begin(), rows.end(), [](const auto& left, const auto& right) { return left.name < right.name; });
  return rows;
}

std::string request_id() {
  const std::string digits = random_hex(16);
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" + digits.substr(16, 4) +
         "-" + digits.substr(20);
}

HttpReply page(int status, std::string body) { return {status, {{"Content-Type", "text/plain"}}, std::move(body)}; }

// The end of a task's log, in whole lines.
Result<std::string> log_of(Ground& ground, const std::string& id) {
  std::optional<Resource> task = TRY(ground.store.find(task_kind, id));
  if (!task) task = TRY(ground.store.find(config_kind, id));
  if (!task) return base::failed(api::errors::resource_not_found, "there is no task {}", base::printable(id));
  base::PosixDisk disk;
  const std::string path = ground.task_folder(*task) + "/logs/millrace.log";
  if (!TRY(disk.exists(path))) return std::string();
  const auto file = TRY(disk.open(path, base::OpenMode::read));
  const std::uint64_t size = TRY(file->size());
  const std::uint64_t begin = size - std::min(size, log_bytes_max);
  std::string text;
  TRY(file->read_at(begin, size - begin, text));
  return begin == 0 ? text : text.substr(text.find('\n') + 1);
}

Result<const OperationRow*> operation_of(const api::SignedRequest& request) {
  const std::string target = request.header("x-amz-target");
  if (!target.starts_with(target_prefix)) {
    return base::failed(api::errors::unknown_operation, "X-Amz-Target must be {}Operation", target_prefix);
  }
  const std::string name = target.substr(target_prefix.size());
  if (const OperationRow* row = find_offered(name)) return row;
  if (api::find_operation(name) == nullptr) {
    return base::failed(api::errors::unknown_operation, "there is no operation {}", base::printable(name));
  }
  return base::failed(api::errors::unsupported_operation, "{} is not offered by this server", name);
}

Result<void> check_role(const User& user, const OperationRow& row) {
  if (row.effect == Effect::reads || user.role == "administrator") return {};
  if (row.effect == Effect::runs && user.role == "operator") return {};
  return base::failed(api::errors::access_denied, "the key {} has the role {}; {} needs {}", user.access_key, user.role,
                      row.name, row.effect == Effect::runs ? "operator" : "administrator");
}

}  // namespace

std::span<const OperationRow> offered_operations() {
  static const std::vector<OperationRow> rows = all_rows();
  return rows;
}

const OperationRow* find_offered(std::string_view name) {
  const auto rows = offered_operations();
  const auto at = std::lower_bound(rows.begin(), rows.end(), name,
                                   [](const OperationRow& row, std::string_view wanted) { return row.name < wanted; });
  return at != rows.end() && at->name == name ? &*at : nullptr;
}

Result<std::unique_ptr<Front>> Front::open(Ground& ground, Limits limits) {
  return std::unique_ptr<Front>(new Front(ground, limits, TRY(Audit::open(ground))));
}

// What is read by a monitor and not by a client of the API.
HttpReply Front::page_of(const api::SignedRequest& request, bool local) {
  if (request.path == "/healthz") return page(200, "ok\n");
  if (request.path == "/readyz") {
    return ground_.store.count(task_kind).ok() ? page(200, "ready\n") : page(503, "the store does not answer\n");
  }
  if (request.path.starts_with(log_pages)) {
    if (!identify(request).ok()) return page(403, "a reader's key is needed\n");
    const Result<std::string> text = log_of(ground_, request.path.substr(log_pages.size()));
    return text.ok() ? page(200, *text) : page(404, text.error().message + "\n");
  }
  if (request.path != "/metrics") return page(404, "there is nothing here\n");
  if (!local && !identify(request).ok()) return page(403, "a reader's key is needed\n");
  const Result<std::string> text = metrics_.text(ground_);
  if (text.ok()) return page(200, *text);
  ground_.log.error("metrics", "{}", text.error().text());
  return page(500, "the store does not answer\n");
}

HttpReply Front::answer(const api::SignedRequest& request, bool local) {
  if (request.method == "GET") return page_of(request, local);
  const std::string id = request_id();
  HttpReply out;
  out.headers = {{"x-amzn-RequestId", id}, {"Content-Type", content_type}};
  if (request.method != "POST" || request.path != "/" || !request.query.empty()) {
    out.status = 404;
    out.body =
        api::reply_of(base::failed(api::errors::unknown_operation, "the API is reached by POST / with X-Amz-Target"))
            .body;
    return out;
  }
  const base::Nanos began = ground_.clock.monotonic();
  Result<json> reply = this->reply(request, id);
  metrics_.count(ground_.clock.monotonic() - began, reply.ok() ? "ok" : reply.error().code->name);
  if (reply.ok()) {
    out.body = reply->dump(-1, ' ', false, json::error_handler_t::replace);
    return out;
  }
  const api::ErrorReply error = api::reply_of(reply.error());
  if (error.status >= 500) ground_.log.error("api", "request {}: {}", id, reply.error().text());
  out.status = error.status;
  out.headers.emplace_back("x-amzn-ErrorType", error.type);
  out.body = error.body;
  return out;
}

Result<json> Front::reply(const api::SignedRequest& request, const std::string& id) {
  const Caller caller = TRY(identify(request));
  TRY(pace(caller.user.access_key));
  const OperationRow* row = TRY(operation_of(request));
  TRY(check_role(caller.user, *row));
  auto parsed = base::parse_json(request.body.empty() ? "{}" : request.body, "the request's body");
  if (!parsed.ok()) return base::failed(api::errors::serialization, "{}", parsed.error().message);
  Request asked;
  asked.operation = api::find_operation(row->name);
  ENSURE(asked.operation != nullptr);
  asked.input = TRY(api::check_input(*asked.operation, std::move(parsed).take()));
  asked.region = caller.region;
  asked.user = caller.user.name;
  return carry_out(*row, asked, caller, id);
}

Result<Front::Caller> Front::identify(const api::SignedRequest& request) {
  const base::WallMicros now = ground_.clock.wall();
  const api::Claim claim = TRY(api::read_claim(request, now));
  if (claim.place.service != service_name) {
    return base::failed(api::errors::invalid_signature, "the request is signed for the service {}, not {}",
                        base::printable(claim.place.service), service_name);
  }
  const auto user = TRY(ground_.store.user(claim.access_key));
  if (!user) return base::failed(api::errors::unrecognized_client, "the access key is not known");
  const std::string secret = TRY(ground_.seal.open(user->sealed_secret, user->access_key));
  TRY(api::verify(request, claim, secret));
  const std::string token = claim.session_token.empty() ? "" : wire::sha256_hex(claim.session_token);
  if (!api::equal_in_constant_time(token, user->token_sha256)) {
    return base::failed(api::errors::unrecognized_client, "the session token is not that of the access key");
  }
  if (user->expires != 0 && user->expires <= now) {
    return base::failed(api::errors::expired_token, "the access key expired at {} UTC",
                        base::utc_text(user->expires, 0));
  }
  return Caller{*user, claim.place.region};
}

Result<void> Front::pace(const std::string& access_key) {
  const base::Nanos now = ground_.clock.monotonic();
  Lock lock(mutex_);
  if (buckets_.size() > buckets_max) buckets_.clear();
  Bucket& bucket = buckets_.try_emplace(access_key, Bucket{limits_.burst, now}).first->second;
  const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.tokens = std::min(limits_.burst, bucket.tokens + seconds * limits_.each_second);
  bucket.filled = now;
  if (bucket.tokens < 1) return base::failed(api::errors::throttling, "Rate exceeded");
  bucket.tokens -= 1;
  return {};
}

Result<json> Front::carry_out(const OperationRow& row, const Request& request, const Caller& caller,
                              const std::string& id) {
  // A name in an ARN: nothing that could be read as a path or as another part.
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; };
  if (request.region.size() > 64 || !std::all_of(request.region.begin(), request.region.end(), plain)) {
    return base::failed(api::errors::invalid_signature, "the region of Credential is not a region's name");
  }
  try {
    if (row.effect == Effect::reads) return row.handler(ground_, request);
    const Bounds bounds = caller.user.bounds.empty() ? Bounds() : TRY(Bounds::of_stored(caller.user.bounds));
    Result<json> outcome = [&] {
      Lock deciding(ground_.store.deciding);
      const Result<void> allowed = check_bounds(ground_, bounds, request);
      return allowed.ok() ? row.handler(ground_, request) : Result<json>(allowed.error());
    }();
    audit_->note(request, caller.user, id, outcome.ok() ? "ok" : std::string(outcome.error().code->name));
    return outcome;
  } catch (const json::exception& thrown) {
    return base::failed(base::errors::bug, "{}: {}", row.name, thrown.what());
  }
}

}  // namespace server
