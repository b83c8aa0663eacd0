room(connectors_postgres
  SOURCES
  connectors/postgres/array_text.cc
  connectors/postgres/catalog.cc
  connectors/postgres/check.cc
  connectors/postgres/comparable.cc
  connectors/postgres/connection.cc
  connectors/postgres/copy_text.cc
  connectors/postgres/ddl_trigger.cc
  connectors/postgres/decode.cc
  connectors/postgres/describe.cc
  connectors/postgres/errors.cc
  connectors/postgres/options.cc
  connectors/postgres/publication.cc
  connectors/postgres/slot.cc
  connectors/postgres/types.cc
  connectors/postgres/user_types.cc
  DEPENDS base model connect
  LINKS PostgreSQL::PostgreSQL)

unit_test(postgres_test
  SOURCES
  src/connectors/postgres/array_text_test.cc
  src/connectors/postgres/catalog_test.cc
  src/connectors/postgres/connection_test.cc
  src/connectors/postgres/decode_test.cc
  src/connectors/postgres/options_test.cc
  DEPENDS connectors_postgres)
