// SPDX-License-Identifier: Apache-2.0
#include "wire/s3_store.h"

#include <algorithm>
#include <charconv>

#include "wire/errors.h"
#include "wire/object_facts.h"
#include "wire/s3_upload.h"

namespace wire {
namespace {

using base::Error;
using base::failed;
using base::Result;

constexpr std::size_t object_bytes_max = std::size_t{1} << 40;
constexpr std::size_t remove_batch = 1000;
constexpr int remove_rounds_max = 5;
constexpr std::size_t pages_max = 100000;
constexpr std::string_view metadata_prefix = "x-amz-meta-";

Result<std::uint64_t> number(std::string_view text, const std::string& what) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) {
    return failed(errors::bad_answer, "{}: a size is not a number", what);
  }
  return value;
}

// Listings are asked for with encoding-type=url, because a key may hold what XML cannot. Servers that do not know it
// say so by leaving <EncodingType> out.
std::string decoded(std::string_view text, bool encoded) {
  if (!encoded) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() &&
               std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "Sat, 21 Nov 2026 06:00:00 GMT" of a HEAD answer.
base::WallMicros parse_http_time(std::string_view text) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29) return 0;
  const std::size_t month = months.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return 0;
  return parse_iso_time(
      fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month / 3 + 1, text.substr(5, 2), text.substr(17, 8)));
}

}  // namespace

Result<void> S3Store::probe(const std::stop_token& stop) {
  S3Request request;
  request.query = {{"list-type", "2"}, {"max-keys", "1"}};
  request.what = "list bucket " + client_.settings().bucket;
  TRY(client_.call_for_document(request, stop));
  return {};
}

Result<void> S3Store::put(const std::string& key, std::string_view bytes, const ObjectFacts& facts,
                          const std::stop_token& stop) {
  TRY(check_key(key));
  TRY(check_facts(key, facts));
  S3Request request;
  request.method = "PUT";
  request.key = key;
  request.headers = headers_of(facts, client_.settings());
  request.body = bytes;
  request.what = "write object " + key;
  TRY(client_.call(request, stop));
  return {};
}

Result<std::unique_ptr<Upload>> S3Store::upload(const std::string& key, const ObjectFacts& facts,
                                                const std::stop_token& stop) {
  TRY(check_key(key));
  TRY(check_facts(key, facts));
  return std::unique_ptr<Upload>(std::make_unique<S3Upload>(client_, *this, key, facts, stop));
}

Result<std::string> S3Store::get(const std::string& key, std::optional<ByteRange> range, const std::stop_token& stop) {
  TRY(check_key(key));
  if (range && range->size == 0) return std::string();
  if (range) range->size = std::min<std::uint64_t>(range->size, object_bytes_max);
  S3Request request;
  request.key = key;
  request.answer_bytes_max = object_bytes_max;
  request.what = "read object " + key;
  if (range) request.headers["range"] = fmt::format("bytes={}-{}", range->offset, range->offset + range->size - 1);
  Result<HttpAnswer> answer = client_.call(request, stop);
  if (answer.ok()) {
    if (range && answer->status != 206) return failed(errors::bad_answer, "{}: the range was ignored", request.what);
    return std::move(answer->body);
  }
  if (!range || !answer.error().is(errors::s3_refused)) return answer.take_error();
  // 416 comes for a range past the end, which is no error here.
  const std::optional<ObjectHead> found = TRY(head(key, stop));
  if (found && range->offset >= found->size) return std::string();
  return answer.take_error();
}

Result<std::optional<ObjectHead>> S3Store::head(const std::string& key, const std::stop_token& stop) {
  TRY(check_key(key));
  S3Request request;
  request.method = "HEAD";
  request.key = key;
  request.what = "look at object " + key;
  Result<HttpAnswer> answer = client_.call(request, stop);
  if (!answer.ok()) {
    if (answer.error().is(errors::no_object)) return std::optional<ObjectHead>();
    return answer.take_error();
  }
  ObjectHead head;
  head.size = TRY(number(answer->header("content-length"), request.what));
  head.modified = parse_http_time(answer->header("last-modified"));
  head.facts.content_type = answer->header("content-type");
  for (const auto& [name, value] : answer->headers) {
    if (name.starts_with(metadata_prefix)) head.facts.metadata[name.substr(metadata_prefix.size())] = value;
  }
  return std::optional<ObjectHead>(std::move(head));
}

Result<std::vector<ObjectEntry>> S3Store::list(const std::string& prefix, const std::stop_token& stop) {
  std::vector<ObjectEntry> entries;
  std::string token;
  for (std::size_t page = 0; page < pages_max; ++page) {
    S3Request request;
    request.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", prefix}};
    if (!token.empty()) request.query.emplace_back("continuation-token", token);
    request.what = "list objects below " + prefix;
    const XmlElement document = TRY(client_.call_for_document(request, stop));
    if (document.name != "ListBucketResult") return failed(errors::bad_answer, "{}: not a listing", request.what);
    const bool encoded = document.value("EncodingType") == "url";
    for (const XmlElement& child : document.children) {
      if (child.name != "Contents") continue;
      ObjectEntry entry{decoded(child.value("Key"), encoded), TRY(number(child.value("Size"), request.what)),
                        parse_iso_time(child.value("LastModified"))};
      if (!entry.key.starts_with(prefix)) return failed(errors::bad_answer, "{}: another key", request.what);
      entries.push_back(std::move(entry));
    }
    token = document.value("NextContinuationToken");
    if (document.value("IsTruncated") != "true") {
      std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
      return entries;
    }
    if (token.empty()) return failed(errors::bad_answer, "{}: more pages, but no token", request.what);
  }
  return failed(errors::bad_answer, "list objects below {}: over {} pages", prefix, pages_max);
}

Result<void> S3Store::remove(const std::vector<std::string>& keys, const std::stop_token& stop) {
  std::vector<std::string> batch;
  for (const std::string& key : keys) {
    TRY(check_key(key));
    if (!xml_can_carry(key)) {
      S3Request request;
      request.method = "DELETE";
      request.key = key;
      request.what = "remove object " + key;
      const Result<HttpAnswer> answer = client_.call(request, stop);
      if (!answer.ok() && !answer.error().is(errors::no_object)) return Error(answer.error());
      continue;
    }
    batch.push_back(key);
    if (batch.size() < remove_batch) continue;
    TRY(remove_some(batch, stop));
    batch.clear();
  }
  return batch.empty() ? Result<void>() : remove_some(batch, stop);
}

// The answer to a batch is 200 with an error for each key that stayed; those that may succeed later are sent again.
Result<void> S3Store::remove_some(const std::vector<std::string>& keys, const std::stop_token& stop) {
  std::vector<std::string> left = keys;
  for (int round = 1;; ++round) {
    std::string body = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
    for (const std::string& key : left) body += "<Object><Key>" + xml_escaped(key) + "</Key></Object>";
    body += "</Delete>";
    S3Request request;
    request.method = "POST";
    request.query = {{"delete", ""}};
    request.headers = {{"content-md5", md5_base64(body)}, {"content-type", "application/xml"}};
    request.body = body;
    request.what = fmt::format("remove {} objects, the first {}", left.size(), left.front());
    const XmlElement document = TRY(client_.call_for_document(request, stop));
    left.clear();
    std::optional<Error> first;
    for (const XmlElement& child : document.children) {
      if (child.name != "Error" || child.value("Code") == "NoSuchKey") continue;
      S3Request one;
      one.key = child.value("Key");
      one.what = "remove object " + one.key;
      HttpAnswer as_answer;
      as_answer.status = 400;
      as_answer.body = fmt::format("<Error><Code>{}</Code><Message>{}</Message></Error>",
                                   xml_escaped(child.value("Code")), xml_escaped(child.value("Message")));
      std::optional<Error> error = s3_error(as_answer, one, false);
      if (error->kind() != base::Kind::transient || round == remove_rounds_max) return std::move(*error);
      left.push_back(one.key);
      if (!first) first = std::move(error);
    }
    if (left.empty()) return {};
  }
}

Result<std::size_t> S3Store::abort_stale(const std::string& prefix,
                                         const std::function<bool(const UnfinishedUpload&)>& ours,
                                         const std::stop_token& stop) {
  std::vector<std::pair<std::string, std::string>> stale;  // key, upload id
  std::string key_marker;
  std::string id_marker;
  for (std::size_t page = 0; page < pages_max; ++page) {
    S3Request request;
    request.query = {{"uploads", ""}, {"encoding-type", "url"}, {"prefix", prefix}};
    if (!key_marker.empty()) request.query.emplace_back("key-marker", key_marker);
    if (!id_marker.empty()) request.query.emplace_back("upload-id-marker", id_marker);
    request.what = "list unfinished uploads below " + prefix;
    const XmlElement document = TRY(client_.call_for_document(request, stop));
    if (document.name != "ListMultipartUploadsResult") {
      return failed(errors::bad_answer, "{}: not a listing", request.what);
    }
    const bool encoded = document.value("EncodingType") == "url";
    for (const XmlElement& child : document.children) {
      if (child.name != "Upload") continue;
      const UnfinishedUpload found{decoded(child.value("Key"), encoded), parse_iso_time(child.value("Initiated"))};
      if (!found.key.starts_with(prefix) || !ours(found)) continue;
      stale.emplace_back(found.key, child.value("UploadId"));
    }
    key_marker = decoded(document.value("NextKeyMarker"), encoded);
    id_marker = document.value("NextUploadIdMarker");
    if (document.value("IsTruncated") != "true" || key_marker.empty()) break;
  }
  for (const auto& [key, id] : stale) {
    S3Request request;
    request.method = "DELETE";
    request.key = key;
    request.query = {{"uploadId", id}};
    request.what = "abort an unfinished upload of " + key;
    const Result<HttpAnswer> answer = client_.call(request, stop);
    if (!answer.ok() && !answer.error().is(errors::s3_upload_gone)) return Error(answer.error());
  }
  return stale.size();
}

}  // namespace wire
