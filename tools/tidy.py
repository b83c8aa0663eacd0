#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Style that fails the build: what clang-format cannot see.

Reads the include table from ARCHITECTURE.md and checks every C++ file of the tree: who includes whom, sizes of files
and functions, banned words, first line, comment at the head of headers, names. Exceptions stand in
tools/tidy_exceptions.txt, each with its reason; an exception nobody needs any more is an error too, and a function
with an exception may not grow past the size written there.

Prints one line a finding, `path:line: what`; exit code 1 when there is one.
"""

import collections
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

# (pattern on code without comments and strings, what to say, paths where it is allowed)
BANNED = [
    (r"\bstd::j?thread\b", "threads are started by base::TaskGroup", r"^src/base/"),
    (r"\bsleep_(for|until)\b|\b(u|nano)?sleep\s*\(", "wait for an event through base::Clock or base::Condition",
     r"^src/base/|_fixture\.h$"),
    (r"\bstd::(recursive_|shared_|timed_)?mutex\b|\bstd::condition_variable\b|\bstd::async\b",
     "use base::Mutex and base::Condition", r"^src/base/"),
    (r"(?<!operator )\bnew\b(?!\s*\])", "use std::make_unique", r"^src/base/"),
    (r"(?<!operator )(?<!= )(?<!=)\bdelete\b", "use std::unique_ptr", r"^src/base/"),
    (r"catch\s*\(\s*\.\.\.\s*\)", "catch the library's own exception type where it is raised",
     r"^src/base/thread\.cc$"),
    (r"\bthrow\b", "errors are values: return base::failed(...)", r"_test\.cc$"),
    (r"\busing\s+namespace\b", "name what you use", None),
    (r"\bstd::regex\b", "too slow and throws; write the matcher", None),
    (r"\bfor\s*\([^;{}()]*:\s*(?:\*[\w:.>-]+\(|[\w:.>-]+\((?:[^()]|\([^()]*\))*\)\.take\(\)\s*\))",
     "what the call returned is gone before the first turn: give it a name", None),
    (r"\bGTEST_SKIP\b|\bDISABLED_\w+", "only where a server or an ability is absent", r"_test\.cc$|^tests/conform/"),
]
# These rooms are run by a simulator: time and chance reach them through base only.
SEAM_ROOMS = {"engine", "relay", "mapping"}
SEAM = [
    (r"\b(system|steady|high_resolution)_clock::now\b|\bgettimeofday\b|\bclock_gettime\b", "time comes from base::Clock"),
    (r"\bstd::(random_device|mt19937(_64)?)\b|\brand\s*\(", "chance comes from base::Random"),
    (r"\bstd::(ifstream|ofstream|fstream)\b|\bfopen\s*\(|(?<![\w>])::open\s*\(", "files are reached through base::Disk"),
]
BANNED_NAMES = {"helper", "helpers", "util", "utils", "utility", "common", "misc", "manager", "stuff"}


class Finding(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


class Function(NamedTuple):
    name: str
    first_line: int
    lines: int


def without_comments_and_strings(source):
    """The same text with comments and literals blanked; line breaks stay."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return token.sub(blank, source)


def without_owned_new(code):
    """A class with a private constructor is made as std::unique_ptr<T>(new T(...)): that `new` has an owner."""
    return re.sub(r"(unique_ptr<[\w:<>]+>(?:\s+\w+)?\()new\b", r"\1   ", code)


def functions(code):
    """Function bodies at namespace or class level, by matching braces. `code` is without comments and strings."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), code, flags=re.M)
    found = []
    stack = []  # (is a scope whose members may be functions, function start or None)
    statement_start = 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        head = code[statement_start:at]
        if match.group(0) == "{":
            open_scope = all(entry[0] for entry in stack)
            scope = bool(re.search(r"\b(namespace|class|struct|union|extern)\b[^()=]*$", head)) and ")" not in \
                re.sub(r"\b(MR_\w+|alignas|GUARDED_BY)\s*\([^()]*\)", "", head)
            start = None
            if open_scope and not scope and ")" in head and not re.search(r"=\s*$", head):
                start = (head, statement_start + len(head) - len(head.lstrip()))
            stack.append((scope, start))
        elif match.group(0) == "}" and stack:
            _, start = stack.pop()
            if start:
                first = code.count("\n", 0, start[1]) + 1
                last = code.count("\n", 0, at) + 1
                name = re.search(r"([\w:~]+(?:\s*<[^()]*>)?|operator\S+)\s*\(\s*([\w\s,]*)", start[0])
                label = name.group(1) if name else "?"
                if label in ("TEST", "TEST_F", "TEST_P"):
                    label = f"{label}({' '.join(name.group(2).split())})"
                found.append(Function(label, first, last - first + 1))
        if all(entry[0] for entry in stack):
            statement_start = match.end()
    return found


def include_table(architecture):
    """{room: rooms it may include}, {room: rooms its tests may include too}; None as value: all."""
    block = re.search(r"<!-- include-table -->(.*?)<!-- /include-table -->", architecture, re.S)
    if not block:
        raise SystemExit("ARCHITECTURE.md: the include table is missing")
    allowed, tests = {}, {}
    for row in block.group(1).strip().splitlines()[2:]:
        room, may, test_may = [cell.strip() for cell in row.strip().strip("|").split("|")]
        for table, text in ((allowed, may), (tests, test_may)):
            table[room] = None if text == "all" else {word for word in text.split() if word not in "–-"}
    return allowed, tests


def room_of(path):
    """The room of a path below src/: "engine", "connectors/postgres"."""
    parts = path.split("/")
    if len(parts) < 2:
        return None
    return "/".join(parts[:2]) if parts[0] == "connectors" else parts[0]


def is_test(path):
    name = path.rsplit("/", 1)[-1]
    return name.endswith(("_test.cc", "_test.h", "_fixture.h", "_fixture.cc")) or name.startswith("test_") or path.startswith("tests/")


def check_includes(path, source, allowed, tests, known_rooms):
    if not path.startswith("src/"):
        return
    room = room_of(path[4:])
    row = "connectors/X" if room.startswith("connectors/") else room
    if row not in allowed:
        yield Finding(path, 1, f"room {room} is not in the include table of ARCHITECTURE.md")
        return
    for number, line in enumerate(source.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match:
            continue
        target = room_of(match.group(1))
        if match.group(1).startswith("tests/") and is_test(path):
            continue
        if target is None or target not in known_rooms:
            yield Finding(path, number, f'"{match.group(1)}" is no file of a room; write the path from src/')
            continue
        may = allowed[row]
        if is_test(path) and may is not None:
            may = None if tests[row] is None else may | tests[row]
        if target != room and may is not None and target not in may:
            yield Finding(path, number, f"{room} may not include {target} (ARCHITECTURE.md)")


def check_words(path, source, code):
    for pattern, text, allowed_path in BANNED:
        if allowed_path and re.search(allowed_path, path):
            continue
        for match in re.finditer(pattern, code):
            yield Finding(path, code.count("\n", 0, match.start()) + 1, f"banned: {match.group(0).strip()}; {text}")
    room = room_of(path[4:]) if path.startswith("src/") else None
    if room in SEAM_ROOMS and not is_test(path):
        for pattern, text in SEAM:
            for match in re.finditer(pattern, code):
                yield Finding(path, code.count("\n", 0, match.start()) + 1, f"banned here: {match.group(0)}; {text}")
    for match in re.finditer(r"\b(TODO|FIXME|XXX)\b", source):
        yield Finding(path, source.count("\n", 0, match.start()) + 1, f"{match.group(0)}: do it, or refuse it by name")


def check_head(path, source):
    lines = source.splitlines()
    if not lines or lines[0] != "// SPDX-License-Identifier: Apache-2.0":
        yield Finding(path, 1, "the first line must be // SPDX-License-Identifier: Apache-2.0")
    if path.endswith(".h"):
        if not re.match(r"//\s*\n//\s\w", "\n".join(lines[1:3]) + "\n") and not (
                len(lines) > 1 and re.match(r"//\s\w", lines[1])):
            yield Finding(path, 2, "a header starts with a comment: what it is, who owns it, which thread, how it fails")
        if "#pragma once" not in source:
            yield Finding(path, 2, "#pragma once is missing")
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    for word in BANNED_NAMES & set(stem.split("_")):
        yield Finding(path, 1, f"'{word}' in a file name says nothing; name the noun")


def check_sizes(path, source, code, exceptions, used):
    lines = source.count("\n")
    if lines > exceptions.get(path, (FILE_LINES_MAX, ""))[0]:
        yield Finding(path, lines, f"{lines} lines; {FILE_LINES_MAX} is the limit")
    if path in exceptions and lines > FILE_LINES_MAX:
        used.add(path)
    for function in functions(code):
        if function.lines <= FUNCTION_LINES_MAX:
            continue
        key = f"{path}:{function.name}"
        limit = exceptions.get(key, (FUNCTION_LINES_MAX, ""))[0]
        if key in exceptions:
            used.add(key)
        if function.lines > limit:
            yield Finding(path, function.first_line, f"{function.name} has {function.lines} lines; {limit} is the limit")


def read_exceptions(text):
    """Lines of `path[:function] lines reason`."""
    exceptions = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            key, lines, reason = line.split(None, 2)
            exceptions[key] = (int(lines), reason)
    return exceptions


def check_codes(sources):
    """Error codes: each name once, each used by someone."""
    declared = {}
    words = collections.Counter(word for source in sources.values() for word in re.findall(r"\w+", source))
    for path, source in sources.items():
        for match in re.finditer(r"inline constexpr (?:base::)?Code (\w+)\{\s*\"([^\"]+)\"", source):
            line = source.count("\n", 0, match.start()) + 1
            if match.group(2) in declared:
                yield Finding(path, line, f"error code {match.group(2)} is declared twice")
            declared[match.group(2)] = path
            if words[match.group(1)] < 2:
                yield Finding(path, line, f"error code {match.group(2)} is used by nobody")


def cpp_files(top):
    listed = subprocess.run(
        ["git", "-C", str(top), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "src", "tests"],
        check=True, capture_output=True, text=True).stdout
    return sorted(path for path in listed.split("\0") if path.endswith((".h", ".cc")) and (top / path).exists())


def check_tree(top):
    allowed, tests = include_table((top / "ARCHITECTURE.md").read_text())
    exceptions_file = top / "tools/tidy_exceptions.txt"
    exceptions = read_exceptions(exceptions_file.read_text()) if exceptions_file.exists() else {}
    sources = {path: (top / path).read_text() for path in cpp_files(top)}
    known_rooms = {room_of(path[4:]) for path in sources if path.startswith("src/")} | set(allowed)
    used = set()
    findings = []
    for path, source in sources.items():
        code = without_comments_and_strings(source)
        findings += check_head(path, source)
        findings += check_includes(path, source, allowed, tests, known_rooms)
        findings += check_words(path, source, without_owned_new(code))
        findings += check_sizes(path, source, code, exceptions, used)
    findings += check_codes({path: source for path, source in sources.items() if path.startswith("src/")})
    for key in sorted(set(exceptions) - used):
        findings.append(Finding("tools/tidy_exceptions.txt", 1, f"nobody needs the exception for {key} any more"))
    architecture_lines = (top / "ARCHITECTURE.md").read_text().count("\n")
    if architecture_lines > 200:
        findings.append(Finding("ARCHITECTURE.md", 200, "200 lines is the limit"))
    return findings


def main():
    top = pathlib.Path(__file__).resolve().parent.parent
    findings = check_tree(top)
    for finding in findings:
        print(finding)
    if findings:
        print(f"tidy: {len(findings)} findings", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
