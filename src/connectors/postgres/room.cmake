room(connectors_postgres
  SOURCES
  connectors/postgres/connection.cc
  connectors/postgres/copy_text.cc
  connectors/postgres/decode.cc
  connectors/postgres/errors.cc
  connectors/postgres/options.cc
  connectors/postgres/types.cc
  DEPENDS base model connect
  LINKS PostgreSQL::PostgreSQL)

unit_test(postgres_test
  SOURCES
  src/connectors/postgres/connection_test.cc
  src/connectors/postgres/decode_test.cc
  src/connectors/postgres/options_test.cc
  DEPENDS connectors_postgres)
