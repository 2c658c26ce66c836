package databrickstest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dbfs = "/api/2.0/dbfs/"

func dbfsInfoJSON(path string, isDir bool, size int64, at time.Time) string {
	return fmt.Sprintf(`{"path":%q,"is_dir":%v,"file_size":%d,"modification_time":%d}`, path, isDir, size, at.UnixMilli())
}

func TestDBFS_tree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		start := time.Now()
		file := func(path string, size int64) string { return dbfsInfoJSON(path, false, size, start) }
		dir := func(path string) string { return dbfsInfoJSON(path, true, 0, start) }
		const nothing = "404 RESOURCE_DOES_NOT_EXIST: No file or directory exists on path %s."
		const something = "400 RESOURCE_ALREADY_EXISTS: A file or directory already exists at the input path dbfs:%s."
		converse(t, s, []step{
			{call: "GET " + dbfs + "list?path=/"},
			{call: "GET " + dbfs + "get-status?path=/", want: dir("/")},
			{call: "GET " + dbfs + "get-status?path=/a", want: fmt.Sprintf(nothing, "/a")},
			{call: "GET " + dbfs + "list?path=/a", want: fmt.Sprintf(nothing, "/a")},

			{call: "POST " + dbfs + "put", body: `{"path":"dbfs:/a/b/c.txt","contents":"aGVsbG8="}`},
			{call: "POST " + dbfs + "put", body: `{"path":"/a/b/c.txt"}`, want: fmt.Sprintf(something, "/a/b/c.txt")},
			{call: "POST " + dbfs + "put", body: `{"path":"/a/b","overwrite":true}`, want: fmt.Sprintf(something, "/a/b")},
			{call: "POST " + dbfs + "put", body: `{"path":"/a/b/c.txt/d"}`, want: fmt.Sprintf(something, "/a/b/c.txt")},
			{call: "POST " + dbfs + "put", body: `{"path":"/","overwrite":true}`, want: fmt.Sprintf(something, "/")},
			{call: "POST " + dbfs + "put", body: `{"path":"/a/empty"}`},
			{call: "POST " + dbfs + "mkdirs", body: `{"path":"/a/b"}`},
			{call: "POST " + dbfs + "mkdirs", body: `{"path":"/a/b/c.txt/d"}`, want: fmt.Sprintf(something, "/a/b/c.txt")},
			{call: "POST " + dbfs + "mkdirs", body: `{"path":"/a/b/c.txt"}`, want: fmt.Sprintf(something, "/a/b/c.txt")},
			{call: "GET " + dbfs + "get-status?path=dbfs:/a/b/c.txt", want: file("/a/b/c.txt", 5)},
			{call: "GET " + dbfs + "list?path=/a/", want: `{"files":[` + dir("/a/b") + "," + file("/a/empty", 0) + `]}`},
			{call: "GET " + dbfs + "list?path=/a/b/c.txt", want: `{"files":[` + file("/a/b/c.txt", 5) + `]}`},

			{call: "POST " + dbfs + "move", body: `{"source_path":"/a/empty","destination_path":"/a/b/c.txt"}`, want: fmt.Sprintf(something, "/a/b/c.txt")},
			{call: "POST " + dbfs + "move", body: `{"source_path":"/a/empty","destination_path":"/a/b"}`, want: fmt.Sprintf(something, "/a/b")},
			{call: "POST " + dbfs + "move", body: `{"source_path":"/none","destination_path":"/x"}`, want: fmt.Sprintf(nothing, "/none")},
			{call: "POST " + dbfs + "move", body: `{"source_path":"/a","destination_path":"/a/b/x"}`,
				want: "400 INVALID_PARAMETER_VALUE: Cannot move /a into itself: /a/b/x"},
			{call: "POST " + dbfs + "move", body: `{"source_path":"/a/empty","destination_path":"/new/dir/file"}`},
			{call: "GET " + dbfs + "get-status?path=/a/empty", want: fmt.Sprintf(nothing, "/a/empty")},
			{call: "GET " + dbfs + "get-status?path=/new/dir/file", want: file("/new/dir/file", 0)},
			{call: "POST " + dbfs + "move", body: `{"source_path":"/a/b","destination_path":"/moved"}`},
			{call: "GET " + dbfs + "list?path=/moved", want: `{"files":[` + file("/moved/c.txt", 5) + `]}`},

			{call: "POST " + dbfs + "delete", body: `{"path":"/none"}`},
			{call: "POST " + dbfs + "delete", body: `{"path":"/moved"}`,
				want: "400 IO_ERROR: Directory is not empty. Use recursive delete or remove contents first."},
			{call: "POST " + dbfs + "delete", body: `{"path":"/a"}`}, // it is empty now
			{call: "POST " + dbfs + "delete", body: `{"path":"/new/dir/file","recursive":"true"}`},
			{call: "POST " + dbfs + "delete", body: `{"path":"/moved","recursive":true}`},
			{call: "GET " + dbfs + "list?path=/", want: `{"files":[` + dir("/new") + `]}`},
			{call: "GET " + dbfs + "list?path=/new/dir"},
			{call: "POST " + dbfs + "delete", body: `{"path":"/","recursive":true}`},
			{call: "GET " + dbfs + "list?path=/"},

			{call: "GET " + dbfs + "list", want: "400 INVALID_PARAMETER_VALUE: Missing required field 'path'"},
			{call: "GET " + dbfs + "list?path=a", want: "400 INVALID_PARAMETER_VALUE: Path must be absolute: a"},
			{call: "GET " + dbfs + "list?path=dbfs://a", want: "400 INVALID_PARAMETER_VALUE: Path must be absolute: dbfs://a"},
			{call: "GET " + dbfs + "list?path=/Volumes/x", want: "403 PERMISSION_DENIED: No operations allowed on this path"},
		})
		size, ok := s.dbfs.fileSize("dbfs:/none")
		assert.False(t, ok, "%d", size)
	})
	s := newServer(t, WithoutSocket(), WithoutDBFSRoot())
	converse(t, s, []step{{call: "GET " + dbfs + "list?path=/a", want: "403 PERMISSION_DENIED: Public DBFS root is disabled. Access is denied on path: /a"}})
}

func TestDBFS_partialDelete(t *testing.T) {
	s := newServer(t, WithoutSocket(), WithDeleteLimit(3))
	for i := range 7 {
		send(t, s, "POST", dbfs+"put", fmt.Sprintf(`{"path":"/big/dir%d/file%d"}`, i%2, i))
	}
	partly := "503 PARTIAL_DELETE: The requested operation has deleted 3 files. There are more files remaining. You must make another request to delete more."
	converse(t, s, []step{
		{call: "POST " + dbfs + "delete", body: `{"path":"/big","recursive":true}`, want: partly},
		{call: "POST " + dbfs + "delete", body: `{"path":"/big","recursive":true}`, want: partly},
		{call: "POST " + dbfs + "delete", body: `{"path":"/big","recursive":true}`},
		{call: "GET " + dbfs + "list?path=/"},
	})
}

// create opens a stream and returns its handle.
func create(t *testing.T, s *Server, body string) string {
	got := send(t, s, "POST", dbfs+"create", body)
	require.Equal(t, 200, got.status, got.body)
	return strings.TrimSuffix(strings.TrimPrefix(got.body, `{"handle":`), "}")
}

func TestDBFS_streams(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprintf("early files %v", early), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var opts []Option
				if early {
					opts = append(opts, WithEarlyFiles())
				}
				s := newServer(t, opts...)
				start := time.Now()
				visible := func(path string, size int64) string {
					if early {
						return dbfsInfoJSON(path, false, size, start)
					}
					return "404 RESOURCE_DOES_NOT_EXIST: No file or directory exists on path " + path + "."
				}
				converse(t, s, []step{{call: "POST " + dbfs + "put", body: `{"path":"/old","contents":"aGVsbG8="}`}})
				h := create(t, s, `{"path":"/dir/file"}`)
				old := create(t, s, `{"path":"/old","overwrite":true}`)
				gone := "404 RESOURCE_DOES_NOT_EXIST: No such stream with handle: "
				converse(t, s, []step{
					{call: "GET " + dbfs + "get-status?path=/dir/file", want: visible("/dir/file", 0)},
					{call: "POST " + dbfs + "add-block", body: `{"handle":` + h + `,"data":"aGVsbG8="}`},
					{call: "GET " + dbfs + "get-status?path=/dir/file", want: visible("/dir/file", 5)},
					{call: "POST " + dbfs + "add-block", body: `{"handle":"` + h + `","data":"IHdv\ncmxk\n"}`},
					{call: "POST " + dbfs + "add-block", body: `{"handle":` + h + `,"data":""}`},
					{call: "POST " + dbfs + "add-block", body: `{"handle":` + h + `,"data":"!"}`,
						want: "400 MALFORMED_REQUEST: Could not parse request object: data is not base64"},
					{call: "POST " + dbfs + "add-block", body: `{"handle":` + h + `}`, want: "400 INVALID_PARAMETER_VALUE: Missing required field 'data'"},
					{call: "POST " + dbfs + "add-block", body: `{"data":""}`, want: "400 INVALID_PARAMETER_VALUE: Missing required field 'handle'"},
					{call: "POST " + dbfs + "close", body: `{}`, want: "400 INVALID_PARAMETER_VALUE: Missing required field 'handle'"},
					{call: "POST " + dbfs + "add-block", body: `{"handle":12,"data":""}`, want: gone + "12."},
					{call: "POST " + dbfs + "close", body: `{"handle":` + h + `}`},
					{call: "POST " + dbfs + "close", body: `{"handle":` + h + `}`, want: gone + h + "."},
					{call: "POST " + dbfs + "add-block", body: `{"handle":` + h + `,"data":""}`, want: gone + h + "."},
					{call: "GET " + dbfs + "read?path=/dir/file", want: `{"bytes_read":11,"data":"aGVsbG8gd29ybGQ="}`},

					{call: "POST " + dbfs + "create", body: `{"path":"/dir","overwrite":true}`,
						want: "400 RESOURCE_ALREADY_EXISTS: A file or directory already exists at the input path dbfs:/dir."},
					{call: "POST " + dbfs + "create", body: `{"path":"/old"}`,
						want: "400 RESOURCE_ALREADY_EXISTS: A file or directory already exists at the input path dbfs:/old."},
					{call: "POST " + dbfs + "create", body: `{"path":"/old/x"}`,
						want: "400 RESOURCE_ALREADY_EXISTS: A file or directory already exists at the input path dbfs:/old."},
				})
				time.Sleep(9 * time.Minute)
				converse(t, s, []step{{call: "POST " + dbfs + "add-block", body: `{"handle":` + old + `,"data":""}`}})
				time.Sleep(10 * time.Minute)
				converse(t, s, []step{{call: "POST " + dbfs + "add-block", body: `{"handle":` + old + `,"data":""}`}})
				time.Sleep(10*time.Minute + 1)
				converse(t, s, []step{{call: "POST " + dbfs + "close", body: `{"handle":` + old + `}`, want: gone + old + "."}})
				if !early {
					converse(t, s, []step{{call: "GET " + dbfs + "read?path=/old", want: `{"bytes_read":5,"data":"aGVsbG8="}`}})
				}
			})
		})
	}
}

// A stream that does not overwrite must not overwrite when it is closed either.
func TestDBFS_streamOverExistingFile(t *testing.T) {
	s := newServer(t, WithoutSocket())
	h := create(t, s, `{"path":"/a"}`)
	converse(t, s, []step{
		{call: "POST " + dbfs + "put", body: `{"path":"/a","contents":"aGVsbG8="}`},
		{call: "POST " + dbfs + "close", body: `{"handle":` + h + `}`,
			want: "400 RESOURCE_ALREADY_EXISTS: A file or directory already exists at the input path dbfs:/a."},
		{call: "GET " + dbfs + "read?path=/a", want: `{"bytes_read":5,"data":"aGVsbG8="}`},
	})
}

func TestDBFS_limits(t *testing.T) {
	s := newServer(t, WithoutSocket())
	full := base64.StdEncoding.EncodeToString(make([]byte, maxBlock))
	over := base64.StdEncoding.EncodeToString(make([]byte, maxBlock+1))
	h := create(t, s, `{"path":"/stream"}`)
	converse(t, s, []step{
		{call: "POST " + dbfs + "put", body: `{"path":"/full","contents":"` + full + `"}`},
		{call: "POST " + dbfs + "put", body: `{"path":"/over","contents":"` + over + `"}`,
			want: "400 MAX_BLOCK_SIZE_EXCEEDED: The 'contents' data cannot exceed 1048576 bytes. Found: 1048577 bytes. You might want to use streaming upload instead."},
		{call: "POST " + dbfs + "add-block", body: `{"handle":` + h + `,"data":"` + full + `"}`},
		{call: "POST " + dbfs + "add-block", body: `{"handle":` + h + `,"data":"` + over + `"}`,
			want: "400 MAX_BLOCK_SIZE_EXCEEDED: The data cannot exceed 1048576 bytes. Found: 1048577 bytes."},
		{call: "GET " + dbfs + "read?path=/full&length=1048577",
			want: "400 MAX_READ_SIZE_EXCEEDED: Cannot read more than 1048576 bytes in one read, please paginate your request. Request: 1048577 bytes."},
		{call: "GET " + dbfs + "read?path=/full&offset=1048576", want: `{"bytes_read":0,"data":""}`},
		{call: "GET " + dbfs + "read?path=/full&offset=1048574&length=100", want: `{"bytes_read":2,"data":"AAA="}`},
		{call: "GET " + dbfs + "read?path=/full&offset=1048577",
			want: "400 INVALID_PARAMETER_VALUE: Cannot read when offset is greater than file size. Found offset = 1048577"},
		{call: "GET " + dbfs + "read?path=/full&offset=-1",
			want: "400 INVALID_PARAMETER_VALUE: Offset and length cannot be negative. Found offset = -1, length = 0"},
		{call: "GET " + dbfs + "read?path=/", want: "400 INVALID_PARAMETER_VALUE: Cannot read from a directory: /"},
		{call: "GET " + dbfs + "read?path=/none", want: "404 RESOURCE_DOES_NOT_EXIST: No file or directory exists on path /none."},
	})
	half := send(t, s, "GET", dbfs+"read?path=/full", "")
	assert.True(t, strings.HasPrefix(half.body, `{"bytes_read":524288,`))
	whole := send(t, s, "GET", dbfs+"read?path=/full&length=1048576", "")
	assert.Equal(t, `{"bytes_read":1048576,"data":"`+full+`"}`, whole.body)
	assert.Equal(t, strconv.Itoa(len(whole.body)), whole.header.Get("Content-Length"))
}

// A formPart is a part of a multipart body. With a file name, it is a file.
type formPart struct {
	field    string
	fileName *string
	content  string
}

func form(t *testing.T, parts ...formPart) (body string, setType func(*http.Request)) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		disposition := fmt.Sprintf(`form-data; name="%s"`, p.field)
		if p.fileName != nil {
			disposition += fmt.Sprintf(`; filename="%s"`, *p.fileName)
		}
		part, err := w.CreatePart(map[string][]string{"Content-Disposition": {disposition}})
		require.NoError(t, err)
		io.WriteString(part, p.content)
	}
	require.NoError(t, w.Close())
	return b.String(), func(r *http.Request) { r.Header.Set("Content-Type", w.FormDataContentType()) }
}

func TestDBFS_putFile(t *testing.T) {
	s := newServer(t, WithoutSocket())
	put := func(parts ...formPart) string {
		body, setType := form(t, parts...)
		got := send(t, s, "POST", dbfs+"put", body, setType)
		return fmt.Sprintf("%d %s", got.status, got.body)
	}
	path := func(p string) formPart { return formPart{"path", nil, p} }
	yes := formPart{"overwrite", nil, "True"}
	const done = "200 {}"
	const taken = `400 {"error_code":"RESOURCE_ALREADY_EXISTS","message":"A file or directory already exists at the input path dbfs:/a."}`

	assert.Equal(t, done, put(path("/a"), formPart{"contents", new("x.txt"), "one"}))
	assert.Equal(t, taken, put(path("/a"), formPart{"contents", new("x.txt"), "two"}))
	assert.Equal(t, done, put(path("/a"), yes, formPart{"filedata", new(""), "three"}), "an empty file name is one")
	assert.Equal(t, done, put(formPart{"file", new("x"), "four"}, yes, path("/a")), "the order does not matter")
	converse(t, s, []step{{call: "GET " + dbfs + "read?path=/a", want: `{"bytes_read":4,"data":"Zm91cg=="}`}})
	assert.Equal(t, done, put(path("/a"), yes, formPart{"contents", nil, "aGVsbG8="}), "without a file name it is base64")
	converse(t, s, []step{{call: "GET " + dbfs + "read?path=/a", want: `{"bytes_read":5,"data":"aGVsbG8="}`}})
	assert.Equal(t, `400 {"error_code":"MALFORMED_REQUEST","message":"Could not parse request object: contents is not base64"}`, put(path("/b"), formPart{"contents", nil, "?"}))
	assert.Contains(t, put(path("/b"), formPart{"contents", nil, base64.StdEncoding.EncodeToString(make([]byte, maxBlock+1))}), "MAX_BLOCK_SIZE_EXCEEDED")
	assert.Contains(t, put(formPart{"contents", new("x"), "five"}), "Missing required field 'path'")
	body, setType := form(t, path("/b"), formPart{"contents", new("x"), "five"})
	assert.Equal(t, 400, send(t, s, "POST", dbfs+"put", body[:len(body)-20], setType).status, "a body that breaks off")
	converse(t, s, []step{{call: "GET " + dbfs + "get-status?path=/b", want: "404 RESOURCE_DOES_NOT_EXIST: No file or directory exists on path /b."}})
}

// Files of any size can be read in pieces of any size, at any offset.
func TestDBFS_content(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 3*maxBlock+12345)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	var streamed, whole contentWriter
	for rest := data; len(rest) > 0; {
		n := min(len(rest), random.IntN(maxBlock+1))
		streamed.write(bytes.Clone(rest[:n]))
		rest = rest[n:]
	}
	all, err := whole.readFrom(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	require.True(t, all)
	for name, c := range map[string]content{"in blocks": streamed.content(), "as a whole": whole.content()} {
		require.EqualValues(t, len(data), c.size, name)
		for range 200 {
			offset := random.IntN(len(data) + 1)
			n := min(len(data)-offset, random.IntN(maxBlock+1))
			got, err := c.slice(int64(offset), int64(n))
			require.NoError(t, err)
			require.True(t, bytes.Equal(data[offset:offset+n], got), "%s: %d from %d", name, n, offset)
		}
	}
	var over contentWriter
	all, err = over.readFrom(bytes.NewReader(data), int64(len(data)-1))
	require.NoError(t, err)
	assert.False(t, all)
}

// Later writes to a stream do not change content that was read before.
func TestDBFS_contentNeverChanges(t *testing.T) {
	var w contentWriter
	w.write([]byte("one"))
	before := w.content()
	w.write([]byte("two"))
	for want, c := range map[string]content{"one": before, "onetwo": w.content()} {
		got, err := c.bytes()
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

func TestDBFS_zerosShareABlock(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var w contentWriter
	_, err := w.readFrom(io.LimitReader(zeroReader{}, 1<<30), 1<<30)
	require.NoError(t, err)
	c := w.content()
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.EqualValues(t, 1<<30, c.size)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(8<<20))
	runtime.KeepAlive(c)
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }
