// Package errs combines errors into one-line messages.
package errs

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/go-databricks/databricks/internal/redact"
)

// Join returns an error that matches each error of errs that is not nil. It joins
// their messages in one line. If there is only one error, Join returns it. If there
// is none, it returns nil.
func Join(errs ...error) error {
	all := new(joined)
	for _, err := range errs {
		if err != nil {
			*all = append(*all, err)
		}
	}
	switch len(*all) {
	case 0:
		return nil
	case 1:
		return (*all)[0]
	}
	return all
}

type joined []error

func (e *joined) Unwrap() []error { return *e }

func (e *joined) Error() string {
	texts := make([]string, len(*e))
	for i, err := range *e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// prefix starts the message of each error of the module.
const prefix = "databricks: "

// Prefixed returns err with the module's prefix. The prefix is at the start of the
// message and nowhere else.
func Prefixed(err error) error { return &prefixed{err} }

// About returns err with its subject in front of its message.
func About(what string, err error) error {
	return Prefixed(fmt.Errorf("%s: %w", redact.Line(what, 500), err))
}

// Path returns a [*fs.PathError], or nil if err is nil.
func Path(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return Prefixed(&fs.PathError{Op: op, Path: path, Err: err})
}

type prefixed struct{ error }

func (e *prefixed) Unwrap() error { return e.error }
func (e *prefixed) Error() string { return prefix + strings.ReplaceAll(e.error.Error(), prefix, "") }

// OnPaths returns err. It appends the paths that the message does not contain.
func OnPaths(paths []string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	unnamed := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return path == "" || strings.Contains(text, path) })
	if len(unnamed) == 0 {
		return err
	}
	return &onPaths{err, unnamed}
}

type onPaths struct {
	error
	paths []string
}

func (e *onPaths) Unwrap() error { return e.error }

func (e *onPaths) Error() string {
	text := e.error.Error()
	for i, path := range e.paths {
		text += []string{" (path ", ", "}[min(i, 1)] + strconv.Quote(path)
	}
	return text + ")"
}
