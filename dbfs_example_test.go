package databricks_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

func ExampleDBFSService() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	if err := client.DBFS.Put(ctx, databricks.PutContents{Path: "/data/a.csv", Contents: []byte("id,name\n")}); err != nil {
		log.Fatal(err)
	}
	if err := client.DBFS.Move(ctx, "/data/a.csv", "/data/b.csv"); err != nil {
		log.Fatal(err)
	}
	files, err := client.DBFS.List(ctx, "/data")
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		fmt.Println(file.Path, file.FileSize)
	}
	if err := client.DBFS.Delete(ctx, databricks.DeleteFile{Path: "/data", Recursive: true}); err != nil {
		log.Fatal(err)
	}
	// Output: /data/b.csv 8
}

// Upload accepts any reader. If the reader can seek, such as a file, Upload can
// retry after a connection error.
func ExampleDBFSService_Upload() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()

	source := strings.NewReader(strings.Repeat("0123456789abcdef", 1<<17)) // 2 MiB
	if err := client.DBFS.Upload(ctx, source, "/data/large.bin", databricks.UploadOptions{Overwrite: true}); err != nil {
		log.Fatal(err)
	}
	file, err := client.DBFS.GetStatus(ctx, "/data/large.bin")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.FileSize, "bytes")
	// Output: 2097152 bytes
}

func ExampleDBFSService_Download() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	if err := client.DBFS.Upload(ctx, strings.NewReader(strings.Repeat("x", 3<<20)), "/data/large.bin", databricks.UploadOptions{}); err != nil {
		log.Fatal(err)
	}

	var to bytes.Buffer // DownloadFile writes to a local file
	err := client.DBFS.Download(ctx, "/data/large.bin", &to, databricks.DownloadOptions{Concurrency: 4})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(to.Len(), "bytes")
	// Output: 3145728 bytes
}

// Open returns an io.Reader, io.ReaderAt, io.Seeker and io.WriterTo.
func ExampleDBFSService_Open() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	if err := client.DBFS.Put(ctx, databricks.PutContents{Path: "/data/names.csv", Contents: []byte("id,name\n1,Ada\n2,Grace\n")}); err != nil {
		log.Fatal(err)
	}

	file, err := client.DBFS.Open(ctx, "/data/names.csv")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// id,name
	// 1,Ada
	// 2,Grace
}

// Use DBFS as an fs.FS.
func ExampleDBFSService_FS() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	for _, path := range []string{"/data/2024/a.csv", "/data/2025/b.csv", "/data/readme.txt"} {
		if err := client.DBFS.Put(ctx, databricks.PutContents{Path: path, Contents: []byte("…")}); err != nil {
			log.Fatal(err)
		}
	}

	names, err := fs.Glob(client.DBFS.FS(ctx, "/data"), "*/*.csv")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(names)
	// Output: [2024/a.csv 2025/b.csv]
}

// Copy a directory, several files concurrently. SkipUnchanged continues an
// interrupted copy.
func ExampleDBFSService_UploadDir() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"a.csv", "b.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("id,name\n"), 0o600); err != nil {
			log.Fatal(err)
		}
	}

	copied, err := client.DBFS.UploadDir(ctx, dir, "/data", databricks.DirOptions{SkipUnchanged: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(copied.Files, "files,", copied.Bytes, "bytes")
	for _, skipped := range copied.Skipped {
		fmt.Println("not copied:", skipped.Path, skipped.Err)
	}
	// Output: 2 files, 16 bytes
}

// Synchronize two directories: SkipUnchanged copies only changed files, and Delete
// deletes files that no longer exist. A dry run shows the changes.
func ExampleDBFSService_UploadDir_synchronize() {
	workspace := databrickstest.NewServer()
	defer workspace.Close()
	client, ctx := workspace.Client(), context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"new.csv", "notes.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("id,name\n"), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.DBFS.Put(ctx, databricks.PutContents{Path: "/data/gone.csv"}); err != nil {
		log.Fatal(err)
	}

	sync := databricks.DirOptions{SkipUnchanged: true, Delete: true, Ignore: []string{"*.tmp"}}
	dry := sync
	dry.DryRun = true
	plan, err := client.DBFS.UploadDir(ctx, dir, "/data", dry)
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range plan.Changes {
		fmt.Println("would", change.Op, change.Path)
	}
	done, err := client.DBFS.UploadDir(ctx, dir, "/data", sync)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Files, "copied,", done.Deleted, "deleted")
	// Output:
	// would DELETE /data/gone.csv
	// would CREATE /data/new.csv
	// 1 copied, 1 deleted
}
