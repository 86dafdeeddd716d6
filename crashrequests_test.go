package aquifer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
)

var crashStep = flag.Int("crash.step", 23, "a process dies at every so manieth request of what it is asked for")

// clone is what a reader of the sink and a process that goes on find after a crash.
func (c *collected[T]) clone() *collected[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &collected[T]{
		next: c.next, prepared: maps.Clone(c.prepared), visible: maps.Clone(c.visible), order: slices.Clone(c.order),
		of: maps.Clone(c.of),
	}
}

// rewind forgets what was committed by later checkpoints.
func (c *collected[T]) rewind(checkpoint uint64) {
	later := func(id int) bool { return c.of[id] > checkpoint }
	c.order = slices.DeleteFunc(c.order, later)
	maps.DeleteFunc(c.visible, func(id int, _ []T) bool { return later(id) })
}

// asking is a process that runs a relay, and what it is asked for on its way.
type asking struct {
	life   *lifetime // for its death
	store  *audit
	sink   *collected[int64]
	what   func(*Requests, context.Context) (uint64, error) // nil for nothing
	asks   uint64                                           // behind this checkpoint
	shape  shape
	taken  []uint64 // what was answered
	asked  bool
	stored CheckpointStored
	until  func(CheckpointStored) bool // the process is killed behind it
}

// run lives once.
func (a *asking) run(t *testing.T, parallelism int, from uint64) (Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longestLife)
	defer cancel()
	a.life.die, a.sink.fault = cancel, a.life.outside
	a.shape.parallelism, a.shape.sink = parallelism, a.sink
	requests, waiting := &Requests{}, sync.WaitGroup{}
	defer waiting.Wait()
	o := RunOptions{
		Parallelism: parallelism, MaxParallelism: 16, CheckpointInterval: 2 * time.Millisecond, UnalignedAfter: -1,
		Restarts: -1, TolerateFailures: -1, Retain: 2, From: from, Requests: requests, FlushAfter: 50 * time.Microsecond,
		objects: fault.New(a.store, a.life.request),
	}
	o.OnEvent = func(e Event) {
		s, ok := e.(CheckpointStored)
		if !ok {
			return
		}
		if a.what != nil && !a.asked && s.Checkpoint >= a.asks {
			a.asked = true
			waiting.Go(func() {
				if id, err := a.what(requests, ctx); err == nil {
					a.taken = append(a.taken, id)
				}
			})
		}
		if a.until != nil && a.until(s) {
			a.stored = s
			cancel()
		}
	}
	return topologies["two keyed exchanges"].job(&a.shape).Run(ctx, o)
}

func newAsking() *asking {
	pace := func(int64) error { <-time.After(time.Millisecond); return nil }
	slow := func() error { <-time.After(150 * time.Microsecond); return nil }
	return &asking{life: &lifetime{}, store: newAudit(), sink: newCollected[int64](), shape: shape{
		source: numbers{end: 150, splits: 2, batch: 5, gate: pace}, spread: 2, step: slow,
	}}
}

// next is the life after it.
func (a *asking) next() *asking {
	b := newAsking()
	b.store, b.sink = a.store.clone(), a.sink.clone()
	return b
}

// complete says what is wrong with a job that is to go on and to end.
func (a *asking) complete(t *testing.T, parallelism int, from uint64) error {
	for {
		r, err := a.run(t, parallelism, from)
		if err != nil {
			return fmt.Errorf("the next life: %w", err)
		}
		if r.Finished {
			break
		}
	}
	got, want := slices.Sorted(slices.Values(a.sink.rows())), topologies["two keyed exchanges"].want(&a.shape)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%d rows, want %d: %s", len(got), len(want), difference(got, want))
	}
	return a.tidy(t)
}

// tidy collects, and says what is left or missing then.
func (a *asking) tidy(t *testing.T) error {
	if wrong := a.store.collect(t, "topology"); wrong != "" {
		return errors.New(wrong)
	}
	return nil
}

// after checks what a process that died leaves: it goes on, and the savepoints that it answered for do, too.
func (a *asking) after(t *testing.T, parallelism int) error {
	collected := a.next()
	if err := collected.tidy(t); err != nil {
		return fmt.Errorf("after a collection: %w", err)
	}
	kept := a.savepoints()
	for _, id := range a.taken {
		if !slices.Contains(kept, id) {
			return fmt.Errorf("savepoint %d was answered, the head lists %v", id, kept)
		}
	}
	for _, id := range kept { // also those whose answer came too late
		fork := collected.next()
		fork.sink.rewind(id)
		if err := fork.complete(t, parallelism, id); err != nil {
			return fmt.Errorf("from savepoint %d: %w", id, err)
		}
	}
	if err := a.next().complete(t, parallelism, 0); err != nil {
		return err
	}
	return collected.complete(t, parallelism, 0)
}

// savepoints are those that the head lists.
func (a *asking) savepoints() (all []uint64) {
	for _, s := range a.store.head().Savepoints {
		var id uint64
		_, _ = fmt.Sscanf(strings.TrimPrefix(s, "savepoints/"), "%d-", &id)
		all = append(all, id)
	}
	return all
}

// stories are what a process does when it dies: they return the one that is to be killed, and its parallelism.
var stories = map[string]func(t *testing.T) (a *asking, parallelism int){
	"savepoint": func(*testing.T) (*asking, int) {
		a := newAsking()
		a.what, a.asks = (*Requests).Savepoint, 2
		return a, 2
	},
	"stop with savepoint": func(*testing.T) (*asking, int) {
		a := newAsking()
		a.what, a.asks = (*Requests).StopWithSavepoint, 2
		return a, 2
	},
	"restore with more subtasks and rows in flight":  func(t *testing.T) (*asking, int) { return cutShort(t, 2), 3 },
	"restore with fewer subtasks and rows in flight": func(t *testing.T) (*asking, int) { return cutShort(t, 3), 1 },
}

// cutShort is the next life of a process that died when a barrier had overtaken rows.
func cutShort(t *testing.T, parallelism int) *asking {
	a := newAsking()
	a.until = func(s CheckpointStored) bool { return s.Overtaken > 0 }
	if _, err := a.run(t, parallelism, 0); a.stored.Overtaken == 0 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%+v, %v", a.stored, err)
	}
	b := a.next()
	b.until = func(CheckpointStored) bool { return true } // a restore has come to its end
	return b
}

// dies kills the process of a story at the n-th request, or with it; those before a request for a savepoint do not count.
func dies(t *testing.T, story string, n int, takesEffect bool) (over bool, taken int, err error) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		a, parallelism := stories[story](t)
		die := dying(n, takesEffect)
		a.life.last = func(op fault.Op, name string) fault.Fault {
			if a.what != nil && !a.asked {
				return fault.None
			}
			return die(op, name)
		}
		_, _ = a.run(t, parallelism, 0)
		over, taken = !a.life.dead, len(a.taken)
		err = a.after(t, parallelism%3+1)
	})
	return over, taken, err
}

func TestAJobThatDiesAtAnyRequestOfASavepointOrARestoreGoesOn(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for story := range stories {
		for _, takesEffect := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %v", story, takesEffect), func(t *testing.T) {
				first, deaths, answered := 1+rand.New(rand.NewPCG(seed, 0)).IntN(*crashStep), 0, 0
				for n := first; ; n += *crashStep {
					over, taken, err := dies(t, story, n, takesEffect)
					if err != nil {
						t.Fatalf("request %d: %v", n, err)
					}
					deaths, answered = deaths+1, answered+taken
					if over {
						break
					}
				}
				t.Logf("%d deaths, from request %d, %d savepoints answered", deaths-1, first, answered)
			})
		}
	}
}
