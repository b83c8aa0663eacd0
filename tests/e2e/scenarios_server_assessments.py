# SPDX-License-Identifier: Apache-2.0
"""Premigration assessments: what `millrace check` finds, by the names of the API."""

import json

from api_server import ApiServer, Migration
from harness import expect, expect_same, scenario
from proxy import Proxy
from s3 import BUCKET, KEYS, S3, HeaderJudge
from scenarios_server import expect_error, started
from servers import wait_for

OPERATIONS = {
    "CancelReplicationTaskAssessmentRun", "DeleteReplicationTaskAssessmentRun", "DescribeApplicableIndividualAssessments",
    "DescribeReplicationTaskAssessmentResults", "DescribeReplicationTaskAssessmentRuns",
    "DescribeReplicationTaskIndividualAssessments", "StartReplicationTaskAssessment", "StartReplicationTaskAssessmentRun"}
ROLE = "arn:aws:iam::1:role/any"


def filters(name, value):
    return {"Filters": [{"Name": name, "Values": [value]}]}


class Assessments:
    """The runs of one task."""

    def __init__(self, one):
        self.dms, self.task = one.dms, one.task

    def start(self, name, **members):
        answer = self.dms.start_replication_task_assessment_run(
            **{"ReplicationTaskArn": self.task, "ServiceAccessRoleArn": ROLE, "ResultLocationBucket": "results",
               "AssessmentRunName": name, **members})["ReplicationTaskAssessmentRun"]
        expect_same(answer["Status"], "starting", "the answer")
        return answer["ReplicationTaskAssessmentRunArn"]

    def described(self, arn):
        [run] = self.dms.describe_replication_task_assessment_runs(
            **filters("replication-task-assessment-run-arn", arn))["ReplicationTaskAssessmentRuns"]
        return run

    def ended(self, arn):
        def result():
            run = self.described(arn)
            return run if run["Status"] != "running" else None
        return wait_for("the assessment to end", result, 60)

    def checks(self, arn):
        rows = self.dms.describe_replication_task_individual_assessments(
            **filters("replication-task-assessment-run-arn", arn))["ReplicationTaskIndividualAssessments"]
        return {row["IndividualAssessmentName"]: row["Status"] for row in rows}


@scenario("server.assessment")
def assessment(bench):
    """A run finds what stands in the way, of one table and one setting, and says it in files; a task is not disturbed."""
    server, dms = started(bench)
    postgres = bench.own_postgres("short", settings=("wal_sender_timeout = '5s'",))
    source, target = bench.source(postgres), bench.target()
    source.execute("""CREATE TABLE good (id int PRIMARY KEY, at inet, list int[]); CREATE TABLE bare (v int);
                      ALTER TABLE bare REPLICA IDENTITY FULL""")
    one = Migration(server, dms, source, target).define()
    runs = Assessments(one)
    names = dms.describe_applicable_individual_assessments(ReplicationTaskArn=one.task)["IndividualAssessmentNames"]
    same = dms.describe_applicable_individual_assessments(SourceEngineName="postgres", TargetEngineName="postgres",
                                                          MigrationType="full-load-and-cdc")["IndividualAssessmentNames"]
    expect_same(same, names, "checks by engines and by task")
    expect("postgres-check-wallevel" in names and "mysql-check-binlog-format" not in names, str(names))
    first = runs.start("first", ResultLocationFolder="a/b")
    run = runs.ended(first)
    checks = runs.checks(first)
    expect_same(run["Status"], "warning", str(run))
    expect_same({name: status for name, status in checks.items() if status != "passed"},
                {"millrace-check": "warning", "postgres-check-walsenderstimeout": "warning",
                 "table-with-no-primary-key-or-unique-constraint": "warning"}, "what was found")
    expect_same(sorted(checks), names, "the checks")
    expect_same((run["ResultStatistic"]["Warning"], run["ResultStatistic"]["Passed"]), (3, len(names) - 3), "counts")
    expect(run["IsLatestTaskAssessmentRun"], str(run))
    expect_same(one.described()["Status"], "ready", "the task")
    folder = server.data / "results/results/a/b/first"
    bare = json.loads((folder / "table-with-no-primary-key-or-unique-constraint.json").read_text())
    expect_same([row["object"] for row in bare["findings"]], ["table public.bare"], "the table")
    summary = json.loads((folder / "summary.json").read_text())
    expect_same({row["name"]: row["status"] for row in summary["checks"]}, checks, "the summary")
    expect_same(len(list(folder.iterdir())), len(names) + 1, "files")
    chosen_and_refused(runs, dms, server)
    cancelled(bench, one, runs, server)
    types_that_become_text(one, dms)
    expect_same(sorted(OPERATIONS - dms.answered), [], "operations that were not done")


def chosen_and_refused(runs, dms, server):
    """What a client may choose, and what is refused."""
    second = runs.start("second", IncludeOnly=["postgres-check-wallevel"])
    expect_same(runs.ended(second)["Status"], "passed", "the second run")
    expect_same(runs.checks(second), {"postgres-check-wallevel": "passed"}, "its checks")
    start = {"ReplicationTaskArn": runs.task, "ServiceAccessRoleArn": ROLE, "ResultLocationBucket": "b", "AssessmentRunName": "x"}

    def refused(error, words, **members):
        expect_error(error, words, dms.start_replication_task_assessment_run, **{**start, **members})
    refused("ResourceAlreadyExistsFault", "second", AssessmentRunName="Second")
    refused("ResourceNotFoundFault", "ReplicationTaskArn", ReplicationTaskArn="arn:aws:dms:eu-central-1:1:task:ABSENT")
    refused("InvalidParameterValueException", "no-such-check", IncludeOnly=["no-such-check"])
    refused("InvalidParameterCombinationException", "Exclude", IncludeOnly=["millrace-check"], Exclude=["millrace-check"])
    refused("InvalidParameterValueException", "ResultEncryptionMode", ResultEncryptionMode="SSE_S3")
    refused("InvalidParameterValueException", "ResultKmsKeyArn", ResultKmsKeyArn="arn:aws:kms:eu-central-1:1:key/k")
    for folder in ("..", "a/../b", "/etc", "a//b"):
        refused("InvalidParameterValueException", "ResultLocationFolder", ResultLocationFolder=folder)
    (server.data / "results/taken").write_text("no folder")
    refused("S3AccessDeniedFault", "taken", ResultLocationBucket="taken")
    dms.delete_replication_task_assessment_run(ReplicationTaskAssessmentRunArn=second)
    expect_error("ResourceNotFoundFault", "", lambda: runs.described(second))


def cancelled(bench, one, runs, server):
    """A run whose source is silent can be cancelled, and one that the server's death cut off is made by the next server."""
    dms, source = runs.dms, one.endpoints[0]
    proxy = Proxy(bench, one.source.server.port)
    dms.modify_endpoint(EndpointArn=source, Port=proxy.port)
    one.wait("test_connection_succeeds", "endpoint-arn", source)
    proxy.do("hold")
    third = {"ReplicationTaskAssessmentRunArn": runs.start("third")}
    expect_same((one.described()["Status"], runs.described(*third.values())["Status"]), ("testing", "running"), "meanwhile")
    expect_error("InvalidResourceStateFault", "testing", one.start)
    expect_error("InvalidResourceStateFault", "testing", lambda: runs.start("fourth"))
    expect_error("InvalidResourceStateFault", "running", dms.delete_replication_task_assessment_run, **third)
    answer = dms.cancel_replication_task_assessment_run(**third)["ReplicationTaskAssessmentRun"]
    expect_same((answer["Status"], answer["ResultStatistic"]["Passed"]), ("cancelling", 0), "the answer")
    expect_same(set(runs.checks(*third.values()).values()), {"cancelled"}, "its checks")
    expect_error("InvalidResourceStateFault", "failed", dms.cancel_replication_task_assessment_run, **third)
    fourth = runs.start("fourth")
    server.kill()
    proxy.do("clear")
    server.start()
    expect_same(runs.ended(fourth)["Status"], "warning", "a run over the death of the server")


def types_that_become_text(one, dms):
    """The older report; between systems of one family nothing becomes text."""
    answer = dms.start_replication_task_assessment(ReplicationTaskArn=one.task)["ReplicationTask"]
    expect_same(answer["Status"], "testing", "the answer")

    def result():
        rows = dms.describe_replication_task_assessment_results()["ReplicationTaskAssessmentResults"]
        return rows and rows[0]
    wait_for("the report", result, 60)
    answer = dms.describe_replication_task_assessment_results(ReplicationTaskArn=one.task)
    [row] = answer["ReplicationTaskAssessmentResults"]
    expect_same((row["AssessmentStatus"], json.loads(row["AssessmentResults"])["types"]), ("No issues found", []), "the report")
    expect(answer["BucketName"] in row["S3ObjectUrl"], str(row))
    wait_for("the task to be as it was", lambda: one.described()["Status"] == "ready", 10)
    one.remove()
    expect_same(dms.describe_replication_task_assessment_runs()["ReplicationTaskAssessmentRuns"], [], "runs of a deleted task")


def with_buckets(bench, port):
    """A server whose buckets are at that port, and a task of it."""
    server = ApiServer(bench, "--s3-endpoint", f"http://127.0.0.1:{port}", "--s3-region", "us-east-1")
    server.environment.update(AWS_ACCESS_KEY_ID=KEYS[0], AWS_SECRET_ACCESS_KEY=KEYS[1])
    key = server.add_user("tester")
    server.start()
    source, target = bench.source(), bench.target()
    source.execute("CREATE TABLE bare (v int)")
    return server, Assessments(Migration(server, server.client(key), source, target).define())


@scenario("server.assessment_s3")
def assessment_s3(bench):
    """Results go to a bucket, whole or not at all, over the death of the server; what S3 refuses is said by the run."""
    s3 = S3(bench)
    server, runs = with_buckets(bench, s3.proxy_port)
    first = runs.start("first", ResultLocationBucket=BUCKET, ResultLocationFolder="a/b")
    run = runs.ended(first)
    expect_same((run["Status"], run["ResultLocationBucket"]), ("failed", BUCKET), str(run))
    found = {name: s3.client.get_object(Bucket=BUCKET, Key=f"a/b/first/{name}.json") for name in (*runs.checks(first), "summary")}
    summary = json.loads(found["summary"]["Body"].read())
    expect_same({row["name"]: row["status"] for row in summary["checks"]}, runs.checks(first), "the summary")
    expect_same((summary["run"]["Status"], summary["run"]["ResultStatistic"]["Failed"], found["summary"]["ContentType"]),
                ("failed", run["ResultStatistic"]["Failed"], "application/json"), "the run in the summary")
    expect(not (server.data / "results").exists(), "there are files, too")
    second = runs.start("second")
    run = runs.ended(second)
    expect(run["Status"] == "error-executing" and "wire.s3_no_bucket" in run["LastFailureMessage"], str(run))
    expect_error("InvalidParameterCombinationException", "SSE_KMS", lambda: runs.start("x", ResultKmsKeyArn="arn:aws:kms:r:1:key/k"))
    expect_error("InvalidParameterValueException", "ResultEncryptionMode", lambda: runs.start("x", ResultEncryptionMode="SSE"))
    s3.pause()
    third = runs.start("third", ResultLocationBucket=BUCKET)
    server.kill()
    s3.resume()
    server.start()
    expect_same(runs.ended(third)["Status"], "failed", "a run over the death of the server")
    s3.client.get_object(Bucket=BUCKET, Key="third/summary.json")


@scenario("server.assessment_encrypted")
def assessment_encrypted(bench):
    """Results are encrypted as the run says, by the bucket's server."""
    judge = HeaderJudge(bench)
    _, runs = with_buckets(bench, judge.port)
    key = "arn:aws:kms:us-east-1:1:key/mine"
    for name, members, expected in (("plain", {}, (None, None)), ("s3", {"ResultEncryptionMode": "SSE_S3"}, ("AES256", None)),
                                    ("kms", {"ResultEncryptionMode": "SSE_KMS", "ResultKmsKeyArn": key}, ("aws:kms", key))):
        run = runs.ended(runs.start(name, ResultLocationBucket=BUCKET, IncludeOnly=["millrace-check"], **members))
        expect_same(run.get("ResultEncryptionMode"), members.get("ResultEncryptionMode"), str(run))
        head = judge.client.head_object(Bucket=BUCKET, Key=f"{name}/summary.json")
        expect_same((head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")), expected, name)
