// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/options.h"

#include <cstdlib>
#include <iterator>
#include <vector>

namespace postgres {
namespace {

using connect::OptionKind;
using connect::OptionSpec;

constexpr std::string_view no_iam = "IAM database authentication is not supported; give Username and Password";

// What source and target share.
constexpr OptionSpec shared_options[] = {
    {.path = "ServerName", .help = "Host name or address of the server, or the folder of its Unix socket."},
    {.path = "Port",
     .kind = OptionKind::integer,
     .minimum = 1,
     .maximum = 65535,
     .help = "TCP port; 5432 when absent."},
    {.path = "Username", .help = "Role to connect as."},
    {.path = "Password", .kind = OptionKind::secret, .help = "Its password."},
    {.path = "DatabaseName", .help = "Database to connect to."},
    {.path = option::ssl_mode,
     .kind = OptionKind::choice,
     .default_value = "none",
     .choices = "none|require|verify-ca|verify-full",
     .help = "TLS. Absent means none, as in DMS; `millrace check` warns when the server is not on loopback."},
    {.path = option::ssl_root_certificate,
     .help = "File with the CA certificates that verify-ca and verify-full trust; the system's when absent."},
    {.path = "CertificateArn",
     .refused = "certificates live in files here: name the file in MillraceSslRootCertificate"},
    {.path = "KmsKeyId", .help = "No effect: endpoint settings are not kept by AWS KMS."},
    {.path = "ServiceAccessRoleArn", .refused = no_iam},
    {.path = "PostgreSQLSettings.ServerName", .help = "As ServerName."},
    {.path = "PostgreSQLSettings.Port",
     .kind = OptionKind::integer,
     .minimum = 1,
     .maximum = 65535,
     .help = "As Port."},
    {.path = "PostgreSQLSettings.Username", .help = "As Username."},
    {.path = "PostgreSQLSettings.Password", .kind = OptionKind::secret, .help = "As Password."},
    {.path = "PostgreSQLSettings.DatabaseName", .help = "As DatabaseName."},
    {.path = "PostgreSQLSettings.SecretsManagerAccessRoleArn",
     .help = "Goes with SecretsManagerSecretId; no effect: no role is needed to read a secret here."},
    {.path = "PostgreSQLSettings.SecretsManagerSecretId",
     .help = "Name or ARN of the secret that has user, password, host and port, where --secrets says; not with those."},
    {.path = "PostgreSQLSettings.ServiceAccessRoleArn", .refused = no_iam},
    {.path = option::authentication_method,
     .kind = OptionKind::choice,
     .default_value = "password",
     .choices = "password|iam",
     .help = "Only password is supported."},
    {.path = option::connection_timeout,
     .kind = OptionKind::integer,
     .default_value = "10",
     .minimum = 1,
     .maximum = 3600,
     .help = "Seconds to wait for a connection."},
    {.path = option::execute_timeout,
     .kind = OptionKind::integer,
     .default_value = "60",
     .minimum = 0,
     .maximum = 86400,
     .help = "Seconds a catalogue statement may take; 0: any. Loading, streaming and applying are not limited by it."},
    {.path = "PostgreSQLSettings.MaxFileSize",
     .kind = OptionKind::integer,
     .help = "No effect: rows travel by COPY without files in between."},
    {.path = "PostgreSQLSettings.LoadUsingCSV",
     .kind = OptionKind::boolean,
     .help = "No effect: rows travel by COPY without files in between."},
    {.path = "PostgreSQLSettings.FailTasksOnLobTruncation",
     .kind = OptionKind::boolean,
     .help = "No effect: large values are never truncated."},
    {.path = "PostgreSQLSettings.BabelfishDatabaseName",
     .refused = "Babelfish is not supported; connect to a plain PostgreSQL database"},
    {.path = option::database_mode,
     .kind = OptionKind::choice,
     .default_value = "default",
     .choices = "default|babelfish",
     .help = "Only default is supported."},
    {.path = option::map_boolean_as_boolean,
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "false: boolean is a five-character string (true, false) for targets of another family, as in DMS."},
    {.path = option::map_jsonb_as_clob,
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "true: jsonb is CLOB rather than NCLOB for targets of another family."},
    {.path = option::map_long_varchar_as,
     .kind = OptionKind::choice,
     .default_value = "wstring",
     .choices = "wstring|clob|nclob",
     .help = "What varchar(n) beyond 16387 is for targets of another family."},
    {.path = option::map_unbounded_numeric_as_string,
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "true: numeric without precision is a string for targets of another family."},
    {.path = option::trim_space_in_char,
     .kind = OptionKind::boolean,
     .default_value = "true",
     .help = "true: trailing blanks of char(n) are cut for targets of another family."},
};

constexpr OptionSpec only_source_options[] = {
    {.path = option::capture_ddls,
     .kind = OptionKind::boolean,
     .default_value = "true",
     .help = "true: an event trigger reports DDL in the log where the role may create one; else shapes are compared."},
    {.path = option::ddl_artifacts_schema,
     .default_value = "public",
     .help = "Schema of the event trigger's function."},
    {.path = "PostgreSQLSettings.PluginName",
     .kind = OptionKind::choice,
     .choices = "no-preference|test-decoding|pglogical|pgoutput",
     .help = "No effect: the log is always read through the built-in pgoutput."},
    {.path = option::slot_name,
     .help = "An existing, inactive pgoutput slot to read from, with CdcStartPosition; it is never dropped by us."},
    {.path = option::heartbeat_enable,
     .kind = OptionKind::boolean,
     .default_value = "true",
     .help = "A logical message now and then, so that an idle database does not pin its log. On here, off in DMS."},
    {.path = option::heartbeat_frequency,
     .kind = OptionKind::integer,
     .default_value = "5",
     .minimum = 1,
     .maximum = 1440,
     .help = "Minutes between heartbeats."},
    {.path = "PostgreSQLSettings.HeartbeatSchema", .help = "No effect: heartbeats are logical messages, no table."},
    {.path = "PostgreSQLSettings.FetchCacheSize",
     .kind = OptionKind::integer,
     .help = "No effect: rows are read by COPY, not by cursor."},
    {.path = "PostgreSQLSettings.UnboundedVarcharMaxSize",
     .kind = OptionKind::integer,
     .help = "No effect: varchar without a length is unbounded here, and never cut."},
    {.path = "PostgreSQLSettings.ConsumeMonotonicEvents",
     .kind = OptionKind::boolean,
     .help = "No effect: every change has a position of its own."},
    {.path = "PostgreSQLSettings.DisableUnicodeSourceFilter",
     .kind = OptionKind::boolean,
     .help = "No effect: filters are native SQL and use indexes."},
    {.path = "PostgreSQLSettings.AfterConnectScript", .help = "No effect on a source."},
    {.path = option::lock_yield_seconds,
     .kind = OptionKind::integer,
     .default_value = "5",
     .minimum = 0,
     .maximum = 86400,
     .help = "A load chunk that blocks somebody for that long is cancelled and tried again; 0: never."},
    {.path = option::source_log_cap_mb,
     .kind = OptionKind::integer,
     .default_value = "10240",
     .minimum = 1,
     .maximum = 1073741824,
     .help = "Log (MB) the source may keep because of us before it is acknowledged for what the relay holds."},
    {.path = option::chunk_mb,
     .kind = OptionKind::integer,
     .default_value = "64",
     .minimum = 1,
     .maximum = 1048576,
     .help = "Size (MB) of one chunk of the full load."},
};

constexpr OptionSpec only_target_options[] = {
    {.path = option::after_connect_script, .help = "SQL run on every new connection; a failure stops the task."},
    {.path = option::create_secondary_objects,
     .kind = OptionKind::boolean,
     .default_value = "true",
     .help = "Secondary indexes, defaults, identity, sequences, checks and foreign keys are made after the load."},
};

template <std::size_t Size>
std::vector<OptionSpec> with_shared(const OptionSpec (&own)[Size]) {
  std::vector<OptionSpec> all(std::begin(shared_options), std::end(shared_options));
  all.insert(all.end(), std::begin(own), std::end(own));
  return all;
}

}  // namespace

std::span<const OptionSpec> source_options() {
  static const std::vector<OptionSpec> all = with_shared(only_source_options);
  return all;
}

std::span<const OptionSpec> target_options() {
  static const std::vector<OptionSpec> all = with_shared(only_target_options);
  return all;
}

std::string connection_member(const connect::Options& options, std::string_view name) {
  if (options.is_set(name)) return options.text(name);
  const std::string nested = "PostgreSQLSettings." + std::string(name);
  if (options.is_set(nested)) return options.text(nested);
  return name == "Port" ? "5432" : "";
}

ConnectionSettings connection_settings(const connect::Options& options, const std::string& application_name) {
  ConnectionSettings settings;
  settings.host = connection_member(options, "ServerName");
  settings.port = static_cast<int>(std::strtol(connection_member(options, "Port").c_str(), nullptr, 10));
  settings.user = connection_member(options, "Username");
  settings.password = connection_member(options, "Password");
  settings.database = connection_member(options, "DatabaseName");
  settings.ssl_mode = options.text(option::ssl_mode);
  settings.ssl_root_certificate = options.text(option::ssl_root_certificate);
  settings.connect_timeout_seconds = static_cast<int>(options.integer(option::connection_timeout));
  settings.application_name = application_name;
  return settings;
}

TypeChoices type_choices(const connect::Options& options) {
  TypeChoices choices;
  choices.boolean_as_boolean = options.boolean(option::map_boolean_as_boolean);
  choices.jsonb_as_clob = options.boolean(option::map_jsonb_as_clob);
  choices.unbounded_numeric_as_string = options.boolean(option::map_unbounded_numeric_as_string);
  choices.trim_char = options.boolean(option::trim_space_in_char);
  const std::string& long_varchar = options.text(option::map_long_varchar_as);
  if (long_varchar == "clob") choices.long_varchar = model::Type::clob;
  if (long_varchar == "nclob") choices.long_varchar = model::Type::nclob;
  return choices;
}

base::Result<void> check_options(const connect::Options& options) {
  for (const std::string_view required : {"ServerName", "Username", "DatabaseName"}) {
    if (connection_member(options, required).empty()) {
      return base::failed(connect::errors::bad_option, "{} is missing", required);
    }
  }
  if (options.text(option::authentication_method) == "iam") {
    return base::failed(connect::errors::bad_option, "{}: {}", option::authentication_method, no_iam);
  }
  if (options.text(option::database_mode) == "babelfish") {
    return base::failed(connect::errors::bad_option, "{}: babelfish is not supported", option::database_mode);
  }
  const std::string& mode = options.text(option::ssl_mode);
  if (options.is_set(option::ssl_root_certificate) && mode != "verify-ca" && mode != "verify-full") {
    return base::failed(connect::errors::bad_option, "{} is set but {} is {}, which verifies nothing",
                        option::ssl_root_certificate, option::ssl_mode, mode);
  }
  return {};
}

}  // namespace postgres
