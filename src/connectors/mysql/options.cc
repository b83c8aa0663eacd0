// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/options.h"

#include <cstdlib>
#include <iterator>
#include <vector>

namespace mysql {
namespace {

using connect::OptionKind;
using connect::OptionSpec;

constexpr std::string_view no_iam = "IAM database authentication is not supported; give Username and Password";

constexpr OptionSpec shared_options[] = {
    {.path = "ServerName", .help = "Host name or address of the server, or the path of its Unix socket."},
    {.path = "Port",
     .kind = OptionKind::integer,
     .minimum = 1,
     .maximum = 65535,
     .help = "TCP port; 3306 when absent."},
    {.path = "Username", .help = "Account to connect as."},
    {.path = "Password", .kind = OptionKind::secret, .help = "Its password."},
    {.path = "DatabaseName", .help = "No effect: schemas are named by the table mappings."},
    {.path = option::ssl_mode,
     .kind = OptionKind::choice,
     .default_value = "none",
     .choices = "none|require|verify-ca|verify-full",
     .help = "TLS. Absent means none, as in DMS. verify-ca checks the server's name as well, like verify-full."},
    {.path = option::ssl_root_certificate,
     .help = "File with the CA certificates that verify-ca and verify-full trust; the system's when absent."},
    {.path = "CertificateArn",
     .refused = "certificates live in files here: name the file in MillraceSslRootCertificate"},
    {.path = "KmsKeyId", .help = "No effect: endpoint settings are not kept by AWS KMS."},
    {.path = "ServiceAccessRoleArn", .refused = no_iam},
    {.path = "MySQLSettings.ServerName", .help = "As ServerName."},
    {.path = "MySQLSettings.Port", .kind = OptionKind::integer, .minimum = 1, .maximum = 65535, .help = "As Port."},
    {.path = "MySQLSettings.Username", .help = "As Username."},
    {.path = "MySQLSettings.Password", .kind = OptionKind::secret, .help = "As Password."},
    {.path = "MySQLSettings.DatabaseName", .help = "As DatabaseName."},
    {.path = "MySQLSettings.SecretsManagerAccessRoleArn",
     .help = "Goes with SecretsManagerSecretId; no effect: no role is needed to read a secret here."},
    {.path = "MySQLSettings.SecretsManagerSecretId",
     .help = "Name or ARN of the secret that has user, password, host and port, where --secrets says; not with those."},
    {.path = "MySQLSettings.ServiceAccessRoleArn", .refused = no_iam},
    {.path = option::authentication_method,
     .kind = OptionKind::choice,
     .default_value = "password",
     .choices = "password|iam",
     .help = "Only password is supported."},
    {.path = option::after_connect_script, .help = "SQL run on every new connection; a failure stops the task."},
    {.path = option::connection_timeout,
     .kind = OptionKind::integer,
     .default_value = "10",
     .minimum = 1,
     .maximum = 3600,
     .help = "Seconds to wait for a connection."},
    {.path = "MySQLSettings.ExecuteTimeout",
     .kind = OptionKind::integer,
     .help = "No effect: statements are ended by the task's stop or the server's own limits."},
    {.path = "MySQLSettings.MaxFileSize",
     .kind = OptionKind::integer,
     .help = "No effect: rows travel without files in between."},
    {.path = "MySQLSettings.ParallelLoadThreads",
     .kind = OptionKind::integer,
     .help = "No effect: MaxFullLoadSubTasks of the task says how many chunks are loaded at once."},
    {.path = "MySQLSettings.LoadUsingCSV",
     .kind = OptionKind::boolean,
     .help = "No effect: LOAD DATA is used where the server allows it."},
    {.path = option::target_db_type,
     .kind = OptionKind::choice,
     .default_value = "multiple-databases",
     .choices = "multiple-databases|specific-database",
     .help = "Only multiple-databases; a rename-schema rule puts all tables into one schema."},
    {.path = "MySQLSettings.CharsetMapping", .refused = "character sets are known and converted exactly"},
};

constexpr OptionSpec only_source_options[] = {
    {.path = "MySQLSettings.EventsPollInterval",
     .kind = OptionKind::integer,
     .help = "No effect: the server sends changes as they are committed."},
    {.path = "MySQLSettings.ServerTimezone",
     .help = "No effect: TIMESTAMP values are read in UTC whatever the server's zone."},
    {.path = "MySQLSettings.CleanSourceMetadataOnMismatch",
     .kind = OptionKind::boolean,
     .help = "No effect: shapes follow the binlog."},
    {.path = "MySQLSettings.SkipTableSuspensionForPartitionDdl",
     .kind = OptionKind::boolean,
     .help = "No effect: DDL of partitions that keeps the rows does not suspend a table."},
    {.path = "MySQLSettings.IgnoreOpenXaTransactionsCheck",
     .kind = OptionKind::boolean,
     .help = "No effect: open XA transactions are waited for at the start, and later ones arrive at their commit."},
    {.path = option::server_id,
     .kind = OptionKind::integer,
     .minimum = 1,
     .maximum = 4294967295,
     .help = "Id to register as at the server, unlike that of any server or replica; made from the task when absent."},
    {.path = option::zero_date_as_null,
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "true: zero and invalid dates are NULL for targets of another family; else they are data errors."},
    {.path = option::lock_seconds,
     .kind = OptionKind::integer,
     .default_value = "5",
     .minimum = 1,
     .maximum = 3600,
     .help = "How long one try to get the moment's read lock may wait at the start of the load, and may hold others."},
    {.path = option::chunk_mb,
     .kind = OptionKind::integer,
     .default_value = "64",
     .minimum = 1,
     .maximum = 1048576,
     .help = "Size (MB) of one chunk of the full load."},
};

constexpr OptionSpec only_target_options[] = {
    {.path = option::create_secondary_objects,
     .kind = OptionKind::boolean,
     .default_value = "true",
     .help = "Secondary indexes, checks and foreign keys are made after the load."},
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
  const std::string nested = "MySQLSettings." + std::string(name);
  if (options.is_set(nested)) return options.text(nested);
  return name == "Port" ? "3306" : "";
}

ConnectionSettings connection_settings(const connect::Options& options) {
  ConnectionSettings settings;
  settings.host = connection_member(options, "ServerName");
  settings.port = static_cast<int>(std::strtol(connection_member(options, "Port").c_str(), nullptr, 10));
  settings.user = connection_member(options, "Username");
  settings.password = connection_member(options, "Password");
  settings.ssl_mode = options.text(option::ssl_mode);
  settings.ssl_root_certificate = options.text(option::ssl_root_certificate);
  settings.connect_timeout_seconds = static_cast<int>(options.integer(option::connection_timeout));
  settings.after_connect = options.text(option::after_connect_script);
  return settings;
}

ValueChoices value_choices(const connect::Options& options) {
  return {.zero_date_as_null = options.boolean(option::zero_date_as_null)};
}

base::Result<void> check_options(const connect::Options& options) {
  for (const std::string_view required : {"ServerName", "Username"}) {
    if (connection_member(options, required).empty()) {
      return base::failed(connect::errors::bad_option, "{} is missing", required);
    }
  }
  if (options.text(option::authentication_method) == "iam") {
    return base::failed(connect::errors::bad_option, "{}: {}", option::authentication_method, no_iam);
  }
  if (options.text(option::target_db_type) == "specific-database") {
    return base::failed(connect::errors::bad_option,
                        "{}: specific-database is not supported; use a rename-schema rule in the table mappings",
                        option::target_db_type);
  }
  const bool verifies = options.text(option::ssl_mode).starts_with("verify");
  if (options.is_set(option::ssl_root_certificate) && !verifies) {
    return base::failed(connect::errors::bad_option, "{} is set but {} is {}, which verifies nothing",
                        option::ssl_root_certificate, option::ssl_mode, options.text(option::ssl_mode));
  }
  return {};
}

}  // namespace mysql
