package table_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
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
