package coordinator

import "github.com/aquifer-stream/aquifer/internal/metric"

// metrics are the samples of the attempt, of what it shares with others and of the run.
func (a *attempt) metrics() []metric.Sample {
	all := append(a.worker.Metrics(), a.metered.Samples()...)
	hits, misses := a.resources.Blocks().Counts()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range []struct {
		name  string
		value int64
	}{
		{metric.MemoryLimit, a.Memory.Bytes()},
		{metric.StateLimit, a.Budget.Limit()},
		{metric.BlockHits, hits},
		{metric.BlockMisses, misses},
		{metric.BlockLimit, a.resources.Blocks().Limit()},
		{metric.BlockBytes, a.resources.Blocks().Used()},
		{metric.CheckpointsCompleted, int64(a.result.CheckpointsCompleted)},
		{metric.CheckpointsFailed, int64(a.result.CheckpointsFailed)},
		{metric.CheckpointBytes, a.result.StateBytes},
		{metric.Restarts, int64(a.result.Restarts)},
	} {
		all = append(all, metric.Sample{Name: s.name, Value: float64(s.value)})
	}
	return all
}
