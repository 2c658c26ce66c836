package databricks

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"sync"

	"github.com/go-databricks/databricks/internal/cause"
	"github.com/go-databricks/databricks/internal/errs"
)

// WatchRun polls a run until it ends. It first yields the current run. Then it
// yields the run after each change of its state or of the state of one of its
// tasks. A failed run is not an error here. WatchRun fails only if the context ends
// or the run no longer exists.
func (s *JobsService) WatchRun(ctx context.Context, runID int64) iter.Seq2[*Run, error] {
	get := func(ctx context.Context) (*Run, error) { return s.GetRun(ctx, GetRun{RunID: runID}) }
	return func(yield func(*Run, error) bool) {
		for run, err := range watch(ctx, s.client, fmt.Sprintf("run %d", runID), get, sameProgress) {
			if !yield(run, err) || err != nil || run.Done() {
				return
			}
		}
	}
}

// WaitRun waits until a run ends, and returns it if it succeeded. If the run
// failed, timed out, was canceled or was skipped, the error is a [*RunError]. Only
// the context limits the wait. Waits of one client share their polls, so there may
// be any number of them.
func (s *JobsService) WaitRun(ctx context.Context, runID int64) (*Run, error) {
	same := func(before, after *Run) bool { return !after.Done() }
	var last *Run
	for run, err := range watchShared(ctx, s.client, fmt.Sprintf("run %d", runID), s.client.runPolls, runID, same) {
		if err != nil {
			return nil, err
		}
		if last = run; run.Done() {
			break
		}
	}
	return s.result(ctx, last)
}

// WaitRuns waits for many runs and yields each run when it ends. If a run did not
// succeed, its error is a [*RunError], and the other waits continue. Any other
// error names the run. The sequence ends when all runs have ended. Leaving the loop
// early ends the waits.
func (s *JobsService) WaitRuns(ctx context.Context, runIDs []int64) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		type result struct {
			run *Run
			err error
		}
		ctx, cancel := context.WithCancel(ctx)
		over := make(chan result)
		var waits sync.WaitGroup
		for _, id := range runIDs {
			waits.Go(func() {
				run, err := s.WaitRun(ctx, id)
				select {
				case over <- result{run, err}:
				case <-ctx.Done():
				}
			})
		}
		defer waits.Wait()
		defer cancel()
		for range runIDs {
			select {
			case e := <-over:
				if !yield(e.run, e.err) {
					return
				}
			case <-ctx.Done():
				yield(nil, errs.About(fmt.Sprintf("watching %d runs", len(runIDs)), errs.Ended(ctx, ctx.Err(), nil)))
				return
			}
		}
	}
}

// poll returns a run.
func (s *JobsService) poll(ctx context.Context, runID int64) (*Run, error) {
	return s.GetRun(ctx, GetRun{RunID: runID})
}

// pending returns those of the wanted runs that have not ended.
func (s *JobsService) pending(ctx context.Context, wanted func(runID int64) bool) (map[int64]*Run, int, error) {
	pending, requests, in := map[int64]*Run{}, 0, ListRuns{ActiveOnly: true}
	for tokens := (tokenCycle{}); ; {
		page, err := s.ListRunsPage(ctx, in)
		if requests++; err != nil {
			return nil, requests, err
		}
		for _, run := range page.Items {
			if wanted(run.RunID) && !run.Done() {
				pending[run.RunID] = &run
			}
		}
		if in.PageToken = page.NextPageToken; in.PageToken == "" {
			return pending, requests, nil
		}
		if err := tokens.add(in.PageToken); err != nil {
			return nil, requests, err
		}
	}
}

// RunResult returns a run, without waiting, if it succeeded or has not ended yet.
// If the run has ended and did not succeed, the error is a [*RunError], which
// states the reason.
func (s *JobsService) RunResult(ctx context.Context, runID int64) (*Run, error) {
	run, err := s.GetRun(ctx, GetRun{RunID: runID})
	if err != nil {
		return nil, err
	}
	return s.result(ctx, run)
}

func (s *JobsService) result(ctx context.Context, run *Run) (*Run, error) {
	if !run.Done() || run.Succeeded() {
		return run, nil
	}
	return nil, s.runError(ctx, run)
}

// sameProgress reports whether the state of a run did not change between two
// polls.
func sameProgress(before, after *Run) bool {
	if len(before.Tasks) != len(after.Tasks) || !reflect.DeepEqual(before.progress(), after.progress()) {
		return false
	}
	for i := range before.Tasks {
		a, b := &before.Tasks[i], &after.Tasks[i]
		if a.RunID != b.RunID || !reflect.DeepEqual(a.progress(), b.progress()) {
			return false
		}
	}
	return true
}

// progress is the state of a run in both of its forms. Either may be nil.
type progress struct {
	state  *RunState
	status *RunStatus
}

func (p progress) done() bool {
	if p.state != nil && p.state.LifeCycleState != "" {
		switch p.state.LifeCycleState {
		case RunTerminated, RunSkipped, RunInternalError:
			return true
		}
		return false
	}
	return p.status != nil && p.status.State == RunStatusTerminated
}

func (p progress) succeeded() bool {
	if p.state != nil && (p.state.LifeCycleState == RunSkipped || p.state.LifeCycleState == RunInternalError) {
		return false
	}
	result := p.result()
	return p.done() && (result == RunResultSuccess || result == RunResultSuccessWithFailures)
}

// result returns the result as a RunResultState, or an empty string if it is
// unknown.
func (p progress) result() RunResultState {
	if p.state != nil && p.state.LifeCycleState != "" {
		return p.state.ResultState
	}
	if p.status == nil || p.status.TerminationDetails == nil {
		return ""
	}
	switch code := p.status.TerminationDetails.Code; code {
	case RunTerminationSuccess, RunTerminationSuccessWithFailures, RunTerminationCanceled, RunTerminationDisabled:
		return RunResultState(code)
	case RunTerminationUserCanceled:
		return RunResultCanceled
	case RunTerminationMaxConcurrentRunsExceeded:
		return RunResultMaximumConcurrentRunsReached
	case RunTerminationSkipped:
		return ""
	}
	return RunResultFailed
}

// skipped reports whether the run ended without running.
func (p progress) skipped() bool {
	switch p.result() {
	case RunResultMaximumConcurrentRunsReached, RunResultExcluded, RunResultUpstreamFailed, RunResultUpstreamCanceled, RunResultDisabled, RunResultUpstreamEvicted:
		return true
	}
	if p.state != nil && p.state.LifeCycleState != "" {
		return p.state.LifeCycleState == RunSkipped
	}
	return p.status != nil && p.status.TerminationDetails != nil && p.status.TerminationDetails.Code == RunTerminationSkipped
}

// how returns the word for the end of the run: the result, or else the state or the
// code.
func (p progress) how() string {
	switch result := p.result(); {
	case p.state != nil && (result == RunResultSuccess || result == RunResultSuccessWithFailures): // the result contradicts the state
		return string(result) + ", and " + string(p.state.LifeCycleState)
	case result != "":
		return string(result)
	case p.state != nil && p.state.LifeCycleState != "":
		return string(p.state.LifeCycleState)
	case p.status != nil && p.status.TerminationDetails != nil:
		return string(p.status.TerminationDetails.Code)
	}
	return "without a result"
}

func (p progress) message() string {
	if p.state != nil && p.state.StateMessage != "" {
		return p.state.StateMessage
	}
	if p.status != nil && p.status.TerminationDetails != nil {
		return p.status.TerminationDetails.Message
	}
	return ""
}

// A RunError says why a run did not succeed. [JobsService.WaitRun] and
// [JobsService.RunResult] return it.
type RunError struct {
	Run         *Run           // the run after it ended
	Result      RunResultState // empty if the run ended without a result, for example because it was skipped
	Message     string         // the service's message about the run
	FailedTasks []FailedTask   // the tasks that failed; tasks skipped because of them are not listed
	Output      string         // the error of the first failed task, as the service sends it; empty if it could not be read
	Trace       string         // the stack trace of the first failed task; empty if there is none
	PageURL     string         // the run's page in the workspace
}

// A FailedTask is a task whose last attempt did not succeed.
type FailedTask struct {
	TaskKey string
	RunID   int64 // run ID of the last attempt, for [JobsService.GetRunOutput]
	Result  RunResultState
	Message string
}

// Error states the result of the run and its cause in one line.
func (e *RunError) Error() string {
	var b strings.Builder
	run := cmp.Or(e.Run, &Run{})
	fmt.Fprintf(&b, "databricks: run %d", run.RunID)
	if run.RunName != "" {
		fmt.Fprintf(&b, " (%s)", oneLine(run.RunName, 100))
	}
	fmt.Fprintf(&b, " ended %s", run.progress().how())
	say := func(text string) {
		if text = oneLine(text, 300); text != "" && !strings.Contains(b.String(), text) {
			b.WriteString(": " + text)
		}
	}
	say(cause.Text(e.Message))
	for i, task := range e.FailedTasks {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more tasks", len(e.FailedTasks)-i)
			break
		}
		fmt.Fprintf(&b, "; task %s %s", oneLine(task.TaskKey, 100), task.Result)
		say(cause.Text(task.Message))
	}
	say(cause.Line(e.Output, e.Trace))
	if e.PageURL != "" {
		b.WriteString("; see " + oneLine(e.PageURL, 500))
	}
	return oneLine(b.String(), maxLine)
}

// runError returns the error of a run that did not succeed.
func (s *JobsService) runError(ctx context.Context, run *Run) *RunError {
	p := run.progress()
	e := &RunError{Run: run, Result: p.result(), Message: p.message(), PageURL: run.RunPageURL}
	for _, task := range latestAttempts(run.Tasks) {
		if p := task.progress(); p.done() && !p.succeeded() && !p.skipped() {
			e.FailedTasks = append(e.FailedTasks, FailedTask{task.TaskKey, task.RunID, p.result(), p.message()})
		}
	}
	source := run.RunID // a run without a list of tasks is its own task
	switch {
	case len(e.FailedTasks) > 0:
		source = e.FailedTasks[0].RunID
	case len(run.Tasks) > 0:
		return e
	}
	// A run that was canceled or never started has no output. If the output cannot
	// be read, the error contains less detail.
	if e.Result == RunResultFailed || p.how() == string(RunInternalError) {
		if out, err := s.GetRunOutput(ctx, source); err == nil {
			e.Output, e.Trace = out.Error, out.ErrorTrace
		}
	}
	return e
}

// latestAttempts returns the last attempt of each task, in the order in which the
// tasks first appear.
func latestAttempts(tasks []RunTask) []*RunTask {
	var latest []*RunTask
	index := map[string]int{}
	for i := range tasks {
		task := &tasks[i]
		at, known := index[task.TaskKey]
		switch {
		case !known:
			index[task.TaskKey] = len(latest)
			latest = append(latest, task)
		case task.StartTime > latest[at].StartTime, task.StartTime == latest[at].StartTime && task.AttemptNumber >= latest[at].AttemptNumber:
			latest[at] = task
		}
	}
	return latest
}
