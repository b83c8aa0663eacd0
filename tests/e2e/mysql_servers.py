# SPDX-License-Identifier: Apache-2.0
"""Throwaway MariaDB and MySQL servers on loopback, on free ports: the second family of databases. They end with their
owner, as PostgreSQL's clusters in servers.py do."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import threading

import pymysql

from servers import LIBC, NOBODY, PR_SET_PDEATHSIG, Failure, copy_of, free_port, unprivileged, wait_for

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SETTINGS = ["--bind-address=127.0.0.1", "--server-id=1", "--log-bin=binlog", "--binlog-format=ROW",
            "--binlog-row-image=FULL", "--binlog-row-metadata=FULL", "--character-set-server=utf8mb4",
            "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--innodb-buffer-pool-size=128M",
            "--local-infile=ON", "--max-allowed-packet=1G", "--skip-name-resolve", "--max-connections=300"]


def dies_with_us():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def unprivileged_dies_with_us():
    unprivileged()
    dies_with_us()


class Server:
    """One server with the account millrace/secret, which may do everything; root without a password by its socket."""

    engine_name = ""
    init_command = ""  # rows made by recursion are cut off at a thousand otherwise

    def __init__(self, folder, settings=(), port=None, environment=None):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.temporary = self.folder / "tmp"  # of its own: a starting server removes the temporary tables it finds
        self.port = port or free_port()
        self.settings, self.environment = list(settings), {**os.environ, **(environment or {})}
        self.process = None
        self.databases = 0
        self.lock = threading.Lock()
        self.folder.mkdir(parents=True)
        self.temporary.mkdir()
        self._make()
        self.start()
        root = self._root(autocommit=True)
        with root.cursor() as cursor:
            cursor.execute("CREATE USER millrace@'%' IDENTIFIED BY 'secret'")
            cursor.execute("GRANT ALL ON *.* TO millrace@'%' WITH GRANT OPTION")
        root.close()

    def _command(self):
        raise NotImplementedError

    def _initialize(self):
        raise NotImplementedError

    # A new data directory costs seconds: one of each kind is made for all servers of this process, and copied.
    patterns, patterns_lock = {}, threading.Lock()

    def _make(self):
        kind = type(self)
        with Server.patterns_lock:
            if kind not in Server.patterns:
                self._initialize()
                made = tempfile.TemporaryDirectory(prefix=f"millrace-{self.engine_name}-")
                (self.data / "auto.cnf").unlink(missing_ok=True)  # each start without it makes an identity of its own
                copy_of(self.data, f"{made.name}/data")
                Server.patterns[kind] = made
                return
        copy_of(f"{Server.patterns[kind].name}/data", self.data)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self._command(), f"--port={self.port}", f"--socket={self.folder}/sock", f"--pid-file={self.folder}/pid",
                 *SETTINGS, *self.settings], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=self.before_exec, cwd="/", start_new_session=True, env=self.environment)

        def answers():
            if self.process.poll() is not None:
                raise Failure(f"{self.engine_name} did not start: {(self.folder / 'log').read_text()[-2000:]}")
            with contextlib.suppress(pymysql.err.OperationalError):
                self._root().close()
                return True
        wait_for(f"{self.engine_name} on port {self.port}", answers, 60)

    def stop(self, mode="fast"):
        if self.process and self.process.poll() is None:
            self.resume()
            self.process.send_signal(signal.SIGKILL if mode == "immediate" else signal.SIGTERM)
            self.process.wait(60)
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def connect(self, database=None, autocommit=True, **options):
        return self._root(database=database or None, autocommit=autocommit, charset="utf8mb4", init_command=self.init_command,
                          client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS, **options)

    def _root(self, **options):
        """TLS, which a socket does not need, would be made ready all the same: 30 ms of computing for each session."""
        return pymysql.connect(unix_socket=str(self.folder / "sock"), user="root", ssl_disabled=True, **options)

    def new_database(self, hint="db"):
        with self.lock:
            self.databases += 1
            name = f"{hint}_{self.databases}"
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}`")
        connection.close()
        return MysqlDatabase(self, name)


def unpacked_program(root, name, data, temporary, share="mysql"):
    """A server's program of packages that are unpacked in `root`, run by their own loader."""
    return [f"{root}/usr/lib64/ld-linux-x86-64.so.2", "--library-path", f"{root}/usr/lib/x86_64-linux-gnu",
            f"{root}/usr/sbin/{name}", "--no-defaults", f"--basedir={root}/usr", f"--datadir={data}",
            f"--tmpdir={temporary}", f"--plugin-dir={root}/usr/lib/mysql/plugin",
            f"--lc-messages-dir={root}/usr/share/{share}", f"--character-sets-dir={root}/usr/share/{share}/charsets",
            *(["--user=root"] if os.geteuid() == 0 else [])]


class MariaDB(Server):
    """The system's, or ($MILLRACE_MARIADB_ROOT) another release's unpacked packages, to try one by hand."""

    engine_name = "mariadb"
    init_command = "SET SESSION max_recursive_iterations = 1000000"
    root = os.environ.get("MILLRACE_MARIADB_ROOT")
    before_exec = staticmethod(dies_with_us if root else unprivileged_dies_with_us)

    def _make(self):
        if not self.root and os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            os.chown(self.temporary, NOBODY, NOBODY)
        super()._make()

    def _initialize(self):
        if self.root:
            self._initialize_unpacked()
            return
        done = subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={self.data}",
                               f"--tmpdir={self.temporary}", "--skip-test-db",
                               "--auth-root-authentication-method=normal"], preexec_fn=unprivileged, cwd="/",
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"mariadb-install-db: {done.stdout}{done.stderr}")

    def _initialize_unpacked(self):
        """What mariadb-install-db does, which knows no loader."""
        (self.data / "mysql").mkdir(parents=True)
        scripts = ("system_tables", "performance_tables", "system_tables_data", "sys_schema")
        sql = "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n" + "".join(
            pathlib.Path(f"{self.root}/usr/share/mariadb/mariadb_{script}.sql").read_text() for script in scripts)
        program = unpacked_program(self.root, "mariadbd", self.data, self.temporary, "mariadb")
        done = subprocess.run([*program, "--bootstrap"], input=sql, capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise Failure(f"mariadbd --bootstrap: {done.stdout}{done.stderr}")

    def _command(self):
        program = ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.data}", f"--tmpdir={self.temporary}"]
        if self.root:
            program = unpacked_program(self.root, "mariadbd", self.data, self.temporary, "mariadb")
        return [*program, "--log-slave-updates=ON"]


class MySQL(Server):
    """Unpacked below the cache, which an unprivileged user need not see: it runs as whoever we are."""

    engine_name = "mysql"
    init_command = "SET SESSION cte_max_recursion_depth = 1000000"
    before_exec = staticmethod(dies_with_us)

    def _program(self):
        root = subprocess.run([TOP / "tests/services/mysql_server.sh", "root"], capture_output=True, text=True,
                              check=True).stdout.strip()
        return unpacked_program(root, "mysqld", self.data, self.temporary)

    def _initialize(self):
        done = subprocess.run([*self._program(), "--initialize-insecure"], cwd="/", capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"mysqld --initialize-insecure: {done.stdout}{done.stderr}")

    def _command(self):
        return [*self._program(), "--mysqlx=OFF", "--gtid-mode=ON", "--enforce-gtid-consistency=ON",
                "--log-replica-updates=ON", "--innodb-redo-log-capacity=64M", "--performance-schema=OFF",
                "--secure-file-priv="]


class MysqlDatabase:
    """One schema of a server, for tests: runs SQL in autocommit on a connection of its own, made anew when lost."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.connection = None

    def execute(self, sql, parameters=None):
        """Runs one or several statements; rows of the last one, or None."""
        if self.connection is None:
            self.connection = self.server.connect(self.name)
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                rows = cursor.fetchall() if cursor.description else None
                while cursor.nextset():
                    rows = cursor.fetchall() if cursor.description else None
                return rows
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError):
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

    def endpoint(self, kind, **members):
        return {"EndpointIdentifier": f"{kind}-{self.name}".replace("_", "-"), "EndpointType": kind,
                "EngineName": self.server.engine_name, "ServerName": "127.0.0.1", "Port": self.server.port,
                "Username": "millrace", "Password": "secret", **members}

    def drop(self):
        self.close()
        with contextlib.suppress(pymysql.err.Error), contextlib.closing(self.server.connect()) as connection:
            connection.cursor().execute(f"DROP DATABASE IF EXISTS `{self.name}`")
