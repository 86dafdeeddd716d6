package worker

import (
	"strconv"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// meter keeps the metrics of a shard beyond its end, when the shard itself has none any more.
type meter struct {
	mu    sync.Mutex
	over  bool
	final lsm.Metrics
}

// now are the metrics of the shard, or the last ones.
func (m *meter) now(s *lsm.Shard) lsm.Metrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return m.final
	}
	return s.Metrics()
}

// last keeps the metrics of a shard that is about to be closed.
func (m *meter) last(s *lsm.Shard) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.over, m.final = true, s.Metrics()
	}
}

// Metrics are the samples of the operators, and of the shards below their state, whether they run or have ended. It is
// safe for concurrent use.
func (a *Attempt) Metrics() []metric.Sample {
	var all []metric.Sample
	for _, s := range a.stats {
		into := samples{{Name: "operator", Value: s.Node.UID}, {Name: "subtask", Value: strconv.Itoa(s.Subtask)}}
		all = into.rows(all, s)
		if s.Node.InTables() {
			all = into.inFlight(into.state(all, s), s)
		}
		if s.Node.Flies {
			all = into.calls(all, s)
		}
		if s.times != nil {
			all = into.task(all, s.times)
		}
		if s.shard != nil {
			all = into.waits(all, &s.shard.waits)
			all = into.tables(all, s.shard.meter.now(s.shard.Shard))
		}
	}
	return all
}

// samples adds samples of one operator and subtask to others, given its labels.
type samples []metric.Label

func (l samples) add(all []metric.Sample, name string, value int64) []metric.Sample {
	return append(all, metric.Sample{Name: name, Labels: l, Value: float64(value)})
}

// tier adds one that has a tier.
func (l samples) tier(all []metric.Sample, name, tier string, value int64) []metric.Sample {
	labels := append(l[:len(l):len(l)], metric.Label{Name: "tier", Value: tier})
	return append(all, metric.Sample{Name: name, Labels: labels, Value: float64(value)})
}

func (l samples) rows(all []metric.Sample, s *OperatorStats) []metric.Sample {
	all = l.add(all, metric.RowsIn, s.RowsIn.Load())
	all = l.add(all, metric.RowsOut, s.RowsOut.Load())
	all = l.add(all, metric.Late, s.Late.Load())
	return l.add(all, metric.Bad, s.Bad.Load())
}

func (l samples) state(all []metric.Sample, s *OperatorStats) []metric.Sample {
	lookups, missed, absent := s.Lookups.Load(), s.Missed.Load(), s.Absent.Load()
	all = l.add(all, metric.StateLookups, lookups)
	all = l.tier(all, metric.StateHits, metric.Hot, max(0, lookups-missed-absent))
	all = l.tier(all, metric.StateMisses, metric.Hot, missed)
	all = l.add(all, metric.StateAbsent, absent)
	all = l.add(all, metric.StateScans, s.Scans.Load())
	all = l.add(all, metric.StateEvictions, s.Evicted.Load())
	all = l.add(all, metric.StateExpired, s.Expired.Load())
	all = l.add(all, metric.StateKeys, s.Keys.Load())
	all = l.add(all, metric.StateMemory, s.StateBytes.Load())
	all = l.add(all, metric.StateDirty, s.DirtyBytes.Load())
	all = l.add(all, metric.StateFreezes, s.Freezes.Load())
	return append(all,
		metric.Sample{Name: metric.StateFreezeTime, Labels: l, Value: seconds(s.FreezeTime.Load())},
		metric.Sample{Name: metric.StateFreezeMax, Labels: l, Value: seconds(s.FreezeMax.Load())})
}

func (l samples) stalls(all []metric.Sample, s *OperatorStats) []metric.Sample {
	return append(all,
		metric.Sample{Name: metric.StallTime, Labels: l, Value: seconds(s.WaitTime.Load())},
		metric.Sample{Name: metric.StallMax, Labels: l, Value: seconds(s.WaitMax.Load())})
}

// calls are those of an operator that waits for an outside service.
func (l samples) calls(all []metric.Sample, s *OperatorStats) []metric.Sample {
	all = l.add(l.stalls(all, s), metric.RowsInFlight, s.InFlight.Load())
	all = l.add(all, metric.CallsInFlight, s.Calls.Load())
	all = l.add(all, metric.CallRetries, s.CallRetries.Load())
	return l.add(all, metric.CallTimeouts, s.CallTimeouts.Load())
}

func (l samples) inFlight(all []metric.Sample, s *OperatorStats) []metric.Sample {
	all = l.add(l.stalls(all, s), metric.RowsInFlight, s.InFlight.Load())
	all = l.add(all, metric.RowsSuspended, s.Suspended.Load())
	all = l.add(all, metric.RowsWaited, s.Waited.Load())
	all = l.add(all, metric.Suspensions, s.Suspensions.Load())
	all = l.add(all, metric.ReadsAhead, s.Aheads.Load())
	all = l.add(all, metric.KeysAhead, s.AheadKeys.Load())
	return l.add(all, metric.BusyKeys, s.BusyKeys.Load())
}

func (l samples) task(all []metric.Sample, t *task.Times) []metric.Sample {
	return append(all,
		metric.Sample{Name: metric.TaskIdle, Labels: l, Value: seconds(t.Idle.Load())},
		metric.Sample{Name: metric.TaskWaiting, Labels: l, Value: seconds(t.Waiting.Load())},
		metric.Sample{Name: metric.TaskBlocked, Labels: l, Value: seconds(t.Blocked.Load())})
}

func seconds(nanos int64) float64 { return time.Duration(nanos).Seconds() }

func (l samples) waits(all []metric.Sample, t *metric.Times) []metric.Sample {
	all = append(all, t.Samples(metric.StateWait, l)...)
	return append(all, metric.Sample{Name: metric.StateWaitMax, Labels: l, Value: t.Max().Seconds()})
}

func (l samples) tables(all []metric.Sample, m lsm.Metrics) []metric.Sample {
	all = l.tier(all, metric.StateHits, metric.Cache, m.KeysRead-m.KeysFromStore)
	all = l.tier(all, metric.StateMisses, metric.Cache, m.KeysFromStore)
	all = l.tier(all, metric.StateHits, metric.Store, m.KeysFromStore)
	all = l.add(all, metric.StateRequests, m.ReadRequests)
	all = l.add(all, metric.TableCount, m.Tables)
	all = l.add(all, metric.TableBytes, m.Bytes)
	all = l.add(all, metric.L0Tables, m.L0Tables)
	all = l.add(all, metric.L0Depth, m.L0Sublevels)
	all = l.add(all, metric.IngestedBytes, m.IngestedBytes)
	all = l.add(all, metric.Sweeps, m.Sweeps)
	all = l.add(all, metric.SweepFound, m.SweepFound)
	all = l.add(all, metric.SweepBytes, m.SweepBytes)
	all = l.add(all, metric.SweepCompactions, m.SweepCompactions)
	all = l.add(all, metric.Compactions, m.Compactions)
	all = l.add(all, metric.CompactionRead, m.CompactionIn)
	all = l.add(all, metric.CompactionWritten, m.CompactionOut)
	all = l.add(all, metric.CompactionDebt, m.Debt)
	all = append(all, metric.Sample{Name: metric.IngestWait, Labels: l, Value: m.IngestWait.Seconds()})
	all = l.add(all, metric.WarmTables, m.WarmTables)
	return l.add(all, metric.WarmErrors, m.WarmFailures)
}
