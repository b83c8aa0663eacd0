# <sys/socket.h> has a connect(), which the room of that name is not.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/connectors/mysql/connection.cc
                            PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
room(connectors_mysql
  SOURCES
  connectors/mysql/alter_shape.cc
  connectors/mysql/apply.cc
  connectors/mysql/apply_ddl.cc
  connectors/mysql/apply_keys.cc
  connectors/mysql/apply_row.cc
  connectors/mysql/apply_set.cc
  connectors/mysql/binlog_reader.cc
  connectors/mysql/binlog_session.cc
  connectors/mysql/capture.cc
  connectors/mysql/catalog.cc
  connectors/mysql/check.cc
  connectors/mysql/chunk_ranges.cc
  connectors/mysql/chunk_reader.cc
  connectors/mysql/comparable.cc
  connectors/mysql/control_tables.cc
  connectors/mysql/counters.cc
  connectors/mysql/describe.cc
  connectors/mysql/destination.cc
  connectors/mysql/key_text.cc
  connectors/mysql/literal.cc
  connectors/mysql/load.cc
  connectors/mysql/log_window.cc
  connectors/mysql/options.cc
  connectors/mysql/prepare.cc
  connectors/mysql/register.cc
  connectors/mysql/session.cc
  connectors/mysql/snapshot.cc
  connectors/mysql/snapshot_moment.cc
  connectors/mysql/source.cc
  connectors/mysql/stream.cc
  connectors/mysql/table_history.cc
  connectors/mysql/target.cc
  connectors/mysql/target_check.cc
  connectors/mysql/target_schema.cc
  DECODERS connectors/mysql/binlog_cells.cc connectors/mysql/binlog_event.cc connectors/mysql/binlog_gtid.cc
           connectors/mysql/binlog_json.cc connectors/mysql/binlog_json_patch.cc connectors/mysql/binlog_packed.cc
           connectors/mysql/binlog_query.cc connectors/mysql/binlog_rows.cc connectors/mysql/binlog_shape.cc
           connectors/mysql/binlog_values.cc connectors/mysql/character_set.cc connectors/mysql/character_tables.cc
           connectors/mysql/connection.cc connectors/mysql/errors.cc connectors/mysql/gtid_set.cc
           connectors/mysql/log_place.cc connectors/mysql/network_text.cc connectors/mysql/types.cc connectors/mysql/value_text.cc
  DEPENDS base model connect convert relational
  LINKS PkgConfig::libmariadb PkgConfig::libzstd ZLIB::ZLIB OpenSSL::SSL)

unit_test(mysql_test
  SOURCES
  src/connectors/mysql/check_test.cc
  src/connectors/mysql/types_test.cc
  DEPENDS connectors_mysql)

unit_test(mysql_binlog_test
  SOURCES
  src/connectors/mysql/binlog_event_test.cc
  src/connectors/mysql/binlog_log_test.cc
  src/connectors/mysql/binlog_server_test.cc
  DEPENDS connectors_mysql)

fuzz_target(mysql_binlog SOURCES tests/fuzz/mysql_binlog.cc DEPENDS connectors_mysql_decoders)
fuzz_target(mysql_places SOURCES tests/fuzz/mysql_places.cc DEPENDS connectors_mysql_decoders)
fuzz_target(mysql_rows SOURCES tests/fuzz/mysql_rows.cc DEPENDS connectors_mysql_decoders)

unit_test(mysql_target_test
  SOURCES
  src/connectors/mysql/apply_ddl_test.cc
  src/connectors/mysql/apply_test.cc
  src/connectors/mysql/literal_test.cc
  src/connectors/mysql/target_test.cc
  DEPENDS connectors_mysql)
unit_test(mysql_history_test
  SOURCES
  src/connectors/mysql/chunk_ranges_test.cc
  src/connectors/mysql/log_window_test.cc
  src/connectors/mysql/snapshot_test.cc
  src/connectors/mysql/table_history_test.cc
  DEPENDS connectors_mysql)
