# SPDX-License-Identifier: Apache-2.0
"""Threads that look on while a pair is proved; each remembers its figures and the first contradiction it met.

Pulse writes a number at the source every few hundredths of a second: how long until the target shows a number tells
the lag, and whether changes stream again. Gauge samples the task's memory and the source's log. TargetReader asks a
database the workloads' questions, in one snapshot each."""

import contextlib
import pathlib
import threading
import time

from harness import Failure
from servers import AWAY, wait_for
from workloads import Table

PULSE = Table("pulse", "beats", version=1)
PULSE_SCHEMA = ("CREATE SCHEMA pulse; CREATE TABLE pulse.beats (id int PRIMARY KEY, n bigint NOT NULL); "
                "INSERT INTO pulse.beats VALUES (1, 0)")


class Watcher(threading.Thread):
    """Calls `look` until told to stop. A server that is away is looked at again; any other problem is a contradiction."""

    away = AWAY

    def __init__(self, pause_seconds):
        super().__init__(daemon=True)
        self.pause, self.ending, self.contradiction = pause_seconds, threading.Event(), None

    def run(self):
        while not self.ending.wait(self.pause) and not self.contradiction:
            try:
                self.look()
            except self.away:
                self.disconnect()
            except Exception as problem:
                self.contradiction = f"{type(problem).__name__}: {problem}"
        self.disconnect()

    def disconnect(self):
        pass

    def check(self):
        if self.contradiction:
            raise Failure(f"the {type(self).__name__} found: {self.contradiction}")

    def stop(self):
        self.ending.set()
        self.join(60)
        self.check()


class DatabaseWatcher(Watcher):
    """One with a connection of its own to a database."""

    def __init__(self, database, pause_seconds):
        super().__init__(pause_seconds)
        self.database, self.connection = database, None

    def cursor(self):
        if self.connection is None:
            self.connection = self.database.server.connect(self.database.name)
        return self.connection.cursor()

    def do(self, sql):
        with self.cursor() as cursor:
            cursor.execute(sql)

    def ask(self, sql):
        """The one row of a query, by the names of its columns."""
        with self.cursor() as cursor:
            cursor.execute(sql)
            return dict(zip((column[0] for column in cursor.description), cursor.fetchone()))

    def disconnect(self):
        if self.connection is not None:
            with contextlib.suppress(Exception):
                self.connection.close()
        self.connection = None


class Pulse(DatabaseWatcher):
    def __init__(self, source):
        super().__init__(source.database, 0.03)
        self.beat, self.newest, self.times = source.beat, 0, {}
        self.start()

    def look(self):
        with self.cursor() as cursor:
            newest = self.beat(cursor)
        self.times[newest] = time.monotonic()
        self.newest = newest

    def mark(self, alive, seconds):
        """A number that was written behind this call."""
        before = self.newest + 1  # the one that may be on its way
        def beaten():
            alive()
            self.check()
            return self.newest > before and self.newest
        return wait_for("the source to take changes", beaten, seconds, 0.01)

    def lag(self, seen):
        """Seconds since the first number was written that `seen` does not include."""
        following = [self.times[n] for n in (seen + 1, seen + 2) if n in self.times]  # a commit may have lost its answer
        return time.monotonic() - following[0] if following else 0.0


class Gauge(DatabaseWatcher):
    """Peak memory of the task, the largest log that the source retained for it, and the largest relay.

    PostgreSQL moves on what it retains when it notes its running transactions: every 15 s, and at a checkpoint. Ours come
    often, so that the figure is the task's and not that rhythm's."""

    LOOKS_A_CHECKPOINT = 10

    def __init__(self, source, running, relay):
        super().__init__(source.database, 0.2)
        self.retained = source.retained  # a query; none: the source keeps its log by rules of its own
        self.running, self.relay = running, relay  # the task's present process or None; a folder
        self.memory_max = self.retained_max = self.relay_max = self.looks = 0
        self.start()

    def look(self):
        run = self.running()
        if run:
            self.memory_max = max(self.memory_max, run.memory_peak())
        self.relay_max = max(self.relay_max, folder_bytes(self.relay))
        self.looks += 1
        if not self.retained:
            return
        if self.looks % self.LOOKS_A_CHECKPOINT == 0:
            self.do("CHECKPOINT")
        self.retained_max = max(self.retained_max, self.ask(self.retained)["bytes"])


class DatabaseEye(DatabaseWatcher):
    """The newest pulse that a target database shows, and the lag."""

    def __init__(self, database, pulse):
        super().__init__(database, 0.02)
        self.pulse, self.seen, self.lag_max = pulse, 0, 0.0
        self.start()

    def look(self):
        seen = self.ask("SELECT n FROM pulse.beats")["n"]
        if seen < self.seen:
            raise Failure(f"the pulse went back from {self.seen} to {seen}")
        self.seen = seen
        self.lag_max = max(self.lag_max, self.pulse.lag(seen))


class TargetReader(DatabaseWatcher):
    """Whether one snapshot of the target after the other is a state that the source had: nothing else has these answers."""

    POSITION = "SELECT coalesce(max(position_log), 0) AS position FROM {}.millrace_position"

    def __init__(self, database, questions, control="public"):
        super().__init__(database, 0.3)
        self.questions, self.looks, self.position = questions, 0, 0
        self.asked = self.POSITION.format(control)
        self.start()

    def look(self):
        for question in self.questions:
            for what, number in self.ask(question).items():
                if number:
                    raise Failure(f"look {self.looks}: {what}: {number}")
        position = self.ask(self.asked)["position"]
        if position < self.position:
            raise Failure(f"the position went back from {self.position} to {position}")
        self.position = position
        self.looks += 1


def folder_bytes(folder):
    """Bytes of the files in a folder that may be on its way out."""
    total = 0
    with contextlib.suppress(OSError):
        for file in pathlib.Path(folder).iterdir():
            with contextlib.suppress(OSError):
                total += file.stat().st_size
    return total
