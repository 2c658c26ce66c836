package databrickstest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everything creates an object of each kind, and returns requests that read all
// objects.
func everything(t *testing.T, s *Server) (shows []string) {
	do := func(path, body string) object {
		t.Helper()
		return callOK(t, s, "POST", path, body)
	}
	big := strings.Repeat("0123456789abcdef", 10_000)
	big64 := base64.StdEncoding.EncodeToString([]byte(big))
	do("/api/2.0/policies/clusters/create", `{"name": "p", "definition": "{\"num_workers\": {\"type\": \"range\", \"maxValue\": 9}}"}`)
	do("/api/2.0/instance-pools/create", `{"instance_pool_name": "pool", "node_type_id": "Standard_DS3_v2", "min_idle_instances": 1, "idempotency_token": "t"}`)
	const spec = `"spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1`
	up := do("/api/2.0/clusters/create", `{"cluster_name": "up", `+spec+`, "custom_tags": {"a": "b"}, "idempotency_token": "t"}`)["cluster_id"].(string)
	time.Sleep(time.Second)
	do("/api/2.0/clusters/pin", `{"cluster_id": "`+up+`"}`)
	do("/api/2.0/libraries/install", `{"cluster_id": "`+up+`", "libraries": [{"pypi": {"package": "x"}}]}`)
	do("/api/2.0/clusters/resize", `{"cluster_id": "`+up+`", "num_workers": 3}`)
	down := do("/api/2.0/clusters/create", `{"cluster_name": "down", `+spec+`}`)["cluster_id"].(string)
	do("/api/2.0/clusters/delete", `{"cluster_id": "`+down+`"}`)
	starting := do("/api/2.0/clusters/create", `{"cluster_name": "starting", `+spec+`}`)["cluster_id"].(string)

	do("/api/2.0/workspace/mkdirs", `{"path": "/Shared/dir"}`)
	do("/api/2.0/workspace/import", `{"path": "/Shared/dir/book", "language": "PYTHON", "content": "`+base64.StdEncoding.EncodeToString([]byte("print(1)\n# \xff"))+`"}`)
	do("/api/2.0/workspace/import", `{"path": "/Shared/big.bin", "format": "RAW", "content": "`+big64+`"}`)
	do("/api/2.0/dbfs/put", `{"path": "/a/b.txt", "contents": "`+big64+`"}`)
	do("/api/2.0/dbfs/mkdirs", `{"path": "/empty"}`)
	do("/api/2.0/dbfs/move", `{"source_path": "/a/b.txt", "destination_path": "/c.txt"}`)
	handle := do("/api/2.0/dbfs/create", `{"path": "/open.txt"}`)["handle"]
	do("/api/2.0/dbfs/add-block", fmt.Sprintf(`{"handle": %v, "data": "%s"}`, handle, big64))
	do("/api/2.1/unity-catalog/volumes", `{"catalog_name": "main", "schema_name": "default", "name": "vol", "volume_type": "MANAGED"}`)
	put := send(t, s, "PUT", "/api/2.0/fs/files/Volumes/main/default/vol/x/y.bin", big)
	require.Equal(t, 204, put.status, put.body)

	do("/api/2.0/secrets/scopes/create", `{"scope": "sc"}`)
	do("/api/2.0/secrets/put", `{"scope": "sc", "key": "k", "string_value": "v"}`)
	do("/api/2.0/secrets/acls/put", `{"scope": "sc", "principal": "users", "permission": "READ"}`)
	do("/api/2.0/token/create", `{"comment": "mine"}`)
	do("/api/2.0/groups/create", `{"group_name": "team"}`)
	user := send(t, s, "POST", "/api/2.0/preview/scim/v2/Users", `{"schemas": ["x"], "userName": "alice@example.com"}`)
	require.Equal(t, 201, user.status, user.body)
	do("/api/2.0/groups/add-member", `{"parent_name": "team", "user_name": "alice@example.com"}`)
	send(t, s, "GET", "/api/2.0/preview/scim/v2/Groups", "") // groups get their IDs here
	access := send(t, s, "PUT", "/api/2.0/permissions/clusters/"+up, `{"access_control_list": [{"group_name": "team", "permission_level": "CAN_RESTART"}]}`)
	require.Equal(t, 200, access.status, access.body)

	job := do("/api/2.1/jobs/create", `{"name": "j", "schedule": {"quartz_cron_expression": "0 0 1 * * ?", "timezone_id": "Europe/Berlin"}, "tasks": [
		{"task_key": "a", "existing_cluster_id": "`+up+`", "notebook_task": {"notebook_path": "/Shared/dir/book"}},
		{"task_key": "b", "depends_on": [{"task_key": "a"}], "for_each_task": {"inputs": "[1, 2, 3]", "concurrency": 2, "task": {
			"task_key": "c", "existing_cluster_id": "`+up+`", "notebook_task": {"notebook_path": "/Shared/dir/book", "base_parameters": {"i": "{{input}}"}}}}}]}`)["job_id"]
	inner := do("/api/2.1/jobs/create", fmt.Sprintf(`{"name": "outer", "tasks": [{"task_key": "r", "run_job_task": {"job_id": %v}}]}`, job))["job_id"]
	done := do("/api/2.1/jobs/run-now", fmt.Sprintf(`{"job_id": %v, "idempotency_token": "once"}`, job))["run_id"]
	time.Sleep(time.Minute)
	active := do("/api/2.1/jobs/run-now", fmt.Sprintf(`{"job_id": %v}`, inner))["run_id"]
	time.Sleep(320 * time.Millisecond)
	return []string{
		"/api/2.0/policies/clusters/list", "/api/2.0/instance-pools/list", "/api/2.0/clusters/list", "/api/2.0/clusters/get?cluster_id=" + starting,
		"/api/2.0/libraries/all-cluster-statuses", "/api/2.0/workspace/list?path=/Shared", "/api/2.0/workspace/export?path=/Shared/dir/book",
		"/api/2.0/workspace/export?path=/Shared/big.bin", "/api/2.0/workspace/list?path=/Users", "/api/2.0/dbfs/list?path=/", "/api/2.0/dbfs/list?path=/empty",
		"/api/2.0/dbfs/read?path=/c.txt", "/api/2.0/fs/files/Volumes/main/default/vol/x/y.bin", "/api/2.0/fs/directories/Volumes/main/default/vol",
		"/api/2.1/unity-catalog/volumes?catalog_name=main&schema_name=default", "/api/2.0/secrets/scopes/list", "/api/2.0/secrets/list?scope=sc",
		"/api/2.0/secrets/get?scope=sc&key=k", "/api/2.0/secrets/acls/list?scope=sc", "/api/2.0/token/list", "/api/2.0/preview/scim/v2/Users",
		"/api/2.0/preview/scim/v2/Groups", "/api/2.0/preview/scim/v2/ServicePrincipals", "/api/2.0/permissions/clusters/" + up,
		"/api/2.2/jobs/list?expand_tasks=true", fmt.Sprintf("/api/2.2/jobs/get?job_id=%v", job), "/api/2.2/jobs/runs/list?expand_tasks=true",
		fmt.Sprintf("/api/2.1/jobs/runs/get?run_id=%v&include_history=true", done), fmt.Sprintf("/api/2.1/jobs/runs/get?run_id=%v", active),
	}
}

func sameViews(t *testing.T, one, other *Server, shows []string) {
	t.Helper()
	for _, path := range shows {
		want, got := send(t, one, "GET", path, ""), send(t, other, "GET", path, "")
		require.Equal(t, 200, want.status, "%s: %s", path, want.body)
		assert.Equal(t, want.body, got.body, path)
	}
}

func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(WithUser(User{Name: "bob@example.com", Token: "dapibob", Groups: []string{"ops"}}), WithServicePrincipal(ServicePrincipal{ApplicationID: "5d6c1a52-0000-4000-a000-000000000000"}))
		defer s.Close()
		shows := everything(t, s)
		var file bytes.Buffer
		n, err := s.Snapshot().WriteTo(&file)
		require.NoError(t, err)
		assert.EqualValues(t, file.Len(), n)
		whole := file.Bytes()
		snapshot, err := ReadSnapshot(&file)
		require.NoError(t, err)
		other := NewServer(WithSeed(7))
		defer other.Close()
		callOK(t, other, "POST", "/api/2.0/dbfs/mkdirs", `{"path": "/gone"}`)
		require.NoError(t, other.Restore(snapshot))
		assert.Equal(t, s.Token, other.Token)
		sameViews(t, s, other, shows)
		time.Sleep(10 * time.Minute) // work in progress continues in the same way
		sameViews(t, s, other, shows)
		assert.Contains(t, send(t, other, "GET", "/api/2.1/jobs/runs/list?active_only=true", "").body, `{"has_more":false}`)

		// Both servers continue in the same way, with the same IDs, tokens and
		// limits.
		for _, c := range [][2]string{
			{"/api/2.0/clusters/create", `{"num_workers": 1, "spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "idempotency_token": "t"}`},
			{"/api/2.0/clusters/create", `{"num_workers": 1, "spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2"}`},
			{"/api/2.0/instance-pools/create", `{"instance_pool_name": "pool", "node_type_id": "Standard_DS3_v2", "idempotency_token": "t"}`},
			{"/api/2.0/token/create", `{}`},
		} {
			assert.Equal(t, send(t, s, "POST", c[0], c[1]).body, send(t, other, "POST", c[0], c[1]).body, c[0])
		}
		require.NoError(t, s.Restore(s.Snapshot()), "a server restores its own snapshot")
		sameViews(t, s, other, shows)

		for size := 0; size < len(whole); size += len(whole) / 50 {
			_, err := ReadSnapshot(bytes.NewReader(whole[:size]))
			assert.Error(t, err, "%d of %d bytes", size, len(whole))
		}
		assert.Empty(t, s.Panics())
		assert.Empty(t, other.Panics())
	})
}

func TestServer_Restore_fails(t *testing.T) {
	s := NewServer()
	defer s.Close()
	callOK(t, s, "POST", "/api/2.0/dbfs/mkdirs", `{"path": "/kept"}`)
	broken := s.Snapshot()
	broken.records[kindDBFS+"//a/b"] = []byte(`{"Dir": true}`)
	assert.ErrorContains(t, s.Restore(broken), "dbfs//a/b: the record of its directory is missing")
	broken = s.Snapshot()
	broken.records[kindServer+"/"] = []byte(`{"Format": 99}`)
	assert.ErrorContains(t, s.Restore(broken), "format 99")
	assert.Contains(t, send(t, s, "GET", "/api/2.0/dbfs/list?path=/", "").body, "/kept")
}

func TestServer_Restore_clock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast := NewServer(WithSpeed(1000))
		defer fast.Close()
		time.Sleep(time.Hour)
		slow := NewServer()
		defer slow.Close()
		require.NoError(t, slow.Restore(fast.Snapshot()))
		assert.WithinDuration(t, fast.Now(), slow.Now(), time.Second, "the clock leaps ahead")
		before := fast.Now()
		time.Sleep(time.Hour)
		require.NoError(t, fast.Restore(slow.Snapshot()))
		assert.True(t, fast.Now().After(before.Add(999*time.Hour)), "but never back")
	})
}

func TestServer_Reset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(WithUser(User{Name: "bob@example.com", Token: "dapibob"}), WithVolume("main.default.v"),
			WithFaults(Fault{Name: "first", Path: "/api/2.0/token/list", Status: 503}))
		defer s.Close()
		token := s.Token
		first := send(t, s, "GET", "/api/2.0/preview/scim/v2/Users", "").body
		everything(t, s)
		callOK(t, s, "POST", "/api/1.2/clusters/delete", `{"clusterId": "`+s.clusters.inOrder[0].id+`"}`)
		assert.Equal(t, 503, send(t, s, "GET", "/api/2.0/token/list", "").status)
		s.Inject(Fault{Path: "/api/2.0/clusters/list", Status: 500, Times: -1})
		require.NoError(t, s.Reset())
		assert.Equal(t, token, s.Token)
		assert.Empty(t, s.Requests())
		assert.Equal(t, "{}", send(t, s, "GET", "/api/2.0/clusters/list", "").body)
		assert.Equal(t, "{}", send(t, s, "GET", "/api/2.0/dbfs/list?path=/", "").body)
		assert.Equal(t, first, send(t, s, "GET", "/api/2.0/preview/scim/v2/Users", "").body)
		assert.Contains(t, send(t, s, "GET", "/api/2.1/unity-catalog/volumes?catalog_name=main&schema_name=default", "").body, "main.default.v")
		assert.Equal(t, 503, send(t, s, "GET", "/api/2.0/token/list", "").status, "a fault of WithFaults is injected again")
	})
}

func TestServer_Persist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		s := NewServer()
		found, err := s.Persist(store)
		require.NoError(t, err)
		assert.False(t, found)
		shows := everything(t, s)
		s.mu.Lock()
		assert.Empty(t, s.untouched())
		s.mu.Unlock()

		again := NewServer(WithSeed(9))
		defer again.Close()
		found, err = again.Persist(store)
		require.NoError(t, err)
		assert.True(t, found)
		sameViews(t, s, again, shows)
		s.Close()
		assert.Equal(t, 3, count(store, kindBlob), "the contents of three files")

		// The content of a file is stored once, whatever happens to the file.
		before := store.records[kindBlob+"/1"]
		callOK(t, again, "POST", "/api/2.0/dbfs/move", `{"source_path": "/c.txt", "destination_path": "/deep/er/d.txt"}`)
		assert.Same(t, &before[0], &store.records[kindBlob+"/1"][0])
		callOK(t, again, "POST", "/api/2.0/dbfs/delete", `{"path": "/deep", "recursive": true}`)
		assert.Equal(t, 2, count(store, kindBlob))
		require.NoError(t, again.Reset())
		assert.Equal(t, 0, count(store, kindBlob))
		assert.Equal(t, 0, count(store, kindCluster)+count(store, kindRun)+count(store, kindJob)+count(store, kindStream))
	})
}

func count(store *memoryStore, kind string) (n int) {
	for key := range store.records {
		if strings.HasPrefix(key, kind+"/") {
			n++
		}
	}
	return n
}

func TestServer_Persist_failingStore(t *testing.T) {
	s := NewServer()
	defer s.Close()
	store := newMemoryStore()
	_, err := s.Persist(store)
	require.NoError(t, err)
	saves := store.saves
	for range 3 {
		send(t, s, "GET", "/api/2.0/clusters/list", "")
	}
	assert.Equal(t, saves, store.saves, "a request without changes stores nothing")
	store.fail = errDisk
	got := send(t, s, "POST", "/api/2.0/dbfs/mkdirs", `{"path": "/a"}`)
	assert.Equal(t, http.StatusInternalServerError, got.status)
	assert.Contains(t, got.body, "could not be stored: the disk is full")
	assert.Equal(t, 500, send(t, s, "GET", "/api/2.0/dbfs/list?path=/", "").status, "a change that is not stored must not be visible")
	store.fail = nil
	assert.Contains(t, send(t, s, "GET", "/api/2.0/dbfs/list?path=/", "").body, "/a")
	assert.Contains(t, store.records, kindDBFS+"//a")
}

// Concurrent requests share transactions.
func TestServer_Persist_groups(t *testing.T) {
	store := &slowStore{memoryStore: newMemoryStore(), enter: make(chan struct{}), leave: make(chan struct{})}
	s := NewServer()
	defer s.Close()
	_, err := s.Persist(store.memoryStore)
	require.NoError(t, err)
	s.saver.store = store
	var wg sync.WaitGroup
	mkdir := func(name string) { send(t, s, "POST", "/api/2.0/dbfs/mkdirs", `{"path": "/`+name+`"}`) }
	wg.Go(func() { mkdir("first") })
	<-store.enter
	for i := range 20 {
		wg.Go(func() { mkdir(fmt.Sprint(i)) })
	}
	for {
		s.mu.Lock()
		waiting := len(s.dbfs.root.children)
		s.mu.Unlock()
		if waiting == 21 {
			break
		}
	}
	store.leave <- struct{}{}
	saves := 1
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for over := false; !over; {
		select {
		case <-store.enter:
			saves++
			store.leave <- struct{}{}
		case <-done:
			over = true
		}
	}
	assert.LessOrEqual(t, saves, 3, "one transaction for the first request, one or two for the others")
	s.saver.store = store.memoryStore
}

type slowStore struct {
	*memoryStore
	enter, leave chan struct{}
}

func (s *slowStore) Save(changes map[string][]byte) error {
	s.enter <- struct{}{}
	<-s.leave
	return s.memoryStore.Save(changes)
}

// The contents of files are read when they are needed. A deleted file's content that
// is still needed is read before the delete.
func TestServer_Persist_contents(t *testing.T) {
	store := newMemoryStore()
	data := strings.Repeat("0123456789abcdef", 3*maxBlock/16) + "end"
	upload := func(s *Server, path, data string) {
		put := send(t, s, "PUT", "/api/2.0/fs/files/Volumes/main/default/vol/"+path, data)
		require.Equal(t, 204, put.status, put.body)
	}
	s := NewServer(WithoutSocket(), WithVolume("main.default.vol"))
	_, err := s.Persist(store)
	require.NoError(t, err)
	for _, path := range []string{"a", "b", "c"} {
		upload(s, path, path+data)
	}
	upload(s, "zeros", strings.Repeat("\x00", 2*maxBlock))
	s.Close()

	again := NewServer(WithoutSocket())
	defer again.Close()
	saves := store.saves
	found, err := again.Persist(store)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Zero(t, store.reads, "a start reads no contents")
	assert.LessOrEqual(t, store.saves, saves+1)
	got := send(t, again, "GET", "/api/2.0/fs/files/Volumes/main/default/vol/a", "", func(r *http.Request) { r.Header.Set("Range", "bytes=0-9") })
	assert.Equal(t, "a012345678", got.body)
	assert.Equal(t, 1, store.reads, "only the requested block")

	again.mu.Lock()
	inner := again.snapshot()
	again.mu.Unlock()
	for _, path := range []string{"b", "c"} {
		assert.Equal(t, 200, send(t, again, "DELETE", "/api/2.0/fs/files/Volumes/main/default/vol/"+path, "").status)
	}
	require.NoError(t, again.Restore(inner), "the content was read before the delete")
	snapshot := again.Snapshot()
	reads := store.reads
	other := NewServer(WithoutSocket())
	defer other.Close()
	_, err = other.Persist(newMemoryStore())
	require.NoError(t, err)
	require.NoError(t, other.Restore(snapshot))
	for _, s := range []*Server{again, other} {
		for _, path := range []string{"a", "b", "c"} {
			assert.Equal(t, path+data, send(t, s, "GET", "/api/2.0/fs/files/Volumes/main/default/vol/"+path, "").body, path)
		}
		assert.Equal(t, strings.Repeat("\x00", 2*maxBlock), send(t, s, "GET", "/api/2.0/fs/files/Volumes/main/default/vol/zeros", "").body)
	}
	assert.Equal(t, reads, store.reads, "a snapshot has all contents")
	assert.Empty(t, again.Panics())
}

func TestServer_Persist_contentUnreadable(t *testing.T) {
	store := newMemoryStore()
	s := NewServer(WithoutSocket())
	_, err := s.Persist(store)
	require.NoError(t, err)
	big := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), inlineBytes+1))
	callOK(t, s, "POST", "/api/2.0/dbfs/put", `{"path": "/a", "contents": "`+big+`"}`)
	callOK(t, s, "POST", "/api/2.0/workspace/import", `{"path": "/Shared/a", "format": "RAW", "content": "`+big+`"}`)
	s.Close()
	again := NewServer(WithoutSocket())
	defer again.Close()
	_, err = again.Persist(store)
	require.NoError(t, err)
	store.fail = errDisk
	callFails(t, again, "GET", "/api/2.0/dbfs/read?path=/a", "", 500, "INTERNAL_ERROR", "the disk is full")
	callFails(t, again, "GET", "/api/2.0/workspace/export?path=/Shared/a", "", 500, "INTERNAL_ERROR", "the disk is full")
	snapshot := again.Snapshot()
	_, err = snapshot.WriteTo(new(bytes.Buffer))
	assert.ErrorIs(t, err, errDisk)
	assert.ErrorIs(t, again.Restore(snapshot), errDisk)
	store.fail = nil
	assert.Contains(t, callOK(t, again, "GET", "/api/2.0/workspace/export?path=/Shared/a", "")["content"], big)
	assert.Empty(t, again.Panics())
}
