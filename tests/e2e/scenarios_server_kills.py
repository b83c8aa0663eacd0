# SPDX-License-Identifier: Apache-2.0
"""The server is killed where a running task is being modified, and a program that tells secrets fails where a task starts:
what was acknowledged holds, the task runs once, nothing is lost or doubled."""

import json
import os
import pathlib
import signal
import sqlite3

from api_server import Migration
from harness import expect, expect_equal, expect_same, scenario
from scenarios_server import ORDERS, caught_up, started
from scenarios_server_secrets import ROLE, ByName, secret_of
from servers import wait_for

# Rows that come twice are seen here.
HISTORY = "; CREATE TABLE history (v text); ALTER TABLE history REPLICA IDENTITY FULL; INSERT INTO history VALUES ('first')"


def selecting(*tables):
    return json.dumps({"rules": [{"rule-type": "selection", "rule-id": str(n), "rule-name": str(n), "rule-action": "include",
                                  "object-locator": {"schema-name": "public", "table-name": table}}
                                 for n, table in enumerate(tables, 1)]})


def processes_of(server):
    """Processes that name a task's folder, also those that have not come to lock it."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(f"{server.data}/tasks/".encode()) for word in words):
            found.append(int(place.parent.name))
    return found


def has_pending(pid, number):
    words = pathlib.Path(f"/proc/{pid}/status").read_text().split()
    return any(int(words[words.index(name) + 1], 16) >> (number - 1) & 1 for name in ("SigPnd:", "ShdPnd:"))


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Modified:
    """A task that runs, modified again and again while its server dies."""

    def __init__(self, bench):
        source, target = bench.source(), bench.target()
        source.execute(ORDERS + HISTORY)
        self.one = Migration(*started(bench), source, target).define()
        self.server, self.tables, self.rows, self.rate = self.one.server, ["orders", "history"], 0, 10000
        self.more_tables()
        self.other_settings()
        self.one.start()
        self.one.wait_for("running")
        self.write()
        caught_up(source, target)

    def write(self):
        self.rows += 1
        self.one.source.execute(f"INSERT INTO history VALUES ('row {self.rows}'); UPDATE orders SET v = 'row {self.rows}' "
                                f"WHERE id % 7 = 0; DELETE FROM orders WHERE id = {self.rows}")

    def more_tables(self):
        """One more table is selected."""
        name = f"late_{len(self.tables)}"
        self.one.source.execute(f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} SELECT generate_series(1, 50)")
        self.tables.append(name)
        self.one.dms.modify_replication_task(ReplicationTaskArn=self.one.task, TableMappings=selecting(*self.tables))

    def other_settings(self):
        self.rate += 1
        self.one.dms.modify_replication_task(ReplicationTaskArn=self.one.task, ReplicationTaskSettings=json.dumps(
            {"FullLoadSettings": {"CommitRate": self.rate}}))

    def process(self):
        [pid] = wait_for("one process of the task", lambda: len(self.server.task_processes()) == 1 and self.server.task_processes(), 30)
        return pid

    def holds(self, before):
        """Another process runs, with what was asked for; both databases are the same."""
        wait_for("another process", lambda: self.server.task_processes() not in ([], [before]), 30)
        now = self.one.wait_for("running")
        rules = json.loads(now["TableMappings"])["rules"]
        expect_same([rule["object-locator"]["table-name"] for rule in rules], self.tables, "the mappings")
        expect_same(json.loads(now["ReplicationTaskSettings"])["FullLoadSettings"]["CommitRate"], self.rate, "the settings")
        self.write()
        caught_up(self.one.source, self.one.target)
        expect_equal(self.one.source, self.one.target, self.tables)
        wait_for("the tables", lambda: set(self.one.statistics()) == {f"public.{name}" for name in self.tables}, 20)
        expect_same(processes_of(self.server), [self.process()], "processes of the task")

    def failures(self):
        events = self.one.dms.describe_events(SourceType="replication-task")["Events"]
        return [event["Message"] for event in events if "failure" in event["EventCategories"]]

    def ending(self, change):
        """The process was told to end and has not: it stands still. The server is dead."""
        pid = self.process()
        os.kill(pid, signal.SIGSTOP)
        self.write()
        change()
        wait_for("the process to be told", lambda: has_pending(pid, signal.SIGTERM), 20)
        self.server.kill()
        return pid


@scenario("server.killed_while_a_task_is_modified")
def killed_while_modified(bench):
    """The server dies between its answer to a modification and each step that carries it out."""
    task = Modified(bench)
    server = task.server
    for change in (task.more_tables, task.other_settings):
        before = task.process()
        change()
        server.kill()
        task.write()
        server.start()
        task.holds(before)

        before = task.ending(change)  # the next server tells it, too
        server.start()
        wait_for("the next server to look", lambda: task.one.described()["Status"] == "running", 20)
        os.kill(before, signal.SIGCONT)
        task.holds(before)

        before = task.ending(change)  # nobody sees how it ends
        os.kill(before, signal.SIGCONT)
        wait_for("the process to end", lambda: is_gone(before), 30)
        task.write()
        server.start()
        task.holds(before)

        before = task.ending(change)  # the next run is recorded and has not begun
        os.kill(before, signal.SIGCONT)
        wait_for("the process to end", lambda: is_gone(before), 30)
        next_run_recorded(server)
        server.start()
        task.holds(before)

        before = task.ending(change)  # and one that does not end well
        os.kill(before, signal.SIGKILL)
        wait_for("the process to end", lambda: is_gone(before), 30)
        server.start()
        task.holds(before)
    expect_same(task.failures(), [], "failures that were told")
    task.one.stop()
    task.one.remove()


def next_run_recorded(server):
    """What a server commits before it starts the process anew."""
    with sqlite3.connect(server.data / "store.sqlite") as store:
        [(arn, text)] = store.execute("SELECT arn, \"inner\" FROM resources WHERE kind = 'task'").fetchall()
        inner = json.loads(text)
        inner.update(run=inner["run"] + 1, reloading=inner.pop("reload"), start="resume-processing")
        store.execute("UPDATE resources SET \"inner\" = ? WHERE arn = ?", [json.dumps(inner), arn])
    store.close()


PROGRAM = """#!/bin/sh
# Tells the secret, or does as the file says.
read -r mode < {folder}/mode
case $mode in
  fail) exit 3 ;;
  die) kill -KILL $$ ;;
  hang) echo $$ > {folder}/hanging; exec sleep 600 ;;
esac
exec cat "{folder}/$1"
"""


class Secrets:
    """Endpoints whose secrets a program tells, as it is told to."""

    def __init__(self, bench):
        self.source, self.target = bench.source(), bench.target()
        self.source.execute(ORDERS + HISTORY)
        self.folder = bench.folder / "secrets"
        (self.folder / "prod").mkdir(parents=True)
        (self.folder / "prod/source").write_text(secret_of(self.source, "postgres"))
        (self.folder / "prod/target").write_text(secret_of(self.target, "postgres"))
        program = self.folder / "program"
        program.write_text(PROGRAM.format(folder=self.folder))
        program.chmod(0o700)
        self.tell("secret")
        server, dms = started(bench, "--secrets", f"command:{program}")
        self.one = ByPlainName(server, dms, self.source, self.target).define()
        bench.closers.append(self.let_go)

    def tell(self, mode):
        self.hanging = self.folder / "hanging"
        self.hanging.unlink(missing_ok=True)
        (self.folder / "mode").write_text(mode + "\n")

    def wait_for_hanging(self):
        text = wait_for("the program to hang", lambda: self.hanging.exists() and self.hanging.read_text().strip(), 20)
        return int(text)

    def let_go(self):
        """Ends a program that hangs."""
        if self.hanging.exists() and self.hanging.read_text().strip():
            pid = int(self.hanging.read_text())
            if not is_gone(pid):
                os.kill(pid, signal.SIGKILL)

    def runs(self):
        self.one.wait_for("running")
        caught_up(self.source, self.target)
        expect_equal(self.source, self.target, ["orders", "history"])
        expect_same(len(processes_of(self.one.server)), 1, "processes of the task")

    def write(self):
        self.source.execute("INSERT INTO history SELECT 'row ' || count(*) FROM history")


class ByPlainName(ByName):
    def endpoint(self, database, side):
        return self.dms.create_endpoint(
            EndpointIdentifier=side, EndpointType=side, EngineName="postgres", DatabaseName=database.name,
            PostgreSQLSettings={"SecretsManagerSecretId": f"prod/{side}", "SecretsManagerAccessRoleArn": ROLE}
        )["Endpoint"]["EndpointArn"]


def hung_in_a_start(secrets):
    """The process of the program that hangs in it."""
    secrets.tell("hang")
    secrets.write()
    secrets.one.start("resume-processing")
    return secrets.wait_for_hanging()


@scenario("server.secret_program_fails_in_a_start")
def secret_program_fails(bench):
    """A program that tells secrets fails, dies or hangs where a task starts, and the task or the server is killed there."""
    secrets = Secrets(bench)
    one = secrets.one

    def fails(mode, words, start):
        secrets.tell(mode)
        one.start(start)
        now = one.wait_for("failed")
        expect("wire.no_secret" in now["LastFailureMessage"] and words in now["LastFailureMessage"], now["LastFailureMessage"])
        expect_same(processes_of(one.server), [], "processes of the task")
    fails("fail", "exit code 3", "start-replication")
    fails("die", "signal 9", "resume-processing")
    secrets.tell("secret")
    one.start("resume-processing")
    secrets.runs()
    one.stop()

    hanging = hung_in_a_start(secrets)
    one.server.kill()
    secrets.tell("secret")
    one.server.start()
    os.kill(hanging, signal.SIGKILL)  # the start that hung fails, and nobody sees it
    secrets.runs()
    one.stop()

    hanging = hung_in_a_start(secrets)
    [process] = processes_of(one.server)
    secrets.tell("secret")
    os.kill(process, signal.SIGKILL)
    secrets.runs()
    os.kill(hanging, signal.SIGKILL)

    modified_without_secret(secrets)
    one.stop()
    stopped_while_it_hangs(secrets)
    one.remove()


def modified_without_secret(secrets):
    """A task that takes over a modification cannot begin again; the modification holds and comes with the next start."""
    one = secrets.one
    secrets.tell("fail")
    secrets.source.execute("CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late SELECT generate_series(1, 50)")
    one.dms.modify_replication_task(ReplicationTaskArn=one.task, TableMappings=selecting("orders", "history", "late"))
    now = one.wait_for("failed")
    expect("wire.no_secret" in now["LastFailureMessage"], now["LastFailureMessage"])
    secrets.write()
    secrets.tell("secret")
    one.start("resume-processing")
    secrets.runs()
    expect_equal(secrets.source, secrets.target, ["late"])


def stopped_while_it_hangs(secrets):
    """A start whose secret does not come can be stopped; it ends when the program is given up at the latest."""
    one = secrets.one
    secrets.tell("hang")
    one.start("resume-processing")
    secrets.wait_for_hanging()
    one.dms.stop_replication_task(ReplicationTaskArn=one.task)
    one.wait_for("stopped", seconds=45)
    expect_same(processes_of(one.server), [], "processes of the task")
    secrets.let_go()
    secrets.tell("secret")
    one.start("resume-processing")
    secrets.runs()
    one.stop()
