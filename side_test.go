package aquifer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// sorter sends numbers that can be divided by three aside, and the places of all others in the order of their key.
type sorter struct {
	thirds *Side[int64]
	places *Side[string]
	count  state.Value[int64]
}

func (s *sorter) Open(scope *state.Scope) (err error) {
	s.count, err = state.NewValue[int64](scope, "count")
	return err
}

func (s *sorter) Process(ctx *Context, n *int64, out Collector[int64]) error {
	if *n%3 == 0 {
		return s.thirds.Emit(ctx, *n)
	}
	place, _, err := s.count.Get(ctx)
	if err != nil {
		return err
	}
	out.Emit(*n)
	return errors.Join(s.count.Set(ctx, place+1), ctx.RegisterEventTimer(*n),
		s.places.EmitAt(ctx, fmt.Sprint(*n, " is ", place), *n+1000))
}

func (s *sorter) OnTimer(ctx *Context, _ Timer, _ Collector[int64]) error {
	return s.places.Emit(ctx, fmt.Sprint("timer at ", ctx.Time))
}

const sorted3 = 90

// sorting is a job with a sorter, whose outputs go on at another parallelism, or in windows.
func sorting(main *collected[int64], thirds *collected[string], places *collected[string], pace func(int64) error) *Job {
	job, three, place := NewJob("sorting"), NewSide[int64]("thirds"), NewSide[string]("places")
	in := From(job, "numbers", numbers{end: sorted3, splits: 2, batch: 4, gate: pace}, Monotonic(identity))
	rest := Process(KeyBy(in, func(n *int64) int64 { return *n % 5 }), "sort", func() ProcessFunc[int64, int64] {
		return &sorter{thirds: three, places: place}
	}, SideOutput(three), SideOutput(place))
	To(rest, "main", main)
	// The event times of the rows, and the watermarks behind them, are those of the main output.
	one := KeyBy(three.Stream(), func(*int64) int64 { return 0 })
	counts := Aggregate(one, "count", window.Tumbling(ms(30)), Count[int64]())
	To(Map(counts, func(w *Windowed[int64, int64]) string { return fmt.Sprint(w.Start, ": ", w.Value) }), "counts", thirds)
	To(Map(place.Stream(), func(s *string) string { return *s }, Parallelism(3)), "places", places)
	return job
}

func wantSorted(t *testing.T, main *collected[int64], thirds, places *collected[string]) {
	t.Helper()
	var rest []int64
	var all []string
	given := map[int64]int{}
	for n := range int64(sorted3) {
		if n%3 > 0 {
			rest = append(rest, n)
			all = append(all, fmt.Sprint("timer at ", n))
			given[n%5]++
		}
	}
	if got := slices.Sorted(slices.Values(main.rows())); !slices.Equal(got, rest) {
		t.Errorf("main: %v", got)
	}
	if got := strings.Join(sorted(thirds.rows()), ", "); got != "0: 10, 30: 10, 60: 10" {
		t.Errorf("thirds: %s", got)
	}
	timers := slices.DeleteFunc(sorted(places.rows()), func(s string) bool { return !strings.HasPrefix(s, "timer") })
	if !slices.Equal(timers, sorted(all)) || len(places.rows()) != 2*len(rest) {
		t.Errorf("places: %v", places.rows())
	}
}

func TestAFunctionEmitsToItsSideOutputs(t *testing.T) {
	for _, parallelism := range []int{1, 2} {
		main, thirds, places := newCollected[int64](), newCollected[string](), newCollected[string]()
		mustRun(t, sorting(main, thirds, places, nil), RunOptions{Parallelism: parallelism})
		wantSorted(t, main, thirds, places)
	}
}

func TestRowsOfSideOutputsComeOnceHoweverOftenAJobIsStopped(t *testing.T) {
	for _, after := range []time.Duration{0, -1} {
		bubble.Test(t, func(t *testing.T) {
			store, main, thirds, places := mem.New(), newCollected[int64](), newCollected[string](), newCollected[string]()
			pace := func(int64) error { <-time.After(time.Millisecond); return nil }
			for parallelism := 1; ; parallelism++ {
				stop := make(chan struct{})
				o := RunOptions{
					Parallelism: 1 + parallelism%3, MaxParallelism: 16, CheckpointInterval: 2 * time.Millisecond,
					UnalignedAfter: after, Stop: stop, objects: store,
				}
				timer := time.AfterFunc(5*time.Millisecond, func() { close(stop) })
				if mustRun(t, sorting(main, thirds, places, pace), o).Finished {
					break
				}
				timer.Stop()
			}
			wantSorted(t, main, thirds, places)
		})
	}
}

// gossip is a function of every other kind, which sends everything aside.
type gossip struct {
	told *Side[string]
}

func (g *gossip) Open(*state.Scope) error { return nil }
func (g *gossip) Process(ctx *Context, n *int64, _ Collector[string]) error {
	return g.told.Emit(ctx, fmt.Sprint("row ", *n, " at ", ctx.Time))
}

func (g *gossip) ProcessLeft(ctx *Context, n *int64, _ Collector[string]) error {
	return g.told.Emit(ctx, fmt.Sprint("left ", *n, " at ", ctx.Time))
}

func (g *gossip) ProcessRight(ctx *Context, n *int64, _ Collector[string]) error {
	return g.told.Emit(ctx, fmt.Sprint("right ", *n, " at ", ctx.Time))
}

func (g *gossip) ProcessBroadcast(ctx *BroadcastContext, n *int64, _ Collector[string]) error {
	return g.told.Emit(ctx, fmt.Sprint("all ", *n, " at ", ctx.Time))
}

func (g *gossip) OnTimer(*Context, Timer, Collector[string]) error { return nil }

// quiet is a gossip without keys.
type quiet struct{ *gossip }

func (q quiet) ProcessBroadcast(ctx *BroadcastContext, n *int64, _ Collector[string]) error {
	return q.told.Emit(ctx, fmt.Sprint("everyone ", *n, " at ", ctx.Time))
}

func (q quiet) Process(ctx *Context, n *int64, out Collector[string]) error {
	return q.gossip.Process(ctx, n, out)
}

func TestFunctionsOfAllKindsHaveSideOutputs(t *testing.T) {
	for want, build := range map[string]func(in KeyedStream[int64, int64], told *Side[string]) Stream[string]{
		"row 0 at 0, row 1 at 1": func(in KeyedStream[int64, int64], told *Side[string]) Stream[string] {
			return ProcessUnkeyed(in.Stream, "tell", func() UnkeyedFunc[int64, string] { return quiet{&gossip{told: told}} },
				SideOutput(told))
		},
		"left 0 at 0, left 1 at 1, right 0 at 0, right 1 at 1": func(
			in KeyedStream[int64, int64], told *Side[string],
		) Stream[string] {
			return CoProcess(Connect(in, in), "tell", func() CoProcessFunc[int64, int64, string] {
				return &gossip{told: told}
			}, SideOutput(told))
		},
		"all 0 at 0, all 1 at 1, row 0 at 0, row 1 at 1": func(in KeyedStream[int64, int64], told *Side[string]) Stream[string] {
			return ProcessBroadcast(in, Broadcast(in.Stream), "tell", func() BroadcastFunc[int64, int64, string] {
				return &gossip{told: told}
			}, SideOutput(told))
		},
		"everyone 0 at 0, everyone 1 at 1, row 0 at 0, row 1 at 1": func(
			in KeyedStream[int64, int64], told *Side[string],
		) Stream[string] {
			return ProcessUnkeyedBroadcast(in.Stream, Broadcast(in.Stream), "tell",
				func() UnkeyedBroadcastFunc[int64, int64, string] { return quiet{&gossip{told: told}} }, SideOutput(told))
		},
	} {
		job, told, sink := NewJob("gossip"), NewSide[string]("told"), newCollected[string]()
		in := From(job, "numbers", numbers{end: 2, splits: 1, batch: 1}, Monotonic(identity))
		To(build(KeyBy(in, identity), told), "none", newCollected[string]())
		To(told.Stream(), "out", sink)
		mustRun(t, job, RunOptions{Parallelism: 1})
		if got := strings.Join(sorted(sink.rows()), ", "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestASideOutputThatNobodyReadsIsDropped(t *testing.T) {
	job, told, sink := NewJob("gossip"), NewSide[string]("told"), newCollected[string]()
	in := From(job, "numbers", numbers{end: 3000, splits: 1, batch: 500})
	To(ProcessUnkeyed(in, "tell", func() UnkeyedFunc[int64, string] { return quiet{&gossip{told: told}} },
		SideOutput(told)), "out", sink)
	if mustRun(t, job, RunOptions{Parallelism: 1}); len(sink.rows()) != 0 {
		t.Errorf("%v", sink.rows())
	}
}

// misplaced emits to a side output that its operator was not given, or too late.
type misplaced struct {
	told *Side[string]
	kept *Context
}

func (f *misplaced) Process(ctx *Context, n *int64, _ Collector[string]) error {
	f.kept = ctx
	return f.told.Emit(ctx, "lost")
}

func (f *misplaced) Close() error {
	if err := f.told.Emit(f.kept, "late"); !errors.Is(err, flow.ErrOutsideCall) {
		return fmt.Errorf("too late: %w", err)
	}
	return nil
}

func TestEmittingToASideOutputOfAnotherOperatorFails(t *testing.T) {
	job, told := NewJob("misplaced"), NewSide[string]("told")
	in := From(job, "numbers", numbers{end: 1, splits: 1, batch: 1})
	To(ProcessUnkeyed(in, "tell", func() UnkeyedFunc[int64, string] { return &misplaced{told: told} }),
		"out", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	wantError(t, err, `operator "tell"`, `side output "told" is none of this operator: add SideOutput`)
	if strings.Contains(err.Error(), "too late") {
		t.Error(err)
	}
}

func TestMistakesWithSideOutputsAreReported(t *testing.T) {
	job, told := NewJob("mistakes"), NewSide[string]("told")
	in := From(job, "numbers", numbers{end: 1, splits: 1, batch: 1})
	tell := func() UnkeyedFunc[int64, string] { return quiet{&gossip{told: told}} }
	To(ProcessUnkeyed(in, "tell", tell, SideOutput(told)), "a", newCollected[string]())
	To(ProcessUnkeyed(in, "tell-again", tell, SideOutput(told)), "b", newCollected[string]())
	To(Map(in, identity, Name("map"), SideOutput(told)), "c", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1})
	wantError(t, err, `side output "told" is given to two operators`,
		`operator "map" is a Map, which cannot emit to side outputs: leave out SideOutput`)
}
