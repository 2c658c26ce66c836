package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/go-databricks/databricks/internal/response"
)

// A Page is one page of a list. It is for programs that show one page at a
// time. Other programs should use the method that returns a slice, or the
// iterator.
type Page[T any] struct {
	Items []T

	// NextPageToken is the PageToken of the next page. To read that page, set
	// PageToken in the same input. NextPageToken is empty on the last page.
	NextPageToken string
}

// checkPage rejects a negative page size or limit.
func checkPage[N int | int64](pageSize N, limit int) error {
	switch {
	case pageSize < 0:
		return badArg("PageSize", "is %d; want 1 or more, or 0 for the default", pageSize)
	case limit < 0:
		return badArg("Limit", "is %d; want 1 or more, or 0 for no limit", limit)
	}
	return nil
}

// cut ends the list after limit items. 0 means no limit.
func (p *Page[T]) cut(limit int) *Page[T] {
	if limit > 0 && len(p.Items) >= limit {
		p.Items, p.NextPageToken = p.Items[:limit], ""
	}
	return p
}

// all yields the items of the page, or err if it is not nil.
func (p *Page[T]) all(err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err != nil {
			yield(*new(T), err)
			return
		}
		for _, item := range p.Items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// listPages returns at most limit items of all pages, starting with the page of
// token. If there is a single page, it returns the items without copying them.
func listPages[T any](token string, limit int, read func(token string) (*Page[T], error)) ([]T, error) {
	var items []T
	for tokens := (tokenCycle{used: token}); ; {
		page, err := read(token)
		if err != nil {
			return nil, err
		}
		if items == nil {
			items = page.Items
		} else {
			items = append(items, page.Items...)
		}
		if limit > 0 && len(items) >= limit {
			return items[:limit], nil
		}
		if token = page.NextPageToken; token == "" {
			return items, nil
		}
		if err := tokens.add(token); err != nil {
			return nil, err
		}
	}
}

// allPages yields at most limit items of all pages, starting with the page of
// token. read returns the items of a page and a function that returns the token
// of the next page. This function is called after the last item. Each range
// starts with the first page again.
func allPages[T any](token string, limit int, read func(token string) (items iter.Seq2[T, error], next func() string)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		token, count := token, 0
		for tokens := (tokenCycle{used: token}); ; {
			items, next := read(token)
			for item, err := range items {
				if !yield(item, err) || err != nil {
					return
				}
				if count++; count == limit {
					return
				}
			}
			if token = next(); token == "" {
				return
			}
			if err := tokens.add(token); err != nil {
				yield(*new(T), err)
				return
			}
		}
	}
}

// pageItems adapts a function that reads a page for use with [allPages].
func pageItems[T any](read func(token string) (*Page[T], error)) func(token string) (iter.Seq2[T, error], func() string) {
	return func(token string) (iter.Seq2[T, error], func() string) {
		page, err := read(token)
		return page.all(err), func() string { return page.NextPageToken }
	}
}

// readParts reads an object that the service may send in parts. read returns
// the part for a token, and the token of the next part. add adds a later part
// to the whole.
func readParts[T any](read func(token string) (part *T, next string, err error), add func(whole, part *T)) (*T, error) {
	whole, token, err := read("")
	for tokens := (tokenCycle{}); err == nil && token != ""; {
		if err = tokens.add(token); err != nil {
			break
		}
		var part *T
		if part, token, err = read(token); err == nil {
			add(whole, part)
		}
	}
	if err != nil {
		return nil, err
	}
	return whole, nil
}

var errTokenCycle = errors.New("databricks: the service returned the same page token again, so the list would never end")

// A tokenCycle detects page tokens that repeat, after any number of pages and
// in constant memory. It compares each token with the previous one and with one
// kept earlier token. It replaces the kept token after 1, 2, 4, … tokens.
type tokenCycle struct {
	used, kept     string
	count, replace int
}

// add fails if it detects that the token repeats.
func (c *tokenCycle) add(token string) error {
	if token == c.used || token == c.kept {
		return errTokenCycle
	}
	c.used = token
	if c.count++; c.count > c.replace {
		c.kept, c.replace = token, 2*c.count
	}
	return nil
}

// distinct removes items whose ID one of the previous 16,384 items had. It
// keeps all items without an ID.
func distinct[T any](items iter.Seq2[T, error], id func(*T) int64) iter.Seq2[T, error] {
	const window = 1 << 14
	return func(yield func(T, error) bool) {
		seen, recent := map[int64]bool{}, []int64{}
		for item, err := range items {
			if key := id(&item); err == nil && key != 0 {
				if seen[key] {
					continue
				}
				seen[key] = true
				if recent = append(recent, key); len(recent) > window {
					delete(seen, recent[0])
					recent = recent[1:]
				}
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// stream sends a call and yields the elements of the array called key in its
// response as they arrive, in constant memory. rest, if not nil, receives the
// other members of the response after the last element. Each range over the
// sequence sends the call again. An incomplete response is retried only before
// the first element was yielded.
func stream[T any](ctx context.Context, c *Client, r Request, key string, rest func(name string, value json.RawMessage)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		yielded := false
		err := c.Do(ctx, r, func(in io.Reader) error {
			s := response.NewScanner(in, nil)
			defer s.Free()
			err := response.Elements(s, key, rest, func(v T) bool {
				yielded = true
				return yield(v, nil)
			})
			if yielded && err != nil && err != response.ErrStopped {
				err = response.Once(err) // the items were already yielded, so a retry would repeat them
			}
			return err
		})
		if err != nil {
			yield(*new(T), err)
		}
	}
}
