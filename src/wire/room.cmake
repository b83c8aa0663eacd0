room(wire SOURCES wire/local_store.cc wire/s3_client.cc wire/s3_upload.cc wire/s3_store.cc wire/s3_open.cc
     wire/secret_source.cc
     DECODERS wire/object_facts.cc wire/http.cc wire/sigv4.cc wire/xml.cc wire/credentials.cc
     DEPENDS base LINKS CURL::libcurl system_openssl OpenSSL::Crypto nlohmann_json::nlohmann_json)
unit_test(wire_test SOURCES src/wire/local_store_test.cc src/wire/sigv4_test.cc src/wire/xml_test.cc DEPENDS wire)
unit_test(wire_s3_test SOURCES src/wire/s3_store_test.cc src/wire/credentials_test.cc src/wire/secret_source_test.cc DEPENDS wire)
if(TARGET wire_s3_test)
  target_compile_definitions(wire_s3_test PRIVATE MILLRACE_TOP="${CMAKE_SOURCE_DIR}")
endif()
fuzz_target(s3_xml SOURCES tests/fuzz/s3_xml.cc DEPENDS wire_decoders)
fuzz_target(object_facts SOURCES tests/fuzz/object_facts.cc DEPENDS wire_decoders)
