//go:build !unix

package databricks_test

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
