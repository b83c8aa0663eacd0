room(convert
  SOURCES
  convert/condition.cc
  convert/definition.cc
  convert/mysql_alter.cc
  convert/mysql_column.cc
  convert/mysql_ddl.cc
  convert/mysql_tokens.cc
  DEPENDS base)
unit_test(convert_test
  SOURCES
  src/convert/definition_test.cc
  src/convert/mysql_ddl_test.cc
  DEPENDS convert)
fuzz_target(definitions SOURCES tests/fuzz/definitions.cc DEPENDS convert)
fuzz_target(mysql_ddl SOURCES tests/fuzz/mysql_ddl.cc DEPENDS convert)
