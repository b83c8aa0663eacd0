#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Switches every planted fault on, one by one, and lets the simulator look for it:
find_planted.py BINARY [--count] [--write].

Each must be found by several of the first 1000 seeds: one alone may be gone with the next change of the simulator. Only
seeds whose run passes the code of a fault are tried with it; a run that does not is the same with the fault. `--count`
tries all of them, not only until there are enough. `--write` puts the table into docs/guarantees.md.
Exit code 1: one was not found often enough.
"""

import concurrent.futures
import os
import re
import subprocess
import sys

import plant_faults

SEEDS_MAX = 1000
FINDS_MIN = 3
SECONDS_MAX = 3600
PAGE = plant_faults.TOP / "docs/guarantees.md"
MARKS = ("<!-- planted-faults -->\n", "<!-- /planted-faults -->")


def passing(binary):
    """{number of a fault: the seeds that pass its code}."""
    workers = os.cpu_count()
    step = -(-SEEDS_MAX // workers)
    running = [subprocess.Popen([binary, "--passes", "--from", str(first), "--seeds", str(min(step, SEEDS_MAX + 1 - first))],
                                text=True, stdout=subprocess.PIPE) for first in range(1, SEEDS_MAX + 1, step)]
    seeds = {number: [] for number in range(1, len(plant_faults.FAULTS) + 1)}
    for process in running:
        for line in process.stdout:
            if "FAILED" in line:
                raise SystemExit(f"without any fault: {line}")
            if not line.startswith("seed "):
                continue
            _, seed, _, *faults = line.split()
            for fault in faults:
                seeds[int(fault)].append(int(seed))
        if process.wait() != 0:
            raise SystemExit(f"{binary} ended with {process.returncode}")
    return seeds


def look_for(binary, number, seeds, finds_max):
    """[(seed, what was found)], until there are so many."""
    found = []
    while seeds and len(found) < finds_max:
        done = subprocess.run([binary, "--fault", str(number), "--finds", str(finds_max - len(found))],
                              input="\n".join(map(str, seeds)), text=True, capture_output=True, timeout=SECONDS_MAX)
        found += [(int(seed), what) for seed, what in
                  dict(re.findall(r"^seed (\d+): FAILED: (.*)$", done.stdout, re.M)[::-1]).items()][::-1]
        if done.returncode == 0:
            break
        died_at = int(re.findall(r"^at (\d+)$", done.stdout, re.M)[-1])
        found.append((died_at, f"the process ended with {done.returncode}"))
        seeds = seeds[seeds.index(died_at) + 1:]
    return found


def said(finding):
    """The checker or error that saw it, without the details of one run."""
    stopped = re.match(r"the task stopped: ([\w.]+)", finding)
    return f"`{stopped.group(1)}`" if stopped else finding.split(":")[0]


def row(fault, found):
    name, what, file = fault[0], fault[1], fault[2]
    seeds = ", ".join(str(seed) for seed, _ in found[:FINDS_MIN])
    return f"| `{name}` | {what} | {file} | {seeds} | {said(found[0][1])} |"


def main():
    binary, writes = sys.argv[1], "--write" in sys.argv
    finds_max = SEEDS_MAX if "--count" in sys.argv else FINDS_MIN
    seeds = passing(binary)
    faults = list(enumerate(plant_faults.FAULTS, 1))
    rows, missed = [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda one: look_for(binary, one[0], seeds[one[0]], finds_max), faults)
        for (number, fault), found in zip(faults, results):
            seen = f"seed {found[0][0]}: {found[0][1][:120]}" if found else ""
            print(f"{number:3} {fault[0]}: {len(found)} found, {len(seeds[number])} pass; {seen}", flush=True)
            rows += [row(fault, found)] if found else []
            missed += [fault[0]] if len(found) < FINDS_MIN else []
    table = ("| fault | what it does | in | seeds | seen by |\n|---|---|---|---|---|\n"
             + "\n".join(rows) + "\n")
    if writes:
        before, _, rest = PAGE.read_text().partition(MARKS[0])
        PAGE.write_text(before + MARKS[0] + table + MARKS[1] + rest.partition(MARKS[1])[2])
    print(f"{len(faults) - len(missed)} of {len(faults)} planted faults found by {FINDS_MIN} or more of {SEEDS_MAX} seeds")
    if missed:
        print("not found, or too seldom: " + ", ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
