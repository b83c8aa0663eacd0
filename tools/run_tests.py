#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run_tests.py SUITE...: runs test suites and ends with one line that counts every test of all of them.

Suites: style (layout, tidy.py, the tools' own tests), unit (every GoogleTest binary that ctest knows), e2e (scenarios
of tests/e2e), fuzz (every fuzz target for a few seconds). A suite that cannot be built or started counts as a failed
test. What failed is printed again before the last line.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
UNIT_SECONDS_MAX = 600
UNIT_SIDE_BY_SIDE = 3  # on two processors, as scenarios: half of the time they wait for servers
UNIT_LONG = ("mysql_", "sim_", "postgres_")
FUZZ_BUILD = "build-fuzz"


class Tally:
    """Counts of one run. Filled by one thread."""

    def __init__(self):
        self.passed, self.skipped, self.failures = 0, [], []

    def add(self, name, problem=None):
        if problem is None:
            self.passed += 1
        else:
            self.failures.append((name, problem.strip()))
            print(f"FAILED {name}\n{problem.strip()}\n", flush=True)


def run(command, timeout=None, **options):
    """(exit code, output) with stderr in between; 124 after a time-out."""
    try:
        done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout, stdin=subprocess.DEVNULL, **options)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout or b""
        return 124, output.decode(errors="replace") + f"\nstopped after {timeout} s"


def tail(text, lines=60):
    return "\n".join(text.splitlines()[-lines:])


def style(tally, _):
    for name, command in (("style.layout", ["tools/format.sh"]), ("style.tidy", [sys.executable, "tools/tidy.py"]),
                          ("style.planted_faults", [sys.executable, "tools/sim/plant_faults.py", "--check"]),
                          ("style.error_page", [sys.executable, "tools/docs.py", "--check"])):
        code, output = run(command)
        tally.add(name, None if code == 0 else tail(output))
    sys.path.insert(0, str(TOP / "tools"))
    for case in unittest.defaultTestLoader.discover(str(TOP / "tools"), pattern="*_test.py"):
        result = unittest.TestResult()
        case.run(result)
        failed = result.failures + result.errors
        for test, problem in failed:
            tally.add(test.id(), problem)
        tally.passed += result.testsRun - len(failed)


def unit_binary(test, folder, seconds, memory):
    """One GoogleTest binary: [(test name, problem or None)]. Those that talk to databases make folders for servers only,
    which may lie in `memory`: for each of hundreds of tables and restarts a server waits for the disk otherwise."""
    name, report = test["name"], folder / f"{test['name']}.json"
    report.unlink(missing_ok=True)
    environment = {**os.environ, "GTEST_OUTPUT": f"json:{report}", "GTEST_BRIEF": "1"}
    if memory and name.startswith(("mysql_", "postgres_")):
        environment["TMPDIR"] = memory
    code, output = run(test["command"], timeout=seconds, env=environment)
    results = []
    if report.exists():
        for suite in json.loads(report.read_text())["testsuites"]:
            for case in suite["testsuite"]:
                problem = "\n".join(failure["failure"] for failure in case.get("failures", [])) or None
                if case.get("result") == "SKIPPED":
                    problem = "skipped: every test must run"
                results.append((f"{name}.{suite['name']}.{case['name']}", problem))
    if code != 0 and not any(problem for _, problem in results):
        results.append((name, f"exit code {code}\n{tail(output)}"))
    return results


def unit(tally, options):
    folder = TOP / options.build
    listed = json.loads(subprocess.run(["ctest", "--test-dir", str(folder), "--show-only=json-v1"], check=True,
                                       capture_output=True, text=True).stdout)
    tests = [test for test in listed["tests"] if not options.names or test["name"] in options.names]
    reports = folder / "reports"
    reports.mkdir(exist_ok=True)
    sys.path.insert(0, str(TOP / "tests/e2e"))
    from servers import newer_binaries  # noqa: needs the Python environment, the other suites do not
    from harness import MEMORY, has_much_memory  # noqa
    os.environ["MILLRACE_PG_NEWER_BIN"] = newer_binaries()
    tests.sort(key=lambda test: not test["name"].startswith(UNIT_LONG))  # none of them begins last and ends alone
    with contextlib.ExitStack() as end, concurrent.futures.ThreadPoolExecutor(UNIT_SIDE_BY_SIDE) as pool:
        memory = None
        if has_much_memory():
            memory = end.enter_context(tempfile.TemporaryDirectory(prefix="millrace-unit-", dir=MEMORY))
            os.chmod(memory, 0o755)  # servers of root's run as somebody else
        for results in pool.map(lambda test: unit_binary(test, reports, options.unit_seconds, memory), tests):
            for name, problem in results:
                tally.add(name, problem)


def e2e(tally, options):
    sys.path.insert(0, str(TOP / "tests/e2e"))
    import run as scenarios  # noqa: the scenarios need the Python environment, the other suites do not
    for name, problem, reason in scenarios.run_all(options.names, str(TOP / options.build / "millrace")):
        if reason:
            tally.skipped.append(f"{name}: {reason}")
        else:
            tally.add(name, problem)


def build_fuzz():
    """With the least priority: beside the tests, which wait more than they compute. -O1 and line tables: what the
    sanitizers need to name a place, at half the time to compile."""
    return run(["nice", "-n", "19", "tools/configure_and_build.sh", FUZZ_BUILD, "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -gline-tables-only -DNDEBUG",
                "-DCMAKE_C_COMPILER=clang-16", "-DCMAKE_CXX_COMPILER=clang++-16", "-DMILLRACE_FUZZ=ON",
                "-DMILLRACE_SANITIZE=address,undefined", "-DBUILD_TESTING=OFF", "-DMILLRACE_PRECOMPILE=ON",
                "-DMILLRACE_BATCH=6", "--", "fuzz_targets"])


def fuzz(tally, options):
    code, output = options.fuzz_build.result() if options.fuzz_build else build_fuzz()
    if code != 0:
        tally.add("fuzz.build", tail(output))
        return
    targets = sorted((TOP / FUZZ_BUILD / "fuzz").glob("*_fuzz"))
    if not targets:
        tally.add("fuzz", "no fuzz target was built")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, problem in pool.map(lambda target: fuzz_target(target, options.fuzz_seconds), targets):
            tally.add(name, problem)


def fuzz_target(target, seconds):
    """One target from its seeds; what it finds and what it learns is kept beside the build."""
    work, findings = TOP / FUZZ_BUILD / "work" / target.name, TOP / FUZZ_BUILD / "findings"
    work.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    seeds = TOP / "tests/fuzz/corpus" / target.name.removesuffix("_fuzz")
    corpora = [str(work)] + ([str(seeds)] if seeds.is_dir() else [])
    # A program that is started counts what its starter held at most as its own, and libFuzzer goes by that count: the
    # scenarios held large values in this process. The shell between them begins to count anew.
    code, output = run(["sh", "-c", '"$@"; exit $?', "fuzz", str(target), f"-max_total_time={seconds}",
                        "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=0", "-verbosity=0",
                        f"-artifact_prefix={findings}/{target.name}-", *corpora],
                       timeout=seconds + 120, env={**os.environ, "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"})
    problem = None if code == 0 else f"exit code {code}\n{tail(output)}"
    if not problem and not seeds.is_dir():
        problem = f"no seed corpus in {seeds.relative_to(TOP)}"
    return f"fuzz.{target.name}", problem


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="+", choices=["style", "unit", "e2e", "fuzz"])
    parser.add_argument("--build", default="build")
    parser.add_argument("--names", nargs="*", default=[])
    parser.add_argument("--unit-seconds", type=int, default=UNIT_SECONDS_MAX, help="at most, for one binary")
    parser.add_argument("--fuzz-seconds", type=int, default=8)
    parser.add_argument("--started", type=float, default=time.time())
    options = parser.parse_args()
    tally = Tally()
    options.fuzz_build = None
    builder = concurrent.futures.ThreadPoolExecutor(1)
    for suite in options.suites:
        if suite in ("unit", "e2e") and "fuzz" in options.suites and not options.fuzz_build:
            options.fuzz_build = builder.submit(build_fuzz)
        began = time.time()
        before = tally.passed
        try:
            {"style": style, "unit": unit, "e2e": e2e, "fuzz": fuzz}[suite](tally, options)
        except Exception as problem:  # a suite that cannot run is a failure, not a crash without a count
            tally.add(suite, f"{type(problem).__name__}: {problem}")
        print(f"{suite}: {tally.passed - before} passed in {time.time() - began:.0f} s", flush=True)
    for reason in tally.skipped:
        print(f"skipped {reason}")
    if len(tally.failures) > 1:
        print("failed:", *(name for name, _ in tally.failures), sep="\n  ")
    seconds = time.time() - options.started
    spent = f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
    skipped = f", {len(tally.skipped)} skipped" if tally.skipped else ""
    print(f"{tally.passed} tests passed, {len(tally.failures)} failed{skipped} in {spent}")
    return 1 if tally.failures or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
