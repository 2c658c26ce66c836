package databricks

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-databricks/databricks/internal/concurrent"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/newfile"
)

// A remoteFile is a file of an area in the version that the client first saw. A
// read of another version fails with ErrSourceChanged.
type remoteFile struct {
	area  fileArea
	path  string
	slots chan struct{} // limits the requests in flight

	// The version is known from the start, or from the first response on. See
	// whenKnown.
	known    bool
	size     int64
	modified time.Time
	notify   []func()
	inOne    bool // the first response has the whole file, even if less was requested
}

// A fileArea is what the engine for reading files needs from an area.
type fileArea interface {
	// buffers returns the pool of buffers for sequential reads. Each buffer holds
	// the data of one request.
	buffers() *bufferPool

	// spanSize returns the number of bytes for one request when several requests
	// read left bytes in any order. first returns the number of bytes for the first
	// request, before the size of the file is known.
	spanSize(left int64, lanes int) int64
	first() int64

	// fetch reads want bytes at offset into p. p may be larger than want, so that
	// the area can detect additional bytes.
	fetch(ctx context.Context, f *remoteFile, offset int64, p []byte, want int) error

	// copySpan writes a span to w, once and in order. If the version of the file is
	// not known, copySpan calls f.learn.
	copySpan(ctx context.Context, f *remoteFile, s span, w io.Writer) error

	// tag identifies the version of a file, in addition to its path, size and
	// modification time.
	tag() string

	// unchanged checks after a read from offset that the file has not changed, if
	// the requests themselves cannot detect this.
	unchanged(ctx context.Context, f *remoteFile, offset int64) error
}

// A span is a part of a file.
type span struct{ offset, length int64 }

func (s span) end() int64 { return s.offset + s.length }

// learn sets the version. It is called once.
func (f *remoteFile) learn(size int64, modified time.Time, inOne bool) {
	f.known, f.size, f.modified, f.inOne = true, size, modified, inOne
	for _, call := range f.notify {
		call()
	}
}

// whenKnown calls do once the version of the file is known. It must not be called
// while a request is in flight.
func (f *remoteFile) whenKnown(do func()) {
	if f.known {
		do()
		return
	}
	f.notify = append(f.notify, do)
}

// hold waits until another request may be in flight.
func (f *remoteFile) hold(ctx context.Context) (release func(), err error) {
	select {
	case f.slots <- struct{}{}:
		return func() { <-f.slots }, nil
	case <-ctx.Done():
		return nil, errs.Over(ctx)
	}
}

func (f *remoteFile) fetch(ctx context.Context, offset int64, p []byte, want int) error {
	release, err := f.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	return f.area.fetch(ctx, f, offset, p, want)
}

func (f *remoteFile) copySpan(ctx context.Context, s span, w io.Writer) error {
	release, err := f.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	return f.area.copySpan(ctx, f, s, w)
}

// firstSpan returns the part of the file that the first request reads, starting at
// offset.
func (f *remoteFile) firstSpan(offset int64) span {
	length := f.area.first()
	if f.known {
		length = min(length, f.size-offset)
	}
	return span{offset, length}
}

// after returns the offset of the rest of the file after the first span.
func (f *remoteFile) after(first span) int64 {
	if f.inOne {
		return f.size
	}
	return first.end()
}

// A writerAtSeeker can write parts of a file in any order.
type writerAtSeeker interface {
	io.WriterAt
	io.Seeker
}

// A trackedWriter reports the progress of its writes.
type trackedWriter struct {
	w io.Writer
	m *progressReporter
	n int64
}

func (t *trackedWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	t.n += int64(n)
	if n > 0 {
		t.m.add(n)
	}
	return n, err
}

// writeTo writes the file to a writer, starting at offset.
func (f *remoteFile) writeTo(ctx context.Context, to io.Writer, offset int64, progress func(done, total int64)) (n int64, err error) {
	m := newProgressReporter(progress, 0)
	defer m.stop()
	f.whenKnown(func() { m.start(f.size - offset) })
	if at, ok := to.(writerAtSeeker); ok {
		start, err := at.Seek(0, io.SeekCurrent)
		if err == nil {
			_, err = at.WriteAt(nil, start) // fails for a file opened with O_APPEND
		}
		if err == nil {
			if err := f.writeAt(ctx, at, start, offset, m); err != nil {
				return 0, err
			}
			n = f.size - offset
			if _, err = at.Seek(start+n, io.SeekStart); err != nil {
				return n, err
			}
			return n, f.area.unchanged(ctx, f, offset)
		}
	}
	n, err = f.writeInOrder(ctx, &trackedWriter{w: to, m: m}, offset)
	if err != nil {
		return n, err
	}
	return n, f.area.unchanged(ctx, f, offset)
}

// writeInOrder writes the first span as it arrives. Meanwhile it requests the next
// ones.
func (f *remoteFile) writeInOrder(ctx context.Context, w *trackedWriter, offset int64) (int64, error) {
	first := f.firstSpan(offset)
	var ahead *readAhead
	f.whenKnown(func() { ahead = f.readAhead(ctx, f.after(first), cap(f.slots)) })
	defer func() {
		if ahead != nil {
			ahead.stop()
		}
	}()
	if first.length > 0 {
		if err := f.copySpan(ctx, first, w); err != nil {
			return w.n, err
		}
	}
	for {
		block, err := ahead.next()
		if err != nil || block == nil {
			return w.n, err
		}
		if _, err := w.Write(block); err != nil {
			return w.n, err
		}
	}
}

// writeAt writes the file in any order, starting at offset. It writes the byte at
// offset to the position start.
func (f *remoteFile) writeAt(ctx context.Context, to io.WriterAt, start, offset int64, m *progressReporter) error {
	return f.writeSpans(ctx, f.spans(offset), func(s span) io.Writer {
		return &trackedWriter{w: io.NewOffsetWriter(to, start+s.offset-offset), m: m}
	})
}

// writeSpans writes each span to its own writer.
func (f *remoteFile) writeSpans(ctx context.Context, spans iter.Seq[pendingSpan], writer func(span) io.Writer) error {
	return concurrent.Each(ctx, cap(f.slots), spans, func(ctx context.Context, s pendingSpan) error {
		defer s.done()
		return f.copySpan(ctx, s.span, writer(s.span))
	})
}

// A pendingSpan is a span to read. done is called when it has been read or has
// failed.
type pendingSpan struct {
	span
	done func()
}

// spans yields the parts of the file, starting at offset. If the version is not
// known, the first span determines it, and the others wait for this.
func (f *remoteFile) spans(offset int64) iter.Seq[pendingSpan] {
	first := f.firstSpan(offset)
	known, ended := make(chan struct{}), make(chan struct{})
	f.whenKnown(func() { close(known) })
	return func(yield func(pendingSpan) bool) {
		if first.length > 0 && !yield(pendingSpan{first, sync.OnceFunc(func() { close(ended) })}) {
			return
		}
		select {
		case <-known:
		case <-ended:
		}
		if !f.known {
			return // the first span failed
		}
		at := f.after(first)
		size := f.area.spanSize(f.size-at, cap(f.slots))
		for ; at < f.size; at += size {
			if !yield(pendingSpan{span{at, min(size, f.size-at)}, func() {}}) {
				return
			}
		}
	}
}

// A readAhead reads a file in order. While its consumer uses a block, it requests
// the next blocks. It starts with depth concurrent requests, and increases that
// number.
type readAhead struct {
	f      *remoteFile
	ctx    context.Context
	cancel context.CancelFunc
	offset int64 // of the next block to request
	depth  int
	queue  []chan readBlock
	held   []byte // used by the consumer

	inFlight sync.WaitGroup
}

type readBlock struct {
	buffer []byte
	n      int
	err    error
}

// readAhead starts to read at offset.
func (f *remoteFile) readAhead(ctx context.Context, offset int64, depth int) *readAhead {
	a := &readAhead{f: f, offset: offset, depth: depth}
	a.ctx, a.cancel = context.WithCancel(ctx)
	a.fill()
	return a
}

// fill requests blocks until depth requests are in flight.
func (a *readAhead) fill() {
	for len(a.queue) < a.depth && a.offset < a.f.size {
		pool := a.f.area.buffers()
		at, want, result := a.offset, int(min(a.f.size-a.offset, int64(pool.size))), make(chan readBlock, 1)
		a.inFlight.Go(func() {
			b := readBlock{buffer: pool.get(), n: want}
			b.err = a.f.fetch(a.ctx, at, b.buffer, want)
			result <- b
		})
		a.queue = append(a.queue, result)
		a.offset += int64(want)
	}
}

// next returns the next block, or nil at the end. The consumer may use the block
// until it calls next or stop.
func (a *readAhead) next() ([]byte, error) {
	a.release()
	a.fill()
	if len(a.queue) == 0 {
		return nil, nil
	}
	b := <-a.queue[0]
	a.queue, a.held, a.depth = a.queue[1:], b.buffer, min(2*a.depth, cap(a.f.slots))
	if b.err != nil {
		return nil, b.err
	}
	return b.buffer[:b.n], nil
}

func (a *readAhead) release() {
	if a.held != nil {
		a.f.area.buffers().put(a.held)
		a.held = nil
	}
}

// stop cancels the requests in flight and waits until they have ended.
func (a *readAhead) stop() {
	a.cancel()
	a.inFlight.Wait()
	a.release()
}

// A bufferPool holds buffers of one size.
type bufferPool struct {
	size int
	pool sync.Pool
}

func newBufferPool(size int) *bufferPool {
	return &bufferPool{size: size, pool: sync.Pool{New: func() any { return make([]byte, size) }}}
}

func (p *bufferPool) get() []byte  { return p.pool.Get().([]byte) }
func (p *bufferPool) put(b []byte) { p.pool.Put(b[:p.size]) } //nolint:staticcheck // a slice header for each megabyte

// downloadFile writes a remote file to a local file, which appears when it is
// complete. stat returns the remote file. If known is set, the version of the file
// must be known.
func downloadFile(ctx context.Context, stat func(known bool) (*remoteFile, error), name string, opts DownloadOptions) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer root.Close()
	if opts.Resume {
		f, err := stat(true)
		if err != nil {
			return err
		}
		return resumeFile(ctx, f, root, filepath.Base(name), opts)
	}
	to, err := newfile.Create(root, filepath.Base(name), tempName(), opts.Overwrite)
	if err != nil {
		return err
	}
	defer func() { _ = to.Discard() }() // no effect after Commit
	f, err := stat(false)
	if err != nil {
		return err
	}
	if _, err := f.writeTo(ctx, to, 0, opts.Progress); err != nil {
		return err
	}
	return to.Commit(f.modified)
}
