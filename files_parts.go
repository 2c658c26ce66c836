package databricks

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-databricks/databricks/internal/concurrent"
	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/redact"
)

// Sizes for uploads in parts. The storage of every cloud accepts up to 10,000 parts
// of 5 MiB to 4 GiB.
const (
	defaultInParts    = 100 << 20 // files from this size on are sent in parts; for smaller ones, one request is as fast
	defaultPartSize   = 32 << 20  // 1 GB then needs one request for URLs
	streamPartSize    = 16 << 20  // of a source that is read in order, since its parts are held in memory
	maxPartSize       = 4 << 30
	goodPartCount     = 1000 // larger files have larger parts
	maxPartCount      = 10_000
	chunkUnit         = 256 << 10 // required by Google Cloud
	partConcurrency   = 8
	streamConcurrency = 4
	urlsAtOnce        = 32
	maxRenewals       = 3 // how often the URL of a part is renewed in a row
)

// A PendingUpload is the state of an unfinished upload of a large file. It has
// a JSON form, so you can store it. UploadOptions.Save receives it, and
// UploadOptions.Resume continues it.
//
// It contains a secret. Anyone who has SessionToken and may write to the volume
// can complete or abort the upload. The JSON form contains the token in the
// clear. Store it where only you can read it, for example in a file with mode
// 0600, and delete it when the upload is done. Uploads expire after some days.
type PendingUpload struct {
	Path         string          `json:"path"`
	Overwrite    bool            `json:"overwrite"`
	SessionToken Secret          `json:"session_token"`
	InOrder      bool            `json:"in_order,omitzero"` // GCP only; the cloud storage knows how much it has received
	Size         int64           `json:"size"`              // size of the source in bytes
	Modified     time.Time       `json:"modified"`          // modification time of the source
	PartSize     int64           `json:"part_size"`         // in bytes
	Parts        []CompletedPart `json:"parts,omitzero"`    // the parts in cloud storage, sorted by number
}

// LogValue logs the upload without its token.
func (v PendingUpload) LogValue() slog.Value { return redact.LogValue(v) }

func (v *PendingUpload) check() error {
	switch {
	case v.SessionToken == "":
		return badArg("Resume", "has no session_token")
	case v.Size < 1 || v.PartSize < 1 || v.Size > v.PartSize*maxPartCount:
		return badArg("Resume", "has an invalid size (%d bytes) or part size (%d bytes)", v.Size, v.PartSize)
	}
	for i, part := range v.Parts {
		if part.PartNumber < 1 || int64(part.PartNumber-1)*v.PartSize >= v.Size || i > 0 && v.Parts[i-1].PartNumber >= part.PartNumber {
			return badArg("Resume", "has parts that are not in order")
		}
	}
	return nil
}

// AbortUpload aborts an upload that you do not want to resume. It removes the
// parts from cloud storage. It succeeds if the upload no longer exists.
func (s *FilesService) AbortUpload(ctx context.Context, pending PendingUpload) error {
	create := func() (*PresignedURL, error) {
		return s.CreateAbortUploadURL(ctx, CreateAbortUploadURL{Path: pending.Path, SessionToken: pending.SessionToken})
	}
	if pending.InOrder {
		create = func() (*PresignedURL, error) {
			return s.CreateResumableUploadURL(ctx, CreateResumableUploadURL{pending.Path, pending.SessionToken})
		}
	}
	url, err := create()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		if s.client.Planning() && url != nil {
			return nil
		}
		return err
	}
	_, err = s.client.sendPresigned(ctx, url, Request{Method: http.MethodDelete, Path: "/storage/upload", Idempotent: true, reading: true}, true)
	if e, ok := errors.AsType[*StorageError](err); ok && (e.noUpload() || e.StatusCode == 499) { // what Google Cloud returns for an aborted upload
		return nil
	}
	return err
}

// An unavailableError says why the file cannot be sent in parts. Nothing was sent.
type unavailableError struct{ error }

func (e *unavailableError) Unwrap() error { return e.error }

// errUploadGone says that the upload no longer exists.
var errUploadGone = errors.New("the upload no longer exists")

// presignRefused reports whether the workspace does not issue presigned URLs.
func presignRefused(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && (e.Code == ErrEndpointNotFound || e.StatusCode == http.StatusNotImplemented ||
		slices.ContainsFunc(e.Details, func(d ErrorDetail) bool {
			return d.Reason == "FILES_API_API_IS_NOT_ENABLED" || d.Reason == "FILES_API_REQUESTER_NETWORK_ZONE_UNKNOWN"
		}))
}

// A partsUpload is one upload in parts.
type partsUpload struct {
	*volumeUpload
	pending  PendingUpload
	save     func(PendingUpload) error // if nil, the upload is aborted on failure
	resumed  bool
	wasWhole bool // all parts were in the storage at the start, so the upload may be complete
	urls     partURLs
	landed   atomic.Int64 // number of parts in the storage; for chunks, number of bytes

	// If an upload can be resumed, a part must hold the gate to send its last byte.
	// It holds the gate until it has saved that the storage has the part. At most
	// one part is therefore in the storage without being recorded.
	gate chan struct{}

	mu sync.Mutex // protects pending.Parts
}

// sendInParts uploads the file in parts. If it fails, it aborts the upload. It does
// not abort an upload that can be resumed or that may be complete.
func (u *volumeUpload) sendInParts(ctx context.Context) error {
	pending := u.opts.Resume
	for {
		p := &partsUpload{volumeUpload: u, resumed: pending != nil, gate: make(chan struct{}, 1)}
		p.urls = partURLs{p: p, turn: make(chan struct{}, 1), have: map[int]partURL{}}
		if !u.source.Modified().IsZero() {
			p.save = u.opts.Save
		}
		if p.resumed {
			p.pending = *pending
			p.pending.Parts = slices.Clone(pending.Parts)
			p.wasWhole = int64(len(pending.Parts)) == countOf(pending.Size, pending.PartSize)
		} else if err := p.initiate(ctx); err != nil {
			return err
		}
		err := p.run(ctx)
		if p.resumed && errors.Is(err, errUploadGone) {
			pending = nil
			continue
		}
		_, unavailable := errors.AsType[*unavailableError](err)
		if err != nil && (p.save == nil || unavailable) && !outcomeUnknown(err) {
			err = p.abort(ctx, err)
		}
		return err
	}
}

func (p *partsUpload) abort(ctx context.Context, why error) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	if err := p.s.AbortUpload(ctx, p.pending); err != nil {
		return fmt.Errorf("%w; its parts may stay in the storage, because aborting the upload failed: %v", why, err)
	}
	return why
}

func (p *partsUpload) initiate(ctx context.Context) error {
	started, err := p.s.InitiateUpload(ctx, InitiateUpload{p.path, p.opts.Overwrite})
	err = withoutEffect(err)
	if presignRefused(err) {
		return &unavailableError{err}
	}
	if err != nil {
		return err
	}
	session := cmp.Or(started.MultipartUpload, started.ResumableUpload)
	p.pending = PendingUpload{
		Path: p.path, Overwrite: p.opts.Overwrite, SessionToken: session.SessionToken, InOrder: started.MultipartUpload == nil,
		Size: p.content.Size(), Modified: p.source.Modified().UTC(), PartSize: partSizeFor(p.content.Size(), p.partSize),
	}
	if p.save != nil {
		if err := p.save(p.saved()); err != nil {
			return p.abort(ctx, err) // it cannot be resumed
		}
	}
	return nil
}

// partSizeFor returns the size of the parts of a file. If the size of the file is
// unknown, it returns the size of the first parts.
func partSizeFor(size, part int64) int64 {
	for part < maxPartSize && size > goodPartCount*part {
		part *= 2
	}
	return part
}

// countOf returns the number of parts of a file.
func countOf(size, part int64) int64 { return (size-1)/part + 1 }

// saved returns a copy of the state of the upload.
func (p *partsUpload) saved() PendingUpload {
	saved := p.pending
	saved.Parts = slices.Clone(saved.Parts)
	return saved
}

// run sends the parts that are not in the storage yet, and completes the upload.
func (p *partsUpload) run(ctx context.Context) error {
	send := p.sendParts
	if p.pending.InOrder {
		send = p.sendChunks
	}
	p.progress.set(0)
	if err := send(ctx); err != nil {
		return err
	}
	// The service may assemble a large file for long after ctx has ended.
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	return p.verify(ctx)
}

// sendParts sends parts in any order, several concurrently.
func (p *partsUpload) sendParts(ctx context.Context) error {
	done := map[int]bool{}
	for _, part := range p.pending.Parts {
		done[part.PartNumber] = true
		p.progress.add(int(min(p.pending.PartSize, p.pending.Size-int64(part.PartNumber-1)*p.pending.PartSize)))
	}
	p.landed.Store(int64(len(done)))
	if p.content.Sections() == nil {
		if _, err := p.urls.get(ctx, 1); err != nil { // before anything is read from the source
			return p.judge(ctx, err)
		}
	}
	var broken error
	sending, stop := context.WithCancel(ctx)
	defer stop()
	pieces := func(yield func(piece) bool) {
		for piece, err := range p.pieces(sending, 0) {
			if broken = err; err != nil {
				return
			}
			if done[piece.number] {
				continue
			}
			piece.url, piece.noURL = p.urls.get(sending, piece.number) // in order, so that one request serves many parts
			if sending.Err() != nil || !yield(piece) {
				return
			}
		}
	}
	err := concurrent.Each(ctx, p.concurrency(), pieces, func(ctx context.Context, piece piece) error {
		err := p.sendPart(ctx, piece)
		if err != nil {
			stop() // stops reading, too
		}
		return err
	})
	switch failed := p.broken.Load(); {
	case failed != nil:
		return *failed
	case err != nil:
		return p.judge(ctx, err)
	case broken != nil:
		return broken
	}
	if err := p.source.Finish(); err != nil {
		return err
	}
	return p.complete(ctx)
}

// judge returns the result after a part could not be sent.
func (p *partsUpload) judge(ctx context.Context, err error) error {
	failed, unavailable := err.(*unavailableError)
	if unavailable {
		err = failed.error
	}
	refusal, refused := errors.AsType[*StorageError](err)
	switch {
	case ctx.Err() != nil:
		return err
	case refused && refusal.noUpload(), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", errUploadGone, err)
	case p.landed.Load() == 0 && (unavailable || presignRefused(err)):
		return &unavailableError{err}
	}
	return err
}

func (p *partsUpload) concurrency() int {
	n := partConcurrency
	if p.content.Sections() == nil {
		n = streamConcurrency
	}
	return cmp.Or(p.opts.Concurrency, n)
}

// sendPart sends one part. It retries with a new URL if necessary.
func (p *partsUpload) sendPart(ctx context.Context, piece piece) error {
	body := &partBody{p: p, ctx: ctx, piece: piece}
	defer body.end(false)
	url, err := piece.url, piece.noURL
	for renewals := 0; ; renewals++ {
		if err != nil {
			return errs.About(fmt.Sprintf("the URL of part %d", piece.number), err)
		}
		info, failed := p.s.client.sendPresigned(ctx, &url.PresignedURL, Request{
			Method: http.MethodPut, Path: "/storage/part", Idempotent: true, reading: true, // nothing appears under a name
			Body: RawBody{ContentType: "application/octet-stream", Size: piece.size, Open: body.open},
		}, p.landed.Load() == 0)
		if e, ok := errors.AsType[*StorageError](failed); ok && e.expired() && renewals < maxRenewals {
			p.urls.drop(piece.number, url.batch)
			url, err = p.urls.get(ctx, piece.number)
			continue
		}
		if failed != nil {
			return &unavailableError{errs.About(fmt.Sprintf("part %d", piece.number), failed)}
		}
		p.landed.Add(1)
		p.urls.drop(piece.number, 0)
		err = p.record(CompletedPart{piece.number, info.Header.Get("Etag")})
		body.end(true)
		piece.free()
		return err
	}
}

// record records that a part is in the storage.
func (p *partsUpload) record(part CompletedPart) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _ := slices.BinarySearchFunc(p.pending.Parts, part.PartNumber, func(a CompletedPart, number int) int { return cmp.Compare(a.PartNumber, number) })
	p.pending.Parts = slices.Insert(p.pending.Parts, at, part)
	if p.save == nil {
		return nil
	}
	return p.save(p.saved())
}

// complete creates the file from its parts. If the response is lost, it checks
// whether the file was created.
func (p *partsUpload) complete(ctx context.Context) error {
	started := time.Now()
	err := p.s.CompleteUpload(ctx, CompleteUpload{p.path, p.pending.SessionToken, p.pending.Parts})
	same := func(ctx context.Context) bool { same, err := p.same(ctx); return same && err == nil }
	gone := errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil:
	case outcomeUnknown(err):
		if p.content.Rewindable() && p.s.client.await(ctx, func(ctx context.Context) bool { return p.arrived(ctx, started) }) {
			return nil
		}
	case p.resumed && (gone || errors.Is(err, fs.ErrExist)) && same(ctx):
		return nil // an earlier process was killed after it completed the upload
	case gone:
		return fmt.Errorf("%w: %w", errUploadGone, err)
	case p.wasWhole:
		err = &OutcomeUnknownError{Method: http.MethodPost, Path: "/api/2.0/fs/files" + p.path, Err: fmt.Errorf("the upload may have been completed before it was resumed: %w", err)}
	}
	return err
}

// verify checks the size of the file at the path. If the size is wrong, another
// writer may have replaced the file.
func (p *partsUpload) verify(ctx context.Context) error {
	m, err := p.s.GetMetadata(ctx, p.path)
	if size := p.size.Load(); err == nil && m.ContentLength != size {
		err = fmt.Errorf("%d bytes were sent, but the file has %d", size, m.ContentLength)
	}
	if err != nil {
		return &OutcomeUnknownError{Method: http.MethodHead, Path: "/api/2.0/fs/files" + p.path, Err: fmt.Errorf("the upload was completed; checking its size: %w", err)}
	}
	return nil
}

// partURLs holds the presigned URLs of the next parts.
type partURLs struct {
	p     *partsUpload
	turn  chan struct{} // full while a goroutine uses the fields below
	have  map[int]partURL
	batch int
}

type partURL struct {
	PresignedURL
	batch int // identifies the URLs that expire together
}

// get returns the URL of a part. It also requests the URLs of the next parts.
func (u *partURLs) get(ctx context.Context, number int) (partURL, error) {
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return partURL{}, context.Cause(ctx)
	}
	if url, ok := u.have[number]; ok {
		return url, nil
	}
	pending := &u.p.pending
	count := u.p.concurrency()
	if pending.Size >= 0 {
		count = int(min(urlsAtOnce, countOf(pending.Size, pending.PartSize)-int64(number)+1))
	}
	urls, err := u.p.s.CreateUploadPartURLs(ctx, CreateUploadPartURLs{Path: pending.Path, SessionToken: pending.SessionToken, StartPartNumber: number, Count: count})
	if err != nil {
		return partURL{}, withoutEffect(err)
	}
	u.batch++
	for _, url := range urls {
		u.have[url.PartNumber] = partURL{url, u.batch}
	}
	url, ok := u.have[number]
	if !ok {
		return partURL{}, errors.New("the response does not have the requested URL")
	}
	return url, nil
}

// drop forgets the URL of a part that was sent. With a batch, it forgets the
// expired URLs of that batch.
func (u *partURLs) drop(number, batch int) {
	u.turn <- struct{}{}
	defer func() { <-u.turn }()
	delete(u.have, number)
	maps.DeleteFunc(u.have, func(_ int, url partURL) bool { return url.batch == batch })
}

// A piece is a part of a file.
type piece struct {
	number       int
	offset, size int64
	last         bool
	open         func(offset, size int64) io.ReadCloser // the range is within the piece
	free         func()

	url   partURL // of a part that is not sent in order
	noURL error   // why there is no URL
}

// pieces yields the parts of the file, starting at an offset. If the source does
// not allow random access, pieces holds the parts in memory.
func (p *partsUpload) pieces(ctx context.Context, offset int64) iter.Seq2[piece, error] {
	sections := p.content.Sections()
	if sections == nil {
		return p.readPieces(ctx)
	}
	return func(yield func(piece, error) bool) {
		size := p.pending.Size
		p.size.Store(size)
		for n := 1; offset < size; n++ {
			at := offset
			next := piece{
				number: n, offset: at, size: min(p.pending.PartSize, size-at), free: func() {},
				open: func(from, size int64) io.ReadCloser { return sections(at+from, size) },
			}
			offset += next.size
			next.last = offset == size
			if !yield(next, nil) {
				return
			}
		}
	}
}

// readPieces reads the source once, in order.
func (p *partsUpload) readPieces(ctx context.Context) iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		opened, err := p.content.Open()
		if err != nil {
			yield(piece{}, err)
			return
		}
		in := bufio.NewReader(opened)
		slots := make(chan []byte, p.concurrency()+1)
		for range cap(slots) {
			slots <- nil
		}
		offset, size := int64(0), p.pending.PartSize
		for n := 1; ; n++ {
			if n%goodPartCount == 0 && p.content.Size() < 0 {
				size = min(2*size, maxPartSize)
			}
			var slot []byte
			select {
			case slot = <-slots:
			case <-ctx.Done():
				yield(piece{}, context.Cause(ctx))
				return
			}
			if int64(cap(slot)) < size {
				slot = make([]byte, size)
			}
			slot = slot[:size]
			filled, err := io.ReadFull(in, slot)
			if err == nil {
				_, err = in.Peek(1)
			}
			last := err == io.EOF || err == io.ErrUnexpectedEOF
			if err != nil && !last {
				yield(piece{}, err)
				return
			}
			content := slot[:filled]
			if p.kept, p.rest = append(p.kept, content), in; p.landed.Load() > 0 {
				p.kept = nil
			}
			next := piece{
				number: n, offset: offset, size: int64(filled), last: last, free: func() { slots <- slot },
				open: func(from, size int64) io.ReadCloser { return io.NopCloser(bytes.NewReader(content[from : from+size])) },
			}
			offset += int64(filled)
			p.size.Store(offset)
			if !yield(next, nil) || last {
				return
			}
		}
	}
}

// A partBody is the body of the requests that send a part.
type partBody struct {
	p       *partsUpload
	ctx     context.Context
	piece   piece
	from    int64 // offset of the first byte to send
	attempt *partReader
}

// open opens the part for one attempt.
func (b *partBody) open() (io.ReadCloser, error) {
	b.end(false)
	size := b.piece.size - b.from
	b.attempt = &partReader{b: b, in: b.piece.open(b.from, size), left: size, ended: make(chan struct{})}
	return b.attempt, nil
}

// end ends the attempt. A goroutine may still be reading the body. end releases the
// gate for other parts.
func (b *partBody) end(landed bool) {
	r := b.attempt
	if r == nil {
		return
	}
	b.attempt = nil
	close(r.ended)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.holds {
		<-b.p.gate
	}
	if !landed {
		b.p.progress.add(-r.count)
	}
}

// A partReader is a part during one attempt.
type partReader struct {
	b     *partBody
	ended chan struct{}

	mu    sync.Mutex
	in    io.ReadCloser
	left  int64
	count int  // bytes read so far
	holds bool // holds the gate
	over  bool
}

func (r *partReader) Close() error { return nil }

// Read fails before the last byte if the source has changed.
func (r *partReader) Read(p []byte) (int, error) {
	n, err := r.read(p)
	if n == 0 || err != nil && err != io.EOF || r.b.p.save == nil || !r.finished() {
		return n, err
	}
	select {
	case r.b.p.gate <- struct{}{}:
	case <-r.ended:
		return 0, errAttemptOver
	case <-r.b.ctx.Done():
		return 0, context.Cause(r.b.ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		<-r.b.p.gate
		return 0, errAttemptOver
	}
	r.holds = true
	return n, err
}

var errAttemptOver = errors.New("the attempt has ended")

func (r *partReader) finished() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left == 0 && !r.holds
}

func (r *partReader) read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return 0, errAttemptOver
	}
	u := r.b.p
	n, err := r.in.Read(p)
	if r.left -= int64(n); r.left == 0 && r.b.piece.last && u.content == u.source {
		err = cmp.Or(u.source.Check(), err)
	}
	if err != nil && err != io.EOF {
		u.broken.CompareAndSwap(nil, &err)
		return 0, err
	}
	r.count += n
	u.progress.add(n)
	return n, err
}
