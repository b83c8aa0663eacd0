// SPDX-License-Identifier: Apache-2.0
#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "wire/s3_client.h"
#include "wire/secret_source.h"

namespace server {
namespace {

constexpr const char* serve_footer =
    R"(Clients of the AWS Database Migration Service talk to it with a key that `millrace user add` makes:

  millrace user add me --role administrator --data-dir /var/lib/millrace
  millrace serve --data-dir /var/lib/millrace
  aws dms describe-endpoints --endpoint-url https://127.0.0.1:8086

With the certificate made at the first start, clients must be told to trust DIR/tls/certificate.pem
(AWS_CA_BUNDLE). Ctrl-C ends the server; tasks go on running, and the next server finds them.)";

constexpr const char* user_footer =
    R"(Roles: an administrator may do everything, an operator look at everything and start, stop and test, a reader look.

  millrace user add me --role administrator
  millrace user add job --role operator --hours 12 --json
  millrace user add shop --role administrator --tag team=shop
  millrace user list
  millrace user remove job)";

// A URL with a password is better given as MILLRACE_STORE, or the password as PGPASSWORD: others see command lines.
std::string store_name(const std::string& given) {
  const bool is_url = given.starts_with("postgres://") || given.starts_with("postgresql://");
  return given == "sqlite" || is_url ? "" : "neither sqlite nor a URL that begins with postgres://";
}

// A variable of the environment is MILLRACE_KEY.
std::string key_source(const std::string& given) {
  const bool has_place = given.starts_with("file:/") || given.starts_with("command:/");
  return has_place && wire::SecretSource::parse(given).ok() ? ""
                                                            : "neither file:/folder nor command:/program: " + given;
}

void add_data_dir(CLI::App* command, Command& out) {
  command->add_option("--data-dir", out.data_dir, "folder of everything durable of the server")->capture_default_str();
  command
      ->add_option("--store", out.store, "sqlite (a file in the data directory), or postgres://USER@HOST:PORT/DATABASE")
      ->check(store_name)
      ->envname("MILLRACE_STORE")
      ->capture_default_str();
  command
      ->add_option("--key-from", out.key_from,
                   "where the key is under which the server stores secrets: file:/FOLDER (its file millrace-server) or "
                   "command:/PROGRAM; else MILLRACE_KEY, else the file `key` of the data directory")
      ->check(key_source)
      ->envname("MILLRACE_KEY_FROM");
}

std::string web_address(const std::string& given) {
  return given.starts_with("http://") || given.starts_with("https://") ? "" : "no http(s) URL: " + given;
}

std::string secret_source(const std::string& given) {
  const auto source = wire::SecretSource::parse(given);
  return source.ok() ? "" : "none of file:/folder, env:PREFIX and command:/program: " + given;
}

std::string s3_address(const std::string& given) {
  const auto address = wire::parse_s3_url(given + "/bucket");
  return address.ok() && address->bucket == "bucket" ? ""
         : address.ok()                              ? "no bucket goes here: " + given
                                                     : address.error().message;
}

void add_serve(CLI::App& app, Command& out) {
  CLI::App* serve = app.add_subcommand("serve", "Run the server that AWS clients talk to");
  add_data_dir(serve, out);
  serve->add_option("--listen", out.listen, "HOST:PORT; port 0: any that is free")->capture_default_str();
  serve->add_flag("--plain-http", out.plain_http, "without TLS; on a loopback address only");
  CLI::Option* certificate = serve->add_option("--tls-cert", out.certificate, "certificate chain, PEM");
  CLI::Option* key = serve->add_option("--tls-key", out.key, "its private key, PEM");
  certificate->needs(key);
  key->needs(certificate);
  CLI::Option* webhook =
      serve->add_option("--webhook", out.webhook, "http(s) URL to which events of subscriptions are posted")
          ->check(web_address);
  serve
      ->add_option("--sns-endpoint", out.sns_endpoint,
                   "http(s) URL of SNS, or of what speaks its API; events are published to the subscription's topic, "
                   "with the credentials of the environment, profile or machine")
      ->check(web_address)
      ->excludes(webhook);
  CLI::Option* s3 =
      serve
          ->add_option(
              "--s3-endpoint", out.results.s3_endpoint,
              "http(s) URL of S3, or of what speaks its API, for the buckets of assessments' results, with the "
              "credentials of the environment, profile or machine; without it buckets are folders")
          ->check(s3_address);
  serve->add_option("--s3-region", out.results.s3_region, "region of these buckets; else that of the client")
      ->needs(s3);
  serve->add_option("--s3-ca", out.results.s3_ca, "certificate to trust there, PEM")->needs(s3);
  serve
      ->add_option("--secrets", out.secrets,
                   "where the secrets are that endpoints name by SecretsManagerSecretId: file:/FOLDER, env:PREFIX or "
                   "command:/PROGRAM")
      ->check(secret_source)
      ->envname("MILLRACE_SECRETS");
  serve->add_option("--rate", out.limits.each_second, "calls a second that a key may make")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  serve->add_option("--burst", out.limits.burst, "calls that it may make at once")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  serve->footer(serve_footer);
  serve->callback([&out] { out.kind = Command::Kind::serve; });
}

std::string tag_form(const std::string& given) {
  const std::size_t at = given.find('=');
  return at != std::string::npos && at > 0 ? "" : "not KEY=VALUE: " + given;
}

void take_tags(const std::vector<std::string>& given, std::map<std::string, std::string>& tags) {
  for (const std::string& tag : given) tags[tag.substr(0, tag.find('='))] = tag.substr(tag.find('=') + 1);
}

void add_user_commands(CLI::App& app, Command& out) {
  CLI::App* user = app.add_subcommand("user", "Make and remove access keys of the server");
  user->require_subcommand(1);
  user->footer(user_footer);
  CLI::App* add = user->add_subcommand("add", "Make a key and print it, once");
  add->add_option("NAME", out.user.name, "whose key it is")->required();
  add->add_option("--role", out.user.role, "administrator, operator or reader")
      ->required()
      ->check(CLI::IsMember({"administrator", "operator", "reader"}));
  add->add_option("--hours", out.user.hours, "the key expires then, and comes with a session token")
      ->check(CLI::Range(1, 8760));
  add->add_option("--arn-prefix", out.user.bounds.arn_prefixes,
                  "the key may change and run only resources whose ARN begins so (repeatable)")
      ->allow_extra_args(false);
  add->add_option_function<std::vector<std::string>>(
         "--tag", [&out](const std::vector<std::string>& given) { take_tags(given, out.user.bounds.tags); },
         "KEY=VALUE: or that carry this tag (repeatable)")
      ->allow_extra_args(false)
      ->check(tag_form);
  add->add_flag("--json", out.json, "as JSON");
  add_data_dir(add, out);
  add->callback([&out] { out.kind = Command::Kind::add_user; });
  CLI::App* list = user->add_subcommand("list", "Print the users, their keys and roles");
  add_data_dir(list, out);
  list->callback([&out] { out.kind = Command::Kind::list_users; });
  CLI::App* remove = user->add_subcommand("remove", "Make a user's key worthless");
  remove->add_option("NAME", out.user.name, "whose key it is")->required();
  add_data_dir(remove, out);
  remove->callback([&out] { out.kind = Command::Kind::remove_user; });
}

constexpr const char* task_footer =
    R"(The key is that of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; the server is --server, or
AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE, or https://127.0.0.1:8086.

  millrace task list
  millrace task start shop --wait
  millrace task tables shop
  millrace task logs shop
  millrace task stop shop --wait)";

void add_task_commands(CLI::App& app, Command& out) {
  CLI::App* task = app.add_subcommand("task", "List, start and stop the tasks of a server");
  task->require_subcommand(1);
  task->footer(task_footer);
  task->callback([&out] { out.kind = Command::Kind::task; });
  const auto add = [&](const char* name, const char* about, TaskCommand::Verb verb) {
    CLI::App* command = task->add_subcommand(name, about);
    command->add_option("--server", out.task.server.url, "URL of the server");
    command->add_option("--ca", out.task.server.ca_file, "certificate to trust, PEM");
    if (verb != TaskCommand::Verb::list)
      command->add_option("NAME", out.task.name, "identifier of the task")->required();
    command->callback([&out, verb] { out.task.verb = verb; });
    return command;
  };
  add("list", "Print the tasks", TaskCommand::Verb::list)->add_flag("--json", out.task.json, "as the API answers");
  add("tables", "Print the table statistics of a task", TaskCommand::Verb::tables)
      ->add_flag("--json", out.task.json, "as the API answers");
  add("logs", "Print the end of a task's log", TaskCommand::Verb::logs);
  CLI::App* start = add("start", "Start a task, or let it go on", TaskCommand::Verb::start);
  start->add_option("--type", out.task.type, "start-replication, resume-processing or reload-target");
  start->add_flag("--wait", out.task.wait, "until it runs or has ended");
  CLI::App* stop = add("stop", "Stop a task", TaskCommand::Verb::stop);
  stop->add_flag("--wait", out.task.wait, "until it has stopped");
}

constexpr const char* status_footer =
    R"(On a terminal the table is drawn again every --interval seconds, until Ctrl-C; elsewhere it is printed once.
TABLES are those loaded, of all; ROWS are loaded and CHANGES applied by the task's process; ROWS/S is both since the look
before; SOURCE and TARGET are the latencies. The key is that of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a reader's
will do.

  millrace status --server https://127.0.0.1:8086
  millrace status --server https://127.0.0.1:8086 --json | jq '.tasks[] | select(.state == "failed")')";

void add_status(CLI::App& app, Command& out) {
  CLI::App* status = app.add_subcommand("status", "Watch the tasks of a server");
  status->add_option("--server", out.status.server.url, "URL of the server")->required()->check(web_address);
  status->add_option("--ca", out.status.server.ca_file, "certificate to trust, PEM");
  status->add_flag("--json", out.status.json, "once, as JSON");
  status->add_option("--interval", out.status.interval_seconds, "seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  status->footer(status_footer);
  status->callback([&out] { out.kind = Command::Kind::status; });
}

}  // namespace

std::variant<Command, int> parse_command_line(int argc, const char* const* argv) {
  constexpr int exit_bad_input = 2;
  Command command;
  CLI::App app("The server of Millrace.", "millrace");
  app.require_subcommand(1);
  add_serve(app, command);
  add_user_commands(app, command);
  add_task_commands(app, command);
  add_status(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& thrown) {
    return app.exit(thrown, std::cout, std::cerr) == 0 ? 0 : exit_bad_input;
  }
  return command;
}

}  // namespace server
