package databricks

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
)

// LibrariesService puts libraries on clusters and takes them off. A library
// has no id: the [Library] value, all its fields, is what tells it from others.
//
// See https://docs.databricks.com/api/workspace/libraries.
type LibrariesService service

// A LibraryInstallStatus is how far a library is on its cluster. The service
// may add some, so a switch over it needs a default.
type LibraryInstallStatus string

// Statuses of a library on a cluster.
const (
	LibraryPending            LibraryInstallStatus = "PENDING"              // not begun; stays so while the cluster does not run
	LibraryResolving          LibraryInstallStatus = "RESOLVING"            // its repository is being asked
	LibraryInstalling         LibraryInstallStatus = "INSTALLING"           // on its way to the nodes
	LibraryInstalled          LibraryInstallStatus = "INSTALLED"            // ready for use
	LibrarySkipped            LibraryInstallStatus = "SKIPPED"              // left out, as it does not go with the runtime's Scala
	LibraryFailed             LibraryInstallStatus = "FAILED"               // Messages say why
	LibraryUninstallOnRestart LibraryInstallStatus = "UNINSTALL_ON_RESTART" // still there; gone after the cluster's next restart
	LibraryRestored           LibraryInstallStatus = "RESTORED"             // there again, of an earlier state
	LibraryInError            LibraryInstallStatus = "ERROR"                // an older word for FAILED
)

// A Library is something to install on a cluster, for a cluster as well as for
// the tasks of a job. Exactly one field is set.
type Library struct {
	JAR          string        `json:"jar,omitzero"`          // URI of a JAR, such as dbfs:/FileStore/jars/etl.jar
	Egg          string        `json:"egg,omitzero"`          // URI of an egg; refused by runtimes from 14 on
	Whl          string        `json:"whl,omitzero"`          // URI of a wheel, or of a .wheelhouse.zip of several
	PyPI         *PyPILibrary  `json:"pypi,omitzero"`         // from a Python index
	Maven        *MavenLibrary `json:"maven,omitzero"`        // from a Maven repository
	CRAN         *CRANLibrary  `json:"cran,omitzero"`         // from a CRAN mirror
	Requirements string        `json:"requirements,omitzero"` // path of a requirements.txt in /Workspace or /Volumes
}

// A PyPILibrary is a package of a Python index.
type PyPILibrary struct {
	Package string `json:"package"`       // as pip takes it: simplejson, simplejson==3.8.0
	Repo    string `json:"repo,omitzero"` // URL of the index; empty for pip's own
}

// A MavenLibrary is a package of a Maven repository, with what it depends on.
type MavenLibrary struct {
	Coordinates string   `json:"coordinates"`         // group:artifact:version
	Repo        string   `json:"repo,omitzero"`       // URL; empty for Maven Central and Spark Packages
	Exclusions  []string `json:"exclusions,omitzero"` // dependencies to leave out: group:artifact, *:artifact
}

// A CRANLibrary is a package of R.
type CRANLibrary struct {
	Package string `json:"package"`
	Repo    string `json:"repo,omitzero"` // URL of the mirror; empty for the usual one
}

// String names the library by its kind and what it is, such as
// "pypi simplejson==3.8.0". Repositories and passwords in URLs are left out.
func (l Library) String() string {
	var kinds []string
	for _, k := range l.kinds() {
		kinds = append(kinds, k.name+" "+userInfo.ReplaceAllString(k.what, "$1"))
	}
	return strings.Join(kinds, ", ")
}

var userInfo = regexp.MustCompile(`(https?://)[^/@\s]*@`)

// kinds lists the fields that are set, by name, each with the part that must
// not be empty.
func (l Library) kinds() (kinds []struct{ name, what string }) {
	add := func(set bool, name, what string) {
		if set {
			kinds = append(kinds, struct{ name, what string }{name, what})
		}
	}
	add(l.JAR != "", "jar", l.JAR)
	add(l.Egg != "", "egg", l.Egg)
	add(l.Whl != "", "whl", l.Whl)
	if l.PyPI != nil {
		add(true, "pypi", l.PyPI.Package)
	}
	if l.Maven != nil {
		add(true, "maven", l.Maven.Coordinates)
	}
	if l.CRAN != nil {
		add(true, "cran", l.CRAN.Package)
	}
	add(l.Requirements != "", "requirements", l.Requirements)
	return kinds
}

// check says what is wrong with the library. Services whose inputs hold
// libraries call it, with checkLibraries, in checks of their own.
func (l Library) check() error {
	switch kinds := l.kinds(); {
	case len(kinds) == 0:
		return badArg("libraries", "holds an empty library; exactly one of jar, egg, whl, pypi, maven, cran and requirements must be set")
	case len(kinds) > 1:
		return badArg("libraries", "holds one library that is several (%s); give each its own", l)
	case kinds[0].what == "":
		return badArg("libraries", "holds a %s library without its name", kinds[0].name)
	}
	return nil
}

// checkLibraries returns what is wrong with the first library that is wrong.
func checkLibraries(libraries []Library) error {
	for _, l := range libraries {
		if err := l.check(); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether two values name one library.
func (l Library) same(m Library) bool {
	if l.Maven != nil && m.Maven != nil {
		a, b := *l.Maven, *m.Maven
		if a.Coordinates != b.Coordinates || a.Repo != b.Repo || !slices.Equal(a.Exclusions, b.Exclusions) {
			return false
		}
		l.Maven, m.Maven = nil, nil
	}
	return l.JAR == m.JAR && l.Egg == m.Egg && l.Whl == m.Whl && l.Requirements == m.Requirements &&
		equal(l.PyPI, m.PyPI) && equal(l.CRAN, m.CRAN) && l.Maven == m.Maven
}

// equal reports whether both are nil, or both point to the same value.
func equal[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// A LibraryStatus is how one library of a cluster is doing.
type LibraryStatus struct {
	Library                 Library              `json:"library"`
	Status                  LibraryInstallStatus `json:"status"`
	Messages                []string             `json:"messages"`                    // what went wrong, and what else there is to say
	IsLibraryForAllClusters bool                 `json:"is_library_for_all_clusters"` // installed on every cluster of the workspace
}

// ClusterLibraryStatuses are all libraries of one cluster: its own in the order
// they were added, then those of all clusters, then those about to be removed.
type ClusterLibraryStatuses struct {
	ClusterID       string          `json:"cluster_id"`
	LibraryStatuses []LibraryStatus `json:"library_statuses"`
}

// AllClusterStatuses returns the libraries of every cluster that has some.
func (s *LibrariesService) AllClusterStatuses(ctx context.Context) ([]ClusterLibraryStatuses, error) {
	reply, err := do[struct {
		Statuses []ClusterLibraryStatuses `json:"statuses"`
	}](ctx, s.client, get("/api/2.0/libraries/all-cluster-statuses"))
	if err != nil {
		return nil, err
	}
	return reply.Statuses, nil
}

// ClusterStatus returns the libraries of a cluster, whether it runs or not. It
// fails with [ErrResourceDoesNotExist] if there is no such cluster.
func (s *LibrariesService) ClusterStatus(ctx context.Context, clusterID string) (*ClusterLibraryStatuses, error) {
	return do[ClusterLibraryStatuses](ctx, s.client, get("/api/2.0/libraries/cluster-status").required("cluster_id", clusterID))
}

// Install asks for libraries to be put on a cluster, beside those it has. It
// returns at once; [LibrariesService.WaitInstalled] tells how it went. A
// cluster that does not run installs them when it starts. Asking again for a
// library that is there does nothing, so the call may be repeated. It fails
// with [ErrResourceDoesNotExist] if there is no such cluster.
func (s *LibrariesService) Install(ctx context.Context, clusterID string, libraries []Library) error {
	return s.client.Do(ctx, post("/api/2.0/libraries/install").
		required("cluster_id", clusterID).required("libraries", libraries).check(checkLibraries(libraries)).idempotent(), nil)
}

// Uninstall marks libraries of a cluster for removal. They stay until the
// cluster restarts. Each must be spelled as ClusterStatus returns it, all
// fields; one that is not there is passed over, so the call may be repeated.
// It fails with [ErrResourceDoesNotExist] if there is no such cluster.
func (s *LibrariesService) Uninstall(ctx context.Context, clusterID string, libraries []Library) error {
	return s.client.Do(ctx, post("/api/2.0/libraries/uninstall").
		required("cluster_id", clusterID).required("libraries", libraries).check(checkLibraries(libraries)).idempotent(), nil)
}

// A LibraryError says that a library is not on a cluster, and why not.
type LibraryError struct {
	ClusterID string
	LibraryStatus
}

// Error names the library, the cluster and the reason.
func (e *LibraryError) Error() string {
	text := fmt.Sprintf("databricks: cluster %s: library %s ", e.ClusterID, e.Library)
	if e.Status == "" {
		return text + "is not among those to install"
	}
	text += "is " + string(e.Status)
	if len(e.Messages) > 0 {
		text += ": " + oneLine(strings.Join(e.Messages, "; "), 500)
	}
	return oneLine(text, maxLine)
}

// unlisted is how long a library may be missing from the cluster's list after
// the service took the order to install it.
const unlisted = 10 * time.Second

// WaitInstalled waits until the given libraries are on the cluster, and looks
// at no others. It asks for nothing: Install them first. Libraries that the
// service skips or will remove at the next restart count as done.
//
// Once each of them is done or has failed, WaitInstalled returns a
// [*LibraryError] for each that failed, or that nobody asked the cluster to
// install, all joined into one error. There is no other bound than the context: a
// cluster that does not run, or stops meanwhile, leaves its libraries
// [LibraryPending] until it starts. A client that only plans looks once.
func (s *LibrariesService) WaitInstalled(ctx context.Context, clusterID string, libraries []Library) error {
	if err := checkLibraries(libraries); err != nil || len(libraries) == 0 {
		return err
	}
	var (
		began   = time.Now()
		waiting []string
		failed  []error
	)
	get := func(ctx context.Context) (*ClusterLibraryStatuses, error) { return s.ClusterStatus(ctx, clusterID) }
	everyPoll := func(_, _ *ClusterLibraryStatuses) bool { return false }
	for seen, err := range watch(ctx, s.client, "the libraries of cluster "+clusterID, get, everyPoll) {
		if err != nil {
			if len(waiting) > 0 {
				err = fmt.Errorf("%w; last seen: %s", err, strings.Join(waiting, ", "))
			}
			return err
		}
		waiting, failed = nil, nil
		for _, l := range libraries {
			status := LibraryStatus{Library: l}
			if i := slices.IndexFunc(seen.LibraryStatuses, func(st LibraryStatus) bool { return st.Library.same(l) }); i >= 0 {
				status = seen.LibraryStatuses[i]
			}
			switch status.Status {
			case LibraryInstalled, LibrarySkipped, LibraryUninstallOnRestart, LibraryRestored:
			case LibraryFailed, LibraryInError:
				failed = append(failed, &LibraryError{clusterID, status})
			case "":
				if time.Since(began) >= unlisted {
					failed = append(failed, &LibraryError{clusterID, status})
					break
				}
				fallthrough
			default:
				waiting = append(waiting, fmt.Sprintf("%s %s", l, cmp.Or(string(status.Status), "not listed")))
			}
		}
		if len(waiting) == 0 {
			break
		}
	}
	return errs.Join(failed...)
}
