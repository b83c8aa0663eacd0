# SPDX-License-Identifier: Apache-2.0
"""Tables that change shape, come, go and are emptied while the task loads, streams or is down."""

import re
import threading

from harness import expect_equal, expect_same, scenario

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
