package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestEachFailureInARowDoublesThePauseUpToAHalfMinute(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts = 11
		s.at = failing("recover", always)
		begin := time.Now()
		err := s.run(t.Context())
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), `sink "Out"`) {
			t.Errorf("%v", err)
		}
		var want []string
		var total time.Duration
		for _, pause := range []string{
			"100ms", "200ms", "400ms", "800ms", "1.6s", "3.2s", "6.4s", "12.8s", "25.6s", "30s", "30s",
		} {
			d, err := time.ParseDuration(pause)
			if err != nil {
				t.Fatal(err)
			}
			total += d
			want = append(want, "restarting after "+pause)
		}
		s.mustTell(t, want, "restarting")
		if took := time.Since(begin); took != total || s.result.Restarts != 11 {
			t.Errorf("%d restarts took %v, want 11 in %v", s.result.Restarts, took, total)
		}
	})
}

func TestWithoutRestartsTheFirstFailureIsTheLast(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.at = failing("read", always)
		err := s.run(t.Context())
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), `source "In"`) {
			t.Errorf("%v", err)
		}
		s.mustTell(t, nil, "restarting")
	})
}

func TestALongUndisturbedTimeForgivesEarlierFailures(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts, s.rows = 2, 4*3100
		calm := 3050 // rows that take more than five minutes
		s.at = failing("read", func(n int) error {
			if n%calm < 2 { // now and then two in a row
				return errBroken
			}
			return nil
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		pauses := s.told("restarting")
		if s.result.Restarts <= 4 {
			t.Errorf("%d restarts forgive nothing", s.result.Restarts)
		}
		for i, pause := range pauses[1:] {
			if want := []string{"restarting after 100ms", "restarting after 200ms"}[i%2]; pause != want {
				t.Errorf("%d: %s, want %s", i, pause, want)
			}
		}
	})
}

func TestAMistakeInTheConfigurationIsNotTriedAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts = 5
		s.at = failing("discover", func(int) error { return base.Errorf(base.Config, "no such file") })
		mustSay(t, s.run(t.Context()), base.Config, `source "In"`, "no such file")
		s.mustTell(t, nil, "restarting")
	})
}

func TestAPauseEndsWithTheContextAndTheFailureIsTold(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts = 1000
		s.at = failing("recover", always)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begin := time.Now()
		err := s.run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errBroken) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAFailedJobGoesOnFromTheNewestCheckpointOfThisRun(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts, s.rows = 3, 40
		s.at = failing("read", func(n int) error {
			if n == 5 || n == 30 {
				return errBroken
			}
			return nil
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{
			"recovered []", "reading from 0",
			"restarting after 100ms", "recovered []", "reading from 0", // none was taken yet
			"restarting after 200ms", "recovered [19]", "reading from 20",
		}, "recovered", "reading", "restarting")
		if s.result.RowsRead != 4+24+20 || s.result.LastCheckpoint != 5 {
			t.Errorf("%+v", s.result)
		}
	})
}

// checkpoints leaves a store with the checkpoints of a job that was stopped after so many seconds.
func checkpoints(t *testing.T, seconds int) *mem.Store {
	t.Helper()
	objects := mem.New()
	s := newStory(objects)
	s.Retain = 10
	stop := make(chan struct{})
	time.AfterFunc(time.Duration(seconds)*time.Second+firstRow*3/2, func() { close(stop) })
	s.Stop = stop
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestAnEarlierCheckpointIsGoneBackToAlsoAfterAFailure(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(checkpoints(t, 3))
		s.From, s.Retain, s.Restarts, s.rows = 1, 10, 1, 25
		s.at = failing("read", func(n int) error {
			if n == 3 {
				return errBroken
			}
			return nil
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{
			"resumed from 1", "reading from 10", "restarting after 100ms", "reading from 10",
			"stored 5 periodic", "stored 6 end",
		}, "resumed", "reading", "restarting", "stored")
	})
}

func TestACheckpointThatDoesNotFitIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := checkpoints(t, 1)
		before := contents(t, objects)
		other := newStory(objects)
		other.From = 9
		mustSay(t, other.run(t.Context()), base.Config, "no checkpoint 9", "it has 1, 2")
		if after := contents(t, objects); after != before {
			t.Errorf("there was\n%s\nthere is\n%s", before, after)
		}
		other.mustTell(t, nil, "")
	})
}

// contents are the names and the bytes of all objects.
func contents(t *testing.T, objects objstore.Store) string {
	t.Helper()
	var all strings.Builder
	for o, err := range objects.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := objects.Get(t.Context(), o.Name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %s\n", o.Name, data)
	}
	return all.String()
}

func TestAStoreThatAnotherProcessUsesIsRefusedAndFreeAfterwards(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		release, err := objects.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := newStory(objects)
		s.rows = 3
		err = s.run(t.Context())
		mustSay(t, err, base.Config, "in use by another live process", "stop the other process first")
		if err := release(); err != nil {
			t.Fatal(err)
		}
		for range 2 { // each run gives the lock back
			if err := s.run(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A process that was away for long finds that another runs its job.
func TestADeposedJobEndsAndTouchesNothingOfItsSuccessor(t *testing.T) {
	for name, at := range map[string]func(string) error{
		"at its next checkpoint": nil,
		"when it has failed": failing("read", func(n int) error {
			if n == 17 {
				return errBroken
			}
			return nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				objects := mem.New()
				s := newStory(objects)
				s.Restarts, s.Tolerated, s.at = 1000, 0, at
				time.AfterFunc(1500*time.Millisecond, func() {
					successor, err := store.Open(t.Context(), objects, "orders")
					if err == nil {
						_, err = successor.BeginTerm(t.Context())
					}
					if err != nil {
						t.Error(err)
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				mustSay(t, s.run(ctx), base.Failed, "deposed", "term 2 has begun")
				s.mustTell(t, []string{"recovered []"}, "recovered")
				s.mustTell(t, []string{"restarting after 100ms"}, "restarting")
				s.mustTell(t, []string{"stored 1 periodic"}, "stored")
			})
		})
	}
}

// The head names checkpoint 1, which the job does not know for a while: what it prepared must not be dropped.
func TestACheckpointWhoseAnswerWasLostIsGoneOnFrom(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		swaps, lost := 0, false
		objects := fault.New(mem.New(), func(op fault.Op, name string, _ int) fault.Fault {
			switch {
			case op == fault.Swap && name == "head":
				if swaps++; swaps == 2 { // the first begins the term
					lost = true
					return fault.After
				}
			case op == fault.Get && name == "head" && lost:
				lost = false
				return fault.Before
			}
			return fault.None
		})
		s := newStory(objects)
		s.Restarts, s.Tolerated, s.rows = 1, 0, 15
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{
			"recovered []", "reading from 0", "restarting after 100ms", "recovered [9]", "reading from 10",
		}, "recovered", "reading", "restarting")
		if failed := s.told("failed"); len(failed) != 1 || !strings.Contains(failed[0], "could not be found out") {
			t.Errorf("%v", failed)
		}
	})
}

func TestAStoreThatCannotBeReadForAMomentIsAFailureLikeAnyOther(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var failed atomic.Bool
		restarted := false
		objects := fault.New(mem.New(), func(op fault.Op, _ string, _ int) fault.Fault {
			if op == fault.Get && failed.Load() && !restarted {
				restarted = true
				return fault.Before
			}
			return fault.None
		})
		s := newStory(objects)
		s.Restarts, s.rows = 2, 20
		s.at = failing("read", func(n int) error {
			if n == 15 {
				failed.Store(true)
				return errBroken
			}
			return nil
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"restarting after 100ms", "restarting after 200ms"}
		if got := s.told("restarting"); !slices.Equal(got, want) || !restarted {
			t.Errorf("%v, want %v", got, want)
		}
	})
}
