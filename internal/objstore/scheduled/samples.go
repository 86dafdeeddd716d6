package scheduled

import (
	"time"

	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Counts are the requests of one purpose: how many wait for their turn, how many are under way, and how long all of
// them have waited so far, compactions that rested included.
type Counts struct {
	Waiting, Running int
	Waited           time.Duration
}

// Counts returns the counts of a purpose.
func (s *Store) Counts(p objstore.Purpose) Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Counts{len(s.queue.waiting[p]), s.queue.running[p], s.waited[p]}
	if p == objstore.Compaction {
		c.Waiting += s.resting
	}
	return c
}

// Samples are the metrics of the scheduler.
func (s *Store) Samples() (all []metric.Sample) {
	for p := range objstore.Purpose(objstore.Purposes) {
		c, labels := s.Counts(p), []metric.Label{{Name: "purpose", Value: p.String()}}
		all = append(all,
			metric.Sample{Name: metric.ObjectWaiting, Labels: labels, Value: float64(c.Waiting)},
			metric.Sample{Name: metric.ObjectRunning, Labels: labels, Value: float64(c.Running)},
			metric.Sample{Name: metric.ObjectWaitTime, Labels: labels, Value: c.Waited.Seconds()})
	}
	return all
}
