// SPDX-License-Identifier: Apache-2.0
//
// One object on its way to S3; see s3_store.h for its life. Used by S3Store only.
#pragma once

#include "wire/object_store.h"
#include "wire/s3_client.h"

namespace wire {

// What a PUT and the start of a multipart upload say about the object: type, metadata, tags, ACL, encryption.
std::map<std::string, std::string> headers_of(const ObjectFacts& facts, const S3Settings& settings);

class S3Upload final : public Upload {
 public:
  S3Upload(S3Client& client, ObjectStore& store, std::string key, ObjectFacts facts, std::stop_token stop);
  ~S3Upload() override;

  base::Result<void> append(std::string_view bytes) override;
  base::Result<void> finish() override;

 private:
  base::Result<void> begin();
  base::Result<void> send_part(std::string_view bytes);
  base::Result<void> complete();
  base::Error reason(base::Error failure);
  base::Result<void> confirm(base::Error gone);
  std::size_t part_bytes() const;

  S3Client& client_;
  ObjectStore& store_;
  const std::string key_;
  const ObjectFacts facts_;
  const std::stop_token stop_;
  std::string buffer_;
  std::string upload_id_;  // empty: no multipart upload was begun
  std::vector<std::string> part_tags_;
  std::uint64_t bytes_sent_ = 0;
  bool finished_ = false;
};

}  // namespace wire
