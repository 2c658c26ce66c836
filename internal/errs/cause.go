package errs

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"strings"
)

// Text is an error that is nothing but its message. Errors of this type are equal
// if their messages are.
type Text string

func (t Text) Error() string { return string(t) }

// Ended returns the error of what ended because of ctx. It matches reason, which
// is the error of ctx or why its deadline is too near, the cause of ctx, and the
// failure before that, which may be nil.
func Ended(ctx context.Context, reason, failure error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(reason, cause) || errors.Is(failure, cause) {
		cause = nil
	} else {
		cause = Foreign(cause)
	}
	if failure != nil && strings.Contains(failure.Error(), reason.Error()) && errors.Is(failure, reason) {
		return Join(failure, cause)
	}
	return Join(reason, cause, failure)
}

// Over returns why ctx is over, as [Ended] says it. It is nil if ctx is not over.
func Over(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return Ended(ctx, ctx.Err(), nil)
}

// Foreign returns the cause of a context as a part of another error. Such a cause
// is someone else's error: what the service said to another call, or that another
// file does not exist. So it matches itself, and what errors outside this module
// match, but nothing that would say something of the other error.
func Foreign(cause error) error { return &foreign{cause} }

type foreign struct{ error }

func (e *foreign) Is(target error) bool {
	switch target {
	case fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid:
		return false
	}
	return !ours(reflect.TypeOf(target)) && errors.Is(e.error, target)
}

func (e *foreign) As(target any) bool {
	t := reflect.TypeOf(target).Elem()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return !ours(t) && errors.As(e.error, target)
}

var module = strings.TrimSuffix(reflect.TypeFor[foreign]().PkgPath(), "/internal/errs")

// ours reports whether a type is one of this module. A pointer to one is not: an
// error that is a pointer is matched by nothing but itself.
func ours(t reflect.Type) bool {
	return t.PkgPath() == module || strings.HasPrefix(t.PkgPath(), module+"/")
}
