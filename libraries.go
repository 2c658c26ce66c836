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

// LibrariesService installs libraries on clusters and uninstalls them. A
// library has no ID. All fields of the [Library] value together identify it.
//
// See https://docs.databricks.com/api/workspace/libraries.
type LibrariesService service

// A LibraryInstallStatus is the status of a library on a cluster. The service
// may add statuses, so a switch over it needs a default.
type LibraryInstallStatus string

// Statuses of a library on a cluster.
const (
	LibraryPending            LibraryInstallStatus = "PENDING"              // not started; also while the cluster is not running
	LibraryResolving          LibraryInstallStatus = "RESOLVING"            // the service is querying the library's repository
	LibraryInstalling         LibraryInstallStatus = "INSTALLING"           // the nodes are installing the library
	LibraryInstalled          LibraryInstallStatus = "INSTALLED"            // ready for use
	LibrarySkipped            LibraryInstallStatus = "SKIPPED"              // not installed, because it does not support the runtime's Scala version
	LibraryFailed             LibraryInstallStatus = "FAILED"               // Messages give the reason
	LibraryUninstallOnRestart LibraryInstallStatus = "UNINSTALL_ON_RESTART" // still installed; removed by the next restart of the cluster
	LibraryRestored           LibraryInstallStatus = "RESTORED"             // restored from an earlier state
	LibraryInError            LibraryInstallStatus = "ERROR"                // older name of FAILED
)

// A Library is a library to install on a cluster or for the tasks of a job. Set
// exactly one field.
type Library struct {
	JAR          string        `json:"jar,omitzero"`          // URI of a JAR file, such as dbfs:/FileStore/jars/etl.jar
	Egg          string        `json:"egg,omitzero"`          // URI of an egg; rejected by runtimes from version 14 on
	Whl          string        `json:"whl,omitzero"`          // URI of a wheel, or of a .wheelhouse.zip that contains several wheels
	PyPI         *PyPILibrary  `json:"pypi,omitzero"`         // package from a Python package index
	Maven        *MavenLibrary `json:"maven,omitzero"`        // package from a Maven repository
	CRAN         *CRANLibrary  `json:"cran,omitzero"`         // package from a CRAN mirror
	Requirements string        `json:"requirements,omitzero"` // path of a requirements.txt file in /Workspace or /Volumes
}

// A PyPILibrary is a package in a Python package index.
type PyPILibrary struct {
	Package string `json:"package"`       // pip requirement, such as simplejson or simplejson==3.8.0
	Repo    string `json:"repo,omitzero"` // URL of the index; empty for pip's default
}

// A MavenLibrary is a package in a Maven repository. The service also installs
// its dependencies.
type MavenLibrary struct {
	Coordinates string   `json:"coordinates"`         // group:artifact:version
	Repo        string   `json:"repo,omitzero"`       // URL of the repository; empty for Maven Central and Spark Packages
	Exclusions  []string `json:"exclusions,omitzero"` // dependencies to exclude, as group:artifact or *:artifact
}

// A CRANLibrary is an R package.
type CRANLibrary struct {
	Package string `json:"package"`
	Repo    string `json:"repo,omitzero"` // URL of the mirror; empty for the default
}

// String returns the kind and the name of the library, such as "pypi
// simplejson==3.8.0". It omits repositories, and passwords in URLs.
func (l Library) String() string {
	var kinds []string
	for _, k := range l.kinds() {
		kinds = append(kinds, k.name+" "+userInfo.ReplaceAllString(k.what, "$1"))
	}
	return strings.Join(kinds, ", ")
}

var userInfo = regexp.MustCompile(`(https?://)[^/@\s]*@`)

// kinds returns the name of each field that is set, and the part of its value
// that must not be empty.
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

// check rejects a library with no kind, several kinds or an empty name.
func (l Library) check() error {
	switch kinds := l.kinds(); {
	case len(kinds) == 0:
		return badArg("libraries", "contains an empty library; set exactly one of jar, egg, whl, pypi, maven, cran and requirements")
	case len(kinds) > 1:
		return badArg("libraries", "contains a library with several kinds (%s); use one library for each", l)
	case kinds[0].what == "":
		return badArg("libraries", "contains a %s library without a name", kinds[0].name)
	}
	return nil
}

// checkLibraries returns the error of the first invalid library.
func checkLibraries(libraries []Library) error {
	for _, l := range libraries {
		if err := l.check(); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether two values identify the same library.
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

// A LibraryStatus is the status of one library on a cluster.
type LibraryStatus struct {
	Library                 Library              `json:"library"`
	Status                  LibraryInstallStatus `json:"status"`
	Messages                []string             `json:"messages"`                    // errors and other messages about the installation
	IsLibraryForAllClusters bool                 `json:"is_library_for_all_clusters"` // installed on every cluster of the workspace
}

// ClusterLibraryStatuses are the statuses of all libraries of one cluster:
// first its own libraries in the order in which they were added, then the
// libraries of all clusters, and last the libraries that are about to be
// removed.
type ClusterLibraryStatuses struct {
	ClusterID       string          `json:"cluster_id"`
	LibraryStatuses []LibraryStatus `json:"library_statuses"`
}

// AllClusterStatuses returns the library statuses of every cluster that has
// libraries.
func (s *LibrariesService) AllClusterStatuses(ctx context.Context) ([]ClusterLibraryStatuses, error) {
	response, err := do[struct {
		Statuses []ClusterLibraryStatuses `json:"statuses"`
	}](ctx, s.client, get("/api/2.0/libraries/all-cluster-statuses"))
	if err != nil {
		return nil, err
	}
	return response.Statuses, nil
}

// ClusterStatus returns the library statuses of a cluster, even if the cluster
// is not running. It fails with [ErrResourceDoesNotExist] if the cluster does
// not exist.
func (s *LibrariesService) ClusterStatus(ctx context.Context, clusterID string) (*ClusterLibraryStatuses, error) {
	return do[ClusterLibraryStatuses](ctx, s.client, get("/api/2.0/libraries/cluster-status").required("cluster_id", clusterID))
}

// Install requests the installation of libraries on a cluster. It returns
// immediately. [LibrariesService.WaitInstalled] waits for the result. A cluster
// that is not running installs the libraries when it starts. Installing a library
// again has no effect, so the client retries the call. Install fails with
// [ErrResourceDoesNotExist] if the cluster does not exist.
func (s *LibrariesService) Install(ctx context.Context, clusterID string, libraries []Library) error {
	return s.client.Do(ctx, post("/api/2.0/libraries/install").
		required("cluster_id", clusterID).required("libraries", libraries).check(checkLibraries(libraries)).idempotent(), nil)
}

// Uninstall marks libraries of a cluster for removal. The next restart of the
// cluster removes them. All fields of each library must have the values that
// ClusterStatus returns. The service ignores libraries that are not installed,
// so the client retries the call. Uninstall fails with
// [ErrResourceDoesNotExist] if the cluster does not exist.
func (s *LibrariesService) Uninstall(ctx context.Context, clusterID string, libraries []Library) error {
	return s.client.Do(ctx, post("/api/2.0/libraries/uninstall").
		required("cluster_id", clusterID).required("libraries", libraries).check(checkLibraries(libraries)).idempotent(), nil)
}

// A LibraryError says why a library is not installed on a cluster.
type LibraryError struct {
	ClusterID string
	LibraryStatus
}

// Error names the library, the cluster and the reason.
func (e *LibraryError) Error() string {
	text := fmt.Sprintf("databricks: cluster %s: library %s ", e.ClusterID, e.Library)
	if e.Status == "" {
		return text + "is not installed, and its installation was not requested"
	}
	text += "is " + string(e.Status)
	if len(e.Messages) > 0 {
		text += ": " + oneLine(strings.Join(e.Messages, "; "), 500)
	}
	return oneLine(text, maxLine)
}

// unlisted is how long a library may be absent from the cluster's list after
// the service accepted the request to install it.
const unlisted = 10 * time.Second

// WaitInstalled waits until the given libraries are installed on the cluster.
// It ignores other libraries. It does not install anything: call Install first.
// Libraries that the service skips, and libraries that it will remove at the
// next restart, count as installed.
//
// WaitInstalled returns when each library is either installed or failed. The
// error then joins a [*LibraryError] for each library that failed or was never
// requested. The wait has no limit other than the context. If the cluster is
// not running, its libraries remain [LibraryPending] until it starts. In a dry
// run, WaitInstalled gets the status once.
func (s *LibrariesService) WaitInstalled(ctx context.Context, clusterID string, libraries []Library) error {
	if err := checkLibraries(libraries); err != nil || len(libraries) == 0 {
		return err
	}
	var (
		started = time.Now()
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
				if time.Since(started) >= unlisted {
					failed = append(failed, &LibraryError{clusterID, status})
					break
				}
				fallthrough
			default:
				waiting = append(waiting, oneLine(fmt.Sprintf("%s %s", l, cmp.Or(string(status.Status), "not listed")), 500))
			}
		}
		if len(waiting) == 0 {
			break
		}
	}
	return errs.Join(failed...)
}
