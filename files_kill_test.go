package databricks_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// killSize is the size of the file whose upload is killed.
var killSize = flag.Int64("kill-size", 64, "the size in MiB of the file in the tests that kill processes")

// Environment of the process that is killed.
const killedHost, killedFile, killedState = "TEST_KILLED_HOST", "TEST_KILLED_FILE", "TEST_KILLED_STATE"

// killedPart is the size of its parts.
const killedPart = mebibyte

// printProgress prints the progress of a transfer for killAt.
func printProgress(done, _ int64) { fmt.Println("done", done) }

// killAt runs a process that transfers a file, and kills it when its progress has
// reached a number of bytes. It returns the first progress, which is -1 if there was
// none, and the greatest. The error is nil if the process ended before.
func killAt(t *testing.T, cmd *exec.Cmd, bytes int64) (first, most int64, err error) {
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	first = -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var done int64
		if _, err := fmt.Sscanf(lines.Text(), "done %d", &done); err != nil {
			continue
		}
		if first < 0 {
			first = done
		}
		if most = max(most, done); done >= bytes {
			_ = cmd.Process.Kill()
		}
	}
	return first, most, cmd.Wait()
}

// uploadUntilKilled uploads a file, saves its progress, and continues an earlier
// upload. It prints its progress for killAt.
func uploadUntilKilled(ctx context.Context, host, name, state string) error {
	client, err := databricks.NewClient(databricks.WithHost(host), databricks.WithToken("dapi-killed"))
	if err != nil {
		return err
	}
	opts := databricks.UploadOptions{
		Save: func(p databricks.PendingUpload) error {
			text, err := json.Marshal(p)
			if err == nil {
				err = os.WriteFile(state+".new", text, 0o600)
			}
			if err == nil {
				err = os.Rename(state+".new", state)
			}
			return err
		},
		Progress: printProgress,
	}
	if text, err := os.ReadFile(state); err == nil {
		opts.Resume = new(databricks.PendingUpload)
		if err := json.Unmarshal(text, opts.Resume); err != nil {
			return err
		}
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return databricks.UploadInParts(ctx, client.Files, file, volumeDir+"/f", opts, killedPart)
}

// TestKilledUpload runs in the process that is killed.
func TestKilledUpload(t *testing.T) {
	host := os.Getenv(killedHost)
	if host == "" {
		t.Skip("it is for TestFiles_Upload_killed")
	}
	if err := uploadUntilKilled(t.Context(), host, os.Getenv(killedFile), os.Getenv(killedState)); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// A process that is killed at any point of an upload leaves no file under the name.
// Later processes continue the upload. Each kill makes them send at most one part
// again.
func TestFiles_Upload_killed(t *testing.T) {
	server := databrickstest.NewServer(databrickstest.WithVolume("main.default.files"), databrickstest.WithToken("dapi-killed"),
		databrickstest.WithFilesLimits(databrickstest.FilesLimits{MinPart: -1}), databrickstest.WithRecording(databrickstest.Recording{BodyBytes: -1}))
	defer server.Close()
	dir := t.TempDir()
	name, state := filepath.Join(dir, "f"), filepath.Join(dir, "state")
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	block := noise(mebibyte)
	for i := range *killSize {
		block[0], block[1] = byte(i), byte(i>>8)
		_, err := file.Write(block)
		require.NoError(t, err)
	}
	kills, had := 0, int64(0)
	for {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledUpload$")
		cmd.Env = append(os.Environ(), killedHost+"="+server.URL(), killedFile+"="+name, killedState+"="+state)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_, done, err := killAt(t, cmd, had+rand.Int64N(*killSize*mebibyte/4))
		if err == nil {
			break
		}
		if stderr.Len() > 0 {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		had = max(had, done)
		kills++
		if len(server.UnfinishedUploads()) > 0 { // otherwise the upload was already complete
			_, there := inVolume(t, server.Client(), volumeDir+"/f")
			require.False(t, there)
		}
	}
	part := int64(killedPart)
	for *killSize*mebibyte > 1000*part { // the same rule as in Upload
		part *= 2
	}
	sent, twice := map[string]int{}, 0
	for _, r := range server.Requests() {
		if r.Method == "PUT" && strings.HasPrefix(r.Path, "/storage/") && r.BodySize == part && (r.Status == 200 || r.WorkDone) {
			if sent[r.Query.Get("partNumber")]++; sent[r.Query.Get("partNumber")] > 1 {
				twice++
			}
		}
	}
	require.Positive(t, kills)
	t.Logf("%d MiB: killed %d times, %d of %d parts were sent twice", *killSize, kills, twice, len(sent))
	assert.LessOrEqual(t, twice, kills)
	assert.Len(t, sent, int(*killSize*mebibyte/part))
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	for offset := int64(0); offset < *killSize*mebibyte; offset += mebibyte {
		got, err := server.Client().Files.Read(t.Context(), databricks.ReadFile{Path: volumeDir + "/f", Offset: offset, Length: mebibyte})
		require.NoError(t, err)
		want := make([]byte, mebibyte)
		_, err = io.ReadFull(file, want)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "at %d", offset)
	}
}
