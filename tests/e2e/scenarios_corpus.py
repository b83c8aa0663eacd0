# SPDX-License-Identifier: Apache-2.0
"""The task documents of tests/cases/tasks, each run as it stands against the schema of schema.sql, or refused.

After the document and a line ---- a file says what must come of it, a line each:
    schema.table(a, b) = 3        the target has that table, with these columns and so many rows
    no schema.table               it does not
    value: SELECT ... => text     what the target answers
    explains: text                `millrace mappings explain` prints it
    checks: text                  `millrace check` prints it
    validates                     `millrace validate` finds no difference
    refused: text                 nothing is touched (exit code 2), and the message has this in it
"""

import json
import re

from harness import TOP, expect, expect_same, scenario

CASES = TOP / "tests/cases/tasks"
TABLE = re.compile(r"^([^ .]+)\.([^ (]+)\((.*)\) = (\d+)$")


def read_case(path):
    text = "".join(line for line in path.read_text().splitlines(True) if not line.startswith("#"))
    document, expectations = text.split("\n----\n")
    return json.loads(document), [line for line in expectations.splitlines() if line]


def expect_table(target, line):
    schema, table, columns, rows = TABLE.match(line).groups()
    found = [name for (name,) in target.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        [schema, table])]
    expect_same(", ".join(found), columns, f"columns of {schema}.{table}")
    expect_same(target.one(f'SELECT count(*) FROM "{schema}"."{table}"'), int(rows), f"rows of {schema}.{table}")


def judge(target, task, line):
    kind, _, rest = line.partition(": ")
    if kind == "value":
        query, _, wanted = rest.rpartition(" => ")
        expect_same(str(target.one(query)), wanted, query)
    elif kind == "explains":
        output = task.call("mappings explain", code=None)
        expect(rest in output, f"explain does not say {rest!r}:\n{output}")
    elif kind == "checks":
        output = task.call("check", code=None)
        expect(rest in output, f"check does not say {rest!r}:\n{output}")
    elif line == "validates":
        task.call("validate")
    elif line.startswith("no "):
        expect_same(target.one("SELECT to_regclass(%s)::text", [line[3:]]), None, line)
    else:
        expect_table(target, line)


def run_case(bench, source, path):
    document, expectations = read_case(path)
    target = bench.target()
    task = bench.task(source, target)
    task.document["task"].update(document)
    refusals = [line[9:] for line in expectations if line.startswith("refused: ")]
    if refusals:
        output = task.run("--until", "caught-up", code=2)
        expect(refusals[0] in output, f"refused without the words {refusals[0]!r}:\n{output}")
        tables = target.one("SELECT count(*) FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'")
        expect_same(tables, 0, "tables made although the task was refused")
        return
    task.run("--until", "caught-up")
    for line in expectations:
        judge(target, task, line)
    if document["MigrationType"] != "full-load":
        task.call("drop")


def run_cases(bench, part):
    source = bench.source()
    source.execute((CASES / "schema.sql").read_text())
    failures = []
    cases = sorted(CASES.glob("*.test"))
    expect(len(cases) >= 40, "a part of the corpus is missing")
    for path in cases[part::2]:
        try:
            run_case(bench, source, path)
        except Exception as failure:  # all of them, so that one run shows what is wrong
            failures.append(f"{path.name}: {failure}")
    expect(not failures, "\n".join(failures))


@scenario("corpus.even")
def even(bench):
    """Half of the task documents a DBA might have: each runs, or is refused by name, as its file says."""
    run_cases(bench, 0)


@scenario("corpus.odd")
def odd(bench):
    """The other half."""
    run_cases(bench, 1)
