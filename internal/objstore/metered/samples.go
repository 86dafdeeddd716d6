package metered

import "github.com/aquifer-stream/aquifer/internal/metric"

// Requests is the number of requests of a kind so far, and how many of them have failed.
func (s *Store) Requests(o Operation) (all, failed int64) {
	c := &s.counters[o]
	return c.times.Count(), c.failed.Load()
}

// Bytes is how many have been read and written so far.
func (s *Store) Bytes() (read, written int64) { return s.read.Load(), s.written.Load() }

// Samples are the metrics of the store. Those of kinds of requests that have not been made are left out.
func (s *Store) Samples() []metric.Sample {
	read, written := s.Bytes()
	all := []metric.Sample{
		{Name: metric.ObjectReadBytes, Value: float64(read)},
		{Name: metric.ObjectWrittenBytes, Value: float64(written)},
	}
	for o := range operations {
		n, failed := s.Requests(o)
		if n == 0 {
			continue
		}
		labels := []metric.Label{{Name: "operation", Value: o.String()}}
		all = append(all, metric.Sample{Name: metric.ObjectRequests, Labels: labels, Value: float64(n)},
			metric.Sample{Name: metric.ObjectErrors, Labels: labels, Value: float64(failed)})
		all = append(all, s.counters[o].times.Samples(metric.ObjectTime, labels)...)
	}
	return all
}
