package databrickstest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// A Snapshot is the whole state of a workspace at one time: all objects, their
// ids and times, secrets and tokens. It never changes, and can be restored many
// times, into any number of servers. [Server.Snapshot] creates one.
type Snapshot struct {
	records map[string][]byte
	blobs   map[uint64]*block
}

// Snapshot returns the current state of the workspace. It shares the contents
// of files with the workspace, so it is small. Like [Server.Persist], it omits
// execution contexts, recorded requests and faults.
func (s *Server) Snapshot() *Snapshot {
	s.mu.Lock()
	snapshot := s.snapshot()
	s.mu.Unlock()
	_ = snapshot.load() // the snapshot must not need the store; if this fails, a later use fails
	return snapshot
}

// load reads the contents of files that were not read from the store before.
func (snapshot *Snapshot) load() error {
	for _, b := range snapshot.blobs {
		if _, err := b.load(); err != nil {
			return fmt.Errorf("databrickstest: snapshot: %w", err)
		}
	}
	return nil
}

func (snapshot *Snapshot) blob(id uint64) *block { return snapshot.blobs[id] }

func (s *Server) snapshot() *Snapshot {
	snapshot, blobs := &Snapshot{map[string][]byte{}, map[uint64]*block{}}, newBlobTable()
	for key := range s.keys {
		e := stateEncoder{blob: func(b *block) uint64 {
			id, _ := blobs.take(b)
			snapshot.blobs[id] = b
			return id
		}}
		e.encode(s.object(key))
		snapshot.records[key] = e.Bytes()
	}
	return snapshot
}

// Restore replaces the state of the workspace with that of a snapshot. The
// snapshot may come from another server. The tokens become those of the
// snapshot, and so does [Server].Token. If Token changes, no other goroutine
// may read it during the call. The workspace's clock never goes back. If the
// time of the snapshot is later than the clock, the clock moves forward to that
// time. Uploads in progress fail. If Restore fails, the workspace does not
// change.
func (s *Server) Restore(snapshot *Snapshot) error {
	if err := snapshot.load(); err != nil {
		return err
	}
	s.mu.Lock()
	before := s.snapshot()
	err := s.load(snapshot.records, snapshot.blob, nil)
	if err != nil {
		err = errors.Join(err, s.load(before.records, before.blob, nil))
	}
	s.touchAll()
	s.mu.Unlock()
	return errors.Join(err, s.commit())
}

// Reset returns the workspace to the state that [NewServer] created, except for
// the clock, which continues. [Server].Token stays valid. Reset removes the
// recorded requests, and all faults except those of [WithFaults]. Scripts stay
// in effect.
func (s *Server) Reset() error {
	first := NewServer(append(slices.Clone(s.options), func(first *Server) {
		first.listener, first.noSocket, first.clock, first.speed = nil, true, s.now, 1
	})...)
	defer first.Close()
	admin := first.identities.tokens[first.Token]
	delete(first.identities.tokens, first.Token)
	admin.value, first.Token = s.Token, s.Token
	first.identities.tokens[s.Token] = admin
	if err := s.Restore(first.Snapshot()); err != nil {
		return err
	}
	s.ForgetRequests()
	s.ClearFaults()
	s.Inject(s.wantFaults...)
	return nil
}

// WriteTo writes the snapshot as a compressed tar archive, which [ReadSnapshot]
// reads. The archive contains the secrets and tokens of the workspace.
func (snapshot *Snapshot) WriteTo(w io.Writer) (int64, error) {
	counter := &countingWriter{w: w}
	zipped, _ := gzip.NewWriterLevel(counter, gzip.BestSpeed)
	archive := tar.NewWriter(zipped)
	put := func(name string, data []byte) error {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err := archive.Write(data)
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(snapshot.blobs)) {
		data, err := snapshot.blobs[id].load()
		if err == nil {
			err = put(blobKey(id), data)
		}
		if err != nil {
			return counter.n, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(snapshot.records)) {
		if err := put("record/"+url.PathEscape(key), snapshot.records[key]); err != nil {
			return counter.n, err
		}
	}
	if err := archive.Close(); err != nil {
		return counter.n, err
	}
	return counter.n, zipped.Close()
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// ReadSnapshot reads a snapshot that [Snapshot.WriteTo] wrote. It fails if the
// snapshot is incomplete or damaged.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("databrickstest: not a snapshot: %w", err)
	}
	snapshot, blobs := &Snapshot{map[string][]byte{}, map[uint64]*block{}}, newBlobTable()
	archive := tar.NewReader(zipped)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("databrickstest: snapshot: %w", err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, fmt.Errorf("databrickstest: snapshot: %w", err)
		}
		if key, ok := strings.CutPrefix(header.Name, "record/"); ok {
			if key, err = url.PathUnescape(key); err != nil {
				return nil, fmt.Errorf("databrickstest: snapshot: %w", err)
			}
			snapshot.records[key] = data
		} else if id, ok := strings.CutPrefix(header.Name, kindBlob+"/"); ok {
			if err := blobs.add(id, &block{data: data}); err != nil {
				return nil, fmt.Errorf("databrickstest: snapshot: %w", err)
			}
		}
	}
	if _, err := io.Copy(io.Discard, zipped); err != nil { // the checksum is at the end
		return nil, fmt.Errorf("databrickstest: snapshot: %w", err)
	}
	if snapshot.records[kindServer+"/"] == nil {
		return nil, errors.New("databrickstest: not a snapshot: the archive has no state of a workspace")
	}
	for id, b := range blobs.byID {
		snapshot.blobs[id] = b.block
	}
	return snapshot, nil
}
