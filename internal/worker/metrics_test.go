package worker

import (
	"testing"

	"github.com/aquifer-stream/aquifer/internal/metric"
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
