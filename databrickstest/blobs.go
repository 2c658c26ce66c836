package databrickstest

import (
	"strconv"
)

// A blobTable has the long byte slices of the state. Each slice is stored once,
// even if several objects refer to it. The slices never change, so the address
// and the length of a slice identify it.
type blobTable struct {
	byID   map[uint64]*blob
	bySpan map[blobSpan]uint64
	unused map[uint64]bool // blobs that no object refers to
	last   uint64
}

type blob struct {
	data []byte
	uses int
}

type blobSpan struct {
	first *byte
	size  int
}

func spanOf(data []byte) blobSpan { return blobSpan{&data[0], len(data)} }

func blobKey(id uint64) string { return kindBlob + "/" + strconv.FormatUint(id, 10) }

func newBlobTable() *blobTable {
	return &blobTable{byID: map[uint64]*blob{}, bySpan: map[blobSpan]uint64{}, unused: map[uint64]bool{}}
}

// add adds a blob that the store already has.
func (t *blobTable) add(id string, data []byte) error {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || len(data) == 0 {
		return err
	}
	t.byID[n], t.bySpan[spanOf(data)] = &blob{data: data}, n
	t.last = max(t.last, n)
	return nil
}

// find returns nil if the blob does not exist.
func (t *blobTable) find(id uint64) []byte {
	if b := t.byID[id]; b != nil {
		return b.data
	}
	return nil
}

// take counts one more reference to a slice. isNew reports whether the table
// did not have the slice before.
func (t *blobTable) take(data []byte) (id uint64, isNew bool) {
	id, known := t.bySpan[spanOf(data)]
	if !known {
		t.last++
		id = t.last
		t.byID[id], t.bySpan[spanOf(data)] = &blob{data: data}, id
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
	delete(t.bySpan, spanOf(t.byID[id].data))
	delete(t.byID, id)
	delete(t.unused, id)
}
