# SPDX-License-Identifier: Apache-2.0
"""The server of the API, and boto3 as its client. Every answer is held against botocore's own model of the service,
strictly: no member that it does not have, none of another type than it says."""

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

import boto3
import botocore.config
import botocore.exceptions

from servers import Failure, wait_for

REGION = "eu-central-1"
# The documentation of the members lists more than the enumeration does.
DOCUMENTED_VALUES = {"SourceType": {"replication-instance", "replication-task"}}
JSON_TYPES = {"string": str, "boolean": bool, "integer": int, "long": int, "double": (int, float)}


def check_shape(shape, value, path):
    """Fails where the raw JSON of an answer is not what the model says."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            raise Failure(f"{path} is {value!r}, not an object")
        for name, inner in value.items():
            if name not in shape.members:
                raise Failure(f"{path}.{name} is no member of {shape.name}")
            check_shape(shape.members[name], inner, f"{path}.{name}")
    elif kind == "list":
        if not isinstance(value, list):
            raise Failure(f"{path} is {value!r}, not a list")
        for number, inner in enumerate(value):
            check_shape(shape.member, inner, f"{path}[{number}]")
    elif kind == "timestamp":
        iso = shape.serialization.get("timestampFormat") == "iso8601"
        if not isinstance(value, str if iso else (int, float)) or isinstance(value, bool):
            raise Failure(f"{path} is {value!r}, not a time as the model wants it")
    elif kind == "blob":
        base64.b64decode(value, validate=True)
    elif not isinstance(value, JSON_TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        raise Failure(f"{path} is {value!r}, not {kind}")
    elif kind == "string" and shape.enum and value not in DOCUMENTED_VALUES.get(shape.name, shape.enum):
        raise Failure(f"{path} is {value!r}, not one of {shape.enum}")


def check_answer(http_response, model, **_):
    if len(http_response.content) != int(http_response.headers["content-length"]):
        raise botocore.exceptions.ConnectionClosedError(endpoint_url="the server, which was killed")
    if http_response.status_code == 200 and model.output_shape is not None:
        check_shape(model.output_shape, json.loads(http_response.content), model.name)


class ApiServer:
    """`millrace serve` in a folder of the bench; tasks that it starts end with the bench."""

    def __init__(self, bench, *arguments, store="sqlite", folder="server"):
        self.bench, self.arguments = bench, arguments
        self.environment = {**os.environ, "MILLRACE_STORE": store}
        self.data = bench.folder / folder
        self.port = 0
        self.process = None
        self.starts = 0
        bench.closers.append(self.close)

    def add_user(self, name, role="administrator", *arguments):
        done = subprocess.run([self.bench.binary, "user", "add", name, "--role", role, "--json", "--data-dir", str(self.data),
                               *arguments], capture_output=True, text=True, timeout=30, env=self.environment)
        if done.returncode != 0:
            raise Failure(f"millrace user add: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self):
        self.starts += 1
        output = self.bench.folder / f"{self.data.name}-{self.starts}.log"
        with open(output, "wb") as log:
            self.process = subprocess.Popen([self.bench.binary, "serve", "--data-dir", str(self.data), "--listen",
                                             f"127.0.0.1:{self.port}", *self.arguments], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=self.environment)

        def listens():
            if self.process.poll() is not None:
                raise Failure(f"the server ended with {self.process.returncode}\n{output.read_text()[-3000:]}")
            return re.search(r"serves (https?)://127\.0\.0\.1:(\d+)", output.read_text())
        found = wait_for("the server to listen", listens, 20)
        self.url, self.port = f"{found[1]}://127.0.0.1:{found[2]}", int(found[2])
        self.log = output
        return self

    def client(self, key, no_retries=False, **options):
        """boto3, unchanged but for URL, certificate and key."""
        verify = str(self.data / "tls/certificate.pem") if self.url.startswith("https") else True
        client = boto3.client("dms", endpoint_url=self.url, region_name=REGION, verify=verify,
                              aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
                              aws_session_token=key.get("SessionToken"),
                              config=botocore.config.Config(retries={"total_max_attempts": 1 if no_retries else 4}, **options))
        client.answered = set()  # names of operations that were answered without an error

        def note_answer(http_response, model, **_):
            if http_response.status_code == 200:
                client.answered.add(model.name)
        for service in ("database-migration-service", "dms"):
            client.meta.events.register(f"after-call.{service}.*", check_answer)
            client.meta.events.register(f"after-call.{service}.*", note_answer)
        return client

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(15) != 0:
            raise Failure(f"the server ended with {self.process.returncode}\n{self.log.read_text()[-3000:]}")

    def task_processes(self):
        """The processes that hold a task's folder."""
        found = []
        for lock in pathlib.Path(self.data).glob("tasks/*/lock"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                pid = int(lock.read_text().split()[0])
                if str(lock.parent) in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"):
                    found.append(pid)
        return found

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        for pid in self.task_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Migration:
    """Instance, endpoints and task of one migration, each step as the API's clients take it."""

    def __init__(self, server, client, source, target, kind="full-load-and-cdc", name="shop"):
        self.server, self.dms, self.source, self.target, self.kind, self.name = server, client, source, target, kind, name

    def wait(self, waiter, name, value, delay=0.2):
        self.dms.get_waiter(waiter).wait(Filters=[{"Name": name, "Values": [value]}],
                                         WaiterConfig={"Delay": delay, "MaxAttempts": 300})

    def endpoint(self, database, side):
        members = {key: value for key, value in database.endpoint(side).items() if not key.startswith("Millrace")}
        members["EndpointIdentifier"] = f"{self.name}-{side}"
        return self.dms.create_endpoint(**members)["Endpoint"]["EndpointArn"]

    def define(self, settings=None):
        """Everything up to a task that is ready."""
        self.instance = self.dms.create_replication_instance(
            ReplicationInstanceIdentifier=f"{self.name}-instance", ReplicationInstanceClass="dms.t3.medium",
        )["ReplicationInstance"]["ReplicationInstanceArn"]
        self.wait("replication_instance_available", "replication-instance-arn", self.instance)
        self.endpoints = [self.endpoint(self.source, "source"), self.endpoint(self.target, "target")]
        for arn in self.endpoints:
            self.dms.test_connection(ReplicationInstanceArn=self.instance, EndpointArn=arn)
        for arn in self.endpoints:
            self.wait("test_connection_succeeds", "endpoint-arn", arn)
        rules = {"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "all", "rule-action": "include",
                            "object-locator": {"schema-name": "public", "table-name": "%"}}]}
        members = {"ReplicationTaskSettings": json.dumps(settings)} if settings else {}
        self.task = self.dms.create_replication_task(
            ReplicationTaskIdentifier=f"{self.name}-task", SourceEndpointArn=self.endpoints[0],
            TargetEndpointArn=self.endpoints[1], ReplicationInstanceArn=self.instance, MigrationType=self.kind,
            TableMappings=json.dumps(rules), **members)["ReplicationTask"]["ReplicationTaskArn"]
        self.wait("replication_task_ready", "replication-task-arn", self.task)
        return self

    def start(self, kind="start-replication"):
        answer = self.dms.start_replication_task(ReplicationTaskArn=self.task, StartReplicationTaskType=kind)
        return answer["ReplicationTask"]["Status"]

    def described(self):
        return self.dms.describe_replication_tasks(
            Filters=[{"Name": "replication-task-arn", "Values": [self.task]}])["ReplicationTasks"][0]

    def wait_for(self, *states, seconds=60):
        def reached():
            now = self.described()
            if now["Status"] == "failed" and "failed" not in states:
                raise Failure(f"the task failed: {now.get('LastFailureMessage')}\n{self.server.log.read_text()[-2000:]}")
            return now if now["Status"] in states else None
        return wait_for(f"the task to be {' or '.join(states)}", reached, seconds)

    def statistics(self):
        rows = self.dms.describe_table_statistics(ReplicationTaskArn=self.task)["TableStatistics"]
        return {f"{row['SchemaName']}.{row['TableName']}": row for row in rows}

    def stop(self):
        self.dms.stop_replication_task(ReplicationTaskArn=self.task)
        return self.wait_for("stopped")

    def remove(self):
        self.dms.delete_replication_task(ReplicationTaskArn=self.task)
        self.wait("replication_task_deleted", "replication-task-arn", self.task)
        for arn in self.endpoints:
            self.dms.delete_endpoint(EndpointArn=arn)
            self.wait("endpoint_deleted", "endpoint-arn", arn)
        self.dms.delete_replication_instance(ReplicationInstanceArn=self.instance)
        self.wait("replication_instance_deleted", "replication-instance-arn", self.instance)
