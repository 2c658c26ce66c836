package databrickstest

import (
	"math/rand/v2"
	"time"
)

// Timings say how long operations take on the workspace's clock (see
// [WithSpeed]). [WatchableTimings] are slower. A zero means the default. A
// negative duration means no time.
type Timings struct {
	ClusterStart     time.Duration // from PENDING to RUNNING; default 300 ms
	ClusterRestart   time.Duration // from RESTARTING to RUNNING; default 200 ms
	ClusterResize    time.Duration // from RESIZING to RUNNING; default 150 ms
	ClusterTerminate time.Duration // from TERMINATING to TERMINATED; default 100 ms

	LibraryInstall   time.Duration // installation of a library on a running cluster; default 200 ms
	LibraryUninstall time.Duration // removal of a REST 1.2 library from a cluster; default 100 ms

	ContextStart  time.Duration // from Pending to Running; default 50 ms
	Command       time.Duration // a command without a script; default 20 ms
	CommandCancel time.Duration // from Cancelling to the end; default 20 ms

	RunPending   time.Duration // from PENDING to RUNNING on a running cluster; default 50 ms
	RunTask      time.Duration // a task without a script; default 200 ms
	RunTerminate time.Duration // from TERMINATING to the end; default 50 ms
}

// withDefaults returns the timings with all defaults filled in.
func (t Timings) withDefaults() Timings {
	for _, d := range []struct {
		of         *time.Duration
		isWhenZero time.Duration
	}{
		{&t.ClusterStart, 300 * time.Millisecond},
		{&t.ClusterRestart, 200 * time.Millisecond},
		{&t.ClusterResize, 150 * time.Millisecond},
		{&t.ClusterTerminate, 100 * time.Millisecond},
		{&t.LibraryInstall, 200 * time.Millisecond},
		{&t.LibraryUninstall, 100 * time.Millisecond},
		{&t.ContextStart, 50 * time.Millisecond},
		{&t.Command, 20 * time.Millisecond},
		{&t.CommandCancel, 20 * time.Millisecond},
		{&t.RunPending, 50 * time.Millisecond},
		{&t.RunTask, 200 * time.Millisecond},
		{&t.RunTerminate, 50 * time.Millisecond},
	} {
		if *d.of == 0 {
			*d.of = d.isWhenZero
		}
		*d.of = max(*d.of, 0)
	}
	return t
}

// WatchableTimings are slower timings for people who watch the workspace. A
// cluster starts in five seconds, and a task takes five seconds. The defaults
// are for tests.
func WatchableTimings() Timings {
	return Timings{
		ClusterStart: 5 * time.Second, ClusterRestart: 4 * time.Second, ClusterResize: 3 * time.Second, ClusterTerminate: 3 * time.Second,
		LibraryInstall: 3 * time.Second, LibraryUninstall: time.Second,
		ContextStart: time.Second, Command: time.Second, CommandCancel: 500 * time.Millisecond,
		RunPending: 3 * time.Second, RunTask: 5 * time.Second, RunTerminate: 2 * time.Second,
	}
}

// WithTimings sets how long operations take.
func WithTimings(timings Timings) Option { return func(s *Server) { s.timings = timings } }

// WithClock makes the workspace get its time from a function. The function must
// never go backward. It may be called from many goroutines.
func WithClock(now func() time.Time) Option { return func(s *Server) { s.clock = now } }

// WithSpeed makes the workspace's clock run factor times as fast as the real
// clock (or the one of [WithClock]), starting now. With 60, a cluster that
// terminates after ten idle minutes terminates after ten seconds.
//
// With a factor greater than 1, times in responses, such as a cluster's
// LastActivityTime, are ahead of time.Now. Compare them with [Server.Now].
func WithSpeed(factor float64) Option { return func(s *Server) { s.speed = factor } }

// WithSeed sets the seed of everything random in the workspace: IDs, tokens,
// names, and the requests that a [Fault] with a Rate hits. Two servers with the
// same seed return the same responses to the same requests at the same times.
func WithSeed(seed uint64) Option { return func(s *Server) { s.seed = seed } }

// startClock makes s.clock run at the configured speed.
func (s *Server) startClock() {
	if s.speed == 1 {
		return
	}
	slow, begin, factor := s.clock, s.clock(), s.speed
	s.clock = func() time.Time {
		return begin.Add(time.Duration(float64(slow().Sub(begin)) * factor))
	}
}

// Now returns the time on the workspace's clock, which is the clock of the
// times in responses. It differs from time.Now with WithSpeed and WithClock.
func (s *Server) Now() time.Time { return s.clock().Add(time.Duration(s.ahead.Load())) }

// now is the same as Now. A handler uses c.now instead, which does not change
// during a request.
func (s *Server) now() time.Time { return s.Now() }

// catchUp moves the clock forward to a time, if the clock is behind it.
func (s *Server) catchUp(to time.Time) {
	if behind := to.Sub(s.now()); behind > 0 {
		s.ahead.Add(int64(behind))
	}
}

// millis returns a time as in the API's JSON. The zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// random generates ids that are the same in each run with the same seed. It may
// only be used under the workspace's lock.
type random struct {
	*rand.Rand
	source *rand.PCG
}

func newRandom(seed uint64) random {
	source := rand.NewPCG(seed, 0xda7ab41c5)
	return random{rand.New(source), source}
}

// hex returns n hex digits.
func (r random) hex(n int) string { return r.text(n, "0123456789abcdef") }

// word returns n lower-case letters and digits.
func (r random) word(n int) string { return r.text(n, "abcdefghijklmnopqrstuvwxyz0123456789") }

// id returns a positive number with 19 digits, too long for a float64.
func (r random) id() int64 { return 1e18 + r.Int64N(8e18) | 1 }

// number returns a positive number with 16 digits, like the service's handles
// and object ids. JavaScript clients need numbers that a float64 holds exactly.
func (r random) number() int64 { return 1e15 + r.Int64N(8e15) }

func (r random) text(n int, alphabet string) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(text)
}
