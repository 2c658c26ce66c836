package errs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
)

func TestJoin(t *testing.T) {
	both := Join(nil, io.EOF, nil, fs.ErrExist)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{both, "EOF; file already exists"},
		{Join(both, context.Canceled), "EOF; file already exists; context canceled"},
		{Join(nil, io.EOF), "EOF"},
	} {
		if tt.err.Error() != tt.want {
			t.Errorf("got %q, want %q", tt.err, tt.want)
		}
		if !errors.Is(tt.err, io.EOF) {
			t.Errorf("%v does not match io.EOF", tt.err)
		}
	}
	if !errors.Is(both, fs.ErrExist) || errors.Is(both, fs.ErrNotExist) {
		t.Errorf("%v matches the wrong errors", both)
	}
	if err := Join(nil, nil); err != nil {
		t.Errorf("without errors: got %v", err)
	}
}

func TestAbout(t *testing.T) {
	inner := fmt.Errorf("databricks: GET /x: %w", fs.ErrNotExist)
	err := About("library 7", About("attaching", inner))
	if want := "databricks: library 7: attaching: GET /x: file does not exist"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not match its cause", err)
	}
}

func TestPath(t *testing.T) {
	err := Path("upload", "/a", errors.New("databricks: POST /put: refused"))
	if want := "databricks: upload /a: POST /put: refused"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if e, ok := errors.AsType[*fs.PathError](err); !ok || e.Path != "/a" {
		t.Errorf("%v is not a PathError of /a", err)
	}
	if err := Path("upload", "/a", nil); err != nil {
		t.Errorf("without an error: got %v", err)
	}
}

func TestOnPaths(t *testing.T) {
	refused := errors.New("POST /put: /a is refused")
	for _, tt := range []struct {
		paths []string
		want  string
	}{
		{nil, "POST /put: /a is refused"},
		{[]string{"/a", ""}, "POST /put: /a is refused"},
		{[]string{"/b"}, `POST /put: /a is refused (path "/b")`},
		{[]string{"/b", "/a", "/c\n"}, `POST /put: /a is refused (path "/b", "/c\n")`},
	} {
		err := OnPaths(tt.paths, refused)
		if err.Error() != tt.want || !errors.Is(err, refused) {
			t.Errorf("%q: got %q, want %q", tt.paths, err, tt.want)
		}
	}
	if err := OnPaths([]string{"/a"}, nil); err != nil {
		t.Errorf("without an error: got %v", err)
	}
}
