room(mapping SOURCES mapping/pattern.cc mapping/filter.cc mapping/rules.cc mapping/naming.cc mapping/mapping.cc
     DEPENDS base model)
unit_test(mapping_test
  SOURCES src/mapping/pattern_test.cc src/mapping/filter_test.cc src/mapping/mapping_test.cc src/mapping/cases_test.cc
  DEPENDS mapping)
if(TARGET mapping_test)
  target_compile_definitions(mapping_test PRIVATE MILLRACE_SOURCE_FOLDER="${CMAKE_SOURCE_DIR}")
endif()
fuzz_target(table_mapping SOURCES tests/fuzz/table_mapping.cc DEPENDS mapping)
