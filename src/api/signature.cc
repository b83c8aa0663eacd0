// SPDX-License-Identifier: Apache-2.0
#include "api/signature.h"

#include <algorithm>
#include <map>

#include "api/errors.h"
#include "base/civil.h"
#include "base/json.h"

namespace api {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t authorization_bytes_max = 8192;
constexpr std::size_t signed_headers_max = 64;
constexpr std::size_t signature_length = 64;

base::Error incomplete(std::string_view what) {
  return base::failed(errors::incomplete_signature, "the Authorization header {}", what);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "20150830T123600Z"
std::optional<base::WallMicros> time_of(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  int digits[14];
  int count = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    if (i == 8) continue;
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    digits[count++] = text[i] - '0';
  }
  const auto pair = [&](int at) { return digits[at] * 10 + digits[at + 1]; };
  const int month = pair(4), day = pair(6);
  if (month < 1 || month > 12 || day < 1 || day > 31 || pair(8) > 23 || pair(10) > 59 || pair(12) > 60)
    return std::nullopt;
  const std::int64_t seconds = base::civil_days(pair(0) * 100 + pair(2), unsigned(month), unsigned(day)) * 86400 +
                               pair(8) * 3600 + pair(10) * 60 + pair(12);
  return seconds * 1'000'000;
}

base::Result<void> read_credential(std::string_view text, Claim& claim) {
  const auto parts = split(text, '/');
  if (parts.size() != 5 || parts[4] != "aws4_request" || parts[0].empty() || parts[2].empty()) {
    return incomplete("must hold Credential=KEY/DATE/REGION/SERVICE/aws4_request");
  }
  claim.access_key = std::string(parts[0]);
  claim.place.time = std::string(parts[1]);  // the day alone, until x-amz-date is read
  claim.place.region = std::string(parts[2]);
  claim.place.service = std::string(parts[3]);
  return {};
}

base::Result<void> read_parts(std::string_view text, Claim& claim) {
  bool credential = false;
  for (const std::string_view part : split(text, ',')) {
    const std::string_view piece = trimmed(part);
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) return incomplete("has a part without '='");
    const std::string_view name = piece.substr(0, equals);
    const std::string_view value = piece.substr(equals + 1);
    if (name == "Credential") {
      TRY(read_credential(value, claim));
      credential = true;
    } else if (name == "SignedHeaders") {
      for (const std::string_view header : split(value, ';')) claim.signed_headers.emplace_back(header);
    } else if (name == "Signature") {
      claim.signature = std::string(value);
    } else {
      return incomplete("has a part that is not Credential, SignedHeaders or Signature");
    }
  }
  if (!credential) return incomplete("has no Credential");
  if (claim.signature.size() != signature_length) return incomplete("has no Signature of 64 characters");
  return {};
}

// What decides about the request must be under the signature.
base::Result<void> check_headers(const SignedRequest& request, const Claim& claim) {
  if (claim.signed_headers.size() > signed_headers_max) return incomplete("names too many headers");
  const auto is_signed = [&](std::string_view name) {
    return std::find(claim.signed_headers.begin(), claim.signed_headers.end(), name) != claim.signed_headers.end();
  };
  for (const std::string_view name : {"host", "x-amz-date", "x-amz-target", "x-amz-security-token"}) {
    if (!request.header(name).empty() && !is_signed(name)) {
      return incomplete(fmt::format("must name {} among its SignedHeaders", name));
    }
  }
  for (const std::string& name : claim.signed_headers) {
    const bool there = std::any_of(request.headers.begin(), request.headers.end(),
                                   [&](const auto& header) { return header.first == name; });
    if (!there) return incomplete(fmt::format("names the header {}, which is not there", base::printable(name)));
  }
  return is_signed("host") ? base::Result<void>() : incomplete("must name host among its SignedHeaders");
}

}  // namespace

std::string SignedRequest::header(std::string_view name) const {
  std::string out;
  for (const auto& [known, value] : headers) {
    if (known == name) out += (out.empty() ? "" : ",") + value;
  }
  return out;
}

base::Result<Claim> read_claim(const SignedRequest& request, base::WallMicros now) {
  const std::string text = request.header("authorization");
  if (text.empty()) return base::failed(errors::missing_authentication_token, "the request is not signed");
  if (text.size() > authorization_bytes_max) return incomplete("is too long");
  if (!text.starts_with(algorithm) || text.size() == algorithm.size() || text[algorithm.size()] != ' ') {
    return incomplete(fmt::format("must begin with {}", algorithm));
  }
  Claim claim;
  TRY(read_parts(std::string_view(text).substr(algorithm.size() + 1), claim));
  TRY(check_headers(request, claim));
  const std::string date = request.header("x-amz-date");
  const auto time = time_of(date);
  if (!time) return incomplete("needs X-Amz-Date like 20150830T123600Z");
  if (claim.place.time != std::string_view(date).substr(0, 8)) {
    return base::failed(errors::invalid_signature, "the date of Credential is not that of X-Amz-Date");
  }
  claim.place.time = date;
  claim.session_token = request.header("x-amz-security-token");
  if (*time < now - clock_skew_max || *time > now + clock_skew_max) {
    return base::failed(errors::invalid_signature, "the request was signed at {}, more than 15 minutes from {}", date,
                        wire::signing_time(now));
  }
  return claim;
}

base::Result<void> verify(const SignedRequest& request, const Claim& claim, std::string_view secret_key) {
  std::map<std::string, std::string> headers;
  for (const std::string& name : claim.signed_headers) headers[name] = request.header(name);
  const std::string hash = wire::sha256_hex(request.body);
  const std::string canonical = wire::canonical_request(request.method, request.path, request.query, headers, hash);
  const std::string expected = wire::signature_of(canonical, secret_key, claim.place);
  const std::string said = request.header("x-amz-content-sha256");
  if (equal_in_constant_time(expected, claim.signature) && (said.empty() || said == hash)) return {};
  return base::failed(errors::invalid_signature,
                      "the signature does not match the request: check the secret key and what is between client and "
                      "server");
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference = static_cast<unsigned char>(
        difference | (static_cast<unsigned char>(left[i]) ^ static_cast<unsigned char>(right[i])));
  }
  return difference == 0;
}

}  // namespace api
