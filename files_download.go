package databricks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/response"
)

// fileRanges has the numbers of bytes that one request reads of a file in a volume.
type fileRanges struct {
	first   int64       // by the first request, which may read the whole file
	most    int64       // at most, by any other request
	buffers *bufferPool // each holds at least what one request reads
}

var defaultFileRanges = &fileRanges{first: 16 << 20, most: 64 << 20, buffers: newBufferPool(4 << 20)}

// DefaultFileConcurrency is the default limit on the requests in flight for one
// file of a volume. It is less than [DefaultConcurrency], because these
// requests are large.
const DefaultFileConcurrency = 8

// Download copies a file in a volume to a writer. It sends one request for a
// file of at most 16 MiB. For a larger file, it requests several parts at the
// same time. It writes them in order, unless the writer implements io.WriterAt
// and io.Seeker, as os.File and io.OffsetWriter do. It then writes each part as
// it arrives and finally seeks to the end of the data.
//
// If a response is interrupted, Download requests the rest of the data. If the
// file is replaced or deleted during the download, the error matches
// [ErrSourceChanged]. After an error, the writer may have received any part of
// the file.
//
// The service reports modification times with a precision of one second. If it
// sends no ETag, Download cannot detect that a file was replaced within one
// second by another file of the same size.
func (s *FilesService) Download(ctx context.Context, path string, to io.Writer, opts DownloadOptions) error {
	f, err := s.unseen(path, opts.Concurrency)
	if err == nil {
		_, err = f.writeTo(ctx, to, 0, opts.Progress)
	}
	return errs.Path("download", path, err)
}

// DownloadFile downloads a file of a volume to a local file. The local file gets
// the modification time that the file has in the volume. Until the download is
// complete, the data is in the same directory under a name that starts with
// .databricks-. DownloadFile fails with an error that matches fs.ErrExist if
// something already has the name. With Overwrite, it fails only if that is a
// directory. After an error, DownloadFile leaves no file, unless Resume is set.
func (s *FilesService) DownloadFile(ctx context.Context, path, name string, opts DownloadOptions) error {
	stat := func(known bool) (*remoteFile, error) {
		if known {
			return s.statFile(ctx, path, opts.Concurrency)
		}
		return s.unseen(path, opts.Concurrency)
	}
	return errs.Path("download", path, downloadFile(ctx, stat, name, opts))
}

// Open opens a file for reading. All its reads use ctx. Sequential reads, such
// as those of bufio.Scanner and io.Copy, are fast because the file reads ahead.
// Each ReadAt requests only the bytes that it needs.
func (s *FilesService) Open(ctx context.Context, path string) (*File, error) {
	f, err := s.statFile(ctx, path, 0)
	if err != nil {
		return nil, errs.Path("open", path, err)
	}
	entry := FileEntry{Path: f.path, FileSize: f.size, LastModified: MillisOf(f.modified)}
	return f.open(ctx, entry.node()), nil
}

// A volumeFile is a file in a volume that the download engine reads.
type volumeFile struct {
	s      *FilesService
	ranges *fileRanges

	mu   sync.Mutex
	etag string // empty if unknown
}

// unseen returns a file whose size and version are not known yet.
func (s *FilesService) unseen(path string, concurrency int) (*remoteFile, error) {
	if err := errors.Join(checkConcurrency(concurrency), checkVolumePath("path", path, true)); err != nil {
		return nil, err
	}
	slots := make(chan struct{}, cmp.Or(concurrency, DefaultFileConcurrency))
	return &remoteFile{area: &volumeFile{s: s, ranges: defaultFileRanges}, path: volumePath(path), slots: slots, size: -1}, nil
}

// listed returns a file whose size and modification time are known from a list.
func (s *FilesService) listed(e FileEntry, slots chan struct{}) *remoteFile {
	return &remoteFile{area: &volumeFile{s: s, ranges: defaultFileRanges}, path: e.Path, slots: slots, known: true, size: e.FileSize, modified: e.LastModified.Time()}
}

// statFile returns a file with its current size and version.
func (s *FilesService) statFile(ctx context.Context, path string, concurrency int) (*remoteFile, error) {
	f, err := s.unseen(path, concurrency)
	if err != nil {
		return nil, err
	}
	m, err := s.GetMetadata(ctx, path)
	if err != nil {
		return nil, s.orDirectory(ctx, path, err)
	}
	f.area.(*volumeFile).etag = m.ETag
	f.learn(m.ContentLength, m.LastModified, false)
	return f, nil
}

// orDirectory returns errIsDirectory instead of err if no file is at the path,
// but a directory is.
func (s *FilesService) orDirectory(ctx context.Context, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && s.GetDirectoryMetadata(ctx, path) == nil {
		return errIsDirectory
	}
	return err
}

func (v *volumeFile) buffers() *bufferPool { return v.ranges.buffers }
func (v *volumeFile) first() int64         { return v.ranges.first }

// spanSize divides the rest of the file among the lanes, in whole buffers.
func (v *volumeFile) spanSize(left int64, lanes int) int64 {
	unit := int64(v.ranges.buffers.size)
	share := (left + int64(lanes) - 1) / int64(lanes)
	return min(max((share+unit-1)/unit, 1)*unit, v.ranges.most)
}

func (v *volumeFile) tag() string { return v.s.client.Host() + " " + v.etag }

// unchanged does nothing, because each response was checked for the version.
func (v *volumeFile) unchanged(context.Context, *remoteFile, int64) error { return nil }

func (v *volumeFile) fetch(ctx context.Context, f *remoteFile, offset int64, p []byte, want int) error {
	return v.copySpan(ctx, f, span{offset, int64(want)}, &sliceWriter{p[:want]})
}

// goodProgress is the number of bytes that a request must read before it fails, so
// that the retry policy starts anew.
const goodProgress = 1 << 20

func (v *volumeFile) copySpan(ctx context.Context, f *remoteFile, s span, w io.Writer) error {
	ranged := true
	for {
		before := s.offset
		err := v.get(ctx, f, &s, ranged, w)
		broken, ok := errors.AsType[*response.Failure](err)
		switch rejection, _ := errors.AsType[*APIError](err); {
		case err == nil && s.length == 0:
			return nil
		case err == nil, ok && broken.Interrupted && s.offset-before >= goodProgress && ctx.Err() == nil:
		case rejection == nil:
			return err
		case f.known:
			return changedBy(rejection, err)
		case rejection.StatusCode == http.StatusRequestedRangeNotSatisfiable && ranged:
			ranged = false // the file is empty
		default:
			return v.s.orDirectory(ctx, f.path, err)
		}
	}
}

// changedBy returns the error after the service refused to read a file that existed
// before.
func changedBy(rejection *APIError, err error) error {
	switch rejection.StatusCode {
	case http.StatusNotFound, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w: %w", ErrSourceChanged, err)
	}
	return err
}

// get sends a request for a span, and retries it. It reduces s to the part that was
// not received. Each attempt requests only that part.
func (v *volumeFile) get(ctx context.Context, f *remoteFile, s *span, ranged bool, w io.Writer) error {
	r := onFile(http.MethodGet, f.path)
	r.header = http.Header{}
	v.setHeader(r.header, f, *s, ranged)
	return v.s.client.Do(ctx, r, func(resp *http.Response) error {
		m, err := rangeOf(resp, s.offset, s.length)
		if err != nil {
			return err
		}
		whole := resp.StatusCode == http.StatusOK
		if err := v.accept(f, m, whole); err != nil {
			return err
		}
		if whole || f.size < s.end() {
			s.length = f.size - s.offset
		}
		n, err := copyBody(w, resp.Body, s.length)
		s.offset, s.length = s.offset+n, s.length-n
		if err == io.ErrUnexpectedEOF && n > 0 && n == resp.ContentLength {
			err = nil // the service sent less than was requested, but completely
		}
		v.setHeader(r.header, f, *s, ranged)
		if err == nil && s.length == 0 {
			_, _ = resp.Body.Read(make([]byte, 1)) // read the end, so that the connection can be reused
			return response.ErrStopped
		}
		return err
	})
}

// setHeader sets the header of a request for a span.
func (v *volumeFile) setHeader(h http.Header, f *remoteFile, s span, ranged bool) {
	h.Set("Accept", "application/octet-stream")
	h.Set("Accept-Encoding", "identity") // a compressed response does not state the size
	if ranged || s.offset > 0 {
		h.Set("Range", rangeText(s.offset, s.length))
	}
	if !f.modified.IsZero() {
		h.Set("If-Unmodified-Since", f.modified.UTC().Format(http.TimeFormat))
	}
}

// accept checks that a response is of the same version of the file as the earlier
// ones. The first response sets the version.
func (v *volumeFile) accept(f *remoteFile, m FileMetadata, whole bool) error {
	if !f.known {
		v.etag = m.ETag
		f.learn(m.ContentLength, m.LastModified, whole)
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.etag = cmp.Or(v.etag, m.ETag)
	was, is := f.modified.Truncate(time.Second), m.LastModified
	switch {
	case m.ContentLength != f.size, !was.IsZero() && !is.IsZero() && !was.Equal(is):
		return fmt.Errorf("%w: it had %d bytes, modified %v; now it has %d bytes, modified %v", ErrSourceChanged, f.size, was.UTC(), m.ContentLength, is.UTC())
	case m.ETag != "" && m.ETag != v.etag:
		return fmt.Errorf("%w: its ETag was %.100q; now it is %.100q", ErrSourceChanged, v.etag, m.ETag)
	}
	return nil
}

// A sliceWriter is a writer that a response can be read into directly.
type sliceWriter struct{ p []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	n := copy(w.p, p)
	w.p = w.p[n:]
	return n, nil
}

var copyBuffers = newBufferPool(256 << 10)

// copyBody copies n bytes of a response. It returns io.ErrUnexpectedEOF if the
// response is shorter.
func copyBody(w io.Writer, body io.Reader, n int64) (done int64, err error) {
	if slice, ok := w.(*sliceWriter); ok {
		got, err := io.ReadFull(body, slice.p[:n])
		slice.p = slice.p[got:]
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return int64(got), err
	}
	buffer := copyBuffers.get()
	defer copyBuffers.put(buffer)
	for done < n {
		got, err := body.Read(buffer[:min(n-done, int64(len(buffer)))])
		written, failed := w.Write(buffer[:got])
		done += int64(written)
		switch {
		case failed != nil:
			return done, response.Once(failed) // another attempt would not help
		case done == n:
		case err == io.EOF:
			return done, io.ErrUnexpectedEOF
		case err != nil:
			return done, err
		}
	}
	return done, nil
}
