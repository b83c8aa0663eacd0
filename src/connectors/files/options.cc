// SPDX-License-Identifier: Apache-2.0
#include "connectors/files/options.h"

#include "connectors/files/errors.h"

namespace connectors::files {
namespace {
using std::string_view_literals::operator""sv;

using connect::OptionKind;
using connect::OptionSpec;

constexpr std::string_view source_only = "is a member of S3 sources, which are not supported yet";
constexpr std::string_view no_glue = "the Glue catalogue is not supported";

constexpr OptionSpec specs[] = {
    {.path = "MillraceUrl",
     .help = "file:///absolute/folder (must exist) or https://host:port/bucket in place of S3Settings.BucketName"},
    {.path = "MillraceRegion", .help = "region of the bucket; else AWS_REGION, else us-east-1"},
    {.path = "MillracePathStyle",
     .kind = OptionKind::boolean,
     .default_value = "",
     .help = "bucket in the path, not in the host name; default: true with MillraceUrl, else false"},
    {.path = "MillraceCaFile", .help = "PEM file with the CA of the S3 server"},
    {.path = "MillraceCredentials",
     .kind = OptionKind::secret,
     .help = "access-key:secret-key[:session-token] or profile:NAME; else the standard AWS chain"},
    {.path = "MillraceParquetCompression",
     .kind = OptionKind::choice,
     .default_value = "",
     .choices = "none|snappy|gzip|zstd",
     .help = "compression inside Parquet files; default: gzip with CompressionType GZIP, else zstd"},
    {.path = "MillraceMissingValues",
     .kind = OptionKind::choice,
     .default_value = "refuse",
     .choices = "refuse|marker|lookup",
     .help =
         "large values that the log does not repeat: suspend the table, write CsvNoSupValue (csv only), or read the "
         "row again (may be newer than the change)"},
    {.path = "MillraceKeyUpdate",
     .kind = OptionKind::choice,
     .default_value = "delete-first",
     .choices = "delete-first|single",
     .help =
         "an UPDATE of the key is a D row of the old key and an I row, or, as in DMS, one U row (loses the old key)"},
    {.path = "S3Settings.ServiceAccessRoleArn", .help = "accepted and not used: credentials come from the AWS chain"},
    {.path = "S3Settings.BucketName", .help = "bucket; not with MillraceUrl"},
    {.path = "S3Settings.BucketFolder", .help = "prefix before schema/table/"},
    {.path = "S3Settings.DataFormat",
     .kind = OptionKind::choice,
     .default_value = "csv",
     .choices = "csv|parquet",
     .help = "format of the objects"},
    {.path = "S3Settings.CompressionType",
     .kind = OptionKind::choice,
     .default_value = "none",
     .choices = "none|gzip",
     .help = "gzip: csv objects become .csv.gz, Parquet is compressed inside"},
    {.path = "S3Settings.CsvDelimiter",
     .default_value = ",",
     .help = "column separator; \\t and the like are understood"},
    {.path = "S3Settings.CsvRowDelimiter", .default_value = "\\n", .help = "row separator, also after the last row"},
    {.path = "S3Settings.CsvNullValue", .help = "text of NULL; default: an empty field"},
    {.path = "S3Settings.UseCsvNoSupValue",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "csv: columns that the log does not carry get CsvNoSupValue"},
    {.path = "S3Settings.CsvNoSupValue", .help = "that text"},
    {.path = "S3Settings.Rfc4180",
     .kind = OptionKind::boolean,
     .default_value = "true",
     .help = "quote fields that hold a quote, a delimiter or a line end; false: written raw, may be unreadable"},
    {.path = "S3Settings.AddColumnName",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "header row in each csv object"},
    {.path = "S3Settings.AddTrailingPaddingCharacter",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "csv: blanks up to the declared length of character(n) columns"},
    {.path = "S3Settings.MaxFileSize",
     .kind = OptionKind::integer,
     .default_value = "1048576",
     .minimum = 1,
     .maximum = 1048576,
     .help = "KB; a csv object of the full load is at most that long (before gzip)"},
    {.path = "S3Settings.CdcMaxBatchInterval",
     .kind = OptionKind::integer,
     .default_value = "60",
     .minimum = 0,
     .maximum = 86400,
     .help = "seconds until changes are written"},
    {.path = "S3Settings.CdcMinFileSize",
     .kind = OptionKind::integer,
     .default_value = "32000",
     .minimum = 1,
     .maximum = 1048576,
     .help = "KB; so many changes of a table are written at once, earlier when memory is short"},
    {.path = "S3Settings.CdcInsertsOnly",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "changes: inserts only"},
    {.path = "S3Settings.CdcInsertsAndUpdates",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "changes: inserts and updates only"},
    {.path = "S3Settings.IncludeOpForFullLoad",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "Op column (I) in the files of the full load"},
    {.path = "S3Settings.TimestampColumnName", .help = "last column with the load or commit time"},
    {.path = "S3Settings.UseTaskStartTimeForFullLoadTimestamp",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "that column holds the task's start in the full load"},
    {.path = "S3Settings.ParquetTimestampInMillisecond",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "Parquet timestamps in ms; values with microseconds are then data errors"},
    {.path = "S3Settings.ParquetVersion",
     .kind = OptionKind::choice,
     .default_value = "parquet-1-0",
     .choices = "parquet-1-0|parquet-2-0",
     .help = "Parquet format version"},
    {.path = "S3Settings.EncodingType",
     .kind = OptionKind::choice,
     .default_value = "",
     .choices = "rle-dictionary|plain|plain-dictionary",
     .help = "Parquet encoding; default: a dictionary for columns whose first values repeat, plain for the others"},
    {.path = "S3Settings.DictPageSizeLimit",
     .kind = OptionKind::integer,
     .default_value = "1048576",
     .minimum = 1,
     .maximum = 1 << 30,
     .help = "bytes; a larger dictionary falls back to plain"},
    {.path = "S3Settings.RowGroupLength",
     .kind = OptionKind::integer,
     .default_value = "",
     .minimum = 1,
     .maximum = 64ll * 1024 * 1024,
     .help = "rows of a Parquet row group (DMS: 10024, slow to read); default: as many as hold about 32 MB of values"},
    {.path = "S3Settings.DataPageSize",
     .kind = OptionKind::integer,
     .default_value = "1048576",
     .minimum = 1,
     .maximum = 1 << 30,
     .help = "bytes of a Parquet data page"},
    {.path = "S3Settings.EnableStatistics",
     .kind = OptionKind::boolean,
     .default_value = "true",
     .help = "Parquet statistics"},
    {.path = "S3Settings.DatePartitionEnabled",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "changes go to folders by the date of their commit"},
    {.path = "S3Settings.DatePartitionSequence",
     .kind = OptionKind::choice,
     .default_value = "YYYYMMDD",
     .choices = "YYYYMMDD|YYYYMMDDHH|YYYYMM|MMYYYYDD|DDMMYYYY",
     .help = "order of the date's parts"},
    {.path = "S3Settings.DatePartitionDelimiter",
     .kind = OptionKind::choice,
     .default_value = "SLASH",
     .choices = "SLASH|DASH|UNDERSCORE|NONE",
     .help = "between the date's parts"},
    {.path = "S3Settings.DatePartitionTimezone",
     .default_value = "UTC",
     .help = "Area/Location for date folders and names of change files"},
    {.path = "S3Settings.PreserveTransactions",
     .kind = OptionKind::boolean,
     .default_value = "false",
     .help = "changes of all tables in source order in csv files below CdcPath"},
    {.path = "S3Settings.CdcPath", .help = "folder of those files below BucketFolder"},
    {.path = "S3Settings.CannedAclForObjects",
     .kind = OptionKind::choice,
     .default_value = "none",
     .choices = "none|private|public-read|public-read-write|authenticated-read|aws-exec-read|bucket-owner-read|"
                "bucket-owner-full-control",
     .help = "ACL of the objects"},
    {.path = "S3Settings.EncryptionMode",
     .kind = OptionKind::choice,
     .default_value = "",
     .choices = "sse-s3|sse-kms",
     .help = "server-side encryption; default: sse-s3, no header sent to other servers unless set"},
    {.path = "S3Settings.ServerSideEncryptionKmsKeyId", .help = "key for sse-kms"},
    {.path = "S3Settings.ExpectedBucketOwner", .help = "12-digit account id sent with each request"},
    {.path = "S3Settings.GlueCatalogGeneration", .kind = OptionKind::boolean, .refused = no_glue},
    {.path = "S3Settings.ExternalTableDefinition", .refused = source_only},
    {.path = "S3Settings.IgnoreHeaderRows", .kind = OptionKind::integer, .refused = source_only},
    {.path = "DetachTargetOnLobLookupFailureParquet",
     .kind = OptionKind::boolean,
     .refused = "values are never looked up"},
};

std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    switch (next) {
      case 't': out += '\t'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case '\\': out += '\\'; break;
      default: out += '\\'; out += next;
    }
  }
  return out;
}

// "a/b" -> "a/b/"; leading and doubled slashes go.
std::string as_prefix(const std::string& path) {
  std::string out;
  std::string part;
  for (const char c : path + "/") {
    if (c != '/') {
      part += c;
    } else if (!part.empty()) {
      out += part + "/";
      part.clear();
    }
  }
  return out;
}

std::string setting(const connect::Context& context, const std::string& name, const std::string& otherwise) {
  const auto found = context.settings.find(name);
  return found == context.settings.end() || found->second.empty() ? otherwise : found->second;
}

ValuePolicy value_policy(const std::string& word) {
  if (word == "SUSPEND_TABLE") return ValuePolicy::suspend;
  if (word == "STOP_TASK") return ValuePolicy::stop;
  return word == "IGNORE_RECORD" ? ValuePolicy::ignore : ValuePolicy::log;
}

base::Result<void> check_combinations(const connect::Options& options, const connect::Context& context,
                                      const Settings& settings) {
  const auto clash = [](std::string_view text) { return base::failed(errors::bad_settings, "S3Settings: {}", text); };
  const bool transactions = settings.preserve_transactions || !settings.cdc_path.empty();
  if (transactions && settings.partitions) return clash("DatePartitionEnabled with PreserveTransactions or CdcPath");
  if (transactions && settings.add_column_name) return clash("AddColumnName with PreserveTransactions or CdcPath");
  if (settings.preserve_transactions && settings.cdc_path.empty()) return clash("PreserveTransactions needs CdcPath");
  if (settings.inserts_only && settings.inserts_and_updates) return clash("CdcInsertsOnly with CdcInsertsAndUpdates");
  if (settings.csv.delimiter.empty() || settings.csv.row_delimiter.empty()) {
    return clash("CsvDelimiter and CsvRowDelimiter must not be empty");
  }
  if (settings.csv.delimiter.find('"') != std::string::npos ||
      settings.csv.row_delimiter.find('"') != std::string::npos ||
      settings.csv.delimiter.front() == settings.csv.row_delimiter.front()) {
    return clash("CsvDelimiter and CsvRowDelimiter must begin with different bytes and hold no quote");
  }
  if (options.text("MillraceMissingValues") == "lookup" && settings.missing == MissingValues::marker) {
    return clash("MillraceMissingValues lookup with UseCsvNoSupValue");
  }
  if (settings.missing == MissingValues::marker) {
    if (settings.parquet) return clash("MillraceMissingValues marker (or UseCsvNoSupValue) needs DataFormat csv");
    if (settings.csv.missing_text.empty()) return clash("MillraceMissingValues marker needs CsvNoSupValue");
    if (settings.csv.missing_text == settings.csv.null_text) return clash("CsvNoSupValue equals CsvNullValue");
  }
  if (options.text("S3Settings.EncryptionMode") == "sse-kms" &&
      options.text("S3Settings.ServerSideEncryptionKmsKeyId").empty()) {
    return clash("EncryptionMode sse-kms needs ServerSideEncryptionKmsKeyId");
  }
  if (setting(context, "TargetMetadata.BatchApplyEnabled", "false") == "true") {
    return base::failed(errors::bad_settings, "TargetMetadata.BatchApplyEnabled is not supported by S3 targets");
  }
  return {};
}

void read_partitions(const connect::Options& options, Settings& settings) {
  settings.partitions = options.boolean("S3Settings.DatePartitionEnabled");
  const std::string& sequence = options.text("S3Settings.DatePartitionSequence");
  settings.date_sequence = sequence == "YYYYMMDDHH" ? DateSequence::yyyymmddhh
                           : sequence == "YYYYMM"   ? DateSequence::yyyymm
                           : sequence == "MMYYYYDD" ? DateSequence::mmyyyydd
                           : sequence == "DDMMYYYY" ? DateSequence::ddmmyyyy
                                                    : DateSequence::yyyymmdd;
  const std::string& delimiter = options.text("S3Settings.DatePartitionDelimiter");
  settings.date_delimiter = delimiter == "DASH"         ? "-"sv
                            : delimiter == "UNDERSCORE" ? "_"sv
                            : delimiter == "NONE"       ? ""sv
                                                        : "/"sv;
  settings.time_zone = options.text("S3Settings.DatePartitionTimezone");
}

void read_csv(const connect::Options& options, Settings& settings) {
  settings.csv.delimiter = unescaped(options.text("S3Settings.CsvDelimiter"));
  settings.csv.row_delimiter = unescaped(options.text("S3Settings.CsvRowDelimiter"));
  settings.csv.null_text = options.text("S3Settings.CsvNullValue");
  settings.csv.quoting = options.boolean("S3Settings.Rfc4180");
  settings.csv.pad_fixed_width = options.boolean("S3Settings.AddTrailingPaddingCharacter");
  const std::string& marker = options.text("S3Settings.CsvNoSupValue");
  if (options.text("MillraceMissingValues") == "lookup") settings.missing = MissingValues::lookup;
  if (options.text("MillraceMissingValues") == "marker" ||
      (options.boolean("S3Settings.UseCsvNoSupValue") && !marker.empty())) {
    settings.missing = MissingValues::marker;
    settings.csv.missing_text = marker;
  } else {
    settings.csv.missing_text = settings.csv.null_text;
  }
}

formats::ParquetSettings read_parquet(const connect::Options& options) {
  formats::ParquetSettings parquet;
  parquet.version_2 = options.text("S3Settings.ParquetVersion") == "parquet-2-0";
  const std::string& encoding = options.text("S3Settings.EncodingType");
  parquet.encoding = encoding.empty()      ? formats::ParquetEncoding::chosen
                     : encoding == "plain" ? formats::ParquetEncoding::plain
                                           : formats::ParquetEncoding::dictionary;
  parquet.dictionary_bytes_max = options.integer("S3Settings.DictPageSizeLimit");
  parquet.row_group_rows =
      options.is_set("S3Settings.RowGroupLength") ? options.integer("S3Settings.RowGroupLength") : 0;
  parquet.page_bytes = options.integer("S3Settings.DataPageSize");
  parquet.statistics = options.boolean("S3Settings.EnableStatistics");
  parquet.milliseconds = options.boolean("S3Settings.ParquetTimestampInMillisecond");
  const std::string& compression = options.text("MillraceParquetCompression");
  using formats::ParquetCompression;
  if (compression == "none") {
    parquet.compression = ParquetCompression::none;
  } else if (compression == "snappy") {
    parquet.compression = ParquetCompression::snappy;
  } else if (compression == "gzip" || (compression.empty() && options.text("S3Settings.CompressionType") == "gzip")) {
    parquet.compression = ParquetCompression::gzip;
  } else {
    parquet.compression = ParquetCompression::zstd;
  }
  return parquet;
}

}  // namespace

std::span<const connect::OptionSpec> target_options() { return specs; }

bool Settings::writes(model::Op op) const {
  if (op == model::Op::remove) return !inserts_only && !inserts_and_updates;
  if (op == model::Op::update) return !inserts_only;
  return op == model::Op::insert;
}

std::string Settings::extension() const { return parquet ? ".parquet" : gzip ? ".csv.gz" : ".csv"; }

base::Result<Settings> read_settings(const connect::Options& options, const connect::Context& context) {
  Settings settings;
  settings.folder = as_prefix(options.text("S3Settings.BucketFolder"));
  settings.parquet = options.text("S3Settings.DataFormat") == "parquet";
  settings.gzip = options.text("S3Settings.CompressionType") == "gzip";
  read_csv(options, settings);
  settings.parquet_settings = read_parquet(options);
  settings.add_column_name = options.boolean("S3Settings.AddColumnName");
  settings.load_bytes_max = static_cast<std::uint64_t>(options.integer("S3Settings.MaxFileSize")) * 1024;
  settings.cdc_seconds_max = options.integer("S3Settings.CdcMaxBatchInterval");
  settings.cdc_bytes_min = static_cast<std::uint64_t>(options.integer("S3Settings.CdcMinFileSize")) * 1024;
  settings.inserts_only = options.boolean("S3Settings.CdcInsertsOnly");
  settings.inserts_and_updates = options.boolean("S3Settings.CdcInsertsAndUpdates");
  settings.op_in_load = options.boolean("S3Settings.IncludeOpForFullLoad");
  settings.timestamp_column = options.text("S3Settings.TimestampColumnName");
  if (settings.timestamp_column.find_first_not_of(' ') == std::string::npos) settings.timestamp_column.clear();
  settings.task_start_time = options.boolean("S3Settings.UseTaskStartTimeForFullLoadTimestamp");
  read_partitions(options, settings);
  settings.preserve_transactions = options.boolean("S3Settings.PreserveTransactions");
  settings.cdc_path = as_prefix(options.text("S3Settings.CdcPath"));
  if (options.text("MillraceKeyUpdate") == "single") settings.key_update = KeyUpdate::single;
  settings.value_policy = value_policy(setting(context, "ErrorBehavior.DataErrorPolicy", "LOG_ERROR"));
  settings.value_escalation =
      value_policy(setting(context, "ErrorBehavior.DataErrorEscalationPolicy", "SUSPEND_TABLE"));
  settings.value_escalation_count =
      std::strtoull(setting(context, "ErrorBehavior.DataErrorEscalationCount", "0").c_str(), nullptr, 10);
  const std::string handling = "ChangeProcessingDdlHandlingPolicy.HandleSourceTable";
  settings.delete_on_truncate = setting(context, handling + "Truncated", "true") == "true";
  settings.delete_on_drop = setting(context, handling + "Dropped", "true") == "true";
  TRY(check_combinations(options, context, settings));
  return settings;
}

}  // namespace connectors::files
