// SPDX-License-Identifier: Apache-2.0
#include "mapping/language.h"

namespace mapping {
namespace {

using enum Standing;

// tools/docs.py reads the rows as they stand here.
constexpr LanguageRow rows[] = {
    {"rule-type", "selection", obeyed, "", "select_schema.test"},
    {"rule-type", "transformation", obeyed, "but for the targets below", "mapping.naming"},
    {"rule-type", "table-settings", obeyed, "but for the members below", "parallel_load_ranges.test"},
    {"rule-type", "post-processing", obeyed,
     "`add-tag` on objects in S3; the most exact locator's, the first of several", "mapping.object_tags"},
    {"rule-type", "validation", obeyed,
     "`override-validation-function` between databases of one family; in files the column is named as not compared",
     "validation_override.test"},
    {"rule-type", "object-mapping", refused, "for streaming targets, which are not there yet; it is understood",
     "refused_object_mapping.test"},

    {"selection", "include", obeyed, "", "select_schema.test"},
    {"selection", "exclude", obeyed, "always wins", "exclude_wins.test"},
    {"selection", "explicit", obeyed, "one table; with a wildcard refused", "select_explicitly.test"},
    {"selection", "%, _, [ab], [a-d], [_], [%]", obeyed, "", "wildcards.test"},
    {"selection", "table-type table, view, all", obeyed, "views are loaded; a stream of them is refused",
     "mapping.views"},
    {"selection", "load-order", obeyed, "higher first; of several rules the most exact locator's", "load_order.test"},

    {"filter-operator", "eq", obeyed, "", "filter_eq.test"},
    {"filter-operator", "noteq", obeyed, "leaves NULL out", "filter_negative.test"},
    {"filter-operator", "lte", obeyed, "", "filter_less_equal.test"},
    {"filter-operator", "ste", obeyed, "as lte", "filter_less_equal.test"},
    {"filter-operator", "gte", obeyed, "", "filter_greater_equal.test"},
    {"filter-operator", "between", obeyed, "both ends included", "filter_between_or_equal.test"},
    {"filter-operator", "notbetween", obeyed, "leaves NULL out", "filter_negative.test"},
    {"filter-operator", "null", obeyed, "", "filter_null.test"},
    {"filter-operator", "notnull", obeyed, "", "filter_notnull.test"},

    {"rule-target", "schema, table, column", obeyed, "", "mapping.naming"},
    {"rule-target", "table-tablespace, index-tablespace", refused, "only an Oracle target has tablespaces",
     "refused_tablespace.test"},

    {"rule-action", "rename", obeyed, "by value or expression", "rename_by_expression.test"},
    {"rule-action", "add-prefix", obeyed, "", "prefixes.test"},
    {"rule-action", "remove-prefix", obeyed, "", "mapping.naming"},
    {"rule-action", "replace-prefix", obeyed, "", "prefixes.test"},
    {"rule-action", "add-suffix", obeyed, "", "suffixes.test"},
    {"rule-action", "remove-suffix", obeyed, "", "suffixes.test"},
    {"rule-action", "replace-suffix", obeyed, "", "suffixes.test"},
    {"rule-action", "convert-lowercase", obeyed, "letters of ASCII", "convert_case.test"},
    {"rule-action", "convert-uppercase", obeyed, "letters of ASCII", "convert_uppercase.test"},
    {"rule-action", "include-column", obeyed, "", "include_columns.test"},
    {"rule-action", "remove-column", obeyed, "", "remove_columns.test"},
    {"rule-action", "add-column", obeyed, "", "add_column_with_expression.test"},
    {"rule-action", "change-data-type", obeyed, "a value that the type cannot hold goes by DataErrorPolicy",
     "change_type.test"},
    {"rule-action", "define-primary-key", obeyed, "origin `unique-index` makes an index beside the key",
     "define_primary_key.test"},
    {"rule-action", "add-before-image-columns", obeyed, "other columns than the key's need REPLICA IDENTITY FULL",
     "before_image.test"},
    {"rule-action", "data-masking-digits-mask", obeyed, "on a type that it cannot hide the rule is refused",
     "masking.test"},
    {"rule-action", "data-masking-digits-randomize", obeyed, "text, numbers", "masking.test"},
    {"rule-action", "data-masking-hash-mask", obeyed, "SHA-256 in 64 upper-case hex digits", "masking.test"},

    {"data-type", "string, wstring, clob, nclob", obeyed, "`length` counts characters", "change_type.test"},
    {"data-type", "bytes, blob", obeyed, "", "value_test.cc"},
    {"data-type", "boolean", obeyed, "", "value_test.cc"},
    {"data-type", "int1, int2, int4, int8, uint1, uint2, uint4, uint8", obeyed, "", "change_type_of_all.test"},
    {"data-type", "numeric", obeyed, "rounded to `scale`", "mapping.computed_columns"},
    {"data-type", "real4, real8", obeyed, "", "value_test.cc"},
    {"data-type", "date, time, datetime", obeyed, "fractions beyond microseconds are dropped",
     "mapping.computed_columns"},
    {"data-type", "set, list, map, tuple", refused, "types of Cassandra and Keyspaces", "refused_data_type.test"},

    {"function", "lower, upper, ltrim, rtrim, trim, replace, substr, replaceChars", obeyed, "", "expression_test.cc"},
    {"function", "hex, randomblob, zeroblob", obeyed, "", "expression_test.cc"},
    {"function", "abs, random, round, max, min", obeyed, "", "expression_test.cc"},
    {"function", "coalesce, ifnull, nullif", obeyed, "", "expression_test.cc"},
    {"function", "date, time, datetime, julianday, strftime, current_date, current_timestamp", obeyed, "",
     "expression_test.cc"},
    {"function", "hash_sha256", obeyed, "64 upper-case hex digits", "mapping.computed_columns"},
    {"function", "operation_indicator", obeyed, "deletes become updates; needs a primary key", "soft_delete.test"},
    {"function",
     "char, format, glob, iif, instr, length, like, printf, quote, sign, substring, typeof, unicode, unixepoch", obeyed,
     "SQLite's", "expression_test.cc"},
    {"function", "all others, and subqueries over tables", refused, "", "refused_expression.test"},

    {"variable", "$COLUMN", obeyed, "the column's value", "add_column_with_expression.test"},
    {"variable", "$BI__COLUMN", obeyed, "the value before an update or of a deleted row; in the load NULL",
     "mapping.soft_delete_and_before_image"},
    {"variable", "$AR_H_STREAM_POSITION", obeyed, "the change's position; in the load empty", "transform_test.cc"},
    {"variable", "$AR_H_TIMESTAMP", obeyed,
     "the commit's time, so that the same change read again gives the same row; in the load the time of loading",
     "transform_test.cc"},
    {"variable", "$AR_H_COMMIT_TIMESTAMP", obeyed, "the commit's time (UTC); in the load the time of loading",
     "add_column_headers.test"},
    {"variable", "$AR_H_OPERATION", obeyed, "INSERT, UPDATE, DELETE; in the load INSERT", "add_column_headers.test"},
    {"variable", "$AR_H_USER", obeyed, "empty: PostgreSQL's log does not say", "expression_test.cc"},
    {"variable", "$AR_H_CHANGE_SEQ", obeyed,
     "16 digits of the commit's time, 19 of position and number in the transaction; in the load empty",
     "transform_test.cc"},
    {"variable", "$AR_M_SOURCE_SCHEMA", obeyed, "", "add_column_with_expression.test"},
    {"variable", "$AR_M_SOURCE_TABLE_NAME", obeyed, "", "add_column_with_expression.test"},
    {"variable", "$AR_M_SOURCE_COLUMN_NAME", obeyed, "in the new name of a column only", "name_expressions.test"},
    {"variable", "$AR_M_SOURCE_COLUMN_DATATYPE", obeyed, "in the new name of a column only", "name_expressions.test"},

    {"table-settings", "parallel-load ranges", obeyed,
     "rows with NULL in the columns are loaded too (DMS leaves them out)", "parallel_load_ranges.test"},
    {"table-settings", "parallel-load partitions-list", obeyed,
     "a name that the table does not have is refused; partitions that are not listed are loaded too, as the stream "
     "brings their rows anyway",
     "parallel_load_partitions.test"},
    {"table-settings", "parallel-load partitions-auto, none", no_effect,
     "tables are loaded in chunks, in parallel, partition by partition", "parallel_load_auto.test"},
    {"table-settings", "parallel-load subpartitions-auto, subpartitions", refused, "Oracle's",
     "refused_subpartitions.test"},
    {"table-settings", "number-of-partitions, collection-count-from-metadata, max-records-skip-per-page, batch-size",
     refused, "MongoDB's", "refused_mongodb.test"},
    {"table-settings", "lob-settings limited", obeyed,
     "in place of the task's; the default of 32 KB cuts only under MillraceCompatibility dms, no size is the task's",
     "settings.lob_settings_of_a_table"},
    {"table-settings", "lob-settings unlimited, none", obeyed, "values are whole; as the task's settings say",
     "settings.lob_settings_of_a_table"},
    {"table-settings", "batch-split-size", no_effect, "batches are weighed in bytes", "parallel_load_auto.test"},
};

}  // namespace

std::span<const LanguageRow> language() { return rows; }

}  // namespace mapping
