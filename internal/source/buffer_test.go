package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSource_Buffer(t *testing.T) {
	dir := t.TempDir()
	for _, disk := range []string{dir, filepath.Join(dir, "none")} {
		setTempDir(t, disk)
		for _, size := range []int{0, 1, 9, 10, 11, 99, 100, 101, 3 << 20} {
			for _, onDisk := range []int64{100, 4 << 20} {
				want := bytes.Repeat([]byte("x"), size)
				from := New(io.MultiReader(bytes.NewReader(want)))
				buffered, free, err := from.Buffer(t.Context(), 10, onDisk)
				require.NoError(t, err)
				known := size <= 10 || int64(size) < onDisk && disk == dir
				if known {
					assert.EqualValues(t, size, buffered.Size(), "%d of %d", size, onDisk)
				} else {
					assert.EqualValues(t, -1, buffered.Size(), "%d of %d", size, onDisk)
				}
				assert.Equal(t, known, buffered.Rewindable())
				for range 2 {
					in, err := buffered.Open()
					if !known && err != nil {
						break // in the second round
					}
					require.NoError(t, err)
					got, err := io.ReadAll(in)
					require.NoError(t, err)
					require.True(t, bytes.Equal(want, got), "%d of %d: %d", size, onDisk, len(got))
				}
				free()
				left, err := os.ReadDir(dir)
				require.NoError(t, err)
				require.Empty(t, left)
			}
		}
	}
}

func TestSource_Buffer_fails(t *testing.T) {
	dir := t.TempDir()
	setTempDir(t, dir)
	broken := errors.New("broken")
	for _, n := range []int{5, 50, 2 << 20} {
		from := New(io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(broken)))
		_, free, err := from.Buffer(t.Context(), 10, 4<<20)
		assert.Equal(t, broken, err)
		free()
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	_, free, err := New(io.MultiReader(strings.NewReader("x"))).Buffer(ctx, 10, 100)
	assert.ErrorIs(t, err, broken)
	free()

	// The result must be the complete content or an error.
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, file.Truncate(8))
	from := New(file)
	require.NoError(t, file.Truncate(5))
	_, free, err = from.Buffer(t.Context(), 10, 100)
	assert.ErrorIs(t, err, ErrChanged)
	free()
}

// All sources together use limited memory, and release it. Other data is stored on
// disk.
func TestSource_Buffer_sharesMemory(t *testing.T) {
	dir := t.TempDir()
	setTempDir(t, dir)
	files := func() int {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		return len(left)
	}
	const size = maxBlocks / 2 * chunk
	want := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	var all []func()
	for i := range 3 {
		buffered, free, err := New(io.MultiReader(bytes.NewReader(want[:size-1-i]))).Buffer(t.Context(), size, 2*size)
		require.NoError(t, err)
		all = append(all, free)
		in, err := buffered.Open()
		require.NoError(t, err)
		got, err := io.ReadAll(in)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want[:size-1-i], got))
		assert.EqualValues(t, size-1-i, buffered.Size())
		assert.True(t, buffered.Rewindable())
		if assert.Equal(t, i/2, files(), "the first two are in memory"); i == 0 {
			t.Cleanup(func() {
				_, err := in.Read(make([]byte, 1))
				assert.Equal(t, errClosed, err, "memory that was given back is not read")
			})
		}
	}
	assert.EqualValues(t, maxBlocks, blocksInUse.Load())
	for _, free := range all {
		free()
		free()
	}
	assert.Zero(t, blocksInUse.Load())
	assert.Zero(t, files())
}

// setTempDir sets what os.TempDir returns.
func setTempDir(t *testing.T, dir string) {
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // on Windows
}
