#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Switches every planted fault on, one by one, and lets the simulator look for it: find_planted.py BINARY [--write].

Each must be found within 1000 seeds, a few in a case that was kept. `--write` puts the table into docs/guarantees.md. Exit code 1: one was not found.
"""

import concurrent.futures
import os
import re
import subprocess
import sys

import plant_faults

SEEDS_MAX = 1000
PAGE = plant_faults.TOP / "docs/guarantees.md"
MARKS = ("<!-- planted-faults -->\n", "<!-- /planted-faults -->")


def look_for(binary, number):
    """(seed, what was found) or None."""
    case = plant_faults.CASES.get(plant_faults.FAULTS[number - 1][0])
    where = ["--case", case] if case else ["--seeds", str(SEEDS_MAX), "--first"]
    done = subprocess.run([binary, "--fault", str(number), *where], text=True, capture_output=True, timeout=600)
    found = re.search(r"^seed (\d+): FAILED: (.*)$", done.stdout, re.M)
    if not found and done.returncode not in (0, 1):
        return "-", f"the process ended with {done.returncode}"
    return (f"case {case}" if case else found.group(1), found.group(2)) if found else None


def said(finding):
    """The checker or error that saw it, without the details of one run."""
    stopped = re.match(r"the task stopped: ([\w.]+)", finding)
    return f"`{stopped.group(1)}`" if stopped else finding.split(":")[0]


def main():
    binary = sys.argv[1]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda number: look_for(binary, number), range(1, len(plant_faults.FAULTS) + 1)))
    rows, missed = [], []
    for number, (fault, result) in enumerate(zip(plant_faults.FAULTS, results), 1):
        name, what, file = fault[0], fault[1], fault[2]
        print(f"{number:3} {name}: " + (f"seed {result[0]}: {result[1][:120]}" if result else "NOT FOUND"), flush=True)
        if result:
            rows.append(f"| `{name}` | {what} | {file} | {result[0]} | {said(result[1])} |")
        else:
            missed.append(name)
    table = "| fault | what it does | in | seed | seen by |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text().partition(MARKS[0])
        PAGE.write_text(before + MARKS[0] + table + MARKS[1] + rest.partition(MARKS[1])[2])
    print(f"{len(rows)} of {len(plant_faults.FAULTS)} planted faults found within {SEEDS_MAX} seeds or in their case")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
