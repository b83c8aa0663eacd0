# SPDX-License-Identifier: Apache-2.0
"""A short run of the rig, fifty kills among it; `./dev prove` runs it at length."""

import random
import types

import verdict
from faults import FAULTS
from harness import Failure, expect, scenario
from lake import FileReader, Folder
from pairs import PAIRS, PostgresSource
from rig import Lane, deck
from servers import wait_for
from watchers import TargetReader
from workloads import WORKLOADS, Table, Writer

KILLS = 25


def prove(bench, pair):
    """Kills of the task, and among them each other fault twice."""
    seed = random.SystemRandom().randrange(1 << 31)
    faults = deck(PAIRS[pair], [name for name in FAULTS if name != "task-kill"], 2, random.Random(seed))
    faults += [FAULTS["task-kill"]] * KILLS
    random.Random(seed).shuffle(faults)
    tally = Lane(bench.servers, bench.binary, PAIRS[pair], faults, seed).play()
    report = verdict.text([tally], seed)
    print(report)
    expect(verdict.holds_all([tally]), report)


def finds(what, look):
    """The look must end with a failure that says so."""
    try:
        look()
    except Failure as failure:
        expect(what in str(failure), f"not {what!r} but {failure}")
        return
    raise Failure(f"nobody noticed: {what}")


@scenario("prove.readers_can_see")
def readers_can_see(bench):
    """Each question to a target has its answer while all is well, and notices one row that is not as it was."""
    database, chance = bench.source(), random.Random(7)
    workloads = [kind() for kind in WORKLOADS]
    database.execute("".join(workload.schema for workload in workloads))
    source = types.SimpleNamespace(database=database, end_prepared=PostgresSource.end_prepared)
    writers = [Writer(source, workload, chance, 0) for workload in workloads]
    wait_for("some work", lambda: min(writer.changes for writer in writers) > 2000, 60)
    for writer in writers:
        writer.stop()
        expect(not writer.failed, writer.failed)
    database.execute("CREATE TABLE public.millrace_position (position_log numeric); INSERT INTO public.millrace_position VALUES (5)")
    reader = TargetReader(database, [workload.question for workload in workloads if workload.question])
    reader.stop()
    reader.look()
    for what, harm in (("money made", "UPDATE bank.accounts SET balance = balance + 1 WHERE id = 7"),
                       ("moves without a note", "DELETE FROM bank.notes WHERE move = (SELECT max(move) FROM bank.notes)"),
                       ("accounts that disagree", "UPDATE bank.moves SET amount = amount + 1 WHERE id = (SELECT max(id) FROM bank.moves)"),
                       ("orders unlike", "UPDATE shop.orders SET total = total + 1 WHERE id = (SELECT max(id) FROM shop.orders)"),
                       ("products unlike", "UPDATE shop.products SET stock = stock + 1 WHERE id = 3"),
                       ("orders nobody placed", "UPDATE shop.customers SET orders = orders + 1 WHERE id = 3"),
                       ("position went back", "UPDATE public.millrace_position SET position_log = 4")):
        reader.do(f"BEGIN; {harm}")
        finds(what, reader.look)
        reader.do("ROLLBACK")
    reader.look()
    reader.disconnect()


@scenario("prove.file_reader_can_see")
def file_reader_can_see(bench):
    """Rows that come twice or out of order, a name that does not grow, a file that changes, a row too few: all noticed."""
    table, folder = Table("s", "t", version=1), bench.folder / "files"
    beats = folder / "pulse/beats"
    place = folder / "s/t"
    place.mkdir(parents=True), beats.mkdir(parents=True)
    (beats / "LOAD00000001.csv").write_text("I,1,0\n")

    def read(**files):
        for old in place.iterdir():
            old.unlink()
        for name, text in files.items():
            (place / f"{name}.csv").write_text(text)
        reader = FileReader(Folder(folder), "csv", [table], types.SimpleNamespace(lag=lambda seen: 0), 60)
        reader.look()
        return reader

    good = {"LOAD1": "I,a,0\n", "f1": "U,a,1\nI,b,0\n", "f2": "U,a,2\nD,b,0\n"}
    reader = read(**good)
    reader.finish()
    reader.rebuilt(table).compare([("a", "2")])
    finds("only at the source", lambda: reader.rebuilt(table).compare([("a", "2"), ("c", "1")]))
    for what, files in (("which is there", {"f3": "I,a,3\n"}), ("which is not there", {"f3": "U,b,3\n"}),
                        ("version of", {"f3": "U,a,4\n"}), ("version of", {"f3": "U,a,2\n"})):
        finds(what, lambda files=files: read(**good, **files))
    (place / "f0.csv").write_text("I,z,0\n")
    finds("came after a larger one", reader.look)
    reader = read(**good)
    (place / "f2.csv").write_text(good["f2"] + "I,b,0\n")
    finds("its size later", reader.finish)


@scenario("prove.postgres_to_postgres", takes_long=True)
def postgres(bench):
    """The three workloads into PostgreSQL under 25 kills of the task and every other fault."""
    prove(bench, "postgres-to-postgres")


@scenario("prove.postgres_to_csv", takes_long=True)
def csv(bench):
    """The same into CSV files."""
    prove(bench, "postgres-to-csv")
