# SPDX-License-Identifier: Apache-2.0
"""Tables of odd shape and name: by load and stream into a database, CSV and Parquet."""

from harness import csv_rows, expect, expect_equal, expect_same, files_of, parquet_rows, rebuilt, scenario, select


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@scenario("shapes.widths")
def widths(bench):
    """Tables of 1 and 1 600 columns, empty tables, generated columns."""
    source, target = bench.source(), bench.target()
    columns = ", ".join(f"c{number} int" for number in range(1599))
    source.execute(f"""CREATE TABLE wide (id int PRIMARY KEY, {columns});
        INSERT INTO wide (id, c0, c1598) SELECT g, g, -g FROM generate_series(1, 20) g;
        CREATE TABLE one (id text PRIMARY KEY); INSERT INTO one VALUES ('a'), (''), ('b');
        CREATE TABLE one_bare (v text); ALTER TABLE one_bare REPLICA IDENTITY FULL; INSERT INTO one_bare VALUES (NULL), (NULL), ('');
        CREATE TABLE empty_keyed (id int PRIMARY KEY, v text);
        CREATE TABLE made (id int PRIMARY KEY, a int GENERATED ALWAYS AS (id + 1) STORED); INSERT INTO made VALUES (1), (2)""")
    names = ["wide", "one", "one_bare", "empty_keyed", "made"]
    task = bench.task(source, target)
    folder, lake = bench.lake(IncludeOpForFullLoad=True, CsvNullValue="<null>")
    parquet_folder, parquet_lake = bench.lake("parquet", DataFormat="parquet", IncludeOpForFullLoad=True)
    tasks = [task, bench.task(source, lake), bench.task(source, parquet_lake)]
    for each in tasks:
        each.catch_up()
    expect_equal(source, target, names)
    source.execute("""UPDATE wide SET c1598 = 7 WHERE id = 3; DELETE FROM wide WHERE id = 4; INSERT INTO wide (id, c5) VALUES (99, 5);
        INSERT INTO one VALUES ('c'); UPDATE one SET id = 'd' WHERE id = 'b';
        DELETE FROM one WHERE id = ''; UPDATE one_bare SET v = 'x' WHERE ctid = (SELECT min(ctid) FROM one_bare);
        INSERT INTO empty_keyed VALUES (1, NULL); UPDATE made SET id = 5 WHERE id = 2; INSERT INTO made VALUES (9);
        DELETE FROM made WHERE id = 1""")
    for each in tasks:
        each.catch_up()
    expect_equal(source, target, names)
    for at, rows in (("csv", csv_rows(folder, "public/wide")), ("parquet", parquet_rows(parquet_folder, "public/wide"))):
        state = rebuilt(rows)
        expect_same(len(state), 20, f"{at}: rows of the wide table")
        expect_same(len(next(iter(state.values()))), 1600, f"{at}: its columns")
    made = rebuilt(csv_rows(folder, "public/made"))
    expect_same(sorted(made), [("5",), ("9",)], "rows without their generated column")
    expect_same(sorted(rebuilt(parquet_rows(parquet_folder, "public/one"))), [("a",), ("c",), ("d",)], "one column in Parquet")


@scenario("shapes.no_columns")
def no_columns(bench):
    """A table without columns is loaded with its number of rows; its changes are refused by name."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE none (); ALTER TABLE none REPLICA IDENTITY FULL; INSERT INTO none DEFAULT VALUES;
        INSERT INTO none DEFAULT VALUES; CREATE TABLE empty_none (); CREATE TABLE only_made (a int GENERATED ALWAYS AS (7) STORED);
        INSERT INTO only_made DEFAULT VALUES; INSERT INTO only_made DEFAULT VALUES""")
    names = ["none", "empty_none", "only_made"]
    streaming = bench.task(source, target)
    output = streaming.call("check", code=None)
    for name in names:
        expect(f"table public.{name}: it has no columns of its own" in output, f"check does not name {name}:\n{output}")
    streaming.run("--until", "caught-up", code=2)
    bench.task(source, target, kind="full-load").run()
    for name in names:
        expect_same(target.one(f"SELECT count(*) FROM {name}"), source.one(f"SELECT count(*) FROM {name}"), f"rows of {name}")
    folder, lake = bench.lake()
    bench.task(source, lake, kind="full-load").run()
    expect_same("".join(path.read_text() for path in files_of(folder, "public/none")), "\n\n", "rows in csv")


IDENTITIES = {
    "by_default": "",
    "by_index": "CREATE UNIQUE INDEX by_index_i ON by_index (other, id); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_i",
    "by_full": "ALTER TABLE by_full REPLICA IDENTITY FULL",
    "keyless_full": "ALTER TABLE keyless_full DROP CONSTRAINT keyless_full_pkey; ALTER TABLE keyless_full REPLICA IDENTITY FULL",
    "keyless_index": "ALTER TABLE keyless_index DROP CONSTRAINT keyless_index_pkey; CREATE UNIQUE INDEX keyless_index_i ON "
                     "keyless_index (other); ALTER TABLE keyless_index REPLICA IDENTITY USING INDEX keyless_index_i",
}


def identities(source):
    for name, statement in IDENTITIES.items():
        source.execute(f"""CREATE TABLE {name} (id int PRIMARY KEY, other int NOT NULL, n int, body text);
            ALTER TABLE {name} ALTER body SET STORAGE EXTERNAL; {statement or 'SELECT 1'};
            INSERT INTO {name} SELECT g, -g, g, CASE g % 3 WHEN 0 THEN NULL ELSE repeat(md5(g::text), 300) END
              FROM generate_series(1, 30) g""")


def change_identities(source):
    for name in IDENTITIES:
        source.execute(f"""UPDATE {name} SET n = n + 1 WHERE id % 2 = 0; UPDATE {name} SET id = id + 1000 WHERE id = 5;
            UPDATE {name} SET other = -2000 WHERE id = 7; UPDATE {name} SET id = 1008, other = -1008 WHERE id = 8;
            UPDATE {name} SET body = repeat('z', 9000) WHERE id = 10; UPDATE {name} SET body = NULL WHERE id = 11;
            UPDATE {name} SET n = NULL WHERE id = 12; DELETE FROM {name} WHERE id IN (13, 14);
            INSERT INTO {name} VALUES (14, -14, 1, 'again'); BEGIN; UPDATE {name} SET id = 99 WHERE id = 1;
            UPDATE {name} SET id = 1 WHERE id = 2; UPDATE {name} SET id = 2 WHERE id = 99; COMMIT""")


@scenario("shapes.replica_identities")
def replica_identities(bench):
    """REPLICA IDENTITY default, index, full, with and without a key: changes arrive, unchanged large values stay."""
    source, target = bench.source(), bench.target()
    identities(source)
    task = bench.task(source, target)
    task.catch_up()
    change_identities(source)
    task.catch_up()
    expect_equal(source, target, list(IDENTITIES))


@scenario("shapes.replica_identity_nothing")
def replica_identity_nothing(bench):
    """NOTHING and no key: refused with the exact SQL, or inserts only by choice; the source's own updates never fail."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE silent (id int PRIMARY KEY, v text); ALTER TABLE silent REPLICA IDENTITY NOTHING;
                      CREATE TABLE bare (id int, v text); INSERT INTO silent VALUES (1, 'a'); INSERT INTO bare VALUES (1, 'a')""")
    task = bench.task(source, target)
    output = task.call("check", code=None)
    for name in ("silent", "bare"):
        expect(f'ALTER TABLE "public"."{name}" REPLICA IDENTITY FULL;' in output, f"no SQL for {name}:\n{output}")
    expect("the task would be refused" in output, output)
    task.run("--until", "caught-up", code=2)
    source.execute("UPDATE silent SET v = 'b'; UPDATE bare SET v = 'b'")
    source.execute('ALTER TABLE "public"."silent" REPLICA IDENTITY FULL; ALTER TABLE "public"."bare" REPLICA IDENTITY FULL')
    task.catch_up()
    source.execute("UPDATE silent SET v = 'c'; UPDATE bare SET v = 'c'; INSERT INTO bare VALUES (2, NULL)")
    task.catch_up()
    expect_equal(source, target, ["silent", "bare"])


@scenario("shapes.toast_files")
def toast_files(bench):
    """Unchanged large values in files: whole with FULL; refused or marked without; never NULL."""
    source = bench.source()
    identities(source)
    for name in IDENTITIES:
        source.execute(f"ALTER TABLE {name} REPLICA IDENTITY FULL")
    source.execute("""CREATE TABLE kept (id int PRIMARY KEY, n int, body text); ALTER TABLE kept ALTER body SET STORAGE EXTERNAL;
                      INSERT INTO kept VALUES (1, 1, repeat('k', 9000)), (2, 1, 'short')""")
    folder, lake = bench.lake(IncludeOpForFullLoad=True, CsvNullValue="<null>")
    parquet_folder, parquet_lake = bench.lake("parquet", DataFormat="parquet", IncludeOpForFullLoad=True)
    marked_folder, marked_lake = bench.lake("marked", IncludeOpForFullLoad=True, CsvNullValue="<null>", CsvNoSupValue="<same>")
    marked_lake["S3Settings"]["UseCsvNoSupValue"] = True
    marked_lake["MillraceMissingValues"] = "marker"
    marked = bench.task(source, marked_lake, [select(table="kept")])
    plain, parquet = bench.task(source, lake), bench.task(source, parquet_lake)
    for task in (plain, parquet, marked):
        task.catch_up()
    change_identities(source)
    source.execute("UPDATE kept SET n = 2")
    for task in (plain, parquet, marked):
        task.run("--until", "caught-up", code=None)
    for name in IDENTITIES:
        wanted = sorted(source.execute(f"SELECT id::text, other::text, n::text, md5(body) FROM {name}"), key=str)
        import hashlib

        def digest(row):
            return tuple(None if cell in (None, "<null>") else str(cell) for cell in row[:3]) + (
                None if row[3] in (None, "<null>") else hashlib.md5(row[3].encode()).hexdigest(),)
        for kind, rows in (("csv", csv_rows(folder, f"public/{name}")), ("parquet", parquet_rows(parquet_folder, f"public/{name}"))):
            live = {}
            for row in rows:
                cells = digest(row.cells[1:])
                if row.cells[0] == "D":
                    expect(live.get(cells, 0) > 0, f"{kind} {name}: a D row for what is not there: {cells}")
                    live[cells] -= 1
                elif row.cells[0] == "U":
                    old = [at for at, count in live.items() if at[0] == cells[0] and count]
                    expect(len(old) == 1, f"{kind} {name}: a U row for {cells[0]} meets {len(old)} rows")
                    live[old[0]] -= 1
                    live[cells] = live.get(cells, 0) + 1
                else:
                    live[cells] = live.get(cells, 0) + 1
            found = sorted((at for at, count in live.items() for _ in range(count)), key=str)
            expect_same(found, wanted, f"{kind} {name}: state")
    expect_same(plain.statistics()["public.kept"]["TableState"], "Table error", "the table whose value the log lacks")
    expect("REPLICA IDENTITY FULL" in plain.call("status"), "the status does not say what to do")
    state = rebuilt(csv_rows(marked_folder, "public/kept"))
    expect_same(state[("1",)][2], "<same>", "the marker for an unchanged large value")
    expect_same(state[("2",)][2], "short", "a short value beside it")


@scenario("shapes.lookup")
def lookup(bench):
    """MillraceMissingValues lookup: values that the log does not repeat are read again; of rows that are gone: NULL."""
    source = bench.source()
    source.execute("""CREATE TABLE odd (a text, b bytea, c timestamptz, n int, body text, PRIMARY KEY (a, b, c));
                      CREATE TABLE big (id int PRIMARY KEY, n int, body text, other bytea);
                      ALTER TABLE odd ALTER body SET STORAGE EXTERNAL; ALTER TABLE big ALTER body SET STORAGE EXTERNAL;
                      INSERT INTO odd SELECT g || 'it''s "\\', decode(lpad(to_hex(g), 8, '0'), 'hex'), timestamptz '2024-02-29 12:00:00.000001+01'
                        + g * interval '1 s', 1, repeat(chr(64 + g), 9000) FROM generate_series(1, 20) g;
                      INSERT INTO big SELECT g, 1, repeat(md5(g::text), 6000), decode(repeat(md5(g::text), 300), 'hex')
                        FROM generate_series(1, 300) g""")
    tasks, folders = [], {}
    for form in ("csv", "parquet"):
        folders[form], lake = bench.lake(form, DataFormat=form, IncludeOpForFullLoad=True, CsvNullValue="<null>")
        lake["MillraceMissingValues"] = "lookup"
        tasks.append(bench.task(source, lake))
        tasks[-1].catch_up()
    source.execute("UPDATE odd SET n = 2")
    source.execute("BEGIN; UPDATE big SET n = 2; UPDATE big SET n = 3 WHERE id <= 10; COMMIT")  # 57 MB: more than one group
    source.execute("UPDATE big SET n = 4 WHERE id = 1; DELETE FROM big WHERE id = 1")
    source.execute("UPDATE big SET n = 5 WHERE id = 2; UPDATE big SET id = 1002 WHERE id = 2; UPDATE big SET body = 'new' WHERE id = 3")
    for task in tasks:
        task.catch_up()
    wanted = {str(row[0]): row[1:] for row in source.execute("SELECT id, n::text, md5(body), md5(other::text) FROM big")}
    import hashlib

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()
    for form, rows in (("csv", csv_rows), ("parquet", parquet_rows)):
        state = {(str(key),): row for (key,), row in rebuilt(rows(folders[form], "public/big")).items()}
        expect_same(sorted(key for key, in state), sorted(wanted), f"{form}: the keys")
        for (key,), row in state.items():
            binary = row[3].lower() if isinstance(row[3], str) else row[3].hex()
            expect_same((str(row[1]), md5(row[2]), md5("\\x" + binary.removeprefix("\\x"))), wanted[key], f"{form}: row {key}")
        bodies = [row.cells[3] for row in rows(folders[form], "public/big") if row.cells[0] == "U" and str(row.cells[1]) == "1"]
        expect(bodies and set(bodies) <= {None, "<null>"}, f"{form}: a row that is gone gives NULL, not a value")
        state = rebuilt(rows(folders[form], "public/odd"), key=3)
        expect_same(sorted((str(row[3]), row[4]) for row in state.values()),
                    sorted(("2", chr(64 + g) * 9000) for g in range(1, 21)), f"{form}: the odd keys")


@scenario("shapes.partitions")
def partitions(bench):
    """Range, list and hash, nested, with default: one table each, on the target partitioned alike; one folder in a lake."""
    source, target = bench.source(), bench.target()
    source.execute("""
        CREATE TABLE by_list (id int, kind text, v text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
        CREATE TABLE by_list_a PARTITION OF by_list FOR VALUES IN ('a', 'it''s') PARTITION BY HASH (id);
        CREATE TABLE by_list_a0 PARTITION OF by_list_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE by_list_a1 PARTITION OF by_list_a FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE by_list_rest PARTITION OF by_list DEFAULT;
        CREATE TABLE by_hash (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
        CREATE TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 0);
        CREATE TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 1);
        CREATE TABLE by_hash_2 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 2);
        CREATE TABLE by_range (day date, id int, v text, PRIMARY KEY (day, id)) PARTITION BY RANGE (day, id);
        CREATE TABLE by_range_1 PARTITION OF by_range FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2024-01-01', 10);
        CREATE TABLE by_range_odd (v text, extra int, id int NOT NULL, day date NOT NULL);
        ALTER TABLE by_range_odd DROP COLUMN extra;
        ALTER TABLE by_range ATTACH PARTITION by_range_odd FOR VALUES FROM ('2024-01-01', 10) TO (MAXVALUE, MAXVALUE);
        INSERT INTO by_list SELECT g, (ARRAY['a', 'it''s', 'z'])[g % 3 + 1], 'v' || g FROM generate_series(1, 200) g;
        INSERT INTO by_hash SELECT g, 'v' || g FROM generate_series(1, 200) g;
        INSERT INTO by_range SELECT date '2023-12-01' + g, g, 'v' || g FROM generate_series(1, 100) g""")
    names = ["by_list", "by_hash", "by_range"]
    task = bench.task(source, target)
    expect("a TRUNCATE, ATTACH, DETACH or DROP of one of its partitions" in task.call("check"), "check does not say what the log lacks")
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    to_files = bench.task(source, lake)
    for each in (task, to_files):
        each.catch_up()
    expect_equal(source, target, names)
    source.execute("""UPDATE by_list SET kind = 'z' WHERE id = 3; UPDATE by_list SET v = 'new' WHERE id = 4; DELETE FROM by_list WHERE id = 5;
        INSERT INTO by_list VALUES (1000, 'other', 'x'); UPDATE by_hash SET id = id + 1000 WHERE id < 20; DELETE FROM by_hash WHERE id = 50;
        UPDATE by_range SET day = '2030-01-01' WHERE id = 1; UPDATE by_range SET v = NULL WHERE id = 60;
        CREATE TABLE by_hash_later (id int PRIMARY KEY); DROP TABLE by_hash_later""")
    for each in (task, to_files):
        each.catch_up()
    expect_equal(source, target, names)
    for name in names:
        expect_same(target.one(f"SELECT relkind FROM pg_class WHERE oid = '{name}'::regclass"), "p", f"{name}: partitioned on the target")
    expect_same(sorted(path.name for path in (folder / "public").iterdir()), sorted(names), "folders of the lake")
    expect_same(len(rebuilt(csv_rows(folder, "public/by_list"), 2)), source.one("SELECT count(*) FROM by_list"), "by_list in files")


@scenario("shapes.inherited")
def inherited(bench):
    """Inheritance: parent and child are two tables, each with its own rows only."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (more int, PRIMARY KEY (id)) INHERITS (parent);
                      INSERT INTO parent SELECT g, 'p' FROM generate_series(1, 10) g;
                      INSERT INTO child SELECT g, 'c', g FROM generate_series(11, 30) g""")
    task = bench.task(source, target)
    task.catch_up()
    source.execute("UPDATE parent SET v = 'both'; INSERT INTO child VALUES (31, 'c', 1); DELETE FROM parent WHERE id IN (5, 15)")
    task.catch_up()
    for name in ("parent", "child"):
        expect_same(sorted(target.execute(f"SELECT * FROM ONLY {name}")), sorted(source.execute(f"SELECT * FROM ONLY {name}")), name)


@scenario("shapes.other_relations")
def other_relations(bench):
    """Unlogged and foreign tables, views, materialized views, sequences and large objects are each named by check."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE plain (id serial PRIMARY KEY, v text); INSERT INTO plain (v) VALUES ('a'), ('b');
        CREATE UNLOGGED TABLE fast (id int PRIMARY KEY, v text); INSERT INTO fast VALUES (1, 'u');
        CREATE VIEW seen AS SELECT * FROM plain; CREATE MATERIALIZED VIEW stored AS SELECT * FROM plain;
        CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'nothing');
        CREATE FOREIGN TABLE far (id int) SERVER elsewhere; SELECT lo_from_bytea(0, 'abc'); CREATE TEMP TABLE gone (id int)""")
    output = bench.task(source, target).call("check", code=None)
    for word in ("unlogged public.fast", "foreign public.far", "large objects", "sequences"):
        expect(word in output, f"check does not name {word}:\n{output}")
    expect("ALTER TABLE \"public\".\"fast\" SET LOGGED;" in output, output)
    expect("gone" not in output, "a temporary table is selected")
    rules = [select(), select(table="far", action="exclude")]
    task = bench.task(source, target, rules)
    task.catch_up()
    source.execute("INSERT INTO plain (v) VALUES ('c'); INSERT INTO fast VALUES (2, 'not in the log')")
    task.catch_up()
    expect_equal(source, target, ["plain"])
    expect_same(target.execute("SELECT * FROM fast"), [(1, "u")], "the unlogged table is loaded once")
    views = [{"rule-type": "selection", "rule-action": "include", "object-locator":
              {"schema-name": "public", "table-name": name, "table-type": "view"}} for name in ("seen", "stored")]
    folder, lake = bench.lake("views")
    to_files = bench.task(source, lake, views, kind="full-load")
    to_files.run()
    expect_same(len(csv_rows(folder, "public/seen")), 3, "rows of the view")
    expect_same(len(csv_rows(folder, "public/stored")), 2, "rows of the materialized view")


NAMES = ['quote "', "dot.ted", " blank ", "😀", "x" * 63, "é" * 31, "select", "UPPER", "perc%ent", "under_score", "back\\slash", "new\nline",
         "tab\t", "single'quote", "$dollar$", "semi;colon", "slash/", "..", "per%20cent", "*", "user", "Op"]


@scenario("shapes.names")
def names(bench):
    """Schemas, tables, columns, keys and enums with every odd name, to a database and to files."""
    source, target = bench.source(), bench.target()
    schemas = ['My "Schema"', "x" * 63, "user", "e😀.x"]
    columns = ", ".join(f"{quoted(name)} text" for name in NAMES)
    pairs = []
    for number, schema in enumerate(schemas):
        source.execute(f"CREATE SCHEMA {quoted(schema)}; CREATE TYPE {quoted(schema)}.{quoted('t ' + NAMES[number])} AS ENUM ('x', 'y')")
        for name in NAMES:
            full = f"{quoted(schema)}.{quoted(name)}"
            source.execute(f"""CREATE TABLE {full} ("The ""Id" int, {columns}, e {quoted(schema)}.{quoted('t ' + NAMES[number])},
                                 CONSTRAINT {quoted(name[:50] + ' pk')} PRIMARY KEY ("The ""Id"));
                               INSERT INTO {full} ("The ""Id", "UPPER", "select", e) VALUES (1, 'a', 'b', 'x'), (2, NULL, '', NULL)""")
            pairs.append(full)
    task = bench.task(source, target, [select("%", "%")])
    folder, lake = bench.lake(IncludeOpForFullLoad=True, CsvNullValue="<null>")
    parquet_folder, parquet_lake = bench.lake("parquet", DataFormat="parquet")
    to_files, to_parquet = bench.task(source, lake, [select("%", "%")]), bench.task(source, parquet_lake, [select("%", "%")], "full-load")
    for each in (task, to_files):
        each.catch_up()
    to_parquet.run()
    expect_equal(source, target, pairs)
    for full in pairs:
        source.execute(f"""UPDATE {full} SET {quoted('x' * 63)} = 'u' WHERE "The ""Id" = 1; DELETE FROM {full} WHERE "The ""Id" = 2;
                           INSERT INTO {full} ("The ""Id", e, "Op") VALUES (3, 'y', 'z')""")
    for each in (task, to_files):
        each.catch_up()
    expect_equal(source, target, pairs)
    found = {}
    for path in files_of(folder, ""):
        found.setdefault(path.parent, []).append(path.name)
    expect_same(len(found), len(pairs), "one folder for each table")
    expect(all(str(path.resolve()).startswith(str(folder.resolve())) for path in found), f"a file outside of the lake: {found}")
    expect_same(len(files_of(parquet_folder, "", "*.parquet")), len(pairs), "Parquet files")


def grants(output):
    """The statements that check prints: what stands between the arrow and the first semicolon."""
    return [line.strip().removeprefix("-> ").split(";")[0] for line in output.splitlines() if line.strip().startswith("-> ")]


@scenario("shapes.rights_that_check_prints")
def rights_that_check_prints(bench):
    """A role with no rights: run what check prints, one statement after another, and the task runs."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE ROLE "The owner"; CREATE ROLE "po or" LOGIN; CREATE SCHEMA "S 1" AUTHORIZATION "The owner";
        SET ROLE "The owner"; CREATE TABLE "S 1"."T" (id int PRIMARY KEY, v text); INSERT INTO "S 1"."T" VALUES (1, 'a');
        CREATE TABLE "S 1".bare (v int); RESET ROLE""")
    ends = [source.endpoint("source", Username="po or"), target.endpoint("target", Username="po or")]
    task = bench.task(*ends, [select("S 1")])
    output = task.call("check", code=None)
    expect("the task would be refused" in output, output)
    task.run("--until", "caught-up", code=2)
    expect_same(source.one("SELECT count(*) FROM pg_publication"), 0, "publications after a refusal")
    done = set()
    for _ in range(4):  # some rights can be seen only when others are there
        fresh = [statement for statement in grants(output) if statement not in done and statement.split()[0] in ("GRANT", "ALTER")]
        for statement in fresh:
            done.add(statement)
            for database in (source, target):
                try:
                    database.execute(statement)
                except Exception as problem:
                    if database is target and "does not exist" not in str(problem):
                        raise
        output = task.call("check", code=None)
        if "the task can run" in output:
            break
    expect("the task can run" in output, output)
    task.catch_up()
    source.execute("""INSERT INTO "S 1"."T" VALUES (2, 'b'); INSERT INTO "S 1".bare VALUES (1)""")
    task.catch_up()
    expect_equal(source, target, ['"S 1"."T"', '"S 1".bare'])
    task.call("drop")
    source.execute('DROP OWNED BY "po or"; DROP OWNED BY "The owner" CASCADE')
    target.execute('DROP OWNED BY "po or" CASCADE')
    source.execute('DROP ROLE "po or"; DROP ROLE "The owner"')
