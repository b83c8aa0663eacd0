room(mapping
  SOURCES
    mapping/comparer.cc
    mapping/expression.cc
    mapping/extras.cc
    mapping/filter.cc
    mapping/filter_stream.cc
    mapping/language.cc
    mapping/mapping.cc
    mapping/mask.cc
    mapping/naming.cc
    mapping/native_text.cc
    mapping/other_rules.cc
    mapping/pattern.cc
    mapping/rule_text.cc
    mapping/rules.cc
    mapping/segments.cc
    mapping/sha256.cc
    mapping/table_mapper.cc
    mapping/table_settings_rules.cc
    mapping/transform.cc
    mapping/transform_stream.cc
    mapping/transformation_rules.cc
    mapping/value.cc
  DEPENDS base model
  LINKS SQLite::SQLite3)
unit_test(mapping_test
  SOURCES src/mapping/expression_test.cc src/mapping/transform_test.cc src/mapping/value_test.cc src/mapping/pattern_test.cc src/mapping/filter_test.cc src/mapping/mapping_test.cc src/mapping/language_test.cc src/mapping/cases_test.cc
  DEPENDS mapping)
if(TARGET mapping_test)
  target_compile_definitions(mapping_test PRIVATE MILLRACE_SOURCE_FOLDER="${CMAKE_SOURCE_DIR}")
endif()
fuzz_target(table_mapping SOURCES tests/fuzz/table_mapping.cc DEPENDS mapping)
fuzz_target(mapping_rows SOURCES tests/fuzz/mapping_rows.cc DEPENDS mapping)
