package databricks_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-databricks/databricks"
)

// volumeTransfers returns the transfers of volumes: downloads in several ranges,
// and copies of directories in both directions.
func volumeTransfers() map[string]transfer {
	one := databricks.DirOptions{Overwrite: true, Concurrency: 1}
	there := func(w *transferFixture) map[string]string { return volumeTree(w.t, w.server.Client(), volumeDir) }
	download := func(overwrite bool) func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
		return func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
			return nil, databricks.DownloadFileInRanges(ctx, c.Files, volumeDir+"/f", filepath.Join(dir, "f"), databricks.DownloadOptions{Overwrite: overwrite}, 5, 4, 2)
		}
	}
	write := func(ctx context.Context, c *databricks.Client, content string, names ...string) {
		must(c.Volumes.Create(ctx, databricks.CreateVolume{CatalogName: "main", SchemaName: "default", Name: "files", VolumeType: databricks.VolumeManaged}))
		for _, name := range names {
			must(0, c.Files.Upload(ctx, strings.NewReader(content), volumeDir+name, databricks.UploadOptions{Overwrite: true}))
		}
	}
	dir := func(ctx context.Context, c *databricks.Client, _ string) {
		write(ctx, c, oldContent, "/a.py", "/sub/b.py")
	}
	tree := func(content string) map[string]string {
		return map[string]string{volumeDir + "/a.py": content, volumeDir + "/sub/b.py": content}
	}
	return map[string]transfer{
		"download of a volume": {
			alone: true, fixed: true, old: map[string]string{}, new: map[string]string{"f": newContent}, tree: localTree,
			setUp: func(ctx context.Context, c *databricks.Client, _ string) { write(ctx, c, newContent, "/f") },
			do: func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
				var got bytes.Buffer
				err := databricks.DownloadInRanges(ctx, c.Files, volumeDir+"/f", &got, databricks.DownloadOptions{}, 5, 4, 2)
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, "f"), got.Bytes(), 0o666)
				}
				return nil, err
			},
		},
		"download a file of a volume": {
			alone: true, fixed: true, old: map[string]string{"f": "local"}, new: map[string]string{"f": newContent}, tree: localTree, do: download(true),
			setUp: func(ctx context.Context, c *databricks.Client, dir string) {
				write(ctx, c, newContent, "/f")
				must(0, os.WriteFile(filepath.Join(dir, "f"), []byte("local"), 0o666))
			},
		},
		"download a file of a volume to a new name": {
			alone: true, fixed: true, once: true, old: map[string]string{}, new: map[string]string{"f": newContent}, tree: localTree, do: download(false),
			setUp: func(ctx context.Context, c *databricks.Client, _ string) { write(ctx, c, newContent, "/f") },
		},
		"download a directory of a volume": {
			fixed: true, old: map[string]string{}, new: map[string]string{"a.py": oldContent, filepath.Join("sub", "b.py"): oldContent}, setUp: dir, tree: localTree,
			do: func(ctx context.Context, c *databricks.Client, _, dir string) (any, error) {
				return c.Files.DownloadDir(ctx, volumeDir, dir, one)
			},
		},
		"upload a directory to a volume": {
			old: tree(oldContent), new: tree(newContent), setUp: dir, tree: there,
			do: func(ctx context.Context, c *databricks.Client, content, dir string) (any, error) {
				return c.Files.UploadDir(ctx, writeDir(dir, content), volumeDir, one)
			},
		},
	}
}
