// SPDX-License-Identifier: Apache-2.0
#include "wire/s3_client.h"

#include <algorithm>

#include "wire/errors.h"

namespace wire {
namespace {
using std::string_view_literals::operator""sv;

using base::Error;
using base::failed;
using base::Nanos;
using base::Result;

constexpr long cleanup_seconds_max = 5;
constexpr std::size_t message_bytes_max = 300;

struct CodeRow {
  std::string_view s3;
  const base::Code* ours;
};

// S3's codes on the left; what is not listed is wire.s3_refused, and with a 5xx status wire.s3_unavailable.
constexpr CodeRow code_rows[] = {
    {"AccessDenied", &errors::s3_access_denied},
    {"AccountProblem", &errors::s3_access_denied},
    {"AllAccessDisabled", &errors::s3_access_denied},
    {"NotSignedUp", &errors::s3_access_denied},
    {"InvalidAccessKeyId", &errors::s3_bad_credentials},
    {"SignatureDoesNotMatch", &errors::s3_bad_credentials},
    {"InvalidSecurity", &errors::s3_bad_credentials},
    {"ExpiredToken", &errors::s3_expired_token},
    {"InvalidToken", &errors::s3_expired_token},
    {"TokenRefreshRequired", &errors::s3_expired_token},
    {"NoSuchBucket", &errors::s3_no_bucket},
    {"InvalidBucketName", &errors::s3_no_bucket},
    {"NoSuchKey", &errors::no_object},
    {"NoSuchUpload", &errors::s3_upload_gone},
    {"PermanentRedirect", &errors::s3_wrong_region},
    {"TemporaryRedirect", &errors::s3_unavailable},
    {"AuthorizationHeaderMalformed", &errors::s3_wrong_region},
    {"IllegalLocationConstraintException", &errors::s3_wrong_region},
    {"RequestTimeTooSkewed", &errors::s3_clock},
    {"NotImplemented", &errors::s3_unsupported},
    {"AccessControlListNotSupported", &errors::s3_unsupported},
    {"SlowDown", &errors::s3_throttled},
    {"ServiceUnavailable", &errors::s3_throttled},
    {"Throttling", &errors::s3_throttled},
    {"ThrottlingException", &errors::s3_throttled},
    {"RequestLimitExceeded", &errors::s3_throttled},
    {"TooManyRequests", &errors::s3_throttled},
    {"InternalError", &errors::s3_unavailable},
    {"OperationAborted", &errors::s3_unavailable},
    {"RequestTimeout", &errors::network},
    {"IncompleteBody", &errors::network},
    {"BadDigest", &errors::s3_damaged},
    {"XAmzContentSHA256Mismatch", &errors::s3_damaged},
};

// For HEAD, and for answers that some proxy made.
const base::Code& code_of_status(int status, const S3Request& request) {
  switch (status) {
    case 301:
    case 307: return errors::s3_wrong_region;
    case 401:
    case 403: return errors::s3_access_denied;
    case 404: return request.key.empty() ? errors::s3_no_bucket : errors::no_object;
    case 408: return errors::network;
    case 429:
    case 503: return errors::s3_throttled;
    case 501: return errors::s3_unsupported;
    default: return status >= 500 ? errors::s3_unavailable : errors::s3_refused;
  }
}

const base::Code& code_of(std::string_view s3, int status, const S3Request& request) {
  for (const CodeRow& row : code_rows) {
    if (row.s3 == s3) return *row.ours;
  }
  if (s3.starts_with("KMS.")) return errors::s3_encryption;
  return code_of_status(status, request);
}

bool is_aws_dotless(const S3Settings& settings) {
  return settings.endpoint.empty() && settings.bucket.find('.') == std::string::npos;
}

std::string message_of(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, message_bytes_max)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

}  // namespace

std::optional<Error> s3_error(const HttpAnswer& answer, const S3Request& request, bool document) {
  const bool good = answer.status >= 200 && answer.status < 300;
  if (good && !document) return std::nullopt;
  const Result<XmlElement> read = parse_xml(answer.body);
  if (good) {
    if (!read.ok()) return read.error();
    if (read.value().name != "Error") return std::nullopt;
  }
  const bool said = read.ok() && read.value().name == "Error";
  const std::string_view code = said ? read.value().value("Code") : std::string_view();
  // A 200 that turned into an error is an internal one unless it says otherwise.
  const base::Code& ours = code_of(code, good ? 500 : answer.status, request);
  std::string detail = said ? message_of(read.value().value("Message")) : "";
  if (said && ours.name == errors::s3_wrong_region.name && !read.value().value("Region").empty()) {
    detail += fmt::format(" (the bucket's region is {})", message_of(read.value().value("Region")));
  }
  if (!said && !answer.header("x-amz-bucket-region").empty() && &ours == &errors::s3_wrong_region) {
    detail += fmt::format("the bucket's region is {}", message_of(answer.header("x-amz-bucket-region")));
  }
  return failed(ours, "{}: {} {}{}{}", request.what, answer.status, message_of(code), detail.empty() ? "" : ": ",
                detail);
}

S3Client::S3Client(S3Settings settings, CredentialSource& credentials, HttpClient& http, base::Clock& clock,
                   base::Random& random)
    : settings_(std::move(settings)), credentials_(credentials), http_(http), clock_(clock), random_(random) {
  const bool path_style = settings_.path_style.value_or(!is_aws_dotless(settings_));
  const std::string china = settings_.region.starts_with("cn-") ? ".cn" : "";
  const std::string endpoint =
      settings_.endpoint.empty() ? "https://s3." + settings_.region + ".amazonaws.com" + china : settings_.endpoint;
  const std::size_t scheme = endpoint.find("://");
  ENSURE(scheme != std::string::npos);
  host_ = endpoint.substr(scheme + 3);
  if (path_style) {
    base_path_ = "/" + percent_encode(settings_.bucket, false);
  } else {
    host_ = settings_.bucket + "." + host_;
  }
  base_url_ = endpoint.substr(0, scheme + 3) + host_;
  // The port that goes without saying is not in the Host header, which is signed.
  for (const auto& [start, port] : {std::pair("https://"sv, ":443"sv), std::pair("http://"sv, ":80"sv)}) {
    if (base_url_.starts_with(start) && host_.ends_with(port)) {
      host_.resize(host_.size() - port.size());
    }
  }
}

std::string S3Client::place() const {
  return settings_.endpoint.empty() ? "s3://" + settings_.bucket : settings_.endpoint + "/" + settings_.bucket;
}

Result<HttpAnswer> S3Client::attempt(const S3Request& request, const Credentials& credentials, long seconds_max,
                                     const std::stop_token& stop) {
  SigningInput input;
  input.method = request.method;
  input.path = base_path_ + "/" + percent_encode(request.key, true);
  // A bucket's own path is "/bucket" for some servers and "/bucket/" for AWS; both take the first.
  if (request.key.empty() && !base_path_.empty()) input.path = base_path_;
  input.query = request.query;
  input.headers = request.headers;
  input.headers["host"] = host_;
  if (!settings_.expected_owner.empty()) input.headers["x-amz-expected-bucket-owner"] = settings_.expected_owner;
  input.payload_sha256 = sha256_hex(request.body);
  const auto headers = sign(input, credentials, SigningScope{settings_.region, "s3", clock_.wall()});

  HttpRequest http;
  http.method = request.method;
  http.url = base_url_ + input.path;
  const std::string query = encode_query(request.query);
  if (!query.empty()) http.url += "?" + query;
  http.headers.assign(headers.begin(), headers.end());
  http.body = request.body;
  http.seconds_max = seconds_max;
  http.answer_bytes_max = request.answer_bytes_max;
  return http_.send(http, stop);
}

Nanos S3Client::pause_before(int attempt) {
  Nanos limit = settings_.pause_first;
  for (int i = 1; i < attempt && limit < settings_.pause_max; ++i) limit *= 2;
  limit = std::min(limit, settings_.pause_max);
  return limit / 2 +
         Nanos(static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(limit.count() / 2 + 1)));
}

Result<HttpAnswer> S3Client::repeat(const S3Request& request, bool document, const std::stop_token& stop) {
  bool refreshed = false;
  for (int attempt_number = 1;; ++attempt_number) {
    const Credentials credentials = TRY(credentials_.current(stop));
    Result<HttpAnswer> answer = attempt(request, credentials, 0, stop);
    std::optional<Error> error;
    if (!answer.ok()) {
      error = answer.take_error();
    } else {
      error = s3_error(*answer, request, document);
    }
    if (!error) return answer;
    if (error->is(errors::s3_expired_token) && !refreshed) {
      refreshed = true;
      credentials_.expired(credentials);
      continue;
    }
    const bool again = error->kind() == base::Kind::transient && !error->is(errors::s3_upload_gone);
    if (!again) return std::move(*error);
    if (attempt_number >= settings_.attempts_max) {
      const base::Code& code = *error->code;
      return failed(code, "{}: gave up after {} attempts", request.what, attempt_number).because(std::move(*error));
    }
    if (!clock_.pause(pause_before(attempt_number), stop)) {
      return failed(base::errors::canceled, "{}: stopped between attempts", request.what);
    }
  }
}

Result<HttpAnswer> S3Client::call(const S3Request& request, const std::stop_token& stop) {
  return repeat(request, false, stop);
}

Result<XmlElement> S3Client::call_for_document(const S3Request& request, const std::stop_token& stop) {
  const HttpAnswer answer = TRY(repeat(request, true, stop));
  return parse_xml(answer.body);
}

void S3Client::call_once(const S3Request& request) {
  const std::stop_token never;
  const Result<Credentials> credentials = credentials_.current(never);
  if (!credentials.ok()) return;
  static_cast<void>(attempt(request, credentials.value(), cleanup_seconds_max, never).ok());
}

Result<S3Address> parse_s3_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::string name = url.substr(0, scheme);
  if (scheme == std::string::npos || (name != "https" && name != "http")) {
    return failed(errors::bad_url, "'{}' is not https://host[:port]/bucket", url);
  }
  const std::size_t slash = url.find('/', scheme + 3);
  S3Address address{url.substr(0, slash), slash == std::string::npos ? "" : url.substr(slash + 1)};
  while (address.bucket.ends_with('/')) address.bucket.pop_back();
  const std::string host = address.endpoint.substr(scheme + 3);
  const bool odd = host.empty() || host.find_first_of("@?# \\") != std::string::npos;
  if (odd || address.bucket.empty() || address.bucket.find_first_of("/?#% ") != std::string::npos) {
    return failed(errors::bad_url, "'{}' is not https://host[:port]/bucket", odd ? name + "://…" : url);
  }
  const std::string bare = host.substr(0, host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
  const bool loopback = bare == "localhost" || bare == "[::1]" || bare.starts_with("127.");
  if (name == "http" && !loopback) return failed(errors::bad_url, "'{}': http only on loopback, else https", url);
  return address;
}

}  // namespace wire
