# SPDX-License-Identifier: Apache-2.0
"""What every row of the speed table is made of: two durable servers, a clock, CPU-seconds, and rows of results."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import resource
import shlex
import subprocess
import sys
import threading
import time

import psutil

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests/e2e"))

from harness import Bench, Failure, Servers, expect_equal as expect_equal_sorted  # noqa: E402
from servers import Postgres, wait_for  # noqa: E402,F401

BINARIES = "/usr/lib/postgresql/15/bin"


@dataclasses.dataclass
class Timing:
    """Wall seconds, and CPU-seconds of clients (ours or the reference's processes) and of both servers."""
    wall: float
    client_cpu: float
    server_cpu: float
    memory_peak: int = 0

    def __str__(self):
        return f"{self.wall:.2f} s"


@dataclasses.dataclass
class Row:
    """One line of the table: `ratio` is ours to the reference's, `bar` what it may be at most or must be at least."""
    figure: str
    reference: str
    ours: str
    theirs: str
    ratio: float
    bar: float
    at_least: bool = False
    cpu: str = ""
    command: str = ""
    load: float = dataclasses.field(default_factory=lambda: os.getloadavg()[0])  # when the row was finished

    def holds(self):
        return self.ratio >= self.bar if self.at_least else self.ratio <= self.bar


class Lab:
    """Two servers with fsync on and the folders of one benchmark run."""

    def __init__(self, rows):
        self.rows = rows
        self.servers = Servers()
        self.bench = Bench(self.servers, TOP / "build/millrace", "bench")
        # No autovacuum: it would fall on whoever runs after the other has filled its table.
        settings = ["autovacuum = off", "shared_buffers = 1GB", "max_wal_size = 16GB", "checkpoint_timeout = 30min",
                    "max_replication_slots = 40", "wal_sender_timeout = 60s"]
        folder = self.servers.folder
        self.source_server = Postgres(folder / "source", 15, settings, durable=True)
        self.target_server = Postgres(folder / "target", 15, settings, durable=True)
        self.more_servers = []  # of other families, which end with `servers`
        self.made = {}  # sources that serve several rows
        self.results = []

    def close(self):
        self.bench.close()
        self.source_server.stop("immediate")
        self.target_server.stop("immediate")
        self.servers.close()

    def source(self):
        return self.bench.database("source", self.source_server)

    def target(self):
        return self.bench.database("target", self.target_server)

    def add(self, row):
        self.results.append(row)
        sign = ">=" if row.at_least else "<="
        print(f"{row.figure} | {row.reference}: ours {row.ours}, theirs {row.theirs}, ratio {row.ratio:.2f} "
              f"({sign} {row.bar}: {'holds' if row.holds() else 'MISSED'}) {row.cpu}", flush=True)

    def compare(self, figure, reference, ours, theirs, bar, command):
        self.add(Row(figure, reference, str(ours), str(theirs), ours.wall / theirs.wall, bar, command=command,
                     cpu=f"CPU s: ours {ours.client_cpu:.1f} + servers {ours.server_cpu:.1f}; "
                         f"theirs {theirs.client_cpu:.1f} + servers {theirs.server_cpu:.1f}"))

    def server_cpu(self):
        return sum(cpu_of_tree(server.process.pid) for server in (self.source_server, self.target_server, *self.more_servers))

    def settle(self):
        """The same start for everybody: everything written, caches as they are."""
        for server in (self.source_server, self.target_server):
            run_sql(server, "CHECKPOINT")

    def timed(self, action):
        self.settle()
        servers, clients = self.server_cpu(), children_cpu()
        began = time.monotonic()
        action()
        wall = time.monotonic() - began
        return Timing(wall, children_cpu() - clients, self.server_cpu() - servers)

    def timed_task(self, task, *arguments):
        """`millrace run` to its end, with its peak memory."""
        def action():
            run = task.start(*arguments)
            watch = threading.Thread(target=watch_peak, args=(run, peaks))
            watch.start()
            run.wait(0)
            watch.join()
        peaks = [0]
        timing = self.timed(action)
        timing.memory_peak = max(peaks)
        return timing

    def shell(self, line, environment=None):
        done = subprocess.run(["bash", "-c", "set -o pipefail; " + line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env={**os.environ, **(environment or {})})
        if done.returncode != 0:
            raise Failure(f"{line}\n{done.stdout[-3000:]}")
        return done.stdout

    def timed_shell(self, line):
        return self.timed(lambda: self.shell(line))


def run_sql(server, sql, database="postgres"):
    connection = server.connect(database)
    with connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_of_tree(pid):
    """CPU-seconds of a server: its living processes and those it has already buried."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in process.children():
        try:
            times = child.cpu_times()
            total += times.user + times.system
        except psutil.NoSuchProcess:
            pass
    return total


def expect_equal(source, target, tables):
    """As the scenarios' own comparison, for millions of rows: both sides at once and nothing sorted, each row's two hashes
    of 64 bits added up, which keeps its multiplicity."""
    def sums(database, table):
        return database.execute("SELECT count(*), sum(hashtextextended(r, 0)), sum(hashtextextended(r, 1)) "
                                f"FROM (SELECT ROW(t.*)::text AS r FROM {table} t) x")[0]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for pair in tables:
            ours, theirs = pair if isinstance(pair, tuple) else (pair, pair)
            left, right = pool.map(sums, (source, target), (ours, theirs))
            if left != right:
                expect_equal_sorted(source, target, [pair])
                raise Failure(f"{ours}: {left} at the source, {right} on the target")


def uri(database):
    return f"postgresql://postgres@127.0.0.1:{database.server.port}/{database.name}"


def psql(database, sql):
    return f"{BINARIES}/psql -X -q -v ON_ERROR_STOP=1 -d {uri(database)} -c {shlex.quote(sql)}"


def watch_peak(run, peaks):
    """The task's peak as it grows. (What wait4 tells holds this interpreter's own, from before exec.)"""
    while run.running():
        peaks.append(run.memory_peak())
        time.sleep(0.02)


def better(*timings):
    return min(timings, key=lambda timing: timing.wall)


def save(results, rows, path):
    """Keeps the newest result of each (figure, reference), also from earlier runs of single rows. The subscription's
    latency in a reference is a result too."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    stamp = time.strftime("%Y-%m-%d")
    for row in results:
        kept[f"{row.figure} | {row.reference.split(' (subscription')[0]}"] = {**dataclasses.asdict(row), "holds": row.holds(), "rows": rows,
                                                   "date": stamp}
    path.write_text(json.dumps(kept, indent=1) + "\n")
    return kept
