// SPDX-License-Identifier: Apache-2.0
#include "main/worker.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/disk.h"
#include "base/json.h"
#include "engine/state_store.h"
#include "main/assessment.h"
#include "main/assessment_results.h"
#include "main/connectors.h"
#include "main/errors.h"
#include "main/session.h"

namespace main_program {
namespace {

using nlohmann::json;

// What a connector needs when there is no task.
class Ground {
 public:
  connect::Context context() {
    connect::Context out;
    out.task = "test";
    out.task_id = "test";
    out.clock = &clock_;
    out.random = &random_;
    out.disk = &disk_;
    out.log = &log_;
    out.journal = journal_.get();
    out.settings = engine::Settings().flattened();
    return out;
  }

 private:
  base::SystemClock clock_;
  base::SystemRandom random_;
  base::PosixDisk disk_;
  base::NullLog log_;
  engine::MemoryStore store_;
  std::unique_ptr<connect::Journal> journal_ = engine::journal_of(store_, "test");
};

base::Result<json> member_of(const json& question, const char* name) {
  const auto found = question.find(name);
  if (found == question.end()) return base::failed(errors::bad_usage, "the question has no {}", name);
  return *found;
}

base::Result<Endpoint> endpoint_of(const json& question, Side& side, const SecretReader& secret_of) {
  const json word = TRY(member_of(question, "side"));
  if (word != "source" && word != "target") return base::failed(errors::bad_usage, "side is neither source nor target");
  side = word == "source" ? Side::source : Side::target;
  const json members = TRY(member_of(question, "endpoint"));
  return parse_endpoint(members, side, all_connectors(), environment_variable, secret_of);
}

// The extra connection attributes as they may be shown: values of secret ones become "***".
std::string shown_attributes(std::string_view text, const std::vector<connect::OptionSpec>& specs) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view part = text.substr(0, end);
    const std::size_t equals = std::min(part.find('='), part.size());
    const bool secret = std::any_of(specs.begin(), specs.end(), [&](const connect::OptionSpec& spec) {
      return spec.kind == connect::OptionKind::secret &&
             lower(spec.path.substr(spec.path.rfind('.') + 1)) == lower(base::printable(part.substr(0, equals)));
    });
    out += secret ? std::string(part.substr(0, equals)) + "=***" : std::string(part);
    if (end < text.size()) out += ';';
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

base::Result<json> check_endpoint(const json& question) {
  Side side{};
  const Endpoint endpoint = TRY(endpoint_of(question, side, naming_secrets()));
  const std::string attributes = question["endpoint"].value("ExtraConnectionAttributes", "");
  return json{{"place", endpoint.text},
              {"attributes", shown_attributes(attributes, endpoint_options(*endpoint.connector, side))}};
}

base::Result<json> check_task(const json& question) {
  const json document = TRY(member_of(question, "document"));
  const TaskDocument task =
      TRY(parse_task_document(document.dump(), "task", all_connectors(), environment_variable, naming_secrets()));
  return json{{"settings", task.definition.settings.document()}, {"remarks", task.remarks}};
}

base::Result<json> test_connection(const json& question) {
  Side side{};
  const Endpoint endpoint = TRY(endpoint_of(question, side, reading_secrets()));
  Ground ground;
  if (side == Side::target) {
    TRY(endpoint.connector->open_target(endpoint.options, ground.context()));
    return json::object();
  }
  const auto source = TRY(endpoint.connector->open_source(endpoint.options, ground.context()));
  const std::string version = TRY(source->catalog().server_version());
  return json{{"version", version}};
}

base::Result<json> list_schemas(const json& question) {
  Side side{};
  const Endpoint endpoint = TRY(endpoint_of(question, side, reading_secrets()));
  if (endpoint.connector->open_source == nullptr) {
    return base::failed(errors::bad_usage, "{} has no schemas", endpoint.engine_name);
  }
  Ground ground;
  const auto source = TRY(endpoint.connector->open_source(endpoint.options, ground.context()));
  std::set<std::string> schemas;
  for (const connect::TableListing& table : TRY(source->catalog().list_tables())) schemas.insert(table.name.schema);
  return json{{"schemas", schemas}};
}

base::Result<json> list_checks(const json& question) {
  Route route;
  for (const auto& [member, value] : {std::pair{"source", &route.source}, {"target", &route.target}}) {
    const json name = TRY(member_of(question, member));
    const bool known = std::any_of(all_connectors().begin(), all_connectors().end(), [&](const auto* connector) {
      const auto& names = connector->engine_names;
      return name.is_string() && std::find(names.begin(), names.end(), name.get<std::string>()) != names.end();
    });
    if (!known) return base::failed(errors::unknown_engine, "{} is not one of this server", name.dump());
    *value = name;
  }
  const json type = TRY(member_of(question, "type"));
  if (type == "full-load-and-cdc") route.type = engine::MigrationType::full_load_and_cdc;
  if (type == "cdc") route.type = engine::MigrationType::cdc;
  return json{{"checks", applicable_checks(route)}};
}

base::Result<json> assess(const json& question) {
  const json document = TRY(member_of(question, "document"));
  const json folder = TRY(member_of(question, "data_dir"));
  auto session = TRY(Session::looking(
      TRY(parse_task_document(document.dump(), "task", all_connectors(), environment_variable, reading_secrets())),
      folder));
  const TaskDocument& task = session->document();
  engine::Task plans(task.definition, session->environment());
  const engine::Plan plan = TRY(plans.plan(std::stop_token()));
  const Route route{task.source.engine_name, task.target.engine_name, task.definition.migration_type};
  const json checks = verdicts(plan, route, question.value("checks", std::vector<std::string>()));
  if (question.contains("results")) {
    TRY(store_results(question["results"], question.value("run", json::object()), checks));
  }
  return json{
      {"checks", checks}, {"status", worst_status(checks)}, {"types", type_report(plan, task.definition.identifier)}};
}

std::string_view kind_word(connect::OptionKind kind) {
  switch (kind) {
    case connect::OptionKind::text: return "string";
    case connect::OptionKind::integer: return "integer";
    case connect::OptionKind::boolean: return "boolean";
    case connect::OptionKind::choice: return "enum";
    case connect::OptionKind::secret: return "secret";
  }
  return "string";
}

json options_json(const connect::Connector& connector, Side side) {
  json out = json::array();
  for (const connect::OptionSpec& spec : endpoint_options(connector, side)) {
    if (!spec.refused.empty()) continue;
    out.push_back({{"path", spec.path},
                   {"kind", kind_word(spec.kind)},
                   {"default", spec.default_value},
                   {"choices", spec.choices},
                   {"minimum", spec.minimum},
                   {"maximum", spec.maximum},
                   {"help", spec.help}});
  }
  return out;
}

json engines() {
  json out = json::array();
  for (const connect::Connector* connector : all_connectors()) {
    for (const std::string_view name : connector->engine_names) {
      json row{{"name", name}, {"sides", json::object()}};
      if (connector->open_source != nullptr) row["sides"]["source"] = options_json(*connector, Side::source);
      if (connector->open_target != nullptr) row["sides"]["target"] = options_json(*connector, Side::target);
      out.push_back(std::move(row));
    }
  }
  return json{{"engines", std::move(out)}};
}

base::Result<json> reply_to(const json& question) {
  if (!question.is_object()) return base::failed(errors::bad_usage, "the question is no object");
  const json what = TRY(member_of(question, "ask"));
  if (what == "check-endpoint") return check_endpoint(question);
  if (what == "check-task") return check_task(question);
  if (what == "test") return test_connection(question);
  if (what == "schemas") return list_schemas(question);
  if (what == "checks") return list_checks(question);
  if (what == "assess") return assess(question);
  if (what == "engines") return engines();
  return base::failed(errors::bad_usage, "the question is unknown");
}

}  // namespace

base::Result<std::string> answer_of(std::string_view question) {
  const json asked = TRY(base::parse_json(question, "question"));
  base::Result<json> reply = reply_to(asked);
  json out;
  if (reply.ok()) {
    out = std::move(reply).take();
  } else {
    const base::Error& error = reply.error();
    std::string message = error.message;
    for (auto cause = error.cause; cause != nullptr; cause = cause->cause) message += "; " + cause->message;
    out["error"] = {{"code", error.code->name}, {"message", message}, {"input", error.kind() == base::Kind::input}};
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace main_program
