package databricks

import (
	"context"
	"iter"
	"net/http"
	"strings"
)

// VolumesService manages Unity Catalog volumes, which hold files. The full name
// of a volume is catalog.schema.volume. The paths of its files start with
// /Volumes/catalog/schema/volume. [FilesService] reads and writes the files.
//
// See https://docs.databricks.com/api/workspace/volumes.
type VolumesService service

// A VolumeType says who manages the storage of a volume. The service may add
// types.
type VolumeType string

// Types of volumes.
const (
	VolumeManaged  VolumeType = "MANAGED"  // Unity Catalog manages the storage
	VolumeExternal VolumeType = "EXTERNAL" // the storage exists independently of the volume
)

// An SSEAlgorithm is an algorithm for server-side encryption on AWS.
type SSEAlgorithm string

// Algorithms for server-side encryption.
const (
	SSES3  SSEAlgorithm = "AWS_SSE_S3"
	SSEKMS SSEAlgorithm = "AWS_SSE_KMS"
)

// A Volume is a Unity Catalog volume.
type Volume struct {
	CatalogName       string             `json:"catalog_name"`
	SchemaName        string             `json:"schema_name"`
	Name              string             `json:"name"`
	FullName          string             `json:"full_name"` // catalog.schema.volume
	VolumeType        VolumeType         `json:"volume_type"`
	StorageLocation   string             `json:"storage_location"`
	Owner             string             `json:"owner"`
	Comment           string             `json:"comment"`
	CreatedAt         Millis             `json:"created_at"`
	CreatedBy         string             `json:"created_by"`
	UpdatedAt         Millis             `json:"updated_at"`
	UpdatedBy         string             `json:"updated_by"`
	VolumeID          string             `json:"volume_id"`
	MetastoreID       string             `json:"metastore_id"`
	BrowseOnly        bool               `json:"browse_only"`        // the caller may see the volume but may not read its files
	AccessPoint       string             `json:"access_point"`       // AWS only
	EncryptionDetails *EncryptionDetails `json:"encryption_details"` // AWS only; nil if the service does not report it
}

// Path returns the path of the volume, such as /Volumes/main/default/files. It
// works on nil.
func (v *Volume) Path() string {
	if v == nil {
		return ""
	}
	return "/Volumes/" + v.CatalogName + "/" + v.SchemaName + "/" + v.Name
}

// EncryptionDetails describe the encryption of a storage location.
type EncryptionDetails struct {
	SSEEncryptionDetails *SSEEncryptionDetails `json:"sse_encryption_details"`
}

// SSEEncryptionDetails describe the server-side encryption of a storage
// location on AWS.
type SSEEncryptionDetails struct {
	Algorithm    SSEAlgorithm `json:"algorithm"`
	AWSKMSKeyARN string       `json:"aws_kms_key_arn"`
}

// CreateVolume describes a new volume.
type CreateVolume struct {
	CatalogName     string     `json:"catalog_name"`
	SchemaName      string     `json:"schema_name"`
	Name            string     `json:"name"`
	VolumeType      VolumeType `json:"volume_type"`
	StorageLocation string     `json:"storage_location,omitzero"` // required for an external volume, such as s3://bucket/path
	Comment         string     `json:"comment,omitzero"`
}

// Create creates a volume in an existing schema. If the name is taken, the
// error matches [fs.ErrExist]. The client does not retry Create after a lost
// response.
func (s *VolumesService) Create(ctx context.Context, in CreateVolume) (*Volume, error) {
	r := post("/api/2.1/unity-catalog/volumes").params(in)
	for _, field := range [][2]string{
		{"catalog_name", in.CatalogName}, {"schema_name", in.SchemaName}, {"name", in.Name}, {"volume_type", string(in.VolumeType)},
	} {
		if field[1] == "" {
			r = r.check(badArg(field[0], isRequired))
		}
	}
	return do[Volume](ctx, s.client, r)
}

// ListVolumes selects the volumes of a schema. CatalogName and SchemaName are
// required.
type ListVolumes struct {
	CatalogName   string `json:"catalog_name"`
	SchemaName    string `json:"schema_name"`
	IncludeBrowse bool   `json:"include_browse,omitzero"` // include volumes whose files the caller may not read
	PageSize      int    `json:"max_results,omitzero"`    // volumes to request at a time, at most 10,000; 0 lets the service choose
	PageToken     string `json:"page_token,omitzero"`     // the page to start with; empty for the first
	Limit         int    `json:"-"`                       // maximum number of volumes to return in total; 0 for all
}

// List returns the volumes of a schema.
func (s *VolumesService) List(ctx context.Context, in ListVolumes) ([]Volume, error) {
	return listPages(in.PageToken, in.Limit, func(token string) (*Page[Volume], error) { return s.page(ctx, in, token) })
}

// All yields the volumes that List returns as they arrive. Each range over the
// sequence sends new requests. The first error ends it.
func (s *VolumesService) All(ctx context.Context, in ListVolumes) iter.Seq2[Volume, error] {
	return allPages(in.PageToken, in.Limit, pageItems(func(token string) (*Page[Volume], error) { return s.page(ctx, in, token) }))
}

// ListPage returns one page of [VolumesService.List].
func (s *VolumesService) ListPage(ctx context.Context, in ListVolumes) (*Page[Volume], error) {
	page, err := s.page(ctx, in, in.PageToken)
	if err != nil {
		return nil, err
	}
	return page.cut(in.Limit), nil
}

func (s *VolumesService) page(ctx context.Context, in ListVolumes, token string) (*Page[Volume], error) {
	in.PageToken = token
	r := get("/api/2.1/unity-catalog/volumes").params(in).check(checkPage(in.PageSize, in.Limit))
	switch {
	case in.CatalogName == "":
		r = r.check(badArg("catalog_name", isRequired))
	case in.SchemaName == "":
		r = r.check(badArg("schema_name", isRequired))
	}
	page, err := do[struct {
		Volumes       []Volume `json:"volumes"`
		NextPageToken string   `json:"next_page_token"`
	}](ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	return &Page[Volume]{page.Volumes, page.NextPageToken}, nil
}

// onVolume returns a request with the full name of a volume in its URL.
func onVolume(method, fullName string) Request {
	r := Request{Method: method, Path: "/api/2.1/unity-catalog/volumes/{full_name}"}.element("full_name", fullName)
	if strings.Count(fullName, ".") < 2 {
		r = r.check(badArg("full_name", "is %.100q; want catalog.schema.volume", fullName))
	}
	return r
}

// GetVolume selects a volume.
type GetVolume struct {
	FullName      string `json:"full_name"`               // catalog.schema.volume
	IncludeBrowse bool   `json:"include_browse,omitzero"` // also return a volume whose files the caller may not read
}

// Get returns a volume. If the volume does not exist, the error matches
// [fs.ErrNotExist].
func (s *VolumesService) Get(ctx context.Context, in GetVolume) (*Volume, error) {
	return do[Volume](ctx, s.client, onVolume(http.MethodGet, in.FullName).optional("include_browse", in.IncludeBrowse))
}

// UpdateVolume describes a change of a volume. Fields that are unset do not
// change.
type UpdateVolume struct {
	FullName string  `json:"full_name"`         // catalog.schema.volume
	NewName  string  `json:"new_name,omitzero"` // the new volume name, without catalog and schema
	Owner    string  `json:"owner,omitzero"`
	Comment  *string `json:"comment,omitzero"` // an empty string removes the comment
}

// Update changes the name, the owner or the comment of a volume. A new name
// also changes the paths of its files. The client retries Update after a lost
// response only if the name does not change.
func (s *VolumesService) Update(ctx context.Context, in UpdateVolume) (*Volume, error) {
	r := onVolume(http.MethodPatch, in.FullName).optional("new_name", in.NewName).optional("owner", in.Owner).optional("comment", in.Comment)
	r.Idempotent = in.NewName == ""
	return do[Volume](ctx, s.client, r)
}

// Delete deletes a volume. It deletes the files of a managed volume. The files
// of an external volume remain in their storage. If the volume does not exist,
// the error matches [fs.ErrNotExist]. The client retries Delete. If the
// response to an earlier attempt was lost, a retry that finds no volume counts
// as success.
func (s *VolumesService) Delete(ctx context.Context, fullName string) error {
	return s.client.Do(ctx, onVolume(http.MethodDelete, fullName).treatAsSuccess("VOLUME_DOES_NOT_EXIST"), nil)
}
