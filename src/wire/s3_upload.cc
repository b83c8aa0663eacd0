// SPDX-License-Identifier: Apache-2.0
#include "wire/s3_upload.h"

#include <algorithm>

#include "wire/errors.h"

namespace wire {

using base::Error;
using base::failed;
using base::Result;

namespace {

constexpr std::size_t parts_max = 10000;
constexpr std::size_t parts_of_one_size = 1500;
constexpr std::size_t part_growth_max = 16;

}  // namespace

std::map<std::string, std::string> headers_of(const ObjectFacts& facts, const S3Settings& settings) {
  std::map<std::string, std::string> headers;
  headers["content-type"] = facts.content_type;
  for (const auto& [name, value] : facts.metadata) headers["x-amz-meta-" + name] = value;
  if (!facts.tags.empty()) headers["x-amz-tagging"] = encode_query({facts.tags.begin(), facts.tags.end()});
  if (!settings.canned_acl.empty()) headers["x-amz-acl"] = settings.canned_acl;
  if (settings.encryption == S3Encryption::sse_s3) headers["x-amz-server-side-encryption"] = "AES256";
  if (settings.encryption == S3Encryption::sse_kms) {
    headers["x-amz-server-side-encryption"] = "aws:kms";
    if (!settings.kms_key_id.empty()) headers["x-amz-server-side-encryption-aws-kms-key-id"] = settings.kms_key_id;
  }
  return headers;
}

S3Upload::S3Upload(S3Client& client, ObjectStore& store, std::string key, ObjectFacts facts, std::stop_token stop)
    : client_(client), store_(store), key_(std::move(key)), facts_(std::move(facts)), stop_(std::move(stop)) {}

S3Upload::~S3Upload() {
  if (finished_ || upload_id_.empty()) return;
  S3Request request;
  request.method = "DELETE";
  request.key = key_;
  request.query = {{"uploadId", upload_id_}};
  request.what = "abort upload of " + key_;
  client_.call_once(request);  // best effort: abort_stale() finds what is left
}

std::size_t S3Upload::part_bytes() const {
  std::size_t factor = 1;
  for (std::size_t parts = parts_of_one_size; parts <= part_tags_.size() && factor < part_growth_max;
       parts += parts_of_one_size) {
    factor *= 2;
  }
  return client_.settings().part_bytes * factor;
}

Result<void> S3Upload::append(std::string_view bytes) {
  ENSURE(!finished_);
  while (!bytes.empty()) {
    const std::size_t size = part_bytes();
    // A part is sent only when a byte beyond it is known, so that an object of exactly one part stays a single PUT.
    if (buffer_.size() == size) {
      TRY(send_part(buffer_));
      buffer_.clear();
      continue;
    }
    const std::size_t taken = std::min(size - buffer_.size(), bytes.size());
    buffer_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
  }
  return {};
}

Result<void> S3Upload::begin() {
  S3Request request;
  request.method = "POST";
  request.key = key_;
  request.query = {{"uploads", ""}};
  request.headers = headers_of(facts_, client_.settings());
  request.what = "begin upload of " + key_;
  const XmlElement document = TRY(client_.call_for_document(request, stop_));
  upload_id_ = document.value("UploadId");
  if (upload_id_.empty()) return failed(errors::bad_answer, "{}: no UploadId in the answer", request.what);
  return {};
}

Result<void> S3Upload::send_part(std::string_view bytes) {
  if (upload_id_.empty()) TRY(begin());
  const std::size_t number = part_tags_.size() + 1;
  if (number > parts_max) return failed(errors::s3_refused, "object {}: over {} parts", key_, parts_max);
  S3Request request;
  request.method = "PUT";
  request.key = key_;
  request.query = {{"partNumber", std::to_string(number)}, {"uploadId", upload_id_}};
  request.body = bytes;
  request.what = fmt::format("write part {} of {}", number, key_);
  Result<HttpAnswer> sent = client_.call(request, stop_);
  if (!sent.ok()) return reason(sent.take_error());
  const std::string_view tag = sent->header("etag");
  if (tag.empty()) return failed(errors::bad_answer, "{}: no ETag in the answer", request.what);
  part_tags_.emplace_back(tag);
  bytes_sent_ += bytes.size();
  return {};
}

// A server that refuses a part before it has read it closes the connection, and its answer is lost with the reset: the
// client sees a network that fails again and again. Whether the upload is still there is asked without a body.
Error S3Upload::reason(Error failure) {
  if (!failure.is(errors::network)) return failure;
  S3Request request;
  request.method = "GET";
  request.key = key_;
  request.query = {{"max-parts", "1"}, {"uploadId", upload_id_}};
  request.what = "look for the upload of " + key_;
  Result<XmlElement> parts = client_.call_for_document(request, stop_);
  if (parts.ok() || !parts.error().is(errors::s3_upload_gone)) return failure;
  return parts.take_error().because(std::move(failure));
}

Result<void> S3Upload::finish() {
  ENSURE(!finished_);
  if (upload_id_.empty()) {
    TRY(store_.put(key_, buffer_, facts_, stop_));
  } else {
    if (!buffer_.empty()) TRY(send_part(buffer_));
    TRY(complete());
  }
  buffer_ = std::string();
  finished_ = true;
  return {};
}

Result<void> S3Upload::complete() {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < part_tags_.size(); ++i) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, xml_escaped(part_tags_[i]));
  }
  body += "</CompleteMultipartUpload>";
  S3Request request;
  request.method = "POST";
  request.key = key_;
  request.query = {{"uploadId", upload_id_}};
  request.headers = {{"content-type", "application/xml"}};
  request.body = body;
  request.what = "complete upload of " + key_;
  Result<XmlElement> document = client_.call_for_document(request, stop_);
  if (document.ok()) {
    if (document->name == "CompleteMultipartUploadResult") return {};
    return failed(errors::bad_answer, "{}: the answer is a {}", request.what, document->name);
  }
  if (document.error().is(errors::s3_upload_gone)) return confirm(document.take_error());
  return document.take_error();
}

Result<void> S3Upload::confirm(Error gone) {
  upload_id_.clear();  // nothing is left to abort
  const std::optional<ObjectHead> head = TRY(store_.head(key_, stop_));
  if (head && head->size == bytes_sent_ && head->facts.metadata == facts_.metadata) return {};
  return gone;
}

}  // namespace wire
