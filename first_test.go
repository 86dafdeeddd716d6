package aquifer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// linesJob copies the lines of files.
func linesJob(input string) (*Job, *collected[string]) {
	sink := newCollected[string]()
	return linesTo(input, sink), sink
}

func linesTo(input string, sink *collected[string]) *Job {
	job := NewJob("lines")
	To(From(job, "lines", file.Lines(input)), "out", sink)
	return job
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAMissingInputLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "below", "state")
	job, _ := linesJob(filepath.Join(dir, "none.txt"))
	_, err := job.Run(t.Context(), RunOptions{State: state, Parallelism: 1})
	wantError(t, err, `source "lines"`, "no file matches", "none.txt")
	if base.KindOf(err) != base.Config {
		t.Errorf("kind %v", base.KindOf(err))
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("%v was made", entries)
	}
}

func TestAMissingInputLeavesAnEmptyStateDirectoryEmpty(t *testing.T) {
	state := t.TempDir()
	job, _ := linesJob(filepath.Join(state, "..", "none.txt"))
	_, err := job.Run(t.Context(), RunOptions{State: state, Parallelism: 1})
	wantError(t, err, "no file matches")
	if entries, _ := os.ReadDir(state); len(entries) > 0 {
		t.Errorf("%v was made", entries)
	}
}

func TestAfterTheMistakeIsCorrectedTheJobBeginsAtItsBeginning(t *testing.T) {
	dir := t.TempDir()
	input, o := filepath.Join(dir, "in.txt"), RunOptions{State: filepath.Join(dir, "state"), Parallelism: 1}
	job, sink := linesJob(input)
	if _, err := job.Run(t.Context(), o); err == nil {
		t.Fatal("a missing input was accepted")
	}
	mustWrite(t, input, "a\n\nb\n")
	r := mustRun(t, job, o)
	if r.ResumedFrom != 0 || r.LastCheckpoint != 1 {
		t.Errorf("%+v", r)
	}
	wantRows(t, sink.rows(), "a", "", "b")
}

func TestAFinishedJobDoesNotNeedItsInputAnyMore(t *testing.T) {
	dir := t.TempDir()
	input, o := filepath.Join(dir, "in.txt"), RunOptions{State: filepath.Join(dir, "state"), Parallelism: 1}
	mustWrite(t, input, "a\n")
	job, sink := linesJob(input)
	mustRun(t, job, o)
	if err := os.Remove(input); err != nil {
		t.Fatal(err)
	}
	if r := mustRun(t, linesTo(input, sink), o); r.ResumedFrom != 1 || !r.Finished {
		t.Errorf("%+v", r)
	}
}

// asked is a source that notes how it is asked for splits.
type asked struct {
	numbers
	log  *[]string
	fail func(n int) error // counted from 1
}

func (a asked) Discover(ctx context.Context, known flow.Known) (flow.Discovery, error) {
	*a.log = append(*a.log, fmt.Sprintf("first %v, %d subtasks", known.First, known.Parallelism))
	if a.fail != nil {
		if err := a.fail(len(*a.log)); err != nil {
			return flow.Discovery{}, err
		}
	}
	return a.numbers.Discover(ctx, known)
}

// askedJob is a job of such a source, of three subtasks.
func askedJob(fail func(n int) error) (job *Job, log *[]string, sink *collected[int64]) {
	job, log, sink = NewJob("asked"), new([]string), newCollected[int64]()
	source := asked{numbers{end: 10, splits: 2, batch: 3}, log, fail}
	To(From(job, "numbers", source, With[int64](Parallelism(3))), "out", sink)
	return job, log, sink
}

func TestASourceIsAskedForItsSplitsOnceAtEachStart(t *testing.T) {
	below := filepath.Join(t.TempDir(), "state")
	for name, state := range map[string]string{"in memory": "", "in a directory": below} {
		t.Run(name, func(t *testing.T) {
			job, log, sink := askedJob(nil)
			mustRun(t, job, RunOptions{State: state, Parallelism: 1})
			wantRows(t, *log, "first true, 3 subtasks")
			if len(sink.rows()) != 10 {
				t.Errorf("%v", sink.rows())
			}
		})
	}
}

func TestASourceOfAJobThatGoesOnIsNotAskedAsAtItsBeginning(t *testing.T) {
	o := RunOptions{State: filepath.Join(t.TempDir(), "state"), Parallelism: 1}
	job, log, _ := askedJob(nil)
	mustRun(t, job, o)
	mustRun(t, job, o) // the same program started again
	wantRows(t, *log, "first true, 3 subtasks", "first false, 3 subtasks")
}

func TestASourceThatCannotSayYetIsAskedAgainWithARestart(t *testing.T) {
	away := errors.New("connection refused")
	job, log, sink := askedJob(func(n int) error {
		if n <= 2 {
			return away
		}
		return nil
	})
	var pauses int
	r := mustRun(t, job, RunOptions{
		State: filepath.Join(t.TempDir(), "state"), Parallelism: 1, Restarts: 1,
		OnEvent: func(e Event) {
			if e, ok := e.(Restarting); ok && errors.Is(e.Err, away) {
				pauses++
			}
		},
	})
	if r.Restarts != 1 || pauses != 1 || len(*log) != 3 || len(sink.rows()) != 10 {
		t.Errorf("%+v, %d pauses, asked %q", r, pauses, *log)
	}
}

func TestAnAnswerIsGivenAgainOnlyToTheAttemptItIsFor(t *testing.T) {
	var failed bool
	job, log, sink := NewJob("asked"), new([]string), newCollected[int64]()
	source := asked{numbers{end: 10, splits: 2, batch: 3, gate: func(next int64) error {
		if next >= 6 && !failed {
			failed = true
			return errors.New("once")
		}
		return nil
	}}, log, nil}
	To(From(job, "numbers", source), "out", sink)
	mustRun(t, job, RunOptions{State: filepath.Join(t.TempDir(), "state"), Parallelism: 1, CheckpointInterval: -1})
	// Before the first attempt, and in the second:
	wantRows(t, *log, "first true, 1 subtasks", "first true, 1 subtasks")
	if len(sink.rows()) != 10 {
		t.Errorf("%v", sink.rows())
	}
}

func TestWhatCannotBeReadInTheStateIsNotTakenForABeginning(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	job, _, _ := askedJob(nil)
	mustRun(t, job, RunOptions{State: state, Parallelism: 1})
	mustWrite(t, filepath.Join(state, "head"), "not a head")
	again, log, _ := askedJob(nil)
	_, err := again.Run(t.Context(), RunOptions{State: state, Parallelism: 1})
	if base.KindOf(err) != base.Corrupt || len(*log) > 0 {
		t.Errorf("%v; the source was asked %q", err, *log)
	}
}

func TestAPlaceThatCannotBeAStateDirectoryIsAMistake(t *testing.T) {
	occupied := filepath.Join(t.TempDir(), "file")
	mustWrite(t, occupied, "")
	job, _, _ := askedJob(nil)
	_, err := job.Run(t.Context(), RunOptions{State: occupied, Parallelism: 1})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), occupied) {
		t.Errorf("%v", err)
	}
}

func TestAParallelismOutOfRangeNamesTheOperatorAndTheRange(t *testing.T) {
	for _, c := range []struct {
		asked, max int
		ok         bool
	}{{0, 8, false}, {-3, 8, false}, {9, 8, false}, {257, 0, false}, {1, 8, true}, {8, 8, true}} {
		job, sink := NewJob("parallel"), newCollected[int64]()
		numbers := From(job, "numbers", numbers{end: 10, splits: 1, batch: 5})
		To(Map(numbers, func(n *int64) int64 { return *n }, Name("double"), Parallelism(c.asked)), "out", sink)
		_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, MaxParallelism: c.max})
		if c.ok {
			if err != nil {
				t.Errorf("%d: %v", c.asked, err)
			}
			continue
		}
		max := c.max
		if max == 0 {
			max = base.DefaultMaxParallelism
		}
		wantError(t, err, fmt.Sprintf(
			`operator "double": parallelism %d is not between 1 and the max parallelism, %d`, c.asked, max))
		if base.KindOf(err) != base.Config {
			t.Errorf("%d: kind %v", c.asked, base.KindOf(err))
		}
	}
}

func TestEveryKindOfOperatorTakesAParallelism(t *testing.T) {
	job := NewJob("parallel")
	none := Parallelism(0)
	n := From(job, "a source", numbers{end: 1, splits: 1, batch: 1}, With[int64](none))
	kept := Filter(n, func(*int64) bool { return true }, Name("a filter"), none)
	many := FlatMap(kept, func(n *int64, out Collector[int64]) error { return nil }, Name("a flat-map"), none)
	newCounter := func() ProcessFunc[int64, string] { return &counter{} }
	counts := Process(KeyBy(many, identity), "a function", newCounter, none)
	To(counts, "a sink", newCollected[string](), none)
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1})
	for _, name := range []string{"a source", "a filter", "a flat-map", "a function", "a sink"} {
		wantError(t, err, fmt.Sprintf("operator %q: parallelism 0 is not between 1", name))
	}
}
