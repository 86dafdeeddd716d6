package aquifer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// joinRow is a row of either side of a join.
type joinRow struct {
	Key, Time int64
	Name      string
}

func joinKey(r *joinRow) int64 { return r.Key }

// joinRows draws rows of a side: few keys, and times up to a second that are out of order by up to 30 ms.
func joinRows(rng *rand.Rand, side string) (all []joinRow) {
	for i := range 20 + rng.IntN(120) {
		at := int64(i)*10 + rng.Int64N(30)
		all = append(all, joinRow{rng.Int64N(6), at, fmt.Sprint(side, i)})
	}
	return all
}

// joined is what a pair of rows makes.
func joined(l, r *joinRow) string { return fmt.Sprint(l.Key, " ", l.Name, "+", r.Name) }

// pairs is the simple evaluation of a join.
func pairs(left, right []joinRow, match func(l, r *joinRow) bool) (all []string) {
	for _, l := range left {
		for _, r := range right {
			if l.Key == r.Key && match(&l, &r) {
				all = append(all, joined(&l, &r))
			}
		}
	}
	slices.Sort(all)
	return all
}

// joins runs a job over rows of both sides, which is ended in its middle if it has a checkpoint by then.
func joins(
	t *testing.T, rng *rand.Rand, left, right []joinRow, join func(c ConnectedStreams[int64, joinRow, joinRow]) Stream[string],
) []string {
	t.Helper()
	sink := newCollected[string]()
	build := func() *Job {
		job := NewJob("join")
		side := func(name string, rows []joinRow) KeyedStream[int64, joinRow] {
			pace := func(int64) error { <-time.After(time.Millisecond); return nil }
			in := From(job, name, numbers{end: int64(len(rows)), splits: 1, batch: 1 + rng.IntN(9), gate: pace},
				With[int64](Parallelism(1)))
			return KeyBy(Map(in, func(n *int64) joinRow { return rows[*n] }, Name("rows-"+name)), joinKey)
		}
		To(join(Connect(side("left", left), side("right", right))), "out", sink)
		return job
	}
	o := RunOptions{
		Parallelism: 1 + rng.IntN(3), MaxParallelism: 16, State: t.TempDir(), UnalignedAfter: -1,
		CheckpointInterval: time.Duration(5+rng.IntN(20)) * time.Millisecond,
	}
	stop, gate := make(chan struct{}), 1+rng.IntN(3)
	first := o
	first.Stop = stop
	first.OnEvent = func(e Event) {
		if _, ok := e.(CheckpointStored); ok {
			if gate--; gate == 0 {
				close(stop)
			}
		}
	}
	mustRun(t, build(), first)
	o.Parallelism = 1 + rng.IntN(3)
	mustRun(t, build(), o)
	return sorted(sink.rows())
}

func joinSeeds(t *testing.T, n int, each func(t *testing.T, rng *rand.Rand)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(n) {
		bubble.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed+i)
				}
			}()
			each(t, rand.New(rand.NewPCG(seed, i)))
		})
	}
}

func TestAJoinPairsAllRowsOfAKey(t *testing.T) {
	joinSeeds(t, 30/slow, func(t *testing.T, rng *rand.Rand) {
		left, right := joinRows(rng, "l"), joinRows(rng, "r")
		got := joins(t, rng, left, right, func(c ConnectedStreams[int64, joinRow, joinRow]) Stream[string] {
			return Join(c, "join", joined)
		})
		if want := pairs(left, right, func(*joinRow, *joinRow) bool { return true }); !slices.Equal(got, want) {
			t.Errorf("%d rows, want %d", len(got), len(want))
		}
	})
}

func TestRowsOfAJoinWithATimeToLiveAreForgotten(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		for ttl, want := range map[time.Duration]string{time.Hour: "1 early+late", time.Second: ""} {
			job, sink := NewJob("join"), newCollected[string]()
			side := func(name string, wait time.Duration) KeyedStream[int64, joinRow] {
				in := From(job, name, script[int64]{splits: [][]step[int64]{{in[int64](wait, 1)}}})
				return KeyBy(Map(in, func(*int64) joinRow { return joinRow{Key: 1, Name: name} }), joinKey)
			}
			To(Join(Connect(side("early", 0), side("late", time.Minute)), "join", joined, JoinTTL(ttl)), "out", sink)
			mustRun(t, job, RunOptions{Parallelism: 1, CheckpointInterval: -1})
			if got := strings.Join(sink.rows(), ", "); got != want {
				t.Errorf("kept for %v: %q, want %q", ttl, got, want)
			}
		}
	})
}
