package databricks

import (
	"context"
	"io"

	"github.com/go-databricks/databricks/internal/source"
)

// UploadInParts is FilesService.Upload that sends everything in parts of a given
// size.
func UploadInParts(ctx context.Context, s *FilesService, from io.Reader, path string, opts UploadOptions, partSize int64) error {
	src := source.New(from)
	defer src.Close()
	u := newFileUpload(s, path, src, opts)
	u.inParts, u.partSize = 1, partSize
	return u.run(ctx)
}
