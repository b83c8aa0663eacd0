room(connector_memory SOURCES
  connectors/memory/database.cc
  connectors/memory/source.cc
  connectors/memory/stream.cc
  connectors/memory/target.cc
  DEPENDS base model connect)
optimised_lightly(connector_memory)
unit_test(engine_memory_test SOURCES
  tests/engine/memory_to_memory_test.cc
  tests/engine/relay_only_test.cc
  DEPENDS engine connector_memory)
unit_test(conform_memory_test SOURCES
  tests/conform/memory_test.cc
  DEPENDS connector_memory)
