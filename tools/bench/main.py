#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""main.py [NAME...] [--rows N] [--list]: the speed table, row by row, written to bench/README.md.

Every row runs Millrace and its reference in the same run, on the same two servers with fsync on, with an empty settings
document, and ends with full equality. Results of rows run alone replace their lines in the table."""

import argparse
import pathlib
import platform
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from measure import TOP, Lab, save  # noqa: E402, first: it finds the end-to-end harness
import load  # noqa: E402
import mysql  # noqa: E402
import stream  # noqa: E402

ROWS = {
    "load-pg": load.to_postgres, "load-mapped": load.mapped, "load-parquet": load.to_parquet, "load-csv": load.to_csv, "start": load.start,
    "capture": stream.capture, "apply-inserts": stream.apply_inserts, "apply-updates": stream.apply_updates,
    "apply-batches": stream.apply_batches, "apply-tpcb": stream.apply_tpcb, "latency": stream.latency,
    "memory": stream.memory, "mysql-load-pg": mysql.to_postgres, "mysql-load-mysql": mysql.to_mysql,
    "mysql-load-from-pg": mysql.from_postgres, "mysql-capture": mysql.capture, "mysql-apply": mysql.apply,
    "mysql-memory": mysql.memory,
}
HEAD = """# How fast it is

Written by `./dev bench`; do not edit. Every line compares Millrace with its reference in one run on one machine: both
servers, the reference and Millrace share its cores. Ratios are ours to theirs; for capture, rows a second. CPU-seconds
of clients and of both servers stand beside. Both servers run with fsync on; Millrace runs with an empty settings
document. Database rows end with both sides compared in full, Parquet with rows and a sum, capture with the number of
rows; CSV load and latency are not compared. `load` is the machine's load average when the row ended: above
2 other work shared the cores, and wall-clock ratios are those of that moment; CPU-seconds are the steadier figure.

"""


def machine():
    memory = next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    import os
    return f"{os.cpu_count()} cores ({model}), {int(memory) // 2**20} GiB, {platform.platform()}"


def write_page(kept):
    lines = [HEAD, f"Machine: {machine()}\n\n",
             "| figure | reference | ours | theirs | ratio | bar | CPU | rows | load | date | command |\n",
             "|---|---|---|---|---|---|---|---|---|---|---|\n"]
    for row in kept.values():
        bar = f"{'≥' if row['at_least'] else '≤'} {row['bar']}" + ("" if row["holds"] else " **missed**")
        lines.append(f"| {row['figure']} | {row['reference']} | {row['ours']} | {row['theirs']} | {row['ratio']:.2f} | {bar} | "
                     f"{row['cpu']} | {row['rows']:,} | {row.get('load', 0):.0f} | {row['date']} | `{row['command']}` |\n")
    findings = TOP / "bench/findings.md"
    lines += ["\n", findings.read_text()] if findings.exists() else []
    (TOP / "bench/README.md").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(prog="dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--dry", action="store_true", help="print only; the table is left as it is")
    options = parser.parse_args()
    if options.list or any(name not in ROWS for name in options.names):
        for name, function in ROWS.items():
            print(f"{name:16} {function.__doc__}")
        return 0 if options.list else 2
    failed = 0
    lab = Lab(options.rows)
    try:
        for name in options.names or ROWS:
            try:
                ROWS[name](lab)
            except Exception:
                failed += 1
                print(f"{name} failed:\n{traceback.format_exc()}", flush=True)
            if not options.dry:  # after each row: a run that is broken off keeps what it measured
                write_page(save(lab.results, options.rows, TOP / "bench/results.json"))
    finally:
        lab.close()
    return 1 if failed or not all(row.holds() for row in lab.results) else 0


if __name__ == "__main__":
    sys.exit(main())
