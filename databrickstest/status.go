package databrickstest

import (
	"bytes"
	_ "embed"
	"html/template"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WithStatusPage makes the workspace answer GET / with a page for people: which
// clusters, runs, files of DBFS and execution contexts there are now. It asks for
// no credential, and changes and records nothing.
func WithStatusPage() Option { return func(s *Server) { s.statusPage = true } }

// statusRows is how many rows the page shows of each kind.
const statusRows = 100

//go:embed status.html
var statusText string

var statusTemplate = template.Must(template.New("status").Parse(statusText))

// A statusTable is what the page shows of one kind; Total may be more than its rows.
type statusTable struct {
	Title   string
	Columns []string
	Rows    [][]string
	Total   int
}

func (t *statusTable) add(row func() []string) {
	if t.Total++; len(t.Rows) < statusRows {
		t.Rows = append(t.Rows, row())
	}
}

// isLocal reports whether a request names this server by an address, as localhost
// or by its own URL. Any other name can be one that a web site lets its visitors'
// browsers resolve to this machine, to read what is here.
func (s *Server) isLocal(host string) bool {
	if host == strings.TrimPrefix(strings.TrimPrefix(s.host(), "https://"), "http://") {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !s.isLocal(r.Host) {
		http.Error(w, "This page is only for the address of the server, such as "+s.host(), http.StatusMisdirectedRequest)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This page can only be read.", http.StatusMethodNotAllowed)
		return
	}
	var page bytes.Buffer
	if err := statusTemplate.Execute(&page, s.status()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = page.WriteTo(w)
}

// status is what the page shows: the latest first, but files in order.
func (s *Server) status() any {
	clusters := statusTable{Title: "Clusters", Columns: []string{"id", "name", "state", "message"}}
	runs := statusTable{Title: "Runs", Columns: []string{"id", "job", "name", "state", "result"}}
	files := statusTable{Title: "Files", Columns: []string{"path", "bytes", "changed"}}
	contexts := statusTable{Title: "Contexts", Columns: []string{"id", "cluster", "language", "state", "commands"}}
	for _, x := range s.ExecutionContexts() {
		contexts.add(func() []string { return []string{x.ID, x.ClusterID, x.Language, x.Status, strconv.Itoa(x.Commands)} })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.jobs.advance(now)
	for _, cl := range slices.Backward(slices.Collect(s.clusters.all(now))) {
		clusters.add(func() []string { return []string{cl.id, cl.attributes.ClusterName, cl.state, cl.message} })
	}
	for _, r := range slices.Backward(s.jobs.runs.order) {
		runs.add(func() []string {
			life, result, _ := r.state()
			return []string{strconv.FormatInt(r.id, 10), strconv.FormatInt(r.jobID, 10), r.name, life, result}
		})
	}
	files.addFiles(s.dbfs.root, nil)
	return struct {
		URL, Now string
		Tables   []statusTable
	}{s.host(), now.UTC().Format(time.DateTime), []statusTable{clusters, runs, files, contexts}}
}

func (t *statusTable) addFiles(dir *dbfsNode, names []string) {
	for _, name := range slices.Sorted(maps.Keys(dir.children)) {
		child, names := dir.children[name], append(names, name)
		if child.isDir() {
			t.addFiles(child, names)
			continue
		}
		t.add(func() []string {
			return []string{join(names), strconv.FormatInt(child.content.size, 10), child.modified.UTC().Format(time.DateTime)}
		})
	}
}
