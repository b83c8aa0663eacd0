# SPDX-License-Identifier: Apache-2.0
"""The task dies while it loads, again and again: nothing lost, nothing doubled, whatever the target."""

import random
import threading

from harness import csv_rows, expect, expect_equal, expect_same, parquet_rows, rebuilt, scenario

SCHEMA = """
CREATE TABLE a (id int PRIMARY KEY, version int NOT NULL DEFAULT 0, pad text);
CREATE TABLE b (id int PRIMARY KEY, version int NOT NULL DEFAULT 0, pad text);
ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;
INSERT INTO a SELECT g, 0, repeat('a', 200) FROM generate_series(1, {rows}) g;
INSERT INTO b SELECT g, 0, repeat('b', 50) FROM generate_series(1, {rows}) g;
"""
ROWS = 80_000


class Churn:
    """Inserts, updates and deletes in both tables until stopped."""

    def __init__(self, source):
        self.source, self.ending = source, threading.Event()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        chance, number = random.Random(3), ROWS
        with self.source.server.connect(self.source.name).cursor() as cursor:
            while not self.ending.wait(0.005):
                number += 1
                row = chance.randint(1, ROWS)
                cursor.execute(f"BEGIN; UPDATE a SET version = version + 1 WHERE id = {row}; UPDATE b SET version = version + 1 "
                               f"WHERE id = {row}; INSERT INTO a VALUES ({number}, 0, 'new'); DELETE FROM b WHERE id = "
                               f"{chance.randint(1, ROWS)}; COMMIT")

    def stop(self):
        self.ending.set()
        self.thread.join(60)


def loading(bench, kills, form):
    source = bench.source()
    source.execute(SCHEMA.format(rows=ROWS))
    chance = random.Random(11)
    if form == "postgres":
        target = bench.target()
        task = bench.task(source, target)
    else:
        folder, endpoint = bench.lake(IncludeOpForFullLoad=True, DataFormat=form, MaxFileSize=2000)
        task = bench.task(source, endpoint)
    task.document["source"]["MillraceChunkMB"] = 1
    churn = Churn(source)
    try:
        for _ in range(kills):
            run = task.start()
            threading.Event().wait(chance.uniform(0.1, 1.2))
            expect(run.running(), run.text()[-3000:])
            run.kill()
    finally:
        churn.stop()
    task.catch_up()
    if form == "postgres":
        expect_equal(source, target, ["a", "b"])
        return
    for table in ("a", "b"):
        rows = (csv_rows if form == "csv" else parquet_rows)(folder, f"public/{table}")
        state = {str(key[0]): tuple(map(str, cells)) for key, cells in rebuilt(rows).items()}
        wanted = {row[0]: row for row in source.execute(f"SELECT id::text, version::text, pad FROM {table}")}
        expect_same(len(state), len(wanted), f"rows of {table}")
        expect(state == wanted, f"{table}: the rebuilt state differs from the source")


@scenario("kills.while_loading_postgres")
def while_loading_postgres(bench):
    """Twelve kills while a PostgreSQL target is loaded."""
    loading(bench, 12, "postgres")


@scenario("kills.while_loading_csv")
def while_loading_csv(bench):
    """Twelve kills while CSV files are written."""
    loading(bench, 12, "csv")


@scenario("kills.while_loading_parquet")
def while_loading_parquet(bench):
    """Twelve kills while Parquet files are written."""
    loading(bench, 12, "parquet")


REFUSED = 30  # every such row of the source breaks the target's check


def refused_rows(bench, prepared, kills):
    """Portions that the target refuses are halved down to single rows; it dies among them."""
    source, target = bench.source(), bench.target()
    source.execute(f"CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, CASE WHEN g % {REFUSED} = 0 THEN 'bad' "
                   "ELSE repeat('v', 100) END FROM generate_series(1, 40000) g; CREATE TABLE other AS SELECT g AS id FROM "
                   "generate_series(1, 10000) g; ALTER TABLE other ADD PRIMARY KEY (id)")
    target.execute("CREATE TABLE t (id int PRIMARY KEY, v text CHECK (v <> 'bad'))")
    task = bench.task(source, target, settings={"FullLoadSettings": {"TargetTablePrepMode": prepared}})
    task.document["source"]["MillraceChunkMB"] = 1
    chance, inside = random.Random(5), 0
    for number in range(kills):
        run = task.start()
        threading.Event().wait(chance.uniform(0.15, 1.0))
        source.execute(f"INSERT INTO t VALUES ({100000 + number}, 'streamed')")
        expect(run.running(), run.text()[-3000:])
        run.kill()
        inside += "rows left out" not in run.text() and "table public.t: loaded" not in run.text()
    expect(inside > 0, "no kill came before the table was loaded")
    task.catch_up()
    row = task.statistics()["public.t"]
    refused = 40000 // REFUSED
    expect_same((row["TableState"], row["FullLoadErrorRows"]), ("Table completed", refused), "the table")
    expect_same(target.one("SELECT count(*) FROM t"), 40000 - refused + kills, "rows of the target")
    source.execute("DELETE FROM t WHERE v = 'bad'")
    expect_equal(source, target, ["t", "other"])
    aside = target.one("SELECT count(DISTINCT \"STATEMENT\") FROM awsdms_apply_exceptions WHERE \"TABLE_NAME\" = 't'")
    expect_same(aside, refused, "rows told of")


@scenario("kills.rows_refused_in_the_load")
def rows_refused(bench):
    """Kills while a chunk is loaded again row by row: what fits is there once, what does not is counted once."""
    refused_rows(bench, "TRUNCATE_BEFORE_LOAD", 6)
