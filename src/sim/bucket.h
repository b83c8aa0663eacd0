// SPDX-License-Identifier: Apache-2.0
//
// A bucket as S3 is one: objects come whole and are durable when they come; uploads that nobody finished stay,
// invisible. The network may cut a call before it took effect, or after, so that the answer is lost.
//
// BucketServer outlives processes; each process reaches it through the store that open_bucket makes.
#pragma once

#include "sim/lake.h"
#include "sim/target_connector.h"
#include "wire/object_store.h"

namespace sim {

class BucketServer final : public Lake {
 public:
  std::map<std::string, std::uint64_t> objects(bool certain) const override;
  std::string bytes(const std::string& key, bool certain) const override;
  LakeFacts facts(const std::string& key, bool certain) const override;

 private:
  friend class BucketStore;
  friend class BucketUpload;
  struct Object {
    std::uint64_t number = 0;
    std::string bytes;
    wire::ObjectFacts facts;
    base::WallMicros modified = 0;
  };
  struct Upload {
    std::string key;
    base::WallMicros started = 0;
  };
  void put(const std::string& key, Object object);

  std::map<std::string, Object> objects_;
  std::map<std::uint64_t, Upload> uploads_;
  std::uint64_t next_number_ = 1;
};

std::unique_ptr<wire::ObjectStore> open_bucket(const TargetSide& side, BucketServer& server, base::Clock& clock);

}  // namespace sim
