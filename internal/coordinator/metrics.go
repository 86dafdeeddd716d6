package coordinator

import (
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/internal/metric"
)

// metrics are the samples of the attempt, of what it shares with others and of the run.
func (a *attempt) metrics() []metric.Sample {
	tasks := a.taskMetrics()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.run.ofTasks = tasks
	return a.run.metrics()
}

// metrics are the samples of the run, beside those of the last attempt. It needs what guards the result.
func (r *run) metrics() []metric.Sample {
	all := slices.Concat(r.ofTasks, r.metered.Samples(), r.scheduled.Samples())
	all = append(all, metric.Sample{Name: metric.CompactionPauses, Value: r.resources.Paused().Seconds()})
	all = append(all, metric.Sample{Name: metric.CheckpointCost, Value: r.cost.Seconds()},
		metric.Sample{Name: metric.CheckpointInterval, Value: float64(r.interval.Load()) / 1e3})
	blocks, disk := r.resources.Blocks(), r.disk.Metrics()
	hits, misses := blocks.Counts()
	for _, s := range []struct {
		name  string
		value int64
	}{
		{metric.MemoryLimit, r.Memory.Bytes()},
		{metric.StateLimit, r.Budget.Limit()},
		{metric.BlockHits, hits},
		{metric.BlockMisses, misses},
		{metric.BlockLimit, blocks.Limit()},
		{metric.BlockBytes, blocks.Used()},
		{metric.DiskHits, disk.Hits},
		{metric.DiskMisses, disk.Misses},
		{metric.DiskHitBytes, disk.HitBytes},
		{metric.DiskMissBytes, disk.MissBytes},
		{metric.DiskBytes, disk.Bytes},
		{metric.DiskLimit, disk.Limit},
		{metric.DiskEvictions, disk.Evictions},
		{metric.DiskUnkept, disk.Unkept},
		{metric.DiskFailures, disk.Failures},
		{metric.DiskCorrupt, disk.Corrupt},
		{metric.CheckpointsCompleted, int64(r.result.CheckpointsCompleted)},
		{metric.CheckpointsFailed, int64(r.result.CheckpointsFailed)},
		{metric.CheckpointBytes, r.result.StateBytes},
		{metric.CheckpointOvertaken, r.overtaken},
		{metric.Restarts, int64(r.result.Restarts)},
	} {
		all = append(all, metric.Sample{Name: s.name, Value: float64(s.value)})
	}
	return all
}

// retell tells between two attempts what has become of the numbers of the run: the store may be what fails, for long.
func (r *run) retell() {
	r.last.Elapsed, r.last.Metrics = time.Since(r.begin), r.metrics()
	r.result.Metrics = r.last.Metrics
	r.OnEvent(r.last)
}
