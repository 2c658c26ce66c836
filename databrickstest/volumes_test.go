package databrickstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVolumes(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithSchema("sales.raw"), WithVolume("main.default.files"), WithUser(User{Name: "alice@example.com", Token: "dapi-alice"}))
	const volumes = "/api/2.1/unity-catalog/volumes"
	converse(t, s, []step{
		{call: "GET " + volumes + "?catalog_name=sales&schema_name=raw"},
		{call: "GET " + volumes + "?catalog_name=none&schema_name=raw", want: "404 CATALOG_DOES_NOT_EXIST: Catalog 'none' does not exist."},
		{call: "GET " + volumes + "?catalog_name=sales&schema_name=none", want: "404 SCHEMA_DOES_NOT_EXIST: Schema 'sales.none' does not exist."},
		{call: "GET " + volumes + "/main.default.none", want: "404 VOLUME_DOES_NOT_EXIST: Volume 'main.default.none' does not exist."},
		{call: "GET " + volumes + "/files", want: "400 INVALID_PARAMETER_VALUE: 'files' is not a valid name of a volume"},
		{call: "POST " + volumes, body: `{"catalog_name":"main","schema_name":"default","name":"files","volume_type":"MANAGED"}`,
			want: "409 VOLUME_ALREADY_EXISTS: Volume 'main.default.files' already exists"},
		{call: "POST " + volumes, body: `{"catalog_name":"main","schema_name":"default","name":"x","volume_type":"EXTERNAL"}`,
			want: "400 INVALID_PARAMETER_VALUE: storage_location is required for an external volume"},
		{call: "POST " + volumes, body: `{"catalog_name":"main","schema_name":"default","name":"x","volume_type":"MANAGED","storage_location":"s3://b"}`,
			want: "400 INVALID_PARAMETER_VALUE: storage_location cannot be set for a managed volume"},
		{call: "PATCH " + volumes + "/main.default.files", as: "dapi-alice", body: `{"comment":"mine"}`,
			want: "403 PERMISSION_DENIED: User is not an owner of Volume 'main.default.files'."},
		{call: "DELETE " + volumes + "/MAIN.default.Files"},
		{call: "GET " + volumes + "/main.default.files", want: "404 VOLUME_DOES_NOT_EXIST: Volume 'main.default.files' does not exist."},
	})
	got := send(t, s, "POST", volumes, `{"catalog_name":"sales","schema_name":"raw","name":"In","volume_type":"EXTERNAL","storage_location":"s3://b/p","comment":"c"}`)
	assert.Contains(t, got.body, `"full_name":"sales.raw.in","volume_type":"EXTERNAL","storage_location":"s3://b/p","owner":"admin@example.com","comment":"c"`)
	got = send(t, s, "PATCH", volumes+"/sales.raw.in", `{"new_name":"out","comment":"","owner":"alice@example.com"}`)
	assert.Contains(t, got.body, `"full_name":"sales.raw.out"`)
	assert.NotContains(t, got.body, "comment")
}
