# SPDX-License-Identifier: Apache-2.0
"""The server: unchanged clients of the API drive migrations, whatever is killed."""

import contextlib
import datetime
import json
import os
import pty
import random
import select
import signal
import subprocess
import threading

import botocore.exceptions

from api_server import REGION, ApiServer, Migration
from harness import expect, expect_equal, expect_same, scenario
from servers import Failure, wait_for

ORDERS = """CREATE TABLE orders (id int PRIMARY KEY, v text);
            INSERT INTO orders SELECT g, 'order ' || g FROM generate_series(1, 2000) g"""
# What the API's servers answer besides the errors that an operation's model lists.
GENERAL_ERRORS = {"InvalidParameterValueException", "InvalidParameterCombinationException", "UnsupportedOperationException",
                  "SerializationException"}


def error_of(call, **arguments):
    """(name, message) of the error that a call ends with."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise Failure(f"{call.__name__} was not refused")


def expect_error(name, words, call, **arguments):
    code, message = error_of(call, **arguments)
    expect(code == name and words in message, f"{call.__name__}: {code}: {message}; expected {name} with {words!r}")


def started(bench, *arguments):
    server = ApiServer(bench, *arguments)
    key = server.add_user("tester")
    server.start()
    return server, server.client(key)


def migration(bench, kind="full-load-and-cdc"):
    server, client = started(bench)
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    return Migration(server, client, source, target, kind).define(), source, target


def caught_up(source, target):
    source.execute("INSERT INTO orders SELECT max(id) + 1, 'last' FROM orders")
    last = source.one("SELECT max(id) FROM orders")
    wait_for("the last row", lambda: target.one("SELECT to_regclass('public.orders')") and target.one("SELECT count(*) FROM orders WHERE id = %s", [last]))
    expect_equal(source, target, ["orders"])


@scenario("server.migration")
def whole_migration(bench):
    """boto3 defines, tests, starts, watches, stops, resumes and removes a migration; nothing is left at the source."""
    one, source, target = migration(bench)
    expect_same(one.start(), "starting", "the answer to start")
    one.wait("replication_task_running", "replication-task-arn", one.task)
    wait_for("the load", lambda: target.one("SELECT to_regclass('public.orders')") and
             target.one("SELECT count(*) FROM orders") == 2000)
    source.execute("UPDATE orders SET v = 'new' WHERE id <= 10; DELETE FROM orders WHERE id = 11")
    caught_up(source, target)

    def counted():
        row = one.statistics().get("public.orders")
        return row and (row["FullLoadRows"], row["Updates"], row["Deletes"], row["Inserts"]) == (2000, 10, 1, 1)
    wait_for("the statistics", counted, 10)
    now = one.stop()
    expect_same(now["StopReason"], "Stop Reason NORMAL", "why it stopped")
    expect(now["ReplicationTaskStats"]["FullLoadProgressPercent"] == 100, str(now["ReplicationTaskStats"]))
    expect(now["RecoveryCheckpoint"].startswith("checkpoint:V1#"), str(now))
    source.execute("INSERT INTO orders SELECT g, 'while stopped' FROM generate_series(3000, 3100) g")
    one.start("resume-processing")
    one.wait_for("running")
    caught_up(source, target)
    one.stop()
    one.remove()
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")
    expect_same(source.one("SELECT count(*) FROM pg_publication"), 0, "publications")
    expect_same(one.dms.describe_replication_tasks()["ReplicationTasks"], [], "tasks")
    messages = [event["Message"] for event in one.dms.describe_events(SourceType="replication-task")["Events"]]
    expect("Replication task deleted" in messages, str(messages))
    expect(not list(one.server.data.glob("tasks/*")), "a folder of the task is left")


@scenario("server.full_load")
def full_load(bench):
    """A full load ends by itself, with its reason; reload-target loads again."""
    one, source, target = migration(bench, "full-load")
    one.start()
    now = one.wait_for("stopped")
    expect_same(now["StopReason"], "Stop Reason FULL_LOAD_ONLY_FINISHED", "why it stopped")
    expect_equal(source, target, ["orders"])
    expect_error("InvalidParameterCombinationException", "first start", one.dms.start_replication_task,
                 ReplicationTaskArn=one.task, StartReplicationTaskType="start-replication")
    source.execute("INSERT INTO orders VALUES (9999, 'later')")
    one.start("reload-target")
    one.wait_for("stopped")
    expect_equal(source, target, ["orders"])
    one.remove()


@scenario("server.stop_reasons")
def stop_reasons(bench):
    """A task that ends by itself says why: after its load, with the changes of meanwhile, at a time of the clock."""
    server, client = started(bench)
    source = bench.source()
    source.execute(ORDERS)

    def ended(name, settings=None, **members):
        one = Migration(server, client, source, bench.target(), name=name).define(settings)
        if members:
            client.modify_replication_task(ReplicationTaskArn=one.task, **members)
        one.start()
        now = one.wait_for("stopped")
        expect_equal(source, one.target, ["orders"])
        return now["StopReason"]
    expect_same(ended("a", {"FullLoadSettings": {"StopTaskCachedChangesNotApplied": True}}), "Stop Reason STOPPED_AFTER_FULL_LOAD", "why")
    expect_same(ended("b", {"FullLoadSettings": {"StopTaskCachedChangesApplied": True}}), "Stop Reason STOPPED_AFTER_CACHED_EVENTS", "why")
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
    expect_same(ended("c", CdcStopPosition=f"server_time:{soon:%Y-%m-%dT%H:%M:%S}"), "Stop Reason STOPPED_AT_SERVER_TIME", "why")


@scenario("server.killed_server_finds_its_tasks")
def killed_server(bench):
    """kill -9 of the server: the task goes on, the next server takes the same port and drives the same process."""
    one, source, target = migration(bench)
    one.start()
    one.wait_for("running")
    before = one.server.task_processes()
    one.server.kill()
    source.execute("UPDATE orders SET v = 'without a server' WHERE id < 100")
    one.server.start()
    one.wait_for("running")
    expect_same(one.server.task_processes(), before, "the task's process")
    caught_up(source, target)
    one.server.stop()
    one.server.start()
    expect_same(one.stop()["StopReason"], "Stop Reason NORMAL", "why it stopped")
    expect_same(one.server.task_processes(), [], "processes")
    one.remove()


@scenario("server.killed_between_answer_and_step")
def killed_at_once(bench):
    """The server dies right behind an answer: the next one does what was answered, once."""
    one, source, target = migration(bench)
    one.start()
    one.server.kill()
    one.server.start()
    one.wait_for("running")
    caught_up(source, target)
    expect_same(len(one.server.task_processes()), 1, "processes")
    one.dms.stop_replication_task(ReplicationTaskArn=one.task)
    one.server.kill()
    one.server.start()
    one.wait_for("stopped")
    one.dms.delete_replication_task(ReplicationTaskArn=one.task)
    one.server.kill()
    one.server.start()
    one.wait("replication_task_deleted", "replication-task-arn", one.task)
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")


@scenario("server.killed_task_goes_on")
def killed_task(bench):
    """kill -9 of a task: it is started again and loses nothing; another task and the server do not notice."""
    one, source, target = migration(bench)
    one.start()
    one.wait_for("running")
    caught_up(source, target)
    [pid] = one.server.task_processes()
    os.kill(pid, signal.SIGKILL)
    source.execute("DELETE FROM orders WHERE id < 50")
    caught_up(source, target)
    one.wait_for("running")
    expect(one.server.task_processes() != [pid], "it is the same process")
    one.stop()


@scenario("server.keys_and_roles")
def keys_and_roles(bench):
    """A wrong secret, an unknown key, a reader who wants to write, a session token: each gets its answer."""
    server, client = started(bench)
    reader = server.client(server.add_user("reader", "reader"))
    expect_same(reader.describe_endpoints()["Endpoints"], [], "a reader's look")
    expect_error("AccessDeniedException", "administrator", reader.create_replication_subnet_group,
                 ReplicationSubnetGroupIdentifier="g", ReplicationSubnetGroupDescription="d", SubnetIds=["a", "b"])
    key = server.add_user("guest", "operator", "--hours", "1")
    expect_same(server.client(key).describe_endpoints()["Endpoints"], [], "a guest's look")
    expect_error("InvalidSignatureException", "does not match",
                 server.client({**key, "SecretAccessKey": "wrong"}).describe_endpoints)
    expect_error("UnrecognizedClientException", "token", server.client({**key, "SessionToken": "x"}).describe_endpoints)
    expect_error("UnrecognizedClientException", "not known",
                 server.client({**key, "AccessKeyId": "AKIANOBODY"}).describe_endpoints)
    client.create_replication_subnet_group(ReplicationSubnetGroupIdentifier="G1", ReplicationSubnetGroupDescription="d",
                                           SubnetIds=["subnet-1", "subnet-2"], Tags=[{"Key": "a", "Value": "b"}])
    [group] = client.describe_replication_subnet_groups()["ReplicationSubnetGroups"]
    expect_same(group["ReplicationSubnetGroupIdentifier"], "g1", "the name")
    tags = client.list_tags_for_resource(ResourceArn="arn:aws:dms:eu-central-1:111122223333:subgrp:g1")["TagList"]
    expect_same(tags, [{"Key": "a", "Value": "b"}], "tags of an ARN that the client made")
    audit = [json.loads(line) for line in (server.data / "logs/audit.log").read_text().splitlines()]
    expect_same([(line["user"], line["operation"], line["outcome"]) for line in audit],
                [("tester", "CreateReplicationSubnetGroup", "ok")], "the audit log")


@scenario("server.secrets_stay_inside")
def secrets(bench):
    """Passwords are neither answered nor found anywhere in the data directory."""
    server, client = started(bench)
    secret = "correct-horse-battery"
    made = client.create_endpoint(EndpointIdentifier="a", EndpointType="source", EngineName="postgres", ServerName="127.0.0.1",
                                  Port=1, Username="u", Password=secret, DatabaseName="d")["Endpoint"]
    modified = client.modify_endpoint(EndpointArn=made["EndpointArn"], ServerName="127.0.0.2")["Endpoint"]
    expect_same((modified["ServerName"], modified["PostgreSQLSettings"]["ServerName"]), ("127.0.0.2",) * 2, "the server")
    instance = client.create_replication_instance(ReplicationInstanceIdentifier="i", ReplicationInstanceClass="dms.t3.micro")
    arn = instance["ReplicationInstance"]["ReplicationInstanceArn"]
    client.test_connection(ReplicationInstanceArn=arn, EndpointArn=made["EndpointArn"])
    [row] = wait_for("the test", lambda: [row for row in client.describe_connections()["Connections"]
                                          if row["Status"] == "failed"], 30)
    expect("127.0.0.2" in row["LastFailureMessage"], row["LastFailureMessage"])
    for answer in (made, modified, row):
        expect(secret not in str(answer), str(answer))
    for file in [*server.data.rglob("*"), server.log]:
        expect(not file.is_file() or secret.encode() not in file.read_bytes(), f"{file} holds the password")


@scenario("server.every_operation_answers")
def every_operation(bench):
    """All 119 operations with as little as their model allows: done, or an error that clients know, with a message."""
    server, client = started(bench)
    model = client.meta.service_model
    offered = 0
    for name in model.operation_names:
        operation = model.operation_model(name)
        arguments = least(operation.input_shape)
        try:
            client._make_api_call(name, arguments)
            offered += 1
        except botocore.exceptions.ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            known = {shape.name for shape in operation.error_shapes} | GENERAL_ERRORS
            expect(code in known and message, f"{name}: {code}: {message}")
            offered += code != "UnsupportedOperationException"
    expect(offered >= 66, f"{offered} operations are offered")


def least(shape):
    """The smallest document of a shape that boto3 sends."""
    if shape is None:
        return {}
    if shape.type_name == "structure" and shape.is_tagged_union:
        name, inner = next(iter(shape.members.items()))
        return {name: least(inner)}
    if shape.type_name == "structure":
        return {name: least(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [least(shape.member)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "absent"
    return {"boolean": False, "timestamp": 0, "blob": b"x"}.get(shape.type_name, 1)


@scenario("server.pages_and_filters")
def pages_and_filters(bench):
    """Lists come in pages that hold each row once; filters find what they name, and say when there is nothing."""
    server, client = started(bench)
    for number in range(45):
        client.create_replication_subnet_group(ReplicationSubnetGroupIdentifier=f"g{number:02}", SubnetIds=["a", "b"],
                                               ReplicationSubnetGroupDescription="d")
    pages = list(client.get_paginator("describe_replication_subnet_groups").paginate(PaginationConfig={"PageSize": 20}))
    names = [group["ReplicationSubnetGroupIdentifier"] for page in pages for group in page["ReplicationSubnetGroups"]]
    expect_same(names, [f"g{number:02}" for number in range(45)], "the groups of all pages")
    expect_same(len(pages), 3, "pages")
    expect_error("InvalidParameterValueException", "MaxRecords", client.describe_replication_subnet_groups, MaxRecords=5)
    expect_error("InvalidParameterValueException", "Marker", client.describe_replication_subnet_groups, Marker="x")
    found = client.describe_replication_subnet_groups(
        Filters=[{"Name": "replication-subnet-group-id", "Values": ["G07", "g08", "nobody"]}])["ReplicationSubnetGroups"]
    expect_same([group["ReplicationSubnetGroupIdentifier"] for group in found], ["g07", "g08"], "filtered")
    expect_error("ResourceNotFoundFault", "nobody", client.describe_replication_subnet_groups,
                 Filters=[{"Name": "replication-subnet-group-id", "Values": ["nobody"]}])
    expect_error("InvalidParameterValueException", "vpc", client.describe_replication_subnet_groups,
                 Filters=[{"Name": "vpc", "Values": ["x"]}])


@scenario("server.replication_config")
def replication_config(bench):
    """A replication config runs as a task does, under its own names and states."""
    server, client = started(bench)
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    one = Migration(server, client, source, target)
    endpoints = [one.endpoint(source, "source"), one.endpoint(target, "target")]
    rules = {"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "all", "rule-action": "include",
                        "object-locator": {"schema-name": "public", "table-name": "%"}}]}
    arn = client.create_replication_config(
        ReplicationConfigIdentifier="config", SourceEndpointArn=endpoints[0], TargetEndpointArn=endpoints[1],
        ComputeConfig={"MaxCapacityUnits": 4}, ReplicationType="full-load-and-cdc",
        TableMappings=json.dumps(rules))["ReplicationConfig"]["ReplicationConfigArn"]

    def status():
        return client.describe_replications(
            Filters=[{"Name": "replication-config-arn", "Values": [arn]}])["Replications"][0]
    expect_same(status()["Status"], "created", "the first state")
    client.start_replication(ReplicationConfigArn=arn, StartReplicationType="start-replication")
    wait_for("the replication to run", lambda: status()["Status"] == "running", 30)
    wait_for("the load", lambda: target.one("SELECT to_regclass('public.orders')"))
    caught_up(source, target)
    rows = wait_for("the statistics", lambda: client.describe_replication_table_statistics(
        ReplicationConfigArn=arn)["ReplicationTableStatistics"], 10)
    expect_same(rows[0]["TableName"], "orders", "the table")
    client.stop_replication(ReplicationConfigArn=arn)
    wait_for("the replication to stop", lambda: status()["Status"] == "stopped", 30)
    client.delete_replication_config(ReplicationConfigArn=arn)
    wait_for("the config to go", lambda: client.describe_replication_configs()["ReplicationConfigs"] == [], 30)
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")


@scenario("server.reload_and_reboot")
def reload_and_reboot(bench):
    """ReloadTables loads a table of a running task again; a reboot of its instance lets it go on."""
    one, source, target = migration(bench)
    one.start()
    one.wait_for("running")
    caught_up(source, target)
    target.execute("DELETE FROM orders WHERE id < 500")
    one.dms.reload_tables(ReplicationTaskArn=one.task, TablesToReload=[{"SchemaName": "public", "TableName": "orders"}])
    wait_for("the rows to be back", lambda: target.one("SELECT count(*) FROM orders WHERE id < 500") == 499, 60)
    caught_up(source, target)
    expect_same(one.described()["Status"], "running", "the state")
    before = one.server.task_processes()
    one.dms.reboot_replication_instance(ReplicationInstanceArn=one.instance)
    wait_for("another process", lambda: one.server.task_processes() not in ([], before), 30)
    caught_up(source, target)
    expect_error("ResourceNotFoundFault", "nothing", one.dms.reload_tables, ReplicationTaskArn=one.task,
                 TablesToReload=[{"SchemaName": "public", "TableName": "nothing"}])
    one.stop()


@scenario("server.modified_while_it_runs")
def modified_while_it_runs(bench):
    """A running task takes over other settings and tables at a commit boundary; a table that was left out and comes back is
    loaded again, for its changes were passed over."""
    source, target = bench.source(), bench.target()
    one = Migration(*started(bench), source, target).define()
    source.execute(ORDERS + "; CREATE TABLE notes (id int PRIMARY KEY, v text); INSERT INTO notes VALUES (1, 'a'), (2, 'b');")

    def selecting(*tables):
        rules = [{"rule-type": "selection", "rule-id": str(n), "rule-name": str(n), "rule-action": "include",
                  "object-locator": {"schema-name": "public", "table-name": table}} for n, table in enumerate(tables, 1)]
        before = one.server.task_processes()
        one.dms.modify_replication_task(ReplicationTaskArn=one.task, TableMappings=json.dumps({"rules": rules}))
        wait_for("another process", lambda: one.server.task_processes() not in ([], before), 30)
    one.start()
    one.wait_for("running")
    caught_up(source, target)
    wait_for("both tables", lambda: set(one.statistics()) == {"public.orders", "public.notes"}, 20)
    selecting("orders")
    source.execute("INSERT INTO notes VALUES (3, 'c'); UPDATE notes SET v = 'z' WHERE id = 1")
    caught_up(source, target)
    wait_for("one table", lambda: set(one.statistics()) == {"public.orders"}, 20)
    expect_same(target.one("SELECT count(*) FROM notes"), 2, "rows of the table that was left out")
    source.execute("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (7)")
    selecting("orders", "notes", "later")
    source.execute("DELETE FROM notes WHERE id = 2")
    caught_up(source, target)
    expect_equal(source, target, ["orders", "notes", "later"])
    before = one.server.task_processes()
    one.dms.modify_replication_task(ReplicationTaskArn=one.task, ReplicationTaskSettings=json.dumps(
        {"FullLoadSettings": {"MaxFullLoadSubTasks": 7}}))
    wait_for("another process", lambda: one.server.task_processes() not in ([], before), 30)
    caught_up(source, target)
    expect_same(one.described()["Status"], "running", "the state")
    expect_error("InvalidResourceStateFault", "CdcStopPosition", one.dms.modify_replication_task,
                 ReplicationTaskArn=one.task, CdcStopPosition="server_time:2030-01-01T00:00:00")
    one.stop()


@scenario("server.task_commands")
def task_commands(bench):
    """`millrace task` lists, starts, watches and stops the tasks of a server."""
    server = ApiServer(bench)
    key = server.add_user("tester")
    client = server.start().client(key)
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    one = Migration(server, client, source, target).define()
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                   "AWS_CA_BUNDLE": str(server.data / "tls/certificate.pem"),
                   "AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE": server.url}

    def call(*arguments, code=0):
        done = subprocess.run([bench.binary, "task", *arguments], env=environment, capture_output=True, text=True, timeout=60)
        expect(done.returncode == code, f"millrace task {arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr
    expect("shop-task" in call("list") and "ready" in call("list"), call("list"))
    expect("is running" in call("start", "shop-task", "--wait"), "start")
    caught_up(source, target)
    wait_for("the table", lambda: "orders" in call("tables", "shop-task"), 10)
    expect("task shop-task" in call("logs", "shop-task"), call("logs", "shop-task"))
    expect("is stopped" in call("stop", "shop-task", "--wait"), "stop")
    call("start", "shop-task", "--wait")
    caught_up(source, target)
    one.stop()
    expect("ResourceNotFoundFault" in call("start", "nobody", code=2), "an unknown task")


@scenario("server.status_command")
def status_command(bench):
    """`millrace status --server` prints the tasks once, as a table or JSON, and on a terminal again and again until
    Ctrl-C, also while the server is away."""
    server = ApiServer(bench)
    key = server.add_user("looker", "reader")
    one = Migration(server, server.start().client(server.add_user("tester")), bench.source(), bench.target())
    one.source.execute(ORDERS)
    one.define()
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                   "AWS_CA_BUNDLE": str(server.data / "tls/certificate.pem")}
    command = [bench.binary, "status", "--server", server.url]

    def call(*arguments):
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout
    expect("shop-task  ready" in call(), call())
    one.start()
    one.wait_for("running")
    caught_up(one.source, one.target)

    def counted():
        [task] = json.loads(call("--json"))["tasks"]
        return task if (task["rows_loaded"], task["changes_applied"], task["rows_per_second"]) == (2000, 1, 0) else None
    task = wait_for("the numbers", counted, 20)
    expect_same((task["name"], task["state"], task["tables_loaded"], task["tables"]), ("shop-task", "running", 1, 1), str(task))
    watched(server, command, environment)
    one.stop()


def watched(server, command, environment):
    """On a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*command, "--interval", "0.2"], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = []

    def shows(words):
        def look():
            if select.select([ours], [], [], 0)[0]:
                seen.append(os.read(ours, 65536).decode())
            frames = "".join(seen[-5:])
            return words in frames
        return look
    try:
        wait_for("the table", shows("shop-task  running"), 20)
        server.kill()
        wait_for("word that it is away", shows("server.not_reached"), 20)
        server.start()
        seen.clear()
        wait_for("the table again", shows("shop-task  running"), 20)
        process.send_signal(signal.SIGINT)
        wait_for("the terminal as it was", shows("\x1b[?1049l"), 10)
        expect_same(process.wait(10), 0, "the exit code")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


class Killer:
    """Kills the server again and again while a script talks to it, and starts it anew at once."""

    def __init__(self, server, chance):
        self.server, self.chance, self.kills = server, chance, 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.done.wait(self.chance.uniform(0.02, 0.3)):
            self.server.kill()
            self.server.start()
            self.kills += 1

    def stop(self):
        self.done.set()
        self.thread.join()


class Script:
    """Subnet groups and their tags as a script makes, changes and removes them; knows what was acknowledged."""

    def __init__(self, client, chance):
        self.client, self.chance = client, chance
        self.known = {}  # name -> (description, tags); what the server must hold
        self.unclear = 0

    def seen(self):
        rows = [group for page in self.client.get_paginator("describe_replication_subnet_groups").paginate()
                for group in page["ReplicationSubnetGroups"]]
        out = {}
        for row in rows:
            name = row["ReplicationSubnetGroupIdentifier"]
            tags = self.client.list_tags_for_resource(ResourceArn=f"arn:aws:dms:{REGION}:1:subgrp:{name}")["TagList"]
            out[name] = (row["ReplicationSubnetGroupDescription"], tuple(sorted((tag["Key"], tag["Value"]) for tag in tags)))
        return out

    def step(self, number):
        name = f"g{self.chance.randrange(12)}"
        before = self.known.get(name)
        text = f"text {number}"
        if before is None:
            after = (text, (("n", str(number)),))
            call = lambda: self.client.create_replication_subnet_group(  # noqa: E731
                ReplicationSubnetGroupIdentifier=name, ReplicationSubnetGroupDescription=text, SubnetIds=["a", "b"],
                Tags=[{"Key": "n", "Value": str(number)}])
        elif self.chance.random() < 0.3:
            after = None
            call = lambda: self.client.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier=name)  # noqa: E731
        elif self.chance.random() < 0.5:
            after = (before[0], (("n", str(number)),))
            call = lambda: self.client.add_tags_to_resource(  # noqa: E731
                ResourceArn=f"arn:aws:dms:{REGION}:1:subgrp:{name}", Tags=[{"Key": "n", "Value": str(number)}])
        else:
            after = (text, before[1])
            call = lambda: self.client.modify_replication_subnet_group(  # noqa: E731
                ReplicationSubnetGroupIdentifier=name, ReplicationSubnetGroupDescription=text, SubnetIds=["c", "d"])
        try:
            call()
        except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError):
            # Nobody said whether it was done: either is right, and it stays what it is from now on.
            self.unclear += 1
            now = self.settled(name)
            expect(now in (before, after), f"{name} is {now}; it was {before}, and {after} was asked for")
            after = now
        self.known[name] = after

    def settled(self, name):
        def look():
            with contextlib.suppress(botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError):
                return [self.seen().get(name)]
        return wait_for("the server to answer", look, 30)[0]


@scenario("server.killed_at_random")
def killed_at_random(bench):
    """At least 200 operations and 10 kills of the server between them: what was acknowledged stays, a task runs once."""
    chance = random.Random(7)
    one, source, target = migration(bench)
    one.start()
    one.wait_for("running")
    server = one.server
    key = server.add_user("script")
    script = Script(server.client(key, max_pool_connections=1, connect_timeout=5, read_timeout=10, no_retries=True), chance)
    killer = Killer(server, chance)
    number = 0
    while number < 200 or (killer.kills < 10 and killer.thread.is_alive()):
        script.step(number)
        number += 1
    killer.stop()
    expect_same(script.seen(), {name: state for name, state in script.known.items() if state}, "the groups")
    expect(killer.kills >= 10, f"only {killer.kills} kills")
    expect_same(len(server.task_processes()), 1, "processes of the task")
    caught_up(source, target)
    one.stop()
    one.remove()
