package aquifer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// relayJob is one of the topology relay, at a parallelism of two or three.
func relayJob(end int64, pace func(int64) error, step func() error, spread int, sink *collected[int64]) *Job {
	source := numbers{end: end, splits: 2, batch: 40, gate: pace}
	return topology{build: relay}.job(&shape{source: source, step: step, spread: spread, sink: sink})
}

// cutOff runs relay, whose last function is slow, until a barrier has overtaken something, and then ends it at once.
func cutOff(
	t *testing.T, store objstore.Store, sink *collected[int64], o RunOptions,
) (overtaken CheckpointStored) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Parallelism, o.MaxParallelism, o.CheckpointInterval, o.objects = 2, 16, 3*time.Millisecond, store
	o.OnEvent = func(e Event) {
		if s, ok := e.(CheckpointStored); ok && s.Overtaken > 0 && ctx.Err() == nil {
			overtaken = s
			cancel()
		}
	}
	slow := func() error { <-time.After(time.Millisecond); return nil }
	pace := func(int64) error { <-time.After(time.Millisecond); return nil }
	_, err := relayJob(1<<40, pace, slow, 2, sink).Run(ctx, o)
	if overtaken.Overtaken == 0 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%+v, %v", overtaken, err)
	}
	return overtaken
}

func TestWhatBarriersOvertakeIsTold(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := cutOff(t, mem.New(), newCollected[int64](), RunOptions{UnalignedAfter: -1})
		if s.Overtaken > s.NewBytes || s.NewBytes > s.Bytes {
			t.Errorf("%+v", s)
		}
	})
}

func TestASavepointHasNoRowsInFlight(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var requests Requests
		var asked sync.WaitGroup
		var ask sync.Once
		seen := map[string]int64{}
		o := RunOptions{
			Parallelism: 2, MaxParallelism: 16, CheckpointInterval: 3 * time.Millisecond, UnalignedAfter: -1,
			Requests: &requests, objects: mem.New(),
		}
		o.OnEvent = func(e Event) {
			if s, ok := e.(CheckpointStored); ok {
				if seen[s.Reason] += s.Overtaken; s.Overtaken > 0 {
					ask.Do(func() {
						asked.Go(func() {
							if _, err := requests.Savepoint(ctx); err != nil {
								t.Error(err)
							}
							cancel()
						})
					})
				}
			}
		}
		slow := func() error { <-time.After(time.Millisecond); return nil }
		pace := func(int64) error { <-time.After(time.Millisecond); return nil }
		_, err := relayJob(1<<40, pace, slow, 2, newCollected[int64]()).Run(ctx, o)
		asked.Wait()
		overtaken, taken := seen["savepoint"]
		if !errors.Is(err, context.Canceled) || !taken || overtaken != 0 || seen["periodic"] == 0 {
			t.Errorf("%v, %v", seen, err)
		}
	})
}

func TestBarriersMayBeginToOvertakeWhileTheJobRuns(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var limits Limits
		time.AfterFunc(20*time.Millisecond, func() { limits.SetUnaligned(time.Millisecond, 0) })
		if s := cutOff(t, mem.New(), newCollected[int64](), RunOptions{Limits: &limits}); s.Checkpoint < 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRowsOnTheirWayToAnOperatorThatIsGoneAreNotDropped(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store := mem.New()
		cutOff(t, store, newCollected[int64](), RunOptions{UnalignedAfter: -1})
		job := NewJob("topology")
		a := From(job, "a", numbers{end: 10, splits: 2, batch: 4})
		b := From(job, "b", numbers{end: 10, splits: 2, batch: 4})
		given := Process(KeyBy(Union(a, b), func(n *int64) int64 { return *n % 30 }), "give",
			func() ProcessFunc[int64, passed] { return &giver{shape: &shape{}} })
		To(given, "out", newCollected[passed]())
		_, err := job.Run(t.Context(), RunOptions{MaxParallelism: 16, objects: store})
		wantError(t, err, "cannot take the rows that are on their way to it", `(uid "check") has state in it but is not in the program`)
	})
}

func TestDamagedRowsInFlightAreNamed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store, sink := mem.New(), newCollected[int64]()
		cutOff(t, store, sink, RunOptions{UnalignedAfter: -1})
		damaged := fault.New(store, func(op fault.Op, name string, _ int) fault.Fault {
			if op == fault.ReadAt && strings.HasSuffix(name, ".flight") {
				return fault.Flip
			}
			return fault.None
		})
		_, err := relayJob(1<<40, nil, func() error { return nil }, 2, sink).Run(t.Context(),
			RunOptions{Parallelism: 3, MaxParallelism: 16, Restarts: -1, objects: damaged})
		wantError(t, err, ".flight is damaged: the checksum of ")
	})
}

func TestRowsThatCannotBeWrittenAreRefusedWhereBarriersOvertake(t *testing.T) {
	type called struct{ Back func() }
	job := NewJob("calls")
	calls := Map(From(job, "numbers", numbers{end: 1, splits: 1, batch: 1}), func(*int64) called { return called{} })
	To(Map(calls, func(*called) int64 { return 1 }, Parallelism(2), Name("answer")), "out", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, UnalignedAfter: -1})
	wantError(t, err, `operator "answer": barriers cannot overtake its rows: `)
	wantError(t, err, "Back")
	if _, err := job.Run(t.Context(), RunOptions{Parallelism: 1}); err != nil {
		t.Error(err)
	}
}
