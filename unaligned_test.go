package aquifer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// passed is a number that a first function has given its place among those of its key; less than zero for a timer.
type passed struct{ N, Key, Place int64 }

// giver numbers the rows and timers of a key. There is a timer for each row.
type giver struct{ given state.Value[int64] }

func (g *giver) Open(s *state.Scope) (err error) {
	g.given, err = state.NewValue[int64](s, "given")
	return err
}

func (g *giver) Process(ctx *Context, n *int64, out Collector[passed]) error {
	return errors.Join(g.give(ctx, *n, out), ctx.RegisterEventTimer(*n))
}

func (g *giver) OnTimer(ctx *Context, _ Timer, out Collector[passed]) error {
	return g.give(ctx, -1-ctx.Time, out)
}

func (g *giver) give(ctx *Context, n int64, out Collector[passed]) error {
	place, _, err := g.given.Get(ctx)
	out.Emit(passed{n, Key[int64](ctx), place})
	return errors.Join(err, g.given.Set(ctx, place+1))
}

// checker wants the rows of each of the first function's keys in their order, without a gap. It is slow.
type checker struct {
	seen state.Map[int64, int64]
	step func() error
}

func (c *checker) Open(s *state.Scope) (err error) {
	c.seen, err = state.NewMap[int64, int64](s, "seen")
	return err
}

var errOrder = errors.New("out of order")

func (c *checker) Process(ctx *Context, p *passed, out Collector[int64]) error {
	if err := c.step(); err != nil {
		return err
	}
	want, _, err := c.seen.Get(ctx, p.Key)
	if err != nil {
		return err
	}
	if p.Place != want {
		return fmt.Errorf("row %d of key %d comes when row %d should: %w", p.Place, p.Key, want, errOrder)
	}
	out.Emit(p.N)
	return c.seen.Set(ctx, p.Key, want+1)
}

// relay has two sources, a union, two shuffles in a row, and an exchange without keys.
func relay(end int64, pace func(int64) error, step func() error, spread int, sink *collected[int64]) *Job {
	job := NewJob("relay")
	odd := numbers{end: end, splits: 2, batch: 40, gate: pace}
	a := From(job, "a", odd, Monotonic(identity))
	b := Map(From(job, "b", odd, Monotonic(identity)), func(n *int64) int64 { return *n + end })
	given := Process(KeyBy(Union(a, b), func(n *int64) int64 { return *n % 30 }), "give",
		func() ProcessFunc[int64, passed] { return &giver{} })
	checked := Process(KeyBy(given, func(p *passed) int64 { return p.Key % 7 }), "check",
		func() ProcessFunc[passed, int64] { return &checker{step: step} })
	To(Map(checked, func(n *int64) int64 { return *n }, Parallelism(spread)), "out", sink)
	return job
}

// rush runs relay until it ends: with faults, and each time with another parallelism, until its rows are there.
type rush struct {
	rng     *rand.Rand
	mu      sync.Mutex
	flights int // objects with what was overtaken
	resumed int
}

func (r *rush) once(in int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(in) == 0
}

func (r *rush) int(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

func (r *rush) run(t *testing.T) (wrong string) {
	const end = 900
	store := fault.New(mem.New(), func(op fault.Op, name string, _ int) fault.Fault {
		if op == fault.Finish && strings.HasSuffix(name, ".flight") {
			r.flights++
		}
		if op.Writes() && r.once(200) {
			return fault.Before
		}
		return fault.None
	})
	sink := newCollected[int64]()
	pace := func(int64) error { <-time.After(200 * time.Microsecond); return nil }
	step := func() error {
		if r.once(2) {
			<-time.After(time.Duration(r.int(400)) * time.Microsecond)
		}
		if r.once(1500) {
			return errors.New("a fault")
		}
		return nil
	}
	for range 300 {
		parallelism := []int{1, 2, 3, 7}[r.int(4)]
		result, err := relay(end, pace, step, 1+r.int(3), sink).Run(t.Context(), RunOptions{
			Parallelism: parallelism, MaxParallelism: 16, CheckpointInterval: 3 * time.Millisecond, TolerateFailures: 3,
			Restarts: 1, UnalignedAfter: []time.Duration{0, -1, -1, time.Millisecond}[r.int(4)],
			Memory: []int64{0, 0, 0, 1 << 20}[r.int(4)], objects: distant{store},
		})
		if result.ResumedFrom > 0 {
			r.resumed++
		}
		if errors.Is(err, errOrder) {
			return err.Error()
		}
		if err != nil || !result.Finished {
			continue
		}
		rows := sink.rows()
		slices.Sort(rows)
		for n, row := range rows {
			if row != int64(n)-2*end {
				return fmt.Sprintf("row %d is %d", n-2*end, row)
			}
		}
		if len(rows) != 4*end {
			return fmt.Sprintf("%d rows and timers, want %d", len(rows), 4*end)
		}
		return ""
	}
	return "it never finished"
}

func TestRowsThatBarriersOvertakeAreNeitherLostNorDoubledNorReordered(t *testing.T) {
	seed, seeds := uint64(time.Now().UnixNano()), uint64(40)
	if testing.Short() {
		seeds = 8
	}
	flights, resumed := 0, 0
	for i := range seeds {
		synctest.Test(t, func(t *testing.T) {
			r := &rush{rng: rand.New(rand.NewPCG(seed+i, 0))}
			if wrong := r.run(t); wrong != "" {
				t.Fatalf("seed %d: %s", seed+i, wrong)
			}
			flights += r.flights
			resumed += r.resumed
		})
	}
	t.Logf("%d objects with rows in flight, %d times resumed", flights, resumed)
	if flights == 0 || resumed == 0 {
		t.Errorf("%d objects with rows in flight, %d times resumed", flights, resumed)
	}
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
	_, err := relay(1<<40, pace, slow, 2, sink).Run(ctx, o)
	if overtaken.Overtaken == 0 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%+v, %v", overtaken, err)
	}
	return overtaken
}

func TestWhatBarriersOvertakeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := cutOff(t, mem.New(), newCollected[int64](), RunOptions{UnalignedAfter: -1})
		if s.Overtaken > s.NewBytes || s.NewBytes > s.Bytes {
			t.Errorf("%+v", s)
		}
	})
}

func TestASavepointHasNoRowsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
		_, err := relay(1<<40, pace, slow, 2, newCollected[int64]()).Run(ctx, o)
		asked.Wait()
		overtaken, taken := seen["savepoint"]
		if !errors.Is(err, context.Canceled) || !taken || overtaken != 0 || seen["periodic"] == 0 {
			t.Errorf("%v, %v", seen, err)
		}
	})
}

func TestBarriersMayBeginToOvertakeWhileTheJobRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits Limits
		time.AfterFunc(20*time.Millisecond, func() { limits.SetUnalignedAfter(time.Millisecond) })
		if s := cutOff(t, mem.New(), newCollected[int64](), RunOptions{Limits: &limits}); s.Checkpoint < 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRowsOnTheirWayToAnOperatorThatIsGoneAreNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		cutOff(t, store, newCollected[int64](), RunOptions{UnalignedAfter: -1})
		job := NewJob("relay")
		a := From(job, "a", numbers{end: 10, splits: 2, batch: 4})
		b := From(job, "b", numbers{end: 10, splits: 2, batch: 4})
		given := Process(KeyBy(Union(a, b), func(n *int64) int64 { return *n % 30 }), "give",
			func() ProcessFunc[int64, passed] { return &giver{} })
		To(given, "out", newCollected[passed]())
		_, err := job.Run(t.Context(), RunOptions{MaxParallelism: 16, objects: store})
		wantError(t, err, `"check"`)
	})
}

func TestDamagedRowsInFlightAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, sink := mem.New(), newCollected[int64]()
		cutOff(t, store, sink, RunOptions{UnalignedAfter: -1})
		damaged := fault.New(store, func(op fault.Op, name string, _ int) fault.Fault {
			if op == fault.ReadAt && strings.HasSuffix(name, ".flight") {
				return fault.Flip
			}
			return fault.None
		})
		_, err := relay(1<<40, nil, func() error { return nil }, 2, sink).Run(t.Context(),
			RunOptions{Parallelism: 3, MaxParallelism: 16, Restarts: -1, objects: damaged})
		wantError(t, err, ".flight is damaged: its checksum is ")
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
