package databrickstest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// With DATABRICKSTEST_STORE=1, all tests of the package run with a store. The
// output lists changes that were not touched. This includes tests that change a
// server's objects directly.
func init() {
	if os.Getenv("DATABRICKSTEST_STORE") == "" {
		return
	}
	whenMade = func(s *Server) {
		if _, err := s.Persist(newMemoryStore()); err != nil {
			panic(err)
		}
		s.saver.collected = func(s *Server) {
			if len(s.saver.stored) > 1000 {
				return // it would take too long
			}
			if missed := s.untouched(); len(missed) > 0 {
				fmt.Fprintln(os.Stderr, "NOT TOUCHED:", missed)
				s.touchAll()
			}
		}
	}
}

// untouched returns the records that changed without being touched.
func (s *Server) untouched() (missed []string) {
	there := map[string]bool{}
	for key := range s.keys {
		there[key] = true
		if key == kindServer+"/" {
			continue
		}
		stored, ok := s.saver.stored[key]
		if !ok {
			missed = append(missed, "new "+key)
			continue
		}
		e := stateEncoder{blob: func(b *block) uint64 {
			id, known := s.saver.blobs.ids[b]
			if !known {
				missed = append(missed, "blob of "+key)
			}
			return id
		}}
		e.encode(s.object(key))
		if hashOf(e.Bytes()) != stored.hash {
			missed = append(missed, "changed "+key)
		}
	}
	for key := range s.saver.stored {
		if !there[key] {
			missed = append(missed, "gone "+key)
		}
	}
	return missed
}

// A memoryStore is a store whose content a test can read.
type memoryStore struct {
	mu      sync.Mutex
	records map[string][]byte
	saves   int
	reads   int
	fail    error
}

func newMemoryStore() *memoryStore { return &memoryStore{records: map[string][]byte{}} }

func (m *memoryStore) Load(record func(key string, value []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		if err := record(key, bytes.Clone(m.records[key])); err != nil {
			return err
		}
	}
	return nil
}

func (m *memoryStore) Read(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	value, ok := m.records[key]
	if !ok {
		return nil, errors.New("no such record: " + key)
	}
	return bytes.Clone(value), m.fail
}

func (m *memoryStore) Save(changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.saves++
	for key, value := range changes {
		if value == nil {
			delete(m.records, key)
		} else {
			m.records[key] = bytes.Clone(value)
		}
	}
	return nil
}

var errDisk = errors.New("the disk is full")

// Each field of an area is stored, or the test lists why it is not.
func TestState_complete(t *testing.T) {
	s := NewServer()
	defer s.Close()
	stored := map[uintptr]bool{}
	for _, at := range s.collections() {
		stored[reflect.ValueOf(at).Pointer()] = true
	}
	others := map[string]string{
		"identities":  "random byName",
		"clusters":    "s byID inOrder byToken pinned pinLimit watchers users",
		"dbfs":        "root streams deleteLimit early off",
		"files":       "limits noURLs google sessions byID",
		"groups":      "account",
		"jobs":        "server limits script python anySource life end jobs byID recent last going idle wake lost runs seq tries",
		"libraries":   "s everywhere",
		"permissions": "s", "policies": "s byID", "pools": "s byID byToken", "scim": "s lag",
		"oauth":     "Server policies life tenant",
		"secrets":   "vaults notebooksOnly standard",
		"tokens":    "policy",
		"volumes":   "wantSchemas wantVolumes",
		"workspace": "root newerErrors",
		"v12":       "s executor closed contexts",
	}
	server := reflect.ValueOf(s).Elem()
	for name, known := range others {
		area := server.FieldByName(name)
		for i := range area.NumField() {
			field := area.Type().Field(i).Name
			is := stored[area.Field(i).UnsafeAddr()] && area.Field(i).Kind() != reflect.Pointer || slices.Contains(bytesFields(known), field)
			assert.True(t, is, "%s.%s is new: store it in collections, make a record of it, or say here that it needs none", name, field)
		}
	}
}

func bytesFields(text string) (names []string) {
	for _, name := range bytes.Fields([]byte(text)) {
		names = append(names, string(name))
	}
	return names
}

func TestStateCodec(t *testing.T) {
	type inner struct{ a, B int }
	type all struct {
		inner
		text   string
		binary string
		bytes  []byte
		small  *block
		large  *block
		empty  map[string]int
		byID   map[int64]*inner
		list   []inner
		tree   any
		zero   *int
		fn     func()
		secret int `state:"-"`
	}
	large := &block{data: bytes.Repeat([]byte("x"), inlineBytes+1)}
	tree := map[string]any{}
	require.NoError(t, parseObject([]byte(`{"a": [1, 2.50, "x", null, true, {"b": 12345678901234567890}]}`), tree))
	want := all{inner{1, 2}, "é<\"", "\xff\x00", []byte{}, &block{data: []byte("y")}, large, map[string]int{}, map[int64]*inner{7: {3, 4}}, []inner{{5, 0}}, tree, new(0), nil, 0}
	in := want
	in.fn, in.secret = func() {}, 5
	var blob *block
	e := stateEncoder{blob: func(b *block) uint64 { blob = b; return 9 }}
	e.encode(&in)
	assert.Equal(t, []uint64{9}, e.blobs)
	d := stateDecoder{blob: func(id uint64) *block {
		assert.EqualValues(t, 9, id)
		return blob
	}}
	var out all
	require.NoError(t, d.decode(e.Bytes(), &out), e.String())
	assert.Equal(t, want, out)
}
