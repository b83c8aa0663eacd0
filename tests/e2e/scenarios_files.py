# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL into a folder of files: what lies there afterwards, judged by pyarrow and DuckDB."""

import duckdb

from harness import csv_rows, expect, expect_same, files_of, parquet_rows, rebuilt, scenario, select, transform
from servers import wait_for

PEOPLE = """CREATE TABLE public.people (id int PRIMARY KEY, last_name text, first_name text, address text, phone text);
            ALTER TABLE public.people REPLICA IDENTITY FULL"""


def text_state(database, table, columns, key=1):
    """The rows of a table as text, NULL as '': what a CSV file can say about them."""
    listed = ", ".join(f"coalesce({column}::text, '')" for column in columns)
    return {tuple(row[:key]): tuple(row) for row in database.execute(f"SELECT {listed} FROM {table}")}


def expect_no_unfinished(folder):
    """Dot-files are either unfinished or the notes that stand in for an object's metadata."""
    left = [path.name for path in folder.rglob(".*") if path.is_file() and not path.name.endswith(".millrace-meta")]
    expect_same(left, [], "unfinished files")


@scenario("files.customer_example")
def customer_example(bench):
    """The three rows of the well-known example: inserted, phone corrected, deleted."""
    source = bench.source()
    source.execute(PEOPLE)
    folder, lake = bench.lake()
    task = bench.task(source, lake)
    run = task.start()
    run.wait_until("the slot", lambda: source.one("SELECT count(*) FROM pg_replication_slots WHERE database = "
                                                  "current_database() AND confirmed_flush_lsn IS NOT NULL AND active"))
    source.execute("INSERT INTO people VALUES (9335, 'Smith', 'John', '1 Skyline Drive, NY, NY', '201-555-9012')")
    source.execute("UPDATE people SET phone = '201-555-9034' WHERE id = 9335")
    source.execute("DELETE FROM people WHERE id = 9335")
    run.wait_until("the files", lambda: len(csv_rows(folder, "public/people")) == 3)
    run.interrupt()
    text = "".join(path.read_text() for path in files_of(folder, "public/people"))
    expect_same(text, 'I,9335,Smith,John,"1 Skyline Drive, NY, NY",201-555-9012\n'
                      'U,9335,Smith,John,"1 Skyline Drive, NY, NY",201-555-9034\n'
                      'D,9335,Smith,John,"1 Skyline Drive, NY, NY",201-555-9034\n', "the change file")


def fill(source, rows=2000):
    source.execute(f"""CREATE TABLE public.orders (id bigint PRIMARY KEY, customer int NOT NULL, note text, paid boolean,
                         amount numeric(12,2), placed timestamp, day date);
                       INSERT INTO public.orders SELECT g, g % 97, CASE WHEN g % 5 = 0 THEN NULL WHEN g % 5 = 1 THEN
                         'said "no", ' || g ELSE E'line\\nbreak ' || g END, g % 2 = 0, g * 1.25,
                         timestamp '2024-01-01' + g * interval '1 minute 0.000123 second', date '2024-01-01' + g % 365
                         FROM generate_series(1, {rows}) g""")


COLUMNS = ["id", "customer", "note", "paid", "amount", "to_char(placed, 'YYYY-MM-DD HH24:MI:SS.US')", "day"]


@scenario("files.load_csv")
def load_csv(bench):
    """A full load into CSV: every row once, LOAD names in order."""
    source = bench.source()
    fill(source)
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    bench.task(source, lake, kind="full-load").run()
    expect_same(rebuilt(csv_rows(folder, "public/orders")), text_state(source, "orders", COLUMNS), "rows")
    names = [path.name for path in files_of(folder, "public/orders")]
    expect_same(names[0], "LOAD00000001.csv", "first file")
    expect_no_unfinished(folder)


@scenario("files.load_parquet")
def load_parquet(bench):
    """A full load into Parquet, read by pyarrow and by DuckDB."""
    source = bench.source()
    fill(source)
    folder, lake = bench.lake(DataFormat="parquet")
    bench.task(source, lake, kind="full-load").run()
    rows = sorted(row.cells for row in parquet_rows(folder, "public/orders"))
    expected = sorted(source.execute("SELECT * FROM orders"))
    expect_same(len(rows), len(expected), "rows")
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    found = duck.execute(f"SELECT count(*), sum(id), sum(amount), count(note), min(placed)::timestamp, max(day) "
                         f"FROM read_parquet('{folder}/public/orders/*.parquet')").fetchone()
    wanted = source.execute("SELECT count(*), sum(id), sum(amount), count(note), min(placed), max(day) FROM orders")[0]
    expect_same(found, wanted, "DuckDB's totals")


@scenario("files.kill_and_resume")
def kill_and_resume(bench):
    """kill -9 while files are written: no half file is visible, nothing is lost or doubled."""
    source = bench.source()
    fill(source, 300)
    source.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    folder, lake = bench.lake(IncludeOpForFullLoad=True, CdcMinFileSize=1)
    task = bench.task(source, lake)
    task.catch_up()
    for round_number in range(4):
        run = task.start()
        before = len(files_of(folder, "public/orders"))
        for step in range(20):
            at = 10000 + round_number * 10000 + step * 100
            source.execute(f"INSERT INTO orders (id, customer, note) SELECT g, 2, repeat('x', 50) FROM "
                           f"generate_series({at}, {at + 99}) g")
        run.wait_until("a new file", lambda: len(files_of(folder, "public/orders")) > before)
        run.kill()
    task.catch_up()
    expect_same(rebuilt(csv_rows(folder, "public/orders")), text_state(source, "orders", COLUMNS), "rows")
    expect_no_unfinished(folder)


@scenario("files.parquet_stream")
def parquet_stream(bench):
    """Change files in Parquet carry Op first and the values typed."""
    source = bench.source()
    fill(source, 10)
    source.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    folder, lake = bench.lake(DataFormat="parquet", IncludeOpForFullLoad=True)
    task = bench.task(source, lake)
    task.catch_up()
    source.execute("UPDATE orders SET amount = 7.50 WHERE id = 3; DELETE FROM orders WHERE id = 4")
    task.catch_up()
    state = rebuilt(parquet_rows(folder, "public/orders"))
    expect_same(sorted(key[0] for key in state), [1, 2, 3, 5, 6, 7, 8, 9, 10], "keys")
    expect_same(str(state[(3,)][4]), "7.50", "the updated amount")


@scenario("files.timestamp_header_gzip")
def timestamp_header_gzip(bench):
    """TimestampColumnName, AddColumnName and GZIP together, read by DuckDB."""
    source = bench.source()
    fill(source, 20)
    folder, lake = bench.lake(IncludeOpForFullLoad=True, TimestampColumnName="moved", AddColumnName=True,
                              CompressionType="GZIP")
    task = bench.task(source, lake)
    task.catch_up()
    source.execute("INSERT INTO orders (id, customer) VALUES (21, 1)")
    task.catch_up()
    found = duckdb.connect().execute(f"SELECT count(*), count(DISTINCT id), count(moved), min(\"Op\") FROM read_csv("
                           f"'{folder}/public/orders/*.csv.gz', header = true, all_varchar = true)").fetchone()
    expect_same(found, (21, 21, 21, "I"), "DuckDB's counts")


@scenario("files.preserve_transactions")
def preserve_transactions(bench):
    """PreserveTransactions: one ordered set of files for all tables under CdcPath."""
    source = bench.source()
    source.execute("CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text)")
    folder, lake = bench.lake(PreserveTransactions=True, CdcPath="changes")
    task = bench.task(source, lake)
    task.catch_up()
    for number in range(5):
        source.execute(f"BEGIN; INSERT INTO a VALUES ({number}, 'x'); INSERT INTO b VALUES ({number}, 'y'); COMMIT")
    task.catch_up()
    files = sorted((folder / "changes").rglob("*.csv"))
    expect(files and all(path.name.startswith("CDC_TXN-") for path in files), f"names: {[p.name for p in files]}")
    lines = "".join(path.read_text() for path in files).splitlines()
    expect_same(len(lines), 10, "change rows")
    for number in range(5):
        pair = lines[2 * number:2 * number + 2]
        expect("a" in pair[0].split(",") and "b" in pair[1].split(","), f"order within transaction {number}: {pair}")


@scenario("files.renamed_and_filtered")
def renamed_and_filtered(bench):
    """Renames, removed columns and a source filter reach the folder names and the rows."""
    source = bench.source()
    fill(source, 100)
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    rules = [select(table="orders", filters=[{"filter-type": "source", "column-name": "id", "filter-conditions": [
                 {"filter-operator": "between", "start-value": "11", "end-value": "20"}]}]),
             transform("schema", "rename", value="shop"),
             transform("table", "add-prefix", table="orders", value="t_"),
             transform("column", "remove-column", table="orders", column="note")]
    bench.task(source, lake, rules, kind="full-load").run()
    state = rebuilt(csv_rows(folder, "shop/t_orders"))
    columns = [column for column in COLUMNS if column != "note"]
    wanted = {key: row for key, row in text_state(source, "orders", columns).items() if 11 <= int(key[0]) <= 20}
    expect_same(state, wanted, "rows")


@scenario("files.toast_without_full_identity")
def toast_without_full_identity(bench):
    """An unchanged large value that the log does not carry is never written as NULL: refused by name."""
    source = bench.source()
    source.execute("CREATE TABLE doc (id int PRIMARY KEY, n int, body text); ALTER TABLE doc ALTER body SET STORAGE EXTERNAL;"
                   "INSERT INTO doc VALUES (1, 1, repeat('abcdefgh', 5000))")
    _, lake = bench.lake()
    task = bench.task(source, lake)
    output = task.call("check", code=None)
    expect("REPLICA IDENTITY FULL" in output and "doc" in output, f"check does not say what to do:\n{output}")


@scenario("files.two_tasks_one_folder")
def lost_data_folder(bench):
    """A lost data folder is recognised: the task refuses to load over its own files."""
    source = bench.source()
    fill(source, 10)
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    task = bench.task(source, lake, kind="full-load")
    task.run()
    before = {path.name: path.read_bytes() for path in files_of(folder, "public/orders")}
    import shutil
    shutil.rmtree(task.data)
    wait_for("the data folder to be gone", lambda: not task.data.exists(), 5)
    output = task.run(code=None)
    after = {path.name: path.read_bytes() for path in files_of(folder, "public/orders")}
    expect(before == after or "public" in output, "files were changed without a word")
