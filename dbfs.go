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
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/source"
)

// DBFSService reads and writes the files of DBFS, the file system that all
// clusters of a workspace share. [DBFSService.Upload], [DBFSService.Download],
// [DBFSService.Open] and their kin are what most programs want; the calls that
// they are made of are here as well.
//
// Paths are absolute, such as /tmp/data.csv. The same path may be written as
// dbfs:/tmp/data.csv. In this file system, /dbfs is a directory like any other:
// what a cluster sees as the local file /dbfs/tmp/data.csv is /tmp/data.csv here.
//
// See https://docs.databricks.com/api/workspace/dbfs.
type DBFSService service

// MaxBlockSize is the most that [DBFSService.AddBlock], [DBFSService.Put] and
// [DBFSService.Read] move at once, in bytes.
const MaxBlockSize = blocks.Size

// maxPutFile is how large a file the service takes in one piece, in bytes.
const maxPutFile = math.MaxInt32

// FileInfo says what is at a path of DBFS.
type FileInfo struct {
	Path             string `json:"path"`                       // absolute, without dbfs: before it or a slash after it
	IsDir            bool   `json:"is_dir"`                     //
	FileSize         int64  `json:"file_size"`                  // in bytes; 0 for directories
	ModificationTime Millis `json:"modification_time,omitzero"` // 0 from old servers, and for some directories
}

// requiredPath adds a path of DBFS.
func (r Request) requiredPath(name, path string) Request {
	bare := dbfsPath(path)
	return r.on(bare).check(checkDBFSPath(name, path)).required(name, bare)
}

// dbfsPath returns a path of DBFS without its scheme. What begins with dbfs:// is
// left unchanged, for checkDBFSPath to reject.
func dbfsPath(path string) string {
	if strings.HasPrefix(path, "dbfs://") {
		return path
	}
	return strings.TrimPrefix(path, "dbfs:")
}

// checkDBFSPath rejects what cannot be a path of DBFS.
func checkDBFSPath(name, path string) error {
	switch {
	case path == "":
		return badArg(name, missing)
	case strings.HasPrefix(path, "dbfs://"):
		return badArg(name, "%.100q names a host; want something like dbfs:/tmp/data.csv, with one slash", path)
	case !strings.HasPrefix(dbfsPath(path), "/"):
		return badArg(name, "%.100q is not absolute; want something like /tmp/data.csv", path)
	case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
		return badArg(name, "%.100q holds a zero byte, or is not UTF-8", path)
	}
	return nil
}

// CreateFile names a file to write in blocks.
type CreateFile struct {
	Path      string `json:"path"`
	Overwrite bool   `json:"overwrite,omitzero"` // replace a file at the path
}

// Create begins a file and returns a handle, for [DBFSService.AddBlock] and
// [DBFSService.Close]. Missing directories are made. Whether the file shows
// before it is closed is not defined. A handle that nobody uses for ten minutes
// is lost, and with it what was written.
//
// If something is at the path it fails with [ErrResourceAlreadyExists]; with
// Overwrite only if that is a directory. The client does not retry it after a
// lost response.
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

// AddBlock appends up to [MaxBlockSize] bytes to the file of a handle. Blocks of
// one handle must be added one after another. The call is never repeated after
// its answer was lost, since the block may be in the file already: whoever gets
// an [*OutcomeUnknownError] has to begin the file anew.
//
// It fails with [ErrResourceDoesNotExist] if there is no such handle, or not
// any more.
func (s *DBFSService) AddBlock(ctx context.Context, handle int64, data []byte) error {
	var err error
	if len(data) > MaxBlockSize {
		err, data = badArg("data", "has %d bytes; a block holds %d at most", len(data), MaxBlockSize), nil
	}
	return s.addBlock(ctx, handle, blocks.Append(nil, handle, data), err)
}

// addBlock sends a block that was encoded before, unless it is known to be wrong.
func (s *DBFSService) addBlock(ctx context.Context, handle int64, text []byte, wrong error) error {
	r := post("/api/2.0/dbfs/add-block").required("handle", handle).check(wrong)
	r.Body = RawBody{ContentType: "application/json", Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}}
	return s.client.Do(ctx, r, nil)
}

// Close ends the file of a handle, which is complete then. The call may be
// repeated. It fails with [ErrResourceDoesNotExist] if there is no such handle,
// or not any more.
func (s *DBFSService) Close(ctx context.Context, handle int64) error {
	return s.client.Do(ctx, post("/api/2.0/dbfs/close").required("handle", handle).treatAsSuccess(ErrResourceDoesNotExist), nil)
}

// DeleteFile names a file or a directory to delete.
type DeleteFile struct {
	Path      string `json:"path"`
	Recursive bool   `json:"recursive,omitzero"` // also delete a directory that is not empty
}

// Delete deletes a file or a directory. Without Recursive, a directory that is
// not empty is an [ErrIOError] or [ErrBadRequest]. If nothing is at the path, it
// does nothing. The call is idempotent.
//
// The service deletes large trees in parts. Delete asks it to continue until
// everything is gone. [DBFSService.DeleteTree] reports its progress.
func (s *DBFSService) Delete(ctx context.Context, in DeleteFile) error {
	return s.deleteAll(ctx, in.Path, in.Recursive, nil)
}

// DeleteTree deletes a file or a directory with all that is in it. Each time
// that the service has deleted a part of a large tree, progress is called with
// how many files are gone so far, as far as the service tells. It may be nil.
func (s *DBFSService) DeleteTree(ctx context.Context, path string, progress func(files int64)) error {
	return s.deleteAll(ctx, path, true, progress)
}

// partlyDeleted finds the count in the message of a PARTIAL_DELETE.
var partlyDeleted = regexp.MustCompile(`has deleted (\d+) files`)

func (s *DBFSService) deleteAll(ctx context.Context, path string, recursive bool, progress func(files int64)) error {
	r := post("/api/2.0/dbfs/delete").requiredPath("path", path).optional("recursive", recursive).idempotent()
	var (
		pacer     poll.Pacer
		tolerance poll.Tolerance
		files     int64
		partly    bool // a part was deleted, so it takes long
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
			return fmt.Errorf("databricks: deleting %s, of which %d files are gone: %w", path, files, ended(ctx, ctx.Err(), err))
		}
	}
}

// GetStatus says what is at a path. If that is nothing, it fails with
// [ErrResourceDoesNotExist].
func (s *DBFSService) GetStatus(ctx context.Context, path string) (*FileInfo, error) {
	return do[FileInfo](ctx, s.client, get("/api/2.0/dbfs/get-status").requiredPath("path", path))
}

// List returns what is in a directory, without what is in its directories, by
// name as a rule; of a file, it returns that file. If nothing is at the path, it
// fails with [ErrResourceDoesNotExist]. The service gives up on directories of
// very many files, upwards of about 10,000, after a minute.
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

// Mkdirs makes a directory and those above it that are missing. One that is
// there already is fine. If a file is at the path, or on the way, it fails with
// [ErrResourceAlreadyExists]. The call may be repeated.
func (s *DBFSService) Mkdirs(ctx context.Context, path string) error {
	return s.client.Do(ctx, post("/api/2.0/dbfs/mkdirs").requiredPath("path", path).idempotent(), nil)
}

// Move gives a file, or a directory with all that is in it, another path: the
// new one, not the directory to move it to. It fails with
// [ErrResourceDoesNotExist] if nothing is at the old path, and with
// [ErrResourceAlreadyExists] if a file is at the new one. The call is not
// repeated after its answer was lost; [DBFSService.GetStatus] on both paths
// tells what became of it. The service gives up on directories of very many
// files after a minute, and may have moved some of them then.
func (s *DBFSService) Move(ctx context.Context, from, to string) error {
	return s.client.Do(ctx, post("/api/2.0/dbfs/move").requiredPath("source_path", from).requiredPath("destination_path", to), nil)
}

// PutContents is a small file to write.
type PutContents struct {
	Path      string `json:"path"`
	Contents  []byte `json:"contents,omitzero"`  // at most [MaxBlockSize] bytes
	Overwrite bool   `json:"overwrite,omitzero"` // replace a file at the path
}

// Put writes a file of up to [MaxBlockSize] bytes. It creates missing
// directories. If something is at the path it fails with
// [ErrResourceAlreadyExists]; with Overwrite only if that is a directory. The
// client retries it after a lost response only with Overwrite.
func (s *DBFSService) Put(ctx context.Context, in PutContents) error {
	r := post("/api/2.0/dbfs/put").requiredPath("path", in.Path).optional("overwrite", in.Overwrite).optional("contents", in.Contents)
	if len(in.Contents) > MaxBlockSize {
		r = r.check(badArg("contents", "has %d bytes; Put takes %d at most, PutFile and Upload take more", len(in.Contents), MaxBlockSize))
	}
	r.Idempotent = in.Overwrite
	return s.client.Do(ctx, r, nil)
}

// PutFileOptions are the options of [DBFSService.PutFile].
type PutFileOptions struct {
	Overwrite bool `json:"overwrite,omitzero"` // replace a file at the path
}

// PutFile writes a file of less than 2 GiB in one request, as raw bytes. Each
// attempt reads the file again from the position it had at the call. Otherwise
// it works like [DBFSService.Put]. [DBFSService.Upload] is built on it, and also
// handles a failure midway.
func (s *DBFSService) PutFile(ctx context.Context, path string, file io.ReadSeeker, opts PutFileOptions) error {
	from := source.New(file)
	defer from.Close()
	r := putFile(path, from.Size(), from.Open, opts.Overwrite)
	r.Idempotent = opts.Overwrite
	if err := s.client.Do(ctx, r, nil); err != nil {
		return err
	}
	return from.Finish()
}

func putFile(path string, size int64, open func() (io.ReadCloser, error), overwrite bool) Request {
	r := post("/api/2.0/dbfs/put").requiredPath("path", path)
	switch {
	case size < 0:
		r = r.check(badArg("contents", "cannot be measured; want a file, or another reader with an end to seek to"))
	case size > maxPutFile:
		r = r.check(badArg("contents", "has %d bytes; PutFile takes %d at most, Upload takes more", size, int64(maxPutFile)))
	}
	r.Body = Multipart([][2]string{{"path", dbfsPath(path)}, {"overwrite", strconv.FormatBool(overwrite)}},
		FilePart{Field: "contents", Name: "contents", Size: size, Open: open})
	return r
}

// ReadBlock names a part of a file.
type ReadBlock struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset,omitzero"` // of the first byte
	Length int64  `json:"length,omitzero"` // in bytes, at most [MaxBlockSize]; 0 lets the service choose half of that
}

// Read returns up to Length bytes of a file, starting at Offset. It returns
// fewer bytes at the end of the file, and none past it. It fails with
// [ErrResourceDoesNotExist] if nothing is at the path, and with
// [ErrInvalidParameterValue] if the path is a directory or Offset is past the
// end of the file.
func (s *DBFSService) Read(ctx context.Context, in ReadBlock) ([]byte, error) {
	block := blocks.New()
	defer blocks.Free(block)
	n, err := s.read(ctx, in.Path, in.Offset, in.Length, block[:])
	if err != nil {
		return nil, err
	}
	return bytes.Clone(block[:n]), nil
}

// read reads into p, straight from the response, and returns how much.
func (s *DBFSService) read(ctx context.Context, path string, offset, length int64, p []byte) (n int, err error) {
	r := get("/api/2.0/dbfs/read").requiredPath("path", path).optional("offset", offset).optional("length", length)
	switch {
	case offset < 0:
		r = r.check(badArg("offset", "is %d, below 0", offset))
	case length < 0 || length > MaxBlockSize:
		r = r.check(badArg("length", "is %d; want 0 to %d", length, MaxBlockSize))
	}
	err = s.client.Do(ctx, r, func(response io.Reader) error {
		n, err = blocks.Decode(response, p)
		return err
	})
	return n, err
}
