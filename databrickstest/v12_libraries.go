package databrickstest

import (
	"bytes"
	"io"
	"iter"
	"mime/multipart"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The calls for libraries of REST 1.2. A library is an object in a directory of
// the workspace, and can be attached to clusters.

func (a *v12Area) registerLibraries(s *Server) {
	route(s, "GET", "/api/1.2/libraries/list", a.listLibraries)
	route(s, "GET", "/api/1.2/libraries/status", a.libraryStatus)
	routeUpload(s, "POST", "/api/1.2/libraries/upload", a.uploadLibrary)
	route(s, "POST", "/api/1.2/libraries/delete", a.deleteLibrary)
	route(s, "POST", "/api/1.2/libraries/attach", a.attachLibrary)
	route(s, "POST", "/api/1.2/libraries/detach", a.detachLibrary)
}

// allClusters stands for all existing and future clusters.
const allClusters = "__ALL_CLUSTERS"

// A v12Library is a library with its attachments. It is an object of the
// workspace tree. If that object is deleted, so is the library.
type v12Library struct {
	node                            *workspaceNode `state:"-"`
	path                            []string       // in the workspace tree
	id, name, folder, libType, file string
	problem                         string    // what is wrong with the file; appears in the status on clusters
	onAll                           time.Time // when it was attached to all clusters; zero if it is not
	on                              map[string]*attachment
	order                           []string // keys of on, in order of creation
}

// An attachment is a library on one cluster.
type attachment struct {
	alone    bool // attached to this cluster by its ID, not only to all clusters
	attached time.Time
	detached time.Time // zero while it is attached
}

// library returns the library with an ID. The ID must be a number.
func (a *v12Area) library(id string) (*v12Library, error) {
	if err := numeric(id); err != nil {
		return nil, err
	}
	l := a.libraries[id]
	if l == nil || a.gone(l) {
		return nil, exception("NoSuchElementException", "key not found: %s", id)
	}
	return l, nil
}

// gone reports whether a library's object no longer exists in the workspace
// tree. If so, it removes the library.
func (a *v12Area) gone(l *v12Library) bool {
	a.s.touch(kindCollection, "libraries-1.2")
	if node, err := a.s.workspace.find(l.path); err == nil && node == l.node {
		return false
	}
	delete(a.libraries, l.id)
	return true
}

// attach attaches the library to a cluster at a time.
func (l *v12Library) attach(clusterID string, alone bool, at time.Time) {
	on := l.on[clusterID]
	if on == nil {
		on = &attachment{}
		l.on[clusterID] = on
		l.order = append(l.order, clusterID)
	}
	on.alone = on.alone || alone
	if on.attached.IsZero() || !on.detached.IsZero() {
		on.attached, on.detached = at, time.Time{}
	}
}

// libraryState returns the status of a library on a cluster, and what is wrong
// with it.
func (a *v12Area) libraryState(l *v12Library, on *attachment, cl *cluster, now time.Time) (string, string) {
	switch {
	case !on.detached.IsZero() && now.Sub(on.detached) < a.s.timings.LibraryUninstall:
		return "Detaching", ""
	case !on.detached.IsZero():
		return "Detached", ""
	case !cl.usable():
		return "Attaching", ""
	}
	up := time.UnixMilli(cl.driver.StartTimestamp)
	switch {
	case now.Sub(later(on.attached, up)) < a.s.timings.LibraryInstall:
		return "Attaching", ""
	case l.problem != "":
		return "Error", l.problem
	}
	return "Attached", ""
}

type librarySummary struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Folder string `json:"folder"`
}

func (a *v12Area) listLibraries(*call, struct{}) (any, error) {
	all := []librarySummary{}
	for _, l := range a.libraries {
		if !a.gone(l) {
			all = append(all, librarySummary{l.id, l.name, l.folder})
		}
	}
	slices.SortFunc(all, func(x, y librarySummary) int { return strings.Compare(x.Folder+"/"+x.Name, y.Folder+"/"+y.Name) })
	return all, nil
}

type v12LibraryID struct {
	LibraryID string `json:"libraryId"`
}

func (a *v12Area) libraryStatus(c *call, in v12LibraryID) (any, error) {
	l, err := a.library(in.LibraryID)
	if err != nil {
		return nil, err
	}
	type status struct {
		ClusterID string `json:"clusterId"`
		Status    string `json:"status"`
		Message   string `json:"message,omitzero"`
	}
	out := struct {
		librarySummary
		Files             []string `json:"files"`
		LibType           string   `json:"libType"`
		AttachAllClusters bool     `json:"attachAllClusters"`
		Statuses          []status `json:"statuses"`
	}{librarySummary{l.id, l.name, l.folder}, []string{l.file}, l.libType, !l.onAll.IsZero(), []status{}}
	l.spread(a.s.clusters.all(c.now))
	for _, id := range l.order {
		if cl, err := a.s.clusters.find(id, c.now); err == nil {
			state, message := a.libraryState(l, l.on[id], cl, c.now)
			out.Statuses = append(out.Statuses, status{id, state, message})
		}
	}
	return out, nil
}

// uploadLibrary stores the file without checking it. An error in the file
// appears later, on clusters.
func (a *v12Area) uploadLibrary(c *call, parts *multipart.Reader) (any, error) {
	fields := map[string]any{}
	var uri contentWriter
	fileName := ""
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err == nil && part.FormName() == "uri" {
			fileName = part.FileName()
			_, err = uri.readFrom(part, maxPutFile)
		} else if err == nil {
			var text []byte
			text, err = io.ReadAll(io.LimitReader(part, maxBody))
			fields[part.FormName()] = string(text)
		}
		if err != nil {
			return nil, brokenBody()
		}
	}
	var in struct {
		LibType             string `json:"libType" api:"required"`
		Name                string `json:"name" api:"required"`
		Folder              string `json:"folder" api:"required"`
		AttachToAllClusters bool   `json:"attachToAllClusters"`
	}
	if err := decode(fields, &in); err != nil {
		return nil, err
	}
	file := uri.content()
	begin, err := file.slice(0, min(1000, file.size))
	if err != nil {
		return nil, err
	}
	if file.size == 0 {
		return nil, missingField("uri")
	}
	l := &v12Library{name: in.Name, folder: in.Folder, libType: in.LibType, on: map[string]*attachment{}}
	switch in.LibType {
	case "java-jar", "scala", "python-egg":
		if !bytes.HasPrefix(begin, []byte("PK")) {
			l.problem = "java.util.zip.ZipException: error in opening zip file"
		}
	case "python-pypi":
		l.file, fileName = string(begin), ""
	default:
		return nil, exception("IllegalArgumentException", "Unknown library type: %s", shortened(in.LibType))
	}
	err = c.locked(func() error {
		if in.AttachToAllClusters {
			l.onAll = c.now
		}
		return a.keep(c, l, fileName, file)
	})
	return idResponse{l.id}, err
}

// keep adds the library to the workspace tree. If the library has a file, keep
// stores it in DBFS.
func (a *v12Area) keep(c *call, l *v12Library, fileName string, file content) error {
	tree := &a.s.workspace
	folder, err := tree.reach(c, l.folder, "CAN_MANAGE")
	if err != nil {
		return err
	}
	parent, err := tree.find(folder)
	switch {
	case err != nil || !parent.isDir():
		return exception("RuntimeException", "Folder %s does not exist", shortened(l.folder)) // the wording of the service is not known
	case strings.Contains(l.name, "/"):
		return exception("IllegalArgumentException", "Invalid name: %s", shortened(l.name))
	case parent.children[l.name] != nil:
		return exception("NameConflictException", "Node named %q already exists", l.name)
	}
	if l.file == "" {
		base := fileName[strings.LastIndexAny(fileName, `/\`)+1:]
		l.file = a.s.random.hex(8) + "_" + a.s.random.hex(4) + "_" + a.s.random.hex(12) + "-" + base
		if names, err := a.s.dbfs.path("dbfs:/FileStore/jars/" + l.file); err == nil {
			if _, err := a.s.dbfs.place(c, names, true, file); err != nil {
				return err
			}
		}
	}
	l.node, l.path = tree.node(c, "LIBRARY"), append(slices.Clone(folder), l.name)
	l.id = strconv.FormatInt(l.node.id, 10)
	parent.children[l.name] = l.node
	tree.touch(c, l.path)
	a.libraries[l.id] = l
	return nil
}

func (a *v12Area) deleteLibrary(c *call, in v12LibraryID) (any, error) {
	l, err := a.library(in.LibraryID)
	if err != nil {
		return nil, err
	}
	parent, _ := a.s.workspace.find(l.path[:len(l.path)-1])
	delete(parent.children, l.name)
	a.s.workspace.touch(c, l.path)
	delete(a.libraries, l.id)
	return idResponse{l.id}, nil
}

type libraryOnCluster struct {
	LibraryID string `json:"libraryId"`
	ClusterID string `json:"clusterId"`
}

func (a *v12Area) attachLibrary(c *call, in libraryOnCluster) (any, error) {
	l, err := a.library(in.LibraryID)
	if err != nil {
		return nil, err
	}
	if in.ClusterID == allClusters {
		if l.onAll.IsZero() {
			l.onAll = c.now
		}
		return idResponse{l.id}, nil
	}
	if _, err := a.reach(c, in.ClusterID, "CAN_MANAGE"); err != nil {
		return nil, err
	}
	l.attach(in.ClusterID, true, c.now)
	return idResponse{l.id}, nil
}

func (a *v12Area) detachLibrary(c *call, in libraryOnCluster) (any, error) {
	l, err := a.library(in.LibraryID)
	if err != nil {
		return nil, err
	}
	if in.ClusterID == allClusters {
		l.spread(a.s.clusters.all(c.now))
		l.onAll = time.Time{}
		for _, on := range l.on {
			if !on.alone {
				on.detach(c.now)
			}
		}
		return idResponse{l.id}, nil
	}
	if _, err := a.reach(c, in.ClusterID, "CAN_MANAGE"); err != nil {
		return nil, err
	}
	if on := l.on[in.ClusterID]; on != nil {
		on.detach(c.now)
	}
	return idResponse{l.id}, nil
}

func (on *attachment) detach(at time.Time) {
	on.alone = false
	if on.detached.IsZero() {
		on.detached = at
	}
}

// spread attaches a library for all clusters to the clusters that do not have
// it yet.
func (l *v12Library) spread(clusters iter.Seq[*cluster]) {
	if l.onAll.IsZero() {
		return
	}
	for cl := range clusters {
		if on := l.on[cl.id]; on == nil || on.detached.Before(l.onAll) {
			l.attach(cl.id, false, later(l.onAll, cl.created))
		}
	}
}
