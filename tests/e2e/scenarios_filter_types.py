# SPDX-License-Identifier: Apache-2.0
"""Every filter operator on every type that can be compared: the database judges the load, we judge the stream."""

import random

from harness import expect, expect_same, scenario, select, transform
from scenarios_mapping import filtered

# Values of a column; from the last list, those that only rows have.
TYPES = [
    ("smallint", ["0", "-1", "7", "32767", "-32768"], []),
    ("integer", ["0", "10", "-10", "2147483647", "-2147483648"], []),
    ("bigint", ["0", "9007199254740993", "9223372036854775807", "-9223372036854775808"], []),
    ("numeric", ["0", "1.50", "1.5", "-0.001", "123456789012345678901234567890.5", "1e3", "NaN", "Infinity", "-Infinity"], []),
    ("numeric(12,2)", ["0", "1.50", "1.5", "-1.5", "9999999999.99", "NaN"], []),
    ("real", ["0", "-0", "0.1", "1e30", "16777217", "NaN", "Infinity", "-Infinity"], []),
    ("double precision", ["0", "-0", "0.1", "1e300", "5e-324", "NaN", "Infinity", "-Infinity"], []),
    ("boolean", ["t", "f"], []),
    ("date", ["2024-02-29", "0001-01-01", "9999-12-31", "infinity", "-infinity"], ["0044-03-15 BC", "4713-01-01 BC"]),
    ("time", ["00:00:00", "12:00", "23:59:59.999999", "24:00:00"], []),
    ("timestamp", ["2024-02-29", "2024-02-29 00:00:00.000001", "0001-01-01", "infinity", "-infinity"], ["0044-03-15 12:00 BC"]),
    ("timestamptz", ["2024-02-29 10:00:00", "2024-02-29 10:00:00.5", "1970-01-01", "infinity", "-infinity"], ["0044-03-15 12:00+00 BC"]),
    ('text COLLATE "C"', ["", "a", "A", "ab", "b", "b ", "\u00e4", "\U0001f600", "it's", "zz\\x", "null"], ["a\tb\nc"]),
    ('varchar(10) COLLATE "C"', ["", "a", "a ", "B", "ab"], []),
    ('char(5) COLLATE "C"', ["", "a", "a  ", "ab", "B"], []),
    ("uuid", ["00000000-0000-0000-0000-000000000000", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "ffffffff-ffff-ffff-ffff-ffffffffffff"], []),
]
EQUALITY = [("text", ["", "a", "A", "b ", "\u00e4"], []), ("mood", ["sad", "ok"], ["happy"])]


def condition(chance, operator, literals):
    if operator in ("null", "notnull"):
        return {"filter-operator": operator}
    if "between" in operator:
        return {"filter-operator": operator, "start-value": chance.choice(literals), "end-value": chance.choice(literals)}
    return {"filter-operator": operator, "value": chance.choice(literals)}


def tables_and_rules(chance):
    """A table for each type, operator and draw of literals: (name, type, values, conditions)."""
    tables = []
    for kinds, operators in ((TYPES, ("eq", "noteq", "lte", "gte", "between", "notbetween", "null", "notnull")),
                             (EQUALITY, ("eq", "noteq", "null", "notnull"))):
        for kind, literals, others in kinds:
            for operator in operators:
                for _ in range(1 if "null" in operator else 2):
                    conditions = [condition(chance, operator, literals)]
                    if chance.random() < 0.3:
                        conditions.append(condition(chance, chance.choice(operators), literals))
                    tables.append((f"t{len(tables)}", kind, literals + others + [None], conditions))
    return tables


def rows_of(database, tables):
    return {name: database.execute(f"SELECT id, c::text FROM {name} ORDER BY 1") for name, *_ in tables}


@scenario("filters.load_and_stream_agree")
def load_and_stream_agree(bench):
    """Rows loaded through a filter, which the database evaluates, are those that a stream lets pass, which we do: in the
    server's own text and in our decoded cells, as they arrive and after each has moved on to the next odd value."""
    source = bench.source()
    tables = tables_and_rules(random.Random(20261121))
    source.execute("CREATE TYPE mood AS ENUM ('happy', 'sad', 'ok')")
    for name, kind, _, _ in tables:
        source.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, c {kind}); ALTER TABLE {name} REPLICA IDENTITY FULL")

    def rules():
        return [select(table=name, filters=filtered(conditions, "c")) for name, _, _, conditions in tables]

    computed = transform("column", "add-column", table="%", value="twice", expression="$id * 2", **{"data-type": {"type": "int8"}})
    native, decoded = bench.target(), bench.target()
    streams = [bench.task(source, native, rules()), bench.task(source, decoded, rules() + [computed])]
    for task in streams:
        task.catch_up()

    def compare(when):
        loaded = bench.target()
        bench.task(source, loaded, rules(), kind="full-load").run()
        wanted = rows_of(loaded, tables)
        for target, way in ((native, "in the server's text"), (decoded, "decoded")):
            found = rows_of(target, tables)
            for name, kind, _, conditions in tables:
                expect_same(found[name], wanted[name], f"{when}, {way}: {kind} {conditions}")
        return wanted

    for name, kind, values, _ in tables:
        for number, value in enumerate(values):
            source.execute(f"INSERT INTO {name} VALUES (%s, %s::text::{kind.split(' COLLATE')[0]})", [number, value])
    for task in streams:
        task.catch_up()
    first = compare("inserted")
    passed, there = sum(map(len, first.values())), sum(len(values) for _, _, values, _ in tables)
    expect(there / 5 < passed < there * 4 / 5, f"{passed} of {there} rows pass: the filters tell nothing apart")
    for name, _, values, _ in tables:
        source.execute(f"UPDATE {name} t SET c = f.c FROM {name} f WHERE f.id = (t.id + 1) % {len(values)}")
    for task in streams:
        task.catch_up()
    expect(compare("moved on") != first, "no row moved")
    for task in streams:
        task.call("validate")
