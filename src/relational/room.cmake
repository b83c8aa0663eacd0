room(relational
  SOURCES
  relational/apply_policy.cc
  relational/compact.cc
  relational/group_applier.cc
  relational/group_ddl.cc
  relational/group_keys.cc
  relational/key_actions.cc
  relational/key_graph.cc
  relational/landed_condition.cc
  relational/landed_default.cc
  relational/landed_names.cc
  relational/landed_objects.cc
  relational/load_notes.cc
  relational/row_applier.cc
  relational/row_change.cc
  relational/row_key.cc
  relational/shape_change.cc
  DEPENDS base model connect convert)

unit_test(relational_test
  SOURCES
  src/relational/compact_test.cc
  src/relational/key_actions_test.cc
  src/relational/landed_objects_test.cc
  DEPENDS relational)
