package source

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onlySeeker hides all methods except Read and Seek.
type onlySeeker struct{ io.ReadSeeker }

func openFile(t *testing.T, text string) *os.File {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func skipped[R io.Reader](t *testing.T, r R, n int64) R {
	_, err := io.CopyN(io.Discard, r, n)
	require.NoError(t, err)
	return r
}

func TestSource_readsFromWhereItStands(t *testing.T) {
	pipe, _ := io.Pipe()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	w.WriteString("56789")
	w.Close()
	pipe.Close()
	for name, tt := range map[string]struct {
		reader io.Reader
		size   int64
	}{
		"strings.Reader":   {skipped(t, strings.NewReader("0123456789"), 5), 5},
		"bytes.Reader":     {skipped(t, bytes.NewReader([]byte("0123456789")), 5), 5},
		"bytes.Buffer":     {skipped(t, bytes.NewBufferString("0123456789"), 5), 5},
		"io.SectionReader": {io.NewSectionReader(strings.NewReader("0123456789abc"), 5, 5), 5},
		"a seeker":         {onlySeeker{skipped(t, strings.NewReader("0123456789"), 5)}, 5},
		"a file":           {skipped(t, openFile(t, "0123456789"), 5), 5},
		"a pipe":           {r, -1},
		"any reader":       {io.MultiReader(strings.NewReader("56789")), -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(tt.reader)
			assert.Equal(t, tt.size, s.Size())
			require.Equal(t, tt.size >= 0, s.Rewindable())
			times := 1
			if s.Rewindable() {
				times = 3
			}
			for range times {
				in, err := s.Open()
				require.NoError(t, err)
				text, err := io.ReadAll(in)
				require.NoError(t, err)
				assert.Equal(t, "56789", string(text))
			}
			if !s.Rewindable() {
				_, err := s.Open()
				assert.ErrorIs(t, err, errOnce)
			}
			require.NoError(t, s.Finish())
			rest, err := io.ReadAll(tt.reader)
			require.NoError(t, err)
			assert.Empty(t, rest, "the source was read, but not to its end")
		})
	}
}

func TestSource_Advance(t *testing.T) {
	for name, reader := range map[string]io.Reader{
		"a file": skipped(t, openFile(t, "0123456789"), 5), "strings.Reader": skipped(t, strings.NewReader("0123456789"), 5),
		"bytes.Buffer": skipped(t, bytes.NewBufferString("0123456789"), 5), "any reader": io.MultiReader(strings.NewReader("")),
	} {
		s := New(reader)
		if s.Rewindable() {
			assert.NoError(t, s.Check(), name)
		}
		if f, ok := reader.(*os.File); ok { // after the last byte was sent
			_, err := f.WriteAt([]byte("x"), 10)
			require.NoError(t, err)
			_, err = f.Seek(0, io.SeekStart)
			require.NoError(t, err)
		}
		require.NoError(t, s.Advance(), name)
		rest, err := io.ReadAll(reader)
		require.NoError(t, err)
		assert.Equal(t, name == "a file", string(rest) == "x", name)
	}
}

func TestSource_beyondItsEnd(t *testing.T) {
	f := openFile(t, "0123")
	_, err := f.Seek(100, io.SeekStart)
	require.NoError(t, err)
	assert.Zero(t, New(f).Size())
}

// A file that reports size 0 but has content is read to its end.
func TestSource_filesWithoutSize(t *testing.T) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	s := New(f)
	assert.EqualValues(t, -1, s.Size())
	in, err := s.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.Contains(t, string(text), "Pid:")
	empty := New(openFile(t, ""))
	assert.Zero(t, empty.Size())
	assert.NoError(t, empty.Finish())
}

func TestSource_directory(t *testing.T) {
	f, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer f.Close()
	s := New(f)
	assert.EqualValues(t, -1, s.Size())
	in, err := s.Open()
	require.NoError(t, err)
	_, err = in.Read(make([]byte, 1))
	assert.ErrorContains(t, err, "directory")
}

func TestSource_whichChanges(t *testing.T) {
	for name, change := range map[string]func(f *os.File) error{
		"shrinks":    func(f *os.File) error { return f.Truncate(3) },
		"grows":      func(f *os.File) error { return f.Truncate(30) },
		"is written": func(f *os.File) error { return os.Chtimes(f.Name(), time.Time{}, time.Now().Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := openFile(t, "0123456789")
			s := New(f)
			in, err := s.Open()
			require.NoError(t, err)
			require.NoError(t, change(f))
			text, err := io.ReadAll(in)
			if name == "shrinks" {
				assert.ErrorIs(t, err, ErrChanged)
				assert.EqualError(t, err, "the source changed while it was being copied: it had 10 bytes; now it has 3")
			} else {
				require.NoError(t, err)
				assert.Equal(t, "0123456789", string(text), "growth is not sent")
			}
			assert.ErrorIs(t, s.Check(), ErrChanged)
			assert.ErrorIs(t, s.Finish(), ErrChanged)
		})
	}
}

// A transport may read a body after it returned the response. The owner of the
// source must not notice.
func TestSource_isLeftAloneOnceClosed(t *testing.T) {
	under := strings.NewReader("0123456789")
	s := New(onlySeeker{under})
	first, err := s.Open()
	require.NoError(t, err)
	second, err := s.Open()
	require.NoError(t, err)
	_, err = first.Read(make([]byte, 1))
	assert.ErrorIs(t, err, errClosed, "two would share one position")
	_, err = second.Read(make([]byte, 1))
	require.NoError(t, err)
	s.Close()
	_, err = second.Read(make([]byte, 1))
	assert.ErrorIs(t, err, errClosed)
	assert.Equal(t, 9, under.Len())
}
