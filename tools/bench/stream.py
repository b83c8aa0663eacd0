# SPDX-License-Identifier: Apache-2.0
"""Changes: capture into files, apply into a database, latency; each against PostgreSQL's own tools on the same log."""

import subprocess

from harness import expect_same, read_csv, select
from measure import BINARIES, Row, expect_equal, psql, uri, wait_for

TABLE = "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL, b text NOT NULL, c timestamp NOT NULL)"
VALUE = "g, g % 1000, 'some text of a row ' || g, timestamp '2024-01-01' + g * interval '1 second'"
LOOP = """DO $$ BEGIN FOR i IN {first}..{last} LOOP {statement}; COMMIT; END LOOP; END $$"""


def in_transactions(database, count, rows_each, statement, first=1):
    """`statement` over rows g = low..high, one transaction for each `rows_each` rows."""
    text = statement.replace("LOW", "(i - 1) * {0} + 1".format(rows_each)).replace("HIGH", f"i * {rows_each}")
    body = LOOP.format(first=(first - 1) // rows_each + 1, last=(first - 1 + count) // rows_each, statement=text)
    database.execute("SET synchronous_commit = off")
    database.execute(body)
    database.execute("RESET synchronous_commit")


INSERT = f"INSERT INTO t SELECT {VALUE} FROM generate_series(LOW, HIGH) g"
UPDATE = "UPDATE t SET a = a + 1, b = b || 'x' WHERE id BETWEEN LOW AND HIGH"


def capture(lab):
    """capture: the log into durable CSV files, against pg_recvlogical to /dev/null."""
    for rows_each in (10_000, 1):
        count = min(lab.rows, 2_000_000 if rows_each > 1 else 1_000_000)
        count -= count % rows_each
        source = lab.source()
        source.execute(TABLE)
        folder, lake = lab.bench.lake(f"capture{rows_each}", CdcMaxBatchInterval=60)
        task = lab.bench.task(source, lake, [select(table="t")])
        task.catch_up()
        slot = f"bench_{rows_each}"
        source.execute("CREATE PUBLICATION bench FOR TABLE t")
        source.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [slot])
        in_transactions(source, count, rows_each, INSERT)
        end = source.one("SELECT pg_current_wal_flush_lsn()")
        ours = lab.timed_task(task, "--until", "caught-up")
        theirs = lab.timed(lambda: subprocess.run(
            [f"{BINARIES}/pg_recvlogical", "-d", uri(source), "--slot", slot, "--start", "-f", "/dev/null", "--endpos", end,
             "-o", "proto_version=1", "-o", "publication_names=bench"], check=True, capture_output=True))
        source.execute("SELECT pg_drop_replication_slot(%s)", [slot])
        rows = sum(len(read_csv(path)) for path in (folder / "public/t").glob("2*.csv"))
        expect_same(rows, count, "rows in the change files")
        lab.add(Row(f"capture, transactions of {rows_each} rows", "pg_recvlogical to /dev/null",
                    f"{count / ours.wall:,.0f} rows/s", f"{count / theirs.wall:,.0f} rows/s", theirs.wall / ours.wall, 0.7,
                    at_least=True, command="./dev bench capture",
                    cpu=f"CPU s: ours {ours.client_cpu:.1f} + server {ours.server_cpu:.1f}; "
                        f"theirs {theirs.client_cpu:.1f} + server {theirs.server_cpu:.1f}"))
        source.drop()


class Race:
    """One source, two targets that hold its rows: a stopped task's, and a disabled subscription's."""

    def __init__(self, lab, prepare, tables):
        self.lab, self.tables = lab, tables
        self.source, self.ours, self.theirs = lab.source(), lab.target(), lab.target()
        prepare(self.source)
        self.task = lab.bench.task(self.source, self.ours, [select(table=table) for table in tables])
        self.task.catch_up()
        self.source.execute(f"CREATE PUBLICATION bench FOR TABLE {', '.join(tables)}")
        for table in tables:
            definition = lab.shell(f"{BINARIES}/pg_dump -d {uri(self.source)} -t public.{table} --schema-only --no-publications")
            lab.shell(f"{BINARIES}/psql -X -q -d {uri(self.theirs)} <<'END'\n{definition}\nEND")
            lab.shell(f"{psql(self.source, f'COPY {table} TO STDOUT (FORMAT binary)')} | "
                      f"{psql(self.theirs, f'COPY {table} FROM STDIN (FORMAT binary)')}")
        self.theirs.execute(f"CREATE SUBSCRIPTION s_{self.theirs.name} CONNECTION '{uri(self.source)}' PUBLICATION bench "
                            "WITH (copy_data = false, enabled = false, streaming = on, binary = on)")

    def run(self):
        """(ours, theirs): Timing to catch up with what is in the log now."""
        position = self.source.one("SELECT pg_current_wal_flush_lsn()")
        theirs = self.lab.timed(lambda: self.subscription_reaches(position))
        self.theirs.execute(f"ALTER SUBSCRIPTION s_{self.theirs.name} DISABLE")
        ours = self.lab.timed_task(self.task, "--until", "caught-up")
        expect_equal(self.source, self.ours, self.tables)
        expect_equal(self.source, self.theirs, self.tables)
        return ours, theirs

    def subscription_reaches(self, position):
        self.theirs.execute(f"ALTER SUBSCRIPTION s_{self.theirs.name} ENABLE")
        wait_for("the subscription", lambda: self.source.one(
            "SELECT confirmed_flush_lsn >= %s FROM pg_replication_slots WHERE slot_name = %s",
            [position, f"s_{self.theirs.name}"]), 3600, 0.02)

    def close(self):
        self.theirs.execute(f"ALTER SUBSCRIPTION s_{self.theirs.name} DISABLE")
        self.theirs.execute(f"DROP SUBSCRIPTION s_{self.theirs.name}")
        for database in (self.source, self.ours, self.theirs):
            database.drop()


def apply_race(lab, figure, bar, prepare, change, command, tables=("t",)):
    race = Race(lab, prepare, list(tables))
    try:
        change(race.source)
        ours, theirs = race.run()
        lab.compare(figure, "CREATE SUBSCRIPTION", ours, theirs, bar, command)
    finally:
        race.close()


def filled(count):
    def prepare(source):
        source.execute(TABLE)
        source.execute(f"INSERT INTO t SELECT {VALUE} FROM generate_series(1, {count}) g")
    return prepare


def count_of(lab):
    return min(lab.rows, 1_000_000) // 1000 * 1000


def apply_inserts(lab):
    """apply-inserts: single-row inserts."""
    count = count_of(lab)
    apply_race(lab, f"apply {count:,} single-row inserts", 0.8, filled(0),
               lambda source: in_transactions(source, count, 1, INSERT), "./dev bench apply-inserts")


def apply_updates(lab):
    """apply-updates: single-row updates."""
    count = count_of(lab)
    apply_race(lab, f"apply {count:,} single-row updates", 0.8, filled(count),
               lambda source: in_transactions(source, count, 1, UPDATE), "./dev bench apply-updates")


def apply_batches(lab):
    """apply-batches: updates in transactions of 1 000 rows."""
    count = count_of(lab)
    apply_race(lab, f"apply {count:,} updates in 1 000-row transactions", 1.0, filled(count),
               lambda source: in_transactions(source, count, 1000, UPDATE), "./dev bench apply-batches")


PGBENCH = ["pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history"]


def apply_tpcb(lab):
    """apply-tpcb: pgbench's TPC-B mix."""
    transactions = max(1000, count_of(lab) // 10)

    def prepare(source):
        lab.shell(f"{BINARIES}/pgbench -i -q -s 10 {uri(source)}")
        source.execute("ALTER TABLE pgbench_history REPLICA IDENTITY FULL")

    def change(source):
        lab.shell(f"PGOPTIONS='-c synchronous_commit=off' {BINARIES}/pgbench -n -c 4 -t {transactions // 4} {uri(source)}")
    apply_race(lab, f"apply pgbench TPC-B, {transactions:,} transactions", 0.6, prepare, change, "./dev bench apply-tpcb",
               PGBENCH)


LATENCY_SECONDS = 20
COMMITTED = "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM t ORDER BY id"
# A subscription's transactions carry the source's commit time: there a column of the target alone tells when the row came.
ARRIVED = "SELECT extract(epoch FROM arrived) FROM t ORDER BY id"


def latency(lab):
    """latency: commit at the source to the row on the target at 1 000 transactions/s, the source's commits durable."""
    race = Race(lab, filled(0), ["t"])
    seconds = LATENCY_SECONDS if lab.rows > 200_000 else 5
    script = lab.bench.folder / "latency.sql"
    script.write_text("INSERT INTO t SELECT nextval('s'), 1, 'x', now();\n")
    race.source.execute("CREATE SEQUENCE s")

    def thousand_a_second():
        # Without synchronous commits the log writer's 200 ms would be all that is measured.
        lab.shell(f"{BINARIES}/pgbench -n -f {script} -c 16 -j 2 -R 1000 -T {seconds} {uri(race.source)}")
        return race.source.one("SELECT count(*) FROM t")

    def delays(target, expected, arrivals):
        wait_for("the rows", lambda: target.one("SELECT count(*) FROM t") == expected, 120)
        left = [float(row[0]) for row in race.source.execute(COMMITTED)]
        right = [float(row[0]) for row in target.execute(arrivals)]
        return sorted((b - a) * 1000 for a, b in zip(left, right))[len(left) // 20:]
    try:
        race.theirs.execute("ALTER TABLE t ADD COLUMN arrived timestamptz DEFAULT clock_timestamp()")
        race.theirs.execute(f"ALTER SUBSCRIPTION s_{race.theirs.name} ENABLE")
        theirs = delays(race.theirs, thousand_a_second(), ARRIVED)
        race.theirs.execute(f"ALTER SUBSCRIPTION s_{race.theirs.name} DISABLE")
        race.source.execute("DELETE FROM t")
        race.task.catch_up()
        run = race.task.start()
        run.wait_until("an empty table", lambda: race.ours.one("SELECT count(*) FROM t") == 0)
        ours = delays(race.ours, thousand_a_second(), COMMITTED)
        run.interrupt()
        for name, at, bar in (("p50", 0.5, 20), ("p99", 0.99, 200)):
            mine, other = percentile(ours, at), percentile(theirs, at)
            lab.add(Row(f"latency at 1 000 transactions/s, {name}", f"{bar} ms (subscription: {other:.1f} ms)",
                        f"{mine:.1f} ms", f"{bar} ms", mine / bar, 1.0, command="./dev bench latency"))
    finally:
        race.close()


def percentile(ordered, at):
    return ordered[min(len(ordered) - 1, int(len(ordered) * at))]


def memory(lab):
    """memory: a transaction of twice the table's rows, and a value of 300 MB."""
    source, target = lab.source(), lab.target()
    source.execute(TABLE)
    task = lab.bench.task(source, target, [select(table="t")])
    task.catch_up()
    count = lab.rows * 2
    source.execute(f"INSERT INTO t SELECT {VALUE} FROM generate_series(1, {count}) g")
    timing = lab.timed_task(task, "--until", "caught-up")
    expect_equal(source, target, ["t"])
    lab.add(Row(f"peak memory, transaction of {count:,} rows", "256 MiB", f"{timing.memory_peak / 2**20:.0f} MiB", "256 MiB",
                timing.memory_peak / 2**28, 1.0, command="./dev bench memory"))
    source.drop(), target.drop()
    source, target = lab.source(), lab.target()
    source.execute("CREATE TABLE huge (id int PRIMARY KEY, v bytea); ALTER TABLE huge ALTER v SET STORAGE EXTERNAL")
    task = lab.bench.task(source, target, [select(table="huge")])
    task.catch_up()
    source.execute("INSERT INTO huge SELECT 1, decode(repeat('00ff5c0a', 75000000), 'hex')")
    timing = lab.timed_task(task, "--until", "caught-up")
    expect_same(target.one("SELECT md5(v) FROM huge"), source.one("SELECT md5(v) FROM huge"), "the value")
    lab.add(Row("peak memory, a 300 MB value in flight", "1 GiB", f"{timing.memory_peak / 2**20:.0f} MiB", "1 GiB",
                timing.memory_peak / 2**30, 1.0, command="./dev bench memory"))
