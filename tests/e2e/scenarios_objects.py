# SPDX-License-Identifier: Apache-2.0
"""Defaults, indexes, checks, counters, foreign keys and comments between MySQL, MariaDB and PostgreSQL: what can be said
on the other side arrives there and does what it did, the rest is named by `check`. The servers judge: what a statement
makes of a row, or refuses, it does on both sides."""

import datetime

import psycopg2
import pymysql

from harness import expect, expect_same, scenario, select, transform
from scenarios_mysql import plain

REFUSED = (psycopg2.Error, pymysql.err.Error)


def refuses(database, sql):
    try:
        database.execute(sql)
    except REFUSED:
        return True
    return False


def both_refuse(source, target, statements):
    for sql in statements:
        expect(refuses(source, sql), f"the source takes it: {sql}")
        expect(refuses(target, sql), f"the target takes it: {sql}")


def same_defaults(source, target, insert, query):
    """The same statement makes the same row; moments are those of now."""
    source.execute(insert)
    target.execute(insert)
    ours, theirs = ([plain(cell) for cell in database.execute(query)[0]] for database in (source, target))
    for mine, other in zip(ours, theirs):
        if isinstance(mine, datetime.datetime):
            expect(abs(mine - other) < datetime.timedelta(seconds=60), f"a moment by default: {mine} and {other}")
        else:
            expect_same(other, mine, f"defaults of {insert}")


def named(task, words):
    """`check` names each object that is left out, and lets the task run."""
    text = task.call("check")
    for word in words:
        expect(word in text, f"check does not name {word}:\n{text}")


MYSQL_TABLES = """
CREATE TABLE parent (id int unsigned AUTO_INCREMENT PRIMARY KEY COMMENT 'who it is', code varchar(20) NOT NULL,
  made timestamp NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY code (code)) COMMENT 'all parents, and their \\\\ names';
CREATE TABLE child (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, parent_id int unsigned, n int DEFAULT 7,
  price decimal(10,2) NOT NULL DEFAULT 1.50, flag bit(1) DEFAULT b'1', s varchar(20) DEFAULT 'it''s \\\\', day date DEFAULT '2024-02-29',
  at0 datetime DEFAULT CURRENT_TIMESTAMP, changed datetime DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  computed varchar(40) DEFAULT (concat('a', 'b')), note text, total int, INDEX by_parent (parent_id, n DESC), INDEX beginning (note(10)),
  UNIQUE KEY price_day (price, day),
  CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE RESTRICT,
  CONSTRAINT n_range CHECK (n BETWEEN 1 AND 50 OR n IN (100, 200)), CONSTRAINT total_ok CHECK (total IS NULL OR total >= n),
  CONSTRAINT s_known CHECK (s <> 'unknown'));
INSERT INTO parent (id, code) VALUES (1, 'one'), (2, 'two'); ALTER TABLE parent AUTO_INCREMENT = 40;
INSERT INTO child (parent_id, price, total) VALUES (1, 5, 9), (2, 6, NULL)
"""


@scenario("objects.mysql_to_postgres")
def mysql_to_postgres(bench):
    for server in (bench.mariadb(), bench.mysql()):
        source, target = bench.source(server), bench.target()
        source.execute(MYSQL_TABLES)
        task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value="public"),
                                           transform("column", "rename", source.name, "child", "flag", value="yes")])
        named(task, ["index beginning is not carried over", "check s_known is not carried over", "column computed is not carried over",
                     "ON UPDATE CURRENT_TIMESTAMP", "index code: texts"])
        task.catch_up()
        expect_same(target.one("SELECT obj_description('parent'::regclass)"), "all parents, and their \\ names", "the table's comment")
        expect_same(target.one("SELECT col_description('parent'::regclass, 1)"), "who it is", "the column's comment")
        expect_same(target.one("SELECT pg_get_indexdef('child_by_parent'::regclass)"),
                    "CREATE INDEX child_by_parent ON public.child USING btree (parent_id, n DESC)", "the index")
        same_defaults(source, target, "INSERT INTO parent (code) VALUES ('next')", "SELECT made FROM parent WHERE code = 'next'")
        expect_same(target.one("SELECT id FROM parent WHERE code = 'next'"), 2 + 1000 + 1, "the counter goes on behind a clean stop")
        rows = [[plain(cell) for cell in database.execute(f"SELECT n, price, {flag}, s, day FROM child WHERE parent_id IS NULL")[0]]
                for database, flag in ((source, "flag + 0"), (target, "yes"))
                if not database.execute("INSERT INTO child (parent_id) VALUES (NULL)")]
        expect_same(rows[1], rows[0], "defaults of child")
        both_refuse(source, target, [
            "INSERT INTO child (price, n) VALUES (10, 60)", "INSERT INTO child (price, n) VALUES (11, -1)",
            "INSERT INTO child (price, total) VALUES (12, 3)", "INSERT INTO child (price, parent_id) VALUES (13, 77)",
            "INSERT INTO child (price, day) VALUES (5, '2024-02-29')", "INSERT INTO parent (code) VALUES ('one')",
            "DELETE FROM parent WHERE id = 1"])
        for database in (source, target):
            database.execute("INSERT INTO child (price, n, total) VALUES (14, 200, 200)")
        expect(target.one("SELECT max(id) FROM child") > 1000, "a counter of bigint unsigned goes on, too")


@scenario("objects.cascades_to_postgres")
def cascades_to_postgres(bench):
    """Actions of foreign keys do on PostgreSQL what they did; loaded only."""
    for server in (bench.mariadb(), bench.mysql()):
        source, target = bench.source(server), bench.target()
        source.execute("CREATE TABLE p (id int PRIMARY KEY, c varchar(5) NOT NULL, UNIQUE KEY (c)); CREATE TABLE a (id int PRIMARY KEY, p int, "
                       "FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE); CREATE TABLE b (id int PRIMARY KEY, c varchar(5), "
                       "CONSTRAINT by_code FOREIGN KEY (c) REFERENCES p (c) ON DELETE SET NULL); CREATE TABLE lone (id int PRIMARY KEY, p int, "
                       "CONSTRAINT outside FOREIGN KEY (p) REFERENCES p (id)); INSERT INTO p VALUES (1, 'x'), (2, 'y'), (3, 'z'); "
                       "INSERT INTO a VALUES (1, 1), (2, 2), (3, 3); INSERT INTO b VALUES (1, 'x'), (2, 'y'), (3, NULL); INSERT INTO lone VALUES (1, NULL)")
        task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value="public")], kind="full-load")
        task.run()
        for database in (source, target):
            database.execute("UPDATE p SET id = 20 WHERE id = 2")
            database.execute("DELETE FROM p WHERE id = 1")
        for table in ("p", "a", "b"):
            query = f"SELECT * FROM {table} ORDER BY 1, 2"
            expect_same([tuple(row) for row in target.execute(query)], [tuple(row) for row in source.execute(query)], table)
        alone = bench.task(source, bench.target(), [select(source.name, "lone"), transform("schema", "rename", source.name, value="public")], kind="full-load")
        named(alone, ["foreign key outside"])


POSTGRES_TABLES = """
CREATE TABLE parent (id int GENERATED BY DEFAULT AS IDENTITY (START WITH 40) PRIMARY KEY, code varchar(20) NOT NULL UNIQUE, key text NOT NULL, made timestamptz DEFAULT now());
COMMENT ON TABLE parent IS 'all parents, and their \\ names'; COMMENT ON COLUMN parent.id IS 'who it is';
CREATE TABLE child (id bigserial PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE, n int DEFAULT 7 CHECK (n BETWEEN 1 AND 50 OR n IN (100, 200)),
  price numeric(10,2) NOT NULL DEFAULT 1.50, flag boolean DEFAULT true, s varchar(20) DEFAULT 'it''s \\' CHECK (s <> 'unknown' AND s IN ('it''s \\', 'a')),
  long text DEFAULT 'long', b bytea DEFAULT '\\x00ff', day date DEFAULT '2024-02-29', today date DEFAULT CURRENT_DATE, at0 timestamp DEFAULT now(), at1 timestamp DEFAULT (now() AT TIME ZONE 'utc'),
  u uuid DEFAULT gen_random_uuid(), total int, CONSTRAINT total_ok CHECK (total IS NULL OR total >= n), CONSTRAINT s_short CHECK (length(s) < 10),
  UNIQUE (price, day));
CREATE INDEX by_parent ON child (parent_id, n DESC); CREATE INDEX by_text ON child (long); CREATE INDEX by_lower ON child (lower(s)); CREATE UNIQUE INDEX partly ON child (total) WHERE total > 5;
CREATE UNIQUE INDEX endless ON parent (key);
INSERT INTO parent (id, code, key) VALUES (1, 'one', 'k1'), (2, 'two', 'k2'); INSERT INTO child (parent_id, price, total) VALUES (1, 5, 9), (2, 6, NULL)
"""


@scenario("objects.postgres_to_mysql")
def postgres_to_mysql(bench):
    for server in (bench.mariadb(), bench.mysql()):
        source, target = bench.source(), bench.target(server)
        source.execute(POSTGRES_TABLES)
        task = bench.task(source, target, [select(), transform("schema", "rename", value=target.name)])
        named(task, ["index by_lower is not carried over", "index partly is not carried over", "index endless is not carried over",
                     "check s_short is not carried over", "default of column u is not carried over"])
        task.catch_up()
        comments = target.execute(f"SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{target.name}' AND TABLE_NAME = 'parent'")
        expect_same(comments[0][0], "all parents, and their \\ names", "the table's comment")
        target.execute("INSERT INTO parent (code, `key`) VALUES ('next', 'k')")
        expect_same(target.one("SELECT id FROM parent WHERE code = 'next'"), 2 + 1000 + 1, "the counter goes on behind a clean stop")
        made = target.execute("SELECT made, UTC_TIMESTAMP() FROM parent WHERE code = 'next'")[0]
        expect(abs(made[0] - made[1]) < datetime.timedelta(seconds=60), f"a moment with a zone is in UTC: {made}")
        same_defaults(source, target, "INSERT INTO child (parent_id) VALUES (NULL)",
                      "SELECT n, price, s, b, day, today, at0, at1 FROM child WHERE parent_id IS NULL")
        expect_same(target.one("SELECT flag FROM child WHERE parent_id IS NULL"), "true", "a boolean is a word there")
        expect_same(target.one("SELECT `long` FROM child WHERE parent_id IS NULL"), "long", "the default of a text")
        both_refuse(source, target, [
            "INSERT INTO child (price, n) VALUES (10, 60)", "INSERT INTO child (price, n) VALUES (11, -1)",
            "INSERT INTO child (price, total) VALUES (12, 3)", "INSERT INTO child (price, parent_id) VALUES (13, 77)",
            "INSERT INTO child (price, day) VALUES (5, '2024-02-29')", "INSERT INTO child (price, s) VALUES (15, 'b')"])
        for database in (source, target):
            database.execute("INSERT INTO child (price, n, total) VALUES (14, 200, 200)")
            database.execute("DELETE FROM parent WHERE id = 1")
            expect_same(database.one("SELECT count(*) FROM child WHERE parent_id = 1"), 0, "rows go with their parent")
        expect(target.one("SELECT max(id) FROM child") > 1000, "a serial goes on, too")


@scenario("objects.next_value_without_rows")
def next_value_without_rows(bench):
    """The next value of a counter is the source's also where the rows with the last ones are gone."""
    for server in (bench.mariadb(), bench.mysql()):
        source, target = bench.source(), bench.target(server)
        source.execute("CREATE TABLE t (id serial PRIMARY KEY, a int); INSERT INTO t (a) SELECT 1 FROM generate_series(1, 500); DELETE FROM t WHERE id > 10")
        bench.task(source, target, [select(), transform("schema", "rename", value=target.name)], kind="full-load").run()
        target.execute("INSERT INTO t (a) VALUES (2)")
        expect_same(target.one("SELECT max(id) FROM t"), 501, "the source's next value")
        back, again = bench.target(), bench.target(server)
        rules = [select(target.name), transform("schema", "rename", target.name, value="public")]
        target.execute("DELETE FROM t WHERE id > 3")
        bench.task(target, back, rules, kind="full-load").run()
        back.execute("INSERT INTO t (a) VALUES (2)")
        expect_same(back.one("SELECT max(id) FROM t"), 502, "and back")
        rules = [select(target.name), transform("schema", "rename", target.name, value=again.name)]
        bench.task(target, again, rules, kind="full-load").run()
        again.execute("INSERT INTO t (a) VALUES (2)")
        expect_same(again.one("SELECT max(id) FROM t"), 502, "and within the family")


@scenario("objects.keys_follow_renames")
def keys_follow_renames(bench):
    """Foreign keys refer to what a rule has renamed, within a family as between them."""
    servers = (bench.postgres(), bench.mariadb(), bench.mysql())
    for server in servers:
        for goal in servers:
            source, target = bench.source(server), bench.target(goal)
            source.execute("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int, CONSTRAINT fk FOREIGN KEY (p) REFERENCES p (id));"
                           "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)")
            schema = "public" if server is servers[0] else source.name
            place = "public" if goal is servers[0] else target.name
            bench.task(source, target, [select(schema), transform("schema", "rename", schema, value=place),
                                        transform("table", "rename", schema, "p", value="parents"),
                                        transform("column", "rename", schema, "p", "id", value="number")], kind="full-load").run()
            expect(refuses(target, "INSERT INTO c VALUES (2, 2)"), f"{type(server).__name__} to {type(goal).__name__}: a row without its parent is taken")
            target.execute("INSERT INTO c VALUES (2, 1)")
