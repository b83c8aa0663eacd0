# SPDX-License-Identifier: Apache-2.0
"""Events of the server reach those who subscribed: by a webhook, and through SNS as moto plays it."""

import http.server
import json
import threading

import boto3

from api_server import REGION, ApiServer
from harness import expect_same, scenario
from s3 import KEYS, Moto
from scenarios_server import started
from servers import wait_for

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
