package databricks

import (
	"bytes"
	"context"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/response"
)

// WorkspaceService manages the notebooks, directories, libraries and files of a
// workspace. Paths are absolute and start with a slash, such as
// /Users/alice@example.com/report.
//
// See https://docs.databricks.com/api/workspace/workspace.
type WorkspaceService service

// A WorkspaceObjectType is the type of a workspace object. The service may add
// types, so a switch over it needs a default.
type WorkspaceObjectType string

// Types of objects.
const (
	ObjectNotebook    WorkspaceObjectType = "NOTEBOOK"
	ObjectDirectory   WorkspaceObjectType = "DIRECTORY"
	ObjectLibrary     WorkspaceObjectType = "LIBRARY" // cannot be exported
	ObjectFile        WorkspaceObjectType = "FILE"    // a file of any kind
	ObjectRepo        WorkspaceObjectType = "REPO"    // the root of a Git folder
	ObjectDashboard   WorkspaceObjectType = "DASHBOARD"
	ObjectExperiment  WorkspaceObjectType = "MLFLOW_EXPERIMENT"
	ObjectUnspecified WorkspaceObjectType = "OBJECT_TYPE_UNSPECIFIED" // placeholder that some clients use
)

// A WorkspaceLanguage is the default language of a notebook.
type WorkspaceLanguage string

// Languages of notebooks.
const (
	LanguageScala  WorkspaceLanguage = "SCALA"
	LanguagePython WorkspaceLanguage = "PYTHON"
	LanguageSQL    WorkspaceLanguage = "SQL"
	LanguageR      WorkspaceLanguage = "R"
)

// An ExportFormat is the format of an export.
type ExportFormat string

// Export formats.
const (
	ExportSource    ExportFormat = "SOURCE"     // the source code of a notebook; newer servers export a directory as a zip of source files
	ExportHTML      ExportFormat = "HTML"       // an HTML page with the notebook and its results
	ExportJupyter   ExportFormat = "JUPYTER"    // an .ipynb file
	ExportDBC       ExportFormat = "DBC"        // a Databricks archive; the only format in which every server exports directories
	ExportRMarkdown ExportFormat = "R_MARKDOWN" // for R notebooks
	ExportAuto      ExportFormat = "AUTO"       // chosen by the type of the object: source code, a zip, or the file itself
	ExportRaw       ExportFormat = "RAW"        // the bytes of a file
)

// An ImportFormat is the format of imported content.
type ImportFormat string

// Import formats.
const (
	ImportSource    ImportFormat = "SOURCE"     // source code; requires a language
	ImportHTML      ImportFormat = "HTML"       // an HTML page from an export
	ImportJupyter   ImportFormat = "JUPYTER"    // an .ipynb file
	ImportDBC       ImportFormat = "DBC"        // a Databricks archive, for importing a directory; excludes Overwrite
	ImportRMarkdown ImportFormat = "R_MARKDOWN" // an R Markdown file
	ImportAuto      ImportFormat = "AUTO"       // chosen by file extension and first line; the path of a notebook loses the extension
	ImportRaw       ImportFormat = "RAW"        // a file, stored without changes
)

// A WorkspaceObject is an object in the workspace, such as a notebook or a
// directory.
type WorkspaceObject struct {
	ObjectType            WorkspaceObjectType    `json:"object_type"`
	Path                  string                 `json:"path"`
	Language              WorkspaceLanguage      `json:"language,omitzero"`                // notebooks only
	ObjectID              int64                  `json:"object_id,omitzero"`               // unique within the workspace; 0 if the server is very old
	CreatedAt             Millis                 `json:"created_at,omitzero"`              // files only
	ModifiedAt            Millis                 `json:"modified_at,omitzero"`             // files only
	Size                  *int64                 `json:"size,omitzero"`                    // in bytes; files only
	ResourceID            string                 `json:"resource_id,omitzero"`             // the ID that other APIs use
	DirectoryInfo         *DirectoryInfo         `json:"directory_info,omitzero"`          // directories only
	ReposExportFormat     ExportFormat           `json:"repos_export_format,omitzero"`     // set if GetObjectStatus requests it
	GitInfo               *GitInfo               `json:"git_info,omitzero"`                // set within a Git folder if GetObjectStatus requests it
	ModifiedAtInteractive *ModifiedAtInteractive `json:"modified_at_interactive,omitzero"` // undocumented
}

// DirectoryInfo describes a directory.
type DirectoryInfo struct {
	IsGitFolder bool `json:"is_git_folder,omitzero"` // the directory is the root of a Git folder
}

// GitInfo describes the Git folder that contains an object, and the commit that
// is checked out there.
type GitInfo struct {
	ID           int64  `json:"id,omitzero"`             // ID of the Git folder
	Path         string `json:"path,omitzero"`           // path of the Git folder
	URL          string `json:"url,omitzero"`            // URL of the remote repository
	Provider     string `json:"provider,omitzero"`       // such as gitHub or azureDevOpsServices
	Branch       string `json:"branch,omitzero"`         // the branch that is checked out
	HeadCommitID string `json:"head_commit_id,omitzero"` // the commit that is checked out
}

// ModifiedAtInteractive says who last changed a notebook in the editor, and
// when.
type ModifiedAtInteractive struct {
	UserID string `json:"user_id,omitzero"`
	Time   Millis `json:"time_millis,omitzero"`
}

// DeleteObject selects an object to delete.
type DeleteObject struct {
	Path      string `json:"path"`
	Recursive bool   `json:"recursive,omitzero"` // also delete a directory that is not empty
}

func (in DeleteObject) check() error { return checkWorkspacePath(in.Path) }

// Delete deletes an object permanently. It fails with [ErrDirectoryNotEmpty]
// for a directory that is not empty, unless Recursive is set. It fails with
// [ErrResourceDoesNotExist] if nothing is at the path. A recursive delete that
// fails may have deleted some of the objects. The client does not retry Delete
// after a lost response, because somebody else may have created a new object at
// the path.
func (s *WorkspaceService) Delete(ctx context.Context, in DeleteObject) error {
	return s.client.Do(ctx, post("/api/2.0/workspace/delete").on(in.Path).params(in), nil)
}

// ExportObject selects an object and the format of its export.
type ExportObject struct {
	Path   string       `json:"path"`
	Format ExportFormat `json:"format,omitzero"` // empty for ExportSource

	// DirectDownload requests the raw bytes instead of base64 in JSON. Servers
	// from before 2018 do not support it. A page from something in between, such
	// as a sign-in page, then looks like content.
	DirectDownload bool `json:"direct_download,omitzero"`
}

func (in ExportObject) check() error { return checkWorkspacePath(in.Path) }

// A WorkspaceExport is an exported object.
type WorkspaceExport struct {
	Content  []byte `json:"content"`
	FileType string `json:"file_type,omitzero"` // such as py, ipynb, dbc or html; empty with DirectDownload and from older servers
}

func (e *WorkspaceExport) validate() error {
	return named("content", e.Content != nil || e.FileType != "")
}

// Export returns the content of an object. The service exports at most 10 MiB.
// For larger objects, the error matches [ErrTooLarge]. Libraries cannot be
// exported.
func (s *WorkspaceService) Export(ctx context.Context, in ExportObject) (*WorkspaceExport, error) {
	request := get("/api/2.0/workspace/export").on(in.Path).params(in)
	if !in.DirectDownload {
		return do[WorkspaceExport](ctx, s.client, request)
	}
	out := new(WorkspaceExport)
	err := s.client.Do(ctx, request, func(body io.Reader) (err error) {
		out.Content, err = response.ReadAll(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// GetObjectStatus selects an object and optional details to return with it. The
// two options are undocumented. Servers that do not support them ignore them.
type GetObjectStatus struct {
	Path             string `json:"path"`
	ReturnExportInfo bool   `json:"return_export_info,omitzero"` // return WorkspaceObject.ReposExportFormat
	ReturnGitInfo    bool   `json:"return_git_info,omitzero"`    // return WorkspaceObject.GitInfo
}

func (in GetObjectStatus) check() error { return checkWorkspacePath(in.Path) }

// GetStatus returns the object at a path. It fails with
// [ErrResourceDoesNotExist] if nothing is there.
func (s *WorkspaceService) GetStatus(ctx context.Context, in GetObjectStatus) (*WorkspaceObject, error) {
	return do[WorkspaceObject](ctx, s.client, get("/api/2.0/workspace/get-status").on(in.Path).params(in))
}

// ImportObject describes an object to create.
type ImportObject struct {
	Path      string            `json:"path"`
	Format    ImportFormat      `json:"format,omitzero"`   // empty for ImportSource
	Language  WorkspaceLanguage `json:"language,omitzero"` // required for ImportSource, unless Content is a zip of source files; otherwise ignored
	Content   []byte            `json:"-"`                 // at most 10 MiB; may be empty
	Overwrite bool              `json:"overwrite,omitzero"`

	// Multipart sends the content as raw bytes instead of base64 in JSON. The
	// request is then a quarter smaller. The limit of 10 MiB applies to the
	// content instead of the whole request.
	Multipart bool `json:"-"`
}

// maxNotebook is the largest size that the service imports and exports, in
// bytes.
const maxNotebook = 10 << 20

func (in ImportObject) check() error {
	switch {
	case len(in.Content) > maxNotebook:
		return badArg("content", "has %d bytes; the maximum is %d", len(in.Content), maxNotebook)
	case in.Format == ImportDBC && in.Overwrite:
		return badArg("overwrite", "cannot be set for format DBC; delete the existing directory first")
	}
	return checkWorkspacePath(in.Path)
}

// importJSON is an ImportObject with its content. The content must be sent even
// if it is empty. Otherwise the service expects a multipart request.
type importJSON struct {
	ImportObject
	Content []byte `json:"content"`
}

type importReply struct {
	ObjectID int64 `json:"object_id,omitzero"`
}

// Import creates a notebook, a file or a directory of notebooks, and returns
// its ID. Older servers do not send the ID, so it is 0. Import fails with
// [ErrResourceDoesNotExist] if the parent directory does not exist. It fails
// with [ErrResourceAlreadyExists] if something is at the path, unless Overwrite
// is set.
//
// The client does not retry Import after a lost response, not even with
// Overwrite. The service may still process the lost request later, and would then
// replace what you import to the path in the meantime. You can safely import the
// same content again.
func (s *WorkspaceService) Import(ctx context.Context, in ImportObject) (int64, error) {
	return s.importFrom(ctx, in, int64(len(in.Content)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(in.Content)), nil
	})
}

// importFrom imports the content that open returns. The content may differ from
// in.Content only if in.Multipart is set.
func (s *WorkspaceService) importFrom(ctx context.Context, in ImportObject, size int64, open func() (io.ReadCloser, error)) (int64, error) {
	content := in.Content
	if content == nil {
		content = []byte{}
	}
	request := post("/api/2.0/workspace/import").on(in.Path).params(importJSON{in, content})
	if in.Multipart {
		fields := [][2]string{{"path", in.Path}}
		for _, field := range [][2]string{{"format", string(in.Format)}, {"language", string(in.Language)}} {
			if field[1] != "" {
				fields = append(fields, field)
			}
		}
		fields = append(fields, [2]string{"overwrite", strconv.FormatBool(in.Overwrite)})
		request.Body = Multipart(fields, FilePart{Field: "content", Name: "content", Size: size, Open: open})
	}
	reply, err := do[importReply](ctx, s.client, request)
	if err != nil {
		return 0, err
	}
	return reply.ObjectID, nil
}

// ListObjects selects the directory to list.
type ListObjects struct {
	Path                   string `json:"path"`
	NotebooksModifiedAfter Millis `json:"notebooks_modified_after,omitzero"` // omit notebooks that were not modified after this time
}

func (in ListObjects) check() error { return checkWorkspacePath(in.Path) }

func listObjects(in ListObjects) Request {
	return get("/api/2.0/workspace/list").on(in.Path).params(in)
}

// List returns the objects in a directory, in no particular order. It does not
// list subdirectories. If the object at the path is not a directory, List
// returns that object.
func (s *WorkspaceService) List(ctx context.Context, in ListObjects) ([]WorkspaceObject, error) {
	response, err := do[struct {
		Objects []WorkspaceObject `json:"objects"`
	}](ctx, s.client, listObjects(in))
	if err != nil {
		return nil, err
	}
	return response.Objects, nil
}

// All yields the objects that List returns as they arrive. Its memory use does
// not depend on the size of the directory. Each range over the sequence sends a
// new request.
func (s *WorkspaceService) All(ctx context.Context, in ListObjects) iter.Seq2[WorkspaceObject, error] {
	return stream[WorkspaceObject](ctx, s.client, listObjects(in), "objects", nil)
}

// Mkdirs creates a directory and its missing parents. An existing directory is
// not an error. Mkdirs fails with [ErrResourceAlreadyExists] if an object of
// another type is at the path or at the path of a parent. It is idempotent, so
// the client retries it.
func (s *WorkspaceService) Mkdirs(ctx context.Context, path string) error {
	return s.client.Do(ctx, post("/api/2.0/workspace/mkdirs").on(path).required("path", path).check(checkWorkspacePath(path)).idempotent(), nil)
}

// checkWorkspacePath rejects invalid paths.
func checkWorkspacePath(path string) error {
	switch {
	case path == "":
		return badArg("path", isRequired)
	case !strings.HasPrefix(path, "/"):
		return badArg("path", "%.100q is not absolute; want something like /Users/alice@example.com/report", path)
	case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
		return badArg("path", "%.100q contains a zero byte or is not valid UTF-8", path)
	}
	return nil
}
