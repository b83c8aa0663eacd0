// SPDX-License-Identifier: Apache-2.0
//
// The two publications of a task, and what may stand in them. The first carries everything of tables whose log has a
// usable old row; the second only INSERT and TRUNCATE, of tables that have none: in the first one they would make the
// application's own UPDATE and DELETE fail. Neither is ever FOR ALL TABLES. A partitioned table stands there as its
// root, a table of plain inheritance alone (ONLY).
//
// Filters of the table mappings do not stand in them: they are evaluated on our side (mapping/filter.h), because in a
// publication they would need release 15, could make the application's UPDATE fail, and lose large values of rows that
// move into the filter.
//
// Order: plan_publications (pure) -> align_publications -> wait_for_writers on what was added. One thread, a session
// of its own, not in a transaction. Locks are asked for with a time-out, so that nobody queues behind us for long.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "connect/source.h"
#include "connectors/postgres/connection.h"

namespace postgres {

struct PublicationNames {
  std::string all;
  std::string inserts;
};

struct PublicationPlan {
  std::vector<model::TableSchemaPtr> all;
  std::vector<model::TableSchemaPtr> inserts;
};

// What blocks us is told to `waiting` about once a second.
struct Patience {
  base::Clock* clock = nullptr;
  std::function<void(const std::string&)> waiting;
  std::stop_token stop;
};

// Tables without a log (unlogged, foreign, views) are left out. Fails naming the tables without usable identity.
base::Result<PublicationPlan> plan_publications(const connect::CapturePlan& plan);

// The statements that would make both publications from nothing, for messages.
std::vector<std::string> publication_statements(const PublicationNames& names, const PublicationPlan& plan);

// Creates or alters both in one transaction. Returns the tables that were added.
base::Result<std::vector<std::uint32_t>> align_publications(Connection& connection, const PublicationNames& names,
                                                            const PublicationPlan& plan, const Patience& patience);

// True when both exist and hold exactly the tables of the plan.
base::Result<bool> publications_match(Connection& connection, const PublicationNames& names,
                                      const PublicationPlan& plan);

// Returns when every transaction that held a write lock on one of the tables (or their partitions) at the call has
// ended: what starts later is decoded with the publication as it is now.
base::Result<void> wait_for_writers(Connection& connection, const std::vector<std::uint32_t>& tables,
                                    const Patience& patience);

base::Result<void> drop_publications(Connection& connection, const PublicationNames& names);

}  // namespace postgres
