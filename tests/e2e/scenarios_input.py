# SPDX-License-Identifier: Apache-2.0
"""Bad input: exit code 2 or a failed task, one clear message, both sides as they were."""

import json
import pathlib
import threading

from harness import expect, expect_equal, expect_same, scenario, select, transform
from servers import free_port, wait_for


def simple(bench):
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    return source, target, bench.task(source, target)


def expect_untouched(source, target):
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")
    expect_same(source.one("SELECT count(*) FROM pg_publication"), 0, "publications")
    expect_same(target.one("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE "
                           "relkind = 'r' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"), 0, "tables")


def refused(bench, change, *words):
    """`change` spoils a good document; the run must end with 2, say `words`, and touch nothing."""
    source, target, task = simple(bench)
    change(task.document)
    for verb in ("check", "run"):
        output = task.call("check", code=2) if verb == "check" else task.run(code=2)
        for word in words:
            expect(word in output, f"{verb} does not mention {word!r}:\n{output}")
        expect(len(output) < 4000, f"{verb}: {len(output)} characters are not one clear message")
    expect_untouched(source, target)


@scenario("input.unknown_member")
def unknown_member(bench):
    """A member nobody knows is refused with its path."""
    refused(bench, lambda document: document["task"].update(MigrationTpye="x"), "MigrationTpye")


@scenario("input.unknown_setting")
def unknown_setting(bench):
    """So is one deep in the settings."""
    refused(bench, lambda document: document["task"].update(
        ReplicationTaskSettings={"FullLoadSettings": {"MaxFullLoadSubTaskz": 4}}), "MaxFullLoadSubTaskz")


@scenario("input.bad_value")
def bad_value(bench):
    """A value outside its range is refused by name."""
    refused(bench, lambda document: document["task"].update(
        ReplicationTaskSettings={"FullLoadSettings": {"MaxFullLoadSubTasks": 5000}}), "MaxFullLoadSubTasks")


@scenario("input.unknown_engine")
def unknown_engine(bench):
    """An engine that is not there is refused by name."""
    refused(bench, lambda document: document["source"].update(EngineName="oracle"), "oracle")


@scenario("input.unknown_rule")
def unknown_rule(bench):
    """A rule target that this engine does not have is refused by name."""
    refused(bench, lambda document: document["task"]["TableMappings"]["rules"].append(
        {**transform("table-tablespace", "rename", table="t", value="x"), "rule-id": "77", "rule-name": "77"}),
        "tablespace")


@scenario("input.malformed_json")
def malformed_json(bench):
    """Broken JSON is refused with line and column."""
    source, target, task = simple(bench)
    good = json.dumps(task.document)
    for text, word in (("", "JSON"), (good[:-2], "line"), ("[1]", "object"), (good + "x", "line")):
        task.write = lambda text=text: task.file.write_text(text) and task.file or task.file
        output = task.run(code=2)
        expect(word.lower() in output.lower(), f"{text[-20:]!r}: the message does not say {word!r}:\n{output}")
    expect_untouched(source, target)


@scenario("input.settings_as_text")
def settings_as_text(bench):
    """TableMappings and ReplicationTaskSettings may be the API's JSON strings."""
    source, target, task = simple(bench)
    for member in ("TableMappings", "ReplicationTaskSettings"):
        task.document["task"][member] = json.dumps(task.document["task"][member])
    task.catch_up()
    expect_same(target.execute("SELECT * FROM t"), [(1, "x")], "rows")


@scenario("input.wrong_password")
def wrong_password(bench):
    """A server that refuses us is named; nothing is retried for hours."""
    source, target, task = simple(bench)
    task.document["source"]["Username"] = "nobody_here"
    output = task.call("check", code=None)
    expect("nobody_here" in output, f"the role is not named:\n{output}")
    expect(task.run(code=None, seconds=90) is not None, "")
    expect_untouched(source, target)


@scenario("input.unreachable_source")
def unreachable_source(bench):
    """A server that is not there is named with host and port."""
    source, target, task = simple(bench)
    port = free_port()
    task.document["source"]["Port"] = port
    output = task.call("check", code=None)
    expect(str(port) in output and "127.0.0.1" in output, f"host and port are not named:\n{output}")
    expect_untouched(source, target)


@scenario("input.wal_level_replica")
def wal_level_replica(bench):
    """A source that does not log logically is refused with the statement that changes it."""
    server = bench.own_postgres("replica", settings=["wal_level = replica"])
    source, target = bench.source(server), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = bench.task(source, target)
    output = task.run(code=2)
    expect("wal_level" in output and "logical" in output, f"wal_level is not named:\n{output}")
    source.close()


@scenario("input.missing_privilege")
def missing_privilege(bench):
    """check prints the exact GRANT."""
    source, target, task = simple(bench)
    source.execute(f'CREATE ROLE "{source.name}_poor" LOGIN')
    task.document["source"]["Username"] = f"{source.name}_poor"
    output = task.call("check", code=2)
    expect("GRANT" in output or "ALTER ROLE" in output, f"no remedy in SQL:\n{output}")
    task.run(code=2)
    expect_untouched(source, target)
    source.execute(f'DROP ROLE "{source.name}_poor"')


@scenario("input.no_table_selected")
def no_table_selected(bench):
    """A mapping that selects nothing is refused."""
    refused(bench, lambda document: document["task"]["TableMappings"].update(
        rules=[{**select(table="nothing_like_this"), "rule-id": "1", "rule-name": "1"}]), "no_tables")


@scenario("input.target_of_another_shape")
def target_of_another_shape(bench):
    """DO_NOTHING over a table of another shape fails before a row is written."""
    source, target, task = simple(bench)
    target.execute("CREATE TABLE t (id int PRIMARY KEY, other int); INSERT INTO t VALUES (5, 5)")
    task.document["task"]["ReplicationTaskSettings"] = {"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}}
    output = task.run(code=None, seconds=90)
    expect_same(target.execute("SELECT * FROM t"), [(5, 5)], "the target's rows")
    expect("t" in output, output)


@scenario("input.folder_that_cannot_be_written")
def folder_that_cannot_be_written(bench):
    """A lake folder that is not there is named."""
    source = bench.source()
    source.execute("CREATE TABLE t (id int PRIMARY KEY)")
    _, lake = bench.lake()
    lake["MillraceUrl"] = "file:///proc/nowhere/lake"
    output = bench.task(source, lake).run(code=2)
    expect("/proc/nowhere/lake" in output, f"the folder is not named:\n{output}")
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")


@scenario("input.contradicting_file_settings")
def contradicting_file_settings(bench):
    """Two settings that exclude each other are refused by name."""
    source = bench.source()
    source.execute("CREATE TABLE t (id int PRIMARY KEY)")
    _, lake = bench.lake(CdcInsertsOnly=True, CdcInsertsAndUpdates=True)
    output = bench.task(source, lake).run(code=2)
    expect("CdcInsertsOnly" in output and "CdcInsertsAndUpdates" in output, output)


@scenario("input.second_process")
def second_process(bench):
    """A second process on the same data folder is refused while the first lives, and may start after its death."""
    source, target, task = simple(bench)
    run = task.start()
    run.wait_until("the row", lambda: target.one("SELECT to_regclass('t')") and target.one("SELECT count(*) FROM t") == 1)
    output = task.run(code=2, seconds=20)
    expect("lock" in output.lower() or "running" in output.lower() or "process" in output.lower(), output)
    run.kill()
    task.catch_up()


def blocks_interrupt(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigBlk:"):
            return int(line.split()[1], 16) & 2 != 0
    return False


@scenario("input.interrupted_at_once")
def interrupted_at_once(bench):
    """Ctrl-C at any moment after the loader's is an orderly one: exit code 130, and the next run goes on."""
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)")
    task = bench.task(source, target)
    for pause in (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
        run = task.start()
        wait_for("the program's first instruction", lambda run=run: blocks_interrupt(run.process.pid), 20)
        threading.Event().wait(pause)
        run.interrupt(10)
    task.catch_up()
    expect_equal(source, target, ["t"])


@scenario("input.newer_state")
def newer_state(bench):
    """A data folder written by a newer version is refused and left as it is."""
    import sqlite3
    source, target, task = simple(bench)
    task.catch_up()
    files = [path for path in task.data.rglob("*") if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]
    expect_same(len(files), 1, "state files")
    with sqlite3.connect(files[0]) as state:
        version = state.execute("PRAGMA user_version").fetchone()[0]
        expect(version > 0, "the state carries no version")
        state.execute(f"PRAGMA user_version = {version + 1000}")
    state.close()
    task.run(code=2)


@scenario("input.help")
def help_is_complete(bench):
    """Each command explains itself."""
    import subprocess
    whole = subprocess.run([bench.binary, "--help"], capture_output=True, text=True, check=True).stdout
    for command in ("run", "check", "status", "validate", "drop"):
        expect(command in whole, f"--help does not list {command}")
        text = subprocess.run([bench.binary, command, "--help"], capture_output=True, text=True, check=True).stdout
        expect("--data-dir" in text, f"{command} --help does not explain --data-dir")
