package coordinator

import (
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// value is the only sample of a name.
func value(t *testing.T, samples []metric.Sample, name string) float64 {
	t.Helper()
	n := 0
	for _, s := range samples {
		if s.Name == name {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d samples of %s", n, name)
	}
	return metric.Sum(samples, name)
}

func TestTheMetricsOfARunAreThoseOfItsResult(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows = 15
		s.at = failing("read", func(n int) error {
			if n == 12 {
				return errBroken
			}
			return nil
		})
		s.Restarts = 1
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int{
			metric.Restarts: s.result.Restarts, metric.CheckpointsFailed: s.result.CheckpointsFailed,
			metric.CheckpointsCompleted: s.result.CheckpointsCompleted, metric.CheckpointBytes: 0,
			metric.BlockLimit: 1 << 20,
		} {
			if got := value(t, s.result.Metrics, name); got != float64(want) {
				t.Errorf("%s is %g, want %d", name, got, want)
			}
		}
		if s.result.Restarts != 1 || s.result.CheckpointsCompleted < 2 {
			t.Errorf("%+v", s.result)
		}
	})
}

func TestRequestsOfTheWholeRunAreCounted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows = 15
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		swaps := metric.Sum(s.result.Metrics, metric.ObjectRequests, metric.Label{Name: "operation", Value: "swap"})
		if swaps < 3 { // the term, and two checkpoints
			t.Errorf("%g swaps", swaps)
		}
		if metric.Sum(s.result.Metrics, metric.ObjectWrittenBytes) == 0 {
			t.Error("nothing was written")
		}
	})
}

func TestProgressHasTheMetricsOfItsMoment(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows = 15
		var mu sync.Mutex
		var completed []float64
		hear := s.OnEvent
		s.OnEvent = func(e Event) {
			if p, ok := e.(Progress); ok {
				mu.Lock()
				defer mu.Unlock()
				completed = append(completed, metric.Sum(p.Metrics, metric.CheckpointsCompleted))
			}
			hear(e)
		}
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(completed) < 3 || completed[0] != 0 || completed[len(completed)-1] != 2 {
			t.Errorf("checkpoints completed: %v", completed)
		}
	})
}
