# SPDX-License-Identifier: Apache-2.0
"""Every error that the service model lists for an operation of this server is provoked, or stands below with the reason
why it cannot come. Each answer is checked: status, `__type`, header, message, and that the model lists the error."""

import contextlib
import itertools
import json
import re
import socket
import subprocess

import botocore.exceptions

from api_server import ApiServer, Migration
from harness import TOP, expect, expect_same, scenario
from scenarios_server_clients import RULES
from servers import Failure, wait_for

# The target's table has the task's rows, too.
TOGETHER = json.dumps({"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}})
ABSENT = "arn:aws:dms:eu-central-1:111122223333:{}:ABSENT"
FOUND, TAKEN, STATE, QUOTA = ("ResourceNotFoundFault", "ResourceAlreadyExistsFault", "InvalidResourceStateFault",
                              "ResourceQuotaExceededFault")
ZONES = "ReplicationSubnetGroupDoesNotCoverEnoughAZs"

# scenarios_server_assessments.py needs a database that falls silent for these.
PROVOKED_THERE = {("StartReplicationTaskAssessmentRun", TAKEN), ("StartReplicationTaskAssessmentRun", "S3AccessDeniedFault"),
                  ("CancelReplicationTaskAssessmentRun", STATE), ("DeleteReplicationTaskAssessmentRun", STATE)}
# (operation or "*", error): why nobody can be answered with it here.
CANNOT_COME = {
    ("*", "AccessDeniedFault"): "service roles are kept and not used; keys are refused by AccessDeniedException",
    **{("*", name): "KmsKeyId is refused by name, and S3 answers for a key of results when the run writes" for name in (
        "KMSKeyNotAccessibleFault", "KMSAccessDeniedFault", "KMSDisabledFault", "KMSInvalidStateFault", "KMSNotFoundFault",
        "KMSThrottlingFault", "KMSFault")},
    ("*", "S3ResourceNotFoundFault"): "a bucket is looked at when the run writes, or a folder, and made",
    ("CreateEndpoint", "S3AccessDeniedFault"): "a bucket is looked at by TestConnection, not by CreateEndpoint",
    ("*", "InvalidSubnet"): "subnets are kept as named", ("*", "SubnetAlreadyInUse"): "subnets are kept as named",
    ("*", "InsufficientResourceCapacityFault"): "classes reserve nothing",
    ("*", "StorageQuotaExceededFault"): "a size out of range is InvalidParameterValueException",
    ("*", "UpgradeDependencyFailureFault"): "there is one engine version",
    ("*", QUOTA): "quotas are high: front_test.cc fills one",
    **{(name, STATE): "it can be done in every state" for name in (
        "AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource", "CreateEndpoint", "CreateReplicationConfig",
        "CreateReplicationInstance", "CreateReplicationTask", "DeleteEventSubscription", "DescribeReplicationInstanceTaskLogs",
        "DescribeApplicableIndividualAssessments",
        "DescribeReplicationTableStatistics", "DescribeTableStatistics", "DescribeSchemas", "DescribeRefreshSchemasStatus",
        "ModifyReplicationInstance")},
    **{(name, ZONES): "a group that exists has enough" for name in (
        "CreateReplicationConfig", "CreateReplicationInstance", "ModifyReplicationConfig")},
    ("CreateReplicationSubnetGroup", FOUND): "it refers to nothing",
    ("ModifyEventSubscription", "SNSNoAuthorizationFault"): "one that exists is delivered",
}


def filtered(name, value="absent"):
    return {"Filters": [{"Name": name, "Values": [value]}]}


class World:
    """Objects in the states that the errors need: a task and a replication that run, others at rest, a database that
    accepts a connection and then says nothing."""

    def __init__(self, bench):
        self.server = ApiServer(bench)
        self.key = self.server.add_user("tester")
        self.server.start()
        self.before_webhook()
        self.server.stop()
        self.server.arguments = ("--webhook", "http://127.0.0.1:9/")
        self.server.start()
        self.dms = self.server.client(self.key)
        source, target = bench.source(), bench.target()
        source.execute("CREATE TABLE t (id int PRIMARY KEY)")
        self.one = Migration(self.server, self.dms, source, target).define()
        self.define_the_rest(bench)
        self.one.start()
        self.one.wait_for("running")
        self.dms.start_replication(ReplicationConfigArn=self.busy_config, StartReplicationType="start-replication")

    def wait_for_replication(self):
        def running():
            row = self.dms.describe_replications(**filtered("replication-config-id", "busy"))["Replications"][0]
            expect(row["Status"] != "failed", str(row))
            return row["Status"] == "running"
        wait_for("the replication to run", running, 60)

    def before_webhook(self):
        expect_provoked(self.server.client(self.key), "CreateEventSubscription", "SNSNoAuthorizationFault",
                        {"SubscriptionName": "s", "SnsTopicArn": "arn:aws:sns:eu-central-1:1:topic"})

    def define_the_rest(self, bench):
        dms, one = self.dms, self.one
        self.source, self.target = one.endpoints
        dms.create_replication_subnet_group(ReplicationSubnetGroupIdentifier="net", SubnetIds=["a", "b"],
                                            ReplicationSubnetGroupDescription="d")
        self.other = dms.create_replication_instance(
            ReplicationInstanceIdentifier="other", ReplicationInstanceClass="dms.t3.micro",
            ReplicationSubnetGroupIdentifier="net")["ReplicationInstance"]["ReplicationInstanceArn"]
        self.pem = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                                   "-keyout", str(bench.folder / "key.pem"), "-subj", "/CN=db"], check=True,
                                  capture_output=True, text=True).stdout
        self.certificate = dms.import_certificate(CertificateIdentifier="ca", CertificatePem=self.pem
                                                  )["Certificate"]["CertificateArn"]
        self.silence = socket.create_server(("127.0.0.1", 0))
        bench.closers.append(self.silence.close)
        self.silent = dms.create_endpoint(
            EndpointIdentifier="silent", EndpointType="source", EngineName="postgres", ServerName="127.0.0.1", Username="u",
            Port=self.silence.getsockname()[1], DatabaseName="d", Password="p", CertificateArn=self.certificate,
            SslMode="verify-ca")["Endpoint"]["EndpointArn"]
        self.ask_the_silent()
        self.idle = dms.create_replication_task(ReplicationTaskIdentifier="idle", **self.task_members()
                                                )["ReplicationTask"]["ReplicationTaskArn"]
        self.idle_config, self.busy_config = (dms.create_replication_config(**self.config_members(name))[
            "ReplicationConfig"]["ReplicationConfigArn"] for name in ("idle", "busy"))
        dms.create_event_subscription(SubscriptionName="mine", SnsTopicArn="arn:aws:sns:eu-central-1:1:topic")

    def ask_the_silent(self):
        """Has the endpoint that never answers asked again, where it was given up meanwhile."""
        for ask in (self.dms.test_connection, self.dms.refresh_schemas):
            with contextlib.suppress(self.dms.exceptions.InvalidResourceStateFault):
                ask(ReplicationInstanceArn=self.other, EndpointArn=self.silent)

    def task_members(self, **members):
        return {"SourceEndpointArn": self.source, "TargetEndpointArn": self.target, "ReplicationInstanceArn": self.other,
                "MigrationType": "full-load-and-cdc", "TableMappings": json.dumps(RULES), **members}

    def config_members(self, name, **members):
        return {"ReplicationConfigIdentifier": name, "SourceEndpointArn": self.source, "TargetEndpointArn": self.target,
                "ComputeConfig": {"MaxCapacityUnits": 1}, "ReplicationType": "full-load-and-cdc",
                "TableMappings": json.dumps(RULES), "ReplicationSettings": TOGETHER, **members}

    def around_tasks(self):
        """(operation, error, arguments): tasks and configs."""
        task, config = {"ReplicationTaskArn": ABSENT.format("task")}, {"ReplicationConfigArn": ABSENT.format("replication-config")}
        idle, busy = {"ReplicationTaskArn": self.idle}, {"ReplicationTaskArn": self.one.task}
        idle_config, busy_config = {"ReplicationConfigArn": self.idle_config}, {"ReplicationConfigArn": self.busy_config}
        tables = {"TablesToReload": [{"SchemaName": "public", "TableName": "t"}]}
        start, start_config = {"StartReplicationTaskType": "start-replication"}, {"StartReplicationType": "start-replication"}
        move = {"TargetReplicationInstanceArn": self.other}
        run = {"ReplicationTaskAssessmentRunArn": ABSENT.format("assessment-run")}
        new_run = {"ServiceAccessRoleArn": "r", "ResultLocationBucket": "b", "AssessmentRunName": "n"}
        yield from (
            ("StartReplicationTaskAssessmentRun", FOUND, {**task, **new_run}),
            ("StartReplicationTaskAssessmentRun", STATE, {**busy, **new_run}),
            ("StartReplicationTaskAssessment", FOUND, task), ("StartReplicationTaskAssessment", STATE, busy),
            ("CancelReplicationTaskAssessmentRun", FOUND, run), ("DeleteReplicationTaskAssessmentRun", FOUND, run),
            ("DescribeApplicableIndividualAssessments", FOUND, task), ("DescribeReplicationTaskAssessmentResults", FOUND, task),
            ("DescribeReplicationTaskAssessmentRuns", FOUND, filtered("replication-task-assessment-run-arn")),
            ("DescribeReplicationTaskIndividualAssessments", FOUND, filtered("replication-task-assessment-run-arn")),
            ("CreateReplicationTask", TAKEN, {"ReplicationTaskIdentifier": "IDLE", **self.task_members()}),
            ("CreateReplicationTask", FOUND, {"ReplicationTaskIdentifier": "x", **self.task_members(
                SourceEndpointArn=ABSENT.format("endpoint"))}),
            ("DeleteReplicationTask", FOUND, task), ("DeleteReplicationTask", STATE, busy),
            ("DescribeReplicationTasks", FOUND, filtered("replication-task-id")),
            ("DescribeTableStatistics", FOUND, task),
            ("ModifyReplicationTask", FOUND, task), ("ModifyReplicationTask", STATE, {**busy, "MigrationType": "cdc"}),
            ("ModifyReplicationTask", TAKEN, {**idle, "ReplicationTaskIdentifier": "shop-task"}),
            ("MoveReplicationTask", FOUND, {**task, **move}), ("MoveReplicationTask", STATE, {**busy, **move}),
            ("ReloadTables", FOUND, {**task, **tables}), ("ReloadTables", STATE, {**idle, **tables}),
            ("StartReplicationTask", FOUND, {**task, **start}), ("StartReplicationTask", STATE, {**busy, **start}),
            ("StopReplicationTask", FOUND, task), ("StopReplicationTask", STATE, idle),
            ("CreateReplicationConfig", TAKEN, self.config_members("idle")),
            ("CreateReplicationConfig", FOUND, self.config_members("x", TargetEndpointArn=ABSENT.format("endpoint"))),
            ("DeleteReplicationConfig", FOUND, config), ("DeleteReplicationConfig", STATE, busy_config),
            ("DescribeReplicationConfigs", FOUND, filtered("replication-config-id")),
            ("DescribeReplications", FOUND, filtered("replication-config-id")),
            ("DescribeReplicationTableStatistics", FOUND, config),
            ("ModifyReplicationConfig", FOUND, config), ("ModifyReplicationConfig", STATE, busy_config),
            ("ReloadReplicationTables", FOUND, {**config, **tables}), ("ReloadReplicationTables", STATE, {**idle_config, **tables}),
            ("StartReplication", FOUND, {**config, **start_config}), ("StartReplication", STATE, {**busy_config, **start_config}),
            ("StopReplication", FOUND, config), ("StopReplication", STATE, idle_config))

    def around_endpoints(self):
        """The same: endpoints and what is asked about them."""
        absent, silent = {"EndpointArn": ABSENT.format("endpoint")}, {"EndpointArn": self.silent}
        here = {"ReplicationInstanceArn": self.other}
        new = {"EndpointType": "source", "EngineName": "postgres", "ServerName": "h"}
        yield from (
            ("CreateEndpoint", TAKEN, {"EndpointIdentifier": "Silent", **new}),
            ("CreateEndpoint", FOUND, {"EndpointIdentifier": "x", **new, "CertificateArn": ABSENT.format("cert")}),
            ("ModifyEndpoint", TAKEN, {**silent, "EndpointIdentifier": "shop-source"}),
            ("ModifyEndpoint", FOUND, {**absent, "Port": 1}), ("ModifyEndpoint", STATE, {"EndpointArn": self.source, "Port": 1}),
            ("DeleteEndpoint", FOUND, absent), ("DeleteEndpoint", STATE, {"EndpointArn": self.source}),
            ("DescribeEndpoints", FOUND, filtered("endpoint-id")), ("TestConnection", FOUND, {**absent, **here}),
            ("DescribeConnections", FOUND, filtered("endpoint-arn", ABSENT.format("endpoint"))),
            ("DeleteConnection", FOUND, {"EndpointArn": self.source, **here}), ("RefreshSchemas", FOUND, {**absent, **here}))
        for operation in ("TestConnection", "DeleteConnection", "RefreshSchemas"):
            self.ask_the_silent()
            yield operation, STATE, {**silent, **here}
        yield from (
            ("DescribeRefreshSchemasStatus", FOUND, {"EndpointArn": self.source}),
            ("DescribeSchemas", FOUND, absent))

    def around_instances(self):
        """The same: instances, subnet groups, certificates, subscriptions, tags."""
        absent, busy = {"ReplicationInstanceArn": ABSENT.format("rep")}, {"ReplicationInstanceArn": self.one.instance}
        group, topic = {"ReplicationSubnetGroupIdentifier": "net"}, {"SnsTopicArn": "arn:aws:sns:eu-central-1:1:topic"}
        described, class_name = {"ReplicationSubnetGroupDescription": "d"}, {"ReplicationInstanceClass": "dms.t3.micro"}
        many = {"SubnetIds": [f"s{number}" for number in range(61)]}
        two, tag = {"SubnetIds": ["a", "b"]}, {"Key": "k", "Value": "v"}
        yield from (
            ("ApplyPendingMaintenanceAction", FOUND, {**busy, "ApplyAction": "os-upgrade", "OptInType": "immediate"}),
            ("CreateReplicationInstance", TAKEN, {"ReplicationInstanceIdentifier": "OTHER", **class_name}),
            ("CreateReplicationInstance", FOUND, {"ReplicationInstanceIdentifier": "x", **class_name,
                                                  "ReplicationSubnetGroupIdentifier": "absent"}),
            ("ModifyReplicationInstance", FOUND, absent),
            ("ModifyReplicationInstance", TAKEN, {**busy, "ReplicationInstanceIdentifier": "other"}),
            ("DeleteReplicationInstance", FOUND, absent), ("DeleteReplicationInstance", STATE, busy),
            ("DescribeReplicationInstances", FOUND, filtered("replication-instance-id")),
            ("DescribeReplicationInstanceTaskLogs", FOUND, absent), ("DescribePendingMaintenanceActions", FOUND, absent),
            ("RebootReplicationInstance", FOUND, absent), ("RebootReplicationInstance", STATE, {**busy, "ForceFailover": True}),
            ("CreateReplicationSubnetGroup", TAKEN, {**group, **described, **two}),
            ("CreateReplicationSubnetGroup", ZONES, {"ReplicationSubnetGroupIdentifier": "x", **described, "SubnetIds": ["a"]}),
            ("CreateReplicationSubnetGroup", QUOTA, {"ReplicationSubnetGroupIdentifier": "x", **described, **many}),
            ("ModifyReplicationSubnetGroup", FOUND, {"ReplicationSubnetGroupIdentifier": "absent", **two}),
            ("ModifyReplicationSubnetGroup", ZONES, {**group, "SubnetIds": ["a"]}),
            ("ModifyReplicationSubnetGroup", QUOTA, {**group, **many}),
            ("DeleteReplicationSubnetGroup", FOUND, {"ReplicationSubnetGroupIdentifier": "absent"}),
            ("DeleteReplicationSubnetGroup", STATE, group),
            ("DescribeReplicationSubnetGroups", FOUND, filtered("replication-subnet-group-id")),
            ("ImportCertificate", TAKEN, {"CertificateIdentifier": "ca", "CertificatePem": self.pem}),
            ("ImportCertificate", "InvalidCertificateFault", {"CertificateIdentifier": "x", "CertificatePem": "x"}),
            ("DeleteCertificate", FOUND, {"CertificateArn": ABSENT.format("cert")}),
            ("DeleteCertificate", STATE, {"CertificateArn": self.certificate}),
            ("DescribeCertificates", FOUND, filtered("certificate-id")),
            ("CreateEventSubscription", TAKEN, {"SubscriptionName": "mine", **topic}),
            ("CreateEventSubscription", FOUND, {"SubscriptionName": "x", **topic, "SourceType": "replication-task",
                                                "SourceIds": ["absent"]}),
            ("CreateEventSubscription", "SNSInvalidTopicFault", {"SubscriptionName": "x", "SnsTopicArn": "topic"}),
            ("ModifyEventSubscription", FOUND, {"SubscriptionName": "absent"}),
            ("ModifyEventSubscription", "SNSInvalidTopicFault", {"SubscriptionName": "mine", "SnsTopicArn": "topic"}),
            ("DeleteEventSubscription", FOUND, {"SubscriptionName": "absent"}),
            ("DescribeEventSubscriptions", FOUND, {"SubscriptionName": "absent"}),
            ("UpdateSubscriptionsToEventBridge", STATE, {}),
            ("AddTagsToResource", FOUND, {"ResourceArn": ABSENT.format("rep"), "Tags": [tag]}),
            ("ListTagsForResource", FOUND, {"ResourceArn": ABSENT.format("rep")}),
            ("RemoveTagsFromResource", FOUND, {"ResourceArn": ABSENT.format("rep"), "TagKeys": ["k"]}))


def expect_provoked(dms, operation, error, arguments):
    """The call ends with that error, as the clients of every language read errors."""
    raw = []
    dms.meta.events.register("after-call.*", lambda http_response, **_: raw.append(http_response), unique_id="raw")
    try:
        dms._make_api_call(operation, arguments)
    except botocore.exceptions.ClientError:
        pass
    else:
        raise Failure(f"{operation} was not refused with {error}")
    finally:
        dms.meta.events.unregister("after-call.*", unique_id="raw")
    [answer] = raw
    body = json.loads(answer.content)
    expect_same((body.get("__type"), answer.headers.get("x-amzn-ErrorType"), answer.status_code), (error, error, 400),
                f"{operation} with {arguments}: {body}")
    expect(body["message"] and set(body) == {"__type", "message"}, str(body))


@scenario("server.errors")
def every_error(bench):
    """Each error that the model lists for an operation, provoked as a client can."""
    world = World(bench)
    model = world.dms.meta.service_model
    provoked = {("CreateEventSubscription", "SNSNoAuthorizationFault")}
    world.wait_for_replication()
    for operation, error, arguments in itertools.chain(world.around_endpoints(), world.around_tasks(), world.around_instances()):
        expect_provoked(world.dms, operation, error, arguments)
        provoked.add((operation, error))
    offered = re.findall(r"^\| `(\w+)` \| \w+ \|", (TOP / "docs/api.md").read_text(), re.MULTILINE)
    listed = {(name, error.name) for name in offered for error in model.operation_model(name).error_shapes}
    expect_same(sorted(provoked - listed), [], "provoked, but the model does not list them")
    missing = [pair for pair in sorted(listed - provoked - PROVOKED_THERE) if pair not in CANNOT_COME and ("*", pair[1]) not in CANNOT_COME]
    expect_same(missing, [], "listed by the model, and neither provoked nor explained")
    expect_same([pair for pair in sorted(CANNOT_COME) if pair in provoked], [], "explained away, and provoked")
    world.one.stop()
