#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [NAME...]: runs end-to-end scenarios by name or by the part before the dot; without a name, lists them."""

import concurrent.futures
import importlib
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "prove")]

import harness  # noqa: E402

SIDE_BY_SIDE = 3  # on two processors: a scenario waits for servers half of its time
for module in sorted(HERE.glob("scenarios_*.py")):
    importlib.import_module(module.stem)


def chosen(names):
    for name in names:
        if not any(known == name or known.startswith(name + ".") for known in harness.SCENARIOS):
            raise SystemExit(f"no scenario is called {name}; ./dev e2e lists them")
    return [known for known in harness.SCENARIOS
            if not names or any(known == name or known.startswith(name + ".") for name in names)]


def run_all(names, binary):
    """Yields (name, problem or None, reason for skipping or None) as scenarios end, some side by side."""
    # A shell that starts us in the background has us ignore Ctrl-C, and what we start with us.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    servers = harness.Servers(brief=True)

    def one(name):
        began = time.monotonic()
        try:
            problem, reason = harness.run_one(servers, binary, name), None
        except harness.Skip as skip:
            problem, reason = None, str(skip)
        word = "skipped" if reason else "FAILED" if problem else "ok"
        print(f"e2e {name}: {word} ({time.monotonic() - began:.1f} s)", flush=True)
        return f"e2e.{name}", problem, reason

    try:
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            yield from pool.map(one, sorted(chosen(names), key=lambda name: name not in harness.LONG))
    finally:
        servers.close()


def main():
    names = sys.argv[1:]
    if not names:
        for name, function in harness.SCENARIOS.items():
            print(f"{name:40} {(function.__doc__ or '').splitlines()[0] if function.__doc__ else ''}")
        return 0
    binary = os.environ.get("MILLRACE_BINARY", str(harness.TOP / "build/millrace"))
    failed = 0
    for name, problem, reason in run_all(names if names != ["all"] else [], binary):
        if problem:
            failed += 1
            print(f"\n{name}\n{problem}\n")
        elif reason:
            print(f"skipped {name}: {reason}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
