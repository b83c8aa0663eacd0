# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB as targets under kills: whatever dies, each change is there once."""

import contextlib
import random
import threading

from harness import expect, expect_same, scenario, select, transform
from mysql_servers import MariaDB
from proxy import Proxy
from scenarios_kills import ROWS, SCHEMA, Churn
from scenarios_suspend import CHANGES, TABLES, expect_state, killed_while, state
from servers import Failure

SMALL = """
CREATE TABLE t (id int PRIMARY KEY, a text, c int); INSERT INTO t SELECT g, 'a' || g, g FROM generate_series(1, 300) g;
CREATE TABLE pairs (k int, l text, v int, PRIMARY KEY (k, l)); INSERT INTO pairs SELECT g % 30, 'l' || g, g FROM generate_series(1, 300) g;
CREATE TABLE uniq (id int PRIMARY KEY, u int UNIQUE); INSERT INTO uniq SELECT g, g FROM generate_series(1, 100) g;
CREATE TABLE many (id int, v text); ALTER TABLE many REPLICA IDENTITY FULL;
"""


def both(bench):
    for server in (bench.mariadb(), bench.mysql()):
        yield bench.source(), server.new_database("target")


def landing(target):
    return [select(), transform("schema", "rename", value=target.name)]


def expect_rows(source, target, tables, columns=None):
    for table in tables:
        listed = (columns or {}).get(table, "*")
        ours, theirs = (sorted(map(str, database.execute(f"SELECT {listed} FROM {table}"))) for database in (source, target))
        if ours != theirs:
            gone, extra = [r for r in ours if r not in set(theirs)][:5], [r for r in theirs if r not in set(ours)][:5]
            raise Failure(f"{target.server.engine_name}: table {table}: {len(ours)} rows at the source, {len(theirs)} on the "
                          f"target; not there: {gone}; only there: {extra}")


@scenario("mysql_target.killed_while_loading")
def while_loading(bench):
    """Kills while both servers are loaded and changes pile up."""
    for source, target in both(bench):
        source.execute(SCHEMA.format(rows=ROWS))
        task = bench.task(source, target, landing(target))
        task.document["source"]["MillraceChunkMB"] = 1
        chance, churn = random.Random(11), Churn(source)
        try:
            for _ in range(8):
                run = task.start()
                threading.Event().wait(chance.uniform(0.2, 1.5))
                expect(run.running(), run.text()[-3000:])
                run.kill()
        finally:
            churn.stop()
        task.catch_up()
        expect_rows(source, target, ["a", "b"])


STEPS = (
    "BEGIN; UPDATE t SET a = a || '.' WHERE id % 7 = {n} % 7; INSERT INTO t VALUES (1000 + {n}, 'new ''\\', NULL);"
    "INSERT INTO many VALUES ({n} % 3, 'x'), ({n} % 3, 'X'); COMMIT",
    "BEGIN; UPDATE pairs SET l = l || 'x' WHERE k = {n} % 30; DELETE FROM pairs WHERE v = {n} * 7; UPDATE pairs SET v = v + 1000 "
    "WHERE k % 5 = {n} % 5; COMMIT",
    "BEGIN; UPDATE uniq SET u = -u WHERE id <= 50; UPDATE uniq SET u = 51 - id WHERE id <= 50; UPDATE uniq SET id = id + 1000 * {n} WHERE "
    "id BETWEEN 60 AND 65; COMMIT",
    "DELETE FROM many WHERE ctid = (SELECT min(ctid) FROM many); UPDATE many SET v = v || {n} WHERE ctid = (SELECT max(ctid) FROM many)",
)


@scenario("mysql_target.killed_while_applying")
def while_applying(bench):
    """Kills and connections cut by an administrator among changes of keys, unique values and rows without a key."""
    for source, target in both(bench):
        source.execute(SMALL)
        task = bench.task(source, target, landing(target))
        task.catch_up()
        chance, run = random.Random(7), task.start()
        for number in range(1, 61):
            source.execute(STEPS[number % len(STEPS)].format(n=number))
            threading.Event().wait(chance.uniform(0, 0.08))
            if number % 6 == 0:
                run.kill()
                run = task.start()
            if number % 9 == 0:
                for (session,) in target.execute("SELECT id FROM information_schema.processlist WHERE user = 'millrace'"):
                    with contextlib.suppress(Exception):
                        target.execute(f"KILL {session}")
        run.kill()
        task.catch_up()
        expect_rows(source, target, ["t", "pairs", "uniq", "many"])
        expect_same(target.one("SELECT count(*) FROM awsdms_control.awsdms_apply_exceptions WHERE TABLE_OWNER = "
                               f"'{target.name}'"), 0, "rows put aside")


@scenario("mysql_target.altered_under_kills")
def altered_under_kills(bench):
    """DDL, which commits by itself on these servers, inside and between transactions while the task is killed at any moment."""
    for source, target in both(bench):
        source.execute(SMALL)
        task = bench.task(source, target, landing(target))
        task.catch_up()
        run = task.start()
        for number in range(1, 37):
            source.execute(f"UPDATE t SET a = 'n{number}' WHERE id % 9 = {number} % 9; INSERT INTO many VALUES ({number}, 'before')")
            source.execute(("ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int",
                            "BEGIN; INSERT INTO many VALUES (-{n}, 'in'); ALTER TABLE t RENAME COLUMN c TO d; UPDATE t SET d = -d WHERE "
                            "id % 5 = 0; ALTER TABLE t RENAME COLUMN d TO c; INSERT INTO many VALUES (-{n}, 'in'); COMMIT",
                            "BEGIN; UPDATE uniq SET u = u + 1000; TRUNCATE many; ALTER TABLE t DROP COLUMN c, ADD COLUMN c int DEFAULT 5; "
                            "INSERT INTO many VALUES ({n}, 'after'); COMMIT",
                            "ALTER TABLE t ALTER COLUMN c TYPE bigint; ALTER TABLE t ALTER COLUMN c TYPE int")[number % 4].format(n=number))
            source.execute(f"UPDATE t SET c = {number} + 100 WHERE id % 7 = 2; INSERT INTO t (id, a) VALUES (1000 + {number}, 'i')")
            threading.Event().wait(0.03 * (number % 5))
            if number % 3 == 0:
                run.kill()
                run = task.start()
        run.kill()
        task.catch_up()
        for table in ("t", "many", "uniq"):
            expect_state(task, "Table completed", f"public.{table}")
        expect_rows(source, target, ["many", "uniq", "t"], {"t": "id, a, c"})


@scenario("mysql_target.suspended_and_replayed")
def suspended_and_replayed(bench):
    """A table that the target's administrator has altered is put aside; mended, its changes come once, under kills."""
    for source, target in both(bench):
        source.execute(TABLES)
        task = bench.task(source, target, landing(target))
        task.catch_up()
        run = task.start()
        for number in range(1, 10):
            source.execute(CHANGES.format(n=number))
        run.wait_until("the stream", lambda: target.one("SELECT count(*) FROM other WHERE id = 1009") == 1)
        target.execute("ALTER TABLE s DROP COLUMN a, ADD COLUMN z int NOT NULL")
        for number in range(10, 20):
            source.execute(CHANGES.format(n=number))
        run.wait_until("the other table", lambda: target.one("SELECT count(*) FROM other WHERE id = 1019") == 1)
        run.wait_until("the suspension", lambda: state(task) == "Table error")
        run.interrupt()
        expect_rows(source, target, ["other", "many"])
        killed_while(task, source, range(20, 60), 6, (0.1, 0.7))
        expect_state(task, "Table error")
        expect_rows(source, target, ["other", "many"])
        target.execute("ALTER TABLE s DROP COLUMN z, ADD COLUMN a longtext AFTER id")
        source.execute("UPDATE s SET a = coalesce(a, '') || '!'")
        killed_while(task, source, range(60, 90), 5, (0.05, 0.6))
        task.catch_up()
        expect_state(task, "Table completed")
        expect_rows(source, target, ["other", "many"])
        expect_rows(source, target, ["s"])


@scenario("mysql_target.dates_that_no_calendar_has")
def dates(bench):
    """Zero and invalid dates between servers of the family: loaded and streamed as they are."""
    for server in (bench.mariadb(), bench.mysql()):
        source, target = bench.source(server), server.new_database("target")
        source.execute("SET sql_mode = 'ALLOW_INVALID_DATES'; CREATE TABLE d (id int PRIMARY KEY, d date, t datetime(3), s timestamp NULL, y year);"
                       "INSERT INTO d VALUES (1, '0000-00-00', '2024-02-31 01:02:03.5', '0000-00-00 00:00:00', 0), (2, '2024-00-00', "
                       "'0000-00-00 00:00:00', NULL, 1901)")
        task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value=target.name)])
        task.catch_up()
        query = "SELECT id, CONCAT(d, ''), CONCAT(t, ''), CONCAT(s, ''), y FROM d ORDER BY id"
        expect_same(target.execute(query), source.execute(query), "after the load")
        source.execute("SET sql_mode = 'ALLOW_INVALID_DATES'; UPDATE d SET d = '2023-02-31' WHERE id = 1; INSERT INTO d VALUES (3, "
                       "'0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', 0)")
        task.catch_up()
        expect_same(target.execute(query), source.execute(query), "after the changes")


@scenario("mysql_target.cuts")
def cuts(bench):
    """Every way to the target breaks, is refused or falls silent, while both servers are loaded and followed."""
    for source, target in both(bench):
        source.execute(SCHEMA.format(rows=ROWS))
        task = bench.task(source, target, landing(target), settings={"ErrorBehavior": {"RecoverableErrorInterval": 1}})
        task.document["source"]["MillraceChunkMB"] = 1
        proxy = Proxy(bench, target.server.port)
        task.document["target"]["Port"] = proxy.port
        chance, churn = random.Random(17), Churn(source)
        run = task.start()
        try:
            for number in range(16):
                threading.Event().wait(chance.uniform(0.05, 0.8))
                what = ("cut", "rule", "refuse", "hold")[number % 4]
                if what == "rule":
                    proxy.do("rule", kind="cut", bytes=chance.randint(100, 3_000_000), **{"from": "client"})
                    proxy.do("cut")
                else:
                    proxy.do(what)
                if what in ("refuse", "hold"):
                    threading.Event().wait(0.4)
                    proxy.do("clear")
                expect(run.running(), run.text()[-3000:])
            proxy.do("clear")
        finally:
            churn.stop()
        run.kill()
        task.catch_up()
        expect_rows(source, target, ["a", "b"])


@scenario("mysql_target.interrupted_while_it_is_silent")
def interrupted_while_silent(bench):
    """Ctrl-C while the target's connections are half-open: over in ten seconds, while it loads and while it follows."""
    for source, target in both(bench):
        source.execute(SCHEMA.format(rows=ROWS))
        task = bench.task(source, target, landing(target))
        proxy = Proxy(bench, target.server.port)
        task.document["target"]["Port"] = proxy.port
        for wait in (0.4, 0.8, 1.5):
            run = task.start()
            threading.Event().wait(wait)
            proxy.do("hold")
            source.execute("UPDATE a SET version = version + 1 WHERE id < 1000")
            threading.Event().wait(0.5)
            run.interrupt(seconds=10)
            proxy.do("clear")
            proxy.do("cut")
        task.catch_up()
        expect_rows(source, target, ["a", "b"])


@scenario("mysql_target.validated")
def validated(bench):
    """validate finds nothing between equal tables, and the one value that somebody changed, across families and within."""
    for source, target in both(bench):
        source.execute("CREATE TABLE v (id int PRIMARY KEY, a varchar(40), n numeric(12,3), d timestamp, t time, b bytea, f real, g double precision, "
                       "yes boolean, big text, u uuid, j jsonb, s smallint); INSERT INTO v SELECT g, 'ü ' || g, g / 7.0, timestamp "
                       "'2024-02-29 23:59:59.120' + g * interval '1 second', time '01:02:03.5', decode(md5(g::text), 'hex'), g / 3.0, g / 3.0, "
                       "g % 2 = 0, repeat(md5(g::text), 30), md5(g::text)::uuid, jsonb_build_object('g', g), g FROM generate_series(1, 500) g; "
                       "INSERT INTO v (id) VALUES (1000)")
        task = bench.task(source, target, landing(target))
        task.catch_up()
        task.call("validate")
        second = target.server.new_database("second")
        within = bench.task(target, second, [select(target.name), transform("schema", "rename", target.name, value=second.name)])
        within.catch_up()
        within.call("validate")
        second.execute("UPDATE v SET a = 'Ü 7' WHERE id = 7")
        expect("RECORD_DIFF" in within.call("validate", code=None), "a letter's case is a difference")
        target.execute("UPDATE v SET big = concat(big, ' ') WHERE id = 8")
        expect("RECORD_DIFF" in task.call("validate", code=None), "a blank at the end is a difference")


@scenario("mysql_target.altered_by_the_family")
def altered_by_the_family(bench):
    """DDL of a MySQL or MariaDB source follows to both servers, between changes, while the task is killed."""
    for server in (bench.mariadb(), bench.mysql()):
        for goal in (bench.mariadb(), bench.mysql()):
            source, target = bench.source(server), goal.new_database("target")
            source.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(40), c int); CREATE TABLE many (id int, v varchar(20));"
                           "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)")
            task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value=target.name)])
            task.catch_up()
            run = task.start()
            for number in range(1, 25):
                source.execute(f"UPDATE t SET a = 'n{number}' WHERE id % 3 = {number} % 3; INSERT INTO many VALUES ({number}, 'before')")
                source.execute(("ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 9",
                                "ALTER TABLE t RENAME COLUMN c TO d; UPDATE t SET d = -d; ALTER TABLE t RENAME COLUMN d TO c",
                                "TRUNCATE TABLE many; ALTER TABLE t MODIFY c bigint, ADD COLUMN z varchar(10) DEFAULT 'z' AFTER id; "
                                "UPDATE t SET z = 'changed' WHERE id = 2; ALTER TABLE t DROP COLUMN z",
                                "ALTER TABLE t CHANGE COLUMN c c2 decimal(12,2) NULL, ADD INDEX (a); UPDATE t SET c2 = c2 / 3; "
                                "ALTER TABLE t DROP INDEX a, CHANGE c2 c int NULL")[number % 4])
                source.execute(f"UPDATE t SET c = {number} + 100 WHERE id % 7 = 2; INSERT INTO t (id, a, c) VALUES (1000 + {number}, 'i', 5)")
                threading.Event().wait(0.02 * (number % 5))
                if number % 4 == 0:
                    run.kill()
                    run = task.start()
            run.kill()
            task.catch_up()
            expect_state(task, "Table completed", f"{source.name}.t")
            expect_rows(source, target, ["many", "t"], {"t": "id, a, c"})


@scenario("mysql.settings_are_named")
def settings_are_named(bench):
    """What two servers' settings mean for a task: of a source with odd modes, of a target that keeps names in lower case."""
    server = bench.own(MariaDB, "odd", [
        "--lower-case-table-names=1", "--default-time-zone=+02:00", "--binlog-format=MIXED", "--binlog-row-image=MINIMAL",
        "--binlog-row-metadata=NO_LOG", "--expire-logs-days=0.1", "--sql-mode=ALLOW_INVALID_DATES,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES"])
    odd, source, target = bench.source(server), bench.source(), bench.target()
    odd.execute("CREATE TABLE t (id int PRIMARY KEY)")
    text = bench.task(odd, target, [select(odd.name)]).call("check", code=2)
    for words in ("binlog_format: it is MIXED, not ROW", "binlog_row_image: MINIMAL", "binlog_row_metadata: it is not FULL",
                  "the log is kept for 8640 s only", "lower_case_table_names: it is 1", "time_zone: +02:00", "it lets in zero dates",
                  "it is not strict", "PAD_CHAR_TO_FULL_LENGTH", "NO_BACKSLASH_ESCAPES"):
        expect(words in text, f"{words} is not said:\n{text}")
    source.execute('CREATE TABLE "Orders" (id int PRIMARY KEY); CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO "Orders" VALUES (1)')
    rules = [select(), transform("schema", "rename", value=odd.name)]
    text = bench.task(source, odd, rules).call("check", code=2)
    for words in ("are one table here", "keeps names in lower case", "time_zone: +02:00"):
        expect(words in text, f"{words} is not said:\n{text}")
    source.execute("DROP TABLE orders")
    bench.task(source, odd, [*rules, transform("table", "convert-lowercase", table="%")]).catch_up()
    expect_same(odd.execute("SELECT id FROM orders"), ((1,),), "rows under the name in lower case")
