// SPDX-License-Identifier: Apache-2.0
#include "server/bounds.h"

#include <algorithm>
#include <array>

#include "api/errors.h"
#include "api/names.h"
#include "base/json.h"
#include "server/account.h"
#include "server/certificates.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/instances.h"
#include "server/resources.h"
#include "server/tasks.h"

namespace server {
namespace {

using base::Result;

// What an operation makes; `named_by`: the member that ends the ARN, where a name does.
struct Making {
  std::string_view operation;
  std::string_view kind;
  const char* named_by = "";
};
constexpr std::array makings{
    Making{"CreateEndpoint", endpoint_kind},
    Making{"CreateEventSubscription", subscription_kind, "SubscriptionName"},
    Making{"CreateReplicationConfig", config_kind},
    Making{"CreateReplicationInstance", instance_kind},
    Making{"CreateReplicationSubnetGroup", subnet_group_kind, "ReplicationSubnetGroupIdentifier"},
    Making{"CreateReplicationTask", task_kind},
    Making{"ImportCertificate", certificate_kind}};

// Members that name an existing resource without its ARN.
constexpr std::array<std::pair<const char*, const char*>, 2> named{
    std::pair{"ReplicationSubnetGroupIdentifier", subnet_group_kind}, {"SubscriptionName", subscription_kind}};

std::string in_small_letters(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

class Check {
 public:
  Check(Ground& ground, const Bounds& bounds, const Request& request)
      : ground_(ground), bounds_(bounds), request_(request) {}

  Result<void> run() {
    const auto making = std::find_if(makings.begin(), makings.end(),
                                     [&](const Making& row) { return row.operation == request_.operation->name; });
    if (making != makings.end()) TRY(allow_new(*making));
    for (const auto& [member, value] : request_.input.items()) TRY(allow_member(member, value));
    for (const auto& [member, kind] : named) {
      const bool is_new = making != makings.end() && std::string_view(making->named_by) == member;
      if (!is_new && request_.has(member)) TRY(allow_name(kind, request_.text(member)));
    }
    if (any_) return {};
    return refused("a call that names no resource");
  }

 private:
  bool allows(const std::string& arn) const {
    return std::any_of(bounds_.arn_prefixes.begin(), bounds_.arn_prefixes.end(),
                       [&](const std::string& prefix) { return arn.starts_with(prefix); });
  }
  bool allows(const std::map<std::string, std::string>& tags) const {
    return std::any_of(tags.begin(), tags.end(), [&](const auto& tag) {
      const auto wanted = bounds_.tags.find(tag.first);
      return wanted != bounds_.tags.end() && wanted->second == tag.second;
    });
  }
  base::Error refused(const std::string& what) const {
    return base::failed(api::errors::access_denied, "the user {} is bounded to {}; {} is outside", request_.user,
                        bounds_.text(), what);
  }

  Result<void> allow_arn(const std::string& arn) {
    if (!api::parse_arn(arn)) return {};  // of another service; or nothing that we have
    any_ = true;
    if (allows(arn) || allows(TRY(ground_.store.tags(arn)))) return {};
    return refused(arn);
  }
  Result<void> allow_member(const std::string& member, const json& value) {
    if (member.ends_with("Arn") && value.is_string()) return allow_arn(value.get<std::string>());
    if (!(member.ends_with("ArnList") || member.ends_with("Arns")) || !value.is_array()) return {};
    for (const json& item : value) {
      if (item.is_string()) TRY(allow_arn(item.get<std::string>()));
    }
    return {};
  }
  Result<void> allow_name(const char* kind, const std::string& name) {
    const auto found = TRY(ground_.store.find(kind, in_small_letters(name)));
    any_ = true;
    return found ? allow_arn(found->arn) : Result<void>();
  }
  Result<void> allow_new(const Making& making) {
    any_ = true;
    const std::string name = *making.named_by == '\0' ? "" : in_small_letters(request_.text(making.named_by));
    if (allows(api::Arn{request_.region, ground_.account, std::string(making.kind), name}.text())) return {};
    if (allows(TRY(tags_of(request_.input.value("Tags", json::array()))))) return {};
    return refused("a new resource without one of these tags");
  }

  Ground& ground_;
  const Bounds& bounds_;
  const Request& request_;
  bool any_ = false;
};

}  // namespace

std::string Bounds::text() const {
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  for (const std::string& prefix : arn_prefixes) add(prefix + "*");
  for (const auto& [key, value] : tags) add(fmt::format("tag {}={}", key, value));
  return out;
}

std::string Bounds::stored() const {
  return json{{"arn_prefixes", arn_prefixes}, {"tags", tags}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Bounds> Bounds::of_stored(const std::string& text) {
  const json document = TRY(base::parse_json(text, "the stored bounds of a user"));
  try {
    return Bounds{document.at("arn_prefixes"), document.at("tags")};
  } catch (const json::exception&) {
    return base::failed(errors::store_failed, "the stored bounds of a user are damaged");
  }
}

Result<void> check_bounds(Ground& ground, const Bounds& bounds, const Request& request) {
  return bounds.is_empty() ? Result<void>() : Check(ground, bounds, request).run();
}

}  // namespace server
