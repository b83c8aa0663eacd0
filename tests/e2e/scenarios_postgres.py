# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL to PostgreSQL: both databases must hold the same rows afterwards, whatever the tables look like."""

from concurrent.futures import ThreadPoolExecutor

from harness import expect, expect_equal, expect_same, scenario, select, transform

ACCOUNTS = """CREATE TABLE accounts (id bigint PRIMARY KEY, owner text NOT NULL, balance numeric(20,4), changed timestamptz);
              INSERT INTO accounts SELECT g, 'owner ' || g, g * 1.5, now() FROM generate_series(1, {rows}) g"""


@scenario("postgres.full_load")
def full_load(bench):
    """A full load creates the tables and ends by itself."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=20000))
    source.execute("CREATE TABLE empty (id int PRIMARY KEY)")
    bench.task(source, target, kind="full-load").run()
    expect_equal(source, target, ["accounts", "empty"])
    expect_same(target.one("SELECT count(*) FROM pg_constraint WHERE conrelid = 'accounts'::regclass AND contype = 'p'"), 1,
                "primary keys")


@scenario("postgres.start_over_is_refused")
def start_over(bench):
    """start-replication over existing state ends with 2; reload-target loads again."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=100))
    task = bench.task(source, target)
    task.catch_up()
    task.run("--start-type", "start-replication", "--until", "caught-up", code=2)
    source.execute("INSERT INTO accounts VALUES (-5, 'five', 5, now())")
    target.execute("DELETE FROM accounts WHERE id = 3")
    task.run("--start-type", "reload-target", "--until", "caught-up")
    expect_equal(source, target, ["accounts"])


@scenario("postgres.newer_target")
def newer_target(bench):
    """PostgreSQL 15 to 17, and back."""
    for source_major, target_major in ((15, 17), (17, 15)):
        source, target = bench.source(bench.postgres(source_major)), bench.target(bench.postgres(target_major))
        source.execute(ACCOUNTS.format(rows=1000))
        task = bench.task(source, target)
        task.catch_up()
        source.execute("UPDATE accounts SET balance = -1 WHERE id < 100; DELETE FROM accounts WHERE id > 900")
        task.catch_up()
        expect_equal(source, target, ["accounts"])


@scenario("postgres.odd_names")
def odd_names(bench):
    """Names with quotes, dots, blanks, emoji, backslashes and 63 bytes."""
    source, target = bench.source(), bench.target()
    schemas = ['My "Schema"', "dots.in.it", "señor 😀"]
    tables = ['a "table"', "b.c", "select", "x" * 63, "back\\slash", "tab\tand %"]
    pairs = []
    for schema in schemas:
        quoted = '"' + schema.replace('"', '""') + '"'
        source.execute(f"CREATE SCHEMA {quoted}")
        for table in tables:
            name = quoted + '."' + table.replace('"', '""') + '"'
            source.execute(f"""CREATE TABLE {name} ("Id" int PRIMARY KEY, "from" text, "q""uote" int, "a b.c" text);
                               INSERT INTO {name} VALUES (1, 'x', 1, 'y'), (2, E'a\\tb\\\\c\\n\'\'"', NULL, '')""")
            pairs.append(name)
    task = bench.task(source, target, [select("%", "%")])
    task.catch_up()
    for name in pairs:
        source.execute(f"""UPDATE {name} SET "a b.c" = 'changed ''"\\' WHERE "Id" = 1; INSERT INTO {name} VALUES (3);
                           DELETE FROM {name} WHERE "Id" = 2""")
    task.catch_up()
    expect_equal(source, target, pairs)


@scenario("postgres.source_updates_never_fail")
def source_updates_never_fail(bench):
    """A table without identity in the selection: the application's own UPDATE and DELETE go on working."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE bare (a int); INSERT INTO bare VALUES (1), (2);" + ACCOUNTS.format(rows=10))
    task = bench.task(source, target)
    task.run("--until", "caught-up", code=None)
    source.execute("UPDATE bare SET a = 3 WHERE a = 1; DELETE FROM bare WHERE a = 2")


@scenario("postgres.toast")
def toast(bench):
    """Unchanged large values are kept, changed ones arrive."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE doc (id int PRIMARY KEY, n int, body text, raw bytea);
                      ALTER TABLE doc ALTER body SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;
                      INSERT INTO doc SELECT g, g, repeat(md5(g::text), 1000), decode(repeat(md5(g::text), 500), 'hex')
                        FROM generate_series(1, 20) g""")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("UPDATE doc SET n = n + 1; UPDATE doc SET body = repeat('z', 50000) WHERE id = 3;"
                   "UPDATE doc SET n = 0, raw = NULL WHERE id = 4; UPDATE doc SET id = 100 WHERE id = 5")
    task.catch_up()
    expect_equal(source, target, ["doc"])


@scenario("postgres.renames")
def renames(bench):
    """Schema, table and column rules on the way to another database."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=50))
    rules = [select(table="accounts"), transform("schema", "rename", value="bank"),
             transform("table", "convert-uppercase", table="accounts"),
             transform("column", "rename", table="accounts", column="owner", value="holder"),
             transform("column", "remove-column", table="accounts", column="changed")]
    task = bench.task(source, target, rules)
    task.catch_up()
    source.execute("UPDATE accounts SET owner = 'x', balance = 1 WHERE id = 1; DELETE FROM accounts WHERE id = 2")
    task.catch_up()
    expect_same(target.execute('SELECT id, holder, balance FROM bank."ACCOUNTS" ORDER BY 1'),
                source.execute("SELECT id, owner, balance FROM accounts ORDER BY 1"), "rows")


@scenario("postgres.source_filter")
def source_filter(bench):
    """A filter selects rows in the load and in the stream alike."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=100))
    rules = [select(table="accounts", filters=[{"filter-type": "source", "column-name": "id", "filter-conditions": [
        {"filter-operator": "gte", "value": "50"}]}])]
    task = bench.task(source, target, rules)
    task.catch_up()
    source.execute("INSERT INTO accounts VALUES (7000, 'in', 1, now()), (-7, 'out', 1, now());"
                   "UPDATE accounts SET balance = 0 WHERE id IN (60, 10); DELETE FROM accounts WHERE id IN (61, 11)")
    task.catch_up()
    expect_same(target.execute("SELECT id, balance FROM accounts ORDER BY 1"),
                source.execute("SELECT id, balance FROM accounts WHERE id >= 50 ORDER BY 1"), "rows")


@scenario("postgres.partitioned")
def partitioned(bench):
    """A partitioned table is one table; rows that move between partitions stay one row."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE sales (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
                      CREATE TABLE sales_1 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
                      CREATE TABLE sales_2 PARTITION OF sales FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
                      INSERT INTO sales SELECT g, date '2024-01-01' + g % 366, 'v' FROM generate_series(1, 500) g""")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("UPDATE sales SET day = '2024-12-31' WHERE id = 5; DELETE FROM sales WHERE id = 6;"
                   "INSERT INTO sales VALUES (1000, '2024-05-05', 'n')")
    task.catch_up()
    expect_equal(source, target, ["sales"])


@scenario("postgres.generated_and_identity")
def generated_and_identity(bench):
    """Stored generated columns are computed by the target; identity values are kept."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int,
                        twice int GENERATED ALWAYS AS (a * 2) STORED, b text);
                      INSERT INTO g (a, b) SELECT g, 'x' FROM generate_series(1, 50) g""")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("UPDATE g SET a = a + 1 WHERE id < 10; INSERT INTO g (a) VALUES (7); DELETE FROM g WHERE id = 20")
    task.catch_up()
    expect_equal(source, target, ["g"])


@scenario("postgres.foreign_keys_and_triggers")
def foreign_keys_and_triggers(bench):
    """Foreign keys hold at the end; the target's triggers stay quiet while changes are applied."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE parent (id int PRIMARY KEY, v text);
                      CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
                      INSERT INTO parent SELECT g, 'p' FROM generate_series(1, 50) g;
                      INSERT INTO child SELECT g, g % 50 + 1 FROM generate_series(1, 500) g""")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("BEGIN; INSERT INTO parent VALUES (100, 'n'); INSERT INTO child VALUES (1000, 100); COMMIT;"
                   "DELETE FROM parent WHERE id = 7; UPDATE child SET parent = 100 WHERE parent = 8")
    task.catch_up()
    expect_equal(source, target, ["parent", "child"])


@scenario("postgres.large_transaction")
def large_transaction(bench):
    """One transaction much larger than the memory budget passes through the disk."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE big (id bigint PRIMARY KEY, pad text)")
    task = bench.task(source, target)
    task.catch_up()
    run = task.start()
    source.execute("INSERT INTO big SELECT g, repeat('p', 100) FROM generate_series(1, 300000) g")
    run.wait_until("all rows", lambda: target.one("SELECT count(*) FROM big") == 300000, 120)
    peak = run.memory_peak()
    run.interrupt()
    expect_equal(source, target, ["big"])
    expect(peak <= 256 << 20, f"peak memory {peak >> 20} MiB")


@scenario("postgres.many_open_transactions")
def many_open_transactions(bench):
    """Hundreds of transactions open at once, interleaved, some rolled back."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE m (id int PRIMARY KEY, v int)")
    task = bench.task(source, target)
    task.catch_up()
    run = task.start()
    count = 100
    connections = [source.server.connect(source.name, autocommit=False) for _ in range(count)]
    cursors = [connection.cursor() for connection in connections]
    for step in range(5):
        for number, cursor in enumerate(cursors):
            cursor.execute("INSERT INTO m VALUES (%s, %s)", [step * count + number, step])
    for number, connection in enumerate(reversed(connections)):
        connection.rollback() if number % 3 == 0 else connection.commit()
        connection.close()
    expected = source.one("SELECT count(*) FROM m")
    run.wait_until("all rows", lambda: target.one("SELECT count(*) FROM m") == expected)
    run.interrupt()
    expect_equal(source, target, ["m"])


@scenario("postgres.subtransactions")
def subtransactions(bench):
    """Savepoints rolled back, in small and in streamed large transactions."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE s (id int PRIMARY KEY, v text)")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("""BEGIN; INSERT INTO s VALUES (1, 'kept'); SAVEPOINT a; INSERT INTO s VALUES (2, 'lost');
                      SAVEPOINT b; UPDATE s SET v = 'lost' WHERE id = 1; ROLLBACK TO a; INSERT INTO s VALUES (3, 'kept');
                      COMMIT""")
    source.execute("""BEGIN; INSERT INTO s SELECT g, repeat('k', 200) FROM generate_series(1000, 6000) g; SAVEPOINT a;
                      INSERT INTO s SELECT g, repeat('l', 200) FROM generate_series(20000, 160000) g; ROLLBACK TO a;
                      INSERT INTO s VALUES (7000, 'after'); COMMIT""")
    task.catch_up()
    expect_equal(source, target, ["s"])


@scenario("postgres.two_phase")
def two_phase(bench):
    """A prepared transaction arrives at COMMIT PREPARED, a rolled back one never."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE p (id int PRIMARY KEY)")
    task = bench.task(source, target)
    task.catch_up()
    connection = source.server.connect(source.name)
    cursor = connection.cursor()
    for name, value in (("one", 1), ("two", 2)):
        cursor.execute("BEGIN")
        cursor.execute(f"INSERT INTO p VALUES ({value})")
        cursor.execute(f"PREPARE TRANSACTION '{source.name}-{name}'")
    task.catch_up()
    expect_same(target.one("SELECT count(*) FROM p"), 0, "rows before COMMIT PREPARED")
    cursor.execute(f"COMMIT PREPARED '{source.name}-one'")
    cursor.execute(f"ROLLBACK PREPARED '{source.name}-two'")
    connection.close()
    task.catch_up()
    expect_same(target.execute("SELECT id FROM p"), [(1,)], "rows")


@scenario("postgres.drop_removes_everything")
def drop_removes_everything(bench):
    """`millrace drop` leaves no slot, no publication and no event trigger."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=20))
    task = bench.task(source, target)
    task.catch_up()
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 1, "slots")
    task.call("drop")
    for what, query in (("slots", "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"),
                        ("publications", "SELECT count(*) FROM pg_publication"),
                        ("event triggers", "SELECT count(*) FROM pg_event_trigger")):
        expect_same(source.one(query), 0, what)


@scenario("postgres.validate")
def validate(bench):
    """validate finds a changed, a missing and a surplus row, and says equal when they are."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=200))
    task = bench.task(source, target)
    task.catch_up()
    task.call("validate")
    target.execute("UPDATE accounts SET owner = 'wrong' WHERE id = 5; DELETE FROM accounts WHERE id = 6;"
                   "INSERT INTO accounts VALUES (999, 'surplus', 1, now())")
    output = task.call("validate", code=1)
    for key in ("5", "6", "999"):
        expect(key in output, f"row {key} is not reported:\n{output}")


@scenario("postgres.status")
def status(bench):
    """The table statistics count loaded rows and streamed changes."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=200))
    task = bench.task(source, target)
    task.catch_up()
    source.execute("INSERT INTO accounts VALUES (-1, 'a', 1, now()), (-2, 'b', 1, now());"
                   "UPDATE accounts SET balance = 0 WHERE id = 1; DELETE FROM accounts WHERE id = 2")
    task.catch_up()
    row = task.statistics()["public.accounts"]
    expect_same((row["FullLoadRows"], row["Inserts"], row["Updates"], row["Deletes"]), (200, 2, 1, 1), "statistics")


@scenario("postgres.concurrent_writers")
def concurrent_writers(bench):
    """Eight writers during the load and the stream."""
    source, target = bench.source(), bench.target()
    source.execute(ACCOUNTS.format(rows=2000))
    task = bench.task(source, target)
    run = task.start()

    def write(worker):
        connection = source.server.connect(source.name)
        with connection.cursor() as cursor:
            for number in range(100):
                cursor.execute("INSERT INTO accounts VALUES (%s, 'w', %s, now())", [10000 + worker * 1000 + number, number])
                cursor.execute("UPDATE accounts SET balance = balance + 1 WHERE id = %s", [number * 7 % 2000 + 1])
                cursor.execute("DELETE FROM accounts WHERE id = %s", [10000 + worker * 1000 + number - 5])
        connection.close()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    source.execute("INSERT INTO accounts VALUES (-1, 'last', 0, now())")
    run.wait_until("the last row", lambda: target.one("SELECT to_regclass('public.accounts')") and
                   target.one("SELECT count(*) FROM accounts WHERE id = -1"))
    run.interrupt()
    expect_equal(source, target, ["accounts"])


@scenario("postgres.rows_refused_in_the_load")
def rows_refused(bench):
    """Rows that the target refuses in the load go by DataErrorPolicy: left out one by one and told of, or the table's end."""
    source = bench.source()
    source.execute("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(6,2)); INSERT INTO t SELECT g, 'v' || g || E'\\n\\t', g % 100 "
                   "FROM generate_series(1, 20000) g; UPDATE t SET v = 'bad' WHERE id IN (7, 8, 5000, 20000); CREATE TABLE fine (id int PRIMARY KEY)")

    def run(policy, code, recorded):
        target = bench.target()
        target.execute("CREATE TABLE t (id int PRIMARY KEY, v text CHECK (v <> 'bad'), n numeric(6,2));"
                       "INSERT INTO t VALUES (19999, 'was there', 1)")
        task = bench.task(source, target, settings={
            "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}, "ErrorBehavior": {"DataErrorPolicy": policy},
            "ControlTablesSettings": {"FullLoadExceptionTableEnabled": recorded}})
        task.document["source"]["MillraceChunkMB"] = 1
        text = task.run("--until", "caught-up", code=code)
        return target, task, text

    for policy, recorded in (("LOG_ERROR", True), ("LOG_ERROR", False), ("IGNORE_RECORD", True)):
        target, task, _ = run(policy, 0, recorded)
        row = task.statistics()["public.t"]
        expect_same((row["TableState"], row["FullLoadRows"], row["FullLoadErrorRows"]), ("Table completed", 19995, 5), policy)
        expect_same(target.one("SELECT count(*) FROM t"), 19996, "rows")
        expect_same([row[0] for row in source.execute("SELECT id FROM t WHERE v = 'bad' OR id = 19999 ORDER BY 1")], [7, 8, 5000, 19999, 20000], "source")
        expect_same(target.one("SELECT count(*) FROM t WHERE v = 'bad'"), 0, "rows that break the check")
        name = "awsdms_full_load_exceptions" if recorded else "awsdms_apply_exceptions"
        told = target.execute(f'SELECT "STATEMENT", "ERROR" FROM {name}')
        expect_same(len(told), 0 if policy == "IGNORE_RECORD" else 5, f"rows of {name}")
        if told:
            expect(any("19999" in statement and "23505" in error for statement, error in told), f"{told}")
        source.execute(f"INSERT INTO t VALUES (30000 + {len(bench.tasks)}, 'streamed', 1)")
        task.catch_up()
        expect_same(target.one("SELECT count(*) FROM t WHERE v = 'streamed'"), 1, "the stream")
        task.call("drop")
        source.execute("DELETE FROM t WHERE id > 30000")
    _, task, _ = run("SUSPEND_TABLE", 0, False)
    expect_same(task.statistics()["public.t"]["TableState"], "Table error", "SUSPEND_TABLE")
    expect_same(task.statistics()["public.fine"]["TableState"], "Table completed", "the other table")
    task.call("drop")
    _, task, text = run("STOP_TASK", 1, False)
    expect("engine.row_stopped" in text, text[-1000:])
    task.call("drop")
