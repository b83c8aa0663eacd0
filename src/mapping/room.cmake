room(mapping SOURCES mapping/pattern.cc mapping/filter.cc mapping/rules.cc mapping/naming.cc mapping/mapping.cc
     DEPENDS base model)
unit_test(mapping_test
  SOURCES src/mapping/pattern_test.cc src/mapping/filter_test.cc src/mapping/mapping_test.cc
  DEPENDS mapping)
