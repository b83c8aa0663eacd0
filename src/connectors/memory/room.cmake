room(connector_memory SOURCES
  connectors/memory/database.cc
  connectors/memory/source.cc
  connectors/memory/stream.cc
  connectors/memory/target.cc
  DEPENDS base model connect)
