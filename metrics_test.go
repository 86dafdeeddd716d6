package aquifer

import (
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// mustBeMetrics checks that samples have the names and labels that are documented, and none twice.
func mustBeMetrics(t *testing.T, samples []Sample) {
	t.Helper()
	for _, s := range samples {
		if _, ok := metric.Of(s); !ok {
			t.Errorf("%s is of no metric", s)
		}
	}
	if m := metric.Map(samples); len(m) != len(samples) {
		t.Errorf("%d samples have %d identities", len(samples), len(m))
	}
}

func TestARunTellsAllMetricsAndNoOthers(t *testing.T) {
	var last Progress
	job := large("process", manyKeys+manyKeys/10, nil, newCollected[string]())
	r := mustRun(t, job, RunOptions{
		Parallelism: 2, MaxParallelism: 8, Memory: someMemory, objects: mem.New(),
		OnEvent: func(e Event) {
			if p, ok := e.(Progress); ok {
				last = p
			}
		},
	})
	mustBeMetrics(t, r.Metrics)
	for _, m := range metric.All {
		told := func(s Sample) bool { of, ok := metric.Of(s); return ok && of.Name == m.Name }
		if !slices.ContainsFunc(r.Metrics, told) {
			t.Errorf("the run says nothing of %s", m.Name)
		}
	}
	if len(last.Metrics) != len(r.Metrics) {
		t.Errorf("%d samples of the last progress, %d of the result", len(last.Metrics), len(r.Metrics))
	}
}

// The tiers add up: what one misses is looked for in the next.
func TestReadsOfStateAreCountedByTier(t *testing.T) {
	const end = manyKeys + manyKeys/10
	var seen requests
	r := mustRun(t, large("process", end, nil, newCollected[string]()), RunOptions{
		Parallelism: 1, MaxParallelism: 8, Memory: someMemory, objects: seen.over(mem.New()),
	})
	tier := func(name, tier string) float64 {
		return metric.Sum(r.Metrics, name, metric.Label{Name: "tier", Value: tier})
	}
	lookups, absent := metric.Sum(r.Metrics, metric.StateLookups), metric.Sum(r.Metrics, metric.StateAbsent)
	hot, missed := tier(metric.StateHits, metric.Hot), tier(metric.StateMisses, metric.Hot)
	if lookups != end || hot+missed+absent != lookups || missed == 0 || absent == 0 {
		t.Errorf("%g lookups: %g hits, %g misses, %g absent", lookups, hot, missed, absent)
	}
	cached, cold := tier(metric.StateHits, metric.Cache), tier(metric.StateHits, metric.Store)
	if cached+cold < missed || cold == 0 || tier(metric.StateMisses, metric.Cache) != cold {
		t.Errorf("%g keys from the block cache and %g from the store, of %g", cached, cold, missed)
	}
	reads := metric.Sum(r.Metrics, metric.ObjectRequests, metric.Label{Name: "operation", Value: "read"})
	forKeys := metric.Sum(r.Metrics, metric.StateRequests)
	if forKeys == 0 || forKeys > reads || forKeys > float64(seen.reads) {
		t.Errorf("%g requests for keys, %g reads, %d of tables", forKeys, reads, seen.reads)
	}
	for _, name := range []string{metric.StateEvictions, metric.StateScans, metric.TableBytes, metric.StateFreezes} {
		if metric.Sum(r.Metrics, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
}

func TestStateThatFitsIntoMemoryIsNeverReadBack(t *testing.T) {
	r := mustRun(t, large("tumbling", 1000, nil, newCollected[string]()), RunOptions{Parallelism: 1})
	for name, want := range map[string]float64{
		metric.StateLookups: 1000, metric.StateAbsent: 1000, metric.StateMisses: 0, metric.StateEvictions: 0,
		metric.StateRequests: 0, metric.MemoryLimit: 0, metric.Restarts: 0, metric.CheckpointsCompleted: 1,
	} {
		if got := metric.Sum(r.Metrics, name); got != want {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
}
