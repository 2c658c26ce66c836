package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// blockSize is the maximum size of a read or an add-block.
const blockSize = 1 << 20

// pattern is the repeated content of files. It is stored twice, so that each block
// is one contiguous slice.
var pattern = func() []byte {
	p := make([]byte, blockSize, 2*blockSize)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return append(p, p...)
}()

// A server responds like a workspace, with as little work as possible, so that the
// measurement is that of the clients. It stores only the sizes of files. Their
// content is the pattern.
type server struct {
	latency  atomic.Int64 // of each response, in nanoseconds
	elements atomic.Int64 // number of elements in lists
	gzip     atomic.Bool  // compress lists
	upAt     atomic.Int64 // when the cluster becomes running, in Unix nanoseconds

	requests, conns, bytesIn atomic.Int64

	mu       sync.Mutex
	files    map[string]int64
	open     map[int64]string
	commands map[string]time.Time
	replies  map[string][]byte // created once
	handles  int64
}

func newServer() *server {
	return &server{files: map[string]int64{}, open: map[int64]string{}, commands: map[string]time.Time{}, replies: map[string][]byte{}}
}

// settings are the settings that a control request changes.
type settings struct {
	Latency  time.Duration
	Elements int
	Gzip     bool
	UpIn     time.Duration    // time until the cluster is running
	Files    map[string]int64 // existing files with their sizes
}

// stats are the counts since the last control request with settings.
type stats struct{ Requests, Conns, BytesIn int64 }

// control handles control requests. It has its own port, so that they are not
// counted. POST changes the settings, and GET returns the stats.
func (s *server) control(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		var set settings
		if err := json.NewDecoder(r.Body).Decode(&set); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.latency.Store(int64(set.Latency))
		s.elements.Store(int64(set.Elements))
		s.gzip.Store(set.Gzip)
		s.upAt.Store(time.Now().Add(set.UpIn).UnixNano())
		s.requests.Store(0)
		s.conns.Store(0)
		s.bytesIn.Store(0)
		s.mu.Lock()
		clear(s.files)
		for name, size := range set.Files {
			s.files[name] = size
		}
		s.mu.Unlock()
	}
	_ = json.NewEncoder(w).Encode(stats{s.requests.Load(), s.conns.Load(), s.bytesIn.Load()})
}

// addresses are the addresses of a server.
type addresses struct{ host, tls, control string }

// listen serves HTTP/1.1, HTTP/2 and control requests on three ports of the
// loopback interface.
func (s *server) listen() (at addresses, err error) {
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return at, err
	}
	ctl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return at, err
	}
	go http.Serve(countingListener{api, s}, s)
	go http.Serve(ctl, http.HandlerFunc(s.control))
	second := httptest.NewUnstartedServer(s)
	second.Listener, second.EnableHTTP2 = countingListener{second.Listener, s}, true
	second.StartTLS()
	return addresses{"http://" + api.Addr().String(), second.URL, "http://" + ctl.Addr().String()}, nil
}

type countingListener struct {
	net.Listener
	s *server
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.s.conns.Add(1)
	}
	return &countingConn{conn, l.s}, err
}

type countingConn struct {
	net.Conn
	s *server
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.s.bytesIn.Add(int64(n))
	return n, err
}

// ServeHTTP responds after the latency.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	storage := strings.HasPrefix(r.URL.Path, "/storage/")
	if r.Header.Get("Authorization") != "Bearer "+token && !storage {
		refuse(w, http.StatusForbidden, "PERMISSION_DENIED")
		return
	}
	if latency := time.Duration(s.latency.Load()); latency > 0 {
		time.Sleep(latency)
	}
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	switch r.URL.Path {
	case "/api/2.0/clusters/get":
		state := "RUNNING"
		if time.Now().UnixNano() < s.upAt.Load() {
			state = "PENDING"
		}
		w.Write(appendCluster(nil, 1, state))
	case "/api/2.0/clusters/list":
		n := int(s.elements.Load())
		s.send(w, r, "clusters "+strconv.Itoa(n), func() []byte {
			return list("clusters", n, func(text []byte, i int) []byte { return appendCluster(text, i, "RUNNING") }, "}")
		})
	case "/api/2.0/clusters/create":
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"cluster_id":"c-1"}`)
	case "/api/2.0/jobs/runs/get":
		w.Write(appendRun(nil, 1))
	case "/api/2.0/jobs/runs/list":
		offset, _ := strconv.Atoi(query.Get("offset"))
		n, more := min(999, int(s.elements.Load())-offset), offset+999 < int(s.elements.Load())
		w.Write(s.once(fmt.Sprint("runs ", offset, n, more), func() []byte {
			return list("runs", n, func(text []byte, i int) []byte { return appendRun(text, offset+i) }, fmt.Sprintf(`,"has_more":%t}`, more))
		}))
	case "/api/2.0/workspace/mkdirs", "/api/2.0/workspace/import":
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"object_id":1}`)
	case "/api/1.2/contexts/create":
		io.WriteString(w, `{"id":"x-1"}`)
	case "/api/1.2/contexts/status":
		io.WriteString(w, `{"id":"x-1","status":"Running"}`)
	case "/api/1.2/contexts/destroy":
		io.WriteString(w, `{"id":"x-1"}`)
	case "/api/1.2/commands/execute":
		s.mu.Lock()
		s.handles++
		id := "m-" + strconv.FormatInt(s.handles, 10)
		s.commands[id] = time.Now()
		s.mu.Unlock()
		fmt.Fprintf(w, `{"id":%q}`, id)
	case "/api/1.2/commands/status":
		id := query.Get("commandId")
		s.mu.Lock()
		begun := s.commands[id]
		s.mu.Unlock()
		if time.Since(begun) < commandTime {
			fmt.Fprintf(w, `{"id":%q,"status":"Running","results":null}`, id)
			return
		}
		fmt.Fprintf(w, `{"id":%q,"status":"Finished","results":{"resultType":"text","data":"2"}}`, id)
	default:
		if storage || strings.HasPrefix(r.URL.Path, "/api/2.0/fs/") {
			s.fs(w, r)
			return
		}
		if verb, ok := strings.CutPrefix(r.URL.Path, "/api/2.0/dbfs/"); ok {
			s.dbfs(w, r, verb)
			return
		}
		refuse(w, http.StatusNotFound, "ENDPOINT_NOT_FOUND")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error_code":%q,"message":"no"}`, code)
}

// send sends a list. It compresses the list if that is set and the client accepts
// it.
func (s *server) send(w http.ResponseWriter, r *http.Request, key string, made func() []byte) {
	if !s.gzip.Load() || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Write(s.once(key, made))
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.Write(s.once(key+" gzip", func() []byte {
		var text bytes.Buffer
		zip := gzip.NewWriter(&text)
		zip.Write(made())
		zip.Close()
		return text.Bytes()
	}))
}

// once returns a response that is created by the first call.
func (s *server) once(key string, reply func() []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies[key] == nil {
		s.replies[key] = reply()
	}
	return s.replies[key]
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *server) dbfs(w http.ResponseWriter, r *http.Request, verb string) {
	name := r.URL.Query().Get("path")
	if verb == "put" && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		s.putForm(w, r)
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	body.ReadFrom(r.Body)
	text := body.Bytes()
	var in struct {
		Path   string `json:"path"`
		From   string `json:"source_path"`
		To     string `json:"destination_path"`
		Handle int64  `json:"handle"`
	}
	size := int64(0)
	if r.Method == http.MethodPost {
		text, size = cutData(text)
		if err := json.Unmarshal(text, &in); err != nil {
			refuse(w, http.StatusBadRequest, "MALFORMED_REQUEST")
			return
		}
	}
	if verb == "read" {
		s.read(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch verb {
	case "create":
		s.handles++
		s.open[s.handles] = in.Path
		s.files[in.Path] = 0
		fmt.Fprintf(w, `{"handle":%d}`, s.handles)
		return
	case "add-block":
		s.files[s.open[in.Handle]] += size
	case "close":
		delete(s.open, in.Handle)
	case "put":
		s.files[in.Path] = size
	case "move":
		size, ok := s.files[in.From]
		if !ok {
			refuse(w, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
			return
		}
		delete(s.files, in.From)
		s.files[in.To] = size
	case "delete":
		delete(s.files, in.Path)
	case "mkdirs":
	case "get-status":
		if s.isDir(name) {
			fmt.Fprintf(w, `{"path":%q,"is_dir":true,"file_size":0}`, name)
			return
		}
		if size, ok := s.files[name]; ok {
			w.Write(appendFile(nil, name, size))
			return
		}
		refuse(w, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
		return
	case "list":
		reply := []byte(`{"files":[`)
		for file, size := range s.files {
			if path.Dir(file) == path.Clean(name) {
				reply = append(appendFile(reply, file, size), ',')
			}
		}
		w.Write(append(bytes.TrimSuffix(reply, []byte(",")), "]}"...))
		return
	default:
		refuse(w, http.StatusNotFound, "ENDPOINT_NOT_FOUND")
		return
	}
	io.WriteString(w, "{}")
}

func (s *server) isDir(name string) bool {
	for file := range s.files {
		if strings.HasPrefix(file, strings.TrimSuffix(name, "/")+"/") {
			return true
		}
	}
	return false
}

func appendFile(text []byte, name string, size int64) []byte {
	return fmt.Appendf(text, `{"path":%q,"is_dir":false,"file_size":%d,"modification_time":1700000000000}`, name, size)
}

// cutData removes the base64 of "data" or "contents" from a request. It returns the
// rest, and the number of decoded bytes.
func cutData(text []byte) ([]byte, int64) {
	for _, key := range []string{`"data":"`, `"contents":"`} {
		if at := bytes.Index(text, []byte(key)); at >= 0 {
			data := text[at+len(key):]
			data = data[:bytes.IndexByte(data, '"')]
			size := base64.StdEncoding.DecodedLen(len(data)) - bytes.Count(data[max(0, len(data)-2):], []byte("="))
			return append(text[:at+len(key)], text[at+len(key)+len(data):]...), int64(size)
		}
	}
	return text, 0
}

// putForm handles a file in a multipart form.
func (s *server) putForm(w http.ResponseWriter, r *http.Request) {
	r.Body = io.NopCloser(bufio.NewReaderSize(r.Body, 256<<10)) // package multipart reads in small pieces
	form, err := r.MultipartReader()
	var name string
	var size int64
	for err == nil {
		part, next := form.NextPart()
		if err = next; err == nil && part.FormName() == "path" {
			text, _ := io.ReadAll(part)
			name = string(text)
		} else if err == nil && part.FormName() == "contents" {
			size, err = io.Copy(io.Discard, part)
		}
	}
	if err != io.EOF {
		refuse(w, http.StatusBadRequest, "MALFORMED_REQUEST")
		return
	}
	s.mu.Lock()
	s.files[name] = size
	s.mu.Unlock()
	io.WriteString(w, "{}")
}

func (s *server) read(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.mu.Lock()
	size, ok := s.files[query.Get("path")]
	s.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST")
		return
	}
	offset, _ := strconv.ParseInt(query.Get("offset"), 10, 64)
	length, _ := strconv.ParseInt(query.Get("length"), 10, 64)
	n := max(0, min(length, size-offset, blockSize))
	reply := s.once(fmt.Sprint("block ", offset%blockSize, n), func() []byte {
		text := fmt.Appendf(nil, `{"bytes_read":%d,"data":"`, n)
		text = base64.StdEncoding.AppendEncode(text, pattern[offset%blockSize:][:n])
		return append(text, `"}`...)
	})
	w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	w.Write(reply)
}

func list(key string, n int, one func(text []byte, i int) []byte, end string) []byte {
	text := []byte(`{"` + key + `":[`)
	for i := range n {
		if i > 0 {
			text = append(text, ',')
		}
		text = one(text, i)
	}
	return append(append(text, ']'), end...)
}

// appendCluster appends a cluster of about 2.4 kB, which is a common size.
func appendCluster(text []byte, i int, state string) []byte {
	text = fmt.Appendf(text, `{"cluster_id":"0101-120000-%08d","cluster_name":"etl %d","state":%q,"state_message":"","spark_version":"15.4.x-scala2.12",`, i, i, state)
	text = fmt.Appendf(text, `"creator_user_name":"alice@example.com","spark_context_id":%d,"jdbc_port":10000,"start_time":1700000000000,"last_activity_time":1700000100000,`, 4711000000000000000+i)
	text = fmt.Appendf(text, `"default_tags":{"Vendor":"Databricks","Creator":"alice@example.com","ClusterName":"etl %d","ClusterId":"0101-120000-%08d"},`, i, i)
	return append(text, `"spark_conf":{"spark.speculation":"true","spark.sql.shuffle.partitions":"400","spark.databricks.delta.preview.enabled":"true"},`+
		`"aws_attributes":{"zone_id":"us-west-2a","first_on_demand":1,"availability":"SPOT_WITH_FALLBACK","instance_profile_arn":"arn:aws:iam::123456789012:instance-profile/etl","spot_bid_price_percent":100,"ebs_volume_type":"GENERAL_PURPOSE_SSD","ebs_volume_count":3,"ebs_volume_size":100},`+
		`"node_type_id":"i3.xlarge","driver_node_type_id":"i3.xlarge","ssh_public_keys":[],"custom_tags":{"team":"ingest","cost":"4711","stage":"production"},`+
		`"cluster_log_conf":{"s3":{"destination":"s3://logs-of-clusters/etl","region":"us-west-2","enable_encryption":true,"canned_acl":"bucket-owner-full-control"}},`+
		`"spark_env_vars":{"PYSPARK_PYTHON":"/databricks/python3/bin/python3","SPARK_WORKER_MEMORY":"28000m"},"autotermination_minutes":60,"enable_elastic_disk":true,`+
		`"cluster_source":"UI","init_scripts":[{"dbfs":{"destination":"dbfs:/init/install.sh"}},{"s3":{"destination":"s3://scripts/init/second.sh","region":"us-west-2"}}],`+
		`"driver":{"private_ip":"10.0.0.1","public_dns":"ec2-34-0-0-1.us-west-2.compute.amazonaws.com","node_id":"8fd7e2b3c4d5","instance_id":"i-0123456789abcdef0","start_timestamp":1700000001000,"host_private_ip":"10.0.0.2","node_aws_attributes":{"is_spot":false}},`+
		`"executors":[{"private_ip":"10.0.0.3","public_dns":"ec2-34-0-0-3.us-west-2.compute.amazonaws.com","node_id":"9fd7e2b3c4d5","instance_id":"i-0123456789abcdef1","start_timestamp":1700000002000,"host_private_ip":"10.0.0.4","node_aws_attributes":{"is_spot":true}},`+
		`{"private_ip":"10.0.0.5","public_dns":"ec2-34-0-0-5.us-west-2.compute.amazonaws.com","node_id":"afd7e2b3c4d5","instance_id":"i-0123456789abcdef2","start_timestamp":1700000002000,"host_private_ip":"10.0.0.6","node_aws_attributes":{"is_spot":true}}],`+
		`"num_workers":2,"cluster_memory_mb":93696,"cluster_cores":12.0,"disk_spec":{"disk_type":{"ebs_volume_type":"GENERAL_PURPOSE_SSD"},"disk_count":1,"disk_size":100},"instance_source":{"node_type_id":"i3.xlarge"}}`...)
}

// appendRun appends a run.
func appendRun(text []byte, i int) []byte {
	text = fmt.Appendf(text, `{"job_id":%d,"run_id":%d,"number_in_job":%d,"run_name":"nightly %d","creator_user_name":"alice@example.com",`, 100+i%10, 20000-i, 20000-i, i)
	return append(text, `"state":{"life_cycle_state":"TERMINATED","result_state":"SUCCESS","state_message":""},"schedule":{"quartz_cron_expression":"0 0 3 * * ?","timezone_id":"America/Los_Angeles","pause_status":"UNPAUSED"},`+
		`"task":{"notebook_task":{"notebook_path":"/Users/alice@example.com/nightly","base_parameters":{"day":"2026-01-01","full":"false"}}},`+
		`"cluster_spec":{"new_cluster":{"spark_version":"15.4.x-scala2.12","node_type_id":"i3.xlarge","num_workers":8,"spark_conf":{"spark.speculation":"true"},"aws_attributes":{"availability":"ON_DEMAND","zone_id":"us-west-2a"}}},`+
		`"cluster_instance":{"cluster_id":"0101-120000-abcd123","spark_context_id":"4711000000000000000"},"start_time":1700000000000,"setup_duration":120000,"execution_duration":600000,"cleanup_duration":1000,"end_time":1700000721000,"trigger":"PERIODIC","run_type":"JOB_RUN","run_page_url":"https://workspace.example.com/#job/100/run/1"}`...)
}
