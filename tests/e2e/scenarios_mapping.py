# SPDX-License-Identifier: Apache-2.0
"""Selection, source filters and everyday transformations, end to end: into a database and into files."""

import urllib.parse

from harness import csv_rows, expect, expect_same, rebuilt, scenario, select, transform


def tables_of(database):
    return sorted(f"{schema}.{table}" for schema, table in database.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' AND tablename !~ '^(awsdms|millrace)_'"))


def folders_of(folder):
    """Names as the source has them: in paths a per cent sign is escaped."""
    return sorted(urllib.parse.unquote(f"{table.parent.name}.{table.name}") for table in folder.glob("*/*") if any(table.iterdir()))


@scenario("mapping.selection")
def selection(bench):
    """Include and exclude with wildcards, explicit; system schemas and our own tables never match."""
    source = bench.source()
    for schema in ("sales", "sales_old", "Sales", "hr"):
        source.execute(f'CREATE SCHEMA "{schema}"')
        for table in ("orders", "orders_2024", "ordersx", "log", "Orders", "a%b"):
            source.execute(f'CREATE TABLE "{schema}"."{table}" (id int PRIMARY KEY); INSERT INTO "{schema}"."{table}" VALUES (1)')
    source.execute("CREATE TABLE awsdms_status (id int PRIMARY KEY)")
    cases = [
        ([select("sales", "orders%")], ["sales.orders", "sales.orders_2024", "sales.ordersx"]),
        ([select("sales", "%"), select("sales", "orders_%", "exclude")], ["sales.Orders", "sales.a%b", "sales.log", "sales.orders"]),
        ([select("sales", "orders_")], ["sales.ordersx"]),
        ([select("%", "log"), select("s%", "%", "exclude")], ["Sales.log", "hr.log"]),
        ([select("hr", "log", "explicit"), select("sales", "Orders", "explicit")], ["hr.log", "sales.Orders"]),
        ([select("%ales%", "l[o]g")], ["Sales.log", "sales.log", "sales_old.log"]),
    ]
    for number, (rules, wanted) in enumerate(cases):
        target = bench.target()
        folder, lake = bench.lake(f"lake{number}")
        bench.task(source, target, [dict(rule) for rule in rules], kind="full-load").run()
        bench.task(source, lake, [dict(rule) for rule in rules], kind="full-load").run()
        expect_same(tables_of(target), wanted, f"case {number}: tables")
        expect_same(folders_of(folder), wanted, f"case {number}: folders")
    target = bench.target()
    bench.task(source, target, [select("%", "%")], kind="full-load").run()
    expect("public.awsdms_status" not in tables_of(target), "our own table is selected")
    expect_same(len(tables_of(target)), 24, "tables of everything")


FILTERS = {
    "eq": ([{"filter-operator": "eq", "value": "5"}], "n = 5"),
    "noteq": ([{"filter-operator": "noteq", "value": "5"}], "n <> 5"),
    "gte": ([{"filter-operator": "gte", "value": "15"}], "n >= 15"),
    "lte": ([{"filter-operator": "lte", "value": "3"}], "n <= 3"),
    "ste": ([{"filter-operator": "ste", "value": "3"}], "n <= 3"),
    "between": ([{"filter-operator": "between", "start-value": "4", "end-value": "6"}], "n BETWEEN 4 AND 6"),
    "notbetween": ([{"filter-operator": "notbetween", "start-value": "4", "end-value": "16"}], "n NOT BETWEEN 4 AND 16"),
    "null": ([{"filter-operator": "null"}], "n IS NULL"),
    "notnull": ([{"filter-operator": "notnull"}], "n IS NOT NULL"),
    "either": ([{"filter-operator": "eq", "value": "5"}, {"filter-operator": "gte", "value": "18"}], "n = 5 OR n >= 18"),
}


def filtered(conditions, column="n"):
    return [{"filter-type": "source", "column-name": column, "filter-conditions": conditions}]


@scenario("mapping.filters")
def filters(bench):
    """Each filter operator gives the same rows by load and by stream, in a database and in CSV."""
    source, target = bench.source(), bench.target()
    rules = []
    for name, (conditions, _) in FILTERS.items():
        source.execute(f"""CREATE TABLE f_{name} (id int PRIMARY KEY, n int, v text); ALTER TABLE f_{name} REPLICA IDENTITY FULL;
                           INSERT INTO f_{name} SELECT g, nullif(g, 10), 'v' FROM generate_series(1, 20) g""")
        rules.append(select(table=f"f_{name}", filters=filtered(conditions)))
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    tasks = [bench.task(source, target, rules), bench.task(source, lake, [dict(rule) for rule in rules])]
    for task in tasks:
        task.catch_up()
    for name in FILTERS:
        source.execute(f"""INSERT INTO f_{name} SELECT 100 + g, nullif(g, 10), 'streamed' FROM generate_series(1, 20) g;
                           UPDATE f_{name} SET v = 'changed' WHERE id % 3 = 0; DELETE FROM f_{name} WHERE id % 7 = 0""")
    for task in tasks:
        task.catch_up()
    for name, (_, condition) in FILTERS.items():
        wanted = source.execute(f"SELECT id, n, v FROM f_{name} WHERE {condition} ORDER BY 1")
        expect_same(target.execute(f"SELECT id, n, v FROM f_{name} ORDER BY 1"), wanted, f"{name}: rows on the target")
        state = sorted(tuple(row) for row in rebuilt(csv_rows(folder, f"public/f_{name}")).values())
        text = sorted((str(at), "" if n is None else str(n), v) for at, n, v in wanted)
        expect_same(state, text, f"{name}: rows in files")


@scenario("mapping.filters_on_types")
def filters_on_types(bench):
    """Filters on text, numbers, dates and times; two columns at once; odd values stay values."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE f (id int PRIMARY KEY, "a ""b" text, d date, t timestamptz, x numeric, u uuid, b boolean);
        ALTER TABLE f REPLICA IDENTITY FULL;
        INSERT INTO f SELECT g, 'it''s ' || g, date '2024-01-01' + g, timestamptz '2024-01-01 00:00+00' + g * interval '1 hour',
          g / 4.0, md5(g::text)::uuid, g % 2 = 0 FROM generate_series(1, 40) g""")
    cases = [
        (filtered([{"filter-operator": "eq", "value": "it's 7"}], 'a "b'), "id = 7"),
        (filtered([{"filter-operator": "eq", "value": "' OR true --"}], 'a "b'), "false"),
        (filtered([{"filter-operator": "gte", "value": "2024-02-01"}], "d"), "d >= '2024-02-01'"),
        (filtered([{"filter-operator": "lte", "value": "2024-01-01 12:00:00.000"}], "t"), "t <= '2024-01-01 12:00:00+00'"),
        (filtered([{"filter-operator": "between", "start-value": "1.25", "end-value": "2.5"}], "x"), "x BETWEEN 1.25 AND 2.5"),
        (filtered([{"filter-operator": "eq", "value": "true"}], "b"), "b"),
        (filtered([{"filter-operator": "gte", "value": "2024-01-20"}], "d") + filtered([{"filter-operator": "eq", "value": "false"}], "b"),
         "d >= '2024-01-20' AND NOT b"),
    ]
    for number, (rule, condition) in enumerate(cases):
        target = bench.target()
        task = bench.task(source, target, [select(table="f", filters=rule)])
        task.catch_up()
        source.execute(f"UPDATE f SET id = id + {1000 * (number + 1)} WHERE id % 5 = 0; UPDATE f SET x = x WHERE true")
        task.catch_up()
        expect_same(target.execute("SELECT * FROM f ORDER BY 1"), source.execute(f"SELECT * FROM f WHERE {condition} ORDER BY 1"),
                    f"case {number}: {condition}")
        source.execute(f"UPDATE f SET id = id - {1000 * (number + 1)} WHERE id > {1000 * (number + 1)}")
        task.call("drop")
    bad = bench.task(source, target, [select(table="f", filters=filtered([{"filter-operator": "eq", "value": "1"}], "missing"))])
    output = bad.run(code=2)
    expect("missing" in output, output)


@scenario("mapping.filter_follows_updates")
def filter_follows_updates(bench):
    """An update that moves a row into or out of the filter inserts or deletes it on the target."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE f (id int PRIMARY KEY, n int); ALTER TABLE f REPLICA IDENTITY FULL;
                      INSERT INTO f SELECT g, g FROM generate_series(1, 20) g""")
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    rules = [select(table="f", filters=filtered([{"filter-operator": "gte", "value": "10"}]))]
    tasks = [bench.task(source, target, rules), bench.task(source, lake, [dict(rule) for rule in rules])]
    for task in tasks:
        task.catch_up()
    source.execute("UPDATE f SET n = 50 WHERE id = 3; UPDATE f SET n = 1 WHERE id = 15; UPDATE f SET n = 60 WHERE id = 16")
    for task in tasks:
        task.catch_up()
    wanted = source.execute("SELECT id, n FROM f WHERE n >= 10 ORDER BY 1")
    expect_same(target.execute("SELECT id, n FROM f ORDER BY 1"), wanted, "rows on the target")
    state = sorted((int(at), int(n)) for at, n in rebuilt(csv_rows(folder, "public/f")).values())
    expect_same(state, wanted, "rows in files")


NAMING = [
    ("rename", {"value": "Renamed"}, lambda name: "Renamed"),
    ("add-prefix", {"value": "p_"}, lambda name: "p_" + name),
    ("add-suffix", {"value": "_s"}, lambda name: name + "_s"),
    ("remove-prefix", {"value": "My"}, lambda name: name.removeprefix("My")),
    ("remove-suffix", {"value": "End"}, lambda name: name.removesuffix("End")),
    ("replace-prefix", {"value": "Our", "old-value": "My"}, lambda name: "Our" + name[2:]),
    ("replace-suffix", {"value": "Fin", "old-value": "End"}, lambda name: name[:-3] + "Fin"),
    ("convert-lowercase", {}, str.lower),
    ("convert-uppercase", {}, str.upper),
]


@scenario("mapping.naming")
def naming(bench):
    """Every naming action on schema, table and column, through load and stream, into a database and CSV."""
    source = bench.source()
    source.execute("""CREATE SCHEMA "MySchemaEnd"; CREATE TABLE "MySchemaEnd"."MyTableEnd" (id int PRIMARY KEY, "MyColEnd" text, gone text, n int);
        CREATE INDEX ON "MySchemaEnd"."MyTableEnd" ("MyColEnd"); ALTER TABLE "MySchemaEnd"."MyTableEnd" REPLICA IDENTITY FULL;
        INSERT INTO "MySchemaEnd"."MyTableEnd" SELECT g, 'v' || g, 'x', g FROM generate_series(1, 20) g""")
    for number, (action, members, apply) in enumerate(NAMING):
        rules = [select("MySchemaEnd", "MyTableEnd"), transform("schema", action, "MySchemaEnd", **members),
                 transform("table", action, "MySchemaEnd", "MyTableEnd", **members),
                 transform("column", action, "MySchemaEnd", "MyTableEnd", "MyColEnd", **members),
                 transform("column", "remove-column", "MySchemaEnd", "MyTableEnd", "gone")]
        target = bench.target()
        folder, lake = bench.lake(f"lake{number}", IncludeOpForFullLoad=True, AddColumnName=True)
        tasks = [bench.task(source, target, rules), bench.task(source, lake, [dict(rule) for rule in rules])]
        for task in tasks:
            task.catch_up()
        source.execute(f"""INSERT INTO "MySchemaEnd"."MyTableEnd" VALUES ({100 + number}, 'new', 'y', 1);
            UPDATE "MySchemaEnd"."MyTableEnd" SET "MyColEnd" = 'changed {number}' WHERE id = 3; UPDATE "MySchemaEnd"."MyTableEnd" SET gone = 'z';
            DELETE FROM "MySchemaEnd"."MyTableEnd" WHERE id = {10 + number}""")
        for task in tasks:
            task.catch_up()
        schema, table, column = apply("MySchemaEnd"), apply("MyTableEnd"), apply("MyColEnd")
        wanted = source.execute('SELECT id, "MyColEnd", n FROM "MySchemaEnd"."MyTableEnd" ORDER BY 1')
        found = target.execute(f'SELECT id, "{column}", n FROM "{schema}"."{table}" ORDER BY 1')
        expect_same(found, wanted, f"{action}: rows on the target")
        expect_same(target.one("SELECT count(*) FROM information_schema.columns WHERE table_schema = %s", [schema]), 3, "columns")
        rows = csv_rows(folder, f"{schema}/{table}")
        names = {row.cells for row in rows if row.cells[0] == "Op"}
        expect_same(names, {("Op", "id", column, "n")}, f"{action}: header")
        state = sorted((int(at), v, int(n)) for at, v, n in rebuilt([row for row in rows if row.cells[0] != "Op"]).values())
        expect_same(state, wanted, f"{action}: rows in files")
        for task in tasks:
            task.call("drop")


@scenario("mapping.key_column_removed")
def key_column_removed(bench):
    """Removing a key's column, a not-null column or all is said by check, never done by half."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (a int, b int NOT NULL, c text, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 1, 'x'), (1, 2, 'y')")
    rules = [select(table="t"), transform("column", "remove-column", table="t", column="b")]
    task = bench.task(source, target, rules)
    output = task.call("check", code=None)
    expect("primary key" in output.lower(), f"check is silent about the key:\n{output}")
    expect("updates and deletes could not find their row" in output, output)
    task.run("--until", "caught-up", code=2)
    full = bench.task(source, target, [dict(rule) for rule in rules], kind="full-load")
    full.run()
    expect_same(sorted(target.execute("SELECT * FROM t")), [(1, "x"), (1, "y")], "rows without the key's column")


def add_column(name, expression, data_type, length=None, **more):
    kind = {"type": data_type, **({"length": length} if length else {}), **more}
    return transform("column", "add-column", table="t", value=name, expression=expression, **{"data-type": kind})


@scenario("mapping.computed_columns")
def computed_columns(bench):
    """add-column, change-data-type, masks and a new key: the same rows by load and by stream, in a database and files."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (id int PRIMARY KEY, first text, last text, price numeric(10,2), card varchar(30), pin int,
        made timestamp, note text);
        INSERT INTO t SELECT g, 'Ann' || g, nullif('Lee', CASE WHEN g % 3 = 0 THEN 'Lee' END), g * 1.25,
          '4111-1111-' || g, g, timestamp '2024-02-29 10:00:00.5' + g * interval '1 day', 'n' || g FROM generate_series(1, 20) g""")
    rules = [
        select(table="t"),
        add_column("full_name", "$first || ' ' || coalesce($last, '?')", "string", 80),
        add_column("gross", "round($price * 1.2, 2)", "numeric", precision=12, scale=2),
        add_column("day", "date($made)", "date"),
        add_column("source", "$AR_M_SOURCE_SCHEMA || '.' || $AR_M_SOURCE_TABLE_NAME", "string", 50),
        add_column("op", "$AR_H_OPERATION", "string", 10),
        add_column("digest", "hash_sha256($note)", "string", 64),
        transform("column", "change-data-type", table="t", column="pin", **{"data-type": {"type": "string", "length": 20}}),
        transform("column", "data-masking-digits-mask", table="t", column="card", value="#"),
        transform("column", "data-masking-hash-mask", table="t", column="note"),
        transform("column", "remove-column", table="t", column="first"),
        transform("column", "rename", table="t", column="last", value="family"),
    ]
    folder, lake = bench.lake(IncludeOpForFullLoad=True, AddColumnName=True)
    tasks = [bench.task(source, target, rules), bench.task(source, lake, [dict(rule) for rule in rules])]
    for task in tasks:
        task.catch_up()
    source.execute("""INSERT INTO t VALUES (100, 'Bob', 'Hill', 9.99, '5500-12', 7, '2025-01-01 23:59:59', 'streamed');
        UPDATE t SET price = 2.005, first = 'Eve' WHERE id = 3; UPDATE t SET id = 200 WHERE id = 4; DELETE FROM t WHERE id = 5""")
    for task in tasks:
        task.catch_up()
    shape = """id, last, price, regexp_replace(card, '[0-9]', '#', 'g'), pin::text, made, upper(encode(sha256(note::bytea), 'hex')),
        first || ' ' || coalesce(last, '?'), round(price * 1.2, 2), made::date, 'public.t', upper(encode(sha256(note::bytea), 'hex'))"""
    wanted = source.execute(f"SELECT {shape} FROM t ORDER BY 1")
    found = target.execute("""SELECT id, family, price, card, pin, made, note, full_name, gross, day, source, digest FROM t ORDER BY 1""")
    expect_same(found, wanted, "rows on the target")
    expect_same(target.execute("SELECT id, op FROM t WHERE id IN (3, 6, 100, 200) ORDER BY 1"),
                [(3, "UPDATE"), (6, "INSERT"), (100, "INSERT"), (200, "UPDATE")], "operations")
    types = dict(target.execute("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 't'"))
    expect_same((types["pin"], types["gross"], types["day"], types["card"], types["note"]),
                ("character varying", "numeric", "date", "character varying", "character varying"), "types")
    rows = [row for row in csv_rows(folder, "public/t") if row.cells[0] != "Op"]
    state = sorted((int(row[0]), row[1], row[3], row[6], row[7], row[9]) for row in rebuilt(rows).values())
    expect_same(state, [(row[0], row[1] or "", row[3], row[6], row[7], str(row[9])) for row in wanted], "rows in files")
    for task in tasks:
        output = task.call("validate", code=None)
        expect("Validated" in output, output)


@scenario("mapping.expression_fails_on_a_row")
def expression_fails_on_a_row(bench):
    """A row whose expression fails goes by DataErrorPolicy, by load as by stream: put aside with its place and cause,
    left out without a word, or the end of its table."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, '10'), (2, 'two'), (3, '30')")
    rules = [select(table="t"), add_column("n", "$v", "int4")]
    policy = {"ErrorBehavior": {"DataErrorPolicy": "LOG_ERROR"}}
    task = bench.task(source, target, rules, settings=policy)
    task.catch_up()
    source.execute("INSERT INTO t VALUES (4, 'four'), (5, '50')")
    task.catch_up()
    expect_same(target.execute("SELECT id, n FROM t ORDER BY 1"), [(1, 10), (3, 30), (5, 50)], "rows")
    aside = target.execute("""SELECT "STATEMENT", "ERROR" FROM awsdms_apply_exceptions ORDER BY "ERROR\"""")
    expect_same(len(aside), 2, f"rows put aside {aside}")
    for _, error in aside:
        expect("column n (rule 2)" in error and "is no INT4" in error and "four" not in error, str(aside))
    expect(any("row 2 of the chunk" in error for _, error in aside), f"the row of the load has no place: {aside}")
    expect(any("position" in error for _, error in aside), f"the row of the stream has no position: {aside}")
    expect_same(task.statistics()["public.t"]["FullLoadErrorRows"], 1, "rows left out of the load")
    folder, lake = bench.lake()
    bench.task(source, lake, [dict(rule) for rule in rules], kind="full-load", settings=policy).run()
    expect_same(len(csv_rows(folder, "public/t")), 3, "rows in files")
    quiet = bench.target()
    bench.task(source, quiet, [dict(rule) for rule in rules], kind="full-load",
               settings={"ErrorBehavior": {"DataErrorPolicy": "IGNORE_RECORD"}}).run()
    expect_same(quiet.one("SELECT count(*) FROM t"), 3, "rows with IGNORE_RECORD")
    expect_same(quiet.one("SELECT count(*) FROM awsdms_apply_exceptions"), 0, "exceptions with IGNORE_RECORD")
    stopped = bench.task(source, bench.target(), [dict(rule) for rule in rules], kind="full-load",
                         settings={"ErrorBehavior": {"DataErrorPolicy": "STOP_TASK"}})
    output = stopped.run(code=1)
    expect("column n (rule 2), row 2 of the chunk" in output, output)


@scenario("mapping.validate_computed")
def validate_computed(bench):
    """validate computes once more what rules made, and finds the one value that somebody changed on the target."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (id int PRIMARY KEY, name text, price numeric(10,2), made timestamptz, ok boolean, x real);
        INSERT INTO t SELECT g, 'n' || g, g * 1.25, timestamptz '2024-02-29 10:00:00+00' + g * interval '1 hour', g % 2 = 0, g / 3.0
        FROM generate_series(1, 50) g""")
    rules = [select(table="t"), add_column("gross", "round($price * 1.2, 2)", "numeric", precision=12, scale=2),
             add_column("day", "date($made)", "date"), add_column("loaded", "$AR_H_TIMESTAMP", "datetime"),
             transform("column", "data-masking-hash-mask", table="t", column="name"),
             transform("column", "change-data-type", table="t", column="x", **{"data-type": {"type": "string", "length": 30}})]
    folder, lake = bench.lake()
    tasks = [bench.task(source, target, rules), bench.task(source, lake, [dict(rule) for rule in rules])]
    for task in tasks:
        task.catch_up()
        output = task.call("validate")
        expect("not compared: loaded" in output, output)
    target.execute("UPDATE t SET gross = gross + 1 WHERE id = 7; UPDATE t SET name = 'x' WHERE id = 8")
    output = tasks[0].call("validate", code=1)
    expect(output.count("RECORD_DIFF") == 2 and "gross" not in output.split("RECORD_DIFF")[0], output)


@scenario("mapping.soft_delete_and_before_image")
def soft_delete_and_before_image(bench):
    """operation_indicator keeps deleted rows with a mark; before-image columns hold the value of before."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t REPLICA IDENTITY FULL;
                      INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 5) g""")
    rules = [select(table="t"), add_column("op", "operation_indicator('D', 'U', 'I')", "string", 1),
             add_column("was", "$BI__v || '>' || $v", "string", 50),
             transform("column", "add-before-image-columns", table="t",
                       **{"before-image-def": {"column-prefix": "old_", "column-filter": "all"}})]
    task = bench.task(source, target, rules)
    task.catch_up()
    source.execute("UPDATE t SET v = 'x' WHERE id = 2; DELETE FROM t WHERE id = 3; UPDATE t SET id = 40 WHERE id = 4")
    task.catch_up()
    expect_same(target.execute("SELECT id, v, op, was, old_id, old_v FROM t ORDER BY 1"),
                [(1, "v1", "I", None, None, None), (2, "x", "U", "v2>x", 2, "v2"), (3, "v3", "D", "v3>v3", None, None),
                 (5, "v5", "I", None, None, None), (40, "v4", "U", "v4>v4", 4, "v4")], "rows")
    source.execute("CREATE TABLE k (id int PRIMARY KEY, v text)")
    refused = bench.task(source, target, [select(table="k"), transform(
        "column", "add-before-image-columns", table="k", **{"before-image-def": {"column-filter": "all"}})])
    output = refused.run("--until", "caught-up", code=2)
    expect("REPLICA IDENTITY FULL" in output and "column v" in output, output)


@scenario("mapping.defined_keys_and_ranges")
def defined_keys_and_ranges(bench):
    """define-primary-key on a table without one; parallel-load ranges load every row once, NULLs too."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (a int NOT NULL, b text NOT NULL, v int); ALTER TABLE t REPLICA IDENTITY FULL;
        INSERT INTO t SELECT g, 'b' || g, nullif(g % 50, 7) FROM generate_series(1, 5000) g""")
    rules = [select(table="t"),
             transform("table", "define-primary-key", table="t", **{"primary-key-def": {"name": "t_pk", "columns": ["b", "a"]}}),
             {"rule-type": "table-settings", "object-locator": {"schema-name": "public", "table-name": "t"},
              "parallel-load": {"type": "ranges", "columns": ["v", "b"],
                                "boundaries": [["10", "b2"], ["20", "b3"], ["40", "b1"]]}}]
    task = bench.task(source, target, rules)
    task.catch_up()
    source.execute("UPDATE t SET v = -1 WHERE a = 17; DELETE FROM t WHERE a = 18")
    task.catch_up()
    expect_same(target.execute("SELECT * FROM t ORDER BY 1"), source.execute("SELECT * FROM t ORDER BY 1"), "rows")
    key = target.one("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 't_pk'")
    expect_same(key, "PRIMARY KEY (b, a)", "key")
