room(api
  SOURCES api/model.cc api/check.cc api/names.cc api/reply.cc api/signature.cc
  DEPENDS base wire_decoders
  LINKS nlohmann_json::nlohmann_json
  PRECOMPILED_BY api
  PRECOMPILED <nlohmann/json.hpp>)
optimised_lightly(api)
unit_test(api_test SOURCES src/api/check_test.cc src/api/names_test.cc src/api/signature_test.cc DEPENDS api)

fuzz_target(api_request SOURCES tests/fuzz/api_request.cc DEPENDS api)
fuzz_target(api_signature SOURCES tests/fuzz/api_signature.cc DEPENDS api)
