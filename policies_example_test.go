package databricks_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// Create a policy, and a cluster under it. The cluster need not set the attributes
// that the policy fixes.
func ExamplePoliciesService_Create() {
	server := databrickstest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()
	definition := databricks.PolicyDefinition{
		"spark_version":           {Type: databricks.PolicyFixed, Value: "15.4.x-scala2.12"},
		"node_type_id":            {Type: databricks.PolicyFixed, Value: "Standard_DS3_v2"},
		"autotermination_minutes": {Type: databricks.PolicyFixed, Value: 30},
		"num_workers":             {Type: databricks.PolicyRange, MaxValue: new(4.0)},
	}
	policy, err := client.Policies.Create(ctx, databricks.CreatePolicy{Name: "small", Definition: definition.JSON()})
	if err != nil {
		log.Fatal(err)
	}

	id, err := client.Clusters.Create(ctx, databricks.CreateCluster{ClusterName: "mine", PolicyID: policy, NumWorkers: new(2)})
	if err != nil {
		log.Fatal(err)
	}
	cluster, err := client.Clusters.Get(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cluster.ClusterName, cluster.SparkVersion, cluster.NodeTypeID)

	_, err = client.Clusters.Create(ctx, databricks.CreateCluster{PolicyID: policy, NumWorkers: new(9)})
	fmt.Println(err)
	// Output:
	// mine 15.4.x-scala2.12 Standard_DS3_v2
	// databricks: POST /api/2.0/clusters/create: 400 INVALID_PARAMETER_VALUE: Cluster validation error: Validation failed for num_workers, the value must be at most 4 (is "9")
}

// Read the rules of a policy family.
func ExampleParsePolicyDefinition() {
	server := databrickstest.NewServer()
	defer server.Close()
	family, err := server.Client().Policies.GetFamily(context.Background(), databricks.GetPolicyFamily{PolicyFamilyID: "personal-vm"})
	if err != nil {
		log.Fatal(err)
	}
	definition, err := databricks.ParsePolicyDefinition(family.Definition)
	if err != nil {
		log.Fatal(err)
	}
	rule := definition["num_workers"]
	fmt.Println(family.Name, rule.Type, rule.Value)
	// Output: Personal Compute fixed 0
}
