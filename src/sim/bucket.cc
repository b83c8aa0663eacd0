// SPDX-License-Identifier: Apache-2.0
#include "sim/bucket.h"

#include "sim/target_apply.h"
#include "wire/errors.h"

namespace sim {

using base::Result;

std::map<std::string, std::uint64_t> BucketServer::objects(bool) const {
  std::map<std::string, std::uint64_t> found;
  for (const auto& [key, object] : objects_) found.emplace(key, object.number);
  return found;
}

std::string BucketServer::bytes(const std::string& key, bool) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? std::string() : found->second.bytes;
}

LakeFacts BucketServer::facts(const std::string& key, bool) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? LakeFacts() : found->second.facts.metadata;
}

void BucketServer::put(const std::string& key, Object object) {
  object.number = next_number_++;
  objects_[key] = std::move(object);
  if (watch != nullptr) watch->came(key);
}

// One object in parts. Its parts are at the server from the beginning; the object is there when it is finished.
class BucketUpload final : public wire::Upload {
 public:
  BucketUpload(const TargetSide& side, BucketServer& server, std::uint64_t number, BucketServer::Object object)
      : side_(side), server_(server), number_(number), object_(std::move(object)) {}
  ~BucketUpload() override {
    if (!side_.process.is_dead() && !side_.weather.is_down) server_.uploads_.erase(number_);
  }

  Result<void> append(std::string_view bytes) override {
    TRY(side_.process.enter());
    object_.bytes += bytes;
    return {};
  }
  Result<void> finish() override {
    TRY(call_target(side_, "bucket.finish"));
    const auto upload = server_.uploads_.find(number_);
    if (upload == server_.uploads_.end()) return base::failed(wire::errors::s3_upload_gone, "the upload was aborted");
    const std::string key = upload->second.key;
    return commit_to(side_, "bucket.put", [&]() -> Result<void> {
      server_.uploads_.erase(number_);
      server_.put(key, object_);
      return {};
    });
  }

 private:
  const TargetSide side_;
  BucketServer& server_;
  const std::uint64_t number_;
  BucketServer::Object object_;
};

class BucketStore final : public wire::ObjectStore {
 public:
  BucketStore(const TargetSide& side, BucketServer& server, base::Clock& clock)
      : side_(side), server_(server), clock_(clock) {}

  Result<void> probe(const std::stop_token&) override { return call_target(side_, "bucket.probe"); }
  Result<void> put(const std::string& key, std::string_view bytes, const wire::ObjectFacts& facts,
                   const std::stop_token& stop) override {
    const std::unique_ptr<wire::Upload> object = TRY(upload(key, facts, stop));
    TRY(object->append(bytes));
    return object->finish();
  }
  Result<std::unique_ptr<wire::Upload>> upload(const std::string& key, const wire::ObjectFacts& facts,
                                               const std::stop_token&) override {
    TRY(call_target(side_, "bucket.upload"));
    const std::uint64_t number = server_.next_number_++;
    server_.uploads_[number] = {key, clock_.wall()};
    return std::unique_ptr<wire::Upload>(
        std::make_unique<BucketUpload>(side_, server_, number, BucketServer::Object{0, "", facts, clock_.wall()}));
  }
  Result<std::string> get(const std::string& key, std::optional<wire::ByteRange> range,
                          const std::stop_token&) override {
    TRY(call_target(side_, "bucket.get"));
    const auto found = server_.objects_.find(key);
    if (found == server_.objects_.end()) return base::failed(wire::errors::no_object, "{} does not exist", key);
    const std::string& bytes = found->second.bytes;
    if (!range) return std::string(bytes);
    return range->offset >= bytes.size() ? std::string() : bytes.substr(range->offset, range->size);
  }
  Result<std::optional<wire::ObjectHead>> head(const std::string& key, const std::stop_token&) override {
    TRY(call_target(side_, "bucket.head"));
    const auto found = server_.objects_.find(key);
    if (found == server_.objects_.end()) return std::optional<wire::ObjectHead>();
    const BucketServer::Object& object = found->second;
    return std::optional<wire::ObjectHead>(wire::ObjectHead{object.bytes.size(), object.modified, object.facts});
  }
  Result<std::vector<wire::ObjectEntry>> list(const std::string& prefix, const std::stop_token&) override {
    TRY(call_target(side_, "bucket.list"));
    std::vector<wire::ObjectEntry> entries;
    for (const auto& [key, object] : server_.objects_) {
      if (key.starts_with(prefix)) entries.push_back({key, object.bytes.size(), object.modified});
    }
    return entries;
  }
  Result<void> remove(const std::vector<std::string>& keys, const std::stop_token&) override {
    for (const std::string& key : keys) {
      TRY(call_target(side_, "bucket.remove"));
      TRY(commit_to(side_, "bucket.remove", [&]() -> Result<void> {
        server_.objects_.erase(key);
        return {};
      }));
    }
    return {};
  }
  Result<std::size_t> abort_stale(const std::string& prefix,
                                  const std::function<bool(const wire::UnfinishedUpload&)>& ours,
                                  const std::stop_token&) override {
    TRY(call_target(side_, "bucket.abort_stale"));
    return std::erase_if(server_.uploads_, [&](const auto& upload) {
      return upload.second.key.starts_with(prefix) && ours({upload.second.key, upload.second.started});
    });
  }
  std::string place() const override { return "s3://lake"; }

 private:
  const TargetSide side_;
  BucketServer& server_;
  base::Clock& clock_;
};

std::unique_ptr<wire::ObjectStore> open_bucket(const TargetSide& side, BucketServer& server, base::Clock& clock) {
  return std::make_unique<BucketStore>(side, server, clock);
}

}  // namespace sim
