# SPDX-License-Identifier: Apache-2.0
"""Source filters on the stream, which we evaluate ourselves, and the commands that explain and try mappings."""

import json
import random

from harness import csv_rows, expect, expect_same, rebuilt, scenario, select, transform
from s3 import BUCKET, HeaderJudge
from scenarios_mapping import filtered


@scenario("mapping.filter_churn")
def filter_churn(bench):
    """Rows that move in and out of filters of every kind, in transactions that roll back, too: at the end the target
    holds what the filter lets pass, in a database and in files."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (id int PRIMARY KEY, n int, v text, d date, x numeric(8,2), b boolean, c char(3), big text);
        ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t ALTER COLUMN big SET STORAGE EXTERNAL;
        CREATE TABLE k (region text, id int, v text, PRIMARY KEY (region, id));
        INSERT INTO k SELECT CASE WHEN g % 2 = 0 THEN 'north' ELSE 'south' END, g, 'v' FROM generate_series(1, 40) g;
        INSERT INTO t SELECT g, g % 7, CASE WHEN g % 3 = 0 THEN NULL ELSE 'v' || g % 5 END, date '2024-01-01' + g % 60, g / 4.0,
          g % 2 = 0, 'c' || g % 3, repeat('large ' || g, 1000) FROM generate_series(1, 200) g""")
    conditions = {
        "t": (filtered([{"filter-operator": "between", "start-value": "2", "end-value": "5"}])
              + filtered([{"filter-operator": "notnull"}, {"filter-operator": "noteq", "value": "v1"}], "v")
              + filtered([{"filter-operator": "lte", "value": "2024-02-15"}, {"filter-operator": "null"}], "d")
              + filtered([{"filter-operator": "notbetween", "start-value": "10", "end-value": "12.5"}], "x")
              + filtered([{"filter-operator": "eq", "value": "t"}, {"filter-operator": "null"}], "b")
              + filtered([{"filter-operator": "gte", "value": "c1"}], "c"),
              """n BETWEEN 2 AND 5 AND v IS NOT NULL AND v <> 'v1' AND (d <= '2024-02-15' OR d IS NULL)
                 AND x NOT BETWEEN 10 AND 12.5 AND (b OR b IS NULL) AND c >= 'c1'"""),
        "k": (filtered([{"filter-operator": "eq", "value": "north"}], "region"), "region = 'north'")}
    rules = [select(table=table, filters=filters) for table, (filters, _) in conditions.items()]
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    tasks = [bench.task(source, target, rules), bench.task(source, lake, [dict(rule) for rule in rules])]
    for task in tasks:
        task.catch_up()
    chance = random.Random(20261121)
    for turn in range(300):
        at = chance.randint(1, 220)
        column, value = chance.choice([
            ("n", chance.randint(0, 7)), ("v", f"'v{chance.randint(0, 4)}'"), ("v", "NULL"), ("d", "NULL"), ("x", chance.randint(8, 14)),
            ("d", f"date '2024-02-10' + {chance.randint(0, 10)}"), ("b", chance.choice(["true", "false", "NULL"])),
            ("c", f"'c{chance.randint(0, 2)}'")])
        statement = chance.choice([
            f"UPDATE t SET {column} = {value} WHERE id BETWEEN {at} AND {at + 3}", f"DELETE FROM t WHERE id = {at}",
            f"UPDATE t SET {column} = {value} WHERE id % 11 = {at % 11}", f"UPDATE t SET id = id + 1000 WHERE id = {at}",
            f"INSERT INTO t VALUES ({2000 + turn}, {at % 7}, 'v2', '2024-01-05', 1, true, 'c2', repeat('x', {at * 40}))",
            f"UPDATE k SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END WHERE id = {at % 40}",
            f"UPDATE k SET v = 'v{turn}' WHERE id % 5 = {at % 5}", f"DELETE FROM k WHERE id = {at % 40}"])
        source.execute(f"BEGIN; {statement}; {'ROLLBACK' if turn % 9 == 0 else 'COMMIT'}")
    for task in tasks:
        task.catch_up()
    for table, (_, condition) in conditions.items():
        wanted = source.execute(f"SELECT * FROM {table} WHERE {condition} ORDER BY 1, 2")
        expect(wanted, f"{table}: the filter leaves nothing to compare")
        expect_same(target.execute(f"SELECT * FROM {table} ORDER BY 1, 2"), wanted, f"{table}: rows on the target")
        keys = 2 if table == "k" else 1
        state = sorted(tuple(row[:keys]) for row in rebuilt(csv_rows(folder, f"public/{table}"), keys).values())
        expect_same(state, sorted(tuple(str(cell) for cell in row[:keys]) for row in wanted), f"{table}: keys in files")
    for task in tasks:
        task.call("validate")


@scenario("mapping.filter_and_large_values")
def filter_and_large_values(bench):
    """A row that moves into its filter brings its unchanged large value; where the log has none the table is suspended
    by name, never written with a hole."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE whole (id int PRIMARY KEY, n int, big text); ALTER TABLE whole REPLICA IDENTITY FULL;
        CREATE TABLE keyed (id int PRIMARY KEY, big text);
        ALTER TABLE whole ALTER COLUMN big SET STORAGE EXTERNAL; ALTER TABLE keyed ALTER COLUMN big SET STORAGE EXTERNAL;
        INSERT INTO whole VALUES (1, 1, repeat('a' || gen_random_uuid(), 1000)); INSERT INTO keyed SELECT id, big FROM whole""")
    rules = [select(table="whole", filters=filtered([{"filter-operator": "gte", "value": "10"}])),
             select(table="keyed", filters=filtered([{"filter-operator": "gte", "value": "10"}], "id"))]
    task = bench.task(source, target, rules)
    task.catch_up()
    source.execute("UPDATE whole SET n = 20 WHERE id = 1")
    task.catch_up()
    expect_same(target.execute("SELECT * FROM whole"), source.execute("SELECT * FROM whole"), "rows of the whole image")
    source.execute("UPDATE keyed SET id = 20 WHERE id = 1; UPDATE whole SET n = 21")
    task.catch_up()
    expect_same(target.one("SELECT count(*) FROM keyed"), 0, "rows of the key image")
    expect_same(target.one("SELECT n FROM whole"), 21, "the other table goes on")
    state = task.call("status")
    expect("moves into the filter" in state and "keyed" in state, state)


@scenario("mapping.filter_outside_the_key")
def filter_outside_the_key(bench):
    """A stream whose log does not say what a row was before is refused by name; so is a comparison only the database knows."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (id int PRIMARY KEY, n int, j jsonb, g text COLLATE "de-x-icu"); INSERT INTO t VALUES (1, 1, '1', 'a')""")
    def refusal(filters, **more):
        return bench.task(source, target, [select(table="t", filters=filters)], **more).run("--until", "caught-up", code=2)
    output = refusal(filtered([{"filter-operator": "eq", "value": "1"}]))
    expect("needs the value of column n before an update" in output and "REPLICA IDENTITY FULL" in output, output)
    source.execute("ALTER TABLE t REPLICA IDENTITY FULL")
    expect("only the source's database can compare values of column j (jsonb)" in refusal(
        filtered([{"filter-operator": "eq", "value": "1"}], "j")), "jsonb is not refused")
    expect("the order of column g" in refusal(filtered([{"filter-operator": "gte", "value": "a"}], "g")), "a collation is not refused")
    # The load alone asks the database.
    bench.task(source, target, [select(table="t", filters=filtered([{"filter-operator": "gte", "value": "a"}], "g"))],
               kind="full-load").run()
    expect_same(target.one("SELECT count(*) FROM t"), 1, "rows of the load")


@scenario("mapping.views")
def views(bench):
    """A view is loaded as a table, renamed and filtered as any other."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g, g * 2 FROM generate_series(1, 10) g;
        CREATE VIEW big AS SELECT id, n, 'v' || n AS name FROM t WHERE n > 6; CREATE MATERIALIZED VIEW kept AS SELECT * FROM t""")
    rules = [{**select(table="%"), "object-locator": {"schema-name": "public", "table-name": "big", "table-type": "view"},
              "filters": filtered([{"filter-operator": "noteq", "value": "10"}])},
             {**select(table="%"), "object-locator": {"schema-name": "public", "table-name": "kept", "table-type": "all"}},
             transform("table", "add-suffix", table="%", value="_table")]
    bench.task(source, target, rules, kind="full-load").run()
    expect_same(target.execute("SELECT * FROM big_table ORDER BY 1"), source.execute("SELECT * FROM big WHERE n <> 10 ORDER BY 1"), "view")
    expect_same(target.one("SELECT count(*) FROM kept_table"), 10, "materialized view")
    expect_same(target.one("SELECT to_regclass('t')::text"), None, "the table behind the view")


@scenario("mapping.explain_and_test")
def explain_and_test(bench):
    """explain says of every table what becomes of it and why; test maps rows of a file and names those that fail."""
    source, target = bench.source(), bench.target()
    source.execute("""CREATE TABLE t (id int PRIMARY KEY, name text, day date, gone int); CREATE TABLE log (id int PRIMARY KEY);
        CREATE TABLE other (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1 AS id""")
    rules = [select(table="t", filters=filtered([{"filter-operator": "gte", "value": "+010"}], "id")),
             select(table="l%"), select(table="lo%", action="exclude"), transform("schema", "rename", value="crm"),
             transform("column", "remove-column", table="t", column="gone"),
             transform("column", "add-column", table="t", value="number", expression="$name", **{"data-type": {"type": "int4"}})]
    task = bench.task(source, target, rules)
    tables = {table["table-name"]: table for table in json.loads(task.call("mappings explain", "--json"))["tables"]}
    expect_same({name: table["selected"] for name, table in tables.items()}, {"t": True, "log": False, "other": False, "v": False}, "selected")
    expect_same((tables["log"]["selection-rule"], tables["log"]["reason"]), ("3", "it is excluded"), "why not")
    mapped = tables["t"]
    expect_same(mapped["sql"], ['SELECT "id", "name", "day" FROM "public"."t" WHERE ("id" >= \'10\')'], "SQL")
    expect_same([(column["name"], column["how"], column["rules"]) for column in mapped["columns"]],
                [("id", "copied", []), ("name", "copied", []), ("day", "copied", []), ("number", "computed", ["6"])], "columns")
    expect_same((mapped["target"]["schema-name"], mapped["schema-rule"], mapped["columns-left-out"]), ("crm", "4", ["gone"]), "names")
    text = task.call("mappings explain", "--table", "public.t")
    expect("public.t -> crm.t" in text and "selected by rule 1, filtered by rule 1, schema named by rule 4" in text, text)
    rows = bench.folder / "rows.jsonl"
    rows.write_text('{"id": 10, "name": "7", "day": "2024-02-29"}\n{"id": 9}\n{"id": 11, "name": "x"}\n')
    def results(*arguments):
        output = task.call("mappings test", "--table", "public.t", "--rows", rows, *arguments, code=1)
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    wanted = [{"row": 1, "result": {"id": "10", "name": "7", "day": "2024-02-29", "number": "7"}}, {"row": 2, "filtered": "rule 1"},
              {"row": 3, "error": "column number (rule 6): the expression's value is no INT4"}]
    expect_same(results(), wanted, "with the source's columns")
    expect_same(results("--columns", "id:int4, name:string, day:date, gone:int4"), wanted, "without a database")
    source.execute("INSERT INTO t VALUES (9, '1'), (10, '2')")
    task.catch_up()
    expect_same(target.execute("SELECT id, number FROM crm.t"), [(10, 2)], "what runs is what was explained")


@scenario("mapping.object_tags")
def object_tags(bench):
    """Objects of the load and of the stream carry the tags of the most exact rule, small ones and those in parts."""
    source, server = bench.source(), HeaderJudge(bench)
    source.execute("""CREATE TABLE orders (id int PRIMARY KEY, v text); CREATE TABLE plain (id int PRIMARY KEY, v text);
        INSERT INTO plain VALUES (1, 'p'); INSERT INTO orders SELECT g, repeat(md5(g::text), 600) FROM generate_series(1, 700) g""")
    def tag(table, *tags):
        return {"rule-type": "post-processing", "rule-action": "add-tag", "object-locator": {"schema-name": "public", "table-name": table},
                "tag-set": [{"key": key, "value": value} for key, value in tags]}
    rules = [select(), tag("%", ("owner", "all")), tag("o%", ("owner", "some")), tag("orders", ("table", "${schema-name}.${table-name}"),
             ("${table-name}", "yes / no")), tag("orders", ("owner", "later"))]
    task = bench.task(source, server.endpoint(), rules)
    task.catch_up()
    source.execute("INSERT INTO orders VALUES (1000, 'new'); INSERT INTO plain VALUES (2, 'new')")
    task.catch_up()
    seen = {}
    for item in server.client.list_objects_v2(Bucket=BUCKET)["Contents"]:
        tags = server.client.get_object_tagging(Bucket=BUCKET, Key=item["Key"])["TagSet"]
        seen.setdefault(item["Key"].split("/")[1], []).append({tag["Key"]: tag["Value"] for tag in tags})
    expect(len(seen["orders"]) >= 2 and len(seen["plain"]) == 2, f"objects {seen}")
    for tags in seen["orders"]:
        expect_same(tags, {"table": "public.orders", "orders": "yes / no"}, "tags of orders")
    for tags in seen["plain"]:
        expect_same(tags, {"owner": "all"}, "tags of the others")
    bad = bench.task(source, server.endpoint(), [select(table="plain"), tag("plain", ("owner", "50 %"))])
    expect("a tag of table public.plain" in bad.run("--until", "caught-up", code=2), "a tag that S3 would refuse")


@scenario("mapping.rules_changed_while_stopped")
def rules_changed_while_stopped(bench):
    """Rows stay as they were loaded when a filter or a transformation changes later: each start names those tables, and no
    other, until they are loaded again."""
    source, target = bench.source(), bench.target()
    for table in ("one", "two", "three"):
        source.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text); ALTER TABLE {table} REPLICA IDENTITY FULL; "
                       f"INSERT INTO {table} SELECT g, 'v' || g FROM generate_series(1, 10) g")

    def rules(least, order):
        return [select(table="one", filters=filtered([{"filter-operator": "gte", "value": least}], "id")), select(table="two"),
                {**select(table="three"), "load-order": order}]

    def told(task):
        """The tables that the newest start names."""
        log = "".join(path.read_text() for path in sorted(task.data.rglob("*.log")))[told.read:]
        told.read += len(log)
        return {table for table in ("one", "two", "three") if f"table public.{table}: its rules were changed since it was loaded" in log}
    told.read = 0
    task = bench.task(source, target, rules("4", "1"))
    task.catch_up()
    expect_same(told(task), set(), "first start")
    task.catch_up()
    expect_same(told(task), set(), "same rules")
    task.document["task"]["TableMappings"] = bench.task(source, target, rules("6", "9")).document["task"]["TableMappings"]
    source.execute("INSERT INTO one VALUES (11, 'new')")
    task.catch_up()
    expect_same(told(task), {"one"}, "another filter and another order")
    expect_same(target.execute("SELECT min(id), max(id) FROM one"), [(4, 11)], "rows stay, changes come")
    task.catch_up()
    expect_same(told(task), {"one"}, "still")
    task.run("--reload-table", "public.one", "--until", "caught-up")
    expect_same(target.execute("SELECT min(id), max(id) FROM one"), [(6, 11)], "loaded again")
    told(task)
    task.catch_up()
    expect_same(told(task), set(), "after the load")
