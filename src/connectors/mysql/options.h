// SPDX-License-Identifier: Apache-2.0
//
// Every endpoint member that a MySQL or MariaDB source or target understands, declared once. Members that DMS has and
// that can mean nothing here say "No effect:" and why; members whose meaning we cannot give are refused. The
// connection's own members may also stand inside MySQLSettings, as the API allows: read those through
// connection_member(). Plain constants and functions; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "connect/options.h"
#include "connectors/mysql/connection.h"
#include "connectors/mysql/value_text.h"

namespace mysql {

std::span<const connect::OptionSpec> source_options();
std::span<const connect::OptionSpec> target_options();

// ServerName, Port, Username, Password or DatabaseName: the top-level member, else the one inside MySQLSettings.
std::string connection_member(const connect::Options& options, std::string_view name);

ConnectionSettings connection_settings(const connect::Options& options);
ValueChoices value_choices(const connect::Options& options);

// What no single member's specification can say: required members, values that are not supported. `input` errors.
base::Result<void> check_options(const connect::Options& options);

// Paths, so that a reader of an option cannot misspell it.
namespace option {
inline constexpr std::string_view ssl_mode = "SslMode";
inline constexpr std::string_view ssl_root_certificate = "MillraceSslRootCertificate";
inline constexpr std::string_view connection_timeout = "MySQLSettings.ConnectionTimeout";  // seconds
inline constexpr std::string_view authentication_method = "MySQLSettings.AuthenticationMethod";
inline constexpr std::string_view after_connect_script = "MySQLSettings.AfterConnectScript";
inline constexpr std::string_view target_db_type = "MySQLSettings.TargetDbType";
// source
inline constexpr std::string_view server_id = "MillraceServerId";
inline constexpr std::string_view zero_date_as_null = "MillraceZeroDateAsNull";
inline constexpr std::string_view lock_seconds = "MillraceLockSeconds";
inline constexpr std::string_view chunk_mb = "MillraceChunkMB";
// target
inline constexpr std::string_view create_secondary_objects = "MillraceCreateSecondaryObjects";
}  // namespace option

}  // namespace mysql
