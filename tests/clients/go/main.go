// SPDX-License-Identifier: Apache-2.0
//
// migration PORT SOURCE TARGET ROWS: one whole migration between two databases of a PostgreSQL on loopback, by the Go SDK
// as it is. Endpoint, region, keys and certificate are in the environment. Fails when anything does.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dms "github.com/aws/aws-sdk-go-v2/service/databasemigrationservice"
	"github.com/aws/aws-sdk-go-v2/service/databasemigrationservice/types"
)

const (
	patience = time.Minute
	delay    = 200 * time.Millisecond
	rules    = `{"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "all", "rule-action": "include",
                "object-locator": {"schema-name": "public", "table-name": "%"}}]}`
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func only(name, value string) []types.Filter {
	return []types.Filter{{Name: aws.String(name), Values: []string{value}}}
}

// The configuration that the config module would read from the environment; it and what it needs take longer to build
// than all the rest.
func newClient() *dms.Client {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(must(os.ReadFile(os.Getenv("AWS_CA_BUNDLE")))) {
		must(0, errors.New("no certificate in AWS_CA_BUNDLE"))
	}
	return dms.New(dms.Options{
		Region:       os.Getenv("AWS_DEFAULT_REGION"),
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL_DATABASE_MIGRATION_SERVICE")),
		HTTPClient:   &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}, nil
		}),
	})
}

type migration struct {
	context  context.Context
	client   *dms.Client
	instance string
}

func (m *migration) endpoint(side types.ReplicationEndpointTypeValue, port int32, database string) string {
	made := must(m.client.CreateEndpoint(m.context, &dms.CreateEndpointInput{
		EndpointIdentifier: aws.String(string(side)), EndpointType: side, EngineName: aws.String("postgres"),
		ServerName: aws.String("127.0.0.1"), Port: aws.Int32(port), Username: aws.String("postgres"),
		Password: aws.String("unused"), DatabaseName: aws.String(database),
	}))
	return *made.Endpoint.EndpointArn
}

func (m *migration) test(endpoints []string) {
	for _, arn := range endpoints {
		must(m.client.TestConnection(m.context, &dms.TestConnectionInput{ReplicationInstanceArn: &m.instance, EndpointArn: aws.String(arn)}))
	}
	waiter := dms.NewTestConnectionSucceedsWaiter(m.client, func(o *dms.TestConnectionSucceedsWaiterOptions) {
		o.MinDelay, o.MaxDelay = delay, delay
	})
	for _, arn := range endpoints {
		must(0, waiter.Wait(m.context, &dms.DescribeConnectionsInput{Filters: only("endpoint-arn", arn)}, patience))
	}
}

func (m *migration) loaded(task string) types.TableStatistics {
	for {
		var tables []types.TableStatistics
		pages := dms.NewDescribeTableStatisticsPaginator(m.client, &dms.DescribeTableStatisticsInput{ReplicationTaskArn: &task})
		for pages.HasMorePages() {
			tables = append(tables, must(pages.NextPage(m.context)).TableStatistics...)
		}
		if len(tables) == 1 && *tables[0].TableState == "Table completed" {
			return tables[0]
		}
		time.Sleep(delay)
	}
}

func (m *migration) run(task string, rows int64) {
	filters := &dms.DescribeReplicationTasksInput{Filters: only("replication-task-arn", task)}
	must(m.client.StartReplicationTask(m.context, &dms.StartReplicationTaskInput{
		ReplicationTaskArn: &task, StartReplicationTaskType: types.StartReplicationTaskTypeValueStartReplication}))
	running := dms.NewReplicationTaskRunningWaiter(m.client, func(o *dms.ReplicationTaskRunningWaiterOptions) {
		o.MinDelay, o.MaxDelay = delay, delay
	})
	must(0, running.Wait(m.context, filters, patience))
	if counted := m.loaded(task).FullLoadRows; counted != rows {
		must(0, fmt.Errorf("%d rows were loaded, not %d", counted, rows))
	}
	_, err := m.client.DeleteReplicationTask(m.context, &dms.DeleteReplicationTaskInput{ReplicationTaskArn: &task})
	var state *types.InvalidResourceStateFault
	if !errors.As(err, &state) {
		must(0, fmt.Errorf("a running task was deleted: %v", err))
	}
	must(m.client.StopReplicationTask(m.context, &dms.StopReplicationTaskInput{ReplicationTaskArn: &task}))
	stopped := dms.NewReplicationTaskStoppedWaiter(m.client, func(o *dms.ReplicationTaskStoppedWaiterOptions) {
		o.MinDelay, o.MaxDelay = delay, delay
	})
	must(0, stopped.Wait(m.context, filters, patience))
	must(m.client.DeleteReplicationTask(m.context, &dms.DeleteReplicationTaskInput{ReplicationTaskArn: &task}))
	deleted := dms.NewReplicationTaskDeletedWaiter(m.client, func(o *dms.ReplicationTaskDeletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = delay, delay
	})
	must(0, deleted.Wait(m.context, filters, patience))
}

func main() {
	port := int32(must(strconv.Atoi(os.Args[1])))
	m := migration{context: context.Background(), client: newClient()}
	made := must(m.client.CreateReplicationInstance(m.context, &dms.CreateReplicationInstanceInput{
		ReplicationInstanceIdentifier: aws.String("here"), ReplicationInstanceClass: aws.String("dms.t3.medium")}))
	m.instance = *made.ReplicationInstance.ReplicationInstanceArn
	endpoints := []string{m.endpoint("source", port, os.Args[2]), m.endpoint("target", port, os.Args[3])}
	m.test(endpoints)
	task := must(m.client.CreateReplicationTask(m.context, &dms.CreateReplicationTaskInput{
		ReplicationTaskIdentifier: aws.String("task"), SourceEndpointArn: &endpoints[0], TargetEndpointArn: &endpoints[1],
		ReplicationInstanceArn: &m.instance, MigrationType: types.MigrationTypeValueFullLoadAndCdc, TableMappings: aws.String(rules),
	}))
	m.run(*task.ReplicationTask.ReplicationTaskArn, must(strconv.ParseInt(os.Args[4], 10, 64)))
	for _, arn := range endpoints {
		must(m.client.DeleteEndpoint(m.context, &dms.DeleteEndpointInput{EndpointArn: aws.String(arn)}))
	}
	must(m.client.DeleteReplicationInstance(m.context, &dms.DeleteReplicationInstanceInput{ReplicationInstanceArn: &m.instance}))
}
