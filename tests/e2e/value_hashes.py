#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""value_hashes.py FOLDER: prints {id: SHA-256 of v} of the CSV or Parquet files of a table as JSON. CSV lines end with
id,v, the value in hexadecimal digits. A process of its own: readers hold much of values of 300 MB, and it ends with
them."""

import binascii
import hashlib
import json
import mmap
import pathlib
import sys

PIECE_DIGITS = 64 << 10  # larger ones are given back to the system, and asked of it again, one by one


def of_csv(path):
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        start = 0
        while start < len(text):
            end = text.find(b"\n", start)
            comma = text.rfind(b",", start, end)
            digest = hashlib.sha256()
            for at in range(comma + 1, end, PIECE_DIGITS):
                digest.update(binascii.unhexlify(text[at:min(at + PIECE_DIGITS, end)]))
            yield int(text[start:comma].rpartition(b",")[2]), digest.hexdigest()
            start = end + 1


def of_parquet(path):
    import pyarrow.parquet
    rows = pyarrow.parquet.read_table(path, columns=["id", "v"])
    for key, value in zip(rows.column("id").to_pylist(), rows.column("v")):
        yield key, hashlib.sha256(value.as_buffer()).hexdigest()


def main():
    found = {}
    for path in pathlib.Path(sys.argv[1]).iterdir():
        if path.name.startswith(".") or path.stat().st_size == 0:
            continue
        for key, digest in (of_parquet if path.suffix == ".parquet" else of_csv)(path):
            if key in found:
                raise SystemExit(f"{path}: {key} is there twice")
            found[key] = digest
    print(json.dumps(found))


if __name__ == "__main__":
    main()
