#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bank.py [--kills N] [--minutes M] [--pair postgres-postgres|postgres-files|postgres-parquet] [--seed S] [--verbose]

The bank: writers move money between 10 000 accounts, each move one transaction over three tables (two balances, one
row of moves, one of notes), while the task loads and streams. The task is killed with SIGKILL at random moments and
started again. From `consistent` on a reader on the target checks in one snapshot, again and again, that the total
is what it was and that balances agree with moves; it must never see half a transaction. In the end both sides must be
equal, and the files of a lake must hold every change once, in order.

Prints a summary and ends with 1 when anything did not hold."""

import argparse
import contextlib
import os
import pathlib
import random
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness  # noqa: E402
from harness import Failure, csv_rows, expect, expect_equal, expect_same, parquet_rows, select  # noqa: E402
from servers import wait_for  # noqa: E402

ACCOUNTS = 10_000
START_BALANCE = 1000
WRITERS = 3
PAIRS = ["postgres-postgres", "postgres-files", "postgres-parquet"]
TABLES = ["accounts", "moves", "notes"]
SCHEMA = f"""
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, version int NOT NULL DEFAULT 0);
CREATE TABLE moves (id bigserial PRIMARY KEY, giver int NOT NULL, taker int NOT NULL, amount bigint NOT NULL);
CREATE TABLE notes (move bigint PRIMARY KEY, text text NOT NULL);
INSERT INTO accounts SELECT g, {START_BALANCE}, 0 FROM generate_series(1, {ACCOUNTS}) g;
"""
CONSISTENT = f"""
SELECT (SELECT sum(balance) FROM accounts), (SELECT count(*) FROM moves) - (SELECT count(*) FROM notes),
  (SELECT count(*) FROM accounts a LEFT JOIN (SELECT id, sum(amount) AS amount FROM (
     SELECT taker AS id, amount FROM moves UNION ALL SELECT giver, -amount FROM moves) f GROUP BY id) m USING (id)
   WHERE a.balance <> {START_BALANCE} + coalesce(m.amount, 0)), (SELECT coalesce(max(id), 0) FROM moves)
"""


class Writers:
    """Threads that move money until told to stop. The pace keeps the source a little below what the task can do."""

    def __init__(self, source, seed, pace_seconds=0.002):
        self.source, self.pace = source, pace_seconds
        self.ending = threading.Event()
        self.moves = 0
        self.failed = None
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._work, args=(random.Random(seed + n),)) for n in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def _work(self, chance):
        try:
            connection = self.source.server.connect(self.source.name, autocommit=False)
            cursor = connection.cursor()
            while not self.ending.wait(self.pace):
                self._move(cursor, chance)
                connection.rollback() if chance.random() < 0.05 else connection.commit()
                with self.lock:
                    self.moves += 1
            connection.close()
        except Exception as problem:
            self.failed = problem

    def _move(self, cursor, chance):
        giver, taker = sorted(chance.sample(range(1, ACCOUNTS + 1), 2))
        amount = chance.randint(-50, 50)
        cursor.execute("UPDATE accounts SET balance = balance - %s, version = version + 1 WHERE id = %s", [amount, giver])
        if chance.random() < 0.1:
            cursor.execute("SAVEPOINT s; INSERT INTO notes VALUES (-1, 'never'); ROLLBACK TO s")
        cursor.execute("INSERT INTO moves (giver, taker, amount) VALUES (%s, %s, %s) RETURNING id", [giver, taker, amount])
        move = cursor.fetchone()[0]
        cursor.execute("UPDATE accounts SET balance = balance + %s, version = version + 1 WHERE id = %s", [amount, taker])
        cursor.execute("INSERT INTO notes VALUES (%s, %s)", [move, f"move {move} of {amount}"])

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(60)
        if self.failed:
            raise Failure(f"a writer failed: {self.failed}")


class Reader(threading.Thread):
    """Looks at the target in one snapshot after another; remembers the first contradiction."""

    def __init__(self, target):
        super().__init__()
        self.target, self.ending = target, threading.Event()
        self.contradiction, self.looks, self.highest = None, 0, 0
        self.start()

    def run(self):
        connection = None
        while not self.ending.wait(0.05) and not self.contradiction:
            try:
                connection = connection or self.target.server.connect(self.target.name)
                with connection.cursor() as cursor:
                    cursor.execute(CONSISTENT)
                    total, pairs, wrong, highest = cursor.fetchone()
            except Exception as problem:
                self.contradiction = f"the reader failed: {problem}"
                break
            self.looks += 1
            if total != ACCOUNTS * START_BALANCE or pairs != 0 or wrong != 0 or highest < self.highest:
                self.contradiction = (f"look {self.looks}: total {total}, moves without note {pairs}, accounts that "
                                      f"disagree with moves {wrong}, newest move {highest} after {self.highest}")
            self.highest = highest
        if connection:
            connection.close()

    def stop(self):
        self.ending.set()
        self.join(60)
        if self.contradiction:
            raise Failure(f"the target showed a state the source never had: {self.contradiction}")


class Lag(threading.Thread):
    """Newest move at the source against the target, and the log retained at the source, a few times a second."""

    def __init__(self, source, seen):
        super().__init__()
        self.source, self.seen, self.ending = source, seen, threading.Event()
        self.lag_max, self.retained_max = 0, 0
        self.start()

    def run(self):
        connection = self.source.server.connect(self.source.name)
        with connection.cursor() as cursor:
            while not self.ending.wait(0.2):
                cursor.execute("SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint "
                               "FROM pg_replication_slots WHERE database = current_database()")
                self.retained_max = max(self.retained_max, cursor.fetchone()[0])
                if self.seen:
                    cursor.execute("SELECT coalesce(max(id), 0) FROM moves")
                    newest = cursor.fetchone()[0]
                    with contextlib.suppress(Exception):
                        self.lag_max = max(self.lag_max, newest - self.seen())
        connection.close()

    def stop(self):
        self.ending.set()
        self.join(60)


class Bank:
    """One run of the scenario. `pair` says what the target is."""

    def __init__(self, bench, pair, seed):
        self.bench, self.pair, self.chance = bench, pair, random.Random(seed)
        self.seed = seed
        self.source = bench.source()
        self.source.execute(SCHEMA)
        rules = [select(table=table) for table in TABLES]
        if pair == "postgres-postgres":
            self.target = bench.target()
            self.task = bench.task(self.source, self.target, rules)
        else:
            for table in TABLES:
                self.source.execute(f"ALTER TABLE {table} REPLICA IDENTITY FULL")
            form = {"DataFormat": "parquet"} if pair == "postgres-parquet" else {}
            self.folder, endpoint = bench.lake(IncludeOpForFullLoad=True, CdcMinFileSize=200, **form)
            self.task = bench.task(self.source, endpoint, rules)
        self.restarts, self.peak, self.kills = [], 0, 0

    def newest_on_target(self):
        if self.pair == "postgres-postgres":
            if not self.target.one("SELECT to_regclass('public.moves')"):
                return -1
            return self.target.one("SELECT coalesce(max(id), 0) FROM moves")
        files = sorted((self.folder / "public/moves").glob("2*")) if (self.folder / "public/moves").exists() else []
        return len(files)

    def progressed(self, run, before):
        run.wait_until("changes on the target after a start", lambda: self.newest_on_target() > before, 90)

    def kill_once(self, hold_seconds):
        """Starts the task, lets it work for a random while, kills it; every third time before it streams again."""
        began = time.monotonic()
        before = self.newest_on_target()
        run = self.task.start()
        if self.chance.random() < 0.33:
            with contextlib.suppress(Failure):  # a random moment, not a wait for something
                wait_for("nothing", lambda: False, self.chance.uniform(0.01, 0.7))
        else:
            self.progressed(run, before)
            self.restarts.append(time.monotonic() - began)
            with contextlib.suppress(Failure):
                wait_for("nothing", lambda: False, self.chance.uniform(0, hold_seconds))
        self.peak = max(self.peak, run.memory_peak())
        expect(run.running(), f"the task ended by itself with {run.process.returncode}\n{run.text()[-3000:]}")
        run.kill()
        run.output.unlink()
        self.kills += 1

    def run(self, kills, minutes=None, verbose=False):
        writers = Writers(self.source, self.seed)
        reader = lag = None
        deadline = time.monotonic() + minutes * 60 if minutes else None
        try:
            lag = Lag(self.source, self.newest_on_target if self.pair == "postgres-postgres" else None)
            self.load_under_kills()
            if self.pair == "postgres-postgres":
                reader = Reader(self.target)
            while self.kills < kills and not (deadline and time.monotonic() > deadline):
                self.kill_once(0.5)
                expect(not writers.failed, f"a writer failed: {writers.failed}")
                expect(not reader or not reader.contradiction, reader.contradiction if reader else "")
                if verbose and self.kills % 25 == 0:
                    print(f"  {self.kills} kills, {writers.moves} moves", flush=True)
        finally:
            writers.stop()
            for watcher in (lag, reader):
                if watcher:
                    watcher.ending.set()
        self.task.catch_up()
        lag.stop()
        if reader:
            reader.stop()
        self.check()
        return self.summary(writers, reader, lag)

    def load_under_kills(self):
        """Two kills while loading, then on to the first streamed change."""
        for seconds in (0.15, 0.4):
            run = self.task.start()
            with contextlib.suppress(Failure):
                wait_for("nothing", lambda: False, self.chance.uniform(0.05, seconds))
            if run.running():
                run.kill()
                self.kills += 1
        self.task.catch_up()

    def check(self):
        if self.pair == "postgres-postgres":
            expect_equal(self.source, self.target, TABLES)
            return
        for table in TABLES:
            state = {}
            rows = parquet_rows if self.pair == "postgres-parquet" else csv_rows
            for row in rows(self.folder, f"public/{table}"):
                self.follow(state, table, row)
            wanted = {row[0]: row for row in self.source.execute(
                f"SELECT {', '.join(f't.{c}::text' for c in self.columns(table))} FROM {table} t")}
            expect_same(len(state), len(wanted), f"{table}: rows rebuilt from the files")
            expect(state == wanted, f"{table}: the state rebuilt from the files differs from the source")

    def columns(self, table):
        return {"accounts": ["id", "balance", "version"], "moves": ["id", "giver", "taker", "amount"],
                "notes": ["move", "text"]}[table]

    def follow(self, state, table, row):
        op, cells = row.cells[0], tuple(str(cell) for cell in row.cells[1:])
        before = state.get(cells[0])
        if op == "I":
            expect(before is None, f"{row.file}: {table} {cells[0]} inserted twice")
        else:
            expect(op == "U" and before is not None, f"{row.file}: {op} of {table} {cells[0]} out of order")
            if table == "accounts":  # every version exactly once, in order
                expect_same(int(cells[2]), int(before[2]) + 1, f"{row.file}: version of account {cells[0]}")
        state[cells[0]] = cells

    def summary(self, writers, reader, lag):
        times = sorted(self.restarts) or [0]
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        lines = [
            f"pair                    {self.pair}",
            f"seed                    {self.seed}",
            f"kills of the task       {self.kills}",
            f"moves (4 changes each)  {writers.moves}",
            f"time to stream again    p50 {statistics.median(times):.2f} s, p99 {p99:.2f} s ({len(times)} measured)",
            f"peak memory of the task {self.peak / (1 << 20):.0f} MiB",
            f"retained log, maximum   {lag.retained_max / (1 << 20):.1f} MiB"]
        if reader:
            lines += [f"lag, maximum            {lag.lag_max} moves",
                      f"looks at the target     {reader.looks}, no contradiction"]
        return "\n".join([*lines, "verdict                 equal on both sides, nothing lost, nothing doubled"])


def run_bank(bench, pair, kills, minutes=None, seed=None, verbose=False):
    seed = seed if seed is not None else random.SystemRandom().randrange(1 << 31)
    try:
        return Bank(bench, pair, seed).run(kills, minutes, verbose)
    except Failure as failure:
        raise Failure(f"seed {seed}: {failure}") from None


def main():
    parser = argparse.ArgumentParser(prog="dev prove")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--pair", choices=PAIRS)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    pairs = [options.pair] if options.pair else PAIRS
    servers = harness.Servers()
    failed = False
    try:
        for pair in pairs:
            bench = harness.Bench(servers, os.environ.get("MILLRACE_BINARY", harness.TOP / "build/millrace"), f"prove.{pair}")
            try:
                minutes = options.minutes / len(pairs) if options.minutes else None
                print(run_bank(bench, pair, options.kills // len(pairs), minutes, options.seed, verbose=True), "\n")
            except Failure as failure:
                failed = True
                print(f"pair {pair}: FAILED\n{failure}\n")
            finally:
                bench.close()
    finally:
        servers.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
