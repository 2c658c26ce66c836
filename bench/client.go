package main

import (
	"context"
	"io"
	"net/http"
)

// token is what the server asks for.
const token = "bench-token"

// A client does the work in its own way. What it returns shows that it did it.
type client interface {
	GetCluster(ctx context.Context, id string) (name string, err error)
	GetRun(ctx context.Context, id int64) (name string, err error)
	CreateCluster(ctx context.Context, name string) (id string, err error)

	ListClusters(ctx context.Context) (held any, n int, err error) // all of them in memory
	EachCluster(ctx context.Context) (n int, err error)            // one after another
	EachRun(ctx context.Context) (n int, err error)                // page by page

	Download(ctx context.Context, path string, to io.Writer) error
	Upload(ctx context.Context, path string, from io.ReadSeeker) error
	DownloadDir(ctx context.Context, path, dir string) error
	UploadDir(ctx context.Context, dir, path string) error

	// The same again, which "plain" does as fast as handwritten code can.
	FastUploadDir(ctx context.Context, dir, path string) error
	FastUpload(ctx context.Context, path string, from io.ReadSeeker, size int64) error
	FastStream(ctx context.Context, path string, from io.Reader, size int64) error

	// To a volume; "plain" with one PUT, with eight parts, and one after another.
	UploadToVolume(ctx context.Context, path string, from localFile) error
	UploadPartsToVolume(ctx context.Context, path string, from localFile) error
	UploadManyToVolume(ctx context.Context, path string, files []localFile) error

	RunCommand(ctx context.Context, code string) error // in a context that is there already
	WaitRunning(ctx context.Context, id string) error
}

// clients are the contenders. The others are measured against "plain". Each is
// made for a host; transport is nil if it is to bring its own.
var clients = map[string]func(host string, transport http.RoundTripper) (client, error){
	"ours":  newOurs,
	"plain": newPlain,
}
