// SPDX-License-Identifier: Apache-2.0
//
// Sets of global transaction ids, of both servers, and their text, which is a Position's token:
//   MySQL    "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77:80,..." (with tags "uuid:tag:1-7")
//   MariaDB  "0-1-77,1-1-5": the last one of each domain
// Adding the next id of a source that is there already is cheap, and so is the text behind it: both happen for each
// transaction. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/binlog_event.h"

namespace mysql {

class GtidSet {
 public:
  // Empty text: the empty set. Fails with mysql.bad_gtids.
  static base::Result<GtidSet> parse(std::string_view text, bool is_mariadb);

  void add(const binlog::Gtid& gtid);  // anonymous ones change nothing
  void add(const binlog::MariaGtid& gtid);
  bool empty() const { return ranges_.empty() && domains_.empty(); }
  const std::string& text();
  bool has_tags() const;
  // MySQL's form in COM_BINLOG_DUMP_GTID; without tags.
  std::string encoded() const;

 private:
  using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;  // inclusive, ascending, apart

  static void insert(Ranges& ranges, std::int64_t first, std::int64_t last);
  base::Result<void> read_mysql(std::string_view text);
  base::Result<void> read_mariadb(std::string_view text);

  std::map<std::string, Ranges> ranges_;  // by "uuid" or "uuid:tag"
  std::map<std::uint32_t, std::pair<std::uint32_t, std::uint64_t>> domains_;
  std::string text_;
  bool is_text_old_ = true;
};

namespace errors {
inline constexpr base::Code bad_gtids{"mysql.bad_gtids", base::Kind::task,
                                      "A GTID set has an unknown form; start the task with reload-target."};
}

}  // namespace mysql
