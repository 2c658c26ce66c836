package poll

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

var (
	errOutage = errors.New("outage")
	errDenied = errors.New("denied")
	errGone   = errors.New("gone")
)

// An outage is a period in which every poll fails.
type outage struct {
	from, to time.Duration
	err      error
}

// A wait tolerates outages of one minute at any time, and of a quarter of the time
// before them, but never more than half an hour. It continues once after each
// rejected credential, and never after a final error.
func TestWatch_tolerance(t *testing.T) {
	const lasts = 24 * time.Hour
	at := func(from, length time.Duration, err error) outage { return outage{from, from + length, err} }
	for _, row := range []struct {
		name    string
		outages []outage
		ends    time.Duration // earliest time at which it fails; 0 if it does not fail
	}{
		{"no outage", nil, 0},
		{"a second and a half", []outage{at(10*time.Second, 1500*time.Millisecond, errOutage)}, 0},
		{"the first minute", []outage{at(0, 58*time.Second, errOutage)}, 0},
		{"more than a minute at the beginning", []outage{at(0, time.Hour, errOutage)}, time.Minute},
		{"a minute soon after the beginning", []outage{at(time.Second, 55*time.Second, errOutage)}, 0},
		{"a quarter of an hour after an hour", []outage{at(time.Hour, 14*time.Minute, errOutage)}, 0},
		{"more than a quarter of the time", []outage{at(time.Hour, time.Hour, errOutage)}, 75 * time.Minute},
		{"half an hour after ten hours", []outage{at(10*time.Hour, 29*time.Minute, errOutage)}, 0},
		{"more than half an hour", []outage{at(10*time.Hour, time.Hour, errOutage)}, 630 * time.Minute},
		{"again and again", []outage{at(time.Minute, 50*time.Second, errOutage), at(2*time.Minute, 50*time.Second, errOutage), at(3*time.Minute, 50*time.Second, errOutage)}, 0},
		{"final", []outage{at(time.Minute, time.Millisecond, errGone), at(time.Minute, time.Hour, errGone)}, time.Minute},
		{"a credential that is rejected", []outage{at(time.Minute, time.Hour, errDenied)}, 70 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w := Watch[int]{
					Get: func(context.Context) (*int, error) {
						for _, o := range row.outages {
							if now := time.Since(start); o.from <= now && now < o.to {
								return nil, o.err
							}
						}
						return new(int), nil
					},
					Same: func(_, _ *int) bool { return true },
					Judge: func(err error, _ bool) Verdict {
						return map[error]Verdict{errOutage: Transient, errDenied: OnceMore, errGone: Final}[err]
					},
					Failed: func(err error) error { return err },
				}
				ctx, cancel := context.WithTimeout(t.Context(), lasts)
				defer cancel()
				var last error
				for _, err := range w.All(ctx) {
					last = err
				}
				if row.ends == 0 {
					assert.NoError(t, last)
					assert.Equal(t, lasts, time.Since(start))
					return
				}
				assert.ErrorIs(t, last, row.outages[0].err)
				assert.InDelta(t, row.ends, time.Since(start), float64(row.ends/10+10*time.Second))
			})
		})
	}
}

// After a rejected credential, one poll decides, even if a transient failure comes
// first.
func TestWatch_onceMore(t *testing.T) {
	for _, row := range []struct {
		name  string
		polls []error
		fails error
	}{
		{"renewed", []error{nil, errDenied, nil, errDenied, nil, errGone}, errGone},
		{"rejected for good", []error{nil, errDenied, errDenied, nil}, errDenied},
		{"an outage between", []error{nil, errDenied, errOutage, errDenied, nil}, errDenied},
		{"rejected from the beginning", []error{errDenied, nil}, errDenied},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			w := Watch[int]{
				Get: func(context.Context) (*int, error) {
					n++
					return new(n), row.polls[n-1]
				},
				Same: func(_, _ *int) bool { return false },
				Judge: func(err error, before bool) Verdict {
					switch {
					case err == errDenied && before:
						return OnceMore
					case err == errOutage:
						return Transient
					}
					return Final
				},
				Failed: func(err error) error { return err },
			}
			var last error
			for _, err := range w.All(t.Context()) {
				last = err
			}
			assert.Equal(t, row.fails, last, row.name)
		})
	}
}
