package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/go-databricks/databricks"
)

// limit is the fastest handwritten code for each kind of work. It sends as few
// requests as possible, 32 concurrently. It decodes blocks without encoding/json.
// It does not check what it copied. Other calls are those of plain, because one
// request and one json.Unmarshal are their limit.
type limit struct{ *plain }

func newLimit(host string, transport http.RoundTripper) (client, error) {
	p, err := newPlain(host, transport)
	if err != nil {
		return nil, err
	}
	return limit{p.(*plain)}, nil
}

// limitWorks are the kinds of work for which limit differs from plain.
var limitWorks = map[string]bool{"download": true, "upload": true, "download-dir": true, "upload-dir": true, "import-dir": true}

const inFlight = 32

// together calls do for each index below n, inFlight concurrently.
func together(n int, do func(i int) error) error {
	var running sync.WaitGroup
	slots, errs := make(chan struct{}, inFlight), make([]error, n)
	for i := range n {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(i)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// eachFileAtOnce is eachFile, inFlight concurrently.
func eachFileAtOnce(dir string, do func(name string, data []byte) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	return together(len(entries), func(i int) error {
		data, err := os.ReadFile(filepath.Join(dir, entries[i].Name()))
		if err != nil {
			return err
		}
		return do(entries[i].Name(), data)
	})
}

// block reads one block of a file.
func (l limit) block(ctx context.Context, path string, offset int) ([]byte, error) {
	query := url.Values{"path": {path}, "offset": {strconv.Itoa(offset)}, "length": {strconv.Itoa(blockSize)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.host+"/api/2.0/dbfs/read?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	text.Grow(int(max(resp.ContentLength, 0)) + bytes.MinRead)
	if _, err := text.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	_, data, ok := bytes.Cut(text.Bytes(), []byte(`"data":"`))
	end := bytes.IndexByte(data, '"')
	if resp.StatusCode != http.StatusOK || !ok || end < 0 {
		return nil, fmt.Errorf("%s: no data", resp.Status)
	}
	n, err := base64.StdEncoding.Decode(data, data[:end])
	return data[:n], err
}

// Download reads eight blocks concurrently, and writes them in order.
func (l limit) Download(ctx context.Context, path string, to io.Writer) error {
	type result struct {
		data []byte
		err  error
	}
	var ahead []chan result
	for offset := 0; ; {
		for len(ahead) < 8 {
			next, at := make(chan result, 1), offset
			go func() {
				data, err := l.block(ctx, path, at)
				next <- result{data, err}
			}()
			ahead, offset = append(ahead, next), offset+blockSize
		}
		first := <-ahead[0]
		ahead = ahead[1:]
		if first.err != nil {
			return first.err
		}
		if _, err := to.Write(first.data); err != nil || len(first.data) < blockSize {
			return err
		}
	}
}

// Upload sends the file in one request.
func (l limit) Upload(ctx context.Context, path string, from io.ReadSeeker) error {
	size, err := from.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = from.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	return l.FastStream(ctx, path, from, size)
}

func (l limit) UploadDir(ctx context.Context, dir, path string) error {
	return l.FastUploadDir(ctx, dir, path)
}

func (l limit) DownloadDir(ctx context.Context, path, dir string) error {
	var list struct {
		Files []databricks.FileInfo `json:"files"`
	}
	if err := l.get(ctx, "/api/2.0/dbfs/list", url.Values{"path": {path}}, &list); err != nil {
		return err
	}
	return together(len(list.Files), func(i int) error {
		data, err := l.block(ctx, list.Files[i].Path, 0)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, filepath.Base(list.Files[i].Path)), data, 0o666)
	})
}

func (l limit) ImportDir(ctx context.Context, dir, path string) error {
	return eachFileAtOnce(dir, func(name string, data []byte) error { return l.importFile(ctx, path+"/"+name, data) })
}
