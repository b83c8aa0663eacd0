# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB: load and changes to PostgreSQL, to files and to themselves."""

import contextlib
import datetime
import re
import threading

import psycopg2
import pymysql

from harness import TOP, csv_rows, expect, expect_same, rebuilt, scenario, select, transform
from mysql_servers import MariaDB, MySQL, MysqlDatabase
from servers import wait_for


def sources(bench):
    for server in (bench.mariadb(), bench.mysql()):
        yield server.engine_name, bench.source(server)


# Columns that both servers have, and values for them: each row of VALUES is one row of the table.
COLUMNS = """id int PRIMARY KEY, ti tinyint, tu tinyint unsigned, si smallint, su smallint unsigned zerofill, mi mediumint,
 mu mediumint unsigned, i int, iu int unsigned, bi bigint, bu bigint unsigned, de decimal(65,30), dz decimal(10,3) unsigned zerofill,
 fl float, db double, b1 bit(1), b9 bit(9), b64 bit(64), ye year, da date, t0 time, t6 time(6), dt datetime, d6 datetime(6),
 ts timestamp NULL, t3 timestamp(3) NULL, ch char(20), vc varchar(50), la varchar(30) CHARACTER SET latin1, gb varchar(30) CHARACTER SET gbk,
 u2 varchar(30) CHARACTER SET ucs2, u3 varchar(30) CHARACTER SET utf8mb3, tt tinytext, te text, mt mediumtext, lt longtext,
 bn binary(5), vb varbinary(20), tb tinyblob, bl blob, mb mediumblob, lb longblob, en enum('a','b''c','','ü'), se set('x','y z','w'), js json, ge geometry"""
ROWS = [
    "1, -128, 255, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808, 18446744073709551615,"
    " 12345678901234567890123456789012345.123456789012345678901234567890, 12.5, 0.1, 0.1, b'1', b'101010101', b'1', 2155,"
    " '9999-12-31', '838:59:59', '-838:59:58.999999', '1000-01-01 00:00:00', '2024-02-29 23:59:59.999999',"
    " '2038-01-19 03:14:07', '1970-01-01 00:00:01.5', 'trail  ', 'vär ''x'' \\\\ \\n 😀', 'é€', '中文', 'ⅷ', 'ü', 'tiny', 'text', 'medium', 'long',"
    " x'0001', x'00ff', x'00', x'', x'ff', x'00ff10', 'b''c', 'x,w', '{\"a\": [1, 2.5, null, true], \"é\": \"\\\\u0041\"}', ST_GeomFromText('POINT(1 2)')",
    "2, 127, 0, 32767, 0, 8388607, 0, 2147483647, 0, 9223372036854775807, 0, -0.000000000000000000000000000001, 0,"
    " 3.4028234e38, 1.7976931348623157e308, b'0', b'0', b'1111111111111111111111111111111111111111111111111111111111111111',"
    " 1901, '0001-01-01', '00:00:00', '-00:00:00.000001', '9999-12-31 23:59:59', '0001-01-01 00:00:00.000001',"
    " '1970-01-01 00:00:01', '2038-01-19 03:14:07.999', '', '', '', '', '', '', '', '', '', '', x'', x'', x'', x'', x'', x'', '', '', '[]',"
    " ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))')",
    "3" + ", NULL" * 45,
    "4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.17549435e-38, 2.2250738585072014e-308, b'1', b'1', b'0', 0, '1970-01-01', '-01:00:00',"
    " '00:00:00.1', '1970-01-01 00:00:00', '1969-12-31 23:59:59.5', NULL, NULL, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',"
    " 'k', 'l', 'm', 'n', 'o', 'p', 'a', 'x,y z,w', '\"text\"', NULL",
]


# Types that only one of them has, with a value for each of ROWS.
OWN = {"mariadb": (", uu uuid, i4 inet4, i6 inet6",
                   ["'123e4567-e89b-12d3-a456-426655440000', '255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'",
                    "'00000000-0000-0000-0000-000000000000', '0.0.0.0', '::'", "NULL, NULL, NULL",
                    "'ffffffff-ffff-4fff-bfff-ffffffffffff', '10.0.0.1', '2001:db8::ff00:42:8329'"]),
       "mysql": (", ve vector(3)", ["TO_VECTOR('[1, -2.5, 0]')", "TO_VECTOR('[16777216, 0.1, -1]')", "NULL", "TO_VECTOR('[0, 0, 0]')"])}


def types_of(server):
    """All its columns, and the rows of values."""
    columns, values = OWN[server]
    return COLUMNS + columns, [f"{row}, {own}" for row, own in zip(ROWS, values)]


def page_types():
    """The types that rows of TYPES.md begin with, without lengths."""
    page = (TOP / "src/connectors/mysql/TYPES.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    return {re.sub(r"\(.*\)", "", name) for cell in cells for name in re.findall("`([^`]+)`", cell)}


@scenario("mysql.types_to_postgres")
def types_to_postgres(bench):
    """Every type with its odd values: loaded and streamed rows are the same, and as the source's server writes them. TYPES.md has a row
    for each type here, and each of its rows a case."""
    seen = set()
    for name, source in sources(bench):
        target = bench.target()
        types, rows = types_of(name)
        source.execute(f"SET sql_mode = 'ALLOW_INVALID_DATES'; CREATE TABLE loaded ({types}); CREATE TABLE streamed LIKE loaded")
        for row in rows:
            source.execute(f"INSERT INTO loaded VALUES ({row})")
        seen |= {re.sub(r"\(.*\)| zerofill", "", shown) for (shown,) in source.execute(
            f"SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{source.name}' AND TABLE_NAME = 'loaded'")}
        task = bench.task(source, target, [select(source.name)])
        task.catch_up()
        for row in rows:
            source.execute(f"INSERT INTO streamed VALUES ({row})")
        task.catch_up()
        loaded, streamed = (target.execute(f"SELECT t::text FROM {source.name}.{table} t ORDER BY id") for table in ("loaded", "streamed"))
        expect_same(streamed, loaded, f"{name}: streamed rows and loaded ones")
        columns = [line[0] for line in source.execute("SHOW COLUMNS FROM loaded")]
        for column in columns:
            if column in ("ge", "fl", "db"):
                continue
            shown = {"b1": "b1+0", "su": "su+0", "dz": "dz+0", "ve": "HEX(ve)"}.get(column, f"`{column}`")
            ours = [plain(row[0]) for row in source.execute(f"SELECT {shown} FROM loaded ORDER BY id")]
            theirs = [plain(row[0]) for row in target.execute(
                f'SELECT {"upper(encode(ve, $$hex$$))" if column == "ve" else chr(34) + column + chr(34)} FROM {source.name}.loaded ORDER BY id')]
            expect_same(theirs, ours, f"{name}: column {column}")
    expect_same(sorted(page_types() - seen), [], "types of TYPES.md without a case")
    expect_same(sorted(seen - page_types() - {"decimal unsigned"}), [], "cases without a row in TYPES.md")


def plain(cell):
    """One Python value for what two drivers give."""
    if isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, memoryview):
        return bytes(cell)
    if isinstance(cell, datetime.timedelta):
        total = abs(cell) // datetime.timedelta(microseconds=1)
        seconds, micros = divmod(total, 1_000_000)
        return (("-" if cell.total_seconds() < 0 else "") +
                f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
                + (f".{micros:06}" if micros else ""))
    if isinstance(cell, str) and re.fullmatch(r"-?\d+:\d\d:\d\d\.\d{6}", cell):
        return cell.rstrip("0").rstrip(".") if cell.endswith("000000") else cell
    return cell


@scenario("mysql.to_mysql")
def to_mysql(bench):
    """Between the two servers, each way and each to itself: every type keeps its own form, loaded and streamed."""
    for name, source in sources(bench):
        for server in (bench.mariadb(), bench.mysql()):
            where = f"{name} to {server.engine_name}"
            types, rows = types_of(name) if name == server.engine_name else (COLUMNS, ROWS)
            schema, target = f"{source.name}_{server.engine_name}", server.new_database("target")
            source.execute(f"SET sql_mode = 'ALLOW_INVALID_DATES'; CREATE DATABASE {schema}; CREATE TABLE {schema}.loaded ({types});"
                           f"CREATE TABLE {schema}.streamed LIKE {schema}.loaded")
            for row in rows:
                source.execute(f"INSERT INTO {schema}.loaded VALUES ({row})")
            task = bench.task(source, target, [select(schema), transform("schema", "rename", schema, value=target.name)])
            task.catch_up()
            for row in rows:
                source.execute(f"INSERT INTO {schema}.streamed VALUES ({row})")
            source.execute(f"UPDATE {schema}.streamed SET vc = 'changed' WHERE id = 3; DELETE FROM {schema}.loaded WHERE id = 4")
            task.catch_up()
            for table in ("loaded", "streamed"):
                for column in [line[0] for line in source.execute(f"SHOW COLUMNS FROM {schema}.{table}")]:
                    query = f"SELECT {'HEX(ve)' if column == 've' else f'`{column}`'} FROM {{}}.{table} ORDER BY id"
                    expect_same(target.execute(query.format(target.name)), source.execute(query.format(schema)), f"{where}: {table}.{column}")


@scenario("mysql.from_postgres")
def from_postgres(bench):
    """PostgreSQL to both servers: load, changes, keys that change places, large values that the log does not repeat."""
    for server in (bench.mariadb(), bench.mysql()):
        source, target = bench.source(), server.new_database("target")
        source.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(40), n numeric(12,3), d timestamp, b bytea, j jsonb, f double precision,"
                       " big text, u uuid, flag boolean); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
                       "INSERT INTO t SELECT g, 'row ' || g, g / 7.0, timestamp '2024-02-29 23:59:59.123456' + g * interval '1 second',"
                       " decode(md5(g::text), 'hex'), jsonb_build_object('g', g), g / 3.0, repeat(md5(g::text), 300), md5(g::text)::uuid, g % 2 = 0"
                       " FROM generate_series(1, 500) g; INSERT INTO t (id) VALUES (1000)")
        task = bench.task(source, target, [select(), transform("schema", "rename", value=target.name)])
        task.catch_up()

        def same(what):
            columns = "id, a, n, d, b, f, big, u"
            ours = [tuple(plain(cell) for cell in row) for row in source.execute(f"SELECT {columns} FROM t ORDER BY id")]
            theirs = [tuple(plain(cell) for cell in row) for row in target.execute(f"SELECT {columns} FROM t ORDER BY id")]
            expect_same(theirs, ours, f"{server.engine_name}: {what}")
        same("after the load")
        source.execute("UPDATE t SET n = n + 1 WHERE id < 100; DELETE FROM t WHERE id % 10 = 3; INSERT INTO t (id, a) VALUES (2000, 'new \\ '' ü 😀');"
                       "BEGIN; UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = -1; COMMIT;"
                       "UPDATE t SET big = 'short' WHERE id = 5; UPDATE t SET id = id + 10000 WHERE id BETWEEN 20 AND 30")
        task.catch_up()
        same("after the changes")


def rows_of(database, table, columns="*"):
    return sorted(str(tuple(plain(cell) for cell in row)) for row in database.execute(f"SELECT {columns} FROM {table}"))


@scenario("mysql.row_images")
def row_images(bench):
    """Sessions that log less than whole rows: what an update leaves out stays as it was, what an insert leaves out gets its default."""
    for name, source in sources(bench):
        target = bench.target()
        source.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(20) DEFAULT 'deflt', n int DEFAULT 7, big longtext, other varchar(20));"
                       "CREATE TABLE bag (a int, b text);"
                       "INSERT INTO t SELECT 1, 'one', 1, REPEAT('x', 5000), 'keep' UNION SELECT 2, 'two', 2, REPEAT('y', 5000), 'keep';"
                       "INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, NULL)")
        task = bench.task(source, target, [select(source.name)])
        task.catch_up()
        for image in ("MINIMAL", "NOBLOB", "FULL"):
            source.execute(f"SET SESSION binlog_row_image = {image}; UPDATE t SET n = n + 1 WHERE id = 1; UPDATE t SET a = NULL WHERE id = 2;"
                           "INSERT INTO t (id) SELECT MAX(id) + 1 FROM t; UPDATE t SET big = CONCAT('new ', n) WHERE id = 2;"
                           "DELETE FROM bag WHERE a = 1 LIMIT 1; INSERT INTO bag VALUES (1, 'x'), (3, NULL); UPDATE bag SET b = 'z' WHERE a = 3 LIMIT 1;"
                           "UPDATE t SET id = id + 100 WHERE id > 2 AND id < 100; DELETE FROM t WHERE id > 101 LIMIT 1")
            task.catch_up()
            for table in ("t", "bag"):
                expect_same(rows_of(target, f"{source.name}.{table}"), rows_of(source, table), f"{name}, {image}: {table}")


@scenario("mysql.xa")
def xa(bench):
    """XA transactions that are prepared, and end long after, behind others and a killed task."""
    for name, source in sources(bench):
        target = bench.target()
        source.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(20))")
        task = bench.task(source, target, [select(source.name)])
        task.catch_up()

        def prepare(number):
            connection = source.server.connect(source.name)
            connection.cursor().execute(f"XA START 'x{number}'; INSERT INTO t VALUES ({number}, 'xa'); XA END 'x{number}'; XA PREPARE 'x{number}'")
            connection.close()

        def end(number, how):
            wait_for("the transaction to be free", lambda: source.execute("XA RECOVER"))
            with contextlib.closing(source.server.connect(source.name)) as connection:
                wait_for(f"XA {how}", lambda: tried(connection, f"XA {how} 'x{number}'"))

        def tried(connection, sql):
            try:
                connection.cursor().execute(sql)
                return True
            except pymysql.err.Error:  # its session is still on its way out
                return False
        for number in (1, 2, 3):
            prepare(number)
        source.execute("INSERT INTO t VALUES (10, 'between')")
        task.catch_up()
        expect_same(rows_of(target, f"{source.name}.t"), ["(10, 'between')"], f"{name}: open ones are not seen")
        end(1, "COMMIT")
        task.catch_up()
        end(2, "ROLLBACK")
        run = task.start()
        run.wait_until("the first", lambda: target.one(f"SELECT count(*) FROM {source.name}.t WHERE id = 1") == 1)
        run.kill()
        end(3, "COMMIT")
        source.execute("INSERT INTO t VALUES (11, 'behind')")
        task.catch_up()
        expect_same(rows_of(target, f"{source.name}.t"), rows_of(source, "t"), f"{name}: all have ended")


@scenario("mysql.transactions_of_every_size")
def transactions_of_every_size(bench):
    """Whole in one batch, too large for that, turned in the middle, rolled back; one after the other, to a database and files."""
    numbers = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n + {low}, {value} FROM s"
    for name, source in sources(bench):
        target = bench.target()
        source.execute("CREATE TABLE t (id int PRIMARY KEY, a longtext)")
        task = bench.task(source, target, [select(source.name)])
        folder, lake = bench.lake(f"lake-{name}")
        files = bench.task(source, lake, [select(source.name)])
        task.catch_up(), files.catch_up()
        low = 0
        for count, value in ((1, "'one'"), (5_000, "'row'"), (12_000, "concat('row ', n)"), (40_000, "concat('row ', n)"),
                             (20, "repeat('pieces ', 60000)"), (2, "'last'")):
            insert = f"INSERT INTO t {numbers.format(count=count, low=low, value=value)}"
            source.execute(insert)
            source.execute(f"START TRANSACTION; DELETE FROM t WHERE id > {low} + 30000; {insert.replace('SELECT n +', 'SELECT n + 1000000 +')}; "
                           f"UPDATE t SET a = 'kept' WHERE id = {low + 1}; ROLLBACK")
            source.execute(f"START TRANSACTION; UPDATE t SET a = concat(a, '!') WHERE id = {low + 1}; "
                           f"INSERT INTO t VALUES ({low + count + 1}, 'beside'); COMMIT")
            low += count + 1
        task.catch_up(), files.catch_up()
        ordered = "SELECT id, a FROM {} ORDER BY id"
        wanted = [tuple(row) for row in source.execute(ordered.format("t"))]
        expect_same(len(wanted), low, f"{name}: rows")
        expect(target.execute(ordered.format(f"{source.name}.t")) == wanted, f"{name}: the database differs")
        rows = rebuilt(csv_rows(folder, f"{source.name}/t"))
        expect(sorted((int(key), text) for key, text in rows.values()) == wanted, f"{name}: the files differ")


@scenario("mysql.begins_behind_xa")
def begins_behind_xa(bench):
    """A transaction that stands prepared when the task begins is waited for: its rows are in the log already and in no snapshot."""
    for name, source in sources(bench):
        target = bench.target()
        source.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(20)); INSERT INTO t VALUES (1, 'one')")
        connection = source.server.connect(source.name)
        connection.cursor().execute("XA START 'b'; INSERT INTO t VALUES (2, 'prepared'); XA END 'b'; XA PREPARE 'b'")
        task = bench.task(source, target, [select(source.name)])
        run = task.start("--until", "caught-up")
        run.wait_until("the task to wait", lambda: "prepared XA" in run.text())
        connection.cursor().execute("XA COMMIT 'b'")
        connection.close()
        run.wait()
        expect_same(rows_of(target, f"{source.name}.t"), rows_of(source, "t"), name)


@scenario("mysql.failover")
def failover(bench):
    """The task goes on at a replica: another server, other files and offsets, the same GTIDs."""
    for kind in (MariaDB, MySQL):
        first, second = (bench.own(kind, f"{kind.__name__}-{number}", ["--server-id", str(number)]) for number in (11, 12))
        source, target = first.new_database("source"), bench.target()
        source.execute("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, a varchar(20)); INSERT INTO t (a) VALUES ('before')")
        way = {"mariadb": f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={first.port}, MASTER_USER='millrace', MASTER_PASSWORD='secret',"
                          " MASTER_USE_GTID=slave_pos; START SLAVE",
               "mysql": f"RESET BINARY LOGS AND GTIDS; CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={first.port}, SOURCE_USER='millrace',"
                        " SOURCE_PASSWORD='secret', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA"}[kind.engine_name]
        replica = MysqlDatabase(second, source.name)
        if kind is MariaDB:
            with contextlib.closing(second.connect()) as connection:
                connection.cursor().execute("SET GLOBAL gtid_slave_pos = ''; RESET MASTER")
        with contextlib.closing(second.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("DROP USER millrace@'%'")
            cursor.execute(f"SET SESSION sql_log_bin = 0; {'RESET MASTER;' if kind is MariaDB else ''} {way}")
        task = bench.task(source, target, [select(source.name)])
        task.catch_up()
        source.execute("INSERT INTO t (a) VALUES ('not seen'), ('yet')")
        wait_for("the replica", lambda: same_rows(replica, source))
        first.kill()
        with contextlib.closing(second.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("STOP SLAVE" if kind is MariaDB else "STOP REPLICA")
        replica.execute("INSERT INTO t (a) VALUES ('at the replica')")
        task.document["source"]["Port"] = second.port
        task.catch_up()
        expect_same(rows_of(target, f"{source.name}.t"), rows_of(replica, "t"), f"{kind.engine_name}: after the fail-over")
        replica.execute("DELETE FROM t WHERE id = 1")
        task.catch_up()
        expect_same(rows_of(target, f"{source.name}.t"), rows_of(replica, "t"), f"{kind.engine_name}: and on")


def same_rows(replica, source):
    try:
        return rows_of(replica, "t") == rows_of(source, "t")
    except pymysql.err.Error:  # not even the schema has come
        return False


DDL_STEPS = [
    "ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 5; UPDATE t SET n = 6 WHERE id = 2; INSERT INTO t (id, a) VALUES (100, 'new')",
    "ALTER TABLE t ADD COLUMN f varchar(10) FIRST, ADD COLUMN m varchar(20) AFTER id; UPDATE t SET f = 'first', m = 'mid' WHERE id < 3",
    "ALTER TABLE t CHANGE n number bigint NULL; UPDATE t SET number = NULL WHERE id = 1",
    "ALTER TABLE t ADD COLUMN z int NOT NULL, ADD COLUMN s varchar(5) NOT NULL; UPDATE t SET z = 1 WHERE id = 1",
    "ALTER TABLE t DROP COLUMN m; UPDATE t SET a = 'dropped' WHERE id = 3",
    "ALTER TABLE t RENAME COLUMN f TO g; ALTER TABLE t MODIFY a varchar(80); UPDATE t SET g = 'renamed' WHERE id = 3",
    "ALTER TABLE t DROP COLUMN g, ADD COLUMN g varchar(10); UPDATE t SET g = 'again' WHERE id = 2",
    "CREATE INDEX i ON t (a); ALTER TABLE t COMMENT 'x', ALTER COLUMN number SET DEFAULT 9; INSERT INTO t (id, z, s) VALUES (101, 0, '')",
    "TRUNCATE TABLE t; INSERT INTO t (id, z, s) VALUES (1, 1, 'x'), (2, 2, 'y')",
]


@scenario("mysql.ddl")
def ddl(bench):
    """Tables that change shape while the task streams and while it is down: every row is what the source's is."""
    for name, source in sources(bench):
        for target_server in (bench.postgres(), bench.mysql()):
            for live in (True, False):
                target = target_server.new_database("target")
                bench.databases.append(target)
                source.execute("CREATE TABLE IF NOT EXISTS stays (id int PRIMARY KEY); DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, a varchar(40));"
                               "INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
                # One schema of the target's own, so that both kinds of target are asked the same way.
                place = source.name if target_server is bench.postgres() else target.name
                task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value=place)])
                task.catch_up()
                run = task.start() if live else None
                for step in DDL_STEPS:
                    source.execute(step)
                if run:
                    wait_for_rows(run, lambda: target.one(f"SELECT count(*) FROM {place}.t WHERE id = 2 AND z = 2") == 1)
                    run.interrupt()
                task.catch_up()
                columns = [row[0] for row in source.execute("SHOW COLUMNS FROM t")]
                listed = ", ".join(columns)
                expect_same(rows_of(target, f"{place}.t", listed), rows_of(source, "t", listed), f"{name}, {place}, live: {live}")
                source.execute("DROP TABLE t")
                task.catch_up()
                expect_same(task.statistics()[f"{source.name}.t"]["TableState"], "Table was dropped", f"{name}: dropped")


def wait_for_rows(run, condition):
    def there():
        try:
            return condition()
        except (pymysql.err.Error, psycopg2.Error):  # the column has not come yet
            return False
    run.wait_until("the last step", there)


@scenario("mysql.ddl_unclear")
def ddl_unclear(bench):
    """What no log tells puts a table aside by name, and --reload-table brings it back: a ghost that takes a table's place, partitions
    that are dropped, a type that changes its meaning, an added column that counts."""
    steps = {"ghost": "CREATE TABLE t_new LIKE t; ALTER TABLE t_new ADD c int; INSERT INTO t_new SELECT t.*, 1 FROM t; RENAME TABLE t TO t_old, t_new TO t",
             "partition": "ALTER TABLE t PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (2), PARTITION p1 VALUES LESS THAN (100)); ALTER TABLE t DROP PARTITION p0",
             "type": "ALTER TABLE t MODIFY a varbinary(40)",
             "counter": "ALTER TABLE t DROP PRIMARY KEY, ADD COLUMN k int AUTO_INCREMENT PRIMARY KEY"}
    for name, source in sources(bench):
        for what, step in steps.items():
            target = bench.target()
            source.execute("DROP TABLE IF EXISTS t, t_old; CREATE TABLE t (id int PRIMARY KEY, a varchar(40)); INSERT INTO t VALUES (1, 'one'), (2, 'two')")
            task = bench.task(source, target, [select(source.name, "t")])
            task.catch_up()
            source.execute(step + "; DELETE FROM t WHERE id = 2; INSERT INTO t (id, a) VALUES (3, 'three')")
            task.catch_up()
            expect_same(task.statistics()[f"{source.name}.t"]["TableState"], "Table error", f"{name}: {what}")
            task.run("--reload-table", f"{source.name}.t", "--until", "caught-up")
            expect_same(rows_of(target, f"{source.name}.t", "id, a"), rows_of(source, "t", "id, a"), f"{name}: {what}, loaded again")
            source.execute("INSERT INTO t (id, a) VALUES (4, 'four')")
            task.catch_up()
            expect_same(rows_of(target, f"{source.name}.t", "id, a"), rows_of(source, "t", "id, a"), f"{name}: {what}, and on")


@scenario("mysql.tables_without_transactions")
def tables_without_transactions(bench):
    """MyISAM and Aria tables, written all the time: loaded under a read lock, then followed; without the right to lock refused by name."""
    for server, engine in ((bench.mariadb(), "Aria"), (bench.mariadb(), "MyISAM"), (bench.mysql(), "MyISAM")):
        source, target = bench.source(server), bench.target()
        source.execute(f"CREATE TABLE m (id int AUTO_INCREMENT PRIMARY KEY, v int, t varchar(600)) ENGINE={engine}; CREATE TABLE i (id int PRIMARY KEY, v int);"
                       f"CREATE TABLE bag (v int) ENGINE={engine}; INSERT INTO i VALUES (1, 0); INSERT INTO bag VALUES (1), (1), (2)")
        source.execute("INSERT INTO m (v, t) WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 20000) SELECT g, REPEAT('x', 500) FROM s")
        ending, written = threading.Event(), []

        def write():
            connection = server.connect(source.name)
            with connection.cursor() as cursor:
                while not ending.is_set():
                    number = len(written)
                    cursor.execute(f"INSERT INTO m (v) VALUES ({number})")
                    cursor.execute(f"UPDATE m SET v = v + 1 WHERE id = {number * 37 % 20000}")
                    cursor.execute(f"DELETE FROM m WHERE id = {number * 41 % 20000}")
                    cursor.execute("INSERT INTO bag VALUES (7)")
                    cursor.execute("UPDATE i SET v = v + 1")
                    written.append(number)
            connection.close()
        writer = threading.Thread(target=write)
        writer.start()
        try:
            wait_for("a writer", lambda: len(written) > 3)
            task = bench.task(source, target, [select(source.name), transform("schema", "rename", source.name, value="public")])
            task.catch_up(seconds=120)
        finally:
            ending.set()
            writer.join()
        task.catch_up()
        for table in ("m", "i", "bag"):
            expect_same(rows_of(target, table, "v"), rows_of(source, table, "v"), f"{server.engine_name}, {engine}: {table}")
        name = f"nolock_{source.name}"
        source.execute(f"CREATE USER {name}@'%' IDENTIFIED BY 'secret'; GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT, RELOAD ON *.* TO {name}@'%'")
        alone = bench.task(source.endpoint("source", Username=name), bench.target(),
                           [select(source.name), transform("schema", "rename", source.name, value="public")])
        text = alone.run("--until", "caught-up", code=None)
        expect("LOCK TABLES" in text, f"the right that is missing is not named:\n{text[-1500:]}")
