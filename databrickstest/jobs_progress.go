package databrickstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
)

// keepRuns is how long ended runs are kept.
const keepRuns = 60 * 24 * time.Hour

// States and results of runs and of attempts.
const (
	queued       = "QUEUED"
	blocked      = "BLOCKED"
	waiting      = "WAITING_FOR_RETRY"
	pending      = "PENDING"
	running      = "RUNNING"
	terminating  = "TERMINATING"
	terminated   = "TERMINATED"
	skipped      = "SKIPPED"
	internalFail = "INTERNAL_ERROR"

	success      = "SUCCESS"
	someFailed   = "SUCCESS_WITH_FAILURES"
	failed       = "FAILED"
	timedOut     = "TIMEDOUT"
	canceled     = "CANCELED"
	tooMany      = "MAXIMUM_CONCURRENT_RUNS_REACHED"
	excluded     = "EXCLUDED"
	afterFailed  = "UPSTREAM_FAILED"
	afterCancel  = "UPSTREAM_CANCELED"
	disabledTask = "DISABLED"
)

// runParams are the parameters of one run.
type runParams struct {
	JAR         []string          `json:"jar_params,omitzero"`
	Notebook    map[string]string `json:"notebook_params,omitzero"`
	Python      []string          `json:"python_params,omitzero"`
	PythonNamed map[string]string `json:"python_named_params,omitzero"`
	Submit      []string          `json:"spark_submit_params,omitzero"`
	SQL         map[string]string `json:"sql_params,omitzero"`
	DBT         []string          `json:"dbt_commands,omitzero"`
	Pipeline    map[string]any    `json:"pipeline_params,omitzero"`
}

func (p runParams) check() error {
	for name, size := range map[string]int{
		"jar_params": jsonSize(p.JAR), "notebook_params": jsonSize(p.Notebook), "python_params": jsonSize(p.Python), "spark_submit_params": jsonSize(p.Submit),
	} {
		if size > 10000 {
			return invalid("The JSON representation of %s must not exceed 10,000 bytes.", name)
		}
	}
	if p.JAR != nil && p.Notebook != nil {
		return invalid("jar_params and notebook_params cannot be specified together.")
	}
	for _, text := range slices.Concat(p.JAR, p.Python, p.Submit, slices.Collect(maps.Keys(p.Notebook)), slices.Collect(maps.Values(p.Notebook))) {
		if !ascii(text) {
			return invalid("Parameters must consist of ASCII characters only.")
		}
	}
	return nil
}

// A run is one execution of a job, or a submitted run.
type run struct {
	id      int64
	seq     int64  // in order of creation
	token   string // the idempotency token that it was created with
	job     *job   `state:"ref"` // nil for submitted runs
	jobID   int64  // also set for submitted runs
	name    string
	creator string
	acl     []jobACL
	kind    string // run_type
	trigger string
	parent  *attempt `state:"ref"` // the run-job task that started it
	outer   *attempt `state:"-"`   // the for-each task, if this is its inner run

	concurrency int // maximum number of tasks that run concurrently; 0 for no limit

	settings  map[string]any // as they were at the start; never changed
	view      jobView        `state:"-"`
	single    bool           // a single-task job, without a list of tasks
	schedule  any            // the settings of the schedule that fired
	params    runParams
	jobParams map[string]string
	tasks     []*runTask
	attempts  []*attempt // in order of creation
	repairs   []repair
	shared    map[string]string // clusters by job_cluster_key

	created time.Time
	start   time.Time // zero while it is queued
	end     time.Time // zero while it is active
	// The outcome. While the run is active, life is QUEUED or empty.
	life, result, message string
	canceled              bool
}

// A repair runs some tasks of a run again.
type repair struct {
	id         int64
	start, end time.Time
}

// A runTask is a task of a run.
type runTask struct {
	tree map[string]any
	view taskView `state:"-"`
	last *attempt `state:"-"`
}

// An attempt is one execution of a task. The API calls it a task run.
type attempt struct {
	id     int64
	run    *run     `state:"-"`
	task   *runTask `state:"-"`
	place  int      // index of the task in the run
	number int
	repair int64 // the repair that started it; 0 for none

	life, result, message string
	at                    time.Time // time of the next step; zero if it depends on others
	start                 time.Time // when it requested a cluster
	running               time.Time // when its work started
	worked                time.Time // when its work ended
	end                   time.Time
	canceled              bool

	outcome RunOutcome
	cluster string
	own     bool // no other attempt uses the cluster
	context string
	child   *run `state:"ref"` // of a run-job task or a for-each task
	input   any  // the input, if this is an iteration

	iterations *run // the child of a for-each task

	resolved *taskView          // the settings with resolved references; set at the start
	stop     context.CancelFunc `state:"-"` // ends the work of RunOutcome.Later
}

// view returns the task's settings that have an effect, with references
// resolved as far as possible.
func (t *attempt) view() *taskView {
	if t.resolved != nil {
		return t.resolved
	}
	return &t.task.view
}

// done reports whether the attempt has ended.
func (t *attempt) done() bool { return over(t.life) }

func over(life string) bool { return life == terminated || life == skipped || life == internalFail }

// A runStore has all runs that are kept.
type runStore struct {
	byID     map[int64]*run
	attempts map[int64]*attempt
	order    []*run // oldest first
	active   []*run
	inner    []*run // active inner runs of for-each tasks
	swept    time.Time
}

func (s *runStore) add(r *run) {
	if s.byID == nil {
		s.byID, s.attempts = map[int64]*run{}, map[int64]*attempt{}
	}
	s.byID[r.id] = r
	s.order = append(s.order, r)
	s.active = append(s.active, r)
}

// forget removes runs. It calls leave for those that are active.
func (s *runStore) forget(which func(*run) bool, leave func(*run)) {
	s.order = slices.DeleteFunc(s.order, func(r *run) bool {
		if !which(r) {
			return false
		}
		if r.end.IsZero() {
			leave(r)
		}
		delete(s.byID, r.id)
		for _, t := range r.attempts {
			delete(s.attempts, t.id)
			if t.child != nil && t.child.outer == t {
				for _, it := range t.child.attempts {
					delete(s.attempts, it.id)
				}
			}
		}
		return true
	})
	s.active = slices.DeleteFunc(s.active, which)
	s.inner = slices.DeleteFunc(s.inner, func(r *run) bool { return which(r.root()) })
}

// forget removes runs. Their idempotency tokens stay in use.
func (a *jobsArea) forget(which func(*run) bool, leave func(*run)) {
	for _, r := range a.runs.order {
		if which(r) {
			a.server.touchRun(r)
			if r.token != "" {
				delete(a.tries, r.token)
				a.spent[r.token] = true
				a.server.touch(kindCollection, "spent-tokens")
			}
		}
	}
	a.runs.forget(which, leave)
}

// A schedule starts runs of a job over time.
type schedule struct {
	cron  *cron `state:"-"` // from the settings of the job
	every time.Duration
	due   time.Time // zero: never

	always   bool // continuous: a new run starts when one ends
	failures int  // consecutive failures of these runs
}

// set sets the schedule from valid settings.
func (s *schedule) set(view jobView, now time.Time) {
	*s = schedule{}
	if view.Schedule != nil && view.Schedule.Pause != "PAUSED" {
		s.cron, _ = parseCron(view.Schedule.Cron, view.Schedule.Zone)
	}
	if trigger := view.Trigger; trigger != nil && trigger.Periodic != nil && trigger.Pause != "PAUSED" {
		unit := map[string]time.Duration{"MINUTES": time.Minute, "HOURS": time.Hour, "DAYS": 24 * time.Hour, "WEEKS": 7 * 24 * time.Hour}[trigger.Periodic.Unit]
		s.every = unit * time.Duration(trigger.Periodic.Interval)
	}
	s.move(now)
	if view.Continuous != nil && view.Continuous.Pause != "PAUSED" {
		s.always, s.due = true, now
	}
}

// ended schedules the next run of a continuous job. The pause grows with
// consecutive failures.
func (s *schedule) ended(result string, now time.Time) {
	if !s.always {
		return
	}
	pause := continuousPause
	if s.failures++; result == success || result == someFailed || result == canceled {
		s.failures = 0
	} else {
		pause = min(pause<<min(s.failures, 20), time.Hour)
	}
	s.due = now.Add(pause)
}

// continuousPause is the pause between two runs of a continuous job. The
// service says that it is less than a minute.
const continuousPause = 5 * time.Second

// move sets due to the next time after now.
func (s *schedule) move(now time.Time) {
	s.due = time.Time{}
	if s.cron != nil {
		s.due = s.cron.next(now)
	}
	if s.every > 0 {
		s.due = earlier(s.due, now.Add(s.every))
	}
}

// earlier returns the earlier of two times. The zero time means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// advance processes everything that is due until now, in order.
func (a *jobsArea) advance(now time.Time) {
	if a.going || now.Before(a.last) {
		return
	}
	if a.idle && len(a.lost) == 0 && (a.wake.IsZero() || now.Before(a.wake)) {
		a.last = now
		return
	}
	a.going = true
	defer func() { a.going = false }()
	fired := map[*job]int{}
	for {
		var (
			due  time.Time
			next func(time.Time)
		)
		for _, r := range slices.Concat(a.runs.active, a.runs.inner) {
			if t := r.due(); !t.IsZero() && (due.IsZero() || t.Before(due)) {
				due, next = t, func(t time.Time) { a.step(r, t) }
			}
		}
		for _, j := range a.jobs {
			if t := j.schedule.due; !t.IsZero() && (due.IsZero() || t.Before(due)) {
				due, next = t, func(t time.Time) {
					a.server.touchJob(j)
					j.schedule.move(t)
					if fired[j]++; fired[j] > 1000 && t.Before(now) { // after a leap of the clock, skip the other times
						j.schedule.move(now)
						if j.schedule.always {
							j.schedule.due = now
							return
						}
					}
					a.fire(j, t)
				}
			}
		}
		if len(a.lost) > 0 && (due.IsZero() || !a.lost[0].at.After(due)) {
			lost := a.lost[0]
			due, next = lost.at, func(t time.Time) { a.lose(lost.id, t) }
			if !due.After(now) {
				a.lost = a.lost[1:]
			}
		}
		if due.IsZero() || due.After(now) {
			a.idle, a.wake = true, due
			break
		}
		if due.Before(a.last) { // a time limit was set after it had passed
			due = a.last
		}
		a.last = due
		next(due)
	}
	a.last = now
}

// sweep forgets runs that are no longer kept.
func (a *jobsArea) sweep(now time.Time) {
	if now.Sub(a.runs.swept) > time.Hour {
		a.runs.swept = now
		a.forget(func(r *run) bool { return !r.end.IsZero() && now.Sub(r.end) > keepRuns }, nil)
	}
}

// fire starts a scheduled run of a job. It skips the run if the run cannot
// start.
func (a *jobsArea) fire(j *job, now time.Time) {
	if j.schedule.always && slices.ContainsFunc(a.runs.active, func(r *run) bool { return r.job == j }) {
		return // when the run ends, the next one becomes due
	}
	if a.count(now) != nil || len(a.runs.active) >= a.limits.ActiveRuns {
		j.schedule.ended(tooMany, now)
		return
	}
	r := a.newRun(j, now)
	r.trigger = "PERIODIC"
	if j.schedule.always {
		r.trigger = "CONTINUOUS"
	}
	if shown, ok := j.settings["schedule"].(map[string]any); ok {
		r.schedule = shown
	}
	a.begin(r, now)
}

// newRun returns a new run of a job. begin starts it.
func (a *jobsArea) newRun(j *job, now time.Time) *run {
	return &run{id: a.newID(), job: j, jobID: j.id, name: j.view.Name, creator: j.creator, acl: j.acl, kind: "JOB_RUN", trigger: "ONE_TIME",
		settings: j.settings, view: j.view, created: now}
}

// begin starts a new run, queues it or skips it.
func (a *jobsArea) begin(r *run, now time.Time) {
	active := 0
	if r.job != nil {
		for _, other := range a.runs.active {
			if other.job == r.job && other.life != queued {
				active++
			}
		}
	}
	trees, single := tasksOf(r.settings, r.view)
	r.single = single
	r.tasks = make([]*runTask, len(trees))
	for i, tree := range trees {
		r.tasks[i] = &runTask{tree: tree}
		if err := decode(tree, &r.tasks[i].view); err != nil {
			panic(err) // it was validated
		}
	}
	r.seq = a.next()
	a.runs.add(r)
	a.server.touchRun(r)
	most := 1
	if r.job == nil {
		most = a.limits.ActiveRuns
	} else if r.view.MaxConcurrent != nil {
		most = *r.view.MaxConcurrent
	}
	switch {
	case active < most:
		a.start(r, now)
	case most > 0 && r.view.Queue != nil && r.view.Queue.Enabled:
		r.life = queued
		r.message = fmt.Sprintf("Queued due to reaching maximum concurrent runs of %d.", most)
	default:
		r.start = now
		a.finish(r, now, skipped, tooMany, fmt.Sprintf("Skipping this run because the limit of %d maximum concurrent runs has been reached.", most))
	}
}

// start creates the first attempt of each task.
func (a *jobsArea) start(r *run, now time.Time) {
	a.server.touchRun(r)
	r.life, r.message, r.start = "", "", now
	for _, task := range r.tasks {
		a.attempt(r, task, 0, 0)
	}
	a.settle(r, now)
}

func (a *jobsArea) attempt(r *run, task *runTask, number int, repair int64) *attempt {
	t := &attempt{id: a.newID(), run: r, task: task, number: number, repair: repair, life: blocked, place: slices.Index(r.tasks, task)}
	task.last = t
	r.attempts = append(r.attempts, t)
	a.runs.attempts[t.id] = t
	return t
}

// due returns the time of the next step in the run. The zero time means never.
func (r *run) due() time.Time {
	var due time.Time
	for _, task := range r.tasks {
		if t := task.last; t != nil && !t.done() {
			due = earlier(due, t.due())
		}
	}
	return due
}

func (t *attempt) due() time.Time {
	at := t.at
	if t.child != nil && t.life == running {
		at = t.child.end
	}
	if t.life == pending || t.life == running {
		at = earlier(at, t.deadline())
	}
	return at
}

// deadline returns the time when a time limit ends the attempt. The zero time
// means never. It uses the current time limit of the job.
func (t *attempt) deadline() time.Time {
	var deadline time.Time
	if limit := t.task.view.Timeout; limit > 0 && !t.run.single {
		deadline = t.start.Add(time.Duration(limit) * time.Second)
	}
	limit := t.run.view.Timeout
	if t.run.job != nil {
		limit = t.run.job.view.Timeout
	}
	if limit > 0 {
		begin := t.run.start
		if t.run.single { // the limit applies to each retry
			begin = t.start
		}
		deadline = earlier(deadline, begin.Add(time.Duration(limit)*time.Second))
	}
	return deadline
}

// step takes the steps of a run that are due.
func (a *jobsArea) step(r *run, now time.Time) {
	for _, task := range r.tasks {
		t := task.last
		if t == nil || t.done() {
			continue
		}
		if due := t.due(); due.IsZero() || due.After(now) {
			continue
		}
		if deadline := t.deadline(); (t.life == pending || t.life == running) && !deadline.IsZero() && !deadline.After(now) {
			a.endWork(t, now, timedOut, "Run timed out.")
			continue
		}
		switch t.life {
		case waiting:
			a.beginAttempt(t, now)
		case pending:
			a.beginWork(t, now)
		case running:
			switch {
			case t.child != nil && t.child.outer == t && t.child.result != success:
				a.endWork(t, now, failed, t.child.message)
			case t.child != nil && t.child.result != success && t.child.result != someFailed:
				a.endWork(t, now, failed, fmt.Sprintf("Run %d of job %d ended %s.", t.child.id, t.child.jobID, cmp.Or(t.child.result, t.child.life)))
			case t.outcome.Error != "":
				a.endWork(t, now, failed, "Workload failed, see run output for details")
			default:
				a.endWork(t, now, success, "")
			}
		case terminating:
			a.conclude(t, now, terminated)
		}
	}
	a.settle(r, now)
}

// beginAttempt requests a cluster.
func (a *jobsArea) beginAttempt(t *attempt, now time.Time) {
	t.start = now
	var view taskView
	if tree, ok := a.resolve(t, t.task.tree).(map[string]any); ok && decode(tree, &view) == nil {
		t.resolved = &view
	}
	t.outcome = a.outcome(t)
	if view.Condition != nil { // a condition needs no cluster and no time
		t.running, t.worked, t.result = now, now, success
		if t.outcome.Error != "" {
			t.result, t.message = failed, t.outcome.Error
		}
		a.conclude(t, now, terminated)
		return
	}
	t.life, t.message, t.at = pending, "Waiting for cluster", now.Add(a.server.timings.RunPending)
	problem := t.outcome.NoCluster
	if problem == "" {
		problem = a.takeCluster(t, now)
	}
	if problem != "" {
		a.fail(t, now, problem)
	}
}

// halt stops work that is still in progress.
func (t *attempt) halt() {
	if t.stop != nil {
		t.stop()
	}
}

// fail ends an attempt with INTERNAL_ERROR.
func (a *jobsArea) fail(t *attempt, now time.Time, problem string) {
	t.halt()
	if t.child != nil && t.child.outer == t && t.child.end.IsZero() {
		a.cancel(t.child, now)
	}
	t.message = problem
	if !t.running.IsZero() {
		t.result, t.worked = failed, now
	}
	a.conclude(t, now, internalFail)
}

// beginWork starts the work of an attempt.
func (a *jobsArea) beginWork(t *attempt, now time.Time) {
	if later, problem := a.clusterReady(t, now); problem != "" {
		a.fail(t, now, problem)
		return
	} else if later.After(now) {
		t.at = later
		return
	}
	t.life, t.running, t.message = running, now, "In run"
	if t.cluster != "" {
		t.context = strconv.FormatInt(a.server.random.id(), 10)
	}
	if a.script == nil && !a.anySource {
		if _, problem := a.source(t, now); problem != "" {
			a.fail(t, now, problem)
			return
		}
	}
	if t.view().ForEach != nil {
		t.at = time.Time{}
		if problem := a.iterate(t, now); problem != "" {
			a.fail(t, now, problem)
		}
		return
	}
	if t.outcome.Later != nil {
		t.at = time.Time{}
		a.workLater(t)
		return
	}
	if start := t.view().RunJob; start != nil {
		j := a.byID[start.Job]
		if j == nil {
			t.outcome.Error = fmt.Sprintf("Job %d does not exist.", start.Job)
			t.at = now
			return
		}
		t.child = a.newRun(j, now)
		t.child.trigger, t.child.parent, t.child.params, t.child.jobParams = "RUN_JOB_TASK", t, start.runParams, start.Params
		t.at = time.Time{}
		a.begin(t.child, now)
		return
	}
	length := cmp.Or(t.outcome.Duration, a.server.timings.RunTask)
	t.at = now.Add(max(length, 0))
}

// workLater runs the work of an attempt in a new goroutine.
func (a *jobsArea) workLater(t *attempt) {
	ctx, cancel := context.WithCancel(a.life)
	t.stop = cancel
	if !a.server.begin() {
		return // the server closes
	}
	later := t.outcome.Later
	go func() {
		defer a.server.done()
		defer cancel()
		outcome := findOut(ctx, later)
		a.server.mu.Lock()
		defer a.server.mu.Unlock()
		outcome.NoCluster, outcome.Later = "", nil
		t.outcome, t.stop = outcome, nil
		a.server.touchRun(t.run)
		now := a.server.now()
		a.advance(now)
		if t.life == running {
			t.at, a.idle = now, false
			a.advance(now)
		}
	}()
}

// findOut calls the user's function. If it panics, the outcome is an error.
func findOut(ctx context.Context, later func(context.Context) RunOutcome) (outcome RunOutcome) {
	defer func() {
		if p := recover(); p != nil {
			outcome = RunOutcome{Error: fmt.Sprintf("The script panicked: %v", p), Trace: string(debug.Stack())}
		}
	}()
	return later(ctx)
}

// endWork ends the work of an attempt. The attempt is then TERMINATING for a
// while.
func (a *jobsArea) endWork(t *attempt, now time.Time, result, message string) {
	t.halt()
	if t.child != nil && t.child.end.IsZero() {
		a.cancel(t.child, now)
	}
	t.life, t.result, t.message, t.worked = terminating, result, message, now
	t.canceled = result == canceled || result == timedOut
	t.at = now.Add(a.server.timings.RunTerminate)
}

// conclude ends an attempt, and creates a retry if the task has one left.
func (a *jobsArea) conclude(t *attempt, now time.Time, life string) {
	t.life, t.end, t.at = life, now, time.Time{}
	a.releaseCluster(t, now)
	view := t.task.view
	again := life == internalFail || t.result == failed || t.result == timedOut && view.RetryOnTime
	if !again || t.canceled && t.result != timedOut || t.run.canceled || view.Retries >= 0 && t.number >= view.Retries || t.run.kind == "SUBMIT_RUN" && t.run.single {
		return
	}
	next := a.attempt(t.run, t.task, t.number+1, t.repair)
	next.life, next.message = waiting, "Waiting for retry"
	// Retries may be unlimited. Later ones have a minimum interval, so that a
	// clock that leaps by a year does not create a million of them.
	distance := time.Duration(min(t.number, 6000)) * 10 * time.Millisecond
	next.at = now.Add(distance)
	if at := t.start.Add(time.Duration(view.RetryPause) * time.Millisecond); at.After(next.at) {
		next.at = at
	}
}

// settle starts the tasks whose dependencies have ended. If all tasks have
// ended, it ends the run.
func (a *jobsArea) settle(r *run, now time.Time) {
	a.server.touchRun(r)
	for changed := true; changed; {
		changed = false
		for _, task := range r.tasks {
			t := task.last
			if t == nil || t.life != blocked || !r.ready(task) {
				continue
			}
			changed = true
			switch result := r.verdict(task); result {
			case "":
				a.beginAttempt(t, now)
			default:
				t.life, t.result = skipped, result
				t.message = map[string]string{
					afterFailed: "An upstream task failed.", afterCancel: "An upstream task was cancelled.",
					disabledTask: "The task is disabled.", excluded: "The condition to run the task was not met.",
				}[result]
			}
		}
	}
	for _, task := range r.tasks {
		if task.last != nil && !task.last.done() {
			return
		}
	}
	life, result, message := r.sum()
	a.finish(r, now, life, result, message)
}

// ready reports whether a task can start: its dependencies have ended, or an
// iteration slot is free.
func (r *run) ready(task *runTask) bool {
	if r.concurrency > 0 {
		underWay := 0
		for _, other := range r.tasks {
			if other.last.life != blocked && !other.last.done() {
				underWay++
			}
		}
		return underWay < r.concurrency
	}
	for _, before := range task.view.DependsOn {
		if other := r.task(before.Key); other != nil && other.last != nil && !other.last.done() {
			return false
		}
	}
	return true
}

func (r *run) task(key string) *runTask {
	if i := slices.IndexFunc(r.tasks, func(t *runTask) bool { return t.view.Key == key }); i >= 0 {
		return r.tasks[i]
	}
	return nil
}

// verdict returns the result of a task that is skipped, or an empty string if
// the task must run.
func (r *run) verdict(task *runTask) string {
	if task.view.Disabled {
		return disabledTask
	}
	var all, good, bad, gone int
	for _, before := range task.view.DependsOn {
		other := r.task(before.Key)
		if other == nil || other.last == nil { // not part of this run
			continue
		}
		all++
		switch last := other.last; {
		case last.result == success && (before.Outcome == "" || before.Outcome == last.outcome.Output):
			good++
		case last.result == success:
		case last.result == canceled || last.result == afterCancel:
			gone++
		case last.result == failed || last.result == timedOut || last.result == afterFailed || last.life == internalFail:
			bad++
		}
	}
	runs := true
	switch task.view.RunIf {
	case "", "ALL_SUCCESS":
		runs = good == all
	case "NONE_FAILED":
		runs = bad+gone == 0 && (good > 0 || all == 0)
	case "AT_LEAST_ONE_SUCCESS":
		runs = good > 0 || all == 0
	case "AT_LEAST_ONE_FAILED":
		return map[bool]string{false: excluded}[bad > 0]
	case "ALL_FAILED":
		return map[bool]string{false: excluded}[bad == all]
	}
	switch {
	case runs:
		return ""
	case bad > 0:
		return afterFailed
	case gone > 0:
		return afterCancel
	}
	return excluded
}

// sum returns the outcome of a run whose tasks have all ended.
func (r *run) sum() (life, result, message string) {
	if r.canceled {
		return terminated, canceled, "Run cancelled."
	}
	depended := map[string]bool{}
	for _, task := range r.tasks {
		for _, before := range task.view.DependsOn {
			depended[before.Key] = true
		}
	}
	result = success
	for _, task := range r.tasks {
		t := task.last
		if t == nil || t.result == success || t.result == excluded || t.result == disabledTask {
			continue
		}
		leaf := !depended[task.view.Key]
		if result == success {
			result = someFailed
		}
		if leaf && result == someFailed {
			result = failed
		}
		switch {
		case t.result == timedOut && len(r.tasks) == 1:
			return terminated, timedOut, t.message
		case t.result == canceled && len(r.tasks) == 1:
			return terminated, canceled, t.message
		case t.life != skipped && message == "":
			message = fmt.Sprintf("Task %s failed with message: %s.", task.view.Key, t.message)
			if !leaf {
				message += " This caused all downstream tasks to get skipped."
			}
		}
	}
	if result == failed {
		return internalFail, failed, message
	}
	return terminated, result, ""
}

// finish ends a run, and starts the next queued run of the job.
func (a *jobsArea) finish(r *run, now time.Time, life, result, message string) {
	a.server.touchRun(r)
	r.life, r.result, r.message, r.end = life, result, message, now
	if n := len(r.repairs); n > 0 {
		r.repairs[n-1].end = now
	}
	a.releaseShared(r, now)
	is := func(other *run) bool { return other == r }
	a.runs.active, a.runs.inner = slices.DeleteFunc(a.runs.active, is), slices.DeleteFunc(a.runs.inner, is)
	if r.job == nil || r.outer != nil {
		return
	}
	r.job.schedule.ended(result, now)
	a.server.touchJob(r.job)
	i := slices.IndexFunc(a.runs.active, func(other *run) bool { return other.job == r.job && other.life == queued })
	if i >= 0 && life != skipped {
		a.start(a.runs.active[i], now)
	}
}

// cancel cancels all active attempts of a run.
func (a *jobsArea) cancel(r *run, now time.Time) {
	if !r.end.IsZero() {
		return
	}
	r.canceled = true
	if r.life == queued {
		r.start = now
		a.finish(r, now, terminated, canceled, "Run cancelled.")
		return
	}
	for _, task := range r.tasks {
		if t := task.last; t != nil {
			a.cancelAttempt(t, now)
		}
	}
	a.settle(r, now)
}

func (a *jobsArea) cancelAttempt(t *attempt, now time.Time) {
	switch t.life {
	case blocked, waiting:
		t.result, t.message, t.canceled = canceled, "Run cancelled.", true
		a.conclude(t, now, terminated)
	case pending, running:
		a.endWork(t, now, canceled, "Run cancelled.")
	}
}

// abandon ends a run whose job was deleted. The run is no longer visible.
func (a *jobsArea) abandon(r *run, now time.Time) {
	for _, t := range r.attempts {
		t.halt()
		if t.child != nil && t.child.outer == t {
			a.abandon(t.child, now)
		}
		a.releaseCluster(t, now)
	}
	a.releaseShared(r, now)
	r.end = now
}
