package databrickstest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A RunSpec tells a script about an attempt at a task that begins.
type RunSpec struct {
	JobID     int64 // of submitted runs, too, for which it is no job's
	RunID     int64 // of the run
	TaskRunID int64 // of the attempt
	RunName   string
	TaskKey   string
	Attempt   int               // 0 for the first
	Kind      string            // the task's field, such as notebook_task
	Target    string            // the notebook, the file, the class or the entry point, if it is one of these
	Params    map[string]string // by name, as the task gets them
	Args      []string          // by place, as the task gets them
	Task      json.RawMessage   // all of the task
}

// A RunOutcome says what becomes of an attempt at a task. Its zero value is
// success without output after [Timings].RunTask.
type RunOutcome struct {
	Duration  time.Duration // of the work; 0: Timings.RunTask; negative: none
	Output    string        // of a notebook: what it gives to dbutils.notebook.exit; of a condition: true or false
	Logs      string        // what a JAR, a Python file or a wheel prints
	Error     string        // not empty: the task fails, and says this
	Trace     string        // the stack trace that goes with Error
	NoCluster string        // not empty: the cluster cannot be had, and this is why; the work never begins
}

// WithRuns lets a function decide what becomes of each attempt at a task. It
// is called when the attempt begins, with the workspace locked, so it must not
// call the workspace.
func WithRuns(script func(RunSpec) RunOutcome) Option {
	return func(s *Server) { s.jobs.script = script }
}

// ScriptRuns is [WithRuns] for a server that is there already.
func (s *Server) ScriptRuns(script func(RunSpec) RunOutcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs.advance(s.now())
	s.jobs.script = script
}

// keepRuns is how long runs can be read after their end.
const keepRuns = 60 * 24 * time.Hour

// States of a run and of an attempt at a task, and their results.
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

// runParams are the values that one run is given.
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

// A run is one execution of a job or of a submission.
type run struct {
	id      int64
	job     *job  // nil for submissions
	jobID   int64 // of submissions, too
	name    string
	creator string
	acl     []jobACL
	kind    string // run_type
	trigger string
	parent  *attempt // the run-job task that made it

	settings  map[string]any // as they were at the beginning; never changed
	view      jobView
	single    bool // one task, without a list
	schedule  any  // the settings of the schedule that fired
	params    runParams
	jobParams map[string]string
	tasks     []*runTask
	attempts  []*attempt // in the order of their making
	repairs   []repair
	shared    map[string]string // clusters by job_cluster_key

	made  time.Time
	start time.Time // zero while it is queued
	end   time.Time // zero while it is active
	// How it ended; life is queued or empty before.
	life, result, message string
	cancelled             bool
}

// A repair is one more go at some tasks of a run.
type repair struct {
	id         int64
	start, end time.Time
}

// A runTask is a task of a run.
type runTask struct {
	tree map[string]any
	view taskView
	last *attempt
}

// An attempt is one go at a task. On the wire it is a task run.
type attempt struct {
	id     int64
	run    *run
	task   *runTask
	number int
	repair int64 // the repair that it belongs to; 0 for none

	life, result, message string
	at                    time.Time // of the next step; zero: others decide
	start                 time.Time // asked for a cluster
	running               time.Time // began to work
	worked                time.Time // ended its work
	end                   time.Time
	cancelled             bool

	outcome RunOutcome
	cluster string
	own     bool // the cluster is of this attempt alone
	context string
	child   *run // of a run-job task
}

// done tells whether the attempt is over.
func (t *attempt) done() bool { return over(t.life) }

func over(life string) bool { return life == terminated || life == skipped || life == internalFail }

// A runStore has all runs that can be read.
type runStore struct {
	byID     map[int64]*run
	attempts map[int64]*attempt
	order    []*run // oldest first
	active   []*run
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

// forget removes runs; leave is called with those that are active.
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
		}
		return true
	})
	s.active = slices.DeleteFunc(s.active, which)
}

// A schedule starts runs of a job as time goes by.
type schedule struct {
	cron  *cron
	every time.Duration
	due   time.Time // zero: never
}

// set makes the schedule that of settings which were checked.
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
}

// move finds the next time after now.
func (s *schedule) move(now time.Time) {
	s.due = time.Time{}
	if s.cron != nil {
		s.due = s.cron.next(now)
	}
	if s.every > 0 {
		s.due = earlier(s.due, now.Add(s.every))
	}
}

// earlier is the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// advance lets everything happen that is due by now, in its order.
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
		for _, r := range a.runs.active {
			if t := r.due(); !t.IsZero() && (due.IsZero() || t.Before(due)) {
				due, next = t, func(t time.Time) { a.step(r, t) }
			}
		}
		for _, j := range a.jobs {
			if t := j.schedule.due; !t.IsZero() && (due.IsZero() || t.Before(due)) {
				due, next = t, func(t time.Time) {
					j.schedule.move(t)
					if fired[j]++; fired[j] > 1000 { // of a clock that leapt, the rest is left out
						j.schedule.move(now)
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
		if due.Before(a.last) { // a time limit that was set after it was over
			due = a.last
		}
		a.last = due
		next(due)
	}
	a.last = now
}

// sweep forgets runs that nobody can read any more.
func (a *jobsArea) sweep(now time.Time) {
	if now.Sub(a.runs.swept) > time.Hour {
		a.runs.swept = now
		a.runs.forget(func(r *run) bool { return !r.end.IsZero() && now.Sub(r.end) > keepRuns }, nil)
	}
}

// fire starts a run of a job by its schedule. What cannot start is left out.
func (a *jobsArea) fire(j *job, now time.Time) {
	if a.count(now) != nil || len(a.runs.active) >= a.limits.ActiveRuns {
		return
	}
	r := a.newRun(j, now)
	r.trigger = "PERIODIC"
	if shown, ok := j.settings["schedule"].(map[string]any); ok {
		r.schedule = shown
	}
	a.begin(r, now)
}

// newRun makes a run of a job; begin starts it.
func (a *jobsArea) newRun(j *job, now time.Time) *run {
	return &run{id: a.newID(), job: j, jobID: j.id, name: j.view.Name, creator: j.creator, acl: j.acl, kind: "JOB_RUN", trigger: "ONE_TIME",
		settings: j.settings, view: j.view, made: now}
}

// begin lets a new run start, wait or be skipped.
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
			panic(err) // it was checked
		}
	}
	a.runs.add(r)
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

// start makes a first attempt at each task.
func (a *jobsArea) start(r *run, now time.Time) {
	r.life, r.message, r.start = "", "", now
	for _, task := range r.tasks {
		a.attempt(r, task, 0, 0)
	}
	a.settle(r, now)
}

func (a *jobsArea) attempt(r *run, task *runTask, number int, repair int64) *attempt {
	t := &attempt{id: a.newID(), run: r, task: task, number: number, repair: repair, life: blocked}
	task.last = t
	r.attempts = append(r.attempts, t)
	a.runs.attempts[t.id] = t
	return t
}

// due is when something next happens in the run by itself; zero for never.
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

// deadline is when a time limit ends the attempt; zero for never. That of the
// job is the one that it has now.
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
		if t.run.single { // each retry has its own time
			begin = t.start
		}
		deadline = earlier(deadline, begin.Add(time.Duration(limit)*time.Second))
	}
	return deadline
}

// step lets happen what is due in a run.
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

// beginAttempt asks for a cluster.
func (a *jobsArea) beginAttempt(t *attempt, now time.Time) {
	t.start = now
	t.outcome = a.outcome(t)
	if t.task.view.Condition != nil { // which needs none, and no time
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

// fail ends an attempt without its fault.
func (a *jobsArea) fail(t *attempt, now time.Time, problem string) {
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
	if start := t.task.view.RunJob; start != nil {
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

// endWork lets an attempt clean up.
func (a *jobsArea) endWork(t *attempt, now time.Time, result, message string) {
	if t.child != nil && t.child.end.IsZero() {
		a.cancel(t.child, now)
	}
	t.life, t.result, t.message, t.worked = terminating, result, message, now
	t.cancelled = result == canceled || result == timedOut
	t.at = now.Add(a.server.timings.RunTerminate)
}

// conclude ends an attempt, and makes the next one if there is to be one.
func (a *jobsArea) conclude(t *attempt, now time.Time, life string) {
	t.life, t.end, t.at = life, now, time.Time{}
	a.releaseCluster(t, now)
	view := t.task.view
	again := life == internalFail || t.result == failed || t.result == timedOut && view.RetryOnTime
	if !again || t.cancelled && t.result != timedOut || t.run.cancelled || view.Retries >= 0 && t.number >= view.Retries || t.run.kind == "SUBMIT_RUN" && t.run.single {
		return
	}
	next := a.attempt(t.run, t.task, t.number+1, t.repair)
	next.life, next.message = waiting, "Waiting for retry"
	// For ever is long: later attempts keep a distance, lest a clock that leaps
	// by a year makes a million of them.
	distance := time.Duration(min(t.number, 6000)) * 10 * time.Millisecond
	next.at = now.Add(distance)
	if at := t.start.Add(time.Duration(view.RetryPause) * time.Millisecond); at.After(next.at) {
		next.at = at
	}
}

// settle lets tasks begin for which all before them is over, and ends the run
// when all of it is.
func (a *jobsArea) settle(r *run, now time.Time) {
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

// ready tells whether all tasks before a task are over.
func (r *run) ready(task *runTask) bool {
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

// verdict says why a task whose turn has come is skipped; empty if it is not.
func (r *run) verdict(task *runTask) string {
	if task.view.Disabled {
		return disabledTask
	}
	var all, good, bad, gone int
	for _, before := range task.view.DependsOn {
		other := r.task(before.Key)
		if other == nil || other.last == nil { // left out of this run
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

// sum is how a run ended, all of whose tasks are over.
func (r *run) sum() (life, result, message string) {
	if r.cancelled {
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

// finish ends a run, and lets the next one in its queue start.
func (a *jobsArea) finish(r *run, now time.Time, life, result, message string) {
	r.life, r.result, r.message, r.end = life, result, message, now
	if n := len(r.repairs); n > 0 {
		r.repairs[n-1].end = now
	}
	a.releaseShared(r, now)
	a.runs.active = slices.DeleteFunc(a.runs.active, func(other *run) bool { return other == r })
	if r.job == nil {
		return
	}
	i := slices.IndexFunc(a.runs.active, func(other *run) bool { return other.job == r.job && other.life == queued })
	if i >= 0 && life != skipped {
		a.start(a.runs.active[i], now)
	}
}

// cancel ends what of a run is active.
func (a *jobsArea) cancel(r *run, now time.Time) {
	if !r.end.IsZero() {
		return
	}
	r.cancelled = true
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
		t.result, t.message, t.cancelled = canceled, "Run cancelled.", true
		a.conclude(t, now, terminated)
	case pending, running:
		a.endWork(t, now, canceled, "Run cancelled.")
	}
}

// abandon ends a run whose job is gone: nobody can look at it any more.
func (a *jobsArea) abandon(r *run, now time.Time) {
	for _, t := range r.attempts {
		a.releaseCluster(t, now)
	}
	a.releaseShared(r, now)
	r.end = now
}

// checkCluster refuses a cluster that a run could not have.
func checkCluster(tree map[string]any) error {
	var spec clusterSpec
	if err := decode(tree, &spec); err != nil {
		return err
	}
	return spec.check()
}

// takeCluster gives an attempt its cluster, or says why there is none.
func (a *jobsArea) takeCluster(t *attempt, now time.Time) (problem string) {
	clusters, view := &a.server.clusters, t.task.view
	var cl *cluster
	switch {
	case view.Existing != "":
		found, err := clusters.find(view.Existing, now)
		if err != nil {
			return fmt.Sprintf("Cluster %s does not exist", view.Existing)
		}
		if cl = found; cl.state == clusterTerminating { // wait until it can be started
			clusters.advance(cl, cl.due)
		}
		if cl.state == clusterTerminated {
			cl.note(now, "STARTING", eventDetails{User: t.run.creator})
			clusters.bringUp(cl, now, clusterPending, a.server.timings.ClusterStart)
		}
	case view.New != nil:
		cl = a.launch(t.run, view.New, now)
		t.own = true
	case view.ClusterKey != "":
		if id := t.run.shared[view.ClusterKey]; id != "" {
			cl, _ = clusters.find(id, now)
		}
		if cl == nil || cl.down() {
			for _, shared := range t.run.view.Clusters {
				if shared.Key == view.ClusterKey {
					cl = a.launch(t.run, shared.New, now)
				}
			}
			if t.run.shared == nil {
				t.run.shared = map[string]string{}
			}
			t.run.shared[view.ClusterKey] = cl.id
		}
	}
	if cl == nil { // serverless
		return ""
	}
	t.cluster = cl.id
	libraries := a.server.libraries.of(cl)
	for _, l := range view.Libraries {
		libraries.add(l)
	}
	if cl.usable() {
		a.server.libraries.schedule(libraries, now)
	}
	return ""
}

// launch makes a cluster for a run.
func (a *jobsArea) launch(r *run, tree map[string]any, now time.Time) *cluster {
	l := clusterLaunch{fields: tree, creator: r.creator, source: "JOB", jobID: r.jobID, runName: r.name}
	if err := decode(tree, &l.spec); err != nil {
		panic(err) // it was checked
	}
	l.spec.ClusterName = cmp.Or(l.spec.ClusterName, fmt.Sprintf("job-%d-run-%d", r.jobID, r.id))
	return a.server.clusters.launch(now, l)
}

// clusterReady tells when an attempt can begin to work, or why it never can.
func (a *jobsArea) clusterReady(t *attempt, now time.Time) (at time.Time, problem string) {
	if t.cluster == "" {
		return now, ""
	}
	cl, err := a.server.clusters.find(t.cluster, now)
	switch {
	case err != nil:
		return now, fmt.Sprintf("Cluster %s does not exist", t.cluster)
	case cl.down():
		return now, fmt.Sprintf("Cluster '%s' was terminated. Reason: %s. %s", cl.id, cl.reason.Code, cl.message)
	case !cl.usable():
		return cl.due, ""
	}
	libraries := a.server.libraries.of(cl)
	for _, l := range t.task.view.Libraries {
		known := libraries.find(l)
		switch {
		case known == nil:
		case known.end.After(now):
			return known.end, ""
		case known.stage(now) == "FAILED":
			return now, "Library installation failed: " + strings.Join(known.messages, " ")
		}
	}
	return now, ""
}

// releaseCluster ends the cluster of an attempt that has one of its own.
func (a *jobsArea) releaseCluster(t *attempt, now time.Time) {
	if t.own {
		a.endCluster(t.cluster, now)
	}
}

// releaseShared ends the clusters that the tasks of a run shared.
func (a *jobsArea) releaseShared(r *run, now time.Time) {
	for _, key := range slices.Sorted(maps.Keys(r.shared)) {
		a.endCluster(r.shared[key], now)
	}
	r.shared = nil
}

func (a *jobsArea) endCluster(id string, now time.Time) {
	if cl, err := a.server.clusters.find(id, now); err == nil && !cl.down() {
		a.server.clusters.terminate(cl, now, &terminationReason{Code: "JOB_FINISHED", Type: success}, "")
	}
}

// A lostCluster went down, or lost what lived in its driver.
type lostCluster struct {
	id string
	at time.Time
}

// clusterChanged notes what runs have to suffer, once time has come so far for them.
func (a *jobsArea) clusterChanged(change clusterChange) {
	if change.kind == clusterLostState || change.kind == clusterIsDown {
		a.lost = append(a.lost, lostCluster{change.cluster.id, change.at})
	}
}

// lose fails what worked on a cluster that is gone.
func (a *jobsArea) lose(id string, now time.Time) {
	for _, r := range slices.Clone(a.runs.active) {
		hit := false
		for _, task := range r.tasks {
			if t := task.last; t != nil && t.cluster == id && t.life == running {
				a.fail(t, now, fmt.Sprintf("Cluster '%s' was terminated during the run.", id))
				hit = true
			}
		}
		if hit {
			a.settle(r, now)
		}
	}
}

// lastUsed is when a run last used a cluster, up to a time.
func (a *jobsArea) lastUsed(cl *cluster, at time.Time) time.Time {
	a.advance(at)
	var used time.Time
	for _, t := range a.runs.attempts {
		switch {
		case t.cluster != cl.id || t.start.After(at):
		case t.end.IsZero() || t.end.After(at):
			return at
		case t.end.After(used):
			used = t.end
		}
	}
	return used
}

// outcome asks the script what becomes of an attempt.
func (a *jobsArea) outcome(t *attempt) RunOutcome {
	var out RunOutcome
	if a.script != nil {
		out = a.script(t.spec())
	}
	if condition := t.task.view.Condition; condition != nil && out.Output == "" {
		out.Output = strconv.FormatBool(compare(condition.Left, condition.Op, condition.Right))
	}
	return out
}

// compare is what a condition task does with literals.
func compare(left, op, right string) bool {
	l, err := strconv.ParseFloat(left, 64)
	r, err2 := strconv.ParseFloat(right, 64)
	order := cmp.Compare(l, r)
	if err != nil || err2 != nil {
		order = strings.Compare(left, right)
	}
	switch op {
	case "EQUAL_TO":
		return left == right
	case "NOT_EQUAL":
		return left != right
	case "GREATER_THAN":
		return order > 0
	case "GREATER_THAN_OR_EQUAL":
		return order >= 0
	case "LESS_THAN":
		return order < 0
	}
	return order <= 0
}

// spec tells about an attempt, with the parameters that it gets.
func (t *attempt) spec() RunSpec {
	r, task := t.run, t.task
	spec := RunSpec{JobID: r.jobID, RunID: r.id, TaskRunID: t.id, RunName: r.name, TaskKey: task.view.Key, Attempt: t.number, Kind: kindOf(task.tree),
		Params: map[string]string{}}
	spec.Task, _ = json.Marshal(task.tree)
	switch v := task.view; {
	case v.Notebook != nil:
		spec.Target = v.Notebook.Path
		maps.Copy(spec.Params, v.Notebook.Params)
		maps.Copy(spec.Params, r.params.Notebook)
	case v.JAR != nil:
		spec.Target, spec.Args = v.JAR.Class, given(r.params.JAR, v.JAR.Params)
	case v.Python != nil:
		spec.Target, spec.Args = v.Python.File, given(r.params.Python, v.Python.Params)
	case v.Submit != nil:
		spec.Args = given(r.params.Submit, v.Submit.Params)
	case v.Wheel != nil:
		spec.Target, spec.Args = v.Wheel.Entry, given(r.params.Python, v.Wheel.Params)
		maps.Copy(spec.Params, v.Wheel.Named)
		maps.Copy(spec.Params, r.params.PythonNamed)
	}
	for _, p := range r.jobParameters() {
		spec.Params[p["name"].(string)] = p["value"].(string)
	}
	return spec
}

// given is what a run was given, or else what the task has.
func given(params, own []string) []string {
	if params != nil {
		return params
	}
	return own
}

// jobParameters are the parameters of the job with their values in this run.
func (r *run) jobParameters() (params []map[string]any) {
	for _, p := range r.view.Parameters {
		value, ok := r.jobParams[p.Name]
		if !ok {
			value = p.Default
		}
		params = append(params, map[string]any{"name": p.Name, "default": p.Default, "value": value})
	}
	for _, name := range slices.Sorted(maps.Keys(r.jobParams)) {
		if !slices.ContainsFunc(params, func(p map[string]any) bool { return p["name"] == name }) {
			params = append(params, map[string]any{"name": name, "value": r.jobParams[name]})
		}
	}
	return params
}

func (a *jobsArea) registerRuns(s *Server, version, path string) {
	jobsRoute(s, "POST", path+"run-now", a.runNow)
	jobsRoute(s, "POST", path+"runs/submit", a.submit)
	jobsRoute(s, "GET", path+"runs/list", a.listRuns)
	jobsRoute(s, "GET", path+"runs/get", a.getRun)
	jobsRoute(s, "GET", path+"runs/export", a.export)
	jobsRoute(s, "POST", path+"runs/cancel", a.cancelRun)
	jobsRoute(s, "POST", path+"runs/cancel-all", a.cancelAll)
	jobsRoute(s, "GET", path+"runs/get-output", a.getOutput)
	jobsRoute(s, "POST", path+"runs/delete", a.deleteRun)
	if version != "2.0" {
		jobsRoute(s, "POST", path+"runs/repair", a.repair)
	}
}

// once finds the run of an idempotency token. A token stays that of its run,
// also when the run is over.
func (a *jobsArea) once(token string) (*run, error) {
	if len([]rune(token)) > 64 {
		return nil, invalid("The idempotency_token must be at most 64 characters long.")
	}
	r := a.tries[token]
	if r != nil && a.runs.byID[r.id] == nil {
		return nil, invalid("The run of the idempotency_token was deleted.")
	}
	return r, nil
}

// admit makes a new run begin, within the limits of the workspace.
func (a *jobsArea) admit(c *call, r *run, token string) error {
	if len(a.runs.active) >= a.limits.ActiveRuns {
		return fail(http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "The workspace has reached its limit of %d active runs.", a.limits.ActiveRuns)
	}
	if err := a.count(c.now); err != nil {
		return err
	}
	if token != "" {
		a.tries[token] = r
	}
	a.begin(r, c.now)
	return nil
}

func (a *jobsArea) runNow(c *call, in struct {
	ID     int64             `json:"job_id"`
	Params map[string]string `json:"job_parameters"`
	Only   []string          `json:"only"`
	Queue  *struct {
		Enabled bool `json:"enabled"`
	} `json:"queue"`
	Token string `json:"idempotency_token"`
	runParams
}) (any, error) {
	j, err := a.job(c, in.ID, toRun)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	token := ""
	if in.Token != "" {
		token = fmt.Sprintf("job %d %s", in.ID, in.Token)
	}
	r, err := a.once(token)
	if err == nil && len([]rune(in.Token)) > 64 {
		err = invalid("The idempotency_token must be at most 64 characters long.")
	}
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = a.newRun(j, c.now)
		r.creator, r.params, r.jobParams = c.user.name, in.runParams, in.Params
		if in.Queue != nil {
			r.view.Queue = in.Queue
		}
		if r.settings, err = only(r.settings, in.Only); err != nil {
			return nil, err
		}
		if err := a.admit(c, r, token); err != nil {
			return nil, err
		}
	}
	return map[string]int64{"run_id": r.id, "number_in_job": r.id}, nil
}

// only leaves of a job's tasks those that are named: +KEY with all before it,
// KEY+ with all after it.
func only(settings map[string]any, names []string) (map[string]any, error) {
	list, _ := settings["tasks"].([]any)
	if len(names) == 0 || len(list) == 0 {
		return settings, nil
	}
	before, after := map[string][]string{}, map[string][]string{}
	for _, tree := range list {
		var task taskView
		if err := decode(tree.(map[string]any), &task); err != nil {
			return nil, err
		}
		before[task.Key] = nil
		for _, other := range task.DependsOn {
			before[task.Key] = append(before[task.Key], other.Key)
			after[other.Key] = append(after[other.Key], task.Key)
		}
	}
	chosen := map[string]bool{}
	var choose func(key string, follow map[string][]string)
	choose = func(key string, follow map[string][]string) {
		if chosen[key] && follow == nil {
			return
		}
		chosen[key] = true
		for _, other := range follow[key] {
			choose(other, follow)
		}
	}
	for _, name := range names {
		key := strings.TrimSuffix(strings.TrimPrefix(name, "+"), "+")
		if _, known := before[key]; !known {
			return nil, invalid("Task '%s' does not exist in the job.", key)
		}
		choose(key, nil)
		if strings.HasPrefix(name, "+") {
			choose(key, before)
		}
		if strings.HasSuffix(name, "+") {
			choose(key, after)
		}
	}
	settings = maps.Clone(settings)
	settings["tasks"] = slices.DeleteFunc(slices.Clone(list), func(tree any) bool { return !chosen[tree.(map[string]any)["task_key"].(string)] })
	return settings, nil
}

func (a *jobsArea) submit(c *call, in struct {
	ACL   []jobACL `json:"access_control_list"`
	Token string   `json:"idempotency_token"`
}) (any, error) {
	settings, err := jobTypes().object(c.fields, "SubmitRun")
	if err != nil {
		return nil, err
	}
	view, err := a.check(c, settings, "SubmitRun")
	if err == nil {
		err = checkACL(in.ACL)
	}
	if err == nil && len([]rune(in.Token)) > 64 {
		err = invalid("The idempotency_token must be at most 64 characters long.")
	}
	if err != nil {
		return nil, err
	}
	token := ""
	if in.Token != "" {
		token = "submit " + in.Token
	}
	r, err := a.once(token)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &run{id: a.newID(), jobID: a.newID(), name: cmp.Or(view.RunName, "Untitled"), creator: c.user.name, acl: in.ACL, kind: "SUBMIT_RUN",
			trigger: "ONE_TIME", settings: settings, view: view, made: c.now}
		if err := a.admit(c, r, token); err != nil {
			return nil, err
		}
	}
	return map[string]int64{"run_id": r.id}, nil
}

// find returns a run by the id of its own or of an attempt, which is then the
// second result.
func (a *jobsArea) find(c *call, id int64, level int) (*run, *attempt, error) {
	r, t := a.runs.byID[id], a.runs.attempts[id]
	if t != nil {
		r = t.run
	}
	if !c.user.admin && (r == nil || !c.allows(r.creator, r.rights(), level)) {
		return nil, nil, denied("%s does not have %s permissions on Run with ID: %d. Please contact the owner or an administrator for access.",
			c.user.name, []string{"View", "Manage Run", "Manage"}[level], id)
	}
	if r == nil {
		return nil, nil, invalid("Run %d does not exist.", id)
	}
	return r, t, nil
}

// rights are who may do what with a run: those of its job as they are now.
func (r *run) rights() []jobACL {
	if r.job != nil {
		return append(slices.Clone(r.job.acl), jobACL{User: r.job.creator, Level: "IS_OWNER"})
	}
	return r.acl
}

func (a *jobsArea) listRuns(c *call, in struct {
	Job       int64  `json:"job_id"`
	Active    bool   `json:"active_only"`
	Completed bool   `json:"completed_only"`
	Type      string `json:"run_type"`
	From      int64  `json:"start_time_from"`
	To        int64  `json:"start_time_to"`
	Expand    bool   `json:"expand_tasks"`
	Offset    int    `json:"offset"`
	Limit     *int   `json:"limit"`
	Token     string `json:"page_token"`
}) (any, error) {
	most, limit := 25, 20
	if c.version == "2.0" {
		most = 999
	}
	if in.Limit != nil {
		limit = *in.Limit
	}
	switch {
	case in.Active && in.Completed:
		return nil, invalid("active_only and completed_only cannot be both true.")
	case limit < 0:
		return nil, invalid("Invalid limit %d - it must not be negative.", limit)
	case limit > most && c.version == "2.0", limit > most+1:
		return nil, invalid("Invalid limit %d - it has to be no more than %d.", limit, most+map[bool]int{true: 1}[c.version != "2.0"])
	case in.Offset < 0:
		return nil, invalid("Invalid offset %d - it must not be negative.", in.Offset)
	case in.Offset > 10000:
		return nil, offsetExceeded(in.Offset, 10000)
	case limit == 0:
		limit = most
	}
	var found []*run
	for _, r := range slices.Backward(a.runs.order) {
		started := millis(r.shownStart())
		switch {
		case in.Job != 0 && r.jobID != in.Job, in.Active && !r.end.IsZero(), in.Completed && r.end.IsZero(), in.Type != "" && r.kind != in.Type,
			in.From != 0 && started < in.From, in.To != 0 && started > in.To, !c.allows(r.creator, r.rights(), toView):
			continue
		}
		found = append(found, r)
	}
	begin := in.Offset
	if in.Token != "" && c.version != "2.0" {
		var err error
		if begin, err = a.placeOfRun(in.Token, found); err != nil {
			return nil, err
		}
	}
	begin = min(begin, len(found))
	end := min(begin+limit, len(found))
	rest := map[string]any{"has_more": end < len(found)}
	if c.version != "2.0" && end < len(found) {
		rest["next_page_token"] = tokenOf("r", int(found[end].id))
	}
	if c.version != "2.0" && begin > 0 {
		rest["prev_page_token"] = tokenOf("r", int(found[max(begin-limit, 0)].id))
	}
	shown := make([]any, 0, end-begin)
	for _, r := range found[begin:end] {
		out := a.showRun(c, r)
		switch {
		case c.version != "2.0" && !in.Expand:
			delete(out, "tasks")
			delete(out, "job_clusters")
		case c.version == "2.2":
			if next, _ := cutLists(out, "", "tasks", "job_clusters"); next != "" {
				out["has_more"] = true
			}
		}
		shown = append(shown, out)
	}
	return list{key: "runs", elements: slices.Values(shown), rest: rest}, nil
}

// placeOfRun returns where in a list the page of a token begins.
func (a *jobsArea) placeOfRun(token string, found []*run) (int, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	number, ok := strings.CutPrefix(string(text), "r ")
	id, numErr := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || numErr != nil {
		return 0, invalid("Invalid page token: %s", shortened(token))
	}
	if at := slices.IndexFunc(found, func(r *run) bool { return r.id == id }); at >= 0 {
		return at, nil
	}
	return 0, invalid("Invalid page token: %s", shortened(token)) // the run is gone, or no longer of the kind
}

func (a *jobsArea) getRun(c *call, in struct {
	ID       int64  `json:"run_id"`
	History  bool   `json:"include_history"`
	Resolved bool   `json:"include_resolved_values"`
	Token    string `json:"page_token"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toView)
	if err != nil {
		return nil, err
	}
	out := a.showRun(c, r)
	if t != nil {
		out = a.showTaskRun(c, t)
	}
	if in.History && t == nil {
		out["repair_history"] = r.history(c.version)
	}
	if in.Resolved {
		shown, _ := out["tasks"].([]any)
		for _, task := range shown {
			task := task.(map[string]any)
			task["resolved_values"] = a.runs.attempts[task["run_id"].(int64)].resolved()
		}
	}
	if c.version == "2.2" {
		next, err := cutLists(out, in.Token, "tasks", "job_clusters", "job_parameters", "repair_history")
		if err != nil {
			return nil, err
		}
		if next != "" {
			out["next_page_token"] = next
		}
	}
	return out, nil
}

// shownStart is when a run started, or came into the queue.
func (r *run) shownStart() time.Time {
	if r.start.IsZero() {
		return r.made
	}
	return r.start
}

// state is where an active run is, or how it ended.
func (r *run) state() (life, result, message string) {
	if r.life != "" {
		return r.life, r.result, r.message
	}
	lives, began := map[string]bool{}, false
	for _, t := range r.attempts {
		lives[t.life] = true
		began = began || !t.running.IsZero()
	}
	switch {
	case lives[running]:
		return running, "", "In run"
	case lives[terminating] && !lives[pending] && !lives[blocked]:
		if r.single {
			return terminating, r.tasks[0].last.result, r.tasks[0].last.message
		}
		return terminating, "", "Terminating the run"
	case lives[waiting] && r.single:
		return waiting, "", "Waiting for retry"
	case began:
		return running, "", "In run"
	}
	return pending, "", "Waiting for cluster"
}

// showRun returns a run as a version of the API shows it.
func (a *jobsArea) showRun(c *call, r *run) map[string]any {
	life, result, message := r.state()
	out := map[string]any{
		"job_id": r.jobID, "run_id": r.id, "job_run_id": r.id, "number_in_job": r.id, "original_attempt_run_id": r.id, "creator_user_name": r.creator,
		"run_name": r.name, "run_type": r.kind, "trigger": r.trigger, "format": "MULTI_TASK", "run_page_url": a.pageURL(r.jobID, r.id),
		"start_time": millis(r.shownStart()), "end_time": millis(r.end), "attempt_number": 0,
		"setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0,
	}
	if r.schedule != nil {
		out["schedule"] = r.schedule
	}
	if !r.end.IsZero() {
		out["run_duration"] = r.end.Sub(r.shownStart()).Milliseconds()
	}
	if !r.start.IsZero() && r.start.After(r.made) {
		out["queue_duration"] = r.start.Sub(r.made).Milliseconds()
	}
	if params := r.jobParameters(); len(params) > 0 {
		out["job_parameters"] = anys(params)
	}
	if jsonSize(r.params) > len("{}") {
		out["overriding_parameters"] = r.params
	}
	if git := r.settings["git_source"]; git != nil {
		out["git_source"] = git
	}
	if r.parent != nil {
		out["trigger_info"] = map[string]any{"run_id": r.parent.id}
	}
	if clusters := r.settings["job_clusters"]; clusters != nil {
		out["job_clusters"] = clusters
	}
	if c.version == "2.0" && r.single {
		out["format"] = "SINGLE_TASK"
		if len(r.attempts) > 0 {
			t := r.attempts[len(r.attempts)-1]
			maps.Copy(out, t.times())
			if !r.end.IsZero() && t.done() {
				life, result, message = t.life, t.result, t.message
			}
			a.showSingle(out, t)
			out["start_time"], out["attempt_number"] = millis(r.shownStart()), t.number
		}
	} else {
		shown := make([]any, len(r.attempts))
		for i, t := range r.attempts {
			shown[i] = a.showTask(c, t)
		}
		if len(shown) > 0 {
			out["tasks"] = shown
		}
	}
	showState(c, out, life, result, message, r.cancelled || result == timedOut)
	return out
}

// showSingle adds the task and the cluster where version 2.0 has them.
func (a *jobsArea) showSingle(out map[string]any, t *attempt) {
	tree := maps.Clone(t.task.tree)
	fillTask(tree, false)
	task, spec := map[string]any{}, map[string]any{}
	for _, kind := range taskKinds {
		if tree[kind] != nil {
			task[kind] = tree[kind]
		}
	}
	for _, field := range []string{"existing_cluster_id", "new_cluster", "libraries"} {
		if tree[field] != nil {
			spec[field] = tree[field]
		}
	}
	out["task"], out["cluster_spec"] = task, spec
	if t.cluster != "" {
		out["cluster_instance"] = t.instance()
	}
}

// showTaskRun returns an attempt as a run of its own.
func (a *jobsArea) showTaskRun(c *call, t *attempt) map[string]any {
	out := a.showRun(c, t.run)
	for _, name := range []string{"tasks", "schedule", "job_clusters", "job_parameters", "run_duration", "queue_duration", "status"} {
		delete(out, name)
	}
	maps.Copy(out, t.times())
	out["run_id"], out["run_page_url"], out["attempt_number"], out["run_name"] = t.id, a.pageURL(t.run.jobID, t.id), t.number, t.task.view.Key
	out["original_attempt_run_id"] = t.first().id
	if c.version == "2.0" {
		a.showSingle(out, t)
	} else {
		out["tasks"] = []any{a.showTask(c, t)}
	}
	showState(c, out, t.life, t.result, t.message, t.cancelled)
	return out
}

// first is the first of the attempts that this one is a retry of.
func (t *attempt) first() *attempt {
	for _, other := range t.run.attempts {
		if other.task == t.task && other.repair == t.repair {
			return other
		}
	}
	return t
}

// showTask returns an attempt as an element of the tasks of its run.
func (a *jobsArea) showTask(c *call, t *attempt) map[string]any {
	out := maps.Clone(t.task.tree)
	fill(out, map[string]any{"run_if": "ALL_SUCCESS", "email_notifications": map[string]any{}, "timeout_seconds": 0})
	fillTask(out, t.run.view.Git != nil)
	maps.Copy(out, t.times())
	out["run_id"], out["attempt_number"], out["run_page_url"] = t.id, t.number, a.pageURL(t.run.jobID, t.id)
	if t.cluster != "" {
		out["cluster_instance"] = t.instance()
	}
	if condition, ok := out["condition_task"].(map[string]any); ok && t.result == success {
		condition = maps.Clone(condition)
		condition["outcome"] = t.outcome.Output
		out["condition_task"] = condition
	}
	showState(c, out, t.life, t.result, t.message, t.cancelled)
	return out
}

func (t *attempt) instance() map[string]any {
	out := map[string]any{"cluster_id": t.cluster}
	if t.context != "" {
		out["spark_context_id"] = t.context
	}
	return out
}

// times are when the attempt began and ended, and what it spent its time on.
func (t *attempt) times() map[string]any {
	between := func(from, to time.Time) int64 {
		if from.IsZero() || to.IsZero() {
			return 0
		}
		return to.Sub(from).Milliseconds()
	}
	return map[string]any{
		"start_time": millis(t.start), "end_time": millis(t.end),
		"setup_duration": between(t.start, t.running), "execution_duration": between(t.running, t.worked), "cleanup_duration": between(t.worked, t.end),
	}
}

// showState adds a state, from version 2.1 on in its newer form as well.
func showState(c *call, out map[string]any, life, result, message string, stopped bool) {
	state := map[string]any{"life_cycle_state": life, "state_message": message, "user_cancelled_or_timedout": stopped}
	if result != "" {
		state["result_state"] = result
	}
	if life == queued {
		state["queue_reason"] = message
	}
	out["state"] = state
	if c.version == "2.0" {
		return
	}
	status := map[string]any{"state": life}
	switch {
	case life == queued:
		status["queue_details"] = map[string]any{"code": "MAX_CONCURRENT_RUNS_REACHED", "message": message}
	case life == waiting:
		status["state"] = "WAITING"
	case over(life):
		status["state"] = terminated
		fallthrough
	case life == terminating:
		code, kind := terminationOf(life, result)
		status["termination_details"] = map[string]any{"code": code, "type": kind, "message": message}
	}
	out["status"] = status
}

// terminationOf says a result in the words of a status.
func terminationOf(life, result string) (code, kind string) {
	switch result {
	case success, someFailed, disabledTask:
		return result, success
	case failed:
		return "RUN_EXECUTION_ERROR", "CLIENT_ERROR"
	case timedOut:
		return canceled, "CLIENT_ERROR"
	case canceled:
		return "USER_CANCELED", success
	case tooMany:
		return "MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR"
	case excluded, afterFailed, afterCancel:
		return skipped, success
	}
	if life == internalFail {
		return "CLUSTER_ERROR", "CLIENT_ERROR"
	}
	return success, success
}

// resolved are the parameters that an attempt got.
func (t *attempt) resolved() map[string]any {
	spec := t.spec()
	switch spec.Kind {
	case "notebook_task":
		return map[string]any{spec.Kind: map[string]any{"base_parameters": spec.Params}}
	case "spark_jar_task", "spark_python_task", "spark_submit_task":
		return map[string]any{spec.Kind: map[string]any{"parameters": append([]string{}, spec.Args...)}}
	case "python_wheel_task":
		return map[string]any{spec.Kind: map[string]any{"parameters": append([]string{}, spec.Args...), "named_parameters": spec.Params}}
	case "condition_task":
		return map[string]any{spec.Kind: map[string]any{"left": t.task.view.Condition.Left, "right": t.task.view.Condition.Right}}
	}
	return map[string]any{}
}

// history is a run and its repairs.
func (r *run) history(version string) []any {
	item := func(kind string, id int64, start, end time.Time) map[string]any {
		out := map[string]any{"type": kind, "start_time": millis(start), "end_time": millis(end)}
		if id != 0 {
			out["id"] = id
		}
		ids := []int64{}
		for _, t := range r.attempts {
			if t.repair == id {
				ids = append(ids, t.id)
			}
		}
		out["task_run_ids"] = ids
		life, result, message := r.state()
		showState(&call{version: version}, out, life, result, message, r.cancelled)
		return out
	}
	end := r.end
	if len(r.repairs) > 0 {
		end = r.repairs[0].start
	}
	items := []any{item("ORIGINAL", 0, r.start, end)}
	for _, repair := range r.repairs {
		items = append(items, item("REPAIR", repair.id, repair.start, repair.end))
	}
	return items
}

func (a *jobsArea) pageURL(job, run int64) string {
	return fmt.Sprintf("%s/?o=%s#job/%d/run/%d", a.server.URL, workspaceID, job, run)
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func (a *jobsArea) cancelRun(c *call, in struct {
	ID int64 `json:"run_id"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toRun)
	switch {
	case err != nil:
		return nil, err
	case t == nil || len(r.tasks) == 1:
		a.cancel(r, c.now)
	case !t.done():
		a.cancelAttempt(t, c.now)
		a.settle(r, c.now)
	}
	return nil, nil
}

func (a *jobsArea) cancelAll(c *call, in struct {
	Job    int64 `json:"job_id"`
	Queued bool  `json:"all_queued_runs"`
}) (any, error) {
	if in.Job != 0 || !in.Queued {
		if _, err := a.job(c, in.Job, toRun); err != nil {
			return nil, err
		}
	}
	for _, r := range slices.Clone(a.runs.active) {
		if (in.Job == 0 || r.jobID == in.Job) && (!in.Queued || r.life == queued) && c.allows(r.creator, r.rights(), toRun) {
			a.cancel(r, c.now)
		}
	}
	return nil, nil
}

func (a *jobsArea) deleteRun(c *call, in struct {
	ID int64 `json:"run_id"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toManage)
	switch {
	case err != nil:
		return nil, err
	case t != nil:
		return nil, invalid("Run %d is a run of a task; delete the run %d that it belongs to.", t.id, r.id)
	case r.end.IsZero():
		return nil, badState("Run %d is still active. Only completed runs can be deleted.", r.id) // the code is not recorded
	}
	a.runs.forget(func(other *run) bool { return other == r }, nil)
	return nil, nil
}

func (a *jobsArea) repair(c *call, in struct {
	ID        int64             `json:"run_id"`
	Latest    int64             `json:"latest_repair_id"`
	Tasks     []string          `json:"rerun_tasks"`
	AllFailed bool              `json:"rerun_all_failed_tasks"`
	After     bool              `json:"rerun_dependent_tasks"`
	Params    map[string]string `json:"job_parameters"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toRun)
	if err != nil {
		return nil, err
	}
	var params runParams
	if err := decode(c.fields, &params); err != nil {
		return nil, err
	}
	latest := int64(0)
	if n := len(r.repairs); n > 0 {
		latest = r.repairs[n-1].id
	}
	switch {
	case t != nil:
		return nil, invalid("Run %d is a run of a task; repair the run %d that it belongs to.", t.id, r.id)
	case (len(in.Tasks) > 0) == in.AllFailed:
		return nil, invalid("Exactly one of rerun_tasks and rerun_all_failed_tasks must be specified.")
	case r.end.IsZero():
		return nil, badState("Run %d is still in progress and cannot be repaired.", r.id) // the code is not recorded
	case in.Latest != latest:
		return nil, invalid("The latest repair ID needs to be provided in order to create a new repair")
	}
	if err := params.check(); err != nil {
		return nil, err
	}
	chosen := map[*runTask]bool{}
	for _, key := range in.Tasks {
		task := r.task(key)
		if task == nil {
			return nil, invalid("Task '%s' does not exist in the run.", key)
		}
		chosen[task] = true
	}
	for _, task := range r.tasks {
		if in.AllFailed && task.last != nil && !slices.Contains([]string{success, excluded, disabledTask}, task.last.result) {
			chosen[task] = true
		}
	}
	for changed := true; changed; { // what was skipped for them, and all after them if asked for
		changed = false
		for _, task := range r.tasks {
			for _, before := range task.view.DependsOn {
				skippedForIt := task.last != nil && (task.last.result == afterFailed || task.last.result == afterCancel)
				if chosen[r.task(before.Key)] && !chosen[task] && (in.After || skippedForIt) {
					chosen[task], changed = true, true
				}
			}
		}
	}
	if len(chosen) == 0 {
		return nil, invalid("There are no failed tasks to repair.")
	}
	made := repair{id: a.newID(), start: c.now}
	r.repairs = append(r.repairs, made)
	r.params, r.jobParams = params, in.Params
	r.life, r.result, r.message, r.end, r.cancelled = "", "", "", time.Time{}, false
	for _, task := range r.tasks {
		if chosen[task] {
			r.refresh(task)
			a.attempt(r, task, 0, made.id)
		}
	}
	a.runs.active = append(a.runs.active, r)
	a.settle(r, c.now)
	return map[string]int64{"repair_id": made.id}, nil
}

// refresh gives a task the settings that the job has for it now.
func (r *run) refresh(task *runTask) {
	if r.job == nil {
		return
	}
	trees, _ := tasksOf(r.job.settings, r.job.view)
	for _, tree := range trees {
		var view taskView
		if tree["task_key"] == task.view.Key && decode(tree, &view) == nil {
			task.tree, task.view = tree, view
		}
	}
}

// maxOutput is how much of an output is kept.
const maxOutput = 5 << 20

func (a *jobsArea) getOutput(c *call, in struct {
	ID int64 `json:"run_id"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toView)
	if err != nil {
		return nil, err
	}
	if t == nil {
		if len(r.tasks) != 1 {
			return nil, invalid("Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each individual task run instead.")
		}
		if t = r.tasks[0].last; t == nil {
			return map[string]any{"metadata": a.showRun(c, r), "error": r.message}, nil
		}
	}
	out := map[string]any{"metadata": a.showTaskRun(c, t)}
	if in.ID == r.id {
		out["metadata"] = a.showRun(c, r)
	}
	view := t.task.view
	worked := !t.worked.IsZero() && !t.cancelled
	if view.Notebook != nil && worked && t.outcome.Error == "" {
		output := map[string]any{}
		if text := t.outcome.Output; text != "" {
			output["result"], output["truncated"] = text[:min(len(text), maxOutput)], len(text) > maxOutput
		}
		out["notebook_output"] = output
	}
	if (view.JAR != nil || view.Python != nil || view.Wheel != nil) && worked {
		text := t.outcome.Logs
		out["logs"], out["logs_truncated"] = text[max(0, len(text)-maxOutput):], len(text) > maxOutput
	}
	if t.child != nil {
		out["run_job_output"] = map[string]any{"run_id": t.child.id}
	}
	switch {
	case worked && t.outcome.Error != "":
		out["error"] = t.outcome.Error
		if t.outcome.Trace != "" {
			out["error_trace"] = t.outcome.Trace
		}
	case t.done() && t.result != success:
		out["error"] = t.message
	}
	return out, nil
}

func (a *jobsArea) export(c *call, in struct {
	ID    int64  `json:"run_id"`
	Views string `json:"views_to_export"`
}) (any, error) {
	r, t, err := a.find(c, in.ID, toView)
	if err != nil {
		return nil, err
	}
	if t == nil && len(r.tasks) == 1 {
		t = r.tasks[0].last
	}
	if t == nil || t.task.view.Notebook == nil {
		return nil, invalid("Only runs of notebooks can be exported.") // the code is not recorded
	}
	path := t.task.view.Notebook.Path
	name := path[strings.LastIndex(path, "/")+1:]
	model, err := json.Marshal(map[string]any{"name": name, "commands": []any{}, "result": t.outcome.Output})
	if err != nil {
		return nil, err
	}
	view := func(kind string) map[string]any {
		return map[string]any{"type": kind, "name": name, "content": fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%s</title></head>"+
			"<body><script>__DATABRICKS_NOTEBOOK_MODEL = '%s'</script></body></html>\n",
			html.EscapeString(name), base64.StdEncoding.EncodeToString([]byte(url.PathEscape(string(model)))))}
	}
	switch in.Views {
	case "", "CODE":
		return map[string]any{"views": []any{view("NOTEBOOK")}}, nil
	case "DASHBOARDS":
		return map[string]any{"views": []any{}}, nil
	case "ALL":
		return map[string]any{"views": []any{view("NOTEBOOK")}}, nil
	}
	return nil, malformed("Could not parse value '%s' of field 'views_to_export'", shortened(in.Views))
}
