package v12

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"testing"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/contract"
)

// These tests compare the calls with testdata/contract/v12.json. They correspond to
// the contract tests of the root package.

// contractDepartures are places where the types deliberately differ from the
// contract.
var contractDepartures = map[string]string{
	"v12.ClusterV12.jdbcPort":                "a number, which some servers write as a string",
	"v12.LibraryStatusV12.attachAllClusters": "a bool, which some servers write as a string",
	"v12.CreateClusterV12Request.sparkConf":  "Spark's properties are strings",
}

// executeFile and uploadLibrary are the inputs of the same names, with the file as
// a field.
type executeFile struct {
	ExecuteCommandFile
	Command databricks.FilePart `json:"command"`
}

type uploadLibrary struct {
	UploadLibrary
	URI databricks.FilePart `json:"uri"`
}

var contractRows = []contract.Row{
	{Call: "POST /api/1.2/contexts/create", Go: "Contexts.Create", Args: "clusterId language"},
	{Call: "GET /api/1.2/contexts/status", Go: "Contexts.Status", Args: "clusterId contextId"},
	{Call: "POST /api/1.2/contexts/destroy", Go: "Contexts.Destroy", Args: "clusterId contextId", Inner: "id"},

	{Call: "POST /api/1.2/commands/execute", Go: "Commands.Execute"},
	{Call: "POST /api/1.2/commands/execute multipart", Go: "Commands.ExecuteFile", In: executeFile{}, Base: ExecuteCommandFile{Command: FileFromBytes("a.py", []byte("1"))}},
	{Call: "GET /api/1.2/commands/status", Go: "Commands.Status"},
	{Call: "POST /api/1.2/commands/cancel", Go: "Commands.Cancel", Inner: "id"},

	{Call: "GET /api/1.2/clusters/list", Go: "Clusters.List"},
	{Call: "GET /api/1.2/clusters/status", Go: "Clusters.Status", Args: "clusterId"},
	{Call: "POST /api/1.2/clusters/create", Go: "Clusters.Create"},
	{Call: "POST /api/1.2/clusters/resize", Go: "Clusters.Resize", Args: "clusterId numWorkerContainers", Inner: "id"},
	{Call: "POST /api/1.2/clusters/restart", Go: "Clusters.Restart", Args: "clusterId", Inner: "id"},
	{Call: "POST /api/1.2/clusters/delete", Go: "Clusters.Delete", Args: "clusterId", Inner: "id"},

	{Call: "GET /api/1.2/libraries/list", Go: "Libraries.List"},
	{Call: "GET /api/1.2/libraries/status", Go: "Libraries.Status", Args: "libraryId"},
	{Call: "POST /api/1.2/libraries/upload", Go: "Libraries.Upload", In: uploadLibrary{}, Base: UploadLibrary{File: FileFromBytes("a.jar", []byte("PK"))}},
	{Call: "POST /api/1.2/libraries/delete", Go: "Libraries.Delete", Args: "libraryId", Inner: "id"},
	{Call: "POST /api/1.2/libraries/attach", Go: "Libraries.Attach", Args: "libraryId clusterId", Inner: "id"},
	{Call: "POST /api/1.2/libraries/detach", Go: "Libraries.Detach", Args: "libraryId clusterId", Inner: "id"},
}

// hostileCalls are the methods without a row; see [contract.Suite.Hostile].
var hostileCalls = map[string]func(ctx context.Context, client any) error{
	"Libraries.WaitAttached": func(ctx context.Context, client any) error {
		return client.(*Client).Libraries.WaitAttached(ctx, "l", "c")
	},
	"NewSession": func(ctx context.Context, client any) error {
		session, err := client.(*Client).NewSession(ctx, "c", Python)
		if err != nil {
			return err
		}
		_, err = session.Run(ctx, "1")
		return errors.Join(err, session.Close())
	},
}

var contractSuite = &contract.Suite{
	Others: hostileCalls,
	Checker: func() *contract.Checker {
		areas, err := contract.Load("../testdata/contract", "v12")
		if err != nil {
			panic(err)
		}
		constants, err := contract.Constants(map[string]string{reflect.TypeFor[Client]().PkgPath(): "."})
		if err != nil {
			panic(err)
		}
		return &contract.Checker{Areas: areas, Client: reflect.TypeFor[Client](), Constants: constants, Rows: contractRows, Departures: contractDepartures}
	},
	New: func(transport http.RoundTripper, _ contract.Operation) (any, error) {
		client, err := databricks.NewClient(databricks.WithHost("https://workspace.example.com"), databricks.WithToken("dapi-test-token"),
			databricks.WithHTTPClient(&http.Client{Transport: transport}))
		return NewClient(client), err
	},
	Refused: func(err error) bool { _, ok := errors.AsType[*databricks.ArgumentError](err); return ok },
	Names: map[string]string{
		"POST /api/1.2/contexts/create":            "id",
		"POST /api/1.2/commands/execute":           "id",
		"POST /api/1.2/commands/execute multipart": "id",
		"POST /api/1.2/clusters/create":            "id",
		"POST /api/1.2/libraries/upload":           "id",
	},
	Unknown: func(err error) bool { _, ok := errors.AsType[*databricks.OutcomeUnknownError](err); return ok },
}

func TestContract_types(t *testing.T)   { contractSuite.Types(t) }
func TestContract_notices(t *testing.T) { contractSuite.Notices(t) }
func TestContract_calls(t *testing.T)   { contractSuite.Calls(t) }
func TestContract_retries(t *testing.T) { contractSuite.Retried(t) }
