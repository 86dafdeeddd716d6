package aquifer

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/window"
)

// wantWindows compares windows of random rows with their simulation.
func wantWindows(t *testing.T, rng *rand.Rand, w window.Window) {
	t.Helper()
	rows := drawnSales(rng)
	got, aside := salesLater(t, rng, rows, func(s KeyedStream[string, sale], late *Side[sale]) Stream[string] {
		return ProcessWindow(s, "windows", w, listed, LateTo(late))
	})
	want := simulate(w, rows)
	if !slices.Equal(got, want.results) || !slices.Equal(aside, want.late) {
		t.Errorf("%+v of %v:\ngot  %q\nwant %q\nlate %v, want %v", w, rows, got, want.results, aside, want.late)
	}
}

func TestAFunctionGetsAllRowsOfAWindow(t *testing.T) {
	joinSeeds(t, *windowSeeds/slow, func(t *testing.T, rng *rand.Rand) { wantWindows(t, rng, drawnWindow(rng)) })
}

func TestAWindowFiresWhenItsTriggerSays(t *testing.T) {
	joinSeeds(t, 2**windowSeeds/slow, func(t *testing.T, rng *rand.Rand) {
		wantWindows(t, rng, drawnWindow(rng).Trigger(drawnTrigger(rng)))
	})
}

func TestAGlobalWindowFiresWhenItsTriggerSays(t *testing.T) {
	joinSeeds(t, *windowSeeds/slow, func(t *testing.T, rng *rand.Rand) {
		wantWindows(t, rng, window.Global().Trigger(drawnTrigger(rng)))
	})
}

// The sum of a window is that of the rows that a function would get.
func TestSumsOfWindowsWithTriggers(t *testing.T) {
	joinSeeds(t, *windowSeeds/slow, func(t *testing.T, rng *rand.Rand) {
		w, rows := drawnWindow(rng).Trigger(drawnTrigger(rng)), drawnSales(rng)
		if rng.IntN(3) == 0 {
			w = window.Global().Trigger(drawnTrigger(rng))
		}
		got, aside := salesLater(t, rng, rows, func(s KeyedStream[string, sale], late *Side[sale]) Stream[string] {
			sums := Aggregate(s, "windows", w, Sum(paid), LateTo(late))
			return Map(sums, func(w *Windowed[string, int64]) string { return fmt.Sprint(w.Value) })
		})
		var want []string
		sim := simulate(w, rows)
		for _, fired := range sim.fired {
			sum := int64(0)
			for _, amount := range fired {
				sum += amount
			}
			want = append(want, fmt.Sprint(sum))
		}
		if !slices.Equal(got, sorted(want)) || !slices.Equal(aside, sim.late) {
			t.Errorf("%+v of %v:\ngot  %q\nwant %q\nlate %v, want %v", w, rows, got, sorted(want), aside, sim.late)
		}
	})
}

// given runs windows that list their rows over sales a second apart, and returns what they give in its order.
func given(t *testing.T, w window.Window, rows ...sale) (results []string) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		var steps []step[sale]
		for _, row := range rows {
			steps = append(steps, in(time.Second, row))
		}
		job, sink := NewJob("given"), newCollected[string]()
		list := func(w WindowContext[string], rows iter.Seq[sale], out Collector[string]) error {
			out.Emit(saleText(w.Key, w.Start, w.End, w.Early, amounts(rows)))
			return nil
		}
		To(ProcessWindow(fromSales(job, oneSplit(steps...)), "windows", w, list), "out", sink)
		mustRun(t, job, RunOptions{Parallelism: 1, CheckpointInterval: -1})
		results = sink.rows()
	})
	return results
}

func TestEarlyFiringsAndTheFinalOne(t *testing.T) {
	rows := []sale{{1, "ann", 3}, {2, "ann", 2}, {3, "ann", 1}, {4, "ann", 9}, {25, "ann", 5}}
	for _, c := range []struct {
		trigger window.Trigger
		want    []string
	}{
		{window.Trigger{EventTime: true, Count: 2}, []string{
			"ann [0,20) true [3 2]", "ann [0,20) true [3 2 1 9]", "ann [0,20) false [3 2 1 9]", "ann [20,40) false [5]",
		}},
		{window.Trigger{EventTime: true, Count: 3, Purging: true}, []string{
			"ann [0,20) true [3 2 1]", "ann [0,20) false [9]", "ann [20,40) false [5]",
		}},
		{window.Trigger{EventTime: true, Count: 2, Purging: true}, []string{
			"ann [0,20) true [3 2]", "ann [0,20) true [1 9]", "ann [20,40) false [5]",
		}},
		{window.Trigger{Count: 3}, []string{"ann [0,20) true [3 2 1]"}},
		{window.Trigger{ContinuousEventTime: ms(3), EventTime: true}, []string{
			"ann [0,20) true [3 2 1]", "ann [0,20) true [3 2 1 9]", "ann [0,20) false [3 2 1 9]", "ann [20,40) true [5]",
			"ann [20,40) false [5]",
		}},
	} {
		wantRows(t, given(t, window.Tumbling(ms(20)).Trigger(c.trigger), rows...), c.want...)
	}
}

func TestTheRowsOfAWindowCanBeReadTwiceAndInPart(t *testing.T) {
	job, sink := NewJob("twice"), newCollected[string]()
	s := fromSales(job, oneSplit(each(sale{1, "ann", 1}, sale{2, "ann", 2}, sale{3, "ann", 3})...))
	fn := func(_ WindowContext[string], rows iter.Seq[sale], out Collector[string]) error {
		for first := range rows {
			out.Emit(fmt.Sprint("first ", first.Amount))
			break
		}
		out.EmitAt(fmt.Sprint("of ", len(slices.Collect(rows))), 5)
		return nil
	}
	To(ProcessWindow(s, "windows", window.Session(ms(9)), fn), "out", sink)
	mustRun(t, job, RunOptions{Parallelism: 1, CheckpointInterval: -1})
	wantRows(t, sink.rows(), "first 1", "of 3")
}

func TestAnErrorOfAWindowFunctionFailsTheJob(t *testing.T) {
	job := NewJob("fails")
	fn := func(WindowContext[string], iter.Seq[sale], Collector[string]) error { return errors.New("no more") }
	To(ProcessWindow(fromSales(job, oneSplit(each(sale{1, "ann", 1})...)), "windows", window.Tumbling(ms(9)), fn),
		"out", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	wantError(t, err, `operator "windows"`, "no more", "ann")
}

// Rows come a second apart by the clock of the machine, whose time is what the event times of the rows are behind.
func TestTriggersByTheClockOfTheMachine(t *testing.T) {
	for _, c := range []struct {
		w    window.Window
		want []string
	}{
		{window.Tumbling(10 * time.Second).Trigger(window.Trigger{ProcessingTime: true}),
			[]string{"[0 1 2 3 4 5 6 7 8 9]", "[10 11 12 13 14 15 16 17 18 19]"}},
		{window.Global().Trigger(window.Trigger{ContinuousProcessingTime: 10 * time.Second, Purging: true}),
			[]string{"[0 1 2 3 4 5 6 7 8 9]", "[10 11 12 13 14 15 16 17 18 19]"}},
		{window.Session(3 * time.Second).Trigger(window.Trigger{ContinuousProcessingTime: 15 * time.Second}),
			[]string{"[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14]"}},
	} {
		bubble.Test(t, func(t *testing.T) {
			steps := []step[sale]{in(time.Second/2, sale{began, "ann", 0})}
			for i := int64(1); i < 25; i++ {
				steps = append(steps, in(time.Second, sale{began + 1000*i, "ann", i}))
			}
			job, sink := NewJob("clock"), newCollected[string]()
			// Event time stays behind.
			s := From(job, "sales", oneSplit(steps...), EventTime(func(s *sale) int64 { return s.At }, time.Hour))
			fn := func(_ WindowContext[string], rows iter.Seq[sale], out Collector[string]) error {
				out.Emit(fmt.Sprint(amounts(rows)))
				return nil
			}
			To(ProcessWindow(KeyBy(s, func(s *sale) string { return s.Who }), "windows", c.w, fn), "out", sink)
			mustRun(t, job, RunOptions{Parallelism: 1, CheckpointInterval: -1})
			wantRows(t, sink.rows(), c.want...)
		})
	}
}

func TestMistakesOfWindowsWithFunctionsAreReportedBeforeAnythingRuns(t *testing.T) {
	job := NewJob("mistakes")
	s := fromSales(job, sales(nil))
	for i, w := range []window.Window{
		{}, window.Global(), window.Tumbling(ms(20)).Trigger(window.Trigger{Purging: true}),
	} {
		To(ProcessWindow(s, fmt.Sprint("w", i), w, listed), fmt.Sprint("out", i), newCollected[string]())
	}
	sums := Aggregate(s, "sums", window.Global(), Sum(paid))
	To(sums, "out-sums", newCollected[Windowed[string, int64]]())
	_, err := job.Run(t.Context(), RunOptions{})
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	wantError(t, err, `operator "w0": no window is described`, `operator "w1": a global window never ends`,
		`operator "w2": the trigger never fires`, `operator "sums": a global window never ends`)
}

func TestOnlyAGlobalWindowTakesRowsWithoutEventTime(t *testing.T) {
	run := func(w window.Window) ([]string, error) {
		job, sink := NewJob("timeless"), newCollected[string]()
		s := KeyBy(From(job, "sales", sales(nil)), func(*sale) string { return "all" })
		To(ProcessWindow(s, "windows", w, listed), "out", sink)
		_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
		return sink.rows(), err
	}
	got, err := run(window.Global().Trigger(window.Trigger{Count: 4, Purging: true}))
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	for _, w := range []window.Window{
		window.Tumbling(ms(20)), window.Session(ms(20)), window.Global().Trigger(window.Trigger{ContinuousEventTime: ms(1)}),
	} {
		_, err := run(w)
		wantError(t, err, "a row has no event time")
	}
}
