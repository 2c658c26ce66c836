package databricks

import (
	"bytes"
	"context"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/reply"
)

// WorkspaceService manages the tree of notebooks, folders, libraries and files
// of a workspace. Its paths are absolute and begin with a slash, such as
// /Users/alice@example.com/report.
//
// The reference of its calls is at https://docs.databricks.com/api/workspace/workspace.
type WorkspaceService service

// A WorkspaceObjectType is what stands at a path. The service may add types.
type WorkspaceObjectType string

// Types of objects.
const (
	ObjectNotebook    WorkspaceObjectType = "NOTEBOOK"
	ObjectDirectory   WorkspaceObjectType = "DIRECTORY"
	ObjectLibrary     WorkspaceObjectType = "LIBRARY"                 // cannot be exported
	ObjectFile        WorkspaceObjectType = "FILE"                    // any file, kept as it is
	ObjectRepo        WorkspaceObjectType = "REPO"                    // the root of a git folder
	ObjectDashboard   WorkspaceObjectType = "DASHBOARD"               //
	ObjectExperiment  WorkspaceObjectType = "MLFLOW_EXPERIMENT"       //
	ObjectUnspecified WorkspaceObjectType = "OBJECT_TYPE_UNSPECIFIED" // a placeholder of some clients
)

// A WorkspaceLanguage is what a notebook is written in, its cells' magics aside.
type WorkspaceLanguage string

// Languages of notebooks.
const (
	LanguageScala  WorkspaceLanguage = "SCALA"
	LanguagePython WorkspaceLanguage = "PYTHON"
	LanguageSQL    WorkspaceLanguage = "SQL"
	LanguageR      WorkspaceLanguage = "R"
)

// An ExportFormat is the form that an object is exported in.
type ExportFormat string

// Formats of exports.
const (
	ExportSource    ExportFormat = "SOURCE"     // the notebook as a program; a zip of such for a directory, on newer servers
	ExportHTML      ExportFormat = "HTML"       // the notebook as a page, results included
	ExportJupyter   ExportFormat = "JUPYTER"    // an .ipynb file
	ExportDBC       ExportFormat = "DBC"        // an archive; the one format in which every server exports directories
	ExportRMarkdown ExportFormat = "R_MARKDOWN" // for notebooks in R
	ExportAuto      ExportFormat = "AUTO"       // what fits the object: source, zip, or the file itself
	ExportRaw       ExportFormat = "RAW"        // a file's bytes
)

// An ImportFormat is the form that imported content is in.
type ImportFormat string

// Formats of imports.
const (
	ImportSource    ImportFormat = "SOURCE"     // a program; needs a language
	ImportHTML      ImportFormat = "HTML"       // a page that was exported
	ImportJupyter   ImportFormat = "JUPYTER"    // an .ipynb file
	ImportDBC       ImportFormat = "DBC"        // an archive, the way to import a directory; cannot overwrite
	ImportRMarkdown ImportFormat = "R_MARKDOWN" // R and text
	ImportAuto      ImportFormat = "AUTO"       // told by extension and first line; a notebook's extension is dropped from its path
	ImportRaw       ImportFormat = "RAW"        // a file, kept as it is
)

// A WorkspaceObject is something in the tree.
type WorkspaceObject struct {
	ObjectType            WorkspaceObjectType    `json:"object_type"`
	Path                  string                 `json:"path"`
	Language              WorkspaceLanguage      `json:"language,omitzero"`                // of notebooks
	ObjectID              int64                  `json:"object_id,omitzero"`               // unique in the workspace; 0 from very old servers
	CreatedAt             Millis                 `json:"created_at,omitzero"`              // of files
	ModifiedAt            Millis                 `json:"modified_at,omitzero"`             // of files
	Size                  *int64                 `json:"size,omitzero"`                    // of files, in bytes
	ResourceID            string                 `json:"resource_id,omitzero"`             // the id as other areas know it
	DirectoryInfo         *DirectoryInfo         `json:"directory_info,omitzero"`          // of directories
	ReposExportFormat     ExportFormat           `json:"repos_export_format,omitzero"`     // if GetObjectStatus asked for it
	GitInfo               *GitInfo               `json:"git_info,omitzero"`                // if GetObjectStatus asked for it, inside a git folder
	ModifiedAtInteractive *ModifiedAtInteractive `json:"modified_at_interactive,omitzero"` // undocumented
}

// DirectoryInfo says more of a directory.
type DirectoryInfo struct {
	IsGitFolder bool `json:"is_git_folder,omitzero"` // it is the root of a git folder
}

// GitInfo says which git folder an object is in, and what is checked out there.
type GitInfo struct {
	ID           int64  `json:"id,omitzero"`             // of the git folder
	Path         string `json:"path,omitzero"`           // of the git folder's root
	URL          string `json:"url,omitzero"`            // of the remote repository
	Provider     string `json:"provider,omitzero"`       // such as gitHub or azureDevOpsServices
	Branch       string `json:"branch,omitzero"`         // checked out
	HeadCommitID string `json:"head_commit_id,omitzero"` // checked out
}

// ModifiedAtInteractive says who changed a notebook last in the editor, and when.
type ModifiedAtInteractive struct {
	UserID string `json:"user_id,omitzero"`
	Time   Millis `json:"time_millis,omitzero"`
}

// DeleteObject names an object to delete.
type DeleteObject struct {
	Path      string `json:"path"`
	Recursive bool   `json:"recursive,omitzero"` // also delete a directory that is not empty
}

func (in DeleteObject) check() error { return checkWorkspacePath(in.Path) }

// Delete deletes an object. It cannot be undone. It fails with
// [ErrDirectoryNotEmpty] for a directory that is not empty, unless Recursive is
// set, and with [ErrResourceDoesNotExist] if nothing is at the path. A recursive
// delete that fails midway has deleted a part. The client does not retry it after
// a lost response, because something new may be at the path by then.
func (s *WorkspaceService) Delete(ctx context.Context, in DeleteObject) error {
	return s.client.Do(ctx, post("/api/2.0/workspace/delete").on(in.Path).params(in), nil)
}

// ExportObject says what to export, and how.
type ExportObject struct {
	Path   string       `json:"path"`
	Format ExportFormat `json:"format,omitzero"` // ExportSource if empty

	// DirectDownload asks for the bytes themselves, without base64 and JSON
	// around them. Servers before 2018 do not know it.
	DirectDownload bool `json:"direct_download,omitzero"`
}

func (in ExportObject) check() error { return checkWorkspacePath(in.Path) }

// A WorkspaceExport is an object in the format that was asked for.
type WorkspaceExport struct {
	Content  []byte `json:"content"`
	FileType string `json:"file_type,omitzero"` // such as py, ipynb, dbc or html; empty from older servers and with DirectDownload
}

func (e *WorkspaceExport) validate() error {
	return named("content", e.Content != nil || e.FileType != "")
}

// Export returns an object's content, of at most 10 MiB. Above that the error
// matches [ErrTooLarge]. Libraries cannot be exported.
func (s *WorkspaceService) Export(ctx context.Context, in ExportObject) (*WorkspaceExport, error) {
	request := get("/api/2.0/workspace/export").on(in.Path).params(in)
	if !in.DirectDownload {
		return do[WorkspaceExport](ctx, s.client, request)
	}
	out := new(WorkspaceExport)
	err := s.client.Do(ctx, request, func(body io.Reader) (err error) {
		out.Content, err = reply.ReadAll(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// GetObjectStatus names an object, and the optional details to return with it.
// The two options are undocumented. Servers that do not know them ignore them.
type GetObjectStatus struct {
	Path             string `json:"path"`
	ReturnExportInfo bool   `json:"return_export_info,omitzero"` // fills Object.ReposExportFormat
	ReturnGitInfo    bool   `json:"return_git_info,omitzero"`    // fills Object.GitInfo
}

func (in GetObjectStatus) check() error { return checkWorkspacePath(in.Path) }

// GetStatus returns the object at a path. It fails with
// [ErrResourceDoesNotExist] if nothing is there.
func (s *WorkspaceService) GetStatus(ctx context.Context, in GetObjectStatus) (*WorkspaceObject, error) {
	return do[WorkspaceObject](ctx, s.client, get("/api/2.0/workspace/get-status").on(in.Path).params(in))
}

// ImportObject is an object to be made.
type ImportObject struct {
	Path      string            `json:"path"`
	Format    ImportFormat      `json:"format,omitzero"`   // ImportSource if empty
	Language  WorkspaceLanguage `json:"language,omitzero"` // needed with ImportSource, unless Content is a zip of sources; ignored otherwise
	Content   []byte            `json:"-"`                 // at most 10 MiB; may be empty
	Overwrite bool              `json:"overwrite,omitzero"`

	// Multipart sends the content as a file beside the other fields, not as
	// base64 among them. It saves a third of the bytes, and lifts the bound from
	// what fits a request of 10 MiB to content of 10 MiB.
	Multipart bool `json:"-"`
}

// maxNotebook is what the service takes and gives at most, in bytes.
const maxNotebook = 10 << 20

func (in ImportObject) check() error {
	switch {
	case len(in.Content) > maxNotebook:
		return badArg("content", "has %d bytes; the service takes %d at most", len(in.Content), maxNotebook)
	case in.Format == ImportDBC && in.Overwrite:
		return badArg("overwrite", "cannot be used with format DBC; delete what is there first")
	}
	return checkWorkspacePath(in.Path)
}

// importJSON is an ImportObject with its content, which must be sent even if it
// is empty: without the member the service looks for a file part.
type importJSON struct {
	ImportObject
	Content []byte `json:"content"`
}

type importReply struct {
	ObjectID int64 `json:"object_id,omitzero"`
}

// Import makes a notebook, a file or a directory of notebooks, and returns its
// id, which is 0 from older servers. The parent directory must be there:
// otherwise it fails with [ErrResourceDoesNotExist]. Something at the path is an
// [ErrResourceAlreadyExists] unless Overwrite is set. With Overwrite it is
// repeated after a lost answer.
func (s *WorkspaceService) Import(ctx context.Context, in ImportObject) (int64, error) {
	return s.importFrom(ctx, in, int64(len(in.Content)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(in.Content)), nil
	})
}

// importFrom imports the content that open returns. Only with in.Multipart may
// that be other than in.Content.
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
	request.Idempotent = in.Overwrite
	reply, err := do[importReply](ctx, s.client, request)
	if err != nil {
		return 0, err
	}
	return reply.ObjectID, nil
}

// ListObjects says which directory to list.
type ListObjects struct {
	Path                   string `json:"path"`
	NotebooksModifiedAfter Millis `json:"notebooks_modified_after,omitzero"` // leaves out notebooks that were not changed after this
}

func (in ListObjects) check() error { return checkWorkspacePath(in.Path) }

func listObjects(in ListObjects) Request {
	return get("/api/2.0/workspace/list").on(in.Path).params(in)
}

// List returns what is in a directory, one level deep, in no order; or, if the
// path is no directory, the one object at it.
func (s *WorkspaceService) List(ctx context.Context, in ListObjects) ([]WorkspaceObject, error) {
	response, err := do[struct {
		Objects []WorkspaceObject `json:"objects"`
	}](ctx, s.client, listObjects(in))
	if err != nil {
		return nil, err
	}
	return response.Objects, nil
}

// All is List, one object after the other as they arrive, in constant memory
// whatever the directory's size.
func (s *WorkspaceService) All(ctx context.Context, in ListObjects) iter.Seq2[WorkspaceObject, error] {
	return stream[WorkspaceObject](ctx, s.client, listObjects(in), "objects", nil)
}

// Mkdirs makes a directory and those above it, as needed. One that is there is
// fine; something else at the path, or above it, is an [ErrResourceAlreadyExists].
// It may be repeated.
func (s *WorkspaceService) Mkdirs(ctx context.Context, path string) error {
	return s.client.Do(ctx, post("/api/2.0/workspace/mkdirs").on(path).required("path", path).check(checkWorkspacePath(path)).idempotent(), nil)
}

// checkWorkspacePath refuses what cannot be a path of the tree.
func checkWorkspacePath(path string) error {
	switch {
	case path == "":
		return badArg("path", missing)
	case !strings.HasPrefix(path, "/"):
		return badArg("path", "%.100q is not absolute; want something like /Users/alice@example.com/report", path)
	case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
		return badArg("path", "%.100q holds a zero byte, or is not UTF-8", path)
	}
	return nil
}
