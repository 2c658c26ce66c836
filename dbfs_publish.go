package databricks

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-databricks/databricks/internal/errs"
	"github.com/go-databricks/databricks/internal/poll"
)

// verify checks that the temporary file has the right size.
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

// maxCollisions is the maximum number of times that other writers may replace the
// file during publish.
const maxCollisions = 100

// publish moves the file from temp to its path. It retries while other writers
// do the same.
func (u *upload) publish(ctx context.Context) error {
	for collisions := 0; ; collisions++ {
		if u.there != nil {
			if err := u.moveAway(ctx); err != nil {
				return err
			}
			u.there = nil
		}
		err := u.move(ctx, u.temp, u.path)
		if err == nil {
			u.written = false // temp no longer exists
		}
		if !u.opts.Overwrite || !errors.Is(err, ErrResourceAlreadyExists) || collisions == maxCollisions {
			return err
		}
		if collisions > 0 && poll.Sleep(ctx, mathrand.N(100*time.Millisecond)) != nil {
			return errs.Ended(ctx, ctx.Err(), err)
		}
		if err := u.statPath(ctx); err != nil {
			return err
		}
	}
}

// moveAway renames the file at the path. If the response is lost, the service
// may process the move later, and would then move any file that is at the path.
// So publish must not continue before the move was processed.
func (u *upload) moveAway(ctx context.Context) error {
	old := beside(u.path)
	err := u.s.Move(ctx, u.path, old)
	switch {
	case errors.Is(err, ErrResourceDoesNotExist): // another writer deleted it
		return nil
	case outcomeUnknown(err):
		if !u.s.client.await(ctx, u.status(old, exists)) {
			return fmt.Errorf("%w; the file at %s may still be moved to %s", err, u.path, old)
		}
	case err != nil:
		return err
	}
	u.olds = append(u.olds, old)
	return nil
}

// move moves a file from a name that only this upload uses. It retries safely:
// the file is moved only once, even if the service processes a request late.
func (u *upload) move(ctx context.Context, from, to string) error {
	for attempt := 1; ; attempt++ {
		err := u.s.Move(ctx, from, to)
		lost := outcomeUnknown(err)
		if err == nil || !lost && attempt == 1 {
			return err
		}
		last := !lost || attempt >= u.s.client.retry.MaxAttempts || ctx.Err() != nil
		moved := u.status(from, gone)
		if last && lost && u.s.client.await(ctx, moved) || moved(ctx) {
			return nil
		}
		if last {
			if lost {
				err = fmt.Errorf("%w; the file is at %s or %s", err, from, to)
			}
			return err
		}
		if pauseErr := u.s.client.pause(ctx, attempt, err); pauseErr != nil {
			return err
		}
	}
}

// status returns a function that reports whether right accepts the status of a
// path.
func (u *upload) status(path string, right func(*FileInfo) bool) func(context.Context) bool {
	return func(ctx context.Context) bool {
		ctx, cancel := cleanupContext(ctx)
		defer cancel()
		there, err := u.s.stat(ctx, path)
		return err == nil && right(there)
	}
}

func exists(there *FileInfo) bool { return there != nil }
func gone(there *FileInfo) bool   { return there == nil }

// cleanUp removes what an upload leaves behind and returns the upload's final
// error.
func (u *upload) cleanUp(ctx context.Context, err error) error {
	replaced := u.written && u.opts.InPlace && u.opts.Overwrite
	if err != nil && u.written {
		u.discard(ctx)
	}
	if err != nil && len(u.olds) > 0 {
		err = u.putBack(ctx, err)
	}
	if err == nil {
		for _, old := range u.olds {
			if u.remove(ctx, old) != nil {
				u.late = append(u.late, old)
			}
		}
	}
	if u.opts.InPlace {
		switch {
		case err != nil && len(u.late) > 0:
			return fmt.Errorf("%w; a partial file may remain at %s", err, u.path)
		case err != nil && replaced:
			return fmt.Errorf("%w; the previous file at %s no longer exists", err, u.path)
		}
		return err
	}
	// A lost call creates its file at most once.
	u.late = slices.DeleteFunc(u.late, func(name string) bool {
		return u.status(name, exists)(ctx) && u.remove(ctx, name) == nil
	})
	if len(u.late) > 0 {
		return &LeftoverError{u.late, err}
	}
	return err
}

// putBack moves the previous file back to the path, unless another file is there.
// It returns an error that states where the previous file is.
func (u *upload) putBack(ctx context.Context, why error) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	last := len(u.olds) - 1
	if u.move(ctx, u.olds[last], u.path) == nil {
		u.olds = u.olds[:last]
	}
	if len(u.olds) == 0 {
		return why
	}
	return fmt.Errorf("%w; the previous file may be at %s", why, strings.Join(u.olds, ", "))
}

// discard deletes the file at temp.
func (u *upload) discard(ctx context.Context) {
	if u.remove(ctx, u.temp) == nil {
		u.written = false
	} else if !slices.Contains(u.late, u.temp) {
		u.late = append(u.late, u.temp)
	}
}

// remove deletes a file of this upload. It retries, because a file must not
// remain.
func (u *upload) remove(ctx context.Context, path string) (err error) {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	for attempt := range 3 {
		if err = u.s.Delete(ctx, DeleteFile{Path: path}); err == nil || u.s.client.pause(ctx, attempt+1, err) != nil {
			break
		}
	}
	return err
}
