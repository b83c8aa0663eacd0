# SPDX-License-Identifier: Apache-2.0
"""What an instance gives its tasks: memory by its class, disk by its storage."""

from api_server import Migration
from harness import expect, expect_equal, expect_same, scenario
from scenarios_server import ORDERS, caught_up, expect_error, started
from servers import wait_for

SIX_GIB = 6 << 30


def on_small_instance(bench, **members):
    server, dms = started(bench)
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    one = Migration(server, dms, source, target).define()
    dms.modify_replication_instance(ReplicationInstanceArn=one.instance, **members)
    return one


def instance_status(one):
    [row] = one.dms.describe_replication_instances()["ReplicationInstances"]
    return row["ReplicationInstanceStatus"]


@scenario("server.storage_exceeded")
def storage_exceeded(bench):
    """A task whose files exceed AllocatedStorage stops by name and starts no more, also for the next server; with more
    storage it goes on, and nothing was lost."""
    one = on_small_instance(bench, AllocatedStorage=5)
    one.start()
    one.wait_for("running")
    caught_up(one.source, one.target)
    [folder] = one.server.data.glob("tasks/*")
    big = folder / "ballast"
    with open(big, "wb") as file:
        file.truncate(SIX_GIB)
    now = one.wait_for("failed")
    expect("server.storage_exceeded" in now["LastFailureMessage"] and "6.0 GiB of 5.0 GiB" in now["LastFailureMessage"],
           now["LastFailureMessage"])
    expect_same(instance_status(one), "storage-full", "the instance")
    one.source.execute("INSERT INTO orders SELECT g, 'while full' FROM generate_series(3000, 3100) g")
    one.server.kill()
    one.server.start()
    expect_error("InvalidResourceStateFault", "storage-full", one.dms.test_connection, ReplicationInstanceArn=one.instance,
                 EndpointArn=one.endpoints[0])
    one.start("resume-processing")
    now = one.wait_for("failed")
    expect("server.storage_exceeded" in now["LastFailureMessage"], now["LastFailureMessage"])
    one.dms.modify_replication_instance(ReplicationInstanceArn=one.instance, AllocatedStorage=7)
    wait_for("the instance to be available", lambda: instance_status(one) == "available", 20)
    one.start("resume-processing")
    one.wait_for("running")
    caught_up(one.source, one.target)
    messages = [event["Message"] for event in one.dms.describe_events(SourceType="replication-instance")["Events"]]
    expect("Replication instance has run out of storage" in messages, str(messages))
    big.unlink()
    one.stop()
    one.remove()


@scenario("server.memory_exceeded")
def memory_exceeded(bench):
    """A task that holds more memory than its class has stops by name; in a larger class it comes to its end."""
    one = on_small_instance(bench, ReplicationInstanceClass="dms.t3.micro")
    tables = [f"large_{number}" for number in range(4)]
    one.source.with_lz4()
    for table in tables:
        one.source.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, v text);"
                           f"INSERT INTO {table} SELECT g, repeat('x', 200 << 20) FROM generate_series(1, 2) g")
    one.start()
    now = one.wait_for("failed", seconds=60)
    expect("server.memory_exceeded" in now["LastFailureMessage"] and "dms.t3.micro" in now["LastFailureMessage"],
           now["LastFailureMessage"])
    expect_same(one.server.task_processes(), [], "processes")
    one.dms.modify_replication_instance(ReplicationInstanceArn=one.instance, ReplicationInstanceClass="dms.c5.xlarge")
    for table in tables:
        one.source.execute(f"UPDATE {table} SET v = id")
    one.start("resume-processing")
    one.wait_for("running")
    caught_up(one.source, one.target)
    expect_equal(one.source, one.target, tables)
    one.stop()
    one.remove()
