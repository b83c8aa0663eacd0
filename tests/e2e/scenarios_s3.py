# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL into an S3 bucket through a proxy that breaks requests; read back with boto3, pyarrow and DuckDB."""

from harness import csv_rows, expect, expect_same, rebuilt, scenario
from s3 import BUCKET, S3, HeaderJudge
from scenarios_files import COLUMNS, fill, text_state


def prepared(bench, rows=500, **settings):
    source, server = bench.source(), S3(bench)
    fill(source, rows)
    source.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    return source, server, bench.task(source, server.endpoint(IncludeOpForFullLoad=True, **settings))


def expect_lake(bench, source, server):
    folder = bench.folder / f"copy{len(list(bench.folder.glob('copy*')))}"
    server.download(folder)
    expect_same(rebuilt(csv_rows(folder, "public/orders")), text_state(source, "orders", COLUMNS), "rows in the bucket")
    expect_same(server.unfinished_uploads(), [], "unfinished uploads")


def change(source, number):
    source.execute(f"INSERT INTO orders (id, customer, note) VALUES ({10000 + number}, 1, 'new');"
                   f"UPDATE orders SET note = 'changed {number}' WHERE id = {number + 1};"
                   f"DELETE FROM orders WHERE id = {number + 100}")


@scenario("s3.load_and_stream")
def load_and_stream(bench):
    """Load and stream into a bucket; every object names its task."""
    source, server, task = prepared(bench)
    task.catch_up()
    change(source, 1)
    task.catch_up()
    expect_lake(bench, source, server)
    key = server.client.list_objects_v2(Bucket=BUCKET)["Contents"][0]["Key"]
    metadata = server.client.head_object(Bucket=BUCKET, Key=key)["Metadata"]
    expect(any(task.document["task"]["ReplicationTaskIdentifier"] in value for value in metadata.values()),
           f"the object's metadata does not name the task: {metadata}")


@scenario("s3.faults_while_loading")
def faults_while_loading(bench):
    """503, a reset in the middle of an upload, a lost answer and a delay: tried again, nothing doubled."""
    source, server, task = prepared(bench, 5000)
    for rule in ({"kind": "answer", "status": 503, "code": "SlowDown", "match": "^PUT", "times": 2},
                 {"kind": "cut", "bytes": 1000, "match": "^PUT"}, {"kind": "cut_answer", "match": "^PUT"},
                 {"kind": "answer", "status": 500, "code": "InternalError", "times": 2}):
        server.command(do="rule", **rule)
    task.catch_up()
    expect_lake(bench, source, server)


@scenario("s3.interrupted_while_stalled")
def interrupted_while_stalled(bench):
    """Ctrl-C while the full load waits for a server that takes requests and never answers: an orderly end, in time."""
    source, server, task = prepared(bench, 5000)
    for match in ("^PUT", "^POST"):
        server.command(do="rule", kind="half_open", match=match, times=1000)
        run = task.start()
        run.wait_until("a request without an answer", lambda: server.command(do="stats")["used"].get("half_open", 0) > 0)
        run.interrupt(9)
        expect("not stopped within" not in run.text(), "it was ended by force")
        server.command(do="clear")
        server.command(do="reset_stats")
    task.catch_up()
    expect_lake(bench, source, server)


@scenario("s3.faults_while_streaming")
def faults_while_streaming(bench):
    """The same while changes flow, and a server that is down for a moment."""
    source, server, task = prepared(bench)
    task.catch_up()
    run = task.start()
    for number, rule in enumerate(({"kind": "answer", "status": 503, "code": "SlowDown", "match": "^PUT", "times": 3},
                                   {"kind": "cut", "bytes": 10, "match": "^PUT"}, {"kind": "cut_answer", "match": "^PUT"})):
        server.command(do="rule", **rule)
        change(source, number)
        run.wait_until("the fault to be met", lambda rule=rule: server.command(do="stats")["used"].get(rule["kind"], 0) > 0)
    run.interrupt(30)
    task.catch_up()
    expect_lake(bench, source, server)


@scenario("s3.kill_and_resume")
def kill_and_resume(bench):
    """kill -9 while files are uploaded: no change lost, none doubled, no upload left open."""
    source, server, task = prepared(bench)
    task.catch_up()
    for number in range(4):
        run = task.start()
        before = server.client.list_objects_v2(Bucket=BUCKET)["KeyCount"]
        for step in range(10):
            change(source, number * 10 + step)
        run.wait_until("a new object", lambda: server.client.list_objects_v2(Bucket=BUCKET)["KeyCount"] > before)
        run.kill()
    task.catch_up()
    expect_lake(bench, source, server)


@scenario("s3.expired_credentials")
def expired_credentials(bench):
    """Credentials that have expired are named, and nothing is lost when new ones come."""
    source, server, task = prepared(bench)
    task.catch_up()
    change(source, 1)
    server.command(do="rule", kind="answer", status=400, code="ExpiredToken", match="^PUT", times=1000)
    output = task.run("--until", "caught-up", code=1, seconds=120)
    expect("credential" in output.lower() or "ExpiredToken" in output, f"the cause is not named:\n{output}")
    server.command(do="clear")
    task.catch_up()
    expect_lake(bench, source, server)


@scenario("s3.wrong_secret")
def wrong_secret(bench):
    """A wrong secret is refused before anything is touched, without showing it."""
    source, _, task = prepared(bench, 5)
    task.document["target"]["MillraceCredentials"] = "millracetest:wrong-secret-text"
    output = task.run(code=None)
    expect("bad_credentials" in output, f"the cause is not named:\n{output}")
    expect("wrong-secret-text" not in output, "the secret is shown")
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")


@scenario("s3.missing_bucket")
def missing_bucket(bench):
    """A bucket that does not exist is named."""
    source, server, task = prepared(bench, 5)
    task.document["target"]["MillraceUrl"] = f"http://127.0.0.1:{server.proxy_port}/no-such-bucket"
    output = task.run(code=2)
    expect("no-such-bucket" in output, f"the bucket is not named:\n{output}")
    expect_same(source.one("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0, "slots")


@scenario("s3.parquet")
def parquet(bench):
    """Parquet objects, read by DuckDB after download."""
    import duckdb
    source, server, task = prepared(bench, 300, DataFormat="parquet")
    task.catch_up()
    change(source, 1)
    task.catch_up()
    server.download(bench.folder / "copy")
    found = duckdb.connect().execute(f"SELECT count(*) FILTER (\"Op\" = 'I'), count(*) FILTER (\"Op\" = 'D') FROM read_parquet("
                           f"'{bench.folder}/copy/public/orders/*.parquet', union_by_name = true)").fetchone()
    expect_same(found, (301, 1), "rows by operation")


@scenario("s3.encryption_and_acl")
def encryption_and_acl(bench):
    """Encryption and ACL arrive with single PUTs and with multipart uploads, as the server then reports them."""
    source, server = bench.source(), HeaderJudge(bench)
    source.execute("CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1);"
                   "CREATE TABLE large (id int PRIMARY KEY, note text);"
                   "INSERT INTO large SELECT g, repeat(md5(g::text), 100) FROM generate_series(1, 4000) g")
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    for mode, wanted in (({"EncryptionMode": "sse-s3"}, ("AES256", None)),
                         ({"EncryptionMode": "sse-kms", "ServerSideEncryptionKmsKeyId": key}, ("aws:kms", key))):
        folder = mode["EncryptionMode"]
        bench.task(source, server.endpoint(BucketFolder=folder, CannedAclForObjects="public-read", **mode),
                   kind="full-load").catch_up()
        found = server.client.list_objects_v2(Bucket=BUCKET, Prefix=folder)["Contents"]
        expect_same({item["Key"].split("/")[2] for item in found}, {"small", "large"}, "tables")
        for item in found:
            head = server.client.head_object(Bucket=BUCKET, Key=item["Key"])
            expect_same((head["ServerSideEncryption"], head.get("SSEKMSKeyId")), wanted, f"encryption of {item['Key']}")
            grants = server.client.get_object_acl(Bucket=BUCKET, Key=item["Key"])["Grants"]
            expect(any(grant["Grantee"].get("URI", "").endswith("/AllUsers") and grant["Permission"] == "READ"
                       for grant in grants), f"{item['Key']} is not readable by all: {grants}")
        parts = {item["Key"].split("/")[2]: item["ETag"].strip('"') for item in found}
        expect("-" in parts["large"] and "-" not in parts["small"], f"one PUT and one multipart upload: {parts}")
