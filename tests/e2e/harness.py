# SPDX-License-Identifier: Apache-2.0
"""What a scenario works with: a Bench with servers, databases, folders and tasks that run the real binary.

    @scenario("postgres.some_tables")
    def some_tables(bench):
        source, target = bench.source(), bench.target()
        source.execute("CREATE TABLE t (id int PRIMARY KEY)")
        task = bench.task(source, target.endpoint("target"))
        task.run("--until", "caught-up")
        expect_equal(source, target, ["public.t"])

The databases themselves compare rows; files are read with pyarrow. Nothing sleeps: wait_for polls with a deadline.
Servers are shared by all scenarios of one run, databases are not; `bench.own_postgres()` is for those that restart it.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import traceback

import pyarrow
import pyarrow.csv
import pyarrow.parquet

from mysql_servers import MariaDB, MySQL, MysqlDatabase
from servers import Database, Failure, Postgres, wait_for

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SCENARIOS = {}
LONG = set()
RUN_SECONDS_MAX = 180


class Skip(Exception):
    """This machine cannot run the scenario; the reason is printed and counted."""


def scenario(name, takes_long=False):
    """Registers a function of a bench. One that `takes_long`, a minute or so, begins before the others: it does not end alone."""
    def register(function):
        if name in SCENARIOS:
            raise ValueError(f"two scenarios are called {name}")
        SCENARIOS[name] = function
        if takes_long:
            LONG.add(name)
        return function
    return register


def expect(condition, message):
    if not condition:
        raise Failure(message)


def expect_same(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}\n  expected: {str(expected)[:1500]}\n  actual:   {str(actual)[:1500]}")


MEMORY, MEMORY_BYTES_MIN = "/dev/shm", 12 << 30


def has_much_memory():
    """Enough for all data of a run's servers."""
    with contextlib.suppress(OSError, ValueError):
        room = os.statvfs(MEMORY)
        (available,) = (int(line.split()[1]) << 10 for line in open("/proc/meminfo") if line.startswith("MemAvailable:"))
        return os.path.ismount(MEMORY) and min(room.f_bavail * room.f_frsize, available) >= MEMORY_BYTES_MIN
    return False


class Servers:
    """The clusters that scenarios share; each starts when first asked for. With `survive` they outlive us. With `brief`
    their data may lie in memory, where making and removing databases costs a third; what Millrace writes never does."""

    def __init__(self, survive=False, brief=False):
        self.survive = survive
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-e2e-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.data = self.folder
        if brief and has_much_memory():
            self.data = pathlib.Path(tempfile.mkdtemp(prefix="millrace-e2e-", dir=MEMORY))
            self.data.chmod(0o755)
        self.lock = threading.Lock()
        self.shared = {}
        self.kept = False  # somebody wants to look at what is left

    def postgres(self, name, major=15, settings=()):
        with self.lock:
            if name not in self.shared:
                self.shared[name] = Postgres(self.data / name, major, settings, survive=self.survive)
            return self.shared[name]

    def of_class(self, kind, name=None):
        """A MariaDB or MySQL server."""
        name = name or kind.__name__.lower()
        with self.lock:
            if name not in self.shared:
                self.shared[name] = kind(self.data / name)
            return self.shared[name]

    def close(self):
        for server in self.shared.values():
            server.stop("immediate")
        if not self.kept:
            for folder in {self.folder, self.data}:
                shutil.rmtree(folder, ignore_errors=True)


class Run:
    """One process of the task in the background."""

    def __init__(self, command, output, environment):
        self.output = output
        self.log = open(output, "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                        env=environment)

    def text(self):
        return self.output.read_text(errors="replace")

    def wait(self, code=0, seconds=RUN_SECONDS_MAX):
        try:
            actual = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"the task still ran after {seconds} s\n{self.text()[-3000:]}") from None
        self.log.close()
        if code is not None and actual != code:
            raise Failure(f"the task ended with {actual} instead of {code}\n{self.text()[-3000:]}")
        return actual

    def interrupt(self, seconds=15):
        """Ctrl-C: stops at a commit boundary within ten seconds, exit code 130."""
        self.process.send_signal(signal.SIGINT)
        return self.wait(130, seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def running(self):
        return self.process.poll() is None

    def wait_until(self, what, condition, seconds=60):
        """As wait_for, and fails at once with the log when the process has ended."""
        def check():
            if not self.running():
                raise Failure(f"the task ended with {self.process.returncode} while waiting for {what}\n"
                              f"{self.text()[-3000:]}")
            return condition()
        try:
            return wait_for(what, check, seconds)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.text()[-3000:]}") from None

    def memory_peak(self):
        """VmHWM in bytes; 0 when the process has gone."""
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return 0


class Task:
    """A task file and its data folder. Members of `document` may be changed before a run."""

    def __init__(self, bench, document):
        self.bench, self.document = bench, document
        number = len(bench.tasks)
        self.file = bench.folder / f"task-{number}.json"
        self.data = bench.folder / f"data-{number}"
        self.runs = 0

    def write(self):
        self.file.write_text(json.dumps(self.document, indent=1))
        return self.file

    def command(self, verb, *arguments):
        return [self.bench.binary, *verb.split(), *([] if verb == "status" else [str(self.write())]), "--data-dir",
                str(self.data), *map(str, arguments)]

    def start(self, *arguments, environment=None):
        """`millrace run` in the background."""
        self.runs += 1
        run = Run(self.command("run", "--progress", "plain", *arguments), self.bench.folder / f"{self.file.stem}-{self.runs}.log",
                  {**os.environ, **(environment or {})})
        self.bench.running.append(run)
        return run

    def run(self, *arguments, code=0, seconds=RUN_SECONDS_MAX, environment=None):
        """`millrace run` to its end; returns its output."""
        run = self.start(*arguments, environment=environment)
        run.wait(code, seconds)
        return run.text()

    def catch_up(self, **options):
        return self.run("--until", "caught-up", **options)

    def call(self, verb, *arguments, code=0, seconds=120):
        """Another command to its end; returns its output."""
        done = subprocess.run(self.command(verb, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds, stdin=subprocess.DEVNULL)
        if code is not None and done.returncode != code:
            raise Failure(f"millrace {verb} ended with {done.returncode} instead of {code}\n{done.stdout[-3000:]}")
        return done.stdout

    def statistics(self):
        """The table statistics, by "schema.table"."""
        document = json.loads(self.call("status", "--json"))
        return {f"{row['SchemaName']}.{row['TableName']}": row for row in document["TableStatistics"]}


def select(schema="public", table="%", action="include", **rule):
    return {"rule-type": "selection", "rule-action": action,
            "object-locator": {"schema-name": schema, "table-name": table}, **rule}


def transform(target, action, schema="public", table=None, column=None, **rule):
    locator = {"schema-name": schema}
    if table:
        locator["table-name"] = table
    if column:
        locator["column-name"] = column
    return {"rule-type": "transformation", "rule-target": target, "rule-action": action, "object-locator": locator, **rule}


class Bench:
    """One scenario's workplace; everything in it ends with the scenario."""

    def __init__(self, servers, binary, name):
        self.servers, self.binary, self.name = servers, str(binary), name
        self.folder = servers.folder / name.replace(".", "-")
        self.own_data = servers.data / f"{self.folder.name}-servers"
        self.folder.mkdir()
        self.databases, self.tasks, self.running, self.owned = [], [], [], []
        self.closers = []

    def postgres(self, major=15):
        # Each database that is made brings checkpoints, behind which the log repeats whole pages; nobody kills this server.
        # A checkpoint that runs while a slot is made may remove the slot's log: it is kept a while longer.
        return self.servers.postgres(f"postgres{major}", major, ["full_page_writes = off", "wal_keep_size = 512MB"])

    def own_postgres(self, name, major=15, settings=()):
        return self.own(Postgres, name, major, settings)

    def own(self, kind, name, *arguments, place=None, **members):
        """A server that ends with the scenario; with `place` its data lies there."""
        server = kind((place or self.own_data) / name, *arguments, **members)
        self.owned.append(server)
        return server

    def mariadb(self):
        return self.servers.of_class(MariaDB)

    def mysql(self):
        return self.servers.of_class(MySQL)

    def database(self, hint, server=None):
        database = (server or self.postgres()).new_database(hint)
        self.databases.append(database)
        return database

    def source(self, server=None):
        return self.database("source", server)

    def target(self, server=None):
        return self.database("target", server)

    def lake(self, name="lake", **settings):
        """A folder and the endpoint that means it."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        members = {"CdcMaxBatchInterval": 1, **settings}
        return folder, {"EndpointIdentifier": name, "EndpointType": "target", "EngineName": "s3",
                        "MillraceUrl": f"file://{folder}", "S3Settings": members}

    def task(self, source, target, rules=None, kind="full-load-and-cdc", settings=None, **members):
        """`source` is a Database or an endpoint, `target` an endpoint."""
        rules = rules or [select()]
        for number, rule in enumerate(rules, 1):
            rule.setdefault("rule-id", str(number))
            rule.setdefault("rule-name", f"rule-{number}")
        task = Task(self, {
            "source": source.endpoint("source") if isinstance(source, (Database, MysqlDatabase)) else source,
            "target": target.endpoint("target") if isinstance(target, (Database, MysqlDatabase)) else target,
            "task": {"ReplicationTaskIdentifier": self.name.replace(".", "-").replace("_", "-") + f"-{len(self.tasks)}",
                     "MigrationType": kind, "TableMappings": {"rules": rules},
                     "ReplicationTaskSettings": settings or {}, **members}})
        self.tasks.append(task)
        return task

    def close(self, keep=False):
        """Stops what the scenario started and removes what it made; with `keep` folders and databases stay."""
        for run in self.running:
            if run.running():
                run.kill()
        for closer in reversed(self.closers):
            with contextlib.suppress(Exception):
                closer()
        for server in self.owned:
            server.stop("immediate")
        if keep:
            self.servers.kept = True
            return
        for database in self.databases:
            if database.server not in self.owned:
                database.drop()
        for folder in (self.folder, self.own_data):
            shutil.rmtree(folder, ignore_errors=True)


def fingerprint(database, table, columns="t.*"):
    """Number of rows and a hash over all of them, in no particular order, with multiplicity."""
    return database.execute(
        f"SELECT count(*), md5(coalesce(string_agg(h, '' ORDER BY h), '')) FROM "
        f"(SELECT md5(ROW({columns})::text) AS h FROM {table} t) x")[0]


def expect_equal(source, target, tables, columns="t.*"):
    """Both databases hold the same rows in each table; a pair (source table, target table) may differ in name."""
    for pair in tables:
        ours, theirs = pair if isinstance(pair, tuple) else (pair, pair)
        left, right = fingerprint(source, ours, columns), fingerprint(target, theirs, columns)
        if left != right:
            query = "SELECT ROW({})::text, count(*) FROM {} t GROUP BY 1"
            a = dict(source.execute(query.format(columns, ours)))
            b = dict(target.execute(query.format(columns, theirs)))
            missing = [row[:300] for row in a if b.get(row, 0) < a[row]][:5]
            surplus = [row[:300] for row in b if a.get(row, 0) < b[row]][:5]
            raise Failure(f"{ours}: {left[0]} rows at the source, {right[0]} on the target\n  only at the source: "
                          f"{missing}\n  only on the target: {surplus}")


def files_of(folder, table, pattern="*"):
    """The visible files of a table (schema/table) in order: load files first, then change files by name."""
    place = pathlib.Path(folder) / table
    found = [path for path in place.rglob(pattern) if path.is_file() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: ("LOAD" not in path.name, path.name))


@dataclasses.dataclass
class FileRow:
    file: str
    cells: tuple


def read_csv(path, null_text=None):
    """Rows of one CSV file as text, read by pyarrow; NULL and '' look alike unless `null_text` is given."""
    if path.stat().st_size == 0:
        return []
    options = pyarrow.csv.ConvertOptions(
        strings_can_be_null=null_text is not None, null_values=[null_text] if null_text is not None else [],
        quoted_strings_can_be_null=False, column_types={f"f{number}": pyarrow.string() for number in range(400)})
    table = pyarrow.csv.read_csv(str(path), pyarrow.csv.ReadOptions(autogenerate_column_names=True),
                                 pyarrow.csv.ParseOptions(newlines_in_values=True), options)
    return list(zip(*(column.to_pylist() for column in table.columns)))


def csv_rows(folder, table, null_text=None):
    """All rows of all files of a table, in order."""
    return [FileRow(path.name, row) for path in files_of(folder, table, "*.csv") for row in read_csv(path, null_text)]


def parquet_rows(folder, table):
    rows = []
    for path in files_of(folder, table, "*.parquet"):
        rows += [FileRow(path.name, tuple(row.values())) for row in pyarrow.parquet.read_table(path).to_pylist()]
    return rows


def rebuilt(rows, key=1):
    """The state after all changes: the first `key` cells after Op are the key. Fails on a change that cannot be."""
    state = {}
    for row in rows:
        op, cells = row.cells[0], tuple(row.cells[1:])
        at = cells[:key]
        if op == "I":
            expect(at not in state, f"{row.file}: {at} inserted twice")
            state[at] = cells
        elif op == "U":
            expect(at in state, f"{row.file}: {at} updated before it was inserted")
            state[at] = cells
        elif op == "D":
            expect(at in state, f"{row.file}: {at} deleted but not there")
            del state[at]
        else:
            raise Failure(f"{row.file}: Op is {op!r}")
    return state


def run_one(servers, binary, name):
    """None, or what went wrong; raises Skip."""
    bench = Bench(servers, binary, name)
    try:
        SCENARIOS[name](bench)
        return None
    except Skip:
        raise
    except Failure as failure:
        return str(failure)
    except Exception:
        return traceback.format_exc()
    finally:
        bench.close()
