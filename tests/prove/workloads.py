# SPDX-License-Identifier: Apache-2.0
"""What the source does while it is proved: the table of workloads, and the thread that runs one of them.

A workload is tables, single steps (a transaction each, one string of SQL), and questions to a target that shows one state
of the source at a time: a query whose columns have one known answer. `WORKLOADS` is the table; all run at once.

    bank     TPC-B-like: money moves between accounts; each move is a row of moves and one of notes
    shop     order-entry-like: orders of several lines, stock, customers; foreign keys, deletes that cascade
    odd      tables without a key, keys that move and change places, unique values that swap, large values that an update
             leaves alone, savepoints rolled back, prepared transactions, huge ones, TRUNCATE, names of every sort
"""

import contextlib
import dataclasses
import threading

from servers import AWAY


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the load. The first `key` columns are its key (0: none); column `version` grows by one an update."""

    schema: str
    name: str
    key: int = 1
    version: int = -1
    emptied: bool = False  # its files are removed now and then, so they are read in the end only

    @property
    def quoted(self):
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))

    @property
    def text(self):
        return f"{self.schema}.{self.name}"


class Bank:
    ACCOUNTS, START = 10_000, 1000
    tables = [Table("bank", "accounts", version=2), Table("bank", "moves"), Table("bank", "notes")]
    schema = f"""
CREATE SCHEMA bank;
CREATE TABLE bank.accounts (id int PRIMARY KEY, balance bigint NOT NULL, version int NOT NULL DEFAULT 0);
CREATE TABLE bank.moves (id bigserial PRIMARY KEY, giver int NOT NULL, taker int NOT NULL, amount bigint NOT NULL);
CREATE TABLE bank.notes (move bigint PRIMARY KEY, text text NOT NULL);
INSERT INTO bank.accounts SELECT g, {START}, 0 FROM generate_series(1, {ACCOUNTS}) g;
"""
    question = f"""
SELECT (SELECT sum(balance) FROM bank.accounts)::bigint - {ACCOUNTS * START} AS "money made",
  (SELECT count(*) FROM bank.moves) - (SELECT count(*) FROM bank.notes) AS "moves without a note",
  (SELECT count(*) FROM bank.accounts a LEFT JOIN (SELECT id, sum(amount) AS amount FROM (
     SELECT taker AS id, amount FROM bank.moves UNION ALL SELECT giver, -amount FROM bank.moves) f GROUP BY id) m USING (id)
   WHERE a.balance <> {START} + coalesce(m.amount, 0)) AS "accounts that disagree with moves"
"""
    mysql_question = f"""
SELECT (SELECT sum(balance) FROM bank.accounts) - {ACCOUNTS * START} AS `money made`,
  (SELECT count(*) FROM bank.moves) - (SELECT count(*) FROM bank.notes) AS `moves without a note`,
  (SELECT count(*) FROM bank.accounts a LEFT JOIN (SELECT id, sum(amount) AS amount FROM (
     SELECT taker AS id, amount FROM bank.moves UNION ALL SELECT giver, -amount FROM bank.moves) f GROUP BY id) m USING (id)
   WHERE a.balance <> {START} + coalesce(m.amount, 0)) AS `accounts that disagree with moves`
"""

    def step(self, chance):
        giver, taker = sorted(chance.sample(range(1, self.ACCOUNTS + 1), 2))
        amount = chance.randint(-50, 50)
        aside = "SAVEPOINT s; INSERT INTO bank.notes VALUES (-1, 'never'); ROLLBACK TO s;" if chance.random() < 0.1 else ""
        pay = "UPDATE bank.accounts SET balance = balance {:+d}, version = version + 1 WHERE id = {};".format
        end = "ROLLBACK" if chance.random() < 0.05 else "COMMIT"
        return 4, (f"BEGIN; {pay(-amount, giver)} {aside} INSERT INTO bank.moves (giver, taker, amount) VALUES ({giver}, {taker}, "
                   f"{amount}); {pay(amount, taker)} INSERT INTO bank.notes SELECT currval('bank.moves_id_seq'), 'move of {amount}'; {end}")


class Shop:
    CUSTOMERS, PRODUCTS, STOCK = 500, 200, 100_000
    tables = [Table("shop", "customers"), Table("shop", "products"), Table("shop", "orders"), Table("shop", "lines", key=2)]
    schema = f"""
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id int PRIMARY KEY, name varchar(40) NOT NULL, orders int NOT NULL DEFAULT 0);
CREATE TABLE shop.products (id int PRIMARY KEY, price numeric(10,2) NOT NULL, stock int NOT NULL, sold int NOT NULL DEFAULT 0);
CREATE TABLE shop.orders (id bigserial PRIMARY KEY, customer int NOT NULL REFERENCES shop.customers, lines int NOT NULL,
  total numeric(14,2) NOT NULL, state text);
CREATE TABLE shop.lines ("order" bigint REFERENCES shop.orders ON DELETE CASCADE, line int, product int NOT NULL
  REFERENCES shop.products, pieces int NOT NULL, amount numeric(14,2) NOT NULL, PRIMARY KEY ("order", line));
CREATE INDEX ON shop.lines (product);
INSERT INTO shop.customers SELECT g, 'customer, ' || g FROM generate_series(1, {CUSTOMERS}) g;
INSERT INTO shop.products SELECT g, g * 1.25, {STOCK} FROM generate_series(1, {PRODUCTS}) g;
"""
    question = f"""
SELECT (SELECT count(*) FROM shop.orders o LEFT JOIN (SELECT "order", count(*) AS n, sum(amount) AS amount FROM shop.lines
    GROUP BY 1) l ON l."order" = o.id WHERE (o.lines, o.total) IS DISTINCT FROM (l.n, l.amount)) AS "orders unlike their lines",
  (SELECT count(*) FROM shop.products p LEFT JOIN (SELECT product, sum(pieces) AS pieces FROM shop.lines GROUP BY 1) l
    ON l.product = p.id WHERE p.sold <> coalesce(l.pieces, 0) OR p.stock + p.sold <> {STOCK}) AS "products unlike their lines",
  (SELECT sum(orders) FROM shop.customers)::bigint - (SELECT count(*) FROM shop.orders) AS "orders nobody placed"
"""
    mysql_question = f"""
SELECT (SELECT count(*) FROM shop.orders o LEFT JOIN (SELECT `order`, count(*) AS n, sum(amount) AS amount FROM shop.`lines`
    GROUP BY 1) l ON l.`order` = o.id WHERE NOT (o.`lines` <=> l.n AND o.total <=> l.amount)) AS `orders unlike their lines`,
  (SELECT count(*) FROM shop.products p LEFT JOIN (SELECT product, sum(pieces) AS pieces FROM shop.`lines` GROUP BY 1) l
    ON l.product = p.id WHERE p.sold <> coalesce(l.pieces, 0) OR p.stock + p.sold <> {STOCK}) AS `products unlike their lines`,
  (SELECT sum(orders) FROM shop.customers) - (SELECT count(*) FROM shop.orders) AS `orders nobody placed`
"""
    SETTLE = """
UPDATE shop.orders o SET lines = l.n, total = l.amount FROM (SELECT count(*) AS n, sum(amount) AS amount FROM shop.lines
  WHERE "order" = {order}) l WHERE o.id = {order};"""
    ANY = "(SELECT id FROM shop.orders WHERE id >= {at} ORDER BY id LIMIT 1)"

    def __init__(self):
        self.placed = 0

    def step(self, chance):
        kind = chance.random()
        if kind < 0.6 or self.placed < 20:
            return self.place(chance)
        order = self.ANY.format(at=chance.randint(max(1, self.placed - 2000), self.placed))
        if kind < 0.75:
            return 1, f"UPDATE shop.orders SET state = 'sent {chance.randint(1, 9)}' WHERE id = {order}"
        if kind < 0.9:
            return self.more(chance, order)
        return 6, f"""BEGIN; UPDATE shop.customers SET orders = orders - 1 WHERE id = (SELECT customer FROM shop.orders WHERE id = {order});
UPDATE shop.products p SET stock = stock + l.n, sold = sold - l.n FROM (SELECT product, sum(pieces) AS n FROM shop.lines
  WHERE "order" = {order} GROUP BY 1) l WHERE p.id = l.product;
DELETE FROM shop.orders WHERE id = {order}; COMMIT"""

    def place(self, chance):
        products = sorted(chance.sample(range(1, self.PRODUCTS + 1), chance.randint(1, 6)))
        order = "(SELECT currval('shop.orders_id_seq'))"
        lines = "".join(f"""
UPDATE shop.products SET stock = stock - {pieces}, sold = sold + {pieces} WHERE id = {product};
INSERT INTO shop.lines SELECT {order}, {line}, id, {pieces}, {pieces} * price FROM shop.products WHERE id = {product};"""
                        for line, product in enumerate(products, 1) for pieces in [chance.randint(1, 9)])
        self.placed += 1
        customer = chance.randint(1, self.CUSTOMERS)
        end = "ROLLBACK" if chance.random() < 0.05 else "COMMIT"
        return 3 + 2 * len(products), f"""BEGIN; UPDATE shop.customers SET orders = orders + 1 WHERE id = {customer};
INSERT INTO shop.orders (customer, lines, total) VALUES ({customer}, 0, 0);{lines}{self.SETTLE.format(order=order)} {end}"""

    def more(self, chance, order):
        pieces = chance.randint(1, 5)
        return 3, f"""WITH m AS (SELECT "order", line, product FROM shop.lines WHERE "order" = {order} ORDER BY line LIMIT 1),
p AS (UPDATE shop.products SET stock = stock - {pieces}, sold = sold + {pieces} FROM m WHERE id = m.product RETURNING price),
l AS (UPDATE shop.lines l SET pieces = pieces + {pieces}, amount = amount + {pieces} * price FROM m, p
  WHERE l."order" = m."order" AND l.line = m.line)
UPDATE shop.orders SET total = total + {pieces} * price FROM m, p WHERE m."order" = id"""


class Odd:
    ROWS, MASS_EVERY = 300, 400
    NAMED = 'Ta"b le ü'
    tables = [Table("odd", "bag", key=0), Table("odd", "walkers"), Table("odd", "doc"), Table("odd", NAMED),
              Table("odd", "emptied", emptied=True), Table("odd", "grows"), Table("odd", "mass"),
              Table("odd", "reloaded", emptied=True), Table("odd", "nested", version=1)]
    schema = f"""
CREATE SCHEMA odd;
CREATE TABLE odd.bag (a int, b text); ALTER TABLE odd.bag REPLICA IDENTITY FULL;
CREATE TABLE odd.walkers (id int PRIMARY KEY, place int UNIQUE, v text);
CREATE TABLE odd.doc (id int PRIMARY KEY, n int, body text, more text);
ALTER TABLE odd.doc ALTER body SET STORAGE EXTERNAL, ALTER more SET STORAGE EXTERNAL;
CREATE TABLE odd."Ta""b le ü" ("or""der" int PRIMARY KEY, "va.l, ue" text, "SELECT" numeric(12,4));
CREATE TABLE odd.emptied (id int PRIMARY KEY, v text);
CREATE TABLE odd.grows (id int PRIMARY KEY, n int);
CREATE TABLE odd.mass (id bigserial PRIMARY KEY, v text);
CREATE TABLE odd.reloaded (id int PRIMARY KEY, n int, v text);
CREATE TABLE odd.nested (id int PRIMARY KEY, version int NOT NULL DEFAULT 0);
INSERT INTO odd.bag SELECT g % 20, CASE WHEN g % 3 > 0 THEN 'x' END FROM generate_series(1, {ROWS}) g;
INSERT INTO odd.walkers SELECT g, g, 'w' || g FROM generate_series(1, {ROWS}) g;
INSERT INTO odd.doc SELECT g, 0, repeat(md5(g::text), 100), CASE WHEN g % 2 = 0 THEN repeat('m', 3000) END FROM generate_series(1, 60) g;
INSERT INTO odd."Ta""b le ü" SELECT g, E'tab\\t "quote", line\\nand \\\\N ' || g, g / 3.0 FROM generate_series(1, {ROWS}) g;
INSERT INTO odd.emptied SELECT g, 'first' FROM generate_series(1, {ROWS}) g;
INSERT INTO odd.grows SELECT g, 0 FROM generate_series(1, {ROWS}) g;
INSERT INTO odd.mass (v) SELECT repeat(md5(g::text), 6) FROM generate_series(1, 20000) g;
INSERT INTO odd.reloaded SELECT g, 0, repeat('r', 100) FROM generate_series(1, 5000) g;
INSERT INTO odd.nested SELECT g FROM generate_series(1, {ROWS}) g;
"""
    question = mysql_question = None  # rows that stand for themselves; both sides are compared in the end

    def __init__(self):
        self.number = 0
        self.kinds = [(self.bag, 8), (self.walk, 6), (self.swap, 6), (self.doc, 6), (self.named, 6), (self.nest, 6),
                      (self.prepare, 4), (self.grow, 6), (self.reload, 6), (self.empty, 0.5)]

    def step(self, chance):
        self.number += 1
        if self.number % self.MASS_EVERY == 0:
            return self.mass(chance)
        kinds, weights = zip(*self.kinds)
        return chance.choices(kinds, weights)[0](chance)

    def any_row(self, chance):
        return chance.randint(1, self.ROWS)

    def bag(self, chance):
        at = f"(SELECT ctid FROM odd.bag OFFSET {chance.randint(0, 200)} LIMIT {chance.randint(1, 4)})"
        return 9, (f"BEGIN; INSERT INTO odd.bag VALUES ({self.number % 20}, NULL), (1, 'x'), (1, 'x'), (1, 'y'); "
                   f"UPDATE odd.bag SET a = a + 1 WHERE ctid = ANY (ARRAY{at}); DELETE FROM odd.bag WHERE ctid = ANY (ARRAY{at}); COMMIT")

    def walk(self, chance):
        """Keys that move on and come back, and two that change places through a third."""
        a, b = chance.sample(range(1, self.ROWS + 1), 2)
        return 9, (f"BEGIN; UPDATE odd.walkers SET id = id + 100000 WHERE id IN ({a}, {b}); "
                   f"UPDATE odd.walkers SET id = id - 100000 WHERE id > 100000; UPDATE odd.walkers SET id = -1 WHERE id = {a}; "
                   f"UPDATE odd.walkers SET id = {a} WHERE id = {b}; UPDATE odd.walkers SET id = {b}, v = 'n{self.number}' WHERE id = -1; COMMIT")

    def swap(self, chance):
        a, b = chance.sample(range(1, self.ROWS + 1), 2)
        return 4, (f"BEGIN; UPDATE odd.walkers SET place = -place WHERE id IN ({a}, {b}); UPDATE odd.walkers w SET place = -o.place "
                   f"FROM odd.walkers o WHERE w.id IN ({a}, {b}) AND o.id IN ({a}, {b}) AND o.id <> w.id; COMMIT")

    def doc(self, chance):
        at = chance.randint(1, 60)
        if chance.random() < 0.2:
            return 1, f"UPDATE odd.doc SET body = repeat(md5('{self.number}'), {chance.randint(1, 150)}) WHERE id = {at}"
        return 2, (f"BEGIN; UPDATE odd.doc SET n = n + 1 WHERE id = {at}; UPDATE odd.doc SET more = CASE WHEN more IS NULL THEN "
                   f"repeat('n', 2500) END WHERE id = {at % 60 + 1}; COMMIT")

    def named(self, chance):
        at = self.any_row(chance)
        return 2, ('BEGIN; DELETE FROM odd."Ta""b le ü" WHERE "or""der" = %d; INSERT INTO odd."Ta""b le ü" VALUES (%d, '
                   "E'é \\r\\n 😀 %d', 0.0001); COMMIT" % (at, at, self.number))

    def nest(self, chance):
        a, b, c = chance.sample(range(1, self.ROWS + 1), 3)
        one = "UPDATE odd.nested SET version = version + 1 WHERE id = {};".format
        return 3, (f"BEGIN; {one(a)} SAVEPOINT s; {one(b)} SAVEPOINT t; {one(c)} ROLLBACK TO t; {one(c)} RELEASE s; SAVEPOINT u; "
                   f"DELETE FROM odd.nested WHERE id < 50; INSERT INTO odd.mass (v) VALUES ('never'); ROLLBACK TO u; COMMIT")

    def prepare(self, chance):
        """Prepared and left open while another transaction commits; then either way."""
        end = "COMMIT" if chance.random() < 0.7 else "ROLLBACK"
        name = f"{{database}}-{self.number}"
        return 3, [f"BEGIN; INSERT INTO odd.bag VALUES (77, 'prepared'); UPDATE odd.nested SET version = version + 1 WHERE id = "
                   f"{self.any_row(chance)}; PREPARE TRANSACTION '{name}'",
                   "INSERT INTO odd.bag VALUES (78, 'meanwhile')", f"{end} PREPARED '{name}'"]

    def grow(self, chance):
        return 2, (f"BEGIN; UPDATE odd.grows SET n = n + 1 WHERE id = {self.any_row(chance)}; "
                   f"INSERT INTO odd.grows (id, n) VALUES ({1000 + self.number}, 1); COMMIT")

    def reload(self, chance):
        at = chance.randint(1, 5000)
        return 2, (f"BEGIN; UPDATE odd.reloaded SET n = n + 1, v = 'u' || n WHERE id = {at}; DELETE FROM odd.reloaded WHERE id = {at % 5000 + 1}; "
                   f"INSERT INTO odd.reloaded VALUES ({10000 + self.number}, 0, 'new'); COMMIT")

    def empty(self, chance):
        return 21, (f"BEGIN; INSERT INTO odd.emptied VALUES (-1, 'short-lived'); TRUNCATE odd.emptied; INSERT INTO odd.emptied "
                    f"SELECT g, 'after {self.number}' FROM generate_series(1, 20) g; UPDATE odd.emptied SET v = 'u' WHERE id < 4; COMMIT")

    def mass(self, chance):
        """Larger than what the server decodes in memory, so that it is sent before its end."""
        end = "ROLLBACK" if chance.random() < 0.2 else "COMMIT"
        return 10000, (f"BEGIN; INSERT INTO odd.mass (v) SELECT repeat(md5(g::text), 3) FROM generate_series(1, 5000) g; SAVEPOINT s; "
                       f"DELETE FROM odd.mass WHERE id < 4000; ROLLBACK TO s; DELETE FROM odd.mass WHERE id IN (SELECT id FROM odd.mass "
                       f"ORDER BY id LIMIT 5000); {end}")


WORKLOADS = [Bank, Shop, Odd]


class Writer(threading.Thread):
    """Does a workload's steps until told to stop, through restarts of the source: a step that was cut may be done or not."""

    def __init__(self, source, workload, chance, pause_seconds):
        super().__init__(daemon=True)
        self.source, self.database = source, source.database
        self.workload, self.chance, self.pause = workload, chance, pause_seconds
        self.ending, self.changes, self.failed = threading.Event(), 0, None
        self.start()

    def run(self):
        connection = None
        while not self.ending.wait(self.pause):
            try:
                connection = connection or self.connect()
                self.do(connection)
            except AWAY:
                with contextlib.suppress(Exception):
                    connection.close()
                connection = None
            except Exception as problem:
                self.failed = f"{type(self.workload).__name__}: {problem}"
                break
        if connection:
            connection.close()

    def connect(self):
        connection = self.database.server.connect(self.database.name)
        if isinstance(self.workload, Odd):  # what a cut left behind
            with connection.cursor() as cursor:
                self.source.end_prepared(cursor)
        return connection

    def do(self, connection):
        changes, statements = self.workload.step(self.chance)
        with connection.cursor() as cursor:
            for statement in [statements] if isinstance(statements, str) else statements:
                cursor.execute(statement.replace("{database}", self.database.name))
        self.changes += changes

    def stop(self):
        self.ending.set()
        self.join(60)
