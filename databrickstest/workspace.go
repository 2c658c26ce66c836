package databrickstest

import (
	"cmp"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxNotebook is the maximum size for workspace/import and workspace/export, in
// bytes.
const maxNotebook = 10 << 20

// maxRawFile is the maximum size for workspace-files/import-file, in bytes.
const maxRawFile = 500 << 20

// WithNewerSizeErrors makes workspace/import and workspace/export return
// BAD_REQUEST if something is too large, as the current service does. Without
// this option they return MAX_NOTEBOOK_SIZE_EXCEEDED, as documented.
func WithNewerSizeErrors() Option { return func(s *Server) { s.workspace.newerErrors = true } }

// PutWorkspaceObject creates an object that workspace/import cannot create: a
// LIBRARY, a DASHBOARD, an empty REPO, or a FILE of any size. It creates
// missing parent directories. It panics if the object cannot be created, or if
// objectType is NOTEBOOK or DIRECTORY.
func (s *Server) PutWorkspaceObject(path, objectType string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, c := &s.workspace, &call{Server: s, now: s.now()}
	names, err := a.path(path)
	if err == nil && (len(names) == 0 || objectType == typeNotebook || objectType == typeDirectory) {
		err = invalid("not for %s of type %s", path, objectType)
	}
	var parent *workspaceNode
	if err == nil {
		parent, err = a.dir(c, names[:len(names)-1])
	}
	if err != nil {
		panic("databrickstest: " + err.Error())
	}
	node := a.node(c, objectType)
	node.content = contentOf(slices.Clone(content))
	parent.children[names[len(names)-1]] = node
	a.touch(c, names)
}

// touch marks one object as changed.
func (a *workspaceArea) touch(c *call, names []string) {
	c.touch(kindWorkspace, treePath(canonical(names)))
}

// workspaceArea has the tree of notebooks, files and directories. /Shared,
// /Users and each user's directory in /Users always exist.
type workspaceArea struct {
	root        *workspaceNode
	newerErrors bool
}

// Types of objects that have a meaning in this package.
const (
	typeNotebook  = "NOTEBOOK"
	typeDirectory = "DIRECTORY"
	typeFile      = "FILE"
	typeRepo      = "REPO"
)

// A workspaceNode is an object of any type.
type workspaceNode struct {
	objectType        string
	id                int64
	creator           string // empty for objects that no user created
	created, modified time.Time
	children          map[string]*workspaceNode `state:"-"` // nil except for directories and Git folders
	content           content                   // of a file
	notebook          notebook                  // of a notebook
	jupyter           bool                      // the notebook was imported as Jupyter
}

func (n *workspaceNode) isDir() bool { return n.children != nil }

func (a *workspaceArea) register(s *Server) {
	start := &call{Server: s, now: s.now()}
	a.root = a.node(start, typeDirectory)
	dirs := [][]string{{"Shared"}, {"Users"}}
	for _, u := range s.identities.users {
		dirs = append(dirs, []string{"Users", u.name})
	}
	for _, names := range dirs {
		if _, err := a.dir(start, names); err != nil {
			panic("databrickstest: " + err.Error())
		}
	}
	route(s, "POST", "/api/2.0/workspace/delete", a.delete)
	route(s, "GET", "/api/2.0/workspace/export", a.export)
	route(s, "GET", "/api/2.0/workspace/get-status", a.getStatus)
	// The limit for the request applies before the limit for the content,
	// because base64 makes the content larger. Which limit the service applies
	// is not known.
	route(s, "POST", "/api/2.0/workspace/import", a.importText, unlocked)
	routeUpload(s, "POST", "/api/2.0/workspace/import", a.importFile)
	routeRaw(s, "POST", "/api/2.0/workspace-files/import-file/{path...}", a.importRaw)
	route(s, "GET", "/api/2.0/workspace/list", a.list)
	route(s, "POST", "/api/2.0/workspace/mkdirs", a.mkdirs)
}

func (a *workspaceArea) node(c *call, objectType string) *workspaceNode {
	node := &workspaceNode{objectType: objectType, id: c.random.number(), created: c.now, modified: c.now}
	if c.user != nil {
		node.creator = c.user.name
	}
	if objectType == typeDirectory || objectType == typeRepo {
		node.children = map[string]*workspaceNode{}
	}
	return node
}

// path splits a path into its names, in the form in which responses have them.
// As in DBFS, the names . and .. have no special meaning.
func (a *workspaceArea) path(path string) ([]string, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, invalid("Path (%s) must be absolute: it must start with '/'.", path)
	}
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" }), nil
}

// canonical removes /Workspace, which is another name of the root.
func canonical(names []string) []string {
	if len(names) > 0 && names[0] == "Workspace" {
		return names[1:]
	}
	return names
}

// reach is path for a caller who needs a permission level there. If the path
// does not exist, the caller needs CAN_MANAGE on the nearest existing directory
// above it.
func (a *workspaceArea) reach(c *call, path, level string) ([]string, error) {
	names, err := a.path(path)
	if err == nil && !a.open(c, names, level) {
		return nil, denied("User %s does not have permission on path (%s).", c.user.name, join(names))
	}
	return names, err
}

// open reports whether the caller has a permission level at a path. Everybody
// may list the root and /Users. The response contains what the caller may read.
func (a *workspaceArea) open(c *call, names []string, level string) bool {
	names = canonical(names)
	if c.user.admin || level == "CAN_READ" && (len(names) == 0 || len(names) == 1 && names[0] == "Users") {
		return true
	}
	o, found := a.securable(names)
	if found < len(names) {
		level = "CAN_MANAGE"
		if found == 0 || found == 1 && names[0] == "Users" { // do not reveal that the path does not exist
			return false
		}
	}
	return c.may(o, level)
}

// securable returns the object at a path, or the nearest existing one above it,
// as an object with permissions. found is the number of existing names.
func (a *workspaceArea) securable(names []string) (o securable, found int) {
	node := a.root
	chain := []securable{node.securable(nil)}
	for _, name := range names {
		if node = node.children[name]; node == nil {
			break
		}
		found++
		chain = append(chain, node.securable(names[:found]))
	}
	slices.Reverse(chain)
	chain[0].parents = slices.Clone(chain[1:])
	return chain[0], found
}

// securable returns the node without its parents. A user owns their home
// directory. All users manage /Shared.
func (n *workspaceNode) securable(names []string) securable {
	o := securable{kind: "files", id: strconv.FormatInt(n.id, 10), owner: n.creator}
	switch n.objectType {
	case typeNotebook:
		o.kind = "notebooks"
	case typeDirectory:
		o.kind = "directories"
	case typeRepo:
		o.kind = "repos"
	}
	switch {
	case len(names) == 0:
		o.id, o.owner = "0", ""
	case len(names) == 1 && names[0] == "Shared":
		o.owner, o.everyone = "", "CAN_MANAGE"
	case len(names) == 1 && names[0] == "Users":
		o.owner = ""
	case len(names) == 2 && names[0] == "Users":
		o.owner = names[1]
	}
	return o
}

// securableByID returns the object with an ID.
func (a *workspaceArea) securableByID(id string) (found securable, ok bool) {
	if id == "0" || id == strconv.FormatInt(a.root.id, 10) {
		return a.root.securable(nil), true
	}
	a.root.walk("", func(path string, n *workspaceNode) {
		if strconv.FormatInt(n.id, 10) == id && !ok {
			names, _ := a.path(path)
			found, _ = a.securable(names)
			ok = true
		}
	})
	return found, ok
}

// fixed reports whether the object at a path cannot be deleted.
func (a *workspaceArea) fixed(c *call, names []string) bool {
	names = canonical(names)
	switch len(names) {
	case 0:
		return true
	case 1:
		return names[0] == "Shared" || names[0] == "Users"
	}
	return len(names) == 2 && names[0] == "Users" && c.identities.byName[names[1]] != nil
}

// find fails if the path does not exist.
func (a *workspaceArea) find(names []string) (*workspaceNode, error) {
	node := a.root
	for _, name := range canonical(names) {
		if node = node.children[name]; node == nil {
			return nil, notFound("Path (%s) doesn't exist.", join(names))
		}
	}
	return node, nil
}

// dir returns the directory at a path, and creates it if it does not exist.
func (a *workspaceArea) dir(c *call, names []string) (*workspaceNode, error) {
	node := a.root
	for i, name := range canonical(names) {
		child := node.children[name]
		switch {
		case child == nil:
			child = a.node(c, typeDirectory)
			node.children[name] = child
			a.touch(c, canonical(names)[:i+1])
		case !child.isDir():
			return nil, exists("%s already exists and it is not a folder", name)
		}
		node = child
	}
	return node, nil
}

type workspacePath struct {
	Path string `json:"path" api:"required"`
}

func (a *workspaceArea) mkdirs(c *call, in workspacePath) (any, error) {
	names, err := a.reach(c, in.Path, "CAN_READ")
	if err == nil {
		_, err = a.dir(c, names)
	}
	return nil, err
}

func (a *workspaceArea) delete(c *call, in struct {
	Path      string `json:"path" api:"required"`
	Recursive bool   `json:"recursive"`
}) (any, error) {
	names, err := a.reach(c, in.Path, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	node, err := a.find(names)
	switch {
	case err != nil:
		return nil, err
	case a.fixed(c, names):
		return nil, denied("Folder (%s) is protected", join(names))
	case len(node.children) > 0 && !in.Recursive:
		return nil, fail(http.StatusBadRequest, "DIRECTORY_NOT_EMPTY", "Folder (%s) is not empty", join(names))
	}
	parent, _ := a.find(names[:len(names)-1])
	touchTree(c.Server, kindWorkspace, treePath(canonical(names)), node)
	delete(parent.children, names[len(names)-1])
	return nil, nil
}

type workspaceObject struct {
	Type         string            `json:"object_type"`
	Path         string            `json:"path"`
	Language     string            `json:"language,omitzero"`
	ID           int64             `json:"object_id"`
	ResourceID   string            `json:"resource_id"`
	Created      int64             `json:"created_at,omitzero"`
	Modified     int64             `json:"modified_at,omitzero"`
	Size         *int64            `json:"size,omitzero"`
	ExportFormat string            `json:"repos_export_format,omitzero"`
	Git          *workspaceGitInfo `json:"git_info,omitzero"`
}

type workspaceGitInfo struct {
	ID       int64  `json:"id"`
	Path     string `json:"path"`
	URL      string `json:"url"`
	Provider string `json:"provider"`
	Branch   string `json:"branch"`
}

func (n *workspaceNode) info(names []string) workspaceObject {
	info := workspaceObject{Type: n.objectType, Path: join(names), ID: n.id, ResourceID: strconv.FormatInt(n.id, 10), Language: n.notebook.language}
	if n.objectType == typeNotebook || n.objectType == typeFile {
		info.Created, info.Modified = millis(n.created), millis(n.modified)
	}
	if n.objectType == typeFile {
		info.Size = new(n.content.size)
	}
	return info
}

func (a *workspaceArea) getStatus(c *call, in struct {
	Path       string `json:"path" api:"required"`
	ExportInfo bool   `json:"return_export_info"`
	GitInfo    bool   `json:"return_git_info"`
}) (any, error) {
	names, err := a.reach(c, in.Path, "CAN_READ")
	if err != nil {
		return nil, err
	}
	node, err := a.find(names)
	if err != nil {
		return nil, err
	}
	info := node.info(names)
	if in.ExportInfo && node.objectType == typeNotebook {
		info.ExportFormat = formatSource
		if node.jupyter {
			info.ExportFormat = formatJupyter
		}
	}
	for i := range len(names) + 1 {
		if outer, _ := a.find(names[:i]); in.GitInfo && outer.objectType == typeRepo {
			info.Git = &workspaceGitInfo{outer.id, join(names[:i]), "https://git.example.com/" + url.PathEscape(names[i-1]), "gitHub", "main"}
		}
	}
	return info, nil
}

// list sorts by ID, so that programs do not rely on an order by name.
func (a *workspaceArea) list(c *call, in struct {
	Path          string `json:"path" api:"required"`
	ModifiedAfter int64  `json:"notebooks_modified_after"`
}) (any, error) {
	names, err := a.reach(c, in.Path, "CAN_READ")
	if err != nil {
		return nil, err
	}
	node, err := a.find(names)
	if err != nil {
		return nil, err
	}
	found := []workspaceObject{node.info(names)}
	if node.isDir() {
		found = found[:0]
		for name, child := range node.children {
			if inner := append(slices.Clone(names), name); a.open(c, inner, "CAN_READ") {
				found = append(found, child.info(inner))
			}
		}
		slices.SortFunc(found, func(x, y workspaceObject) int { return cmp.Compare(x.ID, y.ID) })
	}
	return list{key: "objects", elements: func(yield func(any) bool) {
		for _, o := range found {
			if (o.Type != typeNotebook || o.Modified > in.ModifiedAfter) && !yield(o) {
				return
			}
		}
	}}, nil
}

// tooLarge returns the error for content that is too large, in the older or the
// newer form.
func (a *workspaceArea) tooLarge(newer string, args ...any) error {
	if a.newerErrors {
		return fail(http.StatusBadRequest, "BAD_REQUEST", newer, args...)
	}
	return fail(http.StatusBadRequest, "MAX_NOTEBOOK_SIZE_EXCEEDED", "The maximum allowed size is %d bytes.", maxNotebook)
}

func (a *workspaceArea) export(c *call, in struct {
	Path   string `json:"path" api:"required"`
	Format string `json:"format"`
	Direct bool   `json:"direct_download"`
}) (any, error) {
	names, err := a.reach(c, in.Path, "CAN_READ")
	if err != nil {
		return nil, err
	}
	node, err := a.find(names)
	if err != nil {
		return nil, err
	}
	name := "workspace"
	if len(names) > 0 {
		name = names[len(names)-1]
	}
	data, fileType, err := node.export(name, in.Format)
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxNotebook:
		return nil, a.tooLarge("Size exceeds %d bytes", maxNotebook)
	case in.Direct:
		return raw{"application/octet-stream", http.Header{"Content-Disposition": {"attachment"}}, data}, nil
	}
	return struct {
		Content  []byte `json:"content"`
		FileType string `json:"file_type,omitzero"`
	}{append([]byte{}, data...), fileType}, nil
}

type importInput struct {
	Path      string  `json:"path" api:"required"`
	Format    string  `json:"format"`
	Language  string  `json:"language"`
	Content   *string `json:"content"` // base64
	Overwrite bool    `json:"overwrite"`
}

func (a *workspaceArea) importText(c *call, in importInput) (any, error) {
	if in.Content == nil {
		return nil, invalid("No input data source provided")
	}
	data, err := fromBase64("content", *in.Content)
	if err != nil {
		return nil, err
	}
	return a.importContent(c, in, data)
}

// importFile handles the multipart form. As in DBFS, a part with a file name is
// the content. The field content without a file name is base64.
func (a *workspaceArea) importFile(c *call, parts *multipart.Reader) (any, error) {
	fields := map[string]any{}
	var file []byte
	isFile := false
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, brokenBody()
		}
		_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		_, named := params["filename"]
		data, err := io.ReadAll(io.LimitReader(part, 2*maxNotebook))
		switch {
		case err != nil:
			return nil, brokenBody()
		case named:
			file, isFile = data, true
		default:
			fields[part.FormName()] = string(data)
		}
	}
	var in importInput
	if err := decode(fields, &in); err != nil {
		return nil, err
	}
	if !isFile {
		return a.importText(c, in)
	}
	return a.importContent(c, in, file)
}

// importRaw imports the body. It chooses the type of the object by its name. Its
// error for an existing object differs from that of workspace/import.
func (a *workspaceArea) importRaw(c *call, r *http.Request, in importInput) (any, error) {
	data, err := readBody(r, maxRawFile)
	if err != nil {
		return nil, err
	}
	in.Format = formatAuto
	err = c.locked(func() error {
		_, err := a.importNode(c, in, data)
		return err
	})
	if e, ok := err.(*apiError); ok && e.code == "RESOURCE_ALREADY_EXISTS" {
		return nil, fail(http.StatusConflict, "RESOURCE_ALREADY_EXISTS", "%s", e.message)
	}
	return nil, err
}

func (a *workspaceArea) importContent(c *call, in importInput, data []byte) (out any, err error) {
	if len(data) > maxNotebook {
		return nil, a.tooLarge("File size imported is (%d bytes), exceeded max size (%d bytes)", len(data), maxNotebook)
	}
	err = c.locked(func() error {
		node, err := a.importNode(c, in, data)
		if err == nil {
			out = map[string]int64{"object_id": node.id}
		}
		return err
	})
	return out, err
}

// importNode creates or replaces an object. The parent directory must exist.
func (a *workspaceArea) importNode(c *call, in importInput, data []byte) (*workspaceNode, error) {
	names, err := a.reach(c, in.Path, "CAN_EDIT")
	if err != nil {
		return nil, err
	}
	if len(canonical(names)) == 0 {
		return nil, exists("Path (%s) already exists.", join(names))
	}
	name := names[len(names)-1]
	if in.Format == formatDBC && in.Overwrite {
		return nil, invalid("Overwrite cannot be used for DBC format")
	}
	added, name, err := a.parse(c, name, in.Format, in.Language, data)
	if err != nil {
		return nil, err
	}
	dir := names[:len(names)-1]
	parent, err := a.find(dir)
	if err != nil || !parent.isDir() {
		return nil, notFound("The parent folder (%s) does not exist.", join(dir))
	}
	old := parent.children[name]
	touchTree(c.Server, kindWorkspace, treePath(canonical(append(slices.Clone(dir), name))), added)
	switch {
	case old == nil:
		parent.children[name] = added
		return added, nil
	case !in.Overwrite:
		return nil, exists("Path (%s) already exists.", join(append(slices.Clone(dir), name)))
	case old.objectType != added.objectType || old.isDir():
		return nil, exists("Node named '%s' already exists", name)
	}
	added.id, added.created, added.creator = old.id, old.created, old.creator
	parent.children[name] = added
	return added, nil
}

// parse creates an object from imported data. It also returns the name of the
// object.
func (a *workspaceArea) parse(c *call, name, format, language string, data []byte) (*workspaceNode, string, error) {
	if language != "" && languages[language].extension == "" {
		return nil, "", invalid("Unknown language: %s", language)
	}
	imported := func(book notebook, err error) (*workspaceNode, string, error) {
		node := a.node(c, typeNotebook)
		node.notebook = book
		return node, name, err
	}
	switch format {
	case "", formatSource:
		if language == "" {
			root, err := a.unzip(c, data, a.sourceFile)
			return root, name, err
		}
		return imported(notebookOf(language, data), nil)
	case formatHTML:
		return imported(fromHTML(data))
	case formatJupyter:
		node, name, err := imported(fromJupyter(data))
		node.jupyter = true
		return node, name, err
	case formatRMarkdown:
		return imported(fromRMarkdown(data), nil)
	case formatDBC:
		root, err := a.unzip(c, data, a.archived)
		return root, name, err
	case formatAuto:
		return a.sourceFile(c, name, data)
	case formatRaw:
		node := a.node(c, typeFile)
		node.content = contentOf(data)
		return node, name, nil
	}
	return nil, "", invalid("Unknown format: %s", format)
}

// sourceFile creates a notebook if the name and the data are those of a
// notebook. The notebook's name has no extension. For other data, sourceFile
// creates a file.
func (a *workspaceArea) sourceFile(c *call, name string, data []byte) (*workspaceNode, string, error) {
	ext := path.Ext(name)
	bare := strings.TrimSuffix(name, ext)
	node := a.node(c, typeNotebook)
	if language := languageOf(ext); bare != "" && language != "" && hasMarker(language, data) {
		node.notebook = notebookOf(language, data)
		return node, bare, nil
	}
	if strings.EqualFold(ext, ".ipynb") && bare != "" {
		var err error
		node.notebook, err = fromJupyter(data)
		node.jupyter = true
		return node, bare, err
	}
	node.objectType, node.content = typeFile, contentOf(data)
	return node, name, nil
}

// walk calls visit for n and everything below it, sorted by name. The paths
// start with the name of n.
func (n *workspaceNode) walk(path string, visit func(path string, n *workspaceNode)) {
	visit(path, n)
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		n.children[name].walk(path+"/"+name, visit)
	}
}
