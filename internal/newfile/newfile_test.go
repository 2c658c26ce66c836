package newfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func openRoot(t *testing.T) (dir string, root *os.Root) {
	dir = t.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	return dir, root
}

func TestFile_appearsWhenItIsComplete(t *testing.T) {
	dir, root := openRoot(t)
	require.NoError(t, root.Mkdir("sub", 0o777))
	f, err := Create(root, "sub/name", ".temp", false)
	require.NoError(t, err)
	_, err = f.WriteString("content")
	require.NoError(t, err)
	assert.Equal(t, []string{".temp"}, names(t, filepath.Join(dir, "sub")))
	modified := time.UnixMilli(1_700_000_000_123)
	require.NoError(t, f.Commit(modified))
	require.NoError(t, f.Discard(), "it is too late for that")
	assert.Equal(t, []string{"name"}, names(t, filepath.Join(dir, "sub")))
	info, err := os.Stat(filepath.Join(dir, "sub/name"))
	require.NoError(t, err)
	assert.True(t, info.ModTime().Equal(modified))
	assert.EqualValues(t, 7, info.Size())
}

func TestFile_discarded(t *testing.T) {
	dir, root := openRoot(t)
	f, err := Create(root, "name", ".temp", false)
	require.NoError(t, err)
	require.NoError(t, f.Discard())
	assert.Empty(t, names(t, dir))
}

func TestFile_replaces(t *testing.T) {
	dir, root := openRoot(t)
	name := filepath.Join(dir, "name")
	require.NoError(t, os.WriteFile(name, []byte("old"), 0o666))
	_, err := Create(root, "name", ".temp", false)
	assert.ErrorIs(t, err, fs.ErrExist)
	f, err := Create(root, "name", ".temp", true)
	require.NoError(t, err)
	f.WriteString("new")
	require.NoError(t, f.Commit(time.Time{}))
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "new", string(text))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir"), 0o777))
	_, err = Create(root, "dir", ".temp", true)
	assert.ErrorIs(t, err, fs.ErrExist)
	assert.ElementsMatch(t, []string{"name", "dir"}, names(t, dir))
}

// Another file may get the name while this one is written.
func TestFile_meetsAnother(t *testing.T) {
	dir, root := openRoot(t)
	f, err := Create(root, "name", ".temp", false)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "name"), []byte("other"), 0o666))
	assert.ErrorIs(t, f.Commit(time.Time{}), fs.ErrExist)
	require.NoError(t, f.Discard())
	assert.Equal(t, []string{"name"}, names(t, dir))
}

func TestFile_staysInItsDir(t *testing.T) {
	dir, root := openRoot(t)
	outside := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	_, err := Create(root, "link/name", ".temp", false)
	assert.Error(t, err)
	_, err = Create(root, "../name", ".temp", false)
	assert.Error(t, err)
	assert.Empty(t, names(t, outside))

	// A link is replaced, not followed.
	require.NoError(t, os.WriteFile(filepath.Join(outside, "target"), []byte("old"), 0o666))
	require.NoError(t, os.Symlink(filepath.Join(outside, "target"), filepath.Join(dir, "name")))
	f, err := Create(root, "name", ".temp", true)
	require.NoError(t, err)
	f.WriteString("new")
	require.NoError(t, f.Commit(time.Time{}))
	text, err := os.ReadFile(filepath.Join(outside, "target"))
	require.NoError(t, err)
	assert.Equal(t, "old", string(text))
}
