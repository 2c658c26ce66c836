package databricks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-databricks/databricks/internal/blocks"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/source"
)

// DBFSService reads and writes files in DBFS, the file system that all clusters
// of a workspace share. Most programs use [DBFSService.Upload],
// [DBFSService.Download], [DBFSService.Open] and similar methods. The service's
// own calls are available too.
//
// Paths are absolute, such as /tmp/data.csv. You can also write
// dbfs:/tmp/data.csv. Do not use the prefix /dbfs: the local path
// /dbfs/tmp/data.csv on a cluster is /tmp/data.csv here.
//
// See https://docs.databricks.com/api/workspace/dbfs.
type DBFSService service

// MaxBlockSize is the maximum number of bytes in one request of
// [DBFSService.AddBlock], [DBFSService.Put] or [DBFSService.Read].
const MaxBlockSize = blocks.Size

// maxPutFile is the size of the largest file that the service accepts in one
// request, in bytes.
const maxPutFile = math.MaxInt32

// FileInfo describes a file or directory in DBFS.
type FileInfo struct {
	Path             string `json:"path"` // absolute, without dbfs: and without a trailing slash
	IsDir            bool   `json:"is_dir"`
	FileSize         int64  `json:"file_size"`                  // in bytes; 0 for directories
	ModificationTime Millis `json:"modification_time,omitzero"` // 0 from old servers and for some directories
}

// requiredPath adds a DBFS path as a required argument.
func (r Request) requiredPath(name, path string) Request {
	bare := dbfsPath(path)
	return r.on(bare).check(checkDBFSPath(name, path)).required(name, bare)
}

// dbfsPath returns a DBFS path without its scheme. It does not change a path
// that starts with dbfs://, so that checkDBFSPath rejects it.
func dbfsPath(path string) string {
	if strings.HasPrefix(path, "dbfs://") {
		return path
	}
	return strings.TrimPrefix(path, "dbfs:")
}

// checkDBFSPath rejects invalid DBFS paths.
func checkDBFSPath(name, path string) error {
	switch {
	case path == "":
		return badArg(name, isRequired)
	case strings.HasPrefix(path, "dbfs://"):
		return badArg(name, "%.100q names a host; want something like dbfs:/tmp/data.csv, with one slash", path)
	case !strings.HasPrefix(dbfsPath(path), "/"):
		return badArg(name, "%.100q is not absolute; want something like /tmp/data.csv", path)
	case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
		return badArg(name, "%.100q contains a zero byte or is not valid UTF-8", path)
	}
	return nil
}

// CreateFile describes a file to write in blocks.
type CreateFile struct {
	Path      string `json:"path"`
	Overwrite bool   `json:"overwrite,omitzero"` // replace an existing file
}

// Create starts a new file and returns a handle for [DBFSService.AddBlock] and
// [DBFSService.Close]. It creates missing parent directories. The service does
// not define whether the file is visible before it is closed. A handle expires
// after ten minutes without use, and the data written to it is lost.
//
// Create fails with [ErrResourceAlreadyExists] if something is at the path.
// With Overwrite, it fails only if that is a directory. The client does not
// retry it after a lost response.
func (s *DBFSService) Create(ctx context.Context, in CreateFile) (handle int64, err error) {
	made, err := do[createdHandle](ctx, s.client, post("/api/2.0/dbfs/create").requiredPath("path", in.Path).optional("overwrite", in.Overwrite))
	if err != nil {
		return 0, err
	}
	return made.Handle, nil
}

type createdHandle struct {
	Handle int64 `json:"handle"`
}

func (h *createdHandle) validate() error { return named("handle", h.Handle != 0) }

// AddBlock appends at most [MaxBlockSize] bytes to the file of a handle. Add
// the blocks of a handle one after another. AddBlock fails with
// [ErrResourceDoesNotExist] if the handle does not exist or has expired.
//
// The client does not retry AddBlock after a lost response, because the file
// may already contain the block. The error is then an [*OutcomeUnknownError],
// and you must start the file over.
func (s *DBFSService) AddBlock(ctx context.Context, handle int64, data []byte) error {
	var err error
	if len(data) > MaxBlockSize {
		err, data = badArg("data", "has %d bytes; a block has at most %d", len(data), MaxBlockSize), nil
	}
	return s.addBlock(ctx, handle, blocks.Append(nil, handle, data), err)
}

// addBlock sends an encoded block. If the block is invalid, invalid states the
// problem.
func (s *DBFSService) addBlock(ctx context.Context, handle int64, text []byte, invalid error) error {
	r := post("/api/2.0/dbfs/add-block").required("handle", handle).check(invalid)
	r.Body = RawBody{ContentType: "application/json", Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}}
	return s.client.Do(ctx, r, nil)
}

// Close completes the file of a handle. It is idempotent, so the client retries
// it. It fails with [ErrResourceDoesNotExist] if the handle does not exist or
// has expired.
func (s *DBFSService) Close(ctx context.Context, handle int64) error {
	return s.client.Do(ctx, post("/api/2.0/dbfs/close").required("handle", handle).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// DeleteFile selects a file or directory to delete.
type DeleteFile struct {
	Path      string `json:"path"`
	Recursive bool   `json:"recursive,omitzero"` // also delete a directory that is not empty
}

// Delete deletes a file or a directory. If nothing is at the path, it succeeds.
// Without Recursive, it fails with [ErrIOError] or [ErrBadRequest] for a
// directory that is not empty. It is idempotent, so the client retries it.
//
// The service deletes large directories in parts. Delete sends requests until
// everything is deleted. [DBFSService.DeleteTree] also reports its progress.
func (s *DBFSService) Delete(ctx context.Context, in DeleteFile) error {
	return s.deleteAll(ctx, in.Path, in.Recursive, nil)
}

// DeleteTree deletes a file, or a directory and everything in it. The service
// deletes large directories in parts. After each part, DeleteTree calls
// progress with the number of files deleted so far, as reported by the service.
// progress may be nil.
func (s *DBFSService) DeleteTree(ctx context.Context, path string, progress func(files int64)) error {
	return s.deleteAll(ctx, path, true, progress)
}

// partlyDeleted matches the number of files in the message of a PARTIAL_DELETE
// error.
var partlyDeleted = regexp.MustCompile(`has deleted (\d+) files`)

func (s *DBFSService) deleteAll(ctx context.Context, path string, recursive bool, progress func(files int64)) error {
	r := post("/api/2.0/dbfs/delete").requiredPath("path", path).optional("recursive", recursive).idempotent()
	var (
		pacer     poll.Pacer
		tolerance poll.Tolerance
		files     int64
		partly    bool // a part was deleted, so the directory is large
	)
	for {
		err := s.client.Do(ctx, r, nil)
		switch {
		case errors.Is(err, ErrPartialDelete):
			partly = true
			tolerance.Reset()
			if e, ok := errors.AsType[*APIError](err); ok {
				if m := partlyDeleted.FindStringSubmatch(e.Message); m != nil {
					n, _ := strconv.ParseInt(m[1], 10, 64)
					files += n
				}
			}
			if progress != nil {
				progress(files)
			}
		case err == nil, !partly, judgePoll(err, true) != poll.Transient, tolerance.Exceeded():
			return err
		}
		if pacer.Wait(ctx) != nil {
			return fmt.Errorf("databricks: deleting %s (%d files deleted so far): %w", path, files, errs.Ended(ctx, ctx.Err(), err))
		}
	}
}

// GetStatus returns a description of the file or directory at a path. It fails
// with [ErrResourceDoesNotExist] if nothing is at the path.
func (s *DBFSService) GetStatus(ctx context.Context, path string) (*FileInfo, error) {
	return do[FileInfo](ctx, s.client, get("/api/2.0/dbfs/get-status").requiredPath("path", path))
}

// List returns the files and directories in a directory, usually sorted by
// name. It does not list subdirectories. If the path is a file, List returns
// that file. It fails with [ErrResourceDoesNotExist] if nothing is at the path.
// The service times out after a minute for directories with more than about
// 10,000 files.
func (s *DBFSService) List(ctx context.Context, path string) ([]FileInfo, error) {
	list, err := do[fileList](ctx, s.client, get("/api/2.0/dbfs/list").requiredPath("path", path))
	if err != nil {
		return nil, err
	}
	return list.Files, nil
}

type fileList struct {
	Files []FileInfo `json:"files"`
}

func (l *fileList) validate() error {
	for _, file := range l.Files {
		if err := file.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (f *FileInfo) validate() error {
	if f.FileSize < 0 {
		return fmt.Errorf("the response is invalid: file_size is %d", f.FileSize)
	}
	return nil
}

// Mkdirs creates a directory and its missing parents. An existing directory is
// not an error. Mkdirs fails with [ErrResourceAlreadyExists] if a file is at
// the path or at the path of a parent. It is idempotent, so the client retries
// it.
func (s *DBFSService) Mkdirs(ctx context.Context, path string) error {
	return s.client.Do(ctx, post("/api/2.0/dbfs/mkdirs").requiredPath("path", path).idempotent(), nil)
}

// Move renames a file, or a directory and everything in it. The second path is
// the new path itself, not the directory to move to. Move fails with
// [ErrResourceDoesNotExist] if nothing is at the old path, and with
// [ErrResourceAlreadyExists] if a file is at the new path.
//
// The client does not retry Move after a lost response. Call
// [DBFSService.GetStatus] on both paths to find the outcome. For directories
// with very many files, the service times out after a minute and may have moved
// some of them.
func (s *DBFSService) Move(ctx context.Context, from, to string) error {
	return s.client.Do(ctx, post("/api/2.0/dbfs/move").requiredPath("source_path", from).requiredPath("destination_path", to), nil)
}

// PutContents describes a small file to write.
type PutContents struct {
	Path      string `json:"path"`
	Contents  []byte `json:"contents,omitzero"`  // at most [MaxBlockSize] bytes
	Overwrite bool   `json:"overwrite,omitzero"` // replace an existing file
}

// Put writes a file of at most [MaxBlockSize] bytes. It creates missing parent
// directories. It fails with [ErrResourceAlreadyExists] if something is at the
// path. With Overwrite, it fails only if that is a directory.
//
// The client does not retry Put after a lost response, not even with Overwrite.
// The service may still process the lost request later, and would then replace
// what you write to the path in the meantime. You can safely send the same
// contents again. [DBFSService.Upload] finds out what became of the first request.
func (s *DBFSService) Put(ctx context.Context, in PutContents) error {
	r := post("/api/2.0/dbfs/put").requiredPath("path", in.Path).optional("overwrite", in.Overwrite).optional("contents", in.Contents)
	if len(in.Contents) > MaxBlockSize {
		r = r.check(badArg("contents", "has %d bytes; the maximum is %d; use PutFile or Upload for larger files", len(in.Contents), MaxBlockSize))
	}
	return s.client.Do(ctx, r, nil)
}

// PutFileOptions are the options of [DBFSService.PutFile].
type PutFileOptions struct {
	Overwrite bool `json:"overwrite,omitzero"` // replace an existing file
}

// PutFile writes a file of less than 2 GiB in one request, as raw bytes. It
// sends the file from its current position on. A retry sends it from the same
// position. Otherwise PutFile works like [DBFSService.Put].
// [DBFSService.Upload] uses PutFile and also recovers from failures.
func (s *DBFSService) PutFile(ctx context.Context, path string, file io.ReadSeeker, opts PutFileOptions) error {
	from := source.New(file)
	defer from.Close()
	r := putFile(path, from.Size(), from.Open, opts.Overwrite)
	if err := s.client.Do(ctx, r, nil); err != nil {
		return err
	}
	return from.Finish()
}

func putFile(path string, size int64, open func() (io.ReadCloser, error), overwrite bool) Request {
	r := post("/api/2.0/dbfs/put").requiredPath("path", path)
	switch {
	case size < 0:
		r = r.check(badArg("contents", "has an unknown size; want a file or another io.Seeker"))
	case size > maxPutFile:
		r = r.check(badArg("contents", "has %d bytes; the maximum is %d; use Upload for larger files", size, int64(maxPutFile)))
	}
	r.Body = Multipart([][2]string{{"path", dbfsPath(path)}, {"overwrite", strconv.FormatBool(overwrite)}},
		FilePart{Field: "contents", Name: "contents", Size: size, Open: open})
	return r
}

// ReadBlock selects a part of a file.
type ReadBlock struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset,omitzero"` // offset of the first byte
	Length int64  `json:"length,omitzero"` // in bytes, at most [MaxBlockSize]; 0 for half of that
}

// Read returns at most Length bytes of a file, starting at Offset. It returns
// fewer bytes at the end of the file. It fails with [ErrResourceDoesNotExist]
// if nothing is at the path. It fails with [ErrInvalidParameterValue] if the
// path is a directory or Offset is past the end of the file.
func (s *DBFSService) Read(ctx context.Context, in ReadBlock) ([]byte, error) {
	block := blocks.New()
	defer blocks.Free(block)
	n, err := s.read(ctx, in.Path, in.Offset, in.Length, block[:])
	if err != nil {
		return nil, err
	}
	return bytes.Clone(block[:n]), nil
}

// read reads into p directly from the response, and returns the number of
// bytes.
func (s *DBFSService) read(ctx context.Context, path string, offset, length int64, p []byte) (n int, err error) {
	r := get("/api/2.0/dbfs/read").requiredPath("path", path).optional("offset", offset).optional("length", length)
	switch {
	case offset < 0:
		r = r.check(badArg("offset", "is %d; want 0 or more", offset))
	case length < 0 || length > MaxBlockSize:
		r = r.check(badArg("length", "is %d; want 0 to %d", length, MaxBlockSize))
	}
	err = s.client.Do(ctx, r, func(response io.Reader) error {
		n, err = blocks.Decode(response, p)
		return err
	})
	return n, err
}
