room(connectors_postgres
  SOURCES
  connectors/postgres/connection.cc
  connectors/postgres/errors.cc
  connectors/postgres/options.cc
  DEPENDS base model connect
  LINKS PostgreSQL::PostgreSQL)

unit_test(postgres_test
  SOURCES
  src/connectors/postgres/connection_test.cc
  src/connectors/postgres/options_test.cc
  DEPENDS connectors_postgres)
