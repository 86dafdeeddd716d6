package aquifer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/control"
)

// controlledRun is a job that does not end, whose control socket is at a path, and how it ended.
type controlledRun struct {
	path  string
	group sync.WaitGroup
	r     Result
	err   error
}

// begin runs the job until something ends it, and returns when its tasks run.
func begin(t *testing.T, o RunOptions, gate func(int64) error) *controlledRun {
	t.Helper()
	dir, err := os.MkdirTemp("", "run") // short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	run := &controlledRun{path: filepath.Join(dir, "s")}
	o.Parallelism, o.MaxParallelism, o.Control, o.State = 1, 8, run.path, filepath.Join(dir, "state")
	begun := make(chan struct{})
	next := o.OnEvent
	o.OnEvent = func(e Event) {
		if s, ok := e.(Started); ok && s.Attempt == 1 {
			close(begun)
		}
		if next != nil {
			next(e)
		}
	}
	job := NewJob("endless")
	To(From(job, "numbers", numbers{end: 1 << 40, splits: 1, batch: 1, gate: gate}), "out", newCollected[int64]())
	run.group.Go(func() { run.r, run.err = job.Run(t.Context(), o) })
	<-begun
	return run
}

func (r *controlledRun) wait() (Result, error) {
	r.group.Wait()
	return r.r, r.err
}

func (r *controlledRun) client(t *testing.T) control.Client {
	t.Helper()
	c, err := control.Find(t.Context(), r.path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// gentle lets a job run without taking all of the processor.
func gentle(int64) error { <-time.After(time.Millisecond); return nil }

func TestAProgramTakesSavepointsOfItsOwnJob(t *testing.T) {
	var requests Requests
	if _, err := requests.Savepoint(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	run := begin(t, RunOptions{Requests: &requests, CheckpointInterval: -1}, gentle)
	first, err := requests.Savepoint(t.Context())
	if err != nil || first != 1 {
		t.Errorf("%d, %v", first, err)
	}
	second, err := requests.Checkpoint(t.Context())
	if err != nil || second != 2 {
		t.Errorf("%d, %v", second, err)
	}
	last, err := requests.StopWithSavepoint(t.Context())
	if err != nil || last != 3 {
		t.Errorf("%d, %v", last, err)
	}
	if r, err := run.wait(); err != nil || r.Finished || r.LastCheckpoint != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := requests.Checkpoint(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
}

func TestAJobIsStoppedByItsProgramAndBySomebodyElse(t *testing.T) {
	stop := make(chan struct{})
	run := begin(t, RunOptions{Stop: stop}, gentle)
	close(stop)
	if r, err := run.wait(); err != nil || r.Finished || r.LastCheckpoint == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	run = begin(t, RunOptions{Stop: make(chan struct{})}, gentle)
	o, err := run.client(t).Stop(t.Context(), false)
	r, runErr := run.wait()
	if err != nil || runErr != nil || o.LastCheckpoint != r.LastCheckpoint || r.LastCheckpoint == 0 || o.Error != "" {
		t.Errorf("%+v, %v; %+v, %v", o, err, r, runErr)
	}
	if !filepath.IsAbs(o.State) {
		t.Errorf("state %q", o.State)
	}
}

func TestACanceledRunFails(t *testing.T) {
	run := begin(t, RunOptions{}, gentle)
	o, err := run.client(t).Cancel(t.Context())
	r, runErr := run.wait()
	if err != nil || o.Error != "" || runErr == nil || !strings.Contains(runErr.Error(), "canceled") || r.LastCheckpoint != 0 {
		t.Errorf("%+v, %v; %+v, %v", o, err, r, runErr)
	}
}

func TestTheRestartsOfAJobAreShownWithTheirOperatorAndCause(t *testing.T) {
	var failures sync.Mutex
	n := 0
	fail := func(int64) error {
		failures.Lock()
		defer failures.Unlock()
		if n++; n <= 2 {
			return errors.New("no luck")
		}
		return gentle(0)
	}
	again := make(chan struct{})
	run := begin(t, RunOptions{OnEvent: func(e Event) {
		if s, ok := e.(Started); ok && s.Attempt == 3 {
			close(again)
		}
	}}, fail)
	<-again
	c := run.client(t)
	j, err := c.Job(t.Context())
	if err != nil || j.Restarts != 2 || len(j.Failures) != 2 {
		t.Fatalf("%+v, %v", j, err)
	}
	for _, f := range j.Failures {
		if f.Operator != "numbers → out (1/1)" || !strings.Contains(f.Message, "no luck") || f.Time == 0 {
			t.Errorf("%+v", f)
		}
	}
	if _, err := c.Stop(t.Context(), true); err != nil {
		t.Error(err)
	}
	if r, err := run.wait(); err != nil || r.Restarts != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
