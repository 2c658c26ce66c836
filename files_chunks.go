package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-databricks/databricks/internal/errs"
)

// sendChunks sends the parts to one URL, one after another, as Google Cloud
// requires. The last part completes the file.
func (p *partsUpload) sendChunks(ctx context.Context) error {
	url, err := p.s.CreateResumableUploadURL(ctx, CreateResumableUploadURL{p.path, p.pending.SessionToken})
	if err != nil {
		return p.resumedWithout(ctx, withoutEffect(err))
	}
	c := &chunks{partsUpload: p, url: url}
	var offset int64
	if p.resumed {
		switch offset, err = c.received(ctx); {
		case err != nil:
			return p.resumedWithout(ctx, err)
		case offset == p.pending.Size:
			p.size.Store(offset)
			return nil
		}
		p.landed.Store(offset)
		p.progress.set(offset)
	}
	for piece, err := range p.pieces(ctx, offset) {
		if err == nil {
			if err = c.send(ctx, piece); err == nil {
				piece.free()
			}
		}
		if failed := p.broken.Load(); err != nil && failed != nil {
			return *failed
		}
		if err != nil {
			return c.settle(ctx, err)
		}
		if p.save != nil && !piece.last {
			if err := p.save(p.saved()); err != nil {
				return err
			}
		}
	}
	return nil
}

// resumedWithout is judge for an upload that may have been resumed. If the upload
// no longer exists, it may be complete.
func (p *partsUpload) resumedWithout(ctx context.Context, err error) error {
	if err = p.judge(ctx, err); p.resumed && errors.Is(err, errUploadGone) {
		if same, sameErr := p.same(ctx); same && sameErr == nil {
			p.size.Store(p.pending.Size)
			return nil
		}
	}
	return err
}

// settle returns the result after a chunk could not be sent. If the chunk may have
// been the last one, settle checks whether it completed the file.
func (c *chunks) settle(ctx context.Context, err error) error {
	if outcomeUnknown(err) {
		if c.content.Rewindable() && c.s.client.await(ctx, func(ctx context.Context) bool { same, err := c.same(ctx); return same && err == nil }) {
			return nil
		}
		return err
	}
	return c.judge(ctx, err)
}

// chunks are parts that are sent in order.
type chunks struct {
	*partsUpload
	url *PresignedURL
}

// send sends a chunk. It sends the bytes again that the storage did not receive.
func (c *chunks) send(ctx context.Context, piece piece) error {
	body := &partBody{p: c.partsUpload, ctx: ctx, piece: piece}
	defer body.end(true)
	total := "*"
	if size := c.content.Size(); size >= 0 {
		total = strconv.FormatInt(size, 10)
	} else if piece.last {
		total = strconv.FormatInt(piece.offset+piece.size, 10)
	}
	for failures := 0; ; {
		info, err := c.put(ctx, Request{
			header:  http.Header{"Content-Range": {fmt.Sprintf("bytes %d-%d/%s", piece.offset+body.from, piece.offset+piece.size-1, total)}},
			Body:    RawBody{ContentType: "application/octet-stream", Size: piece.size - body.from, Open: body.open},
			reading: !piece.last, // only the last chunk completes the file
		})
		refusal, refused := errors.AsType[*StorageError](err)
		offset, queryErr := received(info, err)
		switch {
		case err == nil && piece.last:
			return nil
		case err == nil:
			return errors.New("the storage reports a complete file before the last chunk")
		case queryErr == nil:
		case refused && refusal.StatusCode == http.StatusPreconditionFailed:
			return fmt.Errorf("%w: %w", errFileExists, err)
		case refused && !refusal.transient(), c.broken.Load() != nil:
			return &unavailableError{err}
		default:
			if failures++; failures >= c.s.client.retry.MaxAttempts || c.s.client.pause(ctx, failures, err) != nil {
				return &unavailableError{err}
			}
			if offset, queryErr = c.received(ctx); queryErr != nil && outcomeUnknown(err) {
				return &OutcomeUnknownError{Method: http.MethodPut, Path: "/storage/chunk", Err: errs.Join(err, queryErr)}
			} else if queryErr != nil {
				return &unavailableError{queryErr}
			}
		}
		body.end(true)
		c.landed.Store(offset)
		c.progress.set(offset)
		switch within := offset - piece.offset; {
		case within < body.from || within > piece.size || within == piece.size && piece.last:
			return fmt.Errorf("the storage reports %d bytes of the file, which does not match what was sent", offset)
		case within == piece.size:
			return nil
		case within > body.from:
			failures, body.from = 0, within
		default:
			if failures++; failures >= c.s.client.retry.MaxAttempts {
				return errors.New("the storage accepts no more of the file")
			}
		}
	}
}

func (c *chunks) put(ctx context.Context, r Request) (*ResponseInfo, error) {
	r.Method, r.Path = http.MethodPut, "/storage/chunk"
	return c.s.client.sendPresigned(ctx, c.url, r, c.landed.Load() == 0)
}

// received requests from the storage how much of the file it has.
func (c *chunks) received(ctx context.Context) (int64, error) {
	info, err := c.put(ctx, Request{header: http.Header{"Content-Range": {"bytes */*"}}, Idempotent: true, reading: true})
	if err == nil { // the file is complete
		return c.content.Size(), nil
	}
	return received(info, err)
}

// received returns how much of the file the storage has, according to a response.
func received(info *ResponseInfo, err error) (int64, error) {
	if info == nil || info.StatusCode != http.StatusPermanentRedirect {
		return 0, err
	}
	text := info.Header.Get("Range")
	if text == "" {
		return 0, nil
	}
	var last int64
	if _, err := fmt.Sscanf(text, "bytes=0-%d", &last); err != nil || last < 0 {
		return 0, fmt.Errorf("the storage sent the invalid range %.50q", text)
	}
	return last + 1, nil
}
