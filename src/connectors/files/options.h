// SPDX-License-Identifier: Apache-2.0
//
// The S3 endpoint's members, and what they mean for the file target: Settings is made once when the endpoint is opened,
// checked for members that exclude each other, and then immutable; any thread may read it.
#pragma once

#include <span>
#include <string>

#include "connect/options.h"
#include "connect/source.h"
#include "formats/csv.h"
#include "formats/parquet.h"
#include "model/change.h"

namespace connectors::files {

std::span<const connect::OptionSpec> target_options();

enum class DateSequence { yyyymmdd, yyyymmddhh, yyyymm, mmyyyydd, ddmmyyyy };
enum class MissingValues { refuse, marker, lookup };
enum class KeyUpdate { delete_first, single };
enum class ValuePolicy { ignore, log, suspend, stop };

struct Settings {
  std::string folder;  // BucketFolder with its '/', or empty
  bool parquet = false;
  bool gzip = false;
  formats::CsvFormat csv;
  formats::ParquetSettings parquet_settings;
  bool add_column_name = false;
  std::uint64_t load_bytes_max = 0;
  std::int64_t cdc_seconds_max = 60;
  std::uint64_t cdc_bytes_min = 0;
  bool inserts_only = false;
  bool inserts_and_updates = false;
  bool op_in_load = false;
  std::string timestamp_column;
  bool task_start_time = false;
  bool partitions = false;
  DateSequence date_sequence = DateSequence::yyyymmdd;
  std::string date_delimiter;  // "/", "-", "_" or ""
  std::string time_zone;
  bool preserve_transactions = false;
  std::string cdc_path;  // with its '/', below `folder`
  MissingValues missing = MissingValues::refuse;
  KeyUpdate key_update = KeyUpdate::delete_first;
  ValuePolicy value_policy = ValuePolicy::log;
  ValuePolicy value_escalation = ValuePolicy::suspend;
  std::uint64_t value_escalation_count = 0;  // data errors of a table; 0: never
  bool delete_on_truncate = true;
  bool delete_on_drop = true;

  bool cdc_has_op() const { return !inserts_only || op_in_load; }
  bool writes(model::Op op) const;
  std::string extension() const;  // ".csv", ".csv.gz", ".parquet"
};

base::Result<Settings> read_settings(const connect::Options& options, const connect::Context& context);

}  // namespace connectors::files
