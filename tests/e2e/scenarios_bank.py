# SPDX-License-Identifier: Apache-2.0
"""The bank with kills, as short as CI allows; `./dev prove` runs it at length."""

from bank import run_bank
from harness import scenario


@scenario("bank.postgres_25_kills")
def postgres(bench):
    """Money moves while the task is killed: no reader sees half a transaction, both sides end equal."""
    print(run_bank(bench, "postgres-postgres", 25))


@scenario("bank.files_25_kills")
def files(bench):
    """The same into files: every version of every account once, in order."""
    print(run_bank(bench, "postgres-files", 25))
