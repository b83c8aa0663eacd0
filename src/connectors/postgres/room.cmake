room(connectors_postgres
  SOURCES
  connectors/postgres/options.cc
  DEPENDS base model connect
  LINKS PostgreSQL::PostgreSQL)

unit_test(postgres_test
  SOURCES
  src/connectors/postgres/options_test.cc
  DEPENDS connectors_postgres)
