// Package newfile makes files of this machine that have their name only when
// they are complete.
package newfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A File is a file that is not complete.
type File struct {
	*os.File
	root    *os.Root
	temp    string
	name    string
	replace bool
	done    bool
}

// Create makes a file that is to have a name in root. Until it has it, its name
// is temp, in the same folder. If something has the name already, that is an
// error that matches fs.ErrExist; with replace only if it is a folder.
func Create(root *os.Root, name, temp string, replace bool) (*File, error) {
	f := &File{root: root, name: name, temp: filepath.Join(filepath.Dir(name), temp), replace: replace}
	if err := f.check(); err != nil {
		return nil, err
	}
	var err error
	f.File, err = root.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	return f, err
}

func (f *File) check() error {
	switch info, err := f.root.Lstat(f.name); {
	case err != nil:
		return nil // Rename will find out if that is not because there is nothing
	case info.IsDir():
		return &fs.PathError{Op: "create", Path: f.name, Err: fmt.Errorf("a folder is there: %w", fs.ErrExist)}
	case !f.replace:
		return &fs.PathError{Op: "create", Path: f.name, Err: fs.ErrExist}
	}
	return nil
}

// Commit gives the file its name, and the time that it was modified unless that
// is zero.
func (f *File) Commit(modified time.Time) error {
	if err := f.Close(); err != nil {
		return err
	}
	if !modified.IsZero() {
		if err := f.root.Chtimes(f.temp, time.Time{}, modified); err != nil {
			return err
		}
	}
	if err := f.check(); err != nil {
		return err
	}
	if err := f.root.Rename(f.temp, f.name); err != nil {
		return err
	}
	f.done = true
	return nil
}

// Discard removes the file, unless it has its name.
func (f *File) Discard() error {
	if f.done {
		return nil
	}
	f.Close()
	return f.root.Remove(f.temp)
}
