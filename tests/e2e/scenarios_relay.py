# SPDX-License-Identifier: Apache-2.0
"""A target that is away or slow while the source's log passes its cap: the relay takes over, whatever dies meanwhile."""

import contextlib
import random
import threading

from harness import Failure, expect, expect_equal, files_of, scenario
from lake import NULL, Rebuilt, rows_of
from s3 import S3
from workloads import Table

SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, version int NOT NULL DEFAULT 0, v text);
CREATE TABLE log (id bigserial, row int, v text);
ALTER TABLE log REPLICA IDENTITY FULL;
INSERT INTO t SELECT g, 0, repeat('x', 200) FROM generate_series(1, 2000) g;
"""


def pause(seconds):
    """A random moment, not a wait for something."""
    threading.Event().wait(seconds)


class Load:
    """One writer of transactions of some hundred rows, about 300 KB of log each."""

    def __init__(self, source, pause=0.05):
        self.source, self.pause = source, pause
        self.ending, self.transactions, self.failed = threading.Event(), 0, None
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        chance = random.Random(5)
        try:
            connection = self.source.server.connect(self.source.name, autocommit=False)
            cursor = connection.cursor()
            while not self.ending.wait(self.pause):
                first = chance.randint(1, 1800)
                cursor.execute("UPDATE t SET version = version + 1, v = repeat(md5(random()::text), 8) WHERE id BETWEEN %s AND %s",
                               [first, first + 100])
                cursor.execute("INSERT INTO log (row, v) SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 200) g")
                cursor.execute("DELETE FROM log WHERE id IN (SELECT id FROM log ORDER BY id LIMIT 20)")
                cursor.execute("DELETE FROM t WHERE id = %s", [first])
                cursor.execute("INSERT INTO t VALUES (%s, 1000, 'again')", [first])
                connection.commit() if chance.random() < 0.9 else connection.rollback()
                self.transactions += 1
            connection.close()
        except Exception as problem:
            self.failed = problem

    def stop(self):
        self.ending.set()
        self.thread.join(60)
        if self.failed:
            raise Failure(f"the writer failed: {self.failed}")


def relay_bytes(task):
    folder, total = task.data / "relay", 0
    for file in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):  # a segment that the relay gave up meanwhile
            total += file.stat().st_size
    return total


def capped(bench, source, target, **members):
    task = bench.task(source, target, settings={"ErrorBehavior": {"RecoverableErrorInterval": 2}})
    task.document["source"].update({"MillraceSourceLogCapMB": 2, **members})
    return task


def away(bench, kills):
    """The target server is down; the relay must fill and the slot move on. With kills of the task meanwhile."""
    own = bench.own_postgres("target")
    source, target = bench.source(), bench.target(own)
    source.execute(SCHEMA)
    task = capped(bench, source, target)
    task.catch_up()
    run = task.start()
    writer = Load(source)
    try:
        run.wait_until("changes on the target", lambda: target.one("SELECT count(*) FROM log") > 0)
        target.close()
        own.stop("immediate")
        run.wait_until("the relay", lambda: relay_bytes(task) > 3_000_000, 90)
        for _ in range(kills):
            run.kill()
            run = task.start()
            before = relay_bytes(task)
            run.wait_until("more in the relay", lambda: relay_bytes(task) > before + 1_000_000, 90)
        confirmed = "SELECT max(confirmed_flush_lsn - '0/0'::pg_lsn) FROM pg_replication_slots WHERE database = current_database()"
        before = source.one(confirmed)
        run.wait_until("the slot to move", lambda: source.one(confirmed) > before, 90)
        own.start()
        for number in range(kills):
            pause(1 + number)
            expect(run.running(), run.text()[-3000:])
            run.kill()
            run = task.start()
    finally:
        writer.stop()
    pause(2)
    expect(run.running(), run.text()[-3000:])
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["t", "log"])
    target.close()


@scenario("relay.target_away")
def target_away(bench):
    """The target is down until the relay has taken over; then everything arrives."""
    away(bench, 0)


@scenario("relay.target_away_and_kills")
def target_away_and_kills(bench):
    """The same, and the task is killed while the relay fills and while it is read."""
    away(bench, 3)


def slow(bench, kills, **members):
    """The target's table is locked, so that the first change waits and the source's log passes its cap."""
    source, target = bench.source(), bench.target()
    source.execute(SCHEMA)
    task = capped(bench, source, target, **members)
    task.catch_up()
    writer = Load(source, 0.01)
    run = task.start()
    try:
        holder = target.server.connect(target.name, autocommit=False)
        for _ in range(2):
            run.wait_until("changes on the target", lambda: target.one("SELECT count(*) FROM log") > 0)
            holder.cursor().execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            run.wait_until("the relay", lambda: relay_bytes(task) > 3_000_000, 120)
            for _ in range(kills):
                run.kill()
                run = task.start()
                pause(2)
            holder.rollback()
            pause(2)
            expect(run.running(), run.text()[-3000:])
            if kills:
                run.kill()
                run = task.start()
    finally:
        writer.stop()
        holder.close()
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["t", "log"])


@scenario("relay.slow_target")
def slow_target(bench):
    """A target that does not take changes for a while: relay, then memory again."""
    slow(bench, 0)


@scenario("relay.slow_target_and_kills")
def slow_target_and_kills(bench):
    """The same with kills of the task while the relay is in use."""
    slow(bench, 2)


@scenario("relay.relay_is_full")
def relay_is_full(bench):
    """The relay has a cap of its own; beyond it the source's log holds again, and nothing is lost."""
    slow(bench, 1, MillraceRelayCapMB=8)


@scenario("relay.bucket_away_and_kills", takes_long=True)
def bucket_away(bench):
    """Files as the target, the store away until the relay has taken over; kills while it fills and while it is read."""
    source, store = bench.source(), S3(bench)
    source.execute(SCHEMA + "ALTER TABLE t REPLICA IDENTITY FULL")
    task = capped(bench, source, store.endpoint(IncludeOpForFullLoad=True, CsvNullValue=NULL))
    task.catch_up()
    writer = Load(source)
    run = task.start()
    try:
        for kills in (0, 2):
            store.proxy.do("refuse")
            run.wait_until("the relay", lambda: relay_bytes(task) > 3_000_000, 90)
            for _ in range(kills):
                run.kill()
                run = task.start()
                before = relay_bytes(task)
                run.wait_until("more in the relay", lambda before=before: relay_bytes(task) > before + 1_000_000, 90)
            store.proxy.do("clear")
            for number in range(kills):
                pause(0.3 + number / 3)
                expect(run.running(), run.text()[-3000:])
                run.kill()
                run = task.start()
            pause(1)
    finally:
        writer.stop()
    run.kill()
    task.catch_up()
    folder = bench.folder / "copy"
    store.download(folder)
    for table in (Table("public", "t"), Table("public", "log", key=0)):
        rebuilt = Rebuilt(table)
        for path in files_of(folder, f"public/{table.name}"):
            for op, cells in rows_of(path, "csv"):
                rebuilt.follow(path.name, op, cells)
        rebuilt.compare(source.execute(f"SELECT {'id::text, version::text, v' if table.key else 'id::text, row::text, v'} FROM {table.name}"))
