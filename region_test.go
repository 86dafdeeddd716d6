package aquifer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// lane is a pipeline of a job of several.
type lane struct {
	sink *collected[string]
	fail func(int64) error // for each row
	pace time.Duration     // between batches; a millisecond if it is zero

	mu   sync.Mutex
	read int // how often its source was asked for rows
}

// lanes is a job of pipelines that have nothing to do with each other: each counts the numbers below an end by key.
func lanes(end int64, all ...*lane) *Job {
	job := NewJob("lanes")
	for i, l := range all {
		pace := func(int64) error {
			l.mu.Lock()
			l.read++
			l.mu.Unlock()
			<-time.After(cmp.Or(l.pace, time.Millisecond))
			return nil
		}
		name := func(s string) string { return fmt.Sprintf("%s %d", s, i) }
		rows := From(job, name("numbers"), numbers{end: end, splits: 2, batch: 5, gate: pace})
		fine := Map(rows, func(n *int64) int64 { return *n })
		checked := Process(KeyBy(fine, func(n *int64) int64 { return *n % 10 }), name("counts"),
			func() ProcessFunc[int64, string] { return &counter{fail: l.fail} })
		To(checked, name("out"), l.sink)
	}
	return job
}

func newLane(fail func(int64) error) *lane { return &lane{sink: newCollected[string](), fail: fail} }

func (l *lane) reads() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read
}

func TestAFailureRestartsOnlyWhatIsConnectedWithIt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		left := 3
		broken := newLane(func(n int64) error {
			if n == 177 && left > 0 {
				left--
				return errors.New("oops")
			}
			return nil
		})
		whole := newLane(func(int64) error { return nil })
		var restarted [][]string
		result, err := lanes(200, broken, whole).Run(t.Context(), RunOptions{
			Parallelism: 2, CheckpointInterval: 7 * time.Millisecond, objects: mem.New(), Restarts: 3,
			OnEvent: func(e Event) {
				if r, ok := e.(Restarting); ok {
					restarted = append(restarted, r.Operators)
				}
			},
		})
		if err != nil || !result.Finished || result.Restarts != 3 || len(result.Failures) != 3 {
			t.Fatalf("%+v, %v", result, err)
		}
		for _, l := range []*lane{broken, whole} {
			if got := sorted(l.sink.rows()); !slices.Equal(got, expectedCounts(200)) {
				t.Errorf("%q", got)
			}
		}
		for _, r := range restarted {
			if len(r) != 4 || !slices.Contains(r, "counts 0") || slices.Contains(r, "counts 1") {
				t.Errorf("%q were restarted", r)
			}
		}
		if n := whole.reads(); n != 42 { // 20 batches of each of its splits, and their ends
			t.Errorf("the lane without a failure has read %d times", n)
		}
		if broken.reads() <= 42 {
			t.Error("the lane with failures has not read again")
		}
		for _, f := range result.Failures {
			if f.Operator != "counts 0" || f.Down < 80*time.Millisecond || f.Checkpoint == 0 {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestTheOtherPartsOfAJobGoOnWhileOneWaitsForItsRestart(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		failed := false
		other := newLane(func(int64) error { return nil })
		var before, after int
		broken := newLane(func(n int64) error {
			if n == 50 && !failed {
				failed = true
				before = other.reads()
				return errors.New("oops")
			}
			after = max(after, other.reads())
			return nil
		})
		stop := make(chan struct{})
		time.AfterFunc(5*time.Second, func() { close(stop) })
		_, err := lanes(1<<40, broken, other).Run(t.Context(), RunOptions{
			Parallelism: 1, CheckpointInterval: 10 * time.Millisecond, objects: mem.New(), Stop: stop,
			RestartDelay: time.Second,
		})
		if err != nil || !failed || after-before < 900 { // one each millisecond
			t.Errorf("%v: %d rows, %d after the restart", err, before, after)
		}
	})
}

// failingOnceAfter fails at the first row that comes so long after now.
func failingOnceAfter(d time.Duration) func(int64) error {
	begun, failed := time.Now(), false
	return func(int64) error {
		if failed || time.Since(begun) < d {
			return nil
		}
		failed = true
		return fmt.Errorf("oops after %v", d)
	}
}

func TestPartsThatAreDownAtTheSameTimeAreToldApart(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		first := newLane(failingOnceAfter(100 * time.Millisecond))
		second := newLane(failingOnceAfter(600 * time.Millisecond)) // while the first waits for its restart
		stop := make(chan struct{})
		time.AfterFunc(3*time.Second, func() { close(stop) })
		var started [][]string
		result, err := lanes(1<<40, first, second).Run(t.Context(), RunOptions{
			Parallelism: 1, CheckpointInterval: 10 * time.Millisecond, objects: mem.New(), Stop: stop,
			RestartDelay: time.Second,
			OnEvent: func(e Event) {
				if s, ok := e.(Started); ok {
					started = append(started, s.Operators)
					if s.Took >= time.Second {
						t.Errorf("attempt %d says that its restore took %v", s.Attempt, s.Took)
					}
				}
			},
		})
		if err != nil || len(result.Failures) != 2 {
			t.Fatalf("%+v, %v", result, err)
		}
		for i, f := range result.Failures {
			if f.Operator != fmt.Sprint("counts ", i) || f.Down < time.Second || f.Down > 1100*time.Millisecond {
				t.Errorf("%+v", f)
			}
		}
		if len(started) != 3 || started[0] != nil || !slices.Contains(started[1], "counts 0") ||
			!slices.Contains(started[2], "counts 1") || len(started[1]) != 4 {
			t.Errorf("%q were started", started)
		}
	})
}

func TestAPartThatFailsTooOftenEndsTheJob(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		oops := errors.New("oops")
		broken := newLane(func(n int64) error { return oops })
		fine := newLane(func(int64) error { return nil })
		result, err := lanes(1<<40, fine, broken).Run(t.Context(), RunOptions{
			Parallelism: 1, CheckpointInterval: 10 * time.Millisecond, objects: mem.New(), Restarts: 2,
		})
		if !errors.Is(err, oops) || result.Restarts != 2 || len(result.Failures) != 3 {
			t.Errorf("%+v, %v", result, err)
		}
	})
}

func TestAPartThatFailsInARowEndsTheJobHoweverLongItRanBefore(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		begun := time.Now()
		oops := errors.New("oops")
		broken := newLane(func(int64) error {
			if time.Since(begun) > 10*time.Minute {
				return oops
			}
			return nil
		})
		fine := newLane(func(int64) error { return nil })
		broken.pace, fine.pace = time.Second, time.Second
		result, err := lanes(1<<40, fine, broken).Run(t.Context(), RunOptions{
			Parallelism: 1, CheckpointInterval: 10 * time.Second, objects: mem.New(), Restarts: 2,
		})
		if !errors.Is(err, oops) || result.Restarts != 2 || len(result.Failures) != 3 {
			t.Errorf("%d restarts, %d failures, %v", result.Restarts, len(result.Failures), err)
		}
	})
}

func TestAFailureOfOnePartDoesNotForgiveThoseOfAnother(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		begun := time.Now()
		last, oops := begun, errors.New("oops")
		broken := newLane(func(int64) error { // every minute
			if time.Since(last) < time.Minute {
				return nil
			}
			last = time.Now()
			return oops
		})
		once := newLane(failingOnceAfter(5*time.Minute + 30*time.Second)) // after a long time without a failure of its own
		broken.pace, once.pace = time.Second, time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		result, err := lanes(1<<40, once, broken).Run(ctx, RunOptions{
			Parallelism: 1, CheckpointInterval: 10 * time.Second, objects: mem.New(), Restarts: 8,
		})
		if !errors.Is(err, oops) || result.Restarts != 8 {
			t.Errorf("%d restarts in %v, %v", result.Restarts, time.Since(begun), err)
		}
	})
}

func TestAJobOfSeveralPartsIsCancelled(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		broken := newLane(func(n int64) error { return errors.New("oops") })
		fine := newLane(func(int64) error { return nil })
		time.AfterFunc(500*time.Millisecond, cancel) // in the pause before a restart
		_, err := lanes(1<<40, fine, broken).Run(ctx, RunOptions{
			Parallelism: 1, CheckpointInterval: 10 * time.Millisecond, objects: mem.New(), RestartDelay: time.Hour,
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// lanesUnderFaults runs lanes with faults in user code, sinks and the store until they have ended.
func lanesUnderFaults(t *testing.T, seed uint64) (wrong string) {
	const end = 150
	d := newDice(seed)
	store := fault.New(mem.New(), d.request(60))
	all := []*lane{newLane(func(int64) error { return d.maybe(300) }), newLane(func(int64) error { return d.maybe(900) }),
		newLane(func(int64) error { return nil })}
	for _, l := range all {
		l.sink.fault = func(string) error { return d.maybe(80) }
	}
	for n := range 500 {
		o := RunOptions{
			Parallelism: 1 + (int(seed)+n)%3, CheckpointInterval: 4 * time.Millisecond, TolerateFailures: 1, Restarts: 4,
			MaxParallelism: 8, RestartDelay: time.Duration(1+seed%20) * time.Millisecond, objects: store,
		}
		if seed%3 == 0 {
			o.UnalignedAfter = -1
		}
		if r, err := lanes(end, all...).Run(t.Context(), o); err != nil || !r.Finished {
			continue
		}
		for i, l := range all {
			if got := sorted(l.sink.rows()); !slices.Equal(got, expectedCounts(end)) {
				return fmt.Sprintf("lane %d has %d rows, want %d", i, len(got), end)
			}
		}
		return ""
	}
	return "it never finished"
}

func TestEveryPartOfAJobIsExactlyOnceUnderFaultsEverywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	seeds := uint64(20)
	if testing.Short() {
		seeds = 5
	}
	for i := range seeds {
		bubble.Test(t, func(t *testing.T) {
			if wrong := lanesUnderFaults(t, seed+i); wrong != "" {
				t.Fatalf("seed %d: %s", seed+i, wrong)
			}
		})
	}
}
