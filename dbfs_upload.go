package databricks

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-databricks/databricks/internal/blocks"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/source"
)

// UploadOptions are options for uploading a file. The zero value is a good
// default.
type UploadOptions struct {
	// Overwrite replaces an existing file. Without it, the upload of an
	// existing file fails with an error that matches fs.ErrExist and changes
	// nothing.
	Overwrite bool

	// InPlace writes a large file directly to its path. This needs fewer
	// requests. However, others can see the file before it is complete. A
	// failed upload may leave a partial file, and may have deleted the file
	// that it should replace. If several programs write to the path at the same
	// time, that can be the file of another one. The error says so.
	InPlace bool

	// Unbuffered sends a source of unknown size while it is read. By default,
	// the client first reads up to 256 MiB into memory and a local temporary
	// file, because a single request for the whole file is much faster.
	Unbuffered bool

	// Progress is called with the number of bytes sent so far and the total
	// number of bytes. The total is -1 if it is unknown. done returns to 0 when
	// the upload starts over. Progress is called often and must return quickly.
	// Calls do not overlap.
	Progress func(done, total int64) `json:"-"`

	// The options below apply to files in volumes only.

	// Concurrency is the maximum number of parts of a large file in flight. 0
	// means 8. It applies to files in volumes only.
	Concurrency int

	// Save makes the upload of a large file resumable, even by another process.
	// It applies to files in volumes only. The upload calls it with its state
	// before the first part and after each part. Store this state. See
	// [PendingUpload]. If Save fails, so does the upload. Calls do not overlap.
	//
	// If a resumable upload fails, its parts remain in cloud storage, where no
	// user sees them. You must resume or abort it.
	//
	// Only an *os.File is resumable. Save is not called for other sources, or
	// for a file that is sent in one request.
	Save func(PendingUpload) error `json:"-"`

	// Resume continues an upload from the last state that Save received, with
	// the same path and the same Overwrite. It applies to files in volumes
	// only. Set Save as well. Otherwise the upload is aborted if it fails
	// again. The upload starts over if the size or the modification time of the
	// source has changed, or if the pending upload no longer exists.
	Resume *PendingUpload
}

// Limits on the buffer for a source of unknown size.
const (
	maxInMemory = 8 << 20
	maxInBlocks = 64 << 20 // memory per source for DBFS; all sources of a process share 128 MiB
	maxBuffered = 256 << 20
)

// Upload writes the content of from to a file. It reads from the current
// position to the end. It creates missing directories.
//
// A file of at most [MaxBlockSize] bytes needs one request. Upload writes a
// larger file to the same directory under a temporary name that starts with
// .databricks-. The file gets its own name when it is complete and its size has
// been verified. While Upload replaces a large file, there is a moment without
// a file. Upload sends files of 2 GiB or more, and long sources of unknown
// size, in blocks. Such a source must not pause for ten minutes. Memory use
// is bounded.
//
// After an error, Upload leaves no part of the file. If lost responses make
// this uncertain, the error says what may remain where. The service may still
// process a request whose response was lost. Upload allows for that. A
// [*LeftoverError] lists temporary files that may appear later, even if the
// upload succeeded.
//
// If the response to a request that replaces a file is lost, Upload waits up to
// 30 seconds until the new file exists. Otherwise it fails with an
// [*OutcomeUnknownError], because the service may still replace the file later.
// After Upload succeeds, late requests do not change what you write to the path.
// There are two exceptions. A lost request to create a file may create it again
// after you delete it. If the file already had the same content less than a
// minute before the upload, Upload takes it for the new file.
//
// If it is unknown whether a block arrived, Upload starts over if it can read
// the source again. Otherwise it fails, and nothing is written to the path. With
// InPlace, the error is then an [*OutcomeUnknownError]. If the source changes
// during the upload, the error matches [ErrSourceChanged].
//
// Upload does not use from after it returns. It therefore waits for a Read in
// progress, even if ctx has ended.
func (s *DBFSService) Upload(ctx context.Context, from io.Reader, path string, opts UploadOptions) error {
	src := source.New(from)
	defer src.Close()
	return errs.Path("upload", path, newUpload(s, path, src, opts).run(ctx))
}

// ErrSourceChanged matches the error of a transfer whose local or remote source
// changed while it was read.
var ErrSourceChanged = source.ErrChanged

// An upload is the upload of one file to DBFS.
//
// The service may process a call whose response was lost at any later time.
// Each temporary name is therefore created by only one call. Later calls only
// move the file away from this name. A late call then finds that its name is
// taken or no longer exists. Only one late call could do harm: the move of the
// old file away from the path. The upload does nothing else until it knows that
// this move was done.
type upload struct {
	s      *DBFSService
	path   string // destination path
	source *source.Source
	opts   UploadOptions
	small  int64 // maximum size of a file that is sent directly to the path
	most   int64 // maximum size of a file that is sent in one request
	known  bool  // there is set
	there  *FileInfo

	content  *source.Source // the data to send: source, or a buffer with its content
	progress *progressReporter
	temp     string   // where the data is written: beside path, or path itself
	size     int64    // number of bytes sent
	opened   bool     // content was opened
	written  bool     // this upload wrote the file at temp
	olds     []string // current paths of the files that were at path
	late     []string // paths at which a late call may still create a file

	refused atomic.Pointer[error]   // why no file can be written to path
	reading context.Context         // context of the calls that read the source
	stop    context.CancelCauseFunc // cancels reading
}

func newUpload(s *DBFSService, path string, src *source.Source, opts UploadOptions) *upload {
	return &upload{s: s, path: dbfsPath(path), source: src, opts: opts, small: MaxBlockSize, most: maxPutFile}
}

// beside returns a new unique name in the directory of path.
func beside(path string) string { return path[:strings.LastIndexByte(path, '/')+1] + tempName() }

func tempName() string { return tempPrefix + rand.Text() }

func (u *upload) run(ctx context.Context) error {
	if err := checkDBFSPath("path", u.path); err != nil {
		return err
	}
	if strings.HasSuffix(u.path, "/") {
		return badArg("path", "%.100q ends with a slash; want the path of a file", u.path)
	}
	if u.opts.Save != nil || u.opts.Resume != nil {
		return badArg("Resume", "and Save require a file in a volume; DBFS does not support resuming uploads")
	}
	if u.s.client.Planning() {
		return u.plan(ctx)
	}
	free, err := u.prepare(ctx)
	defer free()
	if err != nil {
		return err
	}
	u.progress = newProgressReporter(u.opts.Progress, u.content.Size())
	defer u.progress.stop()
	if size := u.content.Size(); 0 <= size && size <= u.small {
		return u.put(ctx, size)
	}
	if err = u.statAndWrite(ctx); !u.opts.InPlace {
		err = withoutEffect(err) // nothing was written to the path
	}
	if err == nil {
		err = u.source.Finish()
	}
	if err == nil {
		err = u.verify(ctx)
	}
	if err == nil && !u.opts.InPlace {
		err = u.publish(ctx)
	}
	return u.cleanUp(ctx, err)
}

// plan plans the calls of an upload without reading the source.
func (u *upload) plan(ctx context.Context) error {
	if !u.known {
		if err := u.statPath(ctx); err != nil {
			return err
		}
	}
	if err := u.mayReplace(); err != nil {
		return err
	}
	u.temp = u.path
	large := u.source.Size() > u.small && !u.opts.InPlace
	if large {
		u.temp = beside(u.path)
	}
	err := u.s.client.Do(ctx, putFile(u.temp, max(u.source.Size(), 0), u.source.Open, !large && u.opts.Overwrite), nil)
	if err == nil && large {
		err = u.publish(ctx)
	}
	return u.cleanUp(ctx, err)
}

// prepare decides what to send. It reads a small file completely, so that the
// data cannot change.
func (u *upload) prepare(ctx context.Context) (free func(), err error) {
	size := u.source.Size()
	if size > u.small || size < 0 && u.opts.Unbuffered {
		u.content = u.source
		return func() {}, nil
	}
	u.content, free, err = u.source.Buffer(ctx, maxInBlocks, maxBuffered)
	return free, err
}

// put writes a small file in one request. If the response is lost, the service
// may still process the request later. A late request with Overwrite would undo
// a later upload, so put sends it once, and succeeds only if it has certainly
// taken effect. A late request without Overwrite finds an existing file and fails.
func (u *upload) put(ctx context.Context, size int64) error {
	u.reading, u.stop = ctx, func(error) {}
	started := time.Now()
	var lost error
	for attempt := 1; ; attempt++ {
		err := u.s.client.Do(ctx, putFile(u.path, size, u.open, u.opts.Overwrite), nil)
		switch {
		case outcomeUnknown(err) && u.opts.Overwrite:
			if u.s.client.await(ctx, func(ctx context.Context) bool { return u.arrived(ctx, size, started) }) {
				return nil
			}
			return mayReplaceLater(u.path, err)
		case outcomeUnknown(err):
			lost = err
			if attempt < u.s.client.retry.MaxAttempts && u.s.client.pause(ctx, attempt, err) == nil {
				continue
			}
		case lost == nil || err == nil:
			return err
		}
		// It may be unknown who wrote the file at the path. It does not matter if the content is the same.
		switch same, readErr := u.same(ctx, size); {
		case same && readErr == nil:
			return nil
		case readErr == nil && errors.Is(err, fs.ErrExist):
			return err
		}
		return lost
	}
}

// mayReplaceLater adds to err what the file at a path may contain after the
// response to a request with Overwrite was lost.
func mayReplaceLater(path string, err error) error {
	return fmt.Errorf("%w; %s may have the old or the new content, and the new content may replace what you write to it later", err, path)
}

// maxClockSkew is the maximum difference between the clocks of the service and of
// this machine.
const maxClockSkew = time.Minute

// arrived reports whether the file at the path has the content that was sent, and
// was written after the upload started. An older file with the same content does
// not show that the request was processed. Old servers do not report modification
// times.
func (u *upload) arrived(ctx context.Context, size int64, started time.Time) bool {
	info, err := u.s.stat(ctx, u.path)
	if err != nil || info == nil || info.ModificationTime != 0 && info.ModificationTime.Time().Before(started.Add(-maxClockSkew)) {
		return false
	}
	same, err := u.same(ctx, size)
	return same && err == nil
}

func outcomeUnknown(err error) bool {
	_, unknown := errors.AsType[*OutcomeUnknownError](err)
	return unknown
}

// same reports whether the file at the path has the content that was sent.
func (u *upload) same(ctx context.Context, size int64) (bool, error) {
	got, err := u.s.Read(ctx, ReadBlock{Path: u.path, Length: MaxBlockSize})
	if err != nil || int64(len(got)) != size {
		return false, err
	}
	in, err := u.content.Open()
	if err != nil {
		return false, err
	}
	want, err := io.ReadAll(in)
	return bytes.Equal(got, want), err
}

// statAndWrite gets the status of the path while it writes the file.
func (u *upload) statAndWrite(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	u.reading, u.stop = ctx, cancel
	looked := make(chan error, 1)
	if u.opts.InPlace || u.known {
		if err := u.mayReplace(); err != nil {
			return err
		}
		looked <- nil
	} else {
		go func() {
			err := u.statPath(ctx)
			if err != nil {
				u.refused.Store(&err)
			}
			looked <- err
		}()
	}
	err := u.write(ctx)
	if err == nil {
		return <-looked
	}
	cancel(err)
	_ = <-looked
	if parent.Err() == nil {
		err = context.Cause(ctx) // the first failure
	}
	return err
}

func (u *upload) statPath(ctx context.Context) (err error) {
	if u.there, err = u.s.stat(ctx, u.path); err != nil {
		return err
	}
	return u.mayReplace()
}

// stat is GetStatus, except that it returns nil if nothing is at the path.
func (s *DBFSService) stat(ctx context.Context, path string) (*FileInfo, error) {
	info, err := s.GetStatus(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

// mayReplace rejects an existing object that must not be replaced.
func (u *upload) mayReplace() error {
	switch {
	case u.there == nil:
		return nil
	case u.there.IsDir:
		return fmt.Errorf("a directory is there: %w: %w", ErrResourceAlreadyExists, fs.ErrExist)
	case !u.opts.Overwrite:
		return fmt.Errorf("%w: %w", ErrResourceAlreadyExists, fs.ErrExist)
	}
	return nil
}

// write writes the complete file to temp. It retries with a new temporary name.
func (u *upload) write(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		if u.temp = u.path; !u.opts.InPlace {
			u.temp = beside(u.path)
		}
		err := u.writeOnce(ctx)
		again := !u.opened || u.content.Rewindable()
		if u.opts.InPlace { // the name is fixed
			again = again && u.written && len(u.late) == 0
		}
		if !outcomeUnknown(err) || ctx.Err() != nil || attempt >= u.s.client.retry.MaxAttempts || !again {
			return err
		}
		if pauseErr := u.s.client.pause(ctx, attempt, err); pauseErr != nil {
			return pauseErr
		}
	}
}

// writeOnce writes the file to temp. If it fails, there is no file at temp, or
// temp is one of the late names. This does not apply to InPlace.
func (u *upload) writeOnce(ctx context.Context) error {
	if size := u.content.Size(); 0 <= size && size <= u.most {
		u.size = size
		err := u.s.client.Do(ctx, putFile(u.temp, size, u.open, u.opts.InPlace && u.opts.Overwrite), nil)
		if outcomeUnknown(err) {
			u.late = append(u.late, u.temp)
			if !u.opts.InPlace && u.appears(ctx) {
				err = nil
			}
		}
		u.written = u.written || err == nil
		return err
	}
	handle, err := u.s.Create(ctx, CreateFile{Path: u.temp, Overwrite: u.opts.InPlace && (u.opts.Overwrite || u.written)})
	if outcomeUnknown(err) {
		u.late = append(u.late, u.temp)
	}
	if err != nil {
		return err
	}
	u.written = true
	in, err := u.open()
	if err == nil {
		u.size, err = u.s.addBlocks(ctx, handle, in)
	}
	cleanup := ctx
	if err != nil {
		var cancel context.CancelFunc
		cleanup, cancel = cleanupContext(ctx)
		defer cancel()
	}
	// A late call cannot write to a closed handle.
	if closeErr := u.s.Close(cleanup, handle); closeErr != nil {
		u.late = append(u.late, u.temp)
		if err == nil {
			if err = closeErr; outcomeUnknown(err) && !u.opts.InPlace && u.appears(ctx) {
				err = nil
			}
		}
	}
	if err != nil && !u.opts.InPlace {
		u.discard(ctx)
	}
	return err
}

// appears waits for a file of the right size at temp, after a call whose
// response was lost. If it appears, the call was processed and will not be
// processed again.
func (u *upload) appears(ctx context.Context) bool {
	came := u.s.client.await(ctx, u.status(u.temp, func(there *FileInfo) bool { return there != nil && there.FileSize == u.size }))
	if came {
		u.late = slices.DeleteFunc(u.late, func(name string) bool { return name == u.temp })
	}
	return came
}

// open opens the source for one attempt.
func (u *upload) open() (io.ReadCloser, error) {
	u.opened = true
	in, err := u.content.Open()
	if err != nil {
		return nil, err
	}
	u.progress.set(0)
	return &uploadReader{in, u, 0}, nil
}

// An uploadReader is the source during one attempt. If the attempt is
// pointless, it fails and cancels the request. The service has then not
// received the complete request, so it writes nothing.
type uploadReader struct {
	io.ReadCloser
	u    *upload
	done int64
}

func (r *uploadReader) Read(p []byte) (n int, err error) {
	if refused := r.u.refused.Load(); refused != nil {
		err = *refused
	} else if err = errs.Over(r.u.reading); err == nil {
		n, err = r.ReadCloser.Read(p)
	}
	if err != nil && err != io.EOF {
		r.u.stop(err)
	}
	if n > 0 {
		r.done += int64(n)
		r.u.progress.set(r.done)
	}
	return n, err
}

// addBlocks sends the content of in. It reads and encodes a block while the
// previous block is sent. It returns the number of bytes.
func (s *DBFSService) addBlocks(ctx context.Context, handle int64, in io.Reader) (size int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue, done := make(chan []byte), make(chan error, 1)
	spare := make(chan []byte, 2) // buffers for the block being sent and for the next one
	spare <- nil
	spare <- nil
	go func() {
		var failed error
		for text := range queue {
			if failed == nil {
				if failed = s.addBlock(ctx, handle, text, nil); failed != nil {
					cancel()
				}
			}
			spare <- text
		}
		done <- failed
	}()
	block := blocks.New()
	defer blocks.Free(block)
	for err == nil && ctx.Err() == nil {
		var n int
		if n, err = io.ReadFull(in, block[:]); n > 0 {
			queue <- blocks.Append((<-spare)[:0], handle, block[:n])
			size += int64(n)
		}
	}
	close(queue)
	if failed := <-done; failed != nil {
		return 0, failed
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	if err == nil {
		err = errs.Over(ctx)
	}
	return size, err
}
