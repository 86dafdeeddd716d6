package aquifer

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/window"
)

func overText(row sale, sum int64) string { return fmt.Sprint(row.Who, " ", row.Amount, ": ", sum) }

// overSums are the sums of the frames of rows in the simplest way, and the rows that are too late.
func overSums(rows []sale, in func(all []sale, row, other int) bool) (sums, late []string) {
	byKey, watermark := map[string][]sale{}, int64(flow.NoTime)
	for _, row := range rows {
		if row.At < watermark {
			late = append(late, fmt.Sprint(row.Amount))
			continue
		}
		byKey[row.Who] = append(byKey[row.Who], row)
		watermark = max(watermark, row.At-disorder)
	}
	for _, all := range byKey {
		slices.SortStableFunc(all, func(a, b sale) int { return cmp.Compare(a.At, b.At) })
		for i, row := range all {
			sum := int64(0)
			for j, other := range all {
				if in(all, i, j) {
					sum += other.Amount
				}
			}
			sums = append(sums, overText(row, sum))
		}
	}
	return sorted(sums), sorted(late)
}

// frames are kinds of frames, and which rows of a key are in the one of a row.
var frames = []func(n int) (f window.Frame, in func(all []sale, row, other int) bool){
	func(n int) (window.Frame, func(all []sale, row, other int) bool) {
		return window.RowsPreceding(n), func(_ []sale, row, other int) bool { return other <= row && other >= row-n }
	},
	func(n int) (window.Frame, func(all []sale, row, other int) bool) {
		return window.RangePreceding(ms(n)), func(all []sale, row, other int) bool {
			return all[other].At <= all[row].At && all[other].At >= all[row].At-int64(n)
		}
	},
	func(int) (window.Frame, func(all []sale, row, other int) bool) {
		return window.RowsUnbounded(), func(_ []sale, row, other int) bool { return other <= row }
	},
	func(int) (window.Frame, func(all []sale, row, other int) bool) {
		return window.RangeUnbounded(), func(all []sale, row, other int) bool { return all[other].At <= all[row].At }
	},
}

func TestARowGetsTheSumOfItsFrame(t *testing.T) {
	joinSeeds(t, 2**windowSeeds/slow, func(t *testing.T, rng *rand.Rand) {
		kind, rows := rng.IntN(len(frames)), drawnSales(rng)
		frame, in := frames[kind](rng.IntN(30) / (1 + kind%2))
		got, aside := salesLater(t, rng, rows, func(s KeyedStream[string, sale], late *Side[sale]) Stream[string] {
			sums := Over(s, "over", frame, Sum(paid), LateTo(late))
			return Map(sums, func(o *OverRow[sale, int64]) string { return overText(o.Row, o.Value) })
		})
		if want, late := overSums(rows, in); !slices.Equal(got, want) || !slices.Equal(aside, late) {
			t.Errorf("%+v of %v:\ngot  %q\nwant %q\nlate %v, want %v", frame, rows, got, want, aside, late)
		}
	})
}

func TestRowsComeOutInTheOrderOfTheirEventTimes(t *testing.T) {
	job, sink := NewJob("order"), newCollected[string]()
	rows := oneSplit(each(sale{9, "ann", 1}, sale{3, "ann", 2}, sale{5, "ann", 3}, sale{3, "ann", 4}, sale{40, "ann", 5})...)
	s := From(job, "sales", rows, EventTime(func(s *sale) int64 { return s.At }, ms(disorder)))
	running := Over(KeyBy(s, func(s *sale) string { return s.Who }), "over", window.RowsUnbounded(), Sum(paid))
	// They have their own event times: none of them is late in a window.
	again := Aggregate(KeyBy(running, func(*OverRow[sale, int64]) string { return "all" }), "windows",
		window.Tumbling(ms(4)), Sum(func(o *OverRow[sale, int64]) int64 { return o.Row.Amount }))
	To(Map(running, func(o *OverRow[sale, int64]) string { return overText(o.Row, o.Value) }), "out", sink)
	windows := newCollected[string]()
	To(Map(again, shown), "windows-out", windows)
	mustRun(t, job, RunOptions{Parallelism: 1, CheckpointInterval: -1})
	wantRows(t, sink.rows(), "ann 2: 2", "ann 4: 6", "ann 3: 9", "ann 1: 10", "ann 5: 15")
	wantRows(t, windows.rows(), "all [0,4) 6", "all [4,8) 3", "all [8,12) 1", "all [40,44) 5")
}

func TestMistakesOfFramesAreReportedBeforeAnythingRuns(t *testing.T) {
	job := NewJob("mistakes")
	s := fromSales(job, sales(nil))
	for i, f := range []window.Frame{{}, window.RowsPreceding(-1), window.RangePreceding(-ms(1))} {
		To(Over(s, fmt.Sprint("o", i), f, Sum(paid)), fmt.Sprint("out", i), newCollected[OverRow[sale, int64]]())
	}
	none := Over(s, "none", window.RowsUnbounded(), Aggregator[sale, int64, int64]{})
	To(none, "out", newCollected[OverRow[sale, int64]]())
	_, err := job.Run(t.Context(), RunOptions{})
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	wantError(t, err, `operator "o0": no frame is described`, `operator "o1": the frame has -1 rows preceding`,
		`operator "o2": the frame has -1ms preceding`, `operator "none": the aggregator has no Add`)
}

func TestOverNeedsEventTimes(t *testing.T) {
	job := NewJob("timeless")
	s := KeyBy(From(job, "sales", sales(nil)), func(s *sale) string { return s.Who })
	To(Over(s, "over", window.RowsUnbounded(), Sum(paid)), "out", newCollected[OverRow[sale, int64]]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	wantError(t, err, "give the source an EventTime")
}
