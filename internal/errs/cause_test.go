package errs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"testing"
)

type code string

func (c code) Error() string { return string(c) }

// A rejection stands for an error of this module.
type rejection struct{ code code }

func (r *rejection) Error() string { return "rejected with " + string(r.code) }

func (r *rejection) Is(target error) bool { return target == r.code || target == fs.ErrNotExist }

// The cause of a context does not describe the call that the context ends.
func TestForeign(t *testing.T) {
	rejected := &rejection{"NOT_FOUND"}
	own := &net.AddrError{Err: "no such address"}
	for _, cause := range []error{rejected, fmt.Errorf("upload: %w", rejected), Join(own, rejected)} {
		err := Foreign(cause)
		if err.Error() != cause.Error() || !errors.Is(err, rejected) || !errors.Is(err, cause) {
			t.Errorf("%v does not match itself", err)
		}
		for _, target := range []error{code("NOT_FOUND"), fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid} {
			if errors.Is(err, target) {
				t.Errorf("%v matches %v", err, target)
			}
		}
		if _, ok := errors.AsType[*rejection](err); ok {
			t.Errorf("%v is a rejection", err)
		}
		if _, ok := errors.AsType[code](Foreign(fmt.Errorf("%w", code("X")))); ok {
			t.Error("a code is found")
		}
	}
	if err := Foreign(Join(own, Text("ours"))); !errors.Is(err, own) || errors.Is(err, Text("ours")) || !errors.As(err, new(*net.AddrError)) {
		t.Errorf("%v does not match what is of nobody here", err)
	}
	for _, err := range []error{fs.ErrNotExist, fmt.Errorf("%w", fs.ErrPermission)} {
		if errors.Is(Foreign(err), fs.ErrNotExist) || errors.Is(Foreign(err), fs.ErrPermission) {
			t.Errorf("the file of another call: %v", err)
		}
	}
}

func TestEnded(t *testing.T) {
	rejected := &rejection{"NOT_FOUND"}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	canceled, cancelCause := context.WithCancelCause(t.Context())
	cancelCause(rejected)
	for _, row := range []struct {
		ctx             context.Context
		reason, failure error
		want            string
	}{
		{over, context.Canceled, nil, "context canceled"},
		{over, context.Canceled, io.EOF, "context canceled; EOF"},
		{canceled, context.Canceled, io.EOF, "context canceled; rejected with NOT_FOUND; EOF"},
		{canceled, context.Canceled, fmt.Errorf("GET /x: %w", context.Canceled), "GET /x: context canceled; rejected with NOT_FOUND"},
		{canceled, context.Canceled, Ended(canceled, context.Canceled, io.EOF), "context canceled; rejected with NOT_FOUND; EOF"},
		{t.Context(), fmt.Errorf("no time: %w", context.DeadlineExceeded), io.EOF, "no time: context deadline exceeded; EOF"},
	} {
		err := Ended(row.ctx, row.reason, row.failure)
		if err.Error() != row.want {
			t.Errorf("got %q, want %q", err, row.want)
		}
		for _, target := range []error{row.reason, row.failure, context.Cause(row.ctx)} {
			if target != nil && !errors.Is(err, target) {
				t.Errorf("%v does not match %v", err, target)
			}
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, code("NOT_FOUND")) {
			t.Errorf("%v says what the cause says", err)
		}
	}
}
