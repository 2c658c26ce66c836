package databricks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/redact"
	"github.com/go-databricks/databricks/internal/source"
)

// Upload writes the content of from to a file in a volume. It reads from the
// current position to the end. It creates missing directories. The file appears
// under its name when it is complete.
//
// A failed upload leaves no part of the file, and does not change a file that
// it should replace. If lost responses make this uncertain, the error is an
// [*OutcomeUnknownError]. If the source changes during the upload, the error
// matches [ErrSourceChanged], and the file is not written.
//
// Upload does not use from after it returns. It therefore waits for a Read in
// progress, even if ctx has ended.
func (s *FilesService) Upload(ctx context.Context, from io.Reader, path string, opts UploadOptions) error {
	src := source.New(from)
	defer src.Close()
	return errs.Path("upload", path, newFileUpload(s, path, src, opts).run(ctx))
}

// A volumeUpload is the upload of one file to a volume.
type volumeUpload struct {
	s      *FilesService
	path   string
	source *source.Source
	opts   UploadOptions

	inParts  int64 // smallest size of a file that is sent in parts
	partSize int64

	content  *source.Source // the data to send: source, or the buffer that holds it
	size     atomic.Int64   // size of the content; 0 while it is unknown
	kept     [][]byte       // data that was read from the content but not sent
	rest     io.Reader      // the rest of the content
	progress *progressReporter
	broken   atomic.Pointer[error] // why the source cannot be sent
}

func newFileUpload(s *FilesService, path string, src *source.Source, opts UploadOptions) *volumeUpload {
	u := &volumeUpload{s: s, path: volumePath(path), source: src, opts: opts, inParts: defaultInParts, partSize: defaultPartSize}
	if src.Sections() == nil {
		u.partSize = streamPartSize
	}
	return u
}

func (u *volumeUpload) run(ctx context.Context) error {
	if err := checkVolumePath("path", u.path, true); err != nil {
		return err
	}
	if err := u.checkOptions(); err != nil {
		return err
	}
	if u.s.client.Planning() {
		return u.plan(ctx)
	}
	u.content = u.source
	if u.source.Size() < 0 {
		free, err := u.buffer(ctx, u.source, 0)
		defer free()
		if err != nil {
			return err
		}
	}
	u.progress = newProgressReporter(u.opts.Progress, u.content.Size())
	defer u.progress.stop()
	if err := u.dropOther(ctx); err != nil {
		return err
	}
	if err := u.send(ctx); err != nil {
		return err
	}
	return u.source.Advance()
}

func (u *volumeUpload) checkOptions() error {
	resume := u.opts.Resume
	switch {
	case u.opts.Concurrency < 0:
		return badArg("Concurrency", "is %d; want 1 or more, or 0 for %d", u.opts.Concurrency, partConcurrency)
	case resume == nil:
		return nil
	case volumePath(resume.Path) != u.path || resume.Overwrite != u.opts.Overwrite:
		return badArg("Resume", "is of an upload to %.200q with Overwrite: %t", resume.Path, resume.Overwrite)
	}
	return resume.check()
}

// buffer reads a short source into memory, so that its size is known.
func (u *volumeUpload) buffer(ctx context.Context, from *source.Source, onDisk int64) (free func(), err error) {
	u.content, free, err = from.Buffer(ctx, maxInMemory, onDisk)
	return free, err
}

// dropOther aborts a pending upload that belongs to another source.
func (u *volumeUpload) dropOther(ctx context.Context) error {
	resume := u.opts.Resume
	if resume == nil || resume.Size == u.source.Size() && !u.source.Modified().IsZero() && resume.Modified.Equal(u.source.Modified()) {
		return nil
	}
	u.opts.Resume = nil
	return u.s.AbortUpload(ctx, *resume)
}

// send sends a large file in parts if the workspace allows it. It sends any other
// file in one request.
func (u *volumeUpload) send(ctx context.Context) error {
	size := u.content.Size()
	if 0 <= size && size < u.inParts && u.opts.Resume == nil {
		return u.put(ctx)
	}
	err := u.sendInParts(ctx)
	if _, unavailable := errors.AsType[*unavailableError](err); !unavailable {
		return err
	}
	if size > MaxUploadSize {
		return fmt.Errorf("a file of more than %d bytes can be sent in parts only: %w", int64(MaxUploadSize), err)
	}
	if size < 0 {
		if u.rest != nil {
			u.content = source.New(io.MultiReader(u.unsent(), u.rest))
		}
		if !u.opts.Unbuffered {
			free, err := u.buffer(ctx, u.content, maxBuffered)
			defer free()
			if err != nil {
				return err
			}
		}
	}
	return u.put(ctx)
}

// unsent returns a reader of the data that was read from the content but not sent.
func (u *volumeUpload) unsent() io.Reader {
	var all []io.Reader
	for _, part := range u.kept {
		all = append(all, bytes.NewReader(part))
	}
	return io.MultiReader(all...)
}

// plan makes the calls of a dry run without reading the source.
func (u *volumeUpload) plan(ctx context.Context) error {
	if !u.opts.Overwrite {
		switch _, err := u.s.GetMetadata(ctx, u.path); {
		case err == nil:
			return errFileExists
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	size := u.source.Size()
	if size < u.inParts {
		return u.s.client.Do(ctx, putVolumeFile(u.path, size, u.source.Open, u.opts.Overwrite), nil)
	}
	if _, err := u.s.InitiateUpload(ctx, InitiateUpload{u.path, u.opts.Overwrite}); err != nil {
		return err
	}
	parts := make([]CompletedPart, countOf(size, partSizeFor(size, u.partSize)))
	for i := range parts {
		parts[i].PartNumber = i + 1
	}
	return u.s.CompleteUpload(ctx, CompleteUpload{u.path, redact.Mark, parts})
}

var errFileExists = fmt.Errorf("a file is at the path: %w: %w", ErrAlreadyExists, fs.ErrExist)

// put writes the file in one request. If the response is lost, the service may
// still process the request later. A late request with Overwrite would undo a
// later upload, so put sends it once, and succeeds only if it has certainly taken
// effect. A late request without Overwrite finds an existing file and fails.
func (u *volumeUpload) put(ctx context.Context) error {
	started := time.Now()
	var lost error
	for attempt := 1; ; attempt++ {
		err := u.s.client.Do(ctx, putVolumeFile(u.path, u.content.Size(), u.open, u.opts.Overwrite), nil)
		if broken := u.broken.Load(); broken != nil && err != nil && lost == nil {
			return *broken // the request was incomplete, so the response does not matter
		}
		switch {
		case outcomeUnknown(err) && !u.content.Rewindable():
			return err
		case outcomeUnknown(err) && u.opts.Overwrite:
			if u.s.client.await(ctx, func(ctx context.Context) bool { return u.arrived(ctx, started) }) {
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
		switch same, readErr := u.same(ctx); {
		case same && readErr == nil:
			return nil
		case readErr == nil && errors.Is(err, fs.ErrExist):
			return err
		}
		return lost
	}
}

// arrived reports whether the file at the path has the content that was sent, and
// was written after the upload started. An older file with the same content does
// not show that the request was processed.
func (u *volumeUpload) arrived(ctx context.Context, started time.Time) bool {
	m, err := u.s.GetMetadata(ctx, u.path)
	if err != nil || !m.LastModified.IsZero() && m.LastModified.Before(started.Add(-maxClockSkew)) {
		return false
	}
	same, err := u.same(ctx)
	return same && err == nil
}

// open opens the source for one attempt to send all of it.
func (u *volumeUpload) open() (io.ReadCloser, error) {
	in, err := u.content.Open()
	if err != nil {
		return nil, err
	}
	u.progress.set(0)
	return &checkedReader{in, u, u.content.Size()}, nil
}

// A checkedReader is the source during one attempt. If the source has changed, it
// fails before the last byte, so that the service does not write the file.
type checkedReader struct {
	io.ReadCloser
	u    *volumeUpload
	left int64 // negative if unknown
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.left -= int64(n); r.left == 0 && r.u.content == r.u.source {
		if changed := r.u.source.Check(); changed != nil {
			n, err = 0, changed
		}
	}
	if err != nil && err != io.EOF {
		r.u.broken.CompareAndSwap(nil, &err)
		return 0, err
	}
	if n > 0 {
		r.u.progress.add(n)
	}
	return n, err
}

// same reports whether the file at the path has the content that was sent. It
// compares all bytes, because another writer may write a file of the same size.
func (u *volumeUpload) same(ctx context.Context) (bool, error) {
	m, err := u.s.GetMetadata(ctx, u.path)
	if err != nil || m.ContentLength != u.content.Size() {
		return false, ignoreNotExist(err)
	}
	same := false
	r := onFile(http.MethodGet, u.path)
	r.header = http.Header{"Accept": {"application/octet-stream"}}
	err = u.s.client.Do(ctx, r, func(resp *http.Response) error {
		want, err := u.content.Open()
		if err != nil {
			return err
		}
		same, err = sameBytes(want, resp.Body)
		return err
	})
	return same, ignoreNotExist(err)
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sameBytes reports whether two readers yield the same bytes. It stops at the first
// difference.
func sameBytes(a, b io.Reader) (bool, error) {
	const size = 64 << 10
	block := make([]byte, 2*size)
	for {
		n, errA := io.ReadFull(a, block[:size])
		m, errB := io.ReadFull(b, block[size:])
		switch {
		case errA != nil && errA != io.EOF && errA != io.ErrUnexpectedEOF:
			return false, errA
		case errB != nil && errB != io.EOF && errB != io.ErrUnexpectedEOF:
			return false, errB
		case !bytes.Equal(block[:n], block[size:size+m]):
			return false, nil
		case errA != nil:
			return true, nil
		}
	}
}
