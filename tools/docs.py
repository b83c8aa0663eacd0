#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs.py [--check]: writes docs/errors.md and the tables of docs/mappings.md and docs/api.md from the sources, and
docs/task-settings.md as the program itself says it; --check only compares the former (a unit test compares the latter).

Every code is declared once, as `inline constexpr base::Code name{"room.name", Kind::x, "advice"}`, and every word of the
table mappings in src/mapping/language.cc, as `{"section", "word", standing, "remark", "test"}`."""

import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
PAGE = TOP / "docs/errors.md"
SETTINGS = TOP / "docs/task-settings.md"
MAPPINGS = TOP / "docs/mappings.md"
API = TOP / "docs/api.md"
HEAD = """# Error codes

Written by `./dev docs` from the sources; do not edit. An error names the object, then says why; its code is stable, and
this page says what to do. The kind says what Millrace does about it by itself.

| kind | what happens |
|---|---|
| transient | tried again from the last checkpoint, with growing pauses, up to the task's limits |
| table | the table is suspended with its changes kept; the others go on |
| task | the task stops (exit code 1); nothing is lost, `resume-processing` goes on after the remedy |
| input | refused before anything was touched (exit code 2) |
| canceled | somebody asked for it |
| bug | a defect of Millrace; please report it |
"""
DECLARATION = re.compile(
    r'inline constexpr (?:base::)?Code \w+\{\s*"([^"]+)",\s*(?:base::)?Kind::(\w+),\s*((?:"(?:\\.|[^"\\])*"\s*)+)\}', re.S)


def codes():
    found = {}
    for path in sorted((TOP / "src").rglob("*.h")):
        if path.relative_to(TOP / "src").parts[0] == "sim":
            continue  # no part of the program
        for name, kind, text in DECLARATION.findall(path.read_text()):
            advice = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', text)).replace('\\"', '"').replace("\\\\", "\\")
            found[name] = (kind, advice)
    return found


def page():
    lines = [HEAD]
    area = None
    for name, (kind, advice) in sorted(codes().items()):
        if name.split(".")[0] != area:
            area = name.split(".")[0]
            lines.append(f"\n## {area}\n\n| code | kind | what to do |\n|---|---|---|\n")
        lines.append(f"| `{name}` | {kind} | {advice.replace('|', chr(92) + '|')} |\n")
    return "".join(lines)


STANDINGS = {"obeyed": "obeyed", "no_effect": "no effect", "refused": "refused"}
TEXT = r'((?:"(?:\\.|[^"\\])*"\s*)+)'
ROW = re.compile(r"\{" + TEXT + r",\s*" + TEXT + r",\s*(\w+),\s*" + TEXT + r",\s*" + TEXT + r"\}", re.S)
TABLE = re.compile(r"<!-- table: ([\w-]+) -->\n.*?<!-- /table -->\n", re.S)


def joined(literals):
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', literals))


def mapping_tables():
    """One Markdown table a section of src/mapping/language.cc."""
    sections = {}
    for parts in ROW.findall((TOP / "src/mapping/language.cc").read_text()):
        section, word, standing, remark, shown = (joined(part) if number != 2 else part for number, part in enumerate(parts))
        test = f"e2e `{shown}`" if "." in shown and not shown.endswith((".test", ".cc")) else f"`{shown}`"
        words = ", ".join(f"`{one}`" for one in word.split(", "))
        text = STANDINGS[standing] + (f": {remark}" if remark else "")
        sections.setdefault(section, []).append(f"| {words} | {text} | {test} |\n")
    return {name: f"| {name} | | test |\n|---|---|---|\n" + "".join(rows) for name, rows in sections.items()}


def with_tables(path, tables):
    return TABLE.sub(lambda found: f"<!-- table: {found[1]} -->\n{tables[found[1]]}<!-- /table -->\n", path.read_text())


ROLES = {"reads": "reader", "runs": "operator", "changes": "administrator"}
OFFERED = re.compile(r'OperationRow\{\s*"(\w+)",\s*\w+,\s*Effect::(\w+)(?:,\s*' + TEXT + r")?\s*\}", re.S)


def operation_table():
    """All operations of the API and what each does here, from src/api/model.inc and the rows of src/server."""
    model = (TOP / "src/api/model.inc").read_text().partition("constexpr Operation all_operations[]")[2]
    offered = {}
    for path in sorted((TOP / "src/server").glob("*.cc")):
        for name, effect, remark in OFFERED.findall(path.read_text()):
            offered[name] = (ROLES[effect], joined(remark))
    rows = []
    for name in re.findall(r'\{"(\w+)"', model):
        role, remark = offered.get(name, ("", "not offered"))
        rows.append(f"| `{name}` | {role} | {remark} |\n")
    return "| operation | role | here |\n|---|---|---|\n" + "".join(rows)


def main():
    pages = {PAGE: page(), MAPPINGS: with_tables(MAPPINGS, mapping_tables()),
             API: with_tables(API, {"operations": operation_table()})}
    if "--check" in sys.argv:
        stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
        for path in stale:
            print(f"{path.relative_to(TOP)} is not what the sources say: run ./dev docs")
        return 1 if stale else 0
    for path, text in pages.items():
        path.write_text(text)
    print(f"docs/errors.md: {len(codes())} codes; docs/mappings.md: {sum(text.count(chr(10)) - 2 for text in mapping_tables().values())} rows")
    binary = os.environ.get("MILLRACE_BINARY", str(TOP / "build/millrace"))
    SETTINGS.write_bytes(subprocess.run([binary, "help", "settings"], check=True, stdout=subprocess.PIPE).stdout)
    print("docs/task-settings.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
