// Package newfile makes files of this machine that have their name only when
// they are complete.
package newfile

import (
	"errors"
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
	resumed bool // it is locked for as long as it is open
	done    bool
}

// Create makes a file that is to have a name in root. Until it has it, its name
// is temp, in the same directory. If something has the name already, that is an
// error that matches fs.ErrExist; with replace only if it is a directory.
func Create(root *os.Root, name, temp string, replace bool) (*File, error) {
	f := &File{root: root, name: name, temp: filepath.Join(filepath.Dir(name), temp), replace: replace}
	if err := f.check(); err != nil {
		return nil, err
	}
	var err error
	f.File, err = root.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	return f, err
}

// Resume is Create that takes what is at temp already. For as long as the file is
// open, no other Resume can have it, on systems that can lock files.
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
		file.Close() // it got its name, or was removed, before it was locked
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// ErrInUse is matched by the error of Resume if another has the file.
var ErrInUse = errors.New("it is in use by another download")

// check fails early where Commit would fail.
func (f *File) check() error {
	switch info, err := f.root.Lstat(f.name); {
	case err != nil:
		return nil // Commit will find out if that is not because there is nothing
	case info.IsDir():
		return &fs.PathError{Op: "create", Path: f.name, Err: fmt.Errorf("a directory is there: %w", fs.ErrExist)}
	case !f.replace:
		return &fs.PathError{Op: "create", Path: f.name, Err: fs.ErrExist}
	}
	return nil
}

// Commit gives the file its name, and the time that it was modified unless that
// is zero. Without replace, exactly one of several files gets a name: the
// system decides which.
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
		if err := f.reserve(); err != nil { // not every file system has links
			return err
		}
	}
	if err := f.root.Rename(f.temp, f.name); err != nil {
		if !f.replace {
			_ = f.root.Remove(f.name) // ours, and empty
		}
		return err
	}
	f.done = true
	return nil
}

// reserve takes the name with an empty file, for Rename to replace.
func (f *File) reserve() error {
	mark, err := f.root.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	return mark.Close()
}

// Discard removes the file, unless it has its name.
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
