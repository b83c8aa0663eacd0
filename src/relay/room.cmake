room(relay SOURCES
  relay/assembler.cc
  relay/reader.cc
  relay/relay.cc
  relay/splice.cc
  relay/spool.cc
  DECODERS relay/codec.cc relay/schema_codec.cc relay/segment.cc
  DEPENDS base model)
unit_test(relay_test SOURCES
  src/relay/assembler_test.cc
  src/relay/codec_test.cc
  src/relay/relay_test.cc
  src/relay/spool_test.cc
  DEPENDS relay)
fuzz_target(relay_record SOURCES tests/fuzz/relay_record.cc DEPENDS relay_decoders)
