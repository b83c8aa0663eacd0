# SPDX-License-Identifier: Apache-2.0
"""The server's store in a PostgreSQL database, which may go away, and which another server may want."""

import pathlib
import subprocess
import urllib.request

from api_server import ApiServer, Migration
from harness import expect, expect_same, scenario
from scenarios_server import ORDERS, caught_up
from servers import wait_for

PASSWORD = "a-password-of-the-store"


def refused(server):
    """What a server that ends at once says; it must end with 2."""
    done = subprocess.run([server.bench.binary, "serve", "--data-dir", str(server.data), "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=30, env=server.environment)
    expect_same(done.returncode, 2, f"exit code; it said {done.stdout}{done.stderr}")
    return done.stderr


def is_ready(server):
    try:
        with urllib.request.urlopen(f"{server.url}/readyz", timeout=30) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


@scenario("server.store_in_postgres")
def store_in_postgres(bench):
    """The store's server is killed and comes back, so is ours; a second server waits for the end of the lease."""
    holder = bench.own_postgres("store")
    store = holder.new_database("store")
    url = f"postgres://postgres:{PASSWORD}@127.0.0.1:{holder.port}/{store.name}"
    server = ApiServer(bench, "--plain-http", store=url)
    key = server.add_user("tester")
    client = server.start().client(key)
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    one = Migration(server, client, source, target).define()
    one.start()
    one.wait_for("running")
    running = server.task_processes()

    holder.kill()
    source.execute("UPDATE orders SET v = 'without a store' WHERE id < 100")
    expect(not is_ready(server), "ready without a store")
    caught_up(source, target)
    holder.start()
    wait_for("the server to be ready", lambda: is_ready(server), 20)
    one.wait_for("running")

    server.kill()
    server.start()
    one.wait_for("running")
    expect_same(server.task_processes(), running, "the task's process")
    second = ApiServer(bench, "--plain-http", store=url, folder="second")
    (second.data).mkdir()
    expect("server.bad_key" in refused(second), "another key was accepted")
    (second.data / "key").write_text((server.data / "key").read_text())
    said = refused(second)
    expect("server.store_in_use" in said and str(server.data) in said, said)

    for pid in running:
        expect(PASSWORD not in pathlib.Path(f"/proc/{pid}/environ").read_text(), "the task has the store's password")
    one.stop()
    server.stop()
    second.start()
    expect_same([task["Status"] for task in second.client(key).describe_replication_tasks()["ReplicationTasks"]],
                ["stopped"], "what the second server finds")
    second.stop()
    for log in bench.folder.glob("*.log"):
        expect(PASSWORD not in log.read_text(), f"the store's password is in {log.name}")
