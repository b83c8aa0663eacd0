# SPDX-License-Identifier: Apache-2.0
"""One pair under one fault after another: a Lane plays rounds, each in a World of its own.

A round: fresh databases; all workloads write; the task loads, and the first faults hit it there; from the moment it has
caught up readers look at the target without pause; then fault after fault, most of them awaited until the task streams
again, some met by the next one before that; at the end the task catches up and both sides must be equal. Servers serve
all rounds of a lane. What a failed round leaves is kept, and the failure says where and with which seed."""

import contextlib
import dataclasses
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
import traceback

from faults import FAULTS, applies
from harness import Bench, Failure, expect, expect_same, select
from pairs import SOURCE_LOG_CAP_MB
from servers import AWAY
from watchers import PULSE, PULSE_SCHEMA, Gauge, Pulse
from workloads import Writer

ROUND_FAULTS = 64
FAULTS_WHILE_LOADING = 2
RECOVERY_SECONDS_MAX = 90
FAILURES_MAX = 3
HASTY = {"task-kill": 0.33}  # how often the next fault comes before the task streams again
HASTY_ELSE = 0.15
WRITER_PAUSE_SECONDS = 0.025


class Stopped(Exception):
    """Somebody wants this to end now."""


class SmallDisk:
    """The task's data folder on a disk that can be filled: a small tmpfs where one may be mounted; else the process may
    write nothing more for a while, which looks much the same to it."""

    BYTES = 192 << 20

    def __init__(self, bench, folder):
        self.folder = folder
        folder.mkdir()
        self.mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.BYTES}", "tmpfs", str(folder)], capture_output=True).returncode == 0
        if self.mounted:
            bench.closers.append(lambda: subprocess.run(["umount", "-l", str(folder)], check=False))

    @contextlib.contextmanager
    def full(self, run):
        if self.mounted:
            ballast = self.folder / "ballast"
            try:
                with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                    room = os.statvfs(self.folder)
                    os.posix_fallocate(file.fileno(), 0, max(1, room.f_bavail * room.f_frsize - (1 << 16)))
                    file.seek(0, os.SEEK_END)
                    while True:
                        file.write(b"x" * 4096)
                yield
            finally:
                ballast.unlink()
        else:
            pid = run.process.pid
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            yield
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))

    def keep(self, place):
        """What is on it, where it stays."""
        if self.mounted:
            shutil.copytree(self.folder, place, dirs_exist_ok=True)


@dataclasses.dataclass
class Count:
    """Of one fault of one pair."""

    runs: int = 0
    seconds: list = dataclasses.field(default_factory=list)  # until changes streamed again, where that was awaited


@dataclasses.dataclass
class Tally:
    """What a lane has to report."""

    pair: str
    faults: dict = dataclasses.field(default_factory=dict)
    rounds: int = 0
    changes: int = 0
    looks: int = 0
    seconds: float = 0.0
    lag_max: float = 0.0
    memory_max: int = 0
    retained_max: int = 0
    relay_max: int = 0
    failures: list = dataclasses.field(default_factory=list)

    def of(self, name):
        return self.faults.setdefault(name, Count())

    def add(self, other):
        """Takes in what another lane of the pair did at the same time."""
        for name, count in other.faults.items():
            self.of(name).runs += count.runs
            self.of(name).seconds += count.seconds
        for figure in ("rounds", "changes", "looks"):
            setattr(self, figure, getattr(self, figure) + getattr(other, figure))
        for figure in ("seconds", "lag_max", "memory_max", "retained_max", "relay_max"):
            setattr(self, figure, max(getattr(self, figure), getattr(other, figure)))
        self.failures += other.failures


class World:
    """One round's databases, task and processes, and what runs beside them. Faults work on it."""

    def __init__(self, lane, number):
        self.lane, self.stopping = lane.name, lane.stopping
        self.chance = random.Random(f"{lane.seed} {lane.name} {number}")
        self.bench = Bench(lane.servers, lane.binary, f"{lane.name}-{number}")
        self.run = self.fault = self.pulse = self.gauge = self.disk = self.task = None
        self.restarted = 0.0
        self.counts, self.added, self.writers = {}, [], []
        self.workloads = [kind() for kind in lane.pair.source.workloads]
        self.tables = [table for workload in self.workloads for table in workload.tables]
        self.target = None
        try:
            self.source = lane.pair.source(self)
            self.target = lane.pair.target(self, *lane.pair.target_arguments)
            self.prepare()
        except BaseException:
            self.close(keep=False)
            raise

    def prepare(self):
        source = self.source.database
        source.execute("".join(workload.schema for workload in self.workloads) + PULSE_SCHEMA)
        if self.target.wants_old_rows:
            statements = "".join(self.source.full_rows_of(table) for table in [PULSE, *self.tables])
            if statements:
                source.execute(statements)
        self.task = self.bench.task(self.source.endpoint, self.target.endpoint,
                                    [select(schema=schema) for schema in dict.fromkeys(t.schema for t in [PULSE, *self.tables])],
                                    settings={"ErrorBehavior": {"RecoverableErrorInterval": 1}})
        self.disk = SmallDisk(self.bench, self.task.data)
        self.pulse = Pulse(self.source)
        self.gauge = Gauge(self.source, lambda: self.run, self.task.data / "relay")
        self.writers = [Writer(self.source, workload, random.Random(self.chance.random()), WRITER_PAUSE_SECONDS)
                        for workload in self.workloads]

    # ---- for faults

    def pause(self, least, most):
        """A random while, not a wait for something."""
        if self.stopping.wait(self.chance.uniform(least, most)):
            raise Stopped

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1
        return self.counts[what]

    def change(self, *statements):
        """Statements at the source, past all proxies, each a transaction."""
        self.source.database.close()  # the server may have been another process when it was made
        for statement in statements:
            self.source.database.execute(statement)

    def start(self, *arguments):
        self.run = self.task.start(*arguments)
        self.restarted = time.monotonic()

    def kill(self):
        self.alive()
        self.gauge.memory_max = max(self.gauge.memory_max, self.run.memory_peak())
        self.run.kill()
        self.run.output.unlink()
        self.run = None

    def interrupt(self):
        run, self.run = self.run, None
        run.process.send_signal(signal.SIGINT)
        code = run.wait(None, 20)
        expect(code in (130, -signal.SIGINT), f"the task ended with {code} when interrupted\n{run.text()[-3000:]}")

    # ---- for the lane

    def alive(self):
        """Fails when something has ended or found a contradiction that should not have."""
        if self.stopping.is_set():
            raise Stopped
        if self.run and not self.run.running():
            code, text = self.run.process.returncode, self.run.text()
            expected = self.fault and self.fault.stops and code in (1, 2)
            # A process that may write nothing cannot say why it ended either.
            if not expected or (self.disk.mounted and not re.search(self.fault.stops, text[-3000:])):
                raise Failure(f"the task ended by itself with {code}\n{text[-3000:]}")
            self.start()
        for writer in self.writers:
            expect(not writer.failed, f"a writer failed: {writer.failed}")
        for watcher in (self.pulse, self.gauge, self.target):
            watcher.check()

    def wait(self, what, condition, seconds=RECOVERY_SECONDS_MAX):
        deadline = time.monotonic() + seconds
        while True:
            self.alive()
            with contextlib.suppress(*AWAY):
                if condition():
                    return
            if time.monotonic() > deadline:
                raise Failure(f"waited {seconds} s for {what}\n{self.run.text()[-3000:]}")
            self.stopping.wait(0.01)

    def streams_again(self, since, overcome):
        """Waits until the target shows what was written from now on; the seconds since `since`, or the last start."""
        mark = self.pulse.mark(self.alive, RECOVERY_SECONDS_MAX)
        self.wait(f"changes to stream after {self.fault.name}", lambda: self.target.seen >= mark)
        seconds = time.monotonic() - max(since, self.restarted)
        if overcome:
            self.wait(f"the end of {self.fault.name}", overcome)
        return seconds

    def suffer(self, fault, tally, patient):
        self.alive()
        self.fault = fault
        overcome = fault.inject(self)
        ended = time.monotonic()
        count = tally.of(fault.name)
        count.runs += 1
        if patient:
            count.seconds.append(self.streams_again(ended, overcome))

    def begin(self, faults, tally):
        """Starts the task, has it hit while it loads, and leaves it streaming, with readers at the target."""
        self.start()
        self.wait("the task to begin", self.source.is_ready_for_faults)
        for fault in faults:
            self.pause(0.02, 0.5)
            self.suffer(fault, tally, patient=False)
        self.pause(0, 0.2)
        self.alive()
        if self.run.running():
            self.kill()
        self.catch_up()
        self.target.watch(self.pulse)
        self.start()

    def catch_up(self):
        self.run = None
        self.task.catch_up(seconds=180)

    def finish(self):
        for writer in self.writers:
            writer.stop()
        self.alive()
        self.pulse.stop()
        self.source.settle()
        if self.chance.random() < 0.5:
            self.kill()
        else:
            self.interrupt()
        self.catch_up()
        self.target.finish()
        self.gauge.stop()
        states = {name: row["TableState"] for name, row in self.task.statistics().items()}
        expect_same({name: state for name, state in states.items() if state not in ("Table completed", "Table was dropped")}, {},
                    "states of tables")
        self.target.compare([PULSE, *self.tables, *self.added])

    def figures(self, tally):
        tally.changes += sum(writer.changes for writer in self.writers)
        if self.gauge:
            tally.memory_max = max(tally.memory_max, self.gauge.memory_max)
            tally.retained_max = max(tally.retained_max, self.gauge.retained_max)
            tally.relay_max = max(tally.relay_max, self.gauge.relay_max)
        with contextlib.suppress(AttributeError):  # it never came to looking
            tally.looks += self.target.looks
            tally.lag_max = max(tally.lag_max, self.target.lag_max)

    def close(self, keep):
        for thread in [*self.writers, *filter(None, (self.pulse, self.gauge))]:
            thread.ending.set()
        if self.target:
            self.target.unwatch()
        if keep and self.disk:
            self.disk.keep(self.bench.folder / "data-kept")
        self.bench.close(keep)


class Lane:
    """One pair, round after round, until its faults have been dealt, its time is over or somebody says stop."""

    def __init__(self, servers, binary, pair, deck, seed, name=None, stopping=None, seconds=None, on_round=None):
        self.servers, self.binary, self.pair, self.seed = servers, binary, pair, seed
        self.name = name or f"prove-{pair.name}"
        self.deck = list(deck)
        self.stopping = stopping or threading.Event()
        self.deadline = time.monotonic() + seconds if seconds else None
        self.on_round = on_round or (lambda: None)
        self.tally = Tally(pair.name)

    def late(self):
        return self.deadline is not None and time.monotonic() > self.deadline

    def play(self):
        number = 0
        while self.deck and not self.late() and not self.stopping.is_set() and len(self.tally.failures) < FAILURES_MAX:
            number += 1
            hand, self.deck = self.deck[:ROUND_FAULTS], self.deck[ROUND_FAULTS:]
            began = time.monotonic()
            try:
                self.play_round(number, hand)
            except Stopped:
                break
            except Exception as problem:
                if self.stopping.is_set():
                    break
                self.tally.failures.append(f"round {number}, seed {self.seed}: " + (
                    str(problem) if isinstance(problem, Failure) else traceback.format_exc()))
            finally:
                self.tally.seconds += time.monotonic() - began
                self.on_round()
        return self.tally

    def play_round(self, number, hand):
        world = World(self, number)
        keep = False
        try:
            early = [fault for fault in hand if fault.loading][:FAULTS_WHILE_LOADING]
            world.begin(early, self.tally)
            for fault in early:
                hand.remove(fault)
            for fault in hand:
                if self.late():
                    break
                patient = bool(fault.stops) or world.chance.random() >= HASTY.get(fault.name, HASTY_ELSE)
                world.suffer(fault, self.tally, patient)
                world.pause(0, 0.2)
            world.finish()
            self.tally.rounds += 1
        except Failure as failure:
            keep = not self.stopping.is_set()
            hit = f" (the last fault was {world.fault.name})" if world.fault else ""
            raise Failure(f"{failure}{hit}\nwhat is left of it: {world.bench.folder}, its servers' data in {world.bench.servers.data}") from None
        except Stopped:
            raise
        except Exception:
            keep = not self.stopping.is_set()
            raise
        finally:
            world.figures(self.tally)
            world.close(keep)


def deck(pair, names, runs, chance):
    """Each applicable fault `runs` times, every one once before any comes again, in random order."""
    dealt = []
    for _ in range(runs):
        hand = [fault for fault in FAULTS.values() if applies(fault, pair) and (not names or fault.name in names)]
        chance.shuffle(hand)
        dealt += hand
    return dealt


RETAINED_MAX = (SOURCE_LOG_CAP_MB + 16) << 20  # the cap, and one segment of the log
