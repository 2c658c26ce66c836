package databrickstest

import (
	"cmp"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// DefaultSchema is a schema that every workspace has. Its catalog is main.
const DefaultSchema = "main.default"

// WithSchema adds a schema to the workspace's Unity Catalog, in addition to
// [DefaultSchema]. The name is catalog.schema.
func WithSchema(name string) Option {
	return func(s *Server) { s.volumes.wantSchemas = append(s.volumes.wantSchemas, name) }
}

// WithVolume adds a managed volume. The name is catalog.schema.volume. The
// catalog and the schema are created if necessary.
func WithVolume(name string) Option {
	return func(s *Server) { s.volumes.wantVolumes = append(s.volumes.wantVolumes, name) }
}

// volumesArea has the workspace's part of Unity Catalog: catalogs, schemas and
// volumes. Their names are not case-sensitive.
type volumesArea struct {
	catalogs                 map[string]map[string]*volumeSchema // by catalog, then by schema
	wantSchemas, wantVolumes []string
	metastore                string
}

type volumeSchema struct{ volumes map[string]*volume }

// A volume is a volume with its files.
type volume struct {
	volumeInfo
	root *fileNode `state:"-"`
}

type volumeInfo struct {
	Catalog    string `json:"catalog_name"`
	Schema     string `json:"schema_name"`
	Name       string `json:"name"`
	FullName   string `json:"full_name"`
	Type       string `json:"volume_type"`
	Location   string `json:"storage_location"`
	Owner      string `json:"owner"`
	Comment    string `json:"comment,omitzero"`
	Created    int64  `json:"created_at"`
	CreatedBy  string `json:"created_by"`
	Updated    int64  `json:"updated_at"`
	UpdatedBy  string `json:"updated_by"`
	ID         string `json:"volume_id"`
	Metastore  string `json:"metastore_id"`
	BrowseOnly bool   `json:"browse_only,omitzero"`
}

const volumesPath = "/api/2.1/unity-catalog/volumes"

func (a *volumesArea) register(s *Server) {
	a.catalogs, a.metastore = map[string]map[string]*volumeSchema{}, s.random.uuid()
	for _, name := range append([]string{DefaultSchema}, a.wantSchemas...) {
		catalog, schema, _ := strings.Cut(strings.ToLower(name), ".")
		a.addSchema(catalog, schema)
	}
	for _, name := range a.wantVolumes {
		names := strings.Split(strings.ToLower(name), ".")
		if len(names) != 3 {
			panic("databrickstest: WithVolume: invalid name " + name + "; want catalog.schema.volume")
		}
		c := &call{Server: s, user: s.identities.users[0], now: s.now()}
		a.addSchema(names[0], names[1]).volumes[names[2]] = a.newVolume(c, volumeInfo{
			Catalog: names[0], Schema: names[1], Name: names[2], Type: "MANAGED"})
	}
	route(s, "POST", volumesPath, a.create)
	route(s, "GET", volumesPath, a.list)
	route(s, "GET", volumesPath+"/{full_name}", a.get)
	route(s, "PATCH", volumesPath+"/{full_name}", a.update)
	route(s, "DELETE", volumesPath+"/{full_name}", a.delete)
}

func (r random) uuid() string {
	return r.hex(8) + "-" + r.hex(4) + "-4" + r.hex(3) + "-a" + r.hex(3) + "-" + r.hex(12)
}

func (a *volumesArea) addSchema(catalog, name string) *volumeSchema {
	if catalog == "" || name == "" {
		panic("databrickstest: WithSchema: invalid name; want catalog.schema")
	}
	if a.catalogs[catalog] == nil {
		a.catalogs[catalog] = map[string]*volumeSchema{}
	}
	if a.catalogs[catalog][name] == nil {
		a.catalogs[catalog][name] = &volumeSchema{map[string]*volume{}}
	}
	return a.catalogs[catalog][name]
}

func (a *volumesArea) newVolume(c *call, info volumeInfo) *volume {
	info.ID, info.Metastore = c.random.uuid(), a.metastore
	info.FullName = info.Catalog + "." + info.Schema + "." + info.Name
	info.Location = cmp.Or(info.Location, "s3://databrickstest/"+a.metastore+"/volumes/"+info.ID)
	info.Owner, info.CreatedBy, info.UpdatedBy = c.user.name, c.user.name, c.user.name
	info.Created, info.Updated = millis(c.now), millis(c.now)
	return &volume{info, &fileNode{children: map[string]*fileNode{}, modified: c.now}}
}

// schema returns the schema with a name.
func (a *volumesArea) schema(catalog, name string) (*volumeSchema, error) {
	schemas := a.catalogs[strings.ToLower(catalog)]
	if schemas == nil {
		return nil, fail(http.StatusNotFound, "CATALOG_DOES_NOT_EXIST", "Catalog '%s' does not exist.", catalog)
	}
	if found := schemas[strings.ToLower(name)]; found != nil {
		return found, nil
	}
	return nil, fail(http.StatusNotFound, "SCHEMA_DOES_NOT_EXIST", "Schema '%s.%s' does not exist.", catalog, name)
}

// find returns the volume with a full name, and its schema.
func (a *volumesArea) find(fullName string) (*volumeSchema, *volume, error) {
	names := strings.Split(fullName, ".")
	if len(names) != 3 {
		return nil, nil, invalid("'%s' is not a valid name of a volume", fullName)
	}
	in, err := a.schema(names[0], names[1])
	if err != nil {
		return nil, nil, err
	}
	if found := in.volumes[strings.ToLower(names[2])]; found != nil {
		return in, found, nil
	}
	return nil, nil, fail(http.StatusNotFound, "VOLUME_DOES_NOT_EXIST", "Volume '%s' does not exist.", fullName)
}

// badVolumeName returns an error if the name of a volume is invalid.
func badVolumeName(name string) error {
	if len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '.' || r == '/' || r == 0x7f }) {
		return invalid("'%s' is not a valid name. Names cannot have more than 255 characters, nor hold spaces, control characters, . or /", name)
	}
	return nil
}

func (a *volumesArea) create(c *call, in struct {
	Catalog  string `json:"catalog_name" api:"required"`
	Schema   string `json:"schema_name" api:"required"`
	Name     string `json:"name" api:"required"`
	Type     string `json:"volume_type" api:"required"`
	Location string `json:"storage_location"`
	Comment  string `json:"comment"`
}) (any, error) {
	to, err := a.schema(in.Catalog, in.Schema)
	if err == nil {
		err = badVolumeName(in.Name)
	}
	name := strings.ToLower(in.Name)
	switch {
	case err != nil:
		return nil, err
	case in.Type != "MANAGED" && in.Type != "EXTERNAL":
		return nil, invalid("'%s' is not a valid volume_type. Valid types are MANAGED, EXTERNAL", in.Type)
	case in.Type == "EXTERNAL" && in.Location == "":
		return nil, invalid("storage_location is required for an external volume")
	case in.Type == "MANAGED" && in.Location != "":
		return nil, invalid("storage_location cannot be set for a managed volume")
	case to.volumes[name] != nil:
		return nil, fail(http.StatusConflict, "VOLUME_ALREADY_EXISTS", "Volume '%s' already exists", to.volumes[name].FullName)
	}
	created := a.newVolume(c, volumeInfo{Catalog: strings.ToLower(in.Catalog), Schema: strings.ToLower(in.Schema), Name: name,
		Type: in.Type, Location: in.Location, Comment: in.Comment})
	to.volumes[name] = created
	touchTree(c.Server, kindFile, created.FullName, created.root)
	return created.volumeInfo, nil
}

// maxVolumePage is the maximum number of volumes on a page.
const maxVolumePage = 10_000

func (a *volumesArea) list(c *call, in struct {
	Catalog string `json:"catalog_name" api:"required"`
	Schema  string `json:"schema_name" api:"required"`
	Most    int    `json:"max_results"`
	Token   string `json:"page_token"`
}) (any, error) {
	from, err := a.schema(in.Catalog, in.Schema)
	if err != nil {
		return nil, err
	}
	if in.Most < 0 {
		return nil, invalid("max_results cannot be negative")
	}
	names, next, err := page(slices.Sorted(maps.Keys(from.volumes)), in.Token, cmp.Or(in.Most, maxVolumePage), maxVolumePage)
	if err != nil {
		return nil, err
	}
	resp := struct {
		Volumes []volumeInfo `json:"volumes,omitzero"`
		Next    string       `json:"next_page_token,omitzero"`
	}{Next: next}
	for _, name := range names {
		resp.Volumes = append(resp.Volumes, from.volumes[name].volumeInfo)
	}
	return resp, nil
}

// page returns one page of sorted names. The token contains the last name
// before the page.
func page(names []string, token string, size, most int) (some []string, next string, err error) {
	after, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, "", invalid("Invalid page token")
	}
	if token != "" {
		i, found := slices.BinarySearch(names, string(after))
		if found {
			i++
		}
		names = names[i:]
	}
	if size = min(size, most); len(names) > size {
		names = names[:size]
		next = base64.RawURLEncoding.EncodeToString([]byte(names[size-1]))
	}
	return names, next, nil
}

func (a *volumesArea) get(c *call, in struct {
	FullName string `json:"full_name"`
}) (any, error) {
	_, found, err := a.find(in.FullName)
	if err != nil {
		return nil, err
	}
	return found.volumeInfo, nil
}

// change returns a volume that the caller may change.
func (a *volumesArea) change(c *call, fullName string) (*volumeSchema, *volume, error) {
	in, found, err := a.find(fullName)
	if err == nil && !c.user.admin && found.Owner != c.user.name {
		err = denied("User is not an owner of Volume '%s'.", found.FullName)
	}
	return in, found, err
}

func (a *volumesArea) update(c *call, in struct {
	FullName string  `json:"full_name"`
	NewName  string  `json:"new_name"`
	Owner    string  `json:"owner"`
	Comment  *string `json:"comment"`
}) (any, error) {
	of, found, err := a.change(c, in.FullName)
	if err != nil {
		return nil, err
	}
	if in.NewName != "" {
		name := strings.ToLower(in.NewName)
		if err := badVolumeName(name); err != nil {
			return nil, err
		}
		if other := of.volumes[name]; other != nil && other != found {
			return nil, fail(http.StatusConflict, "VOLUME_ALREADY_EXISTS", "Volume '%s' already exists", other.FullName)
		}
		touchTree(c.Server, kindFile, found.FullName, found.root)
		delete(of.volumes, found.Name)
		of.volumes[name] = found
		found.Name, found.FullName = name, found.Catalog+"."+found.Schema+"."+name
		touchTree(c.Server, kindFile, found.FullName, found.root)
	}
	found.Owner = cmp.Or(in.Owner, found.Owner)
	if in.Comment != nil {
		found.Comment = *in.Comment
	}
	found.Updated, found.UpdatedBy = millis(c.now), c.user.name
	return found.volumeInfo, nil
}

func (a *volumesArea) delete(c *call, in struct {
	FullName string `json:"full_name"`
}) (any, error) {
	of, found, err := a.change(c, in.FullName)
	if err != nil {
		return nil, err
	}
	touchTree(c.Server, kindFile, found.FullName, found.root)
	delete(of.volumes, found.Name)
	return nil, nil
}
