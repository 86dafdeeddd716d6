package coordinator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// manifestsFail is a store in memory in which some manifests, counted from 1, cannot be written.
func manifestsFail(which func(n int) bool) *fault.Store {
	n := 0
	return fault.New(mem.New(), func(op fault.Op, name string, _ int) fault.Fault {
		if op != fault.Put || !strings.HasPrefix(name, "checkpoints/") {
			return fault.None
		}
		if n++; which(n) {
			return fault.Before
		}
		return fault.None
	})
}

func TestToleratedFailuresCostACheckpointAndNothingElse(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(manifestsFail(func(n int) bool { return n%3 != 0 }))
		s.Tolerated, s.rows = 2, 65
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, note := range s.told("failed") {
			if !strings.Contains(note, "manifest of checkpoint") || !strings.Contains(note, "injected fault") {
				t.Errorf("the cause is lost: %s", note)
			}
		}
		// What was prepared for those that failed is committed with the next that did not.
		s.mustTell(t, []string{
			"recovered []", "reading from 0",
			"stored 3 periodic", "committing [9 19 29]", "committed 3",
			"stored 6 periodic", "committing [39 49 59]", "committed 6",
			"stored 9 end", "committing [64 64 64]", "committed 9",
		}, "recovered", "reading", "stored", "commit", "restarting")
		if s.result.CheckpointsCompleted != 3 || s.result.CheckpointsFailed != 6 {
			t.Errorf("%+v", s.result)
		}
	})
}

func TestOneFailureMoreThanToleratedEndsTheAttempt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(manifestsFail(func(int) bool { return true }))
		s.Tolerated, s.Restarts = 2, 1
		err := s.run(t.Context())
		mustSay(t, err, base.Failed, "3 checkpoints in a row have failed", "last one: manifest", "injected fault")
		if failed := s.told("failed"); len(failed) != 6 || s.result.CheckpointsFailed != 6 {
			t.Errorf("%d failures of two attempts, want 6: %v", len(failed), failed)
		}
		want := []string{"reading from 0", "restarting after 100ms", "reading from 0"}
		s.mustTell(t, want, "reading", "restarting")
	})
}

func TestACheckpointThatTakesTooLongIsGivenUpAndTheJobGoesOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		time.AfterFunc(14500*time.Millisecond, func() { close(release) })
		s := newStory(mem.New())
		s.rows, s.Tolerated = 25, 1
		s.at = failing("prepare", func(n int) error {
			if n == 1 {
				<-release
			}
			return nil
		})
		begin := time.Now()
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{"failed 1: 1 of 2 tasks had not taken part after 10000 ms"}, "failed")
		stored := s.told("stored")
		if len(stored) == 0 || stored[0] != "stored 2 end" && stored[0] != "stored 2 periodic" {
			t.Errorf("%v", stored)
		}
		if took := time.Since(begin); took < 14500*time.Millisecond {
			t.Errorf("it ended after %v", took)
		}
	})
}

func TestACommitThatFailsIsRepeatedWhileTheJobGoesOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows = 25
		var tries []time.Duration
		begin := time.Now()
		s.at = failing("commit", func(n int) error {
			tries = append(tries, time.Since(begin))
			if n <= 5 {
				return errBroken
			}
			return nil
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{1000, 1100, 1300, 1700, 2500, 4100}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if len(tries) < 6 || !slices.Equal(tries[:6], want) {
			t.Errorf("tries after %v, want %v", tries, want)
		}
		s.mustTell(t, []string{
			"stored 1 periodic", "stored 2 periodic", "stored 3 end", "committed 1", "committed 2", "committed 3",
		}, "stored", "committed ")
	})
}

func TestAJobEndsOnlyWhenItsLastOutputIsCommitted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		s := newStory(objects)
		s.rows = 5
		s.at = failing("commit", always)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || s.result.Finished {
			t.Fatalf("%+v, %v", s.result, err)
		}
		s.mustTell(t, []string{"stored 1 end"}, "stored", "committed ")
		next := newStory(objects)
		next.rows = 5
		if err := next.run(t.Context()); err != nil || !next.result.Finished {
			t.Fatalf("%+v, %v", next.result, err)
		}
		next.mustTell(t, []string{"resumed from 1", "recovered [4]"}, "resumed", "recovered")
	})
}

func TestWithoutAnIntervalThereIsOnlyTheLastCheckpoint(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Interval, s.rows = 0, 1000
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{"stored 1 end", "committed 1"}, "stored", "committed ")
	})
}

func TestOnlyTheNewestCheckpointsAreRetained(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := checkpointsOf(t, 3, 65)
		kept, err := store.Inspect(t.Context(), objects)
		if err != nil {
			t.Fatal(err)
		}
		last, all, err := kept.Retained(t.Context())
		// The end of the job may have come before the last collection.
		all = slices.DeleteFunc(all, func(id uint64) bool { return id == 4 })
		if last != 7 || !slices.Equal(all, []uint64{5, 6, 7}) || err != nil {
			t.Errorf("last %d of %v, %v", last, all, err)
		}
	})
}

// checkpointsOf leaves a store with the checkpoints of a job that has ended.
func checkpointsOf(t *testing.T, retain int, rows int64) *mem.Store {
	t.Helper()
	objects := mem.New()
	s := newStory(objects)
	s.Retain, s.rows = retain, rows
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestACollectionThatFailsIsToldAndHarmless(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := fault.New(mem.New(), func(op fault.Op, name string, _ int) fault.Fault {
			if op == fault.Delete && strings.HasPrefix(name, "checkpoints/") {
				return fault.Before
			}
			return fault.None
		})
		s := newStory(objects)
		s.Retain, s.rows = 1, 25
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if failed := s.told("collection failed: delete checkpoints/"); len(failed) == 0 {
			t.Error("nothing was heard of it")
		}
		s.mustTell(t, []string{"stored 1 periodic", "stored 2 periodic", "stored 3 end"}, "stored", "restarting")
	})
}

func TestAnEndedContextEndsTheJobWithItsCause(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		cause := errors.New("the machine is needed elsewhere")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1500*time.Millisecond, func() { cancel(cause) })
		s := newStory(mem.New())
		s.Restarts = 10
		if err := s.run(ctx); !errors.Is(err, cause) || s.result.LastCheckpoint != 1 {
			t.Errorf("%+v, %v", s.result, err)
		}
		s.mustTell(t, []string{"reading from 0"}, "reading", "restarting")
	})
}
