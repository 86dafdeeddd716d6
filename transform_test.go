package aquifer

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// below is a source of the numbers below an end, in order.
func below(end int64) numbers { return numbers{end: end, splits: 1, batch: 7} }

// made runs a job that makes rows of the numbers below 100, at some parallelism, and returns them sorted.
func made(t *testing.T, parallelism int, transform func(Stream[int64]) Stream[string]) []string {
	t.Helper()
	job, sink := NewJob("made"), newCollected[string]()
	To(transform(From(job, "numbers", below(100), Monotonic(identity))), "out", sink)
	mustRun(t, job, RunOptions{Parallelism: parallelism})
	return sorted(sink.rows())
}

func text(n *int64) string { return fmt.Sprint(*n) }

// transformations are made of numbers; of is what becomes of one.
var transformations = []struct {
	name      string
	transform func(Stream[int64]) Stream[string]
	of        func(n int64) []string
}{
	{"Map makes one row of each", func(s Stream[int64]) Stream[string] { return Map(s, text) },
		func(n int64) []string { return []string{fmt.Sprint(n)} }},
	{"Filter keeps some", func(s Stream[int64]) Stream[string] {
		return Map(Filter(s, func(n *int64) bool { return *n%7 == 3 }), text)
	}, func(n int64) (want []string) {
		if n%7 == 3 {
			want = []string{fmt.Sprint(n)}
		}
		return want
	}},
	{"FlatMap makes any number", func(s Stream[int64]) Stream[string] {
		return FlatMap(s, func(n *int64, out Collector[string]) error {
			for range *n % 3 {
				out.Emit(text(n))
			}
			return nil
		})
	}, func(n int64) []string { return slices.Repeat([]string{fmt.Sprint(n)}, int(n%3)) }},
	{"a stream used twice goes both ways, a union joins them", func(s Stream[int64]) Stream[string] {
		return Union(Map(s, text), Map(s, func(n *int64) string { return fmt.Sprint(-*n) }))
	}, func(n int64) []string { return []string{fmt.Sprint(n), fmt.Sprint(-n)} }},
}

func TestTransformationsOfRows(t *testing.T) {
	for _, c := range transformations {
		var want []string
		for n := range int64(100) {
			want = append(want, c.of(n)...)
		}
		slices.Sort(want)
		for _, p := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, parallelism %d", c.name, p), func(t *testing.T) {
				wantRows(t, made(t, p, c.transform), want...)
			})
		}
	}
}

func TestEmittedRowsHaveTheTimeOfTheirRowOrOneOfTheirOwn(t *testing.T) {
	at := func(out Stream[string]) Stream[string] {
		return ProcessUnkeyed(out, "at", func() UnkeyedFunc[string, string] { return timeOfRow{} })
	}
	got := made(t, 1, func(s Stream[int64]) Stream[string] {
		return at(FlatMap(s, func(n *int64, out Collector[string]) error {
			if *n == 42 {
				out.Emit("emitted")
				*out.Next() = "next"
				out.EmitAt("earlier", 17)
			}
			return nil
		}))
	})
	wantRows(t, got, "earlier at 17", "emitted at 42", "next at 42")
}

// timeOfRow tells the event time of each row.
type timeOfRow struct{}

func (timeOfRow) Process(ctx *Context, in *string, out Collector[string]) error {
	out.Emit(fmt.Sprintf("%s at %d", *in, ctx.Time))
	return nil
}

func TestAnErrorOfFlatMapFailsTheJobAndNamesOperatorAndTime(t *testing.T) {
	job := NewJob("failing")
	s := From(job, "numbers", below(100), Monotonic(identity))
	s = FlatMap(s, func(n *int64, _ Collector[int64]) error {
		if *n == 51 {
			return errors.New("51 will not do")
		}
		return nil
	}, Name("picky"))
	To(s, "out", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	want := `operator "picky", subtask 0, event time 1970-01-01T00:00:00.051Z: 51 will not do`
	wantError(t, err, want)
}

// shown is the result of a window as text.
func shown[K comparable, R any](w *Windowed[K, R]) string {
	return fmt.Sprintf("%v [%d,%d) %v", w.Key, w.Start, w.End, w.Value)
}

// One input of the union is at its end before the other begins. Were event time the latest of the inputs, all
// rows of the other would be late.
func TestEventTimeOfAUnionIsTheLeastOfItsInputs(t *testing.T) {
	for _, p := range []int{1, 3} {
		first := make(chan struct{})
		var once sync.Once
		job, sink := NewJob("union"), newCollected[string]()
		early := From(job, "early", oneSplit(each[int64](100, 200, 300)...), Monotonic(identity))
		early = Map(early, func(n *int64) int64 {
			if *n == 300 {
				once.Do(func() { close(first) })
			}
			return *n
		})
		after := oneSplit(on(first, int64(5)), step[int64]{rows: []int64{15, 105, 310}})
		late := From(job, "late", after, Monotonic(identity))
		all := KeyBy(Union(early, late), func(*int64) int64 { return 0 })
		counts := Aggregate(all, "counts", window.Tumbling(100*time.Millisecond), Count[int64]())
		To(Map(counts, shown), "out", sink, Parallelism(1))
		mustRun(t, job, RunOptions{Parallelism: p})
		wantRows(t, sink.rows(), "0 [0,100) 2", "0 [100,200) 2", "0 [200,300) 1", "0 [300,400) 2")
	}
}

func TestAUnionKeepsTheOrderOfEachInput(t *testing.T) {
	job, sink := NewJob("union"), newCollected[int64]()
	source := func(name string, from int64) Stream[int64] {
		var rows []int64
		for n := range int64(3000) {
			rows = append(rows, from+n)
		}
		return From(job, name, oneSplit(each(rows...)...))
	}
	To(Union(source("a", 0), source("b", 10_000), source("c", 20_000)), "out", sink, Parallelism(1))
	mustRun(t, job, RunOptions{Parallelism: 1})
	next := [3]int64{}
	for _, n := range sink.rows() {
		if next[n/10_000] != n%10_000 {
			t.Fatalf("%d came instead of %d", n, next[n/10_000]+n/10_000*10_000)
		}
		next[n/10_000]++
	}
	if next != [3]int64{3000, 3000, 3000} {
		t.Errorf("%d rows", next)
	}
}

// lister emits the rows of its key so far, which it keeps as text.
type lister[K comparable] struct{ list state.Value[string] }

func (l *lister[K]) Open(s *state.Scope) (err error) {
	l.list, err = state.NewValue[string](s, "list")
	return err
}

func (l *lister[K]) Process(ctx *Context, in *int64, out Collector[string]) error {
	return l.list.Update(ctx, func(list *string) {
		if *list == "" {
			*list = fmt.Sprint(Key[K](ctx), ":")
		}
		*list += fmt.Sprint(" ", *in)
		out.Emit(*list)
	})
}

func TestKeyBySendsAllRowsOfAKeyToOneSubtaskInOrder(t *testing.T) {
	type place struct {
		Shelf string
		Box   int8
	}
	key := func(n *int64) place { return place{fmt.Sprint("shelf ", *n%5), int8(*n % 3)} }
	got := made(t, 3, func(s Stream[int64]) Stream[string] {
		return Process(KeyBy(s, key), "list", func() ProcessFunc[int64, string] { return &lister[place]{} })
	})
	var want []string
	for n := range int64(15) {
		list := fmt.Sprint(key(&n), ":")
		for m := n; m < 100; m += 15 {
			list += fmt.Sprint(" ", m)
			want = append(want, list)
		}
	}
	slices.Sort(want)
	wantRows(t, got, want...)
}

func TestParallelismIsThatOfTheOperatorOrOfTheJob(t *testing.T) {
	job, sink := NewJob("parallel"), newCollected[int64]()
	s := From(job, "numbers", below(100), With[int64](Parallelism(2)))
	s = Map(s, identity, Name("three"), Parallelism(3))
	counts := Process(KeyBy(s, identity), "count", func() ProcessFunc[int64, string] { return &counter{} })
	To(counts, "one", newCollected[string](), Parallelism(1))
	To(s, "jobs", sink)
	subtasks := map[string]int{}
	mustRun(t, job, RunOptions{Parallelism: 4, OnEvent: func(e Event) {
		if p, ok := e.(Progress); ok {
			clear(subtasks)
			for _, o := range p.Operators {
				subtasks[o.Node.Name]++
			}
		}
	}})
	if got := fmt.Sprint(subtasks); got != "map[count:4 jobs:4 numbers:2 one:1 three:3]" {
		t.Errorf("subtasks %s", got)
	}
	if len(sink.rows()) != 100 {
		t.Errorf("%d rows", len(sink.rows()))
	}
}

func TestTwoSinksOnOneStreamBothGetAllRows(t *testing.T) {
	for _, p := range []int{1, 3} {
		job := NewJob("two sinks")
		a, b, c := newCollected[int64](), newCollected[int64](), newCollected[int64]()
		s := Map(From(job, "numbers", below(1000)), identity)
		To(s, "a", a)
		To(s, "b", b, Parallelism(2))
		To(Filter(s, func(n *int64) bool { return *n < 10 }), "c", c) // it changes its batches
		mustRun(t, job, RunOptions{Parallelism: p})
		for name, sink := range map[string]*collected[int64]{"a": a, "b": b} {
			rows := slices.Sorted(slices.Values(sink.rows()))
			if len(rows) != 1000 || rows[0] != 0 || len(slices.Compact(rows)) != 1000 {
				t.Errorf("parallelism %d: sink %s got %d rows", p, name, len(rows))
			}
		}
		wantRows(t, slices.Sorted(slices.Values(c.rows())), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	}
}

// renamedJob counts numbers in an operator with a name and a uid, before which something more may stand.
func renamedJob(name, uid string, more bool, p *pause, sink *collected[string]) *Job {
	job := NewJob("renamed")
	steps := append(each[int64](7, 7), here[int64](p), step[int64]{rows: []int64{7}})
	s := From(job, "numbers", oneSplit(steps...))
	if more {
		s = Filter(Map(s, identity), func(*int64) bool { return true })
	}
	var options []Option
	if uid != "" {
		options = append(options, UID(uid))
	}
	newFunc := func() ProcessFunc[int64, string] { return &counter{} }
	counts := Process(KeyBy(s, identity), name, newFunc, options...)
	To(counts, "out", sink)
	return job
}

func TestARenamedOperatorFindsItsStateByItsUID(t *testing.T) {
	for _, c := range []struct {
		name, uid string
		refusal   string
	}{
		{name: "count"},
		{name: "tally", uid: "count"},
		{name: "tally", refusal: `operator "count" (uid "count") has state in it but is not in the program`},
	} {
		store, sink, p := mem.New(), newCollected[string](), newPause()
		mustRun(t, renamedJob("count", "", false, p, sink), RunOptions{objects: store, Stop: p.stop})
		_, err := renamedJob(c.name, c.uid, true, nil, sink).Run(t.Context(), RunOptions{objects: store})
		if c.refusal != "" {
			wantError(t, err, c.refusal)
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		wantRows(t, sink.rows(), "7 has come 1 times", "7 has come 2 times", "7 has come 3 times")
	}
}
