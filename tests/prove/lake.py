# SPDX-License-Identifier: Apache-2.0
"""Files as a target, judged from outside: every visible file is read once by pyarrow, as soon as it is there.

Rebuilt holds a table's rows as its files so far make them and fails on a change that cannot be: a key inserted twice, an
update or delete of what is not there, a version that is not the next one. FileReader finds new files, checks that names
only grow and that no file is half there (it can be read, and never changes again), and rebuilds table by table."""

import collections
import os
import pathlib

import pyarrow.parquet

from harness import Failure, expect, expect_same, read_csv
from watchers import PULSE, Watcher

NULL = "<null>"


def rows_of(path, form):
    """(Op, cells as text) of one file."""
    if form == "csv":
        return [(row[0], tuple(row[1:])) for row in read_csv(path, NULL)]
    rows = pyarrow.parquet.read_table(path).to_pylist()
    return [(op, tuple(None if cell is None else str(cell) for cell in cells)) for op, *cells in (row.values() for row in rows)]


class Rebuilt:
    """One table's rows, change by change."""

    def __init__(self, table):
        self.table = table
        self.rows = {} if table.key else collections.Counter()

    def follow(self, file, op, cells):
        where = f"{self.table.text}, {file}"
        if not self.table.key:
            expect(op in ("I", "D"), f"{where}: {op} in a table without a key")
            expect(op == "I" or self.rows[cells] > 0, f"{where}: a D row for what is not there")
            self.rows[cells] += 1 if op == "I" else -1
            return
        key = cells[:self.table.key]
        before = self.rows.get(key)
        expect(op in ("I", "U", "D"), f"{where}: Op is {op!r}")
        expect((before is None) == (op == "I"), f"{where}: {op} of {key}, which is {'not ' if before is None else ''}there")
        if op == "U" and self.table.version >= 0:
            expect_same(int(cells[self.table.version]), int(before[self.table.version]) + 1, f"{where}: version of {key}")
        if op == "D":
            del self.rows[key]
        else:
            self.rows[key] = cells

    def compare(self, wanted):
        """`wanted`: all rows of the source as text. Columns that came later are NULL in what older files say."""
        width = max((len(row) for row in wanted), default=0)
        rows = self.rows.elements() if not self.table.key else self.rows.values()
        ours = collections.Counter(row + (None,) * (width - len(row)) for row in rows)
        theirs = collections.Counter(wanted)
        if ours != theirs:
            raise Failure(f"{self.table.text}: the files make {ours.total()} rows, the source has {theirs.total()}\n"
                          f"  only at the source: {str(list((theirs - ours).elements())[:5])[:1500]}\n"
                          f"  only in the files: {str(list((ours - theirs).elements())[:5])[:1500]}")


class Folder:
    """Where the files lie: a local folder. A store of another kind overrides all but `place`."""

    away = ()  # what is raised while the store cannot be reached

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def place(self, table):
        return pathlib.Path(table.schema, table.name.replace("%", "%25").replace("/", "%2F"))

    def refresh(self):
        """A look at all tables begins."""

    def names(self, table, now=False):
        """The table's files, as of refresh() or later; `now`: as of this call."""
        try:
            return [entry.name for entry in os.scandir(self.path / self.place(table)) if not entry.name.startswith(".")]
        except FileNotFoundError:
            return []

    def fetch(self, table, name):
        """A path where the file can be read."""
        return self.path / self.place(table) / name

    def size(self, table, name):
        return self.fetch(table, name).stat().st_size


class FileReader(Watcher):
    """Follows the tables that are never emptied, file by file; also the eye for the pulse."""

    def __init__(self, folder, form, tables, pulse, pause_seconds):
        super().__init__(pause_seconds)
        self.folder, self.form, self.pulse, self.away = folder, form, pulse, folder.away
        self.tables = {table: Rebuilt(table) for table in [PULSE, *tables] if not table.emptied}
        self.read = {table: {} for table in self.tables}  # name -> size
        self.seen, self.lag_max, self.looks = 0, 0.0, 0
        self.start()

    def look(self):
        self.folder.refresh()
        for table in self.tables:
            self.follow(table)
        self.looks += 1

    def follow(self, table):
        before = set(self.folder.names(table))
        read = self.read[table]
        if before <= read.keys():
            if table is PULSE:
                self.lag_max = max(self.lag_max, self.pulse.lag(self.seen))
            return
        # What is older than the newest of the first look was there before the second one began.
        last = max(map(order, before))
        names = sorted({name for name in self.folder.names(table, now=True) if order(name) <= last} - read.keys(), key=order)
        newest = max(map(order, read), default=None)
        for name in names:
            expect(newest is None or order(name) > newest, f"{table.text}: the name {name} came after a larger one")
            path = self.folder.fetch(table, name)
            for op, cells in rows_of(path, self.form):
                self.tables[table].follow(name, op, cells)
            read[name] = path.stat().st_size
        if table is PULSE:
            (row,) = self.tables[PULSE].rows.values()
            self.seen = int(row[1])
            self.lag_max = max(self.lag_max, self.pulse.lag(self.seen))

    def finish(self):
        """Reads what is left; every file must still be what it was when it was read."""
        self.stop()
        self.look()
        self.folder.refresh()
        for table, read in self.read.items():
            expect_same(sorted(self.folder.names(table)), sorted(read), f"{table.text}: files read and files there")
            for name, size in read.items():
                expect_same(self.folder.size(table, name), size, f"{table.text}/{name}: its size later")

    def rebuilt(self, table):
        """The table as its files make it; one that was emptied meanwhile is read now, from its first file on."""
        if table in self.tables:
            return self.tables[table]
        whole = Rebuilt(table)
        for name in sorted(self.folder.names(table), key=order):
            for op, cells in rows_of(self.folder.fetch(table, name), self.form):
                whole.follow(name, op, cells)
        return whole


def order(name):
    """Files of the load first, then by name."""
    return ("LOAD" not in name, name)
