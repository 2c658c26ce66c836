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

// LibrariesService stores libraries as files in workspace directories and attaches
// them to clusters. [databricks.LibrariesService] is the newer way to install
// libraries.
type LibrariesService service

// A LibraryType is the file type of a library.
type LibraryType string

// Types of libraries.
const (
	LibraryJavaJAR    LibraryType = "java-jar"
	LibraryPythonEgg  LibraryType = "python-egg"
	LibraryPythonPyPI LibraryType = "python-pypi" // no file, but the name of a package
	LibraryScala      LibraryType = "scala"       // also a JAR; some clients send it
)

// A LibraryState is the state of a library on a cluster. The service may add
// states, so a switch over it needs a default.
type LibraryState string

// States of a library on a cluster.
const (
	LibraryAttaching LibraryState = "Attaching"
	LibraryAttached  LibraryState = "Attached"
	LibraryFailed    LibraryState = "Error"
	LibraryDetaching LibraryState = "Detaching"
	LibraryDetached  LibraryState = "Detached"
)

// AllClusters is a cluster ID for Attach and Detach. It stands for all current
// and future clusters.
const AllClusters = "__ALL_CLUSTERS"

// A Library is an element of the list of libraries.
type Library struct {
	ID     string `json:"id"` // also the object ID in newer workspace calls
	Name   string `json:"name"`
	Folder string `json:"folder"` // the workspace directory
}

// A LibraryStatus is a library with its status on each cluster.
type LibraryStatus struct {
	ID                string                 `json:"id"`
	Name              string                 `json:"name"`
	Folder            string                 `json:"folder"`
	Files             []string               `json:"files,omitzero"` // below dbfs:/FileStore/jars
	LibType           LibraryType            `json:"libType,omitzero"`
	AttachAllClusters bool                   `json:"attachAllClusters,omitzero"`
	Statuses          []LibraryClusterStatus `json:"statuses,omitzero"` // one for each cluster
}

// A LibraryClusterStatus is the status of a library on one cluster.
type LibraryClusterStatus struct {
	ClusterID string       `json:"clusterId"`
	Status    LibraryState `json:"status"`
	Message   string       `json:"message,omitzero"` // the error, also for an invalid file
}

type libraryRef struct {
	LibraryID string `json:"libraryId"`
}

type libraryOnCluster struct {
	LibraryID string `json:"libraryId"`
	ClusterID string `json:"clusterId"`
}

// List returns all libraries, whether attached or not.
// [LibrariesService.Status] returns the clusters to which a library is
// attached.
func (s *LibrariesService) List(ctx context.Context) ([]Library, error) {
	return list[Library](ctx, s.client, get("/api/1.2/libraries/list", struct{}{}))
}

// Status returns a library and its state on its clusters. If the library does
// not exist, the error matches fs.ErrNotExist.
func (s *LibrariesService) Status(ctx context.Context, libraryID string) (*LibraryStatus, error) {
	return area.Read[LibraryStatus](ctx, s.client.calls, get("/api/1.2/libraries/status", libraryRef{libraryID}))
}

// UploadLibrary describes a new library.
type UploadLibrary struct {
	LibType             LibraryType `json:"libType"`
	Name                string      `json:"name"`
	Folder              string      `json:"folder"` // the workspace directory, which must exist
	AttachToAllClusters *bool       `json:"attachToAllClusters,omitzero"`

	// File is the JAR or egg, for example from [FileFromPath]. For
	// [LibraryPythonPyPI], its content is the name of the package. Its Field is
	// ignored.
	File databricks.FilePart `json:"-"`
}

// Upload creates a library from a file and returns its ID. The service checks
// the file only when it is attached to a cluster. The library's status then
// shows an error. A library cannot be replaced. Instead, delete it, upload the
// new one, attach that, and restart the cluster. The client does not retry
// Upload after a lost response. List then shows whether the library was
// created.
func (s *LibrariesService) Upload(ctx context.Context, in UploadLibrary) (string, error) {
	return s.client.id(ctx, upload("/api/1.2/libraries/upload", in, "uri", in.File))
}

// Delete deletes a library. The client does not retry it after a lost response.
func (s *LibrariesService) Delete(ctx context.Context, libraryID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/libraries/delete", libraryRef{libraryID}), nil)
}

// Attach starts to attach a library to a cluster, or to [AllClusters].
// [LibrariesService.WaitAttached] waits for the result. Attach is idempotent,
// so the client retries it.
func (s *LibrariesService) Attach(ctx context.Context, libraryID, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/libraries/attach", libraryOnCluster{libraryID, clusterID}).MarkIdempotent(), nil)
}

// Detach starts to detach a library from a cluster. With [AllClusters], it
// detaches the library from the clusters to which it was not attached
// individually. Detach is idempotent, so the client retries it.
func (s *LibrariesService) Detach(ctx context.Context, libraryID, clusterID string) error {
	return s.client.calls.Do(ctx, form("/api/1.2/libraries/detach", libraryOnCluster{libraryID, clusterID}).MarkIdempotent(), nil)
}

// A LibraryError says why a library cannot be used on a cluster.
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

// WaitAttached waits until a library is attached to a cluster. It fails with a
// [*LibraryError] if that cannot happen.
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
