# SPDX-License-Identifier: Apache-2.0
"""What every pair of systems must do: one list of PAIRS, one of BEHAVIOURS, one of WAYS. In each way all behaviours'
tables change, and afterwards each must be equal on both sides; a new pair is one line.

A behaviour is a table with the statements of its n-th change, in words that all sources understand; a way is what
happens to the task meanwhile. What one system alone can do is in the scenarios of that system."""

import collections
import dataclasses
import datetime
import decimal
import random
import threading
from typing import Callable

from harness import expect, scenario, select, transform
from lake import NULL, Folder, Rebuilt, order, rows_of
from mysql_servers import MysqlDatabase
from proxy import Proxy
from servers import Failure
from workloads import Table

# ---- behaviours


@dataclasses.dataclass
class Behaviour:
    """`columns`: name -> kind ("number", "text", "date", "moment", "real"), which change() may extend."""

    name: str
    columns: dict
    create: str  # {moment}: the source's type for it
    change: Callable  # (world, n) -> statements, in one or several texts: a BEGIN takes in what stands before it in its text
    key: int = 1


def numbered(first, last, row):
    return ", ".join("(" + row.format(g=g) + ")" for g in range(first, last))


def change_rows(_, n):
    """Inserts, updates and deletes; transactions that are undone, as a whole and in part."""
    return ["INSERT INTO many VALUES " + numbered(10_000 * n, 10_000 * n + 50, "{g}, 0, 'new {g}'") + ";"
            f"UPDATE many SET version = version + 1, pad = 'changed {n}' WHERE id % 7 = {n % 7}; DELETE FROM many WHERE id % 50 = {n}",
            "BEGIN; INSERT INTO many VALUES (-1, 0, 'never'); ROLLBACK",
            f"BEGIN; UPDATE many SET version = version + 1 WHERE id = {n + 2}; SAVEPOINT a; DELETE FROM many WHERE id > 5;"
            f"ROLLBACK TO SAVEPOINT a; INSERT INTO many VALUES (-{n + 10}, {n}, NULL); COMMIT"]


ODD = ["'', 0, NULL, NULL, 0", "'tab\tnewline\nreturn\r', -0.001, '0001-01-01', '1000-01-01 00:00:00', -1234.25",
       "'quote '' double \" comma , ü 😀 <null>', 999999999.999, '9999-12-31', '9999-12-31 23:59:59.999999', 0.5",
       "NULL, NULL, '2024-02-29', '1969-12-31 23:59:59.5', 1e100"]


def change_types(_, n):
    """Values at the ends of their types, as they come and as they take others' place."""
    rows = ", ".join(f"({10 * n + place}, {row})" for place, row in enumerate(ODD))
    return [f"INSERT INTO types VALUES {rows}; UPDATE types SET a = NULL, n = {n}.5, w = '2024-02-29 12:00:00.25' WHERE id = {10 * n};"
            f"UPDATE types SET a = 'a', d = '1970-01-01', n = NULL, f = NULL WHERE id = {10 * n - 9}"]


def change_bag(world, n):
    """A table without a key: rows that are equal stay as many as they are."""
    of_one = world.source.of_one
    return [f"INSERT INTO bag VALUES ({n}, 'x'), ({n}, 'x'), (1, NULL); DELETE FROM bag {of_one('bag', 'a = 1')};"
            + ("" if world.target.is_files else f"UPDATE bag SET b = 'changed {n}' {of_one('bag', f'a = {n}')}")]


def change_keys(_, n):
    """Keys that change, and two that change places."""
    return [f"UPDATE keyed SET id = id + 1000 WHERE id BETWEEN {10 * n} AND {10 * n + 4}",
            "BEGIN; UPDATE keyed SET id = -1 WHERE id = 1; UPDATE keyed SET id = 1 WHERE id = 2; UPDATE keyed SET id = 2 WHERE id = -1; COMMIT",
            f"DELETE FROM keyed WHERE id = {10 * n + 5}; INSERT INTO keyed VALUES ({10 * n + 5}, 'again {n}')"]


def change_emptied(_, n):
    """TRUNCATE keeps its place between the other changes."""
    return [f"INSERT INTO emptied VALUES ({100 + n}, 'gone'); TRUNCATE TABLE emptied; INSERT INTO emptied VALUES (1, 'again {n}'), (2, NULL);"
            "UPDATE emptied SET a = 'changed' WHERE id = 2"]


def change_shape(world, n):
    """A column is added, between changes."""
    world.columns["grows"][f"c{n}"] = "number"
    return [f"INSERT INTO grows (id, a) VALUES ({100 + n}, 'before'); ALTER TABLE grows ADD COLUMN c{n} int;"
            f"INSERT INTO grows (id, a, c{n}) VALUES ({200 + n}, 'behind', {n}); UPDATE grows SET c{n} = id"]


BEHAVIOURS = [
    Behaviour("many", {"id": "number", "version": "number", "pad": "text"},
              "CREATE TABLE many (id int PRIMARY KEY, version int NOT NULL, pad varchar(200)); INSERT INTO many VALUES "
              + numbered(1, 3000, "{g}, 0, 'row {g}'"), change_rows),
    Behaviour("types", {"id": "number", "a": "text", "n": "number", "d": "date", "w": "moment", "f": "real"},
              "CREATE TABLE types (id int PRIMARY KEY, a varchar(60), n decimal(12,3), d date, w {moment}, f double precision); "
              "INSERT INTO types VALUES " + ", ".join(f"({place + 1}, {row})" for place, row in enumerate(ODD)), change_types),
    Behaviour("bag", {"a": "number", "b": "text"},
              "CREATE TABLE bag (a int, b varchar(20)); INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (1, 'x'), (2, NULL)", change_bag, key=0),
    Behaviour("keyed", {"id": "number", "a": "text"},
              "CREATE TABLE keyed (id int PRIMARY KEY, a varchar(20)); INSERT INTO keyed VALUES " + numbered(1, 400, "{g}, 'k{g}'"), change_keys),
    Behaviour("emptied", {"id": "number", "a": "text"},
              "CREATE TABLE emptied (id int PRIMARY KEY, a varchar(20)); INSERT INTO emptied VALUES (1, 'first')", change_emptied),
    Behaviour("grows", {"id": "number", "a": "text"},
              "CREATE TABLE grows (id int PRIMARY KEY, a varchar(20)); INSERT INTO grows VALUES " + numbered(1, 40, "{g}, 'g{g}'"), change_shape),
]


def plain(cell, kind):
    """One form for a value, whoever gave it."""
    if cell is None:
        return None
    if kind == "number":
        return f"{decimal.Decimal(str(cell)).normalize() + 0:f}"
    if kind == "real":
        return repr(float(cell))
    if kind == "moment":
        moment = cell if isinstance(cell, datetime.datetime) else datetime.datetime.fromisoformat(cell)
        return moment.replace(tzinfo=None).isoformat(timespec="microseconds")
    return str(cell)


# ---- sides


class DatabaseSide:
    is_files = False

    def __init__(self, bench, kind):
        server = bench.postgres() if kind == "postgres" else getattr(bench, kind)()
        self.database = bench.database(kind, server)
        self.is_mysql = isinstance(self.database, MysqlDatabase)
        self.schema = self.database.name if self.is_mysql else "public"
        self.moment = "datetime(6)" if self.is_mysql else "timestamp(6)"
        self.proxy = Proxy(bench, server.port)

    def execute(self, sql):
        return self.database.execute(sql)

    def endpoint(self, kind):
        return self.database.endpoint(kind, Port=self.proxy.port)

    def whole_old_rows(self, table):
        return "" if self.is_mysql else f"; ALTER TABLE {table} REPLICA IDENTITY FULL"

    def of_one(self, table, condition):
        """WHERE ... for one of the rows that a condition holds for."""
        if self.is_mysql:
            return f"WHERE {condition} LIMIT 1"
        return f"WHERE ctid = (SELECT min(ctid) FROM {table} WHERE {condition})"

    def has_table(self, table):
        return self.database.one(f"SELECT count(*) FROM information_schema.tables WHERE table_schema = '{self.schema}' "
                                 f"AND table_name = '{table}'") > 0

    def rows(self, behaviour, columns):
        return self.execute(f"SELECT {', '.join(columns)} FROM {behaviour.name}")

    def cut(self):
        self.proxy.do("cut")


class FilesSide:
    is_files = True

    def __init__(self, bench, form):
        self.form = form
        path, self.document = bench.lake(DataFormat=form, IncludeOpForFullLoad=True, CsvNullValue=NULL)
        self.folder = Folder(path)
        self.schema = None

    def endpoint(self, _):
        return self.document

    def has_table(self, table):
        return bool(self.folder.names(Table(self.schema, table)))

    def rows(self, behaviour, columns):
        table = Table(self.schema, behaviour.name, behaviour.key)
        whole = Rebuilt(table)
        for name in sorted(self.folder.names(table), key=order):
            for op, cells in rows_of(self.folder.fetch(table, name), self.form):
                whole.follow(name, op, cells)
        rows = whole.rows.values() if behaviour.key else whole.rows.elements()
        return [row + (None,) * (len(columns) - len(row)) for row in rows]

    def cut(self):
        """There is no way to it that could break."""


class World:
    """A task between two sides, with the tables of all behaviours."""

    def __init__(self, bench, source, target):
        self.source, self.target = source, target
        self.columns = {behaviour.name: dict(behaviour.columns) for behaviour in BEHAVIOURS}
        self.changes, self.chance = 0, random.Random(5)
        for behaviour in BEHAVIOURS:
            source.execute(behaviour.create.replace("{moment}", source.moment) + source.whole_old_rows(behaviour.name))
        source.execute("CREATE TABLE marks (id int PRIMARY KEY); INSERT INTO marks VALUES (0)")
        rules = [select(source.schema)]
        if target.is_files:
            target.schema = source.schema
        elif target.schema != source.schema:
            rules.append(transform("schema", "rename", source.schema, value=target.schema))
        self.task = bench.task(source.endpoint("source"), target.endpoint("target"), rules,
                               settings={"ErrorBehavior": {"RecoverableErrorInterval": 1}})

    def change(self):
        """The next change of every behaviour."""
        self.changes += 1
        for behaviour in BEHAVIOURS:
            for sql in behaviour.change(self, self.changes):
                self.source.execute(sql)

    def wait_for_mark(self, run):
        """Until the task has what the source has now."""
        self.source.execute(f"INSERT INTO marks VALUES ({self.changes})")
        marks = Behaviour("marks", {}, "", None)
        run.wait_until(f"mark {self.changes}", lambda: self.target.has_table("marks") and str(self.changes) in
                       [str(row[0]) for row in self.target.rows(marks, ["id"])])

    def compare(self, way):
        for behaviour in BEHAVIOURS:
            columns = self.columns[behaviour.name]
            ours, theirs = (collections.Counter(tuple(map(plain, row, columns.values())) for row in side.rows(behaviour, list(columns)))
                            for side in (self.source, self.target))
            if ours != theirs:
                raise Failure(f"{way}, {behaviour.name} ({behaviour.change.__doc__}): {ours.total()} rows at the source, {theirs.total()} on "
                              f"the target\n  only at the source: {list((ours - theirs).elements())[:4]}\n"
                              f"  only on the target: {list((theirs - ours).elements())[:4]}")


# ---- ways


def load(world):
    """The full load, and what changes while it runs."""
    run = world.task.start("--until", "caught-up")
    world.source.execute("UPDATE many SET version = 1 WHERE id % 3 = 0")
    run.wait()
    world.task.catch_up()


def stream(world):
    """Changes while the task follows."""
    run = world.task.start()
    for _ in range(2):
        world.change()
    world.wait_for_mark(run)
    run.interrupt()


def restart(world):
    """Changes while it is down, and while it is told to stop."""
    world.change()
    run = world.task.start()
    world.change()
    threading.Event().wait(0.3)
    run.interrupt()
    world.task.catch_up()


def kill(world):
    """kill -9 among the changes."""
    run = world.task.start()
    for _ in range(5):
        world.change()
        threading.Event().wait(world.chance.uniform(0.05, 0.4))
        expect(run.running(), run.text()[-3000:])
        run.kill()
        run = world.task.start()
    run.kill()
    world.task.catch_up()


def cut(world):
    """Connections of both sides break among the changes; the task goes on by itself."""
    run = world.task.start()
    for number in range(4):
        world.change()
        threading.Event().wait(world.chance.uniform(0.1, 0.5))
        (world.source, world.target)[number % 2].cut()
    world.wait_for_mark(run)
    run.interrupt()


def reload(world):
    """Loaded anew while it changes, and followed from there."""
    world.change()
    world.task.run("--start-type", "reload-target", "--until", "caught-up")
    world.compare("behind the reload")
    world.change()
    world.task.catch_up()


WAYS = [load, stream, restart, kill, cut, reload]


# ---- pairs


@dataclasses.dataclass(frozen=True)
class Pair:
    source: str
    target: str

    def conforms(self, bench):
        kind = FilesSide if self.target in ("csv", "parquet") else DatabaseSide
        world = World(bench, DatabaseSide(bench, self.source), kind(bench, self.target))
        for way in WAYS:
            try:
                way(world)
                world.compare(way.__name__)
            except Failure as failure:
                raise Failure(f"{way.__name__} ({way.__doc__}): {failure}") from None


PAIRS = [Pair("postgres", "postgres"), Pair("postgres", "csv"), Pair("postgres", "parquet"), Pair("postgres", "mysql"),
         Pair("postgres", "mariadb"), Pair("mysql", "postgres"), Pair("mysql", "mysql"), Pair("mysql", "csv"), Pair("mysql", "parquet"),
         Pair("mariadb", "postgres"), Pair("mariadb", "mysql"), Pair("mariadb", "csv")]

for pair in PAIRS:
    def conforms(bench, pair=pair):
        """The same behaviours in the same ways as every other pair."""
        pair.conforms(bench)
    scenario(f"conformance.{pair.source}_to_{pair.target}")(conforms)
