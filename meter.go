package databricks

import "sync"

// A progressReporter tells somebody how far a transfer is, whoever moves its parts. It
// tells nothing once it is stopped.
type progressReporter struct {
	mu          sync.Mutex
	tell        func(done, total int64) // nil: nobody wants to know
	done, total int64
}

func newProgressReporter(tell func(done, total int64), total int64) *progressReporter {
	return &progressReporter{tell: tell, total: total}
}

// set says how much is done.
func (m *progressReporter) set(done int64) { m.change(func() { m.done = done }) }

// add says that n more bytes are done.
func (m *progressReporter) add(n int) { m.change(func() { m.done += int64(n) }) }

func (m *progressReporter) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f(); m.tell != nil {
		m.tell(m.done, m.total)
	}
}

func (m *progressReporter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tell = nil
}
