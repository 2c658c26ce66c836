package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-databricks/databricks"
)

// Files of volumes.

const volume = "/Volumes/main/default/bench"

// fs handles the Files API. Parts are sent to the same host, without the
// credential.
func (s *server) fs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	name, isFile := strings.CutPrefix(r.URL.Path, "/api/2.0/fs/files")
	dir, isDir := strings.CutPrefix(r.URL.Path, "/api/2.0/fs/directories")
	switch {
	case isDir && r.Method == http.MethodGet:
		s.listVolume(w, dir)
	case isDir:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && isFile:
		size, err := io.Copy(io.Discard, r.Body)
		if err != nil || r.ContentLength >= 0 && size != r.ContentLength {
			return
		}
		s.setFile(name, size)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut: // a part
		size, err := io.Copy(io.Discard, r.Body)
		if err != nil || size != r.ContentLength {
			return
		}
		s.mu.Lock()
		s.files[r.URL.Path] += size
		s.mu.Unlock()
		w.Header().Set("Etag", `"e"`)
	case r.Method == http.MethodHead || r.Method == http.MethodGet:
		s.sendFile(w, r, name)
	case query.Get("action") == "initiate-upload":
		fmt.Fprintf(w, `{"multipart_upload":{"session_token":"s-%d"}}`, uploads.Add(1))
	case query.Get("action") == "complete-upload":
		io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.files[name] = s.files["/storage/"+query.Get("session_token")]
		s.mu.Unlock()
	case r.URL.Path == "/api/2.0/fs/create-upload-part-urls":
		var in struct {
			Token string `json:"session_token"`
			Start int    `json:"start_part_number"`
			Count int    `json:"count"`
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		var urls []map[string]any
		for n := range in.Count {
			urls = append(urls, map[string]any{"part_number": in.Start + n, "url": fmt.Sprintf("http://%s/storage/%s?part=%d", r.Host, in.Token, in.Start+n)})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"upload_part_urls": urls})
	default:
		refuse(w, http.StatusNotFound, "ENDPOINT_NOT_FOUND")
	}
}

func (s *server) setFile(name string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = size
}

// A localFile is a file that can be read at any offset.
type localFile interface {
	io.ReadSeeker
	io.ReaderAt
	Size() int64
}

func (o *ours) UploadToVolume(ctx context.Context, path string, from localFile) error {
	return o.Files.Upload(ctx, from, path, databricks.UploadOptions{Overwrite: true})
}

func (o *ours) UploadPartsToVolume(ctx context.Context, path string, from localFile) error {
	return o.UploadToVolume(ctx, path, from)
}

func (o *ours) UploadDirToVolume(ctx context.Context, dir, path string) error {
	_, err := o.Files.UploadDir(ctx, dir, path, databricks.DirOptions{})
	return err
}

func (p *plain) putTo(ctx context.Context, url string, body io.Reader, size int64, signed bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	if signed {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	return nil
}

// UploadToVolume uses one PUT.
func (p *plain) UploadToVolume(ctx context.Context, path string, from localFile) error {
	return p.putTo(ctx, p.host+"/api/2.0/fs/files"+path+"?overwrite=true", from, from.Size(), true)
}

// UploadPartsToVolume sends eight parts concurrently.
func (p *plain) UploadPartsToVolume(ctx context.Context, path string, from localFile) error {
	var started struct {
		Upload struct {
			Token string `json:"session_token"`
		} `json:"multipart_upload"`
	}
	if err := p.call(ctx, http.MethodPost, "/api/2.0/fs/files"+path+"?action=initiate-upload&overwrite=true", nil, &started); err != nil {
		return err
	}
	const parts = 8
	var urls struct {
		URLs []struct {
			URL string `json:"url"`
		} `json:"upload_part_urls"`
	}
	in := map[string]any{"path": path, "session_token": started.Upload.Token, "start_part_number": 1, "count": parts, "expire_time": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	if err := p.call(ctx, http.MethodPost, "/api/2.0/fs/create-upload-part-urls", in, &urls); err != nil {
		return err
	}
	size := (from.Size() + parts - 1) / parts
	done := make([]map[string]any, parts)
	err := together(parts, func(i int) error {
		done[i] = map[string]any{"part_number": i + 1, "etag": `"e"`}
		part := io.NewSectionReader(from, int64(i)*size, min(size, from.Size()-int64(i)*size))
		return p.putTo(ctx, urls.URLs[i].URL, part, part.Size(), false)
	})
	if err != nil {
		return err
	}
	text, _ := json.Marshal(map[string]any{"parts": done})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.host+"/api/2.0/fs/files"+path+"?action=complete-upload&upload_type=multipart&session_token="+started.Upload.Token, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return errors.New(resp.Status)
	}
	return nil
}

// UploadDirToVolume sends one file after another.
func (p *plain) UploadDirToVolume(ctx context.Context, dir, path string) error {
	return eachFile(dir, func(name string, data []byte) error {
		return p.UploadToVolume(ctx, path+"/"+name, io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
	})
}

// init adds the works with files of volumes.
func init() {
	one := func(upload func(client, context.Context, string, localFile) error) func(j job) (func(context.Context, client) (any, error), error) {
		return simply(func(ctx context.Context, c client, j job) error {
			return upload(c, ctx, fmt.Sprintf("%s/f-%d", volume, uploads.Add(1)), io.NewSectionReader(endless{}, 0, int64(j.Size)))
		})
	}
	works["volume-upload"] = one(client.UploadToVolume)
	works["volume-upload-parts"] = one(client.UploadPartsToVolume)
	works["volume-upload-dir"] = uploadDir(func(c client, ctx context.Context, dir, path string) error {
		return c.UploadDirToVolume(ctx, dir, volume+path)
	})
}

// volumeRows are the rows of a direction: files of every size at every latency, whole
// and in parts, and a directory. The works have the same names as the rows.
func volumeRows(direction, whole, parts string) (list []row) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond} {
		for _, r := range []struct {
			name        string
			size, times int
		}{{"64 MB", 64 * mega, 8}, {"1 GB", 1024 * mega, 3}} {
			name := fmt.Sprintf("Files %s, %s at %d ms, beside ", direction, r.name, latency.Milliseconds())
			one := job{Work: "volume-" + direction, Times: r.times, Size: r.size, Latency: latency}
			several := one
			several.Work += "-parts"
			list = append(list,
				row{Name: name + whole, job: one, figures: []figure{rate(r.size, 0.95), cpu(0), heap(4 * mega)}},
				row{Name: name + parts, job: several, figures: []figure{rate(r.size, 0.95), cpu(0)}})
		}
	}
	return append(list, row{Name: "Files " + direction + ", 200 files of 64 KB, 5 ms, beside one after another",
		job: job{Work: "volume-" + direction + "-dir", Times: 2, Latency: 5 * time.Millisecond}, figures: []figure{rate(filesInDir*fileSize, 6), cpu(0)}})
}
