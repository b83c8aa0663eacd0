# SPDX-License-Identifier: Apache-2.0
"""The table of pairs: who is the source and who the target of a proof. A later connector is a class and a line of PAIRS.

A side has `endpoint` (its part of the task file) and what it `offers` to faults: a `server` to kill, pause, stop and start,
a `wire`, which is the `proxy` on the way to it. A source also has `database`, where the workloads write, and `wants_old_rows`. A target has

    watch(pulse)      from now on, the load being complete, readers look at it all the time
    seen              the newest pulse that it shows
    shows(table)      whether a table that was added has come
    check()           raises what the readers found
    finish()          the readers' last look and end
    compare(tables)   everything equals the source
    unwatch()         ends the readers, whatever they found
"""

import collections
import contextlib
import dataclasses
from typing import Callable

import botocore.exceptions
import pymysql

from harness import expect, expect_equal, expect_same
from lake import NULL, FileReader, Folder
from mysql_servers import MariaDB, MySQL, MysqlDatabase
from proxy import Proxy
from s3 import BUCKET, S3
from watchers import DatabaseEye, TargetReader
from workloads import WORKLOADS
from workloads_mysql import MYSQL_WORKLOADS, series

SOURCE_LOG_CAP_MB = 32
THERE = "g, 'there'"
SOURCE_SETTINGS = ["wal_sender_timeout = 6s", "logical_decoding_work_mem = 64kB", "full_page_writes = off"]


class PostgresSource:
    offers = {"server", "wire"}
    workloads = WORKLOADS
    retained = ("SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint AS bytes "
                "FROM pg_replication_slots WHERE database = current_database()")

    def __init__(self, world):
        self.server = world.bench.servers.postgres(f"{world.lane}-source", settings=SOURCE_SETTINGS)
        self.database = world.bench.source(self.server)
        self.proxy = Proxy(world.bench, self.server.port)
        self.endpoint = self.database.endpoint("source", Port=self.proxy.port, MillraceChunkMB=1,
                                               MillraceSourceLogCapMB=SOURCE_LOG_CAP_MB)

    def is_ready_for_faults(self):
        """The task has begun: from now on it outlasts what befalls it."""
        return self.database.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") > 0

    @staticmethod
    def beat(cursor):
        cursor.execute("UPDATE pulse.beats SET n = n + 1 RETURNING n")
        return cursor.fetchone()[0]

    @staticmethod
    def end_prepared(cursor):
        """Commits what a writer left prepared."""
        cursor.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
        for (name,) in cursor.fetchall():
            cursor.execute("COMMIT PREPARED %s", [name])

    def settle(self):
        self.database.close()
        connection = self.server.connect(self.database.name)
        with connection.cursor() as cursor:
            self.end_prepared(cursor)
        connection.close()

    @staticmethod
    def named(table):
        return table.quoted

    @staticmethod
    def drop_column(number):
        return f"ALTER TABLE odd.grows DROP COLUMN IF EXISTS c{number}"

    @staticmethod
    def late_table(name):
        """A table with 500 rows."""
        return (f"CREATE TABLE {name} (id int PRIMARY KEY, v text); "
                f"INSERT INTO {name} SELECT g, 'there' FROM generate_series(1, 500) g;")

    def rows(self, table):
        """All rows as text."""
        columns = [name for (name,) in self.database.execute(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum", [table.quoted])]
        return self.database.execute(f"SELECT {', '.join(f'{column}::text' for column in columns)} FROM {table.quoted}")

    def full_rows_of(self, table):
        """The log then carries whole old rows."""
        return f"ALTER TABLE {table.quoted} REPLICA IDENTITY FULL;"


class MysqlSource:
    """A MySQL or MariaDB server with all its schemas: the workloads' are made anew for each round."""

    offers = {"server", "wire"}
    workloads = MYSQL_WORKLOADS
    retained = None

    def __init__(self, world):
        self.server = world.bench.servers.of_class(self.kind, f"{world.lane}-source")
        self.database = MysqlDatabase(self.server, "mysql")  # the schema in use does not matter
        for schema in ("pulse", "bank", "shop", "odd"):
            self.database.execute(f"DROP DATABASE IF EXISTS {schema}")
        self.proxy = Proxy(world.bench, self.server.port)
        self.endpoint = self.database.endpoint("source", EndpointIdentifier="source", Port=self.proxy.port, MillraceChunkMB=1)

    def is_ready_for_faults(self):
        return any("Binlog Dump" in row[4] for row in self.database.execute("SHOW PROCESSLIST"))

    @staticmethod
    def beat(cursor):
        cursor.execute("UPDATE pulse.beats SET n = LAST_INSERT_ID(n + 1)")
        cursor.execute("SELECT LAST_INSERT_ID()")
        return cursor.fetchone()[0]

    @staticmethod
    def end_prepared(cursor):
        cursor.execute("XA RECOVER")
        for _, length, _, name in cursor.fetchall():
            with contextlib.suppress(pymysql.err.Error):  # its own session has ended it meanwhile
                cursor.execute("XA COMMIT %s", [name[:length]])

    def settle(self):
        self.database.close()
        connection = self.server.connect()
        with connection.cursor() as cursor:
            self.end_prepared(cursor)
        connection.close()

    @staticmethod
    def named(table):
        return ".".join("`" + part.replace("`", "``") + "`" for part in (table.schema, table.name))

    def drop_column(self, number):
        self.database.close()  # the server may have been another process when it was made
        there = self.database.one("SELECT count(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'odd' AND TABLE_NAME = 'grows' "
                                  "AND COLUMN_NAME = %s", [f"c{number}"])
        return f"ALTER TABLE odd.grows DROP COLUMN c{number}" if there else "DO 0"

    @staticmethod
    def late_table(name):
        return f"CREATE TABLE {name} (id int PRIMARY KEY, v text); INSERT INTO {name} {series(500, THERE)};"

    def rows(self, table):
        """All rows as text."""
        columns = [row[0] for row in self.database.execute(f"SHOW COLUMNS FROM {self.named(table)}")]
        texts = ", ".join("CAST(`" + column.replace("`", "``") + "` AS CHAR)" for column in columns)
        return [tuple(row) for row in self.database.execute(f"SELECT {texts} FROM {self.named(table)}")]

    def full_rows_of(self, table):
        return ""


class MariaSource(MysqlSource):
    kind = MariaDB


class OracleMysqlSource(MysqlSource):
    kind = MySQL


class MysqlSourceWithoutReload(OracleMysqlSource):
    """Its account may lock tables, not the server."""

    def __init__(self, world):
        super().__init__(world)
        self.database.execute("CREATE USER IF NOT EXISTS poor@'%' IDENTIFIED BY 'secret'; "
                              "GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT, LOCK TABLES ON *.* TO poor@'%'")
        self.endpoint["Username"] = "poor"


class DatabaseTarget:
    """What targets with transactions have in common; `control` is where the position is."""

    offers = {"server", "wire"}
    wants_old_rows = False
    follows_dropped_columns = True

    def __init__(self, world):
        self.open(world)
        self.proxy = Proxy(world.bench, self.server.port)
        self.endpoint = self.database.endpoint("target", EndpointIdentifier="target", Port=self.proxy.port)
        self.source = world.source
        self.questions = [question for workload in world.workloads if (question := self.question_of(workload))]
        self.eye = self.reader = None

    def watch(self, pulse):
        self.eye = DatabaseEye(self.database, pulse)
        self.reader = TargetReader(self.database, self.questions, self.control)

    @property
    def seen(self):
        return self.eye.seen

    @property
    def looks(self):
        return self.reader.looks

    @property
    def lag_max(self):
        return self.eye.lag_max

    def shows(self, table):
        return self.exists(table) and self.database.one(f"SELECT count(*) FROM {self.family.named(table)}") > 0

    def check(self):
        for watcher in filter(None, (self.eye, self.reader)):
            watcher.check()

    def finish(self):
        self.eye.stop()
        self.reader.stop()
        expect(self.reader.looks > 0, "nobody has looked at the target")

    def compare(self, tables):
        self.database.close()
        if isinstance(self.source, PostgresSource) and self.family is PostgresSource:
            expect_equal(self.source.database, self.database, [table.quoted for table in tables])
        else:
            for table in tables:
                ours = collections.Counter(self.source.rows(table))
                theirs = collections.Counter(self.family.rows(self, table))
                expect_same((ours - theirs).most_common(3), [], f"{table.text}: rows of the source ({ours.total()}) not at the target")
                expect_same((theirs - ours).most_common(3), [], f"{table.text}: rows of the target ({theirs.total()}) not at the source")
        aside = self.database.execute(f"SELECT TABLE_NAME, ERROR FROM {self.control}.awsdms_apply_exceptions LIMIT 3".replace(
            "TABLE_NAME, ERROR", '"TABLE_NAME", "ERROR"' if self.family is PostgresSource else "TABLE_NAME, ERROR"))
        expect_same(list(aside), [], "rows put aside")

    def unwatch(self):
        for watcher in filter(None, (self.eye, self.reader)):
            watcher.ending.set()


class PostgresTarget(DatabaseTarget):
    family = PostgresSource
    control = "public"

    def open(self, world):
        self.server = world.bench.servers.postgres(f"{world.lane}-target")
        self.database = world.bench.target(self.server)

    @staticmethod
    def question_of(workload):
        return workload.question

    def exists(self, table):
        return self.database.one("SELECT to_regclass(%s)", [table.quoted])


class MysqlTarget(DatabaseTarget):
    family = MysqlSource
    control = "awsdms_control"

    def __init__(self, world, kind):
        self.kind = kind
        super().__init__(world)

    def open(self, world):
        self.server = world.bench.servers.of_class(self.kind, f"{world.lane}-target")
        self.database = MysqlDatabase(self.server, "mysql")
        for schema in ("pulse", "bank", "shop", "odd", self.control):
            self.database.execute(f"DROP DATABASE IF EXISTS {schema}")

    @staticmethod
    def named(table):
        return MysqlSource.named(table)

    @staticmethod
    def question_of(workload):
        return workload.mysql_question

    def exists(self, table):
        return self.database.one("SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
                                 [table.schema, table.name])


class FolderTarget:
    """Files in a local folder."""

    offers = set()
    wants_old_rows = True
    follows_dropped_columns = False
    look_pause = 0.05
    batch_seconds = [0, 0, 0, 1]  # one is drawn for a round

    def __init__(self, world, form):
        self.form, self.source, self.tables, self.reader = form, world.source, world.tables, None
        self.folder, self.endpoint = self.make(world, {
            "DataFormat": form, "IncludeOpForFullLoad": True, "CsvNullValue": NULL,
            "CdcMinFileSize": world.chance.choice([20, 200]), "CdcMaxBatchInterval": world.chance.choice(self.batch_seconds)})

    def make(self, world, settings):
        path, endpoint = world.bench.lake(**settings)
        return Folder(path), endpoint

    def watch(self, pulse):
        self.reader = FileReader(self.folder, self.form, list(self.tables), pulse, self.look_pause)

    @property
    def seen(self):
        return self.reader.seen

    @property
    def looks(self):
        return self.reader.looks

    @property
    def lag_max(self):
        return self.reader.lag_max

    def shows(self, table):
        return bool(self.folder.names(table))

    def check(self):
        if self.reader:
            self.reader.check()

    def finish(self):
        self.reader.finish()

    def compare(self, tables):
        for table in tables:
            self.reader.rebuilt(table).compare(self.source.rows(table))

    def unwatch(self):
        if self.reader:
            self.reader.ending.set()


class Bucket(Folder):
    """Objects of an S3 bucket, fetched once each past the proxy."""

    away = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)

    def __init__(self, store, path):
        super().__init__(path)
        self.store, self.listed = store, {}

    def refresh(self):
        self.listed = self.listing("")

    def listing(self, prefix):
        """{key: size}"""
        pages = self.store.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}

    def names(self, table, now=False):
        prefix = f"{self.place(table)}/"
        return [key.removeprefix(prefix) for key in (self.listing(prefix) if now else self.listed) if key.startswith(prefix)]

    def fetch(self, table, name):
        path = super().fetch(table, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.store.client.download_file(BUCKET, f"{self.place(table)}/{name}", str(path))
        return path

    def size(self, table, name):
        return self.listed[f"{self.place(table)}/{name}"]


class BucketTarget(FolderTarget):
    """Objects in a bucket of an S3 server, which may die, be cut off or be slow."""

    offers = {"server", "wire"}
    look_pause = 0.1
    batch_seconds = [1]

    def make(self, world, settings):
        self.server = S3(world.bench)
        self.proxy = self.server.proxy
        return Bucket(self.server, world.bench.folder / "copy"), self.server.endpoint(**settings)

    def compare(self, tables):
        super().compare(tables)
        expect_same(self.server.unfinished_uploads(), [], "unfinished uploads")


@dataclasses.dataclass(frozen=True)
class Pair:
    name: str
    source: Callable
    target: Callable
    target_arguments: tuple = ()
    by_default: bool = True  # part of a run that names no pair


PAIRS = {pair.name: pair for pair in [
    Pair("postgres-to-postgres", PostgresSource, PostgresTarget),
    Pair("postgres-to-csv", PostgresSource, FolderTarget, ("csv",)),
    Pair("postgres-to-parquet", PostgresSource, FolderTarget, ("parquet",)),
    Pair("postgres-to-s3", PostgresSource, BucketTarget, ("csv",), by_default=False),
    Pair("mariadb-to-postgres", MariaSource, PostgresTarget, by_default=False),
    Pair("mysql-to-postgres", OracleMysqlSource, PostgresTarget, by_default=False),
    Pair("mysql-without-reload-to-postgres", MysqlSourceWithoutReload, PostgresTarget, by_default=False),
    Pair("mariadb-to-mysql", MariaSource, MysqlTarget, (MySQL,), by_default=False),
    Pair("mysql-to-mariadb", OracleMysqlSource, MysqlTarget, (MariaDB,), by_default=False),
    Pair("postgres-to-mysql", PostgresSource, MysqlTarget, (MySQL,), by_default=False),
    Pair("mysql-to-csv", OracleMysqlSource, FolderTarget, ("csv",), by_default=False),
]}
