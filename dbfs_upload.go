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
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/source"
)

// UploadOptions say how to upload a file. The zero value is a good choice.
type UploadOptions struct {
	// Overwrite replaces a file that is at the path already. Without it the
	// upload fails, with an error that matches fs.ErrExist, and changes nothing.
	Overwrite bool

	// InPlace writes a large file straight to the path. That takes fewer calls,
	// but others can see the file before it is complete, and a failed upload may
	// leave a part of it, or nothing of a file that it was to replace.
	InPlace bool

	// Unbuffered sends a source of unknown size while it is read. By default it
	// is read first, up to 256 MiB, into memory and then into a temporary file of
	// this machine, because one request for the whole file is much faster.
	Unbuffered bool

	// Progress is called with the number of bytes sent so far, and how many there
	// are, -1 if that is unknown. An upload that starts over goes back to 0. It
	// is called often, and must return quickly. Calls do not overlap.
	Progress func(done, total int64)
}

// Bounds of what is buffered of a source of unknown size.
const (
	maxInMemory = 8 << 20
	maxBuffered = 256 << 20
)

// Upload writes a file with everything that from has to read, from its current
// position on. It creates missing directories.
//
// A file of up to [MaxBlockSize] bytes is one request. A larger one is written
// beside its path under a name that begins with .databricks-. It appears under
// its own name when it is complete and its size is verified. When a large file
// is replaced, there is a moment without one. Files of 2 GiB and more, and long
// sources of unknown size, are sent in blocks. Such a source must not pause for
// ten minutes. Memory use does not depend on the size.
//
// After an error, nothing is left of the file. Where lost responses make that
// uncertain, the error says what may be where. Upload takes into account that
// the service may do the work of a lost call late. A [*LeftoverError] names
// temporary files that may appear, even if the upload succeeded.
//
// If nobody can know whether a block has arrived, the upload starts over, if the
// source can be read again. Otherwise it fails with an [*OutcomeUnknownError]. A
// source that changes during the upload is an [ErrSourceChanged].
//
// When Upload returns, it no longer uses from. Therefore it waits for a Read in
// progress even if ctx has ended.
func (s *DBFSService) Upload(ctx context.Context, from io.Reader, path string, opts UploadOptions) error {
	src := source.New(from)
	defer src.Close()
	return errs.Path("upload", path, newUpload(s, path, src, opts).run(ctx))
}

// ErrSourceChanged is matched by errors of transfers whose source, local or
// remote, changed while it was read.
var ErrSourceChanged = source.ErrChanged

// An upload is one file on its way to DBFS.
//
// The service may do the work of a call whose response was lost at any later
// time. So each temporary name is used by one call that creates it, and by moves
// from it: whatever comes late finds its name taken or gone. Only the move of
// the old file away from the path could do harm late. Nothing else is done
// before it is certain that it was done.
type upload struct {
	s      *DBFSService
	path   string // where the file is to be
	source *source.Source
	opts   UploadOptions
	small  int64 // what is sent straight to the path
	most   int64 // what is sent in one request
	known  bool  // there is what is at the path
	there  *FileInfo

	content *source.Source // what is sent: source, or what was buffered of it
	meter   *progressReporter
	temp    string   // where it is written: beside path, or path itself
	size    int64    // of what was sent
	opened  bool     // content was
	written bool     // what is at temp is ours
	olds    []string // where what was at the path is now
	late    []string // where a lost call may still create a file

	refused atomic.Pointer[error]   // why the file cannot be at path
	reading context.Context         // of the calls that read the source
	stop    context.CancelCauseFunc // ends them
}

func newUpload(s *DBFSService, path string, src *source.Source, opts UploadOptions) *upload {
	return &upload{s: s, path: dbfsPath(path), source: src, opts: opts, small: MaxBlockSize, most: maxPutFile}
}

// beside returns a name that nobody has used before, in the directory of path.
func beside(path string) string { return path[:strings.LastIndexByte(path, '/')+1] + tempName() }

func tempName() string { return tempPrefix + rand.Text() }

func (u *upload) run(ctx context.Context) error {
	if err := checkDBFSPath("path", u.path); err != nil {
		return err
	}
	if strings.HasSuffix(u.path, "/") {
		return badArg("path", "%.100q is a directory's; want that of the file itself", u.path)
	}
	if u.s.client.Planning() {
		return u.plan(ctx)
	}
	free, err := u.prepare(ctx)
	defer free()
	if err != nil {
		return err
	}
	u.meter = newProgressReporter(u.opts.Progress, u.content.Size())
	defer u.meter.stop()
	if size := u.content.Size(); 0 <= size && size <= u.small {
		return u.put(ctx, size)
	}
	err = u.lookAndWrite(ctx)
	if err == nil {
		err = u.source.Finish()
	}
	if err == nil {
		err = u.verify(ctx)
	}
	if err == nil && !u.opts.InPlace {
		err = u.publish(ctx)
	}
	return u.tidy(ctx, err)
}

// plan makes the calls of an upload that reads nothing of its source.
func (u *upload) plan(ctx context.Context) error {
	if !u.known {
		if err := u.look(ctx); err != nil {
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
	return u.tidy(ctx, err)
}

// prepare finds out what is to be sent. A small file is read at once, so that
// what is sent cannot change.
func (u *upload) prepare(ctx context.Context) (free func(), err error) {
	size := u.source.Size()
	if size > u.small || size < 0 && u.opts.Unbuffered {
		u.content = u.source
		return func() {}, nil
	}
	u.content, free, err = u.source.Buffer(ctx, maxInMemory, maxBuffered)
	return free, err
}

// put writes a small file in one request. If the response is lost, the request
// may still be carried out. One that overwrites could then undo a later upload,
// so that it is given time to be done. One that does not finds a file.
func (u *upload) put(ctx context.Context, size int64) error {
	u.reading, u.stop = ctx, func(error) {}
	there := func(ctx context.Context) bool { same, err := u.same(ctx, size); return same && err == nil }
	var lost error
	for attempt := 1; ; attempt++ {
		err := u.s.client.Do(ctx, putFile(u.path, size, u.open, u.opts.Overwrite), nil)
		switch {
		case outcomeUnknown(err):
			lost = err
			if u.opts.Overwrite && await(ctx, there) {
				return nil
			}
			if attempt < u.s.client.retry.MaxAttempts && u.s.client.pause(ctx, attempt, err) == nil {
				continue
			}
		case lost == nil || err == nil:
			return err
		}
		// Who wrote what is there may be unknown. If it is the same, that does not matter.
		switch same, readErr := u.same(ctx, size); {
		case same && readErr == nil:
			return nil
		case readErr == nil && errors.Is(err, fs.ErrExist):
			return err
		}
		return lost
	}
}

func outcomeUnknown(err error) bool {
	_, unknown := errors.AsType[*OutcomeUnknownError](err)
	return unknown
}

// same reports whether what is at the path is what was sent.
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

// lookAndWrite gets the status of the path while the file is written beside it.
func (u *upload) lookAndWrite(parent context.Context) error {
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
			err := u.look(ctx)
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

func (u *upload) look(ctx context.Context) (err error) {
	if u.there, err = u.s.stat(ctx, u.path); err != nil {
		return err
	}
	return u.mayReplace()
}

// stat is GetStatus with nil for nothing.
func (s *DBFSService) stat(ctx context.Context, path string) (*FileInfo, error) {
	info, err := s.GetStatus(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

// mayReplace refuses to write over what is not to be written over.
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

// write writes the whole file to temp, under a new name as often as it takes.
func (u *upload) write(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		if u.temp = u.path; !u.opts.InPlace {
			u.temp = beside(u.path)
		}
		err := u.writeOnce(ctx)
		again := !u.opened || u.content.Rewindable()
		if u.opts.InPlace { // there is but one name
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

// writeOnce writes the file to temp. If it fails, temp is among the late names
// or nothing is there, except for files in place.
func (u *upload) writeOnce(ctx context.Context) error {
	if size := u.content.Size(); 0 <= size && size <= u.most {
		u.size = size
		r := putFile(u.temp, size, u.open, u.opts.InPlace && u.opts.Overwrite)
		r.Idempotent = u.opts.InPlace && u.opts.Overwrite
		err := u.s.client.Do(ctx, r, nil)
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
	tidy := ctx
	if err != nil {
		var cancel context.CancelFunc
		tidy, cancel = cleanupContext(ctx)
		defer cancel()
	}
	// No call that comes late can write to a handle that is closed.
	if closeErr := u.s.Close(tidy, handle); closeErr != nil {
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

// appears waits for a file of the right size at temp, after a call that may
// still create it. Then the call was carried out, and cannot be again.
func (u *upload) appears(ctx context.Context) bool {
	came := await(ctx, u.status(u.temp, func(there *FileInfo) bool { return there != nil && there.FileSize == u.size }))
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
	u.meter.set(0)
	return &uploadReader{in, u, 0}, nil
}

// An uploadReader is the source during one attempt. If there is no point in
// going on, it ends the call: one that still wants to read is not complete, so
// that the service does not write anything once it is ended.
type uploadReader struct {
	io.ReadCloser
	u    *upload
	done int64
}

func (r *uploadReader) Read(p []byte) (n int, err error) {
	if refused := r.u.refused.Load(); refused != nil {
		err = *refused
	} else if err = context.Cause(r.u.reading); err == nil {
		n, err = r.ReadCloser.Read(p)
	}
	if err != nil && err != io.EOF {
		r.u.stop(err)
	}
	if n > 0 {
		r.done += int64(n)
		r.u.meter.set(r.done)
	}
	return n, err
}

// addBlocks sends all of in, and reads and encodes a block while the one before
// is on its way. It returns how much there was.
func (s *DBFSService) addBlocks(ctx context.Context, handle int64, in io.Reader) (size int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue, done := make(chan []byte), make(chan error, 1)
	spare := make(chan []byte, 2) // room for the block on its way, and for the next
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
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return size, err
}

// cleanupContext returns a context for putting things in order: it outlives ctx by a
// moment.
func cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	tidy, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(tidyTime, cancel) })
	return tidy, func() { stop(); cancel() }
}

// tidyTime is the moment of cleanupContext.
const tidyTime = 15 * time.Second

// pause waits before another attempt of something that is more than one call.
func (c *Client) pause(ctx context.Context, attempt int, failure error) error {
	if poll.Sleep(ctx, c.retry.backoff(attempt)) != nil {
		return ended(ctx, ctx.Err(), failure)
	}
	return nil
}
