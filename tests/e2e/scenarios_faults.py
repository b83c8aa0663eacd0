# SPDX-License-Identifier: Apache-2.0
"""Servers that restart, connections that are cut, disks that are full: nothing is lost, the message is clear."""

import contextlib
import os
import subprocess
import threading

from harness import Failure, Skip, expect, expect_equal, scenario
from proxy import Proxy
from servers import wait_for

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'loaded' FROM generate_series(1, 1000) g"


class Trickle:
    """One writer that inserts rows one by one until stopped, through restarts of its server."""

    def __init__(self, database):
        self.database, self.ending, self.written = database, threading.Event(), 0
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        connection = None
        while not self.ending.wait(0.003):
            try:
                connection = connection or self.database.server.connect(self.database.name)
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO t VALUES (nextval('s'), 'streamed')")
                    cursor.execute("UPDATE t SET v = v || '.' WHERE id = %s", [self.written % 1000 + 1])
                self.written += 1
            except Exception:
                with contextlib.suppress(Exception):
                    connection.close()
                connection = None
        if connection:
            connection.close()

    def stop(self):
        self.ending.set()
        self.thread.join(60)


def streamed(target):
    try:
        if not target.one("SELECT to_regclass('public.t')"):
            return 0
        return target.one("SELECT count(*) FROM t WHERE id >= 10000")
    except Exception:
        return 0


@scenario("faults.connections_terminated")
def connections_terminated(bench):
    """Every connection of the task is terminated by an administrator, again and again."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE + "; CREATE SEQUENCE s START 10000")
    task = bench.task(source, target, settings={"ErrorBehavior": {"RecoverableErrorInterval": 1}})
    run = task.start()
    writer = Trickle(source)
    try:
        for number in range(6):
            before = streamed(target)
            run.wait_until("changes", lambda: streamed(target) > before, 90)
            side = source if number % 2 else target
            side.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                         "pid <> pg_backend_pid() AND application_name ILIKE '%millrace%'")
    finally:
        writer.stop()
    run.interrupt()
    task.catch_up()
    expect_equal(source, target, ["t"])


@scenario("faults.target_down_at_start")
def target_down(bench):
    """A target that is down for a while when the task comes back: changes wait, then all arrive."""
    own = bench.own_postgres("target")
    source, target = bench.source(), bench.target(own)
    source.execute(TABLE)
    task = bench.task(source, target, settings={"ErrorBehavior": {"RecoverableErrorInterval": 1}})
    task.catch_up()
    run = task.start()
    target.close()
    own.stop("immediate")
    for number in range(200):
        source.execute(f"INSERT INTO t VALUES ({20000 + number}, 'while down')")
    expect(run.running(), f"the task gave up: {run.text()[-2000:]}")
    own.start()
    run.wait_until("the changes", lambda: streamed(target) == 200, 90)
    run.interrupt()
    expect_equal(source, target, ["t"])
    target.close()


@scenario("faults.slot_is_gone")
def slot_is_gone(bench):
    """A slot somebody dropped is a named error, never a silent gap."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    task = bench.task(source, target)
    task.catch_up()
    source.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")
    source.execute("INSERT INTO t VALUES (5000, 'lost if silent')")
    output = task.run("--until", "caught-up", code=1, seconds=60)
    expect("slot" in output and "reload-target" in output, f"the message names no slot or no remedy:\n{output}")


@scenario("faults.slot_was_moved")
def slot_was_moved(bench):
    """A slot that somebody else advanced past our position is the error position_gone."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    task = bench.task(source, target)
    task.catch_up()
    source.execute("INSERT INTO t VALUES (5000, 'lost if silent')")
    source.execute("SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots "
                   "WHERE database = current_database()")
    output = task.run("--until", "caught-up", code=1, seconds=60)
    expect("position_gone" in output, f"the error is not named:\n{output}")


@scenario("faults.data_disk_full")
def data_disk_full(bench):
    """The disk of the data folder is full: a clear error, and the task goes on after space returns."""
    if os.geteuid() != 0:
        raise Skip("mounting a small disk needs root")
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    task = bench.task(source, target)
    task.data.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(task.data)], capture_output=True)
    if mounted.returncode != 0:
        raise Skip("this machine does not allow mounting a tmpfs")
    bench.closers.append(lambda: subprocess.run(["umount", "-l", str(task.data)], check=False))
    task.catch_up()
    ballast = task.data / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as full:
        while True:
            full.write(b"x" * 4096)
    source.execute("INSERT INTO t SELECT g, 'while full' FROM generate_series(20000, 60000) g")
    output = task.run("--until", "caught-up", code=None, seconds=90)
    expect("disk" in output.lower() or "space" in output.lower() or task.runs and streamed(target) > 0,
           f"the disk is not named:\n{output}")
    ballast.unlink()
    task.catch_up()
    expect_equal(source, target, ["t"])


@scenario("faults.interrupt_twice")
def interrupt_twice(bench):
    """A second Ctrl-C stops at once and loses nothing."""
    import signal
    source, target = bench.source(), bench.target()
    source.execute(TABLE + "; CREATE SEQUENCE s START 10000")
    task = bench.task(source, target)
    run = task.start()
    writer = Trickle(source)
    try:
        run.wait_until("changes", lambda: streamed(target) > 10)
        run.process.send_signal(signal.SIGINT)
        with contextlib.suppress(ProcessLookupError):
            run.process.send_signal(signal.SIGINT)
        run.wait(130, 10)
    finally:
        writer.stop()
    task.catch_up()
    expect_equal(source, target, ["t"])


@scenario("faults.interrupt_while_target_is_silent")
def interrupt_silent(bench):
    """Ctrl-C while the target's connections are half-open, so that not even a cancel is answered: over in ten seconds."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    task = bench.task(source, target)
    proxy = Proxy(bench, target.server.port)
    task.document["target"]["Port"] = proxy.port
    task.catch_up()
    run = task.start()
    source.execute("INSERT INTO t VALUES (10000, 'streamed')")
    run.wait_until("changes", lambda: streamed(target) == 1)
    proxy.do("hold")
    source.execute("INSERT INTO t VALUES (10001, 'held')")
    with contextlib.suppress(Failure):  # a moment, for the change to get stuck
        wait_for("nothing", lambda: False, 0.5)
    run.interrupt(13)
    proxy.do("cut")
    proxy.do("clear")
    task.catch_up()
    expect_equal(source, target, ["t"])


@scenario("faults.table_dropped_while_loading")
def table_dropped(bench):
    """A table that vanishes between plan and load suspends itself; the others go on."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE + "; CREATE TABLE gone (id int PRIMARY KEY)")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("DROP TABLE gone; INSERT INTO t VALUES (7000, 'x')")
    try:
        task.catch_up()
    except Failure as failure:
        expect("gone" in str(failure), str(failure))
        return
    wait_for("the other table", lambda: target.one("SELECT count(*) FROM t WHERE id = 7000") == 1, 5)
