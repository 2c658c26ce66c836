package databrickstest

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The state of a workspace is a set of records. Each cluster, job, run, file,
// directory, stream and upload has its own record. Other objects share one
// record for all objects of a kind, see collections. A key is a kind, a slash,
// and an id or a path.
//
// Code that may change an object must touch its key, under the workspace's
// lock. Before a response is sent, each touched record is encoded, and stored
// if it differs from the stored one. An unnecessary touch costs a little time.
// A missing touch loses a change. Each lookup of a cluster, a job or a run
// touches it.

// stateFormat is the version of the format of records.
const stateFormat = 3

// Kinds of records.
const (
	kindServer     = "server"
	kindCollection = "all"
	kindBlob       = "blob"
	kindCluster    = "cluster"
	kindJob        = "job"
	kindRun        = "run"
	kindDBFS       = "dbfs"
	kindStream     = "stream"
	kindFile       = "file"
	kindUpload     = "upload"
	kindWorkspace  = "workspace"
)

// A serverRecord is the state that belongs to no object.
type serverRecord struct {
	Format int
	Token  string
	Now    time.Time
	Random []byte
}

// collections returns the objects that share a record, by the name of the
// record.
func (s *Server) collections() map[string]any {
	return map[string]any{
		"users": &s.identities.users, "tokens": &s.identities.tokens, "token-scopes": &s.tokens.scopes, "principals": &s.oauth.principals,
		"groups": &s.groups.groups, "permissions": &s.permissions.acls, "policies": &s.policies.inOrder, "pools": &s.pools.inOrder,
		"secrets": &s.secrets.scopes, "catalogs": &s.volumes.catalogs, "metastore": &s.volumes.metastore, "files-key": &s.files.key,
		"libraries-1.2": &s.v12.libraries, "cluster-failures": &s.clusters.failures, "library-failures": &s.libraries.failing,
		"spent-tokens": &s.jobs.spent,
	}
}

// touch marks the object of a record as possibly changed.
func (s *Server) touch(kind, id string) {
	if s.saver != nil {
		s.saver.touched[kind+"/"+id] = struct{}{}
	}
}

// touchCollections touches all collections.
func (s *Server) touchCollections() {
	if s.saver != nil {
		for name := range s.collections() {
			s.touch(kindCollection, name)
		}
	}
}

func (s *Server) touchCluster(cl *cluster) { s.touch(kindCluster, cl.id) }
func (s *Server) touchJob(j *job)          { s.touch(kindJob, j.stateID()) }
func (s *Server) touchRun(r *run)          { s.touch(kindRun, r.root().stateID()) }

func (j *job) stateID() string     { return strconv.FormatInt(j.id, 10) }
func (r *run) stateID() string     { return strconv.FormatInt(r.id, 10) }
func (t *attempt) stateID() string { return strconv.FormatInt(t.id, 10) }
func (u *user) stateID() string    { return strconv.FormatInt(u.id, 10) }

// A treeNode is a file or a directory of one of the trees.
type treeNode[T any] interface {
	*T
	isDir() bool
	below() map[string]*T
	setBelow(map[string]*T)
}

func (n *dbfsNode) below() map[string]*dbfsNode                      { return n.children }
func (n *fileNode) below() map[string]*fileNode                      { return n.children }
func (n *workspaceNode) below() map[string]*workspaceNode            { return n.children }
func (n *dbfsNode) setBelow(children map[string]*dbfsNode)           { n.children = children }
func (n *fileNode) setBelow(children map[string]*fileNode)           { n.children = children }
func (n *workspaceNode) setBelow(children map[string]*workspaceNode) { n.children = children }

// A treeRecord is a node without its children.
type treeRecord[T any] struct {
	Dir  bool
	Node *T
}

// touchTree touches a node and everything below it. path is the current or
// former path of the node.
func touchTree[T any, N treeNode[T]](s *Server, kind, path string, node N) {
	if s.saver == nil {
		return
	}
	s.touch(kind, path)
	for name, child := range node.below() {
		touchTree[T, N](s, kind, path+"/"+name, child)
	}
}

// treePath returns the path in the key of a record. It is empty for the root.
func treePath(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return join(names)
}

func nodeAt[T any, N treeNode[T]](root N, path string) N {
	node := root
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" || node == nil {
			break
		}
		node = node.below()[name]
	}
	return node
}

func allKeys[T any, N treeNode[T]](kind, path string, node N, yield func(string) bool) bool {
	if !yield(kind + "/" + path) {
		return false
	}
	for name, child := range node.below() {
		if !allKeys[T, N](kind, path+"/"+name, child, yield) {
			return false
		}
	}
	return true
}

// keys yields the keys of all records.
func (s *Server) keys(yield func(string) bool) {
	_ = yield(kindServer+"/") && func() bool {
		for name := range s.collections() {
			if !yield(kindCollection + "/" + name) {
				return false
			}
		}
		for _, cl := range s.clusters.inOrder {
			if !yield(kindCluster + "/" + cl.id) {
				return false
			}
		}
		for _, j := range s.jobs.jobs {
			if !yield(kindJob + "/" + j.stateID()) {
				return false
			}
		}
		for _, r := range s.jobs.runs.order {
			if !yield(kindRun + "/" + r.stateID()) {
				return false
			}
		}
		for handle := range s.dbfs.streams {
			if !yield(kindStream + "/" + strconv.FormatInt(handle, 10)) {
				return false
			}
		}
		for token := range s.files.sessions {
			if !yield(kindUpload + "/" + token) {
				return false
			}
		}
		for v := range s.volumes.all {
			if !allKeys(kindFile, v.FullName, v.root, yield) {
				return false
			}
		}
		return allKeys(kindDBFS, "", s.dbfs.root, yield) && allKeys(kindWorkspace, "", s.workspace.root, yield)
	}()
}

// all yields all volumes.
func (a *volumesArea) all(yield func(*volume) bool) {
	for _, schemas := range a.catalogs {
		for _, schema := range schemas {
			for _, v := range schema.volumes {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// object returns the object of a record, or nil if it no longer exists.
func (s *Server) object(key string) any {
	kind, id, _ := strings.Cut(key, "/")
	number, _ := strconv.ParseInt(id, 10, 64)
	switch kind {
	case kindServer:
		state, _ := s.random.source.MarshalBinary()
		return &serverRecord{stateFormat, s.Token, s.now(), state}
	case kindCollection:
		return s.collections()[id]
	case kindCluster:
		return orNil(s.clusters.byID[id])
	case kindJob:
		return orNil(s.jobs.byID[number])
	case kindRun:
		return orNil(s.jobs.runs.byID[number])
	case kindStream:
		return orNil(s.dbfs.streams[number])
	case kindUpload:
		return orNil(s.files.sessions[id])
	case kindDBFS:
		return treeObject(s.dbfs.root, id)
	case kindWorkspace:
		return treeObject(s.workspace.root, id)
	case kindFile:
		name, path, _ := strings.Cut(id, "/")
		if _, v, err := s.volumes.find(name); err == nil {
			if path != "" {
				path = "/" + path
			}
			return treeObject(v.root, path)
		}
	}
	return nil
}

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

func treeObject[T any, N treeNode[T]](root N, path string) any {
	node := nodeAt(root, path)
	if node == nil {
		return nil
	}
	return &treeRecord[T]{node.isDir(), node}
}

// A stateReader restores the state of a workspace from records.
type stateReader struct {
	*Server
	stateDecoder
	now time.Time
}

// load replaces the state of the workspace with that of records. If added is
// not nil, load calls it with each record and its blobs. The caller must hold
// the lock. If load fails, the workspace is unusable.
func (s *Server) load(records map[string][]byte, blob func(uint64) *block, added func(key string, text []byte, blobs []*block)) error {
	r := &stateReader{Server: s, stateDecoder: stateDecoder{blob: blob}}
	r.resolve = r.find
	var head serverRecord
	if err := r.decode(records[kindServer+"/"], &head); err != nil {
		return fmt.Errorf("databrickstest: no state: %w", err)
	}
	if head.Format != stateFormat {
		return fmt.Errorf("databrickstest: the state has format %d; this version reads %d", head.Format, stateFormat)
	}
	source := &rand.PCG{}
	if err := source.UnmarshalBinary(head.Random); err != nil {
		return fmt.Errorf("databrickstest: state: %w", err)
	}
	s.random.source = source
	*s.random.Rand = *rand.New(source)
	if s.Token != head.Token { // avoid a data race with readers if it is the same
		s.Token = head.Token
	}
	s.catchUp(head.Now)
	r.now = s.now()
	r.clear()
	for name, into := range s.collections() {
		if text, ok := records[kindCollection+"/"+name]; ok {
			if err := r.decode(text, into); err != nil {
				return fmt.Errorf("databrickstest: state: %s: %w", name, err)
			}
		}
	}
	for v := range s.volumes.all {
		v.root = &fileNode{children: map[string]*fileNode{}}
	}
	for _, key := range slices.Sorted(maps.Keys(records)) { // directories sort before their children
		r.blobs = nil
		if err := r.add(key, records[key]); err != nil {
			return fmt.Errorf("databrickstest: state: %s: %w", key, err)
		}
		if added != nil {
			added(key, records[key], r.blobs)
		}
	}
	r.finish()
	return nil
}

// clear removes the whole state.
func (r *stateReader) clear() {
	for _, x := range r.v12.contexts {
		r.v12.drop(x)
	}
	for _, t := range r.jobs.runs.attempts {
		t.halt()
	}
	for _, into := range r.collections() {
		reflect.ValueOf(into).Elem().SetZero()
	}
	r.clusters.byID, r.clusters.inOrder, r.clusters.byToken, r.clusters.pinned = map[string]*cluster{}, nil, map[string]*cluster{}, 0
	r.jobs.jobs, r.jobs.byID, r.jobs.tries, r.jobs.recent, r.jobs.lost = nil, map[int64]*job{}, map[string]*run{}, nil, nil
	r.jobs.runs = runStore{byID: map[int64]*run{}, attempts: map[int64]*attempt{}}
	r.jobs.idle, r.jobs.last = false, time.Time{} // after the restore, older times may be due again
	r.dbfs.root, r.dbfs.streams = &dbfsNode{children: map[string]*dbfsNode{}}, map[int64]*dbfsStream{}
	r.files.sessions, r.files.byID = map[string]*uploadSession{}, map[string]*uploadSession{}
	r.workspace.root = &workspaceNode{children: map[string]*workspaceNode{}}
	r.identities.byName, r.identities.tokens = map[string]*user{}, map[string]*token{}
	r.oauth.principals, r.tokens.scopes, r.permissions.acls = map[string]*ServicePrincipal{}, map[string]tokenScopes{}, map[string][]jobACL{}
	r.policies.byID, r.pools.byID, r.pools.byToken = map[string]*policy{}, map[string]*pool{}, map[string]*pool{}
	r.volumes.catalogs, r.v12.libraries = map[string]map[string]*volumeSchema{}, map[string]*v12Library{}
	r.jobs.spent = map[string]bool{}
}

// add adds the object of a record.
func (r *stateReader) add(key string, text []byte) error {
	kind, id, _ := strings.Cut(key, "/")
	switch kind {
	case kindCluster:
		cl := &cluster{}
		err := r.decode(text, cl)
		r.clusters.inOrder = append(r.clusters.inOrder, cl)
		return err
	case kindJob:
		j := &job{}
		err := r.decode(text, j)
		r.jobs.jobs, r.jobs.byID[j.id] = append(r.jobs.jobs, j), j
		return err
	case kindRun:
		one := &run{}
		err := r.decode(text, one)
		r.jobs.runs.order, r.jobs.runs.byID[one.id] = append(r.jobs.runs.order, one), one
		r.jobs.runs.index(one)
		return err
	case kindStream:
		handle, err := strconv.ParseInt(id, 10, 64)
		stream := &dbfsStream{}
		r.dbfs.streams[handle] = stream
		return cmp.Or(err, r.decode(text, stream))
	case kindUpload:
		session := &uploadSession{}
		err := r.decode(text, session)
		r.files.sessions[session.token], r.files.byID[session.id] = session, session
		return err
	case kindDBFS:
		return addNode(r, text, id, &r.dbfs.root)
	case kindWorkspace:
		return addNode(r, text, id, &r.workspace.root)
	case kindFile:
		name, path, inside := strings.Cut(id, "/")
		if inside {
			path = "/" + path
		}
		_, v, err := r.volumes.find(name)
		if err != nil {
			return err
		}
		return addNode(r, text, path, &v.root)
	}
	return nil
}

func addNode[T any, N treeNode[T]](r *stateReader, text []byte, path string, root *N) error {
	var record treeRecord[T]
	if err := r.decode(text, &record); err != nil {
		return err
	}
	node := N(record.Node)
	if node == nil {
		node = N(new(T))
	}
	if record.Dir {
		node.setBelow(map[string]*T{})
	}
	if path == "" {
		*root = node
		return nil
	}
	slash := strings.LastIndexByte(path, '/')
	parent := nodeAt[T](*root, path[:slash])
	if parent == nil || !parent.isDir() {
		return fmt.Errorf("the record of its directory is missing")
	}
	parent.below()[path[slash+1:]] = (*T)(node)
	return nil
}

// index adds the attempts of a run to the store, and sets their references to
// it.
func (s *runStore) index(r *run) {
	for _, t := range r.attempts {
		s.attempts[t.id] = t
		t.run, t.task = r, r.tasks[t.place]
		t.task.last = t
		if t.iterations != nil {
			t.child, t.iterations.outer = t.iterations, t
			s.index(t.iterations)
		}
	}
}

// find returns the object that a reference refers to.
func (r *stateReader) find(t reflect.Type, id string) any {
	number, _ := strconv.ParseInt(id, 10, 64)
	switch t {
	case reflect.TypeFor[*user]():
		if i := slices.IndexFunc(r.identities.users, func(u *user) bool { return u.id == number }); i >= 0 {
			return r.identities.users[i]
		}
	case reflect.TypeFor[*job]():
		return orNil(r.jobs.byID[number])
	case reflect.TypeFor[*run]():
		return orNil(r.jobs.runs.byID[number])
	case reflect.TypeFor[*attempt]():
		return orNil(r.jobs.runs.attempts[number])
	}
	return nil
}

// finish rebuilds the data that is not stored because it follows from other
// data.
func (r *stateReader) finish() {
	for _, set := range r.later {
		set()
	}
	for _, u := range r.identities.users {
		r.identities.byName[u.name] = u
	}
	for value, t := range r.identities.tokens {
		if t.user == nil { // the user was deleted
			delete(r.identities.tokens, value)
		}
	}
	for _, p := range r.policies.inOrder {
		p.rules, _ = parseRules(p.Definition)
		r.policies.byID[p.id] = p
	}
	for _, p := range r.pools.inOrder {
		r.pools.byID[p.id] = p
		if p.token != "" {
			r.pools.byToken[p.token] = p
		}
	}
	slices.SortFunc(r.clusters.inOrder, func(x, y *cluster) int { return x.seq - y.seq })
	for _, cl := range r.clusters.inOrder {
		r.clusters.byID[cl.id] = cl
		if cl.token != "" {
			r.clusters.byToken[cl.token] = cl
		}
		if cl.pinnedBy != "" {
			r.clusters.pinned++
		}
		if cl.libraries != nil {
			cl.libraries.cluster = cl
		}
	}
	for _, l := range r.v12.libraries {
		l.node, _ = r.workspace.find(l.path)
	}
	for _, stream := range r.dbfs.streams {
		if stream.early {
			stream.node = r.dbfs.find(stream.path)
		}
	}
	slices.SortFunc(r.jobs.jobs, func(x, y *job) int { return cmp.Compare(x.seq, y.seq) })
	for _, j := range r.jobs.jobs {
		r.jobs.seq = max(r.jobs.seq, j.seq)
		_ = decode(j.settings, &j.view)
		if s := j.view.Schedule; s != nil && s.Pause != "PAUSED" {
			j.schedule.cron, _ = parseCron(s.Cron, s.Zone)
		}
	}
	slices.SortFunc(r.jobs.runs.order, func(x, y *run) int { return cmp.Compare(x.seq, y.seq) })
	for _, one := range r.jobs.runs.order {
		r.jobs.seq = max(r.jobs.seq, one.seq)
		r.jobs.revive(one)
		if one.token != "" {
			r.jobs.tries[one.token] = one
		}
		if one.end.IsZero() {
			r.jobs.runs.active = append(r.jobs.runs.active, one)
		}
	}
	for _, one := range slices.Concat(r.jobs.runs.active, r.jobs.runs.inner) {
		r.jobs.interrupt(one, r.now)
	}
}

// revive rebuilds the data of a run that follows from its settings.
func (a *jobsArea) revive(r *run) {
	_ = decode(r.settings, &r.view)
	for _, task := range r.tasks {
		_ = decode(task.tree, &task.view)
	}
	for _, t := range r.attempts {
		if t.iterations != nil {
			a.revive(t.iterations)
			if t.iterations.end.IsZero() {
				a.runs.inner = append(a.runs.inner, t.iterations)
			}
		}
	}
}

// interrupt fails attempts whose work cannot continue, because it ran in
// another process or before a restore.
func (a *jobsArea) interrupt(r *run, now time.Time) {
	for _, task := range r.tasks {
		if t := task.last; t != nil && t.life == running && t.at.IsZero() && t.child == nil {
			a.server.touchRun(r)
			a.fail(t, now, "The workspace was restarted during the run.")
			a.settle(r, now)
		}
	}
}
