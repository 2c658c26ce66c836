package databricks

import (
	"context"
	"io"
)

// withFileRanges returns a file of a volume that is read in small ranges.
func withFileRanges(s *FilesService, path string, concurrency, first, most, buffer int) (*remoteFile, error) {
	f, err := s.unseen(path, concurrency)
	if err == nil {
		f.area.(*volumeFile).ranges = &fileRanges{int64(first), int64(most), newBufferPool(buffer)}
	}
	return f, err
}

// DownloadInRanges is Download with small ranges. The first request is for first
// bytes, and each of the others is for at most most bytes, in whole buffers.
func DownloadInRanges(ctx context.Context, s *FilesService, path string, to io.Writer, opts DownloadOptions, first, most, buffer int) error {
	f, err := withFileRanges(s, path, opts.Concurrency, first, most, buffer)
	if err == nil {
		_, err = f.writeTo(ctx, to, 0, opts.Progress)
	}
	return err
}

// DownloadFileInRanges is DownloadFile with the ranges of DownloadInRanges.
func DownloadFileInRanges(ctx context.Context, s *FilesService, path, name string, opts DownloadOptions, first, most, buffer int) error {
	stat := func(known bool) (*remoteFile, error) {
		f, err := withFileRanges(s, path, opts.Concurrency, first, most, buffer)
		if err != nil || !known {
			return f, err
		}
		m, err := s.GetMetadata(ctx, path)
		if err == nil {
			f.area.(*volumeFile).etag = m.ETag
			f.learn(m.ContentLength, m.LastModified, false)
		}
		return f, err
	}
	return downloadFile(ctx, stat, name, opts)
}
