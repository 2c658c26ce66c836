package databricks

import (
	"context"
	"io/fs"
	"testing"
)

func TestVolumes_wire(t *testing.T) {
	const full = `{"catalog_name": "main", "schema_name": "default", "name": "files", "full_name": "main.default.files", "volume_type": "EXTERNAL",
		"storage_location": "s3://b/p", "owner": "a@example.com", "comment": "c", "created_at": 1700000000001, "created_by": "a@example.com",
		"updated_at": 1700000000002, "updated_by": "b@example.com", "volume_id": "v1", "metastore_id": "m1", "browse_only": true,
		"access_point": "ap", "encryption_details": {"sse_encryption_details": {"algorithm": "AWS_SSE_KMS", "aws_kms_key_arn": "arn:aws:kms"}}}`
	volume := &Volume{
		CatalogName: "main", SchemaName: "default", Name: "files", FullName: "main.default.files", VolumeType: VolumeExternal,
		StorageLocation: "s3://b/p", Owner: "a@example.com", Comment: "c", CreatedAt: 1700000000001, CreatedBy: "a@example.com",
		UpdatedAt: 1700000000002, UpdatedBy: "b@example.com", VolumeID: "v1", MetastoreID: "m1", BrowseOnly: true, AccessPoint: "ap",
		EncryptionDetails: &EncryptionDetails{SSEEncryptionDetails: &SSEEncryptionDetails{Algorithm: SSEKMS, AWSKMSKeyARN: "arn:aws:kms"}},
	}
	create := CreateVolume{CatalogName: "main", SchemaName: "default", Name: "files", VolumeType: VolumeExternal, StorageLocation: "s3://b/p", Comment: "c"}
	list := ListVolumes{CatalogName: "main", SchemaName: "default", IncludeBrowse: true, PageSize: 2, PageToken: "t", Limit: 3}
	update := UpdateVolume{FullName: "main.default.files", NewName: "out", Owner: "b@example.com", Comment: new("d")}
	assertFull(t, volume, create, list, update, GetVolume{"main.default.files", true})

	doCreate := func(in CreateVolume) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Volumes.Create(ctx, in) }
	}
	get := func(in GetVolume) func(context.Context, *Client) (any, error) {
		return func(ctx context.Context, c *Client) (any, error) { return c.Volumes.Get(ctx, in) }
	}
	runWire(t, []wireRow{{
		name: "create with every field",
		call: doCreate(create),
		wire: []wireStep{{"POST /api/2.1/unity-catalog/volumes", `{"catalog_name": "main", "schema_name": "default", "name": "files",
			"volume_type": "EXTERNAL", "storage_location": "s3://b/p", "comment": "c"}`, full}},
		want: volume,
	}, {
		name: "create without a type is refused",
		call: doCreate(CreateVolume{CatalogName: "main", SchemaName: "default", Name: "files"}),
		is:   fs.ErrInvalid, fails: "POST /api/2.1/unity-catalog/volumes: volume_type is required",
	}, {
		name: "create what exists",
		call: doCreate(CreateVolume{CatalogName: "main", SchemaName: "default", Name: "files", VolumeType: VolumeManaged}),
		wire: []wireStep{{"POST /api/2.1/unity-catalog/volumes", `{"catalog_name": "main", "schema_name": "default", "name": "files", "volume_type": "MANAGED"}`,
			`409 {"error_code": "VOLUME_ALREADY_EXISTS", "message": "x"}`}},
		is: fs.ErrExist,
	}, {
		name: "list all pages, up to a limit",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Volumes.List(ctx, list) },
		wire: []wireStep{
			{"GET /api/2.1/unity-catalog/volumes?catalog_name=main&include_browse=true&max_results=2&page_token=t&schema_name=default", "",
				`{"volumes": [{"name": "a"}, {"name": "b"}], "next_page_token": "u"}`},
			{"GET /api/2.1/unity-catalog/volumes?catalog_name=main&include_browse=true&max_results=2&page_token=u&schema_name=default", "",
				`{"volumes": [{"name": "c", "volume_type": "BRAND_NEW", "brand_new": 1}, {"name": "d"}]}`},
		},
		want: []Volume{{Name: "a"}, {Name: "b"}, {Name: "c", VolumeType: "BRAND_NEW"}},
	}, {
		name: "all volumes of an empty page and another",
		call: func(ctx context.Context, c *Client) (any, error) {
			return elements(c.Volumes.All(ctx, ListVolumes{CatalogName: "main", SchemaName: "default"}))
		},
		wire: []wireStep{
			{"GET /api/2.1/unity-catalog/volumes?catalog_name=main&schema_name=default", "", `{"next_page_token": "u"}`},
			{"GET /api/2.1/unity-catalog/volumes?catalog_name=main&page_token=u&schema_name=default", "", `{"volumes": [{"name": "a"}]}`},
		},
		want: []Volume{{Name: "a"}},
	}, {
		name: "one page",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Volumes.ListPage(ctx, ListVolumes{CatalogName: "main", SchemaName: "none"})
		},
		wire: []wireStep{{"GET /api/2.1/unity-catalog/volumes?catalog_name=main&schema_name=none", "",
			`404 {"error_code": "SCHEMA_DOES_NOT_EXIST", "message": "x"}`}},
		is: fs.ErrNotExist,
	}, {
		name: "list without a schema is refused",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Volumes.List(ctx, ListVolumes{CatalogName: "main"})
		},
		is: fs.ErrInvalid, fails: "schema_name is required",
	}, {
		name: "get",
		call: get(GetVolume{FullName: "main.default.files", IncludeBrowse: true}),
		wire: []wireStep{{"GET /api/2.1/unity-catalog/volumes/main.default.files?include_browse=true", "", full}},
		want: volume,
	}, {
		name: "get a name with odd characters",
		call: get(GetVolume{FullName: "ma+n.de&ault.fi%l é"}),
		wire: []wireStep{{"GET /api/2.1/unity-catalog/volumes/ma+n.de&ault.fi%25l%20%C3%A9", "", `{}`}},
		want: &Volume{},
	}, {
		name: "get half a name is refused",
		call: get(GetVolume{FullName: "files"}),
		is:   fs.ErrInvalid, fails: `full_name is "files"; want catalog.schema.volume`,
	}, {
		name: "update everything",
		call: func(ctx context.Context, c *Client) (any, error) { return c.Volumes.Update(ctx, update) },
		wire: []wireStep{{"PATCH /api/2.1/unity-catalog/volumes/main.default.files", `{"new_name": "out", "owner": "b@example.com", "comment": "d"}`, full}},
		want: volume,
	}, {
		name: "remove the comment",
		call: func(ctx context.Context, c *Client) (any, error) {
			return c.Volumes.Update(ctx, UpdateVolume{FullName: "main.default.files", Comment: new("")})
		},
		wire: []wireStep{{"PATCH /api/2.1/unity-catalog/volumes/main.default.files", `{"comment": ""}`, `{}`}},
		want: &Volume{},
	}, {
		name: "delete",
		call: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.Volumes.Delete(ctx, "main.default.files")
		},
		wire: []wireStep{{"DELETE /api/2.1/unity-catalog/volumes/main.default.files", "", ""}},
	}})
}

func TestVolume_Path(t *testing.T) {
	if got := (&Volume{CatalogName: "main", SchemaName: "default", Name: "files"}).Path(); got != "/Volumes/main/default/files" {
		t.Error(got)
	}
	if got := (*Volume)(nil).Path(); got != "" {
		t.Error(got)
	}
}
