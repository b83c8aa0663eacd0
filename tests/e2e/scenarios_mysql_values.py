# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB: values of 300 MB, and servers that take or send smaller packets."""

import contextlib
import json
import pathlib
import subprocess
import sys

from harness import expect, expect_same, scenario, select, transform
from mysql_servers import MariaDB, MySQL, MysqlDatabase

MEBI = 1 << 20
PIECE = "x'00ff27225c0a0d092c1a41c3bc'"  # what texts of load must escape
HUGE = f"REPEAT({PIECE}, {300 * MEBI // 12})"
ROOM = {MySQL: ["--innodb-redo-log-capacity=4G", "--innodb-doublewrite=OFF"], MariaDB: ["--innodb-log-file-size=1G"]}


def server_of(bench, kind, name, *settings):
    # Its files lie on the disk, past the system's cache, and it keeps what it has freed: a page that holds a value of 300 MB
    # once costs more to get than to fill.
    return bench.own(kind, name, [*ROOM[kind], *settings], place=bench.folder, environment={"TCMALLOC_RELEASE_RATE": "0"})


def hashes(database, table):
    """{id: SHA-256} of the values there, by the database."""
    text = "SHA2(v, 256)" if isinstance(database, MysqlDatabase) else "encode(sha256(v), 'hex')"
    return {int(key): digest for key, digest in database.execute(f"SELECT id, {text} FROM {table}")}


def hashes_of_files(folder, place):
    """The same of the values in the files there."""
    done = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("value_hashes.py"), folder / place],
                          capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr)
    return {int(key): digest for key, digest in json.loads(done.stdout).items()}


def carry_huge_values(source, targets):
    """One value by load and one by stream to each of (task, where its hashes are found)."""
    source.execute(f"CREATE TABLE t (id int PRIMARY KEY, v longblob); INSERT INTO t VALUES (1, {HUGE})")
    for task, _ in targets:
        task.catch_up()
    source.execute(f"INSERT INTO t VALUES (2, CONCAT('streamed', {HUGE}))")
    wanted = hashes(source, "t")
    for task, found in targets:
        task.catch_up()
        expect_same(found(), wanted, task.document["target"]["EngineName"])


@scenario("mysql.huge_values_to_databases", takes_long=True)
def huge_values_to_databases(bench):
    """A BLOB of 300 MB in the load and one in the stream, to PostgreSQL and MySQL: equal by the databases' own hashes."""
    source, to_postgres = bench.source(server_of(bench, MySQL, "source")), bench.target().with_lz4()
    to_mysql = server_of(bench, MySQL, "target", "--skip-log-bin").new_database("target")
    carry_huge_values(source, [
        (bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value=schema)]),
         lambda target=target: hashes(target, "t")) for target, schema in ((to_postgres, "public"), (to_mysql, to_mysql.name))])


@scenario("mysql.huge_values_to_files", takes_long=True)
def huge_values_to_files(bench):
    """The same to CSV and Parquet."""
    source = bench.source(server_of(bench, MySQL, "source"))
    targets = []
    for form in ("csv", "parquet"):
        folder, lake = bench.lake(f"lake-{form}", DataFormat=form)
        targets.append((bench.task(source, lake, [select(source.name)]), lambda folder=folder: hashes_of_files(folder, f"{source.name}/t")))
    carry_huge_values(source, targets)


@scenario("mysql.packets_that_are_too_small")
def packets_that_are_too_small(bench):
    """A value larger than max_allowed_packet: a source sends it all the same, a target takes it in a load and names it in a stream."""
    value = f"REPEAT({PIECE}, {3 * MEBI // 12})"
    for kind in (MySQL, MariaDB):
        source, target = bench.source(server_of(bench, kind, f"source-{kind.engine_name}")), bench.target()
        small = server_of(bench, kind, f"small-{kind.engine_name}", "--max-allowed-packet=1M")
        to_small = small.new_database("target")
        source.execute(f"CREATE TABLE t (id int PRIMARY KEY, v longblob); INSERT INTO t VALUES (1, {value})")
        beside = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value="public")])
        into = bench.task(source, to_small, [select(source.name), transform("schema", "rename", source.name, value=to_small.name)])
        text = into.call("check")
        expect("max_allowed_packet" in text and "SET GLOBAL max_allowed_packet = 1073741824" in text, f"{kind.engine_name}: not said of the target:\n{text}")
        allow(source.server, MEBI)
        for task, end in ((beside, target), (into, to_small)):
            task.catch_up()
            expect_same(hashes(end, "t"), hashes(source, "t"), f"{kind.engine_name}: load to {end.name}")
        allow(source.server, 1 << 30)
        source.close()
        source.execute(f"INSERT INTO t VALUES (2, CONCAT({value}, '!'))")
        allow(source.server, MEBI)
        beside.catch_up()
        expect_same(hashes(target, "t"), hashes(source, "t"), f"{kind.engine_name}: a stream from a small source")
        text = into.run("--until", "caught-up", code=1)
        expect("mysql.packet_too_large" in text and "max_allowed_packet is 1048576" in text and "SET GLOBAL max_allowed_packet = 1073741824" in text,
               f"{kind.engine_name}: it is not named:\n{text[-2000:]}")
        allow(small, 1 << 30)
        into.catch_up()
        expect_same(hashes(to_small, "t"), hashes(source, "t"), f"{kind.engine_name}: with the remedy")


def allow(server, packet_bytes):
    """For sessions from now on: those of the tests begin anew."""
    with contextlib.closing(server.connect()) as connection:
        connection.cursor().execute(f"SET GLOBAL max_allowed_packet = {packet_bytes}")
