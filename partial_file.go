package databricks

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/go-databricks/databricks/internal/newfile"
)

// A partialFile is a local file that has some pieces of a remote file. It records
// its pieces in the file itself, after the offset of the last byte of the complete
// file. The record starts with the version of the remote file, followed by 8 bytes
// for each complete piece. It has a checksum of each piece. The record is therefore
// reliable even if the system crashes and has written the data in another order.
type partialFile struct {
	file *os.File
	size int64
	has  []bool // which pieces are complete
}

// pieceSize is the unit in which a partial file records its progress.
const pieceSize = 1 << 20

const recordSize = 8

// recorded is the second half of the record of a complete piece.
var recorded = [4]byte{'d', 'o', 'n', 'e'}

var checksums = crc32.MakeTable(crc32.Castagnoli)

// partialName returns the name of the partial file for a target. It is always the
// same, so that the next download finds the file.
func partialName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return tempPrefix + base32.StdEncoding.EncodeToString(sum[:])[:26]
}

// openPartial reads which pieces a partial file has of a remote file. If the pieces
// are of another version, it deletes them.
func openPartial(file *os.File, f *remoteFile) (*partialFile, error) {
	p := &partialFile{file: file, size: f.size, has: make([]bool, (f.size+pieceSize-1)/pieceSize)}
	version := f.version()
	mark := make([]byte, len(version))
	if _, err := file.ReadAt(mark, p.size); err == nil && string(mark) == version {
		return p, p.verify()
	}
	if err := file.Truncate(0); err != nil {
		return nil, err
	}
	_, err := file.WriteAt([]byte(version), p.size)
	return p, err
}

// version identifies the version of a remote file.
func (f *remoteFile) version() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "1 %q %d %d %q", f.path, f.size, f.modified.UnixMilli(), f.area.tag()))
	return string(sum[:])
}

func (p *partialFile) recordAt(piece int64) int64 { return p.size + sha256.Size + piece*recordSize }

// end returns the end of the piece that contains the byte at offset.
func (p *partialFile) end(offset int64) int64 {
	return min((offset/pieceSize+1)*pieceSize, p.size)
}

// verify finds out which pieces are complete.
func (p *partialFile) verify() error {
	var record [recordSize]byte
	buffer := make([]byte, pieceSize)
	for i := range p.has {
		if n, err := p.file.ReadAt(record[:], p.recordAt(int64(i))); n < len(record) {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if [4]byte(record[4:]) != recorded {
			continue
		}
		at := int64(i) * pieceSize
		piece := buffer[:p.end(at)-at]
		if _, err := p.file.ReadAt(piece, at); err != nil {
			return err
		}
		p.has[i] = crc32.Checksum(piece, checksums) == binary.BigEndian.Uint32(record[:])
	}
	return nil
}

// remaining returns the spans that the file does not have, each at most most bytes
// long. left is their total length.
func (p *partialFile) remaining(most int64) (spans []span, left int64) {
	for i := range p.has {
		if p.has[i] {
			continue
		}
		at := int64(i) * pieceSize
		length := p.end(at) - at
		left += length
		if last := len(spans) - 1; last >= 0 && spans[last].end() == at && spans[last].length+length <= most {
			spans[last].length += length
			continue
		}
		spans = append(spans, span{at, length})
	}
	return spans, left
}

// finish removes the record from the end of the file.
func (p *partialFile) finish() error { return p.file.Truncate(p.size) }

// A pieceWriter writes to a partial file, starting at the start of a piece. It
// records each complete piece.
type pieceWriter struct {
	*partialFile
	offset   int64
	checksum uint32
}

func (w *pieceWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		end := w.end(w.offset)
		part := p[n:min(len(p), n+int(end-w.offset))]
		if _, err := w.file.WriteAt(part, w.offset); err != nil {
			return n, err
		}
		n += len(part)
		w.offset += int64(len(part))
		w.checksum = crc32.Update(w.checksum, checksums, part)
		if w.offset == end {
			record := append(binary.BigEndian.AppendUint32(nil, w.checksum), recorded[:]...)
			if _, err := w.file.WriteAt(record, w.recordAt((end-1)/pieceSize)); err != nil {
				return n, err
			}
			w.checksum = 0
		}
	}
	return n, nil
}

// resumeFile is downloadFile that continues an earlier download.
func resumeFile(ctx context.Context, f *remoteFile, root *os.Root, name string, opts DownloadOptions) (err error) {
	to, err := newfile.Resume(root, name, partialName(name), opts.Overwrite)
	if err != nil {
		return err
	}
	defer func() {
		if errors.Is(err, ErrSourceChanged) {
			_ = to.Discard() // the partial file is useless
		} else {
			to.Close()
		}
	}()
	p, err := openPartial(to.File, f)
	if err != nil {
		return err
	}
	m := newProgressReporter(opts.Progress, f.size)
	defer m.stop()
	_, left := p.remaining(f.size)
	spans, _ := p.remaining(f.area.spanSize(left, cap(f.slots)))
	m.set(f.size - left)
	err = f.writeSpans(ctx, func(yield func(pendingSpan) bool) {
		for _, s := range spans {
			if !yield(pendingSpan{s, func() {}}) {
				return
			}
		}
	}, func(s span) io.Writer {
		return &trackedWriter{w: &pieceWriter{partialFile: p, offset: s.offset}, m: m}
	})
	if err == nil {
		err = f.area.unchanged(ctx, f, 0)
	}
	if err == nil {
		err = p.finish()
	}
	if err != nil {
		return err
	}
	return to.Commit(f.modified)
}
