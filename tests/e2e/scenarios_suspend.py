# SPDX-License-Identifier: Apache-2.0
"""Suspended tables: their changes are kept, and after the repair they are replayed, each once, whatever dies meanwhile."""

import random
import threading

from harness import csv_rows, expect, expect_equal, expect_same, rebuilt, scenario
from servers import wait_for

TABLES = """
CREATE TABLE s (id int PRIMARY KEY, a text, b int); INSERT INTO s SELECT g, 'a' || g, g FROM generate_series(1, 300) g;
CREATE TABLE other (id int PRIMARY KEY, v int); INSERT INTO other SELECT g, 0 FROM generate_series(1, 300) g;
CREATE TABLE many (id int, v text); ALTER TABLE many REPLICA IDENTITY FULL;
"""
CHANGES = """
BEGIN; UPDATE s SET a = a || '.' WHERE id % 7 = {n} % 7; INSERT INTO other VALUES (1000 + {n}, {n});
INSERT INTO many VALUES ({n} % 3, 'x'), ({n} % 3, 'x'); COMMIT;
BEGIN; DELETE FROM s WHERE id = {n}; INSERT INTO s (id, a) VALUES (1000 + {n}, 'new'); UPDATE other SET v = v + 1 WHERE id % 5 = 0;
DELETE FROM many WHERE ctid = (SELECT min(ctid) FROM many); COMMIT;
"""


def state(task, table="public.s"):
    return task.statistics()[table]["TableState"]


def expect_state(task, expected, table="public.s"):
    expect_same(state(task, table), expected, f"state of {table}\n{task.call('status')}\n")


def change(source, numbers):
    for number in numbers:
        source.execute(CHANGES.format(n=number))


def killed_while(task, source, numbers, rounds, pause):
    """Changes go on while the task is started and killed; then it catches up."""
    numbers = iter(numbers)
    for _ in range(rounds):
        run = task.start()
        change(source, [next(numbers) for _ in range(5)])
        threading.Event().wait(random.uniform(*pause))
        run.kill()
    change(source, numbers)
    task.catch_up()


def keep_and_replay(bench, breaking, mending, kills, prepare=None):
    """`breaking(source, target)` makes table s unappliable, `mending` the contrary; table s is followed in between."""
    source, target = bench.source(), bench.target()
    source.execute(TABLES)
    task = bench.task(source, target)
    task.catch_up()
    if prepare:
        prepare(source, target)
    run = task.start()
    change(source, range(1, 10))
    run.wait_until("the stream", lambda: target.one("SELECT count(*) FROM other WHERE id = 1009") == 1)
    breaking(source, target)
    change(source, range(10, 20))
    run.wait_until("the other table", lambda: target.one("SELECT count(*) FROM other WHERE id = 1019") == 1)
    run.wait_until("the suspension", lambda: state(task) == "Table error")
    run.interrupt()
    expect_equal(source, target, ["other", "many"])
    if kills:
        killed_while(task, source, range(20, 60), 6, (0.1, 0.7))
    else:
        change(source, range(20, 60))
        task.catch_up()
    expect_state(task, "Table error")
    expect_equal(source, target, ["other", "many"])
    mending(target)
    if kills:
        killed_while(task, source, range(60, 90), 5, (0.05, 0.6))
    task.catch_up()
    expect_state(task, "Table completed")
    expect_equal(source, target, ["s", "other", "many"])
    expect(not list((task.data / "kept").iterdir()), "what was kept is still there")
    change(source, range(90, 95))
    task.catch_up()
    expect_equal(source, target, ["s", "other", "many"])
    task.call("drop")


def refused_ddl(bench, kills):
    def breaking(source, _):
        for step in ("ALTER TABLE s DROP COLUMN b", "ALTER TABLE s ADD COLUMN b text", "UPDATE s SET b = 'new b' WHERE id % 2 = 0",
                     "ALTER TABLE s ADD COLUMN d int", "UPDATE s SET d = 1 WHERE id % 3 = 0", "ALTER TABLE s RENAME a TO aa",
                     "UPDATE s SET d = 2 WHERE id % 7 = 0", "ALTER TABLE s RENAME aa TO a"):
            source.execute(step)
    keep_and_replay(bench, breaking, lambda target: target.execute("DROP VIEW stands_on_it"), kills,
                    lambda _, target: target.execute("CREATE VIEW stands_on_it AS SELECT a, b FROM s"))


@scenario("suspend.refused_ddl")
def refused_ddl_plain(bench):
    """A column that the target cannot drop, and more DDL behind it, a column made again under its name among it."""
    refused_ddl(bench, kills=False)


@scenario("suspend.refused_ddl_killed")
def refused_ddl_killed(bench):
    """The same with kill -9 while suspended and while replaying."""
    refused_ddl(bench, kills=True)


@scenario("suspend.target_altered")
def target_altered(bench):
    """Somebody renames a column of the target, later back; kill -9 in between."""
    keep_and_replay(bench, lambda _, target: target.execute("ALTER TABLE s RENAME COLUMN a TO z"),
                    lambda target: target.execute("ALTER TABLE s RENAME COLUMN z TO a"), kills=True)


@scenario("suspend.mended_by_hand")
def mended_by_hand(bench):
    """A new column with a computed default is not in the log; the user adds it on the target."""
    def breaking(source, _):
        source.execute("ALTER TABLE s ADD COLUMN made timestamp NOT NULL DEFAULT now(); ALTER TABLE s ALTER COLUMN b TYPE bigint")

    source_of = {}

    def mending(target):
        source = source_of["it"]
        value = source.one("SELECT min(made) FROM s")
        target.execute(f"ALTER TABLE s ADD COLUMN made timestamp NOT NULL DEFAULT '{value}'")
    keep_and_replay(bench, lambda source, target: (source_of.update(it=source), breaking(source, target)), mending, kills=False)


@scenario("suspend.by_policy")
def by_policy(bench):
    """A row in the way suspends the table by ApplyErrorInsertPolicy; --resume-table says what cannot be resumed."""
    source, target = bench.source(), bench.target()
    source.execute(TABLES)
    task = bench.task(source, target, settings={"ErrorBehavior": {"ApplyErrorInsertPolicy": "SUSPEND_TABLE"},
                                                "ControlTablesSettings": {"SuspendedTablesTableEnabled": True}})
    task.catch_up()
    target.execute("INSERT INTO s VALUES (1005, 'in the way', 1)")
    change(source, range(1, 10))
    task.catch_up()
    expect_state(task, "Table error")
    expect_same(target.one("SELECT count(*) FROM awsdms_apply_exceptions"), 1, "exceptions")
    expect_same(target.one("SELECT table_name FROM awsdms_suspended_tables"), "s", "the suspended table")
    task.run("--resume-table", "public.other", code=2)
    target.execute("DELETE FROM s WHERE id = 1005")
    task.run("--resume-table", "public.s", "--until", "caught-up")
    expect_equal(source, target, ["s", "other", "many"])


@scenario("suspend.inside_a_huge_transaction")
def huge(bench):
    """The refusal comes in a late part of a transaction that is applied in parts."""
    source, target = bench.source(), bench.target()
    source.execute(TABLES)
    task = bench.task(source, target)
    task.catch_up()
    target.execute("ALTER TABLE s RENAME COLUMN a TO z")
    source.execute("BEGIN; INSERT INTO other SELECT g, 1 FROM generate_series(10001, 250000) g; UPDATE s SET a = 'huge';"
                   "INSERT INTO s SELECT g, 'more' FROM generate_series(10001, 160000) g; UPDATE other SET v = 7 WHERE id < 100; COMMIT")
    task.catch_up()
    expect_state(task, "Table error")
    expect_equal(source, target, ["other"])
    target.execute("ALTER TABLE s RENAME COLUMN z TO a")
    run = task.start()
    wait_for("the replay", lambda: "kept changes are replayed" in log_of(task), 60)
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["s", "other"])


def log_of(task):
    return "".join(path.read_text(errors="replace") for path in sorted(task.data.rglob("*.log*")))


@scenario("suspend.cap")
def cap(bench):
    """Beyond the relay's cap the table's changes are given up, by name, and it comes back by a reload."""
    source, target = bench.source(), bench.target()
    source.execute(TABLES)
    task = bench.task(source, target)
    task.document["source"]["MillraceRelayCapMB"] = 1
    task.catch_up()
    target.execute("ALTER TABLE s RENAME COLUMN a TO z")
    change(source, range(1, 5))
    task.catch_up()
    source.execute("INSERT INTO s SELECT g, repeat('x', 500) FROM generate_series(10001, 16000) g; INSERT INTO other VALUES (-1, 1)")
    task.catch_up()
    expect("engine.kept_full" in task.call("status"), "the reason does not name the cap")
    expect_equal(source, target, ["other"])
    task.run("--resume-table", "public.s", code=2)
    target.execute("ALTER TABLE s RENAME COLUMN z TO a")
    task.run("--reload-table", "public.s", "--until", "caught-up")
    expect_equal(source, target, ["s", "other"])


FILES = """
CREATE TABLE s (id int PRIMARY KEY, t timestamp); INSERT INTO s SELECT g, '2026-01-01' FROM generate_series(1, 100) g;
ALTER TABLE s REPLICA IDENTITY FULL; CREATE TABLE other (id int PRIMARY KEY, v int);
"""


@scenario("suspend.files")
def files(bench):
    """A value that no file can hold suspends the table; kill -9 all along; the files hold every change once, in order."""
    source = bench.source()
    source.execute(FILES)
    folder, lake = bench.lake(CdcMinFileSize=1, IncludeOpForFullLoad=True)
    task = bench.task(source, lake, settings={"ErrorBehavior": {"DataErrorPolicy": "SUSPEND_TABLE"}})
    task.catch_up()

    def write(number):
        source.execute(f"UPDATE s SET t = t + interval '1 hour' WHERE id % 9 = {number} % 9 AND id <> 77; INSERT INTO s VALUES ({1000 + number}, now());"
                       f"DELETE FROM s WHERE id = {number} AND id < 70; INSERT INTO other VALUES ({number}, 1)")

    run = task.start()
    for number in range(1, 10):
        write(number)
    source.execute("UPDATE s SET t = '294276-12-31 23:59:59' WHERE id = 77; UPDATE s SET t = '2026-02-02' WHERE id = 77")
    for number in range(10, 15):
        write(number)
    try:
        run.wait_until("the suspension", lambda: state(task) == "Table error", 20)
    finally:
        run.kill()
    for number in range(15, 40):
        write(number)
        if number % 5 == 0:
            run = task.start()
            threading.Event().wait(random.uniform(0.1, 1.2))
            run.kill()
    task.catch_up()
    expect_state(task, "Table error")
    task.document["task"]["ReplicationTaskSettings"]["ErrorBehavior"]["DataErrorPolicy"] = "LOG_ERROR"
    for number in range(40, 60):
        write(number)
        if number % 5 == 0:
            run = task.start()
            threading.Event().wait(random.uniform(0.1, 1.2))
            run.kill()
    task.catch_up()
    expect_state(task, "Table completed")
    for table in ("s", "other"):
        rows = rebuilt(csv_rows(folder, f"public/{table}"))
        ids = {str(row[0]) for row in source.execute(f"SELECT id FROM {table}")}
        expect_same({key[0] for key in rows}, ids, f"the keys of {table}")
