# SPDX-License-Identifier: Apache-2.0
"""Tables that change shape, come, go and are emptied while the task loads, streams or is down."""

import re
import threading

from harness import csv_rows, expect, expect_equal, expect_same, files_of, rebuilt, scenario, select

TABLE = "CREATE TABLE t (id int PRIMARY KEY, a text, b int); INSERT INTO t SELECT g, 'a' || g, g FROM generate_series(1, 200) g"
CHANGES = """
UPDATE t SET a = a || '.' WHERE id % 7 = {n} % 7; DELETE FROM t WHERE id = {n}; INSERT INTO t (id, a) VALUES (1000 + {n}, 'new');
"""
STEPS = [
    "ALTER TABLE t ADD COLUMN c bigint; UPDATE t SET c = id WHERE id < 50",
    "ALTER TABLE t RENAME COLUMN a TO aa; ALTER TABLE t ADD COLUMN a text; UPDATE t SET a = 'other' WHERE id % 5 = 0; "
    "ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME COLUMN aa TO a",
    "ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c text; UPDATE t SET c = 'text' WHERE id % 3 = 0",
    "ALTER TABLE t DROP COLUMN b",
    "ALTER TABLE t ALTER COLUMN c TYPE varchar(100); UPDATE t SET c = 'short' WHERE id < 90",
    "TRUNCATE t; INSERT INTO t (id, a) SELECT g, 'after' FROM generate_series(1, 50) g",
]


# While the task is down only the log tells which column was meant: what it leaves open puts the table aside, by name.
WHILE_DOWN = [STEPS[0], STEPS[3], STEPS[5], "ALTER TABLE t RENAME COLUMN a TO z; ALTER TABLE t RENAME COLUMN z TO a"]


def steps(bench, down):
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    task = bench.task(source, target)
    task.catch_up()
    for number, step in enumerate(WHILE_DOWN if down else STEPS, 1):
        run = None if down else task.start()
        if run:
            source.execute(f"INSERT INTO t (id, a) VALUES ({-100 - number}, 'begin')")
            begin = f"SELECT count(*) FROM t WHERE id = {-100 - number}"
            run.wait_until("the stream", lambda begin=begin: target.one(begin) == 1)
        source.execute(CHANGES.format(n=number))
        source.execute(step)
        source.execute(CHANGES.format(n=number + 100))
        if run:
            source.execute(f"INSERT INTO t (id, a) VALUES ({-number}, 'mark')")
            mark = f"SELECT count(*) FROM t WHERE id = {-number}"
            run.wait_until(f"step {step}", lambda mark=mark: target.one(mark) == 1)
            run.kill()
        else:
            task.catch_up()
        expect_same(columns(target), columns(source), f"columns after {step}")
        expect_equal(source, target, ["t"])


def columns(database):
    return [row[0] for row in database.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1")]


@scenario("ddl.type_beyond_binary")
def type_beyond_binary(bench):
    """A column of a type that only text carries comes and goes while the stream is in binary: nothing lost or doubled."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY, v bytea, n numeric); CREATE TABLE log (at bigserial PRIMARY KEY, v text);"
                   "INSERT INTO t SELECT g, '\\x00ff', g FROM generate_series(1, 100) g")
    task = bench.task(source, target)
    task.catch_up()

    def step(number, sql):
        source.execute(f"INSERT INTO log (v) SELECT 'before' FROM generate_series(1, 500); {sql};"
                       f"INSERT INTO log (v) VALUES ('{number}')")
        run.wait_until(sql, lambda: target.one(f"SELECT count(*) FROM log WHERE v = '{number}'") == 1)
        expect_equal(source, target, ["t", "log"])

    def forms():
        return re.findall("values come (in binary|as text)", "".join(
            path.read_text() for path in sorted((task.data / "logs").glob("*"))))

    run = task.start()
    step(1, "UPDATE t SET v = '\\xabcd', n = 'NaN' WHERE id < 10")
    step(2, "ALTER TABLE t ADD p point; UPDATE t SET p = '(1,2)', v = '' WHERE id < 20; INSERT INTO t VALUES (101, '\\x5c')")
    step(3, "ALTER TABLE t DROP p; DELETE FROM t WHERE id > 90")
    expect_same(forms(), ["in binary", "in binary", "as text"], "forms of the stream")
    run.kill()
    run = task.start()
    # Only the log still knows that it was there, and the transaction is large enough to be sent before its end.
    step(4, "BEGIN; UPDATE t SET n = n + 1; ALTER TABLE t ADD q int4range; INSERT INTO t SELECT g, decode(repeat('ab', 200), "
            "'hex'), g, int4range(1, g) FROM generate_series(1000, 400000) g; ALTER TABLE t DROP q; COMMIT")
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["t", "log"])
    expect_same(forms()[3:], ["in binary", "as text", "in binary"], "forms of the stream when it was past that")


@scenario("ddl.while_streaming")
def while_streaming(bench):
    """Columns added, dropped, renamed and retyped between changes."""
    steps(bench, down=False)


@scenario("ddl.while_down")
def while_down(bench):
    """The same while the task is down, as far as it can be followed."""
    steps(bench, down=True)


@scenario("ddl.ambiguous_while_down")
def ambiguous_while_down(bench):
    """Columns replaced under their names while the task is down: the table is put aside, never filled with wrong values."""
    for number, step in enumerate([STEPS[1], STEPS[2].replace(" c", " b")]):
        source, target = bench.source(), bench.target()
        source.execute(TABLE)
        task = bench.task(source, target)
        task.catch_up()
        source.execute(CHANGES.format(n=number))
        source.execute(step)
        task.catch_up(code=None)
        if columns(target) != columns(source) or target.execute("SELECT t::text FROM t ORDER BY id") != source.execute(
                "SELECT t::text FROM t ORDER BY id"):
            expect_same(task.statistics()["public.t"]["TableState"], "Table error", f"state after {step}")


@scenario("ddl.table_comes_and_goes")
def table_comes(bench):
    """A table made while streaming is loaded and followed; a dropped one goes; made again under its name it comes back."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    task = bench.task(source, target)
    task.catch_up()
    run = task.start()
    ending = threading.Event()

    def write():
        with source.server.connect(source.name).cursor() as cursor:
            number = 10_000
            while not ending.wait(0.01):
                number += 1
                cursor.execute(f"INSERT INTO late VALUES ({number}, 1); UPDATE late SET v = v + 1 WHERE id % 10 = {number % 10}")

    source.execute("CREATE TABLE late (id int PRIMARY KEY, v int); INSERT INTO late SELECT g, 0 FROM generate_series(1, 1000) g")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        run.wait_until("the new table", lambda: target.one("SELECT to_regclass('public.late')") and
                       target.one("SELECT count(*) FROM late WHERE v > 3") > 0, 60)
    finally:
        ending.set()
        writer.join()
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["t", "late"])
    run = task.start()
    source.execute("INSERT INTO t VALUES (-2, 'x', 1)")
    run.wait_until("the stream", lambda: target.one("SELECT count(*) FROM t WHERE id = -2") == 1)
    source.execute("DROP TABLE late; INSERT INTO t VALUES (-1, 'x', 1)")
    run.wait_until("the drop", lambda: not target.one("SELECT to_regclass('public.late')"))
    source.execute("CREATE TABLE late (id int PRIMARY KEY, other text); INSERT INTO late SELECT g, 'o' FROM generate_series(1, 10) g")
    run.wait_until("the table again", lambda: target.one("SELECT to_regclass('public.late')") and
                   target.one("SELECT count(*) FROM late") == 10, 60)
    source.execute("INSERT INTO late VALUES (11, 'streamed')")
    run.wait_until("its changes", lambda: target.one("SELECT count(*) FROM late") == 11)
    run.interrupt()
    expect_equal(source, target, ["t", "late"])


@scenario("ddl.tables_come_and_go_all_the_time")
def tables_all_the_time(bench):
    """Tables are made and dropped without pause while the task starts, plans, loads and streams: it never minds."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    task = bench.task(source, target)
    task.catch_up()
    ending = threading.Event()

    def churn():
        with source.server.connect(source.name).cursor() as cursor:
            number = 0
            while not ending.wait(0.01):
                number += 1
                cursor.execute(f"CREATE TABLE c{number} (id int PRIMARY KEY); INSERT INTO c{number} VALUES (1); "
                               f"UPDATE t SET b = {number} WHERE id = 1; DROP TABLE IF EXISTS c{max(number - 4, 0)}")

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for _ in range(8):
            run = task.start()
            for _ in range(20):
                ending.wait(0.05)
                expect(run.running(), run.text()[-3000:])
            run.kill()
    finally:
        ending.set()
        writer.join()
    task.catch_up()
    left = [row[0] for row in source.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'c%' AND "
                                             "relnamespace = 'public'::regnamespace")]
    expect_equal(source, target, ["t", *left])


@scenario("ddl.dropped_while_down")
def dropped_while_down(bench):
    """A table dropped while the task was down, and one made and filled meanwhile."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE + "; CREATE TABLE gone (id int PRIMARY KEY)")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("INSERT INTO gone VALUES (1); DROP TABLE gone; INSERT INTO t VALUES (-5, 'x', 1);"
                   "CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1); INSERT INTO t VALUES (-6, 'x', 1)")
    task.catch_up()
    expect_equal(source, target, ["t", "fresh"])
    source.execute("INSERT INTO fresh VALUES (2); DROP TABLE fresh; CREATE TABLE fresh (id int PRIMARY KEY, v text);"
                   "INSERT INTO fresh VALUES (7, 'another table of that name')")
    task.catch_up()
    source.execute("INSERT INTO fresh VALUES (8, 'and its changes')")
    task.catch_up()
    expect_equal(source, target, ["t", "fresh"])


@scenario("ddl.truncated_while_loading")
def truncated_while_loading(bench):
    """TRUNCATE, and rows again, while the table is loaded."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE n (id int, v text);"
                   "INSERT INTO t SELECT g, repeat('x', 400) FROM generate_series(1, 60000) g; INSERT INTO n SELECT * FROM t;"
                   "ALTER TABLE n REPLICA IDENTITY FULL")
    task = bench.task(source, target)
    task.document["source"]["MillraceChunkMB"] = 1
    run = task.start()
    for number in range(6):
        threading.Event().wait(0.25)
        source.execute(f"TRUNCATE t, n; INSERT INTO t SELECT g, 'again {number}' FROM generate_series(1, 3000) g;"
                       "INSERT INTO n SELECT * FROM t; DELETE FROM n WHERE id % 2 = 0; UPDATE n SET v = 'u' WHERE id % 3 = 0")
    mark = "INSERT INTO t VALUES (-1, 'mark')"
    source.execute(mark)
    run.wait_until("the mark", lambda: target.one("SELECT to_regclass('public.t')") and
                   target.one("SELECT count(*) FROM t WHERE id = -1") == 1, 90)
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["t", "n"])


@scenario("ddl.keys_change_places")
def keys_change_places(bench):
    """Keys that move on, change places through a third, and unique values that swap in one command."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE k (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY, place int NOT NULL,"
                   "UNIQUE (place) DEFERRABLE); CREATE TABLE w (id int PRIMARY KEY, place int UNIQUE);"
                   "INSERT INTO k SELECT g, 'v' || g FROM generate_series(1, 100) g;"
                   "INSERT INTO u SELECT g, g FROM generate_series(1, 100) g; INSERT INTO w SELECT * FROM u;"
                   "CREATE TABLE f (a int, b text); ALTER TABLE f REPLICA IDENTITY FULL;"
                   "INSERT INTO f SELECT g % 5, CASE WHEN g % 3 > 0 THEN 'x' END FROM generate_series(1, 60) g")
    task = bench.task(source, target)
    task.catch_up()
    run = task.start()
    for number in range(1, 40):
        source.execute(f"""
        UPDATE k SET id = id + 1000 WHERE id < 1000; UPDATE k SET id = id - 1000 WHERE id >= 1000;
        BEGIN; UPDATE k SET id = -1 WHERE id = {number}; UPDATE k SET id = {number} WHERE id = {number + 1};
        UPDATE k SET id = {number + 1} WHERE id = -1; COMMIT;
        UPDATE u SET place = CASE place WHEN {number} THEN {number + 1} ELSE {number} END WHERE place IN ({number}, {number + 1});
        BEGIN; UPDATE w SET place = NULL WHERE id = {number}; UPDATE w SET place = {number} WHERE id = {number + 1};
        UPDATE w SET place = {number + 1} WHERE id = {number}; COMMIT;
        BEGIN; DELETE FROM w WHERE id = {number}; UPDATE w SET id = {number} WHERE id = {number + 1};
        INSERT INTO w VALUES ({number + 1}, 5000 + {number}); COMMIT;
        UPDATE f SET a = a + 1 WHERE ctid IN (SELECT ctid FROM f ORDER BY ctid LIMIT 7);
        DELETE FROM f WHERE ctid IN (SELECT ctid FROM f ORDER BY ctid DESC LIMIT 2); INSERT INTO f VALUES ({number} % 5, NULL), (1, 'x')""")
        if number % 13 == 0:
            run.kill()
            run = task.start()
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["k", "u", "w", "f"])


def with_and_without_reports(bench):
    """Pairs of a word and the source's endpoint members: with event triggers that report DDL, and without."""
    return [("reported", {}), ("not reported", {"PostgreSQLSettings": {"CaptureDdls": False}})]


def state_of(task, table="public.t"):
    return task.statistics()[table]["TableState"]


def reason_of(task, table="public.t"):
    row = task.statistics()[table]
    return f"{row['TableState']}: {row}"


def streams(run, source, target, number):
    """Waits until the run has applied something new of table t."""
    source.execute(f"INSERT INTO t (id) VALUES ({number})")
    run.wait_until("the stream", lambda: target.one(f"SELECT count(*) FROM t WHERE id = {number}") == 1)


REPLACED = "CREATE TABLE t (id int PRIMARY KEY, a text, c int); INSERT INTO t SELECT g, 'a' || g, g FROM generate_series(1, 100) g"


@scenario("ddl.replaced_while_down")
def replaced_while_down(bench):
    """A column dropped and another of its name and type added while the task is down: never the old one's values."""
    replace = "ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int"
    for reports, members in with_and_without_reports(bench):
        for touched in (False, True):
            for killed in (False, True):
                source, target = bench.source(), bench.target()
                source.execute(REPLACED)
                task = bench.task(source.endpoint("source", **members), target)
                task.catch_up()
                run = task.start()
                streams(run, source, target, -1)
                run.kill() if killed else run.interrupt()
                if touched:
                    source.execute("UPDATE t SET c = 7 WHERE id BETWEEN 10 AND 20")
                source.execute(replace)
                if touched:
                    source.execute("UPDATE t SET c = 8 WHERE id BETWEEN 15 AND 25")
                task.catch_up()
                where = f"{reports}, touched: {touched}, killed: {killed}"
                if reports == "reported" or not touched:
                    expect_equal(source, target, ["t"])
                    expect_same(state_of(task), "Table completed", where)
                    source.execute("UPDATE t SET c = 9 WHERE id < 5; INSERT INTO t VALUES (1000, 'x', 1)")
                    task.catch_up()
                    expect_equal(source, target, ["t"])
                else:
                    expect_same(state_of(task), "Table error", where)
                    task.run("--reload-table", "public.t", "--until", "caught-up")
                    expect_equal(source, target, ["t"])
                    source.execute("UPDATE t SET c = 9 WHERE id < 5")
                    task.catch_up()
                    expect_equal(source, target, ["t"])
                    expect_same(state_of(task), "Table completed", where + ", loaded again")


@scenario("ddl.replaced_in_a_large_transaction")
def replaced_in_a_large_transaction(bench):
    """Columns replaced in a transaction that the source sends before its commit: the table is aside before its first row."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int, a text, c int); ALTER TABLE t REPLICA IDENTITY FULL;"
                   "INSERT INTO t SELECT g, 'a' || g, g FROM generate_series(1, 100) g; CREATE TABLE other (id int PRIMARY KEY)")
    task = bench.task(source.endpoint("source", PostgreSQLSettings={"CaptureDdls": False}), target, settings={
        "ErrorBehavior": {"ApplyErrorUpdatePolicy": "STOP_TASK"}})
    task.catch_up()
    before = target.execute("SELECT * FROM t ORDER BY id")
    run = task.start()
    streams(run, source, target, -1)
    connection = source.server.connect(source.name, autocommit=False)
    cursor = connection.cursor()
    cursor.execute("ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int; UPDATE t SET a = 'behind' WHERE id < 50;"
                   "INSERT INTO t SELECT g, repeat(md5(g::text), 25), 1 FROM generate_series(1000, 100999) g")
    run.wait_until("rows before their commit", lambda: source.one("SELECT sum(stream_count) FROM pg_stat_replication_slots") > 0, 60)
    cursor.execute("UPDATE t SET c = 2 WHERE id > 90 AND id < 200; INSERT INTO other VALUES (1)")
    connection.commit()
    connection.close()
    run.wait_until("what came behind", lambda: target.one("SELECT count(*) FROM other") == 1, 60)
    run.interrupt()
    expect_same(state_of(task), "Table error", "columns that others have not seen")
    expect_same(target.execute("SELECT * FROM t WHERE id > 0 ORDER BY id"), before, "the table as it was put aside")
    task.run("--reload-table", "public.t", "--until", "caught-up")
    expect_equal(source, target, ["t", "other"])


@scenario("ddl.replaced_under_kills")
def replaced_under_kills(bench):
    """Columns replaced, renamed and retyped among changes while the task is killed at any moment: equal at the end."""
    source, target = bench.source(), bench.target()
    source.execute(REPLACED)
    task = bench.task(source, target)
    task.catch_up()
    run = task.start()
    for number in range(1, 25):
        source.execute(f"UPDATE t SET a = 'n{number}' WHERE id % 9 = {number} % 9; UPDATE t SET c = {number} WHERE id % 4 = 1")
        source.execute(("ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int",
                        "BEGIN; ALTER TABLE t RENAME COLUMN c TO d; UPDATE t SET d = -d WHERE id % 5 = 0;"
                        "ALTER TABLE t RENAME COLUMN d TO c; COMMIT",
                        "ALTER TABLE t DROP COLUMN c, ADD COLUMN c int DEFAULT 5",
                        "ALTER TABLE t ALTER COLUMN c TYPE bigint; ALTER TABLE t ALTER COLUMN c TYPE int")[number % 4])
        source.execute(f"UPDATE t SET c = {number} + 100 WHERE id % 7 = 2; INSERT INTO t (id, a) VALUES (1000 + {number}, 'i')")
        threading.Event().wait(0.03 * (number % 5))
        if number % 3 == 0:
            run.kill()
            run = task.start()
    run.kill()
    task.catch_up()
    expect_same(state_of(task), "Table completed", "state at the end")
    expect_equal(source, target, ["t"])


@scenario("ddl.rename_and_back")
def rename_and_back(bench):
    """A column renamed, changed and renamed back in one transaction, streaming and while down."""
    step = ("BEGIN; ALTER TABLE t RENAME COLUMN a TO z; UPDATE t SET z = z || '!' WHERE id % 3 = 0; "
            "INSERT INTO t VALUES ({n}, 'in between', 1); ALTER TABLE t RENAME COLUMN z TO a; UPDATE t SET a = 'u' WHERE id = 5; COMMIT")
    for reports, members in with_and_without_reports(bench):
        source, target = bench.source(), bench.target()
        source.execute(REPLACED)
        task = bench.task(source.endpoint("source", **members), target)
        task.catch_up()
        source.execute(step.format(n=2001))
        task.catch_up()
        expect_equal(source, target, ["t"])
        run = task.start()
        streams(run, source, target, -1)
        source.execute(step.format(n=2002))
        streams(run, source, target, -2)
        run.kill()
        task.catch_up()
        expect_equal(source, target, ["t"])
        expect_same(state_of(task), "Table completed", reports)


@scenario("ddl.table_dropped_while_down")
def table_dropped_while_down(bench):
    """A table dropped while the task is down goes on the target too, after the changes before; with its policy off it stays."""
    for reports, members in with_and_without_reports(bench):
        for killed in (False, True):
            source, target = bench.source(), bench.target()
            source.execute(REPLACED + "; CREATE TABLE stays (id int PRIMARY KEY, v text)")
            task = bench.task(source.endpoint("source", **members), target)
            task.catch_up()
            run = task.start()
            streams(run, source, target, -1)
            run.kill() if killed else run.interrupt()
            source.execute("UPDATE t SET c = 0; INSERT INTO stays VALUES (1, 'a'); DROP TABLE t; INSERT INTO stays VALUES (2, 'b')")
            task.catch_up()
            expect(not target.one("SELECT to_regclass('public.t')"), f"{reports}: the dropped table is still there")
            expect_same(state_of(task), "Table was dropped", reports)
            source.execute("INSERT INTO stays VALUES (3, 'c')")
            task.catch_up()
            expect_equal(source, target, ["stays"])
            source.execute("CREATE TABLE t (id int PRIMARY KEY, other text); INSERT INTO t VALUES (1, 'another table')")
            task.catch_up()
            source.execute("INSERT INTO t VALUES (2, 'followed')")
            task.catch_up()
            expect_equal(source, target, ["t", "stays"])
        source, target = bench.source(), bench.target()
        source.execute(REPLACED + "; CREATE TABLE stays (id int PRIMARY KEY)")
        task = bench.task(source.endpoint("source", **members), target, settings={
            "ChangeProcessingDdlHandlingPolicy": {"HandleSourceTableDropped": False}})
        task.catch_up()
        source.execute("UPDATE t SET c = 0; DROP TABLE t")
        task.catch_up()
        expect_same(target.one("SELECT count(*) FROM t WHERE c = 0"), 100, f"{reports}: the rows before the drop")


@scenario("ddl.alters_in_a_row")
def alters_in_a_row(bench):
    """Several ALTER TABLEs with rows between them, met late: each row is applied under the shape it was written with."""
    source, target = bench.source(), bench.target()
    source.execute(REPLACED)
    task = bench.task(source, target)
    task.catch_up()
    source.execute("ALTER TABLE t ADD COLUMN d int; INSERT INTO t VALUES (201, 'x', 1, NULL); UPDATE t SET d = 0;"
                   "ALTER TABLE t ALTER COLUMN d SET NOT NULL; INSERT INTO t VALUES (202, 'x', 1, 2);"
                   "ALTER TABLE t ALTER COLUMN a TYPE varchar(3) USING left(a, 3)")
    task.catch_up()
    expect_same(state_of(task), "Table error", "an expression changed values that the log does not carry")
    task.run("--reload-table", "public.t", "--until", "caught-up")
    expect_equal(source, target, ["t"])
    source.execute("ALTER TABLE t ADD COLUMN e int DEFAULT 5; INSERT INTO t (id, d) VALUES (203, 1);"
                   "ALTER TABLE t ALTER COLUMN e SET DEFAULT 6; INSERT INTO t (id, d) VALUES (204, 1);"
                   "ALTER TABLE t ADD COLUMN f text; UPDATE t SET f = repeat('long', 20) WHERE id < 50; UPDATE t SET f = NULL;"
                   "ALTER TABLE t ALTER COLUMN f TYPE varchar(5); UPDATE t SET f = 'short' WHERE id < 30;"
                   "ALTER TABLE t ALTER COLUMN c TYPE bigint; UPDATE t SET c = 5000000000 WHERE id = 3;"
                   "ALTER TABLE t DROP COLUMN d; INSERT INTO t (id) VALUES (205)")
    task.catch_up()
    expect_same(state_of(task), "Table completed", "state")
    expect_equal(source, target, ["t"])
    source.execute("ALTER TABLE t ADD COLUMN g int, ALTER COLUMN g SET DEFAULT 5; INSERT INTO t (id) VALUES (206)")
    task.catch_up(code=None)
    if state_of(task) != "Table error":
        expect_equal(source, target, ["t"])


@scenario("ddl.not_reported")
def not_reported(bench):
    """Without the right to make event triggers: what is certain is followed, everything else puts the table aside by name."""
    steps_ok = ["ALTER TABLE t ADD COLUMN {n} text", "ALTER TABLE t RENAME COLUMN a TO {n}; ALTER TABLE t RENAME COLUMN {n} TO a",
                "ALTER TABLE t DROP COLUMN c"]
    steps_not = ["ALTER TABLE t ALTER COLUMN c TYPE bigint USING c * 2", "ALTER TABLE t ADD COLUMN {n} int DEFAULT 3",
                 "ALTER TABLE t ADD COLUMN {n} int DEFAULT 3; ALTER TABLE t ALTER COLUMN {n} DROP DEFAULT",
                 "ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int; UPDATE t SET c = 1 WHERE id = 4"]
    for down in (True, False):
        for step, is_followed in [(step, True) for step in steps_ok] + [(step, False) for step in steps_not]:
            source, target = bench.source(), bench.target()
            source.execute(REPLACED)
            task = bench.task(source.endpoint("source", PostgreSQLSettings={"CaptureDdls": False}), target)
            task.catch_up()
            run = None if down else task.start()
            if run:
                streams(run, source, target, -1)
            source.execute("UPDATE t SET a = 'before' WHERE id < 10; " + step.format(n="n") +
                           "; UPDATE t SET a = 'behind' WHERE id BETWEEN 5 AND 15; INSERT INTO t (id) VALUES (300)")
            if run:
                run.wait_until("the change", lambda: target.one("SELECT count(*) FROM t WHERE id = 300") == 1
                               or state_of(task) == "Table error")
                run.kill()
            task.catch_up()
            where = f"{step}, down: {down}"
            expect_same(state_of(task), "Table completed" if is_followed else "Table error", where)
            if is_followed:
                expect_same(columns(target), columns(source), where)
                names = ", ".join(f'"{name}"' for name in columns(source))
                expect_equal(source, target, ["t"], names)


@scenario("ddl.partitions_come_and_go")
def partitions_come_and_go(bench):
    """A partition attached, detached or dropped takes rows that no log carries: the table is put aside by name."""
    made = ("CREATE TABLE t (id int PRIMARY KEY, a text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100);"
            "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (100) TO (200); INSERT INTO t SELECT g, 'a' FROM generate_series(0, 199) g;"
            "CREATE TABLE other (id int PRIMARY KEY)")
    for down in (True, False):
        for step in ("ALTER TABLE t DETACH PARTITION t2", "DROP TABLE t2",
                     "CREATE TABLE t3 (id int PRIMARY KEY, a text); INSERT INTO t3 VALUES (200, 'x'); "
                     "ALTER TABLE t ATTACH PARTITION t3 FOR VALUES FROM (200) TO (300)"):
            source, target = bench.source(), bench.target()
            source.execute(made)
            rules = [select()]
            task = bench.task(source, target, rules)
            task.catch_up()
            run = None if down else task.start()
            if run:
                streams_into = "INSERT INTO t VALUES (50, 'again') ON CONFLICT (id) DO UPDATE SET a = 'again'"
                source.execute(streams_into)
                run.wait_until("the stream", lambda: target.one("SELECT count(*) FROM t WHERE a = 'again'") == 1)
            source.execute("UPDATE t SET a = 'b' WHERE id = 1; " + step + "; UPDATE t SET a = 'c' WHERE id = 2")
            if run:
                run.wait_until("the table in error", lambda: state_of(task) == "Table error")
                run.kill()
            task.catch_up()
            expect_same(state_of(task), "Table error", step)
            task.run("--reload-table", "public.t", "--until", "caught-up")
            expect_equal(source, target, ["t"])
            source.execute("UPDATE t SET a = 'd' WHERE id = 3")
            task.catch_up()
            expect_same(state_of(task), "Table completed", step)
            source.execute("DROP TABLE t")
            task.catch_up()
            expect(not target.one("SELECT to_regclass('public.t')"), "the dropped root is still there")


@scenario("ddl.files_follow")
def files_follow(bench):
    """To files: a replaced column puts the table aside by name, a table dropped while the task is down takes its folder along."""
    for reports, members in with_and_without_reports(bench):
        source = bench.source()
        source.execute(REPLACED + "; CREATE TABLE gone AS SELECT * FROM t; ALTER TABLE gone REPLICA IDENTITY FULL;"
                       "CREATE TABLE stays (id int PRIMARY KEY)")
        folder, lake = bench.lake("lake-" + reports.replace(" ", "-"), IncludeOpForFullLoad=True)
        task = bench.task(source.endpoint("source", **members), lake)
        task.catch_up()
        expect(files_of(folder, "public/gone"), "files of the table")
        source.execute("UPDATE t SET c = 7 WHERE id < 4; ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int;"
                       "INSERT INTO gone VALUES (1, 'x', 1); DROP TABLE gone; INSERT INTO stays VALUES (1)")
        run = task.start()
        run.wait_until("the table in error", lambda: state_of(task) == "Table error")
        run.kill()
        task.catch_up()
        expect_same(state_of(task), "Table error", reports)
        expect_same(files_of(folder, "public/gone"), [], f"{reports}: files of the dropped table")
        expect_same(state_of(task, "public.gone"), "Table was dropped", reports)
        task.run("--reload-table", "public.t", "--until", "caught-up")
        source.execute("UPDATE t SET c = 9 WHERE id = 5; ALTER TABLE t ADD COLUMN d text; UPDATE t SET d = 'd' WHERE id = 6")
        task.catch_up()
        expect_same(state_of(task), "Table completed", reports)
        state = rebuilt(csv_rows(folder, "public/t"))
        expect_same((state[("5",)][2], state[("6",)][3], state[("7",)][2]), ("9", "d", ""), f"{reports}: rows of the files")
