package operator

import (
	"testing"
	"time"
)

func TestTheLongestFreezeIsRemembered(t *testing.T) {
	var s Stats
	for _, took := range []time.Duration{2, 7, 3} {
		s.froze(took * time.Millisecond)
	}
	if s.Freezes.Load() != 3 || s.FreezeTime.Load() != 12_000_000 || s.FreezeMax.Load() != 7_000_000 {
		t.Errorf("%d freezes, %d ns, at most %d ns", s.Freezes.Load(), s.FreezeTime.Load(), s.FreezeMax.Load())
	}
}

func TestAnOperatorTellsOfItsStateAfterEachBatch(t *testing.T) {
	r := newProcessRig(t, roomy, 1)
	stats := r.parts[0].env.Stats
	r.rows(nil, event{"a", 1, 1}, event{"b", 2, 1})
	if stats.Lookups.Load() != 2 || stats.Absent.Load() != 2 || stats.Keys.Load() != 2 {
		t.Errorf("%d lookups, %d absent, %d keys", stats.Lookups.Load(), stats.Absent.Load(), stats.Keys.Load())
	}
	if stats.StateBytes.Load() == 0 || stats.DirtyBytes.Load() == 0 || stats.Freezes.Load() != 0 {
		t.Errorf("%d bytes, %d changed, %d freezes",
			stats.StateBytes.Load(), stats.DirtyBytes.Load(), stats.Freezes.Load())
	}
	if r.checkpoint() == nil {
		t.Fatal("no checkpoint")
	}
	r.rows(nil, event{"a", 3, 1})
	if stats.Lookups.Load() != 3 || stats.Absent.Load() != 2 || stats.Missed.Load() != 0 || stats.Freezes.Load() != 1 {
		t.Errorf("%d lookups, %d absent, %d missed, %d freezes",
			stats.Lookups.Load(), stats.Absent.Load(), stats.Missed.Load(), stats.Freezes.Load())
	}
}

func TestAnOperatorTellsOfWhatItForgetsAndReadsBack(t *testing.T) {
	r := newProcessRig(t, tight, 1)
	stats := r.parts[0].env.Stats
	r.rows(nil, event{"a", 1, 1})
	r.displace(0)
	if stats.Evicted.Load() == 0 {
		t.Error("nothing was evicted")
	}
	before := stats.Missed.Load()
	r.mustBeAway(func() { r.rows(nil, event{"a", 900, 7}) })
	if got := stats.Missed.Load() - before; got != 1 {
		t.Errorf("%d keys missed", got)
	}
}

// A batch that waits twice, for two states say, has waited for both.
func TestTheLongestWaitOfABatchIsRemembered(t *testing.T) {
	var s Stats
	var w waiting
	for _, batch := range [][]time.Duration{{time.Hour}, {time.Hour, 2 * time.Hour}, {}} {
		for _, took := range batch {
			w.waited += took
		}
		w.tell(&s)
	}
	if total, most := time.Duration(s.WaitTime.Load()), time.Duration(s.WaitMax.Load()); total != 4*time.Hour ||
		most != 3*time.Hour {
		t.Errorf("waited %v, at most %v", total, most)
	}
}

func TestAnOperatorTellsOfItsWaitsForState(t *testing.T) {
	r := newProcessRig(t, tight, 1)
	stats := r.parts[0].env.Stats
	r.rows(nil, event{"a", 1, 1})
	if waited := stats.WaitTime.Load(); waited != 0 {
		t.Errorf("waited %d ns for a new key", waited)
	}
	r.displace(0)
	before := stats.WaitTime.Load()
	r.mustBeAway(func() { r.rig.rows(nil, event{"a", 900, 7}); r.checkpoint() })
	if got := stats.WaitTime.Load() - before; got <= 0 || stats.WaitMax.Load() <= 0 {
		t.Errorf("waited %d ns for a key that was away, at most %d ns", got, stats.WaitMax.Load())
	}
}
