# SPDX-License-Identifier: Apache-2.0
"""Task settings whose effect a user can see: preparation, limits of large objects, error policies and escalations,
control tables, grouping, logging. docs/task-settings.md names these scenarios key by key."""

import json

from harness import csv_rows, expect, expect_equal, expect_same, rebuilt, scenario, select

TABLE = """
CREATE TABLE t (id int PRIMARY KEY, v varchar(20), body text);
INSERT INTO t SELECT g, 'v' || g, 'body ' || g FROM generate_series(1, 20) g;
"""


def task_of(bench, settings, sql=TABLE, **members):
    source, target = bench.source(), bench.target()
    source.execute(sql)
    return source, target, bench.task(source, target, settings=settings, **members)


def state(task, table="public.t"):
    return task.statistics()[table]["TableState"]


def log_of(task):
    return "".join(path.read_text(errors="replace") for path in sorted(task.data.rglob("*.log*")))


def exceptions(target):
    return target.execute('SELECT "TABLE_NAME", "STATEMENT", "ERROR" FROM awsdms_apply_exceptions ORDER BY "ERROR_TIME"')


def refused_by(bench, task, code, exit_code=1):
    output = task.catch_up(code=exit_code)
    expect(code in output, f"the run does not name {code}:\n{output}")


@scenario("settings.target_schema")
def target_schema(bench):
    """TargetMetadata.TargetSchema holds the tables, made when missing."""
    source, target, task = task_of(bench, {"TargetMetadata": {"TargetSchema": "copy"}}, kind="full-load")
    task.run()
    expect_equal(source, target, [("t", "copy.t")])


@scenario("settings.prep_modes")
def prep_modes(bench):
    """DO_NOTHING keeps rows, TRUNCATE_BEFORE_LOAD the table, DROP_AND_CREATE neither."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE)
    shape = "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), body text); COMMENT ON TABLE t IS 'ours'; INSERT INTO t VALUES (-1)"
    for mode, rows, comment in (("DO_NOTHING", 21, "ours"), ("TRUNCATE_BEFORE_LOAD", 20, "ours"), ("DROP_AND_CREATE", 20, None)):
        target.execute("DROP TABLE IF EXISTS t; " + shape)
        task = bench.task(source, target, kind="full-load", settings={"FullLoadSettings": {"TargetTablePrepMode": mode}})
        task.run()
        expect_same(target.execute("SELECT count(*), obj_description('t'::regclass) FROM t"), [(rows, comment)], mode)


@scenario("settings.stop_after_the_load")
def stop_after_the_load(bench):
    """Both ways to end after the load; the task goes on when it is started again."""
    for key, cached in (("StopTaskCachedChangesNotApplied", False), ("StopTaskCachedChangesApplied", True)):
        source, target, task = task_of(bench, {"FullLoadSettings": {key: True}})
        task.run()
        expect_equal(source, target, ["t"])
        source.execute("INSERT INTO t VALUES (100, 'later')")
        task.catch_up()
        expect_equal(source, target, ["t"])


@scenario("settings.load_one_at_a_time")
def load_one_at_a_time(bench):
    """MaxFullLoadSubTasks 1 loads one chunk after the other."""
    source, target, task = task_of(bench, {"FullLoadSettings": {"MaxFullLoadSubTasks": 1}},
                                   TABLE + "CREATE TABLE u AS SELECT * FROM t; CREATE TABLE w AS SELECT * FROM t", kind="full-load")
    task.run()
    expect_equal(source, target, ["t", "u", "w"])
    times = sorted((row["FullLoadStartTime"], row["FullLoadEndTime"]) for row in task.statistics().values())
    ends = [end for _, end in times]
    expect(len(set(ends)) == 3, f"two tables ended together: {times}")


BIG = "UPDATE t SET body = repeat('ä', 30000) WHERE id = 1; UPDATE t SET body = repeat('x', 1500) WHERE id = 2"


def sizes(database):
    return [row[0] for row in database.execute("SELECT octet_length(body) FROM t WHERE id IN (1, 2, 101, 102) ORDER BY id")]


def load_and_stream(bench, metadata, compatibility=None):
    settings = {"TargetMetadata": metadata, **({"MillraceCompatibility": compatibility} if compatibility else {})}
    source, target, task = task_of(bench, settings, TABLE + BIG)
    task.catch_up()
    source.execute("INSERT INTO t SELECT id + 100, v, body FROM t WHERE id < 3")
    task.catch_up()
    return source, target, task


@scenario("settings.lob_modes")
def lob_modes(bench):
    """DMS's default limit cuts nothing; a chosen one cuts between characters, load and stream alike, and counts."""
    for metadata in ({"LimitedSizeLobMode": True, "LobMaxSize": 32}, {"FullLobMode": True, "LimitedSizeLobMode": False, "LobMaxSize": 1}):
        source, target, task = load_and_stream(bench, metadata)
        expect_equal(source, target, ["t"])
    source, target, task = load_and_stream(bench, {"LimitedSizeLobMode": True, "LobMaxSize": 1})
    expect_same(sizes(target), [1024, 1024, 1024, 1024], "bytes under LobMaxSize 1")
    expect_same(task.statistics()["public.t"]["MillraceValuesCut"], 4, "cut values counted")
    expect("column body: 60000 bytes, cut to 1024" in log_of(task), "the log does not tell of the cut")
    expect("source and target are equal" in task.call("validate"), "what was cut is not compared")


@scenario("settings.lob_settings_of_a_table")
def lob_settings_of_a_table(bench):
    """lob-settings of one table go before the task's, in the load and in the stream."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE + BIG + "; CREATE TABLE whole AS SELECT * FROM t; ALTER TABLE whole ADD PRIMARY KEY (id)")
    own = [{"rule-type": "table-settings", "rule-id": f"9{number}", "rule-name": f"9{number}",
            "object-locator": {"schema-name": "public", "table-name": table}, "lob-settings": lob}
           for number, (table, lob) in enumerate([("t", {"mode": "limited", "bulk-max-size": "1"}), ("whole", {"mode": "unlimited"})])]
    task = bench.task(source, target, [select(table="%"), *own], settings={"TargetMetadata": {"LobMaxSize": 2}})
    task.catch_up()
    source.execute("".join(f"INSERT INTO {table} SELECT id + 100, v, body FROM {table} WHERE id < 3;" for table in ("t", "whole")))
    task.catch_up()
    expect_same(sizes(target), [1024, 1024, 1024, 1024], "bytes of the limited table")
    expect_equal(source, target, ["whole"])


@scenario("settings.compatibility")
def compatibility(bench):
    """MillraceCompatibility dms loses what DMS loses, and counts it."""
    sql = TABLE + BIG + "; ALTER TABLE t ADD n numeric, ADD at time; UPDATE t SET n = 1.12345678, at = '12:34:56.789' WHERE id < 3"
    source, target, task = task_of(bench, {"MillraceCompatibility": "dms"}, sql)
    task.catch_up()
    source.execute("INSERT INTO t SELECT id + 100, v, body, n, at FROM t WHERE id < 3")
    task.catch_up()
    expect_same(sizes(target), [32768, 1500, 32768, 1500], "bytes")
    expect_same(target.execute("SELECT DISTINCT n::text, at::text FROM t WHERE n IS NOT NULL"), [("1.123457", "12:34:56")], "numbers and times")
    expect_same(task.statistics()["public.t"]["MillraceValuesCut"], 10, "cut values")


@scenario("settings.lob_columns_left_out")
def lob_columns_left_out(bench):
    """SupportLobs false leaves out the columns of large-object types."""
    source, target, task = task_of(bench, {"TargetMetadata": {"SupportLobs": False}})
    task.catch_up()
    source.execute("INSERT INTO t VALUES (100, 'v', 'body'); UPDATE t SET body = 'other', v = 'w' WHERE id = 1")
    task.catch_up()
    expect_same([row[0] for row in target.execute("SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0")],
                ["id", "v"], "columns")
    expect_equal(source, target, ["t"], "t.id, t.v")


@scenario("settings.truncation_policies")
def truncation_policies(bench):
    """DataTruncationErrorPolicy: the row is left out, the table stops, the task stops; in the load and in the stream."""
    def settings(policy):
        return {"TargetMetadata": {"LobMaxSize": 1}, "ErrorBehavior": {"DataTruncationErrorPolicy": policy}}
    source, target, task = task_of(bench, settings("IGNORE_RECORD"), TABLE + BIG)
    task.catch_up()
    source.execute("INSERT INTO t VALUES (100, 'v', repeat('z', 3000)), (101, 'v', 'short')")
    task.catch_up()
    expect_same(target.execute("SELECT count(*), max(id) FROM t"), [(19, 101)], "rows that lost nothing")
    expect_same(task.statistics()["public.t"]["FullLoadErrorRows"], 2, "rows left out of the load")
    source, target, task = task_of(bench, settings("SUSPEND_TABLE"))
    task.catch_up()
    source.execute("UPDATE t SET body = repeat('z', 3000) WHERE id = 3")
    task.catch_up()
    expect_same(state(task), "Table error", "state")
    expect("engine.value_cut_suspended" in task.call("status"), "the reason is not told")
    source, target, task = task_of(bench, settings("STOP_TASK"), TABLE + BIG)
    refused_by(bench, task, "engine.value_cut_stopped")


def conflict(bench, key, policy, change, spoil):
    """A loaded task, then `spoil` on the target, `change` at the source."""
    source, target, task = task_of(bench, {"ErrorBehavior": {key: policy}})
    task.catch_up()
    target.execute(spoil)
    source.execute(change)
    return source, target, task


@scenario("settings.insert_conflicts")
def insert_conflicts(bench):
    """ApplyErrorInsertPolicy, each of its words."""
    change = "INSERT INTO t VALUES (100, 'source', 'new'), (101, 'after', '')"
    spoil = "INSERT INTO t VALUES (100, 'target', 'old')"
    for policy, value, told in (("IGNORE_RECORD", "target", 0), ("LOG_ERROR", "target", 1), ("INSERT_RECORD", "source", 0)):
        _, target, task = conflict(bench, "ApplyErrorInsertPolicy", policy, change, spoil)
        task.catch_up()
        expect_same(target.execute("SELECT id, v FROM t WHERE id >= 100 ORDER BY id"), [(100, value), (101, "after")], policy)
        expect_same(len(exceptions(target)), told, f"exceptions under {policy}")
    _, statement, error = exceptions(conflict_logged(bench))[0]
    expect("INSERT INTO" in statement and "100" in statement and "position" in error and "23505" in error, f"{statement}: {error}")
    _, target, task = conflict(bench, "ApplyErrorInsertPolicy", "STOP_TASK", change, spoil)
    refused_by(bench, task, "pg.apply_stopped")
    target.execute("DELETE FROM t WHERE id = 100")
    task.catch_up()
    expect_same(target.one("SELECT count(*) FROM t"), 22, "rows after the remedy")
    _, target, task = conflict(bench, "ApplyErrorInsertPolicy", "SUSPEND_TABLE", change, spoil)
    task.catch_up()
    expect_same(state(task), "Table error", "state")


def conflict_logged(bench):
    _, target, task = conflict(bench, "ApplyErrorInsertPolicy", "LOG_ERROR", "INSERT INTO t VALUES (100, 'source', 'new')",
                               "INSERT INTO t VALUES (100, 'target', 'old')")
    task.catch_up()
    return target


@scenario("settings.update_conflicts")
def update_conflicts(bench):
    """ApplyErrorUpdatePolicy: a missing row is ignored, told, or inserted."""
    for policy, rows, told in (("IGNORE_RECORD", 0, 0), ("LOG_ERROR", 0, 1), ("UPDATE_RECORD", 1, 0)):
        _, target, task = conflict(bench, "ApplyErrorUpdatePolicy", policy, "UPDATE t SET v = 'new' WHERE id = 5; UPDATE t SET v = 'x' WHERE id = 6",
                                   "DELETE FROM t WHERE id = 5")
        task.catch_up()
        expect_same(target.one("SELECT count(*) FROM t WHERE id = 5 AND v = 'new'"), rows, policy)
        expect_same(target.one("SELECT v FROM t WHERE id = 6"), "x", "the change behind it")
        expect_same(len(exceptions(target)), told, f"exceptions under {policy}")
    _, _, task = conflict(bench, "ApplyErrorUpdatePolicy", "STOP_TASK", "UPDATE t SET v = 'new' WHERE id = 5", "DELETE FROM t WHERE id = 5")
    refused_by(bench, task, "pg.apply_stopped")


@scenario("settings.delete_conflicts")
def delete_conflicts(bench):
    """ApplyErrorDeletePolicy: a missing row."""
    for policy, told in (("IGNORE_RECORD", 0), ("LOG_ERROR", 1)):
        _, target, task = conflict(bench, "ApplyErrorDeletePolicy", policy, "DELETE FROM t WHERE id IN (5, 6)", "DELETE FROM t WHERE id = 5")
        task.catch_up()
        expect_same(target.one("SELECT count(*) FROM t WHERE id IN (5, 6)"), 0, policy)
        expect_same(len(exceptions(target)), told, f"exceptions under {policy}")
        expect("1" in task.call("status"), "put aside")
    _, _, task = conflict(bench, "ApplyErrorDeletePolicy", "SUSPEND_TABLE", "DELETE FROM t WHERE id = 5", "DELETE FROM t WHERE id = 5")
    task.catch_up()
    expect_same(state(task), "Table error", "state")


@scenario("settings.apply_escalation")
def apply_escalation(bench):
    """ApplyErrorEscalationCount: ignored conflicts count, and the third one suspends the table."""
    source, target, task = task_of(bench, {"ErrorBehavior": {"ApplyErrorDeletePolicy": "IGNORE_RECORD", "ApplyErrorEscalationCount": 3,
                                                             "ApplyErrorEscalationPolicy": "SUSPEND_TABLE"}})
    task.catch_up()
    target.execute("DELETE FROM t WHERE id < 10")
    run = task.start()
    source.execute("DELETE FROM t WHERE id < 3; INSERT INTO t VALUES (100, 'two conflicts')")
    run.wait_until("two conflicts", lambda: target.one("SELECT count(*) FROM t WHERE id = 100") == 1)
    source.execute("DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (101, 'three')")
    run.wait_until("the suspension", lambda: state(task) == "Table error")
    run.interrupt()
    expect_same(target.one("SELECT count(*) FROM t WHERE id = 101"), 0, "rows behind the third conflict")


NARROW = "ALTER TABLE t ADD CONSTRAINT narrow CHECK (id < 100)"


@scenario("settings.data_errors")
def data_errors(bench):
    """DataErrorPolicy: values that the target has no place for, in the load and in the stream."""
    shape = "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), body text); " + NARROW
    for policy, told in (("IGNORE_RECORD", 0), ("LOG_ERROR", 2)):
        source, target = bench.source(), bench.target()
        source.execute(TABLE + "INSERT INTO t VALUES (200, 'load', '')")
        target.execute(shape)
        task = bench.task(source, target, settings={"ErrorBehavior": {"DataErrorPolicy": policy},
                                                    "FullLoadSettings": {"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"}})
        task.catch_up()
        source.execute("INSERT INTO t VALUES (201, 'stream', ''), (50, 'fits', '')")
        task.catch_up()
        expect_same(target.execute("SELECT count(*), max(id) FROM t"), [(21, 50)], policy)
        expect_same(len(exceptions(target)), told, f"exceptions under {policy}")
    for policy, code in (("SUSPEND_TABLE", None), ("STOP_TASK", "pg.apply_stopped")):
        source, target, task = task_of(bench, {"ErrorBehavior": {"DataErrorPolicy": policy}})
        task.catch_up()
        target.execute(NARROW)
        source.execute("INSERT INTO t VALUES (201, 'stream', '')")
        if code:
            refused_by(bench, task, code)
        else:
            task.catch_up()
            expect_same(state(task), "Table error", policy)


@scenario("settings.data_error_escalation")
def data_error_escalation(bench):
    """DataErrorEscalationCount: the third row without a place suspends the table, or ends the task."""
    behavior = {"DataErrorPolicy": "IGNORE_RECORD", "DataErrorEscalationCount": 3}
    source, target = bench.source(), bench.target()
    source.execute(TABLE + "INSERT INTO t SELECT g, 'load', '' FROM generate_series(200, 204) g")
    target.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20), body text); " + NARROW)
    load = {"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"}
    task = bench.task(source, target, kind="full-load", settings={"ErrorBehavior": behavior, "FullLoadSettings": load})
    output = task.run(code=1)
    expect("engine.row_suspended" in output, f"the table is not suspended:\n{output}")
    task = bench.task(source, target, kind="full-load", settings={
        "ErrorBehavior": {**behavior, "DataErrorEscalationPolicy": "STOP_TASK"}, "FullLoadSettings": load})
    output = task.run(code=1)
    expect("engine.row_stopped" in output, f"the task is not stopped:\n{output}")
    source, target, task = task_of(bench, {"ErrorBehavior": behavior})
    task.catch_up()
    target.execute(NARROW)
    source.execute("INSERT INTO t SELECT g, 'stream', '' FROM generate_series(200, 204) g")
    task.catch_up()
    expect_same(state(task), "Table error", "state")


@scenario("settings.table_errors")
def table_errors(bench):
    """TableErrorPolicy and TableErrorEscalationCount end the task at the first, or the second, table in error."""
    sql = TABLE + "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)"
    for behavior, runs_on in (({"TableErrorPolicy": "STOP_TASK"}, False), ({"TableErrorEscalationCount": 2}, True)):
        source, target, task = task_of(bench, {"ErrorBehavior": behavior}, sql)
        task.catch_up()
        target.execute("DROP TABLE t")
        source.execute("INSERT INTO t VALUES (100)")
        if runs_on:
            task.catch_up()
            expect_same(state(task), "Table error", "state")
            target.execute("DROP TABLE u")
            source.execute("INSERT INTO u VALUES (100)")
        refused_by(bench, task, "engine.tables_failed")


@scenario("settings.recoverable_errors")
def recoverable_errors(bench):
    """RecoverableErrorCount: no retry, or a few, a second apart; the task is resumable."""
    server = bench.own_postgres("away")
    source = bench.source()
    source.execute(TABLE)
    target = bench.target(server)
    task = bench.task(source, target, settings={"ErrorBehavior": {"RecoverableErrorCount": 0}})
    task.catch_up()
    run = task.start()
    run.wait_until("the stream", lambda: "streaming" in run.text())
    server.stop("immediate")
    source.execute("INSERT INTO t VALUES (100)")
    run.wait(1, 60)
    expect("engine.retries_exhausted" in run.text() and "after 0 retries" in run.text(), run.text()[-2000:])
    task.document["task"]["ReplicationTaskSettings"]["ErrorBehavior"] = {
        "RecoverableErrorCount": 3, "RecoverableErrorInterval": 1, "RecoverableErrorThrottling": False}
    output = task.run(code=1, seconds=60)
    expect("after 3 retries" in output, output[-2000:])
    expect_same(log_of(task).count("trying again in 1.0 s"), 3, "waits in the log")
    server.start()
    task.catch_up()
    expect_equal(source, target, ["t"])


@scenario("settings.control_tables")
def control_tables(bench):
    """Status, history, suspended tables and exceptions of the load, in ControlSchema."""
    source, target = bench.source(), bench.target()
    source.execute(TABLE + "INSERT INTO t VALUES (200, 'load', '')")
    target.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20), body text); " + NARROW)
    task = bench.task(source, target, settings={
        "FullLoadSettings": {"TargetTablePrepMode": "TRUNCATE_BEFORE_LOAD"},
        "ErrorBehavior": {"ApplyErrorInsertPolicy": "SUSPEND_TABLE"},
        "ControlTablesSettings": {"ControlSchema": "control", "HistoryTimeslotInMinutes": 1, "HistoryTableEnabled": True,
                                  "StatusTableEnabled": True, "SuspendedTablesTableEnabled": True, "FullLoadExceptionTableEnabled": True}})
    run = task.start()
    run.wait_until("the status", lambda: task_status(target) == "CHANGE PROCESSING (CDC)")
    source.execute("INSERT INTO t SELECT g, 'stream', '' FROM generate_series(21, 30) g")
    run.wait_until("the history", lambda: history(target).get("CHANGE PROCESSING (CDC)", (0, 0))[0] == 10)
    expect_same(history(target)["FULL LOAD"], (20, 1), "records and minutes of the load's slot")
    target.execute("INSERT INTO t VALUES (50)")
    source.execute("INSERT INTO t VALUES (50)")
    run.wait_until("the suspension", lambda: state(task) == "Table error")
    run.interrupt()
    expect_same(task_status(target), "NOT RUNNING", "status")
    expect_same(target.execute("SELECT table_owner, table_name FROM control.awsdms_suspended_tables"), [("public", "t")], "suspended")
    expect_same(target.one("SELECT count(*) FROM control.awsdms_full_load_exceptions"), 1, "exceptions of the load")
    task.call("drop")
    for table in ("awsdms_status", "awsdms_history", "awsdms_suspended_tables", "millrace_position", "millrace_tables"):
        expect_same(target.one(f"SELECT count(*) FROM control.{table}"), 0, f"rows of {table} after drop")


def task_status(target):
    if target.one("SELECT to_regclass('control.awsdms_status') IS NULL"):
        return None
    rows = target.execute("SELECT task_status FROM control.awsdms_status")
    return rows[0][0] if rows else None


def history(target):
    return {row[0]: (int(row[1]), row[2]) for row in target.execute(
        "SELECT timeslot_type, sum(timeslot_records), max(timeslot_duration) FROM control.awsdms_history GROUP BY 1")}


@scenario("settings.ddl_policies")
def ddl_policies(bench):
    """HandleSourceTable...: the target is left alone; ApplyErrorFailOnTruncationDdl ends the task before a TRUNCATE."""
    off = {f"HandleSourceTable{what}": False for what in ("Dropped", "Truncated", "Altered")}
    sql = TABLE + "CREATE TABLE u AS SELECT * FROM t; CREATE TABLE w AS SELECT * FROM t; ALTER TABLE u ADD PRIMARY KEY (id); ALTER TABLE w ADD PRIMARY KEY (id)"
    source, target, task = task_of(bench, {"ChangeProcessingDdlHandlingPolicy": off}, sql)
    task.catch_up()
    source.execute("TRUNCATE t; INSERT INTO t VALUES (100, 'after', ''); ALTER TABLE u ADD extra int; DROP TABLE w")
    task.catch_up()
    expect_same(target.one("SELECT count(*) FROM t"), 21, "rows of the truncated table")
    expect_same(target.one("SELECT count(*) FROM pg_attribute WHERE attrelid = 'u'::regclass AND attname = 'extra'"), 0, "columns")
    expect_same(target.one("SELECT count(*) FROM w"), 20, "rows of the dropped table")
    source, target, task = task_of(bench, {"ErrorBehavior": {"ApplyErrorFailOnTruncationDdl": True}})
    task.catch_up()
    source.execute("TRUNCATE t")
    refused_by(bench, task, "engine.truncate_stopped")
    expect_same(target.one("SELECT count(*) FROM t"), 20, "rows that the TRUNCATE would have taken")
    task.document["task"]["ReplicationTaskSettings"] = {}
    task.catch_up()
    expect_same(target.one("SELECT count(*) FROM t"), 0, "rows after the remedy")


@scenario("settings.no_tables")
def no_tables(bench):
    """FailOnNoTablesCaptured false: the task runs and takes up a table that appears."""
    source, target, task = task_of(bench, {"ErrorBehavior": {"FailOnNoTablesCaptured": False}}, "SELECT 1")
    task.catch_up()
    source.execute(TABLE)
    task.catch_up()
    expect_equal(source, target, ["t"])


def transactions(source, count, first):
    for number in range(first, first + count):
        source.execute(f"INSERT INTO t VALUES ({number}, 'x', '')")


@scenario("settings.grouping")
def grouping(bench):
    """CommitTimeout and BatchApplyTimeoutMin gather source transactions; the rows of each group carry one xmin."""
    for settings in ({"ChangeProcessingTuning": {"CommitTimeout": 3}},
                     {"TargetMetadata": {"BatchApplyEnabled": True}, "ChangeProcessingTuning": {"BatchApplyTimeoutMin": 3, "BatchSplitSize": 1000}}):
        source, target, task = task_of(bench, settings)
        task.catch_up()
        run = task.start()
        run.wait_until("the stream", lambda: "streaming" in run.text())
        transactions(source, 10, 100)
        run.wait_until("the rows", lambda: target.one("SELECT count(*) FROM t WHERE id >= 100") == 10)
        groups = target.one("SELECT count(DISTINCT xmin::text) FROM t WHERE id >= 100")
        expect(groups <= 2, f"{groups} target transactions for ten that came within the time: {settings}")
        run.interrupt()
    source, target, task = task_of(bench, {"ChangeProcessingTuning": {"CommitTimeout": 60, "MinTransactionSize": 5}})
    task.catch_up()
    run = task.start()
    run.wait_until("the stream", lambda: "streaming" in run.text())
    transactions(source, 5, 100)
    run.wait_until("the rows of a full group", lambda: target.one("SELECT count(*) FROM t WHERE id >= 100") == 5, 30)
    transactions(source, 1, 200)
    run.interrupt()
    task.catch_up()
    expect_equal(source, target, ["t"])


@scenario("settings.characters")
def characters(bench):
    """CharacterSetSettings: replaced and left out, in varchar columns, load and stream alike."""
    settings = {"CharacterSetSettings": {"CharacterReplacements": [{"SourceCharacterCodePoint": 62, "TargetCharacterCodePoint": 61}],
                                         "CharacterSetSupport": {"CharacterSet": "ISO-8859-1", "ReplaceWithCharacterCodePoint": "3F"}}}
    source, target, task = task_of(bench, settings, TABLE + "INSERT INTO t VALUES (100, 'ab€ä', 'ab€ä')")
    task.catch_up()
    source.execute("INSERT INTO t VALUES (101, 'ab€ä', 'ab€ä'); UPDATE t SET v = 'b' || v WHERE id = 100")
    task.catch_up()
    expect_same(target.execute("SELECT id, v, body FROM t WHERE id >= 100 ORDER BY id"), [(100, "aaa?ä", "ab€ä"), (101, "aa?ä", "ab€ä")], "rows")
    task.document["task"]["ReplicationTaskSettings"]["CharacterSetSettings"]["CharacterSetSupport"]["CharacterSet"] = "klingon"
    output = task.call("check", code=2)
    expect("CharacterSetSettings.CharacterSetSupport.CharacterSet: klingon" in output, output)


@scenario("settings.log_severities")
def log_severities(bench):
    """LogComponents: TASK_MANAGER's lines go, or stay, by severity."""
    for severity, there in (("LOGGER_SEVERITY_DEFAULT", True), ("LOGGER_SEVERITY_ERROR", False)):
        _, _, task = task_of(bench, {"Logging": {"EnableLogging": True, "LogComponents": [{"Id": "TASK_MANAGER", "Severity": severity}]}})
        task.catch_up()
        expect_same("main: " in log_of(task), there, f"lines of the task under {severity}")


@scenario("settings.validation_limits")
def validation_limits(bench):
    """`millrace validate` stops at TableFailureMaxCount, skips or shortens large objects."""
    source, target, task = task_of(bench, {})
    task.catch_up()
    target.execute("UPDATE t SET body = body || 'x'")

    def differences(**settings):
        task.document["task"]["ReplicationTaskSettings"] = {"ValidationSettings": settings}
        report = json.loads(task.call("validate", "--json", code=None))
        return report["tables"][0]["differences"], report["equal"]
    expect_same(differences(), (20, False), "differences")
    expect_same(differences(TableFailureMaxCount=5), (5, False), "differences until enough")
    expect_same(differences(SkipLobColumns=True), (0, True), "without large objects")
    source.execute("UPDATE t SET body = repeat('y', 1500)")
    task.document["task"]["ReplicationTaskSettings"] = {}
    task.catch_up()
    target.execute("UPDATE t SET body = body || 'x'")
    expect_same(differences(ValidationPartialLobSize=1), (0, True), "the first KB only")
    expect_same(differences(FailureMaxCount=1), (20, False), "the only table")


# ---- many sources, many targets

@scenario("many.two_sources_one_target")
def two_sources_one_target(bench):
    """Two sources stream into one database and one lake folder at the same time; neither tramples the other."""
    first, second, target = bench.source(), bench.source(), bench.target()
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    for source, schema in ((first, "crm"), (second, "shop")):
        source.execute(f"CREATE SCHEMA {schema}; SET search_path = {schema}; " + TABLE)
    tasks = []
    for source, schema in ((first, "crm"), (second, "shop")):
        for to in (target, lake):
            tasks.append(bench.task(source, to, rules=[selection(schema)]))
    runs = [task.start() for task in tasks]
    for number in range(100, 120):
        first.execute(f"INSERT INTO crm.t VALUES ({number}, 'crm', '')")
        second.execute(f"INSERT INTO shop.t VALUES ({number}, 'shop', ''); DELETE FROM shop.t WHERE id = {number - 90}")
    for schema, rows in (("crm", 40), ("shop", 29)):
        runs[0].wait_until(f"the rows of {schema}", lambda: table_there(target, schema) and target.one(f"SELECT max(id) FROM {schema}.t") == 119)
    for run in runs:
        run.interrupt()
    for task in tasks:
        task.catch_up()
    expect_equal(first, target, ["crm.t"])
    expect_equal(second, target, ["shop.t"])
    for source, schema in ((first, "crm"), (second, "shop")):
        ids = {str(row[0]) for row in source.execute(f"SELECT id FROM {schema}.t")}
        expect_same({key[0] for key in rebuilt(csv_rows(folder, f"{schema}/t"))}, ids, f"keys of {schema} in the lake")
    expect_same(target.one("SELECT count(*) FROM millrace_position"), 2, "positions")
    tasks[0].call("drop")
    expect_same(target.one("SELECT count(*) FROM millrace_position"), 1, "the other task's position after a drop")
    second.execute("INSERT INTO shop.t VALUES (500)")
    tasks[2].catch_up()
    expect_equal(second, target, ["shop.t"])


def selection(schema):
    return {"rule-type": "selection", "rule-action": "include", "object-locator": {"schema-name": schema, "table-name": "%"}}


def table_there(target, schema):
    return target.one(f"SELECT to_regclass('{schema}.t') IS NOT NULL")


@scenario("many.one_source_two_targets")
def one_source_two_targets(bench):
    """One source into two databases at the same time: each task has its slot, and each target its position."""
    source, targets = bench.source(), [bench.target(), bench.target()]
    source.execute(TABLE)
    tasks = [bench.task(source, target) for target in targets]
    runs = [task.start() for task in tasks]
    for number in range(100, 130):
        source.execute(f"INSERT INTO t VALUES ({number}, 'x', ''); UPDATE t SET v = 'y' WHERE id = {number - 100}")
    for run, target in zip(runs, targets):
        run.wait_until("the rows", lambda target=target: target.one("SELECT to_regclass('t') IS NOT NULL") and target.one("SELECT max(id) FROM t") == 129)
    runs[0].kill()
    source.execute("ALTER TABLE t ADD extra int; INSERT INTO t VALUES (200, 'ddl', '', 1)")
    runs[1].interrupt()
    for task, target in zip(tasks, targets):
        task.catch_up()
        expect_equal(source, target, ["t"])
    tasks[0].call("drop")
    source.execute("INSERT INTO t VALUES (201, 'later', '', 2)")
    tasks[1].catch_up()
    expect_equal(source, targets[1], ["t"])


@scenario("many.collisions")
def collisions(bench):
    """One identifier from two data directories, one table from two tasks: refused by name, nothing touched."""
    first, second, target = bench.source(), bench.source(), bench.target()
    folder, lake = bench.lake(IncludeOpForFullLoad=True)
    first.execute(TABLE)
    second.execute(TABLE + "UPDATE t SET v = 'second'")
    ours = bench.task(first, target)
    ours.catch_up()
    before = target.execute("SELECT * FROM t ORDER BY id")
    other = bench.task(second, target)
    output = other.catch_up(code=2)
    expect("public.t" in output and ours.document["task"]["ReplicationTaskIdentifier"] in output, f"table and task are not named:\n{output}")
    same_name = bench.task(second, target, settings={"TargetMetadata": {"TargetSchema": "elsewhere"}})
    same_name.document["task"]["ReplicationTaskIdentifier"] = ours.document["task"]["ReplicationTaskIdentifier"]
    output = same_name.catch_up(code=2)
    expect("another data directory" in output, f"the collision is not named:\n{output}")
    expect_same(target.execute("SELECT * FROM t ORDER BY id"), before, "the first task's rows")
    together = bench.task(second, target, settings={"FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"},
                                                    "ErrorBehavior": {"DataErrorPolicy": "IGNORE_RECORD", "ApplyErrorInsertPolicy": "INSERT_RECORD"}})
    together.catch_up()
    first.execute("INSERT INTO t VALUES (300, 'first', '')")
    second.execute("INSERT INTO t VALUES (400, 'second', '')")
    ours.catch_up()
    together.catch_up()
    expect_same(target.execute("SELECT id, v FROM t WHERE id >= 300 ORDER BY id"), [(300, "first"), (400, "second")], "rows written together")
    lakes = [bench.task(source, lake, kind="full-load") for source in (first, second)]
    lakes[0].run()
    files = {path.name: path.read_bytes() for path in folder.rglob("*.csv")}
    output = lakes[1].run(code=2)
    expect("files.folder_taken" in output, f"the folder's owner is not named:\n{output}")
    expect_same({path.name: path.read_bytes() for path in folder.rglob("*.csv")}, files, "the first task's files")
