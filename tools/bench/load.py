# SPDX-License-Identifier: Apache-2.0
"""Full load: PostgreSQL, Parquet, CSV; each against what a user would type instead."""

import subprocess
import threading
import time

from harness import expect_same, fingerprint, select, transform
from measure import Row, better, expect_equal, psql, uri, wait_for

COLUMNS = """l_orderkey bigint NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL,
 l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,
 l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
 l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
 l_comment varchar(44) NOT NULL"""
CREATE = f"CREATE TABLE lineitem ({COLUMNS}, PRIMARY KEY (l_orderkey, l_linenumber))"


def lineitem(lab):
    """The source table, made once for all rows of one run."""
    if not hasattr(lab, "lineitem"):
        source = lab.source()
        source.execute(CREATE)
        source.execute(f"""INSERT INTO lineitem SELECT g / 4, g % 200000, g % 10000, g % 4, g % 50 + 1, (g % 100000) * 1.07,
          (g % 11) / 100.0, (g % 9) / 100.0, chr(65 + g % 3), chr(78 + g % 2), date '1992-01-01' + g % 2500,
          date '1992-01-31' + g % 2500, date '1992-02-15' + g % 2500, 'DELIVER IN PERSON', 'TRUCK',
          left(md5(g::text) || md5((g + 1)::text), 10 + g % 34) FROM generate_series(0, {lab.rows - 1}) g""")
        source.execute("VACUUM (FREEZE, ANALYZE) lineitem")
        lab.lineitem = source
    return lab.lineitem


def task_for(lab, source, target):
    return lab.bench.task(source, target, [select(table="lineitem")], kind="full-load")


def copy_pipes(lab, source, parts):
    """`psql COPY | psql COPY`, in binary, one pipe or one for each half of the table's blocks."""
    target = lab.target()
    target.execute(CREATE)
    blocks = source.one("SELECT relpages FROM pg_class WHERE relname = 'lineitem'") + 1
    lines = []
    for part in range(parts):
        low, high = blocks * part // parts, blocks * (part + 1) // parts
        where = f" WHERE ctid >= '({low},0)' AND ctid < '({high},0)'" if parts > 1 else ""
        out = psql(source, f"COPY (SELECT * FROM lineitem{where}) TO STDOUT (FORMAT binary)")
        lines.append(f"{out} | {psql(target, 'COPY lineitem FROM STDIN (FORMAT binary)')}")
    line = lines[0] if parts == 1 else f"{lines[0]} & one=$!; {lines[1]} && wait $one"
    timing = lab.timed_shell(line)
    expect_equal(source, target, ["lineitem"])
    target.drop()
    return timing


def loaded(lab, source):
    """The task, into a new database."""
    target = lab.target()
    timing = lab.timed_task(task_for(lab, source, target))
    expect_equal(source, target, ["lineitem"])
    target.drop()
    return timing


def to_postgres(lab):
    """load-pg: against COPY pipes (each twice, in turns, the better of two), pgcopydb and pgloader."""
    source, command = lineitem(lab), "./dev bench load-pg"
    copy_pipes(lab, source, 1)  # nobody's time: the first to fill a new server makes its log files and its memory
    ours, pipes = loaded(lab, source), better(copy_pipes(lab, source, 1), copy_pipes(lab, source, 2))
    ours, pipes = better(ours, loaded(lab, source)), better(pipes, copy_pipes(lab, source, 1), copy_pipes(lab, source, 2))
    lab.compare("full load to PostgreSQL", "psql COPY pipes (better of one and two)", ours, pipes, 1.10, command)
    target = lab.target()
    folder = lab.bench.folder / "pgcopydb"
    theirs = lab.timed_shell(
        f"pgcopydb clone --source {uri(source)} --target {uri(target)} --table-jobs 2 --index-jobs 2 "
        f"--split-tables-larger-than 64MB --no-acl --no-owner --dir {folder} --not-consistent")
    expect_equal(source, target, ["lineitem"])
    target.drop()
    lab.compare("full load to PostgreSQL", "pgcopydb, tables split", ours, theirs, 0.8, command)
    target = lab.target()
    # Its default of 100 000 prefetched rows exhausts its heap on this table.
    (folder.parent / "pgloader.load").write_text(
        f"LOAD DATABASE FROM {uri(source)} INTO {uri(target)} WITH prefetch rows = 10000;\n")
    theirs = lab.timed_shell(f"pgloader {folder.parent / 'pgloader.load'}")
    expect_equal(source, target, [("lineitem", "public.lineitem")])
    target.drop()
    lab.compare("full load to PostgreSQL", "pgloader", ours, theirs, 0.15, command)
    lab.add(Row("peak memory, full load", "256 MiB", f"{ours.memory_peak / 2**20:.0f} MiB", "256 MiB",
                ours.memory_peak / 2**28, 1.0, command=command))


def ten_rules():
    def column(action, name=None, **more):
        return transform("column", action, table="lineitem", column=name, **more)
    kept = {"filter-type": "source", "column-name": "l_quantity", "filter-conditions": [{"filter-operator": "gte", "value": "1"}]}
    return [
        select(table="lineitem", filters=[kept]), transform("schema", "rename", value="mart"),
        transform("table", "rename", table="lineitem", value="lines"), column("rename", "l_comment", value="remark"),
        column("convert-uppercase", "l_ship%"), column("remove-column", "l_linestatus"),
        column("add-column", value="net", expression="round($l_extendedprice * (1 - $l_discount), 2)",
               **{"data-type": {"type": "numeric", "precision": 15, "scale": 2}}),
        column("add-column", value="place", expression="$l_shipmode || '/' || $l_linenumber", **{"data-type": {"type": "string", "length": 30}}),
        column("data-masking-digits-mask", "l_comment", value="#"),
        column("change-data-type", "l_partkey", **{"data-type": {"type": "int8"}})]


def mapped(lab):
    """load-mapped: a load with ten transformations against the same task without them."""
    source, command = lineitem(lab), "./dev bench load-mapped"
    copy_pipes(lab, source, 1)  # nobody's time, as above
    plain, target = lab.target(), lab.target()
    theirs = lab.timed_task(task_for(lab, source, plain))
    plain.drop()
    ours = lab.timed_task(lab.bench.task(source, target, ten_rules(), kind="full-load"))
    shape = ("l_orderkey, l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, {0}, "
             "l_commitdate, l_receiptdate, {1}")
    wanted = shape.format("l_shipdate, l_shipinstruct, l_shipmode", "regexp_replace(l_comment, '[0-9]', '#', 'g'), "
                          "round(l_extendedprice * (1 - l_discount), 2), rtrim(l_shipmode) || '/' || l_linenumber")
    found = shape.format('"L_SHIPDATE", "L_SHIPINSTRUCT", "L_SHIPMODE"', "remark, net, place")
    expect_same(fingerprint(target, "mart.lines", found), fingerprint(source, "lineitem", wanted), "rows and computed columns")
    target.drop()
    lab.compare("full load with ten transformations", "the same task without them", ours, theirs, 2.0, command)


# The wheel's file has the extension's short name; DuckDB wants it called after its entry point.
DUCK = """
import duckdb, duckdb_extension_postgres, pathlib, shutil
wheel = next(pathlib.Path(duckdb_extension_postgres.__file__).parent.rglob("*.duckdb_extension"))
extension = pathlib.Path("{1}").with_name("postgres_scanner.duckdb_extension")
shutil.copy(wheel, extension)
c = duckdb.connect()
c.execute("SET threads = 2")
c.execute(f"LOAD '{{extension}}'")
c.execute("COPY (FROM postgres_scan('{0}', 'public', 'lineitem')) TO '{1}' (FORMAT parquet, COMPRESSION zstd)")
"""


def to_parquet(lab):
    """load-parquet: against DuckDB and against the server's COPY to /dev/null."""
    import sys
    source, command = lineitem(lab), "./dev bench load-parquet"
    folder, lake = lab.bench.lake("parquet", DataFormat="parquet")
    ours = lab.timed_task(task_for(lab, source, lake))
    import duckdb
    rows = duckdb.execute(f"SELECT count(*), sum(l_extendedprice) FROM '{folder}/public/lineitem/*.parquet'").fetchone()
    wanted = source.execute("SELECT count(*), sum(l_extendedprice) FROM lineitem")[0]
    if rows != wanted:
        raise AssertionError(f"files hold {rows}, the source {wanted}")
    null = lab.timed_shell(psql(source, "COPY lineitem TO STDOUT (FORMAT binary)") + " >/dev/null")
    lab.compare("full load to Parquet (zstd)", "COPY binary to /dev/null", ours, null, 1.25, command)
    script = lab.bench.folder / "duck.py"
    script.write_text(DUCK.format(uri(source), lab.bench.folder / "duck.parquet"))
    theirs = lab.timed(lambda: subprocess.run([sys.executable, str(script)], check=True))
    lab.compare("full load to Parquet (zstd)", "DuckDB postgres_scan, 2 threads", ours, theirs, 1.0, command)


def to_csv(lab):
    """load-csv: against COPY csv to a file."""
    source, command = lineitem(lab), "./dev bench load-csv"
    _, lake = lab.bench.lake("csv")
    ours = lab.timed_task(task_for(lab, source, lake))
    out = lab.bench.folder / "copy.csv"
    theirs = lab.timed_shell(psql(source, "COPY lineitem TO STDOUT (FORMAT csv)") + f" >{out}; sync {out}")
    lab.compare("full load to CSV", "COPY csv to a file", ours, theirs, 1.3, command)


def start(lab):
    """start: process start to the first row copied, idle source."""
    source, target = lineitem(lab), lab.target()
    task = task_for(lab, source, target)
    lab.settle()
    seen = []

    def watch():
        watcher = lab.target_server.connect(target.name)
        with watcher.cursor() as cursor:
            def copied():
                cursor.execute("SELECT max(tuples_processed) FROM pg_stat_progress_copy WHERE command = 'COPY FROM'")
                return (cursor.fetchone()[0] or 0) > 0
            wait_for("the first row", copied, 30, 0.002)
        seen.append(time.monotonic())
        watcher.close()
    thread = threading.Thread(target=watch)
    thread.start()
    began = time.monotonic()
    run = task.start()
    thread.join()
    run.wait(0)
    seconds = seen[0] - began
    lab.add(Row("start to first row copied", "0.5 s", f"{seconds:.2f} s", "0.5 s", seconds / 0.5, 1.0,
                command="./dev bench start"))
