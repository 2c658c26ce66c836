package v12

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/internal/area"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/redact"
)

// LibrariesService keeps libraries as files in workspace folders and attaches
// them to clusters. It is the older way; see [databricks.LibrariesService] for
// the newer one.
type LibrariesService service

// A LibraryType is what kind of file a library is.
type LibraryType string

// Types of libraries.
const (
	LibraryJavaJAR    LibraryType = "java-jar"
	LibraryPythonEgg  LibraryType = "python-egg"
	LibraryPythonPyPI LibraryType = "python-pypi" // no file but the name of a package
	LibraryScala      LibraryType = "scala"       // a JAR, too; some clients send it
)

// A LibraryState is how far a library is on a cluster. The service may add
// some, so a switch over it needs a default.
type LibraryState string

// States of a library on a cluster.
const (
	LibraryAttaching LibraryState = "Attaching"
	LibraryAttached  LibraryState = "Attached"
	LibraryFailed    LibraryState = "Error"
	LibraryDetaching LibraryState = "Detaching"
	LibraryDetached  LibraryState = "Detached"
)

// AllClusters is, as a cluster ID for Attach and Detach, every cluster that
// there is and will be.
const AllClusters = "__ALL_CLUSTERS"

// A Library is an entry of the list of libraries.
type Library struct {
	ID     string `json:"id"` // the object id of the newer workspace calls, too
	Name   string `json:"name"`
	Folder string `json:"folder"` // of the workspace
}

// A LibraryStatus is what the service says of a library.
type LibraryStatus struct {
	ID                string                 `json:"id"`
	Name              string                 `json:"name"`
	Folder            string                 `json:"folder"`
	Files             []string               `json:"files,omitzero"` // below dbfs:/FileStore/jars
	LibType           LibraryType            `json:"libType,omitzero"`
	AttachAllClusters bool                   `json:"attachAllClusters,omitzero"`
	Statuses          []LibraryClusterStatus `json:"statuses,omitzero"` // one for each cluster
}

// A LibraryClusterStatus is how a library is doing on one cluster.
type LibraryClusterStatus struct {
	ClusterID string       `json:"clusterId"`
	Status    LibraryState `json:"status"`
	Message   string       `json:"message,omitzero"` // what is wrong, also of a file that was no good from the beginning
}

type libraryRef struct {
	LibraryID string `json:"libraryId"`
}

type libraryOnCluster struct {
	LibraryID string `json:"libraryId"`
	ClusterID string `json:"clusterId"`
}

// List returns all libraries, attached or not, without where they are attached;
// [LibrariesService.Status] tells that of one.
func (s *LibrariesService) List(ctx context.Context) ([]Library, error) {
	return list[Library](ctx, s.client, get("/api/1.2/libraries/list", struct{}{}))
}

// Status returns a library and how it is doing on its clusters. If there is none,
// the error matches fs.ErrNotExist.
func (s *LibrariesService) Status(ctx context.Context, libraryID string) (*LibraryStatus, error) {
	return area.Read[LibraryStatus](ctx, s.client.calls, get("/api/1.2/libraries/status", libraryRef{libraryID}))
}

// UploadLibrary asks for a new library.
type UploadLibrary struct {
	LibType             LibraryType `json:"libType"`
	Name                string      `json:"name"`
	Folder              string      `json:"folder"` // of the workspace; must be there
	AttachToAllClusters *bool       `json:"attachToAllClusters,omitzero"`

	// URI is the JAR or egg, from a place such as [FileFromPath]; of
	// [LibraryPythonPyPI] its content is the name of the package. Its Field is
	// not looked at.
	File databricks.FilePart `json:"-"`
}

// Upload makes a library of a file and returns its ID. Whether the file is any
// good shows only on a cluster, in the library's status. A library cannot be
// replaced: delete it, upload the new one, attach that, restart the cluster.
// The call is not repeated when its answer is lost; List tells then whether the
// library was made.
func (s *LibrariesService) Upload(ctx context.Context, in UploadLibrary) (string, error) {
	return s.client.id(ctx, upload("/api/1.2/libraries/upload", in, "uri", in.File))
}

// Delete deletes a library. The call is not repeated when its answer is lost.
func (s *LibrariesService) Delete(ctx context.Context, libraryID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/libraries/delete", libraryRef{libraryID}), nil)
}

// Attach begins to put a library on a cluster, or on [AllClusters].
// [LibrariesService.WaitAttached] tells how it went. It may be repeated.
func (s *LibrariesService) Attach(ctx context.Context, libraryID, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/libraries/attach", libraryOnCluster{libraryID, clusterID}).MarkIdempotent(), nil)
}

// Detach begins to take a library off a cluster. From [AllClusters], it takes
// it off those that it was not attached to one by one. It may be repeated.
func (s *LibrariesService) Detach(ctx context.Context, libraryID, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/libraries/detach", libraryOnCluster{libraryID, clusterID}).MarkIdempotent(), nil)
}

// A LibraryError says that a library cannot be used on a cluster, and why not.
type LibraryError struct {
	LibraryID string
	LibraryClusterStatus
}

// Error names the library, the cluster and the reason.
func (e *LibraryError) Error() string {
	text := fmt.Sprintf("databricks: library %s on cluster %s is %s", e.LibraryID, e.ClusterID, e.Status)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return redact.Line(text, maxText)
}

// WaitAttached waits until a library that was attached to a cluster can be used
// there. It fails with a [*LibraryError] if that will not happen.
func (s *LibrariesService) WaitAttached(ctx context.Context, libraryID, clusterID string) error {
	get := func(ctx context.Context) (*LibraryStatus, error) { return s.Status(ctx, libraryID) }
	state := func(l *LibraryStatus) (on LibraryClusterStatus) {
		if i := slices.IndexFunc(l.Statuses, func(on LibraryClusterStatus) bool { return on.ClusterID == clusterID }); i >= 0 {
			on = l.Statuses[i]
		}
		return on
	}
	for seen, err := range watch(ctx, s.client, get, state) {
		if err != nil {
			return errs.About(fmt.Sprintf("waiting for library %s", libraryID), err)
		}
		switch on := state(seen); on.Status {
		case LibraryAttached:
			return nil
		case LibraryFailed, LibraryDetaching, LibraryDetached:
			return &LibraryError{libraryID, on}
		}
	}
	return nil
}
