// SPDX-License-Identifier: Apache-2.0
//
// The catalogue of a MySQL or MariaDB source. Made by Source, which owns it; any thread may call, one at a time is
// served. It has a session of its own, opened on first use and again after it broke.
#pragma once

#include <optional>

#include "base/thread.h"
#include "connect/read_ahead.h"
#include "connect/source.h"
#include "connectors/mysql/capture.h"
#include "connectors/mysql/connection.h"

namespace mysql {

class Catalog final : public connect::Catalog {
 public:
  Catalog(ConnectionSettings settings, const connect::Options& options, const connect::Context& context,
          Capture& capture);

  base::Result<std::string> server_version() override;
  base::Result<std::vector<connect::TableListing>> list_tables() override;
  base::Result<model::TableSchemaPtr> describe(const model::TableName& table) override;
  base::Result<model::Position> current_position() override;
  base::Result<std::vector<connect::Finding>> check(const connect::CapturePlan& plan, bool full_load,
                                                    bool stream) override;

 private:
  base::Result<Connection*> session() REQUIRES(mutex_);

  const ConnectionSettings settings_;
  const connect::Options& options_;
  const connect::Context& context_;
  Capture& capture_;
  base::Mutex mutex_;
  std::optional<Connection> session_ GUARDED_BY(mutex_);
  connect::ReadAhead ahead_ GUARDED_BY(mutex_);
};

}  // namespace mysql
