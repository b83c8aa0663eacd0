#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""demo.py [--keep]: both kinds of target, on servers of its own.

Starts a throwaway PostgreSQL on loopback, fills it, and runs a full-load-and-cdc task into a local lake folder while a
small writer makes changes; shows the files. Then the same into a second database, and shows that both are equal.
Everything is stopped and removed at the end; with --keep it stays, and the last lines say how to connect."""

import argparse
import os
import pathlib
import random
import shlex
import signal
import subprocess
import sys
import threading

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests/e2e"))

from harness import Bench, Failure, Servers, expect_equal, files_of, fingerprint  # noqa: E402
from servers import wait_for  # noqa: E402

ORDERS = 200_000
TABLES = ["people", "products", "orders"]
SAMPLE = f"""
CREATE TABLE people (id int PRIMARY KEY, last_name text, first_name text, address text, phone text);
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price numeric(10,2) NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, person int NOT NULL, product int NOT NULL, pieces int NOT NULL,
  placed timestamp NOT NULL, note text);
INSERT INTO people SELECT g, 'Last' || g, 'First' || g, g || ' Main Street', '555-' || g FROM generate_series(1, 5000) g;
INSERT INTO products SELECT g, 'Product no. ' || g, (g * 37 % 1000) / 10.0 FROM generate_series(1, 500) g;
INSERT INTO orders SELECT g, g % 5000 + 1, g % 500 + 1, g % 9 + 1, timestamp '2024-01-01' + g * interval '1 minute',
  CASE WHEN g % 3 = 0 THEN 'please ring, twice' END FROM generate_series(1, {ORDERS}) g;
ALTER TABLE people REPLICA IDENTITY FULL; ALTER TABLE products REPLICA IDENTITY FULL;
ALTER TABLE orders REPLICA IDENTITY FULL
"""
CUSTOMER = [
    "INSERT INTO people VALUES (9335, 'Smith', 'John', '1 Skyline Drive, NY, NY', '201-555-9012')",
    "UPDATE people SET phone = '201-555-9034' WHERE id = 9335",
    "DELETE FROM people WHERE id = 9335",
]


class Writer(threading.Thread):
    """Places, changes and removes orders until stopped."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.database, self.ending, self.changes = database, threading.Event(), 0
        self.start()

    def run(self):
        connection = self.database.server.connect(self.database.name)
        chance, number = random.Random(1), ORDERS
        with connection.cursor() as cursor:
            number = max(number, self._newest(cursor))
            while not self.ending.wait(0.005):
                number += 1
                cursor.execute("INSERT INTO orders VALUES (%s, %s, %s, 1, now(), 'new')",
                               [number, chance.randint(1, 5000), chance.randint(1, 500)])
                cursor.execute("UPDATE products SET price = price + 0.01 WHERE id = %s", [chance.randint(1, 500)])
                cursor.execute("DELETE FROM orders WHERE id = %s", [chance.randint(1, ORDERS)])
                self.changes += 3
        connection.close()

    @staticmethod
    def _newest(cursor):
        cursor.execute("SELECT max(id) FROM orders")
        return cursor.fetchone()[0]

    def stop(self):
        self.ending.set()
        self.join(30)


def headline(text):
    print(f"\n== {text}", flush=True)


def run_visibly(task, *arguments):
    """`millrace run` on our own terminal; returns the process."""
    command = task.command("run", *arguments)
    print("$ millrace " + shlex.join(command[1:]), flush=True)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def stop(process):
    process.send_signal(signal.SIGINT)
    code = process.wait(30)
    if code != 130:
        raise Failure(f"the task ended with {code}")


def stream_for_a_while(task, source, arrived):
    """The task in the foreground of the demo while the writer works; then the customer's three changes."""
    process = run_visibly(task)
    writer = Writer(source)

    def alive(condition):
        if process.poll() is not None:
            raise Failure(f"the task ended with {process.returncode}")
        return condition()
    try:
        wait_for("the full load", lambda: alive(lambda: source.one(
            "SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()")), 120)
        for statement in CUSTOMER:
            source.execute(statement)
        wait_for("two thousand changes", lambda: alive(lambda: writer.changes > 2000), 60)
        wait_for("the changes on the target", lambda: alive(arrived), 120)
    finally:
        writer.stop()
    stop(process)
    headline("the writer has stopped; the same command goes on where it was, until everything is there")
    if run_visibly(task, "--until", "caught-up", "--progress", "plain").wait(300) != 0:
        raise Failure("the task failed")
    return writer.changes


def lake(bench, source):
    headline("PostgreSQL into a lake folder: full load, then changes")
    folder, endpoint = bench.lake(IncludeOpForFullLoad=True)
    task = bench.task(source, endpoint)

    def arrived():
        return any("D,9335," in path.read_text() for path in files_of(folder, "public/people", "2*.csv"))
    changes = stream_for_a_while(task, source, arrived)
    headline(f"the lake's files ({changes} changes were made meanwhile)")
    for table in TABLES:
        files = files_of(folder, f"public/{table}")
        for path in files if len(files) <= 6 else files[:3] + files[-3:]:
            print(f"  {path.relative_to(folder)}  {path.stat().st_size:>10} bytes")
        if len(files) > 6:
            print(f"  ({len(files)} files of {table})")
    headline("the customer example, as it lies in the files")
    for path in files_of(folder, "public/people"):
        for line in path.read_text().splitlines():
            if ",9335," in line:
                print(line)
    return folder


def second_database(bench, source):
    headline("the same into a second PostgreSQL database")
    target = bench.target()
    task = bench.task(source, target)

    def arrived():
        return (target.one("SELECT to_regclass('public.orders')") is not None
                and target.one("SELECT count(*) FROM orders WHERE note = 'new'") > 100)
    stream_for_a_while(task, source, arrived)
    expect_equal(source, target, TABLES)
    headline("both sides, counted and hashed by the servers themselves")
    for table in TABLES:
        for side, database in (("source", source), ("target", target)):
            rows, digest = fingerprint(database, table)
            print(f"  {side} {table:9} {rows:>8} rows  {digest}")
    print("  equal")
    return target


def keep(servers, source, target, folder):
    server = servers.postgres("postgres15")
    print(f"\nleft running, as wished:\n  source  psql -h 127.0.0.1 -p {server.port} -U postgres {source.name}\n"
          f"  target  psql -h 127.0.0.1 -p {server.port} -U postgres {target.name}\n  files   {folder}\n"
          f"  stop    kill -INT {server.process.pid}; rm -rf {servers.folder}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="dev demo")
    parser.add_argument("--keep", action="store_true", help="leave server and files, and say how to connect")
    options = parser.parse_args()
    servers = Servers(survive=options.keep)
    bench = Bench(servers, TOP / "build/millrace", "demo")
    finished = False
    try:
        headline("a PostgreSQL of our own, with sample data")
        source = bench.source()
        source.execute(SAMPLE)
        print(f"  127.0.0.1:{source.server.port}, database {source.name}: 5 000 people, 500 products, {ORDERS} orders")
        folder = lake(bench, source)
        target = second_database(bench, source)
        finished = True
    except Failure as failure:
        print(f"\nthe demo failed: {failure}", file=sys.stderr)
        return 1
    finally:
        if finished and options.keep:
            keep(servers, source, target, folder)
            sys.stdout.flush()
            os._exit(0)  # leaves the server running
        bench.close()
        servers.close()
    print("\nEverything that was started is stopped and removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
