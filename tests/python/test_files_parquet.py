# SPDX-License-Identifier: Apache-2.0
"""Parquet files of every setting, read by pyarrow and DuckDB, against the csv text of the same rows.

usage: test_files_parquet.py PATH/files_exporter
"""
import csv
import datetime
import decimal
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = datetime.datetime(1970, 1, 1)


def expected(kind, name, text):
    """The csv text of a cell as the Python value that a reader of the Parquet column must give."""
    if text == "\\N":
        return None
    if pa.types.is_boolean(kind):
        return text == "true"
    if pa.types.is_integer(kind):
        return int(text)
    if pa.types.is_decimal(kind):
        return decimal.Decimal(text)
    if pa.types.is_floating(kind):
        return float(text)
    if pa.types.is_date(kind):
        return datetime.date.fromisoformat(text)
    if pa.types.is_time(kind):
        return datetime.time.fromisoformat(text)
    if pa.types.is_timestamp(kind):
        value = datetime.datetime.fromisoformat(text)
        return value.replace(tzinfo=datetime.timezone.utc) if kind.tz else value
    if pa.types.is_binary(kind):
        return bytes.fromhex(text)
    return text


def check_variant(folder, variant):
    path = folder / f"{variant}.parquet"
    file = pq.ParquetFile(path)
    table = file.read()
    metadata = file.metadata
    assert metadata.created_by == "millrace"
    assert metadata.format_version == ("2.6" if variant % 2 else "1.0"), metadata.format_version
    with open(folder / f"{variant}.csv", newline="", encoding="utf-8") as source:
        rows = list(csv.reader(source))
    assert table.num_rows == len(rows) == 20000
    assert table.column_names[0] == "Op" and table.column_names[-1] == "at"
    for index, name in enumerate(table.column_names):
        kind = table.schema.field(name).type
        values = table.column(index).to_pylist()
        for row, value in zip(rows, values):
            wanted = expected(kind, name, row[index])
            assert value == wanted, (variant, name, value, wanted)
    group = metadata.row_group(0)
    codecs = {group.column(i).compression for i in range(group.num_columns)}
    assert codecs == {["ZSTD", "SNAPPY", "GZIP", "UNCOMPRESSED", "ZSTD", "ZSTD"][variant]}, codecs
    assert all(group.column(i).is_stats_set == (variant != 3) for i in range(group.num_columns))
    if variant == 4:
        assert metadata.num_row_groups == 20
    dictionaries = [group.column(i).has_dictionary_page for i in range(group.num_columns)]
    assert any(dictionaries) == (variant not in (2, 3)), dictionaries
    check_duckdb(path, table)


def check_duckdb(path, table):
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    rows = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).to_arrow_table()
    assert rows.num_rows == table.num_rows
    for index, name in enumerate(table.column_names):
        ours, theirs = table.column(index).to_pylist(), rows.column(index).to_pylist()
        if pa.types.is_timestamp(table.schema.field(name).type):
            ours = [value and value.replace(tzinfo=None) for value in ours]
            theirs = [value and value.replace(tzinfo=None) for value in theirs]
        assert ours == theirs, name


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([sys.argv[1], "values", name], check=True)
        types = pq.read_schema(folder / "0.parquet")
        wanted = {"i1": pa.int8(), "u2": pa.uint16(), "u8": pa.uint64(), "dec": pa.decimal128(38, 10),
                  "unbounded": pa.string(), "r4": pa.float32(), "date": pa.date32(), "time": pa.time64("us"),
                  "ts": pa.timestamp("us"), "tstz": pa.timestamp("us", tz="UTC"), "bytes": pa.binary()}
        for column, kind in wanted.items():
            assert types.field(column).type == kind, (column, types.field(column).type)
        for variant in range(6):
            check_variant(folder, variant)
        again = folder / "again"
        again.mkdir()
        subprocess.run([sys.argv[1], "values", str(again)], check=True)
        for variant in range(6):
            first, second = folder / f"{variant}.parquet", again / f"{variant}.parquet"
            assert first.read_bytes() == second.read_bytes(), variant
    print("ok: 6 Parquet variants read by pyarrow and duckdb")


main()
