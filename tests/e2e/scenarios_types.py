# SPDX-License-Identifier: Apache-2.0
"""Every PostgreSQL type with its odd values, by load and by stream; the databases are the oracle."""

from harness import csv_rows, expect, expect_equal, expect_same, parquet_rows, rebuilt, scenario

SETUP = """
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE TYPE mood AS ENUM ('sad', 'so so', 'it''s "fine", yes');
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, "b c" text);
CREATE TYPE nested AS (p pair, many int[], m mood);
CREATE TYPE floatrange AS RANGE (subtype = float8);
"""

# type -> literals, written as SQL expressions
TYPES = {
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "numeric": ["'NaN'", "'Infinity'", "'-Infinity'", "0", "-0.000000000000000000000000000001", "repeat('9', 1000)::numeric",
                "('0.' || repeat('7', 1000))::numeric", "1e400::numeric", "10000", "0.1000"],
    "numeric(12,2)": ["9999999999.99", "-0.01", "0", "'NaN'"],
    "numeric(5,-2)": ["1234500"],
    "real": ["'NaN'", "'Infinity'", "'-Infinity'", "1.17549435e-38", "3.4028235e38", "-0.0::real", "0.1"],
    "double precision": ["'NaN'", "'Infinity'", "'-Infinity'", "2.2250738585072014e-308", "1.7976931348623157e308", "0.1",
                         "5e-324"],
    "money": ["'$12.34'", "'-92233720368547758.08'"],
    "boolean": ["true", "false"],
    "text": ["''", "' '", "E'tab\\tline\\ncr\\rback\\\\slash'", "E'\\x01\\x1f\\x7f'", "'\"quoted\", ''single'''", "'NULL'",
             "'\\N'", "'😀 é ß 漢字 \u202e'", "repeat('x', 100000)", "E'\\\\.'"],
    "varchar(10)": ["'abc'", "''", "'  x  '"],
    "char(5)": ["'ab'", "''"],
    "\"char\"": ["'a'", "''"],
    "name": ["'a name'"],
    "bytea": ["''", "'\\x00ff5c2c0a22'", "decode(repeat('00ff', 50000), 'hex')"],
    "date": ["'infinity'", "'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'", "'2024-02-29'", "'0001-01-01'"],
    "time": ["'00:00:00'", "'24:00:00'", "'23:59:59.999999'"],
    "time with time zone": ["'00:00:00+15:59'", "'23:59:59.999999-15:59'", "'12:00:00+05:30:30'"],
    "timestamp": ["'infinity'", "'-infinity'", "'4713-01-01 00:00:00 BC'", "'294276-12-31 23:59:59.999999'",
                  "'2024-01-01 00:00:00.000001'"],
    "timestamp(0)": ["'2024-01-01 12:34:56'"],
    "timestamptz": ["'infinity'", "'-infinity'", "'4713-01-02 00:00:00+00 BC'", "'294276-12-31 23:59:59.999999+00'",
                    "'2024-07-01 12:00:00+05:45'"],
    "interval": ["'1 year -2 mons +3 days -04:05:06.789'", "'178000000 years'", "'0'", "'-1 day +23:59:59.999999'"],
    "bit(5)": ["B'10101'", "B'00000'"],
    "varbit": ["B''", "B'1'", "repeat('10', 500)::varbit"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "json": ["'{\"a\": [1, 2,   {\"b\": null}], \"a\": 1}'", "'null'", "'\"\\u00e9\"'"],
    "jsonb": ["'{\"a\": [1, 2.50, {\"b\": null}]}'", "'[]'", "'1e1000'", "'\"x\\ny\"'"],
    "xml": ["'<a b=\"c\">d &amp; e</a>'", "''"],
    "inet": ["'192.168.1.5/24'", "'::1'", "'10.0.0.1'"],
    "cidr": ["'10.0.0.0/8'", "'2001:db8::/32'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "tsvector": ["'a:1A fat:2B,4C cat:5'", "''"],
    "tsquery": ["'fat & (rat | !cat)'"],
    "point": ["'(1.5,-2.25)'", "'(NaN,Infinity)'"],
    "line": ["'{1,2,3}'"],
    "lseg": ["'[(0,0),(1,1)]'"],
    "box": ["'(2,2),(0,0)'"],
    "path": ["'[(0,0),(1,1),(2,0)]'", "'((0,0),(1,1))'"],
    "polygon": ["'((0,0),(1,1),(2,0))'"],
    "circle": ["'<(1,2),3>'"],
    "pg_lsn": ["'16/B374D848'"],
    "oid": ["4294967295"],
    "int4range": ["'empty'", "'[1,10)'", "'(,)'"],
    "numrange": ["'[1.5,2.5]'", "'(,3)'"],
    "tstzrange": ["'[2024-01-01 00:00+00,infinity)'"],
    "daterange": ["'[2024-01-01,2024-02-01)'"],
    "int4multirange": ["'{}'", "'{[1,3),[5,9)}'"],
    "floatrange": ["'[1.5,2.5)'"],
    "mood": ["'sad'", "'it''s \"fine\", yes'"],
    "posint": ["1", "2147483647"],
    "pair": ["ROW(1, 'x, \"y\"')", "ROW(NULL, '')", "ROW(NULL, NULL)"],
    "nested": ["ROW(ROW(1, 'a'), ARRAY[1, NULL, 3], 'sad')"],
    "hstore": ["'a=>1, \"b c\"=>NULL, \"q\\\"\"=>\"=>\"'", "''"],
    "integer[]": ["'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[0:1]={5,6}'", "'[-1:0][2:3]={{1,2},{3,4}}'"],
    "text[]": ["'{NULL,\"NULL\",\"\",\"a,b\",\"q\\\"\",\"\\\\\\\\\"}'"],
    "mood[]": ["ARRAY['sad', NULL]::mood[]"],
    "pair[]": ["ARRAY[ROW(1, 'x')::pair, NULL]"],
    "timestamptz[]": ["ARRAY['infinity', '2024-01-01 00:00+00']::timestamptz[]"],
    "bytea[]": ["ARRAY['\\x00ff', NULL]::bytea[]"],
    "posint[]": ["ARRAY[1, 2]::posint[]"],
}



def tables():
    for number, (kind, values) in enumerate(TYPES.items()):
        yield f"t{number}", kind, values


# Files hold microseconds since 1970 in 64 bits: the last years of timestamp do not fit and are refused by name.
BEYOND_FILES = "294276"


def tables_for_files():
    for table, kind, values in tables():
        yield table, kind, [value for value in values if BEYOND_FILES not in value]


def create(database, listed=tables):
    database.execute(SETUP)
    for table, kind, values in listed():
        database.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v {kind}, w int)")
        database.execute(f"INSERT INTO {table} VALUES (0, NULL, 0)")
        for at, value in enumerate(values, 1):
            database.execute(f"INSERT INTO {table} VALUES ({at}, ({value})::{kind}, 0)")


def stream_the_same(database):
    """Each value again as an insert, an update to it, an update beside it and a delete."""
    for table, kind, values in tables():
        for at, value in enumerate(values, 1):
            database.execute(f"INSERT INTO {table} VALUES ({100 + at}, ({value})::{kind}, 0), ({200 + at}, NULL, 0)")
            database.execute(f"UPDATE {table} SET v = ({value})::{kind} WHERE id = {200 + at}")
        database.execute(f"UPDATE {table} SET w = 1 WHERE id < 100; DELETE FROM {table} WHERE id = 1")


def round_trip(bench, source_major, target_major):
    source, target = bench.source(bench.postgres(source_major)), bench.target(bench.postgres(target_major))
    create(source)
    target.execute("CREATE EXTENSION hstore")
    names = [table for table, _, _ in tables()]
    task = bench.task(source, target)
    task.catch_up()
    expect_equal(source, target, names)
    for table, kind, _ in tables():
        expect_same(column_type(target, table), column_type(source, table), f"type of the column made for {kind}")
    stream_the_same(source)
    task.catch_up()
    expect_equal(source, target, names)


def column_type(database, table):
    return database.one("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND "
                        "attname = 'v'", [table])


@scenario("types.postgres_15_to_15")
def same_version(bench):
    """Every type by load and stream between equal servers."""
    round_trip(bench, 15, 15)


@scenario("types.postgres_15_to_17")
def newer(bench):
    """The same to a newer server."""
    round_trip(bench, 15, 17)


@scenario("types.files_stream_equals_load")
def stream_equals_load(bench):
    """A value is written into a CSV file the same by the load and by the stream."""
    source = bench.source()
    create(source, tables_for_files)
    names = [table for table, _, _ in tables_for_files()]
    for table in names:
        source.execute(f"ALTER TABLE {table} REPLICA IDENTITY FULL")
    folder, lake = bench.lake(IncludeOpForFullLoad=True, CsvNullValue="<null>")
    task = bench.task(source, lake)
    task.catch_up()
    for table, kind, values in tables_for_files():
        for at, value in enumerate(values, 1):
            source.execute(f"INSERT INTO {table} VALUES ({100 + at}, ({value})::{kind}, 0)")
    task.catch_up()
    for table, kind, values in tables_for_files():
        state = rebuilt(csv_rows(folder, f"public/{table}"))
        expect_same(len(state), 1 + 2 * len(values), f"{kind}: rows")
        for at in range(1, len(values) + 1):
            expect_same(state[(str(100 + at),)][1], state[(str(at),)][1], f"{kind}: {values[at - 1][:60]}")
        expect_same(state[("0",)][1], "<null>", f"{kind}: NULL")


@scenario("types.parquet_can_be_read")
def parquet_can_be_read(bench):
    """Parquet files of every type are readable and hold every row, or the type is refused by name."""
    source = bench.source()
    create(source, tables_for_files)
    folder, lake = bench.lake(DataFormat="parquet")
    task = bench.task(source, lake, kind="full-load")
    task.run(code=None)
    row_counts = {table: len(parquet_rows(folder, f"public/{table}")) for table, _, _ in tables_for_files()}
    for table, kind, values in tables_for_files():
        if row_counts[table] != 1 + len(values):
            reason = task.statistics()[f"public.{table}"]
            expect(reason["TableState"] == "Table error", f"{kind}: {row_counts[table]} rows of {1 + len(values)}: {reason}")


@scenario("types.huge_value")
def huge_value(bench):
    """A bytea of 300 MB passes by load within its memory bar."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE huge (id int PRIMARY KEY, v bytea); ALTER TABLE huge ALTER v SET STORAGE EXTERNAL;"
                   "INSERT INTO huge SELECT 1, decode(repeat('00ff5c0a', 75000000), 'hex')")
    task = bench.task(source, target, kind="full-load")
    run = task.start()
    peak = 0

    def ended():
        nonlocal peak
        peak = max(peak, run.memory_peak())
        return not run.running()
    from servers import wait_for
    wait_for("the load", ended, 120)
    run.wait(0)
    query = "SELECT length(v), md5(v) FROM huge"
    expect_same(target.execute(query), source.execute(query), "the value")
    expect(peak <= 1 << 30, f"peak memory {peak >> 20} MiB")
