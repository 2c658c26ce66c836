package databricks

import (
	"errors"
	"iter"
)

// A Page is one page of a list, for programs that show a page at a time. All
// other programs use the method that returns a slice, or the iterator.
type Page[T any] struct {
	Items []T

	// NextPageToken is what PageToken is set to in order to read the next page
	// with the same input. It is empty on the last page.
	NextPageToken string
}

// checkPage rejects a page size or a limit that is negative.
func checkPage[N int | int64](pageSize N, limit int) error {
	switch {
	case pageSize < 0:
		return badArg("PageSize", "is %d; want 1 or more, or 0 for the default", pageSize)
	case limit < 0:
		return badArg("Limit", "is %d; want 1 or more, or 0 for no limit", limit)
	}
	return nil
}

// cut ends the list after limit items. A limit of 0 does not.
func (p *Page[T]) cut(limit int) *Page[T] {
	if limit > 0 && len(p.Items) >= limit {
		p.Items, p.NextPageToken = p.Items[:limit], ""
	}
	return p
}

// all yields the items, or else the error of reading them.
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

// listPages returns the items of all pages from token on, up to limit items. A
// single page is returned as it is, without a copy.
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

// allPages yields the items of all pages from token on, up to limit items. read
// returns the items of a page, and the token of the page that follows, which is
// asked for after the last item. Each range begins with the first page again.
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

// pageItems makes of a function that reads a page one that [allPages] takes.
func pageItems[T any](read func(token string) (*Page[T], error)) func(token string) (iter.Seq2[T, error], func() string) {
	return func(token string) (iter.Seq2[T, error], func() string) {
		page, err := read(token)
		return page.all(err), func() string { return page.NextPageToken }
	}
}

// readParts reads an object that the service may send in parts. read returns the
// part with this token, and the token of the next one. add takes the later parts.
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

var errTokenCycle = errors.New("databricks: the service sent a page token that it had sent before, so the list would never end")

// A tokenCycle notices page tokens that repeat, after any number of pages and
// in constant memory: it compares each token with the one just used, and with one
// of those before it, which it replaces after 1, 2, 4, … tokens.
type tokenCycle struct {
	used, kept     string
	count, replace int
}

// add fails if the token was seen to repeat.
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

// distinct leaves out items with an ID that one of the 16,384 items before them
// had. Items without an ID are all kept.
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
