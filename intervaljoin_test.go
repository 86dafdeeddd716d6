package aquifer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// timedJoin runs an interval join over rows with event times.
func timedJoin(
	t *testing.T, left, right []joinRow, lower, upper time.Duration, disorder time.Duration, o RunOptions,
) []string {
	t.Helper()
	job, sink := NewJob("join"), newCollected[string]()
	side := func(name string, rows []joinRow) KeyedStream[int64, joinRow] {
		pace := func(int64) error { <-time.After(time.Millisecond); return nil }
		in := From(job, name, numbers{end: int64(len(rows)), splits: 1, batch: 3, gate: pace},
			EventTime(func(n *int64) int64 { return rows[*n].Time }, disorder), With[int64](Parallelism(1)))
		return KeyBy(Map(in, func(n *int64) joinRow { return rows[*n] }, Name("rows-"+name)), joinKey)
	}
	To(IntervalJoin(Connect(side("left", left), side("right", right)), "join", lower, upper, joined), "out", sink)
	mustRun(t, job, o)
	return sorted(sink.rows())
}

func TestAnIntervalJoinPairsRowsThatAreSoClose(t *testing.T) {
	joinSeeds(t, 60/slow, func(t *testing.T, rng *rand.Rand) {
		left, right := joinRows(rng, "l"), joinRows(rng, "r")
		lower := time.Duration(rng.IntN(80)-60) * time.Millisecond
		upper := lower + time.Duration(rng.IntN(90))*time.Millisecond
		o := RunOptions{Parallelism: 1 + rng.IntN(3), CheckpointInterval: 10 * time.Millisecond}
		got := timedJoin(t, left, right, lower, upper, 30*time.Millisecond, o)
		want := pairs(left, right, func(l, r *joinRow) bool {
			after := time.Duration(r.Time-l.Time) * time.Millisecond
			return after >= lower && after <= upper
		})
		if !slices.Equal(got, want) {
			t.Errorf("from %v to %v: %d rows, want %d", lower, upper, len(got), len(want))
		}
	})
}

func TestAnIntervalThatIsNoneIsAMistake(t *testing.T) {
	for _, c := range [][2]time.Duration{{2 * time.Second, time.Second}, {0, time.Microsecond}, {-time.Microsecond, 0}} {
		job := NewJob("join")
		source := numbers{end: 1, splits: 1, batch: 1}
		side := KeyBy(Map(From(job, "in", source), func(*int64) joinRow { return joinRow{} }), joinKey)
		To(IntervalJoin(Connect(side, side), "join", c[0], c[1], joined), "out", newCollected[string]())
		_, err := job.Run(t.Context(), RunOptions{Parallelism: 1})
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "whole milliseconds") {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestRowsWithoutTimeCannotBeJoinedByIt(t *testing.T) {
	job := NewJob("join")
	source := script[int64]{splits: [][]step[int64]{{in[int64](0, 1)}}}
	side := KeyBy(Map(From(job, "in", source), func(*int64) joinRow { return joinRow{} }), joinKey)
	To(IntervalJoin(Connect(side, side), "join", 0, time.Second, joined), "out", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	wantError(t, err, "give the source an EventTime")
}
