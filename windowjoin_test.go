package aquifer

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/window"
)

// halves are the sales with even amounts and those with odd ones.
func halves(s KeyedStream[string, sale]) ConnectedStreams[string, sale, sale] {
	half := func(odd int64, name string) KeyedStream[string, sale] {
		some := Filter(s.Stream, func(s *sale) bool { return s.Amount%2 == odd }, Name(name))
		return KeyBy(some, func(s *sale) string { return s.Who })
	}
	return Connect(half(0, "even"), half(1, "odd"))
}

// regrouped gives the rows of both sides as text, as listed does for one.
func regrouped(w WindowContext[string], even, odd iter.Seq[sale], out Collector[string]) error {
	var all []int64
	for side, rows := range []iter.Seq[sale]{even, odd} {
		for row := range rows {
			if row.Amount%2 != int64(side) {
				return errors.New("a row came to the other side")
			}
			all = append(all, row.Amount)
		}
	}
	slices.Sort(all)
	out.Emit(saleText(w.Key, w.Start, w.End, w.Early, all))
	return nil
}

func TestACoGroupGetsTheRowsOfBothStreamsInAWindow(t *testing.T) {
	joinSeeds(t, *windowSeeds/slow, func(t *testing.T, rng *rand.Rand) {
		w, rows := drawnWindow(rng), drawnSales(rng)
		if rng.IntN(2) == 0 {
			w = w.Trigger(drawnTrigger(rng))
		}
		got, _ := salesLater(t, rng, rows, func(s KeyedStream[string, sale], _ *Side[sale]) Stream[string] {
			return CoGroup(halves(s), "windows", w, regrouped)
		})
		if want := simulate(w, rows).results; !slices.Equal(got, want) {
			t.Errorf("%+v of %v:\ngot  %q\nwant %q", w, rows, got, want)
		}
	})
}

func TestAWindowJoinPairsTheRowsOfAWindow(t *testing.T) {
	joinSeeds(t, *windowSeeds/slow, func(t *testing.T, rng *rand.Rand) {
		w, rows := drawnWindow(rng), drawnSales(rng)
		pair := func(l, r int64) string { return fmt.Sprint(l, "+", r) }
		got, _ := salesLater(t, rng, rows, func(s KeyedStream[string, sale], _ *Side[sale]) Stream[string] {
			return WindowJoin(halves(s), "windows", w, func(l, r *sale) string { return pair(l.Amount, r.Amount) })
		})
		var want []string
		for _, fired := range simulate(w, rows).fired {
			for _, l := range fired {
				for _, r := range fired {
					if l%2 == 0 && r%2 == 1 {
						want = append(want, pair(l, r))
					}
				}
			}
		}
		if !slices.Equal(got, sorted(want)) {
			t.Errorf("%+v of %v:\ngot  %q\nwant %q", w, rows, got, sorted(want))
		}
	})
}

func TestAnOuterJoinCanBeWrittenAsACoGroup(t *testing.T) {
	job, sink := NewJob("outer"), newCollected[string]()
	s := fromSales(job, oneSplit(each(sale{1, "ann", 2}, sale{2, "bob", 4}, sale{3, "ann", 1}, sale{25, "ann", 6})...))
	outer := func(w WindowContext[string], left, right iter.Seq[sale], out Collector[string]) error {
		others := slices.Collect(right)
		for l := range left {
			if len(others) == 0 {
				out.Emit(fmt.Sprint(w.Key, " ", l.Amount, " alone"))
			}
			for _, r := range others {
				out.Emit(fmt.Sprint(w.Key, " ", l.Amount, "+", r.Amount))
			}
		}
		return nil
	}
	To(CoGroup(halves(s), "outer", window.Tumbling(ms(20)), outer), "out", sink)
	mustRun(t, job, RunOptions{Parallelism: 2, CheckpointInterval: -1})
	wantRows(t, sorted(sink.rows()), "ann 2+1", "ann 6 alone", "bob 4 alone")
}

func TestMistakesOfWindowJoinsAreReportedBeforeAnythingRuns(t *testing.T) {
	job := NewJob("mistakes")
	both := halves(fromSales(job, sales(nil)))
	joined := func(_, _ *sale) string { return "" }
	To(WindowJoin(both, "join", window.Global(), joined), "out", newCollected[string]())
	To(CoGroup(both, "group", window.Session(0), regrouped), "out-2", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{})
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	wantError(t, err, `operator "join": a global window never ends`, `operator "group": the window's gap is 0s`)
}
