package worker

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestOperatorsAndTheTablesBelowThemAreToldBySubtask(t *testing.T) {
	a := attemptOf(t, sumJob())
	for _, s := range a.stats {
		s.RowsIn.Store(10)
		s.Lookups.Store(100)
		s.Missed.Store(30)
		s.Absent.Store(20)
	}
	samples := a.Metrics()
	for _, s := range samples {
		if _, ok := metric.Of(s); !ok {
			t.Errorf("%s is of no metric", s)
		}
	}
	sum := metric.Label{Name: "operator", Value: "sum"}
	first, hot := metric.Label{Name: "subtask", Value: "0"}, metric.Label{Name: "tier", Value: metric.Hot}
	for _, c := range []struct {
		name   string
		labels []metric.Label
		want   float64
	}{
		{metric.RowsIn, []metric.Label{sum}, 20}, {metric.RowsIn, []metric.Label{sum, first}, 10},
		{metric.StateLookups, nil, 200}, // of the only operator with state
		{metric.StateHits, []metric.Label{first, hot}, 50}, {metric.StateMisses, []metric.Label{first, hot}, 30},
		{metric.StateAbsent, []metric.Label{first}, 20}, {metric.TableCount, nil, 0},
	} {
		if got := metric.Sum(samples, c.name, c.labels...); got != c.want {
			t.Errorf("%s %v is %g, want %g", c.name, c.labels, got, c.want)
		}
	}
}

func TestTheTablesOfAnAttemptAreToldWhenItHasEnded(t *testing.T) {
	a := persisting(t, attemptOf(t, sumJob()))
	const id = 2 // a task with state
	trigger(t, a, 1)
	a.passed(t, id, 1, a.part(id, "x", "1"))
	before := metric.Sum(a.Metrics(), metric.TableCount)
	must(t, a.closeShards())
	if after := metric.Sum(a.Metrics(), metric.TableCount); before != 1 || after != before {
		t.Errorf("%g tables, then %g", before, after)
	}
	must(t, a.closeShards())
	if metric.Sum(a.Metrics(), metric.IngestedBytes) == 0 {
		t.Error("a second close forgets what there was")
	}
}

// slow is a store whose reads take a while.
type slow struct{ objstore.Store }

func (s slow) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	<-time.After(20 * time.Millisecond)
	return s.Store.ReadAt(ctx, name, p, off)
}

func TestAWaitForStateIsCountedOncePerBatchAndRange(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		a := persisting(t, opened(t, configOf(t, sumJob(), slow{mem.New()})))
		trigger(t, a, 1)
		a.passed(t, 2, 1, a.part(2, "k", "1", "l", "2"))
		s := a.shardOf(2, "sum")
		keyOf := func(k string) []byte { return append(slices.Clone(s.keys.Start), k...) }
		waits := func() (n, longest, sum float64) {
			all := a.Metrics()
			return metric.Sum(all, metric.StateWait+"_count"), metric.Sum(all, metric.StateWaitMax),
				metric.Sum(all, metric.StateWait+"_sum")
		}
		if n, longest, _ := waits(); n != 0 || longest != 0 {
			t.Errorf("%g waits, at most %g s, before the first", n, longest)
		}
		found := 0
		read := func() {
			must(t, s.Read(t.Context(), [][]byte{keyOf("k"), keyOf("l")}, func(int, []byte) error { found++; return nil }))
		}
		read()
		n, first, sum := waits()
		if n != 1 || found != 2 || first < 0.02 || sum != first {
			t.Errorf("%g waits, at most %g s, %g s in all", n, first, sum)
		}
		read() // from memory
		must(t, s.Scan(t.Context(), s.keys.Start, nil, func(_, _ []byte) error { found++; return nil }))
		if n, longest, again := waits(); n != 3 || found != 6 || longest != first || again != sum {
			t.Errorf("%g waits, at most %g s, %g s in all, want 3, %g and %g", n, longest, again, first, sum)
		}
		must(t, a.closeShards())
		if n, longest, _ := waits(); n != 3 || longest != first {
			t.Errorf("%g waits are told of an attempt that has ended, at most %g s", n, longest)
		}
	})
}
