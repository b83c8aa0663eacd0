# SPDX-License-Identifier: Apache-2.0
"""What a server tells of itself: events reach those who subscribed, by a webhook and through SNS as moto plays it;
figures reach a monitor."""

import http.server
import json
import pathlib
import re
import threading
import urllib.request

import boto3

from api_server import REGION, ApiServer, Migration
from harness import expect, expect_same, scenario
from s3 import KEYS, Moto
from scenarios_server import ORDERS, caught_up, started
from servers import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTANCE = {"ReplicationInstanceIdentifier": "a", "ReplicationInstanceClass": "dms.t3.micro"}
TOLD = ["Replication instance created", "Replication instance deleted"]


def make_events(client):
    """An instance comes, changes and goes: two of the events are asked for, one is not."""
    arn = client.create_replication_instance(**INSTANCE)["ReplicationInstance"]["ReplicationInstanceArn"]
    client.modify_replication_instance(ReplicationInstanceArn=arn, AllocatedStorage=99)
    client.delete_replication_instance(ReplicationInstanceArn=arn)


def subscribe(client, topic):
    client.create_event_subscription(SubscriptionName="mine", SnsTopicArn=topic, SourceType="replication-instance",
                                     EventCategories=["creation", "deletion"])


@scenario("server.events_are_delivered")
def events_are_delivered(bench):
    """A subscriber's webhook gets the events it asked for, in order, also those of a time when it was away."""
    got, answers = [], [500]

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            status = answers.pop() if answers else 200
            if status == 200:
                got.append(json.loads(json.loads(body)["Message"])["Event Message"])
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass
    webhook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=webhook.serve_forever, daemon=True).start()
    bench.closers.append(webhook.shutdown)
    server, client = started(bench, "--webhook", f"http://127.0.0.1:{webhook.server_address[1]}/")
    subscribe(client, f"arn:aws:sns:{REGION}:1:topic")
    make_events(client)
    wait_for("two events", lambda: len(got) >= 2, 20)
    expect_same(got, TOLD, "events")


@scenario("server.events_reach_sns")
def events_reach_sns(bench):
    """Events are published to the subscription's topic; while it does not exist they wait."""
    moto = Moto(bench)
    url = f"http://127.0.0.1:{moto.port}"

    def service(name):
        return boto3.client(name, endpoint_url=url, region_name=REGION, aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1])
    server = ApiServer(bench, "--sns-endpoint", url)
    server.environment |= {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}
    key = server.add_user("tester")
    client = server.start().client(key)
    subscribe(client, f"arn:aws:sns:{REGION}:123456789012:topic")
    make_events(client)
    wait_for("a refusal in the server's log", lambda: "server.event_refused" in server.log.read_text(), 20)
    queue = service("sqs").create_queue(QueueName="queue")["QueueUrl"]
    topic = service("sns").create_topic(Name="topic")["TopicArn"]
    service("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:queue")
    got = []

    def received():
        for message in service("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            posted = json.loads(message["Body"])
            expect_same((posted["TopicArn"], posted["Subject"]), (topic, "DMS Notification Message"), "the notification")
            got.append(json.loads(posted["Message"])["Event Message"])
        return len(got) >= 2
    wait_for("two events", received, 20)
    expect_same(got, TOLD, "events")


def read_metrics(url):
    """Name and labels -> value, of Prometheus's text format; fails at a line that is none."""
    found, types = {}, {}
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("# TYPE "):
                types[line.split()[2]] = line.split()[3]
            elif not line.startswith("# HELP "):
                parts = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="[^"]*",?)*\})? ([0-9.e+-]+)', line)
                expect(parts and re.sub("_(bucket|sum|count)$", "", parts[1]) in types or parts[1] in types, line)
                found[parts[1], parts[2] or ""] = float(parts[3])
    return found


@scenario("server.metrics")
def metrics(bench):
    """Figures of a running task and of the machine; what the dashboard asks for is there."""
    server = ApiServer(bench, "--plain-http")
    key = server.add_user("tester")
    client = server.start().client(key)
    source, target = bench.source(), bench.target()
    source.execute(ORDERS)
    one = Migration(server, client, source, target).define()
    one.start()
    one.wait_for("running")
    caught_up(source, target)
    labels = f'{{task="shop-task",resource="{one.task.rsplit(":", 1)[1]}",instance="shop-instance"}}'
    least = {"changes_captured_total": 1, "changes_applied_total": 1, "rows_loaded_total": 2000, "loaded_bytes_total": 2000,
             "cpu_seconds_total": 0.01, "memory_bytes": 1e6, "apply_seconds_count": 1, "read_seconds_count": 1}

    def told():
        now = read_metrics(server.url)
        return now if all(now.get((f"millrace_task_{name}", labels), 0) >= value for name, value in least.items()) else None
    now = wait_for("the figures of the task", told, 20)
    for name, most in (("memory", 4 << 30), ("storage", 50 << 30)):
        all_of_it, free = (now[f"millrace_instance_{name}{part}_bytes", '{instance="shop-instance"}'] for part in ("", "_free"))
        expect(all_of_it == most and most / 2 < free < most, f"{name}: {free} of {all_of_it}")
    for name in ("memory_bytes", "storage_free_bytes", "cpu_seconds_total"):
        expect(now[f"millrace_machine_{name}", ""] > 0, name)
    names = {name for name, _ in now}
    shown = set(re.findall(r"millrace_[a-z_]+", (ROOT / "docs/grafana-dashboard.json").read_text()))
    expect(len(shown) > 15 and shown <= names, f"the dashboard shows what is not told: {shown - names}")
    one.stop()
    one.remove()
