package aquifer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// The stories of this file have state that is many times the memory that they may take for it.

const (
	manyKeys   = 30_000 / slow
	someMemory = 64 << 10
)

// twice is the key of a number whose second half is that of the first, in part.
func twice(n *int64) int64 { return *n % manyKeys }

// keeper keeps the last number of each key, and a map of all of them.
type keeper struct {
	last state.Value[int64]
	all  state.Map[int64, int64]
}

func (k *keeper) Open(s *state.Scope) (err error) {
	if k.last, err = state.NewValue[int64](s, "last"); err != nil {
		return err
	}
	k.all, err = state.NewMap[int64, int64](s, "all")
	return err
}

func (k *keeper) Process(ctx *Context, in *int64, out Collector[string]) error {
	last, ok, err := k.last.Get(ctx)
	if err != nil {
		return err
	}
	if *in%2 == 0 || ok {
		if err := k.all.Set(ctx, *in, last); err != nil {
			return err
		}
	}
	n, err := k.all.Len(ctx)
	out.Emit(fmt.Sprintf("%d after %d, %v, of %d", *in, last, ok, n))
	if err != nil {
		return err
	}
	return k.last.Set(ctx, *in)
}

// kinds are jobs over the numbers, each with another kind of state.
var kinds = map[string]func(Stream[int64]) Stream[string]{
	"process": func(s Stream[int64]) Stream[string] {
		return Process(KeyBy(s, twice), "large", func() ProcessFunc[int64, string] { return &keeper{} })
	},
	"tumbling": func(s Stream[int64]) Stream[string] {
		return Map(Aggregate(KeyBy(s, twice), "large", window.Tumbling(1000*time.Hour), Count[int64]()), shown)
	},
	"sliding": func(s Stream[int64]) Stream[string] {
		w := window.Sliding(100*time.Second, 50*time.Second)
		return Map(Aggregate(KeyBy(s, twice), "large", w, Count[int64]()), shown)
	},
	"session": func(s Stream[int64]) Stream[string] {
		return Map(Aggregate(KeyBy(s, twice), "large", window.Session(1000*time.Hour), Count[int64]()), shown)
	},
}

// large is a job of a kind over the numbers below an end. gate is asked before each read.
func large(kind string, end int64, gate func(int64) error, sink *collected[string]) *Job {
	job := NewJob("large")
	s := From(job, "numbers", numbers{end: end, splits: 1, batch: 500, gate: gate}, Monotonic(identity))
	To(kinds[kind](s), "out", sink)
	return job
}

func TestAJobWithManyTimesTheStateOfItsMemoryGivesTheSameResult(t *testing.T) {
	const end = manyKeys + manyKeys/10
	reads := 0
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			var seen requests
			want, got := newCollected[string](), newCollected[string]()
			mustRun(t, large(kind, end, nil, want), RunOptions{Parallelism: 1, MaxParallelism: 8, CheckpointInterval: -1})
			mustRun(t, large(kind, end, nil, got), RunOptions{
				Parallelism: 1, MaxParallelism: 8, Memory: someMemory, CheckpointInterval: 20 * time.Millisecond,
				objects: seen.over(mem.New()),
			})
			if !slices.Equal(sorted(got.rows()), sorted(want.rows())) {
				t.Errorf("%d rows, without bound %d", len(got.rows()), len(want.rows()))
			}
			reads += seen.reads
			if len(want.rows()) < manyKeys {
				t.Errorf("%d rows of %d keys", len(want.rows()), manyKeys)
			}
		})
	}
	if reads == 0 {
		t.Error("no state was ever read back: all of it was in memory")
	}
}

func TestStateBeyondTheMemorySurvivesStopsAndChangesOfParallelism(t *testing.T) {
	const end = manyKeys + manyKeys/10
	for _, kind := range []string{"process", "sliding"} {
		t.Run(kind, func(t *testing.T) {
			want, got := newCollected[string](), newCollected[string]()
			mustRun(t, large(kind, end, nil, want), RunOptions{Parallelism: 1, CheckpointInterval: -1})
			store := mem.New()
			for i, parallelism := range []int{1, 3, 2} {
				stop, gate := stopAt(int64(i+1)*end/3 + 1) // which the last run does not come to
				mustRun(t, large(kind, end, gate, got), RunOptions{
					Parallelism: parallelism, Memory: someMemory, CheckpointInterval: 20 * time.Millisecond,
					Stop: stop, objects: store,
				})
			}
			if !slices.Equal(sorted(got.rows()), sorted(want.rows())) {
				t.Errorf("%d rows, without bound %d", len(got.rows()), len(want.rows()))
			}
		})
	}
}

// stopAt is a gate that closes the channel before the number is read, and lets nothing be read from then on. It is
// for a source of one split.
func stopAt(n int64) (stop chan struct{}, gate func(int64) error) {
	stop = make(chan struct{})
	closed := sync.OnceFunc(func() { close(stop) })
	return stop, func(next int64) error {
		if next < n {
			return nil
		}
		closed()
		return errRests
	}
}

func TestAJobWithBoundedMemoryGoesOnWithout(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	stop, gate := stopAt(manyKeys / 2)
	mustRun(t, large("process", manyKeys, gate, sink), RunOptions{
		Parallelism: 2, Memory: someMemory, CheckpointInterval: -1, Stop: stop, objects: store,
	})
	mustRun(t, large("process", manyKeys, nil, sink), RunOptions{Parallelism: 2, objects: store})
	if rows := sorted(sink.rows()); len(rows) != manyKeys || len(slices.Compact(rows)) != manyKeys {
		t.Errorf("%d rows, want %d", len(rows), manyKeys)
	}
}

// requests counts the requests for objects with state, but for those that read ahead.
type requests struct{ reads, writes, deletes int }

// ahead lets requests that read ahead pass by.
type ahead struct{ *fault.Store }

func (a ahead) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if objstore.PurposeOf(ctx) == objstore.WarmUp {
		return a.Store.Store.ReadAt(ctx, name, p, off)
	}
	return a.Store.ReadAt(ctx, name, p, off)
}

func (r *requests) over(inner objstore.Store) objstore.Store {
	return ahead{fault.New(inner, func(op fault.Op, name string, _ int) fault.Fault {
		if len(name) < 7 || name[:7] != "shards/" {
			return fault.None
		}
		switch op {
		case fault.ReadAt, fault.Get, fault.Stat:
			r.reads++
		case fault.Create, fault.Write, fault.Finish, fault.Put:
			r.writes++
		case fault.Delete:
			r.deletes++
		}
		return fault.None
	})}
}

func TestAJobThatGoesOnAndIsStoppedAtOnceNamesTheSameObjectsAndCopiesNothing(t *testing.T) {
	for _, parallelism := range []int{2, 1, 3} {
		t.Run(fmt.Sprint("parallelism ", parallelism), func(t *testing.T) {
			store, sink := mem.New(), newCollected[string]()
			stop, gate := stopAt(20_000)
			r := mustRun(t, large("process", 40_000, gate, sink), RunOptions{
				Parallelism: 2, CheckpointInterval: -1, Stop: stop, objects: store,
			})
			var seen requests
			var stored []CheckpointStored
			now := make(chan struct{})
			close(now)
			rests := func(int64) error { return errRests }
			again := mustRun(t, large("process", 40_000, rests, sink), RunOptions{
				Parallelism: parallelism, CheckpointInterval: -1, Stop: now, objects: seen.over(store),
				OnEvent: func(e Event) {
					if s, ok := e.(CheckpointStored); ok {
						stored = append(stored, s)
					}
				},
			})
			if again.StateBytes != r.StateBytes || len(stored) != 1 || stored[0].NewBytes != 0 {
				t.Errorf("%d bytes of state became %d; stored %+v", r.StateBytes, again.StateBytes, stored)
			}
			if seen != (requests{}) {
				t.Errorf("%+v: what is not needed is neither read nor written", seen)
			}
		})
	}
}

// blind is a source that cannot say what there is.
type blind struct{ numbers }

func (blind) Discover(context.Context, flow.Known) (flow.Discovery, error) {
	return flow.Discovery{}, errors.New("nothing is to be seen")
}

// Such a source fails the job when its shards are open. They are closed all the same, which the check for
// goroutines at the end of all tests finds out.
func TestAJobThatCannotBeginLeavesNothingBehind(t *testing.T) {
	job := NewJob("count")
	s := From(job, "numbers", blind{numbers{end: 10, splits: 1, batch: 1}})
	To(Process(KeyBy(s, identity), "count", newCounter), "out", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{Restarts: -1})
	wantError(t, err, "nothing is to be seen")
}
