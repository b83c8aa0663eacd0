# SPDX-License-Identifier: Apache-2.0
"""Foreign keys that act at the source without a word in its log: carried out on relational targets, refused elsewhere."""

import random

import pymysql

from harness import expect, expect_same, scenario, select, transform
from mysql_servers import MySQL

# Chains, a tree, keys of several columns, keys that move, a column that the server would set by itself, a text key.
TABLES = """
CREATE TABLE people (id int PRIMARY KEY, code char(8) COLLATE utf8mb4_bin NOT NULL, n int NOT NULL DEFAULT 0, UNIQUE KEY (code));
CREATE TABLE orders (id int PRIMARY KEY, person int, n int NOT NULL DEFAULT 0,
  FOREIGN KEY (person) REFERENCES people (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE `lines` (`order` int, n int, v int, PRIMARY KEY (`order`, n),
  FOREIGN KEY (`order`) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE notes (id int PRIMARY KEY, o int, l int, changed timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  FOREIGN KEY (o, l) REFERENCES `lines` (`order`, n) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE badges (id int PRIMARY KEY, code char(8) COLLATE utf8mb4_bin, FOREIGN KEY (code) REFERENCES people (code) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE tree (id int PRIMARY KEY, up int, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE);
CREATE TABLE leaves (id int AUTO_INCREMENT PRIMARY KEY, tree int, FOREIGN KEY (tree) REFERENCES tree (id) ON DELETE SET NULL);
"""
NAMES = ["people", "orders", "`lines`", "notes", "badges", "tree", "leaves"]


def fill(database):
    series = "WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {}) SELECT {} FROM s"
    for table, count, columns in (
            ("people (id, code)", 60, "g, CONCAT('c', g)"), ("orders (id, person)", 150, "g, 1 + g * 7 % 60"),
            ("`lines`", 300, "1 + g % 150, g DIV 150, g"), ("notes (id, o, l)", 200, "g, 1 + g % 150, g DIV 150"),
            ("badges", 90, "g, CONCAT('c', 1 + g % 60)"), ("tree", 120, "g, IF(g < 6, NULL, g DIV 3)"), ("leaves (tree)", 150, "1 + g % 120")):
        database.execute(f"INSERT INTO {table} {series.format(count, columns)}")


def step(chance):
    one = chance.randint
    person, order, node = one(1, 80), one(1, 200), one(1, 160)
    return chance.choice([
        f"DELETE FROM people WHERE id = {person}",
        f"DELETE FROM people WHERE id BETWEEN {person} AND {person + 3}",
        f"UPDATE people SET id = {one(1, 80)} WHERE id = {person}",
        f"UPDATE people SET code = CONCAT('d', {one(1, 99)}), n = n + 1 WHERE id = {person}",
        f"REPLACE INTO people (id, code) VALUES ({person}, 'r{person}')",
        f"INSERT INTO people (id, code) VALUES ({person}, 'i{person}')",
        f"INSERT INTO orders (id, person) VALUES ({order}, {person})",
        f"INSERT INTO orders (id, person) VALUES ({order}, {person}) ON DUPLICATE KEY UPDATE n = n + 1, person = {person}",
        f"UPDATE orders SET id = id + 1000 WHERE id = {order}", f"UPDATE orders SET id = id - 1000 WHERE id > 1000 ORDER BY id LIMIT {one(1, 4)}",
        f"UPDATE orders SET id = id + 1 WHERE id BETWEEN {order} AND {order + 5} ORDER BY id DESC",
        f"DELETE FROM orders WHERE id % 31 = {one(0, 30)}",
        f"INSERT INTO `lines` VALUES ({order}, {one(0, 4)}, {one(1, 9)})", f"UPDATE `lines` SET n = n + 10 WHERE `order` = {order}",
        f"DELETE FROM `lines` WHERE `order` = {order}", f"UPDATE `lines` SET v = v + 1 WHERE `order` BETWEEN {order} AND {order + 9}",
        f"INSERT INTO notes (id, o, l) SELECT {one(201, 900)}, `order`, n FROM `lines` WHERE `order` = {order} LIMIT 1",
        f"DELETE FROM notes WHERE id = {one(1, 400)}", f"UPDATE badges SET code = 'c{one(1, 60)}' WHERE id = {one(1, 90)}",
        f"DELETE FROM tree WHERE id = {node}", f"DELETE FROM tree WHERE id % 37 = {one(0, 36)}",
        f"INSERT INTO tree VALUES ({node}, {one(1, 160)})", f"UPDATE tree SET up = {one(1, 160)} WHERE id = {node} AND id > 20",
        f"INSERT INTO leaves (tree) VALUES ({node})", f"SET foreign_key_checks = 0; DELETE FROM people WHERE id = {person}",
        f"SAVEPOINT s; DELETE FROM people WHERE id = {person}; DELETE FROM tree WHERE id = {node}; ROLLBACK TO s",
        f"DELETE o, p FROM orders o JOIN people p ON p.id = o.person WHERE p.id = {person}",
    ])


def work(source, chance, transactions):
    for _ in range(transactions):
        connection = source.server.connect(source.name)
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            for _ in range(chance.randint(1, 6)):
                try:
                    cursor.execute(step(chance))
                    while cursor.nextset():
                        pass
                except pymysql.err.MySQLError:
                    pass  # a duplicate, a key that refers to nothing: the statement is undone
            cursor.execute("COMMIT" if chance.random() < 0.9 else "ROLLBACK")
        connection.close()


def engine(database):
    return getattr(database.server, "engine_name", "postgres")


def rows_of(database, name):
    query = f"SELECT * FROM {name} ORDER BY 1, 2"
    return [tuple(cell.replace(tzinfo=None) if hasattr(cell, "tzinfo") else cell.rstrip() if isinstance(cell, str) else cell for cell in row)
            for row in database.execute(query if engine(database) != "postgres" else query.replace("`", '"'))]


def same(source, target, what):
    for name in NAMES:
        expect_same(rows_of(target, name), rows_of(source, name), f"{what}: {name}")


def replicate(bench, server, target, seed, transactions=120):
    source = bench.source(server)
    source.execute(TABLES)
    fill(source)
    landing = "public" if engine(target) == "postgres" else target.name
    task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value=landing)])
    task.catch_up()
    chance = random.Random(seed)
    work(source, chance, transactions)
    task.catch_up()
    same(source, target, f"{server.engine_name} to {engine(target)}, seed {seed}")
    return source, task


@scenario("cascades.carried_out", takes_long=True)
def carried_out(bench):
    """MariaDB to the three: random transactions with deletes and moving keys; once more without any key on the target."""
    for seed, server in enumerate((bench.postgres(), bench.mysql(), bench.mariadb())):
        target = bench.target(server)
        source, task = replicate(bench, bench.mariadb(), target, seed)
        if server is not bench.mysql():
            continue
        for table, key in target.execute("SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS "
                                         f"WHERE CONSTRAINT_SCHEMA = '{target.name}'"):
            target.execute(f"ALTER TABLE `{table}` DROP FOREIGN KEY `{key}`")
        work(source, random.Random(100 + seed), 60)
        task.catch_up()
        same(source, target, "without keys")


@scenario("cascades.refused")
def refused(bench):
    """By name: files, filters, other comparisons, tables outside of the task."""
    source = bench.source(bench.mariadb())
    source.execute("CREATE TABLE p (id int PRIMARY KEY, c varchar(5) UNIQUE); CREATE TABLE a (id int PRIMARY KEY, p int, "
                   "CONSTRAINT acting FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE); CREATE TABLE b (id int PRIMARY KEY, c varchar(5), "
                   "CONSTRAINT by_text FOREIGN KEY (c) REFERENCES p (c) ON DELETE SET NULL)")
    _, lake = bench.lake()
    postgres, mysql = bench.target(), bench.target(bench.mysql())
    to_public = transform("schema", "rename", source.name, value="public")
    to_mysql = transform("schema", "rename", source.name, value=mysql.name)
    tables = [select(source.name, name) for name in ("p", "a")]
    filtered = select(source.name, "p", filters=[{"filter-type": "source", "column-name": "id",
                                                  "filter-conditions": [{"filter-operator": "gte", "value": "5"}]}])
    for target, rules, words in (
            (lake, tables, "this target has no tables"), (postgres, [select(source.name), to_public], "by_text"),
            (postgres, [select(source.name, "a"), to_public], "p is not selected"),
            (postgres, [filtered, select(source.name, "a"), to_public], "p is filtered")):
        text = bench.task(source, target, [dict(rule) for rule in rules]).call("check", code=2)
        expect(words in text, f"{words} is not named:\n{text}")
    for target, rules in ((postgres, [*tables, to_public]), (mysql, [select(source.name), to_mysql])):
        bench.task(source, target, [dict(rule) for rule in rules]).call("check")


@scenario("cascades.tables_stand_together")
def tables_stand_together(bench):
    """A key that is dropped puts all tables of its set aside, and one of them brings the others back."""
    source, target = bench.source(bench.mariadb()), bench.target()
    source.execute(TABLES)
    fill(source)
    task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value="public")])
    task.catch_up()
    source.execute("ALTER TABLE people ADD COLUMN extra int; DELETE FROM people WHERE id = 7; ALTER TABLE `lines` DROP FOREIGN KEY lines_ibfk_1;"
                   "DELETE FROM orders WHERE id = 3; DELETE FROM tree WHERE id = 2")
    task.catch_up()
    states = {name: entry["TableState"] for name, entry in task.statistics().items()}
    for name in ("people", "orders", "lines", "notes", "badges"):
        expect(states[f"{source.name}.{name}"] == "Table error", f"{name}: {states}")
    for name in ("tree", "leaves"):
        expect(states[f"{source.name}.{name}"] == "Table completed", f"{name}: {states}")
    # Without the key they are two sets now.
    task.run("--reload-table", f"{source.name}.notes", "--reload-table", f"{source.name}.people", "--until", "caught-up")
    source.execute("DELETE FROM people WHERE id = 11; DELETE FROM orders WHERE id = 5")
    task.catch_up()
    same(source, target, "after the reload")


@scenario("cascades.of_older_mysql")
def of_older_mysql(bench):
    """MySQL whose storage engine carries out the keys, as all before 9.6: the same."""
    server = bench.own(MySQL, "native", ["--innodb-native-foreign-keys=ON"])
    replicate(bench, server, bench.target(bench.mariadb()), 50, 60)
