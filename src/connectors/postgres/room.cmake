# <sys/socket.h> has a connect(), which the room of that name is not.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/connectors/postgres/connection.cc
                            PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
room(connectors_postgres
  SOURCES
  connectors/postgres/capture.cc
  connectors/postgres/catalog.cc
  connectors/postgres/check.cc
  connectors/postgres/comparable.cc
  connectors/postgres/comparison.cc
  connectors/postgres/chunk_reader.cc
  connectors/postgres/ddl_trigger.cc
  connectors/postgres/describe.cc
  connectors/postgres/options.cc
  connectors/postgres/publication.cc
  connectors/postgres/register.cc
  connectors/postgres/snapshot.cc
  connectors/postgres/stream.cc
  connectors/postgres/source.cc
  connectors/postgres/user_types.cc
  connectors/postgres/apply.cc
  connectors/postgres/apply_ddl.cc
  connectors/postgres/apply_keys.cc
  connectors/postgres/apply_row.cc
  connectors/postgres/apply_schema.cc
  connectors/postgres/apply_set.cc
  connectors/postgres/cell_text.cc
  connectors/postgres/copy_binary.cc
  connectors/postgres/control_tables.cc
  connectors/postgres/destination.cc
  connectors/postgres/load.cc
  connectors/postgres/prepare.cc
  connectors/postgres/session.cc
  connectors/postgres/target.cc
  connectors/postgres/target_check.cc
  connectors/postgres/target_schema.cc
  DECODERS connectors/postgres/array_text.cc connectors/postgres/binary_types.cc connectors/postgres/connection.cc
           connectors/postgres/copy_text.cc connectors/postgres/ddl_report.cc connectors/postgres/decode.cc
           connectors/postgres/decode_binary.cc connectors/postgres/errors.cc connectors/postgres/pgoutput.cc
           connectors/postgres/relation_map.cc connectors/postgres/shape_survey.cc connectors/postgres/slot.cc
           connectors/postgres/stream_reader.cc connectors/postgres/types.cc
  DEPENDS base model connect relational
  LINKS PostgreSQL::PostgreSQL)

unit_test(postgres_test
  SOURCES
  src/connectors/postgres/array_text_test.cc
  src/connectors/postgres/capture_test.cc
  src/connectors/postgres/catalog_test.cc
  src/connectors/postgres/connection_test.cc
  src/connectors/postgres/copy_binary_test.cc
  src/connectors/postgres/decode_binary_test.cc
  src/connectors/postgres/decode_test.cc
  src/connectors/postgres/options_test.cc
  src/connectors/postgres/source_test.cc
  DEPENDS connectors_postgres)

unit_test(postgres_target_test
  SOURCES
  src/connectors/postgres/apply_test.cc
  src/connectors/postgres/target_test.cc
  DEPENDS connectors_postgres)

unit_test(postgres_stream_test
  SOURCES
  src/connectors/postgres/pgoutput_test.cc
  src/connectors/postgres/relation_map_test.cc
  src/connectors/postgres/snapshot_test.cc
  src/connectors/postgres/stream_test.cc
  DEPENDS connectors_postgres)

fuzz_target(postgres_binary SOURCES tests/fuzz/postgres_binary.cc DEPENDS connectors_postgres_decoders)
fuzz_target(postgres_catalog SOURCES tests/fuzz/postgres_catalog.cc DEPENDS connectors_postgres_decoders)
fuzz_target(postgres_pgoutput SOURCES tests/fuzz/postgres_pgoutput.cc DEPENDS connectors_postgres_decoders)
fuzz_target(postgres_text SOURCES tests/fuzz/postgres_text.cc DEPENDS connectors_postgres_decoders)
