package databrickstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WithLibrariesForAllClusters sets libraries that the workspace installs on
// every cluster, as an administrator can do in the user interface. Each is the
// API's JSON, such as {"jar": "dbfs:/a.jar"}. Runtimes from version 7.0 on skip
// them. WithLibrariesForAllClusters panics if a library is invalid.
func WithLibrariesForAllClusters(libraries ...string) Option {
	return func(s *Server) {
		for _, text := range libraries {
			tree := map[string]any{}
			var l library
			err := parseObject([]byte(text), tree)
			if err == nil {
				err = decode(tree, &l)
			}
			if err == nil {
				err = l.check()
			}
			if err != nil {
				panic("databrickstest: " + text + ": " + err.Error())
			}
			s.libraries.everywhere = append(s.libraries.everywhere, l)
		}
	}
}

// FailLibrary makes each later installation of a library fail with a message, on
// all clusters. The name is the URI of a file, the package or the coordinates. An
// empty message lets the installation succeed again.
func (s *Server) FailLibrary(name, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.libraries.failing == nil {
		s.libraries.failing = map[string]string{}
	}
	s.libraries.failing[name] = message
	s.touchCollections()
}

// librariesArea has the libraries of all clusters.
type librariesArea struct {
	s          *Server
	everywhere []library
	failing    map[string]string // messages by name
}

// clusterLibraries has the libraries of one cluster. They are installed in the
// order in which they were added.
type clusterLibraries struct {
	cluster *cluster `state:"-"`
	all     []*clusterLibrary
}

// A clusterLibrary is PENDING, RESOLVING and INSTALLING in turn, and then has
// the outcome as its status.
type clusterLibrary struct {
	library
	everywhere bool      // from WithLibrariesForAllClusters
	leaving    bool      // uninstalled by the next start of the cluster
	begin, end time.Time // of the installation; zero while the cluster is not running
	outcome    string
	messages   []string
}

type library struct {
	JAR          string        `json:"jar,omitzero"`
	Egg          string        `json:"egg,omitzero"`
	Whl          string        `json:"whl,omitzero"`
	PyPI         *indexPackage `json:"pypi,omitzero" api:"unused"`
	Maven        *mavenPackage `json:"maven,omitzero" api:"unused"`
	CRAN         *indexPackage `json:"cran,omitzero" api:"unused"`
	Requirements string        `json:"requirements,omitzero"`
}

type indexPackage struct {
	Package string `json:"package" api:"required"`
	Repo    string `json:"repo,omitzero"`
}

type mavenPackage struct {
	Coordinates string   `json:"coordinates" api:"required"`
	Repo        string   `json:"repo,omitzero"`
	Exclusions  []string `json:"exclusions,omitempty"`
}

// name returns the name of the library. kinds is the number of kinds that are
// set, and must be 1.
func (l library) name() (name string, kinds int) {
	names := []string{l.JAR, l.Egg, l.Whl, l.Requirements}
	if l.PyPI != nil {
		names = append(names, l.PyPI.Package)
	}
	if l.Maven != nil {
		names = append(names, l.Maven.Coordinates)
	}
	if l.CRAN != nil {
		names = append(names, l.CRAN.Package)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	return strings.Join(names, " "), len(names)
}

func (l library) check() error {
	if _, kinds := l.name(); kinds != 1 {
		return invalid("A library must have exactly one of jar, egg, whl, pypi, maven, cran and requirements.")
	}
	return nil
}

// same compares all fields, because libraries have no IDs.
func (l library) same(m library) bool {
	a, _ := json.Marshal(l)
	b, _ := json.Marshal(m)
	return string(a) == string(b)
}

func (a *librariesArea) register(s *Server) {
	a.s = s
	s.clusters.watch(a.clusterChanged)
	route(s, "GET", "/api/2.0/libraries/all-cluster-statuses", a.allStatuses)
	route(s, "GET", "/api/2.0/libraries/cluster-status", a.status)
	route(s, "POST", "/api/2.0/libraries/install", a.install)
	route(s, "POST", "/api/2.0/libraries/uninstall", a.uninstall)
}

// of returns the libraries of a cluster. A new cluster has those for all
// clusters and those of its policy. A clone also has those of the original.
func (a *librariesArea) of(cl *cluster) *clusterLibraries {
	a.s.touchCluster(cl)
	if cl.libraries != nil {
		return cl.libraries
	}
	known := &clusterLibraries{cluster: cl}
	cl.libraries = known
	for _, l := range a.everywhere {
		known.all = append(known.all, &clusterLibrary{library: l, everywhere: true})
	}
	if p := a.s.policies.byID[cl.sent.PolicyID]; p != nil {
		for _, l := range p.Libraries {
			known.add(l)
		}
	}
	if model := a.s.clusters.byID[cl.cloneFrom]; model != nil {
		for _, l := range a.of(model).all {
			if !l.leaving {
				known.add(l.library)
			}
		}
	}
	return known
}

func (ls *clusterLibraries) find(l library) *clusterLibrary {
	if i := slices.IndexFunc(ls.all, func(known *clusterLibrary) bool { return known.same(l) }); i >= 0 {
		return ls.all[i]
	}
	return nil
}

// add adds a library unless the cluster has it. It returns the cluster's
// library.
func (ls *clusterLibraries) add(l library) *clusterLibrary {
	known := ls.find(l)
	if known == nil {
		known = &clusterLibrary{library: l}
		ls.all = append(ls.all, known)
	}
	known.leaving = false
	return known
}

// clusterChanged schedules the installations when a cluster starts. It resets
// them when a cluster terminates.
func (a *librariesArea) clusterChanged(change clusterChange) {
	if change.kind == clusterIsGone {
		return
	}
	ls := a.of(change.cluster)
	if change.kind == clusterIsUp {
		ls.all = slices.DeleteFunc(ls.all, func(l *clusterLibrary) bool { return l.leaving })
	}
	for _, l := range ls.all {
		l.begin, l.end, l.outcome, l.messages = time.Time{}, time.Time{}, "", nil
	}
	if change.kind == clusterIsUp {
		a.schedule(ls, change.at)
	}
}

// schedule schedules the installations that are not scheduled yet, one after
// another.
func (a *librariesArea) schedule(ls *clusterLibraries, at time.Time) {
	for i, l := range ls.all {
		if !l.begin.IsZero() {
			if l.end.After(at) {
				at = l.end
			}
			continue
		}
		l.begin, l.end = at, at.Add(a.s.timings.LibraryInstall)
		l.outcome, l.messages = "INSTALLED", nil
		if skipped := l.skipped(ls.cluster); skipped != "" {
			l.outcome, l.messages, l.end = "SKIPPED", []string{skipped}, at
		} else if failure := a.failure(ls, i); failure != "" {
			l.outcome, l.messages = "FAILED", []string{failure}
		}
		at = l.end
	}
}

// stage returns the status of a library.
func (l *clusterLibrary) stage(now time.Time) string {
	// Only packages are resolved, because files have no repository.
	resolved := l.begin
	if l.PyPI != nil || l.Maven != nil || l.CRAN != nil {
		resolved = l.begin.Add(l.end.Sub(l.begin) / 4)
	}
	switch {
	case l.leaving:
		return "UNINSTALL_ON_RESTART"
	case l.begin.IsZero() || now.Before(l.begin):
		return "PENDING"
	case now.Before(resolved):
		return "RESOLVING"
	case now.Before(l.end):
		return "INSTALLING"
	}
	return l.outcome
}

// runtime returns the version of the runtime and the version of Scala. A
// runtime without a version number counts as the newest.
func (cl *cluster) runtime() (major, minor int, scala string) {
	version, scala, _ := strings.Cut(cl.attributes.SparkVersion, "-scala")
	parts := strings.SplitN(version, ".", 3)
	major, err := strconv.Atoi(parts[0])
	if err != nil || len(parts) < 2 {
		return 99, 0, scala
	}
	minor, _ = strconv.Atoi(parts[1])
	return major, minor, scala
}

var scalaSuffix = regexp.MustCompile(`_(2\.\d+):`)

// skipped returns why a library is skipped, although it is valid. It returns an
// empty string if the library is not skipped.
func (l *clusterLibrary) skipped(cl *cluster) string {
	major, _, scala := cl.runtime()
	if major < 7 {
		return ""
	}
	if l.everywhere {
		return "Libraries for all clusters are not installed on Databricks Runtime 7.0 and above."
	}
	if l.Maven != nil {
		if m := scalaSuffix.FindStringSubmatch(l.Maven.Coordinates); m != nil && scala != "" && m[1] != scala {
			return fmt.Sprintf("The library is built for Scala %s, the cluster runs Scala %s.", m[1], scala)
		}
	}
	return ""
}

var (
	libraryURI    = regexp.MustCompile(`^(dbfs:/|s3a?://|wasbs?://|abfss?://|adl://|gs://|file:/|/Workspace/|/Volumes/)`)
	wheelName     = regexp.MustCompile(`^[^-]+-[^-]+(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl$`) // PEP 427
	pythonPackage = regexp.MustCompile(`^[A-Za-z0-9._-]+`)
)

// failure returns why the installation of a library fails. It returns an empty
// string if it succeeds.
func (a *librariesArea) failure(ls *clusterLibraries, place int) string {
	l := ls.all[place]
	name, _ := l.name()
	file := cmp.Or(l.JAR, l.Egg, l.Whl)
	major, minor, _ := ls.cluster.runtime()
	switch {
	case a.failing[name] != "":
		return a.failing[name]
	case file != "" && !libraryURI.MatchString(file):
		return fmt.Sprintf("Library URI %s must begin with one of dbfs:/, s3://, wasbs://, abfss://, /Workspace/ and /Volumes/.", file)
	case l.Whl != "" && !strings.HasSuffix(l.Whl, ".wheelhouse.zip") && !wheelName.MatchString(l.Whl[strings.LastIndex(l.Whl, "/")+1:]):
		return fmt.Sprintf("%s is not a valid wheel filename.", l.Whl)
	case l.Egg != "" && major >= 14:
		return "Egg libraries are not supported on Databricks Runtime 14.0 and above."
	case l.CRAN != nil && (major < 3 || major == 3 && minor < 2):
		return "CRAN libraries need Databricks Runtime 3.2 or above."
	case l.Requirements != "" && !strings.HasPrefix(l.Requirements, "/Workspace/") && !strings.HasPrefix(l.Requirements, "/Volumes/"):
		return fmt.Sprintf("Requirements file %s must be in /Workspace or /Volumes.", l.Requirements)
	case l.PyPI != nil:
		for _, before := range ls.all[:place] {
			if before.PyPI != nil && before.outcome == "INSTALLED" && pythonName(before.PyPI.Package) == pythonName(l.PyPI.Package) {
				return fmt.Sprintf("Duplicate library installation: %s is installed already; uninstall it and restart the cluster.", before.PyPI.Package)
			}
		}
	}
	return ""
}

// pythonName returns the normalized name of a Python package.
func pythonName(pkg string) string {
	return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(pythonPackage.FindString(pkg)))
}

type clusterAndLibraries struct {
	ClusterID string    `json:"cluster_id" api:"required"`
	Libraries []library `json:"libraries"`
}

// named returns the libraries of the cluster that a request names. It fails if
// a library in the request is invalid.
func (a *librariesArea) named(c *call, in clusterAndLibraries, level string) (*clusterLibraries, error) {
	cl, err := c.clusters.reach(c, in.ClusterID, level)
	if err != nil {
		return nil, err
	}
	for _, l := range in.Libraries {
		if err := l.check(); err != nil {
			return nil, err
		}
	}
	return a.of(cl), nil
}

// install also accepts libraries for a cluster that is not running, as the
// current service does. They are installed when the cluster starts.
func (a *librariesArea) install(c *call, in clusterAndLibraries) (any, error) {
	ls, err := a.named(c, in, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	for _, l := range in.Libraries {
		ls.add(l)
	}
	if ls.cluster.usable() {
		a.schedule(ls, c.now)
	}
	return nil, nil
}

// uninstall ignores libraries for all clusters, and libraries that the cluster
// does not have.
func (a *librariesArea) uninstall(c *call, in clusterAndLibraries) (any, error) {
	ls, err := a.named(c, in, "CAN_MANAGE")
	if err != nil {
		return nil, err
	}
	for _, l := range in.Libraries {
		if known := ls.find(l); known != nil && !known.everywhere {
			known.leaving = true
		}
	}
	return nil, nil
}

type libraryStatus struct {
	Library    library  `json:"library"`
	Status     string   `json:"status"`
	Messages   []string `json:"messages,omitempty"`
	Everywhere bool     `json:"is_library_for_all_clusters"`
}

type libraryStatuses struct {
	ClusterID string          `json:"cluster_id"`
	Statuses  []libraryStatus `json:"library_statuses,omitempty"`
}

// report lists the cluster's own libraries first, then those for all clusters,
// and then those to be uninstalled.
func (ls *clusterLibraries) report(now time.Time) libraryStatuses {
	order := func(l *clusterLibrary) int {
		switch {
		case l.leaving:
			return 2
		case l.everywhere:
			return 1
		}
		return 0
	}
	sorted := slices.Clone(ls.all)
	slices.SortStableFunc(sorted, func(x, y *clusterLibrary) int { return order(x) - order(y) })
	out := libraryStatuses{ClusterID: ls.cluster.id}
	for _, l := range sorted {
		status := libraryStatus{l.library, l.stage(now), nil, l.everywhere}
		if status.Status == l.outcome {
			status.Messages = l.messages
		}
		out.Statuses = append(out.Statuses, status)
	}
	return out
}

func (a *librariesArea) status(c *call, in struct {
	ClusterID string `json:"cluster_id" api:"required"`
}) (any, error) {
	ls, err := a.named(c, clusterAndLibraries{ClusterID: in.ClusterID}, "CAN_ATTACH_TO")
	if err != nil {
		return nil, err
	}
	return ls.report(c.now), nil
}

func (a *librariesArea) allStatuses(c *call, _ struct{}) (any, error) {
	var out struct {
		Statuses []libraryStatuses `json:"statuses,omitempty"`
	}
	for cl := range c.clusters.all(c.now) {
		if ls := a.of(cl); len(ls.all) > 0 && c.may(cl.securable(), "CAN_ATTACH_TO") {
			out.Statuses = append(out.Statuses, ls.report(c.now))
		}
	}
	return out, nil
}
