# SPDX-License-Identifier: Apache-2.0
"""MySQL and MariaDB: full load to and from PostgreSQL and within the family, capture of the binlog, apply; each against
what a user would type instead. The servers are as durable as PostgreSQL's, but while a source is being filled."""

import shlex

from harness import expect_same, select, transform
from load import COLUMNS, lineitem
from measure import Row, better, psql, wait_for
from mysql_servers import MariaDB, MySQL, MysqlDatabase

DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", "--innodb-buffer-pool-size=1G"]
CREATE = f"CREATE TABLE lineitem ({COLUMNS.replace('numeric', 'decimal')}, PRIMARY KEY (l_orderkey, l_linenumber))"
NAMES = [line.split()[0] for line in COLUMNS.replace(",\n", ", ").split(", ")]
SHOWN = ", ".join(f"rtrim({name})" if name in ("l_shipinstruct", "l_shipmode") else name for name in NAMES)
ORDERED = f"SELECT {SHOWN} FROM lineitem ORDER BY l_orderkey, l_linenumber"


def server(lab, kind, name, settings=()):
    """A server of this run; its CPU-seconds count as the others' do."""
    made = lab.servers.shared.get(name)
    if made is None:
        made = lab.servers.shared[name] = kind(lab.servers.folder / name, [*DURABLE, *settings])
        lab.more_servers.append(made)
    return made


def client(database, sql, *options):
    """The client's command line; rows come as they are read."""
    return (f"mariadb --no-defaults --socket={database.server.folder}/sock --user=root --quick --batch --skip-column-names "
            f"{' '.join(options)} {database.name} -e {shlex.quote(sql)}")


def digest(lab, database, ordered=ORDERED):
    """Of the text of all rows, in order; `database` is of either family."""
    command = client(database, ordered) if isinstance(database, MysqlDatabase) else psql(database, f"COPY ({ordered}) TO STDOUT")
    return lab.shell(f"{command} | md5sum")


def same_rows(lab, source, target):
    """Both sides give the same text, row by row. The rows of `lineitem` at a source never change."""
    key = f"digest of {source.server.port} {source.name}"
    if key not in lab.made:
        lab.made[key] = digest(lab, source)
    expect_same(digest(lab, target), lab.made[key], "all rows, as text")


def hasty(database, is_hasty):
    """While a source is being filled nobody waits for its disk."""
    database.execute(f"SET GLOBAL sync_binlog = {0 if is_hasty else 1}; SET GLOBAL innodb_flush_log_at_trx_commit = {2 if is_hasty else 1}")


def prepared_file(lab):
    """The rows as text that COPY and LOAD DATA read."""
    path = lab.bench.folder / "lineitem.tsv"
    if not path.exists():
        lab.shell(f"{psql(lineitem(lab), f'COPY (SELECT {SHOWN} FROM lineitem) TO STDOUT')} >{path}")
    return path


def load_file(database, path):
    return client(database, f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE lineitem", "--local-infile")


def filled(lab, kind):
    """A source with the rows of `lineitem`, made once for all rows of one run."""
    name = f"{kind.__name__.lower()}-source"
    if name not in lab.made:
        source = lab.bench.database("source", server(lab, kind, name))
        source.execute(CREATE)
        hasty(source, True)
        lab.shell(load_file(source, prepared_file(lab)))
        hasty(source, False)
        source.execute("ANALYZE TABLE lineitem")
        lab.made[name] = source
    return lab.made[name]


def loaded(lab, source, target, schema):
    """The task into a database that is empty."""
    place = target.name if isinstance(target, MysqlDatabase) else "public"
    rules = [select(schema, "lineitem"), transform("schema", "rename", schema, value=place)]
    return lab.timed_task(lab.bench.task(source, target, rules, kind="full-load"))


def to_postgres(lab):
    """mysql-load-pg: MariaDB to PostgreSQL, against SELECT to /dev/null and then COPY of the same rows; and pgloader."""
    source, command, ours = filled(lab, MariaDB), "./dev bench mysql-load-pg", []
    for turn in range(3):  # the first is nobody's time
        target = lab.target()
        ours.append(loaded(lab, source, target, source.name))
        if turn > 0:
            same_rows(lab, source, target)
        target.drop()
    ours = better(*ours[1:])
    read = lab.timed_shell(client(source, "SELECT * FROM lineitem") + " >/dev/null")
    target = lab.target()
    target.execute(CREATE)
    written = lab.timed_shell(psql(target, "COPY lineitem FROM STDIN") + f" <{prepared_file(lab)}")
    target.drop()
    theirs = type(read)(read.wall + written.wall, read.client_cpu + written.client_cpu, read.server_cpu + written.server_cpu)
    lab.compare("MariaDB to PostgreSQL, full load", "mariadb --quick to /dev/null, then psql COPY FROM", ours, theirs, 0.9, command)
    target = lab.target()
    commands = lab.bench.folder / "mysql.load"
    commands.write_text(f"LOAD DATABASE FROM mysql://millrace:secret@127.0.0.1:{source.server.port}/{source.name} INTO "
                        f"postgresql://postgres@127.0.0.1:{target.server.port}/{target.name} WITH prefetch rows = 10000;\n")
    theirs = lab.timed_shell(f"pgloader {commands}")
    expect_same(target.one(f"SELECT count(*) FROM {source.name}.lineitem"), lab.rows, "rows that pgloader copied")
    target.drop()
    lab.compare("MariaDB to PostgreSQL, full load", "pgloader", ours, theirs, 0.25, command)
    lab.add(Row("peak memory, MariaDB to PostgreSQL", "256 MiB", f"{ours.memory_peak / 2**20:.0f} MiB", "256 MiB",
                ours.memory_peak / 2**28, 1.0, command=command))


def to_mysql(lab):
    """mysql-load-mysql: within the family, against mydumper and then myloader with two threads each."""
    source, command = filled(lab, MariaDB), "./dev bench mysql-load-mysql"
    place = server(lab, MariaDB, "mariadb-target", ["--server-id=2"])
    ours = []
    for turn in range(3):
        target = lab.bench.database("target", place)
        ours.append(loaded(lab, source, target, source.name))
        if turn > 0:
            same_rows(lab, source, target)
        target.drop()
    target = lab.bench.database("target", place)
    folder = lab.bench.folder / "mydumper"
    login = "--user root --threads 2"
    theirs = lab.timed_shell(
        f"mydumper {login} --socket {source.server.folder}/sock --database {source.name} --rows 500000 --outputdir {folder} && "
        f"myloader {login} --socket {place.folder}/sock --database {target.name} --directory {folder}")
    same_rows(lab, source, target)
    target.drop()
    lab.compare("MariaDB to MariaDB, full load", "mydumper, then myloader, 2 threads", better(*ours[1:]), theirs, 0.9, command)


def from_postgres(lab):
    """mysql-load-from-pg: PostgreSQL to MySQL, against LOAD DATA LOCAL of a prepared file."""
    source, place = lineitem(lab), server(lab, MySQL, "mysql-target")
    ours, theirs = [], []
    for turn in range(3):
        target = lab.bench.database("target", place)
        ours.append(loaded(lab, source, target, "public"))
        if turn > 0:
            same_rows(lab, source, target)
        target.drop()
        target = lab.bench.database("target", place)
        target.execute(CREATE)
        theirs.append(lab.timed_shell(load_file(target, prepared_file(lab))))
        target.drop()
    lab.compare("PostgreSQL to MySQL, full load", "LOAD DATA LOCAL of a prepared file", better(*ours[1:]), better(*theirs[1:]), 1.5,
                "./dev bench mysql-load-from-pg")


TABLE = "CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL, b varchar(80) NOT NULL, c datetime NOT NULL)"
VALUE = "{0}, {0} % 1000, concat('some text of a row ', {0}), timestampadd(second, {0}, '2024-01-01')"
SINGLE = f"""CREATE PROCEDURE single_rows(last bigint) BEGIN DECLARE i bigint DEFAULT 1;
WHILE i <= last DO INSERT INTO t VALUES ({VALUE.format('i')}); SET i = i + 1; END WHILE; END"""


def in_single_rows(source, count):
    hasty(source, True)
    source.execute(SINGLE)
    source.execute(f"CALL single_rows({count})")
    source.execute("DROP PROCEDURE single_rows")
    hasty(source, False)


def in_batches(source, count, rows_each=10_000):
    hasty(source, True)
    for low in range(0, count, rows_each):
        source.execute(f"INSERT INTO t SELECT {VALUE.format(f'seq + {low}')} FROM seq_1_to_{rows_each}")
    hasty(source, False)


def same_files(lab, source, folder):
    """The change files hold the source's rows, in order, each with an I in front."""
    files = " ".join(str(path) for path in sorted((folder / source.name / "t").glob("2*.csv")))
    rows = client(source, "SELECT CONCAT_WS(',', id, a, b, c) FROM t ORDER BY id")
    lab.shell(f"cmp <(cat {files} | sed 's/^I,//') <({rows})")


def capture(lab):
    """mysql-capture: MariaDB's binlog into durable CSV files, against mariadb-binlog to /dev/null."""
    for words, fill, count in (("10000 rows", in_batches, lab.rows), ("1 row", in_single_rows, min(lab.rows, 500_000))):
        source = lab.bench.database("source", server(lab, MariaDB, "mariadb-source"))
        source.execute(TABLE)
        folder, lake = lab.bench.lake(f"mysql-{words[:2].strip()}", CdcMaxBatchInterval=60)
        task = lab.bench.task(source, lake, [select(source.name, "t")])
        task.catch_up()
        source.execute("FLUSH BINARY LOGS")
        first = source.execute("SHOW MASTER STATUS")[0][0]
        fill(source, count)
        ours = lab.timed_task(task, "--until", "caught-up")
        theirs = lab.timed_shell(
            f"mariadb-binlog --no-defaults --read-from-remote-server --host=127.0.0.1 --port={source.server.port} --user=millrace "
            f"--password=secret --to-last-log {first} >/dev/null")
        expect_same(source.one("SELECT count(*) FROM t"), count, "rows")
        same_files(lab, source, folder)
        source.drop()
        lab.add(Row(f"binlog capture, transactions of {words}", "mariadb-binlog --read-from-remote-server to /dev/null",
                    f"{count / ours.wall:,.0f} rows/s", f"{count / theirs.wall:,.0f} rows/s", theirs.wall / ours.wall, 0.7,
                    at_least=True, command="./dev bench mysql-capture",
                    cpu=f"CPU s: ours {ours.client_cpu:.1f} + server {ours.server_cpu:.1f}; "
                        f"theirs {theirs.client_cpu:.1f} + server {theirs.server_cpu:.1f}"))


def apply(lab):
    """mysql-apply: single-row inserts of MySQL into MySQL, against the server's own replica as it comes."""
    count = min(lab.rows, 1_000_000)
    first, place = server(lab, MySQL, "mysql-race"), server(lab, MySQL, "mysql-target")
    replica = MysqlDatabase(server(lab, MySQL, "mysql-replica", ["--server-id=2"]), "mysql")
    source = lab.bench.database("source", first)
    there = source.one("SELECT @@GLOBAL.gtid_executed")
    replica.execute(f"CREATE DATABASE {source.name}; RESET BINARY LOGS AND GTIDS; SET GLOBAL gtid_purged = '{there}'; "
                    f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {first.port}, "
                    "SOURCE_USER = 'millrace', SOURCE_PASSWORD = 'secret', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1; "
                    "START REPLICA")

    def replica_has_all():
        executed = source.one("SELECT @@GLOBAL.gtid_executed")
        wait_for("the replica", lambda: replica.one("SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)", [executed]), 3600, 0.02)

    def replica_catches_up():
        replica.execute("START REPLICA")
        replica_has_all()
    source.execute(TABLE)
    target = lab.bench.database("target", place)
    task = lab.bench.task(source, target, [select(source.name, "t"), transform("schema", "rename", source.name, value=target.name)])
    task.catch_up()
    replica_has_all()
    replica.execute("STOP REPLICA")
    in_single_rows(source, count)
    theirs = lab.timed(replica_catches_up)
    replica.execute("STOP REPLICA; RESET REPLICA ALL")
    ours = lab.timed_task(task, "--until", "caught-up")
    ordered = "SELECT * FROM t ORDER BY id"
    copy = MysqlDatabase(replica.server, source.name)
    for other in (target, copy):
        lab.shell(f"cmp <({client(source, ordered)}) <({client(other, ordered)})")
    lab.compare(f"apply {count:,} single-row inserts, MySQL to MySQL", "the server's own replica", ours, theirs, 0.7,
                "./dev bench mysql-apply")
    copy.drop(), target.drop(), source.drop()


def memory(lab):
    """mysql-memory: MariaDB to PostgreSQL; a transaction of twice the table's rows, and a value of 300 MB, loaded and changed."""
    source, target = lab.bench.database("source", server(lab, MariaDB, "mariadb-source")), lab.target()
    source.execute(TABLE)
    rules = [select(source.name), transform("schema", "rename", source.name, value="public")]
    task = lab.bench.task(source, target, rules)
    task.catch_up()
    count = lab.rows * 2
    in_batches(source, count, count)
    timing = lab.timed_task(task, "--until", "caught-up")
    ordered = "SELECT * FROM t ORDER BY id"
    expect_same(digest(lab, target, ordered), digest(lab, source, ordered), "all rows, as text")
    lab.add(Row(f"peak memory, transaction of {count:,} rows of MariaDB", "256 MiB", f"{timing.memory_peak / 2**20:.0f} MiB",
                "256 MiB", timing.memory_peak / 2**28, 1.0, command="./dev bench mysql-memory"))
    source.drop(), target.drop()
    source, target = lab.bench.database("source", server(lab, MariaDB, "mariadb-source")), lab.target()
    source.execute("CREATE TABLE huge (id int PRIMARY KEY, v longblob)")
    value = "UNHEX(REPEAT('00ff5c0a', 75000000))"
    rules = [select(source.name), transform("schema", "rename", source.name, value="public")]
    task = lab.bench.task(source, target, rules)
    for words, statement in (("full load", f"INSERT INTO huge VALUES (1, {value})"), ("in flight", f"INSERT INTO huge VALUES (2, {value})")):
        source.execute(statement)
        timing = lab.timed_task(task, "--until", "caught-up")
        expect_same(target.execute("SELECT id, md5(v) FROM huge ORDER BY id"),
                    [tuple(row) for row in source.execute("SELECT id, md5(v) FROM huge ORDER BY id")], "the values")
        lab.add(Row(f"peak memory, a 300 MB value of MariaDB, {words}", "1 GiB", f"{timing.memory_peak / 2**20:.0f} MiB", "1 GiB",
                    timing.memory_peak / 2**30, 1.0, command="./dev bench mysql-memory"))
    source.drop(), target.drop()
