package databrickstest

import (
	"math/rand/v2"
	"time"
)

// Timings say how long things take in the workspace, on its own clock (see
// [WithSpeed]). See [WatchableTimings] for slower ones. A zero is the default; a negative duration is no time at all.
type Timings struct {
	ClusterStart     time.Duration // from PENDING to RUNNING; 300 ms
	ClusterRestart   time.Duration // from RESTARTING to RUNNING; 200 ms
	ClusterResize    time.Duration // from RESIZING to RUNNING; 150 ms
	ClusterTerminate time.Duration // from TERMINATING to TERMINATED; 100 ms

	LibraryInstall   time.Duration // of one library on a running cluster; 200 ms
	LibraryUninstall time.Duration // of a library of REST 1.2 from a cluster; 100 ms

	ContextStart  time.Duration // from Pending to Running; 50 ms
	Command       time.Duration // of a command that nobody scripted; 20 ms
	CommandCancel time.Duration // from Cancelling to the end; 20 ms

	RunPending   time.Duration // from PENDING to RUNNING on a running cluster; 50 ms
	RunTask      time.Duration // of a task that nobody scripted; 200 ms
	RunTerminate time.Duration // from TERMINATING to its end; 50 ms
}

// withDefaults returns the durations that really apply.
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

// WatchableTimings are times that a person or a command line can watch: a cluster
// is up after five seconds, and a task takes as long. The defaults suit tests.
func WatchableTimings() Timings {
	return Timings{
		ClusterStart: 5 * time.Second, ClusterRestart: 4 * time.Second, ClusterResize: 3 * time.Second, ClusterTerminate: 3 * time.Second,
		LibraryInstall: 3 * time.Second, LibraryUninstall: time.Second,
		ContextStart: time.Second, Command: time.Second, CommandCancel: 500 * time.Millisecond,
		RunPending: 3 * time.Second, RunTask: 5 * time.Second, RunTerminate: 2 * time.Second,
	}
}

// WithTimings sets how long things take.
func WithTimings(timings Timings) Option { return func(s *Server) { s.timings = timings } }

// WithClock makes the workspace take its time from a function, which must
// never go back. It is called by many goroutines at once.
func WithClock(now func() time.Time) Option { return func(s *Server) { s.clock = now } }

// WithSpeed lets the workspace's clock run factor times as fast as the real
// one (or the one of [WithClock]), beginning now: with 60, a cluster that
// terminates after ten idle minutes does so after ten seconds.
//
// With a factor above 1, the times in responses, such as a cluster's
// LastActivityTime, run ahead of time.Now. Compare them with [Server.Now].
func WithSpeed(factor float64) Option { return func(s *Server) { s.speed = factor } }

// WithSeed changes all that looks random in the workspace: ids, tokens, names
// and the choice of a [Fault] with a Rate. Two servers with the same seed that
// get the same requests at the same times say the same.
func WithSeed(seed uint64) Option { return func(s *Server) { s.seed = seed } }

// startClock makes s.clock run at the wanted speed.
func (s *Server) startClock() {
	if s.speed == 1 {
		return
	}
	slow, begin, factor := s.clock, s.clock(), s.speed
	s.clock = func() time.Time {
		return begin.Add(time.Duration(float64(slow().Sub(begin)) * factor))
	}
}

// Now returns the time in the workspace, on the clock that its responses have
// their times from. It differs from time.Now with [WithSpeed] and [WithClock].
func (s *Server) Now() time.Time { return s.clock() }

// now is Now. A handler uses its call's, which stands still while it works.
func (s *Server) now() time.Time { return s.clock() }

// millis is the form of times in the API's JSON; 0 for no time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// random is a source of ids that are the same in each run. It may be used
// under the workspace's lock only.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 0xda7ab41c5))} }

// hex returns n hex digits.
func (r random) hex(n int) string { return r.text(n, "0123456789abcdef") }

// word returns n lower-case letters and digits.
func (r random) word(n int) string { return r.text(n, "abcdefghijklmnopqrstuvwxyz0123456789") }

// id returns a positive number with 19 digits, too long for a float64.
func (r random) id() int64 { return 1e18 + r.Int64N(8e18) | 1 }

// number returns a positive number with 16 digits, as the service's handles and
// object ids are. Clients in JavaScript need them to be exact in a float64.
func (r random) number() int64 { return 1e15 + r.Int64N(8e15) }

func (r random) text(n int, alphabet string) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(text)
}
