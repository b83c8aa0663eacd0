# SPDX-License-Identifier: Apache-2.0
"""Lists of the server: every paginator of boto3 runs to its end, and every documented filter finds what it names."""

import json

import botocore.exceptions

from api_server import REGION, Migration
from harness import expect, expect_same, scenario
from scenarios_server import started
from scenarios_server_clients import RULES
from servers import Failure, wait_for

MANY = 23  # more than the smallest page

# (operation, rows, their name): filter -> a member of a row that it must equal, also of which there is more than one.
FILTERS = {
    ("describe_replication_instances", "ReplicationInstances"): {
        "replication-instance-arn": "ReplicationInstanceArn", "replication-instance-id": "ReplicationInstanceIdentifier",
        "replication-instance-class": "ReplicationInstanceClass", "engine-version": "EngineVersion"},
    ("describe_endpoints", "Endpoints"): {
        "endpoint-arn": "EndpointArn", "endpoint-id": "EndpointIdentifier", "endpoint-type": "EndpointType",
        "engine-name": "EngineName"},
    ("describe_endpoint_types", "SupportedEndpointTypes"): {"engine-name": "EngineName", "endpoint-type": "EndpointType"},
    ("describe_replication_tasks", "ReplicationTasks"): {
        "replication-task-arn": "ReplicationTaskArn", "replication-task-id": "ReplicationTaskIdentifier",
        "migration-type": "MigrationType", "endpoint-arn": "SourceEndpointArn",
        "replication-instance-arn": "ReplicationInstanceArn"},
    ("describe_connections", "Connections"): {
        "endpoint-arn": "EndpointArn", "replication-instance-arn": "ReplicationInstanceArn"},
    ("describe_certificates", "Certificates"): {
        "certificate-arn": "CertificateArn", "certificate-id": "CertificateIdentifier"},
    ("describe_replication_subnet_groups", "ReplicationSubnetGroups"): {
        "replication-subnet-group-id": "ReplicationSubnetGroupIdentifier"},
    ("describe_events", "Events"): {"replication-instance-id": "SourceIdentifier"},
    ("describe_event_subscriptions", "EventSubscriptionsList"): {"event-subscription-id": "CustSubscriptionId"},
    ("describe_replication_configs", "ReplicationConfigs"): {
        "replication-config-arn": "ReplicationConfigArn", "replication-config-id": "ReplicationConfigIdentifier"},
    ("describe_replications", "Replications"): {
        "replication-config-arn": "ReplicationConfigArn", "replication-config-id": "ReplicationConfigIdentifier"},
    ("describe_replication_task_assessment_runs", "ReplicationTaskAssessmentRuns"): {
        "replication-task-assessment-run-arn": "ReplicationTaskAssessmentRunArn", "replication-task-arn": "ReplicationTaskArn",
        "status": "Status"},
    ("describe_replication_task_individual_assessments", "ReplicationTaskIndividualAssessments"): {
        "replication-task-assessment-run-arn": "ReplicationTaskAssessmentRunArn", "status": "Status"},
}
# What is a list of the server's own, or of what happened, is empty where nothing is found.
EMPTY_IS_NO_ERROR = {"describe_endpoint_types", "describe_events"}


def many_things(bench, dms, one):
    """More than a page of everything that can be made without a database, and a run of checks."""
    pem = (one.server.data / "tls/certificate.pem").read_text()
    for number in range(MANY):
        name = f"n{number:02}"
        dms.create_replication_subnet_group(ReplicationSubnetGroupIdentifier=name, SubnetIds=["a", "b"],
                                            ReplicationSubnetGroupDescription="d")
        dms.import_certificate(CertificateIdentifier=name, CertificatePem=pem)
        instance = dms.create_replication_instance(ReplicationInstanceIdentifier=name, ReplicationInstanceClass="dms.t3.small")
        dms.create_event_subscription(SubscriptionName=name, SnsTopicArn=f"arn:aws:sns:{REGION}:1:topic")
        dms.create_replication_task(
            ReplicationTaskIdentifier=name, SourceEndpointArn=one.endpoints[0], TargetEndpointArn=one.endpoints[1],
            ReplicationInstanceArn=instance["ReplicationInstance"]["ReplicationInstanceArn"], TableMappings=json.dumps(RULES),
            MigrationType=("full-load", "cdc")[number % 2])
        dms.create_replication_config(
            ReplicationConfigIdentifier=name, SourceEndpointArn=one.endpoints[0], TargetEndpointArn=one.endpoints[1],
            ComputeConfig={"MaxCapacityUnits": 1}, ReplicationType="full-load", TableMappings=json.dumps(RULES))
        dms.create_endpoint(EndpointIdentifier=name, EndpointType="target", EngineName="mysql", ServerName="h", Port=1,
                            Username="u", Password="p")
    run = dms.start_replication_task_assessment_run(
        ReplicationTaskArn=one.task, ServiceAccessRoleArn="r", ResultLocationBucket="results", AssessmentRunName="first")
    arn = run["ReplicationTaskAssessmentRun"]["ReplicationTaskAssessmentRunArn"]
    wait_for("the assessment", lambda: dms.describe_replication_task_assessment_runs(
        **by("replication-task-assessment-run-arn", arn))["ReplicationTaskAssessmentRuns"][0]["Status"] != "running", 60)
    dms.refresh_schemas(EndpointArn=one.endpoints[0], ReplicationInstanceArn=one.instance)
    wait_for("the schemas", lambda: dms.describe_refresh_schemas_status(
        EndpointArn=one.endpoints[0])["RefreshSchemasStatus"]["Status"] == "successful", 30)


def by(name, *values):
    return {"Filters": [{"Name": name, "Values": list(values)}]}


def look(dms, operation, rows, filters):
    """All rows, or the name of the error."""
    found, marker = [], {}
    while True:
        try:
            answer = getattr(dms, operation)(**filters, **marker)
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        found += answer[rows]
        if "Marker" not in answer:
            return found
        marker = {"Marker": answer["Marker"]}


def filtered(dms, operation, rows, names):
    """Each filter: what it names, two values, none; two filters must both fit."""
    everything = look(dms, operation, rows, {})
    expect(everything, f"{operation}: there is nothing")
    for name, member in names.items():
        values = sorted({row[member] for row in everything})
        for wanted in (values[:1], values[-1:], values[:2]):
            expected = [row for row in everything if row[member] in wanted]
            got = look(dms, operation, rows, by(name, *wanted))
            if name == "endpoint-arn" and rows == "ReplicationTasks":
                expect_same(len(got), len(expected), f"{operation} {name}")
            else:
                expect_same(got, expected, f"{operation} {name} {wanted}")
        got = look(dms, operation, rows, by(name, "arn:aws:dms:eu-central-1:1:rep:ABSENT" if name.endswith("-arn") else "absent"))
        expect_same(got, [] if operation in EMPTY_IS_NO_ERROR else "ResourceNotFoundFault", f"{operation} {name}: what is not there")
    expect_same(look(dms, operation, rows, by("no-such-filter", "x")), "InvalidParameterValueException", f"{operation}: an unknown name")
    if len(names) > 1:
        (first, one), (second, other) = list(names.items())[:2]
        row = everything[-1]
        both = {"Filters": by(first, row[one])["Filters"] + by(second, row[other])["Filters"]}
        expect_same(look(dms, operation, rows, both), [each for each in everything if (each[one], each[other]) == (row[one], row[other])],
                    f"{operation}: two filters")


@scenario("server.lists")
def lists(bench):
    """Paginators of boto3 give each row once, by pages of twenty as by pages of a hundred; filters as they are documented."""
    server, dms = started(bench, "--webhook", "http://127.0.0.1:9/", "--burst", "10000", "--rate", "10000")
    source, target = bench.source(), bench.target()
    source.execute(";".join(f"CREATE SCHEMA s{number:02}" for number in range(MANY)))
    source.execute(";".join(f"CREATE TABLE t{number:02} (id int PRIMARY KEY)" for number in range(MANY)))
    one = Migration(server, dms, source, target).define()
    many_things(bench, dms, one)
    for (operation, rows), names in FILTERS.items():
        filtered(dms, operation, rows, names)
    runs = dms.describe_replication_task_assessment_runs(**by("replication-instance-arn", one.instance))
    expect_same([run["AssessmentRunName"] for run in runs["ReplicationTaskAssessmentRuns"]], ["first"], "runs of an instance")
    checks = dms.describe_replication_task_individual_assessments(**by("replication-task-arn", one.task))
    expect(checks["ReplicationTaskIndividualAssessments"], "no checks of the task")
    one.start()
    one.wait_for("running")
    wait_for("the statistics", lambda: len(one.statistics()) == MANY, 30)
    filtered_statistics(dms, one)
    one.stop()  # what is told of a task at rest stays the same
    paginated = 0
    more = {"describe_schemas": {"EndpointArn": one.endpoints[0]}, "describe_table_statistics": {"ReplicationTaskArn": one.task},
            "describe_replication_task_assessment_results": {}}
    for operation in dir(dms):
        if not operation.startswith("describe_") or not dms.can_paginate(operation):
            continue
        paginator = dms.get_paginator(operation)
        rows = paginator.result_keys[0].expression
        try:
            small = list(paginator.paginate(**more.get(operation, {}), PaginationConfig={"PageSize": 20}))
        except botocore.exceptions.ParamValidationError:
            continue  # it needs an object of a kind that this server does not offer
        except botocore.exceptions.ClientError as error:
            expect_same(error.response["Error"]["Code"], "UnsupportedOperationException", operation)
            continue
        paginated += 1
        large = [row for page in paginator.paginate(**more.get(operation, {}), PaginationConfig={"PageSize": 100}) for row in page[rows]]
        expect_same([row for page in small for row in page[rows]], large, operation)
        expect(all(len(page[rows]) == 20 for page in small[:-1]), f"{operation}: a page that is not full")
        expect(len(large) <= 20 or len(small) > 1, f"{operation}: one page of {len(large)}")
    expect_same(paginated, 13, "paginators")


def filtered_statistics(dms, one):
    def named(name, *values):
        return sorted(row["TableName"] for row in dms.describe_table_statistics(
            ReplicationTaskArn=one.task, **by(name, *values))["TableStatistics"])
    tables = [f"t{number:02}" for number in range(MANY)]
    expect_same(named("schema-name", "public"), tables, "by schema")
    expect_same(named("table-name", "t03", "t07", "absent"), ["t03", "t07"], "by table")
    expect_same(named("table-name", "absent"), [], "by a table that is not there")
    wait_for("the load", lambda: named("table-state", "Table completed") == tables, 30)
    expect_same(named("table-state", "Table error"), [], "by state")
    try:
        named("no-such-filter", "x")
    except botocore.exceptions.ClientError as error:
        expect_same(error.response["Error"]["Code"], "InvalidParameterValueException", "an unknown name")
    else:
        raise Failure("an unknown filter was not refused")
