package databricks

import (
	"context"
	"iter"
	"net/http"
	"strings"
)

// VolumesService manages Unity Catalog volumes, which hold files. A volume has a
// full name, catalog.schema.volume. Its files have paths that begin with
// /Volumes/catalog/schema/volume; [FilesService] reads and writes them.
//
// See https://docs.databricks.com/api/workspace/volumes.
type VolumesService service

// A VolumeType says who looks after the storage of a volume. The service may add
// types.
type VolumeType string

// Types of volumes.
const (
	VolumeManaged  VolumeType = "MANAGED"  // Unity Catalog does
	VolumeExternal VolumeType = "EXTERNAL" // the storage exists before the volume and after it
)

// An SSEAlgorithm is a way for AWS to encrypt what it stores.
type SSEAlgorithm string

// Ways of AWS to encrypt what it stores.
const (
	SSES3  SSEAlgorithm = "AWS_SSE_S3"
	SSEKMS SSEAlgorithm = "AWS_SSE_KMS"
)

// A Volume is a place for files.
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
	BrowseOnly        bool               `json:"browse_only"`        // the caller may see the volume, but not its files
	AccessPoint       string             `json:"access_point"`       // AWS only
	EncryptionDetails *EncryptionDetails `json:"encryption_details"` // AWS only; nil if the service did not say
}

// Path returns the path of the volume's files, such as /Volumes/main/default/files.
func (v *Volume) Path() string {
	if v == nil {
		return ""
	}
	return "/Volumes/" + v.CatalogName + "/" + v.SchemaName + "/" + v.Name
}

// EncryptionDetails say how a storage location is encrypted.
type EncryptionDetails struct {
	SSEEncryptionDetails *SSEEncryptionDetails `json:"sse_encryption_details"`
}

// SSEEncryptionDetails say how AWS encrypts a storage location.
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
	StorageLocation string     `json:"storage_location,omitzero"` // of an external volume, such as s3://bucket/path
	Comment         string     `json:"comment,omitzero"`
}

// Create creates a volume in a schema that exists. If the schema has a volume with
// this name, the error matches [fs.ErrExist]. The client does not retry the call
// after a lost response.
func (s *VolumesService) Create(ctx context.Context, in CreateVolume) (*Volume, error) {
	r := post("/api/2.1/unity-catalog/volumes").params(in)
	for _, field := range [][2]string{
		{"catalog_name", in.CatalogName}, {"schema_name", in.SchemaName}, {"name", in.Name}, {"volume_type", string(in.VolumeType)},
	} {
		if field[1] == "" {
			r = r.check(badArg(field[0], missing))
		}
	}
	return do[Volume](ctx, s.client, r)
}

// ListVolumes selects volumes. CatalogName and SchemaName are required.
type ListVolumes struct {
	CatalogName   string `json:"catalog_name"`
	SchemaName    string `json:"schema_name"`
	IncludeBrowse bool   `json:"include_browse,omitzero"` // also volumes whose files the caller may not read
	PageSize      int    `json:"max_results,omitzero"`    // volumes to request at a time, at most 10,000; 0 lets the service choose
	PageToken     string `json:"page_token,omitzero"`     // the page to begin with; empty for the first
	Limit         int    `json:"-"`                       // volumes to return in total; 0 for all
}

// List returns the volumes of a schema.
func (s *VolumesService) List(ctx context.Context, in ListVolumes) ([]Volume, error) {
	return listPages(in.PageToken, in.Limit, func(token string) (*Page[Volume], error) { return s.page(ctx, in, token) })
}

// All yields the volumes that List returns, page by page. Each range over the
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
		r = r.check(badArg("catalog_name", missing))
	case in.SchemaName == "":
		r = r.check(badArg("schema_name", missing))
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

// onVolume is a request whose URL has the full name of a volume.
func onVolume(method, fullName string) Request {
	r := Request{Method: method, Path: "/api/2.1/unity-catalog/volumes/{full_name}"}.element("full_name", fullName)
	if strings.Count(fullName, ".") < 2 {
		r = r.check(badArg("full_name", "is %.100q; want catalog.schema.volume", fullName))
	}
	return r
}

// GetVolume names a volume.
type GetVolume struct {
	FullName      string `json:"full_name"`               // catalog.schema.volume
	IncludeBrowse bool   `json:"include_browse,omitzero"` // also if the caller may not read its files
}

// Get returns a volume. If there is none with this name, the error matches
// [fs.ErrNotExist].
func (s *VolumesService) Get(ctx context.Context, in GetVolume) (*Volume, error) {
	return do[Volume](ctx, s.client, onVolume(http.MethodGet, in.FullName).optional("include_browse", in.IncludeBrowse))
}

// UpdateVolume says what to change of a volume. What is unset stays as it is.
type UpdateVolume struct {
	FullName string  `json:"full_name"`         // catalog.schema.volume
	NewName  string  `json:"new_name,omitzero"` // the last part of the full name only
	Owner    string  `json:"owner,omitzero"`
	Comment  *string `json:"comment,omitzero"` // an empty text removes it
}

// Update changes the name, the owner or the comment of a volume. A new name also
// changes the paths of its files. The client retries the call after a lost response
// unless it changes the name.
func (s *VolumesService) Update(ctx context.Context, in UpdateVolume) (*Volume, error) {
	r := onVolume(http.MethodPatch, in.FullName).optional("new_name", in.NewName).optional("owner", in.Owner).optional("comment", in.Comment)
	r.Idempotent = in.NewName == ""
	return do[Volume](ctx, s.client, r)
}

// Delete deletes a volume. The files of a managed volume are deleted with it; those
// of an external volume stay in their storage. If there is no such volume, the error
// matches [fs.ErrNotExist].
func (s *VolumesService) Delete(ctx context.Context, fullName string) error {
	return s.client.Do(ctx, onVolume(http.MethodDelete, fullName).treatAsSuccess("VOLUME_DOES_NOT_EXIST"), nil)
}
