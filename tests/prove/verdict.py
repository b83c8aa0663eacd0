# SPDX-License-Identifier: Apache-2.0
"""The report of a proof: what was done and seen, as a table and as JSON, and the bars it is judged by."""

import math
import statistics

from faults import FAULTS
from rig import RETAINED_MAX

RESTART_SECONDS_MAX = 5.0  # p99, from the task's own restart until changes stream
MEMORY_MAX = 256 << 20
MIB = 1 << 20


def p99(values):
    """The nearest-rank percentile."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def judge(tallies):
    """[(pair, what, value, limit, holds)]; a pair that was not run to a figure is not judged by it."""
    bars = []
    for tally in tallies:
        restarts = [second for name, count in tally.faults.items() if FAULTS[name].restarts for second in count.seconds]
        if restarts:
            value = p99(restarts)
            bars.append((tally.pair, "stream after restart, p99, s", round(value, 2), RESTART_SECONDS_MAX, value <= RESTART_SECONDS_MAX))
        if tally.memory_max:
            bars.append((tally.pair, "peak memory of the task, MiB", round(tally.memory_max / MIB), MEMORY_MAX // MIB,
                         tally.memory_max <= MEMORY_MAX))
        if tally.retained_max:
            bars.append((tally.pair, "log retained at the source, MiB", round(tally.retained_max / MIB, 1), RETAINED_MAX // MIB,
                         tally.retained_max <= RETAINED_MAX))
    return bars


def aligned(rows):
    """Columns that line up: the first ones to the left, numbers to the right."""
    widths = [max(len(str(row[at])) for row in rows) for at in range(len(rows[0]))]
    return "\n".join("  ".join(str(cell).ljust(width) if at < 2 else str(cell).rjust(width)
                               for at, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def seconds(value):
    return f"{value:.2f}"


def faults_table(tallies):
    rows = [("pair", "fault", "runs", "awaited", "p50 s", "p99 s", "max s")]
    for tally in tallies:
        for name in FAULTS:
            if name not in tally.faults:
                continue
            count = tally.faults[name]
            times = count.seconds
            rows.append((tally.pair, name, count.runs, len(times), *([seconds(statistics.median(times)), seconds(p99(times)),
                                                                      seconds(max(times))] if times else ["-"] * 3)))
    return aligned(rows)


def pairs_table(tallies):
    rows = [("pair", "rounds", "faults", "changes", "looks", "lag s", "memory MiB", "log MiB", "relay MiB", "minutes")]
    for tally in tallies:
        rows.append((tally.pair, tally.rounds, sum(count.runs for count in tally.faults.values()), f"{tally.changes:,}", tally.looks,
                     seconds(tally.lag_max), f"{tally.memory_max / MIB:.0f}", f"{tally.retained_max / MIB:.1f}",
                     f"{tally.relay_max / MIB:.1f}", f"{tally.seconds / 60:.1f}"))
    return aligned(rows)


def text(tallies, seed):
    parts = [f"seed {seed}; seconds: until changes stream again after a fault that was awaited\n", faults_table(tallies), "",
             "lag, peak memory of the task, log retained at the source and relay: the largest seen; looks: of readers at the target\n",
             pairs_table(tallies), ""]
    for pair, what, value, limit, holds in judge(tallies):
        parts.append(f"{'ok    ' if holds else 'MISSED'}  {pair}: {what}: {value}, at most {limit}")
    for tally in tallies:
        parts += [f"\nFAILED  {tally.pair}: {failure}" for failure in tally.failures]
    good = holds_all(tallies)
    parts.append("\nverdict: " + ("equal on both sides, nothing lost, nothing doubled, no reader saw a state the source never had"
                                  if good else "this does not hold"))
    return "\n".join(parts)


def holds_all(tallies):
    return not any(tally.failures for tally in tallies) and all(bar[-1] for bar in judge(tallies))


def document(tallies, seed, began):
    """What --json writes."""
    pairs = {}
    for tally in tallies:
        pairs[tally.pair] = {
            "rounds": tally.rounds, "changes": tally.changes, "looks": tally.looks, "seconds": round(tally.seconds, 1),
            "lag_max_seconds": round(tally.lag_max, 3), "memory_max_bytes": tally.memory_max,
            "retained_max_bytes": int(tally.retained_max), "relay_max_bytes": tally.relay_max, "failures": tally.failures,
            "faults": {name: {"runs": count.runs, "seconds": [round(value, 3) for value in count.seconds]}
                       for name, count in tally.faults.items()}}
    return {"began": began, "seed": seed, "holds": holds_all(tallies), "pairs": pairs,
            "bars": [dict(zip(("pair", "what", "value", "limit", "holds"), bar)) for bar in judge(tallies)]}
