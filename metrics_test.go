package aquifer

import (
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
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

// ofCalls are the metrics that only operators have which wait for an outside service.
func ofCalls(name string) bool { return strings.HasPrefix(name, "aquifer_operator_call") }

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
		if ofCalls(m.Name) {
			continue
		}
		told := func(s Sample) bool { of, ok := metric.Of(s); return ok && of.Name == m.Name }
		if !slices.ContainsFunc(r.Metrics, told) {
			t.Errorf("the run says nothing of %s", m.Name)
		}
	}
	if len(last.Metrics) != len(r.Metrics) {
		t.Errorf("%d samples of the last progress, %d of the result", len(last.Metrics), len(r.Metrics))
	}
}

// The tiers add up: what one misses is looked for in the next. A job that goes on has nothing in memory. It looks for
// fewer keys than make it count what is below: that would bring all blocks of so little state into the cache.
func TestReadsOfStateAreCountedByTier(t *testing.T) {
	const end = manyKeys + 900
	store, sink := mem.New(), newCollected[string]()
	stop, gate := stopAt(manyKeys)
	run := func(objects objstore.Store, stop chan struct{}, gate func(int64) error) Result {
		return mustRun(t, large("process", end, gate, sink), RunOptions{
			Parallelism: 1, MaxParallelism: 8, Memory: someMemory, Stop: stop, objects: objects,
		})
	}
	first := run(store, stop, gate)
	var seen requests
	second := run(seen.over(store), nil, nil)
	for _, r := range []Result{first, second} {
		lookups, absent := metric.Sum(r.Metrics, metric.StateLookups), metric.Sum(r.Metrics, metric.StateAbsent)
		hot, missed := tier(r, metric.StateHits, metric.Hot), tier(r, metric.StateMisses, metric.Hot)
		if lookups != float64(r.RowsRead) || hot+missed+absent != lookups {
			t.Errorf("%g lookups for %d rows: %g hits, %g misses, %g absent", lookups, r.RowsRead, hot, missed, absent)
		}
	}
	if metric.Sum(first.Metrics, metric.StateAbsent) == 0 {
		t.Error("no key was known to be new")
	}
	missed := tier(second, metric.StateMisses, metric.Hot)
	cached, cold := tier(second, metric.StateHits, metric.Cache), tier(second, metric.StateHits, metric.Store)
	if missed == 0 || cached+cold < missed || cold == 0 || tier(second, metric.StateMisses, metric.Cache) != cold {
		t.Errorf("%g keys from the block cache and %g from the store, of %g", cached, cold, missed)
	}
	reads := metric.Sum(second.Metrics, metric.ObjectRequests, metric.Label{Name: "operation", Value: "read"})
	forKeys := metric.Sum(second.Metrics, metric.StateRequests)
	if forKeys == 0 || forKeys > reads || forKeys > float64(seen.reads) {
		t.Errorf("%g requests for keys, %g reads, %d of tables", forKeys, reads, seen.reads)
	}
	for _, name := range []string{metric.StateScans, metric.TableBytes, metric.StateFreezes} {
		if metric.Sum(second.Metrics, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
}

// tier is the sum of a metric over operators, of one tier.
func tier(r Result, name, tier string) float64 {
	return metric.Sum(r.Metrics, name, metric.Label{Name: "tier", Value: tier})
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
