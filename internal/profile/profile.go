// Package profile reads ~/.databrickscfg, the file in which Databricks' tools
// keep hosts and credentials: INI sections, one for each profile.
package profile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/ini.v1"
)

// settings is a section that is no profile.
const settings = "__settings__"

// A File is a file of profiles.
type File struct {
	path string
	ini  *ini.File
}

// A Profile is one section. Fields that the section does not set are empty.
type Profile struct {
	Place                           string // for messages: the profile's name and the file's
	Host, Token, Username, Password string
}

// Read reads a file; ~ stands for the home directory. A file that is not there
// is an [fs.ErrNotExist]. No error quotes the file, which holds secrets.
func Read(path string) (*File, error) {
	if rest, ok := strings.CutPrefix(path, "~"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", path, fs.ErrNotExist, err)
		}
		path = filepath.Join(home, rest)
	}
	file, err := ini.LoadSources(ini.LoadOptions{SpaceBeforeInlineComment: true}, path)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("config file: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("config file %s is not in INI form, which is [profile] lines and key = value lines", path)
	}
	return &File{path, file}, nil
}

// Find returns the profile of a name; without a name the one that the file says
// is its default, else DEFAULT. If there is none, the error is an
// [fs.ErrNotExist], and only the place of the profile is set.
func (f *File) Find(name string) (Profile, error) {
	name = cmp.Or(name, f.ini.Section(settings).Key("default_profile").String(), ini.DefaultSection)
	p := Profile{Place: fmt.Sprintf("profile %s of %s", name, f.path)}
	var names []string
	for _, section := range f.ini.Sections() {
		if section.Name() == settings || len(section.Keys()) == 0 {
			continue
		}
		names = append(names, section.Name())
		if section.Name() == name {
			value := func(key string) string { return section.Key(key).Value() }
			p.Host, p.Token, p.Username, p.Password = value("host"), value("token"), value("username"), value("password")
			return p, nil
		}
	}
	return p, fmt.Errorf("%w: there is no %s; it has %s", fs.ErrNotExist, p.Place, cmp.Or(strings.Join(names, ", "), "no profile at all"))
}
