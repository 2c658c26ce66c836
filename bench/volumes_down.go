package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/go-databricks/databricks"
)

// Downloads of files of volumes, to local ones. The server has the pattern in
// them, as in those of DBFS.

// byHand is how many ranges handwritten code has in flight.
const byHand = 8

// listVolume responds with the files in a directory.
func (s *server) listVolume(w http.ResponseWriter, dir string) {
	var out struct {
		Contents []map[string]any `json:"contents"`
	}
	s.mu.Lock()
	for name, size := range s.files {
		if path.Dir(name) == path.Clean(dir) {
			out.Contents = append(out.Contents, map[string]any{"path": name, "name": path.Base(name), "is_directory": false, "file_size": size, "last_modified": 1_700_000_000_000})
		}
	}
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(out)
}

// sendFile responds with a file, or with a range of it.
func (s *server) sendFile(w http.ResponseWriter, r *http.Request, name string) {
	s.mu.Lock()
	size, ok := s.files[name]
	s.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "NOT_FOUND")
		return
	}
	from, to, status := int64(0), size, http.StatusOK
	if text := r.Header.Get("Range"); text != "" {
		if _, err := fmt.Sscanf(text, "bytes=%d-%d", &from, &to); err != nil || from >= size {
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "OUT_OF_RANGE")
			return
		}
		to, status = min(to+1, size), http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
	w.Header().Set("Content-Length", strconv.FormatInt(to-from, 10))
	w.WriteHeader(status)
	for r.Method == http.MethodGet && from < to {
		n, err := w.Write(pattern[from%blockSize:][:min(blockSize, to-from)])
		if err != nil {
			return
		}
		from += int64(n)
	}
}

func (o *ours) DownloadFromVolume(ctx context.Context, path, name string) error {
	return o.Files.DownloadFile(ctx, path, name, databricks.DownloadOptions{Overwrite: true})
}

func (o *ours) DownloadRangesFromVolume(ctx context.Context, path, name string) error {
	return o.DownloadFromVolume(ctx, path, name)
}

func (o *ours) DownloadDirFromVolume(ctx context.Context, path, dir string) error {
	_, err := o.Files.DownloadDir(ctx, path, dir, databricks.DirOptions{})
	return err
}

// file sends a request for a file, or for a range of it.
func (p *plain) file(ctx context.Context, method, path, ranged string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.host+"/api/2.0/fs/files"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if ranged != "" {
		req.Header.Set("Range", ranged)
	}
	resp, err := p.http.Do(req)
	if err == nil && resp.StatusCode > 299 {
		resp.Body.Close()
		err = errors.New(resp.Status)
	}
	return resp, err
}

// DownloadFromVolume is one GET.
func (p *plain) DownloadFromVolume(ctx context.Context, path, name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	resp, err := p.file(ctx, http.MethodGet, path, "")
	if err == nil {
		_, err = io.Copy(file, resp.Body)
		resp.Body.Close()
	}
	return errors.Join(err, file.Close())
}

// DownloadRangesFromVolume is eight GETs at the same time.
func (p *plain) DownloadRangesFromVolume(ctx context.Context, path, name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	head, err := p.file(ctx, http.MethodHead, path, "")
	if err != nil {
		return err
	}
	head.Body.Close()
	share := (head.ContentLength + byHand - 1) / byHand
	return together(byHand, func(i int) error {
		from := int64(i) * share
		resp, err := p.file(ctx, http.MethodGet, path, fmt.Sprintf("bytes=%d-%d", from, min(from+share, head.ContentLength)-1))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.NewOffsetWriter(file, from), resp.Body)
		return err
	})
}

// DownloadDirFromVolume downloads one file after another.
func (p *plain) DownloadDirFromVolume(ctx context.Context, path, dir string) error {
	var list struct {
		Contents []databricks.FileEntry `json:"contents"`
	}
	if err := p.get(ctx, "/api/2.0/fs/directories"+path, url.Values{}, &list); err != nil {
		return err
	}
	for _, entry := range list.Contents {
		if err := p.DownloadFromVolume(ctx, entry.Path, filepath.Join(dir, entry.Name)); err != nil {
			return err
		}
	}
	return nil
}

func init() {
	works["volume-download"] = downloadFile(client.DownloadFromVolume)
	works["volume-download-parts"] = downloadFile(client.DownloadRangesFromVolume)
	works["volume-download-dir"] = downloadDir(client.DownloadDirFromVolume, volume+"/dir")
}

// downloadFile makes a work of a way to download a large file of a volume.
func downloadFile(download func(c client, ctx context.Context, path, name string) error) func(j job) (func(context.Context, client) (any, error), error) {
	return func(j job) (func(context.Context, client) (any, error), error) {
		dir, err := os.MkdirTemp(j.dir, "")
		name := filepath.Join(dir, "file")
		return func(ctx context.Context, c client) (any, error) {
			defer os.Remove(name)
			if err := download(c, ctx, volume+"/large", name); err != nil {
				return nil, err
			}
			info, err := os.Stat(name)
			if err != nil {
				return nil, err
			}
			return nil, counted(int(info.Size()), j.Size, nil)
		}, err
	}
}
