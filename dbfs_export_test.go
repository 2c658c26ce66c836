package databricks

import (
	"context"
	"io"

	"github.com/go-databricks/databricks/internal/source"
)

// UploadInBlocks is Upload that takes no source for small enough to go out in
// one call.
func UploadInBlocks(ctx context.Context, s *DBFSService, path string, from io.Reader, opts UploadOptions) error {
	src := source.New(from)
	defer src.Close()
	u := newUpload(s, path, src, opts)
	u.most = -1
	return u.run(ctx)
}
