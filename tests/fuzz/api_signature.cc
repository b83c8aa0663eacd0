// SPDX-License-Identifier: Apache-2.0
//
// The headers of a request, a line each as name:value, from hostile bytes. Nothing may verify under a secret that
// nobody knows.
#include <cstdint>

#include "api/names.h"
#include "api/signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr base::WallMicros noon = 1795262400LL * 1'000'000;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  api::SignedRequest request{.method = "POST", .path = "/", .query = "", .headers = {}, .body = "{}"};
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    const std::size_t colon = std::min(line.find(':'), line.size());
    request.headers.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
    (void)api::parse_arn(line);
    if (const auto name = api::name_of_marker(line); name.ok() && api::marker_behind(*name) != line) __builtin_trap();
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  const auto claim = api::read_claim(request, noon);
  if (claim.ok() && api::verify(request, *claim, "a secret of thirty-two characters").ok()) __builtin_trap();
  return 0;
}
