# SPDX-License-Identifier: Apache-2.0
"""Every PostgreSQL type with its odd values, by load and by stream; the databases are the oracle, also for files.

Each type has a table (id, v, w). Ids from 0: loaded; from 100: inserted in the stream; from 200: inserted as NULL and
updated to the value; from 300: inserted and deleted."""

import decimal
import json
import math
import re

import duckdb
import pyarrow
import pyarrow.parquet

import type_cases
from harness import TOP, csv_rows, expect, expect_equal, expect_same, files_of, rebuilt, scenario
from servers import wait_for

LOADED, INSERTED, UPDATED, DELETED = 0, 100, 200, 300


def tables(target="postgres", kinds=type_cases.TYPES, release=150000):
    for number, kind in enumerate(kinds):
        if type_cases.NEEDS_RELEASE.get(kind, 0) <= release:
            yield f"t{number}", kind, type_cases.values(kind, target)


def nothing_of(kind):
    """A value that stands for "none yet"; the one domain that refuses NULL has its own."""
    return "'none'" if kind == "word" else "NULL"


def create(database, target="postgres", kinds=type_cases.TYPES):
    database.execute(type_cases.SETUP)
    for table, kind, values in tables(target, kinds):
        rows = [f"(0, {nothing_of(kind)}, 0)"] + [f"({at}, ({value})::{kind}, 0)" for at, value in enumerate(values, 1)]
        database.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v {kind}, w int);"
                         f"INSERT INTO {table} VALUES {', '.join(rows)}")


def stream_the_same(database, target="postgres", kinds=type_cases.TYPES):
    """Each value again as an insert, an update to it, an update beside it and a delete."""
    for table, kind, values in tables(target, kinds):
        statements = [f"UPDATE {table} SET w = 1 WHERE id < 100 AND id <> 0"]
        for at, value in enumerate(values, 1):
            statements.append(f"INSERT INTO {table} VALUES ({INSERTED + at}, ({value})::{kind}, 0), ({UPDATED + at}, "
                              f"{nothing_of(kind)}, 0), ({DELETED + at}, ({value})::{kind}, 0)")
            statements.append(f"UPDATE {table} SET v = ({value})::{kind} WHERE id = {UPDATED + at}")
            statements.append(f"DELETE FROM {table} WHERE id = {DELETED + at}")
        database.execute("; ".join(statements))


def expect_form(task, is_binary):
    """The last stream that was opened took its values in that form."""
    lines = [line for path in sorted((task.data / "logs").glob("*")) for line in path.read_text().splitlines()
             if ": values come " in line]
    expect(lines and lines[-1].endswith("in binary" if is_binary else "as text"), f"form of the stream: {lines[-1:]}")


def round_trip(bench, source_major, target_major, kinds=type_cases.TYPES):
    source, target = bench.source(bench.postgres(source_major)), bench.target(bench.postgres(target_major))
    create(source, kinds=kinds)
    names = [table for table, _, _ in tables(kinds=kinds)]
    task = bench.task(source, target)
    task.catch_up()
    expect_equal(source, target, names)
    for table, kind, _ in tables(kinds=kinds):
        expect_same(column_type(target, table), column_type(source, table), f"type of the column made for {kind}")
    stream_the_same(source, kinds=kinds)
    task.catch_up()
    expect_form(task, kinds is type_cases.BINARY)
    expect_equal(source, target, names)
    for name in names:
        expect(target.one(f"SELECT count(*) FROM {name} WHERE id > 300") == 0, f"{name}: rows that were deleted")
    expect_same(aside(task), {}, "changes put aside")
    task.call("validate")


def aside(task):
    return {name: row["TableState"] for name, row in task.statistics().items() if row["TableState"] != "Table completed"}


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


@scenario("types.postgres_17_to_15")
def older(bench):
    """The same to an older server."""
    round_trip(bench, 17, 15)


@scenario("types.binary_15_to_17")
def binary_to_newer(bench):
    """The types that a stream takes in binary, alone, so that it does."""
    round_trip(bench, 15, 17, type_cases.BINARY)


@scenario("types.binary_17_to_15")
def binary_to_older(bench):
    """The same to an older server."""
    round_trip(bench, 17, 15, type_cases.BINARY)


# ---- files

# How the database would write a cell of that type on the way; ours is brought to the same form by `plain`.
def rendered(database, table, kind, way):
    """id -> the value as text, by the database: format() uses the type's output function, as COPY does."""
    expression = "format('%s', v)"
    if way in ("BLOB", "BYTES"):
        expression = "upper(encode(v, 'hex'))"
    elif kind == "boolean":
        expression = "CASE WHEN v THEN 'true' ELSE 'false' END"
    elif kind == "money":
        expression = "v::numeric::text"
    elif kind.startswith("character("):
        expression = "rtrim(v::text, ' ')"
    return {row[0]: row[1] for row in database.execute(
        f"SET timezone = 'UTC'; SET bytea_output = hex; SET search_path = pg_catalog; SELECT id, CASE WHEN v::text IS NOT "
        f"NULL THEN {expression} END FROM public.{table}")}


def plain(text, way, kind):
    """One form for what may be written in several: reals as numbers, times without zeros at the end."""
    if text is None:
        return None
    if way in ("REAL4", "REAL8"):
        number = float(text)
        return "NaN" if math.isnan(number) else (math.copysign(1, number), number)
    if kind == "money":
        return decimal.Decimal(text).normalize()
    if way in ("DATETIME", "TIME"):
        text = re.sub(r"\+00(?= BC|$)", "", text)
        return re.sub(r"(\.\d*?)0+(?= BC|$)", r"\1", text).replace(". ", " ").rstrip(".")
    return text


def plans(task):
    """Table -> (read form, type on the way, type on the target) of its column v, as `check` says."""
    document = json.loads(task.call("check", "--json", code=None))
    found = {}
    for table in document["tables"]:
        column = next(column for column in table["columns"] if column["source"] == "v")
        found[table["source"].split(".", 1)[1]] = (table["read_form"], column["type"], column["target_type"])
    return found


def expect_cells(state, database, table, kind, way):
    """Every row there, each cell equal to the database's own rendering; `state`: id -> text."""
    wanted = {at: narrow(plain(text, way, kind), way) for at, text in rendered(database, table, kind, way).items()}
    found = {at: narrow(plain(text, way, kind), way) for at, text in state.items()}
    for at in sorted(set(wanted) | set(found)):
        if found.get(at, "(no row)") != wanted.get(at, "(no row)"):
            raise AssertionError(f"{table}, {kind}, id {at}: the file has {str(found.get(at, '(no row)'))[:200]!r}, the database "
                                 f"{str(wanted.get(at, '(no row)'))[:200]!r}")


def make_all_full(source, target, kinds):
    for table, _, _ in tables(target, kinds):
        source.execute(f"ALTER TABLE {table} REPLICA IDENTITY FULL")


def csv_round_trip(bench, kinds):
    source = bench.source()
    create(source, "csv", kinds)
    make_all_full(source, "csv", kinds)
    folder, lake = bench.lake(IncludeOpForFullLoad=True, CsvNullValue="<null>")
    task = bench.task(source, lake)
    ways = plans(task)
    task.catch_up()
    stream_the_same(source, "csv", kinds)
    task.catch_up()
    expect_form(task, kinds is type_cases.BINARY)
    problems = []
    for table, kind, _ in tables("csv", kinds):
        try:
            state = rebuilt(csv_rows(folder, f"public/{table}"))
            cells = {int(key[0]): None if row[1] == "<null>" else row[1] for key, row in state.items()}
            expect_cells(cells, source, table, kind, ways[table][1])
        except Exception as problem:
            problems.append(f"{kind}: {problem}")
    expect(not problems, "\n".join(problems))
    expect_same(aside(task), {}, "table states")
    task.call("validate")


@scenario("types.csv")
def csv(bench):
    """Every type in CSV: what the load and the stream write is what the database says."""
    csv_round_trip(bench, type_cases.TYPES)


@scenario("types.binary_csv")
def binary_csv(bench):
    """CSV from a stream in binary."""
    csv_round_trip(bench, type_cases.BINARY)


def parquet_cells(path):
    """Rows (op, id, v as text) of a Parquet file; dates and times by their numbers, since Python's end in 9999."""
    for group in [pyarrow.parquet.read_table(path)]:
        kind = group.schema.field("v").type
        column = group.column("v")
        if pyarrow.types.is_date32(kind):
            column = column.cast(pyarrow.int32())
        elif pyarrow.types.is_timestamp(kind) or pyarrow.types.is_time64(kind):
            column = column.cast(pyarrow.int64())
        for op, at, value in zip(group.column("Op").to_pylist(), group.column("id").to_pylist(), column.to_pylist()):
            yield op, at, value


NUMBERS = {
    "DATE": "(v - date '1970-01-01')",
    "DATETIME": "(extract(epoch FROM v) * 1000000)::bigint",
    "TIME": "(extract(epoch FROM v) * 1000000)::bigint",
}


def parquet_wanted(source, table, kind, way):
    if way in NUMBERS:
        return dict(source.execute(f"SELECT id, {NUMBERS[way]} FROM public.{table}"))
    if way in ("BLOB", "BYTES"):
        return {at: None if value is None else bytes(value) for at, value in source.execute(f"SELECT id, v FROM public.{table}")}
    return {at: plain(text, way, kind) for at, text in rendered(source, table, kind, way).items()}


def parquet_found(value, way, kind):
    if value is None or way in NUMBERS or isinstance(value, bytes):
        return value
    if isinstance(value, decimal.Decimal):
        return value.normalize() if kind == "money" else format(value, "f")
    return plain(repr(value) if isinstance(value, float) else str(value), way, kind)


def narrow(value, way):
    """A REAL as the float that it is, for values that came as decimal text."""
    if way == "REAL4" and isinstance(value, tuple):
        return (value[0], float(pyarrow.scalar(value[1], pyarrow.float32()).as_py()))
    return value


def parquet_round_trip(bench, kinds):
    source = bench.source()
    create(source, "parquet", kinds)
    make_all_full(source, "parquet", kinds)
    folder, lake = bench.lake(DataFormat="parquet", IncludeOpForFullLoad=True)
    task = bench.task(source, lake)
    ways = plans(task)
    task.catch_up()
    stream_the_same(source, "parquet", kinds)
    task.catch_up()
    expect_form(task, kinds is type_cases.BINARY)
    problems = []
    for table, kind, _ in tables("parquet", kinds):
        way = ways[table][1]
        state = {}
        rows = 0
        for path in files_of(folder, f"public/{table}", "*.parquet"):
            for op, at, value in parquet_cells(path):
                rows += 1
                if op == "D":
                    state.pop(at)
                else:
                    state[at] = narrow(parquet_found(value, way, kind), way)
        wanted = {at: narrow(value, way) for at, value in parquet_wanted(source, table, kind, way).items()}
        problems += [f"{kind}, id {at}: Parquet {str(state.get(at, '(no row)'))[:200]!r}, the database "
                     f"{str(wanted.get(at, '(no row)'))[:200]!r}"
                     for at in sorted(set(wanted) | set(state)) if state.get(at, "(no row)") != wanted.get(at, "(no row)")]
        read = duckdb.connect().execute(f"SELECT count(*), count(v) FROM read_parquet('{folder}/public/{table}/*.parquet')").fetchone()
        expect_same(read[0], rows, f"{kind}: rows that DuckDB reads")
    expect(not problems, "\n".join(problems[:40]))
    expect_same(aside(task), {}, "table states")
    task.call("validate")


@scenario("types.parquet")
def parquet(bench):
    """Every type in Parquet, by load and stream, read by pyarrow and DuckDB."""
    parquet_round_trip(bench, type_cases.TYPES)


@scenario("types.binary_parquet")
def binary_parquet(bench):
    """Parquet from a stream in binary."""
    parquet_round_trip(bench, type_cases.BINARY)


def misfit_scenario(bench, target, **lake_settings):
    """Values without a place: the row is left out and counted, in the load and in the stream; the rest goes on."""
    source = bench.source()
    source.execute(type_cases.SETUP)
    kinds = [kind for kind in type_cases.TYPES if type_cases.misfits(kind, target)]
    for number, kind in enumerate(kinds):
        literal = type_cases.misfits(kind, target)[0]
        source.execute(f"CREATE TABLE bad{number} (id int PRIMARY KEY, v {kind});"
                       f"INSERT INTO bad{number} VALUES (1, NULL), (2, ({literal})::{kind});"
                       f"CREATE TABLE good{number} (id int PRIMARY KEY, v {kind});"
                       f"INSERT INTO good{number} VALUES (1, NULL)")
    folder, lake = bench.lake(IncludeOpForFullLoad=True, **lake_settings)
    task = bench.task(source, lake)
    task.run("--until", "caught-up", code=None)
    for number, kind in enumerate(kinds):
        fine = type_cases.values(kind, target)[0]
        for literal in type_cases.misfits(kind, target):
            source.execute(f"INSERT INTO good{number} SELECT coalesce(max(id), 0) + 1, ({literal})::{kind} FROM good{number}")
        source.execute(f"INSERT INTO good{number} VALUES (99, ({fine})::{kind}); INSERT INTO bad{number} VALUES (99, NULL)")
    task.run("--until", "caught-up", code=None)
    statistics = task.statistics()
    for number, kind in enumerate(kinds):
        row = statistics[f"public.bad{number}"]
        expect_same((row["TableState"], row["FullLoadRows"], row["FullLoadErrorRows"]), ("Table completed", 1, 1),
                    f"{kind}: a load of a value without place")
        for name in ("good", "bad"):
            if target == "csv":
                found = [row.cells[1] for row in csv_rows(folder, f"public/{name}{number}")]
            else:
                found = [str(at) for path in files_of(folder, f"public/{name}{number}") for _, at, _ in parquet_cells(path)]
            expect_same(found, ["1", "99"], f"{kind}: rows beside the one left out")
    text = task.call("status")
    expect(re.search(r"public\.good0 .* 1 ", text), f"the status does not count what was put aside\n{text}")


@scenario("types.csv_misfits")
def csv_misfits(bench):
    """A timestamp beyond what files hold is left out in load and stream, never bent."""
    misfit_scenario(bench, "csv")


@scenario("types.parquet_misfits")
def parquet_misfits(bench):
    """Infinity dates, 24:00 and NaN in DECIMAL the same."""
    misfit_scenario(bench, "parquet", DataFormat="parquet")


# ---- the page

def page_rows():
    """(names, cells) of each row of TYPES.md's tables that begins with a type in backticks."""
    page = (TOP / "src/connectors/postgres/TYPES.md").read_text()
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        names = re.findall(r"`([^`]+)`", cells[0])
        if line.startswith("| `") and names:
            yield names, cells


@scenario("types.page")
def page(bench):
    """TYPES.md: a row for every type of the server and every case, each row with a case, and it says what check says."""
    source, target = bench.source(), bench.target()
    create(source)
    rows = {}
    for names, cells in page_rows():
        for name in names:
            expect(name not in rows, f"TYPES.md: two rows for {name}")
            rows[name] = cells
    server = {row[0] for row in source.execute(
        "SELECT format_type(oid, NULL) FROM pg_type WHERE typtype IN ('b', 'r', 'm') AND oid < 10000 AND typcategory <> 'A'")}
    missing = {name for name in server if name not in rows and f"{name}(5)" not in rows}
    expect(not missing, f"types of the server without a row in TYPES.md: {sorted(missing)}")
    expect_same(sorted(set(type_cases.TYPES) - set(rows)), [], "cases without a row")
    expect_same(sorted(set(rows) - set(type_cases.TYPES) - set(type_cases.INTERNAL)), [], "rows without a case")
    to_postgres = plans(bench.task(source, target, kind="full-load"))
    to_parquet = plans(bench.task(source, bench.lake(DataFormat="parquet")[1], kind="full-load"))
    wrong = []
    for table, kind, _ in tables():
        form, way, shape = "raw (binary)" in to_postgres[table][0] and "binary" or "text", to_parquet[table][1], to_parquet[table][2]
        said = rows[kind][1:4]
        if said != [form, way, shape]:
            wrong.append(f"{kind}: the page says {said}, check says {[form, way, shape]}")
    expect(not wrong, "\n".join(wrong))


HUGE = "CREATE TABLE huge (id int PRIMARY KEY, v bytea); ALTER TABLE huge ALTER v SET STORAGE EXTERNAL"
INSERT_HUGE = "INSERT INTO huge SELECT 1, decode(repeat('00ff5c0a', 75000000), 'hex')"


def pass_huge(source, target, run):
    peak = 0

    def ended():
        nonlocal peak
        peak = max(peak, run.memory_peak())
        return not run.running()
    wait_for("the value", ended, 120)
    run.wait(0)
    query = "SELECT length(v), md5(v) FROM huge"
    expect_same(target.execute(query), source.execute(query), "the value")
    expect(peak <= 1 << 30, f"peak memory {peak >> 20} MiB")


@scenario("types.huge_value", takes_long=True)
def huge_value(bench):
    """A bytea of 300 MB passes by load within its memory bar."""
    source, target = bench.source(), bench.target().with_lz4()
    source.execute(HUGE + ";" + INSERT_HUGE)
    pass_huge(source, target, bench.task(source, target, kind="full-load").start())


@scenario("types.huge_value_streamed", takes_long=True)
def huge_value_streamed(bench):
    """The same by stream."""
    source, target = bench.source(), bench.target().with_lz4()
    source.execute(HUGE)
    task = bench.task(source, target)
    task.catch_up()
    source.execute(INSERT_HUGE)
    pass_huge(source, target, task.start("--until", "caught-up"))


@scenario("types.large_value_streamed", takes_long=True)
def large_value_streamed(bench):
    """A bytea of 50 MB by stream, inserted, then updated beside it, to a database and to CSV."""
    source, target = bench.source(), bench.target().with_lz4()
    source.execute("CREATE TABLE big (id int PRIMARY KEY, n int, v bytea); ALTER TABLE big ALTER v SET STORAGE EXTERNAL,"
                   "REPLICA IDENTITY FULL")
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    both = [bench.task(source, target), bench.task(source, lake)]
    for task in both:
        task.catch_up()
    source.execute("INSERT INTO big SELECT 1, 1, decode(repeat('00ff5c0a0d', 10000000), 'hex'); UPDATE big SET n = 2")
    for task in both:
        task.catch_up()
    expect_equal(source, target, ["big"], "t.id, t.n, md5(t.v)")
    wanted = source.one("SELECT md5(upper(encode(v, 'hex'))) FROM big")
    for path in files_of(folder, "public/big"):
        for line in path.open("rb"):
            value = line.rstrip(b"\n").split(b",")[-1]
            import hashlib
            expect_same(hashlib.md5(value).hexdigest(), wanted, "the value in the file")
