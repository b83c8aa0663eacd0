#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""main.py [--pair A-to-B] [--fault NAME] [--kills N | --runs N] [--minutes M] [--seed S] [--list] [--json FILE]

Proves the real program: real servers and processes on loopback, three workloads at once, and faults from a table, one
after another, while readers look at the target all the time. In the end of each round both sides must be equal.

  --kills N    N kills of the task in all, spread over the pairs; without --kills and --runs: 1000
  --runs N     each fault N times for each pair
  --pair, --fault   only these (repeatable; a pair named twice is played by two at a time); --list names them
  --minutes M  no new fault after so long; what was begun is brought to its end
  --seed S     the same faults in the same order (the moments are those of this machine)
  --json FILE  the report as JSON, written again after each round

The pairs run side by side. Prints the report and ends with 1 when a contradiction was found or a bar was missed. What a
failed round leaves is kept, and the report says where."""

import argparse
import datetime
import json
import os
import pathlib
import random
import signal
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import harness  # noqa: E402
import verdict  # noqa: E402
from faults import FAULTS, applies  # noqa: E402
from pairs import PAIRS  # noqa: E402
from rig import Lane, Tally, deck  # noqa: E402

KILLS = 1000


def parsed():
    parser = argparse.ArgumentParser(prog="dev prove", description=__doc__.partition("\n\n")[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", action="append", choices=PAIRS, default=[])
    parser.add_argument("--fault", action="append", choices=FAULTS, default=[])
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--kills", type=int)
    amount.add_argument("--runs", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if options.fault and not options.runs:
        parser.error("--fault goes with --runs")
    return options


def listing():
    rows = [("fault", "what", *PAIRS)]
    for fault in FAULTS.values():
        rows.append((fault.name, fault.what, *("x" if applies(fault, pair) else "-" for pair in PAIRS.values())))
    return verdict.aligned(rows)


def decks(options):
    """The faults of each chosen pair."""
    pairs = [PAIRS[name] for name in options.pair] or [pair for pair in PAIRS.values() if pair.by_default]
    if options.runs:
        whole = {pair: deck(pair, options.fault, options.runs, random.Random(f"{options.seed} {pair.name}")) for pair in pairs}
        return [(pair, whole[pair][pairs[:at].count(pair)::pairs.count(pair)]) for at, pair in enumerate(pairs)]
    kills = KILLS if options.kills is None else options.kills
    share = [kills // len(pairs) + (at < kills % len(pairs)) for at in range(len(pairs))]
    return [(pair, [FAULTS["task-kill"]] * number) for pair, number in zip(pairs, share)]


def merged(lanes):
    """One tally a pair."""
    tallies = {}
    for lane in lanes:
        tallies.setdefault(lane.pair.name, Tally(lane.pair.name)).add(lane.tally)
    return list(tallies.values())


def play(lanes, stopping):
    """All lanes to their end; on Ctrl-C they end early."""
    threads = [threading.Thread(target=lane.play, name=lane.name) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            try:
                thread.join(0.5)
            except KeyboardInterrupt:
                stopping.set()


def main():
    options = parsed()
    if options.list:
        print(listing())
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has us ignore Ctrl-C, and our processes with us
        signal.signal(number, signal.default_int_handler)
    binary = os.environ.get("MILLRACE_BINARY", harness.TOP / "build/millrace")
    began = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    stopping, writing = threading.Event(), threading.Lock()
    servers = harness.Servers()
    lanes = []

    def on_round():
        with writing:
            tallies = merged(lanes)
            if options.json:
                part = options.json.with_suffix(".part")
                part.write_text(json.dumps(verdict.document(tallies, options.seed, began), indent=1))
                part.rename(options.json)
            done = ", ".join(f"{t.pair} {sum(count.runs for count in t.faults.values())} faults" for t in tallies)
            print(f"  {done}" + (", FAILURES" if any(t.failures for t in tallies) else ""), flush=True)

    try:
        for number, (pair, faults) in enumerate(decks(options)):
            lanes.append(Lane(servers, binary, pair, faults, options.seed, f"prove-{number}-{pair.name}", stopping,
                              options.minutes * 60 if options.minutes else None, on_round))
        play(lanes, stopping)
    finally:
        servers.close()
    tallies = merged(lanes)
    print(verdict.text(tallies, options.seed))
    return 130 if stopping.is_set() else 0 if verdict.holds_all(tallies) else 1


if __name__ == "__main__":
    sys.exit(main())
