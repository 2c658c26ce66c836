package main

import (
	"context"
	"io"
	"net/http"
)

// token is the token that the server requires.
const token = "bench-token"

// A client does the work in its own way. Its results show that it did the work.
type client interface {
	GetCluster(ctx context.Context, id string) (name string, err error)
	GetRun(ctx context.Context, id int64) (name string, err error)
	CreateCluster(ctx context.Context, name string) (id string, err error)

	ListClusters(ctx context.Context) (held any, n int, err error) // collects all of them in memory
	EachCluster(ctx context.Context) (n int, err error)            // iterates over them
	EachRun(ctx context.Context) (n int, err error)                // reads page by page

	Download(ctx context.Context, path string, to io.Writer) error
	Upload(ctx context.Context, path string, from io.ReadSeeker) error
	DownloadDir(ctx context.Context, path, dir string) error
	UploadDir(ctx context.Context, dir, path string) error
	ImportDir(ctx context.Context, dir, path string) error // notebooks

	// Methods that start with Fast do the same work. "plain" does it as fast as
	// handwritten code can.
	FastUploadDir(ctx context.Context, dir, path string) error
	FastUpload(ctx context.Context, path string, from io.ReadSeeker, size int64) error
	FastStream(ctx context.Context, path string, from io.Reader, size int64) error

	// Uploads to a volume. "plain" uses one PUT, eight parts, or one file after
	// another.
	UploadToVolume(ctx context.Context, path string, from localFile) error
	UploadPartsToVolume(ctx context.Context, path string, from localFile) error
	UploadDirToVolume(ctx context.Context, dir, path string) error

	// From a volume; "plain" with one GET, with eight ranges, and one after another.
	DownloadFromVolume(ctx context.Context, path, name string) error
	DownloadRangesFromVolume(ctx context.Context, path, name string) error
	DownloadDirFromVolume(ctx context.Context, path, dir string) error

	RunCommand(ctx context.Context, code string) error // in an existing context
	WaitRunning(ctx context.Context, id string) error
}

// clients are the clients to compare. The others are measured against "plain". Each
// is created for a host. If transport is nil, it uses its own transport.
var clients = map[string]func(host string, transport http.RoundTripper) (client, error){
	"ours":  newOurs,
	"plain": newPlain,
	"limit": newLimit,
}
