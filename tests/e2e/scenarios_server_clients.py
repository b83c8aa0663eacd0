# SPDX-License-Identifier: Apache-2.0
"""The server and the habits of its clients: the sequences of Terraform's provider, and what it compares afterwards."""

import json
import re
import subprocess

from api_server import Migration
from harness import TOP, expect, expect_same, scenario
from scenarios_server import expect_error, started
from scenarios_server_assessments import OPERATIONS as ASSESSMENTS
from servers import wait_for

TASK_SETTINGS = {
    "TargetMetadata": {"SupportLobs": True, "FullLobMode": False, "LobChunkSize": 64, "LimitedSizeLobMode": True,
                       "LobMaxSize": 32},
    "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING", "MaxFullLoadSubTasks": 4, "CommitRate": 20000},
    "Logging": {"EnableLogging": False, "LogComponents": [{"Id": "SOURCE_UNLOAD", "Severity": "LOGGER_SEVERITY_DEBUG"},
                                                          {"Id": "TARGET_LOAD", "Severity": "LOGGER_SEVERITY_DEFAULT"}]},
    "ErrorBehavior": {"DataErrorPolicy": "SUSPEND_TABLE", "RecoverableErrorCount": 8, "ApplyErrorEscalationCount": 0},
}
RULES = {"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "all", "rule-action": "include",
                    "object-locator": {"schema-name": "public", "table-name": "%"}}]}


def expect_echoed(given, answered, path):
    """As the provider compares: each configured key is there, equal and of the same type; components by Id."""
    if isinstance(given, dict):
        for key, value in given.items():
            expect(key in answered, f"{path}.{key} is not answered")
            expect_echoed(value, answered[key], f"{path}.{key}")
    elif isinstance(given, list) and given and "Id" in given[0]:
        by_id = {row["Id"]: row for row in answered}
        for row in given:
            expect_echoed(row, by_id.get(row["Id"], {}), f"{path}[{row['Id']}]")
    else:
        expect(type(given) is type(answered) and given == answered, f"{path} is {answered!r}, not {given!r}")


def only(rows):
    expect(len(rows) == 1, f"{len(rows)} rows")
    return rows[0]


def tags_of(client, arn):
    return {tag["Key"]: tag["Value"] for tag in client.list_tags_for_resource(ResourceArn=arn)["TagList"]}


def change_tags(client, arn):
    expect_same(tags_of(client, arn), {"Name": "a"}, "tags behind create")
    client.add_tags_to_resource(ResourceArn=arn, Tags=[{"Key": "Name", "Value": "b"}, {"Key": "more", "Value": ""}])
    client.remove_tags_from_resource(ResourceArn=arn, TagKeys=["Name", "absent"])
    expect_same(tags_of(client, arn), {"more": ""}, "tags behind a change")


TAGS = [{"Key": "Name", "Value": "a"}]


# What never can be done here, and says so.
NEVER_DONE = {"ApplyPendingMaintenanceAction", "UpdateSubscriptionsToEventBridge"}


def around_the_task(one):
    """Every operation about a task, its endpoints and its instance, with all arguments that have an effect here."""
    dms, task, instance, endpoint = one.dms, one.task, one.instance, one.endpoints[0]
    dms.describe_connections(Filters=[{"Name": "endpoint-arn", "Values": one.endpoints}])
    dms.refresh_schemas(EndpointArn=endpoint, ReplicationInstanceArn=instance)
    wait_for("the schemas", lambda: dms.describe_refresh_schemas_status(EndpointArn=endpoint)["RefreshSchemasStatus"]["Status"]
             == "successful", 30)
    expect("public" in dms.describe_schemas(EndpointArn=endpoint, MaxRecords=20)["Schemas"], "the schemas of the source")
    one.start()
    one.wait_for("running")
    wait_for("the statistics", one.statistics, 20)
    dms.describe_table_statistics(ReplicationTaskArn=task, Filters=[{"Name": "schema-name", "Values": ["public"]}])
    dms.reload_tables(ReplicationTaskArn=task, TablesToReload=[{"SchemaName": "public", "TableName": "t"}],
                      ReloadOption="data-reload")
    dms.describe_replication_instance_task_logs(ReplicationInstanceArn=instance)
    dms.reboot_replication_instance(ReplicationInstanceArn=instance, ForceFailover=False)
    one.stop()
    dms.modify_replication_task(ReplicationTaskArn=task, ReplicationTaskIdentifier="renamed")
    other = dms.create_replication_instance(ReplicationInstanceIdentifier="other", ReplicationInstanceClass="dms.t3.micro"
                                            )["ReplicationInstance"]["ReplicationInstanceArn"]
    dms.move_replication_task(ReplicationTaskArn=task, TargetReplicationInstanceArn=other)
    dms.delete_connection(EndpointArn=endpoint, ReplicationInstanceArn=instance)
    dms.delete_replication_task(ReplicationTaskArn=task)
    one.wait("replication_task_deleted", "replication-task-arn", task)


def around_a_config(one):
    """The same for a replication config."""
    dms = one.dms
    arn = dms.create_replication_config(
        ReplicationConfigIdentifier="config", SourceEndpointArn=one.endpoints[0], TargetEndpointArn=one.endpoints[1],
        ComputeConfig={"MaxCapacityUnits": 4, "MinCapacityUnits": 2, "PreferredMaintenanceWindow": "sun:10:30-sun:14:30",
                       "VpcSecurityGroupIds": ["sg-1"]}, ReplicationType="full-load-and-cdc",
        TableMappings=json.dumps(RULES), ReplicationSettings=json.dumps(TASK_SETTINGS), SupplementalSettings="{}",
        ResourceIdentifier="my-config", Tags=TAGS)["ReplicationConfig"]["ReplicationConfigArn"]
    dms.modify_replication_config(ReplicationConfigArn=arn, ComputeConfig={"MaxCapacityUnits": 8})
    dms.describe_replication_configs(Filters=[{"Name": "replication-config-id", "Values": ["config"]}])

    def status():
        return only(dms.describe_replications(Filters=[{"Name": "replication-config-arn", "Values": [arn]}])["Replications"])
    dms.start_replication(ReplicationConfigArn=arn, StartReplicationType="start-replication")
    wait_for("the replication to run", lambda: status()["Status"] == "running", 30)
    wait_for("the statistics", lambda: dms.describe_replication_table_statistics(
        ReplicationConfigArn=arn, Filters=[{"Name": "table-name", "Values": ["t"]}])["ReplicationTableStatistics"], 20)
    dms.reload_replication_tables(ReplicationConfigArn=arn, TablesToReload=[{"SchemaName": "public", "TableName": "t"}])
    dms.stop_replication(ReplicationConfigArn=arn)
    wait_for("the replication to stop", lambda: status()["Status"] == "stopped", 30)
    dms.delete_replication_config(ReplicationConfigArn=arn)
    wait_for("the config to go", lambda: dms.describe_replication_configs()["ReplicationConfigs"] == [], 30)


def around_the_account(dms):
    """What needs no database."""
    for list_call in (dms.describe_pending_maintenance_actions, dms.describe_orderable_replication_instances,
                      dms.describe_engine_versions, dms.describe_endpoint_types, dms.describe_account_attributes,
                      dms.describe_event_categories, dms.describe_events):
        list_call()
    for engine in ("postgres", "mysql", "mariadb", "s3"):
        expect(dms.describe_endpoint_settings(EngineName=engine, MaxRecords=100)["EndpointSettings"], f"no settings of {engine}")
    dms.create_event_subscription(SubscriptionName="mine", SnsTopicArn="arn:aws:sns:eu-central-1:1:topic", Enabled=False,
                                  SourceType="replication-task", EventCategories=["creation"], Tags=TAGS)
    dms.modify_event_subscription(SubscriptionName="mine", EventCategories=["deletion"])
    dms.describe_event_subscriptions(SubscriptionName="mine")
    dms.delete_event_subscription(SubscriptionName="mine")
    dms.create_replication_subnet_group(ReplicationSubnetGroupIdentifier="g", ReplicationSubnetGroupDescription="d",
                                        SubnetIds=["a", "b"])
    dms.modify_replication_subnet_group(ReplicationSubnetGroupIdentifier="g", SubnetIds=["c", "d"])
    dms.describe_replication_subnet_groups()
    dms.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier="g")


@scenario("server.conformance")
def conformance(bench):
    """Every operation of the tiers 1 and 2 is done at least once; each answer has the shape that the model gives it. Those of
    tier 3 are done in server.assessment."""
    server, client = started(bench, "--webhook", "http://127.0.0.1:9/")
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    one = Migration(server, client, source, target).define()
    around_the_account(client)
    around_the_task(one)
    around_a_config(one)
    life_of_a_certificate(bench, client)
    client.modify_endpoint(EndpointArn=one.endpoints[0], Port=1)
    for arn in one.endpoints:
        client.delete_endpoint(EndpointArn=arn)
    client.describe_endpoints()
    client.modify_replication_instance(ReplicationInstanceArn=one.instance, AllocatedStorage=60)
    offered = set(re.findall(r"^\| `(\w+)` \| \w+ \|", (TOP / "docs/api.md").read_text(), re.MULTILINE))
    expect_same(len(offered), 66, "the operations that docs/api.md offers")
    # Deleting the instance comes last, and has its own place below.
    expect_same(sorted(offered - client.answered - NEVER_DONE - ASSESSMENTS), ["DeleteReplicationInstance"], "not done")
    expect_error("ResourceNotFoundFault", "pending", client.apply_pending_maintenance_action, ReplicationInstanceArn=one.instance,
                 ApplyAction="os-upgrade", OptInType="immediate")
    expect_error("InvalidResourceStateFault", "EventBridge", client.update_subscriptions_to_event_bridge)
    client.delete_replication_instance(ReplicationInstanceArn=one.instance)


@scenario("server.terraform_instance")
def terraform_instance(bench):
    """Subnet group, instance and certificate: create, read, change tags, modify, read the same twice, delete."""
    _, client = started(bench)
    client.create_replication_subnet_group(ReplicationSubnetGroupIdentifier="net", ReplicationSubnetGroupDescription="d",
                                           SubnetIds=["subnet-1", "subnet-2"], Tags=TAGS)
    change_tags(client, "arn:aws:dms:eu-central-1:111122223333:subgrp:net")
    made = client.create_replication_instance(
        ReplicationInstanceIdentifier="tf", ReplicationInstanceClass="dms.t3.medium", AllocatedStorage=20,
        AutoMinorVersionUpgrade=True, PubliclyAccessible=False, MultiAZ=False, ReplicationSubnetGroupIdentifier="net",
        VpcSecurityGroupIds=["sg-1"], PreferredMaintenanceWindow="sun:10:30-sun:14:30", Tags=TAGS)["ReplicationInstance"]

    def read():
        filters = [{"Name": "replication-instance-id", "Values": ["tf"]}]
        return only(client.describe_replication_instances(Filters=filters)["ReplicationInstances"])
    first = read()
    expect_same(first["ReplicationSubnetGroup"]["ReplicationSubnetGroupIdentifier"], "net", "the subnet group")
    expect_same(first["VpcSecurityGroups"][0]["VpcSecurityGroupId"], "sg-1", "the security group")
    expect_same((first["AllocatedStorage"], first["PubliclyAccessible"], first["PreferredMaintenanceWindow"]),
                (20, False, "sun:10:30-sun:14:30"), "what was given")
    expect_same(read(), first, "a second look")
    change_tags(client, made["ReplicationInstanceArn"])
    client.modify_replication_instance(ReplicationInstanceArn=made["ReplicationInstanceArn"], AllocatedStorage=30,
                                       ApplyImmediately=True, AllowMajorVersionUpgrade=False)
    expect_same(read(), {**first, "AllocatedStorage": 30}, "after the change")
    expect_error("InvalidResourceStateFault", "tf", client.delete_replication_subnet_group,
                 ReplicationSubnetGroupIdentifier="net")
    client.delete_replication_instance(ReplicationInstanceArn=made["ReplicationInstanceArn"])
    expect_error("ResourceNotFoundFault", "tf", read)
    client.delete_replication_subnet_group(ReplicationSubnetGroupIdentifier="net")
    life_of_a_certificate(bench, client)


def life_of_a_certificate(bench, client):
    key = bench.folder / "key.pem"
    pem = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                          "-keyout", str(key), "-subj", "/CN=db.example", "-days", "30"],
                         check=True, capture_output=True, text=True).stdout
    certificate = client.import_certificate(CertificateIdentifier="ca", CertificatePem=pem, Tags=TAGS)["Certificate"]
    expect_same((certificate["CertificateOwner"], certificate["KeyLength"]), ("CN=db.example", 256), "the certificate")
    filters = [{"Name": "certificate-id", "Values": ["ca"]}]
    expect_same(only(client.describe_certificates(Filters=filters)["Certificates"])["CertificatePem"], pem, "its text")
    change_tags(client, certificate["CertificateArn"])
    expect_error("InvalidCertificateFault", "PEM", client.import_certificate, CertificateIdentifier="x", CertificatePem="x")
    client.delete_certificate(CertificateArn=certificate["CertificateArn"])


@scenario("server.terraform_endpoints")
def terraform_endpoints(bench):
    """Endpoints answer every member that they were given, in both places where the API has it, and never a password."""
    _, client = started(bench)

    def read(name):
        return only(client.describe_endpoints(Filters=[{"Name": "endpoint-id", "Values": [name]}])["Endpoints"])
    settings = {"CaptureDdls": True, "MaxFileSize": 512, "HeartbeatEnable": True, "HeartbeatSchema": "public",
                "HeartbeatFrequency": 5, "SlotName": "tf_slot"}
    arn = client.create_endpoint(EndpointIdentifier="TF-source", EndpointType="source", EngineName="postgres",
                                 ServerName="db.example", Port=5432, Username="u", Password="p", DatabaseName="d",
                                 SslMode="require", ExtraConnectionAttributes="executeTimeout=100;",
                                 PostgreSQLSettings=settings, Tags=TAGS)["Endpoint"]["EndpointArn"]
    first = read("tf-source")
    expect_echoed({"ServerName": "db.example", "Port": 5432, "Username": "u", "DatabaseName": "d", "SslMode": "require",
                   "ExtraConnectionAttributes": "executeTimeout=100;", "EndpointType": "source", "EngineName": "postgres",
                   "PostgreSQLSettings": {**settings, "ServerName": "db.example", "Port": 5432, "Username": "u",
                                          "DatabaseName": "d"}}, first, "source")
    expect("Password" not in str(first), str(first))
    change_tags(client, arn)
    client.modify_endpoint(EndpointArn=arn, EngineName="postgres", Port=5433, Password="q",
                           PostgreSQLSettings={"SlotName": "other"})
    second = read("tf-source")
    expect_same((second["Port"], second["PostgreSQLSettings"]["Port"], second["PostgreSQLSettings"]["SlotName"],
                 second["PostgreSQLSettings"]["CaptureDdls"]), (5433, 5433, "other", True), "what was changed")
    lake = {"BucketName": "lake", "BucketFolder": "raw", "DataFormat": "parquet", "CompressionType": "gzip",
            "ParquetVersion": "parquet-2-0", "CdcPath": "cdc", "PreserveTransactions": False, "DatePartitionEnabled": True,
            "DatePartitionSequence": "YYYYMMDD", "TimestampColumnName": "at", "IncludeOpForFullLoad": True}
    client.create_endpoint(EndpointIdentifier="tf-lake", EndpointType="target", EngineName="s3", S3Settings=lake,
                           ExtraConnectionAttributes="CdcMaxBatchInterval=30;MillraceCredentials=key:secret-text", Tags=TAGS)
    answered = read("tf-lake")
    expect_echoed(lake, answered["S3Settings"], "lake")
    expect("secret-text" not in str(answered), "a secret attribute is answered")
    expect_error("ResourceAlreadyExistsFault", "tf-lake", client.create_endpoint, EndpointIdentifier="TF-LAKE",
                 EndpointType="source", EngineName="postgres")
    expect_error("InvalidParameterValueException", "SlotNam", client.create_endpoint, EndpointIdentifier="x",
                 EndpointType="source", EngineName="postgres", ServerName="h", ExtraConnectionAttributes="SlotNam=a")
    expect_error("InvalidParameterValueException", "oracle", client.create_endpoint, EndpointIdentifier="x",
                 EndpointType="source", EngineName="oracle", ServerName="h")
    client.delete_endpoint(EndpointArn=arn)
    expect_error("ResourceNotFoundFault", "tf-source", client.describe_endpoints,
                 Filters=[{"Name": "endpoint-id", "Values": ["tf-source"]}])


@scenario("server.terraform_task")
def terraform_task(bench):
    """A task answers the whole settings document with every given key as it was given; modify merges, nothing drifts."""
    server, client = started(bench)
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE t (id int PRIMARY KEY)")
    one = Migration(server, client, source, target).define(TASK_SETTINGS)

    def read():
        return one.described()
    first = read()
    document = json.loads(first["ReplicationTaskSettings"])
    expect_echoed(TASK_SETTINGS, document, "settings")
    expect(len(document) >= 10, "it is not the whole document")
    expect_same(json.loads(first["TableMappings"]), RULES, "mappings")
    expect_same(read(), first, "a second look")
    client.modify_replication_task(ReplicationTaskArn=one.task, MigrationType="full-load", TableMappings=json.dumps(RULES),
                                   ReplicationTaskSettings=json.dumps({"FullLoadSettings": {"MaxFullLoadSubTasks": 7}}))
    changed = json.loads(read()["ReplicationTaskSettings"])
    expect_same((changed["FullLoadSettings"]["MaxFullLoadSubTasks"], changed["FullLoadSettings"]["CommitRate"]), (7, 20000),
                "merged settings")
    expect_error("InvalidParameterValueException", "Invalid task settings json", client.modify_replication_task,
                 ReplicationTaskArn=one.task, ReplicationTaskSettings="{")
    expect_error("InvalidParameterValueException", "MaxFullLoadSubTask", client.modify_replication_task,
                 ReplicationTaskArn=one.task, ReplicationTaskSettings='{"FullLoadSettings": {"MaxFullLoadSubTask": 1}}')
    expect_error("InvalidResourceStateFault", "must be", client.stop_replication_task, ReplicationTaskArn=one.task)
    expect_error("InvalidResourceStateFault", "used by", client.delete_endpoint, EndpointArn=one.endpoints[0])
    expect_error("InvalidResourceStateFault", "task", client.delete_replication_instance, ReplicationInstanceArn=one.instance)
    other = client.create_replication_instance(ReplicationInstanceIdentifier="other", ReplicationInstanceClass="dms.t3.micro"
                                               )["ReplicationInstance"]["ReplicationInstanceArn"]
    client.move_replication_task(ReplicationTaskArn=one.task, TargetReplicationInstanceArn=other)
    expect_same(read()["ReplicationInstanceArn"], other, "the instance")
    expect_error("InvalidResourceStateFault", "Test connection", one.start)
    found = client.describe_replication_tasks(Filters=[{"Name": "endpoint-arn", "Values": [one.endpoints[1]]}])
    expect_same(only(found["ReplicationTasks"])["ReplicationTaskArn"], one.task, "found by its endpoint")
