// SPDX-License-Identifier: Apache-2.0
//
// An ObjectStore in an S3 bucket. An object that fits into one part is a single PUT; a larger one a multipart upload,
// part by part from one buffer, so an upload holds one part in memory whatever its size (parts grow with their number,
// to stay below S3's 10 000). S3 shows an object when its PUT or its completion succeeded, and reads see it at once.
//
// What a crash leaves is an unfinished multipart upload, which nobody sees but the bill; abort_stale() removes it.
// A completion whose answer got lost is asked for again; if the upload is then gone, the object itself is looked at:
// of the right size and with our metadata it is the one we completed, else wire.s3_upload_gone.
//
// Threads and errors as the promise says. The client outlives the store, the store its uploads.
#pragma once

#include "wire/object_store.h"
#include "wire/s3_client.h"

namespace wire {

class S3Store : public ObjectStore {
 public:
  explicit S3Store(S3Client& client) : client_(client) {}

  base::Result<void> probe(const std::stop_token& stop) override;
  base::Result<void> put(const std::string& key, std::string_view bytes, const ObjectFacts& facts,
                         const std::stop_token& stop) override;
  base::Result<std::unique_ptr<Upload>> upload(const std::string& key, const ObjectFacts& facts,
                                               const std::stop_token& stop) override;
  base::Result<std::string> get(const std::string& key, std::optional<ByteRange> range,
                                const std::stop_token& stop) override;
  base::Result<std::optional<ObjectHead>> head(const std::string& key, const std::stop_token& stop) override;
  base::Result<std::vector<ObjectEntry>> list(const std::string& prefix, const std::stop_token& stop) override;
  base::Result<void> remove(const std::vector<std::string>& keys, const std::stop_token& stop) override;
  base::Result<std::size_t> abort_stale(const std::string& prefix,
                                        const std::function<bool(const UnfinishedUpload&)>& ours,
                                        const std::stop_token& stop) override;
  std::string place() const override { return client_.place(); }

 private:
  base::Result<void> remove_some(const std::vector<std::string>& keys, const std::stop_token& stop);

  S3Client& client_;
};

}  // namespace wire
