// SPDX-License-Identifier: Apache-2.0
#include "wire/sigv4.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/error.h"

namespace wire {
namespace {

std::string digest(const EVP_MD* kind, std::string_view bytes) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ENSURE(EVP_Digest(bytes.data(), bytes.size(), out, &size, kind, nullptr) == 1);
  return {reinterpret_cast<const char*>(out), size};
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ENSURE(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out, &size) != nullptr);
  return {reinterpret_cast<const char*>(out), size};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// Outer blanks go, inner runs become one.
std::string squeezed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

std::string percent_encode(std::string_view text, bool keep_slash) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || (keep_slash && c == '/');
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string encode_query(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> parts;
  for (const auto& [name, value] : query) parts.emplace_back(percent_encode(name, false), percent_encode(value, false));
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const auto& [name, value] : parts) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::string sha256_hex(std::string_view bytes) { return hex(digest(EVP_sha256(), bytes)); }

std::string md5_base64(std::string_view bytes) {
  const std::string sum = digest(EVP_md5(), bytes);
  unsigned char out[64];
  const int size = EVP_EncodeBlock(out, reinterpret_cast<const unsigned char*>(sum.data()), int(sum.size()));
  return {reinterpret_cast<const char*>(out), static_cast<std::size_t>(size)};
}

std::string signing_time(base::WallMicros time) {
  std::string out;
  for (const char c : base::utc_text(time, 0)) {
    if (c >= '0' && c <= '9') out += c;
    if (c == ' ') out += 'T';
  }
  return out + "Z";
}

std::string joined_names(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string canonical_request(std::string_view method, std::string_view path, std::string_view encoded_query,
                              const std::map<std::string, std::string>& headers, std::string_view payload_sha256) {
  std::string out = fmt::format("{}\n{}\n{}\n", method, path, encoded_query);
  for (const auto& [name, value] : headers) out += name + ":" + squeezed(value) + "\n";
  return out + "\n" + joined_names(headers) + "\n" + std::string(payload_sha256);
}

std::string SigningPlace::text() const { return time.substr(0, 8) + "/" + region + "/" + service + "/aws4_request"; }

std::string signature_of(std::string_view canonical, std::string_view secret_key, const SigningPlace& place) {
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + place.time + "\n" + place.text() + "\n" + sha256_hex(canonical);
  std::string key = hmac_sha256("AWS4" + std::string(secret_key), place.time.substr(0, 8));
  for (const std::string_view part :
       {std::string_view(place.region), std::string_view(place.service), std::string_view("aws4_request")}) {
    key = hmac_sha256(key, part);
  }
  return hex(hmac_sha256(key, to_sign));
}

std::map<std::string, std::string> sign(const SigningInput& input, const Credentials& credentials,
                                        const SigningScope& scope) {
  std::map<std::string, std::string> headers = input.headers;
  const SigningPlace place{signing_time(scope.now), scope.region, scope.service};
  headers["x-amz-date"] = place.time;
  if (input.send_payload_hash) headers["x-amz-content-sha256"] = input.payload_sha256;
  if (!credentials.session_token.empty()) headers["x-amz-security-token"] = credentials.session_token;
  const std::string names = joined_names(headers);
  const std::string signature = signature_of(
      canonical_request(input.method, input.path, encode_query(input.query), headers, input.payload_sha256),
      credentials.secret_key, place);
  headers["authorization"] = "AWS4-HMAC-SHA256 Credential=" + credentials.access_key + "/" + place.text() +
                             ", SignedHeaders=" + names + ", Signature=" + signature;
  return headers;
}

}  // namespace wire
