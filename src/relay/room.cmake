room(relay SOURCES relay/codec.cc relay/schema_codec.cc relay/segment.cc relay/relay.cc relay/reader.cc relay/splice.cc relay/spool.cc
  relay/assembler.cc DEPENDS base model)
