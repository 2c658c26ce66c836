package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/go-databricks/databricks"
)

var killRounds = flag.Int("kill-rounds", 3, "how often TestKill kills the program")

// As a child process of TestKill, the test binary runs the program.
func TestMain(m *testing.M) {
	if os.Getenv("DATABRICKS_LOCAL_TEST_CHILD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func post(t *testing.T, method, url, token string, body io.Reader) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(all)
}

func TestRun_data(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	args := []string{"-data", dir, "-secret", "scope/key=value", "-user", "alice@example.com=dapialice"}
	host, token, _, stop := start(t, args...)
	status, _ := post(t, "POST", host+"/api/2.0/dbfs/mkdirs", token, strings.NewReader(`{"path": "/kept"}`))
	require.Equal(t, 200, status)

	err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-data", dir}, io.Discard, io.Discard)
	assert.ErrorContains(t, err, "in use by another process")
	require.NoError(t, stop())
	err = run(t.Context(), []string{"-addr", "127.0.0.1:0", "-data", dir, "-token", "dapiother"}, io.Discard, io.Discard)
	assert.ErrorContains(t, err, "-token: the stored state has another token")

	host, again, _, stop := start(t, args...)
	assert.Equal(t, token, again)
	list := func() string {
		_, body, err := get(t, host+"/api/2.0/dbfs/list?path=/", token)
		require.NoError(t, err)
		return body
	}
	assert.Contains(t, list(), "/kept")

	status, body := post(t, "POST", host+"/reset", "dapialice", nil)
	assert.Equal(t, 403, status, body)
	status, _, err = get(t, host+"/snapshot", "")
	require.NoError(t, err)
	assert.Equal(t, 401, status)
	status, snapshot := post(t, "GET", host+"/snapshot", token, nil)
	require.Equal(t, 200, status)
	status, body = post(t, "POST", host+"/reset", token, nil)
	assert.Equal(t, 200, status, body)
	assert.Equal(t, "{}", list())
	_, body, err = get(t, host+"/api/2.0/secrets/get?scope=scope&key=key", token)
	require.NoError(t, err)
	assert.Contains(t, body, "dmFsdWU=", "a reset restores the state after the first start")
	status, body = post(t, "PUT", host+"/snapshot", token, strings.NewReader(snapshot[:len(snapshot)-1]))
	assert.Equal(t, 400, status, body)
	assert.Equal(t, "{}", list())
	status, body = post(t, "PUT", host+"/snapshot", token, strings.NewReader(snapshot))
	assert.Equal(t, 200, status, body)
	assert.Contains(t, list(), "/kept")
	require.NoError(t, stop())

	host, _, _, _ = start(t, args...)
	assert.Contains(t, list(), "/kept", "the restored state is stored, too")
}

func TestRun_snapshot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.tar.gz")
	host, token, _, stop := start(t, "-save", file)
	status, _ := post(t, "POST", host+"/api/2.0/dbfs/mkdirs", token, strings.NewReader(`{"path": "/kept"}`))
	require.Equal(t, 200, status)
	require.NoError(t, stop())
	host, again, _, _ := start(t, "-snapshot", file)
	assert.Equal(t, token, again)
	_, body, err := get(t, host+"/api/2.0/dbfs/list?path=/", token)
	require.NoError(t, err)
	assert.Contains(t, body, "/kept")
	for args, want := range map[string]string{
		"-snapshot /nowhere":                "-snapshot: ",
		"-snapshot " + file + " -data /tmp": "exclude each other",
		"-data /dev/null/x":                 "-data: ",
	} {
		assert.ErrorContains(t, run(t.Context(), append([]string{"-addr", "127.0.0.1:0"}, strings.Fields(args)...), io.Discard, io.Discard), want, args)
	}
}

// bbolt ignores a transaction whose last page was written incompletely.
func TestBoltStore_tornWrite(t *testing.T) {
	dir := t.TempDir()
	store, err := openStore(dir)
	require.NoError(t, err)
	for i := range 10 {
		require.NoError(t, store.Save(map[string][]byte{"a": fmt.Append(nil, i), "b": fmt.Append(nil, i)}))
	}
	require.NoError(t, store.Close())
	file := filepath.Join(dir, "workspace.db")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	page := os.Getpagesize()
	values := map[string]bool{}
	for meta := range 2 { // one of the two meta pages belongs to the last transaction
		torn := bytes.Clone(whole)
		for i := page * meta; i < page*meta+80; i++ {
			torn[i] ^= 0x5a
		}
		require.NoError(t, os.WriteFile(file, torn, 0o600))
		store, err := openStore(dir)
		require.NoError(t, err)
		records := map[string]string{}
		require.NoError(t, store.Load(func(key string, value []byte) error {
			records[key] = string(value)
			return nil
		}))
		assert.Equal(t, records["a"], records["b"], "all of a transaction or none of it")
		values[records["a"]] = true
		require.NoError(t, store.Save(map[string][]byte{"a": []byte("new"), "b": nil}))
		require.NoError(t, store.Close())
	}
	assert.Equal(t, map[string]bool{"8": true, "9": true}, values)

	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("no database ", 10_000)), 0o600))
	_, err = openStore(dir)
	assert.ErrorIs(t, err, bolterrors.ErrInvalid)
}

// A child is the program in a child process.
type child struct {
	command *exec.Cmd
	client  *databricks.Client
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	command := exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-fast", "-user", "alice@example.com=dapialice", "-data", dir)
	command.Env = append(os.Environ(), "DATABRICKS_LOCAL_TEST_CHILD=1")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines := bufio.NewScanner(out)
	values := map[string]string{}
	for len(values) < 2 && lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		values[name] = value
	}
	if len(values) < 2 {
		_ = command.Wait()
		require.FailNow(t, "the program did not start", stderr.String())
	}
	client, err := databricks.NewClient(databricks.WithHost(values["DATABRICKS_HOST"]), databricks.WithToken(values["DATABRICKS_TOKEN"]),
		databricks.WithRetryPolicy(databricks.RetryPolicy{MaxAttempts: 1}))
	require.NoError(t, err)
	return &child{command, client}
}

// acknowledged has the changes that were acknowledged to the writers of TestKill.
type acknowledged struct {
	mu       sync.Mutex
	total    int
	clusters map[string]bool
	jobs     map[int64]bool
	runs     map[int64]bool
	files    map[string][]byte // in DBFS, each written once
	gone     map[string]bool   // files that were deleted
	counters map[string]int    // by path, of files that are overwritten many times
	secrets  map[string]bool
	volumes  map[string]bool
	uploads  map[string][]byte                    // files of a volume by path
	streams  map[int64]*stream                    // DBFS streams by handle
	sources  map[string][]byte                    // notebooks, by path
	access   map[int64]databricks.PermissionLevel // of alice, by job
}

// A stream is a DBFS file that is being written.
type stream struct {
	path   string
	data   []byte // the blocks that were acknowledged
	closed bool
}

// TestKill kills the program with SIGKILL several times, while it handles writes. Each
// time, it checks that no acknowledged change was lost.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	acks := &acknowledged{clusters: map[string]bool{}, jobs: map[int64]bool{}, runs: map[int64]bool{}, files: map[string][]byte{},
		gone: map[string]bool{}, counters: map[string]int{}, secrets: map[string]bool{}, volumes: map[string]bool{}, uploads: map[string][]byte{},
		streams: map[int64]*stream{}, sources: map[string][]byte{}, access: map[int64]databricks.PermissionLevel{}}
	random := rand.New(rand.NewPCG(1, 2))
	verified := 0
	for round := range *killRounds {
		program := startChild(t, dir)
		verified += acks.verify(t, program.client, false)
		if round == 0 {
			require.NoError(t, program.client.Secrets.CreateScope(t.Context(), databricks.CreateScope{Scope: "kill"}))
			_, err := program.client.Volumes.Create(t.Context(), databricks.CreateVolume{CatalogName: "main", SchemaName: "default", Name: "kill", VolumeType: databricks.VolumeManaged})
			require.NoError(t, err)
			require.NoError(t, program.client.Workspace.Mkdirs(t.Context(), "/Shared/kill"))
		}
		acks.mu.Lock()
		enough := acks.total + 20 + random.IntN(100)
		acks.mu.Unlock()
		kill := sync.OnceFunc(func() { _ = program.command.Process.Kill() })
		var writers sync.WaitGroup
		for writer := range 6 {
			writers.Go(func() {
				for i := 0; acks.write(t.Context(), program.client, fmt.Sprintf("%d-%d-%d", round, writer, i), writer, i); i++ {
					acks.mu.Lock()
					if acks.total >= enough {
						kill() // while the other writers continue
					}
					acks.mu.Unlock()
				}
			})
		}
		writers.Wait()
		kill()
		_ = program.command.Wait()
		if t.Failed() {
			return
		}
	}
	program := startChild(t, dir)
	verified += acks.verify(t, program.client, true)
	require.NoError(t, program.command.Process.Kill())
	_ = program.command.Wait()
	t.Logf("killed %d times: %d changes acknowledged, none lost in %d lookups", *killRounds, acks.total, verified)
}

// write makes one change, and records that it was acknowledged. It returns false if the
// program has ended.
func (a *acknowledged) write(ctx context.Context, client *databricks.Client, name string, writer, i int) bool {
	var err error
	var note func()
	ack := func(note func()) {
		a.mu.Lock()
		defer a.mu.Unlock()
		note()
		a.total++
	}
	switch (writer + i) % 11 {
	case 0:
		data := bytes.Repeat([]byte(name), 1+i*997%20_000)
		path := "/files/" + name
		err = client.DBFS.Put(ctx, databricks.PutContents{Path: path, Contents: data})
		note = func() { a.files[path] = data }
	case 1:
		var id string
		id, err = client.Clusters.Create(ctx, databricks.CreateCluster{ClusterName: name, SparkVersion: "13.3.x-scala2.12", NodeTypeID: "Standard_DS3_v2", NumWorkers: new(0)})
		note = func() { a.clusters[id] = true }
	case 2:
		var job, run int64
		job, err = client.Jobs.Create(ctx, databricks.CreateJob{Name: name, Tasks: []databricks.Task{{TaskKey: "a",
			ConditionTask: &databricks.ConditionTask{Left: "1", Op: "EQUAL_TO", Right: "1"}}}})
		if err == nil {
			var started *databricks.RunNowResult
			if started, err = client.Jobs.RunNow(ctx, databricks.RunNow{JobID: job}); err == nil {
				run = started.RunID
			}
		}
		note = func() { a.jobs[job], a.runs[run] = true, true }
	case 3:
		path := fmt.Sprintf("/counters/%d", writer)
		a.mu.Lock()
		next := a.counters[path] + 1
		a.mu.Unlock()
		err = client.DBFS.Put(ctx, databricks.PutContents{Path: path, Contents: fmt.Append(nil, next), Overwrite: true})
		note = func() { a.counters[path] = next }
	case 4:
		err = client.Secrets.Put(ctx, databricks.PutSecret{Scope: "kill", Key: fmt.Sprint(writer, "-", i%50), StringValue: new(databricks.Secret(name))})
		note = func() { a.secrets[fmt.Sprint(writer, "-", i%50)] = true }
	case 5: // a file that is moved and then deleted
		path := "/files/moving-" + name
		err = client.DBFS.Put(ctx, databricks.PutContents{Path: path, Contents: []byte(name)})
		if err == nil {
			err = client.DBFS.Move(ctx, path, path+"-moved")
		}
		if err == nil && i%2 == 0 {
			err = client.DBFS.Delete(ctx, databricks.DeleteFile{Path: path + "-moved"})
		}
		note = func() {
			a.gone[path] = true
			if i%2 == 0 {
				a.gone[path+"-moved"] = true
			} else {
				a.files[path+"-moved"] = []byte(name)
			}
		}
	case 6:
		data := bytes.Repeat([]byte(name), 1+i*7919%20_000)
		path := "/Volumes/main/default/kill/" + name
		err = client.Files.PutFile(ctx, path, bytes.NewReader(data), databricks.PutFileOptions{})
		note = func() { a.uploads[path] = data }
	case 7: // a stream, each block of which is acknowledged
		s := &stream{path: "/streams/" + name}
		var handle int64
		handle, err = client.DBFS.Create(ctx, databricks.CreateFile{Path: s.path})
		for block := 0; err == nil; block++ {
			ack(func() { a.streams[handle] = s })
			if block == 4 {
				err = client.DBFS.Close(ctx, handle)
				break
			}
			data := bytes.Repeat([]byte(fmt.Sprint(name, "/", block)), 1+i*7919%30_000)
			if err = client.DBFS.AddBlock(ctx, handle, data); err == nil {
				ack(func() { s.data = append(s.data, data...) })
			}
		}
		note = func() { s.closed = true }
	case 8:
		source := bytes.Repeat([]byte("print('"+name+"')\n"), 1+i*7919%2000)
		path := "/Shared/kill/" + name
		_, err = client.Workspace.Import(ctx, databricks.ImportObject{Path: path, Language: databricks.LanguagePython, Content: source})
		note = func() { a.sources[path] = source }
	case 9:
		a.mu.Lock()
		var job int64
		for id := range a.jobs {
			if _, taken := a.access[id]; !taken {
				job = id
				break
			}
		}
		level := []databricks.PermissionLevel{databricks.CanView, databricks.CanManageRun}[i%2]
		a.access[job] = "" // not acknowledged yet
		a.mu.Unlock()
		if job == 0 {
			return true
		}
		_, err = client.Permissions.Update(ctx, databricks.UpdatePermissions{Object: databricks.PermissionsOnJobs, ID: fmt.Sprint(job),
			AccessControlList: []databricks.AccessControl{{UserName: "alice@example.com", PermissionLevel: level}}})
		note = func() { a.access[job] = level }
	case 10:
		_, err = client.Volumes.Create(ctx, databricks.CreateVolume{CatalogName: "main", SchemaName: "default", Name: "v" + name, VolumeType: databricks.VolumeManaged})
		note = func() { a.volumes["v"+name] = true }
	}
	if err != nil {
		return false
	}
	ack(note)
	return true
}

// verify checks that all acknowledged changes exist, and returns their number. It reads
// the contents of some files, or of all files.
func (a *acknowledged) verify(t *testing.T, client *databricks.Client, all bool) (n int) {
	ctx := t.Context()
	clusters := map[string]bool{}
	for cl, err := range client.Clusters.All(ctx, databricks.ListClusters{}) {
		require.NoError(t, err)
		clusters[cl.ClusterID] = true
	}
	for id := range a.clusters {
		if !clusters[id] { // the list omits older terminated clusters
			_, err := client.Clusters.Get(ctx, id)
			assert.NoError(t, err, "cluster %s is lost", id)
		}
		n++
	}
	jobs, runs := map[int64]bool{}, map[int64]bool{}
	for j, err := range client.Jobs.All(ctx, databricks.ListJobs{}) {
		require.NoError(t, err)
		jobs[j.JobID] = true
	}
	for r, err := range client.Jobs.AllRuns(ctx, databricks.ListRuns{}) {
		require.NoError(t, err)
		runs[r.RunID] = true
	}
	for id := range a.jobs {
		assert.True(t, jobs[id], "job %d is lost", id)
		n++
	}
	for id := range a.runs {
		assert.True(t, runs[id], "run %d is lost", id)
		n++
	}
	sizes := map[string]int64{}
	if len(a.files) > 0 {
		list, err := client.DBFS.List(ctx, "/files")
		require.NoError(t, err)
		for _, f := range list {
			sizes[f.Path] = f.FileSize
		}
	}
	read := 0
	for _, path := range slices.Sorted(maps.Keys(a.files)) {
		want := a.files[path]
		assert.EqualValues(t, len(want), sizes[path], "%s is lost", path)
		if n++; all || read < 20 && rand.IntN(1+len(a.files)/20) == 0 {
			got, err := client.DBFS.Read(ctx, databricks.ReadBlock{Path: path, Length: 1 << 20})
			require.NoError(t, err, path)
			assert.True(t, bytes.Equal(want, got), "%s has different content", path)
			read++
		}
	}
	for path := range a.gone {
		assert.NotContains(t, sizes, path, "a deleted file exists again")
		n++
	}
	for path, want := range a.counters {
		got, err := client.DBFS.Read(ctx, databricks.ReadBlock{Path: path, Length: 1 << 20})
		require.NoError(t, err)
		var value int
		require.NoError(t, json.Unmarshal(got, &value))
		assert.GreaterOrEqual(t, value, want, "%s is older than what was acknowledged", path)
		n++
	}
	n += a.verifyTrees(t, client, all)
	for job, want := range a.access {
		if want == "" || !all && rand.IntN(1+len(a.access)/20) != 0 {
			continue
		}
		got, err := client.Permissions.Get(ctx, databricks.PermissionsOnJobs, fmt.Sprint(job))
		require.NoError(t, err)
		assert.True(t, slices.ContainsFunc(got.AccessControlList, func(o databricks.ObjectAccess) bool {
			return o.UserName == "alice@example.com" && o.AllPermissions[0].PermissionLevel == want
		}), "the permission on job %d is lost: want %s in %v", job, want, got.AccessControlList)
		n++
	}
	if len(a.secrets) > 0 {
		list, err := client.Secrets.List(ctx, "kill")
		require.NoError(t, err)
		for key := range a.secrets {
			assert.True(t, slices.ContainsFunc(list, func(s databricks.SecretMetadata) bool { return s.Key == key }), "secret %s is lost", key)
			n++
		}
	}
	return n
}

// verifyTrees does the work of verify for volumes, streams and the workspace.
func (a *acknowledged) verifyTrees(t *testing.T, client *databricks.Client, all bool) (n int) {
	ctx := t.Context()
	some := func(of int) bool { return all || rand.IntN(1+of/20) == 0 }
	if len(a.volumes)+len(a.uploads) > 0 {
		volumes := map[string]bool{}
		for v, err := range client.Volumes.All(ctx, databricks.ListVolumes{CatalogName: "main", SchemaName: "default"}) {
			require.NoError(t, err)
			volumes[v.Name] = true
		}
		for name := range a.volumes {
			assert.True(t, volumes[name], "volume %s is lost", name)
			n++
		}
		sizes := map[string]int64{}
		for f, err := range client.Files.All(ctx, databricks.ListDirectory{Path: "/Volumes/main/default/kill"}) {
			require.NoError(t, err)
			sizes[f.Path] = f.FileSize
		}
		for path, want := range a.uploads {
			assert.EqualValues(t, len(want), sizes[path], "%s is lost", path)
			if n++; some(len(a.uploads)) {
				var got bytes.Buffer
				require.NoError(t, client.Files.Download(ctx, path, &got, databricks.DownloadOptions{}))
				assert.True(t, bytes.Equal(want, got.Bytes()), "%s has different content", path)
			}
		}
	}
	for handle, s := range a.streams {
		if s.closed && !some(len(a.streams)) {
			continue
		}
		if !s.closed { // it continues after the start, unless it was closed and only the response was lost
			err := client.DBFS.AddBlock(ctx, handle, []byte("end"))
			if s.closed = errors.Is(err, databricks.ErrResourceDoesNotExist); !s.closed {
				require.NoError(t, err, s.path)
				require.NoError(t, client.DBFS.Close(ctx, handle), s.path)
			}
		}
		var got bytes.Buffer
		require.NoError(t, client.DBFS.Download(ctx, s.path, &got, databricks.DownloadOptions{}), s.path)
		assert.True(t, bytes.HasPrefix(got.Bytes(), s.data), "%s does not start with the acknowledged data", s.path)
		assert.True(t, s.closed || bytes.HasSuffix(got.Bytes(), []byte("end")), s.path)
		s.data, s.closed = got.Bytes(), true
		n++
	}
	if len(a.sources) > 0 {
		list, err := client.Workspace.List(ctx, databricks.ListObjects{Path: "/Shared/kill"})
		require.NoError(t, err)
		paths := map[string]bool{}
		for _, o := range list {
			paths[o.Path] = true
		}
		for path, want := range a.sources {
			assert.True(t, paths[path], "%s is lost", path)
			if n++; some(len(a.sources)) {
				got, err := client.Workspace.Export(ctx, databricks.ExportObject{Path: path})
				require.NoError(t, err)
				assert.Equal(t, strings.TrimRight(string(want), "\n"), strings.TrimRight(strings.TrimPrefix(string(got.Content), "# Databricks notebook source\n"), "\n"), path)
			}
		}
	}
	return n
}
