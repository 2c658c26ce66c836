package databricks

import "sync"

// A progressReporter reports the progress of a transfer. It is safe for
// concurrent use. It reports nothing after stop.
type progressReporter struct {
	mu          sync.Mutex
	tell        func(done, total int64) // nil for no reports
	done, total int64
}

func newProgressReporter(tell func(done, total int64), total int64) *progressReporter {
	return &progressReporter{tell: tell, total: total}
}

// start sets the total number of bytes, of which none is transferred.
func (m *progressReporter) start(total int64) { m.change(func() { m.done, m.total = 0, total }) }

// set sets the number of bytes transferred.
func (m *progressReporter) set(done int64) { m.change(func() { m.done = done }) }

// add adds n to the number of bytes transferred.
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
