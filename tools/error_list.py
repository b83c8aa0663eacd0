#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the list of all error codes for main/help_pages.cc: every `inline constexpr Code` of every header in src/,
those of tests apart.

Usage: error_list.py SOURCE_FOLDER OUTPUT. The output is left alone when nothing changed.
"""

import pathlib
import re
import sys

OPEN = re.compile(r"^namespace\s+([A-Za-z_][\w:]*)\s*\{")
CLOSE = re.compile(r"^\}\s*//\s*namespace\b")
CODE = re.compile(r"^inline\s+constexpr\s+(?:base::)?Code\s+([a-z]\w*)\s*\{")


def codes_of(header):
    names, inside = [], []
    for line in header.read_text(encoding="utf-8").splitlines():
        if found := OPEN.match(line):
            if not line.rstrip().endswith("}"):
                inside.append(found.group(1))
        elif CLOSE.match(line) or (line.rstrip() == "}" and inside and inside[-1] == "errors"):
            if inside:
                inside.pop()
        elif found := CODE.match(line):
            names.append("::".join(["", *inside, found.group(1)]))
    return names


def main():
    source, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    headers, names = [], []
    for header in sorted(source.rglob("*.h")):
        if header.stem.endswith(("_for_test", "_fixture")) or header.relative_to(source).parts[0] == "sim":
            continue  # no part of the program
        if found := codes_of(header):
            headers.append(header.relative_to(source).as_posix())
            names += found
    lines = ["// SPDX-License-Identifier: Apache-2.0", "// Made by tools/error_list.py.", '#include "main/help_pages.h"', ""]
    lines += ["#include <algorithm>", ""]
    lines += [f'#include "{header}"' for header in headers]
    lines += ["", "namespace main_program {", "", "std::vector<const base::Code*> all_codes() {"]
    lines += ["  std::vector<const base::Code*> codes{"]
    lines += [f"      &{name}," for name in names]
    lines += ["  };"]
    lines += ["  std::sort(codes.begin(), codes.end(), [](const auto* a, const auto* b) { return a->name < b->name; });"]
    lines += ["  return codes;", "}", "", "}  // namespace main_program", ""]
    text = "\n".join(lines)
    if not output.exists() or output.read_text(encoding="utf-8") != text:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
