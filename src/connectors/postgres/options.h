// SPDX-License-Identifier: Apache-2.0
//
// Every endpoint member that a PostgreSQL source or target understands, declared once. Members that DMS has and that
// can mean nothing here say "No effect:" and why in their help; members whose meaning we cannot give are refused.
// The connection's own members may also stand inside PostgreSQLSettings, as the API allows: read those through
// connection_member(). Plain constants and functions; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "connect/options.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/types.h"

namespace postgres {

std::span<const connect::OptionSpec> source_options();
std::span<const connect::OptionSpec> target_options();

// ServerName, Port, Username, Password or DatabaseName: the top-level member, else the one inside PostgreSQLSettings.
std::string connection_member(const connect::Options& options, std::string_view name);

// How to reach the server; no time-outs of statements.
ConnectionSettings connection_settings(const connect::Options& options, const std::string& application_name);

// How columns are for targets of another family.
TypeChoices type_choices(const connect::Options& options);

// What no single member's specification can say: required members, values that are not supported. `input` errors.
base::Result<void> check_options(const connect::Options& options);

// Paths, so that a reader of an option cannot misspell it.
namespace option {
inline constexpr std::string_view ssl_mode = "SslMode";
inline constexpr std::string_view ssl_root_certificate = "MillraceSslRootCertificate";
inline constexpr std::string_view connection_timeout = "PostgreSQLSettings.ConnectionTimeout";  // seconds
inline constexpr std::string_view execute_timeout = "PostgreSQLSettings.ExecuteTimeout";        // seconds
inline constexpr std::string_view authentication_method = "PostgreSQLSettings.AuthenticationMethod";
// source
inline constexpr std::string_view capture_ddls = "PostgreSQLSettings.CaptureDdls";
inline constexpr std::string_view ddl_artifacts_schema = "PostgreSQLSettings.DdlArtifactsSchema";
inline constexpr std::string_view slot_name = "PostgreSQLSettings.SlotName";
inline constexpr std::string_view heartbeat_enable = "PostgreSQLSettings.HeartbeatEnable";
inline constexpr std::string_view heartbeat_frequency = "PostgreSQLSettings.HeartbeatFrequency";  // minutes
inline constexpr std::string_view map_boolean_as_boolean = "PostgreSQLSettings.MapBooleanAsBoolean";
inline constexpr std::string_view map_jsonb_as_clob = "PostgreSQLSettings.MapJsonbAsClob";
inline constexpr std::string_view map_long_varchar_as = "PostgreSQLSettings.MapLongVarcharAs";
inline constexpr std::string_view map_unbounded_numeric_as_string = "PostgreSQLSettings.MapUnboundedNumericAsString";
inline constexpr std::string_view trim_space_in_char = "PostgreSQLSettings.TrimSpaceInChar";
inline constexpr std::string_view lock_yield_seconds = "MillraceLockYieldSeconds";
inline constexpr std::string_view source_log_cap_mb = "MillraceSourceLogCapMB";
inline constexpr std::string_view chunk_mb = "MillraceChunkMB";
// target
inline constexpr std::string_view after_connect_script = "PostgreSQLSettings.AfterConnectScript";
inline constexpr std::string_view database_mode = "PostgreSQLSettings.DatabaseMode";
inline constexpr std::string_view create_secondary_objects = "MillraceCreateSecondaryObjects";
}  // namespace option

}  // namespace postgres
