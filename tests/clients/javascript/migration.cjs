// SPDX-License-Identifier: Apache-2.0
//
// migration.cjs PORT SOURCE TARGET ROWS: one whole migration between two databases of a PostgreSQL on loopback, by the
// JavaScript SDK as it is. Endpoint, region, keys and certificate are in the environment. Fails when anything does.
"use strict";
const assert = require("node:assert");
const dms = require("@aws-sdk/client-database-migration-service");

const [port, source, target, rows] = process.argv.slice(2);
const client = new dms.DatabaseMigrationService({});
const patience = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
const only = (name, value) => ({ Filters: [{ Name: name, Values: [value] }] });
const tableMappings = {
  rules: [{ "rule-type": "selection", "rule-id": "1", "rule-name": "all", "rule-action": "include",
            "object-locator": { "schema-name": "public", "table-name": "%" } }],
};

async function endpoint(side, database) {
  const answer = await client.createEndpoint({
    EndpointIdentifier: side, EndpointType: side, EngineName: "postgres", ServerName: "127.0.0.1", Port: Number(port),
    Username: "postgres", Password: "unused", DatabaseName: database,
  });
  return answer.Endpoint.EndpointArn;
}

async function tablesLoaded(task) {
  for (;;) {
    const tables = [];
    for await (const page of dms.paginateDescribeTableStatistics({ client }, { ReplicationTaskArn: task })) {
      tables.push(...page.TableStatistics);
    }
    if (tables.length === 1 && tables[0].TableState === "Table completed") return tables[0];
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function main() {
  const made = await client.createReplicationInstance({
    ReplicationInstanceIdentifier: "here", ReplicationInstanceClass: "dms.t3.medium", Tags: [{ Key: "by", Value: "javascript" }],
  });
  const instance = made.ReplicationInstance.ReplicationInstanceArn;
  assert(made.ReplicationInstance.InstanceCreateTime instanceof Date);
  await dms.waitUntilReplicationInstanceAvailable(patience, only("replication-instance-arn", instance));
  const endpoints = [await endpoint("source", source), await endpoint("target", target)];
  for (const arn of endpoints) await client.testConnection({ ReplicationInstanceArn: instance, EndpointArn: arn });
  for (const arn of endpoints) await dms.waitUntilTestConnectionSucceeds(patience, only("endpoint-arn", arn));
  const task = (await client.createReplicationTask({
    ReplicationTaskIdentifier: "task", SourceEndpointArn: endpoints[0], TargetEndpointArn: endpoints[1],
    ReplicationInstanceArn: instance, MigrationType: "full-load-and-cdc", TableMappings: JSON.stringify(tableMappings),
  })).ReplicationTask.ReplicationTaskArn;
  await dms.waitUntilReplicationTaskReady(patience, only("replication-task-arn", task));
  await client.startReplicationTask({ ReplicationTaskArn: task, StartReplicationTaskType: "start-replication" });
  await dms.waitUntilReplicationTaskRunning(patience, only("replication-task-arn", task));
  assert.strictEqual((await tablesLoaded(task)).FullLoadRows, Number(rows));
  await assert.rejects(client.deleteReplicationTask({ ReplicationTaskArn: task }), dms.InvalidResourceStateFault);
  await client.stopReplicationTask({ ReplicationTaskArn: task });
  await dms.waitUntilReplicationTaskStopped(patience, only("replication-task-arn", task));
  await client.deleteReplicationTask({ ReplicationTaskArn: task });
  await dms.waitUntilReplicationTaskDeleted(patience, only("replication-task-arn", task));
  for (const arn of endpoints) {
    await client.deleteEndpoint({ EndpointArn: arn });
    await dms.waitUntilEndpointDeleted(patience, only("endpoint-arn", arn));
  }
  await client.deleteReplicationInstance({ ReplicationInstanceArn: instance });
  await dms.waitUntilReplicationInstanceDeleted(patience, only("replication-instance-arn", instance));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
