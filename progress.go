package databricks

import "sync"

// A progressReporter reports the progress of a transfer. It is safe for
// concurrent use. It reports nothing after stop.
type progressReporter struct {
	mu          sync.Mutex
	report      func(done, total int64) // nil for no reports
	done, total int64
}

func newProgressReporter(report func(done, total int64), total int64) *progressReporter {
	return &progressReporter{report: report, total: total}
}

// start sets the total number of bytes, of which none is transferred.
func (p *progressReporter) start(total int64) { p.change(func() { p.done, p.total = 0, total }) }

// set sets the number of bytes transferred.
func (p *progressReporter) set(done int64) { p.change(func() { p.done = done }) }

// add adds n to the number of bytes transferred.
func (p *progressReporter) add(n int) { p.change(func() { p.done += int64(n) }) }

func (p *progressReporter) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f(); p.report != nil {
		p.report(p.done, p.total)
	}
}

func (p *progressReporter) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report = nil
}
