# SPDX-License-Identifier: Apache-2.0
"""Clients of others, as they come from their registries: each makes one whole migration. What docs/api.md shows is run as
it stands there, but for the names of the databases."""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import botocore.loaders

from api_server import REGION, ApiServer
from harness import TOP, expect, expect_same, scenario
from servers import Failure

ROWS = 500
CLIENTS = TOP / "tests/clients"
SECONDS_MAX = 300


@functools.cache
def client_folder(name):
    done = subprocess.run([CLIENTS / "clients.sh", "folder", name], check=True, capture_output=True, text=True)
    folder = pathlib.Path(done.stdout.strip())
    expect(folder.is_dir(), f"{folder} is not there; tools/servers.sh makes it")
    return folder


class Quickly:
    """A server, two databases and an environment in which a client finds them; its waiters look often."""

    def __init__(self, bench):
        self.server = ApiServer(bench)
        key = self.server.add_user("tester")
        self.server.start()
        self.source, self.target = bench.source(), bench.target()
        self.source.execute(f"CREATE TABLE orders (id int PRIMARY KEY, v text);"
                            f"INSERT INTO orders SELECT g, 'order ' || g FROM generate_series(1, {ROWS}) g")
        certificate = str(self.server.data / "tls/certificate.pem")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "AWS_CA_BUNDLE": certificate, "NODE_EXTRA_CA_CERTS": certificate,
            "AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE": self.server.url, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DATA_PATH": str(self.busy_waiters(bench.folder / "models")), "HOME": str(bench.folder), "AWS_PAGER": ""}

    @staticmethod
    def busy_waiters(folder):
        """The clients' own waiters with one second between two looks, as botocore lets its users say."""
        waiters = botocore.loaders.Loader().load_service_model("dms", "waiters-2")
        for waiter in waiters["waiters"].values():
            waiter.update(delay=1, maxAttempts=SECONDS_MAX)
        place = folder / "dms/2016-01-01"
        place.mkdir(parents=True)
        (place / "waiters-2.json").write_text(json.dumps(waiters))
        return folder

    def run(self, command, **more):
        done = subprocess.run(command, env={**self.environment, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=SECONDS_MAX, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failure(f"{command[0]} ended with {done.returncode}\n{done.stdout[-4000:]}\n{self.server.log.read_text()[-2000:]}")
        self.expect_done()
        return done.stdout

    def expect_done(self):
        """The rows are there; nothing else is left, at the source or in the server."""
        expect_same(self.target.one("SELECT count(*) FROM orders"), ROWS, "rows of the target")
        expect_same(self.source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")
        expect(not list(self.server.data.glob("tasks/*")), "a folder of the task is left")
        audit = [json.loads(line) for line in (self.server.data / "logs/audit.log").read_text().splitlines()]
        expect("DeleteReplicationInstance" in [line["operation"] for line in audit if line["outcome"] == "ok"], str(audit))

    def arguments(self):
        return [str(self.source.server.port), self.source.name, self.target.name, str(ROWS)]

    def shown_in_docs(self, language):
        """The quick start in that language, for our databases."""
        sections = re.findall(r"^## (?:A migration|The same) with .*?(?=^## )", (TOP / "docs/api.md").read_text(),
                              re.MULTILINE | re.DOTALL)
        [text] = re.findall(rf"^```{language}\n(.*?)^```", "".join(sections), re.MULTILINE | re.DOTALL)
        for word, ours in (("shop_copy", self.target.name), ("shop", self.source.name), ("migrator", "postgres"),
                           ("5432", str(self.source.server.port))):
            expect(re.search(rf"\b{word}\b", text), f"docs/api.md says nothing of {word}")
            text = re.sub(rf"\b{word}\b", ours, text)
        return text


@scenario("server.quick_start_boto3")
def quick_start_boto3(bench):
    """The first quick start of docs/api.md, as it stands there."""
    one = Quickly(bench)
    script = bench.folder / "quick_start.py"
    script.write_text(one.shown_in_docs("python"))
    expect("public orders" in one.run([sys.executable, str(script)]), "no statistics were printed")


@scenario("server.quick_start_aws")
def quick_start_aws(bench):
    """The second one, with the aws command line."""
    one, aws = Quickly(bench), client_folder("aws")
    script = bench.folder / "quick_start.sh"
    script.write_text(f"set -euo pipefail\n{one.shown_in_docs('sh')}")
    output = one.run(["bash", str(script)], PYTHONPATH=str(aws), PATH=f"{aws}/bin:{os.environ['PATH']}")
    expect(re.search(r"public\s*\|\s*orders", output), f"no statistics were printed: {output}")


@scenario("server.javascript_sdk")
def javascript_sdk(bench):
    """A migration by the JavaScript SDK: its waiters, its pages, its typed errors."""
    one, folder = Quickly(bench), client_folder("javascript")
    one.run([folder / "bin/node", CLIENTS / "javascript/migration.cjs", *one.arguments()], NODE_PATH=str(folder / "node_modules"))


@scenario("server.go_sdk")
def go_sdk(bench):
    """The same by the Go SDK."""
    one = Quickly(bench)
    one.run([client_folder("go") / "migration", *one.arguments()])
