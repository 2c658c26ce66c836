package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
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
	switch {
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
	case r.Method == http.MethodHead:
		s.mu.Lock()
		size := s.files[name]
		s.mu.Unlock()
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
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

// UploadManyToVolume uploads each file separately, 32 concurrently.
func (o *ours) UploadManyToVolume(ctx context.Context, path string, files []localFile) error {
	var running sync.WaitGroup
	slots, failed := make(chan struct{}, 32), make([]error, len(files))
	for i, file := range files {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			failed[i] = o.UploadToVolume(ctx, path+strconv.Itoa(i), file)
		})
	}
	running.Wait()
	return errors.Join(failed...)
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
	var running sync.WaitGroup
	failed, size := make([]error, parts), (from.Size()+parts-1)/parts
	var done []map[string]any
	for i := range parts {
		done = append(done, map[string]any{"part_number": i + 1, "etag": `"e"`})
		running.Go(func() {
			part := io.NewSectionReader(from, int64(i)*size, min(size, from.Size()-int64(i)*size))
			failed[i] = p.putTo(ctx, urls.URLs[i].URL, part, part.Size(), false)
		})
	}
	running.Wait()
	if err := errors.Join(failed...); err != nil {
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

// UploadManyToVolume uploads one file after another.
func (p *plain) UploadManyToVolume(ctx context.Context, path string, files []localFile) error {
	for i, file := range files {
		if err := p.UploadToVolume(ctx, path+strconv.Itoa(i), file); err != nil {
			return err
		}
	}
	return nil
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
	works["volume-upload-many"] = simply(func(ctx context.Context, c client, j job) error {
		files := make([]localFile, filesInDir)
		for i := range files {
			files[i] = io.NewSectionReader(endless{}, 0, fileSize)
		}
		return c.UploadManyToVolume(ctx, volume+"/many-", files)
	})
}

// volumeRows returns the rows for files of volumes.
func volumeRows() (list []row) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond} {
		for _, r := range []struct {
			name        string
			size, times int
		}{{"64 MB", 64 * mega, 8}, {"1 GB", 1024 * mega, 1}} {
			name := fmt.Sprintf("Files upload, %s at %d ms, beside ", r.name, latency.Milliseconds())
			job := job{Times: r.times, Size: r.size, Latency: latency}
			whole, parts := job, job
			whole.Work, parts.Work = "volume-upload", "volume-upload-parts"
			list = append(list,
				row{Name: name + "one PUT", job: whole, figures: []figure{rate(r.size, 0.95), cpu(0), heap(4 * mega)}},
				row{Name: name + "eight parts by hand", job: parts, figures: []figure{rate(r.size, 0.95), cpu(0)}})
		}
	}
	return append(list, row{Name: "Files upload, 200 files of 64 KB, 5 ms, beside one after another",
		job: job{Work: "volume-upload-many", Times: 2, Latency: 5 * time.Millisecond}, figures: []figure{rate(filesInDir*fileSize, 6), cpu(0)}})
}
