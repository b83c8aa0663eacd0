# SPDX-License-Identifier: Apache-2.0
"""Endpoints that name a secret in place of user, password, host and port."""

import json
import os
import subprocess

from api_server import ApiServer, Migration
from harness import expect, expect_same, scenario
from scenarios_server import ORDERS, caught_up, expect_error, started
from servers import wait_for

ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/{}-Ab12Cd"
ROLE = "arn:aws:iam::111122223333:role/any"
PASSWORD = "correct-horse-battery"


def secret_of(database, user):
    return json.dumps({"username": user, "password": PASSWORD, "host": "127.0.0.1", "port": database.server.port,
                       "engine": "postgres", "dbInstanceIdentifier": "shop"})


def members(name, database, side):
    return {"EndpointIdentifier": side, "EndpointType": side, "EngineName": "postgres", "DatabaseName": database.name,
            "PostgreSQLSettings": {"SecretsManagerSecretId": ARN.format(name), "SecretsManagerAccessRoleArn": ROLE}}


class ByName(Migration):
    """A migration whose endpoints say nothing but the names of their secrets."""

    def endpoint(self, database, side):
        return self.dms.create_endpoint(**members(side, database, side))["Endpoint"]["EndpointArn"]


def users_of(database):
    return {user for user, in database.execute("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = %s AND "
                                               "pid <> pg_backend_pid()", [database.name])}


@scenario("server.secrets_manager")
def secrets_manager(bench):
    """A secret is read at each test and start, so a new one is taken by the next start; it is kept and told nowhere."""
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    first, second = f"first_{source.name}", f"second_{source.name}"
    source.execute(f"CREATE ROLE {first} SUPERUSER LOGIN; CREATE ROLE {second} SUPERUSER LOGIN")
    server, dms = started(bench)
    expect_error("InvalidParameterValueException", "--secrets", dms.create_endpoint, **members("source", source, "source"))
    server.stop()
    folder = bench.folder / "secrets"
    (folder / "prod").mkdir(parents=True)
    (folder / "prod/source").write_text(secret_of(source, first))
    (folder / "prod/target-Ab12Cd").write_text(secret_of(target, "postgres"))
    server.arguments = ("--secrets", f"file:{folder}")
    server.start()
    refused(dms, source)
    one = ByName(server, dms, source, target).define()
    shown = dms.describe_endpoints(Filters=[{"Name": "endpoint-id", "Values": ["source"]}])["Endpoints"][0]
    expect_same({name: shown["PostgreSQLSettings"].get(name) for name in ("SecretsManagerSecretId", "Username", "ServerName")},
                {"SecretsManagerSecretId": ARN.format("source"), "Username": None, "ServerName": None}, str(shown))
    one.start()
    one.wait_for("running")
    caught_up(source, target)
    expect(first in users_of(source) and second not in users_of(source), str(users_of(source)))
    rotated(one, source, target, folder, first, second)
    for file in [*server.data.rglob("*"), *bench.folder.glob("server-*.log")]:
        expect(not file.is_file() or PASSWORD.encode() not in file.read_bytes(), f"{file} holds the password")
    missing(one, folder)
    one.remove()


def refused(dms, source):
    """What contradicts a secret, or names none."""
    def expect_refused(words, **more):
        expect_error("InvalidParameterValueException", words, dms.create_endpoint, **{**members("source", source, "source"), **more})
    for name, value in (("Username", "u"), ("Password", PASSWORD), ("ServerName", "h"), ("Port", 1)):
        expect_refused(name, **{name: value})
    expect_refused("SecretsManagerSecretId", PostgreSQLSettings={"SecretsManagerAccessRoleArn": ROLE})
    expect_refused("../x", PostgreSQLSettings={"SecretsManagerSecretId": "../x"})


def rotated(one, source, target, folder, first, second):
    """A task that dies and one that is resumed read the secret of that moment."""
    (folder / "prod/source").write_text(secret_of(source, second))
    [process] = one.server.task_processes()
    os.kill(process, 9)
    wait_for("the other user", lambda: second in users_of(source) and first not in users_of(source), 60)
    caught_up(source, target)
    one.stop()
    (folder / "prod/source").write_text(secret_of(source, first))
    one.start("resume-processing")
    one.wait_for("running")
    caught_up(source, target)
    expect(first in users_of(source), str(users_of(source)))
    one.stop()


def missing(one, folder):
    """Without its secret a start and a test fail by name; the way to connect can be changed there and back."""
    def tested(**change):
        one.dms.modify_endpoint(EndpointArn=one.endpoints[0], **change)
        rows = wait_for("the test", lambda: [
            row for row in one.dms.describe_connections(Filters=[{"Name": "endpoint-arn", "Values": [one.endpoints[0]]}])[
                "Connections"] if row["Status"] != "testing"], 30)
        return rows[0]["Status"], rows[0].get("LastFailureMessage", "")
    text = (folder / "prod/source").read_text()
    (folder / "prod/source").unlink()
    one.start("resume-processing")
    now = one.wait_for("failed")
    expect("wire.no_secret" in now["LastFailureMessage"], now["LastFailureMessage"])
    named = {"PostgreSQLSettings": {"SecretsManagerSecretId": "prod/source"}}
    status, message = tested(**named)
    expect(status == "failed" and "wire.no_secret" in message, message)
    (folder / "prod/source").write_text('{"username": "u"}')
    status, message = tested(**named)
    expect(status == "failed" and "main.bad_secret" in message, message)
    plain = one.source.endpoint("source")
    expect_same(tested(Username="postgres", Password="p", ServerName="127.0.0.1", Port=plain["Port"])[0], "successful", "by password")
    (folder / "prod/source").write_text(text)
    expect_same(tested(**named)[0], "successful", "by the secret again")


@scenario("server.key_from_a_program")
def key_from_a_program(bench):
    """The key under which the server stores secrets comes from a program or a folder, and lies nowhere else."""
    program, folder = bench.folder / "key.sh", bench.folder / "keys"
    folder.mkdir()
    keys = {"command": "ab" * 32, "file": "ab" * 32}
    program.write_text(f"#!/bin/sh\n[ \"$1\" = millrace-server ] && echo {keys['command']}\n")
    program.chmod(0o700)
    (folder / "millrace-server").write_text(keys["file"] + "\n")
    server = ApiServer(bench, "--key-from", f"command:{program}")
    key = server.add_user("tester", "administrator", "--key-from", f"file:{folder}")
    dms = server.start().client(key)
    dms.create_endpoint(EndpointIdentifier="a", EndpointType="source", EngineName="postgres", ServerName="h", Port=1, Username="u",
                        Password=PASSWORD, DatabaseName="d")
    server.stop()
    expect(not (server.data / "key").exists(), "a key was made")
    for file in server.data.rglob("*"):
        expect(not file.is_file() or keys["command"].encode() not in file.read_bytes(), f"{file} holds the key")

    def refused(source, words):
        done = subprocess.run([bench.binary, "serve", "--data-dir", str(server.data), "--listen", "127.0.0.1:0", "--key-from", source],
                              capture_output=True, text=True, timeout=60)
        expect(done.returncode != 0 and words in done.stderr, f"{source}: {done.returncode}: {done.stderr}")
    (folder / "millrace-server").write_text("cd" * 32)
    refused(f"file:{folder}", "server.bad_key")
    (folder / "millrace-server").write_text("cd")
    refused(f"file:{folder}", "server.bad_key")
    refused("command:/bin/false", "wire.no_secret")
    refused("env:MILLRACE_", "neither file:/folder nor command:/program")
    server.start()
    expect_same(len(dms.describe_endpoints()["Endpoints"]), 1, "endpoints")


@scenario("input.secrets")
def secrets_of_a_task_file(bench):
    """`millrace check` takes secrets from a file, the environment and a program; settings are shown without any."""
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    named = {"EndpointIdentifier": "source", "EngineName": "postgres", "DatabaseName": source.name,
             "PostgreSQLSettings": {"SecretsManagerSecretId": "prod/source"}}
    task = bench.task(named, target)
    secret = secret_of(source, "postgres")
    program = bench.folder / "secret.sh"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = prod/source ] && cat {bench.folder}/prod/source\n")
    program.chmod(0o700)
    (bench.folder / "prod").mkdir()
    (bench.folder / "prod/source").write_text(secret)
    for place in (f"file:{bench.folder}", "env:MY_", f"command:{program}"):
        done = subprocess.run(task.command("check", "--secrets", place), capture_output=True, text=True, timeout=60,
                              env={**os.environ, "MY_PROD_SOURCE": secret})
        expect(done.returncode == 0 and PASSWORD not in done.stdout + done.stderr, f"{place}: {done.stdout}{done.stderr}")
    expect("main.no_secrets" in task.call("check", code=2), "without a place")
    expect("wire.no_secret" in task.call("check", "--secrets", "command:/bin/false", code=2), "a program that fails")
    shown = subprocess.run([bench.binary, "settings", "show", *task.command("check")[2:3]], capture_output=True, text=True,
                           timeout=30)
    expect_same(shown.returncode, 0, shown.stderr)
