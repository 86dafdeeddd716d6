package table_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/table"
)

// drawTimes draws rows whose numbers, which are their event times, are out of order by up to 20.
func drawTimes(rng *rand.Rand, n int, tag string) (t tape) {
	for i := range int64(n) {
		t = append(t, change{Row: item{rng.Int64N(4), max(0, i*3+rng.Int64N(20)), tag}})
	}
	return t
}

// atItsTime is the simple evaluation of a temporal join. Of versions of one time the last to come is the one.
func atItsTime(left, right tape, outer bool) map[couple]int64 {
	all := map[couple]int64{}
	for _, l := range left {
		var version *item
		for _, r := range right {
			if r.Row.Key == l.Row.Key && r.Row.N <= l.Row.N && (version == nil || r.Row.N >= version.N) {
				version = &r.Row
			}
		}
		if version != nil || outer {
			all[coupled(&l.Row, version)]++
		}
	}
	return all
}

func TestATemporalJoinFindsTheVersionOfItsTime(t *testing.T) {
	seeds(t, 6, func(t *testing.T, rng *rand.Rand) {
		left, right := drawTimes(rng, 100, "left"), drawTimes(rng, 10+rng.IntN(100), "version")
		outer := rng.IntN(2) == 0
		got := lives(t, rng, func(s []keyed) aquifer.Stream[couple] {
			c := aquifer.Connect(rowsOf(s[0]), rowsOf(s[1]))
			if outer {
				return table.LeftTemporalJoin(c, "join", coupled)
			}
			return table.TemporalJoin(c, "join", coupled)
		}, left, right)
		same(t, added(got...), atItsTime(left, right, outer))
	})
}

func TestATemporalJoinNeedsEventTimes(t *testing.T) {
	job := aquifer.NewJob("timeless")
	timeless := aquifer.Map(aquifer.From(job, "in", tape{{Row: item{}}}), func(c *change) item { return c.Row })
	in := aquifer.KeyBy(withoutTime(timeless), itemKey)
	rows := table.TemporalJoin(aquifer.Connect(in, in), "join", coupled)
	aquifer.To(rows, "out", newPaper[couple]())
	_, err := job.Run(t.Context(), aquifer.RunOptions{RestartDelay: time.Nanosecond, Restarts: 1})
	wantError(t, err, "EventTime")
}

func TestRowsThatComeLateToATemporalJoinAreCounted(t *testing.T) {
	// One row of each side is late behind those that come a second after its time.
	side := func(tag string) (t tape) {
		for i := range int64(40) {
			t = append(t, change{Row: item{1, 1000 + i, tag}})
		}
		return append(t, change{Row: item{1, 5, "late"}})
	}
	for _, join := range []func(c aquifer.ConnectedStreams[int64, item, item]) aquifer.Stream[couple]{
		func(c aquifer.ConnectedStreams[int64, item, item]) aquifer.Stream[couple] {
			return table.TemporalJoin(c, "join", coupled)
		},
		func(c aquifer.ConnectedStreams[int64, item, item]) aquifer.Stream[couple] {
			return table.LeftTemporalJoin(c, "join", coupled)
		},
	} {
		bubble.Test(t, func(t *testing.T) {
			job, late := aquifer.NewJob("late"), int64(0)
			in := func(name string) aquifer.KeyedStream[int64, item] {
				all := aquifer.From(job, name, side(name), aquifer.With[change](aquifer.Parallelism(1)),
					aquifer.EventTime(func(c *change) int64 { return c.Row.N }, 10*time.Millisecond))
				return rowsOf(table.KeyBy(all, itemKey))
			}
			sink := newPaper[couple]()
			aquifer.To(join(aquifer.Connect(in("left"), in("right"))), "out", sink)
			_, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 2, OnEvent: func(e aquifer.Event) {
				if p, ok := e.(aquifer.Progress); ok {
					late = p.Late
				}
			}})
			must(t, err)
			if n := len(sink.rows()); late != 2 || n != 40 {
				t.Errorf("%d late rows, %d joined", late, n)
			}
		})
	}
}
