package aquifer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// The types that a state has in three versions of a program.
type (
	first  struct{ Count int64 }
	second struct {
		Count int64
		Last  int64
	}
	third struct {
		Last  int64
		Count int64
		Names map[string]bool
	}
)

// evolving keeps a V for each key and in each entry of a map. touch changes it for a number; a negative number
// only looks.
type evolving[V any] struct {
	one   state.Value[V]
	many  state.Map[string, V]
	touch func(v *V, n int64)
}

func (e *evolving[V]) Open(s *state.Scope) (err error) {
	if e.one, err = state.NewValue[V](s, "one"); err != nil {
		return err
	}
	e.many, err = state.NewMap[string, V](s, "many")
	return err
}

func (e *evolving[V]) Process(ctx *Context, in *int64, out Collector[string]) error {
	v, _, err := e.one.Get(ctx)
	if err != nil {
		return err
	}
	if *in < 0 {
		entry, _, err := e.many.Get(ctx, "entry")
		out.Emit(fmt.Sprintf("%d: %+v, %+v", -*in, v, entry))
		return err
	}
	e.touch(&v, *in)
	if err := e.many.Set(ctx, "entry", v); err != nil {
		return err
	}
	return e.one.Set(ctx, v)
}

// version runs one version of a program over one of the rounds of numbers, from the last checkpoint to the next.
func version[V any](
	t *testing.T, store *mem.Store, sink *collected[string], touch func(*V, int64), round int, rounds ...[]int64,
) ([]string, error) {
	t.Helper()
	program := func(numbers KeyedStream[int64, int64]) Stream[string] {
		return Process(numbers, "values", func() ProcessFunc[int64, string] { return &evolving[V]{touch: touch} })
	}
	return runRound(t, store, sink, RunOptions{}, round, rounds, program)
}

// runRound runs a program over one of the rounds of numbers, from the last checkpoint to the next, and returns what
// came out. Numbers are keyed by what they are without their sign.
func runRound(
	t *testing.T, store *mem.Store, sink *collected[string], o RunOptions, round int, rounds [][]int64,
	program func(KeyedStream[int64, int64]) Stream[string],
) ([]string, error) {
	t.Helper()
	p, before := newPause(), len(sink.rows())
	var steps []step[int64]
	for i, numbers := range rounds {
		end := step[int64]{}
		if i == round {
			end = here[int64](p)
		}
		steps = append(append(steps, each(numbers...)...), end)
	}
	job := NewJob("evolving")
	abs := func(n *int64) int64 { return max(*n, -*n) }
	To(program(KeyBy(From(job, "numbers", oneSplit(steps...)), abs)), "out", sink)
	o.Parallelism, o.CheckpointInterval, o.Restarts, o.Stop, o.objects = 2, -1, -1, p.stop, store
	_, err := job.Run(t.Context(), o)
	return sorted(sink.rows()[before:]), err
}

func TestAStateWhoseTypeGainsAFieldTwiceHasValuesOfAllThreeTypes(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	rounds := [][]int64{{1, 2, 3, 1}, {2, 3}, {3}, {-1, -2, -3, -4}, {-1, -2, -3}}
	must := func(rows []string, err error) []string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	must(version(t, store, sink, func(v *first, _ int64) { v.Count++ }, 0, rounds...))
	must(version(t, store, sink, func(v *second, n int64) { v.Count++; v.Last = 10 * n }, 1, rounds...))
	must(version(t, store, sink, func(v *third, n int64) {
		v.Count++
		v.Last, v.Names = 100*n, map[string]bool{fmt.Sprint(n): true}
	}, 2, rounds...))
	rows := must(version(t, store, sink, func(*third, int64) {}, 3, rounds...))
	want := []string{
		"1: {Last:0 Count:2 Names:map[]}, {Last:0 Count:2 Names:map[]}",
		"2: {Last:20 Count:2 Names:map[]}, {Last:20 Count:2 Names:map[]}",
		"3: {Last:300 Count:3 Names:map[3:true]}, {Last:300 Count:3 Names:map[3:true]}",
		"4: {Last:0 Count:0 Names:map[]}, {Last:0 Count:0 Names:map[]}",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("rows\n%q\nwant\n%q", rows, want)
	}
	// And back: what the older type does not have is forgotten, value by value.
	rows = must(version(t, store, sink, func(*second, int64) {}, 4, rounds...))
	want = []string{
		"1: {Count:2 Last:0}, {Count:2 Last:0}", "2: {Count:2 Last:20}, {Count:2 Last:20}",
		"3: {Count:3 Last:300}, {Count:3 Last:300}",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("rows\n%q\nwant\n%q", rows, want)
	}
}

func TestATypeThatCannotReadAnOlderOneIsRefusedAlsoTwoVersionsLater(t *testing.T) {
	type other struct{ Count string }
	store, sink := mem.New(), newCollected[string]()
	rounds := [][]int64{{1}, {1}, {-1}}
	for round := range 2 {
		if _, err := version(t, store, sink, func(v *second, _ int64) { v.Count++ }, round, rounds...); err != nil {
			t.Fatal(err)
		}
	}
	_, err := version(t, store, sink, func(*other, int64) {}, 2, rounds...)
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	wantError(t, err, `operator "values"`, `state "one"`)
}
