// Package profile reads ~/.databrickscfg. In this file, the tools of Databricks
// store hosts and credentials. It has an INI section for each profile.
//
// # The rules
//
// The vendor's tools read this file with two different parsers: Python's
// configparser and an INI package for Go. These rules follow both parsers where
// they agree. Where the parsers differ, the rule names the parser that it follows.
//
//   - [NAME] on a line starts a profile. A name may contain any characters
//     except ]. Surrounding white space is ignored.
//   - KEY = VALUE or KEY: VALUE sets a key. White space around the key and the
//     value is ignored, and so is indentation (as in Go; in Python, an indented
//     line continues the value of the previous line).
//   - The case of keys does not matter (as in Python). The case of profile names
//     does.
//   - A profile has only the keys of its own section. It inherits nothing from
//     DEFAULT, and [prod.eu] inherits nothing from [prod].
//   - Keys before the first section belong to DEFAULT (as in Go; Python rejects
//     them).
//   - A repeated section adds keys to the first one. The last value of a key
//     counts (as in Go; Python rejects the file).
//   - A line that starts with # or ; is a comment. In a value, a # or ; after
//     white space starts a comment (as in Go; Python has no such comments). A #
//     or ; in any other place is an ordinary character.
//   - Single or double quotes around a value are removed. The text between them
//     is not changed (as in Go; Python keeps the quotes). A comment may follow.
//     A quote that is not closed, or that is not the first character, is an
//     ordinary character.
//   - A percent sign and a backslash are ordinary characters, even at the end of
//     a line.
//   - Lines end with \n or \r\n. A UTF-8 byte order mark is ignored.
//   - Any other line is an error. UTF-16, a NUL byte and a file of more than
//     1 MiB are errors, too.
package profile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	// Default is the name of the default profile.
	Default = "DEFAULT"
	// Settings is the name of a section that is not a profile.
	Settings = "__settings__"

	maxFile = 1 << 20
)

// A File is a parsed file with profiles.
type File struct {
	path     string
	exposed  bool
	sections []section
}

type section struct {
	name string
	// value returns the value of a key. A closure holds the secrets, so that
	// printing a value never shows them.
	value func(key string) string
}

// A Profile is one section.
type Profile struct {
	Name string
	File string // path of the file

	value func(key string) string
}

// Get returns the value of a key, or "". The key is in lower case.
func (p Profile) Get(key string) string { return p.value(key) }

// String returns the name of the profile and the path of its file.
func (p Profile) String() string { return fmt.Sprintf("profile %s of %s", p.Name, p.File) }

// Read reads a file. A ~ at the start of the path stands for the home directory. If
// the file does not exist, the error matches [fs.ErrNotExist]. No error quotes the
// content of the file, because it has secrets.
func Read(path string) (*File, error) {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", path, fs.ErrNotExist, err)
		}
		path = filepath.Join(home, rest)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	f := &File{path: path}
	if f.sections, err = parse(data); err != nil {
		return nil, fmt.Errorf("config file %s: %w", path, err)
	}
	if info, err := file.Stat(); err == nil && runtime.GOOS != "windows" {
		f.exposed = info.Mode().Perm()&0o044 != 0
	}
	return f, nil
}

// Path returns the path of the file. A ~ is replaced by the home directory.
func (f *File) Path() string { return f.path }

// Exposed reports whether other users of the machine may read the file.
func (f *File) Exposed() bool { return f.exposed }

// Names returns the names of the profiles that have a key.
func (f *File) Names() []string {
	var names []string
	for _, s := range f.sections {
		if s.name != Settings {
			names = append(names, s.name)
		}
	}
	return names
}

// Find returns the profile with the given name. Without a name, it returns the
// profile that the file names as its default, or else DEFAULT. If there is no such
// profile, the error matches [fs.ErrNotExist], and the profile is empty.
func (f *File) Find(name string) (Profile, error) {
	none := func(string) string { return "" }
	if i := f.index(Settings); name == "" && i >= 0 {
		name = f.sections[i].value("default_profile")
	}
	p := Profile{Name: cmp.Or(name, Default), File: f.path, value: none}
	if i := f.index(p.Name); i >= 0 && p.Name != Settings {
		p.value = f.sections[i].value
		return p, nil
	}
	return p, &missing{fmt.Sprintf("there is no %s; the file has %s", p, cmp.Or(strings.Join(f.Names(), ", "), "no profile"))}
}

// missing is an error that matches [fs.ErrNotExist] and has its own text.
type missing struct{ text string }

func (e *missing) Error() string        { return e.text }
func (e *missing) Is(target error) bool { return target == fs.ErrNotExist }

func (f *File) index(name string) int {
	return slices.IndexFunc(f.sections, func(s section) bool { return s.name == name })
}

// parse returns the sections that have at least one key, in their order.
func parse(data []byte) ([]section, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > maxFile:
		return nil, errors.New("it is larger than 1 MiB")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.IndexByte(data, 0) >= 0:
		return nil, errors.New("it is not UTF-8 text; save it as UTF-8")
	}
	var (
		sections []section
		values   = map[string]map[string]string{}
		name     = Default
		number   int
	)
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			inside, rest, closed := strings.Cut(line[1:], "]")
			rest = strings.TrimSpace(rest)
			name = strings.TrimSpace(inside)
			if !closed || name == "" || rest != "" && rest[0] != '#' && rest[0] != ';' {
				return nil, fmt.Errorf("line %d is not a [profile] line", number)
			}
			continue
		}
		i := strings.IndexAny(line, "=:")
		if i <= 0 {
			return nil, fmt.Errorf("line %d is neither [profile] nor key = value", number)
		}
		if values[name] == nil {
			own := map[string]string{}
			values[name] = own
			sections = append(sections, section{name, func(key string) string { return own[key] }})
		}
		values[name][strings.ToLower(strings.TrimSpace(line[:i]))] = unquote(strings.TrimSpace(line[i+1:]))
	}
	return sections, nil
}

// unquote returns a value without its quotes and its comment.
func unquote(text string) string {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		// A quote closes only at the end or before a comment, so that a password
		// may contain the same quote.
		for end := 1; end < len(text); end++ {
			if text[end] != text[0] {
				continue
			}
			rest := strings.TrimSpace(text[end+1:])
			if rest == "" || text[end+1] != rest[0] && (rest[0] == '#' || rest[0] == ';') {
				return text[1:end]
			}
		}
	}
	for i := range len(text) {
		if (text[i] == '#' || text[i] == ';') && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
			return strings.TrimSpace(text[:i])
		}
	}
	return text
}
