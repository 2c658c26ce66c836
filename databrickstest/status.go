package databrickstest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WithStatusPage makes GET / return an HTML page about the workspace. It shows
// runs with their tasks, errors and logs, the latest requests with their
// statuses and faults, clusters, jobs and execution contexts, and the files of
// DBFS, the workspace and volumes. It changes nothing and is not recorded.
//
// The page is available only under the server's own names: its address,
// localhost and IP addresses. A browser on this machine needs no credential. A
// browser on another machine must sign in with the user name token and the
// value of [Server].Token as the password.
func WithStatusPage() Option { return func(s *Server) { s.statusPage = true } }

const (
	statusRows = 20      // rows of each kind in the overview
	statusPage = 100     // rows on a page of one kind
	statusText = 20_000  // bytes of a log; the last ones are shown
	statusNote = 300     // bytes of an error in a list
	statusLeaf = 1000    // tasks on the page of a run
	maxOpened  = 1 << 30 // bytes of an opened file
)

//go:embed status.html
var statusHTML string

//go:embed status.js
var statusScript string

var statusTemplate = template.Must(template.New("status").Funcs(template.FuncMap{"script": func() template.JS { return template.JS(statusScript) }}).Parse(statusHTML))

// statusPolicy allows only the page's own script.
var statusPolicy = func() string {
	sum := sha256.Sum256([]byte(statusScript))
	return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// A statusView is the data of the page.
type statusView struct {
	URL, Now string
	Title    string // empty for the overview
	Facts    []statusCell
	Tables   []*statusTable
	Panics   int
}

// A statusTable is the table of one kind. Total may be greater than the number
// of rows.
type statusTable struct {
	Kind, Title string
	What        string // the kind, or the path of the directory
	Columns     []string
	Rows        []statusRow
	Total       int
	Search      bool // show a search field
	Query       string
	From, Most  int
	More        string // link to the complete table; empty if all rows are shown
	Prev, Next  string
}

type statusRow struct {
	Key   string // identifies the row, so that the script can keep the scroll position
	Cells []statusCell
	Texts []statusCell // long texts below the row; Note is the label
}

type statusCell struct {
	Text, Link, Class, Note string
}

// Dir reports whether the table shows a directory.
func (t *statusTable) Dir() bool { return strings.Contains(t.Kind, ":/") }

// Anchor returns the ID of the table on the page.
func (t *statusTable) Anchor() string { return strings.TrimSuffix(t.Kind, ":/") }

// First and Last return the numbers of the first and the last row.
func (t *statusTable) First() int { return t.From + 1 }
func (t *statusTable) Last() int  { return t.From + len(t.Rows) }

func (t *statusTable) add(row func() statusRow) {
	if t.Query != "" {
		r := row()
		if !slices.ContainsFunc(r.Cells, func(c statusCell) bool {
			return strings.Contains(strings.ToLower(c.Text+" "+c.Note), strings.ToLower(t.Query))
		}) {
			return
		}
		row = func() statusRow { return r }
	}
	if t.Total++; t.Total > t.From && len(t.Rows) < t.Most {
		t.Rows = append(t.Rows, row())
	}
}

// statusLink returns a URL of the page. The arguments are names and values of
// query parameters.
func statusLink(pairs ...string) string {
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return "/?" + query.Encode()
}

// isLocal reports whether the host in a request is an IP address, localhost or
// the server's own host. It rejects other names, because a web site can make
// its name resolve to this machine, and then read the page in a visitor's
// browser.
func (s *Server) isLocal(host string) bool {
	if host == strings.TrimPrefix(strings.TrimPrefix(s.host(), "https://"), "http://") {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// mayRead reports whether the sender of a request may read the page. A sender
// on this machine may, and so may one who has the admin's token.
func (s *Server) mayRead(r *http.Request) bool {
	name, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(name); err != nil || ip != nil && ip.IsLoopback() { // requests through Transport have no address
		return true
	}
	_, password, _ := r.BasicAuth()
	return subtle.ConstantTimeCompare([]byte(password), []byte(s.Token)) == 1
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", statusPolicy)
	switch {
	case !s.isLocal(r.Host):
		http.Error(w, "This page is available only at an address of the server, such as "+s.host(), http.StatusMisdirectedRequest)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "This page accepts only GET and HEAD.", http.StatusMethodNotAllowed)
		return
	case !s.mayRead(r):
		header.Set("WWW-Authenticate", `Basic realm="The user name is token, the password is the admin's token", charset="UTF-8"`)
		http.Error(w, "Sign in with the user name token and the admin's token as the password.", http.StatusUnauthorized)
		return
	}
	query := r.URL.Query()
	if name := query.Get("file"); name != "" {
		s.serveStatusFile(w, name)
		return
	}
	view := s.status(query)
	if view == nil {
		http.Error(w, "This object does not exist or was deleted.", http.StatusNotFound)
		return
	}
	var page bytes.Buffer
	if err := statusTemplate.Execute(&page, view); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w)
}

// status returns the data of the requested page, or nil if it does not exist.
func (s *Server) status(query url.Values) *statusView {
	now := s.now()
	view := &statusView{URL: s.host(), Now: now.UTC().Format(time.DateTime), Panics: len(s.Panics())}
	from, _ := strconv.Atoi(query.Get("from"))
	table := func(kind, title string, columns ...string) *statusTable {
		return &statusTable{Kind: kind, Title: title, Columns: columns, Most: statusRows}
	}
	tables := []*statusTable{
		table("runs", "Runs", "run", "name", "state", "tasks", "started", "duration", "job"),
		table("requests", "Requests", "time", "method", "path", "status", "fault"),
		table("clusters", "Clusters", "cluster", "name", "state", "size", "creator"),
		table("jobs", "Jobs", "job", "name", "tasks", "creator", "created"),
		table("contexts", "Execution contexts", "context", "cluster", "language", "state", "commands"),
		table("dbfs:/", "DBFS", "name", "size", "modified"),
		table("workspace:/", "Workspace", "name", "kind", "modified"),
		table("volumes:/", "Volumes", "name", "size", "modified"),
	}
	show := cmp.Or(query.Get("show"), query.Get("dir"))
	if id := query.Get("run"); id != "" {
		return s.statusOfRun(view, id, now)
	}
	if show != "" {
		kind := show
		if scheme, _, ok := strings.Cut(show, ":/"); ok {
			kind = scheme + ":/"
		}
		i := slices.IndexFunc(tables, func(t *statusTable) bool { return t.Kind == kind })
		if i < 0 {
			return nil
		}
		t := tables[i]
		tables = []*statusTable{t}
		view.Title = t.Title
		if kind != show {
			view.Title = show
			t.Title = show
		}
		t.From, t.Most, t.Query, t.Search = max(from, 0), statusPage, query.Get("q"), true
	}
	for _, t := range tables {
		t.What = cmp.Or(show, t.Kind)
		if !s.fillStatus(t, now) {
			return nil
		}
		name := "show"
		if t.Dir() {
			name = "dir"
		}
		if show == "" && t.Total > len(t.Rows) {
			t.More = statusLink(name, t.What)
		}
		if show != "" && t.From > 0 {
			t.Prev = statusLink(name, t.What, "q", t.Query, "from", strconv.Itoa(max(0, t.From-statusPage)))
		}
		if show != "" && t.Last() < t.Total {
			t.Next = statusLink(name, t.What, "q", t.Query, "from", strconv.Itoa(t.From+statusPage))
		}
	}
	view.Tables = tables
	return view
}

// fillStatus fills a table, latest rows first. Files are sorted by name.
// fillStatus returns false if the directory does not exist.
func (s *Server) fillStatus(t *statusTable, now time.Time) bool {
	switch t.Kind {
	case "requests":
		s.recorder.mu.Lock()
		defer s.recorder.mu.Unlock()
		entries := s.recorder.entries
		entries = entries[max(0, len(entries)-s.recorder.keep()):]
		for i, r := range slices.Backward(entries) {
			t.add(func() statusRow {
				status := statusCell{Text: strconv.Itoa(r.Status), Class: "good"}
				switch {
				case r.Status == 0:
					status.Text, status.Class = "none", "wait"
				case r.Status >= 400:
					status.Class = "bad"
				}
				return statusRow{Key: fmt.Sprint(r.Time.UnixNano(), len(entries)-i), Cells: []statusCell{
					{Text: statusTime(r.Time, now)}, {Text: r.Method}, {Text: r.Path}, status, {Text: r.Fault, Class: "bad"}}}
			})
		}
		return true
	case "contexts":
		for _, x := range s.ExecutionContexts() {
			t.add(func() statusRow {
				return statusRow{Key: x.ID, Cells: []statusCell{{Text: x.ID}, {Text: x.ClusterID}, {Text: x.Language}, statusState(x.Status), {Text: strconv.Itoa(x.Commands)}}}
			})
		}
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs.advance(now)
	switch t.Kind {
	case "runs":
		for _, r := range slices.Backward(s.jobs.runs.order) {
			t.add(func() statusRow { return statusRow{Key: strconv.FormatInt(r.id, 10), Cells: r.statusCells(now)} })
		}
	case "jobs":
		for _, j := range slices.Backward(s.jobs.jobs) {
			t.add(func() statusRow {
				return statusRow{Key: strconv.FormatInt(j.id, 10), Cells: []statusCell{{Text: strconv.FormatInt(j.id, 10)}, {Text: j.view.Name},
					{Text: strconv.Itoa(len(j.view.Tasks))}, {Text: j.creator}, {Text: statusTime(j.created, now)}}}
			})
		}
	case "clusters":
		for _, cl := range slices.Backward(slices.Collect(s.clusters.all(now))) {
			t.add(func() statusRow {
				state := statusState(cl.state)
				state.Note = statusShort(cl.message)
				return statusRow{Key: cl.id, Cells: []statusCell{{Text: cl.id}, {Text: cl.attributes.ClusterName}, state,
					{Text: fmt.Sprintf("%d of %s", len(cl.executors), cl.attributes.NodeTypeID)}, {Text: cl.creator}}}
			})
		}
	default:
		return s.statusOfDir(t, now)
	}
	return true
}

func statusTime(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.IsZero() {
		return ""
	}
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format("15:04:05")
	}
	return at.Format("2006-01-02 15:04")
}

func statusShort(text string) string {
	if len(text) > statusNote {
		return strings.ToValidUTF8(text[:statusNote], "") + "…"
	}
	return text
}

func statusState(state string) statusCell {
	c := statusCell{Text: state, Class: "wait"}
	switch state {
	case success, "RUNNING", "Running":
		c.Class = "good"
	case "TERMINATED", skipped, "CANCELED", "EXCLUDED":
		c.Class = "done"
	case "FAILED", internalFail, timedOut, "ERROR", "UPSTREAM_FAILED":
		c.Class = "bad"
	}
	return c
}

func statusDuration(from, to, now time.Time) string {
	if from.IsZero() {
		return ""
	}
	if to.IsZero() {
		to = now
	}
	d := to.Sub(from)
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func (r *run) statusCells(now time.Time) []statusCell {
	life, result, _ := r.state()
	state := statusState(cmp.Or(result, life))
	if result != success {
		for _, t := range r.attempts {
			if text := t.failure(); text != "" {
				state.Note = statusShort(t.task.view.Key + ": " + text)
				break
			}
		}
	}
	counts := map[string]int{}
	for _, t := range r.tasks {
		if t.last == nil {
			counts[blocked]++
		} else {
			counts[cmp.Or(t.last.result, t.last.life)]++
		}
	}
	var tasks []string
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		tasks = append(tasks, fmt.Sprint(counts[state], "\u00a0", state)) // no line break between the two
	}
	id := strconv.FormatInt(r.id, 10)
	job := statusCell{Text: "none"}
	if r.job != nil {
		job.Text = strconv.FormatInt(r.job.id, 10)
	}
	return []statusCell{{Text: id, Link: statusLink("run", id)}, {Text: r.name}, state, {Text: strings.Join(tasks, ", ")},
		{Text: statusTime(r.shownStart(), now)}, {Text: statusDuration(r.shownStart(), r.end, now)}, job}
}

// failure returns why an attempt failed. It returns an empty string if the
// attempt did not fail.
func (t *attempt) failure() string {
	if !t.done() || t.result == success {
		return ""
	}
	return cmp.Or(t.outcome.Error, t.message)
}

// statusOfRun returns the data of a run's page, with its tasks, logs and stack
// traces.
func (s *Server) statusOfRun(view *statusView, id string, now time.Time) *statusView {
	number, err := strconv.ParseInt(id, 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs.advance(now)
	r := s.jobs.runs.byID[number]
	if err != nil || r == nil {
		return nil
	}
	_, _, message := r.state()
	view.Title = "Run " + id + " " + r.name
	cells := r.statusCells(now)
	view.Facts = append(view.Facts, cells[2], cells[3])
	for i, label := range map[int]string{4: "started ", 5: "duration ", 6: "job "} {
		cells[i].Text = label + cells[i].Text
	}
	view.Facts = append(view.Facts, cells[4], cells[5], cells[6], statusCell{Text: message})
	t := &statusTable{Kind: "tasks", Title: "Tasks", Columns: []string{"task", "kind", "state", "attempt", "cluster", "started", "duration"}, Most: statusLeaf}
	for _, a := range r.attempts {
		t.add(func() statusRow { return s.statusOfTask(a, a.task.view.Key, now) })
		if a.child != nil && a.child.outer == a {
			for i, it := range a.child.attempts {
				t.add(func() statusRow {
					return s.statusOfTask(it, fmt.Sprintf("%s, iteration %d", a.task.view.Key, i+1), now)
				})
			}
		}
	}
	view.Tables = []*statusTable{t}
	return view
}

func (s *Server) statusOfTask(t *attempt, name string, now time.Time) statusRow {
	spec := s.jobs.spec(t)
	kind := statusCell{Text: strings.ReplaceAll(strings.TrimSuffix(spec.Kind, "_task"), "_", " "), Note: spec.Target}
	if t.child != nil && t.child.outer == nil {
		id := strconv.FormatInt(t.child.id, 10)
		kind.Note, kind.Link = "run "+id, statusLink("run", id)
	}
	state := statusState(cmp.Or(t.result, t.life))
	row := statusRow{Key: strconv.FormatInt(t.id, 10), Cells: []statusCell{{Text: name}, kind, state, {Text: strconv.Itoa(t.number + 1)},
		{Text: t.cluster}, {Text: statusTime(t.start, now)}, {Text: statusDuration(t.start, t.end, now)}}}
	for _, text := range []statusCell{
		{Note: "Error", Text: t.failure(), Class: "bad"}, {Note: "Trace", Text: t.outcome.Trace},
		{Note: "Output", Text: t.outcome.Output}, {Note: "Log", Text: t.outcome.Logs},
	} {
		if text.Text == "" || t.worked.IsZero() && text.Note != "Error" {
			continue
		}
		if over := len(text.Text) - statusText; over > 0 {
			text.Text = fmt.Sprintf("… %d earlier bytes are not shown\n%s", over, strings.ToValidUTF8(text.Text[over:], ""))
		}
		row.Texts = append(row.Texts, text)
	}
	return row
}

// statusPath parses the name of a file or directory, such as dbfs:/a/b.
func statusPath(name string) (scheme string, names []string) {
	scheme, path, _ := strings.Cut(name, ":/")
	for name := range strings.SplitSeq(path, "/") {
		if name != "" {
			names = append(names, name)
		}
	}
	return scheme, names
}

// statusOfDir fills the table of a directory of DBFS, of the workspace or of a
// volume.
func (s *Server) statusOfDir(t *statusTable, now time.Time) bool {
	scheme, names := statusPath(t.What)
	base := scheme + ":/"
	if len(names) > 0 {
		base += strings.Join(names, "/") + "/"
	}
	entry := func(name string, isDir bool, size string, changed time.Time) {
		t.add(func() statusRow {
			cell := statusCell{Text: name, Link: statusLink("file", base+name)}
			if isDir {
				cell = statusCell{Text: name + "/", Link: statusLink("dir", base+name)}
			}
			return statusRow{Key: base + name, Cells: []statusCell{cell, {Text: size}, {Text: statusTime(changed, now)}}}
		})
	}
	sized := func(isDir bool, c content) string {
		if isDir {
			return ""
		}
		return strconv.FormatInt(c.size, 10)
	}
	switch scheme {
	case "dbfs":
		node := s.dbfs.find(names)
		if node == nil || !node.isDir() {
			return false
		}
		for _, name := range slices.Sorted(maps.Keys(node.children)) {
			child := node.children[name]
			entry(name, child.isDir(), sized(child.isDir(), child.content), child.modified)
		}
	case "workspace":
		node, err := s.workspace.find(names)
		if err != nil || !node.isDir() {
			return false
		}
		for _, name := range slices.Sorted(maps.Keys(node.children)) {
			child := node.children[name]
			kind := strings.ToLower(strings.TrimSpace(child.notebook.language + " " + child.objectType))
			entry(name, child.isDir(), kind, child.modified)
		}
	case "volumes":
		var under []string
		node, ok := s.statusOfVolume(names, &under)
		if !ok || node != nil && !node.isDir() {
			return false
		}
		for _, name := range under {
			entry(name, true, "", time.Time{})
		}
		if node != nil {
			for _, name := range slices.Sorted(maps.Keys(node.children)) {
				child := node.children[name]
				entry(name, child.isDir(), sized(child.isDir(), child.content), child.modified)
			}
		}
	}
	return true
}

// statusOfVolume returns a file or a directory in a volume. If names do not
// reach a volume, it sets under to the names at the next level instead.
func (s *Server) statusOfVolume(names []string, under *[]string) (*fileNode, bool) {
	if len(names) == 0 {
		*under = slices.Sorted(maps.Keys(s.volumes.catalogs))
		return nil, true
	}
	schemas, ok := s.volumes.catalogs[names[0]]
	if len(names) == 1 || !ok {
		*under = slices.Sorted(maps.Keys(schemas))
		return nil, ok
	}
	schema := schemas[names[1]]
	if schema == nil {
		return nil, false
	}
	if len(names) == 2 {
		*under = slices.Sorted(maps.Keys(schema.volumes))
		return nil, true
	}
	volume := schema.volumes[names[2]]
	if volume == nil {
		return nil, false
	}
	node := volume.find(names[3:])
	return node, node != nil
}

// serveStatusFile sends a file as plain text, so that the browser shows it and
// does not run it. The browser downloads a file that is not text.
func (s *Server) serveStatusFile(w http.ResponseWriter, name string) {
	data, send := s.statusFile(name)
	if send == nil {
		http.Error(w, "This file does not exist or was deleted.", http.StatusNotFound)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("Content-Type", "text/plain; charset=utf-8")
	if !strings.HasPrefix(http.DetectContentType(data), "text/") {
		header.Set("Content-Type", "application/octet-stream")
		header.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(name[strings.LastIndex(name, "/")+1:]))
	}
	_ = send(w)
}

// statusFile returns the first bytes of a file, and a function that sends the
// file. It returns nil if the file does not exist.
func (s *Server) statusFile(name string) ([]byte, func(io.Writer) error) {
	scheme, names := statusPath(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := func(c content) ([]byte, func(io.Writer) error) {
		var begin bytes.Buffer
		if err := c.writeTo(&begin, 0, min(c.size, 512)); err != nil {
			return nil, nil
		}
		return begin.Bytes(), func(w io.Writer) error { return c.writeTo(w, 0, min(c.size, maxOpened)) }
	}
	switch scheme {
	case "dbfs":
		if node := s.dbfs.find(names); node != nil && !node.isDir() {
			return whole(node.content)
		}
	case "volumes":
		if node, ok := s.statusOfVolume(names, new([]string)); ok && node != nil && !node.isDir() {
			return whole(node.content)
		}
	case "workspace":
		node, err := s.workspace.find(names)
		if err != nil || node.isDir() {
			break
		}
		data, _, err := node.export(names[len(names)-1], "SOURCE")
		if err != nil {
			break
		}
		return data, func(w io.Writer) error { _, err := w.Write(data); return err }
	}
	return nil, nil
}
