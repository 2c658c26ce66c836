package databricks

import (
	"context"
	"io"

	"github.com/go-databricks/databricks/internal/source"
)

// UploadInBlocks is Upload that never sends a source in one request.
func UploadInBlocks(ctx context.Context, s *DBFSService, path string, from io.Reader, opts UploadOptions) error {
	return uploadAs(ctx, s, path, from, opts, func(u *upload) { u.small, u.most = -1, -1 })
}

// UploadBeside is Upload that never writes a source directly to its path.
func UploadBeside(ctx context.Context, s *DBFSService, path string, from io.Reader, opts UploadOptions) error {
	return uploadAs(ctx, s, path, from, opts, func(u *upload) { u.small = -1 })
}

func uploadAs(ctx context.Context, s *DBFSService, path string, from io.Reader, opts UploadOptions, change func(*upload)) error {
	src := source.New(from)
	defer src.Close()
	u := newUpload(s, path, src, opts)
	change(u)
	return u.run(ctx)
}
