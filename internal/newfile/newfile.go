// Package newfile creates local files that appear under their name when they are
// complete.
package newfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A File is an incomplete file.
type File struct {
	*os.File
	root    *os.Root
	temp    string
	name    string
	replace bool
	resumed bool // it is locked while it is open
	done    bool
}

// Create creates a file that Commit gives a name in root. Until then its name is
// temp, in the same directory. If something with the name exists, Create fails with
// an error that matches fs.ErrExist. With replace, it fails only if that is a
// directory.
func Create(root *os.Root, name, temp string, replace bool) (*File, error) {
	f := &File{root: root, name: name, temp: filepath.Join(filepath.Dir(name), temp), replace: replace}
	if err := f.check(); err != nil {
		return nil, err
	}
	var err error
	f.File, err = root.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	return f, err
}

// Resume is Create for a file that may already exist at temp. On systems with file
// locks, no other Resume can use the file while it is open.
func Resume(root *os.Root, name, temp string, replace bool) (*File, error) {
	f := &File{root: root, name: name, temp: filepath.Join(filepath.Dir(name), temp), replace: replace, resumed: true}
	if err := f.check(); err != nil {
		return nil, err
	}
	for {
		if info, err := root.Lstat(f.temp); err == nil && !info.Mode().IsRegular() {
			return nil, &fs.PathError{Op: "resume", Path: f.temp, Err: fmt.Errorf("it is not a file: %w", fs.ErrExist)}
		}
		file, err := root.OpenFile(f.temp, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		if !lock(file) {
			file.Close()
			return nil, &fs.PathError{Op: "resume", Path: f.temp, Err: ErrInUse}
		}
		opened, err := file.Stat()
		if err == nil {
			var there fs.FileInfo
			if there, err = root.Lstat(f.temp); err == nil && os.SameFile(opened, there) {
				f.File = file
				return f, nil
			}
		}
		file.Close() // before it was locked, it was renamed or removed
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// ErrInUse matches the error of Resume if another process uses the file.
var ErrInUse = errors.New("it is in use by another download")

// check fails if Commit would fail.
func (f *File) check() error {
	switch info, err := f.root.Lstat(f.name); {
	case err != nil:
		return nil // Commit reports any other problem
	case info.IsDir():
		return &fs.PathError{Op: "create", Path: f.name, Err: fmt.Errorf("a directory is there: %w", fs.ErrExist)}
	case !f.replace:
		return &fs.PathError{Op: "create", Path: f.name, Err: fs.ErrExist}
	}
	return nil
}

// Commit gives the file its name, and its modification time unless modified is
// zero. Without replace, the operating system ensures that only one of several
// concurrent files gets the name.
func (f *File) Commit(modified time.Time) error {
	if f.resumed && renamesOpen {
		defer f.Close()
	} else if err := f.Close(); err != nil {
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
	if !f.replace {
		err := f.root.Link(f.temp, f.name)
		if err == nil {
			f.done = true
			return f.root.Remove(f.temp)
		}
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := f.reserve(); err != nil { // not every file system supports links
			return err
		}
	}
	if err := f.root.Rename(f.temp, f.name); err != nil {
		if !f.replace {
			_ = f.root.Remove(f.name) // it is our empty file
		}
		return err
	}
	f.done = true
	return nil
}

// reserve creates an empty file with the name, which Rename then replaces.
func (f *File) reserve() error {
	mark, err := f.root.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	return mark.Close()
}

// Discard removes the file, unless Commit gave it its name.
func (f *File) Discard() error {
	if f.done {
		return nil
	}
	if f.resumed && renamesOpen {
		defer f.Close()
	} else {
		f.Close()
	}
	return f.root.Remove(f.temp)
}
