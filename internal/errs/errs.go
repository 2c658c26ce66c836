// Package errs combines errors into messages of one line.
package errs

import "strings"

// Join returns an error that matches each of errs that is not nil. Its message is
// theirs in one line. With fewer than two errors it returns what there is.
func Join(errs ...error) error {
	var all joined
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

type joined []error

func (e joined) Unwrap() []error { return e }

func (e joined) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// prefix begins the message of each error of the module.
const prefix = "databricks: "

// About returns err with what it is about before its message. The module's
// prefix stays at the front, once.
func About(what string, err error) error { return &about{what, err} }

type about struct {
	what string
	err  error
}

func (e *about) Unwrap() error { return e.err }

func (e *about) Error() string {
	return prefix + e.what + ": " + strings.ReplaceAll(e.err.Error(), prefix, "")
}
