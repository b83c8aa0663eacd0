# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB: where load and changes meet, for accounts that may lock everything, tables, or nothing."""

import contextlib
import random
import threading

import pymysql

from harness import expect, expect_same, scenario, select, transform
from mysql_servers import MariaDB, MySQL
from servers import wait_for

MINIMAL = "SELECT, REPLICATION SLAVE, REPLICATION CLIENT"
ROWS = 12000
BANK = f"""
CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, pad varchar(600));
CREATE TABLE moves (id bigint AUTO_INCREMENT PRIMARY KEY, giver int, taker int, amount decimal(9,2));
CREATE TABLE names (name varchar(40), day date, account int, note text, PRIMARY KEY (name, day));
INSERT INTO accounts WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {ROWS}) SELECT g, 100, REPEAT('x', 600) FROM s;
INSERT INTO names WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 6000) SELECT CONCAT('Näme ', g), '2024-02-29', g, REPEAT('n', 600) FROM s;
CREATE INDEX i ON names (account);
"""
# Each transaction is in the log 20 ms before any snapshot sees it: there is always one under way.
SLOW_COMMITS = ["--sync-binlog=1", "--binlog-group-commit-sync-delay=20000"]


class Bank:
    """Money moves between accounts, rows leave and come back under the same key, and keys change."""

    def __init__(self, source, writers=4):
        self.source, self.ending, self.moves, self.broken = source, threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.write, args=(number,)) for number in range(writers)]
        for thread in self.threads:
            thread.start()
        wait_for("the bank", lambda: self.moves > 5)

    def write(self, number):
        chance = random.Random(number)
        connection = self.source.server.connect(self.source.name)
        with contextlib.closing(connection), connection.cursor() as cursor:
            while not self.ending.is_set():
                giver, taker = sorted(chance.sample(range(1, ROWS + 1), 2))
                one, amount = chance.randint(1, 6000), chance.randint(1, 9)
                again = f"DELETE FROM accounts WHERE id = {giver}; INSERT INTO accounts SELECT {giver}, @left, 'again';"
                try:
                    cursor.execute(f"START TRANSACTION; UPDATE accounts SET balance = balance - {amount} WHERE id = {giver}; "
                                   f"SELECT balance INTO @left FROM accounts WHERE id = {giver}; {again if number % 2 else ''}"
                                   f"UPDATE accounts SET balance = balance + {amount} WHERE id = {taker};"
                                   f"INSERT INTO moves (giver, taker, amount) VALUES ({giver}, {taker}, {amount});"
                                   f"UPDATE names SET name = IF(BINARY name = UPPER(name), LOWER(name), UPPER(name)), note = {amount} WHERE account = {one}; COMMIT")
                    while cursor.nextset():
                        pass
                    self.moves += 1
                except pymysql.err.OperationalError as error:
                    if error.args[0] not in (1213, 1205):  # a deadlock
                        self.broken.append(error)
                        return
                    connection.rollback()

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(60)
        expect_same(self.broken, [], "the bank's own errors")


def account_of(source, name, rights, scope="*.*"):
    source.execute(f"CREATE USER {name}@'%' IDENTIFIED BY 'secret'; GRANT {MINIMAL} ON *.* TO {name}@'%'")
    if rights:
        source.execute(f"GRANT {rights} ON {scope} TO {name}@'%'")
    return name


def rows(database, table, columns):
    return sorted(tuple(map(str, row)) for row in database.execute(f"SELECT {columns} FROM {table}"))


def same_bank(source, target, what):
    for table, columns in (("accounts", "id, balance, pad"), ("moves", "id, giver, taker, amount"), ("names", "name, day, account, note")):
        ours, theirs = rows(source, table, columns), rows(target, table, columns)
        expect_same((sorted(set(ours) - set(theirs))[:5], sorted(set(theirs) - set(ours))[:5], len(theirs)), ([], [], len(ours)),
                    f"{what}: {table}: only at the source, only on the target, rows")


WAYS = (
    (MySQL, "LOCK TABLES", "the load locks nothing", "without a lock"),
    (MySQL, "", "the load locks nothing", "without a lock"),
    (MariaDB, "LOCK TABLES", "LOCK TABLES ... READ", "opened"),
    (MariaDB, "", "goes through one session", "opened"),
)


@scenario("mysql.loads_without_reload", takes_long=True)
def loads_without_reload(bench):
    """A bank that never rests is loaded by accounts without RELOAD, killed in the middle, to PostgreSQL and MySQL: nothing is lost or doubled."""
    servers = {MySQL: bench.own(MySQL, "slow", SLOW_COMMITS), MariaDB: bench.mariadb()}
    for number, (kind, rights, said, done) in enumerate(WAYS):
        source = bench.source(servers[kind])
        source.execute(BANK)
        name = account_of(source, f"poor_{source.name}", rights, f"`{source.name}`.*")
        endpoint = source.endpoint("source", Username=name, MillraceChunkMB=1, MillraceLockSeconds=2)
        to_mysql = bench.mysql().new_database("target")
        bench.databases.append(to_mysql)
        for target, schema in ((bench.target(), "public"), (to_mysql, to_mysql.name)):
            what = f"{kind.engine_name} with {rights or 'nothing'} to {schema}"
            task = bench.task(endpoint, target, [select(source.name), transform("schema", "rename", source.name, value=schema)])
            text = task.call("check")
            expect(said in text, f"{what}: the way is not said:\n{text}")
            bank, chance = Bank(source), random.Random(number)
            try:
                for _ in range(4):
                    run = task.start()
                    threading.Event().wait(chance.uniform(0.2, 1.2))
                    expect(run.running(), run.text()[-3000:])
                    run.kill()
                text = task.catch_up()
            finally:
                bank.stop()
            logs = "".join(path.read_text() for path in task.data.rglob("*.log"))
            expect(done in logs + text, f"{what}: the way is not told:\n{logs[-3000:]}")
            task.catch_up()
            same_bank(source, target, what)
            expect_same(target.one("SELECT sum(balance) FROM accounts"), ROWS * 100, f"{what}: money")


@scenario("mysql.loads_under_open_transactions")
def loads_under_open_transactions(bench):
    """A transaction that has written when the load begins: its rows come once, whether the load waits for it or not."""
    for rights in ("RELOAD", "LOCK TABLES", ""):
        source, target = bench.source(bench.mysql()), bench.target()
        source.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(20)); CREATE TABLE bag (a int); INSERT INTO t VALUES (1, 'one'); INSERT INTO bag VALUES (1), (1)")
        name = account_of(source, f"open_{source.name}", rights)
        task = bench.task(source.endpoint("source", Username=name, MillraceLockSeconds=1), target,
                          [select(source.name), transform("schema", "rename", source.name, value="public")])
        writer = source.server.connect(source.name, autocommit=False)
        with contextlib.closing(writer), writer.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (2, 'open')")
            cursor.execute("INSERT INTO bag VALUES (2)")
            run = task.start("--until", "caught-up")
            run.wait()
            writer.commit()
        task.catch_up()
        for table in ("t", "bag"):
            expect_same(rows(target, table, "*"), rows(source, table, "*"), f"{rights or 'no right'}: {table}")


@scenario("mysql.no_way_to_load")
def no_way_to_load(bench):
    """What cannot be loaded without a lock is refused by name, and loaded once the right is there or nobody writes."""
    server = bench.own(MySQL, "plain", ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"])
    source = bench.source(server)
    source.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    endpoint = source.endpoint("source", Username=account_of(source, "poor", ""), MillraceLockSeconds=1)
    rules = [select(source.name), transform("schema", "rename", source.name, value="public")]
    target = bench.target()
    task = bench.task(endpoint, target, rules)
    text = task.call("check", code=2)
    for words in ("gtid_mode=ON and binlog_row_image=FULL only; they are OFF and FULL", f"GRANT LOCK TABLES ON `{source.name}`.* TO 'poor'@'%';"):
        expect(words in text, f"{words} is not said:\n{text}")
    source.execute(f"GRANT LOCK TABLES ON `{source.name}`.* TO 'poor'@'%'")
    writer = server.connect(source.name, autocommit=False)
    with contextlib.closing(writer), writer.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (2)")
        run = task.start("--until", "caught-up")
        run.wait_until("the load to wait for the table", lambda: "read lock of a moment" in run.text())
        writer.commit()
    run.wait()
    expect_same(rows(target, "t", "*"), [("1",), ("2",)], "with the right that was named")
    logs = "".join(path.read_text() for path in task.data.rglob("*.log"))
    expect("under read locks of a moment on 1 tables" in logs, f"the way is not told:\n{logs[-3000:]}")

    held = bench.own(MySQL, "held", ["--plugin-load-add=semisync_source.so"])
    source, target = bench.source(held), bench.target()
    source.execute("CREATE TABLE bag (v int); CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO bag VALUES (1), (1); INSERT INTO t VALUES (1, 0)")
    endpoint = source.endpoint("source", Username=account_of(source, "poor", ""))
    task = bench.task(endpoint, target, [select(source.name), transform("schema", "rename", source.name, value="public")])
    # A commit that waits for a replica is in the log and no snapshot sees it: there is no moment without one under way.
    source.execute("SET GLOBAL rpl_semi_sync_source_timeout = 600000; SET GLOBAL rpl_semi_sync_source_enabled = ON")

    def write():
        with contextlib.closing(held.connect(source.name)) as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO bag VALUES (7)")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        text = task.call("check")
        expect("it has no primary key: without the right to lock" in text, f"the table is not named:\n{text}")
        wait_for("the commit", lambda: source.one("SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync%'"))
        text = task.run("--until", "caught-up", code=None)
        expect("no_quiet_moment" in text and "bag (it has no primary key)" in text, f"the table is not named:\n{text[-2000:]}")
    finally:
        source.execute("SET GLOBAL rpl_semi_sync_source_enabled = OFF")
        writer.join()
    task.catch_up()
    for table in ("bag", "t"):
        expect_same(rows(target, table, "*"), rows(source, table, "*"), f"when nobody writes: {table}")
