package databrickstest

import (
	"strconv"
	"sync"
)

// A block is a part of the content of a file. It never changes. A block of a
// Store is read when it is first needed.
type block struct {
	mu   sync.Mutex
	data []byte
	read func() ([]byte, error) // nil if data is set
}

// load returns the bytes of the block.
func (b *block) load() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.read != nil {
		data, err := b.read()
		if err != nil {
			return nil, err
		}
		b.data, b.read = data, nil
	}
	return b.data, nil
}

// short returns the bytes of a block that is short enough to be stored in its
// object.
func (b *block) short() (data []byte, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data, b.read == nil && len(b.data) <= inlineBytes
}

// A blobTable has the long blocks of the state. Each block is stored once, even
// if several objects refer to it.
type blobTable struct {
	byID   map[uint64]*blob
	ids    map[*block]uint64
	unused map[uint64]bool // blobs that no object refers to
	last   uint64
}

type blob struct {
	block *block
	uses  int
}

func blobKey(id uint64) string { return kindBlob + "/" + strconv.FormatUint(id, 10) }

func newBlobTable() *blobTable {
	return &blobTable{byID: map[uint64]*blob{}, ids: map[*block]uint64{}, unused: map[uint64]bool{}}
}

// add adds a blob that the store already has. No object refers to it yet.
func (t *blobTable) add(id string, b *block) error {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return err
	}
	t.byID[n], t.ids[b], t.unused[n] = &blob{block: b}, n, true
	t.last = max(t.last, n)
	return nil
}

// find returns nil if the blob does not exist.
func (t *blobTable) find(id uint64) *block {
	if b := t.byID[id]; b != nil {
		return b.block
	}
	return nil
}

// take counts one more reference to a block. isNew reports whether the table
// did not have the block before.
func (t *blobTable) take(b *block) (id uint64, isNew bool) {
	id, known := t.ids[b]
	if !known {
		t.last++
		id = t.last
		t.byID[id], t.ids[b] = &blob{block: b}, id
	}
	t.byID[id].uses++
	delete(t.unused, id)
	return id, !known
}

// release removes one reference to each blob.
func (t *blobTable) release(ids []uint64) {
	for _, id := range ids {
		if t.byID[id].uses--; t.byID[id].uses == 0 {
			t.unused[id] = true
		}
	}
}

func (t *blobTable) remove(id uint64) {
	delete(t.ids, t.byID[id].block)
	delete(t.byID, id)
	delete(t.unused, id)
}
