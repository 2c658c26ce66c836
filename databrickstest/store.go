package databrickstest

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"maps"
	"strings"
	"sync"
)

// A Store stores the state of a workspace, so that it survives the process. See
// [Server.Persist]. The state is a set of records. The contents of files are
// split into values of 1 MiB.
type Store interface {
	// Load calls record for each record. The value need not be valid after record
	// returns. A value that is a part of a file's content may be nil, because Read
	// reads it later.
	Load(record func(key string, value []byte) error) error

	// Read returns the value of a record. The value must not change afterwards.
	// Read must be safe to call during Save.
	Read(key string) ([]byte, error)

	// Save stores all changes durably. If it fails, it must store none. A nil
	// value deletes its record. Save must not change the values or keep them.
	Save(changes map[string][]byte) error
}

// Persist stores the workspace in store. It stores each change before it sends
// the response to the request that made the change. If the store already
// contains a workspace, Persist loads it and returns true. Otherwise it stores
// the current state. Call Persist once, before the first request. The contents
// of files are read from the store when they are first needed.
//
// If a change cannot be stored, the response is INTERNAL_ERROR. All later
// requests get the same response until the store works again. Changes made by
// methods of Server are stored with the next request or by Close.
//
// Persist does not store execution contexts of REST 1.2, recorded requests or
// faults. After loading, runs fail whose work was in progress in Python or in a
// script (see [RunOutcome]). If the clock of this process is behind the clock
// of the stored workspace, the workspace's clock continues from its stored
// time.
func (s *Server) Persist(store Store) (found bool, err error) {
	records, blobs := map[string][]byte{}, newBlobTable()
	err = store.Load(func(key string, value []byte) error {
		if id, ok := strings.CutPrefix(key, kindBlob+"/"); ok {
			return blobs.add(id, &block{read: func() ([]byte, error) { return store.Read(key) }})
		}
		records[key] = bytes.Clone(value)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("databrickstest: %w", err)
	}
	s.mu.Lock()
	s.saver = newSaver(store, blobs)
	if found = len(records) > 0; found {
		err = s.load(records, blobs.find, s.saver.isStored)
		s.touchCollections()
	} else {
		s.touchAll()
	}
	s.mu.Unlock()
	if err != nil {
		s.saver = nil
		return false, err
	}
	return found, s.commit()
}

// A saver stores changes.
type saver struct {
	store Store

	// Guarded by the workspace's lock:
	touched   map[string]struct{}
	stored    map[string]storedRecord
	blobs     *blobTable
	pending   map[string][]byte // changes that are not stored yet
	leaving   []*block          // blocks that pending deletes
	changes   int64             // number of times that pending has grown
	collected func(*Server)     // for tests; may be nil

	mu      sync.Mutex
	turn    *sync.Cond
	busy    bool  // a goroutine is saving
	durable int64 // number of changes that are stored
}

// A storedRecord describes a record that is stored or pending.
type storedRecord struct {
	hash  uint64
	blobs []uint64
}

var hashSeed = maphash.MakeSeed()

func hashOf(text []byte) uint64 { return maphash.Bytes(hashSeed, text) }

func newSaver(store Store, blobs *blobTable) *saver {
	sv := &saver{store: store, touched: map[string]struct{}{}, stored: map[string]storedRecord{}, blobs: blobs, pending: map[string][]byte{}}
	sv.turn = sync.NewCond(&sv.mu)
	return sv
}

// isStored records that the store has a record and the blobs that it refers to.
func (sv *saver) isStored(key string, text []byte, blobs []*block) {
	record := storedRecord{hash: hashOf(text)}
	for _, b := range blobs {
		id, _ := sv.blobs.take(b)
		record.blobs = append(record.blobs, id)
	}
	sv.stored[key] = record
}

// touchAll touches all existing records and all stored ones.
func (s *Server) touchAll() {
	if s.saver == nil {
		return
	}
	for key := range s.keys {
		s.saver.touched[key] = struct{}{}
	}
	for key := range s.saver.stored {
		s.saver.touched[key] = struct{}{}
	}
}

// collect adds changes of touched records to pending. The caller must hold the
// workspace's lock. collect returns the number of changes so far.
func (s *Server) collect() int64 {
	sv := s.saver
	changed := false
	delete(sv.touched, kindServer+"/") // collected last, if anything else changed
	for key := range sv.touched {
		changed = s.collectOne(key) || changed
	}
	clear(sv.touched)
	if _, stored := sv.stored[kindServer+"/"]; changed || !stored {
		s.collectOne(kindServer + "/")
		sv.changes++
	}
	for id := range sv.blobs.unused {
		sv.pending[blobKey(id)] = nil
		sv.leaving = append(sv.leaving, sv.blobs.find(id))
		sv.blobs.remove(id)
	}
	if sv.collected != nil {
		sv.collected(s)
	}
	return sv.changes
}

// collectOne collects one record, and reports whether it changed.
func (s *Server) collectOne(key string) bool {
	sv := s.saver
	old, was := sv.stored[key]
	object := s.object(key)
	if object == nil {
		if was {
			delete(sv.stored, key)
			sv.pending[key] = nil
			sv.blobs.release(old.blobs)
		}
		return was
	}
	e := stateEncoder{blob: func(b *block) uint64 {
		id, isNew := sv.blobs.take(b)
		if isNew {
			sv.pending[blobKey(id)], _ = b.load() // Snapshot has loaded the blocks of other stores
		}
		return id
	}}
	e.encode(object)
	text := e.Bytes()
	now := storedRecord{hashOf(text), e.blobs}
	sv.blobs.release(old.blobs)
	sv.stored[key] = now
	if was && old.hash == now.hash {
		return false
	}
	sv.pending[key] = text
	return true
}

// commit waits until all changes so far are stored. Requests that call it while
// another one is saving are saved together afterwards.
func (s *Server) commit() error {
	if s.saver == nil {
		return nil
	}
	sv := s.saver
	s.mu.Lock()
	wanted := s.collect()
	s.mu.Unlock()
	sv.mu.Lock()
	defer sv.mu.Unlock()
	for sv.durable < wanted {
		if sv.busy {
			sv.turn.Wait()
			continue
		}
		sv.busy = true
		sv.mu.Unlock()
		s.mu.Lock()
		batch, leaving, upTo := sv.pending, sv.leaving, sv.changes
		sv.pending, sv.leaving = map[string][]byte{}, nil
		s.mu.Unlock()
		for _, b := range leaving {
			_, _ = b.load() // a response or a snapshot may still need it
		}
		err := sv.save(batch)
		if err != nil { // a later attempt may succeed
			s.mu.Lock()
			for key, value := range batch {
				if _, newer := sv.pending[key]; !newer {
					sv.pending[key] = value
				}
			}
			s.mu.Unlock()
		}
		sv.mu.Lock()
		sv.busy = false
		sv.turn.Broadcast()
		if err != nil {
			return fmt.Errorf("The change could not be stored: %w", err)
		}
		sv.durable = upTo
	}
	return nil
}

// maxSave is the size of blobs that one call of Save stores, in bytes.
const maxSave = 64 << 20

// save stores a batch. It splits a large batch and stores blobs first, before
// the records that refer to them.
func (sv *saver) save(batch map[string][]byte) error {
	size, first := 0, map[string][]byte{}
	total := 0
	for _, value := range batch {
		total += len(value)
	}
	if total > maxSave {
		for key, value := range batch {
			if value == nil || !strings.HasPrefix(key, kindBlob+"/") {
				continue
			}
			first[key] = value
			if size += len(value); size > maxSave {
				if err := sv.store.Save(first); err != nil {
					return err
				}
				size, first = 0, map[string][]byte{}
			}
			delete(batch, key)
		}
		maps.Copy(batch, first)
	}
	return sv.store.Save(batch)
}
