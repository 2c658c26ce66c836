package databricks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-databricks/databricks/internal/blocks"
	"github.com/go-databricks/databricks/internal/poll"
	"github.com/go-databricks/databricks/internal/source"
)

// UploadOptions say how to upload a file. The zero value is a good choice.
type UploadOptions struct {
	// Overwrite replaces a file that is at the path already. Without it the
	// upload fails, with an error that matches fs.ErrExist, and changes nothing.
	Overwrite bool

	// InPlace writes straight to the path. That takes less calls, but others
	// can see the file before it is whole, and a failed upload may leave it so,
	// or may leave nothing of a file that it was to replace.
	InPlace bool

	// Progress is told how many bytes were sent so far, and how many there are,
	// -1 if that is not known. An upload that begins again goes back to 0. It is
	// called often, never twice at once, and should be quick.
	Progress func(done, total int64)
}

// Upload writes a file with all that there is to read in from, from its current
// position on. Missing directories are made.
//
// A source that has an end to seek to, such as a file or a bytes.Reader, goes
// out as it is in one call if it is less than 2 GiB. Anything else, such as a
// pipe, is sent in blocks, and may take ten minutes at most to come up with the
// next megabyte. Memory use does not depend on the size.
//
// The file appears under its name when it is complete and its size is checked:
// until then it is beside it, with a name that begins with .databricks-. When
// a file is replaced, there is a moment without one. Whatever goes wrong, no
// part of the file stays under either name; where the network does not even let
// that be ensured, the error says what may be left.
//
// Where an answer was lost and nobody knows whether a block has arrived, the
// upload begins again, if the source can be read again. Otherwise it fails with
// an [*OutcomeUnknownError]. A source that changes meanwhile is an [ErrSourceChanged].
//
// When Upload returns, it does not touch from any more, so that it waits for a
// Read under way even if its context has ended.
func (s *DBFSService) Upload(ctx context.Context, path string, from io.Reader, opts UploadOptions) error {
	src := source.New(from)
	defer src.Close()
	u := newUpload(s, path, src, opts)
	if err := u.run(ctx); err != nil {
		return &fs.PathError{Op: "upload", Path: path, Err: err}
	}
	return nil
}

// ErrSourceChanged is matched by errors of transfers whose source, here or there,
// became another while it was read.
var ErrSourceChanged = source.ErrChanged

// An upload is one file on its way to DBFS.
type upload struct {
	s       *DBFSService
	path    string // where the file is to be
	temp    string // where it is written: beside path, or path itself
	source  *source.Source
	opts    UploadOptions
	most    int64 // what goes out in one call
	meter   *progressReporter
	known   bool      // there is what is at the path
	there   *FileInfo // nil if nothing is
	opened  bool      // the source was
	written bool      // what is at temp, if anything, is ours
	size    int64     // of what was sent

	refused atomic.Pointer[error]   // why the file cannot be at path
	reading context.Context         // of the calls that read the source
	stop    context.CancelCauseFunc // ends them
}

func newUpload(s *DBFSService, path string, src *source.Source, opts UploadOptions) *upload {
	u := &upload{s: s, path: strings.TrimPrefix(path, "dbfs:"), source: src, opts: opts, most: maxPutFile, meter: newProgressReporter(opts.Progress, src.Size())}
	u.rename()
	return u
}

// rename gives what is written a name that nobody else uses.
func (u *upload) rename() {
	if u.temp = u.path; !u.opts.InPlace {
		u.temp = besideDBFS(u.path)
	}
}

func besideDBFS(path string) string { return path[:strings.LastIndexByte(path, '/')+1] + tempName() }

// tempPrefix begins the names of files that are not complete, and of those
// about to be replaced. Spark overlooks names that begin with a dot.
const tempPrefix = ".databricks-"

func tempName() string { return tempPrefix + rand.Text() }

func (u *upload) run(ctx context.Context) error {
	defer u.meter.stop()
	if err := checkDBFSPath("path", u.path); err != nil {
		return err
	}
	if strings.HasSuffix(u.path, "/") {
		return badArg("path", "%.100q is a directory's; want that of the file itself", u.path)
	}
	err := u.lookAndWrite(ctx)
	if !u.s.client.Planning() {
		if err == nil {
			err = u.source.Finish()
		}
		if err == nil {
			err = u.verify(ctx)
		}
	}
	if err == nil {
		err = u.publish(ctx)
	}
	if err != nil {
		return u.discard(ctx, err)
	}
	return nil
}

// lookAndWrite looks what is at the path while the file is written beside it.
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

// write writes the whole file to temp.
func (u *upload) write(ctx context.Context) error {
	size := u.source.Size()
	if u.s.client.Planning() {
		return u.s.putFile(ctx, u.temp, max(size, 0), u.source.Open, u.overTemp())
	}
	if size < 0 || size > u.most {
		return u.stream(ctx)
	}
	u.size = size
	return u.wrote(u.s.putFile(ctx, u.temp, size, u.open, u.overTemp()))
}

// wrote notes whether a call may have written something of ours, from its error.
func (u *upload) wrote(err error) error {
	_, unknown := errors.AsType[*OutcomeUnknownError](err)
	u.written = u.written || err == nil || unknown && u.temp != u.path
	return err
}

// overTemp reports whether writing to temp may replace something: nobody
// else knows a temporary name.
func (u *upload) overTemp() bool { return u.temp != u.path || u.opts.Overwrite || u.written }

// open opens the source for one attempt.
func (u *upload) open() (io.ReadCloser, error) {
	u.opened = true
	in, err := u.source.Open()
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

// stream writes the file in blocks, from the beginning as often as it takes.
func (u *upload) stream(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := u.streamOnce(ctx)
		_, unknown := errors.AsType[*OutcomeUnknownError](err)
		if !unknown || ctx.Err() != nil || attempt >= u.s.client.retry.MaxAttempts || u.opened && !u.source.Rewindable() || !u.overTemp() {
			return err
		}
		if pauseErr := u.s.client.pause(ctx, attempt, err); pauseErr != nil {
			return pauseErr
		}
		if discarded := u.discard(ctx, err); discarded != err {
			return discarded // there is no end to it
		}
		u.rename() // the lost call may still be on its way to the old one
	}
}

func (u *upload) streamOnce(ctx context.Context) error {
	handle, err := u.s.Create(ctx, CreateFile{Path: u.temp, Overwrite: u.overTemp()})
	if u.wrote(err) != nil {
		return err
	}
	in, err := u.open()
	if err == nil {
		u.size, err = u.s.addBlocks(ctx, handle, in)
	}
	if err == nil {
		return u.s.Close(ctx, handle)
	}
	// What is not closed may turn up when the service gives up on it.
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	u.s.Close(ctx, handle)
	return err
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

// verify checks that all that was sent has arrived.
func (u *upload) verify(ctx context.Context) error {
	info, err := u.s.GetStatus(ctx, u.temp)
	if err != nil {
		return fmt.Errorf("checking its size: %w", err)
	}
	if info.FileSize != u.size {
		return fmt.Errorf("%d bytes were sent, but the file has %d", u.size, info.FileSize)
	}
	return nil
}

// publish moves the file to its path.
func (u *upload) publish(ctx context.Context) error {
	if u.temp == u.path {
		return nil
	}
	if u.there == nil {
		err := u.move(ctx, u.temp, u.path)
		if !u.opts.Overwrite || !errors.Is(err, ErrResourceAlreadyExists) {
			return err
		}
		if err := u.look(ctx); err != nil { // at what has come up meanwhile
			return err
		}
	}
	old := besideDBFS(u.path)
	err := u.move(ctx, u.path, old)
	if errors.Is(err, ErrResourceDoesNotExist) { // it has gone meanwhile
		return u.move(ctx, u.temp, u.path)
	}
	if err == nil {
		err = u.move(ctx, u.temp, u.path)
	}
	if err != nil {
		return u.putBack(ctx, old, err)
	}
	if err := u.remove(ctx, old); err != nil {
		return fmt.Errorf("the upload is done, but the file that was there before is left at %s: %w", old, err)
	}
	return nil
}

// putBack gives the file that was to be replaced its name back, after a
// failure. It returns why, and where that file is.
func (u *upload) putBack(ctx context.Context, old string, why error) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	err := u.move(ctx, old, u.path)
	if err == nil || errors.Is(err, ErrResourceDoesNotExist) {
		return why
	}
	return fmt.Errorf("%w; the file that was there before may be at %s: %w", why, old, err)
}

// move moves one of our files. If the answer is lost, it looks what became of it.
func (u *upload) move(ctx context.Context, from, to string) error {
	for attempt, lost := 1, false; ; attempt++ {
		err := u.s.Move(ctx, from, to)
		_, unknown := errors.AsType[*OutcomeUnknownError](err)
		if lost = lost || unknown; !lost || err == nil {
			return err
		}
		moved, lookErr := u.moved(ctx, from, to)
		switch {
		case lookErr == nil && moved:
			return nil
		case lookErr != nil || !unknown || attempt >= u.s.client.retry.MaxAttempts:
			return err
		}
		if pauseErr := u.s.client.pause(ctx, attempt, err); pauseErr != nil {
			return pauseErr
		}
	}
}

// moved reports whether a file has gone from one path to another. It looks
// twice, since a call whose answer was lost may still be at work.
func (u *upload) moved(ctx context.Context, from, to string) (moved bool, err error) {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	for range 2 {
		err = u.persist(ctx, func() error {
			there, err := u.s.stat(ctx, from)
			if err != nil || there != nil {
				return err
			}
			there, err = u.s.stat(ctx, to)
			moved = there != nil && !there.IsDir
			return err
		})
		if moved || err != nil || poll.Sleep(ctx, settleDelay) != nil {
			break
		}
	}
	return moved, err
}

// persist tries something that must not fail lightly.
func (u *upload) persist(ctx context.Context, try func() error) (err error) {
	for attempt := range 3 {
		if err = try(); err == nil || u.s.client.pause(ctx, attempt+1, err) != nil {
			break
		}
	}
	return err
}

// discard removes what was written, after a failure. It returns why, and what
// may be left.
func (u *upload) discard(ctx context.Context, why error) error {
	if !u.written {
		return why
	}
	err := u.remove(ctx, u.temp)
	if _, unknown := errors.AsType[*OutcomeUnknownError](why); unknown && err == nil {
		// What was lost may make the file after all.
		tidy, cancel := cleanupContext(ctx)
		_ = poll.Sleep(tidy, settleDelay)
		cancel()
		err = u.remove(ctx, u.temp)
	}
	if err != nil {
		return fmt.Errorf("%w; a part may be left at %s: %w", why, u.temp, err)
	}
	return why
}

// remove deletes one of our files.
func (u *upload) remove(ctx context.Context, path string) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	return u.persist(ctx, func() error { return u.s.Delete(ctx, DeleteFile{Path: path}) })
}

// settleDelay is how long a call whose answer was lost is given to do its work.
const settleDelay = 500 * time.Millisecond

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
