package errs

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"strings"
)

// Text is an error that consists only of its message. Two such errors are equal if
// their messages are equal.
type Text string

func (t Text) Error() string { return string(t) }

// Ended returns the error of an operation that ended because of ctx. It matches
// three errors: reason, which is the error of ctx or says that its deadline is too
// near; the cause of ctx; and the previous failure, which may be nil.
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

// Over returns the error of an ended context in the form of [Ended]. It returns nil
// if ctx has not ended.
func Over(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return Ended(ctx, ctx.Err(), nil)
}

// Foreign returns the cause of a context for use as a part of another error. Such a
// cause belongs to another operation. For example, it is the error of another call,
// or says that another file does not exist. The returned error therefore matches
// the cause itself and errors outside this module. It does not match errors that
// would describe the wrong operation.
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

// ours reports whether a type belongs to this module. A pointer type does not
// count, because a pointer error matches only itself.
func ours(t reflect.Type) bool {
	return t.PkgPath() == module || strings.HasPrefix(t.PkgPath(), module+"/")
}
