# SPDX-License-Identifier: Apache-2.0
"""A server in which much is defined, and many clients at once. tools/bench/server.py says more; what it says must hold here,
too."""

import asyncio
import json
import os
import pathlib
import re
import sqlite3
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from api_server import REGION, ApiServer, Migration
from harness import expect, expect_same, scenario
from servers import wait_for

ENDPOINTS, TASKS, CLIENTS = 10_000, 1_000, 1_000
COUNT = 50  # of calls whose cost is measured
ROUNDS = 3  # of what other work on the machine can disturb: the best counts


class Idle:
    """What the kernel says of the server's process."""

    def __init__(self, server):
        self.folder = pathlib.Path(f"/proc/{server.process.pid}")

    def cpu_seconds(self):
        fields = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def share(self, seconds):
        before = self.cpu_seconds()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / seconds

    def private_mib(self):
        text = (self.folder / "smaps_rollup").read_text()
        return sum(int(size) for size in re.findall(r"Private_\w+:\s+(\d+) kB", text)) / 1024


def multiply(store):
    """Copies of the first endpoint and task of the store, under names and ARNs of their own."""
    with sqlite3.connect(store) as database:
        for kind, name, count in (("endpoint", "EndpointIdentifier", ENDPOINTS), ("task", "ReplicationTaskIdentifier", TASKS)):
            row = database.execute("SELECT kind, id, arn, state, shown, \"inner\", sealed FROM resources WHERE kind = ? LIMIT 1",
                                   [kind]).fetchone()
            refers = [arn for arn, in database.execute("SELECT to_arn FROM refers WHERE from_arn = ?", [row[2]])]
            for number in range(count):
                id, arn = f"{kind}-{number:05}", f"{row[2]}{number:05}"
                shown = row[4].replace(f'"{row[1]}"', f'"{id}"').replace(row[2], arn)
                inner = row[5].replace(f'"{row[1]}"', f'"{id}"').replace('"folder":"', f'"folder":"{number}')
                database.execute("INSERT INTO resources VALUES (?,?,?,?,?,?,?)", [kind, id, arn, row[3], shown, inner, row[6]])
                database.executemany("INSERT INTO refers VALUES (?,?)", [(arn, to) for to in refers])
    database.close()


class Calls:
    """Signed requests, made before the clock runs, of a client that does nothing else."""

    def __init__(self, server, key):
        self.server = server
        self.credentials = botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def request(self, operation, arguments):
        body = json.dumps(arguments)
        request = botocore.awsrequest.AWSRequest("POST", f"http://127.0.0.1:{self.server.port}/", data=body, headers={
            "X-Amz-Target": f"AmazonDMSv20160101.{operation}", "Content-Type": "application/x-amz-json-1.1"})
        botocore.auth.SigV4Auth(self.credentials, "dms", REGION).add_auth(request)
        head = [f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nContent-Length: {len(body)}\r\n"]
        head += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        return ("".join(head) + "\r\n" + body).encode()

    async def made(self, requests):
        """(status, error) of each, on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=1 << 24)
        out = []
        for request in requests:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            await reader.readexactly(int(re.search(r"(?i)content-length: (\d+)", head)[1]))
            kind = re.search(r"(?i)x-amzn-errortype: (\w+)", head)
            out.append((int(head.split()[1]), kind[1] if kind else ""))
        writer.close()
        return out

    def make(self, operation, arguments):
        answers = asyncio.run(self.made([self.request(operation, arguments)] * COUNT))
        expect_same({status for status, _ in answers}, {200}, f"answers to {operation}")


@scenario("server.much_is_defined")
def much_is_defined(bench):
    """10 000 endpoints and 1 000 tasks: the server takes half a second of a processor to start, a few milliseconds to find a
    page or a name among them (the time on the clock is tools/bench/server.py's to measure, on a machine that does nothing
    else), holds 60 MiB and takes less than a hundredth of a processor while it has nothing to do."""
    server = ApiServer(bench, "--plain-http", "--rate", "1000000", "--burst", "1000000")
    key = server.add_user("tester")
    Migration(server, server.start().client(key), bench.source(), bench.target()).define()
    server.stop()
    multiply(server.data / "store.sqlite")
    server.start()
    idle, calls = Idle(server), Calls(server, key)
    expect(idle.cpu_seconds() <= 0.5, f"its start takes {idle.cpu_seconds()} s of a processor")
    share, held = min(idle.share(2) for _ in range(ROUNDS)), idle.private_mib()
    expect(share < 0.01, f"an idle server takes {share * 100:.1f} % of a processor")
    expect(held <= 60, f"an idle server holds {held:.1f} MiB")
    for operation, arguments in (("DescribeEndpoints", {"Marker": "m1." + b"endpoint-00100".hex()}),
                                 ("DescribeEndpoints", {"Filters": [{"Name": "endpoint-id", "Values": ["endpoint-07777"]}]}),
                                 ("DescribeReplicationTasks", {}), ("DescribeReplicationTasks", {"WithoutSettings": True})):
        before = idle.cpu_seconds()
        calls.make(operation, arguments)
        took = (idle.cpu_seconds() - before) / COUNT * 1000
        expect(took <= 50, f"{operation} {arguments}: {took:.1f} ms")


@scenario("server.many_clients")
def many_clients(bench):
    """1 000 clients at once are answered, or slowed down by name; then the server is as idle as before."""
    server = ApiServer(bench, "--plain-http", "--rate", "1", "--burst", "2000")
    key = server.add_user("tester")
    server.start()
    calls = Calls(server, key)
    request = calls.request("DescribeReplicationInstances", {})

    async def crowd():
        return await asyncio.gather(*(calls.made([request] * 3) for _ in range(CLIENTS)))
    answers = [answer for client in asyncio.run(crowd()) for answer in client]
    expect_same(set(answers), {(200, ""), (400, "ThrottlingException")}, "kinds of answers")
    expect(sum(status == 200 for status, _ in answers) >= 2000, "fewer answers than the burst allows")
    idle = Idle(server)
    wait_for("the server to be idle", lambda: idle.share(1) < 0.01, 30)
