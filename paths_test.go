package databricks_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-databricks/databricks"
	"github.com/go-databricks/databricks/databrickstest"
)

// pathCalls returns the calls with a path in DBFS or in the workspace.
func pathCalls(c *databricks.Client, t *testing.T) (dbfs, workspace map[string]func(context.Context, string) error) {
	dirs := databricks.DirOptions{}
	local := t.TempDir()
	dbfs = map[string]func(context.Context, string) error{
		"GetStatus": func(ctx context.Context, p string) error { _, err := c.DBFS.GetStatus(ctx, p); return err },
		"List":      func(ctx context.Context, p string) error { _, err := c.DBFS.List(ctx, p); return err },
		"Mkdirs":    func(ctx context.Context, p string) error { return c.DBFS.Mkdirs(ctx, p) },
		"Delete":    func(ctx context.Context, p string) error { return c.DBFS.Delete(ctx, databricks.DeleteFile{Path: p}) },
		"DeleteTree": func(ctx context.Context, p string) error {
			return c.DBFS.DeleteTree(ctx, p, nil)
		},
		"Move from": func(ctx context.Context, p string) error { return c.DBFS.Move(ctx, p, "/other") },
		"Move to":   func(ctx context.Context, p string) error { return c.DBFS.Move(ctx, "/other", p) },
		"Create": func(ctx context.Context, p string) error {
			_, err := c.DBFS.Create(ctx, databricks.CreateFile{Path: p})
			return err
		},
		"Put": func(ctx context.Context, p string) error { return c.DBFS.Put(ctx, databricks.PutContents{Path: p}) },
		"PutFile": func(ctx context.Context, p string) error {
			return c.DBFS.PutFile(ctx, p, strings.NewReader("x"), databricks.PutFileOptions{})
		},
		"Read": func(ctx context.Context, p string) error {
			_, err := c.DBFS.Read(ctx, databricks.ReadBlock{Path: p})
			return err
		},
		"Upload": func(ctx context.Context, p string) error {
			return c.DBFS.Upload(ctx, strings.NewReader("x"), p, databricks.UploadOptions{})
		},
		"Download": func(ctx context.Context, p string) error {
			return c.DBFS.Download(ctx, p, io.Discard, databricks.DownloadOptions{})
		},
		"DownloadFile": func(ctx context.Context, p string) error {
			return c.DBFS.DownloadFile(ctx, p, local+"/file", databricks.DownloadOptions{})
		},
		"Open": func(ctx context.Context, p string) error { _, err := c.DBFS.Open(ctx, p); return err },
		"DownloadDir": func(ctx context.Context, p string) error {
			_, err := c.DBFS.DownloadDir(ctx, p, local, dirs)
			return err
		},
		"UploadDir": func(ctx context.Context, p string) error {
			_, err := c.DBFS.UploadDir(ctx, "testdata", p, dirs)
			return err
		},
	}
	workspace = map[string]func(context.Context, string) error{
		"GetStatus": func(ctx context.Context, p string) error {
			_, err := c.Workspace.GetStatus(ctx, databricks.GetObjectStatus{Path: p})
			return err
		},
		"List": func(ctx context.Context, p string) error {
			_, err := c.Workspace.List(ctx, databricks.ListObjects{Path: p})
			return err
		},
		"All": func(ctx context.Context, p string) error {
			for _, err := range c.Workspace.All(ctx, databricks.ListObjects{Path: p}) {
				return err
			}
			return nil
		},
		"Walk": func(ctx context.Context, p string) error {
			for _, err := range c.Workspace.Walk(ctx, p) {
				return err
			}
			return nil
		},
		"Mkdirs": func(ctx context.Context, p string) error { return c.Workspace.Mkdirs(ctx, p) },
		"Delete": func(ctx context.Context, p string) error {
			return c.Workspace.Delete(ctx, databricks.DeleteObject{Path: p})
		},
		"Export": func(ctx context.Context, p string) error {
			_, err := c.Workspace.Export(ctx, databricks.ExportObject{Path: p})
			return err
		},
		"Import": func(ctx context.Context, p string) error {
			_, err := c.Workspace.Import(ctx, databricks.ImportObject{Path: p, Language: databricks.LanguagePython})
			return err
		},
		"ExportDir": func(ctx context.Context, p string) error {
			_, err := c.Workspace.ExportDir(ctx, p, local, dirs)
			return err
		},
		"ImportDir": func(ctx context.Context, p string) error {
			_, err := c.Workspace.ImportDir(ctx, "testdata", p, dirs)
			return err
		},
	}
	return dbfs, workspace
}

// Every error of a call names the path. The prefix of the module appears once.
func TestErrors_namePaths(t *testing.T) {
	server := databrickstest.NewServer()
	defer server.Close()
	server.Inject(databrickstest.Fault{Times: -1, Status: http.StatusForbidden, Body: `{"error_code": "PERMISSION_DENIED", "message": "No operations allowed."}`})
	refused := server.Client()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"refused": t.Context(), "canceled": over} {
		dbfs, workspace := pathCalls(refused, t)
		for area, calls := range map[string]map[string]func(context.Context, string) error{"DBFS": dbfs, "Workspace": workspace} {
			for call, do := range calls {
				t.Run(name+" "+area+"."+call, func(t *testing.T) {
					err := do(ctx, "/some/path")
					require.Error(t, err)
					assert.Contains(t, err.Error(), "/some/path")
					assert.True(t, strings.HasPrefix(err.Error(), "databricks: "), "%v", err)
					assert.Equal(t, 1, strings.Count(err.Error(), "databricks: "), "%v", err)
				})
			}
		}
	}
}

// One rule for paths applies to all calls. Invalid paths are rejected before
// anything is sent.
func TestErrors_pathRule(t *testing.T) {
	server := databrickstest.NewServer()
	defer server.Close()
	dbfs, workspace := pathCalls(server.Client(), t)
	for call, do := range dbfs {
		for path, want := range map[string]string{
			"": "is required", "relative": "is not absolute", "dbfs:relative": "is not absolute", "dbfs://host/a": "with one slash", "/a\x00b": "zero byte",
		} {
			t.Run("DBFS."+call+" "+path, func(t *testing.T) { assert.ErrorContains(t, do(t.Context(), path), want) })
		}
	}
	for call, do := range workspace {
		for path, want := range map[string]string{"": "is required", "relative": "is not absolute", "dbfs:/a": "is not absolute", "/a\x00b": "zero byte"} {
			t.Run("Workspace."+call+" "+path, func(t *testing.T) { assert.ErrorContains(t, do(t.Context(), path), want) })
		}
	}
	assert.Empty(t, server.Requests())
}
