package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-databricks/databricks"
)

// plain does the work with the least code that uses net/http and encoding/json. It
// uses the same structs, sends the token and checks the status. It retries nothing.
type plain struct {
	host string
	http *http.Client
}

func newPlain(host string, transport http.RoundTripper) (client, error) {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64 // with the default of 2, it would open new connections all the time
		transport = t
	}
	return &plain{host, &http.Client{Transport: transport}}, nil
}

func (p *plain) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.host+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return p.do(req, out)
}

func (p *plain) do(req *http.Request, out any) error {
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return json.Unmarshal(text, out)
}

func (p *plain) get(ctx context.Context, path string, query url.Values, out any) error {
	return p.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, out)
}

func (p *plain) GetCluster(ctx context.Context, id string) (string, error) {
	var c databricks.Cluster
	err := p.get(ctx, "/api/2.0/clusters/get", url.Values{"cluster_id": {id}}, &c)
	return c.ClusterName, err
}

func (p *plain) GetRun(ctx context.Context, id int64) (string, error) {
	var r databricks.Run
	err := p.get(ctx, "/api/2.0/jobs/runs/get", url.Values{"run_id": {strconv.FormatInt(id, 10)}}, &r)
	return r.RunName, err
}

func (p *plain) CreateCluster(ctx context.Context, name string) (string, error) {
	var made struct {
		ClusterID string `json:"cluster_id"`
	}
	err := p.call(ctx, http.MethodPost, "/api/2.0/clusters/create", newCluster(name), &made)
	return made.ClusterID, err
}

func (p *plain) ListClusters(ctx context.Context) (any, int, error) {
	var reply struct {
		Clusters []databricks.Cluster `json:"clusters"`
	}
	err := p.call(ctx, http.MethodGet, "/api/2.0/clusters/list", nil, &reply)
	return reply.Clusters, len(reply.Clusters), err
}

func (p *plain) EachCluster(ctx context.Context) (int, error) {
	_, n, err := p.ListClusters(ctx)
	return n, err
}

func (p *plain) EachRun(ctx context.Context) (n int, err error) {
	for {
		var page struct {
			Runs    []databricks.Run `json:"runs"`
			HasMore bool             `json:"has_more"`
		}
		err := p.get(ctx, "/api/2.0/jobs/runs/list", url.Values{"limit": {"0"}, "offset": {strconv.Itoa(n)}}, &page)
		n += len(page.Runs)
		if err != nil || !page.HasMore {
			return n, err
		}
	}
}

func (p *plain) Download(ctx context.Context, path string, to io.Writer) error {
	for offset := 0; ; {
		var part struct {
			BytesRead int    `json:"bytes_read"`
			Data      []byte `json:"data"`
		}
		query := url.Values{"path": {path}, "offset": {strconv.Itoa(offset)}, "length": {strconv.Itoa(1 << 20)}}
		if err := p.get(ctx, "/api/2.0/dbfs/read", query, &part); err != nil {
			return err
		}
		if _, err := to.Write(part.Data); err != nil {
			return err
		}
		offset += part.BytesRead
		if part.BytesRead < 1<<20 {
			return nil
		}
	}
}

func (p *plain) Upload(ctx context.Context, path string, from io.ReadSeeker) error {
	var file struct {
		Handle int64 `json:"handle"`
	}
	if err := p.call(ctx, http.MethodPost, "/api/2.0/dbfs/create", map[string]any{"path": path, "overwrite": true}, &file); err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(from, block)
		if n > 0 {
			if err := p.call(ctx, http.MethodPost, "/api/2.0/dbfs/add-block", map[string]any{"handle": file.Handle, "data": block[:n]}, new(struct{})); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return p.call(ctx, http.MethodPost, "/api/2.0/dbfs/close", map[string]any{"handle": file.Handle}, new(struct{}))
		}
		if err != nil {
			return err
		}
	}
}

func (p *plain) DownloadDir(ctx context.Context, path, dir string) error {
	var list struct {
		Files []databricks.FileInfo `json:"files"`
	}
	if err := p.get(ctx, "/api/2.0/dbfs/list", url.Values{"path": {path}}, &list); err != nil {
		return err
	}
	for _, info := range list.Files {
		file, err := os.Create(filepath.Join(dir, filepath.Base(info.Path)))
		if err != nil {
			return err
		}
		if err := errors.Join(p.Download(ctx, info.Path, file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// eachFile calls do for one file of a directory after another.
func eachFile(dir string, do func(name string, data []byte) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		if err := do(entry.Name(), data); err != nil {
			return err
		}
	}
	return nil
}

// UploadDir uploads files that fit in a block.
func (p *plain) UploadDir(ctx context.Context, dir, path string) error {
	return eachFile(dir, func(name string, data []byte) error {
		in := map[string]any{"path": path + "/" + name, "contents": data, "overwrite": true}
		return p.call(ctx, http.MethodPost, "/api/2.0/dbfs/put", in, new(struct{}))
	})
}

// ImportDir imports one notebook after another.
func (p *plain) ImportDir(ctx context.Context, dir, path string) error {
	return eachFile(dir, func(name string, data []byte) error { return p.importFile(ctx, path+"/"+name, data) })
}

func (p *plain) importFile(ctx context.Context, path string, data []byte) error {
	in := map[string]any{"path": path, "format": "SOURCE", "language": "PYTHON", "overwrite": true, "content": data}
	return p.call(ctx, http.MethodPost, "/api/2.0/workspace/import", in, new(struct{}))
}

// RunCommand polls once a second, as most code does.
func (p *plain) RunCommand(ctx context.Context, code string) error {
	var command struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	in := map[string]string{"language": "python", "clusterId": "c-1", "contextId": "x-1", "command": code}
	if err := p.call(ctx, http.MethodPost, "/api/1.2/commands/execute", in, &command); err != nil {
		return err
	}
	for command.Status != "Finished" {
		time.Sleep(time.Second)
		query := url.Values{"clusterId": {"c-1"}, "contextId": {"x-1"}, "commandId": {command.ID}}
		if err := p.get(ctx, "/api/1.2/commands/status", query, &command); err != nil {
			return err
		}
	}
	return nil
}

// WaitRunning polls once a second, too.
func (p *plain) WaitRunning(ctx context.Context, id string) error {
	for {
		var c databricks.Cluster
		if err := p.get(ctx, "/api/2.0/clusters/get", url.Values{"cluster_id": {id}}, &c); err != nil || c.State == databricks.ClusterRunning {
			return err
		}
		time.Sleep(time.Second)
	}
}

// FastUploadDir sends one request for each file, 32 concurrently.
func (p *plain) FastUploadDir(ctx context.Context, dir, path string) error {
	return eachFileAtOnce(dir, func(name string, data []byte) error {
		return p.FastStream(ctx, path+"/"+name, bytes.NewReader(data), int64(len(data)))
	})
}

func (p *plain) FastUpload(ctx context.Context, path string, from io.ReadSeeker, size int64) error {
	return p.FastStream(ctx, path, from, size)
}

// FastStream knows the size, so it can send the stream in one request.
func (p *plain) FastStream(ctx context.Context, path string, from io.Reader, size int64) error {
	const boundary = "bench-boundary"
	head := fmt.Sprintf("--%[1]s\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n%[2]s\r\n--%[1]s\r\nContent-Disposition: form-data; name=\"overwrite\"\r\n\r\ntrue\r\n"+
		"--%[1]s\r\nContent-Disposition: form-data; name=\"contents\"; filename=\"contents\"\r\nContent-Type: application/octet-stream\r\n\r\n", boundary, path)
	tail := "\r\n--" + boundary + "--\r\n"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.host+"/api/2.0/dbfs/put", io.MultiReader(strings.NewReader(head), from, strings.NewReader(tail)))
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(head)) + size + int64(len(tail))
	req.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	return p.do(req, new(struct{}))
}
