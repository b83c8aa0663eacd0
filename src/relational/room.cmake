room(relational
  SOURCES
  relational/apply_policy.cc
  relational/compact.cc
  relational/group_applier.cc
  relational/group_ddl.cc
  relational/load_notes.cc
  relational/row_applier.cc
  relational/row_change.cc
  relational/row_key.cc
  relational/shape_change.cc
  DEPENDS base model connect)

unit_test(relational_test SOURCES src/relational/compact_test.cc DEPENDS relational)
