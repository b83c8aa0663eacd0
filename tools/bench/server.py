#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""server.py [--endpoints N] [--tasks N] [--clients N]: what the server takes when much is defined: time to start, memory,
time of an idle minute's part, latency of describe calls, and many clients at once. Prints a line a figure. Tasks are
defined and not started. Requests are signed before the clock runs: the server is measured, not Python."""

import argparse
import asyncio
import concurrent.futures
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
RULES = json.dumps({"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
                               "object-locator": {"schema-name": "public", "table-name": "%"}}]})


class Server:
    def __init__(self, folder):
        self.binary = os.environ.get("MILLRACE_BINARY", str(TOP / "build/millrace"))
        self.folder, self.log = folder, folder / "log"
        done = subprocess.run([self.binary, "user", "add", "bench", "--role", "administrator", "--json", "--data-dir",
                               str(folder / "data")], capture_output=True, text=True, check=True)
        key = json.loads(done.stdout)
        self.credentials = botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def start(self):
        """The seconds until it listens."""
        began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--data-dir", str(self.folder / "data"), "--plain-http", "--listen",
                                             "127.0.0.1:0", "--rate", "1000000", "--burst", "1000000"], stdout=log, stderr=log)
        while True:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", self.log.read_text())
            if found:
                self.port = int(found[1])
                return time.monotonic() - began
            if self.process.poll() is not None:
                sys.exit(self.log.read_text())
            time.sleep(0.001)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def private_mib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return sum(int(size) for size in re.findall(r"Private_\w+:\s+(\d+) kB", text)) / 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def request(self, operation, arguments):
        """The bytes of a signed request."""
        body = json.dumps(arguments)
        request = botocore.awsrequest.AWSRequest("POST", f"http://127.0.0.1:{self.port}/", data=body, headers={
            "X-Amz-Target": f"AmazonDMSv20160101.{operation}", "Content-Type": "application/x-amz-json-1.1"})
        botocore.auth.SigV4Auth(self.credentials, "dms", "eu-central-1").add_auth(request)
        head = [f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: {len(body)}\r\n"]
        head += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        return ("".join(head) + "\r\n" + body).encode()


async def exchange(reader, writer, request):
    """(status, body) of one request."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
    return int(head.split()[1]), await reader.readexactly(length)


async def calls(server, requests):
    """(seconds, status, body) of each, one behind the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 24)
    out = []
    for request in requests:
        began = time.monotonic()
        status, body = await exchange(reader, writer, request)
        out.append((time.monotonic() - began, status, body))
    writer.close()
    return out


def done(server, operation, arguments):
    [(_, status, body)] = asyncio.run(calls(server, [server.request(operation, arguments)]))
    if status != 200:
        sys.exit(f"{operation}: {body.decode()}")
    return json.loads(body)


def define(server, endpoints, tasks):
    instance = done(server, "CreateReplicationInstance", {"ReplicationInstanceIdentifier": "i", "ReplicationInstanceClass":
                                                          "dms.t3.medium"})["ReplicationInstance"]["ReplicationInstanceArn"]

    def endpoint(number):
        return done(server, "CreateEndpoint", {
            "EndpointIdentifier": f"e{number:05}", "EndpointType": ("source", "target")[number % 2], "EngineName": "postgres",
            "ServerName": f"db{number}.example", "Port": 5432, "Username": "u", "Password": "p", "DatabaseName": "d"}
        )["Endpoint"]["EndpointArn"]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        arns = list(pool.map(endpoint, range(endpoints)))
        list(pool.map(lambda number: done(server, "CreateReplicationTask", {
            "ReplicationTaskIdentifier": f"t{number:05}", "SourceEndpointArn": arns[2 * number % endpoints],
            "TargetEndpointArn": arns[(2 * number + 1) % endpoints], "ReplicationInstanceArn": instance,
            "MigrationType": "cdc", "TableMappings": RULES}), range(tasks)))
    return arns


def latency(server, name, operation, arguments, count=1000):
    requests = [server.request(operation, arguments(random.Random(number))) for number in range(count)]
    took = []
    for seconds, status, body in asyncio.run(calls(server, requests)):
        if status != 200:
            sys.exit(f"{operation}: {body.decode()}")
        took.append(seconds * 1000)
    cuts = statistics.quantiles(took, n=100)
    print(f"{name}: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, worst {max(took):.1f} ms")


async def crowd(server, clients):
    """Statuses of three calls of each of so many clients at once."""
    request = server.request("DescribeEndpoints", {"MaxRecords": 20})
    outcomes = await asyncio.gather(*(calls(server, [request] * 3) for _ in range(clients)), return_exceptions=True)
    broken = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    statuses = [status for outcome in outcomes if not isinstance(outcome, BaseException) for _, status, _ in outcome]
    return broken, statuses


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--clients", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-server-", dir="/tmp") as folder:
        server = Server(pathlib.Path(folder))
        server.start()
        began = time.monotonic()
        arns = define(server, options.endpoints, options.tasks)
        print(f"{options.endpoints} endpoints and {options.tasks} tasks defined in {time.monotonic() - began:.0f} s")
        server.stop()
        print(f"start: {min(server.start() if number == 0 else (server.stop(), server.start())[1] for number in range(3)):.3f} s")
        time.sleep(2)
        before = server.cpu_seconds()
        time.sleep(10)
        print(f"idle: {server.private_mib():.1f} MiB private, {(server.cpu_seconds() - before) * 10:.1f} % of a core")
        marker = "m1." + b"e00100".hex()
        latency(server, "DescribeEndpoints, a page of 100", "DescribeEndpoints", lambda _: {"Marker": marker})
        latency(server, "DescribeEndpoints by ARN", "DescribeEndpoints",
                lambda chance: {"Filters": [{"Name": "endpoint-arn", "Values": [chance.choice(arns)]}]})
        latency(server, "DescribeReplicationTasks, a page of 100", "DescribeReplicationTasks", lambda _: {})
        latency(server, "DescribeReplicationTasks by name", "DescribeReplicationTasks", lambda chance: {
            "Filters": [{"Name": "replication-task-id", "Values": [f"t{chance.randrange(options.tasks):05}"]}]})
        print(f"after that: {server.private_mib():.1f} MiB private")
        broken, statuses = asyncio.run(crowd(server, options.clients))
        print(f"{options.clients} clients at once: {statuses.count(200)} answers, {len(statuses) - statuses.count(200)} errors, "
              f"{len(broken)} broken connections {broken[:1]}; {server.private_mib():.1f} MiB private")
        server.stop()


if __name__ == "__main__":
    main()
