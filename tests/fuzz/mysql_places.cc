// SPDX-License-Identifier: Apache-2.0
//
// What a server says of a place in its log, from hostile bytes: a GTID set and a log file's name. The first byte
// chooses the family. A set that is understood says itself in a text that gives the same set, and takes another id.
#include "connectors/mysql/gtid_set.h"
#include "connectors/mysql/log_place.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool is_mariadb = (data[0] & 1) != 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto name = mysql::parse_log_name(text)) {
    const auto again = mysql::parse_log_name(mysql::log_name(name->base, name->number));
    if (!again || again->base != name->base || again->number != name->number) __builtin_trap();
  }
  auto set = mysql::GtidSet::parse(text, is_mariadb);
  if (!set.ok()) return 0;
  const std::string said = set->text();
  auto again = mysql::GtidSet::parse(said, is_mariadb);
  if (!again.ok() || again->text() != said || again->has_tags() != set->has_tags()) __builtin_trap();
  if (!set->has_tags() && again->encoded() != set->encoded()) __builtin_trap();
  mysql::binlog::Gtid next;
  next.number = 78;
  set->add(next);
  if (!mysql::GtidSet::parse(set->text(), is_mariadb).ok() && !is_mariadb) __builtin_trap();
  return 0;
}
