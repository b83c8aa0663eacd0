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

import dataclasses
from typing import Callable

import botocore.exceptions

from harness import expect, expect_equal, expect_same
from lake import NULL, FileReader, Folder
from proxy import Proxy
from s3 import BUCKET, S3
from watchers import DatabaseEye, TargetReader

SOURCE_LOG_CAP_MB = 32
SOURCE_SETTINGS = ["wal_sender_timeout = 6s", "logical_decoding_work_mem = 64kB", "full_page_writes = off"]


class PostgresSource:
    offers = {"server", "wire"}

    def __init__(self, world):
        self.server = world.bench.servers.postgres(f"{world.lane}-source", settings=SOURCE_SETTINGS)
        self.database = world.bench.source(self.server)
        self.proxy = Proxy(world.bench, self.server.port)
        self.endpoint = self.database.endpoint("source", Port=self.proxy.port, MillraceChunkMB=1,
                                               MillraceSourceLogCapMB=SOURCE_LOG_CAP_MB)

    def is_ready_for_faults(self):
        """The task has begun: from now on it outlasts what befalls it."""
        return self.database.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") > 0

    def settle(self):
        """Ends what a writer left open."""
        self.database.close()
        for (name,) in self.database.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            self.database.execute("COMMIT PREPARED %s", [name])

    def rows(self, table):
        """All rows as text."""
        columns = [name for (name,) in self.database.execute(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum", [table.quoted])]
        return self.database.execute(f"SELECT {', '.join(f'{column}::text' for column in columns)} FROM {table.quoted}")

    def full_rows_of(self, table):
        """The log then carries whole old rows."""
        return f"ALTER TABLE {table.quoted} REPLICA IDENTITY FULL;"


class PostgresTarget:
    offers = {"server", "wire"}
    wants_old_rows = False
    follows_dropped_columns = True

    def __init__(self, world):
        self.server = world.bench.servers.postgres(f"{world.lane}-target")
        self.database = world.bench.target(self.server)
        self.proxy = Proxy(world.bench, self.server.port)
        self.endpoint = self.database.endpoint("target", Port=self.proxy.port)
        self.source = world.source.database
        self.questions = [workload.question for workload in world.workloads if workload.question]
        self.eye = self.reader = None

    def watch(self, pulse):
        self.eye = DatabaseEye(self.database, pulse)
        self.reader = TargetReader(self.database, self.questions)

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
        if not self.database.one("SELECT to_regclass(%s)", [table.quoted]):
            return False
        return self.database.one(f"SELECT count(*) FROM {table.quoted}") > 0

    def check(self):
        for watcher in filter(None, (self.eye, self.reader)):
            watcher.check()

    def finish(self):
        self.eye.stop()
        self.reader.stop()
        expect(self.reader.looks > 0, "nobody has looked at the target")

    def compare(self, tables):
        self.database.close()
        expect_equal(self.source, self.database, [table.quoted for table in tables])
        aside = self.database.execute("SELECT \"TABLE_NAME\", \"ERROR\" FROM public.awsdms_apply_exceptions LIMIT 3")
        expect_same(aside, [], "rows put aside")

    def unwatch(self):
        for watcher in filter(None, (self.eye, self.reader)):
            watcher.ending.set()


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
]}
