#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The list of crash points, made from the code: every call in the engine, the relay and the file target that makes
something durable, directly (the disk, the state store, a journal) or further down (the ledger, the target, the relay).

The sources stay as they are: copies of those that hold such calls are written to a folder of the build and compiled
into the simulator in their place. There each call names its point while it runs (src/sim/crash_point.h), so a report
can say how often the process died at which of them, and a point that no run dies at fails by name.

Usage: crash_points.py --write FOLDER   writes the copies, and crash_points.cc with the list
       crash_points.py --files          names of the copies
       crash_points.py --scanned        names of all sources that are looked at
       crash_points.py --list           the points
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("relay", "engine", "connectors/files")
SINGLE = ("wire/local_store.cc",)
LEFT_OUT = re.compile(r"_test\.cc$|_for_test|sqlite_store|validate|register|table_files|reader\.cc$")

# Methods, and the objects on which they count.
CALLS = [
    (r"rename|sync_folder|remove", r"disk_?"),
    (r"sync", r"file_?|copy|relay_"),
    (r"commit", r"store_?|journal_?|journal\(\)"),
    (r"update_task|update_table|update_all|begin_anew|chunk|suspend", r"ledger_?"),
    (r"start|prepare_all|prepare|discard|begin_apply|apply|advance|flush|tick|replay|drop", r"target_?"),
    (r"finish", r"loader|file|upload_?"),
    (r"confirm", r"stream"),
    (r"begin|drop|update|adopt", r"capture|capture\(\)"),
    (r"append|trim", r"relay_"),
    (r"note|loaded|complete", r"shapes|history_"),
    (r"remove|abort_stale|put", r"store_"),
]
CALL = re.compile(r"(?<![\w.>:])((?:[A-Za-z_]\w*(?:\(\))?(?:\.|->))*)([A-Za-z_]\w*(?:\(\))?)(\.|->)([a-z_]+)\("
                  r"|(?<!\w)(notes::forget)\(")
FUNCTION = re.compile(r"^ {0,2}(?! )(?!return|if|for|while|switch|TRY|else|using|case)(?:[\w:<>*&,\s\[\]()]*?[ &*])?"
                      r"([A-Za-z_~][\w:~]*)\(")

# Points that no run of the simulator reaches, by the beginning of their names, and why.
NOT_DRIVEN = {
    "engine/attempt.cc Attempt::run: update_task(": "tasks that only load",
    "engine/attempt.cc Attempt::begin: adopt(": "CdcStartPosition",
    "engine/attempt.cc Attempt::load_pending: update_table(": "tasks without a load, tables that change under each snapshot",
    "engine/kept_changes.cc replay_kept: flush(": "the simulated database has nothing to flush",
    "engine/attempt.cc Attempt::open_apply: complete(": "tasks without a load",
    "engine/task.cc Task::drop": "dropping a task",
    "connectors/files/target.cc FileTarget::drop": "dropping a task",
    "connectors/files/target.cc FileTarget::start: notes::forget(": "the state is wiped just before",
    "connectors/files/target.cc FileTarget::refuse_newer_state": "files of others in a table's folder",
    "connectors/files/target.cc FileTarget::prepare_transactions": "starting a task anew over files",
    "connectors/files/stream.cc ChangeStream::on_schema": "DDL into files",
}


def is_point(holder, method):
    return any(re.fullmatch(methods, method) and re.fullmatch(objects, holder) for methods, objects in CALLS)


def arguments(text, start):
    """What stands between the parentheses, shortened to one line, and the place behind them."""
    depth, at = 1, start
    while depth and at < len(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    inner = " ".join(text[start:at - 1].split())
    return (inner if len(inner) <= 40 else inner[:37] + "..."), at


def points_of(file, text):
    """[(name, start of the object, its end)] in the order of the text."""
    found, names, function, offset = [], {}, "?", 0
    for line in text.splitlines(keepends=True):
        place = FUNCTION.match(line)
        if place and not line.rstrip().endswith(";"):
            function = place.group(1)
        comment = line.find("//")
        for call in CALL.finditer(line):
            is_function = call.group(5) is not None
            if 0 <= comment < call.start() or not (is_function or is_point(call.group(2), call.group(4))):
                continue
            inner, behind = arguments(text, offset + call.end())
            method, end = (call.group(5), behind) if is_function else (call.group(4), offset + call.end(2))
            name = f"{file} {function}: {method}({inner})"
            names[name] = names.get(name, 0) + 1
            if names[name] > 1:
                name += f" ({names[name]})"
            found.append((name, offset + call.start(), end))
        offset += len(line)
    return found


def scanned():
    files = [path.relative_to(TOP / "src").as_posix() for folder in FOLDERS
             for path in sorted((TOP / "src" / folder).glob("*.cc"))]
    return [file for file in files + list(SINGLE) if not LEFT_OUT.search(file)]


def all_points():
    """{name: number}, and the files that hold them."""
    names, files = [], []
    for file in scanned():
        found = points_of(file, (TOP / "src" / file).read_text())
        names += [name for name, _, _ in found]
        files += [file] if found else []
    return {name: number for number, name in enumerate(names)}, files


def instrumented(file, text, numbers):
    """The text with its calls named; a call that is not in the list stays as it is."""
    for name, start, end in reversed(points_of(file, text)):
        if name in numbers:
            text = f"{text[:start]}(::sim::AtPoint({numbers[name]}), {text[start:end]}){text[end:]}"
    first, rest = text.split("\n", 1)
    return f'{first}\n#include "sim/crash_point.h"\n{rest}'


def reason_of(name):
    return next((reason for beginning, reason in NOT_DRIVEN.items() if name.startswith(beginning)), "")


def list_source(numbers):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    rows = "".join(f"      {{{quoted(name)}, {quoted(reason_of(name))}}},\n" for name in numbers)
    return ('// Made by tools/sim/crash_points.py.\n#include "sim/crash_point.h"\n\nnamespace sim {\n\n'
            "const std::vector<CrashPoint>& crash_points() {\n  static const std::vector<CrashPoint> all = {\n"
            f"{rows}  }};\n  return all;\n}}\n\n}}  // namespace sim\n")


def write_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main():
    numbers, files = all_points()
    unknown = [beginning for beginning in NOT_DRIVEN if not any(name.startswith(beginning) for name in numbers)]
    if unknown:
        raise SystemExit("no such crash points: " + "; ".join(unknown))
    if sys.argv[1:2] == ["--list"]:
        for name in numbers:
            print(name + (f"   [{reason_of(name)}]" if reason_of(name) else ""))
    elif sys.argv[1:2] == ["--files"]:
        print(";".join(files))
    elif sys.argv[1:2] == ["--scanned"]:
        print(";".join(scanned()))
    elif sys.argv[1:2] == ["--write"] and len(sys.argv) >= 3:
        folder = pathlib.Path(sys.argv[2])
        if len(sys.argv) > 3 and sys.argv[3].split(";") != files:
            raise SystemExit("the files that hold crash points are others than before: run cmake again")
        for file in files:
            write_changed(folder / file, instrumented(file, (TOP / "src" / file).read_text(), numbers))
        write_changed(folder / "crash_points.cc", list_source(numbers))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
