# SPDX-License-Identifier: Apache-2.0
"""The table of faults. Each is a function of the world that does its harm, ends it, and returns; FAULTS is the table.

`needs` says what a pair must have for it: "source server", "target server", "source wire", "target wire", or nothing.
`restarts`: the task itself starts again, and how long until it streams is judged. `stops`: words of the one error with
which the task may end by itself meanwhile. `loading`: may also hit a task that still loads. A fault may return a
condition that must hold, beside the stream, before the fault counts as overcome."""

import dataclasses
import signal
from typing import Callable

from workloads import Table


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    what: str
    inject: Callable
    needs: str = ""
    restarts: bool = False
    stops: str = ""
    loading: bool = True


def applies(fault, pair):
    side, _, part = fault.needs.partition(" ")
    return not fault.needs or part in getattr(pair, side).offers


# ---- the task

def kill_task(world):
    world.kill()
    world.start()


def pause_task(world):
    process = world.run.process
    process.send_signal(signal.SIGSTOP)
    try:
        world.pause(0.1, 0.7)
    finally:
        process.send_signal(signal.SIGCONT)


def kill_task_in_ddl(world):
    alter(world)
    world.pause(0, 0.12)
    world.kill()
    world.start()


def reload_table(world):
    """Somebody stops the task, by Ctrl-C or worse, and has a table loaded again."""
    if world.chance.random() < 0.5:
        world.interrupt()
    else:
        world.kill()
    world.start("--reload-table", "odd.reloaded")
    return lambda: world.task.statistics()["odd.reloaded"]["TableState"] == "Table completed"


# ---- servers

def kill_server(side):
    def inject(world):
        server = getattr(world, side).server
        server.kill()
        try:
            world.pause(0, 0.3)
        finally:
            server.start()
    return inject


def stop_server(side):
    def inject(world):
        server = getattr(world, side).server
        server.stop(world.chance.choice(["immediate", "immediate", "fast"]))
        try:
            world.pause(0, 0.3)
        finally:
            server.start()
    return inject


def pause_server(side):
    def inject(world):
        server = getattr(world, side).server
        server.pause()
        try:
            world.pause(0.1, 0.7)
        finally:
            server.resume()
    return inject


# ---- connections

def through(harm):
    """A fault of the way to one side: `harm` is done, and in the end all passes again."""
    def of(side):
        def inject(world):
            proxy = getattr(world, side).proxy
            try:
                harm(world, proxy)
            finally:
                proxy.do("clear")
        return inject
    return of


def cut(world, proxy):
    """All connections at once; or new ones after some bytes; or nobody is let in for a while."""
    kind = world.chance.choice(["once", "later", "refuse"])
    if kind == "later":
        for _ in range(world.chance.randint(1, 3)):
            proxy.do("rule", kind="cut", bytes=world.chance.randint(10, 200_000), **{"from": world.chance.choice(["server", "client"])})
    proxy.do("refuse" if kind == "refuse" else "cut")
    if kind != "once":
        world.pause(0.1, 0.5)


def slow(world, proxy):
    if world.chance.random() < 0.5:
        proxy.do("rate", bytes=world.chance.randint(20_000, 200_000))
    else:
        proxy.do("late", seconds=world.chance.uniform(0.02, 0.15))
    world.pause(0.3, 0.7)


def half_open(world, proxy):
    """Bytes vanish, of open connections and new ones; in the end somebody on the way notices and resets them."""
    if world.chance.random() < 0.3:
        proxy.do("rule", kind="half_open", times=3)
        proxy.do("cut")
    else:
        proxy.do("hold")
    world.pause(0.2, 0.7)
    proxy.do("cut")
    proxy.do("clear")
    proxy.do("cut")  # a connection made meanwhile would wait for an answer until its own timeout


# ---- the disk, tables

def fill_disk(world):
    with world.disk.full(world.run):
        world.pause(0.3, 1.0)


def alter(world):
    """A column comes; where the target follows it, one goes or changes its name for a moment."""
    number = world.count("columns")
    column = f"c{number}"
    steps = [f"ALTER TABLE odd.grows ADD COLUMN {column} {world.chance.choice(['int', 'text', 'numeric(10,2)'])}",
             f"UPDATE odd.grows SET {column} = {number} WHERE id % 7 = 3"]
    if world.target.follows_dropped_columns:
        steps.append(world.chance.choice([
            world.source.drop_column(max(number - 3, 0)),
            f"ALTER TABLE odd.grows RENAME COLUMN {column} TO other; UPDATE odd.grows SET other = NULL WHERE id < 50; "
            f"ALTER TABLE odd.grows RENAME COLUMN other TO {column}"]))
    world.change(*(["; ".join(steps)] if world.chance.random() < 0.5 else steps))


def add_column(world):
    alter(world)


def add_table(world):
    """A table with rows, then changes of it; the one before the last goes."""
    number = world.count("tables")
    table, last = Table("odd", f"late {number}"), Table("odd", f"late {number - 2}")
    name = world.source.named(table)
    world.change(world.source.late_table(name)
                 + (world.source.full_rows_of(table) if world.target.wants_old_rows else ""))
    world.added.append(table)
    world.change(*(f"UPDATE {name} SET v = 'u{step}' WHERE id % 5 = {step}; INSERT INTO {name} VALUES ({1000 + step}, 'new'); "
                   f"DELETE FROM {name} WHERE id = {step + 7}" for step in range(5)))
    if last in world.added:
        world.added.remove(last)
        world.change(f"DROP TABLE {world.source.named(last)}")
    return lambda: world.target.shows(table)


FAULTS = {fault.name: fault for fault in [
    Fault("task-kill", "kill -9 of the task", kill_task, restarts=True),
    Fault("task-pause", "the task's process stands still for a while", pause_task),
    Fault("task-kill-in-ddl", "a column comes, and the task is killed while it follows", kill_task_in_ddl, restarts=True, loading=False),
    Fault("source-kill", "kill -9 of all of the source's processes", kill_server("source"), "source server"),
    Fault("source-stop", "the source is stopped, mostly `immediate`, and starts again", stop_server("source"), "source server"),
    Fault("source-pause", "the source's processes stand still for a while", pause_server("source"), "source server"),
    Fault("source-cut", "connections to the source are reset", through(cut)("source"), "source wire"),
    Fault("source-slow", "connections to the source are throttled or late", through(slow)("source"), "source wire"),
    Fault("source-half-open", "bytes from and to the source vanish, then a reset", through(half_open)("source"), "source wire"),
    Fault("target-kill", "kill -9 of all of the target's processes", kill_server("target"), "target server"),
    Fault("target-stop", "the target is stopped, mostly `immediate`, and starts again", stop_server("target"), "target server"),
    Fault("target-pause", "the target's processes stand still for a while", pause_server("target"), "target server"),
    Fault("target-cut", "connections to the target are reset", through(cut)("target"), "target wire"),
    Fault("target-slow", "connections to the target are throttled or late", through(slow)("target"), "target wire"),
    Fault("target-half-open", "bytes from and to the target vanish, then a reset", through(half_open)("target"), "target wire"),
    Fault("disk-full", "the disk of the data folder is full for a while", fill_disk, restarts=True, stops="disk|space|full"),
    Fault("table-added", "a table is made, filled and changed; an older one is dropped", add_table, loading=False),
    Fault("table-reloaded", "the task is stopped and loads a table again while it streams", reload_table, restarts=True, loading=False),
    Fault("column-added", "columns come, and go where the target follows", add_column, loading=False),
]}
