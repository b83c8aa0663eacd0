# SPDX-License-Identifier: Apache-2.0
"""Connections through a proxy that cuts, holds and slows them, to either side, while the task loads and streams."""

import random
import threading

from harness import expect, expect_equal, scenario
from proxy import Proxy
from scenarios_kills import ROWS, SCHEMA, Churn


def cuts(bench, side):
    source, target = bench.source(), bench.target()
    source.execute(SCHEMA.format(rows=ROWS))
    task = bench.task(source, target, settings={"ErrorBehavior": {"RecoverableErrorInterval": 1}})
    task.document["source"]["MillraceChunkMB"] = 1
    proxy = Proxy(bench, source.server.port)
    task.document[side]["Port"] = proxy.port
    chance = random.Random(17)
    churn = Churn(source)
    run = task.start()
    try:
        for number in range(25):
            threading.Event().wait(chance.uniform(0.05, 0.8))
            what = ("cut", "rule", "refuse", "hold")[number % 4]
            if what == "rule":
                proxy.do("rule", kind="cut", bytes=chance.randint(100, 3_000_000), **{"from": "server"})
                proxy.do("cut")
            else:
                proxy.do(what)
            if what in ("refuse", "hold"):
                threading.Event().wait(0.4)
                proxy.do("clear")
            expect(run.running(), run.text()[-3000:])
        proxy.do("clear")
    finally:
        churn.stop()
    mark = "SELECT count(*) FROM a WHERE id = -1"
    source.execute("INSERT INTO a VALUES (-1, 0, 'mark')")
    run.wait_until("the mark", lambda: target.one("SELECT to_regclass('public.a')") and target.one(mark) == 1, 120)
    run.kill()
    task.catch_up()
    expect_equal(source, target, ["a", "b"])


@scenario("cuts.source")
def source_side(bench):
    """Every way to the source breaks, 25 times."""
    cuts(bench, "source")


@scenario("cuts.target")
def target_side(bench):
    """Every way to the target breaks, 25 times."""
    cuts(bench, "target")
